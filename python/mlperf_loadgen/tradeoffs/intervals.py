"""How sure one may be of shares of right answers, and of the difference of two on the same samples.

The share of one system has the interval of E. B. Wilson (Probable inference, the law of succession,
and statistical inference, Journal of the American Statistical Association 22, 1927): the shares
from which the observed one is no more than z standard errors away, with the standard error of the
share itself. It holds for few samples, and for shares near 0 and 1, too.

Two systems that answer the same samples agree on most of them, and only those on which they differ
say anything about the difference. It has the adjusted Wald interval of D. G. Bonett and R. M. Price
(Adjusted Wald confidence interval for a difference of binomial proportions based on paired data,
Journal of Educational and Behavioral Statistics 37, 2012), which adds one sample to each of the two
counts of differing samples, so that it does not shrink to nothing where there are none.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from ..text.units import counted
from .metrics import Interval

CONFIDENCE = 0.95


def wilson_interval(right: int, count: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of a share of which `right` in `count` samples were observed, within 0 to 1.

    With p = right / count, n = count and the normal quantile z: (p + z^2 / 2n -+ z sqrt(p (1 - p) /
    n + z^2 / 4n^2)) / (1 + z^2 / n). Raises ValueError unless 0 <= right <= count and count >= 1.
    """
    _check_counts(right, count)
    z = _quantile(confidence)
    p, per_count = right / count, z * z / count
    center = (p + per_count / 2) / (1 + per_count)
    half = math.sqrt(per_count * (p * (1 - p) + per_count / 4)) / (1 + per_count)
    # Rounding must not let the interval miss what was observed.
    return min(max(center - half, 0.0), p), max(min(center + half, 1.0), p)


def paired_interval(
    only_first: int, only_second: int, count: int, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of the second system's share less the first one's, within -1 to 1.

    `only_first`: the number of samples that only the first system answered right, `only_second`:
    that of the second; `count`: all samples, which both answered. With a = (only_first + 1) /
    (count + 2), b = (only_second + 1) / (count + 2) and the normal quantile z: b - a -+ z sqrt((a +
    b - (b - a)^2) / (count + 2)). Raises ValueError unless the counts are at least 0 and fit.
    """
    _check_counts(only_first + only_second, count)
    _check_counts(min(only_first, only_second), count)
    z = _quantile(confidence)
    a, b = (only_first + 1) / (count + 2), (only_second + 1) / (count + 2)
    half = z * math.sqrt((a + b - (b - a) ** 2) / (count + 2))
    return max(b - a - half, -1.0), min(b - a + half, 1.0)


def _check_counts(part: int, count: int) -> None:
    if count < 1 or not 0 <= part <= count:
        raise ValueError(
            f"{part} of {counted(count, 'sample')} is no share: give 0 <= part <= count"
        )


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence!r} is not between 0 and 1")
    return NormalDist().inv_cdf(0.5 + confidence / 2)
