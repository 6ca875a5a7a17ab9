"""Images as PIL images, arrays or tensors."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

from .optional import optional

EXTENSIONS = frozenset(
    ("jpg", "jpeg", "png", "ppm", "pgm", "pbm", "pnm", "bmp", "gif", "webp", "tif", "tiff")
)

_SPEC = re.compile(r"(?P<kind>pil|torch|)(?P<mode>l|rgba|rgb|)(?P<bytes>8?)")


def imagehandler(spec: str) -> Callable[[str, bytes], Any]:
    """A decoder of image fields: `pil`, `rgb`, `rgba` or `l` (arrays of floats from 0 to 1), with
    an 8 for bytes, and with `torch` before it for a tensor of channels, rows, columns."""
    found = _SPEC.fullmatch(spec.lower())
    if found is None or not spec or (found["kind"] == "pil" and found["bytes"]):
        raise ValueError(
            f"There is no image decoder {spec!r}; there are pil, l, rgb and rgba, the last three"
            " with 8 for bytes and torch before it for tensors, such as torchrgb8."
        )
    return _ImageHandler(found["kind"], found["mode"].upper() or "RGB", bool(found["bytes"]))


class _ImageHandler:
    def __init__(self, kind: str, mode: str, as_bytes: bool) -> None:
        self._kind = kind
        self._mode = mode
        self._as_bytes = as_bytes

    def __call__(self, key: str, data: bytes) -> Any:
        if key.rpartition(".")[2].lower() not in EXTENSIONS:
            return None
        with io.BytesIO(data) as stream:
            image = optional("PIL.Image", "An image field").open(stream).convert(self._mode)
        return image if self._kind == "pil" else self._array(image)

    def _array(self, image: Any) -> Any:
        import numpy as np

        array = np.asarray(image)
        array = array.copy() if self._as_bytes else array.astype("float32") / np.float32(255)
        if self._kind != "torch":
            return array
        array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        return optional("torch", "A tensor").from_numpy(np.ascontiguousarray(array))
