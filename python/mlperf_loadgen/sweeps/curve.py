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
    """What a run measured. None: does not exist in the scenario, or nothing was measured."""

    query_count: float
    """Queries issued."""
    sample_count: float
    """Samples answered."""
    failed_share: float | None = None
    """The share of the completed samples, 0 to 1, that failed: they are in no latency and no
    throughput. None: nothing was completed, or the table is of a version that did not know."""
    offered_queries_per_second: float | None
    """Server: the rate of the schedule."""
    achieved_queries_per_second: float | None
    achieved_samples_per_second: float | None
    """As in the summary, of what was answered: completed in Server and Offline, with overhead in
    SingleStream, and in MultiStream likewise."""
    achieved_tokens_per_second: float | None = None
    """As of `PerformanceResult.tokens_per_second`."""
    goodput_share: float | None
    """Server: the share of the queries, 0 to 1, that were answered within the latency bound; in
    token mode within the bounds on TTFT and TPOT."""
    lateness_p50_ns: float | None
    """Server: how late queries were issued."""
    lateness_p99_ns: float | None
    latency_p50_ns: float | None
    """Latencies of queries."""
    latency_p90_ns: float | None
    latency_p95_ns: float | None
    latency_p97_ns: float | None
    latency_p99_ns: float | None
    latency_p999_ns: float | None
    latency_target_ns: float | None
    """At the scenario's target percentile."""
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


@dataclass(frozen=True, kw_only=True)
class Point(SweepMetrics):
    """One run of a sweep."""

    value: float
    """Of the parameter that is swept."""
    repeat: int
    """From 0."""
    valid: bool
    reasons: tuple[str, ...]
    """Why not VALID; empty if it is."""
    logs: str
    """Folder of the logs; gone after a sweep without an `outdir`."""
    cautions: tuple[str, ...] = ()
    """What a reader must know before trusting the numbers, a sentence each."""


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """All runs with one value of the parameter."""

    value: float
    run_count: int
    valid_count: int
    reasons: tuple[str, ...]
    """Of all runs that are not VALID."""
    cautions: tuple[str, ...]
    """Of all runs that have one: the first of each."""
    median: SweepMetrics
    """Of each metric for itself, like `min` and `max`."""
    min: SweepMetrics
    max: SweepMetrics

    @property
    def valid(self) -> bool:
        """Whether more than half of the runs were VALID, as goes with the medians."""
        return 2 * self.valid_count > self.run_count


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Runs of one system under a setting that was varied."""

    parameter: str
    """Name of the setting."""
    settings: _core.TestSettings
    """What all runs have in common."""
    sut_name: str = ""
    points: tuple[Point, ...] = ()
    """One for each run, in the order they were run."""

    @property
    def scenario(self) -> _core.TestScenario:
        """Of all runs."""
        return self.settings.scenario

    @property
    def target_percentile(self) -> float:
        """Of `latency_target_ns` and its like, as a fraction."""
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
        """What the curve is about: "latency", or in token mode "ttft" and "tpot". Not in Offline,
        where no sample needs to send a first token."""
        tokens = self.settings.use_token_latencies
        if tokens and self.scenario != _core.TestScenario.Offline:
            return ("ttft", "tpot")
        return ("latency",)

    @property
    def bounds_ns(self) -> dict[str, int]:
        """The bounds all runs must keep at the target percentile: in Server of "latency", or of
        "ttft" and "tpot" in token mode. One that is itself varied is left out."""
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

        Kneedle on the medians of samples per second and of the logarithm of the latency at the
        target percentile; where there are several `latency_kinds`, of the first. See docs/sweep.md.
        """
        return self.find_knee()[0]

    def find_knee(self) -> tuple[SweepRow | None, str]:
        """`knee`, and if it is None, why."""
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
