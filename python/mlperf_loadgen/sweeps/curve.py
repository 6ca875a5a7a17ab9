"""The numbers of a sweep: what each run measured, and the curve that the runs make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from statistics import median
from typing import Any

from .. import _core
from .knee import find_knee

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p97": 0.97, "p99": 0.99, "p999": 0.999}
"""The percentiles of a table, by their part of the field names."""


@dataclass(frozen=True, kw_only=True)
class SweepMetrics:
    """The numbers that a run measured. None: the scenario does not have the number, or nothing was
    measured."""

    query_count: float
    """Number of queries that were issued."""
    sample_count: float
    """Number of samples that were answered."""
    failed_share: float | None = None
    """The share of the completed samples, 0 to 1, that failed; they are in no latency and no
    throughput. None: no sample was completed, or the table is from a version that did not record
    it."""
    offered_queries_per_second: float | None
    """Server: the rate of the schedule."""
    achieved_queries_per_second: float | None
    achieved_samples_per_second: float | None
    """The rate of answered samples, as in the summary: the completed rate in Server and Offline,
    and the rate with overhead in SingleStream. MultiStream is computed like SingleStream."""
    achieved_tokens_per_second: float | None = None
    """The same as `PerformanceResult.tokens_per_second`."""
    achieved_total_tokens_per_second: float | None = None
    """With the tokens of the prompts; None also if the system did not say how many these are."""
    goodput_share: float | None
    """Server: the share of the queries, 0 to 1, that were answered within the latency bound; in
    token mode within all bounds that were given. None also if the sample log had no room for all
    samples."""
    lateness_p50_ns: float | None
    """Server: how late queries were issued."""
    lateness_p99_ns: float | None
    latency_p50_ns: float | None
    """Percentiles of the latency of queries."""
    latency_p90_ns: float | None
    latency_p95_ns: float | None
    latency_p97_ns: float | None
    latency_p99_ns: float | None
    latency_p999_ns: float | None
    latency_target_ns: float | None
    """The latency at the scenario's target percentile."""
    ttft_p50_ns: float | None
    """Token mode: times to first token."""
    ttft_p90_ns: float | None
    ttft_p95_ns: float | None
    ttft_p97_ns: float | None
    ttft_p99_ns: float | None
    ttft_p999_ns: float | None
    ttft_target_ns: float | None
    tpot_p50_ns: float | None
    """Token mode: times per output token after the first."""
    tpot_p90_ns: float | None
    tpot_p95_ns: float | None
    tpot_p97_ns: float | None
    tpot_p99_ns: float | None
    tpot_p999_ns: float | None
    tpot_target_ns: float | None
    itl_p50_ns: float | None = None
    """Token mode: times between tokens, each counted; None also if the system did not say when its
    tokens came, or how many tokens came at a time."""
    itl_p90_ns: float | None = None
    itl_p95_ns: float | None = None
    itl_p97_ns: float | None = None
    itl_p99_ns: float | None = None
    itl_p999_ns: float | None = None
    itl_target_ns: float | None = None
    tokens_per_event: float | None = None
    """How many tokens came at a time, on average; None: the system did not say when they came."""
    client_lag_p99_ns: float | None = None
    """How much later this machine read tokens than they arrived; None: that is not known."""


