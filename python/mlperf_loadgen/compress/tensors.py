"""The tensors of a model as they are stored: quantized ones with their grids, and the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .grids import Floats, Grid


@dataclass(frozen=True)
class QuantizedTensor:
    """A parameter that is quantized, with its float weights and the grid that they are put on."""

    name: str
    aliases: tuple[str, ...]
    """The other names under which the model has it."""
    shape: tuple[int, ...]
    dtype: str
    """The parameter's type without "torch.", such as "float32"."""
    grid: Grid
    weights: Floats
    """The float weights, one-dimensional in memory order."""


@dataclass(frozen=True)
class PlainTensor:
    """A parameter that is not quantized."""

    name: str
    aliases: tuple[str, ...]
    value: torch.Tensor
    """Detached; in half precision if the quantizer rounds such parameters."""
    dtype: str
    """The parameter's own type without "torch.", such as "float32"."""
