"""Files of arrays in the format safetensors: 8 bytes that give the header's length, a JSON header
that is padded with spaces to a multiple of 8 bytes, and the arrays by name without gaps.

The arrays are plain bytes here, so that neither torch nor a NumPy type for each dtype is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import math
import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

_KINDS = {
    "bool": ("BOOL", 1),
    "uint8": ("U8", 1),
    "int8": ("I8", 1),
    "uint16": ("U16", 2),
    "int16": ("I16", 2),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "uint32": ("U32", 4),
    "int32": ("I32", 4),
    "float32": ("F32", 4),
    "uint64": ("U64", 8),
    "int64": ("I64", 8),
    "float64": ("F64", 8),
    "complex64": ("C64", 8),
}
"""The format's name and the bytes of an element, by the name of the dtype."""

_DTYPES = {kind: dtype for dtype, (kind, _) in _KINDS.items()}
_LENGTH_BYTES = 8
_MOST_ELEMENTS = 2**59  # Their bytes can still be counted in 63 bits.

METADATA = "__metadata__"
"""The entry of the header that is no array."""


@dataclass(frozen=True)
class Form:
    """The dtype and the shape of an array."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of such an array. KeyError: a file cannot hold this dtype."""
        return math.prod(self.shape) * _KINDS[self.dtype][1]

    def __str__(self) -> str:
        return f"{self.dtype} of shape {list(self.shape)}"


@dataclass(frozen=True)
class Array:
    """An array as its bytes: little-endian, in the order of its indices, the last the fastest."""

    form: Form
    data: memoryview


def check_dtype(name: str, dtype: str) -> None:
    """Raises ValueError if a file cannot hold arrays of this dtype."""
    if dtype not in _KINDS:
        raise ValueError(f"{name!r} is {dtype}, which a file cannot hold: use one of {[*_KINDS]}")


# ---- Writing -------------------------------------------------------------------------------------


def write_arrays(
    path: str | os.PathLike[str], metadata: Mapping[str, str], arrays: Mapping[str, Array]
) -> None:
    """Writes a file; who reads at the same time sees the old one or the new one."""
    in_order = (arrays[name].data for name in sorted(arrays))
    write_whole(path, (_head(metadata, arrays), *in_order))


def write_whole(path: str | os.PathLike[str], pieces: Iterable[bytes | memoryview]) -> None:
    """Writes the pieces to a file; who reads at the same time sees the old one or the new one.

    What a process that was killed had written of the file is removed.
    """
    path = Path(path)
    _remove_unfinished(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_native_id()}.tmp")
    try:
        with _locked(temporary) as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO:
    """A new file with a lock, where the file system has locks; it ends with the process."""
    while True:
        file = path.open("wb")
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # It was removed before it had the lock.


def _remove_unfinished(path: Path) -> None:
    """Removes the temporary files of writers that are gone: nobody holds their locks."""
    for temporary in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        if not re.fullmatch(r"\.\d+\.\d+\.tmp", temporary.name.removeprefix(path.name)):
            continue
        with contextlib.suppress(OSError), temporary.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()


def file_size_bytes(metadata: Mapping[str, str], arrays: Mapping[str, Array]) -> int:
    """Bytes of the file that `write_arrays` makes."""
    return len(_head(metadata, arrays)) + sum(array.form.size_bytes for array in arrays.values())


def _head(metadata: Mapping[str, str], arrays: Mapping[str, Array]) -> bytes:
    header: dict[str, Any] = {METADATA: dict(metadata)}
    begin = 0
    for name in sorted(arrays):
        form = arrays[name].form
        end = begin + form.size_bytes
        header[name] = {
            "dtype": _KINDS[form.dtype][0],
            "shape": list(form.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text


# ---- Reading -------------------------------------------------------------------------------------


def read_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, Array]]:
    """The metadata and the arrays of a file. ValueError: it is not in the format safetensors, is
    cut short, or is longer than it says."""
    content = memoryview(_content(path))
    try:
        header, body = _split(content)
        metadata = _metadata(header)
        return metadata, dict(_arrays(header, body))
    except ValueError as error:
        raise ValueError(f"The file {os.fspath(path)} cannot be read: {error}") from error


def _content(path: str | os.PathLike[str]) -> bytearray:
    """Writable, so that tensors can be made of it without a copy."""
    with Path(path).open("rb") as file:
        content = bytearray(os.fstat(file.fileno()).st_size)
        size = file.readinto(content)
    del content[size:]
    return content


def _split(content: memoryview) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    body = _LENGTH_BYTES + length
    if len(content) < _LENGTH_BYTES or len(content) < body:
        raise ValueError(
            f"it has {len(content)} bytes, and its header alone would need {body}: it is cut short,"
            " or it is not in the format safetensors"
        )
    try:
        header = json.loads(
            bytes(content[_LENGTH_BYTES:body]).decode(), object_pairs_hook=_without_repeats
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    return header, content[body:]


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _metadata(header: dict[str, Any]) -> dict[str, str]:
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(f"its {METADATA} is not an object of texts")
    return metadata


def _arrays(header: dict[str, Any], body: memoryview) -> Iterable[tuple[str, Array]]:
    position = 0
    entries = [(*_entry(name, entry), name) for name, entry in header.items()]
    for begin, end, form, name in sorted(entries, key=lambda entry: entry[:2]):
        if begin != position or end - begin != form.size_bytes:
            raise ValueError(
                f"the array {name!r}, {form}, is said to be in bytes {begin} to {end} of the"
                f" arrays; it must be in bytes {position} to {position + form.size_bytes}"
            )
        if end > len(body):
            raise ValueError(
                f"it is cut short: the array {name!r} ends at byte {end} of the arrays, of which"
                f" {len(body)} bytes are there"
            )
        yield name, Array(form, body[begin:end])
        position = end
    if position != len(body):
        raise ValueError(f"it is longer than its arrays, by {len(body) - position} bytes")


def _entry(name: str, entry: object) -> tuple[int, int, Form]:
    if isinstance(entry, dict):
        kind, shape = entry.get("dtype"), _shape(entry.get("shape"))
        offsets = _counts(entry.get("data_offsets"))
        if kind in _DTYPES and shape is not None and offsets is not None and len(offsets) == 2:
            return offsets[0], offsets[1], Form(_DTYPES[kind], shape)
    raise ValueError(
        f"its header says {entry!r} of the array {name!r}; it must have a dtype of"
        f" {[*_DTYPES]}, a shape and two data_offsets"
    )


def _counts(value: object) -> tuple[int, ...] | None:
    """The whole numbers of a list; None: it is none of these."""
    if isinstance(value, list) and all(type(item) is int and item >= 0 for item in value):
        return tuple(value)
    return None


def _shape(value: object) -> tuple[int, ...] | None:
    """The shape of a list. Without elements, too, an array has strides, which must be numbers."""
    counts = _counts(value)
    if counts is None or math.prod(count or 1 for count in counts) > _MOST_ELEMENTS:
        return None
    return counts
