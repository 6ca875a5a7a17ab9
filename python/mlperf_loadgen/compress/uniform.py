"""UniformQuantizer: the same number of bits for each weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch

from . import plain
from .arguments import flag, whole
from .arguments import optimizer as check_optimizer
from .bits import whole_bits
from .buffers import Buffers
from .grids import AffineGrid, Floats, Grid, ZeroGrid
from .memory import floats_of, like, weights_a_range
from .quantizer import Quantizer
from .sizes import affine_bits, zero_bits


class _StraightThrough(torch.autograd.Function):  # type: ignore[misc]
    """Other weights, whose gradient is passed on to the parameter as it is."""

    @staticmethod
    def forward(
        ctx: Any, weight: torch.Tensor, restore: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        return restore(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0], None


class UniformQuantizer(Quantizer):
    """Quantizes each weight to the nearest of 2^bits levels with equal gaps.

    `bits`: 1 to 16. `qat`: training uses the quantized weights too, and passes gradients straight
    through (quantization-aware training); without it training uses the float weights. `range`: the
    weights whose least and greatest are the outermost levels: those of a "tensor", of a "channel"
    (an index of axis 0), or as many consecutive ones as a number says. `zero`: zero is among the
    levels, as integer kernels need it. The other arguments are those of `Quantizer`.

    Raises ValueError and TypeError for wrong arguments, and RuntimeError for a model that is
    wrapped or has a quantizer.
    """

    method = "uniform"

    def __init__(
        self,
        model: torch.nn.Module,
        bits: int = 8,
        *,
        qat: bool = False,
        range: Literal["tensor", "channel"] | int = "tensor",
        zero: bool = False,
        min_size: float = 0.01,
        float16: bool = False,
        exclude: Sequence[str] = (),
        detect_bound: bool = True,
    ) -> None:
        self.bits = whole_bits(bits)
        self._qat = flag("qat", qat)
        self._range = _checked_range(range)
        self._zero = flag("zero", zero)
        super().__init__(model, min_size, float16, exclude, detect_bound)
        shapes = [target.parameter().shape for target in self._targets]
        self._per_range = [weights_a_range(shape, self._range) for shape in shapes]
        self._buffers = [Buffers(shape) for shape in shapes]
        self._adopted: dict[int, ZeroGrid] = {}

    def setup_optimizer(self, optimizer: torch.optim.Optimizer, **overrides: Any) -> None:
        """Does nothing: there is nothing to learn besides the parameters."""
        check_optimizer(optimizer)

    def no_optimizer(self) -> None:
        """Does nothing: there is nothing to learn besides the parameters."""

    def clear_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Does nothing: there is nothing to learn besides the parameters."""
        check_optimizer(optimizer)

    def _begin_step(self) -> bool:
        return self._qat

    def _training_weights(self, index: int) -> torch.Tensor:
        def restore(weight: torch.Tensor) -> torch.Tensor:
            per_range = self._per_range[index]
            if weight.device.type != "cpu":
                return like(weight, plain.restored(weight, self.bits, per_range, self._zero))
            out = self._buffers[index].take()
            weights = floats_of(weight)
            self._grid_of(index, weights).restored(weights, floats_of(out))
            return like(weight, out)

        return _StraightThrough.apply(self._targets[index].parameter(), restore)

    def _grid(self, index: int, weights: Floats) -> Grid:
        self._buffers[index].clear()
        adopted = self._adopted.get(index)
        if adopted is not None and self._lie_on(index, adopted, weights):
            return adopted
        return self._grid_of(index, weights)

    def _lie_on(self, index: int, grid: Grid, weights: Floats) -> bool:
        """Whether all weights are levels of the grid, as those that were restored are."""
        restored = torch.from_numpy(grid.restored(weights))
        return np.array_equal(floats_of(like(self._targets[index].parameter(), restored)), weights)

    def _grid_of(self, index: int, weights: Floats) -> AffineGrid | ZeroGrid:
        kind = ZeroGrid if self._zero else AffineGrid
        return kind.of(weights, self.bits, self._per_range[index])

    def _true_bits(self, index: int) -> int:
        count = self._targets[index].parameter().numel()
        formula = zero_bits if self._zero else affine_bits
        return formula(count, self.bits, self._per_range[index])

    def _takes(self, index: int, grid: Grid | None) -> bool:
        kind = ZeroGrid if self._zero else AffineGrid
        if not isinstance(grid, kind):
            return False
        return (grid.bits, grid.per_range) == (self.bits, self._per_range[index])

    def _kind(self, index: int) -> str:
        zero = ", with zero among the levels" if self._zero else ""
        return f"{self.bits} bits and {self._per_range[index]} weights a range{zero}"

    def _adopt(self, index: int, grid: Grid) -> None:
        # The least and the greatest weight are levels, so that an affine grid is found again. With
        # zero among the levels they may not be.
        if isinstance(grid, ZeroGrid):
            self._adopted[index] = grid


def _checked_range(value: object) -> Literal["tensor", "channel"] | int:
    if isinstance(value, str):
        if value not in ("tensor", "channel"):
            raise ValueError(
                f'range={value!r}: it must be "tensor", "channel" or a number of weights'
            )
        return value  # type: ignore[return-value]
    return whole("range", value, 1)
