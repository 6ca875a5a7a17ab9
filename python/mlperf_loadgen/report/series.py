"""The series that charts show, computed from the rows of a sample log.

All of them are downsampled here: a chart has a few hundred points, whether the log has a thousand
rows or a hundred million.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]

_TAIL_POINTS = 300
_MAX_WINDOWS = 160
_ARRIVALS_A_WINDOW = 40
DURATIONS_A_WINDOW = 150  # Fewer have no 99th percentile but their maximum.
_LOG_BINS_FROM_RATIO = 20.0


@dataclass(frozen=True)
class Histogram:
    """Shares of durations in bins."""

    edges_ns: Floats
    """Shape (bins + 1,)."""
    percent: Floats
    """Percentage of all durations in each bin, shape (bins,)."""
    logarithmic: bool
    """The bins are equally wide on a logarithmic axis."""


@dataclass(frozen=True)
class Tail:
    """Durations by percentile, on an axis on which the tail is as wide as the rest."""

    odds: Floats
    """1 / (1 - p), from 1 (the least) to n (the most), ascending, shape (points,)."""
    values_ns: Floats


@dataclass(frozen=True)
class Bands:
    """Durations over time. NaN: nothing in that window."""

    seconds: Floats
    """Middles of the windows, since the start of the phase."""
    window_s: float
    p50_ns: Floats
    p99_ns: Floats
    max_ns: Floats


@dataclass(frozen=True)
class Flow:
    """Arrivals, completions and outstanding work over time."""

    seconds: Floats
    """Middles of the windows, since the start of the phase."""
    window_s: float
    arrivals_per_s: Floats
    completions_per_s: Floats
    most_outstanding: Floats
    """The largest number of queries within the window that were issued and neither answered nor
    failed."""


def percentile_of(ascending: Ints, p: float) -> int:
    """Element floor(n p), as in the logs."""
    return int(ascending[min(int(len(ascending) * p), len(ascending) - 1)])


def bin_edges(low_ns: float, high_ns: float, count: int) -> tuple[Floats, bool]:
    """Edges of bins for `count` durations in a range, and whether they suit a logarithmic axis."""
    low = max(low_ns, 1.0)
    high = max(high_ns, low + 1)
    bins = int(np.clip(math.sqrt(count), 10, 90))
    if high / low > _LOG_BINS_FROM_RATIO:
        return np.geomspace(low, high, bins + 1), True
    return np.linspace(low, high, bins + 1), False


def histogram(ascending: Ints, edges_ns: Floats, logarithmic: bool) -> Histogram:
    """The histogram of durations in ascending order, which must not be above the last edge."""
    below = np.searchsorted(ascending, edges_ns)
    below[0], below[-1] = 0, len(ascending)
    return Histogram(edges_ns, 100 * np.diff(below) / len(ascending), logarithmic)


def tail(ascending: Ints) -> Tail:
    """The tail of durations in ascending order; there must be at least one."""
    n = len(ascending)
    remaining = np.unique(np.geomspace(n, 1, _TAIL_POINTS).round().astype(np.int64))[::-1]
    return Tail(n / remaining, ascending[n - remaining].astype(np.float64))


def bands(at_ns: Ints, durations_ns: Ints) -> Bands:
    """The bands of durations at times since the start of the phase."""
    end_ns = int(at_ns.max())
    width_ns, count = windows_of(end_ns, len(at_ns) / DURATIONS_A_WINDOW)
    window = np.minimum(at_ns // width_ns, count - 1)
    middles = middles_of(width_ns, count, end_ns)
    return Bands(
        middles, width_ns / 1e9, *percentiles_by(window, durations_ns, count, (0.5, 0.99, 1.0))
    )


def percentiles_by(
    group: Ints, values: Ints, count: int, fractions: Sequence[float]
) -> list[Floats]:
    """Percentiles of the values in each of `count` groups, numbered from 0, for each fraction; NaN
    for a group without values."""
    ordered = values[np.lexsort((values, group))].astype(np.float64)
    sizes = np.bincount(group, minlength=count)
    starts = np.cumsum(sizes) - sizes
    filled = sizes > 0

    def pick(p: float) -> Floats:
        at = starts + np.minimum((sizes * p).astype(np.int64), np.maximum(sizes - 1, 0))
        picked = np.full(count, np.nan)
        picked[filled] = ordered[at[filled]]
        return picked

    return [pick(p) for p in fractions]


def flow(arrived_ns: Ints, issued_ns: Ints, answered_ns: Ints, ended_ns: Ints) -> Flow:
    """The flow from times since the start of the phase; a query ends when it is answered or fails.
    A time below 0 stands for never."""
    done = ended_ns[ended_ns >= 0]
    end_ns = int(max(arrived_ns.max(), issued_ns.max(), done.max(initial=0)))
    width_ns, count = windows_of(end_ns, len(arrived_ns) / _ARRIVALS_A_WINDOW)
    widths_s = np.full(count, width_ns / 1e9)
    widths_s[-1] = max(end_ns - (count - 1) * width_ns, 1) / 1e9

    def per_second(times_ns: Ints) -> Floats:
        in_window = np.minimum(times_ns // width_ns, count - 1)
        return np.asarray(np.bincount(in_window, minlength=count) / widths_s, np.float64)

    return Flow(
        middles_of(width_ns, count, end_ns),
        width_ns / 1e9,
        per_second(arrived_ns),
        per_second(answered_ns[answered_ns >= 0]),
        _most_outstanding(np.sort(issued_ns), np.sort(done), width_ns, count),
    )


def _most_outstanding(issued: Ints, done: Ints, width_ns: int, count: int) -> Floats:
    # Just after each issue is where the number is highest; a window also inherits its start.
    after_issue = np.arange(1, len(issued) + 1) - np.searchsorted(done, issued, side="left")
    starts_ns = np.arange(count, dtype=np.int64) * width_ns
    most = np.searchsorted(issued, starts_ns, side="left") - np.searchsorted(
        done, starts_ns, side="left"
    )
    np.maximum.at(most, np.minimum(issued // width_ns, count - 1), after_issue)
    return most.astype(np.float64)


def windows_of(end_ns: int, most: float) -> tuple[int, int]:
    """A round width for at most so many windows, and how many there are.

    The last one ends at the end: it is shorter or longer than the others by up to half a width, so
    that nothing is left out and no rate is that of a moment.
    """
    wanted = float(np.clip(most, 20, _MAX_WINDOWS))
    width_ns = max(end_ns, 1) / wanted
    power = 10.0 ** math.floor(math.log10(width_ns))
    round_width = next(m * power for m in (1, 2, 5, 10) if m * power >= width_ns)
    width = max(int(round_width), 1)
    return width, max(int(end_ns / width + 0.5), 1)


def middles_of(width_ns: int, count: int, end_ns: int) -> Floats:
    """In seconds."""
    edges_ns = np.append(np.arange(count) * float(width_ns), max(end_ns, 1))
    return np.asarray((edges_ns[:-1] + edges_ns[1:]) / 2e9, np.float64)