@dataclass(frozen=True, kw_only=True)
class Point(SweepMetrics):
    """One run of a sweep."""

    value: float
    """The value of the parameter in this run."""
    repeat: int
    """Number of the repeat, from 0."""
    valid: bool
    reasons: tuple[str, ...]
    """Why the run is not VALID; empty if it is VALID."""
    logs: str
    """Folder of the logs; it is deleted after a sweep without an `outdir`."""
    cautions: tuple[str, ...] = ()
    """Sentences that a reader must know before trusting the numbers."""


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """All runs with one value of the parameter."""

    value: float
    run_count: int
    valid_count: int
    reasons: tuple[str, ...]
    """The reasons of all runs that are not VALID."""
    cautions: tuple[str, ...]
    """The first caution of each run that has one."""
    median: SweepMetrics
    """The median of each metric, taken separately, as are `min` and `max`."""
    min: SweepMetrics
    max: SweepMetrics

    @property
    def valid(self) -> bool:
        """Whether more than half of the runs were VALID."""
        return 2 * self.valid_count > self.run_count


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Runs of one system under a setting that was varied."""

    parameter: str
    """Name of the setting."""
    settings: _core.TestSettings
    """The settings that all runs have in common."""
    sut_name: str = ""
    points: tuple[Point, ...] = ()
    """A point for each run, in the order in which they were run."""

    @property
    def scenario(self) -> _core.TestScenario:
        """The scenario of all runs."""
        return self.settings.scenario

    @property
    def target_percentile(self) -> float:
        """The percentile of `latency_target_ns` and its counterparts, as a fraction."""
        prefix = {
            _core.TestScenario.SingleStream: "single_stream",
            _core.TestScenario.MultiStream: "multi_stream",
            _core.TestScenario.Server: "server",
        }.get(self.scenario)
        if prefix is None:
            return 0.99
        return float(getattr(self.settings, f"{prefix}_target_latency_percentile"))

    @property
    def latency_kinds(self) -> tuple[str, ...]:
        """The times that the curve shows: "latency", or in token mode "ttft" and "tpot". Offline
        has no token times, because its samples need not send a first token."""
        tokens = self.settings.use_token_latencies
        if tokens and self.scenario != _core.TestScenario.Offline:
            return ("ttft", "tpot")
        return ("latency",)

    @property
    def bounds_ns(self) -> dict[str, int]:
        """The bounds that all runs must keep at the target percentile: in Server the bound of
        "latency", or in token mode those of "ttft" and "tpot". A bound that is itself varied is
        left out."""
        if self.scenario != _core.TestScenario.Server:
            return {}
        names = {
            "latency": "server_target_latency_ns",
            "ttft": "ttft_latency",
            "tpot": "tpot_latency",
        }
        return {
            kind: getattr(self.settings, names[kind])
            for kind in self.latency_kinds
            if names[kind] != self.parameter
        }

    def rows(self) -> list[SweepRow]:
        """The runs aggregated by value, in ascending order of the values."""
        ordered = sorted(self.points, key=_value)
        return [_row(value, list(points)) for value, points in groupby(ordered, _value)]

    @property
    def knee(self) -> SweepRow | None:
        """The load after which latency rises out of proportion to throughput, or None.

        It is found by Kneedle on the medians of samples per second and of the logarithm of the
        latency at the target percentile. If there are several `latency_kinds`, the first is used.
        See docs/sweep.md.
        """
        return self.find_knee()[0]

    def find_knee(self) -> tuple[SweepRow | None, str]:
        """Returns `knee`, and the reason if it is None."""
        kind = self.latency_kinds[0]
        measured: list[tuple[SweepRow, float, float]] = []
        for row in self.rows():
            rate = row.median.achieved_samples_per_second
            latency_ns = getattr(row.median, f"{kind}_target_ns")
            if rate is not None and latency_ns is not None:
                measured.append((row, rate, latency_ns))
        index, why_not = find_knee([rate for _, rate, _ in measured], [ns for *_, ns in measured])
        return None if index is None else measured[index][0], why_not


def _value(point: Point) -> float:
    return point.value


def _row(value: float, points: list[Point]) -> SweepRow:
    return SweepRow(
        value=value,
        run_count=len(points),
        valid_count=sum(point.valid for point in points),
        reasons=tuple(dict.fromkeys(reason for point in points for reason in point.reasons)),
        cautions=tuple(point.cautions[0] for point in points if point.cautions),
        median=_aggregate(median, points),
        min=_aggregate(min, points),
        max=_aggregate(max, points),
    )


def _aggregate(function: Callable[[list[float]], float], points: Sequence[Point]) -> SweepMetrics:
    found: dict[str, Any] = {}
    for field in fields(SweepMetrics):
        values = [getattr(point, field.name) for point in points]
        known = [value for value in values if value is not None]
        found[field.name] = function(known) if known else None
    return SweepMetrics(**found)
