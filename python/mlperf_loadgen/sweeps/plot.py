"""The picture of a sweep: latency against achieved throughput."""

from __future__ import annotations

import os
from collections.abc import Sequence

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter
except ImportError as error:
    message = 'Sweep.plot needs matplotlib: pip install "mlperf_loadgen[plots]"'
    raise ImportError(message) from error

from ..text.units import duration
from ..text.units import percentile as named_percentile
from .curve import PERCENTILES, Curve, SweepRow
from .text import failed_text, number_text

# Colours for every kind of colour vision (Okabe and Ito), and shapes as well.
_STYLES = [("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D")]
_BOUND_COLOR = "#555555"
_QUANTITIES = {
    "latency": "latency",
    "ttft": "time to first token",
    "tpot": "time per output token",
}


def draw(sweep: Curve, path: str | os.PathLike[str], percentiles: Sequence[float] | None) -> None:
    """Draws `sweep` into a file; see Sweep.plot."""
    if percentiles is None:
        percentiles = sorted({0.5, sweep.target_percentile})
    lines = [(_metric_suffix(sweep, p), named_percentile(p)) for p in percentiles]
    kinds = sweep.latency_kinds
    rows = [r for r in sweep.rows() if r.median.achieved_samples_per_second is not None]
    if not rows:
        raise ValueError("no run of the sweep measured anything that could be drawn")

    figure = Figure(figsize=(7.5, 1.6 + 2.9 * len(kinds)), dpi=150, layout="constrained")
    all_axes = figure.subplots(len(kinds), sharex=True, squeeze=False)[:, 0]
    for kind, axes in zip(kinds, all_axes, strict=True):
        _draw_kind(axes, sweep, rows, kind, lines)
    title = f"{sweep.sut_name}, {sweep.scenario.name}: latency against throughput"
    runs = max(row.run_count for row in rows)
    if runs > 1:
        title += f"\nmedians of {runs} runs, bars from the least to the most"
    all_axes[0].set_title(title, fontsize="medium")
    all_axes[-1].set_xlabel("achieved throughput (samples/s)")
    named = {
        label: handle
        for axes in all_axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    # Below the axes, where no curve can come in its way.
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path)


def _metric_suffix(sweep: Curve, percentile: float) -> str:
    for name, reported in PERCENTILES.items():
        if percentile == reported:
            return f"{name}_ns"
    if percentile == sweep.target_percentile:
        return "target_ns"
    known = ", ".join(map(str, sorted({*PERCENTILES.values(), sweep.target_percentile})))
    raise ValueError(f"percentile {percentile!r} is not reported; these are: {known}")


def _draw_kind(
    axes: Axes, sweep: Curve, rows: list[SweepRow], kind: str, lines: list[tuple[str, str]]
) -> None:
    for i, (suffix, label) in enumerate(lines):
        _draw_line(axes, rows, f"{kind}_{suffix}", label, *_STYLES[i % len(_STYLES)])
    _name_failures(axes, rows, f"{kind}_{lines[-1][0]}")
    target = named_percentile(sweep.target_percentile)
    if kind in sweep.bounds_ns:
        bound_ms = sweep.bounds_ns[kind] / 1e6
        name = f"bound of {duration(sweep.bounds_ns[kind])} on {target}"
        if kind != "latency":
            name = f"{kind.upper()} {name}"
        axes.axhline(bound_ms, color=_BOUND_COLOR, linestyle="--", linewidth=1.2, label=name)
    if sweep.knee is not None:
        rate = sweep.knee.median.achieved_samples_per_second or 0.0
        name = f"knee: {sweep.parameter} {number_text(sweep.knee.value)}"
        name += f", {failed_text(sweep.knee.median)}".rstrip(", ")
        axes.axvline(rate, color=_BOUND_COLOR, linestyle=":", linewidth=1.4, label=name)
    axes.set_yscale("log")
    axes.set_ylabel(f"{_QUANTITIES[kind]} (ms)")
    axes.set_xlim(left=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.grid(which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_line(
    axes: Axes, rows: list[SweepRow], metric: str, label: str, color: str, marker: str
) -> None:
    """The medians, with bars from least to most; hollow where they are INVALID."""
    shown = [row for row in rows if getattr(row.median, metric) is not None]
    x, x_bars = _spread(shown, "achieved_samples_per_second", 1.0)
    y, y_bars = _spread(shown, metric, 1e6)
    axes.plot(x, y, color=color, linewidth=1.6, marker=marker, label=label, zorder=3)
    if any(row.run_count > 1 for row in shown):
        axes.errorbar(x, y, y_bars, x_bars, fmt="none", ecolor=color, capsize=2, alpha=0.5)
    hollow = [i for i, row in enumerate(shown) if not row.valid]
    if hollow:
        axes.plot(
            [x[i] for i in hollow],
            [y[i] for i in hollow],
            linestyle="none",
            marker=marker,
            markerfacecolor="white",
            markeredgecolor=color,
            label="hollow: INVALID",
            zorder=4,
        )


def _name_failures(axes: Axes, rows: list[SweepRow], metric: str) -> None:
    """Beside the points of a line: where samples failed, the latencies are those of the others."""
    for row in rows:
        value_ns = getattr(row.median, metric)
        text = failed_text(row.median).rstrip(", ")
        if value_ns is None or not text:
            continue
        point = (row.median.achieved_samples_per_second or 0.0, value_ns / 1e6)
        axes.annotate(text, point, (4, 4), textcoords="offset points", fontsize="x-small")


def _spread(
    rows: list[SweepRow], metric: str, unit: float
) -> tuple[list[float], tuple[list[float], list[float]]]:
    """Medians, and how far the least and the most are from them."""
    medians = [getattr(row.median, metric) / unit for row in rows]
    below = [m - getattr(row.min, metric) / unit for row, m in zip(rows, medians, strict=True)]
    above = [getattr(row.max, metric) / unit - m for row, m in zip(rows, medians, strict=True)]
    return medians, (below, above)
