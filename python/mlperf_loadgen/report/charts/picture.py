"""A report as one picture."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from typing import Any

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import FuncFormatter, NullFormatter
except ImportError as error:
    message = "a report as PNG needs matplotlib: pip install 'mlperf_loadgen[plots]'"
    raise ImportError(message) from error

from ...text.units import duration, share
from ...tradeoffs.plot import draw_panel
from ..data import Distribution, ParetoReport, Report, RunReport, SweepReport

# Colours that differ for any kind of colour vision (Okabe and Ito).
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#555555")
_VERDICT_COLORS = {"good": "#0b6b46", "bad": "#a32410", "none": "#44546a"}
_SOFT = "#666666"


def draw(report: Report, path: str | os.PathLike[str]) -> None:
    """Draws the runs over each other, or a sweep."""
    panels = [
        (title, part)
        for key, title in (
            ("latency", "Latency"),
            ("ttft", "Time to first token"),
            ("tpot", "Time per output token"),
            ("itl", "Inter-token latency"),
            ("icl", "Time between events"),
        )
        if (part := _parts(report.runs, key))
    ]
    drawn = [table for table in report.paretos if table.panels]
    rows = len(panels) + (any(run.flow for run in report.runs)) + len(report.sweeps) + len(drawn)
    if rows == 0:
        raise ValueError("these runs have no samples to draw; write .html or .md instead")
    head = 0.34 * len(report.runs) + 0.2
    height = 3.1 * rows + head
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - head / height))
    figure = Figure(figsize=(11, height), dpi=120, layout=layout)
    grid = figure.subplots(rows, 2, squeeze=False)
    for (title, parts), (left, right) in zip(panels, grid, strict=False):
        _draw_tail(left, title, parts)
        _draw_bands(right, title, parts)
    if any(run.flow for run in report.runs):
        left, right = grid[len(panels)]
        _draw_flow(left, right, report.runs)
    for table, pair in zip(drawn, grid[rows - len(drawn) :], strict=True):
        _draw_pareto(pair, table)
    first = rows - len(drawn) - len(report.sweeps)
    for sweep, (left, right) in zip(report.sweeps, grid[first : rows - len(drawn)], strict=True):
        _draw_sweep(left, sweep)
        right.set_axis_off()
    _write_head(figure, report, head / height)
    figure.savefig(path, format="png")


_Parts = list[tuple[int, RunReport, Distribution]]


def _parts(runs: Sequence[RunReport], key: str) -> _Parts:
    return [
        (i, run, part)
        for i, run in enumerate(runs)
        for part in run.distributions
        if part.key == key
    ]


def _write_head(figure: Figure, report: Report, height: float) -> None:
    line = height / (len(report.runs) + 0.6) if report.runs else height
    for i, run in enumerate(report.runs):
        y = 1 - line * (i + 0.75)
        if len(report.runs) > 1:
            sign = "\u25a0" if i < len(_COLORS) else "\u25a1"
            figure.text(0.006, y, sign, color=_color(i), fontsize=12, va="center")
        figure.text(
            0.022,
            y,
            run.verdict,
            color=_VERDICT_COLORS[run.tone],
            fontsize=13,
            weight="bold",
            va="center",
        )
        caution = " (with a caution)" if run.cautions else ""
        text = f"{run.name}: {run.headline}{caution}".replace("$", r"\$")
        figure.text(0.13, y, text, fontsize=11, va="center")


def _color(i: int) -> str:
    return _COLORS[i % len(_COLORS)]


def _line(i: int) -> dict[str, Any]:
    """The line of a run; runs beyond the number of colours have the same ones again, dashed."""
    return {"color": _color(i), "linestyle": "--" if i >= len(_COLORS) else "-"}


def _draw_tail(axes: Axes, title: str, parts: _Parts) -> None:
    for i, _, part in parts:
        axes.plot(part.tail.odds, part.tail.values_ns, linewidth=1.8, **_line(i))
        if part.target is not None and part.target_ns is not None:
            axes.plot([1 / (1 - part.target)], [part.target_ns], "o", color=_color(i))
    most = max(float(part.tail.odds[-1]) for _, _, part in parts)
    powers = range(1, math.ceil(math.log10(max(most, 10))) + 1)
    axes.set_xscale("log")
    axes.set_xticks([2, *(10**p for p in powers)])
    axes.set_xticklabels([share(0.5), *(share(1 - 10.0**-p, 10) for p in powers)])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("percentile, the tail widened")
    _finish(axes, f"{title}, percentile curve", parts)


def _draw_bands(axes: Axes, title: str, parts: _Parts) -> None:
    shown = [(i, part.bands) for i, _, part in parts if part.bands is not None]
    if not shown:
        axes.set_axis_off()
        return
    for i, bands in shown:
        axes.plot(bands.seconds, bands.p99_ns, linewidth=1.4, **_line(i))
        if len(shown) == 1:
            axes.fill_between(
                bands.seconds, bands.p50_ns, bands.max_ns, color=_color(i), alpha=0.15, linewidth=0
            )
            axes.plot(bands.seconds, bands.p50_ns, color=_color(i), linewidth=1, linestyle=":")
    axes.set_xlabel("time since the start (s)")
    how = "p50, p99 and max" if len(shown) == 1 else "p99"
    _finish(axes, f"{title} over time: {how}", parts)


def _finish(axes: Axes, title: str, parts: _Parts) -> None:
    for bound in sorted({part.bound_ns for _, _, part in parts if part.bound_ns}):
        axes.axhline(bound, color=_SOFT, linestyle="--", linewidth=1)
        axes.annotate(
            f"bound {duration(bound)}",
            (0.01, bound),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
        )
    if any(part.tail.values_ns[-1] > 0 for _, _, part in parts):
        axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ns, _: duration(ns)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    _style(axes, title)


def _draw_flow(left: Axes, right: Axes, runs: Sequence[RunReport]) -> None:
    unit = next(run.flow_unit for run in runs if run.flow is not None)
    for i, run in enumerate(runs):
        if run.flow is None:
            continue
        left.plot(run.flow.seconds, run.flow.completions_per_s, linewidth=1.4, **_line(i))
        right.plot(run.flow.seconds, run.flow.most_outstanding, linewidth=1.4, **_line(i))
    for axes, title in ((left, f"Throughput ({unit}/s)"), (right, f"Outstanding {unit}")):
        axes.set_ylim(bottom=0)
        axes.set_xlabel("time since the start (s)")
        _style(axes, title)


def _draw_sweep(axes: Axes, sweep: SweepReport) -> None:
    for i, (name, values_ns) in enumerate(sweep.lines):
        known = [v if v is not None else math.nan for v in values_ns]
        axes.plot(sweep.samples_per_second, known, "o-", color=_color(i), label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ns, _: duration(ns)))
    axes.set_xlabel("achieved throughput (samples/s)")
    axes.legend(frameon=False)
    _style(axes, sweep.title)


def _draw_pareto(pair: Sequence[Axes], table: ParetoReport) -> None:
    """The first two of its panels."""
    names = [row[0].text for row in table.table.rows]
    for axes, panel in itertools.zip_longest(pair, table.panels[:2]):
        if panel is None:
            axes.set_axis_off()
            continue
        draw_panel(axes, panel, names)
        axes.legend(fontsize=8, frameon=False)
        axes.set_ylabel(panel.y_name)
        _style(axes, table.title)


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title.replace("$", r"\$"), fontsize=10, loc="left")
    axes.grid(which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.label.set_fontsize(9)
