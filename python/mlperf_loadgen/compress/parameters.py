"""Which parameters of a model are quantized, and everywhere they are found."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from .tensors import PlainTensor

MB_BYTES = 2**20
_BYTES_PER_WEIGHT = 4  # `min_size` compares parameters as if all were float32.


@dataclass(eq=False)
class Place:
    """An attribute of a module that holds a parameter."""

    module: torch.nn.Module
    attribute: str

    def parameter(self) -> torch.nn.Parameter:
        """The parameter that is there now."""
        return self.module._parameters[self.attribute]


@dataclass(eq=False)
class Target:
    """A parameter of the model, with all places and names that it has."""

    name: str
    aliases: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    def parameter(self) -> torch.nn.Parameter:
        """The parameter, which may be another object than when the quantizer was attached."""
        return self.places[0].parameter()

    def plain(self, half: bool) -> PlainTensor:
        """What is stored of a parameter that is not quantized. ValueError: with `half`, a weight is
        too large for half precision."""
        value, dtype = self.parameter().detach(), dtype_name(self.parameter())
        if half and value.is_floating_point():
            value = rounded_to_half(self.name, value)
        return PlainTensor(self.name, tuple(self.aliases), value, dtype)


def dtype_name(tensor: torch.Tensor) -> str:
    """The type of a tensor without "torch.", such as "float32"."""
    return str(tensor.dtype).removeprefix("torch.")


def rounded_to_half(name: str, value: torch.Tensor) -> torch.Tensor:
    """A parameter in half precision. ValueError: a weight is too large for it."""
    half = value.half()
    if torch.isinf(half).any() and not torch.isinf(value).any():
        raise ValueError(
            f"parameter {name!r}: its greatest weight, {float(value.abs().max()):.4g}, is too large"
            " for half precision; attach the quantizer with float16=False"
        )
    return half


def find_targets(
    model: torch.nn.Module, min_size: float, exclude: Sequence[str], detect_bound: bool
) -> tuple[list[Target], list[Target]]:
    """The parameters that are quantized, and the others.

    Quantized are floating point parameters of at least `min_size` MB (2^20 bytes, at 4 bytes a
    weight) whose full name, or the last part of it, matches none of the patterns of `exclude`.
    With `detect_bound`, a parameter that has several names is one target.
    """
    found: dict[object, Target] = {}
    for module_name, module in model.named_modules(remove_duplicate=False):
        for attribute, parameter in module._parameters.items():
            if parameter is None:
                continue
            name = f"{module_name}.{attribute}" if module_name else attribute
            key = id(parameter) if detect_bound else (id(module), attribute)
            target = found.setdefault(key, Target(name))
            if target.name != name:
                target.aliases.append(name)
            if not any(p.module is module and p.attribute == attribute for p in target.places):
                target.places.append(Place(module, attribute))
    quantized: list[Target] = []
    others: list[Target] = []
    for target in found.values():
        chosen = _is_large(target.parameter(), min_size) and not _matches(target, exclude)
        (quantized if chosen else others).append(target)
    return quantized, others


def _is_large(parameter: torch.Tensor, min_size: float) -> bool:
    count: int = parameter.numel()
    large = count > 0 and count * _BYTES_PER_WEIGHT / MB_BYTES >= min_size
    return large and bool(parameter.is_floating_point())


def _matches(target: Target, patterns: Iterable[str]) -> bool:
    names = [target.name, *target.aliases]
    names += [name.rpartition(".")[2] for name in names]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)
