"""The messages of the binary transport.

A message is a head of fixed size, then what its kind says; all numbers are little-endian. Control
messages carry JSON, samples and answers rows of numbers followed by the bytes. Nothing that is read
here is executed or unpickled, and what is not as described, or is more than one of us would write,
raises `MessageError`.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..links.link import Batch, Payload
from .payload import Layout, flatten, parse_layout, restore, size_of

PROTOCOL = 1
_MAGIC = b"MLPN"
_HEAD = struct.Struct("<4sHHQ")  # Magic, protocol, kind, run.
_SAMPLES_HEAD = struct.Struct("<IIq")  # Samples, bytes of the layouts, when sent.
_TIMES = struct.Struct("<qqq")
_ALIGNMENT = 8
_LATEST_NS = 1 << 62  # Of a monotonic clock: 146 years.

# Parts of this size and more travel as frames of their own, which are not copied.
LARGE_BYTES = 16384
_MOST_SMALL_BYTES = 4 << 20  # Of the others, in a frame.

# What a frame may have beyond one payload or answer of the size that was agreed on: others that
# travel with it, and a message's head.
OVERHEAD_BYTES = 16 << 20
MOST_FRAMES = 1 << 17  # Of a message.
_MOST_ROWS = 4096  # Samples or answers in a message.
_MOST_ANSWER_BYTES = 4 << 20  # In a message, unless one answer has more.
_MOST_JSON_BYTES = 1 << 20
_MOST_LAYOUT_BYTES = 8 << 20  # In a message.
_MOST_PARTS_TOGETHER = 1 << 19  # Arrays in a message.
_LONGEST_KNOWN_LAYOUTS = 4096
_MOST_KNOWN_LAYOUTS = 4096

SAMPLE_ROW = np.dtype(
    [("key", "<u8"), ("index", "<u8"), ("query", "<u8"), ("size", "<u8"), ("layout", "<u8")]
)
ANSWER_ROW = np.dtype(
    [
        ("key", "<u8"),
        ("event", "<u8"),
        ("n_tokens", "<i8"),
        ("size", "<u8"),
        ("received_ns", "<i8"),
        ("issued_ns", "<i8"),
        ("completed_ns", "<i8"),
    ]
)

Frame: TypeAlias = "bytes | memoryview"
Frames: TypeAlias = "list[Frame]"


class MessageError(ValueError):
    """A message that is none of ours."""


class Kind(enum.IntEnum):
    HELLO = 1
    WELCOME = 2
    REFUSED = 3
    SAMPLES = 4
    ANSWERS = 5
    FLUSH = 6
    PING = 7
    PONG = 8
    BYE = 9


class Event(enum.IntEnum):
    """What an answer's row tells; as `mlperf_loadgen._core.ServedSamples` numbers them."""

    COMPLETED = 0
    FIRST_TOKEN = 1
    FAILED = 2
    FAULT = 3
    ABORTED = 4


@dataclass(frozen=True)
class Message:
    """A message whose head was read."""

    kind: Kind
    run: int
    body: memoryview
    frames: list[memoryview]
    """What follows the first frame."""


def read(frames: Sequence[Frame]) -> Message:
    """Reads the head. Raises MessageError; whom to answer, `run_of` tells."""
    if len(frames) > MOST_FRAMES:
        raise MessageError(f"a message of more than {MOST_FRAMES} frames")
    first = memoryview(frames[0]) if frames else memoryview(b"")
    if len(first) < _HEAD.size:
        raise MessageError(f"a message of {len(first)} bytes is shorter than its head")
    magic, protocol, kind, run = _HEAD.unpack_from(first)
    if magic != _MAGIC:
        raise MessageError(f"a message begins with {magic!r}, not {_MAGIC!r}")
    if protocol != PROTOCOL:
        raise MessageError(
            f"the other end speaks version {protocol} of the protocol, this one {PROTOCOL}: "
            "install the same release of mlperf_loadgen on both"
        )
    if kind not in Kind._value2member_map_:
        raise MessageError(f"a message of the unknown kind {kind}")
    return Message(Kind(kind), run, first[_HEAD.size :], [memoryview(f) for f in frames[1:]])


HEAD_BYTES = _HEAD.size


def run_of(head: bytes) -> int | None:
    """The run a message of any version of the protocol is for; None: it is no message of ours."""
    if len(head) < _HEAD.size or head[: len(_MAGIC)] != _MAGIC:
        return None
    run: int = _HEAD.unpack_from(head)[3]
    return run


def _head(kind: Kind, run: int) -> bytes:
    return _HEAD.pack(_MAGIC, PROTOCOL, kind, run)


def control(kind: Kind, run: int, values: dict[str, Any] | None = None) -> Frames:
    """A message with JSON."""
    return [_head(kind, run) + json.dumps(values or {}).encode()]


