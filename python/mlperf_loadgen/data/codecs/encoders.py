"""From values to the bytes of fields, by extension."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from . import tenbin
from .optional import optional

Encoder = Callable[[Any], bytes]


def encode(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The sample with each field as bytes. Fields that begin with `_` stay as they are."""
    return {
        field: value if field.startswith("_") else encode_field(field, value)
        for field, value in sample.items()
    }


def encode_field(field: str, value: Any) -> bytes:
    """The bytes of a value, by what stands behind the last dot of the field's name."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    encoder = ENCODERS.get(field.rpartition(".")[2].lower())
    if encoder is None:
        raise ValueError(
            f"The field {field!r} holds a {type(value).__name__}, and there is no encoder for its"
            " extension; give bytes or text."
        )
    try:
        return encoder(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"The field {field!r} cannot be written: {error}") from error


def _text(value: Any) -> bytes:
    raise ValueError(f"text is a str, not {value!r}")


def _number(value: Any) -> bytes:
    if value is None:
        raise ValueError("the value is None")
    return str(value).encode()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _msgpack(value: Any) -> bytes:
    packed: bytes = optional("msgpack", "A MessagePack field").packb(value)
    return packed


def _cbor(value: Any) -> bytes:
    packed: bytes = optional("cbor2", "A CBOR field").dumps(value)
    return packed


def _npy(value: Any) -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(value), allow_pickle=False)
    return stream.getvalue()


def _npz(value: Any) -> bytes:
    import numpy as np

    if not isinstance(value, Mapping):
        raise ValueError(f"a dict of arrays is needed, not a {type(value).__name__}")
    stream = io.BytesIO()
    np.savez_compressed(stream, **value)
    return stream.getvalue()


def _pth(value: Any) -> bytes:
    stream = io.BytesIO()
    optional("torch", "A pth field").save(value, stream)
    return stream.getvalue()


def _image(value: Any, file_format: str) -> bytes:
    image = value if hasattr(value, "save") else _image_of_array(value)
    if file_format == "JPEG" and image.mode in ("1", "L", "RGBA", "P", "LA"):
        image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    stream = io.BytesIO()
    image.save(stream, format=file_format, **({"quality": 100} if file_format == "JPEG" else {}))
    return stream.getvalue()


def _image_of_array(value: Any) -> Any:
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind == "f":
        if array.size and not (array.min() >= 0 and array.max() <= 1):
            raise ValueError("an image of floats has values from 0 to 1")
        array = np.round(array * 255).astype("uint8")
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        raise ValueError(f"an image is uint8 or float with 2 or 3 dimensions, not {array.shape}")
    return optional("PIL.Image", "An image field").fromarray(array)


_FORMATS = {
    **dict.fromkeys(("jpg", "jpeg", "img", "image"), "JPEG"),
    "png": "PNG",
    **dict.fromkeys(("ppm", "pgm", "pbm"), "PPM"),
    **dict.fromkeys(("tif", "tiff"), "TIFF"),
}

ENCODERS: dict[str, Encoder] = {
    **dict.fromkeys(("txt", "text", "transcript", "html", "htm"), _text),
    **dict.fromkeys(("cls", "cls2", "class", "count", "index", "inx", "id"), _number),
    **dict.fromkeys(("json", "jsn"), _json),
    **dict.fromkeys(("mp", "msg", "msgpack"), _msgpack),
    "cbor": _cbor,
    "npy": _npy,
    "npz": _npz,
    **dict.fromkeys(("pkl", "pickle", "pyd"), pickle.dumps),
    "pth": _pth,
    **dict.fromkeys(("ten", "tb"), tenbin.encode),
    **{field: partial(_image, file_format=name) for field, name in _FORMATS.items()},
}
"""What writes a value, by the extension of its field."""
