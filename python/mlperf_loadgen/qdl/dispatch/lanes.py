"""A test whose samples travel over lanes: what is left to Python of it.

Queries go out and answers come back in C++ (`_core.LaneDispatcher`). Here payloads are fetched when
samples are loaded, or wait for them, and what is rare is passed on: samples that fail, faults, lost
nodes. All of it happens in the event loop of the links.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ... import _core
from ..links.lane_link import LaneLink, all_opened
from ..links.link import Uint64s, shown
from ..wire.payload import flatten
from . import parcels
from .completions import Completions
from .fleet import Fleet, Node
from .receiver import UNKNOWN_ANSWERS
from .timings import Timings

# Payloads beyond this are fetched each time that their sample is sent.
_MOST_PREPARED_BYTES = 1 << 30
_FETCHED_AT_A_TIME = 64
_MOST_FETCHED_BYTES = 4 << 20  # Before they are sent.
_LONGEST_TURN_NS = 100_000_000
# The control connection may know better why a node has closed its lane.
_REASON_LIMIT_S = 0.2

_FAILED, _REFUSED, _FAULT, _UNKNOWN, _ABORTED, _BROKEN = range(6)


class Lanes:
    """The lanes of a test. `soon` has the event loop call a function."""

    def __init__(
        self,
        library: parcels.Library,
        fleet: Fleet,
        test: Completions,
        timings: Timings,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._library = library
        self._fleet = fleet
        self._test = test
        self._timings = timings
        self._soon = soon
        self._fetching = False
        self.dispatcher = _core.LaneDispatcher(
            len(fleet.nodes),
            fleet.limits.samples,
            fleet.limits.payload_bytes,
            fleet.round_robin,
            _MOST_PREPARED_BYTES,
        )

    async def open(self, links: list[LaneLink], timeout_s: float) -> str:
        """Opens a lane to each node. Returns why it cannot, empty if it did."""
        nodes = self._fleet.nodes
        trouble = await all_opened(
            [
                link.open_lane(self.dispatcher, node.number, node.info, timeout_s)
                for link, node in zip(links, nodes, strict=True)
            ]
        )
        if trouble:
            self.dispatcher.stop()
        else:
            for node in nodes:
                node.answered_by_lane = self.dispatcher.answered_by
        return trouble

    def take_back(self, node: Node) -> Uint64s:
        """The ids of the samples that a lost node had."""
        return self.dispatcher.lose(node.number)

    def take(self) -> None:
        """Called when the dispatcher has something to report, or wants payloads."""
        for event in self.dispatcher.take_events():
            self._pass_on(*event)
        rows = self.dispatcher.take_rows()
        if len(rows):
            self._timings.add(rows)
        if not self._fetching:
            self._fetch()

    def prepare_loaded(self, indices: list[int]) -> list[int]:
        """Prepares payloads for as long as a turn of the loop may take. Returns the samples that
        are left: none if no more fit.
        """
        turn_ends_ns = time.monotonic_ns() + _LONGEST_TURN_NS
        for place, index in enumerate(indices):
            if self._test.over:
                return []
            if time.monotonic_ns() > turn_ends_ns:
                return indices[place:]
            try:
                kept, _ = self._prepare(index)
            except Exception:  # It ends the test if a query wants the sample, which raises again.
                continue
            if not kept:
                return []
        return []

    def end(self) -> None:
        """Called when nothing is sent any more, in any thread."""
        self.dispatcher.stop()
        rows = self.dispatcher.take_rows()
        if len(rows):
            self._timings.add(rows)

    def _pass_on(self, kind: int, number: int, ids: Uint64s, data: bytes, count: int) -> None:
        node = self._fleet.nodes[number]
        link, said = node.link, str(data, "utf-8", "replace")
        assert isinstance(link, LaneLink)
        if kind == _FAILED:
            node.failed += len(ids)
            self._test.fail(ids, f"{link.address}: {shown(said)}")
        elif kind == _REFUSED:
            self._test.fail(ids, said)
        elif kind == _FAULT:
            self._test.fault(f"{link.address}: {shown(said)}")
        elif kind == _UNKNOWN:
            self._test.fault(f"{link.address}: {UNKNOWN_ANSWERS}", count)
        elif kind == _ABORTED:
            link.give_up(shown(said))
        elif kind == _BROKEN:
            link.lane_broke(shown(said), _REASON_LIMIT_S)

    def _fetch(self) -> None:
        """Fetches what is wanted, for as long as a turn of the loop may take."""
        turn_ends_ns = time.monotonic_ns() + _LONGEST_TURN_NS
        while not self._test.over:
            wanted = self.dispatcher.wanted(_FETCHED_AT_A_TIME)
            if not wanted:
                return
            fetched_bytes = 0
            for index in wanted:
                _, size = self._prepare(index)
                fetched_bytes += size
                if fetched_bytes >= _MOST_FETCHED_BYTES or time.monotonic_ns() > turn_ends_ns:
                    break
            self.dispatcher.dispatch()
            if time.monotonic_ns() > turn_ends_ns:
                self._fetching = True
                self._soon(self._go_on)
                return

    def _go_on(self) -> None:
        self._fetching = False
        self._fetch()

    def _prepare(self, index: int) -> tuple[bool, int]:
        """Returns whether a sample's payload is kept, and its bytes."""
        payload = self._library[index]
        size = parcels.payload_bytes(payload)
        try:
            layout, parts = flatten(payload)
        except (TypeError, ValueError) as error:
            self.dispatcher.refuse(index, str(error))
            return True, size
        return self.dispatcher.prepare(index, layout.to_json(), parts, size), size
