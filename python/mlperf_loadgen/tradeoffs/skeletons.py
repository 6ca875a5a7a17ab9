"""Models without their weights, in files, for processes that have the weights in other files."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch


def save_skeleton(model: torch.nn.Module, path: str | os.PathLike[str]) -> None:
    """Writes a model with everything but the values of its parameters, which the model loses.

    Raises what pickling raises, for a class that is not at the top of a module.
    """
    # One value for all of them. The device "meta" has none, and takes a second to be imported.
    _replace_parameters(model, lambda p: torch.zeros((), dtype=p.dtype).expand(p.shape))
    torch.save(model, path)


def load_skeleton(path: str | os.PathLike[str]) -> torch.nn.Module:
    """Reads the model that `save_skeleton` wrote; its parameters have room for values, and none.

    The file is run as pickles are: it must be one that this program wrote.
    """
    model: torch.nn.Module = torch.load(path, weights_only=False)
    _replace_parameters(model, lambda p: torch.empty(p.shape, dtype=p.dtype))
    return model


def _replace_parameters(
    model: torch.nn.Module, values: Callable[[torch.nn.Parameter], torch.Tensor]
) -> None:
    """Gives a model new parameters; one that it has in several places stays one."""
    new: dict[torch.nn.Parameter, torch.nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            if parameter not in new:
                grad = parameter.requires_grad
                new[parameter] = torch.nn.Parameter(values(parameter), requires_grad=grad)
            setattr(module, name, new[parameter])  # RNNs before torch 2.13 keep a list, too.
