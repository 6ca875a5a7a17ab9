"""How punctual the machine is: its clock, its timers, and the load generator on it."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .. import _core
from ..interfaces import QuerySampleLibrary, SystemUnderTest
from ..run import StartTestWithLogSettings

GAP_NS = 50_000
"""A spinning thread that sees no time for so long was not running."""
LOWEST_QPS = 1000.0
MIN_COMPLETED_SHARE = 0.98
"""If less of the scheduled rate is completed, the generator does not keep up."""
_CLOCK_READS = 20_000
_SLEEP_S = 0.001
_REFINEMENTS = 3
_MIN_QUERIES = 200


@dataclass(frozen=True)
class ClockCost:
    """What it costs to read the monotonic clock from Python."""

    read_ns: float
    """What a reading takes when nothing disturbs it."""
    step_ns: int
    """The least time between two readings that differ."""


@dataclass(frozen=True)
class TimerJitter:
    """How much longer than asked for a sleep of 1 ms takes."""

    count: int
    p50_ns: float
    p99_ns: float
    max_ns: float


@dataclass(frozen=True)
class Gaps:
    """Times in which a thread that wanted to run did not: preemption, interrupts, steal."""

    watched_s: float
    count: int
    """Longer than `GAP_NS`."""
    largest_ns: int
    total_ns: int


@dataclass(frozen=True)
class ServerRate:
    """A short Server test of a system that answers at once."""

    qps: float
    """Asked for."""
    query_count: int
    completed_share: float
    """Rate of completions over the scheduled rate."""
    lateness_p50_ns: int
    lateness_p99_ns: int
    lateness_max_ns: int

    def keeps(self, bound_ns: float) -> bool:
        """Whether queries left on time: p99 within the bound, and none left behind."""
        return self.lateness_p99_ns <= bound_ns and self.completed_share >= MIN_COMPLETED_SHARE


# ---- Clock and timers ----------------------------------------------------------------------------


def measure_clock(clock_ns: Callable[[], int] = time.monotonic_ns) -> ClockCost:
    """Reads the clock again and again; the loop's own time is subtracted."""
    best_ns = []
    for work in (clock_ns, int):  # int() is a call that does next to nothing.
        times = []
        for _ in range(5):
            start_ns = time.perf_counter_ns()
            for _ in itertools.repeat(None, _CLOCK_READS):
                work()
            times.append(time.perf_counter_ns() - start_ns)
        best_ns.append(min(times) / _CLOCK_READS)
    steps = np.diff([clock_ns() for _ in range(_CLOCK_READS)])
    return ClockCost(
        read_ns=max(best_ns[0] - best_ns[1], 0.0),
        step_ns=int(steps[steps > 0].min(initial=np.iinfo(np.int64).max)),
    )


def measure_sleep(
    seconds: float,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], object] = time.sleep,
) -> TimerJitter:
    """Sleeps 1 ms at a time, for `seconds` in all."""
    late_ns: list[float] = []
    end_ns = clock_ns() + int(1e9 * seconds)
    while (start_ns := clock_ns()) < end_ns or not late_ns:
        sleep(_SLEEP_S)
        late_ns.append(clock_ns() - start_ns - 1e9 * _SLEEP_S)
    p50_ns, p99_ns = np.percentile(late_ns, [50, 99])
    return TimerJitter(len(late_ns), float(p50_ns), float(p99_ns), max(late_ns))


def measure_gaps(seconds: float, clock_ns: Callable[[], int] = time.monotonic_ns) -> Gaps:
    """Spins for `seconds` and notes when time jumps."""
    gaps = []
    start_ns = last_ns = clock_ns()
    end_ns = start_ns + int(1e9 * seconds)
    while last_ns < end_ns:
        now_ns = clock_ns()
        if now_ns - last_ns > GAP_NS:
            gaps.append(now_ns - last_ns)
        last_ns = now_ns
    return Gaps((last_ns - start_ns) / 1e9, len(gaps), max(gaps, default=0), sum(gaps))


# ---- The load generator --------------------------------------------------------------------------


class _NullSystem(SystemUnderTest):
    """Answers at once."""

    def issue_query(self, samples: _core.SampleBatch) -> None:
        _core.QuerySamplesComplete([_core.QuerySampleResponse(s.id, 0, 0) for s in samples])


class _NoData(QuerySampleLibrary):
    """Samples that hold nothing."""

    total_sample_count = 1024
    performance_sample_count = 1024

    def load_samples(self, indices: list[int]) -> None:
        pass

    def unload_samples(self, indices: list[int]) -> None:
        pass


def run_at(qps: float, seconds: float) -> ServerRate:
    """A Server test of a null system at a rate; its logs are temporary."""
    settings = _core.TestSettings(
        scenario=_core.TestScenario.Server,
        server_target_qps=qps,
        min_duration_ms=max(int(1000 * seconds), 1),
        min_query_count=_MIN_QUERIES,
        server_target_latency_ns=10**9,
        warmup_query_count=_MIN_QUERIES,
    )
    with tempfile.TemporaryDirectory(prefix="mlperf_doctor_") as folder:
        logs = _core.LogSettings()
        logs.log_output.outdir = folder
        logs.enable_trace = logs.enable_sample_log = False
        result = StartTestWithLogSettings(_NullSystem(), _NoData(), settings, logs, "")
    performance = result.performance
    if performance is None or result.aborted:
        raise RuntimeError(f"the test at {qps:g} queries/s was aborted: {result.reasons}")
    late = performance.lateness
    scheduled = performance.scheduled_samples_per_second
    return ServerRate(
        qps=qps,
        query_count=performance.query_count,
        completed_share=performance.completed_samples_per_second / scheduled,
        lateness_p50_ns=late.p50_ns,
        lateness_p99_ns=late.p99_ns,
        lateness_max_ns=late.max_ns,
    )


def search_rate(
    bound_ns: float, run: Callable[[float], ServerRate], in_time: Callable[[], bool]
) -> Iterator[ServerRate]:
    """Runs until the highest rate that keeps `bound_ns` is known to about a tenth, or time is up.

    Rates go up by a factor of two to three until two in a row fail twice each, and what lies
    between the highest good one and the next is halved; a rate that fails once may have met a burst
    of other work, and is tried again.
    """
    low, failed = 0.0, list[float]()
    for qps in (LOWEST_QPS * factor * 10**power for power in range(5) for factor in (1, 2, 5)):
        runs = list(_tries(bound_ns, run, qps, in_time))
        yield from runs
        if runs and runs[-1].keeps(bound_ns):
            low, failed = qps, []
        else:
            failed.append(qps)
        if not runs or len(failed) == 2:
            break
    for _ in range(_REFINEMENTS if low and failed else 0):
        middle = float(f"{(low * failed[0]) ** 0.5:.3g}")
        runs = list(_tries(bound_ns, run, middle, in_time))
        yield from runs
        if runs and runs[-1].keeps(bound_ns):
            low = middle
        else:
            failed[0] = middle


def _tries(
    bound_ns: float,
    run: Callable[[float], ServerRate],
    qps: float,
    in_time: Callable[[], bool],
) -> Iterator[ServerRate]:
    """A run, and a second one if the first fails."""
    for _ in range(2):
        if not in_time():
            return
        tried = run(qps)
        yield tried
        if tried.keeps(bound_ns):
            return
