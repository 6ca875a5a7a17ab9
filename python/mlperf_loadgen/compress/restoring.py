"""States back into models: everything is checked before the model is touched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from .attaching import check_model
from .memory import floats_of
from .modules import stored_tensors
from .state import Content, check_state

if TYPE_CHECKING:
    from .grids import Floats, Grid

_MOST_HALVINGS = 64  # The numbers of float32 are not as many in any interval.


def restore_quantized_state(model: torch.nn.Module, state: Mapping[str, Any]) -> None:
    """Writes the weights of a state into the parameters and buffers of a model, in place.

    Ties, optimizers and devices stay, and weights are rounded to the type that the model has them
    in. ValueError, naming the array, the parameter or the version: the state is damaged, or of
    another model; the model is then unchanged.
    """
    check_model(model)
    restore(model, state)


class Adopting(Protocol):
    """The quantizer of a model that is restored."""

    def has_apart(self, names: Iterable[str]) -> bool: ...

    def check_grids(self, grids: Mapping[str, Grid]) -> None: ...

    def adopt(self, grids: Mapping[str, Grid]) -> None: ...


def restore(
    model: torch.nn.Module, state: Mapping[str, Any], quantizer: Adopting | None = None
) -> None:
    """As `restore_quantized_state`; the model's quantizer, if it has one, adopts the grids."""
    content = check_state(state)
    writes = _matched(model, content)
    shared = {id(w.target): _shared(content, w, quantizer) for w in writes if len(w.names) > 1}
    if quantizer is not None:
        quantizer.check_grids(content.grids)
    for write in writes:
        name = write.names[0]
        if id(write.target) in shared:
            _write(write.target, shared[id(write.target)])
        elif name in content.plain:
            _write(write.target, content.plain[name])
        else:
            _write_weights(write.target, content, name)
    if quantizer is not None:
        quantizer.adopt(content.grids)


# ---- Which tensor goes where ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Write:
    """A tensor of the model that gets values of the state."""

    target: torch.Tensor
    names: list[str]
    """The tensors of the state that have them; several if their values are not the same."""


def _matched(model: torch.nn.Module, content: Content) -> list[_Write]:
    """What is to be written. ValueError: the state is of another model."""
    there = stored_tensors(model)
    name_of = {
        alias: entry.name
        for entry in content.plan.entries
        for alias in (entry.name, *entry.aliases)
    }
    _check_names("The state lacks these parameters or buffers of the model", there, name_of)
    _check_names("The model lacks these parameters or buffers of the state", name_of, there)
    writes: dict[int, _Write] = {}
    for alias, name in name_of.items():
        target = there[alias]
        _check_target(content, name, alias, target)
        write = writes.setdefault(id(target), _Write(target, [name]))
        if not any(name == other or _same(content, name, other) for other in write.names):
            write.names.append(name)
    return list(writes.values())


def _check_names(fault: str, names: Iterable[str], there: Mapping[str, object]) -> None:
    missing = [name for name in names if name not in there]
    if missing:
        shown = ", ".join(map(repr, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise ValueError(
            f"{fault}: {shown}. Restore it into a model of the class it was made from."
        )


def _check_target(content: Content, name: str, alias: str, target: torch.Tensor) -> None:
    shape, there = content.shapes[name], tuple(target.shape)
    if there != shape:
        raise ValueError(
            f"{alias!r} has the shape {list(there)} in the model and {list(shape)} in the state."
        )
    if target.is_floating_point() != (
        name in content.grids or content.plain[name].is_floating_point()
    ):
        raise ValueError(
            f"{alias!r} is {target.dtype} in the model, and of another kind of number in the state."
        )
    if target.is_meta:
        raise ValueError(
            f"{alias!r} has no memory, as it is on the device meta; call"
            " model.to_empty(device='cpu') first."
        )


def _same(content: Content, one: str, other: str) -> bool:
    """Whether two tensors of the state have equal values."""
    if one in content.grids and other in content.grids:
        return np.array_equal(_weights(content, one), _weights(content, other))
    if one in content.plain and other in content.plain:
        return bool(content.plain[one].equal(content.plain[other]))
    return False


# ---- One parameter for several tensors -----------------------------------------------------------


def _shared(content: Content, write: _Write, quantizer: Adopting | None) -> torch.Tensor:
    """Weights that the grid of each name puts on this name's levels, as those were that the state
    was made of. ValueError: there are none, or nothing has a grid for each name."""
    if quantizer is not None and quantizer.has_apart(write.names):
        levels = [_weights(content, name) for name in write.names]
        grids = [content.grids[name] for name in write.names]
        found = _between(grids, levels, write.target.dtype)
        if found is not None:
            return found.view(write.target.shape)
    names = " and ".join(map(repr, write.names))
    raise ValueError(
        f"{names} are one parameter of the model, and have different values in the state: restore"
        " it into a model in which they are several, or, if it was made of one in which they were"
        " one, by a quantizer that is attached with detect_bound=False."
    )


def _between(
    grids: Sequence[Grid], levels: Sequence[Floats], dtype: torch.dtype
) -> torch.Tensor | None:
    """Weights of this type that each grid puts on its levels; None if there are none.

    What a grid puts on a level is an interval. Where such intervals meet, they do so between the
    least and the greatest of the levels, and halving that finds it.
    """
    low, high = (end.reduce(levels).astype(np.float64) for end in (np.minimum, np.maximum))
    for _ in range(_MOST_HALVINGS):
        weights = torch.from_numpy((low + high) / 2).to(torch.float32).to(dtype)
        values = floats_of(weights)
        restored = [grid.restored(values) for grid in grids]
        above = np.any([a > b for a, b in zip(restored, levels, strict=True)], axis=0)
        below = np.any([a < b for a, b in zip(restored, levels, strict=True)], axis=0)
        if not (above | below).any():
            return weights
        high, low = np.where(above, values, high), np.where(below, values, low)
    return None


# ---- Writing -------------------------------------------------------------------------------------


def _weights(content: Content, name: str) -> Floats:
    weights = np.empty(math.prod(content.shapes[name]), np.float32)
    content.grids[name].decode(content.codes[name], weights)
    return weights


def _write_weights(target: torch.Tensor, content: Content, name: str) -> None:
    plain = target.detach()
    if plain.dtype == torch.float32 and plain.device.type == "cpu" and plain.is_contiguous():
        content.grids[name].decode(content.codes[name], plain.view(-1).numpy())
        torch.autograd.graph.increment_version(target)
    else:
        _write(target, torch.from_numpy(_weights(content, name)).view(target.shape))


def _write(target: torch.Tensor, values: torch.Tensor) -> None:
    with torch.no_grad():
        target.copy_(values)
