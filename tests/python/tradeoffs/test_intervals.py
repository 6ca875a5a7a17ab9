"""The intervals of shares and of paired differences are those of their sources.

Method: Wilson's interval against the equation that defines it, solved by bisection, and against the
values that R. G. Newcombe printed (Statistics in Medicine 17, 1998, table I); the paired interval
against arithmetic written out here. For both, the share of all possible outcomes whose interval
holds the truth is added up from binomial and multinomial probabilities.
"""

import math

import pytest

from mlperf_loadgen.tradeoffs.intervals import paired_interval, wilson_interval

Z = 1.959963984540054


def solved(right, count, low, high):
    """The share in [low, high] from which the observed one is Z standard errors away."""

    def beyond(p):
        return abs(right / count - p) - Z * math.sqrt(p * (1 - p) / count)

    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (beyond(low) > 0) == (beyond(middle) > 0) else (low, middle)
    return low


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_printed(right, count, low, high):
    assert wilson_interval(right, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("right", "count"), [(1, 2), (30, 40), (199, 200), (3167, 3595)])
def test_wilson_solves_its_equation(right, count):
    p = right / count
    low, high = wilson_interval(right, count)
    assert low == pytest.approx(solved(right, count, 0.0, p), abs=1e-9)
    assert high == pytest.approx(solved(right, count, p, 1.0), abs=1e-9)


@pytest.mark.parametrize("count", [1, 7, 200])
def test_the_ends_of_all_and_nothing(count):
    assert wilson_interval(0, count)[0] == 0.0
    assert wilson_interval(count, count)[1] == 1.0


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_wilson_covers_the_truth(share):
    count = 60
    covered = sum(
        math.comb(count, k) * share**k * (1 - share) ** (count - k)
        for k in range(count + 1)
        if wilson_interval(k, count)[0] <= share <= wilson_interval(k, count)[1]
    )
    assert 0.92 < covered < 0.99


def test_the_paired_interval_by_hand():
    """21 samples, of which 1 was right in the first alone and 7 in the second alone."""
    a, b, n = 2 / 23, 8 / 23, 23
    half = Z * math.sqrt((a + b - (b - a) ** 2) / n)
    assert paired_interval(1, 7, 21) == pytest.approx((b - a - half, b - a + half), abs=1e-12)
    assert paired_interval(7, 1, 21) == pytest.approx((a - b - half, a - b + half), abs=1e-12)


def test_the_paired_interval_of_4000_samples_is_narrow():
    """Of two systems that differ in 40 of 4,000 samples, less than half of each one's own."""
    low, high = paired_interval(25, 15, 4000)
    own = wilson_interval(2716, 4000)
    assert low < -10 / 4000 < high
    assert high - low < 0.25 * (own[1] - own[0])


def test_no_difference_is_not_known_for_sure():
    low, high = paired_interval(0, 0, 100)
    assert low == -high < 0


@pytest.mark.parametrize(("first", "second"), [(0.1, 0.1), (0.02, 0.15), (0.01, 0.01)])
def test_the_paired_interval_covers_the_truth(first, second):
    count, same = 50, 1 - first - second
    covered = 0.0
    for i in range(count + 1):
        for j in range(count + 1 - i):
            low, high = paired_interval(i, j, count)
            if low <= second - first <= high:
                ways = math.comb(count, i) * math.comb(count - i, j)
                covered += ways * first**i * second**j * same ** (count - i - j)
    assert 0.93 < covered <= 1.0


@pytest.mark.parametrize("arguments", [(1, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(arguments):
    with pytest.raises(ValueError, match="is no share"):
        wilson_interval(*arguments)


@pytest.mark.parametrize("arguments", [(3, 3, 5), (-1, 3, 5), (0, 0, 0)])
def test_pairs_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ValueError, match="is no share"):
        paired_interval(*arguments)


def test_a_confidence_is_between_0_and_1():
    assert wilson_interval(5, 10, 0.99)[0] < wilson_interval(5, 10)[0]
    with pytest.raises(ValueError, match=r"confidence 1.0 is not between"):
        wilson_interval(5, 10, 1.0)
