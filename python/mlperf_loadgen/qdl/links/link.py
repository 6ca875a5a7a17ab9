"""How queries reach a node: the interface that a transport implements.

A transport is a subclass of `Link`, with one object for each node. All of its methods are called in
one event loop, and it calls its `LinkEvents` in the same loop, so no lock is needed. The links of
this package are `WatchedLink`s (node_timeout.py), which give up a silent node.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from numbers import Real
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
"""The largest response of a sample that a link accepts by default."""

_LONGEST_NAME = 200
_LONGEST_TEXT = 1000


class NetworkError(RuntimeError):
    """Nodes cannot be reached, or do not keep to the protocol."""


class NetworkOptionError(NetworkError, ValueError):
    """An option of a transport cannot be used."""


def encodable(text: str) -> str:
    """The text with ? for characters that UTF-8 cannot hold, which names of files and JSON may
    contain."""
    return text.encode(errors="replace").decode()


def shown(text: str, most: int = _LONGEST_TEXT) -> str:
    """A text from the other end, for logs and terminals: one line of at most `most` characters, and
    some dots. Characters that are not printable are a space or ?."""
    cut = text if len(text) <= most else text[:most] + " ..."
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in cut)


def require_positive(name: str, value: object) -> None:
    """Raises TypeError for what is no number, ValueError for one that is not above 0."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number above 0, not {value!r}")
    if not float(value) > 0:
        raise ValueError(f"{name} must be above 0, not {value!r}")


@dataclass(frozen=True)
class Run:
    """The facts about a beginning test that a node is given."""

    id: int
    """Different for every test; it distinguishes answers of this test from those of another."""
    total_sample_count: int
    performance_sample_count: int
    connect_timeout_s: float
    """How many seconds a node may take to appear."""
    node_timeout_s: float
    """How many seconds a node may be silent before it counts as lost (see node_timeout.py)."""


@dataclass(frozen=True)
class NodeInfo:
    """The facts that a node reports about itself."""

    name: str
    """Name of its system under test."""
    max_payload_bytes: int | None = None
    """The largest sample that it accepts; None: the node did not say."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name, _LONGEST_NAME))


@dataclass(frozen=True)
class Batch:
    """Samples that are sent to a node together. All arrays have shape (n,)."""

    keys: Uint64s
    """The keys by which the node's answers identify the samples."""
    indices: Uint64s
    """Indices in the sample library."""
    queries: Uint64s
    """Number of each sample's query. Samples of one query have the same number and follow one
    another."""
    payloads: list[Payload]

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class Answers:
    """Completed samples. All arrays have shape (n,)."""

    keys: Uint64s
    data: Sequence[bytes | memoryview]
    """The bytes of the responses."""
    n_tokens: Int64s
    received_ns: int
    """When their first byte arrived here, monotonic clock."""
    node_times_ns: Int64s | None = None
    """Times on this machine's clock, shape (n, 4): when the sample was received by the node, issued
    to the system under test, and completed by it, and when its answer was sent. None: the node does
    not report them."""


class LinkEvents(Protocol):
    """The events that a link reports to its owner."""

    def completed(self, link: Link, answers: Answers) -> None:
        """Samples were answered."""

    def first_tokens(self, link: Link, keys: Uint64s, data: Sequence[bytes | memoryview]) -> None:
        """The first tokens of samples have arrived."""

    def failed(self, link: Link, keys: Uint64s, reason: str) -> None:
        """Samples will not be answered, as the node reported or as this end found out."""

    def fault(self, link: Link, text: str) -> None:
        """A fault happened that costs no sample; it makes the result INVALID."""

    def lost(self, link: Link, reason: str) -> None:
        """The node is lost, with the samples it had."""

    def back(self, link: Link, info: NodeInfo) -> None:
        """A node that was lost can be used again."""

    def sent(self, link: Link, keys: Uint64s, sent_ns: int, begun_ns: int | None = None) -> None:
        """Samples were serialised and handed to the network. `begun_ns`: when the link started on
        them, if they had to wait for a connection; None: at once."""


class Link(ABC):
    """The connection to one node."""

    def __init__(self, address: str, events: LinkEvents) -> None:
        self.address = address
        self.events = events

    @abstractmethod
    async def begin(self, run: Run) -> NodeInfo:
        """Connects if necessary, and announces a test. Raises NetworkError if the node is not there
        within `run.connect_timeout_s`, or refuses the test."""

    @abstractmethod
    def send(self, batch: Batch) -> None:
        """Starts sending samples, without waiting. Each of them is reported to the events in the
        end."""

    def flush(self) -> None:  # noqa: B027  (an optional hook)
        """No more queries follow for now."""

    @abstractmethod
    async def end(self) -> None:
        """The test is over: forgets outstanding samples, and releases the connection."""

    def report(self) -> dict[str, Any]:
        """Facts about the test for the network log."""
        return {}


async def guarded(task: Coroutine[Any, Any, None]) -> None:
    """Guards a link's task: an error at this end, for example in a sample library, is reported to
    the loop at once, which ends the test."""
    try:
        await task
    except Exception as error:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": str(error), "exception": error})


LinkFactory: TypeAlias = Callable[..., Link]
