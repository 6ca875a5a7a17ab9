"""How sure one may be of the difference of two series of durations.

Durations of successive queries are not independent: queues carry a delay on, and other work on the
machine comes in bursts and drifts. So whole blocks of successive queries are drawn anew (block
bootstrap, H. Künsch: The jackknife and the bootstrap for general stationary observations, Annals
of Statistics 17, 1989), never single ones. Of two runs that issued the same queries in the same
order, the same blocks are drawn on both sides, and what they share cancels.

How long a block must be is not known before. The variance is therefore taken with many short
blocks and with few long ones. For independent blocks the two agree (H. Flyvbjerg, H. G. Petersen:
Error estimates on averages of correlated data, J. Chem. Phys. 91, 1989). If the long ones vary
more, there is noise as slow as they are, and the run itself is one block of it: the variance is
extrapolated, as w + d / blocks, to a single block. That is what a second run of the same system
would show if the noise is no slower than the run.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHORT_BLOCKS = 40
LONG_BLOCKS = 8
MIN_COUNT = 2 * SHORT_BLOCKS
"""Least number of durations; with fewer, a block holds next to nothing."""
MIN_TAIL_COUNT = 5
"""Least number of durations beyond a percentile; with fewer, single ones decide where it is."""
_LONG_FREEDOM = 10
"""Blocks that overlap by half have one and a half times the degrees of freedom (M. Meketon, B.
Schmeiser: Overlapping batch means, Winter Simulation Conference 1984)."""
_CHANCE_RATIO = 1.75
"""What the variance of long blocks over that of short ones comes to by chance: for independent
blocks it is more once in ten times (F distribution with 10 and 39 degrees of freedom)."""
_REPLICATES = 256
_NODES = 801
_PIECES = 32
_SEED = 1


@dataclass(frozen=True)
class Spread:
    """How sure a log ratio is."""

    variance: float
    freedom: int
    """Degrees of freedom of `variance`."""

    def error(self) -> float:
        """Standard error."""
        return math.sqrt(self.variance)


def percentile(ordered: npt.NDArray[Any], p: float) -> float:
    """As the load generator defines it: element floor(n * p) of n values in ascending order."""
    return float(ordered[min(math.floor(len(ordered) * p), len(ordered) - 1)])


def log_statistics(values: Floats, fractions: Sequence[float]) -> Floats:
    """Logarithms of the mean and of the percentiles, shape (1 + fractions,)."""
    ordered = np.sort(values)
    logs: Floats = np.log([values.mean(), *(percentile(ordered, p) for p in fractions)])
    return logs


def log_statistics_without(
    values: Floats, fractions: Sequence[float], slowest_share: float
) -> Floats:
    """As `log_statistics`, if the slowest share of the values were not there."""
    kept = max(math.ceil(len(values) * (1 - slowest_share)), 1)
    return log_statistics(np.partition(values, kept - 1)[:kept], fractions)


def within_runs(a: Floats, b: Floats, fractions: Sequence[float], paired: bool) -> list[Spread]:
    """The spreads of the log ratios of mean and percentiles, from what varies within a run a side.

    `a`, `b`: durations in the order of time, positive, shapes (n,) and (m,), `MIN_COUNT` or more;
    with `paired`, n = m and the entries at a position are of the same query.
    """
    short = _bootstrap_variance(a, b, fractions, SHORT_BLOCKS, paired)
    shifted = [np.roll(values, len(values) // (2 * LONG_BLOCKS)) for values in (a, b)]
    long = 0.5 * (
        _bootstrap_variance(a, b, fractions, LONG_BLOCKS, paired)
        + _bootstrap_variance(shifted[0], shifted[1], fractions, LONG_BLOCKS, paired)
    )
    slow = np.maximum(long - _CHANCE_RATIO * short, 0) / (1 / LONG_BLOCKS - 1 / SHORT_BLOCKS)
    variances = short + slow * (1 - 1 / SHORT_BLOCKS)
    freedoms = np.where(slow > 0, _LONG_FREEDOM, SHORT_BLOCKS - 1)
    return [Spread(float(v), int(f)) for v, f in zip(variances, freedoms, strict=True)]


def between_runs(a: Floats, b: Floats, within: Sequence[Spread]) -> Spread:
    """The spread of the difference of the means, from what varies between runs.

    `a`, `b`: logarithms of a statistic in each run, shapes (n,) and (m,), n + m at least 3. The
    variance is that of the runs around the mean of their side, pooled (two-sample t). `within`: of
    pairs of runs, as `within_runs` sees it. Few runs may agree by chance, so the greater one
    counts.
    """
    freedom = len(a) + len(b) - 2
    squares = float(np.sum((a - a.mean()) ** 2) + np.sum((b - b.mean()) ** 2))
    variance = squares / freedom * (1 / len(a) + 1 / len(b))
    of_pairs = sum(spread.variance for spread in within) / max(len(within), 1) ** 2
    return Spread(max(variance, of_pairs), freedom)


@functools.lru_cache(maxsize=256)
def student_quantile(probability: float, freedom: int) -> float:
    """A quantile of Student's t distribution, by integrating its density over t = tan(x)."""
    x = np.linspace(-np.pi / 2, np.pi / 2, 200_001)[1:-1]
    t = np.tan(x)
    log_density = -(freedom + 1) / 2 * np.log1p(t * t / freedom) + np.log1p(t * t)
    cumulative = np.cumsum(np.exp(log_density))
    return float(np.interp(probability, cumulative / cumulative[-1], t))


