"""The charts of a table of systems: what is worth having against what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ...text.units import rate
from ...tradeoffs.panels import Panel, Point
from .axes import Json, log_ticks
from .marks import RUN_COLORS, Chart, figure_of

_SHAPES = ("circle", "square", "diamond", "triangle-up")


def panel_chart(panel: Panel, names: Sequence[str], key: str) -> Chart:
    """Points, filled if they are on the front. `names`: of all variants, for their colours."""
    points = panel.points
    data = [_mark(point, panel, names.index(point.variant)) for point in points]
    low, high = min(point.x for point in points), max(point.x for point in points)
    room = max((high / low) ** 0.12, 1.3)
    ticks = log_ticks(low / room, high * room)
    x_axis: Json = {
        "type": "log",
        "title": {"text": panel.x_name},
        "range": [math.log10(low / room), math.log10(high * room)],
        "tickvals": ticks,
        "ticktext": [rate(tick) for tick in ticks],
    }
    title = f"{panel.y_name} against {panel.x_name}"
    hint = "Each point is a variant; filled ones are on the front."
    figure = figure_of(data, x_axis, {"title": {"text": panel.y_name}}, legend=True)
    return Chart(key, title[:1].upper() + title[1:], hint, figure)


def _mark(point: Point, panel: Panel, i: int) -> Json:
    color = f"$run{i % RUN_COLORS}"
    shape = _SHAPES[i // RUN_COLORS % len(_SHAPES)]
    about = f"{panel.x_name} %{{x:.4g}}, {panel.y_name} %{{y:.4g}}"
    shown: Json = {
        "type": "scatter",
        "mode": "markers",
        "x": [point.x],
        "y": [point.y],
        "name": escape(point.variant),
        "marker": {
            "color": color,
            "symbol": shape if point.on_front else f"{shape}-open",
            "size": 11,
            "line": {"width": 2},
        },
        "hovertemplate": f"{escape(point.variant)}: {about}<extra></extra>",
        "showlegend": True,
        "cliponaxis": False,
    }
    if point.y_interval is not None:
        low, high = point.y_interval
        shown["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - point.y],
            "arrayminus": [point.y - low],
            "thickness": 1,
            "color": color,
        }
    return shown
