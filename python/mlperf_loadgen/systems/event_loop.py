"""An asyncio event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..host.threads import require_unpatched

_Value = TypeVar("_Value")


def _new_loop(name: str) -> asyncio.AbstractEventLoop:
    require_unpatched(name, "threads")
    try:
        import uvloop
    except ImportError:
        require_unpatched(name, "selectors")  # Which uvloop does without.
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class EventLoopThread:
    """Runs a loop (uvloop's if it is installed) until `stop`.

    Raises RuntimeError in a process whose threads are not real (`require_unpatched`).
    """

    def __init__(self, name: str) -> None:
        self.loop = _new_loop(name)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Value], timeout_s: float | None = None) -> _Value:
        """Runs a coroutine in the loop, waits for it and returns its result.

        After `timeout_s` it is cancelled, and TimeoutError is raised.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout_s)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError(f"no end after {timeout_s} s") from None
        except BaseException:  # Ctrl-C, say.
            future.cancel()
            raise

    def call(self, function: Callable[[], object]) -> None:
        """Has the loop call a function soon."""
        self.loop.call_soon_threadsafe(function)

    def stop(self, wait: bool = True) -> None:
        """Cancels all tasks and ends the thread: at once, or, without waiting for it, when the loop
        gets to it. May be called more than once."""
        if self._thread.is_alive() and not self.loop.is_closed():
            self._stopping = True
            self.loop.call_soon_threadsafe(self.loop.stop)
            if wait:
                self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            while not self._stopping:
                with contextlib.suppress(SystemExit, KeyboardInterrupt):  # The task has it as well.
                    self.loop.run_forever()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            self.loop.close()
