"""Hands queued samples to nodes and their answers to the load generator.

Everything here runs in one event loop. Samples wait in the queue of the load generator, which holds
ids only, until a node has room; a sample on its way has a slot, which its key names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _core
from .slots import SlotTable
from .timings import Timings
from .transport import (
    Answers,
    Batch,
    Int64s,
    Link,
    NetworkError,
    NodeInfo,
    Payload,
    Uint64s,
    encodable,
)

_MOST_TAKEN = 4096  # Samples taken out of the queue at a time.
_MOST_TOGETHER = 512  # Samples in a batch.
_MOST_BATCH_BYTES = 4 << 20
# Faster than this, what comes in a while travels together: a message each would cost more than the
# wait, and so cost the samples behind it more time.
_HIGH_PACE_QPS = 8_000
_PACE_NS = 10_000_000
_TOGETHER_S = 0.0003
_LONGEST_TURN_NS = 100_000_000
_MOST_FAULTS = 100  # Kinds of faults that are counted one by one.
_LONGEST_FAULT = 1000


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


class _Pace:
    """How fast samples come, over some milliseconds."""

    def __init__(self) -> None:
        self._count = 0
        self._since_ns = 0
        self._high = False

    def add(self, count: int) -> None:
        self._count += count

    def is_high(self, now_ns: int) -> bool:
        """True if more came than are worth a message each."""
        elapsed_ns = now_ns - self._since_ns
        if elapsed_ns > _PACE_NS:
            self._high = self._count * 1_000_000_000 > _HIGH_PACE_QPS * elapsed_ns
            self._count, self._since_ns = 0, now_ns
        return self._high


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
        self._pace = _Pace()
        self._is_blocked = False  # Something waits for room.
        self._flushing = False
        self._dispatching = False
        self._pausing = False
        self._last_query: np.uint64 | None = None  # Of which samples were sent.
        self._turn_ends_ns = 0
        self._over = False

    # ---- Towards the nodes -----------------------------------------------------------------------

    def dispatch(self) -> None:
        """Sends what waits, as far as nodes have room."""
        if self._dispatching:  # What is sent may fail at once; the loop below goes on.
            return
        self._dispatching = True
        self._turn_ends_ns = time.monotonic_ns() + _LONGEST_TURN_NS
        try:
            self._dispatch()
        finally:
            self._dispatching = self._pausing

    def _pause(self) -> None:
        """Goes on in the loop's next turn: payloads take their time, and answers and pings must
        come through."""

        def go_on() -> None:
            self._pausing = self._dispatching = False
            self.dispatch()

        self._pausing = True
        asyncio.get_running_loop().call_soon(go_on)

    def _dispatch(self) -> None:
        if not self._is_blocked and self._pace.is_high(time.monotonic_ns()):
            time.sleep(_TOGETHER_S)
        # Once: in a loop, arrivals as fast as they are sent would keep the answers out.
        if not len(self._waiting):
            self._waiting = self.queue.take(_MOST_TAKEN)
            self._pace.add(len(self._waiting))
        while len(self._waiting) and not self._over:
            if time.monotonic_ns() > self._turn_ends_ns:
                self._pause()
                return
            node = self._choose()
            if node is not None:
                sent = self._send(node, self._waiting[: self._count_for(node)])
                self._last_query = self._waiting["query"][sent - 1]
                self._waiting = self._waiting[sent:]
            elif any(node.usable for node in self.nodes):
                self._watch_queue(False)  # Until an answer makes room.
                self._is_blocked = True
                return
            else:
                self._fail_all_waiting()
        self._is_blocked = False
        self._watch_queue(not self._over)
        if self._flushing:
            self._flush_if_last()

    def _flush_if_last(self) -> None:
        self._waiting = self.queue.take(_MOST_TAKEN)
        if len(self._waiting):
            self._pause()
            return
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
        able = self._able()
        if not able:
            return None
        if self._round_robin:
            self._turn += 1
            return able[self._turn % len(able)]
        return min(able, key=lambda node: node.outstanding)

    def _able(self) -> list[Node]:
        """The nodes with room for the next query."""
        most = self.limits.samples - self._samples_together()
        return [
            node
            for node in self.nodes
            if node.usable
            and node.outstanding <= most
            and node.outstanding_bytes < self.limits.payload_bytes
        ]

    def _samples_together(self) -> int:
        """Samples of the next query; 1 if it is too large to go to a node whole, or has begun."""
        queries = self._waiting["query"]
        if len(queries) == 1 or queries[1] != queries[0] or queries[0] == self._last_query:
            return 1
        size = int(np.searchsorted(queries, queries[0], side="right"))
        return size if size <= min(_MOST_TOGETHER, self.limits.samples) else 1

    def _count_for(self, node: Node) -> int:
        """How many of the next samples are for a node, of whole queries unless one is very large:
        its share of what waits, so that other nodes with room get some as well."""
        room = min(self.limits.samples - node.outstanding, _MOST_TOGETHER)
        share = -(-len(self._waiting) // len(self._able()))
        count = min(max(share, self._samples_together()), room)
        queries = self._waiting["query"]
        if count < len(queries) and queries[count] == queries[count - 1]:
            begin, end = np.searchsorted(queries, [queries[count], queries[count] + np.uint64(1)])
            if begin > 0:  # Otherwise it is one that may be cut.
                count = int(end) if end <= room else int(begin)
        return count

    def _send(self, node: Node, samples: npt.NDArray[Any]) -> int:
        """Sends samples as far as there is room for their bytes, and time. Returns how many."""
        taken_ns = time.monotonic_ns()
        least = self._samples_together()
        start = 0
        while start < len(samples) and node.outstanding_bytes < self.limits.payload_bytes:
            if start >= least and time.monotonic_ns() > self._turn_ends_ns:
                break
            indices = samples["index"][start:].tolist()
            payloads, sizes, failure = self._payloads(node, indices, least - start)
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
        return start

    def _payloads(
        self, node: Node, indices: list[int], least: int
    ) -> tuple[list[Payload], list[int], str]:
        """Payloads up to a message's worth, or `least` if the turn has ended by then; their sizes,
        and why the one after them cannot be sent, empty if it can."""
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
            late = len(payloads) >= least and time.monotonic_ns() > self._turn_ends_ns
            if late or total >= _MOST_BATCH_BYTES:
                break
        return payloads, sizes, ""

    # ---- LinkEvents ------------------------------------------------------------------------------

    def sent(self, link: Link, keys: Uint64s, sent_ns: int) -> None:
        self._slots.mark_sent(keys, sent_ns)

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
        rows = self._release(node, numbers)
        completed_ns = time.monotonic_ns()
        if not self._over:
            _core.complete(rows["id"], data, n_tokens)
        node.answered += len(numbers)
        self._record(rows, node_times_ns, answers.received_ns, completed_ns)
        if self._is_blocked:
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
        rows = self._release(node, numbers[good])
        node.failed += len(rows)
        self._fail(rows["id"], f"{link.address}: {reason}")
        if self._is_blocked:
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
        # Before its samples fail, which may be the end of what can raise it.
        if self._end_on_loss:
            self._give_up(text)
        elif not any(node.usable for node in self.nodes):
            self._give_up(f"{text}; no other node is left")
        rows = self._release(node, self._slots.of_node(node.number))
        node.failed += len(rows)
        if len(rows):
            self._fail(rows["id"], text)
        else:
            self._tell_of_fault(text, 1)
        self.dispatch()

    def back(self, link: Link, info: NodeInfo) -> None:
        node = self._node(link)
        node.info = info
        node.usable = True
        self.dispatch()

    # ---- What follows from them ------------------------------------------------------------------

    def _node(self, link: Link) -> Node:
        return next(node for node in self.nodes if node.link is link)

    def _on_their_way(self, node: Node, keys: Uint64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """The slots of keys, and which keys are of samples the node has; others are a fault."""
        numbers, good = self._slots.find(node.number, keys)
        if not good.all():
            text = "answered samples that it did not have, or had answered before"
            self._fault(node.link, text, int((~good).sum()))
        return numbers, good

    def _release(self, node: Node, numbers: Int64s) -> npt.NDArray[Any]:
        rows, size = self._slots.release(numbers)
        node.outstanding -= len(numbers)
        node.outstanding_bytes -= size
        return rows

    def _fault(self, link: Link, text: str, count: int) -> None:
        self._tell_of_fault(f"{link.address}: {text}", count)

    def _tell_of_fault(self, text: str, count: int) -> None:
        text = self._count(text, count)
        if not self._over:
            _core.fail([], text)

    def _fail(self, ids: Uint64s, reason: str) -> None:
        if len(ids) and not self._over:
            _core.fail(ids, self._count(reason, len(ids)))

    def _count(self, fault: str, count: int) -> str:
        """Returns its text, which a node may have made longer than is good."""
        text = fault if len(fault) <= _LONGEST_FAULT else fault[:_LONGEST_FAULT] + " ..."
        text = encodable(text)
        known = text in self.faults or len(self.faults) < _MOST_FAULTS
        key = text if known else "faults of other kinds"
        self.faults[key] = self.faults.get(key, 0) + count
        return text

    def _fail_all_waiting(self) -> None:
        self._fail(self._waiting["id"], "no node is left to send it to")
        self._waiting = self._waiting[:0]

    def _give_up(self, text: str) -> None:
        # A set that has just ended, or not begun, is no place to raise it.
        if not self._over:
            end_test_by(NetworkError(text))

    def _record(
        self,
        rows: npt.NDArray[Any],
        node_times_ns: Int64s | None,
        received_ns: int,
        completed_ns: int,
    ) -> None:
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


def end_test_by(error: BaseException) -> None:
    """Has StartTest raise it; a test on another machine is told of it and aborted."""
    if not _core.raise_in_test(error):
        _core.fail([], encodable(f"{type(error).__name__}: {error}"))
        _core.AbortTest()


def payload_bytes(payload: Payload) -> int:
    """The bytes of a payload's parts, as far as that is known without encoding it."""
    if isinstance(payload, (bytes, bytearray, str)):
        return len(payload)
    if isinstance(payload, dict):
        return sum(payload_bytes(part) for part in payload.values())
    if isinstance(payload, (list, tuple)):
        return sum(payload_bytes(part) for part in payload)
    return int(getattr(payload, "nbytes", 0))  # 0: a number, or what the link will not send.
