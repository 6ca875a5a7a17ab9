"""Runs a system under test on behalf of a test on another machine: the part of a node that knows
nothing of networks.

Only one thread, that of `work`, calls the system. Another thread, the node's, hands samples in and
takes events out.
"""

from __future__ import annotations

import collections
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ...callables import OF_SYSTEM, refuse_unawaited
from ...handles import require_plain_system
from ...host.stderr import say_traceback
from ...interfaces import SystemUnderTest
from ...systems.queued import QueuedSystem
from ..links.link import NetworkError, encodable
from ..wire.answers import ANSWER_ROW, Event
from ..wire.samples import Samples
from .remote_library import RemoteLibrary

_POLL_MS = 200
_working = threading.Lock()  # Of a process, as completions do not say which system they are of.


@contextlib.contextmanager
def signals_to_stop() -> Iterator[threading.Event]:
    """Makes SIGINT and SIGTERM set the event; a second signal ends the process as usual. Does
    nothing outside the main thread."""
    asked = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def stop(number: int, _: object) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, stop)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SutHost:
    """`announce(name)` is called in the thread of `work` when a run may begin, and
    `refuse(reason)` when it may not."""

    def __init__(self, sut: SystemUnderTest, library: RemoteLibrary) -> None:
        if sut is None:
            raise TypeError(
                "the function that makes the system under test returned None; let it return an "
                "object with issue_query and flush_queries"
            )
        if not isinstance(sut, QueuedSystem):
            require_plain_system(sut.issue_query, sut.flush_queries)
        self.sut = sut
        self.library = library
        self.system = _core.HostedSystem()
        self.served = self.system.served
        library.payload_of_lane = self.system.payload
        self._jobs: collections.deque[Callable[[], None] | None] = collections.deque()
        self._running = False

    # ---- The node's thread -----------------------------------------------------------------------

    def begin(
        self,
        total: int,
        performance: int,
        announce: Callable[[str], None],
        refuse: Callable[[str], None],
    ) -> None:
        """A run begins."""
        self.forget()
        self.library.begin(total, performance)
        self.system.begin_run()

        def job() -> None:
            try:
                self._end_test()
                self.served.open()  # What the run before was still at has ended by now.
                if isinstance(self.sut, QueuedSystem):
                    self.sut.begin_test()
                self._running = True
                announce(str(self.sut.name))
            except Exception as error:
                say_traceback()
                refuse(f"{type(self.sut).__name__}: {type(error).__name__}: {error}")

        self._do(job)

    def issue(self, samples: Samples, received_ns: int) -> None:
        """Queues samples for the system."""
        self.library.hold(samples.indices.tolist(), samples.payloads)
        self.system.issue(samples.keys, samples.indices, samples.queries, received_ns)

    def flush(self) -> None:
        self.system.push_flush()

    def end(self) -> None:
        """Ends the run, because it is over or its load generator is lost."""
        self.forget()
        self._do(self._end_test)

    def forget(self) -> None:
        """Drops the samples issued so far: their answers are not wanted any more, and the others
        are never issued to the system."""
        self.served.clear()

    def stop(self) -> None:
        """Ends `work`."""
        self._do(None)

    def _do(self, job: Callable[[], None] | None) -> None:
        """Queues a job for the thread of `work`; None ends it."""
        self._jobs.append(job)
        self.system.push_call()

    def take(self) -> tuple[npt.NDArray[Any], bytes]:
        """The events since the last call, as rows of ANSWER_ROW, and the bytes of all responses."""
        served, data = self.served.take()
        rows = np.zeros(len(served), ANSWER_ROW)
        for name in ("key", "event", "n_tokens", "size", "received_ns", "issued_ns"):
            rows[name] = served[name]
        rows["completed_ns"] = served["time_ns"]
        for index, event in zip(served["index"].tolist(), served["event"].tolist(), strict=True):
            if event in (Event.COMPLETED, Event.FAILED):
                self.library.release(index)
        return rows, data

    # ---- The system's thread ---------------------------------------------------------------------

    def work(self, stopped: Callable[[], bool]) -> None:
        """Calls the system until `stop`, or until `stopped()`.

        Raises NetworkError if another host of this process is at work.
        """
        if not _working.acquire(blocking=False):
            raise NetworkError(
                "this process hosts a system already: give each a process of its own"
            )
        _core.serve_completions(self.served)
        if isinstance(self.sut, QueuedSystem):
            self.sut.fail_samples = self._fail
        try:
            while not stopped():
                work = self.system.take(_POLL_MS)
                if work is None:
                    continue
                if work.is_call:
                    job = self._jobs.popleft()
                    if job is None:
                        break
                    job()
                elif work.is_flush:
                    self._flush()
                else:
                    self._issue(work)
            self._end_test()
        finally:
            if isinstance(self.sut, QueuedSystem):
                self.sut.fail_samples = None
            _core.serve_completions(None)
            _working.release()

    def _issue(self, work: _core.TakenWork) -> None:
        issue = self._push if isinstance(self.sut, QueuedSystem) else self.sut.issue_query
        while not work.is_done:
            try:
                work.issue(issue)
            except Exception as error:
                self._failed("issue_query", error, work.ids)

    def _push(self, batch: _core.SampleBatch) -> None:
        self.sut.loadgen_queue.push(batch.ids, batch.indices)  # type: ignore[attr-defined]

    def _flush(self) -> None:
        flush: Callable[[], object] = self.sut.flush_queries
        try:
            refuse_unawaited(flush(), "flush_queries", OF_SYSTEM)
        except Exception as error:
            self._failed("flush_queries", error, self.served.issued())

    def _failed(self, name: str, error: Exception, ids: Any) -> None:
        """What the system raises, and is being handled, fails the samples it was given, and is no
        end of the node."""
        say_traceback()
        self._fail(ids, f"{name} raised {type(error).__name__}: {error}")

    def _fail(self, ids: Any, reason: str) -> None:
        """Those of the samples that it has not completed before it raised; of all it was given if
        `ids` is None. If there are none it is a fault."""
        if ids is None:
            ids = self.served.issued()
        ids = np.asarray(ids, np.uint64)
        _core.fail(ids[self.served.are_outstanding(ids)], encodable(reason))

    def _end_test(self) -> None:
        if self._running and isinstance(self.sut, QueuedSystem):
            try:
                self.sut.end_test(None)
            except Exception:
                say_traceback()
        self._running = False
