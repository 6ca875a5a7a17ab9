"""The charts of a table of systems: what is worth having against what it costs."""

from __future__ import annotations

import math
from html import escape

from ...text.units import rate
from ...tradeoffs.panels import Panel
from .axes import Json, log_ticks
from .marks import Chart, figure_of


def panel_chart(panel: Panel, key: str) -> Chart:
    """Points with their names, filled if they are on the front."""
    points = panel.points
    shown: Json = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [point.x for point in points],
        "y": [point.y for point in points],
        "text": [escape(point.variant) for point in points],
        # By turns, as points may lie close.
        "textposition": [("top right", "bottom right")[i % 2] for i in range(len(points))],
        "textfont": {"color": "$ink", "size": 12},
        "marker": {
            "color": "$run0",
            "symbol": ["circle" if point.on_front else "circle-open" for point in points],
            "size": 10,
            "line": {"width": 2},
        },
        "hovertemplate": f"%{{text}}: {panel.x_name} %{{x:.4g}}, {panel.y_name} %{{y:.4g}}"
        "<extra></extra>",
        "cliponaxis": False,
    }
    if any(point.y_interval for point in points):
        ends = [point.y_interval or (point.y, point.y) for point in points]
        shown["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - point.y for (_, high), point in zip(ends, points, strict=True)],
            "arrayminus": [point.y - low for (low, _), point in zip(ends, points, strict=True)],
            "thickness": 1,
        }
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
    figure = figure_of([shown], x_axis, {"title": {"text": panel.y_name}})
    return Chart(key, title[:1].upper() + title[1:], hint, figure)
