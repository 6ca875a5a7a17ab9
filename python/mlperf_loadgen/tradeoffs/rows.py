"""Measurements to rows: medians, intervals, what differs from the first variant, and the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from statistics import median
from typing import Any

import numpy as np

from .answers import Flags
from .cautions import comparison_cautions
from .front import pareto_front
from .intervals import paired_interval, wilson_interval
from .metrics import Interval, Measurement, Metrics, ParetoRow

COLUMNS = tuple(column.name for column in fields(Metrics))
"""The columns that a front can be made of."""
MINIMIZE = ("disk_bytes", "latency_p99_ns")
MAXIMIZE = ("accuracy", "samples_per_second")


@dataclass
class Measured:
    """What the processes of one variant measured, in their order, and why others failed."""

    measurements: list[Measurement] = field(default_factory=list)
    right: Flags | None = None
    """Whether each sample was answered right, in the first process; None: not known."""
    errors: list[str] = field(default_factory=list)


def rows_of(
    measured: Mapping[str, Measured],
    minimize: Sequence[str] | None = None,
    maximize: Sequence[str] | None = None,
) -> tuple[ParetoRow, ...]:
    """The rows of the variants, in their order. The first one is what others are compared with.

    `minimize`, `maximize`: the columns of the front; None: disk, p99, accuracy and throughput, as
    far as any row has them.
    """
    rows = [_row(variant, found) for variant, found in measured.items()]
    if rows:
        rows[1:] = [_compared(row, measured[row.variant], rows[0], measured) for row in rows[1:]]
    lowest, highest = front_columns(rows, minimize, maximize)
    if not lowest and not highest:
        return tuple(rows)
    front = pareto_front(rows, lowest, highest)
    return tuple(replace(row, on_front=on) for row, on in zip(rows, front, strict=True))


def front_columns(
    rows: Sequence[ParetoRow], minimize: Sequence[str] | None, maximize: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of the front, those to minimize and those to maximize."""
    known = {name for name in COLUMNS if any(getattr(row, name) is not None for row in rows)}
    if minimize is None and maximize is None:
        return (
            tuple(name for name in MINIMIZE if name in known),
            tuple(name for name in MAXIMIZE if name in known),
        )
    return tuple(minimize or ()), tuple(maximize or ())


def check_columns(minimize: Sequence[str] | None, maximize: Sequence[str] | None) -> None:
    """Raises ValueError for a column that is none, or is named twice, and if none is named, and
    TypeError for what is no list of names."""
    for name, columns in (("minimize", minimize), ("maximize", maximize)):
        if columns is not None and (isinstance(columns, str) or not isinstance(columns, Sequence)):
            raise TypeError(f"{name} is {columns!r}: give a list of columns, as in ['disk_bytes']")
    chosen = [*(minimize or ()), *(maximize or ())]
    if not chosen and (minimize is not None or maximize is not None):
        raise ValueError(
            "minimize and maximize name no column: name at least one, or leave both out"
        )
    unknown = [name for name in chosen if name not in COLUMNS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no column; these are: {', '.join(COLUMNS)}")
    twice = [name for name in chosen if chosen.count(name) > 1]
    if twice:
        raise ValueError(f"column {twice[0]} is there twice in minimize and maximize")


def _row(variant: str, found: Measured) -> ParetoRow:
    all_ = found.measurements
    medians: dict[str, Any] = {}
    for name in COLUMNS:
        values = [getattr(one, name) for one in all_ if getattr(one, name) is not None]
        medians[name] = median(values) if values else None
    first = all_[0] if all_ else Measurement()
    interval = None
    if found.right is not None and first.sample_count:
        interval = wilson_interval(int(np.count_nonzero(found.right)), first.sample_count)
    return ParetoRow(
        variant=variant,
        kind=first.kind,
        run_count=len(all_),
        accuracy_interval=interval,
        peak_interval=_widest([one.peak_interval for one in all_ if one.peak_interval]),
        error="; ".join(dict.fromkeys(found.errors)),
        reasons=tuple(dict.fromkeys(reason for one in all_ for reason in one.reasons)),
        cautions=tuple(dict.fromkeys(caution for one in all_ for caution in one.cautions)),
        **medians,
    )


def _widest(intervals: Sequence[Interval]) -> Interval | None:
    if not intervals:
        return None
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def _compared(
    row: ParetoRow, found: Measured, first: ParetoRow, measured: Mapping[str, Measured]
) -> ParetoRow:
    """The row with its differences from the first one."""
    of_first = measured[first.variant]
    if not found.measurements or not of_first.measurements:
        return row
    count = of_first.measurements[0].sample_count
    if (
        found.right is not None
        and of_first.right is not None
        and count == found.measurements[0].sample_count > 0
    ):
        only_first = int(np.count_nonzero(of_first.right & ~found.right))
        only_this = int(np.count_nonzero(found.right & ~of_first.right))
        row = replace(
            row,
            accuracy_change=(only_this - only_first) / count,
            accuracy_change_interval=paired_interval(only_first, only_this, count),
        )
    digests = {part.measurements[0].answers_digest for part in (found, of_first)}
    same = len(digests) == 1 and digests != {""}
    cautions = (*row.cautions, *comparison_cautions(row, first, same))
    return replace(row, cautions=cautions)
