"""Durations as text: `20ms`, `1.5s`."""

from __future__ import annotations

import math
import re

from ..show.outcome import Mistake

_UNITS_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9}
_PARTS = re.compile(r"([0-9.e+-]+) *([a-z]+)")


def duration_ns(option: str, text: str) -> float:
    """The duration in ns. Raises Mistake for a text that is no duration above 0."""
    parts = _PARTS.fullmatch(text.strip())
    units = ", ".join(_UNITS_NS)
    if parts is None or parts[2] not in _UNITS_NS:
        raise Mistake(f"{option} {text}: give a number and its unit, as in 20ms; units are {units}")
    try:
        value = float(parts[1]) * _UNITS_NS[parts[2]]
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise Mistake(f"{option} {text}: give a duration above 0, as in 20ms")
    return value
