"""Grids as they are stored: numbers of the plan, and arrays whose names end in what they are.

#codes   uint8, the bit stream of the weights; of a grouped grid, a stream a width
#range   float32 [ranges, 2], the least and the greatest weight of each range
#widths  uint8, a bit stream of each group's width less width_base; none if all are equal
#step    float32 [ranges], or [1] of learnt steps
#zero    uint8, a bit stream of the codes of zero
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _compress
from .arrays_file import Form
from .grids import AffineGrid, GroupedGrid, StepGrid, ZeroGrid
from .sizes import range_count

if TYPE_CHECKING:
    from .grids import Grid
    from .plan import PlannedTensor

MOST_BITS = 16


def stored(grid: Grid) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """The numbers of a grid by the plan's keys, and its arrays by their endings."""
    match grid:
        case AffineGrid():
            numbers = {"kind": "affine", "bits": grid.bits, "range": grid.per_range}
            return numbers, {"range": grid.ranges}
        case ZeroGrid():
            numbers = {"kind": "zero", "bits": grid.bits, "range": grid.per_range}
            return numbers, {"step": grid.steps, "zero": _packed(grid.zeros, grid.bits)}
        case StepGrid():
            return {"kind": "lsq", "bits": grid.bits}, {"step": np.array([grid.step], np.float32)}
        case GroupedGrid():
            base = int(grid.widths.min())
            width_bits = int(grid.widths.max() - base).bit_length()
            numbers = {
                "kind": "affine",
                "group": grid.group,
                "width_base": base,
                "width_bits": width_bits,
            }
            arrays = {"range": np.array([[grid.lo, grid.hi]], np.float32)}
            if width_bits:
                arrays["widths"] = _packed(grid.widths - np.uint8(base), width_bits)
            return numbers, arrays


def read_grid(
    planned: PlannedTensor, take: Callable[[str, Form], np.ndarray[Any, Any]]
) -> tuple[Grid, np.ndarray[Any, np.dtype[np.uint8]]]:
    """The grid of a planned tensor, and the stream of its codes.

    `take(name, form)` gives an array, or raises ValueError if its form is another.
    ValueError: a number is out of its range, or an array holds what no grid has.
    """
    if not planned.count:
        raise ValueError(f"The parameter {planned.name!r} has no weights; it cannot be quantized.")
    grid = _grid(planned, take)
    return grid, take(planned.array("codes"), Form("uint8", (_stream_bytes(grid, planned.count),)))


def _grid(planned: PlannedTensor, take: Callable[[str, Form], np.ndarray[Any, Any]]) -> Grid:
    kind = planned.numbers.get("kind")
    if kind == "affine" and "group" in planned.numbers:
        return _grouped_grid(planned, take)
    if kind == "affine":
        bits, per_range = planned.number("bits", 1, MOST_BITS), _per_range(planned)
        form = Form("float32", (range_count(planned.count, per_range), 2))
        return AffineGrid(
            bits, per_range, _checked_ranges(planned.name, take(planned.array("range"), form))
        )
    if kind == "zero":
        bits, per_range = planned.number("bits", 1, MOST_BITS), _per_range(planned)
        ranges = range_count(planned.count, per_range)
        steps = _checked_steps(
            planned.name, take(planned.array("step"), Form("float32", (ranges,)))
        )
        packed = take(planned.array("zero"), Form("uint8", (packed_bytes(ranges, bits),)))
        zeros = _compress.unpack(packed, bits, ranges).astype(np.uint16)
        return ZeroGrid(bits, per_range, steps, zeros)
    if kind == "lsq":
        bits = planned.number("bits", 2, MOST_BITS)
        steps = _checked_steps(planned.name, take(planned.array("step"), Form("float32", (1,))))
        return StepGrid(bits, float(steps[0]))
    raise ValueError(
        f"The plan's kind of the parameter {planned.name!r} is {kind!r}; it must be 'affine',"
        " 'zero' or 'lsq'."
    )


def _grouped_grid(
    planned: PlannedTensor, take: Callable[[str, Form], np.ndarray[Any, Any]]
) -> GroupedGrid:
    group = min(planned.number("group", 1), planned.count)
    groups = range_count(planned.count, group)
    base = planned.number("width_base", 1, MOST_BITS)
    width_bits = planned.number("width_bits", 0, 4)
    widths = np.full(groups, base, np.uint8)
    if width_bits:
        packed = take(planned.array("widths"), Form("uint8", (packed_bytes(groups, width_bits),)))
        widths += _compress.unpack(packed, width_bits, groups)
    greatest = int(widths.max())
    if greatest > MOST_BITS:
        raise ValueError(
            f"A group of the parameter {planned.name!r} has {greatest} bits; there can be 1 to"
            f" {MOST_BITS}."
        )
    ranges = _checked_ranges(planned.name, take(planned.array("range"), Form("float32", (1, 2))))
    return GroupedGrid(group, widths, *ranges[0].tolist())


def _per_range(planned: PlannedTensor) -> int:
    return min(planned.number("range", 1), planned.count)


def _checked_ranges(name: str, ranges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not (np.isfinite(ranges).all() and (ranges[:, 0] <= ranges[:, 1]).all()):
        raise ValueError(
            f"A range of the parameter {name!r} is not finite or ends before it begins."
        )
    return ranges


def _checked_steps(name: str, steps: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        raise ValueError(f"A step of the parameter {name!r} is not finite or not above zero.")
    return steps


# ---- Bit streams ---------------------------------------------------------------------------------


def _packed(codes: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    return _compress.pack(codes.astype(np.uint8 if bits <= 8 else np.uint16), bits)


def packed_bytes(count: int, bits: int) -> int:
    return -(-count * bits // 8)


def _stream_bytes(grid: Grid, count: int) -> int:
    if not isinstance(grid, GroupedGrid):
        return packed_bytes(count, grid.bits)
    total = 0
    for width in range(int(grid.widths.min()), int(grid.widths.max()) + 1):
        weights = grid.group * int(np.count_nonzero(grid.widths == width))
        if width == grid.widths[-1]:
            weights -= grid.group * len(grid.widths) - count
        total += packed_bytes(weights, width)
    return total
