"""The series of streamed answers that charts show, computed from the events of a token log.

Like those of samples, they are downsampled here to a few hundred points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..logs.streams import Arrivals, Gaps
from .series import DURATIONS_A_WINDOW, Floats, Ints, middles_of, percentiles_by, windows_of

_EVENTS_A_WINDOW = 40
_MOST_LOADS = 40
_MOST_TOKENS = 16


@dataclass(frozen=True)
class TokenFlow:
    """Tokens over time."""

    seconds: Floats
    """Middles of the windows, since the start of the phase."""
    window_s: float
    tokens_per_s: Floats


@dataclass(frozen=True)
class GapsByLoad:
    """Times between tokens or events, by how many requests were in flight when they ended. NaN: too
    few for the percentile."""

    in_flight: Floats
    """Middles of the ranges of requests in flight."""
    width: int
    """How many numbers of requests a range has."""
    p50_ns: Floats
    p99_ns: Floats


@dataclass(frozen=True)
class EventSizes:
    """How many tokens events have."""

    percent: Floats
    """Percentage of the events with 1, 2, ... tokens, shape (16,); the last one is of those with as
    many or more."""


def token_flow(arrivals: Arrivals, start_ns: int) -> TokenFlow:
    """The tokens that arrived in each window; `start_ns`: the start of the phase, as in the sample
    log. There must be an event."""
    at_ns = arrivals.at_ns - start_ns
    end_ns = int(at_ns.max())
    width_ns, count = windows_of(end_ns, len(at_ns) / _EVENTS_A_WINDOW)
    widths_s = np.full(count, width_ns / 1e9)
    widths_s[-1] = max(end_ns - (count - 1) * width_ns, 1) / 1e9
    window = np.minimum(at_ns // width_ns, count - 1)
    tokens = np.bincount(window, weights=arrivals.shares, minlength=count)
    return TokenFlow(middles_of(width_ns, count, end_ns), width_ns / 1e9, tokens / widths_s)


def gaps_by_load(gaps: Gaps, rows: npt.NDArray[np.void]) -> GapsByLoad | None:
    """The gaps against the requests in flight: those that were issued and had neither ended before
    nor failed. None: there was never more than one."""
    if len(gaps.gap_ns) == 0:
        return None
    loads = _in_flight(gaps.at_ns, rows)
    most = int(loads.max())
    if most <= 1:
        return None
    width = math.ceil(most / _MOST_LOADS)
    group = (loads - 1) // width
    count = int(group.max()) + 1
    p50, p99 = percentiles_by(group, gaps.gap_ns, count, (0.5, 0.99))
    few = np.bincount(group, minlength=count) < DURATIONS_A_WINDOW
    middles = np.arange(count, dtype=np.float64) * width + (width + 1) / 2
    return GapsByLoad(middles, width, p50, np.where(few, np.nan, p99))


def _in_flight(at_ns: Ints, rows: npt.NDArray[np.void]) -> Ints:
    """How many requests were, at times since the start of the first set; one that ends at a time is
    still counted."""
    issued = np.sort(rows["issued_ns"][rows["issued_ns"] >= 0])
    ended = np.sort(rows["completed_ns"][rows["completed_ns"] >= 0])
    before: Ints = np.searchsorted(issued, at_ns, side="right").astype(np.int64)
    loads: Ints = np.maximum(before - np.searchsorted(ended, at_ns, side="left"), 1)
    return loads


def event_sizes(arrivals: Arrivals) -> EventSizes | None:
    """None: no event says how many tokens it has."""
    known = arrivals.tokens[arrivals.tokens > 0]
    if len(known) == 0:
        return None
    counts = np.bincount(np.minimum(known, _MOST_TOKENS), minlength=_MOST_TOKENS + 1)[1:]
    return EventSizes(100 * counts / len(known))
