"""The formatters of numbers with units, against texts written by hand."""

import math

import pytest

from mlperf_loadgen.text.units import counted, duration, number, percentile, rate, share


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (7, "7 ns"),
        (999, "999 ns"),
        (1000, "1 us"),
        (-12_345, "-12.35 us"),
        (1_500_000, "1.5 ms"),
        (999_960, "1000 us"),
        (61_234_000_000, "61.23 s"),
        (1_234_567_000_000, "1,235 s"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_durations(ns, text):
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [(7, "7 ns"), (1500, "1.500 us"), (50_000_000, "50.00 ms"), (999_960, "1000 us")],
)
def test_padded_durations(ns, text):
    assert duration(ns, padded=True) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12.3456, "12.35"), (1234.5, "1,234"), (987_654.3, "987,654"), (None, "-")],
)
def test_rates(value, text):
    assert rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(123_456, "123,456"), (0.25, "0.25"), (True, "True"), ("VALID", "VALID"), (None, "-")],
)
def test_values_of_logs(value, text):
    assert number(value) == text


def test_shares_and_percentiles():
    assert [share(s) for s in (0, 0.5, 0.012345, 1)] == ["0 %", "50 %", "1.23 %", "100 %"]
    assert share(0.987654, 6) == "98.7654 %"
    assert [percentile(p) for p in (0.5, 0.99, 0.999, 0.99999)] == [
        "p50",
        "p99",
        "p99.9",
        "p99.999",
    ]


def test_counts():
    assert counted(1, "trial") == "1 trial"
    assert counted(0, "trial") == "0 trials"
    assert counted(1234, "query", "queries") == "1,234 queries"
