"""The numbers that `compare` finds, and their meaning as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

THROUGHPUT = "throughput"
LARGEST_FACTOR = 1000.0
"""Ends of intervals are not shown further out: more is no measurement."""
_ROUNDING = 1e-9
_GROSS_FACTOR = 2.0
"""A mean or median that differs by more, by its numbers, is not passed over as noise. In a tail
that is what few queries do."""
_CENTRES = (" mean", " p50", THROUGHPUT)


@dataclass(frozen=True)
class Difference:
    """One statistic of both sides. Latencies are in ns, throughput is in queries/s (Offline:
    samples/s). With several runs for each side, the numbers are geometric means."""

    metric: str
    """The name, such as "latency p99", "service p50", "TTFT p50", "ITL p99" or "throughput"."""
    a: float
    b: float
    change: float
    """b / a - 1."""
    low: float | None
    """Low end of the confidence interval of `change`; all intervals hold together. None: not known.
    """
    high: float | None
    visible: float | None
    """A change of this share would have been found nine times in ten. None: not known, or a factor
    above 1000."""
    verdict: str
    """"slower" or "faster": B, by more than the tolerance. "same": within the tolerance. "unclear":
    the interval is too wide to judge, or the side that seems faster answered fewer samples."""


@dataclass(frozen=True)
class Findings:
    """The findings about the difference between two sides of runs."""

    a: tuple[str, ...]
    """Names of the runs."""
    b: tuple[str, ...]
    scenario: str
    tolerance: float
    confidence: float
    paired: bool
    """Whether both sides issued the same queries in the same order, so that common effects cancel.
    """
    rows: tuple[Difference, ...]
    settings_differ: Mapping[str, tuple[Any, Any]]
    """Settings that differ, as they took effect in the first runs: name to (a, b)."""
    failed: tuple[float, float]
    """The share of the samples of each side that failed, 0 to 1."""
    unanswered: tuple[float, float]
    """The share of the samples of each side that failed or were never completed, 0 to 1; these
    samples are in no row."""
    valid: tuple[bool | None, bool | None]
    """Whether all runs of a side are VALID; None: a run has no verdict."""
    tokens_per_second: tuple[float | None, float | None]
    """The token rates of the results; with several runs for each side, the geometric mean. None: a
    run of the side has no token rate."""
    goodput: tuple[float | None, float | None]
    """The share of the samples of each side, 0 to 1, that kept all bounds; with several runs for
    each side, the mean. None: a run of the side does not log it, as only those do whose system said
    when its tokens came."""
    cautions: tuple[str, ...]
    """Sentences that a reader must know before trusting the rows."""

    @property
    def outcome(self) -> str:
        """The outcome: "slower", "faster" (B, by more than the tolerance, in some statistic),
        "mixed" (slower in one and faster in another), "no difference", or "inconclusive". It is
        inconclusive if a difference that matters could be there without being seen, if more samples
        of one side were left without an answer, or if all of them were."""
        found = {row.verdict for row in self.rows} & {"slower", "faster"}
        if found:
            return "mixed" if len(found) == 2 else found.pop()
        if self.unanswered[0] != self.unanswered[1] or not self._would_have_seen():
            return "inconclusive"
        return "no difference"

    def _would_have_seen(self) -> bool:
        """Whether, in the statistic that shows most, nine of ten differences would have been found
        that exceed the tolerance by no more than itself; and nothing looks grossly different."""
        sharpest = sharpest_row(self.rows)
        if sharpest is None or sharpest.visible is None:
            return False
        gross = any(
            row.verdict == "unclear" and _distance(row) > math.log(_GROSS_FACTOR)
            for row in rather_latencies(self.rows)
            if row.metric.endswith(_CENTRES)
        )
        return not gross and sharpest.visible <= (1 + self.tolerance) ** 2 - 1 + _ROUNDING


def rather_latencies(rows: Sequence[Difference]) -> list[Difference]:
    """Throughput says the same again, and in Server it is that of the arrivals."""
    return [row for row in rows if row.metric != THROUGHPUT] or list(rows)


def sharpest_row(rows: Sequence[Difference]) -> Difference | None:
    """The row in which the smallest difference would have been found; None: none shows any."""
    known = rather_latencies([row for row in rows if row.visible is not None])
    return min(known, key=lambda row: row.visible or 0.0, default=None)


def widest_apart(rows: Sequence[Difference]) -> Difference:
    """The row whose two numbers differ most, whatever its interval."""
    return max(rather_latencies(rows), key=_distance)


def _distance(row: Difference) -> float:
    return abs(math.log(row.b / row.a))
