"""Quantizers that learn something besides the parameters, and the optimizer that learns it."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import torch

from .arguments import optimizer as check_optimizer
from .buffers import Buffers
from .quantizer import Quantizer, naming


class LearningQuantizer(Quantizer):
    """A quantizer with a learnt parameter for each target, which it adds to the model's root.

    They are there before the model is wrapped for several processes, which then share them.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        min_size: float,
        float16: bool,
        exclude: Sequence[str],
        detect_bound: bool,
    ) -> None:
        super().__init__(model, min_size, float16, exclude, detect_bound)
        self._ready = False
        self._buffers = [Buffers(target.parameter().shape) for target in self._targets]
        try:
            values = [
                naming(target, self._first_values, index)
                for index, target in enumerate(self._targets)
            ]
        except ValueError:
            self.detach()
            raise
        self._attachment.learn(values)

    @abc.abstractmethod
    def _first_values(self, index: int) -> torch.Tensor:
        """What a target's learnt parameter begins with."""

    def _learnt(self) -> list[torch.nn.Parameter]:
        return self._attachment.learnt()

    def no_optimizer(self) -> None:
        """Says that nothing learns the quantizer's own parameters, so that training may begin."""
        self._ready = True

    def clear_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Takes the quantizer's own parameters out of an optimizer, with what it kept for them.

        Training needs `setup_optimizer` or `no_optimizer` after it.
        """
        check_optimizer(optimizer)
        own = {id(parameter) for parameter in self._learnt()}
        for group in optimizer.param_groups:
            group["params"] = [p for p in group["params"] if id(p) not in own]
        groups = [group for group in optimizer.param_groups if group["params"]]
        optimizer.param_groups[:] = groups
        for parameter in self._learnt():
            optimizer.state.pop(parameter, None)
        self._ready = False

    def _add_group(self, optimizer: torch.optim.Optimizer, settings: dict[str, Any]) -> None:
        check_optimizer(optimizer)
        learnt = self._learnt()
        own = {id(parameter) for parameter in learnt}
        if any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
            raise RuntimeError(
                "the optimizer has the quantizer's own parameters already: make the optimizer"
                " before the quantizer is attached, or call clear_optimizer(optimizer) first"
            )
        if learnt:
            optimizer.add_param_group({"params": learnt, **settings})
        self._ready = True

    def _begin_step(self) -> bool:
        if not self._ready:
            raise RuntimeError(
                "training needs setup_optimizer(optimizer) first, which gives the quantizer's own"
                " parameters to an optimizer, or no_optimizer()"
            )
        return True
