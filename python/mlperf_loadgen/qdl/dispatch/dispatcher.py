"""Hands queued samples to nodes.

Everything here runs in one event loop. Samples wait in the queue of the load generator, which holds
ids only, until a node has room. An outstanding sample has a slot, which its key identifies. Answers
go through `receiver.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np

from ... import _core
from ..links.link import Batch
from .completions import Completions
from .fleet import Fleet
from .parcels import Backlog, Library, Parcel
from .slots import SlotTable

# Faster than this, what comes in a while travels together: a message each would cost more than the
# wait, and so cost the samples behind it more time.
_HIGH_PACE_QPS = 8_000
_PACE_NS = 10_000_000
_TOGETHER_S = 0.0003
# Payloads take their time, and answers and pings must come through.
_LONGEST_TURN_NS = 100_000_000


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
    """Sends waiting samples, as far as nodes have room.

    `watch_queue(on)`: says whether `dispatch` is to be called when a query comes into the queue.
    """

    def __init__(
        self,
        queue: _core.QueueSut,
        library: Library,
        fleet: Fleet,
        slots: SlotTable,
        test: Completions,
        watch_queue: Callable[[bool], None],
    ) -> None:
        self._library = library
        self._fleet = fleet
        self._slots = slots
        self._test = test
        self._watch_queue = watch_queue
        self._backlog = Backlog(queue, fleet.limits)
        self._parcel: Parcel | None = None  # Being packed.
        self._pace = _Pace()
        self._blocked = False  # Something waits for room.
        self._flushing = False
        self._dispatching = False
        self._pausing = False
        self._turn_ends_ns = 0

    def dispatch(self) -> None:
        """Called when a query has come into the queue."""
        if self._dispatching:  # What is sent may fail at once; the loop below goes on.
            return
        if self._test.over:  # What comes into the queue now is another's.
            self._watch_queue(False)
            return
        self._dispatching = True
        self._turn_ends_ns = time.monotonic_ns() + _LONGEST_TURN_NS
        try:
            self._dispatch()
        finally:
            self._dispatching = self._pausing

    def room_made(self) -> None:
        """Called when a node may take more samples, or is lost."""
        if self._blocked:
            self.dispatch()

    def flush(self) -> None:
        """Passes a flush on, after the queries that were issued before it."""
        self._flushing = True
        self.dispatch()

    def _dispatch(self) -> None:
        if not self._blocked and self._pace.is_high(time.monotonic_ns()):
            time.sleep(_TOGETHER_S)
        # Once: in a loop, arrivals as fast as they are sent would keep the answers out.
        self._pace.add(self._backlog.refill())
        while len(self._backlog) and not self._test.over:
            if time.monotonic_ns() > self._turn_ends_ns:
                self._pause()
                return
            if not self._fleet.usable:
                gone = self._backlog.drop(len(self._backlog))
                self._test.fail(gone["id"], "no node is left to send it to")
                break
            parcel = self._next_parcel()
            if parcel is None:
                self._watch_queue(False)  # Until an answer makes room.
                self._blocked = True
                return
            if parcel.pack(self._library, self._turn_ends_ns) and not self._test.over:
                self._send(parcel)
        self._blocked = False
        self._watch_queue(not self._test.over)
        if self._flushing:
            self._flush_if_last()

    def _pause(self) -> None:
        """Goes on in the loop's next turn."""

        def go_on() -> None:
            self._pausing = self._dispatching = False
            self.dispatch()

        self._pausing = True
        asyncio.get_running_loop().call_soon(go_on)

    def _flush_if_last(self) -> None:
        if self._backlog.refill():
            self._pause()
            return
        self._flushing = False
        for node in self._fleet.usable:
            node.link.flush()

    def _next_parcel(self) -> Parcel | None:
        """The one being packed, or else one for the node whose turn it is; None: none has room."""
        if self._parcel is not None and self._parcel.node.usable:
            return self._parcel
        able = self._fleet.with_room(self._backlog.together())
        if not able:
            return None
        self._parcel = self._backlog.parcel(self._fleet.choose(able), len(able))
        return self._parcel

    def _send(self, parcel: Parcel) -> None:
        self._parcel = None
        samples = self._backlog.drop(parcel.count)
        if parcel.refused:
            for place, reason in parcel.refused.items():
                self._test.fail(samples["id"][place : place + 1], reason)
            samples = np.delete(samples, list(parcel.refused))
        if len(samples) == 0:
            return
        node = parcel.node
        keys = self._slots.occupy(node.number, samples, parcel.sizes, parcel.taken_ns)
        node.outstanding += len(samples)
        node.outstanding_bytes += sum(parcel.sizes)
        node.link.send(Batch(keys, samples["index"], samples["query"], parcel.payloads))
