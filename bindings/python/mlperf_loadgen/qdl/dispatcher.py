"""Hands queued samples to nodes and their answers to the load generator.

Everything here runs in one event loop. Samples wait in the queue of the load generator, which holds
ids only, until a node has room; a sample on its way has a slot, which its key names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _core
from .slots import SlotTable
from .timings import ROW, Timings
from .transport import Answers, Batch, Link, NetworkError, NodeInfo, Payload, Uint64s

_MOST_TAKEN = 4096  # Samples taken out of the queue at a time.
_MOST_TOGETHER = 512  # Samples in a batch.
_MOST_BATCH_BYTES = 4 << 20
_SEQUENCE_BITS = 40  # Of a response id: the sample's number in its test.


class Library(Protocol):
    """What payloads come from: a sample library that can be indexed."""

    def __getitem__(self, index: int, /) -> Payload: ...


@dataclass
class Node:
    """A node and what is on its way to it."""

    link: Link
    number: int
    info: NodeInfo
    usable: bool = True
    outstanding: int = 0
    outstanding_bytes: int = 0
    answered: int = 0
    failed: int = 0
    losses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Limits:
    """How much may be on its way to each node."""

    samples: int
    payload_bytes: int


class Dispatcher:
    """Implements LinkEvents for the links of `nodes`.

    `balance`: "round_robin" or "least_outstanding". `watch_queue(on)`: whether `dispatch` is to be
    called when something comes into the queue.
    """

    def __init__(
        self,
        queue: _core.QueueSut,
        library: Library,
        limits: Limits,
        balance: str,
        end_on_loss: bool,
        watch_queue: Callable[[bool], None],
    ) -> None:
        self.queue = queue
        self.library = library
        self.limits = limits
        self.nodes: list[Node] = []
        self.timings = Timings()
        self.faults: dict[str, int] = {}
        self._round_robin = balance == "round_robin"
        self._end_on_loss = end_on_loss
        self._watch_queue = watch_queue
        self._turn = 0
        self._waiting: npt.NDArray[Any] = queue.take(0)
        self._slots = SlotTable()
        self._flushing = False
        self._over = False

    # ---- Towards the nodes -----------------------------------------------------------------------

    def dispatch(self) -> None:
        """Sends what waits, as far as nodes have room."""
        while not self._over:
            if not len(self._waiting):
                self._waiting = self.queue.take(_MOST_TAKEN)
                if not len(self._waiting):
                    break
            node = self._choose()
            if node is not None:
                self._send(node, self._next_samples(node))
            elif any(node.usable for node in self.nodes):
                self._watch_queue(False)  # Until an answer makes room.
                return
            else:
                self._fail_all_waiting()
        self._watch_queue(not self._over)
        if self._flushing:
            self._flushing = False
            for node in self.nodes:
                if node.usable:
                    node.link.flush()

    def flush(self) -> None:
        """Passes a flush on, behind what was issued before it."""
        self._flushing = True
        self.dispatch()

    def stop(self) -> None:
        """Sends and tells nothing any more."""
        self._over = True

    def _choose(self) -> Node | None:
        able = [node for node in self.nodes if self._is_able(node)]
        if not able:
            return None
        if self._round_robin:
            self._turn += 1
            return able[self._turn % len(able)]
        return min(able, key=lambda node: node.outstanding)

    def _is_able(self, node: Node) -> bool:
        return (
            node.usable
            and node.outstanding < self.limits.samples
            and node.outstanding_bytes < self.limits.payload_bytes
        )

    def _next_samples(self, node: Node) -> npt.NDArray[Any]:
        """The next samples for a node, of whole queries unless one is very large: its share of
        what waits, so that other nodes with room get some as well."""
        able = sum(map(self._is_able, self.nodes))
        room = self.limits.samples - node.outstanding
        count = min(-(-len(self._waiting) // able), room, _MOST_TOGETHER)
        queries = self._waiting["query"]
        if count < len(queries) and queries[count] == queries[count - 1]:
            begin, end = np.searchsorted(queries, [queries[count], queries[count] + np.uint64(1)])
            count = int(end) if end <= _MOST_TOGETHER else int(begin) or count
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _send(self, node: Node, samples: npt.NDArray[Any]) -> None:
        taken_ns = time.monotonic_ns()
        start = 0
        while start < len(samples):
            payloads, sizes, failure = self._payloads(node, samples["index"][start:].tolist())
            part = samples[start : start + len(payloads)]
            if len(part):
                keys = self._slots.occupy(node.number, part, sizes, taken_ns)
                node.outstanding += len(part)
                node.outstanding_bytes += sum(sizes)
                node.link.send(Batch(keys, part["index"], part["query"], payloads))
            start += len(payloads)
            if failure:
                self._fail(samples["id"][start : start + 1], failure)
                start += 1

    def _payloads(self, node: Node, indices: list[int]) -> tuple[list[Payload], list[int], str]:
        """Payloads up to a message's worth, their sizes, and why the one after them cannot be
        sent; empty if it can."""
        payloads: list[Payload] = []
        sizes: list[int] = []
        total = 0
        limit = node.info.max_payload_bytes
        for index in indices:
            payload = self.library[index]
            size = payload_bytes(payload)
            if limit is not None and size > limit:
                return payloads, sizes, _too_large(node, index, size)
            payloads.append(payload)
            sizes.append(size)
            total += size
            if total >= _MOST_BATCH_BYTES:
                break
        return payloads, sizes, ""

    # ---- LinkEvents ------------------------------------------------------------------------------

    def sent(self, link: Link, keys: Uint64s, sent_ns: int) -> None:
        self._slots.mark_sent(self._node(link).number, keys, sent_ns)

    def completed(self, link: Link, answers: Answers) -> None:
        node = self._node(link)
        numbers, good = self._on_their_way(node, answers.keys)
        data, n_tokens, node_times_ns = answers.data, answers.n_tokens, answers.node_times_ns
        if not good.all():
            numbers, n_tokens = numbers[good], n_tokens[good]
            data = [one for one, is_good in zip(data, good.tolist(), strict=True) if is_good]
            node_times_ns = node_times_ns[good] if node_times_ns is not None else None
        if len(numbers) == 0:
            return
        slots = self._release(node, numbers)
        completed_ns = time.monotonic_ns()
        if not self._over:
            _core.complete(slots["id"], data, n_tokens)
        node.answered += len(numbers)
        self._record(node, slots, node_times_ns, answers.received_ns, completed_ns)
        self.dispatch()

    def first_tokens(self, link: Link, keys: Uint64s, data: Sequence[bytes | memoryview]) -> None:
        numbers, good = self._on_their_way(self._node(link), keys)
        responses, views = [], []
        for number, part in zip(numbers[good].tolist(), np.flatnonzero(good).tolist(), strict=True):
            view = np.frombuffer(data[part], np.uint8)
            views.append(view)  # Kept until the call below has read it.
            address = view.ctypes.data if len(view) else 0
            response_id = int(self._slots.rows["id"][number])
            responses.append(_core.QuerySampleResponse(response_id, address, len(view)))
        if not self._over:
            _core.FirstTokenComplete(responses)

    def failed(self, link: Link, keys: Uint64s, reason: str) -> None:
        node = self._node(link)
        numbers, good = self._on_their_way(node, keys)
        slots = self._release(node, numbers[good])
        node.failed += len(slots)
        self._fail(slots["id"], f"{link.address}: {reason}")
        self.dispatch()

    def fault(self, link: Link, text: str) -> None:
        self._fault(link, text, 1)

    def lost(self, link: Link, reason: str) -> None:
        node = self._node(link)
        if not node.usable:
            return
        node.usable = False
        node.losses.append(reason)
        text = f"node {link.address} is lost: {reason}"
        slots = self._release(node, self._slots.of_node(node.number))
        node.failed += len(slots)
        self._fail(slots["id"], text)
        if self._end_on_loss:
            self._give_up(text)
        elif not any(node.usable for node in self.nodes):
            self._give_up(f"{text}; no other node is left")
        self.dispatch()

    def back(self, link: Link, info: NodeInfo) -> None:
        node = self._node(link)
        node.info = info
        node.usable = True
        self.dispatch()

    # ---- What follows from them ------------------------------------------------------------------

    def _node(self, link: Link) -> Node:
        return next(node for node in self.nodes if node.link is link)

    def _on_their_way(
        self, node: Node, keys: Uint64s
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The slots of keys, and which keys are of samples the node has; others are a fault."""
        numbers, good = self._slots.find(node.number, keys)
        if not good.all():
            text = "answered samples that it did not have, or had answered before"
            self._fault(node.link, text, int((~good).sum()))
        return numbers, good

    def _release(self, node: Node, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        slots = self._slots.release(numbers)
        node.outstanding -= len(numbers)
        node.outstanding_bytes -= int(slots["bytes"].sum())
        return slots

    def _fault(self, link: Link, text: str, count: int) -> None:
        text = f"{link.address}: {text}"
        self.faults[text] = self.faults.get(text, 0) + count
        if not self._over:
            _core.fail([], text)

    def _fail(self, ids: Uint64s, reason: str) -> None:
        if len(ids) and not self._over:
            self.faults[reason] = self.faults.get(reason, 0) + len(ids)
            _core.fail(ids, reason)

    def _fail_all_waiting(self) -> None:
        self._fail(self._waiting["id"], "no node is left to send it to")
        self._waiting = self._waiting[:0]

    def _give_up(self, text: str) -> None:
        # A set that has just ended, or not begun, is no place to raise it.
        if not self._over and not _core.raise_in_test(NetworkError(text)):
            _core.AbortTest()

    def _record(
        self,
        node: Node,
        slots: npt.NDArray[Any],
        node_times_ns: npt.NDArray[np.int64] | None,
        received_ns: int,
        completed_ns: int,
    ) -> None:
        rows = np.zeros(len(slots), ROW)
        rows["sequence_id"] = slots["id"] & np.uint64((1 << _SEQUENCE_BITS) - 1)
        rows["node"] = node.number
        for name in ("index", "issued_ns", "taken_ns", "sent_ns"):
            rows[name] = slots[name]
        if node_times_ns is not None:
            rows["node_received_ns"] = node_times_ns[:, 0]
            rows["node_issued_ns"] = node_times_ns[:, 1]
            rows["node_completed_ns"] = node_times_ns[:, 2]
            rows["node_sent_ns"] = node_times_ns[:, 3]
        rows["received_ns"] = received_ns
        rows["completed_ns"] = completed_ns
        self.timings.add(rows)


def _too_large(node: Node, index: int, size: int) -> str:
    return (
        f"{node.link.address}: sample {index} has {size} bytes, more than the "
        f"{node.info.max_payload_bytes} the node takes: serve with a higher max_payload_bytes"
    )


def payload_bytes(payload: Payload) -> int:
    """The bytes of a payload's parts, as far as that is known without encoding it."""
    if isinstance(payload, (np.ndarray, memoryview)):
        return payload.nbytes
    if isinstance(payload, dict):
        return sum(payload_bytes(part) for part in payload.values())
    if isinstance(payload, (list, tuple)):
        return sum(payload_bytes(part) for part in payload)
    return len(payload)
