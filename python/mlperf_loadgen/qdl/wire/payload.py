"""A sample's payload as bytes, and back: tensors without copies, never pickle.

A payload is bytes, str, an array, a sequence of arrays or a dict of named arrays. Its `Layout` says
which of these it is, with each part's name, dtype and shape; the bytes of the parts are sent beside
it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..links.link import Payload

_KINDS = frozenset("biufcSU")  # Of dtypes; none of these can hold a Python object.
ALIGNMENT = 8  # Of the parts of a payload in a message.
_MOST_PARTS = 1024  # Arrays of a payload.
_MOST_DIMENSIONS = 64  # NumPy has no more.
_DTYPE = re.compile(r"[<>|][biufcSU][0-9]{1,9}")


@dataclass(frozen=True)
class Part:
    """A tensor of a payload; `dtype` is in NumPy's form, such as "<f4"."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @cached_property
    def nbytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Layout:
    """The meaning of the bytes of a payload."""

    form: str
    """"bytes", "str", "array", "list" or "dict"."""
    parts: tuple[Part, ...]
    """The parts; bytes and str have none, because their size is that of the payload."""

    def to_json(self) -> str:
        return json.dumps([self.form, [[p.name, p.dtype, p.shape] for p in self.parts]])


_BYTES = Layout("bytes", ())
_STR = Layout("str", ())


# How many parts a form has, at least and at most.
_PARTS_OF = {
    "bytes": (0, 0),
    "str": (0, 0),
    "array": (1, 1),
    "list": (0, _MOST_PARTS),
    "dict": (0, _MOST_PARTS),
}


def flatten(payload: Payload) -> tuple[Layout, list[memoryview]]:
    """The layout of a payload and the bytes of its parts, which are not copied if they are
    contiguous.

    Raises TypeError, which names the type, if the object is not a payload, and ValueError if it has
    too many arrays.
    """
    if isinstance(payload, (bytes, bytearray, memoryview)):
        view = memoryview(payload)
        flat = view.c_contiguous and view.nbytes > 0
        return _BYTES, [view.cast("B") if flat else memoryview(view.tobytes())]
    if isinstance(payload, str):
        return _STR, [memoryview(payload.encode())]
    if isinstance(payload, np.ndarray):
        part, view = _flat("", payload)
        return Layout("array", (part,)), [view]
    if isinstance(payload, (Mapping, list, tuple)) and len(payload) > _MOST_PARTS:
        raise ValueError(f"a sample of {len(payload)} arrays; at most {_MOST_PARTS} can be sent")
    if isinstance(payload, Mapping):
        named = [_flat(str(name), value) for name, value in payload.items()]
        return Layout("dict", tuple(part for part, _ in named)), [view for _, view in named]
    if isinstance(payload, (list, tuple)):
        listed = [_flat("", value) for value in payload]
        return Layout("list", tuple(part for part, _ in listed)), [view for _, view in listed]
    if isinstance(payload, np.generic):
        return flatten(np.asarray(payload))
    raise TypeError(
        f"a sample's payload must be bytes, str, an array, or a list or dict of arrays, not "
        f"{type(payload).__name__}: see what qsl[index] returns"
    )


def _flat(name: str, value: Any) -> tuple[Part, memoryview]:
    array = np.asarray(value)
    if array.dtype.kind not in _KINDS or array.dtype.itemsize == 0:
        raise TypeError(f"an array of dtype {array.dtype} cannot be sent; use numbers or strings")
    array = np.ascontiguousarray(array).reshape(array.shape)
    view = array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
    return Part(name, array.dtype.str, array.shape), view


def parse_layout(text: list[Any]) -> Layout:
    """A layout from its decoded JSON. Raises ValueError if it is invalid."""
    try:
        form, parts = text
        least, most = _PARTS_OF[form]
        if not least <= len(parts) <= most:
            raise ValueError(f"{len(parts)} parts")
        return Layout(form, tuple(_parse_part(*part) for part in parts))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"no layout of a payload: {str(text)[:200]}: {error}") from None


def _parse_part(name: Any, dtype: Any, shape: Any) -> Part:
    # NumPy reads other texts as well, and not all of them without harm.
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype):
        raise ValueError(f"{str(dtype)[:40]!r} is no dtype")
    if np.dtype(dtype).itemsize == 0:  # Any number of them would take no bytes.
        raise ValueError(f"{dtype!r} is no dtype of anything")
    if len(shape) > _MOST_DIMENSIONS or not all(
        type(length) is int and 0 <= length < 1 << 63 for length in shape
    ):
        raise ValueError(f"{str(shape)[:40]} is no shape")
    return Part(str(name), dtype, tuple(shape))


def split(layout: Layout, data: memoryview) -> list[memoryview]:
    """The parts of a payload whose bytes follow one another, each at a multiple of 8 bytes.

    Raises ValueError if the number of bytes differs from the layout.
    """
    if layout.form in ("bytes", "str"):
        return [data]
    parts = []
    end = 0
    for part in layout.parts:
        start = end + -end % ALIGNMENT
        end = start + part.nbytes
        parts.append(data[start:end])
    if end != len(data):
        raise ValueError(f"a sample of {len(data)} bytes with a layout of {end}")
    return parts


def restore(layout: Layout, parts: list[memoryview]) -> Payload:
    """Makes the payload from its layout and parts; arrays are read-only views of `parts`.

    Raises ValueError if the number of bytes differs from the layout.
    """
    if layout.form == "bytes":
        return bytes(parts[0])
    if layout.form == "str":
        return str(parts[0], "utf-8")
    arrays = [_array(part, view) for part, view in zip(layout.parts, parts, strict=True)]
    if layout.form == "array":
        return arrays[0]
    if layout.form == "list":
        return arrays
    return {part.name: array for part, array in zip(layout.parts, arrays, strict=True)}


def _array(part: Part, view: memoryview) -> npt.NDArray[Any]:
    if len(view) != part.nbytes:
        raise ValueError(f"{len(view)} bytes for {part.dtype} of shape {part.shape}")
    if len(view) == 0:  # Not by zeros(), which makes room for an element, however large.
        nothing: npt.NDArray[Any] = np.ndarray(part.shape, part.dtype, b"")
        return nothing
    return cast("npt.NDArray[Any]", np.frombuffer(view, part.dtype).reshape(part.shape))


def size_of(views: list[memoryview]) -> int:
    """Number of bytes in all parts."""
    return sum(len(view) for view in views)
