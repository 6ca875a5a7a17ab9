"""The size of a model in bits: weights, ranges, steps and widths, and no buffers.

A formula for each kind of tensor; `model_size` and `true_model_size` of quantizers add them up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .grids import Bytes

MB_BITS = 2**23
"""The bits of an MB (2^20 bytes)."""

RANGE_BITS = 64  # lo and hi, or a float32 each.
_FLOAT_BITS = 32
_BASE_BITS = 8  # The width from which the widths of groups are counted.
_HALF_BITS = 16


def range_count(count: int, per_range: int) -> int:
    """The number of ranges, or groups, of `count` weights, the last of which may be shorter."""
    return -(-count // per_range)


def plain_bits(parameter: torch.Tensor, half: bool) -> int:
    """A parameter that is not quantized; with `half` in half precision if it is floating point."""
    if half and parameter.is_floating_point():
        return _HALF_BITS * int(parameter.numel())
    return 8 * int(parameter.element_size()) * int(parameter.numel())


def affine_bits(count: int, bits: int, per_range: int) -> int:
    """Codes, and lo and hi of each range."""
    return count * bits + RANGE_BITS * range_count(count, per_range)


def zero_bits(count: int, bits: int, per_range: int) -> int:
    """Codes, and the step and the code of zero of each range."""
    return count * bits + (_FLOAT_BITS + bits) * range_count(count, per_range)


def step_bits(count: int, bits: int) -> int:
    """Codes, and one step."""
    return count * bits + _FLOAT_BITS


def group_head_bits(groups: int, greatest_width: int, min_bits: float) -> int:
    """What groups need besides their codes: one range, and a width each, counted from the least."""
    width_bits = math.ceil(math.log2(1 + max(0, greatest_width - math.ceil(min_bits))))
    return RANGE_BITS + _BASE_BITS + groups * width_bits


def group_code_bits(count: int, group: int, widths: Bytes) -> int:
    """The codes of groups of different widths, the last of which may be shorter."""
    missing = group * len(widths) - count
    return group * int(widths.sum(dtype=int)) - missing * int(widths[-1])
