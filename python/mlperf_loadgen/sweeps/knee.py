"""Where a latency-throughput curve bends.

The method is Kneedle (V. Satopaa, J. Albrecht, D. Irwin, B. Raghavan: Finding a "Kneedle" in a
Haystack, ICDCS Workshops 2011) on throughput and the logarithm of latency: both axes are scaled
to 0..1, and the knee is the point farthest below the chord from (0, 0) to (1, 1). As in the paper
with sensitivity 1, it counts only if the curve afterwards comes nearer to the chord by more than
the mean step along the throughput axis. Nothing is smoothed. As scaling to 0..1 would make a knee
of the noise of a flat curve, the latency must also double.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..text.units import counted

MIN_POINTS = 4
MIN_LATENCY_RATIO = 2.0
"""The least ratio of the highest latency to the lowest, and of the highest after the knee to the
highest before it."""
MIN_THROUGHPUT_RATIO = 1.1
"""The least ratio of the highest throughput to the lowest one."""


def _scaled(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) for value in values]


def find_knee(
    throughputs: Sequence[float], latencies_ns: Sequence[float]
) -> tuple[int | None, str]:
    """The index of the knee of a curve whose points are in the order of rising load, or None and
    why there is none.
    """
    count = len(throughputs)
    if count < MIN_POINTS:
        return None, f"{counted(count, 'load')}, and a knee needs {MIN_POINTS}"
    latencies_ns = [max(latency_ns, 1.0) for latency_ns in latencies_ns]
    if max(latencies_ns) < MIN_LATENCY_RATIO * min(latencies_ns):
        return None, "the latency does not even double: try higher loads"
    if max(throughputs) < MIN_THROUGHPUT_RATIO * min(throughputs):
        return None, "the throughput stays within 10 %: try lower loads"

    x = _scaled(throughputs)
    y = _scaled([math.log(latency_ns) for latency_ns in latencies_ns])
    below_chord = [x_i - y_i for x_i, y_i in zip(x, y, strict=True)]
    index = max(range(count), key=below_chord.__getitem__)
    lowest_afterwards = max(min(below_chord[index:]), 0.0)  # On the chord; not beyond it.
    if below_chord[index] - lowest_afterwards <= 1 / (count - 1):
        return None, "the latency rises evenly, without a bend"
    if max(latencies_ns[index:]) < MIN_LATENCY_RATIO * max(latencies_ns[: index + 1]):
        return None, "the latency does not double after its bend: try higher loads"
    return index, ""