def read_control(message: Message) -> dict[str, Any]:
    if len(message.body) > _MOST_JSON_BYTES:
        raise MessageError(f"a {message.kind.name} with {len(message.body)} bytes of JSON")
    try:
        values = json.loads(bytes(message.body))
    except (ValueError, RecursionError) as error:
        raise MessageError(f"a {message.kind.name} without readable JSON: {error}") from None
    if not isinstance(values, dict):
        raise MessageError(f"a {message.kind.name} whose JSON is no object")
    return values


def times(kind: Kind, run: int, *readings_ns: int) -> Frames:
    """PING (sent) and PONG (ping sent, ping received, pong sent)."""
    return [_head(kind, run) + _TIMES.pack(*(*readings_ns, 0, 0, 0)[:3])]


def read_times(message: Message) -> tuple[int, int, int]:
    if len(message.body) != _TIMES.size:
        raise MessageError(f"a {message.kind.name} of {len(message.body)} bytes")
    first, second, third = _TIMES.unpack(message.body)
    if min(first, second, third) < 0 or max(first, second, third) > _LATEST_NS:
        raise MessageError(f"a {message.kind.name} with times that no clock shows")
    return first, second, third


# ---- Samples ---------------------------------------------------------------------------------


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
                f"names, dtypes and shapes of {len(batch)} samples have {len(text)} bytes, more "
                f"than the {_MOST_LAYOUT_BYTES} that can be sent: use fewer arrays or shorter names"
            )
        head = _head(Kind.SAMPLES, run) + _SAMPLES_HEAD.pack(len(batch), len(text), now_ns)
        frames = [b"".join((head, rows.data, text)), *_pack(views)]
        if len(frames) > MOST_FRAMES:
            raise ValueError(
                f"{len(batch)} samples have {len(frames)} arrays of {LARGE_BYTES} bytes and more, "
                f"of which {MOST_FRAMES} can be sent together: use fewer and larger ones"
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
            small_bytes += len(view) + _ALIGNMENT
            if padding := -len(view) % _ALIGNMENT:
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
        padded = size + -size % _ALIGNMENT
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
        count, text_size, _ = _SAMPLES_HEAD.unpack_from(message.body)
        rows_end = _SAMPLES_HEAD.size + count * SAMPLE_ROW.itemsize
        if rows_end + text_size != len(message.body):
            raise MessageError(f"{len(message.body)} bytes do not hold {count} samples")
        if count > _MOST_ROWS or text_size > _MOST_LAYOUT_BYTES:
            raise MessageError(f"{count} samples with {text_size} bytes of layouts in a message")
        rows = np.frombuffer(message.body, SAMPLE_ROW, count, _SAMPLES_HEAD.size)
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


# ---- Answers ---------------------------------------------------------------------------------


def answers(run: int, rows: npt.NDArray[Any], data: bytes, now_ns: int) -> Frames:
    """An ANSWERS message: rows of ANSWER_ROW and the bytes of all, one after another."""
    head = _head(Kind.ANSWERS, run) + _SAMPLES_HEAD.pack(len(rows), 0, now_ns)
    return [b"".join((head, rows.data)), data]


def answer_messages(run: int, rows: npt.NDArray[Any], data: bytes, now_ns: int) -> Iterator[Frames]:
    """ANSWERS messages that are no larger than they may be. Most often there is one."""
    if len(rows) <= _MOST_ROWS and len(data) <= _MOST_ANSWER_BYTES:
        yield answers(run, rows, data, now_ns)
        return
    start, start_byte, end_byte = 0, 0, 0
    for end, size in enumerate(rows["size"].tolist(), 1):
        end_byte += size
        full = end - start == _MOST_ROWS or end_byte - start_byte >= _MOST_ANSWER_BYTES
        if full or end == len(rows):
            yield answers(run, rows[start:end], data[start_byte:end_byte], now_ns)
            start, start_byte = end, end_byte


def read_answers(message: Message) -> tuple[npt.NDArray[Any], list[memoryview], int]:
    """The rows, each one's bytes, and when they were sent."""
    try:
        count, _, sent_ns = _SAMPLES_HEAD.unpack_from(message.body)
    except struct.error as error:
        raise MessageError(f"answers that cannot be read: {error}") from None
    if _SAMPLES_HEAD.size + count * ANSWER_ROW.itemsize != len(message.body):
        raise MessageError(f"{len(message.body)} bytes do not hold {count} answers")
    if count > _MOST_ROWS:
        raise MessageError(f"{count} answers in a message, more than {_MOST_ROWS}")
    rows = np.frombuffer(message.body, ANSWER_ROW, count, _SAMPLES_HEAD.size)
    data = message.frames[0] if message.frames else memoryview(b"")
    sizes = rows["size"].tolist()
    if sum(sizes) != len(data) or len(message.frames) > 1:
        raise MessageError(f"{len(data)} bytes of answers instead of {sum(sizes)}")
    parts, start = [], 0
    for size in sizes:
        parts.append(data[start : start + size])
        start += size
    return rows, parts, sent_ns
