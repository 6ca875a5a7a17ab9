"""Arrays as chunks: a header (type, name, sizes) and the data of each, padded to 64 bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

_MAGIC = b"~TenBin~"
_ALIGNMENT = 64
_LENGTH = struct.Struct("<q")
_MAX_DIMENSIONS = 32
_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


def encode(arrays: Iterable[Any]) -> bytes:
    """The bytes of arrays in order."""
    import numpy as np

    out = bytearray()
    for array in map(np.asarray, arrays):
        kind = array.dtype.str[1:]
        if kind not in _TYPES:
            raise ValueError(f"An array of type {array.dtype} cannot be written as tenbin.")
        header = kind.encode().ljust(8, b"\0") + bytes(8)
        header += b"".join(map(_LENGTH.pack, (array.ndim, *array.shape)))
        out += _chunk(header)
        out += _chunk(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return bytes(out)


def _chunk(data: bytes) -> bytes:
    return _MAGIC + _LENGTH.pack(len(data)) + data + bytes(-len(data) % _ALIGNMENT)


def decode(data: bytes) -> list[Any]:
    """The arrays that `encode` was given."""
    chunks = _chunks(data)
    return [_array(header, next(chunks, b"")) for header in chunks]


def _chunks(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        head = data[at : at + 16]
        if len(head) < 16 or not head.startswith(_MAGIC):
            raise ValueError(f"there is no tenbin chunk at byte {at}")
        (length,) = _LENGTH.unpack_from(head, 8)
        at += 16
        if not 0 <= length <= len(data) - at:
            raise ValueError(f"the tenbin chunk at byte {at - 16} runs past the end")
        yield data[at : at + length]
        at += length + -length % _ALIGNMENT


def _array(header: bytes, data: bytes) -> Any:
    import numpy as np

    numbers = [_LENGTH.unpack_from(header, at)[0] for at in range(16, len(header) - 7, 8)]
    kind = header[:8].rstrip(b"\0").decode("ascii", "replace")
    if not numbers or numbers[0] != len(numbers) - 1 or numbers[0] > _MAX_DIMENSIONS:
        raise ValueError("the header of a tenbin array has not as many sizes as dimensions")
    if kind not in _TYPES or min(numbers) < 0:
        raise ValueError(f"a tenbin array has type {kind!r} and sizes {numbers[1:]}")
    return np.frombuffer(data, f"<{kind}").reshape(numbers[1:]).copy()
