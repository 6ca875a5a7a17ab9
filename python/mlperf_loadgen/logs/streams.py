"""What the events of streamed answers say: when tokens came, and the gaps between them.

docs/llm.md defines the times. An event is one message of a stream that has tokens; how many, the
server may not say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .samples import answered_ns_of
from .tokens import TokenEvents

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arrivals:
    """The events of all answered samples, in the order of the samples and then of time."""

    row: Ints
    """The row of each event's sample, shape (n,)."""
    at_ns: Ints
    """When it arrived, in ns since the start of the first set, shape (n,)."""
    tokens: Ints
    """How many tokens it has; 0: not known. Shape (n,)."""
    shares: npt.NDArray[np.float64]
    """The same, where an event whose tokens are not known has its even share of its sample's, shape
    (n,)."""


@dataclass(frozen=True)
class Gaps:
    """Times between tokens, or between events, in the order of the samples and then of time."""

    row: Ints
    """The row of the sample, shape (n,)."""
    at_ns: Ints
    """The end of the gap, in ns since the start of the first set, shape (n,)."""
    gap_ns: Ints
    """Its length, shape (n,)."""


def events_of(events: TokenEvents, chosen: npt.NDArray[np.bool_]) -> TokenEvents:
    """The events of the chosen rows of a sample log; `chosen`: for each row, shape (n,)."""
    if chosen.all():
        return events
    counts = _counts(events)
    kept = np.repeat(chosen, counts)
    offsets = np.concatenate([[0], np.cumsum(counts[chosen])]).astype(events.offsets.dtype)
    return TokenEvents(offsets, events.since_due_ns[kept], events.tokens[kept])


def arrivals_of(rows: npt.NDArray[np.void], events: TokenEvents) -> Arrivals:
    """The arrivals of the events of `rows`, to which `events` belong row by row. Where a server
    does not say how many tokens an event has, and a sample has as many events as tokens, each has
    one."""
    counts = _counts(events)
    row = np.repeat(np.arange(len(rows)), counts)
    told = events.tokens.astype(np.int64)
    later = np.diff(row, prepend=-1) == 0
    unknown = np.bincount(row[later & (told == 0)], minlength=len(rows)) > 0
    tokens = np.where((unknown & (rows["tokens"] == counts))[row], 1, told)
    even = (rows["tokens"] / np.maximum(counts, 1))[row]
    partly = np.bincount(row[tokens == 0], minlength=len(rows)) > 0
    answered = (answered_ns_of(rows) >= 0)[row]
    at_ns = rows["scheduled_ns"][row] + events.since_due_ns.astype(np.int64)
    shares = np.where(partly[row], even, tokens)
    return Arrivals(row[answered], at_ns[answered], tokens[answered], shares[answered])


def gaps_between_events(arrivals: Arrivals) -> Gaps:
    """The time between each event and the one before of the same sample (ICL)."""
    later = np.flatnonzero(np.diff(arrivals.row, prepend=-1) == 0)
    return _gaps(arrivals, later, np.ones(len(later), np.int64))


def gaps_between_tokens(arrivals: Arrivals) -> Gaps | None:
    """The time between tokens (ITL): each gap between events, divided by the tokens of its second
    event and counted as often, in whole ns. None: it is not known of each of these events how many
    tokens it has."""
    later = np.flatnonzero(np.diff(arrivals.row, prepend=-1) == 0)
    times = arrivals.tokens[later]
    return _gaps(arrivals, later, times) if np.all(times > 0) else None


def _gaps(arrivals: Arrivals, later: npt.NDArray[np.intp], times: Ints) -> Gaps:
    """`later`: the positions of the events at which gaps end; `times`: how often each counts."""
    gap_ns = (arrivals.at_ns[later] - arrivals.at_ns[later - 1]) // times
    row, at_ns = arrivals.row[later], arrivals.at_ns[later]
    return Gaps(np.repeat(row, times), np.repeat(at_ns, times), np.repeat(gap_ns, times))


def _counts(events: TokenEvents) -> Ints:
    """How many events each row has, shape (rows,)."""
    offsets = events.offsets.astype(np.int64)
    counts: Ints = offsets[1:] - offsets[:-1]
    return counts
