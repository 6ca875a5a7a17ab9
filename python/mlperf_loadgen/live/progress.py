"""How far the running test is, as values: `read_progress`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import _core


@dataclass(frozen=True)
class DurationHistogram:
    """How long things took, as counts."""

    bounds_ns: tuple[int, ...]
    """The upper bounds, ascending."""
    counts: tuple[int, ...]
    """How many durations lie up to each bound and above the one before it. The last number, which
    has no bound, is of those above all bounds."""
    sum_ns: int
    """The sum of all durations."""


@dataclass(frozen=True)
class Progress:
    """The state of a set of queries while it is issued, or at its end.

    A test issues one set for each phase, for each part of the library that fits into memory, and
    for each trial of a peak search. Latencies and lateness are those of the latest 2048 samples and
    queries (fewer if very many are outstanding).
    """

    set_number: int
    """Number of the set among those issued in this process, from 1."""
    phase: str
    """"warm_up", "accuracy", "performance" or "peak_trial"."""
    trial: int | None
    """Number of the trial of a peak search, from 1; None: this set is no trial."""
    scenario: _core.TestScenario
    mode: _core.TestMode
    finished: bool
    """Whether the set has ended; no query is issued now."""
    start_time_s: float
    """When the set started, in seconds since the Unix epoch."""
    elapsed_s: float
    """Time since the start; if the set has ended, to its last completion."""
    remaining_s: float | None
    """Estimated time until enough queries are issued (Server) or completed; the time to answer
    outstanding samples is not included. None: there is not yet enough to estimate it from."""
    min_duration_s: float
    """The set goes on at least this long, and until `min_query_count` queries are issued."""
    min_query_count: int
    queries_issued: int
    samples_issued: int
    samples_completed: int
    """Number of samples that were answered."""
    samples_failed: int
    samples_outstanding: int
    offered_samples_per_second: float | None
    """The rate of the schedule; None: there is no schedule (all scenarios but Server)."""
    completed_samples_per_second: float
    """The rate of answers since the start of the set."""
    silent_s: float | None
    """How long no sample was completed while some were outstanding. None: less than ten seconds, or
    no sample is outstanding."""
    oldest_outstanding_s: float | None
    """How long ago the oldest outstanding sample was issued. None in the same cases as `silent_s`.
    """
    latency_p50_ns: int | None
    """Time from due time (Server) or issue to the answer. None: no sample is answered."""
    latency_p99_ns: int | None
    lateness_p50_ns: int | None
    """Issue time minus due time. None: no query is issued, or there is no schedule."""
    lateness_p99_ns: int | None
    lateness_max_ns: int | None
    ttft: DurationHistogram | None
    """Times to first token of all samples answered so far, in token mode, but not in Offline. They
    and the next two are counted while `serve_metrics` serves them. None: there are none."""
    tpot: DurationHistogram | None
    """Times per output token."""
    itl: DurationHistogram | None
    """Times between tokens, of systems that say when each of their tokens came."""


def read_progress() -> Progress | None:
    """Returns the set that is being issued, or if there is none, the last set of this process; None
    before the first set.

    It may be called from any thread, callbacks included. The caller works everything out from the
    records of the test, in a few tenths of a millisecond; the test itself does no work for it.
    """
    found = _core.read_progress()
    if found is None:
        return None
    values: dict[str, Any] = {**found}
    values |= {name: _histogram(found[name]) for name in ("ttft", "tpot", "itl")}
    return Progress(**values)


def _histogram(counted: tuple[tuple[int, ...], int] | None) -> DurationHistogram | None:
    if counted is None:
        return None
    return DurationHistogram(tuple(_core.token_histogram_bounds_ns()), *counted)
