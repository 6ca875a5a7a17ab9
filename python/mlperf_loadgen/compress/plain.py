"""The arithmetic of training in operators of torch, for tensors that are not in the CPU's memory.

On the CPU it gives what the kernels of `_compress` give, bit for bit: float64 inside, rounded once.
"""

from __future__ import annotations

import math

import torch

from .grids import NonFiniteWeightsError

_GAMMA = -7046029254386353131  # 0x9E3779B97F4A7C15, splitmix64's increment, as a signed number.
_FACTORS = (-4658895280553007687, -7723592293110705685)  # Of splitmix64: 0xBF58..., 0x94D0...
_BYTES_A_WORD = 8


def rows(values: torch.Tensor, a_row: int) -> torch.Tensor:
    """Values as rows of `a_row`, the last one filled with its last value: shape [rows, a_row]."""
    flat = values.reshape(-1)
    missing = -flat.numel() % a_row
    if missing:
        flat = torch.cat((flat, flat[-1:].expand(missing)))
    return flat.view(-1, a_row)


def check_finite(weights: torch.Tensor) -> None:
    """Raises NonFiniteError."""
    count = int(weights.numel() - torch.isfinite(weights).sum())
    if count:
        raise NonFiniteWeightsError(count)


def restored(weights: torch.Tensor, bits: int, per_range: int, zero: bool) -> torch.Tensor:
    """The weights' levels, float32 of their shape. Raises NonFiniteError."""
    check_finite(weights)
    values = rows(weights.float().double(), per_range)
    lo, hi = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    levels = (_restored_zero if zero else _restored_affine)(values, lo, hi, 2**bits - 1)
    return levels.float().reshape(-1)[: weights.numel()].view(weights.shape)


def _restored_affine(
    values: torch.Tensor, lo: torch.Tensor, hi: torch.Tensor, top: int
) -> torch.Tensor:
    span = hi - lo
    scale = torch.where(span > 0, top / span, 0.0)
    codes = ((values - lo) * scale).round().clamp(0, top)
    return lo + codes * (span / top)


def _restored_zero(
    values: torch.Tensor, lo: torch.Tensor, hi: torch.Tensor, top: int
) -> torch.Tensor:
    lo, hi = lo.clamp(max=0), hi.clamp(min=0)
    step = ((hi - lo) / top).float().double()
    step = torch.where(step > 0, step, 1.0)
    zero = (-lo / step).round().clamp(0, top)
    return ((values / step).round() + zero).clamp(0, top).sub(zero) * step


def restored_lsq(weights: torch.Tensor, bits: int, step: torch.Tensor) -> torch.Tensor:
    """The weights as multiples of the step, float32. Raises NonFiniteError."""
    check_finite(weights)
    codes = (weights.float().double() / step.double()).round()
    most = 2 ** (bits - 1)
    return (codes.clamp(-most, most - 1) * step.double() + 0.0).float()


def lsq_gradients(
    weights: torch.Tensor, upstream: torch.Tensor, bits: int, step: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradients by the weights and, not divided by sqrt(n P), by the step."""
    values, most = weights.float().double() / step.double(), 2 ** (bits - 1)
    inside = (values >= -most) & (values <= most - 1)
    local = torch.where(inside, values.round() - values, values.clamp(-most, most - 1))
    return torch.where(inside, upstream, 0), (upstream.double() * local).sum()


def noise(key: int, table: torch.Tensor, count: int) -> torch.Tensor:
    """The noise of `_compress.noise`, in steps; `table` is the kind's `_compress.noise_table`."""
    words = -(-count // _BYTES_A_WORD)
    state = torch.arange(1, words + 1, dtype=torch.int64, device=table.device) * _GAMMA + key
    for shift, factor in zip((30, 27), _FACTORS, strict=True):
        state = (state ^ _shifted(state, shift)) * factor
    state ^= _shifted(state, 31)
    return table[state.view(torch.uint8)[:count].long()]


def _shifted(words: torch.Tensor, bits: int) -> torch.Tensor:
    """Words shifted to the right, with zeros in front."""
    return (words >> bits) & (2 ** (64 - bits) - 1)


def noisy(weights: torch.Tensor, steps: torch.Tensor, u: torch.Tensor, group: int) -> torch.Tensor:
    """Weight i plus steps[i / group] * u[i], float32."""
    each = steps.double().repeat_interleave(group)[: weights.numel()]
    flat = weights.float().double().reshape(-1) + each * u.double()
    return flat.float().view(weights.shape)


def noise_sums(upstream: torch.Tensor, u: torch.Tensor, group: int) -> torch.Tensor:
    """The sum of upstream[i] * u[i] over each group, float64."""
    products = upstream.double().reshape(-1) * u.double()
    missing = -products.numel() % group
    return torch.nn.functional.pad(products, (0, missing)).view(-1, group).sum(1)


def group_steps(
    logits: torch.Tensor, min_bits: float, max_bits: float, span: torch.Tensor
) -> torch.Tensor:
    """The step span / (2^b - 1) of each group, float32."""
    return (span / _levels(logits, min_bits, max_bits)[1]).float()


def group_gradients(
    logits: torch.Tensor, sums: torch.Tensor, min_bits: float, max_bits: float, span: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradients by the logits and, without axes, by the span, for these `noise_sums`; nothing
    for a span of zero."""
    share, levels = _levels(logits, min_bits, max_bits)
    slope = (max_bits - min_bits) * share * (1 - share)
    by_logits = -span * math.log(2) * (levels + 1) / levels**2 * sums * slope
    by_span = torch.where(span > 0, (sums / levels).sum(), 0.0)
    return by_logits.float(), by_span.float()


def _levels(
    logits: torch.Tensor, min_bits: float, max_bits: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sigmoid of each logit, and 2^b - 1: float64."""
    share = torch.sigmoid(logits.double())
    return share, torch.exp2(min_bits + (max_bits - min_bits) * share) - 1
