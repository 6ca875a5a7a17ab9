"""From the rows of a sample log to the series that two runs are compared by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..logs.run import RunLogs
from ..logs.samples import answered_ns_of, query_starts
from ..logs.streams import arrivals_of, gaps_between_events, gaps_between_tokens
from .stats import Floats

OF_TOKENS = ("ITL", "ICL")
"""Series with an entry for each token or event, and not for each query or sample."""
_DELAY_NS = 50_000
_MEDIAN_DELAYS = 4
"""A query is late if it is by more than both: what always takes that long is no disturbance."""
_MIN_WAITED = 20
_ALIKE = 1.25
"""The most by which queries that waited may differ from those that did not, as a ratio."""


@dataclass(frozen=True)
class Series:
    """Durations in the order of time, and what says whether another run did the same."""

    values: Floats
    """In ns, shape (n,); NaN where a query has none."""
    same_if: npt.NDArray[np.int64]
    """What equals in a run with the same queries in the same order, shape (n, k)."""
    events: int
    """How many durations were measured: completions at one time are one."""
    fractions: tuple[float, ...] | None = None
    """Percentiles that mean something, beside the mean; None: all do."""


def series_of(run: RunLogs) -> dict[str, Series]:
    """By name: "latency" (not in Offline, where it is the place in the one query), "service"
    of a Server that answers one query after another, "TTFT" and "TPOT" where tokens were reported,
    "ITL" where the system said when each of them came, or "ICL" where it said when some came, and
    "throughput", the times between answers. What failed has no duration and is no throughput.
    """
    rows = _in_order(run)
    found = {}
    same_if = _same_if(rows, run.scenario)
    answered_ns = answered_ns_of(rows)
    done = answered_ns >= 0
    from_ns = rows["scheduled_ns"].astype(np.float64)
    completed_ns = np.where(done, answered_ns, np.nan)
    first_ns = np.where(done & (rows["first_token_ns"] >= 0), rows["first_token_ns"], np.nan)
    if run.scenario == "MultiStream":
        starts = query_starts(rows)
        latencies = np.maximum.reduceat(completed_ns - from_ns, starts)
        found["latency"] = Series(latencies, same_if[starts], len(starts))
    elif run.scenario != "Offline":
        found["latency"] = Series(completed_ns - from_ns, same_if, len(rows))
    if run.scenario == "Server" and (service := _service(rows, completed_ns, same_if)):
        found["service"] = service
    if np.isfinite(first_ns).any():
        found["TTFT"] = Series(first_ns - from_ns, same_if, len(rows))
        several = rows["tokens"] >= 2
        per_token = (completed_ns - first_ns) / np.maximum(rows["tokens"] - 1, 1)
        if several.any():
            found["TPOT"] = Series(np.where(several, per_token, np.nan), same_if, len(rows))
    found |= _gaps(run, same_if)
    found["throughput"] = _throughput(rows, same_if)
    return found


def _gaps(run: RunLogs, same_if: npt.NDArray[np.int64]) -> dict[str, Series]:
    """Between the tokens of each sample, one sample after another: another run has the same ones if
    its answers to the same queries have as many tokens."""
    if run.samples is None or run.token_events is None:
        return {}
    arrivals = arrivals_of(run.samples, run.token_events)
    gaps, name = gaps_between_tokens(arrivals), "ITL"
    if gaps is None:
        gaps, name = gaps_between_events(arrivals), "ICL"
    order = np.argsort(run.samples["query"], kind="stable")
    place_of_row = np.empty(len(order), np.intp)
    place_of_row[order] = np.arange(len(order))
    by_query = np.argsort(place_of_row[gaps.row], kind="stable")
    row = place_of_row[gaps.row[by_query]]
    answers = len(np.unique(row))
    values = gaps.gap_ns[by_query].astype(np.float64)
    return {name: Series(values, same_if[row], answers)} if answers else {}


def disturbed_share(run: RunLogs) -> float:
    """Share of the queries that the generator itself was kept from issuing when it wanted to.

    It wants to when the query is due or, in a closed loop or behind a system that answers inside
    its callback, when the one before is answered. 0 in Offline, which has one query.
    """
    rows = _in_order(run)
    if run.scenario == "Offline":
        return 0.0
    starts = query_starts(rows)
    answered_ns = np.maximum.reduceat(rows["completed_ns"], starts)[:-1]
    issued_ns = rows["issued_ns"][starts][1:]
    if run.scenario == "Server":
        answered_ns = np.where(answered_ns <= issued_ns, answered_ns, -1)
        wanted_ns = np.maximum(rows["scheduled_ns"][starts][1:], answered_ns)
    else:
        wanted_ns = np.where(answered_ns >= 0, answered_ns, issued_ns)
    delays_ns = issued_ns - wanted_ns
    if len(delays_ns) == 0:
        return 0.0
    usual_ns = _MEDIAN_DELAYS * float(np.median(delays_ns))
    return float(np.mean(delays_ns > max(usual_ns, _DELAY_NS)))


def _in_order(run: RunLogs) -> npt.NDArray[np.void]:
    assert run.samples is not None  # A run without was refused.
    rows = run.samples
    return rows[np.argsort(rows["query"], kind="stable")]


def _same_if(rows: npt.NDArray[np.void], scenario: str) -> npt.NDArray[np.int64]:
    """The sample, and in Server its time on the schedule."""
    sample = rows["sample_index"].astype(np.int64)
    if scenario != "Server":
        return sample[:, None]
    return np.column_stack([sample, rows["scheduled_ns"] - rows["scheduled_ns"][0]])


def _service(
    rows: npt.NDArray[np.void], completed_ns: Floats, same_if: npt.NDArray[np.int64]
) -> Series | None:
    """What each query took by itself: from its issue, or from the completion before it if that was
    later, to its own. What a queue carries on, and the luck of arrivals, are not in it.

    None if the system does not seem to answer one query after another: then those that waited took
    as long by themselves as those that did not, and no two are completed at once or out of order.
    """
    issued_ns = rows["issued_ns"]
    before_ns = np.concatenate([[-np.inf], np.fmax.accumulate(completed_ns)[:-1]])
    service_ns = completed_ns - np.fmax(issued_ns, before_ns)
    done, waited = np.isfinite(service_ns), before_ns > issued_ns
    groups = [service_ns[done & waited], service_ns[done & ~waited]]
    if min(map(len, groups)) < _MIN_WAITED or service_ns[done].min() <= 0:
        return None
    by_queue, by_none = map(np.median, groups)
    if not 1 / _ALIKE < by_queue / by_none < _ALIKE:
        return None
    return Series(service_ns, same_if, len(rows), fractions=(0.1, 0.5))


def _throughput(rows: npt.NDArray[np.void], same_if: npt.NDArray[np.int64]) -> Series:
    """Times between successive answers, the first one from the first issue.

    Of samples that are answered at one time, each gets its share.
    """
    answered_ns = answered_ns_of(rows)
    times_ns, counts = np.unique(answered_ns[answered_ns >= 0], return_counts=True)
    gaps_ns = np.diff(times_ns, prepend=rows["issued_ns"].min())
    shares_ns = np.repeat(gaps_ns / counts, counts)
    return Series(shares_ns, same_if[: len(shares_ns)], len(times_ns), fractions=())
