"""The picture of a table of systems."""

from __future__ import annotations

import os

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

_COLOR = "#0072B2"
_SOFT = "#666666"


def draw(table: Table, path: str | os.PathLike[str]) -> None:
    """Draws `table` into a file; see ParetoTable.plot."""
    panels = panels_of(table.rows)
    if not panels:
        raise ValueError("no row of the table has two numbers that could be drawn")
    figure = Figure(figsize=(4.6 * len(panels), 4.2), dpi=150, layout="constrained")
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(all_axes, panels, strict=True):
        draw_panel(axes, panel)
    all_axes[0].set_ylabel(panels[0].y_name)
    figure.suptitle(f"{_plain(table.title)}: filled points are on the front", fontsize="medium")
    figure.savefig(path)


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Points with their names, filled if they are on the front."""
    for i, point in enumerate(panel.points):
        if point.y_interval is not None:
            axes.plot([point.x, point.x], point.y_interval, color=_COLOR, alpha=0.35, linewidth=2)
        face = _COLOR if point.on_front else "white"
        axes.plot(point.x, point.y, "o", color=_COLOR, markerfacecolor=face, markersize=7, zorder=3)
        axes.annotate(
            _plain(point.variant),
            (point.x, point.y),
            (6, -11 if i % 2 else 5),  # By turns below and above, as points may lie close.
            textcoords="offset points",
            fontsize="small",
            color="black" if point.on_front else _SOFT,
        )
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.12)
    axes.set_xlabel(panel.x_name)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=9))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rate(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _plain(text: str) -> str:
    """Text that is not taken for a formula."""
    return text.replace("$", r"\$")
