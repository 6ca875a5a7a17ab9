"""The messages of the binary transport: their heads, control messages and times.

A message is a head of fixed size, followed by data that depends on its kind; all numbers are
little-endian. Control messages carry JSON. Samples (samples.py) and answers (answers.py) carry rows
of numbers followed by the bytes. Data that is read is never executed or unpickled. A message that
does not have the described form, or is larger than this package would write, raises `MessageError`.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

PROTOCOL = 1
_MAGIC = b"MLPN"
_HEAD = struct.Struct("<4sHHQ")  # Magic, protocol, kind, run.
ROWS_HEAD = struct.Struct("<IIq")  # Rows (samples or answers), bytes of layouts, when sent.
_TIMES = struct.Struct("<qqq")
_LATEST_NS = 1 << 62  # Of a monotonic clock: 146 years.

# What a frame may have beyond one payload or answer of the size that was agreed on: others that
# travel with it, and a message's head.
OVERHEAD_BYTES = 16 << 20
MOST_FRAMES = 1 << 17  # Of a message.
MOST_ROWS = 4096  # Samples or answers in a message.
_MOST_JSON_BYTES = 1 << 20

Frame: TypeAlias = "bytes | memoryview"
Frames: TypeAlias = "list[Frame]"


class MessageError(ValueError):
    """A message that does not belong to this protocol."""


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


@dataclass(frozen=True)
class Message:
    """A message whose head was read."""

    kind: Kind
    run: int
    body: memoryview
    frames: list[memoryview]
    """The frames after the first one."""


def read(frames: Sequence[Frame]) -> Message:
    """Reads the head. Raises MessageError; `run_of` says whom to answer."""
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
    """The run that a message of any version of the protocol is for; None: it does not belong to
    this protocol."""
    if len(head) < _HEAD.size or head[: len(_MAGIC)] != _MAGIC:
        return None
    run: int = _HEAD.unpack_from(head)[3]
    return run


def head_of(kind: Kind, run: int) -> bytes:
    return _HEAD.pack(_MAGIC, PROTOCOL, kind, run)


def control(kind: Kind, run: int, values: dict[str, Any] | None = None) -> Frames:
    """A message with JSON."""
    return [head_of(kind, run) + json.dumps(values or {}).encode()]


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
    return [head_of(kind, run) + _TIMES.pack(*(*readings_ns, 0, 0, 0)[:3])]


def read_times(message: Message) -> tuple[int, int, int]:
    if len(message.body) != _TIMES.size:
        raise MessageError(f"a {message.kind.name} of {len(message.body)} bytes")
    first, second, third = _TIMES.unpack(message.body)
    if min(first, second, third) < 0 or max(first, second, third) > _LATEST_NS:
        raise MessageError(f"a {message.kind.name} with times that no clock shows")
    return first, second, third
