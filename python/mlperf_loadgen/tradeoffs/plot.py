"""The picture of a table of systems."""

from __future__ import annotations

import os
from collections.abc import Sequence

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
except ImportError as error:
    message = 'ParetoTable.plot needs matplotlib: pip install "mlperf_loadgen[plots]"'
    raise ImportError(message) from error

from ..text.units import rate
from .metrics import Table
from .panels import Panel, panels_of

# Colours for every kind of colour vision (Okabe and Ito); shapes tell those apart that share one.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D00", "#555555")
_SHAPES = "os^Dv*"
_WIDE_RATIO = 100.0
"""From this ratio of the ends of an axis on it has room for the powers of ten alone."""


def draw(table: Table, path: str | os.PathLike[str]) -> None:
    """Draws `table` into a file; see ParetoTable.plot."""
    panels = panels_of(table.rows)
    if not panels:
        raise ValueError("no row of the table has two numbers that could be drawn")
    names = [row.variant for row in table.rows]
    figure = Figure(figsize=(4.6 * len(panels), 4.6), dpi=150, layout="constrained")
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(all_axes, panels, strict=True):
        draw_panel(axes, panel, names)
    all_axes[0].set_ylabel(panels[0].y_name)
    figure.suptitle(f"{_plain(table.title)}: filled points are on the front", fontsize="medium")
    named = {
        label: handle
        for axes in all_axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    # Below the axes, where no point can come in its way.
    columns = min(2 * len(panels), len(named))
    figure.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=columns, frameon=False
    )
    figure.savefig(path)


def draw_panel(axes: Axes, panel: Panel, names: Sequence[str]) -> None:
    """Points, filled if they are on the front. `names`: of all variants, for their colours."""
    for point in panel.points:
        i = names.index(point.variant)
        color, shape = _COLORS[i % len(_COLORS)], _SHAPES[i // len(_COLORS) % len(_SHAPES)]
        if point.y_interval is not None:
            axes.plot([point.x, point.x], point.y_interval, color=color, alpha=0.35, linewidth=2)
        face = color if point.on_front else "white"
        axes.plot(
            point.x,
            point.y,
            shape,
            color=color,
            markerfacecolor=face,
            markersize=8,
            zorder=3,
            label=_plain(point.variant),
        )
    all_x = [point.x for point in panel.points]
    subs = (1.0,) if max(all_x) > _WIDE_RATIO * min(all_x) else (1.0, 2.0, 5.0)
    axes.set_xscale("log")
    axes.margins(x=0.1, y=0.12)
    axes.set_xlabel(panel.x_name)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rate(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _plain(text: str) -> str:
    """Text that is not taken for a formula."""
    return text.replace("$", r"\$")
