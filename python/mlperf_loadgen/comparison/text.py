"""A comparison in words and columns."""

from __future__ import annotations

import math

from ..text.columns import aligned, wrapped
from ..text.units import change, rate, share
from .findings import (
    LARGEST_FACTOR,
    Difference,
    Findings,
    rather_latencies,
    sharpest_row,
    widest_apart,
)

_LARGEST_PERCENT = 9.995
"""A larger share is shown as a factor."""
_LEAST_SHARE = 1 / LARGEST_FACTOR - 1 + 1e-9
"""Lower ones are not shown any closer either."""


def summary_text(found: Findings) -> str:
    """The outcome in a line."""
    if found.outcome == "no difference":
        return f"no difference found ({_seen(found)})"
    if found.outcome == "inconclusive":
        if found.unanswered[0] != found.unanswered[1] or not found.rows:
            a, b = map(share, found.unanswered)
            return (
                f"inconclusive: {b} of B's samples failed or were never completed, and {a} of A's"
            )
        return _inconclusive(found)
    if found.outcome == "mixed":
        slower, faster = (_clearest(found, verdict) for verdict in ("slower", "faster"))
        return f"B is slower in {_interval(slower)} and faster in {_interval(faster)}"
    row = _clearest(found, found.outcome)
    return f"B is {_extent(row.change)} {found.outcome} ({_interval(row)})"


def comparison_text(found: Findings) -> str:
    """The outcome, the table, and what else a reader must know."""
    lines = [
        *wrapped(f"{found.scenario}: A = {', '.join(found.a)}; B = {', '.join(found.b)}"),
        *wrapped(summary_text(found)),
        *(_table(found) if found.rows else ()),
    ]
    if found.tokens_per_second != (None, None):
        a, b = ("unknown" if r is None else rate(r) for r in found.tokens_per_second)
        lines.append(f"tokens/s: A {a}, B {b}")
    if found.goodput != (None, None):
        a, b = ("unknown" if part is None else share(part) for part in found.goodput)
        lines.append(f"within all bounds: A {a}, B {b}")
    if found.valid[0] != found.valid[1]:
        lines.append(f"verdicts differ: A {_valid(found.valid[0])}, B {_valid(found.valid[1])}")
    for name, (a, b) in found.settings_differ.items():
        lines += wrapped(f"setting {name}: A {_value(a)}, B {_value(b)}")
    for text in found.cautions:
        lines += wrapped(f"caution: {text}")
    return "\n".join(lines)


def _clearest(found: Findings, verdict: str) -> Difference:
    """The row with this verdict whose interval is the farthest from 0, for its width."""

    def clearness(row: Difference) -> float:
        assert row.low is not None and row.high is not None  # A verdict needs an interval.
        return min(abs(row.low), abs(row.high)) / max(row.high - row.low, 1e-12)

    return max(rather_latencies([r for r in found.rows if r.verdict == verdict]), key=clearness)


def _seen(found: Findings) -> str:
    """How large a difference would have been found."""
    row = sharpest_row(found.rows)
    if row is None or row.visible is None:
        return _why_blind(found)
    return f"differences above {_extent(row.visible)} in {row.metric} would be seen"


def _why_blind(found: Findings) -> str:
    """Why no difference would be seen, whatever its size."""
    if all(row.low is None for row in found.rows):
        return "too few queries to see any difference"
    where = "between the runs of a side" if _has_several(found) else "within the runs"
    return f"what varies {where} would hide any difference"


def _has_several(found: Findings) -> bool:
    """Whether a side has several runs."""
    return len(found.a) + len(found.b) > 2


def _inconclusive(found: Findings) -> str:
    row = widest_apart(found.rows)
    numbers = ""
    if abs(math.log(row.b / row.a)) > math.log1p(found.tolerance):
        numbers = f"; by its numbers alone, {row.metric} is {_compared(row.change)}"
    fix = (
        "more runs a side, or longer ones"
        if _has_several(found)
        else "longer runs, or several a side"
    )
    return (
        f"inconclusive ({_seen(found)}, and {_extent(found.tolerance)} matter{numbers}): give {fix}"
    )


def _compared(difference: float) -> str:
    """How B's number is, beside A's."""
    if difference >= _LARGEST_PERCENT:
        return f"{_extent(difference)} as high"
    return f"{_extent(difference)} {'lower' if difference < 0 else 'higher'}"


def _interval(row: Difference) -> str:
    return f"{row.metric}: {_signed(row.change)} {_bounds(row)}"


def _bounds(row: Difference) -> str:
    if row.low is None or row.high is None:
        return "[unknown]"
    return f"[{_signed(row.low)}, {_signed(row.high)}]"


def _extent(difference: float) -> str:
    """How large a difference is, without its sign: a share, or a factor where that is large."""
    if difference <= _LEAST_SHARE:
        return f"over {change(_LEAST_SHARE).lstrip('-')}"
    if abs(difference) < _LARGEST_PERCENT:
        return change(difference).lstrip("+-")
    factor = 1 + abs(difference)
    if factor < LARGEST_FACTOR - 0.5:
        return f"{_plain(factor, 3)} times"
    return f"over {LARGEST_FACTOR:.0f} times"


def _plain(value: float, digits: int) -> str:
    """A number with so many significant digits, and never an exponent."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.12f}".rstrip("0").rstrip(".")


def _value(value: object) -> str:
    """The value of a setting."""
    return _plain(value, 6) if isinstance(value, float) and math.isfinite(value) else str(value)


def _signed(difference: float) -> str:
    if difference <= _LEAST_SHARE:
        return f"below {change(_LEAST_SHARE)}"
    return change(difference) if difference < _LARGEST_PERCENT else _extent(difference)


def _valid(valid: bool | None) -> str:
    return "has no verdict" if valid is None else "VALID" if valid else "INVALID"


def _table(found: Findings) -> list[str]:
    """Latencies in ms; changes in percent, large ones as factors. Below it, what intervals mean."""
    cells = [("", "A", "B", "change %", "interval %", "seen above", "B is")]
    for row in found.rows:
        is_rate = row.metric == "throughput"
        unit, digits = (1.0, 5) if is_rate else (1e6, 4)
        cells.append(
            (
                f"{row.metric} {'/s' if is_rate else 'ms'}",
                _plain(row.a / unit, digits),
                _plain(row.b / unit, digits),
                _percent(row.change),
                _interval_cell(row),
                "-" if row.visible is None else _percent(row.visible).lstrip("+"),
                row.verdict,
            )
        )
    intervals = (
        f"{share(found.confidence, 6)} confidence for all intervals together; changes up to "
        f"{_extent(found.tolerance)} do not matter; "
        f"{'the same queries, compared in pairs' if found.paired else 'different queries'}"
    )
    return [*aligned(cells, "<>>>>><"), *wrapped(intervals)]


def _interval_cell(row: Difference) -> str:
    if row.low is None or row.high is None:
        return "unknown"
    if row.low <= _LEAST_SHARE and row.high >= LARGEST_FACTOR - 1 - 1e-6:
        return "unlimited"
    return f"{_percent(row.low)} to {_percent(row.high)}"


def _percent(difference: float) -> str:
    return _signed(difference).removesuffix(" %").replace(" times", "x")
