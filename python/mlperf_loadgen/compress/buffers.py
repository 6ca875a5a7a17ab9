"""Memory of tensors that are gone, kept for the tensors of the next training step.

A fresh tensor of 40 MB costs its page faults, which is several times what quantizing it costs.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable

import numpy as np
import torch

from .grids import Floats

_MOST_KEPT = 2  # A step needs one for the weights and one for their gradient.
_ALIGNMENT = 16  # Weights: the 64 bytes of a line of the cache.


class Buffers:
    """Hands out float32 tensors of one shape on the CPU; their values are arbitrary.

    The memory of a tensor is used again once the tensor, its views and every graph that saved it
    are gone.
    """

    def __init__(self, shape: torch.Size) -> None:
        self._shape = shape
        self._free: list[Floats] = []

    def take(self) -> torch.Tensor:
        """A tensor that nothing else uses."""
        free = self._free
        memory = free.pop() if free else aligned(self._shape)
        # torch keeps the view as long as it keeps the memory, so that the view's end frees it.
        view = memory.view()
        weakref.finalize(view, _give_back, free, memory).atexit = False
        return torch.from_numpy(view)

    def clear(self) -> None:
        """Lets go of all memory that is not in use."""
        self._free.clear()

    def __reduce__(self) -> tuple[Callable[[torch.Size], Buffers], tuple[torch.Size]]:
        """A copy begins empty."""
        return Buffers, (self._shape,)


def aligned(shape: torch.Size | tuple[int, ...]) -> Floats:
    """Memory for float32 tensors, as torch aligns it, but by NumPy, which asks the system for large
    pages; its values are arbitrary."""
    count = math.prod(shape)
    memory = np.empty(count + _ALIGNMENT, np.float32)
    first = -memory.ctypes.data // memory.itemsize % _ALIGNMENT
    return memory[first : first + count].reshape(tuple(shape))


def _give_back(free: list[Floats], memory: Floats) -> None:
    if len(free) < _MOST_KEPT:
        free.append(memory)
