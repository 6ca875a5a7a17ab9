"""How queries reach a node: the interface that a transport implements.

A transport is a subclass of `Link`, one object a node. All of its methods are called in one event
loop, and it calls its `LinkEvents` in the same loop, so that nothing needs a lock. Those of this
package are `WatchedLink`s (watched.py), which time their node out.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Uint64s: TypeAlias = "npt.NDArray[np.uint64]"
Int64s: TypeAlias = "npt.NDArray[np.int64]"
Payload: TypeAlias = (
    "bytes | bytearray | memoryview | str | npt.NDArray[Any] | Sequence[npt.NDArray[Any]] "
    "| dict[str, npt.NDArray[Any]]"
)


DEFAULT_MAX_ANSWER_BYTES = 64 << 20
"""The largest response of a sample that a link takes, unless it is told otherwise."""

_LONGEST_NAME = 200
_LONGEST_TEXT = 1000


class NetworkError(RuntimeError):
    """Nodes cannot be reached, or do not do what was agreed on."""


def encodable(text: str) -> str:
    """With ? for what UTF-8 cannot hold, as names of files may have it, and JSON."""
    return text.encode(errors="replace").decode()


def shown(text: str, most: int = _LONGEST_TEXT) -> str:
    """What the other end said, for logs and terminals: one line of at most `most` characters, and
    some dots. Whatever is not printable is a space or ?."""
    cut = text if len(text) <= most else text[:most] + " ..."
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in cut)


@dataclass(frozen=True)
class Run:
    """What a node is told of the test that begins."""

    id: int
    """Differs between all tests; answers of another one are told apart by it."""
    total_sample_count: int
    performance_sample_count: int
    connect_timeout_s: float
    """How long a node may take to appear."""
    node_timeout_s: float
    """How long it may be silent before it counts as lost (see watched.py)."""


@dataclass(frozen=True)
class NodeInfo:
    """What a node says of itself."""

    name: str
    """Of its system under test."""
    max_payload_bytes: int | None = None
    """The largest sample it takes; None: it did not say."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name, _LONGEST_NAME))


@dataclass(frozen=True)
class Batch:
    """Samples to be sent to a node together. All arrays have shape (n,)."""

    keys: Uint64s
    """What the node's answers name the samples by."""
    indices: Uint64s
    """In the sample library."""
    queries: Uint64s
    """Samples of one query have the same number, and follow one another."""
    payloads: list[Payload]

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class Answers:
    """Completed samples. All arrays have shape (n,)."""

    keys: Uint64s
    data: Sequence[bytes | memoryview]
    """The responses' bytes."""
    n_tokens: Int64s
    received_ns: int
    """When the first byte of them was seen here, monotonic clock."""
    node_times_ns: Int64s | None = None
    """Shape (n, 4), this machine's clock: the sample was received by the node, issued to the
    system under test, completed by it, and its answer sent. None: the node does not say."""


class LinkEvents(Protocol):
    """What a link tells its owner."""

    def completed(self, link: Link, answers: Answers) -> None:
        """Samples were answered."""

    def first_tokens(self, link: Link, keys: Uint64s, data: Sequence[bytes | memoryview]) -> None:
        """The first tokens of samples are there."""

    def failed(self, link: Link, keys: Uint64s, reason: str) -> None:
        """Samples will not be answered, as the node said or as this end found out."""

    def fault(self, link: Link, text: str) -> None:
        """Something that costs no sample but must not happen: the result is INVALID for it."""

    def lost(self, link: Link, reason: str) -> None:
        """The node is gone, and with it the samples it had."""

    def back(self, link: Link, info: NodeInfo) -> None:
        """A node that was lost can be used again."""

    def sent(self, link: Link, keys: Uint64s, sent_ns: int, begun_ns: int | None = None) -> None:
        """Samples were serialised and handed to the network. `begun_ns`: when the link turned to
        them, having kept them waiting for a connection; None: at once."""


class Link(ABC):
    """The connection to one node."""

    def __init__(self, address: str, events: LinkEvents) -> None:
        self.address = address
        self.events = events

    @abstractmethod
    async def begin(self, run: Run) -> NodeInfo:
        """Connects if need be and announces a test. Raises NetworkError if the node is not there
        within `run.connect_timeout_s`, or does not want to."""

    @abstractmethod
    def send(self, batch: Batch) -> None:
        """Starts sending samples, without waiting. Each is reported to the events in the end."""

    def flush(self) -> None:  # noqa: B027  (an optional hook)
        """No more queries follow for now."""

    @abstractmethod
    async def end(self) -> None:
        """The test is over: forget what is outstanding, and let go of the connection."""

    def report(self) -> dict[str, Any]:
        """What is worth knowing after a test, for the network log."""
        return {}


async def guarded(task: Coroutine[Any, Any, None]) -> None:
    """For a link's tasks: what goes wrong at this end, as in a sample library, is told to the loop
    at once, which ends the test."""
    try:
        await task
    except Exception as error:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": str(error), "exception": error})


LinkFactory: TypeAlias = Callable[..., Link]
