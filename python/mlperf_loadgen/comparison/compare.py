"""Whether two runs really differ: `compare`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np

from ..logs.files import shown_path
from ..logs.run import RunLogs, read_run
from ..logs.settings import settings_in_effect, settings_that_differ
from ..text.units import counted, percentile, share
from .comparison import Comparison
from .findings import LARGEST_FACTOR, THROUGHPUT, Difference
from .series import OF_TOKENS, Series, disturbed_share, series_of
from .stats import (
    MIN_COUNT,
    MIN_TAIL_COUNT,
    Floats,
    Spread,
    between_runs,
    log_statistics,
    log_statistics_without,
    student_quantile,
    within_runs,
)

Run = str | os.PathLike[str] | RunLogs
"""A folder with the logs of a test, or what `read_run` returned for it."""

_FRACTIONS = (0.1, 0.5, 0.9, 0.99)
"""The first is what a query takes that meets neither a queue nor a burst of other work."""
DISTURBANCE_FACTOR = 2.0
"""Disturbed queries for each one that was issued late: a query that the system works on is exposed
to the machine for longer than one that is about to be issued."""
_POWER = 0.9
"""How often a difference as large as `Difference.visible` is found."""
_DISTURBED_SHARE = 0.005


def compare(
    a: Run | Sequence[Run],
    b: Run | Sequence[Run],
    *,
    tolerance: float = 0.02,
    confidence: float = 0.95,
) -> Comparison:
    """Says whether B differs from A, and by how much.

    `a`, `b`: a run each, or for each side a list of several runs of the same system. With several
    runs, the variation from run to run is measured; with one, it is estimated from the slow
    variation within the runs. `tolerance`: changes up to this share do not matter; a side is called
    slower or faster only if the whole confidence interval lies beyond it. `confidence`: the chance
    that all intervals together hold the true values; each interval is widened for that
    (Bonferroni). docs/compare.md describes the method.

    Samples that failed or were never completed are in no row. The side of which a larger share was
    left without an answer is called faster in no statistic.

    Raises ValueError for runs of different scenarios or modes, for runs without a sample log or
    without queries, and for a tolerance or confidence out of range. Also raises the exceptions of
    `read_run`.
    """
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance is a share from 0 to below 1, not {tolerance!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a share between 0 and 1, not {confidence!r}")
    sides = (_runs(a, "a"), _runs(b, "b"))
    runs = [*sides[0], *sides[1]]
    _refuse_unlike(runs)
    series = [[series_of(run) for run in side] for side in sides]
    names = [name for name in series[0][0] if all(name in one for side in series for one in side)]
    disturbed = _more_disturbed(runs)
    found = []
    for name in names:
        each_a, each_b = ([one[name] for one in side] for side in series)
        found += _statistics(name, each_a, each_b, _fractions(runs[0], name), disturbed)
    of_a, of_b = (settings_in_effect(side[0].requested, side[0].settings) for side in sides)
    differ = settings_that_differ(of_a, of_b)
    failed, unanswered = (
        (_mean_share(sides[0], name), _mean_share(sides[1], name))
        for name in ("failed_share", "unanswered_share")
    )
    return Comparison(
        a=_names(sides[0], sides[1]),
        b=_names(sides[1], sides[0]),
        scenario=runs[0].scenario,
        tolerance=tolerance,
        confidence=confidence,
        paired=all(
            _same_queries([one[name] for side in series for one in side])
            for name in names
            if name not in OF_TOKENS
        ),
        rows=_without_survivors(_judged(found, tolerance, confidence), unanswered),
        settings_differ=differ,
        failed=failed,
        unanswered=unanswered,
        valid=(_all_valid(sides[0]), _all_valid(sides[1])),
        tokens_per_second=(_token_rate(sides[0]), _token_rate(sides[1])),
        goodput=(_goodput(sides[0]), _goodput(sides[1])),
        cautions=tuple(dict.fromkeys(_cautions(sides, differ))),  # A run may be on both sides.
    )


# ---- Runs ----------------------------------------------------------------------------------------


def _runs(given: Run | Sequence[Run], side: str) -> list[RunLogs]:
    several = [given] if isinstance(given, (str, os.PathLike, RunLogs)) else list(given)
    if not several:
        raise ValueError(f"{side} has no runs: give at least one folder")
    return [run if isinstance(run, RunLogs) else read_run(Path(run)) for run in several]


def _refuse_unlike(runs: Sequence[RunLogs]) -> None:
    for run in runs:
        if not run.scenario:
            reason = run.unread[-1] if run.unread else "its logs do not say the scenario"
            folder = shown_path(run.folder)
            raise ValueError(f"{run.name} cannot be compared: {reason} (see {folder})")
    for what in ("scenario", "mode"):
        found = {getattr(run, what) for run in runs}
        if len(found) > 1:
            each = ", ".join(f"{run.name}: {getattr(run, what)}" for run in runs)
            raise ValueError(f"runs of different {what}s cannot be compared ({each})")
    for run in runs:
        if why := _nothing_to_compare(run):
            raise ValueError(
                f"{run.name} has no queries to compare: {why} (see {shown_path(run.folder)})"
            )


def _nothing_to_compare(run: RunLogs) -> str | None:
    """Why not, in words; None: there is something."""
    if run.samples is not None and len(run.samples) > 0:
        return None
    if not run.finished:
        return "its logs end before the test did"
    if run.samples_left_out:
        return (
            f"its log had no room for {counted(run.samples_left_out, 'sample')}; "
            "raise LogSettings.max_sample_log_mb"
        )
    return (
        "it has no sample log, or the test had no performance phase; set "
        "LogSettings.enable_sample_log = True"
    )


def _fractions(run: RunLogs, name: str) -> tuple[float, ...]:
    target = run.number("effective_target_latency_percentile")
    # The shortest times between tokens are those of events that came at once, close to 0.
    of_all = _FRACTIONS[1:] if name in OF_TOKENS else _FRACTIONS
    return tuple(sorted({*of_all, *([target] if target else [])}))


def _mean_share(side: Sequence[RunLogs], name: str) -> float:
    return float(np.mean([getattr(run, name) for run in side]))


def _without_survivors(
    rows: tuple[Difference, ...], unanswered: tuple[float, float]
) -> tuple[Difference, ...]:
    """A system that answers less may be fast in what it answers: that shows nothing, whichever side
    it is."""
    a, b = unanswered
    if a == b:
        return rows
    of_survivors = "faster" if b > a else "slower"
    return tuple(
        replace(row, verdict="unclear") if row.verdict == of_survivors else row for row in rows
    )


def _all_valid(side: Sequence[RunLogs]) -> bool | None:
    verdicts = [run.valid for run in side]
    return None if None in verdicts else all(verdicts)


def _token_rate(side: Sequence[RunLogs]) -> float | None:
    rates = [rate for run in side if (rate := run.tokens_per_second)]
    if len(rates) < len(side):
        return None
    return rates[0] if len(rates) == 1 else geometric_mean(rates)


def _goodput(side: Sequence[RunLogs]) -> float | None:
    shares = [run.number("result_goodput_share") for run in side]
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if len(known) == len(shares) else None


def _more_disturbed(runs: Sequence[RunLogs]) -> float:
    """Share of the queries that the machine disturbed in the second run and not in the first.

    0 for several runs a side: what the machine does then shows as what varies between them.
    """
    if len(runs) > 2:
        return 0.0
    return DISTURBANCE_FACTOR * (disturbed_share(runs[1]) - disturbed_share(runs[0]))


def _names(side: Sequence[RunLogs], others: Sequence[RunLogs]) -> tuple[str, ...]:
    """The names of the runs of a side; their folders where runs have the same name."""
    names = [run.name for run in (*side, *others)]
    return tuple(run.name if names.count(run.name) == 1 else shown_path(run.folder) for run in side)


def _cautions(
    sides: Sequence[Sequence[RunLogs]], differ: Mapping[str, tuple[Any, Any]]
) -> Iterator[str]:
    changed = [name for name in differ if not name.endswith("rng_seed")]
    if changed:
        yield (
            f"the settings differ ({', '.join(changed)}): what is found may come from them and "
            "not from the system"
        )
    for label, side in zip("AB", sides, strict=True):
        first, *others = (settings_in_effect(run.requested, run.settings) for run in side)
        within = {name: None for other in others for name in settings_that_differ(first, other)}
        changed = [name for name in within if not name.endswith("rng_seed")]
        if changed:
            yield f"the settings differ between the runs of {label} ({', '.join(changed)})"
    named = zip(
        (*_names(sides[0], sides[1]), *_names(sides[1], sides[0])),
        (*sides[0], *sides[1]),
        strict=True,
    )
    for name, run in named:
        assert run.samples is not None  # Refused before.
        if run.failed_share > 0:
            yield f"{name}: {run.failures}; the rows are of those that were answered"
        lost = int(np.count_nonzero(run.samples["completed_ns"] < 0))
        if lost:
            yield (
                f"{name}: left out as never completed: {lost} of "
                f"{counted(len(run.samples), 'sample')}"
            )
        if run.samples_left_out:
            yield (
                f"{name}: only its first {counted(len(run.samples), 'sample')} can be "
                f"compared; its log had no room for {run.samples_left_out:,} more"
            )
        if not run.finished:
            yield f"{name}: the test did not run to its end"
        yield from (f"{name}: {caution}" for caution in run.cautions)
        disturbed = disturbed_share(run)
        if disturbed > _DISTURBED_SHARE:
            yield (
                f"{name}: {share(disturbed)} of the queries were issued late because the generator "
                "itself did not get to run; repeat the runs on a quiet machine, or make several "
                "a side in turn"
            )


# ---- Statistics ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Statistic:
    """A row before it is judged."""

    metric: str
    a_ns: float
    b_ns: float
    spread: Spread | None
    """The spread of log(b / a); None: unknown."""
    lower: float
    """By how much log(b / a) would be lower if the machine had disturbed B no more than A."""
    higher: float


def _statistics(
    name: str,
    a: Sequence[Series],
    b: Sequence[Series],
    fractions: Sequence[float],
    disturbed: float,
) -> list[_Statistic]:
    """The rows of one series: its mean and, if they mean something, its percentiles.

    `disturbed`: the share of queries that were disturbed in B and not in A; below 0 the reverse.
    """
    paired = _same_queries([*a, *b])
    of_a, of_b = _values(a, b, paired)
    least = min(len(values) for values in (*of_a, *of_b))
    if least == 0:
        return []
    meant = fractions if a[0].fractions is None else a[0].fractions
    shown = [p for p in meant if least * min(p, 1 - p) >= MIN_TAIL_COUNT]
    labels = [f" {label}" for label in ("mean", *(percentile(p) for p in shown))]
    logs_a, logs_b = (
        np.array([log_statistics(values, shown) for values in side]).T for side in (of_a, of_b)
    )
    lower, higher = (
        log_statistics(side[0], shown) - log_statistics_without(side[0], shown, max(more, 0.0))
        for side, more in ((of_b, disturbed), (of_a, -disturbed))
    )
    within: list[list[Spread]] = []  # Of each pair of runs, of each statistic.
    if min(least, *(series.events for series in (*a, *b))) >= MIN_COUNT:
        pairs = zip(of_a, of_b, strict=False)
        within = [within_runs(one, other, shown, paired) for one, other in pairs]
    return [
        _Statistic(
            metric=name if name == THROUGHPUT else name + label,
            a_ns=math.exp(logs_a[i].mean()),
            b_ns=math.exp(logs_b[i].mean()),
            spread=_spread(logs_a[i], logs_b[i], [pair[i] for pair in within]),
            lower=float(lower[i]),
            higher=float(higher[i]),
        )
        for i, label in enumerate(labels)
    ]


def _spread(a: Floats, b: Floats, within: Sequence[Spread]) -> Spread | None:
    if len(a) + len(b) > 2:
        return between_runs(a, b, within)
    return within[0] if within else None


def _judged(
    statistics: Sequence[_Statistic], tolerance: float, confidence: float
) -> tuple[Difference, ...]:
    """The rows; the chance of an error is shared evenly among those that can err."""
    known = sum(statistic.spread is not None for statistic in statistics)
    probability = 1 - (1 - confidence) / (2 * max(known, 1))
    return tuple(_row(statistic, tolerance, probability) for statistic in statistics)


def _row(statistic: _Statistic, tolerance: float, probability: float) -> Difference:
    a, b, sign = statistic.a_ns, statistic.b_ns, 1
    change = math.log(b / a)
    if statistic.metric == THROUGHPUT:
        a, b, sign = 1e9 / a, 1e9 / b, -1
    spread = statistic.spread
    if spread is None:
        return Difference(statistic.metric, a, b, b / a - 1, None, None, None, "unclear")
    half = student_quantile(probability, spread.freedom) * spread.error()
    low, high = change - half - statistic.lower, change + half + statistic.higher
    limit = math.log1p(tolerance)
    again = student_quantile(_POWER, spread.freedom) * spread.error()
    if low > limit or high < -limit:
        verdict = "slower" if low > limit else "faster"
    else:
        verdict = "same" if -limit <= low and high <= limit else "unclear"
    ends = sorted((sign * low, sign * high))
    return Difference(
        metric=statistic.metric,
        a=a,
        b=b,
        change=b / a - 1,
        low=_share(ends[0]),
        high=_share(ends[1]),
        visible=_visible(limit + max(half + statistic.lower, half + statistic.higher) + again),
        verdict=verdict,
    )


def _share(log_ratio: float) -> float:
    most = math.log(LARGEST_FACTOR)
    return math.expm1(min(max(log_ratio, -most), most))


def _visible(log_ratio: float) -> float | None:
    return math.expm1(log_ratio) if log_ratio < math.log(LARGEST_FACTOR) else None


def _same_queries(runs: Sequence[Series]) -> bool:
    """Whether all runs begin with the same queries, most of which they share."""
    counts = [len(series.same_if) for series in runs]
    first = runs[0].same_if[: min(counts)]
    same = all(np.array_equal(first, series.same_if[: min(counts)]) for series in runs)
    return same and 2 * min(counts) >= max(counts)


def _values(
    a: Sequence[Series], b: Sequence[Series], paired: bool
) -> tuple[list[Floats], list[Floats]]:
    """Without what has no duration. Paired: of the queries that all runs have."""
    runs = [series.values for series in (*a, *b)]
    if paired:
        runs = [values[: min(map(len, runs))] for values in runs]
        whole = np.logical_and.reduce([np.isfinite(values) for values in runs])
        runs = [values[whole] for values in runs]
    runs = [np.maximum(values[np.isfinite(values)], 1.0) for values in runs]
    return runs[: len(a)], runs[len(a) :]
