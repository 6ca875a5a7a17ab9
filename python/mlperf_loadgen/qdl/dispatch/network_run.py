"""A test over the network: its nodes, and the event loop in which it talks to them."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ... import _core
from ...systems.event_loop import EventLoopThread
from ..links.lane_link import LaneLink, lanes_of
from ..links.link import Link, LinkEvents, NodeInfo, Run
from .completions import Completions
from .dispatcher import Dispatcher
from .fleet import Fleet, Limits, Node
from .lanes import Lanes
from .network_report import NetworkReport, report_of
from .parcels import Library
from .receiver import Receiver
from .slots import SlotTable

_LONGEST_END_S = 10.0  # What is at something else for so long does not come to an end.


class NetworkWarning(UserWarning):
    """A fault of the network; the result says how it affected the test."""


class NetworkRun:
    """Everything that belongs to one test only, so that a thread that outlives its test cannot
    disturb a later one.

    Its methods are called in the thread that runs the test.
    """

    def __init__(
        self,
        thread: EventLoopThread,
        queue: _core.QueueSut,
        library: Library,
        limits: Limits,
        balance: str,
        end_on_loss: bool,
    ) -> None:
        self.fleet = Fleet(limits, balance)
        self.test = Completions()
        slots = SlotTable()
        self._thread = thread
        self._queue = queue
        self._library = library
        self._lanes: Lanes | None = None  # Samples travel over lanes.
        self._watching = False
        self._dispatcher = Dispatcher(
            queue, library, self.fleet, slots, self.test, self._watch_queue
        )
        self.receiver = Receiver(self.fleet, slots, self.test, end_on_loss, self._room_made)

    def begin(self, make_links: Callable[[LinkEvents], list[Link]], run: Run) -> None:
        """Waits for the nodes. Raises NetworkError if one is not there in time."""
        self._thread.run(self._begin(make_links, run))

    def samples_loaded(self, indices: Iterable[int]) -> None:
        """Prepares their payloads, if samples travel over lanes. Queries that want what is not
        prepared in the end wait for it.
        """
        if self._lanes is None:
            return
        self._lanes.dispatcher.keep_payloads()
        left = list(dict.fromkeys(indices))
        while left:
            try:
                left = self._thread.run(self._prepare(self._lanes, left), _LONGEST_END_S)
            except TimeoutError:
                return  # A query that wants it stalls, which ends the test.

    def samples_unloaded(self) -> None:
        if self._lanes is not None:
            self._lanes.dispatcher.forget_payloads()

    def flush(self) -> None:
        if self._lanes is not None:
            self._lanes.dispatcher.flush()
        else:
            self._thread.call(lambda: self._guard(self._dispatcher.flush))

    def end(self) -> NetworkReport:
        """Releases the nodes, and ends the thread."""
        self._cease()  # At once, whatever the loop is at.
        wait = True
        try:
            self._thread.run(self._end(), _LONGEST_END_S)
        except TimeoutError:
            self.test.faults["qsl[index] does not return: its thread is left behind"] = 1
            wait = False
        finally:
            self._thread.stop(wait)
            if self._lanes is not None:
                self._queue.forward_to(None)
                self._lanes.end()
        return report_of(self.fleet, self.test.faults, self.receiver.timings)

    # ---- In the loop -----------------------------------------------------------------------------

    async def _begin(self, make_links: Callable[[LinkEvents], list[Link]], run: Run) -> None:
        links = make_links(self.receiver)
        # The nodes are there before the first of them may say anything.
        self.fleet.nodes = [Node(link, i, NodeInfo("")) for i, link in enumerate(links)]
        try:
            infos = await _all([link.begin(run) for link in links])
            for node, info in zip(self.fleet.nodes, infos, strict=True):
                node.info = info
            await self._open_lanes(links, run)
        except BaseException:
            await asyncio.gather(*(link.end() for link in links), return_exceptions=True)
            raise
        asyncio.get_running_loop().set_exception_handler(self._escaped)
        if self._lanes is None:
            self._watch_queue(True)

    async def _open_lanes(self, links: list[Link], run: Run) -> None:
        """Has samples travel over lanes, if each node offers one that can be opened."""
        able = lanes_of(links)
        if able is None:
            for link in links:
                if isinstance(link, LaneLink) and link.offers_lane:
                    link.decline_lane("not all nodes offer a lane")
            return
        lanes = Lanes(
            self._library,
            self.fleet,
            self.test,
            self.receiver.timings,
            lambda function: self._thread.call(lambda: self._guard(function)),
        )
        trouble = await lanes.open(able, run.connect_timeout_s)
        if trouble:
            await self._begin_without_lanes(able, run, trouble)
            return
        self._lanes = lanes
        self.receiver.take_back = lanes.take_back
        self._thread.loop.add_reader(lanes.dispatcher.fileno(), self._guard, lanes.take)
        self._queue.forward_to(lanes.dispatcher)

    async def _begin_without_lanes(self, links: list[LaneLink], run: Run, why: str) -> None:
        """Begins anew: a node whose lane is closed again takes its load generator for lost."""
        for link in links:
            link.decline_lane(why)
        await asyncio.gather(*(link.end() for link in links))
        infos = await _all([link.begin(run) for link in links])
        for node, info in zip(self.fleet.nodes, infos, strict=True):
            node.info = info

    async def _prepare(self, lanes: Lanes, indices: list[int]) -> list[int]:
        """A turn of it. Returns those that are left."""
        return lanes.prepare_loaded(indices)

    def _room_made(self) -> None:
        if self._lanes is not None:
            self._lanes.dispatcher.dispatch()
        else:
            self._dispatcher.room_made()

    def _cease(self) -> None:
        self.test.end()
        if self._lanes is not None:
            self._lanes.dispatcher.cease()

    async def _end(self) -> None:
        if self._lanes is None:
            self._watch_queue(False)
        else:
            self._thread.loop.remove_reader(self._lanes.dispatcher.fileno())
            self._lanes.take()
            self._lanes.dispatcher.finish()
        links = [node.link for node in self.fleet.nodes]
        await asyncio.gather(*(link.end() for link in links), return_exceptions=True)

    def _watch_queue(self, on: bool) -> None:
        if on == self._watching:
            return
        self._watching = on
        loop, descriptor = self._thread.loop, self._queue.fileno()
        if on:
            loop.add_reader(descriptor, self._guard, self._dispatcher.dispatch)
        else:
            loop.remove_reader(descriptor)

    def _guard(self, function: Callable[[], object]) -> None:
        """What goes wrong in it, as in `qsl[index]`, ends the test."""
        try:
            function()
        except BaseException as error:
            self._raise(error)

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            self._raise(error)
        else:
            warnings.warn(str(context.get("message")), NetworkWarning, stacklevel=1)

    def _raise(self, error: BaseException) -> None:
        if not self.test.over:
            self._cease()
            self.test.end_by(error)


async def _all(coroutines: list[Coroutine[Any, Any, NodeInfo]]) -> list[NodeInfo]:
    """As gather, but the first failure cancels the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        raise
