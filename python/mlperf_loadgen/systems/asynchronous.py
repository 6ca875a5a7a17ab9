"""Systems under test written with async and await: `AsyncSystemUnderTest`."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from .. import _core
from .event_loop import EventLoopThread
from .queued import QueuedSystem

_ALL = 1 << 62  # Taken from the queue at a time: a query must not be cut.


class AsyncSystemUnderTest(QueuedSystem):
    """A system under test whose `issue_query` is a coroutine. Use it to write clients of servers.

    All coroutines run on one event loop in a thread of its own (uvloop's loop if that is
    installed), so queries overlap without threads or locks. An exception of a coroutine ends the
    test, and `StartTest` raises it. If gevent or eventlet has replaced the threads of the process,
    `StartTest` raises a RuntimeError before the test.
    """

    @abstractmethod
    async def issue_query(self, samples: _core.SampleBatch) -> None:  # type: ignore[override]
        """Takes one query, as a task of its own; queries overlap.

        Each sample must be completed exactly once (`mlperf_loadgen.complete`), here or later.
        """

    async def flush(self) -> None:
        """Called when no more queries follow for now: send the queries that are held back for
        batching."""

    async def start(self) -> None:
        """Called in the loop before each test: the place to open connections."""

    async def stop(self) -> None:
        """Called in the loop after each test, when no query is in progress any more."""

    # ---- What the load generator calls -----------------------------------------------------------

    def begin_test(self) -> None:
        self.require_idle()
        self.loadgen_queue.clear()
        self._loadgen_tasks: set[asyncio.Task[None]] = set()
        self._loadgen_loop = EventLoopThread(f"{type(self).__name__} event loop")
        try:
            self._loadgen_loop.run(self._start())
        except BaseException:
            self._loadgen_loop.stop()
            del self._loadgen_loop
            raise

    def flush_queries(self) -> None:
        self._loadgen_loop.call(self._flush)

    def end_test(self, result: _core.TestResult | None) -> None:
        try:
            self._loadgen_loop.run(self._stop())
        finally:
            self._loadgen_loop.stop()
            del self._loadgen_loop

    # ---- In the loop -----------------------------------------------------------------------------

    async def _start(self) -> None:
        await self.start()
        asyncio.get_running_loop().add_reader(self.loadgen_queue.fileno(), self._take)

    def _take(self) -> None:
        rows = self.loadgen_queue.take(_ALL)
        for samples in _core.make_batches(rows["id"], rows["index"], rows["query"]):
            self._begin(self.issue_query, samples)

    def _flush(self) -> None:
        self._take()  # What was issued before the flush comes before it.
        self._begin(self.flush)

    def _begin(self, function: Callable[..., Any], *samples: _core.SampleBatch) -> None:
        try:
            task = asyncio.get_running_loop().create_task(function(*samples))
        except Exception as error:  # It is not written with async, say.
            self._failed(error, *samples)
            return
        self._loadgen_tasks.add(task)
        task.add_done_callback(lambda task: self._done(task, *samples))

    def _done(self, task: asyncio.Task[None], *samples: _core.SampleBatch) -> None:
        if task not in self._loadgen_tasks:  # Cancelled by `_stop`.
            return
        self._loadgen_tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error, *samples)

    def _failed(self, error: BaseException, *samples: _core.SampleBatch) -> None:
        if self.fail_samples is not None:
            ids = samples[0].ids if samples else None
            self.fail_samples(ids, f"{type(error).__name__}: {error}")
        elif not _core.raise_in_test(error):  # Nothing is being issued at the moment.
            _core.AbortTest()

    async def _stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self.loadgen_queue.fileno())
        tasks, self._loadgen_tasks = self._loadgen_tasks, set()
        for task in tasks:  # Only a test that was ended early leaves any.
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.stop()
