"""SAMPLES messages: the payloads of queries, on their way to a node.

Rows of `SAMPLE_ROW`, the layouts of the payloads as JSON, and the bytes: large parts in frames of
their own, small ones together.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...text.units import counted
from ..links.link import Batch, Payload
from .messages import (
    MOST_FRAMES,
    MOST_ROWS,
    ROWS_HEAD,
    Frame,
    Frames,
    Kind,
    Message,
    MessageError,
    head_of,
)
from .payload import ALIGNMENT, Layout, flatten, parse_layout, restore, size_of

# Parts of this size and more travel as frames of their own, which are not copied.
LARGE_BYTES = 16384
_MOST_SMALL_BYTES = 4 << 20  # Of the others, in a frame.
_MOST_LAYOUT_BYTES = 8 << 20  # In a message.
_MOST_PARTS_TOGETHER = 1 << 19  # Arrays in a message.
_LONGEST_KNOWN_LAYOUTS = 4096
_MOST_KNOWN_LAYOUTS = 4096

SAMPLE_ROW = np.dtype(
    [("key", "<u8"), ("index", "<u8"), ("query", "<u8"), ("size", "<u8"), ("layout", "<u8")]
)

_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    RecursionError,
    MemoryError,
    struct.error,
)


@dataclass(frozen=True)
class Samples:
    """Samples as received."""

    keys: npt.NDArray[np.uint64]
    indices: npt.NDArray[np.uint64]
    queries: npt.NDArray[np.uint64]
    payloads: list[Payload]


class SamplesWriter:
    """Makes SAMPLES messages; remembers layouts, of which most runs have one."""

    def __init__(self) -> None:
        self._json: dict[Layout, str] = {}

    def write(self, run: int, batch: Batch, now_ns: int) -> Frames:
        """Raises TypeError or ValueError for a payload that cannot be sent."""
        rows = np.empty(len(batch), SAMPLE_ROW)
        rows["key"], rows["index"], rows["query"] = batch.keys, batch.indices, batch.queries
        numbers: dict[Layout, int] = {}
        layouts, sizes, views = [], [], []
        for payload in batch.payloads:
            layout, parts = flatten(payload)
            layouts.append(numbers.setdefault(layout, len(numbers)))
            sizes.append(size_of(parts))
            views += parts
        rows["layout"], rows["size"] = layouts, sizes
        text = f"[{','.join(map(self._as_json, numbers))}]".encode()
        if len(text) > _MOST_LAYOUT_BYTES:
            raise ValueError(
                f"names, dtypes and shapes of {counted(len(batch), 'sample')} take {len(text)} "
                f"bytes, more than the {_MOST_LAYOUT_BYTES} that can be sent: use fewer arrays or "
                "shorter names"
            )
        head = head_of(Kind.SAMPLES, run) + ROWS_HEAD.pack(len(batch), len(text), now_ns)
        frames = [b"".join((head, rows.data, text)), *_pack(views)]
        if len(frames) > MOST_FRAMES:
            raise ValueError(
                f"{counted(len(batch), 'sample')} with {len(frames)} arrays of {LARGE_BYTES} bytes "
                f"and more, of which {MOST_FRAMES} can be sent together: use fewer and larger ones"
            )
        return frames

    def _as_json(self, layout: Layout) -> str:
        text = self._json.get(layout)
        if text is None:
            if len(self._json) >= _MOST_KNOWN_LAYOUTS:  # Payloads whose shapes never come again.
                self._json.clear()
            text = self._json[layout] = layout.to_json()
        return text


def _pack(views: Sequence[memoryview]) -> Frames:
    """Large parts as frames of their own; small ones together, each at a multiple of 8 bytes."""
    frames: Frames = []
    small: list[Frame] = []
    small_bytes = 0
    for view in views:
        if small and (len(view) >= LARGE_BYTES or small_bytes >= _MOST_SMALL_BYTES):
            frames.append(b"".join(small))
            small, small_bytes = [], 0
        if len(view) >= LARGE_BYTES:
            frames.append(view)
        elif len(view):  # Nothing takes no frame: the reader does not look for one.
            small.append(view)
            small_bytes += len(view) + ALIGNMENT
            if padding := -len(view) % ALIGNMENT:
                small.append(bytes(padding))
    if small:
        frames.append(b"".join(small))
    return frames


class _Unpacker:
    """Takes parts out of frames as `_pack` put them in."""

    def __init__(self, frames: list[memoryview]) -> None:
        self._frames = iter(frames)
        self._small = memoryview(b"")

    def part(self, size: int) -> memoryview:
        if size >= LARGE_BYTES:
            if len(self._small):
                raise MessageError(f"{len(self._small)} bytes belong to no sample")
            frame = next(self._frames, None)
            if frame is None or len(frame) != size:
                raise MessageError(f"the {size} bytes of a sample are missing")
            return frame
        if size == 0:
            return self._small[:0]
        if not len(self._small):
            self._small = next(self._frames, memoryview(b""))
        padded = size + -size % ALIGNMENT
        if len(self._small) < padded:
            raise MessageError(f"{len(self._small)} bytes are left for a sample's {size}")
        part, self._small = self._small[:size], self._small[padded:]
        return part


class SamplesReader:
    """Reads SAMPLES messages; remembers layouts by their text."""

    def __init__(self) -> None:
        self._known: dict[bytes, list[Layout]] = {}

    def read(self, message: Message) -> Samples:
        """Raises MessageError for what `SamplesWriter` did not write."""
        try:
            return self._read(message)
        except MessageError:
            raise
        except _UNREADABLE as error:
            raise MessageError(f"samples that cannot be read: {error}") from None

    def _read(self, message: Message) -> Samples:
        count, text_size, _ = ROWS_HEAD.unpack_from(message.body)
        rows_end = ROWS_HEAD.size + count * SAMPLE_ROW.itemsize
        if rows_end + text_size != len(message.body):
            raise MessageError(f"{len(message.body)} bytes do not hold {count} samples")
        if count > MOST_ROWS or text_size > _MOST_LAYOUT_BYTES:
            raise MessageError(f"{count} samples with {text_size} bytes of layouts in a message")
        rows = np.frombuffer(message.body, SAMPLE_ROW, count, ROWS_HEAD.size)
        layouts = self._layouts(bytes(message.body[rows_end:]))
        unpacker = _Unpacker(message.frames)
        payloads = []
        arrays = 0
        for number, size in zip(rows["layout"].tolist(), rows["size"].tolist(), strict=True):
            layout = layouts[number]
            arrays += len(layout.parts)
            if arrays > _MOST_PARTS_TOGETHER:
                raise MessageError(f"more than {_MOST_PARTS_TOGETHER} arrays in a message")
            if layout.form in ("bytes", "str"):
                sizes = [size]
            else:
                sizes = [part.nbytes for part in layout.parts]
            if sum(sizes) != size:
                raise MessageError(f"a sample of {size} bytes with a layout of {sum(sizes)}")
            payloads.append(restore(layout, [unpacker.part(n) for n in sizes]))
        return Samples(rows["key"], rows["index"], rows["query"], payloads)

    def _layouts(self, text: bytes) -> list[Layout]:
        layouts = self._known.get(text)
        if layouts is None:
            layouts = [parse_layout(one) for one in json.loads(text)]
            if len(text) <= _LONGEST_KNOWN_LAYOUTS:
                if len(self._known) >= _MOST_KNOWN_LAYOUTS:
                    self._known.clear()
                self._known[text] = layouts
        return layouts
