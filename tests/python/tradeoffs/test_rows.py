"""Rows are what the measurements say, and each caution is there when it should be and only then.

Method: measurements made by hand, with medians and differences of which the right values are plain.
"""

from dataclasses import replace

import numpy as np
import pytest

from mlperf_loadgen.tradeoffs.intervals import paired_interval, wilson_interval
from mlperf_loadgen.tradeoffs.metrics import Measurement
from mlperf_loadgen.tradeoffs.rows import Measured, rows_of

BASE = Measurement(
    disk_bytes=4000,
    accuracy=0.9,
    latency_p50_ns=1e6,
    latency_p99_ns=2e6,
    samples_per_second=1000.0,
    sample_count=100,
    judged=True,
    answers_digest="one",
)
SMALLER = replace(
    BASE, disk_bytes=1000, samples_per_second=1500.0, latency_p50_ns=8e5, answers_digest="two"
)


def right(*wrong, count=100):
    flags = np.ones(count, bool)
    flags[list(wrong)] = False
    return flags


def measured(*measurements, flags=None, errors=()):
    return Measured(list(measurements), flags, list(errors))


def second(first, other):
    """The row of the second of two variants."""
    return rows_of({"fp32": first, "int8": other})[1]


def test_medians_are_taken_separately():
    three = [
        replace(BASE, latency_p50_ns=p50, samples_per_second=rate, disk_bytes=None)
        for p50, rate in [(3e6, 10.0), (1e6, 30.0), (2e6, None)]
    ]
    (row,) = rows_of({"a": measured(*three)})
    assert (row.latency_p50_ns, row.samples_per_second, row.disk_bytes) == (2e6, 20.0, None)
    assert row.run_count == 3


def test_accuracies_have_their_intervals_and_the_paired_difference():
    first = measured(BASE, flags=right(*range(10)))
    other = measured(SMALLER, flags=right(*range(5, 12)))
    row = second(first, other)
    assert row.accuracy_interval == wilson_interval(93, 100)
    assert row.accuracy_change == pytest.approx(0.03)  # 0 to 4 became right, 10 and 11 wrong.
    assert row.accuracy_change_interval == paired_interval(2, 5, 100)
    assert rows_of({"fp32": first})[0].accuracy_change is None


def test_without_judged_samples_there_is_no_difference():
    row = second(measured(BASE), measured(SMALLER, flags=right()))
    assert row.accuracy_change is None
    assert row.accuracy_interval is not None


def test_a_smaller_faster_worse_variant_has_no_caution():
    worse = measured(SMALLER, flags=right(*range(60)))
    assert second(measured(BASE, flags=right()), worse).cautions == ()


@pytest.mark.parametrize(
    ("changes", "caution"),
    [
        ({"disk_bytes": 4000}, "it is not smaller than fp32: 0.003815 MB"),
        ({"answers_digest": "one"}, "all of its answers are equal to those of fp32"),
        ({"latency_p50_ns": 1.5e6}, "it is slower than fp32: p50 1.5 ms, not 1 ms"),
        ({"samples_per_second": 500.0}, "it answers fewer samples than fp32: 500 a second"),
        ({"peak_interval": (90.0, 105.0)}, "the peaks do not differ by more than chance"),
    ],
)
def test_each_caution(changes, caution):
    base = replace(BASE, peak_interval=(100.0, 110.0))
    (found,) = second(measured(base), measured(replace(SMALLER, **changes))).cautions
    assert found.startswith(caution)


def test_an_interval_that_spans_the_difference_is_a_caution():
    row = second(measured(BASE, flags=right(1, 2)), measured(SMALLER, flags=right(2, 3)))
    (found,) = row.cautions
    assert found.startswith("the accuracies do not differ by more than chance explains")


def test_equal_answers_say_it_once():
    same = replace(SMALLER, answers_digest="one")
    row = second(measured(BASE, flags=right(1)), measured(same, flags=right(1)))
    (found,) = row.cautions
    assert found.startswith("all of its answers are equal")


def test_peaks_that_are_apart_and_answers_without_bytes_are_no_caution():
    base = replace(BASE, peak_interval=(100.0, 110.0), answers_digest="")
    other = replace(SMALLER, peak_interval=(120.0, 130.0), answers_digest="")
    assert second(measured(base), measured(other)).cautions == ()


def test_the_front_is_of_the_columns_that_are_known():
    all_ = {"fp32": measured(BASE), "int8": measured(SMALLER), "none": measured()}
    assert [row.on_front for row in rows_of(all_)] == [False, True, False]
    chosen = rows_of(all_, minimize=[], maximize=["disk_bytes"])
    assert [row.on_front for row in chosen] == [True, False, False]
    without = replace(SMALLER, disk_bytes=None)
    assert [r.on_front for r in rows_of({"a": measured(without)})] == [True]


def test_what_failed_is_named_and_is_not_compared():
    failed = measured(errors=["ValueError: no", "ValueError: no"])
    row = second(measured(BASE), failed)
    assert row.error == "ValueError: no"
    assert (row.failed, row.valid, row.cautions, row.run_count) == (True, False, (), 0)
    assert second(failed, measured(SMALLER)).cautions == ()


def test_a_row_is_valid_if_all_of_its_runs_are():
    assert rows_of({"a": measured(BASE)})[0].valid
    invalid = replace(BASE, reasons=("offline: too short",))
    (row,) = rows_of({"a": measured(BASE, invalid)})
    assert not row.valid
    assert row.reasons == ("offline: too short",)
