"""What charts are made of, as the JSON that plotly.js draws: lines, marks and labels.

Colours are names such as "$run0", which the page replaces by those of its theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...text.units import duration
from ..data import Distribution
from .axes import Json, Scale

RUN_COLORS = 6
"""How many colours for runs a theme has; more runs have them again, dashed."""
_LABEL_GAP = 0.075  # Between labels at the end of lines, as a share of the axis.


@dataclass(frozen=True)
class Chart:
    """A chart with its words."""

    key: str
    """Names the chart in the page."""
    title: str
    hint: str
    """How to read it, in a sentence."""
    figure: Json
    """`data` and `layout` of plotly.js."""


def line_of(x: list[Any], y: list[Any], color: str, name: str, **more: Any) -> Json:
    style = {"color": color, "width": more.pop("width", 2), "dash": more.pop("dash", "solid")}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": style} | more


def mark(x: list[float], y: list[float], text: str, at: str, dash: str = "dash") -> Json:
    """A straight line with its label at its first point."""
    return {
        "type": "scatter",
        "mode": "lines+text",
        "x": x,
        "y": y,
        "text": [text] + [""] * (len(x) - 1),
        "textposition": at,
        "textfont": {"color": "$ink", "size": 11},
        "line": {"color": "$ink", "width": 1.2, "dash": dash},
        "hoverinfo": "skip",
        "cliponaxis": False,
        "name": "",
    }


def end_labels(x: float, ends: Sequence[tuple[str, str, float | None]], place: Scale) -> list[Json]:
    """Names of lines, with their colours, beside where the lines end and clear of each other.

    `ends`: from the lowest line to the highest; the order counts where they end together.
    """
    known = [(place.share(y), name, color) for name, color, y in ends if y is not None and y > 0]
    shown = []
    before = -1.0
    for share, name, color in sorted(known, key=lambda end: end[0]):
        before = max(share, before + _LABEL_GAP)
        shown.append(
            {
                "type": "scatter",
                "mode": "text",
                "x": [x],
                "y": [place.at(before)],
                "text": [f"\u00a0{name}"],
                "textposition": "middle right",
                "textfont": {"color": color, "size": 12},
                "hoverinfo": "skip",
                "cliponaxis": False,
                "name": "",
            }
        )
    return shown


def bound_marks(parts: Sequence[Distribution], x: list[float], place: Scale) -> list[Json]:
    marks = []
    bounds_ns = {ns for part in parts if (ns := part.bound_ns) and ns > 0}
    for bound_ns in sorted(bounds_ns):
        y = bound_ns / place.unit_ns
        above = place.at(place.share(y) + 0.012)  # Or letters stand on the line.
        label = mark(x[:1], [above], f"bound {duration(bound_ns)}", "top right")
        marks += [mark(x, [y, y], "", "top right"), label]
    return marks


def last_of(values: list[float | None]) -> float | None:
    return next((v for v in reversed(values) if v is not None), None)


def run_style(i: int) -> Json:
    return {"color": f"$run{i % RUN_COLORS}", "dash": "dash" if i >= RUN_COLORS else "solid"}


def vertical_marks(marks: Sequence[tuple[float, str]], place: Scale, top: float) -> list[Json]:
    """Lines up to labels, of which each is above the lines that it crosses."""
    shown = [(ns / place.unit_ns, text) for ns, text in marks]
    shown = [(x, text) for x, text in shown if place.low <= x <= place.high]
    to_the_left = any(place.share(x) > 0.6 for x, _ in shown)
    side = "middle left" if to_the_left else "middle right"
    if to_the_left:
        shown.reverse()
    return [
        mark([x, x], [top * (1 - 0.085 * i), 0.0], f" {text} ", side)
        for i, (x, text) in enumerate(shown)
    ]


def figure_of(
    data: list[Json], x_axis: Json, y_axis: Json, labels: bool = False, legend: bool = False
) -> Json:
    """`labels`: there are names at the right end of lines, which need room."""
    layout = {"xaxis": x_axis, "yaxis": y_axis, "showlegend": legend}
    return {"data": data, "layout": layout, "labels": labels}
