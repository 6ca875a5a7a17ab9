"""A sweep in words and columns."""

from __future__ import annotations

from collections.abc import Sequence

from ..text.columns import aligned, wrapped
from ..text.units import counted, duration, rate, share
from .curve import Curve, Point, SweepMetrics, SweepRow

_COLUMNS = [
    ("offered/s", "offered_queries_per_second", 1.0),
    ("samples/s", "achieved_samples_per_second", 1.0),
    ("tokens/s", "achieved_tokens_per_second", 1.0),
    ("with prompts", "achieved_total_tokens_per_second", 1.0),
    ("p50 ms", "latency_p50_ns", 1e6),
    ("p90 ms", "latency_p90_ns", 1e6),
    ("p99 ms", "latency_p99_ns", 1e6),
    ("p99.9 ms", "latency_p999_ns", 1e6),
    ("TTFT p99 ms", "ttft_p99_ns", 1e6),
    ("TPOT p99 ms", "tpot_p99_ns", 1e6),
    ("ITL p99 ms", "itl_p99_ns", 1e6),
    ("late p99 us", "lateness_p99_ns", 1e3),
    ("stamped late p99 us", "client_lag_p99_ns", 1e3),
    ("good %", "goodput_share", 0.01),
    ("failed %", "failed_share", 0.01),
]
"""Heading, metric, and what it is divided by."""
_WHERE_NOT_ZERO = ("failed_share",)
"""Metrics that are shown only if they are not 0 everywhere."""


def number_text(value: float) -> str:
    """A value of the parameter: whole numbers with all their digits, other numbers with six."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e16 else f"{value:.6g}"


def point_text(point: Point) -> str:
    """Describes a run in one line."""
    tokens = point.achieved_tokens_per_second
    return (
        f"{number_text(point.value)} (repeat {point.repeat}): "
        f"{rate(point.achieved_samples_per_second)} samples/s, "
        f"{'' if tokens is None else f'{rate(tokens)} tokens/s, '}"
        f"p50 {duration(point.latency_p50_ns)}, p99 {duration(point.latency_p99_ns)}, "
        f"{failed_text(point)}{'VALID' if point.valid else 'INVALID'}"
    )


def sweep_text(sweep: Curve) -> str:
    """The table of the medians, with a line for each value; the knee; and the faults of runs."""
    rows = sweep.rows()
    runs = counted(len(sweep.points), "run")
    lines = [f"{sweep.scenario.name} sweep of {sweep.sut_name}: {sweep.parameter}, {runs}"]
    lines += _table(sweep.parameter, rows)
    knee, why_not = sweep.find_knee()
    if knee is None:
        lines.append(f"knee: none ({why_not})")
    else:
        reached = rate(knee.median.achieved_samples_per_second)
        failed = failed_text(knee.median)
        value = number_text(knee.value)
        lines.append(f"knee: {sweep.parameter} {value}, {failed}{reached} samples/s")
    for row in rows:
        if row.reasons:
            runs_text = f"{row.run_count - row.valid_count}/{row.run_count}"
            value = number_text(row.value)
            lines += wrapped(f"INVALID at {value} ({runs_text}): {row.reasons[0]}")
        if row.cautions:
            runs_text = f"{len(row.cautions)}/{row.run_count}"
            value = number_text(row.value)
            lines += wrapped(f"caution at {value} ({runs_text}): {row.cautions[0]}")
    return "\n".join(lines)


def failed_text(metrics: SweepMetrics) -> str:
    """A text such as "12 % failed, "; empty if no sample failed."""
    return f"{share(metrics.failed_share)} failed, " if metrics.failed_share else ""


def _cell(value: float | None, unit: float = 1.0) -> str:
    return rate(None if value is None else value / unit)


def _is_shown(row: SweepRow, metric: str) -> bool:
    if metric in _WHERE_NOT_ZERO:
        return bool(getattr(row.max, metric))
    return getattr(row.median, metric) is not None


def _table(parameter: str, rows: Sequence[SweepRow]) -> list[str]:
    """The medians under their headings; columns that no row has are left out."""
    shown = [
        (heading, metric, unit)
        for heading, metric, unit in _COLUMNS
        if any(_is_shown(row, metric) for row in rows)
    ]
    cells = [[parameter, *(heading for heading, _, _ in shown), "valid"]]
    for row in rows:
        medians = [_cell(getattr(row.median, metric), unit) for _, metric, unit in shown]
        cells.append([number_text(row.value), *medians, f"{row.valid_count}/{row.run_count}"])
    return aligned(cells, ">" * len(cells[0]))
