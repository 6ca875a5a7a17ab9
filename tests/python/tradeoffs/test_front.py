"""A row is on the front if no other row beats it.

Method: random rows with many ties, with each pair compared in plain Python by the definition.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import mlperf_loadgen as lg


def beats(a, b):
    """Whether a is at least as good as b, with less of x and more of y, and better in one."""
    return a["x"] <= b["x"] and a["y"] >= b["y"] and (a["x"] < b["x"] or a["y"] > b["y"])


@pytest.mark.parametrize("seed", range(20))
def test_by_the_definition(seed):
    numbers = np.random.default_rng(seed).integers(0, 6, (12, 2)).tolist()
    rows = [{"x": x, "y": y} for x, y in numbers]
    expected = [not any(beats(other, row) for other in rows) for row in rows]
    assert lg.pareto_front(rows, minimize=["x"], maximize=["y"]) == expected


def test_equal_rows_are_all_on_it():
    rows = [{"x": 1}, {"x": 1}, {"x": 2}]
    assert lg.pareto_front(rows, minimize=["x"]) == [True, True, False]


def test_a_row_with_nan_is_not_on_it_and_beats_none():
    rows = [{"x": math.nan, "y": 9}, {"x": None, "y": 9}, {"x": 3, "y": 1}]
    assert lg.pareto_front(rows, minimize=["x"], maximize=["y"]) == [False, False, True]


def test_objects_have_columns_as_attributes():
    rows = [SimpleNamespace(rate=5.0), SimpleNamespace(rate=7.0)]
    assert lg.pareto_front(rows, maximize=("rate",)) == [False, True]


def test_no_rows_have_an_empty_front():
    assert lg.pareto_front([], minimize=["x"]) == []


@pytest.mark.parametrize("columns", [{}, {"minimize": ["x"], "maximize": ["x"]}])
def test_columns_that_make_no_front_are_refused(columns):
    with pytest.raises(ValueError, match="at least one column"):
        lg.pareto_front([{"x": 1}], **columns)


def test_a_column_that_is_missing_is_an_error():
    with pytest.raises(KeyError):
        lg.pareto_front([{"x": 1}], minimize=["y"])
