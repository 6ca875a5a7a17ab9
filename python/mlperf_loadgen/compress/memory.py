"""Tensors of torch as the one-dimensional float32 arrays that the kernels work on, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .grids import Floats


def floats_of(tensor: torch.Tensor) -> Floats:
    """The values row by row as float32: the tensor's own memory if it is laid out so, else a copy.

    float64 is rounded, half precision is exact.
    """
    # An expanded tensor stays one when it is reshaped, with the same element again and again.
    values = tensor.detach().to("cpu", torch.float32).reshape(-1).contiguous()
    array: Floats = values.numpy()
    return array


def like(parameter: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """`value` on the device and in the type of `parameter`, rounded if that is narrower."""
    return value.to(parameter.device, parameter.dtype)


def weights_a_range(shape: torch.Size, ranges: str | int) -> int:
    """How many weights of a tensor share a range: all for "tensor", those of an index of axis 0
    for "channel", and at most all for a number."""
    count: int = shape.numel()
    if ranges == "tensor" or not shape:
        return count
    channels: int = shape[0]
    return count // channels if ranges == "channel" else min(int(ranges), count)
