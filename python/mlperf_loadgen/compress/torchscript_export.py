"""TorchScript files of quantized models, which run where only torch is.

The file holds bit streams, and code that makes weights of them at the first forward. torch says of
TorchScript that it is deprecated; ONNX files are what is recommended.
"""

from __future__ import annotations

import copy
import io
import os
import warnings
from typing import TYPE_CHECKING, Any

import torch

from . import torchscript_modules as modules
from .arrays_file import write_whole
from .grids import AffineGrid, StepGrid, ZeroGrid
from .stored import stored

if TYPE_CHECKING:
    from .quantizer import Quantizer
    from .tensors import PlainTensor, QuantizedTensor


def export_torchscript(quantizer: Quantizer, path: str | os.PathLike[str], example: Any) -> None:
    """Writes the quantized model to a file for `torch.jit.load` in which its weights are packed.

    `example`: an input of the model, or a tuple of all of its inputs, tensors each. The model is
    traced with it: what forward decides by values or shapes of its inputs is decided for good. The
    quantizer and its model are left as they are.
    """
    arguments = example if isinstance(example, tuple) else (example,)
    for argument in arguments:
        if not isinstance(argument, torch.Tensor):
            raise TypeError(
                f"example holds {type(argument).__name__}: TorchScript files are for models whose"
                " inputs are tensors; use export_onnx for others"
            )
    model = copy.deepcopy(quantizer).freeze().eval().requires_grad_(False)
    weights = [(_names(tensor), _packed(tensor)) for tensor in quantizer.quantized_tensors()]
    for plain in quantizer.plain_tensors():
        weights.append((_names(plain), modules.Plain(plain.value, getattr(torch, plain.dtype))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        content = io.BytesIO()
        torch.jit.save(_scripted(model, weights, arguments), content)
    write_whole(path, [content.getbuffer()])


def _names(tensor: QuantizedTensor | PlainTensor) -> list[str]:
    return [tensor.name, *tensor.aliases]


def _scripted(
    model: torch.nn.Module,
    weights: list[tuple[list[str], torch.nn.Module]],
    arguments: tuple[torch.Tensor, ...],
) -> Any:
    """The model as TorchScript: its trace takes all parameters as an argument."""

    def function(values: list[torch.Tensor], *inputs: torch.Tensor) -> Any:
        for (names, _), value in zip(weights, values, strict=True):
            for name in names:
                module, _, attribute = name.rpartition(".")
                vars(model.get_submodule(module))[attribute] = value  # It hides the parameter.
        return model(*inputs)

    values = [model.get_parameter(names[0]).detach() for names, _ in weights]
    with torch.no_grad():
        trace = torch.jit.trace(function, (values, *arguments), check_trace=False)  # noqa: F841
    # torch keeps what it compiled by class, and forward is another each time.
    own_class = type("Unpacking", (modules.Unpacking,), {})
    scripted = torch.jit.script(own_class([packed for _, packed in weights]))
    inputs = [f"input{i}" for i in range(len(arguments))]
    scripted.define(
        f"def forward(self, {', '.join(f'{name}: Tensor' for name in inputs)}):\n"
        f"    return trace(self.weights(), {', '.join(inputs)})\n"
    )
    return scripted


def _packed(tensor: QuantizedTensor) -> torch.nn.Module:
    """The module that makes the weights of a tensor."""
    return modules.Shaped(_flat(tensor), list(tensor.shape), getattr(torch, tensor.dtype))


def _flat(tensor: QuantizedTensor) -> torch.nn.Module:
    grid, count = tensor.grid, len(tensor.weights)
    stream = torch.from_numpy(grid.encode(tensor.weights))
    numbers, arrays = stored(grid)
    of = {ending: torch.from_numpy(array) for ending, array in arrays.items()}
    if isinstance(grid, AffineGrid):
        return modules.Affine(stream, grid.bits, count, grid.per_range, of["range"])
    if isinstance(grid, ZeroGrid):
        return modules.Zero(stream, grid.bits, count, grid.per_range, of["step"], of["zero"])
    if isinstance(grid, StepGrid):
        return modules.Learnt(stream, grid.bits, count, of["step"])
    return modules.Grouped(
        stream,
        grid.group,
        count,
        of["range"],
        of.get("widths", torch.empty(0, dtype=torch.uint8)),
        numbers["width_base"],
        numbers["width_bits"],
    )
