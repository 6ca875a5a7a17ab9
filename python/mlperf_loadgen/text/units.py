"""Numbers and their units in words: one formatter for each kind of number.

Everything here is ASCII ("us" for microseconds), which every terminal and log can take.
"""

from __future__ import annotations

import math

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))
_MISSING = "-"


def duration(ns: float | None, padded: bool = False) -> str:
    """A time in the unit that suits it, with up to four significant digits; of thousands of
    seconds all digits. As "12.35 us". `padded`: with zeros, so that times below each other compare.
    """
    if ns is None or not math.isfinite(ns):
        return _MISSING
    if abs(ns) >= 1e12:
        return f"{ns / 1e9:,.0f} s"
    scale, unit = unit_of(abs(ns))
    zeros = "#" if padded and scale > 1 else ""
    return f"{ns / scale:{zeros}.4g}".rstrip(".") + f" {unit}"


def unit_of(ns: float) -> tuple[float, str]:
    """The unit that suits a time: its length in ns, and its name."""
    return next((u for u in _UNITS if ns >= u[0]), _UNITS[-1])


def rate(per_second: float | None) -> str:
    """A number with four significant digits, or all of its whole ones. As "1,235"."""
    if per_second is None or not math.isfinite(per_second):
        return _MISSING
    return f"{per_second:,.0f}" if abs(per_second) >= 1000 else f"{per_second:.4g}"


def number(value: object) -> str:
    """A value of a log: whole numbers with all digits, others as rates are."""
    if value is None:
        return _MISSING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else rate(value)


def share(fraction: float, digits: int = 3) -> str:
    """0.125 is "12.5 %"."""
    return f"{100 * fraction:.{digits}g} %"


def change(fraction: float) -> str:
    """0.053 is "+5.3 %"."""
    return f"{100 * fraction:+.1f} %"


def percentile(fraction: float) -> str:
    """0.99 is "p99"."""
    return f"p{100 * fraction:.6g}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """ "1 trial", "2 trials", "1,234 queries"; `plural`: unless it is the noun and an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
