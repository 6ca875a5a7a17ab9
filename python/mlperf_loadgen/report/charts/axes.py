"""Axes of charts: units, ranges and ticks, as the JSON of plotly.js."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...text.units import duration, share, unit_of
from ..series import Floats

_LOG_FROM_RATIO = 20.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Scale:
    """An axis of durations."""

    unit_ns: float
    unit: str
    low: float
    high: float
    """In the unit, with room at the ends."""
    logarithmic: bool

    def values(self, ns: Floats | Sequence[float | None]) -> list[float | None]:
        """In the unit; what a logarithmic axis cannot show, as 0 ns, is at its low end."""
        in_unit = np.array(ns, np.float64) / self.unit_ns
        return rounded(np.maximum(in_unit, self.low) if self.logarithmic else in_unit)

    def at(self, share: float) -> float:
        """The value at a share of the axis, from its low end."""
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    def share(self, value: float) -> float:
        """The inverse of `at`."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def axis(self, name: str, sparse: bool = False) -> Json:
        """`sparse`: the labels are beside each other, not above."""
        if not self.logarithmic:
            title = {"text": f"{name} ({self.unit})"}
            return {"title": title, "range": [self.low, self.high]}
        low_ns, high_ns = self.low * self.unit_ns, self.high * self.unit_ns
        ticks = log_ticks(low_ns, high_ns, sparse)
        return {
            "type": "log",
            "title": {"text": f"{name} (log scale)"},
            "range": [math.log10(self.low), math.log10(self.high)],
            "tickvals": [tick / self.unit_ns for tick in ticks],
            "ticktext": [duration(tick) for tick in ticks],
            "tickangle": 0,
        }


def scale_of(lists: Iterable[Floats], also: Iterable[float | None] = ()) -> Scale:
    """An axis on which all of the durations are, and the bounds that are `also` shown."""
    everything = np.concatenate([*lists, np.array([v for v in also if v is not None], np.float64)])
    known = everything[everything > 0]  # On a logarithmic axis 0 is nowhere.
    low, high = float(known.min(initial=math.inf)), float(known.max(initial=1.0))
    unit_ns, unit = unit_of(high / 2 if high < 2e3 else high / 5)
    if high / low > _LOG_FROM_RATIO:
        room = (high / low) ** 0.06
        return Scale(unit_ns, unit, low / room / unit_ns, high * room / unit_ns, True)
    return Scale(unit_ns, unit, 0.0, 1.08 * high / unit_ns, False)


def log_ticks(low: float, high: float, sparse: bool = False) -> list[float]:
    """Round numbers, as many as there is room for."""
    decades = math.log10(high / low) * (2 if sparse else 1)
    steps = (1, 2, 5) if decades < 2.5 else (1, 3) if decades < 4 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [s * 10.0**p for p in powers for s in steps if low <= s * 10.0**p <= high]


def percentile_axis(most_odds: float) -> Json:
    powers = range(1, max(math.ceil(math.log10(max(most_odds, 10))), 1) + 1)
    ticks = [1.0, 2.0, *(10.0**p for p in powers)]
    texts = ["", share(0.5), *(share(1 - 10.0**-p, 10) for p in powers)]
    return {
        "type": "log",
        "title": {"text": "percentile, the tail widened: 1 / (1 - p)"},
        "tickvals": ticks,
        "ticktext": texts,
        "tickangle": 0,
        "range": [0, math.log10(max(most_odds, 10)) * 1.02],
    }


def rounded(values: Floats) -> list[float | None]:
    """With six significant digits, which look the same as all of them; JSON has no NaN."""
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values]


def time_axis(end_s: float) -> Json:
    return {"title": {"text": "time since the start (s)"}, "range": [0, 1.01 * end_s]}
