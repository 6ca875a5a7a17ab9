"""Runs a system under test on behalf of a test on another machine: the part of a node that knows
nothing of networks.

Only one thread, that of `work`, calls the system. Another thread, the node's, hands samples in and
takes events out.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
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

_POLL_S = 0.2
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


class _Sample:
    """A sample being worked on."""

    __slots__ = ("id", "index", "issued_ns", "received_ns")

    def __init__(self, response_id: int, index: int, received_ns: int) -> None:
        self.id = response_id
        self.index = index
        self.received_ns = received_ns
        self.issued_ns = 0


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
        self.served = _core.ServedSamples()
        self._samples: dict[int, _Sample] = {}
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._running = False
        self._run = 0

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

        self._jobs.put(job)

    def issue(self, samples: Samples, received_ns: int) -> None:
        """Queues samples for the system."""
        count = len(samples.keys)
        indices = samples.indices.tolist()
        self.library.hold(indices, samples.payloads)
        first = self.served.admit(samples.keys)
        admitted = [_Sample(first + n, index, received_ns) for n, index in enumerate(indices)]
        self._samples.update(zip(samples.keys.tolist(), admitted, strict=True))
        ids = np.arange(first, first + count, dtype=np.uint64)
        batches = _core.make_batches(ids, samples.indices, samples.queries)
        run = self._run
        self._jobs.put(lambda: self._issue(batches, admitted, run))

    def flush(self) -> None:
        self._jobs.put(lambda: self._call(self.sut.flush_queries, "flush_queries", None))

    def end(self) -> None:
        """Ends the run, because it is over or its load generator is lost."""
        self.forget()
        self._jobs.put(self._end_test)

    def forget(self) -> None:
        """Drops the samples issued so far: their answers are not wanted any more, and the others
        are never issued to the system."""
        self._run += 1
        self.served.clear()
        self._samples.clear()

    def stop(self) -> None:
        """Ends `work`."""
        self._jobs.put(None)

    def take(self) -> tuple[npt.NDArray[Any], bytes]:
        """The events since the last call, as rows of ANSWER_ROW, and the bytes of all responses."""
        served, data = self.served.take()
        rows = np.zeros(len(served), ANSWER_ROW)
        for name in ("key", "event", "n_tokens", "size"):
            rows[name] = served[name]
        rows["completed_ns"] = served["time_ns"]
        received_ns, issued_ns = [], []
        for key, event in zip(served["key"].tolist(), served["event"].tolist(), strict=True):
            ends = event in (Event.COMPLETED, Event.FAILED)
            sample = self._samples.pop(key, None) if ends else self._samples.get(key)
            received_ns.append(sample.received_ns if sample else 0)
            issued_ns.append(sample.issued_ns if sample else 0)
            if sample is not None and ends:
                self.library.release(sample.index)
        rows["received_ns"], rows["issued_ns"] = received_ns, issued_ns
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
                try:
                    job = self._jobs.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
                if job is None:
                    break
                job()
            self._end_test()
        finally:
            if isinstance(self.sut, QueuedSystem):
                self.sut.fail_samples = None
            _core.serve_completions(None)
            _working.release()

    def _issue(self, batches: list[_core.SampleBatch], samples: list[_Sample], run: int) -> None:
        start = 0
        for batch in batches:
            if run != self._run:
                return
            end = start + len(batch)
            now_ns = time.monotonic_ns()
            for sample in samples[start:end]:
                sample.issued_ns = now_ns
            start = end
            self._call(partial(self._issue_query, batch), "issue_query", batch.ids)

    def _issue_query(self, batch: _core.SampleBatch) -> object:
        if isinstance(self.sut, QueuedSystem):
            self.sut.loadgen_queue.push(batch.ids, batch.indices)
            return None
        return self.sut.issue_query(batch)

    def _call(self, function: Callable[[], object], name: str, ids: Any) -> None:
        """What the system raises fails the samples it was given, and is no end of the node."""
        try:
            refuse_unawaited(function(), name, OF_SYSTEM)
        except Exception as error:
            say_traceback()
            self._fail(ids, f"{name} raised {type(error).__name__}: {error}")

    def _fail(self, ids: Any, reason: str) -> None:
        """Those of the samples that it has not completed before it raised; of all it was given if
        `ids` is None. If there are none it is a fault."""
        if ids is None:
            ids = [sample.id for sample in list(self._samples.values()) if sample.issued_ns]
        ids = np.asarray(ids, np.uint64)
        _core.fail(ids[self.served.are_outstanding(ids)], encodable(reason))

    def _end_test(self) -> None:
        if self._running and isinstance(self.sut, QueuedSystem):
            try:
                self.sut.end_test(None)
            except Exception:
                say_traceback()
        self._running = False
