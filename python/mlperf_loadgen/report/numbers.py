"""The numbers of a run, as logged; if the log ends before them, computed from the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..logs.run import RunLogs
from ..logs.samples import answered_ns_of, last_by_query, query_starts
from ..logs.streams import (
    Arrivals,
    Gaps,
    arrivals_of,
    gaps_between_events,
    gaps_between_tokens,
)
from ..text.units import percentile
from .series import Ints, percentile_of

PERCENTILES = {0.5: "50.00", 0.9: "90.00", 0.95: "95.00", 0.97: "97.00", 0.99: "99.00"}
PERCENTILES[0.999] = "99.90"


@dataclass(frozen=True)
class Kind:
    """A kind of duration, and the keys that its statistics have in a detail log."""

    key: str
    name: str
    statistic_key: str
    percentile_key: str


_SAMPLE = ("result_{}_latency_ns", "result_{}_percentile_latency_ns")
_QUERY = ("result_{}_query_latency_ns", "result_{}_percentile_per_query_latency_ns")
LATENCY = Kind("latency", "Latency", *_SAMPLE)
QUERY_LATENCY = Kind("latency", "Query latency", *_QUERY)
TTFT = Kind(
    "ttft",
    "Time to first token",
    "result_first_token_{}_latency_ns",
    "result_first_token_{}_percentile_latency_ns",
)
TPOT = Kind(
    "tpot",
    "Time per output token",
    "result_time_to_output_token_{}",
    "result_time_per_output_token_{}_percentile_ns",
)

ITL = Kind(
    "itl",
    "Inter-token latency",
    "result_inter_token_{}_ns",
    "result_inter_token_{}_percentile_ns",
)
ICL = Kind(
    "icl",
    "Time between events",
    "result_inter_chunk_{}_ns",
    "result_inter_chunk_{}_percentile_ns",
)

LATENESS = Kind("lateness", "Lateness of issue", "", "")


class RunMetrics:
    """Numbers that are computed once for a run, and used in several places."""

    def __init__(self, logs: RunLogs) -> None:
        self.logs = logs
        target = logs.number("effective_target_latency_percentile")
        judged = target is not None and 0 < target < 1 and logs.scenario != "Offline"
        self.target = target if judged else None
        token_mode = logs.requested.get("use_token_latencies") is True
        self.token_mode = token_mode and logs.scenario != "Offline"

    @cached_property
    def query_times(self) -> tuple[Ints, Ints, Ints, Ints] | None:
        """When queries were scheduled, issued, wholly answered (-1: never) and wholly answered or
        failed (-1: never), from 0 ns on.

        In Offline those of the samples, which are one query. None: is not known.
        """
        rows = self.logs.samples
        if rows is None or len(rows) == 0:
            return None
        ends = [answered_ns_of(rows), rows["completed_ns"]]
        if self.logs.scenario == "MultiStream":
            starts = query_starts(rows)
            ends, rows = [last_by_query(times, starts) for times in ends], rows[starts]
        start = rows["scheduled_ns"].min()
        answered, ended = (np.where(times < 0, -1, times - start) for times in ends)
        return rows["scheduled_ns"] - start, rows["issued_ns"] - start, answered, ended

    def timed(self, kind: Kind) -> tuple[Ints, Ints]:
        """When the queries or samples of a kind of duration were scheduled, from 0 ns on, and the
        durations, in the order of issue. Empty if there are none."""
        if self.query_times is None or self.logs.samples is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        scheduled, issued, answered, _ = self.query_times
        if kind is LATENESS:
            server = self.logs.scenario == "Server"
            return (scheduled, issued - scheduled) if server else (scheduled[:0], issued[:0])
        if kind is self.latency_kind:
            done = answered >= 0
            return scheduled[done], (answered - scheduled)[done]
        if kind in (ITL, ICL):
            return self._gaps(kind)
        rows = self.logs.samples
        start = rows["scheduled_ns"].min()
        rows = rows[(rows["first_token_ns"] >= 0) & (answered_ns_of(rows) >= 0)]
        if kind is TTFT:
            return rows["scheduled_ns"] - start, rows["first_token_ns"] - rows["scheduled_ns"]
        rows = rows[rows["tokens"] > 1]
        per_token = (rows["completed_ns"] - rows["first_token_ns"]) // (rows["tokens"] - 1)
        return rows["scheduled_ns"] - start, per_token

    def _gaps(self, kind: Kind) -> tuple[Ints, Ints]:
        """As `timed`, with the times at which gaps ended."""
        gaps = self.gaps
        if gaps is None or kind is not self.gap_kind:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return gaps.at_ns - self.start_ns, gaps.gap_ns

    @property
    def start_ns(self) -> int:
        """The first schedule, in ns since the start of the first set; 0: there is none."""
        rows = self.logs.samples
        return 0 if rows is None or len(rows) == 0 else int(rows["scheduled_ns"].min())

    @cached_property
    def arrivals(self) -> Arrivals | None:
        """The events of the answers; None: the system gave none, or they were not logged."""
        if self.logs.samples is None or self.logs.token_events is None:
            return None
        found = arrivals_of(self.logs.samples, self.logs.token_events)
        return found if len(found.at_ns) > 0 else None

    @cached_property
    def gaps(self) -> Gaps | None:
        """Between tokens, or between events, as `gap_kind` says."""
        if self.arrivals is None:
            return None
        return self._gaps_between_tokens or gaps_between_events(self.arrivals)

    @cached_property
    def _gaps_between_tokens(self) -> Gaps | None:
        return None if self.arrivals is None else gaps_between_tokens(self.arrivals)

    @property
    def gap_kind(self) -> Kind:
        """Between tokens, or between events if these do not say how many tokens they have."""
        if self.arrivals is not None:
            return ICL if self._gaps_between_tokens is None else ITL
        return ITL if self.logs.number(ITL.statistic_key.format("max")) is not None else ICL

    @cached_property
    def durations(self) -> Mapping[Kind, Ints]:
        """The durations in ascending order, for each kind of which there are any."""
        kinds = (self.latency_kind, TTFT, TPOT, self.gap_kind, LATENESS)
        found = {kind: np.sort(self.timed(kind)[1]) for kind in kinds}
        return {kind: values for kind, values in found.items() if len(values) > 0}

    @property
    def latency_kind(self) -> Kind:
        return QUERY_LATENCY if self.logs.scenario == "MultiStream" else LATENCY

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of durations that were measured."""
        known = [self.latency_kind, TTFT, TPOT, self.gap_kind]
        return [kind for kind in known if self.at(kind, 0.5) is not None]

    def target_of(self, kind: Kind) -> float | None:
        """The percentile that is judged, as a fraction; None: no percentile is judged."""
        return None if kind is LATENESS else self.target

    def at(self, kind: Kind, p: float | None) -> int | None:
        """The duration at a percentile, in ns; None: nothing was measured."""
        if p is None or not self._was_measured(kind):
            return None
        if p in PERCENTILES:
            logged = self.logs.number(kind.percentile_key.format(PERCENTILES[p]))
            if logged is not None:
                return int(logged)
        values = self.durations.get(kind)
        return None if values is None else percentile_of(values, p)

    def statistic(self, kind: Kind, name: str) -> int | None:
        """ "min", "mean" or "max", in ns; None: nothing was measured."""
        if not self._was_measured(kind):
            return None
        logged = self.logs.number(kind.statistic_key.format(name))
        if logged is not None:
            return int(logged)
        values = self.durations.get(kind)
        return None if values is None else int(getattr(values, name)())

    def _was_measured(self, kind: Kind) -> bool:
        """Whether there is any duration of a kind; without one the log says that all were 0 ns.

        Of the queries of MultiStream, v1.0 of the reference logged only percentiles.
        """
        logged = (kind.statistic_key.format("max"), kind.percentile_key.format("99.90"))
        return kind in self.durations or any(self.logs.number(key) for key in logged)

    def bound_ns(self, kind: Kind) -> float | None:
        """The largest duration that the target percentile may have."""
        # MultiStream had a bound until v1.0 of the reference.
        judged = self.logs.scenario == "Server"
        judged |= "multi_stream_target_latency_ns" in self.logs.requested
        if not judged or kind is LATENESS:
            return None
        if kind in (ITL, ICL):
            return self._more_bound_ns("itl") if kind is ITL else None
        if kind is not self.latency_kind:
            return self.logs.number(f"requested_server_{kind.key}_latency")
        if self.token_mode:
            return self._more_bound_ns("e2e")
        return self.logs.number("effective_target_latency_ns")

    def _more_bound_ns(self, name: str) -> float | None:
        """A bound of token mode beside those on TTFT and TPOT. 0 stands for none."""
        return self.logs.number(f"result_{name}_latency_bound_ns") or None

    @property
    def failed_count(self) -> int:
        """Number of samples that failed."""
        count = self.logs.number("result_failed_sample_count")
        if count is not None:
            return int(count)
        rows = self.logs.samples
        return 0 if rows is None else int(np.count_nonzero(rows["failed"]))

    @property
    def answered_count(self) -> int:
        """Samples that the sample log says were answered."""
        rows = self.logs.samples
        return 0 if rows is None else int(np.count_nonzero(answered_ns_of(rows) >= 0))

    @property
    def query_count(self) -> int | None:
        """Number of queries that were issued."""
        count = self.logs.number("result_query_count")
        if count is not None:
            return int(count)
        if self.logs.samples is not None and not self.logs.samples_left_out:
            return len(np.unique(self.logs.samples["query"]))
        sets = [r.value for r in self.logs.all_records if r.key == "generated_query_count"]
        return sum(count for count in sets if isinstance(count, int)) if sets else None

    @property
    def duration_ns(self) -> int | None:
        """Time from the first schedule to the last completion."""
        samples = self.logs.samples
        if samples is None or len(samples) == 0 or self.logs.samples_left_out:
            return None
        last = max(samples["completed_ns"].max(), samples["issued_ns"].max())
        return int(last - samples["scheduled_ns"].min())

    @property
    def rate(self) -> tuple[str, float] | None:
        """The throughput that the scenario reports: its key and samples per second."""
        keys = (
            "result_completed_samples_per_sec",
            "result_samples_per_second",
            "result_qps_with_loadgen_overhead",
        )
        for key in keys:
            value = self.logs.number(key)
            if value is not None:
                return key, value
        return None

    @property
    def target_name(self) -> str:
        """Name of the target percentile, such as "p99"."""
        return percentile(self.target if self.target is not None else 0.99)
