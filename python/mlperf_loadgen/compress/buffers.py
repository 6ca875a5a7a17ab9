"""Memory of tensors that are gone, kept for the tensors of the next training step.

A fresh tensor of 40 MB costs its page faults, which is several times what quantizing it costs.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch

_MOST_KEPT = 2  # A step needs one for the weights and one for their gradient.


class Buffers:
    """Hands out float32 tensors of one shape on the CPU; their values are arbitrary.

    The memory of a tensor is used again once the tensor, its views and every graph that saved it
    are gone.
    """

    def __init__(self, shape: torch.Size) -> None:
        self._shape = shape
        self._free: list[torch.Tensor] = []

    def take(self) -> torch.Tensor:
        """A tensor that nothing else uses."""
        free = self._free
        memory = free.pop() if free else torch.empty(self._shape, dtype=torch.float32)
        # torch keeps the array as long as it keeps the memory, so the array's end tells of it.
        array = memory.numpy()
        lent = torch.from_numpy(array)
        weakref.finalize(array, _give_back, free, memory).atexit = False
        return lent

    def clear(self) -> None:
        """Lets go of all memory that is not in use."""
        self._free.clear()

    def __reduce__(self) -> tuple[Callable[[torch.Size], Buffers], tuple[torch.Size]]:
        """A copy begins empty."""
        return Buffers, (self._shape,)


def _give_back(free: list[torch.Tensor], memory: torch.Tensor) -> None:
    if len(free) < _MOST_KEPT:
        free.append(memory)
