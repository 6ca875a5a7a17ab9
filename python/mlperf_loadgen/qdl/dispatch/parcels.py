"""The samples that go to a node together, and their payloads while these are fetched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ... import _core
from ..links.link import Payload
from .fleet import Limits, Node

_MOST_TAKEN = 4096  # Samples taken out of the queue at a time.
_MOST_TOGETHER = 512  # Samples in a parcel.
_MOST_BYTES = 4 << 20  # Of a parcel, unless one query has more; the last sample may go beyond.


class Library(Protocol):
    """The source of payloads: a sample library that can be indexed."""

    def __getitem__(self, index: int, /) -> Payload: ...


class Backlog:
    """Samples that were taken out of the queue and wait for a node with room.

    A query goes to a node whole, unless it has more samples or bytes than may be outstanding at a
    node.
    """

    def __init__(self, queue: _core.QueueSut, limits: Limits) -> None:
        self._queue = queue
        self._limits = limits
        self._most_whole = min(_MOST_TOGETHER, limits.samples)
        self._begun: np.uint64 | None = None  # The query of the last sample that went.
        self.rows: npt.NDArray[Any] = queue.take(0)

    def __len__(self) -> int:
        return len(self.rows)

    def refill(self) -> int:
        """Takes more if nothing is left. Returns how many came."""
        if len(self.rows):
            return 0
        self.rows = self._queue.take(_MOST_TAKEN)
        return len(self.rows)

    def together(self) -> int:
        """Samples of the next query; 1 if it has begun, or is one to be cut."""
        queries = self.rows["query"]
        if len(queries) == 1 or queries[1] != queries[0] or queries[0] == self._begun:
            return 1
        size = int(np.searchsorted(queries, queries[0], side="right"))
        return size if size <= self._most_whole else 1

    def parcel(self, node: Node, nodes_with_room: int) -> Parcel:
        """The node's share of the waiting samples, so that other nodes with room get some as well.
        Samples stay here until `drop`."""
        samples = self.rows[: self._count_for(node, nodes_with_room)]
        cut = samples["query"][0] if self.together() == 1 else None
        room_bytes = self._limits.payload_bytes - node.outstanding_bytes
        most_bytes = min(room_bytes, _MOST_BYTES)
        return Parcel(node, samples, cut, most_bytes, self._limits.payload_bytes)

    def _count_for(self, node: Node, nodes_with_room: int) -> int:
        """How many samples to send: whole queries, unless the next one is to be cut."""
        room = min(self._limits.samples - node.outstanding, _MOST_TOGETHER)
        share = -(-len(self.rows) // nodes_with_room)
        count = min(max(share, self.together()), room)
        queries = self.rows["query"]
        if count < len(queries) and queries[count] == queries[count - 1]:
            begin, end = np.searchsorted(queries, [queries[count], queries[count] + np.uint64(1)])
            if begin > 0:  # If not, it is one that may be cut.
                count = int(end) if end <= room else int(begin)
        return count

    def drop(self, count: int) -> npt.NDArray[Any]:
        """Removes the next `count` samples, at least one, and returns them."""
        gone, self.rows = self.rows[:count], self.rows[count:]
        self._begun = gone["query"][-1]
        return gone


class Parcel:
    """Samples for a node, of which the first `count` are packed.

    `cut`: a query that need not stay whole, None if there is none. Once the payloads have
    `most_bytes`, it ends with the query, and with `most_whole_bytes` at once.
    """

    def __init__(
        self,
        node: Node,
        samples: npt.NDArray[Any],
        cut: np.uint64 | None,
        most_bytes: int,
        most_whole_bytes: int,
    ) -> None:
        self.node = node
        self.taken_ns = time.monotonic_ns()  # From now on it is no longer the queue's.
        self.count = 0
        self.payloads: list[Payload] = []
        self.sizes: list[int] = []  # Bytes of each payload.
        self.refused: dict[int, str] = {}  # Why, by place among the samples.
        self._indices: list[int] = samples["index"].tolist()
        self._queries = samples["query"]
        self._cut = cut
        self._bytes = 0
        self._most_bytes = most_bytes
        self._most_whole_bytes = most_whole_bytes

    def pack(self, library: Library, until_ns: int) -> bool:
        """Fetches payloads until it may be sent, or that time. Returns whether it may be."""
        limit = self.node.info.max_payload_bytes
        while self.count < len(self._indices):
            index = self._indices[self.count]
            payload = library[index]
            size = payload_bytes(payload)
            if limit is not None and size > limit:
                self.refused[self.count] = _too_large(self.node, index, size)
            else:
                self.payloads.append(payload)
                self.sizes.append(size)
                self._bytes += size
            self.count += 1
            late = time.monotonic_ns() > until_ns
            if (late or self._bytes >= self._most_bytes) and self._may_end():
                return True
            if late:
                return False
        return True

    def _may_end(self) -> bool:
        """Whether no query would be cut here that can stay whole."""
        queries, end = self._queries, self.count
        if end == len(queries) or self._bytes >= self._most_whole_bytes:
            return True
        return bool(queries[end] != queries[end - 1] or queries[end] == self._cut)


def payload_bytes(payload: Payload) -> int:
    """The bytes of a payload's parts, as far as that is known without encoding it."""
    if isinstance(payload, (bytes, bytearray, str)):
        return len(payload)
    if isinstance(payload, Mapping):
        return sum(payload_bytes(part) for part in payload.values())
    if isinstance(payload, (list, tuple)):
        return sum(payload_bytes(part) for part in payload)
    return int(getattr(payload, "nbytes", 0))  # 0: a number, or what the link will not send.


def _too_large(node: Node, index: int, size: int) -> str:
    return (
        f"{node.link.address}: sample {index} has {size} bytes, more than the "
        f"{node.info.max_payload_bytes} the node takes: serve with a higher max_payload_bytes"
    )
