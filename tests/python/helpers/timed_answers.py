"""Answers with times of their own, given to the core as another extension module gives them:
through the capsules of `_core`, whose C structs are spelled out here once more with ctypes.
"""

import ctypes
from dataclasses import dataclass, field

from mlperf_loadgen import _core

UNKNOWN_LAG = 2**32 - 1
SOURCES = ("usage", "token ids", "tokenizer", "events", "")

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_capsule_of = ctypes.pythonapi.PyCapsule_New
_capsule_of.restype = ctypes.py_object
_capsule_of.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class _Event(ctypes.Structure):
    _fields_ = [
        ("at_ns", ctypes.c_int64),
        ("tokens", ctypes.c_uint32),
        ("lag_ns", ctypes.c_uint32),
    ]


class _Answer(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_size_t),
        ("data", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
        ("n_tokens", ctypes.c_int64),
        ("sent_ns", ctypes.c_int64),
        ("first_token_ns", ctypes.c_int64),
        ("first_output_ns", ctypes.c_int64),
        ("completed_ns", ctypes.c_int64),
        ("first_token_lag_ns", ctypes.c_uint32),
        ("completed_lag_ns", ctypes.c_uint32),
        ("prompt_tokens", ctypes.c_int64),
        ("cached_tokens", ctypes.c_int64),
        ("reasoning_tokens", ctypes.c_int64),
        ("source", ctypes.c_uint8),
        ("events", ctypes.POINTER(_Event)),
        ("event_count", ctypes.c_uint32),
        ("first_event", ctypes.c_char_p),
        ("first_event_size", ctypes.c_size_t),
        ("cancelled", ctypes.c_bool),
    ]


class _Door(ctypes.Structure):
    _fields_ = [
        ("complete_at", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Answer), ctypes.c_size_t)),
        (
            "fail",
            ctypes.CFUNCTYPE(
                ctypes.c_bool, ctypes.POINTER(ctypes.c_size_t), ctypes.c_size_t, ctypes.c_char_p
            ),
        ),
        ("now_ns", ctypes.CFUNCTYPE(ctypes.c_int64)),
        ("logs_responses", ctypes.CFUNCTYPE(ctypes.c_bool)),
        ("abort", ctypes.CFUNCTYPE(None)),
    ]


class _Sample(ctypes.Structure):
    _fields_ = [("id", ctypes.c_size_t), ("index", ctypes.c_size_t)]


_ISSUE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_Sample), ctypes.c_size_t)


class _Taker(ctypes.Structure):
    _fields_ = [("self", ctypes.c_void_p), ("issue", _ISSUE)]


@dataclass
class Answer:
    """An answer, with times in ns of the monotonic clock (0: none) and -1 for counts not told.

    `events`: (time, tokens or 0, lag) of each.
    """

    id: int
    completed_ns: int
    n_tokens: int = 0
    first_token_ns: int = 0
    events: list[tuple[int, int, int]] = field(default_factory=list)
    data: bytes = b""
    first_event: bytes = b""
    sent_ns: int = 0
    first_output_ns: int = 0
    first_token_lag_ns: int = UNKNOWN_LAG
    completed_lag_ns: int = UNKNOWN_LAG
    prompt_tokens: int = -1
    cached_tokens: int = -1
    reasoning_tokens: int = -1
    source: str = ""
    cancelled: bool = False


door = _Door.from_address(_pointer_of(_core.completion_door, b"mlperf_loadgen.completion_door"))


def complete_at(answer: Answer) -> None:
    """Completes one sample at the times of its answer."""
    events = (_Event * max(1, len(answer.events)))(*answer.events)
    native = _Answer(
        answer.id,
        answer.data,
        len(answer.data),
        answer.n_tokens,
        answer.sent_ns,
        answer.first_token_ns,
        answer.first_output_ns,
        answer.completed_ns,
        answer.first_token_lag_ns,
        answer.completed_lag_ns,
        answer.prompt_tokens,
        answer.cached_tokens,
        answer.reasoning_tokens,
        SOURCES.index(answer.source),
        events,
        len(answer.events),
        answer.first_event,
        len(answer.first_event),
        answer.cancelled,
    )
    door.complete_at(ctypes.byref(native), 1)


def fail(ids: list[int], reason: str) -> bool:
    """Fails samples through the door."""
    found: bool = door.fail((ctypes.c_size_t * len(ids))(*ids), len(ids), reason.encode())
    return found


class Taker:
    """A query taker whose capsule calls `issue(ids, indices)` with two lists for each query."""

    def __init__(self, issue):
        def take(_, samples, count):
            issue([samples[i].id for i in range(count)], [samples[i].index for i in range(count)])

        self._issue = _ISSUE(take)
        self._taker = _Taker(None, self._issue)
        self._name = b"mlperf_loadgen.query_taker"
        self.capsule = _capsule_of(ctypes.addressof(self._taker), self._name, None)
