"""DiffQuantizer: training learns how many bits each group of weights gets.

DiffQ: Défossez, Adi and Synnaeve, arXiv 2104.09987.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from .arguments import real, whole
from .grids import Bytes, Floats, Grid, GroupedGrid
from .learning import LearningQuantizer
from .memory import floats_of
from .noise import Bits, Noisy, SoftBits
from .sizes import group_code_bits, group_head_bits, range_count

_MARGIN_BITS = 0.25  # Restored widths keep away from the ends, where gradients vanish.


class DiffQuantizer(LearningQuantizer):
    """Learns the number of bits of each group of weights, from noise that stands for quantization.

    Training adds noise of the size of a group's step to its weights, and a penalty on
    `model_size()` in the loss makes it learn which groups need fewer bits. `group_size`:
    consecutive weights of a group (0: a tensor is one group). `min_bits`, `max_bits`: the limits
    of what is learnt, from 1 to 16, and `init_bits` between them what it begins with; they need not
    be whole. `noise`: "gaussian" or "uniform". `extra_bits`: what eval adds to what was learnt.
    The other arguments are those of `Quantizer`. Before training, `setup_optimizer` gives what is
    learnt to an optimizer.

    Raises ValueError and TypeError for wrong arguments, and RuntimeError for a model that is
    wrapped or has a quantizer.
    """

    method = "diffq"

    def __init__(
        self,
        model: torch.nn.Module,
        group_size: int = 8,
        *,
        min_bits: float = 2,
        max_bits: float = 15,
        init_bits: float = 8,
        noise: Literal["gaussian", "uniform"] = "gaussian",
        extra_bits: float = 0,
        min_size: float = 0.01,
        float16: bool = False,
        exclude: Sequence[str] = (),
        detect_bound: bool = True,
    ) -> None:
        self._group_size = whole("group_size", group_size, 0)
        self._bits = Bits(real("min_bits", min_bits), real("max_bits", max_bits))
        self._init_bits = real("init_bits", init_bits)
        if not 1 <= self._bits.least < self._init_bits < self._bits.most <= 16:
            raise ValueError(
                f"min_bits={min_bits!r}, init_bits={init_bits!r}, max_bits={max_bits!r}: they must"
                " ascend, from 1 at the least to 16 at the most"
            )
        if noise not in ("gaussian", "uniform"):
            raise ValueError(f'noise={noise!r}: it must be "gaussian" or "uniform"')
        self._noise: Literal["gaussian", "uniform"] = noise
        self._extra_bits = real("extra_bits", extra_bits)
        super().__init__(model, min_size, float16, exclude, detect_bound)

    def setup_optimizer(
        self, optimizer: torch.optim.Optimizer, lr: float = 1e-3, **overrides: Any
    ) -> None:
        """Gives what is learnt to an optimizer, as a group of its own without weight decay.

        `lr`: the group's learning rate; `overrides`: its other settings. Raises RuntimeError if the
        optimizer has it already.
        """
        self._add_group(optimizer, {"lr": lr, **overrides, "weight_decay": 0.0})

    # ---- Groups ----------------------------------------------------------------------------------

    def _count(self, index: int) -> int:
        return int(self._targets[index].parameter().numel())

    def _group(self, index: int) -> int:
        """The weights of a group of a target."""
        count = self._count(index)
        return min(self._group_size or count, count)

    def _first_values(self, index: int) -> torch.Tensor:
        groups = range_count(self._count(index), self._group(index))
        device = self._targets[index].parameter().device
        logit = float(self._bits.logits(np.float64(self._init_bits)))
        return torch.full((groups,), logit, dtype=torch.float32, device=device)

    def _widths(self, index: int) -> Bytes:
        return self._rounded(floats_of(self._learnt()[index]))

    def _rounded(self, logits: Floats) -> Bytes:
        bits = self._bits.of(logits) + self._extra_bits
        return np.clip(np.rint(bits), 1, 16).astype(np.uint8)

    # ---- What training and eval use --------------------------------------------------------------

    def _begin_step(self) -> bool:
        super()._begin_step()
        # One number a tensor, so that torch.manual_seed decides on all noise.
        keys = torch.empty(len(self._targets), dtype=torch.int64, device="cpu").random_()
        self._keys: list[int] = keys.tolist()
        return True

    def _training_weights(self, index: int) -> torch.Tensor:
        return Noisy.apply(
            *(self._targets[index].parameter(), self._learnt()[index]),
            *(self._bits, self._group(index), self._noise, self._keys[index]),
            self._buffers[index],
        )

    def _grid(self, index: int, weights: Floats) -> Grid:
        self._buffers[index].clear()
        return GroupedGrid.of(weights, self._group(index), self._widths(index))

    # ---- Sizes -----------------------------------------------------------------------------------

    def model_size(self) -> torch.Tensor:
        """The size of the model in MB (2^20 bytes), without buffers, for the bits that are learnt
        before they are rounded: a float32 tensor without axes, differentiable."""
        learnt = self._learnt()
        heads = sum(self._head_bits(index) for index in range(len(learnt)))
        shapes = [(self._count(index), self._group(index)) for index in range(len(learnt))]
        size: torch.Tensor = SoftBits.apply(self._bits, shapes, heads + self._plain_bits(), *learnt)
        return size

    def _head_bits(self, index: int) -> int:
        logits = floats_of(self._learnt()[index])
        greatest = int(self._rounded(logits.max(keepdims=True))[0])
        return group_head_bits(len(logits), greatest, self._bits.least)

    def _true_bits(self, index: int) -> int:
        widths = self._widths(index)
        codes = group_code_bits(self._count(index), self._group(index), widths)
        return codes + group_head_bits(len(widths), int(widths.max()), self._bits.least)

    # ---- A state's grids -------------------------------------------------------------------------

    def _takes(self, index: int, grid: Grid | None) -> bool:
        if not isinstance(grid, GroupedGrid) or grid.group != self._group(index):
            return False
        least, most = self._limits(grid.widths)
        return bool((least < most).all())

    def _kind(self, index: int) -> str:
        limits = np.array([self._bits.least, self._bits.most]) + self._extra_bits
        least, most = np.clip(np.rint(limits), 1, 16).astype(int)
        return f"groups of {self._group(index)} weights with {least} to {most} bits"

    def _limits(self, widths: Bytes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Between what eval rounds to each of these widths, as far as it can be learnt."""
        least = np.where(widths == 1, -np.inf, widths - 0.5) - self._extra_bits
        most = np.where(widths == 16, np.inf, widths + 0.5) - self._extra_bits
        return np.maximum(least, self._bits.least), np.minimum(most, self._bits.most)

    def _adopt(self, index: int, grid: Grid) -> None:
        assert isinstance(grid, GroupedGrid)
        least, most = self._limits(grid.widths)
        margin = np.minimum(_MARGIN_BITS, (most - least) / 2)
        bits = np.clip(grid.widths - self._extra_bits, least + margin, most - margin)
        with torch.no_grad():
            self._learnt()[index].copy_(torch.from_numpy(self._bits.logits(bits)))
