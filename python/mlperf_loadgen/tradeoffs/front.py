"""Which rows of a table no other row beats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def pareto_front(
    rows: Sequence[Any], minimize: Sequence[str] = (), maximize: Sequence[str] = ()
) -> list[bool]:
    """Says of each row whether it is on the Pareto front.

    A row is on the front if no other row is at least as good in all columns and better in one.
    `rows`: objects with a number in an attribute, or mappings with a number under a key, for each
    column; `minimize` and `maximize`: the columns. Rows that are equal in all columns are all on
    the front or all off it. A row in which a number is missing (None) or NaN is never on it, and
    beats no other. Raises ValueError if there is no column or one is named twice, and what the row
    raises (KeyError, AttributeError) for a column that it does not have.
    """
    columns = [*minimize, *maximize]
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(
            f"minimize={list(minimize)} and maximize={list(maximize)} must name at least one "
            "column, and each only once"
        )
    # All are to be minimized from here on.
    costs = [
        [_number(row, name) for name in minimize] + [-_number(row, name) for name in maximize]
        for row in rows
    ]
    known = [not any(map(math.isnan, cost)) for cost in costs]
    others = [cost for cost, is_known in zip(costs, known, strict=True) if is_known]
    return [
        is_known and not any(_beats(other, cost) for other in others)
        for cost, is_known in zip(costs, known, strict=True)
    ]


def _number(row: Any, name: str) -> float:
    value = row[name] if isinstance(row, Mapping) else getattr(row, name)
    return math.nan if value is None else float(value)


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))
