"""The interface of what sends the requests of a test, and its options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Protocol

import numpy.typing as npt

from .. import _core
from ..qdl.links.link import require_positive
from .request import check_count

_MOST_BYTES = 1 << 40
_MOST_SECONDS = 1_000_000
_BALANCES = ("least_outstanding", "round_robin")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raises ValueError for a value that is none of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """How requests are sent. Raises TypeError and ValueError for what cannot be meant."""

    max_outstanding: int
    warm_connections: int
    request_timeout_s: float | None
    connect_timeout_s: float
    max_answer_bytes: int
    balance: str
    cancel_after_s: float | None
    cancel_share: float
    ca_file: str | None
    threads: int
    keep_token_ids: bool
    secrets: Sequence[str] = field(default=(), repr=False)
    """What no reason may show; the longest first."""

    def __post_init__(self) -> None:
        check_count("max_outstanding", self.max_outstanding)
        check_count("warm_connections", self.warm_connections, least=0)
        check_count("max_answer_bytes", self.max_answer_bytes)
        check_count("client_threads", self.threads)
        if self.threads > self.max_outstanding:
            raise ValueError(
                f"client_threads={self.threads} must be at most max_outstanding="
                f"{self.max_outstanding}: each thread has requests of its own"
            )
        if self.max_answer_bytes > _MOST_BYTES:
            raise ValueError(
                f"max_answer_bytes must be at most {_MOST_BYTES}, not {self.max_answer_bytes}"
            )
        for name in ("connect_timeout_s", "request_timeout_s", "cancel_after_s"):
            seconds = getattr(self, name)
            if seconds is not None or name == "connect_timeout_s":
                require_positive(name, seconds)
                if seconds > _MOST_SECONDS:
                    raise ValueError(f"{name} must be at most {_MOST_SECONDS}, not {seconds!r}")
        check_choice("balance", self.balance, _BALANCES)
        if self.warm_connections > self.max_outstanding:
            raise ValueError(
                f"warm_connections={self.warm_connections} must be at most max_outstanding="
                f"{self.max_outstanding}: no more requests are sent at a time"
            )
        if self.ca_file is not None and not isinstance(self.ca_file, str):
            raise TypeError(f"ca_file must be a path, not {self.ca_file!r}")
        if not isinstance(self.cancel_share, Real):
            raise TypeError(f"cancel_share must be a number, not {self.cancel_share!r}")
        if not 0 <= self.cancel_share <= 1:
            raise ValueError(f"cancel_share must be from 0 to 1, not {self.cancel_share!r}")
        if (self.cancel_share > 0) != (self.cancel_after_s is not None):
            raise ValueError(
                "cancel_share and cancel_after_s need each other: which share of the streams is "
                "closed, and after how long"
            )


@dataclass(frozen=True)
class ClientRecord:
    """What a client says of a test that has ended; the fields of `_llm.Client.counts` and
    `take_rows`."""

    counts: dict[str, Any]
    rows: npt.NDArray[Any]


Happened = Callable[[str, int, str], None]
"""Is called in a thread of the client with what happened, the number of the server, and words:
"lost", it cannot be reached; "fault", an event that is no JSON; "refused", its words where it gave
no answer. Alike things are said once a test."""


class Client(Protocol):
    """Sends the requests of one test and completes what is answered."""

    def begin(self, queue: _core.QueueSut, happened: Happened) -> None:
        """Opens connections, and takes the queries of the queue from now on. Raises NetworkError if
        a server cannot be reached."""

    def prepare(self, index: int, requests: Sequence[bytes]) -> None:
        """Keeps the request of a sample, head and body, for each server."""

    def forget(self) -> None:
        """Drops all that was prepared."""

    def end(self) -> ClientRecord:
        """Sends and completes nothing any more, and closes everything. To be called once, whether
        `begin` succeeded or not."""
