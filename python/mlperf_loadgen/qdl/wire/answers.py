"""ANSWERS messages: what happened to samples, on the way back from a node.

They have rows of `ANSWER_ROW`, then the bytes of all answers, one after another.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .messages import MOST_ROWS, ROWS_HEAD, Frames, Kind, Message, MessageError, head_of

_MOST_ANSWER_BYTES = 4 << 20  # In a message, unless one answer has more.

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


class Event(enum.IntEnum):
    """The event that an answer's row reports, with the numbers of
    `mlperf_loadgen._core.ServedSamples`."""

    COMPLETED = 0
    FIRST_TOKEN = 1
    FAILED = 2
    FAULT = 3
    ABORTED = 4


def write_answers(run: int, rows: npt.NDArray[Any], data: bytes, now_ns: int) -> Frames:
    """An ANSWERS message: rows of ANSWER_ROW and the bytes of all, one after another."""
    head = head_of(Kind.ANSWERS, run) + ROWS_HEAD.pack(len(rows), 0, now_ns)
    return [b"".join((head, rows.data)), data]


def answer_messages(run: int, rows: npt.NDArray[Any], data: bytes, now_ns: int) -> Iterator[Frames]:
    """ANSWERS messages within the largest size of a message. Most often there is one."""
    if len(rows) <= MOST_ROWS and len(data) <= _MOST_ANSWER_BYTES:
        yield write_answers(run, rows, data, now_ns)
        return
    start, start_byte, end_byte = 0, 0, 0
    for end, size in enumerate(rows["size"].tolist(), 1):
        end_byte += size
        full = end - start == MOST_ROWS or end_byte - start_byte >= _MOST_ANSWER_BYTES
        if full or end == len(rows):
            yield write_answers(run, rows[start:end], data[start_byte:end_byte], now_ns)
            start, start_byte = end, end_byte


def read_answers(message: Message) -> tuple[npt.NDArray[Any], list[memoryview], int]:
    """The rows, each one's bytes, and when they were sent."""
    try:
        count, _, sent_ns = ROWS_HEAD.unpack_from(message.body)
    except struct.error as error:
        raise MessageError(f"answers that cannot be read: {error}") from None
    if ROWS_HEAD.size + count * ANSWER_ROW.itemsize != len(message.body):
        raise MessageError(f"{len(message.body)} bytes do not hold {count} answers")
    if count > MOST_ROWS:
        raise MessageError(f"{count} answers in a message, more than {MOST_ROWS}")
    rows = np.frombuffer(message.body, ANSWER_ROW, count, ROWS_HEAD.size)
    data = message.frames[0] if message.frames else memoryview(b"")
    sizes = rows["size"].tolist()
    if sum(sizes) != len(data) or len(message.frames) > 1:
        raise MessageError(f"{len(data)} bytes of answers instead of {sum(sizes)}")
    parts, start = [], 0
    for size in sizes:
        parts.append(data[start : start + size])
        start += size
    return rows, parts, sent_ns
