"""Where the levels of a quantized tensor lie: value types over the kernels of `_compress`.

A grid knows nothing of names and shapes. Weights are one-dimensional float32 arrays in memory
order. What is restored from a stream equals what `restored` makes of the weights, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _compress

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]


class NonFiniteError(ValueError):
    """Numbers of a parameter are NaN or infinite. The text says which, and what to do; who knows
    the parameter's name puts it in front."""


class NonFiniteWeightsError(NonFiniteError):
    """`count` of the weights are NaN or infinite."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count:,} of the weights are NaN or infinite; correct them, or name the parameter in"
            " exclude"
        )


def finite_ranges(weights: Floats, per_range: int) -> Floats:
    """(lo, hi) of each range: float32 of shape [ranges, 2]. Raises NonFiniteError."""
    ranges, non_finite_count = _compress.ranges(weights, per_range)
    if non_finite_count:
        raise NonFiniteWeightsError(non_finite_count)
    return ranges


@dataclass(frozen=True)
class AffineGrid:
    """2^bits levels with equal gaps from the least to the greatest weight of each range."""

    bits: int
    per_range: int
    """Weights of a range; the last one may have fewer."""
    ranges: Floats
    """(lo, hi) of each: float32 of shape [ranges, 2]."""

    def __str__(self) -> str:
        return f"{self.bits} bits and {self.per_range} weights a range"

    @staticmethod
    def of(weights: Floats, bits: int, per_range: int) -> AffineGrid:
        """The grid of these weights. Raises NonFiniteError."""
        return AffineGrid(bits, per_range, finite_ranges(weights, per_range))

    def restored(self, weights: Floats, out: Floats | None = None) -> Floats:
        """The weights' levels, in `out` if it is given."""
        return _compress.restored(weights, self.bits, self.ranges, self.per_range, out)

    def encode(self, weights: Floats) -> Bytes:
        """The weights' codes as one bit stream."""
        return _compress.encode(weights, self.bits, self.ranges, self.per_range)

    def decode(self, stream: Bytes, out: Floats) -> None:
        """Fills `out` with the levels of a bit stream."""
        _compress.decode(stream, self.bits, self.ranges, self.per_range, out)


@dataclass(frozen=True)
class ZeroGrid:
    """As AffineGrid, with zero among the levels of each range."""

    bits: int
    per_range: int
    steps: Floats
    """The gap between the levels of each range: float32 of shape [ranges]."""
    zeros: npt.NDArray[np.uint16]
    """The code of zero in each range: shape [ranges]."""

    def __str__(self) -> str:
        return f"{self.bits} bits and {self.per_range} weights a range, with zero among the levels"

    @staticmethod
    def of(weights: Floats, bits: int, per_range: int) -> ZeroGrid:
        """The grid of these weights. Raises NonFiniteError."""
        steps, zeros, non_finite_count = _compress.zero_steps(weights, bits, per_range)
        if non_finite_count:
            raise NonFiniteWeightsError(non_finite_count)
        return ZeroGrid(bits, per_range, steps, zeros)

    def restored(self, weights: Floats, out: Floats | None = None) -> Floats:
        """The weights' levels, in `out` if it is given."""
        return _compress.restored_zero(
            weights, self.bits, self.steps, self.zeros, self.per_range, out
        )

    def encode(self, weights: Floats) -> Bytes:
        """The weights' codes as one bit stream."""
        return _compress.encode_zero(weights, self.bits, self.steps, self.zeros, self.per_range)

    def decode(self, stream: Bytes, out: Floats) -> None:
        """Fills `out` with the levels of a bit stream."""
        _compress.decode_zero(stream, self.bits, self.steps, self.zeros, self.per_range, out)


@dataclass(frozen=True)
class GroupedGrid:
    """One range for a tensor, and a number of bits for each group of weights."""

    group: int
    """Weights of a group; the last one may have fewer."""
    widths: Bytes
    """The bits of each group, 1 to 16: shape [groups]."""
    lo: float
    hi: float

    def __str__(self) -> str:
        least, most = self.widths.min(), self.widths.max()
        return f"groups of {self.group} weights with {least} to {most} bits"

    @staticmethod
    def of(weights: Floats, group: int, widths: Bytes) -> GroupedGrid:
        """The grid of these weights. Raises NonFiniteError."""
        lo, hi = finite_ranges(weights, 0)[0].tolist()
        return GroupedGrid(group, widths, lo, hi)

    def restored(self, weights: Floats, out: Floats | None = None) -> Floats:
        """The weights' levels, in `out` if it is given."""
        return _compress.restored_groups(weights, self.group, self.widths, self.lo, self.hi, out)

    def encode(self, weights: Floats) -> Bytes:
        """A bit stream for each width that occurs, ascending, each from a byte boundary."""
        return _compress.encode_groups(weights, self.group, self.widths, self.lo, self.hi)

    def decode(self, stream: Bytes, out: Floats) -> None:
        """Fills `out` with the levels of such streams."""
        _compress.decode_groups(stream, self.group, self.widths, self.lo, self.hi, out)


@dataclass(frozen=True)
class StepGrid:
    """The multiples of a step from -2^(bits-1) to 2^(bits-1) - 1 times it."""

    bits: int
    step: float
    """A float32 above zero."""

    def __str__(self) -> str:
        return f"a step and {self.bits} bits"

    def restored(self, weights: Floats, out: Floats | None = None) -> Floats:
        """The weights' levels, in `out` if it is given. Raises NonFiniteError."""
        restored, non_finite_count = _compress.restored_lsq(weights, self.bits, self.step, out)
        if non_finite_count:
            raise NonFiniteWeightsError(non_finite_count)
        return restored

    def encode(self, weights: Floats) -> Bytes:
        """The weights' codes as one bit stream; the code of zero is 2^(bits-1)."""
        return _compress.encode_lsq(weights, self.bits, self.step)

    def decode(self, stream: Bytes, out: Floats) -> None:
        """Fills `out` with the levels of a bit stream."""
        _compress.decode_lsq(stream, self.bits, self.step, out)


Grid: TypeAlias = AffineGrid | ZeroGrid | GroupedGrid | StepGrid
