"""The differentiable operators of DiffQ: noisy weights, and the size that learnt bits add up to.

Gradients are those of Défossez et al., arXiv 2104.09987, with the one through the range of the
weights: the step of a group is the range divided by 2^bits - 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from .. import _compress
from . import plain
from .buffers import Buffers
from .grids import Floats, finite_ranges
from .memory import floats_of, like
from .sizes import MB_BITS

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Bits:
    """A number of bits as a logit: least + (most - least) * sigmoid(logit)."""

    least: float
    most: float

    def of(self, logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The bits of these logits, in float64."""
        spread = self.most - self.least
        bits: npt.NDArray[np.float64] = self.least + spread / (
            1 + np.exp(-logits.astype(np.float64))
        )
        return bits

    def logits(self, bits: npt.NDArray[Any] | np.float64) -> npt.NDArray[np.float64]:
        """The logits of these bits, which are between the limits."""
        share = (bits - self.least) / (self.most - self.least)
        logits: npt.NDArray[np.float64] = np.log(share / (1 - share))
        return logits


class Noisy(torch.autograd.Function):  # type: ignore[misc]
    """Weights with noise of the size of their groups' steps.

    Backward makes the same noise again from its key, so that none is kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        weight: torch.Tensor,
        logits: torch.Tensor,
        bits: Bits,
        group: int,
        kind: Literal["gaussian", "uniform"],
        key: int,
        buffers: Buffers,
    ) -> torch.Tensor:
        ctx.save_for_backward(logits)
        ctx.noise = (bits, group, kind, key)
        ctx.buffers, ctx.like = buffers, (weight.device, weight.dtype, weight.shape)
        if weight.device.type != "cpu":
            return _noisy_elsewhere(ctx, weight, logits)
        weights = floats_of(weight)
        ctx.ends, ctx.span = _range_of(weights)
        steps = _compress.group_steps(floats_of(logits), bits.least, bits.most, ctx.span)
        out = buffers.take()
        _compress.noisy(weights, group, steps, key, kind, floats_of(out))
        return like(weight, out)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (upstream,), (logits,) = gradients, ctx.saved_tensors
        if upstream.device.type != "cpu":
            by_weight, by_logits = _gradients_elsewhere(ctx, upstream, logits)
        else:
            by_weight, by_logits = _gradients(ctx, upstream, logits)
        return by_weight, by_logits, None, None, None, None, None


def _range_of(weights: Floats) -> tuple[tuple[int, int], float]:
    """The places of the first least and the first greatest weight, and by how much they differ.
    Raises NonFiniteError."""
    least, greatest = int(weights.argmin()), int(weights.argmax())
    span = float(weights[greatest]) - float(weights[least])
    if not math.isfinite(span):  # NaN counts as the least and as the greatest.
        finite_ranges(weights, 0)
    return (least, greatest), span


def _gradients(
    ctx: Any, upstream: torch.Tensor, logits: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    bits, group, kind, key = ctx.noise
    by_weight = ctx.buffers.take()
    flat = floats_of(by_weight)
    # The upstream gradient itself may have other uses.
    sums = _compress.noise_sums(floats_of(upstream), group, key, kind, flat)
    by_logits, by_span = _compress.group_gradients(
        floats_of(logits), sums, bits.least, bits.most, ctx.span
    )
    if ctx.span > 0:
        least, greatest = ctx.ends
        flat[greatest] += by_span
        flat[least] -= by_span
    return like(upstream, by_weight), like(logits, torch.from_numpy(by_logits))


def _noisy_elsewhere(ctx: Any, weight: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    bits, group, kind, key = ctx.noise
    plain.check_finite(weight)
    flat = weight.float().reshape(-1)
    ctx.ends = (flat.argmin(), flat.argmax())
    ctx.span = flat[ctx.ends[1]].double() - flat[ctx.ends[0]].double()
    steps = plain.group_steps(logits, bits.least, bits.most, ctx.span)
    u = plain.noise(key, _table(kind, weight.device), flat.numel())
    return like(weight, plain.noisy(weight, steps, u, group))


def _gradients_elsewhere(
    ctx: Any, upstream: torch.Tensor, logits: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    bits, group, kind, key = ctx.noise
    u = plain.noise(key, _table(kind, upstream.device), upstream.numel())
    sums = plain.noise_sums(upstream, u, group)
    by_logits, by_span = plain.group_gradients(logits, sums, bits.least, bits.most, ctx.span)
    by_weight = upstream.float().reshape(-1).clone()
    least, greatest = ctx.ends
    by_weight[greatest] += by_span
    by_weight[least] -= by_span
    return like(upstream, by_weight.view(upstream.shape)), like(logits, by_logits)


def _table(kind: Literal["gaussian", "uniform"], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(_compress.noise_table(kind)).to(device)


class SoftBits(torch.autograd.Function):  # type: ignore[misc]
    """The size in MB of groups whose bits are not rounded, and of `constant_bits` besides.

    `shapes`: the number of weights, and of those in a group, for each tensor of logits.
    """

    @staticmethod
    def forward(
        ctx: Any,
        bits: Bits,
        shapes: Sequence[tuple[int, int]],
        constant_bits: int,
        *learnt: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(*learnt)
        ctx.bits, ctx.shapes = bits, shapes
        total = float(constant_bits)
        for (count, group), logits in zip(shapes, learnt, strict=True):
            total += _compress.soft_bits(floats_of(logits), bits.least, bits.most, group, count)
        device = learnt[0].device if learnt else None
        return torch.tensor(total / MB_BITS, dtype=torch.float32, device=device)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        bits, scale = ctx.bits, float(gradients[0]) / MB_BITS
        by_logits = [
            torch.from_numpy(
                _compress.soft_bits_gradient(
                    floats_of(logits), bits.least, bits.most, group, count, scale
                )
            )
            for (count, group), logits in zip(ctx.shapes, ctx.saved_tensors, strict=True)
        ]
        found = [like(old, by) for old, by in zip(ctx.saved_tensors, by_logits, strict=True)]
        return None, None, None, *found
