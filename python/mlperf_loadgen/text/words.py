"""Numbers and units in words."""

from __future__ import annotations

import math

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
MISSING = "-"
_SPACE = "\N{NO-BREAK SPACE}"  # Before a unit, where no line should end.


def duration(ns: float | None) -> str:
    """A time in the unit that suits it, with up to four significant digits."""
    if ns is None or not math.isfinite(ns):
        return MISSING
    scale, unit = unit_of(abs(ns))
    return f"{ns / scale:.4g}{_SPACE}{unit}"


def measured(ns: float | None) -> str:
    """Like `duration`, with all four digits, so that those below each other compare."""
    if ns is None or not math.isfinite(ns):
        return MISSING
    scale, unit = unit_of(abs(ns))
    shown = f"{ns / scale:#.4g}" if scale > 1 else f"{ns:.0f}"
    return f"{shown}{_SPACE}{unit}"


def unit_of(ns: float) -> tuple[float, str]:
    """The unit that suits a time: its length in ns, and its name."""
    return next((u for u in _UNITS if ns >= u[0]), _UNITS[-1])


def number(value: object) -> str:
    """A value of a log: numbers with separators of thousands, or with four significant digits."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def percentile(fraction: float) -> str:
    """0.99 is "p99"."""
    return f"p{100 * fraction:.6g}"
