"""Watches nodes: one that is silent for longer than `node_timeout_s` is lost, and may come back.

Each transport says when it last heard of its node (`_look` in zmq.py and request.py). In the other
direction, a node gives up a silent load generator: `_forget_the_silent` in qdl/node/talker.py.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from .link import Link, LinkEvents, NodeInfo, Run, guarded

QUESTIONS_A_TIMEOUT = 8
"""How often a silent node is asked whether it is there, before it counts as lost."""
_SHORTEST_TRY_S = 1.0


class WatchedLink(Link):
    """A link that gives up its node when it is silent for longer than `node_timeout_s` or the
    connection breaks, and takes it back when it returns."""

    _run: Run
    _loop: asyncio.AbstractEventLoop
    _last_heard: float
    """When something came from the node, on the clock of the loop."""

    def __init__(self, address: str, events: LinkEvents) -> None:
        super().__init__(address, events)
        self._in_use = False
        self._ended = False  # For good.
        self._watcher: asyncio.Task[None] | None = None

    # ---- What a transport implements -------------------------------------------------------------

    @abstractmethod
    async def _look(self, interval_s: float) -> None:
        """Asks whether the node is there, as is its way, and loses it (`_lose`) if it is not.
        Called each `interval_s` while the node is in use."""

    @abstractmethod
    async def _try_again(self, timeout_s: float) -> NodeInfo | None:
        """Connects to a lost node anew. None: it is not there, or not ready."""

    @abstractmethod
    def _let_go(self) -> None:
        """The node is lost: forgets what it had, and its connection."""

    # ---- Being watched ---------------------------------------------------------------------------

    def _hear(self) -> None:
        """Something came from the node."""
        self._last_heard = self._loop.time()

    def _begin_watching(self) -> None:
        self._in_use = True
        self._watcher = self._loop.create_task(guarded(self._watch()))

    async def _end_watching(self) -> None:
        self._ended = True  # Before Python 3.12 asyncio.wait_for may lose a cancellation.
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None

    async def _watch(self) -> None:
        interval_s = self._run.node_timeout_s / QUESTIONS_A_TIMEOUT
        while not self._ended:
            await asyncio.sleep(interval_s)
            if self._in_use:
                await self._look(interval_s)
                continue
            info = await self._try_again(max(interval_s, _SHORTEST_TRY_S))
            if info is not None and not self._ended:
                self._in_use = True
                self.events.back(self, info)

    def _lose(self, reason: str) -> None:
        if self._in_use:
            self._in_use = False
            self._let_go()
            self.events.lost(self, reason)
