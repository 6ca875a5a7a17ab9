"""The points of a table's pictures: what is worth having against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .metrics import Interval, ParetoRow

_QUALITIES = (("accuracy", "accuracy (%)", 0.01), ("samples_per_second", "samples/s", 1.0))
"""Field, name and unit of what is drawn upwards; the first that two rows have."""
_COSTS = (
    ("disk_bytes", "size on disk (MB)", 2.0**20),
    ("latency_p99_ns", "p99 latency (ms)", 1e6),
    ("samples_per_second", "samples/s", 1.0),
    ("peak_qps", "peak (queries/s)", 1.0),
)


@dataclass(frozen=True)
class Point:
    """A row in a panel, in the units of its axes."""

    variant: str
    x: float
    y: float
    y_interval: Interval | None
    on_front: bool


@dataclass(frozen=True)
class Panel:
    """One picture, with the names of its axes. The axis of x is logarithmic."""

    x_name: str
    y_name: str
    points: tuple[Point, ...]


def panels_of(rows: Sequence[ParetoRow]) -> tuple[Panel, ...]:
    """The panels that the rows have numbers for; none, if no row has both of any two."""
    for quality in _QUALITIES:
        panels = [_panel(rows, cost, quality) for cost in _COSTS if cost[0] != quality[0]]
        shown = tuple(panel for panel in panels if panel.points)
        if shown:
            return shown
    return ()


def _panel(
    rows: Sequence[ParetoRow], cost: tuple[str, str, float], quality: tuple[str, str, float]
) -> Panel:
    (x_field, x_name, x_unit), (y_field, y_name, y_unit) = cost, quality
    points = []
    for row in rows:
        x, y = getattr(row, x_field), getattr(row, y_field)
        if not x or y is None:
            continue
        ends = row.accuracy_interval if y_field == "accuracy" else None
        interval = None if ends is None else (ends[0] / y_unit, ends[1] / y_unit)
        points.append(Point(row.variant, x / x_unit, y / y_unit, interval, row.on_front))
    return Panel(x_name, y_name, tuple(points))