# ---- Bootstrap -----------------------------------------------------------------------------------


def _bootstrap_variance(
    a: Floats, b: Floats, fractions: Sequence[float], blocks: int, paired: bool
) -> Floats:
    """The variance of the log ratios, with `blocks` blocks of each run drawn with replacement."""
    random = np.random.default_rng(_SEED)
    shares = np.full(blocks, 1 / blocks)
    drawn_a = random.multinomial(blocks, shares, _REPLICATES)
    drawn_b = drawn_a if paired else random.multinomial(blocks, shares, _REPLICATES)
    differences = _replicates(b, drawn_b, fractions) - _replicates(a, drawn_a, fractions)
    unbiased: Floats = differences.var(axis=1) * blocks / (blocks - 1)
    return unbiased


def _replicates(values: Floats, drawn: npt.NDArray[Any], fractions: Sequence[float]) -> Floats:
    """Logarithms of mean and percentiles, shape (1 + fractions, replicates).

    `drawn`: how often each block is drawn, shape (replicates, blocks). What is kept of a block are
    its sum and how many of its values lie below and at some nodes, so that a replicate costs
    products of matrices and no sorting. Within a node and between two of which nothing lies, a
    percentile is that of the replicate; elsewhere it is interpolated.
    """
    parts = [np.sort(part) for part in np.array_split(values, drawn.shape[1])]
    counts = drawn @ np.array([len(part) for part in parts], np.float64)
    means = drawn @ np.array([part.sum() for part in parts]) / counts
    if not fractions:
        return np.asarray(np.log(means)[None], np.float64)
    nodes = _nodes(values)
    below, at_most = (_shares(drawn, parts, nodes, side) for side in ("left", "right"))
    rows = [means]
    for p in fractions:
        after = (at_most > p).argmax(axis=1)
        before = np.maximum(after - 1, 0)
        each = np.arange(len(drawn))
        low, high = at_most[each, before], below[each, after]
        along = np.where(p < high, (p - low) / np.maximum(high - low, 1e-12), 1.0)
        rows.append(nodes[before] + along * (nodes[after] - nodes[before]))
    logs: Floats = np.log(np.array(rows))
    return logs


def _shares(
    drawn: npt.NDArray[Any], parts: Sequence[Floats], nodes: Floats, side: Literal["left", "right"]
) -> Floats:
    """The shares of the values below ("left") or up to ("right") each node, shape (replicates,
    nodes)."""
    counts = np.array([np.searchsorted(part, nodes, side) for part in parts], np.float64)
    totals = drawn @ np.array([len(part) for part in parts], np.float64)
    # In pieces too small for BLAS to start threads, which cost more than all else where cores are
    # busy.
    pieces = np.array_split(counts, _PIECES, axis=1)
    shares: Floats = np.hstack([drawn @ piece for piece in pieces]) / totals[:, None]
    return shares


def _nodes(values: Floats) -> Floats:
    """Values at ranks that are dense in both tails: evenly spaced in log(rank / (1 - rank))."""
    n = len(values)
    ranks = 1 / (1 + np.exp(np.linspace(math.log(n), -math.log(n), _NODES)))
    places = np.unique(np.minimum((ranks * n).astype(np.intp), n - 1))
    nodes: Floats = np.unique(np.sort(values)[np.concatenate([[0], places])])
    return nodes
