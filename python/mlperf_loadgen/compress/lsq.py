"""LSQQuantizer: the same number of bits for each weight, and a learnt step for each tensor.

Learned step size quantization: Esser et al., arXiv 1902.08153.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from .. import _compress
from . import plain
from .bits import whole_bits
from .buffers import Buffers
from .grids import Floats, Grid, NonFiniteError, StepGrid, finite_ranges
from .learning import LearningQuantizer
from .memory import floats_of, like
from .sizes import step_bits

_LEAST_STEP = float(np.finfo(np.float32).tiny)  # So that nothing is divided by zero.


class _Stepped(torch.autograd.Function):  # type: ignore[misc]
    """Weights as multiples of a learnt step."""

    @staticmethod
    def forward(
        ctx: Any, weight: torch.Tensor, step: torch.Tensor, bits: int, buffers: Buffers
    ) -> torch.Tensor:
        ctx.save_for_backward(weight, step)
        ctx.bits, ctx.buffers = bits, buffers
        if weight.device.type != "cpu":
            return like(weight, plain.restored_lsq(weight, bits, step.detach().abs()))
        out = buffers.take()
        StepGrid(bits, _magnitude(step)).restored(floats_of(weight), floats_of(out))
        return like(weight, out)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(
        ctx: Any, *gradients: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        (upstream,), (weight, step) = gradients, ctx.saved_tensors
        if weight.device.type != "cpu":
            by_weight, total = plain.lsq_gradients(weight, upstream, ctx.bits, step.abs())
        else:
            gradient, by_weight = floats_of(upstream), ctx.buffers.take()
            found, total = _compress.lsq_gradients(
                *(floats_of(weight), gradient, ctx.bits, _magnitude(step)), floats_of(by_weight)
            )
            if found is gradient:  # No weight was clipped.
                by_weight = upstream
        positive = 2 ** (ctx.bits - 1) - 1
        total = total / math.sqrt(weight.numel() * positive) * (-1.0 if step < 0 else 1.0)
        return like(weight, by_weight), torch.full_like(step, total), None, None


class LSQQuantizer(LearningQuantizer):
    """Quantizes each weight to a multiple of a step that training learns for each tensor.

    `bits`: 2 to 16. The multiples go from -2^(bits-1) to 2^(bits-1) - 1. The other arguments are
    those of `Quantizer`. Before training, `setup_optimizer` gives the steps to an optimizer.

    Raises ValueError and TypeError for wrong arguments or weights that are not finite, and
    RuntimeError for a model that is wrapped or has a quantizer.
    """

    method = "lsq"

    def __init__(
        self,
        model: torch.nn.Module,
        bits: int = 8,
        *,
        min_size: float = 0.01,
        float16: bool = False,
        exclude: Sequence[str] = (),
        detect_bound: bool = True,
    ) -> None:
        self.bits = whole_bits(bits, 2)
        super().__init__(model, min_size, float16, exclude, detect_bound)

    def setup_optimizer(self, optimizer: torch.optim.Optimizer, **overrides: Any) -> None:
        """Gives the steps to an optimizer, as a group with its own settings except `overrides`.

        Raises RuntimeError if it has them already.
        """
        self._add_group(optimizer, overrides)

    def _first_values(self, index: int) -> torch.Tensor:
        parameter = self._targets[index].parameter()
        weights = floats_of(parameter)
        finite_ranges(weights, 0)
        mean = float(np.abs(weights).mean(dtype=np.float64))
        step = 2 * mean / math.sqrt(2 ** (self.bits - 1)) or 1.0
        return torch.tensor(step, dtype=torch.float32, device=parameter.device)

    def _training_weights(self, index: int) -> torch.Tensor:
        parameter, step = self._targets[index].parameter(), self._learnt()[index]
        return _Stepped.apply(parameter, step, self.bits, self._buffers[index])

    def _grid(self, index: int, weights: Floats) -> Grid:
        finite_ranges(weights, 0)
        self._buffers[index].clear()
        return StepGrid(self.bits, _magnitude(self._learnt()[index]))

    def _true_bits(self, index: int) -> int:
        return step_bits(self._targets[index].parameter().numel(), self.bits)

    def _takes(self, index: int, grid: Grid | None) -> bool:
        return isinstance(grid, StepGrid) and grid.bits == self.bits

    def _kind(self, index: int) -> str:
        return f"a step and {self.bits} bits"

    def _adopt(self, index: int, grid: Grid) -> None:
        assert isinstance(grid, StepGrid)
        with torch.no_grad():
            self._learnt()[index].fill_(grid.step)


def _magnitude(step: torch.Tensor) -> float:
    """The step without its sign, as a float32 above zero. Raises NonFiniteError."""
    magnitude = abs(float(step.detach().float()))
    if not math.isfinite(magnitude):
        raise NonFiniteError(
            f"its step is {magnitude}: training has diverged, lower the rate at which it learns"
        )
    return max(magnitude, _LEAST_STEP)
