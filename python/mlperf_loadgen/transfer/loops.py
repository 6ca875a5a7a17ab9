"""Awaiting in event loops: each loop watches a descriptor of its own, and whoever completes an
operation names there the futures that waited for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any
from weakref import WeakKeyDictionary

from .. import _transfer

_Future = asyncio.Future[None]
_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch] = WeakKeyDictionary()


class _Watch:
    """The descriptor that one loop watches, and the futures that it resolves."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.announcements = _transfer.Announcements()
        loop.add_reader(self.announcements.fileno(), self.resolve)

    def resolve(self) -> None:
        for future in self.announcements.take():
            if not future.done():  # It may be cancelled: the operation goes on without it.
                future.set_result(None)


async def announced(ask: Callable[[_transfer.Announcements, object], bool]) -> None:
    """Waits for what `ask(announcements, token)` asks for; at once if `ask` returns False, as what
    it is about has happened already."""
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = _Watch(loop)
    future = loop.create_future()
    if ask(watch.announcements, future):
        await future


def awaited(op: _transfer.Op) -> Generator[Any, None, None]:
    """What `await op` runs."""
    if not op.done:
        yield from announced(op.announce).__await__()
    op.wait()
