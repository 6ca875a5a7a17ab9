"""The parameters and buffers of a model by all of their names."""

from __future__ import annotations

from collections.abc import Iterator

import torch

LEARNT = "_compress_"
"""How the names of a quantizer's own parameters begin, at the root of the model."""


def persistent_buffers(
    model: torch.nn.Module,
) -> list[tuple[str, tuple[str, ...], torch.Tensor]]:
    """(name, other names, buffer) of each buffer that a state_dict holds."""
    names: dict[int, list[str]] = {}
    buffers: dict[int, torch.Tensor] = {}
    for name, buffer in _buffers(model):
        names.setdefault(id(buffer), []).append(name)
        buffers[id(buffer)] = buffer
    return [(found[0], tuple(found[1:]), buffers[key]) for key, found in names.items()]


def stored_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters and the persistent buffers of a model, by each of their names."""
    parameters = model.named_parameters(remove_duplicate=False)
    return {
        **{name: tensor for name, tensor in parameters if not name.startswith(LEARNT)},
        **dict(_buffers(model)),
    }


def _buffers(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for prefix, module in model.named_modules(remove_duplicate=False):
        for attribute, buffer in module._buffers.items():
            if buffer is not None and attribute not in module._non_persistent_buffers_set:
                yield f"{prefix}.{attribute}" if prefix else attribute, buffer
