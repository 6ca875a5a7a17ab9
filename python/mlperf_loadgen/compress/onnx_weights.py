"""Packed weights in an ONNX graph: streams as they are stored, and the nodes that unpack them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx

from . import onnx_functions as functions
from .grids import AffineGrid, GroupedGrid, StepGrid, ZeroGrid
from .sizes import range_count
from .stored import packed_bytes, stored
from .tensors import QuantizedTensor


class Additions:
    """Constants, and nodes that depend on nothing else, which come before the nodes of a graph."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._arrays: dict[str, Any] = {}
        self._functions: dict[str, Any] = {}

    def array(self, name: str, array: np.ndarray[Any, Any]) -> str:
        """The name of a constant. It is added when it is first asked for."""
        if name not in self._arrays:
            self._arrays[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def integers(self, *values: int) -> str:
        """The name of an int64 constant, which all that ask for these values share."""
        return self.array("#" + "_".join(map(str, values)), np.array(values, np.int64))

    def node(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """The name of what an operator of ONNX makes."""
        output = output or f"#{len(self._nodes)}:"
        self._nodes.append(onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output

    def call(self, function: tuple[str, str], *inputs: str) -> str:
        """The name of what a function makes, (name, text) of `onnx_functions`."""
        name, text = function
        if name not in self._functions:
            self._functions[name] = onnx.parser.parse_function(text)
        return self.node(name, list(inputs), domain=functions.DOMAIN)

    def add_to(self, model: Any) -> None:
        """Puts everything into a model."""
        nodes = [*self._nodes, *model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(self._arrays.values())
        if self._functions:
            model.functions.extend(self._functions.values())
            model.opset_import.append(onnx.helper.make_opsetid(functions.DOMAIN, 1))


def add_codes(
    additions: Additions,
    tensor: QuantizedTensor,
    grid: AffineGrid | ZeroGrid | StepGrid,
    per_row: int,
) -> str:
    """The codes of a tensor of one width, in rows, the last of which is filled up."""
    rows = range_count(len(tensor.weights), per_row)
    stream = grid.encode(tensor.weights)
    return _codes(additions, f"{tensor.name}#codes", stream, grid.bits, (rows, per_row))


def add_steps(additions: Additions, tensor: QuantizedTensor) -> str:
    """The steps of a tensor's ranges."""
    _, arrays = stored(tensor.grid)
    return additions.array(f"{tensor.name}#step", arrays["step"])


def add_zeros(additions: Additions, tensor: QuantizedTensor, grid: ZeroGrid) -> str:
    """The codes of zero of a tensor's ranges."""
    _, arrays = stored(grid)
    name, count = f"{tensor.name}#zero", len(grid.steps)
    return _unpacked(additions, name, arrays["zero"], grid.bits, count)


def add_weights(additions: Additions, tensor: QuantizedTensor, output: str, dtype: int) -> None:
    """The weights of a tensor, named `output`, of this type of ONNX."""
    flat = _rows(additions, tensor)
    count = len(tensor.weights)
    all_of_them = additions.node("Reshape", [flat, additions.integers(-1)])
    cut = additions.node("Slice", [all_of_them, additions.integers(0), additions.integers(count)])
    shape = additions.integers(*tensor.shape)
    if dtype == onnx.TensorProto.FLOAT:
        additions.node("Reshape", [cut, shape], output)
    else:
        additions.node("Cast", [additions.node("Reshape", [cut, shape])], output, to=dtype)


def _rows(additions: Additions, tensor: QuantizedTensor) -> str:
    grid = tensor.grid
    if isinstance(grid, GroupedGrid):
        return _grouped(additions, tensor, grid)
    if isinstance(grid, AffineGrid):
        _, arrays = stored(grid)
        limits = additions.array(f"{tensor.name}#range", arrays["range"])
        codes = add_codes(additions, tensor, grid, grid.per_range)
        return _affine(additions, codes, grid.bits, grid.per_range, limits)
    steps = add_steps(additions, tensor)
    if isinstance(grid, ZeroGrid):
        codes = add_codes(additions, tensor, grid, grid.per_range)
        return additions.call(functions.zero(), codes, add_zeros(additions, tensor, grid), steps)
    codes = add_codes(additions, tensor, grid, len(tensor.weights))
    levels = additions.call(functions.learnt(grid.bits), _numbers(additions, grid.bits), steps)
    return additions.call(functions.pick(), levels, codes)


def _affine(additions: Additions, codes: str, bits: int, per_row: int, limits: str) -> str:
    """The weights of codes in rows. Where a row has more weights than levels, its levels are made
    once, which takes less memory than float64 for each weight."""
    if per_row < 2**bits:
        return additions.call(functions.affine(bits), codes, limits)
    levels = additions.call(functions.affine(bits), _numbers(additions, bits), limits)
    return additions.call(functions.pick(), levels, codes)


def _grouped(additions: Additions, tensor: QuantizedTensor, grid: GroupedGrid) -> str:
    """The streams follow each other by width, and so do the groups that are made of them."""
    numbers, arrays = stored(grid)
    limits = additions.array(f"{tensor.name}#range", arrays["range"])
    stream = grid.encode(tensor.weights)
    pieces, begin = [], 0
    for bits in sorted(set(grid.widths.tolist())):
        count = grid.group * int((grid.widths == bits).sum())
        missing = grid.group * len(grid.widths) - len(tensor.weights)
        end = begin + packed_bytes(count - missing * (bits == grid.widths[-1]), bits)
        name = f"{tensor.name}#codes{bits}"
        codes = _codes(additions, name, stream[begin:end], bits, (1, count))
        pieces.append(_affine(additions, codes, bits, count, limits))
        begin = end
    if len(pieces) == 1:
        return pieces[0]
    sorted_by_width = additions.node("Concat", pieces, axis=1)
    groups = additions.node("Reshape", [sorted_by_width, additions.integers(-1, grid.group)])
    count = len(grid.widths)
    widths = _unpacked(
        additions, f"{tensor.name}#widths", arrays["widths"], numbers["width_bits"], count
    )
    return additions.call(functions.in_order(), groups, widths, additions.integers(count))


def _numbers(additions: Additions, bits: int) -> str:
    return additions.call(functions.numbers(bits))


def _codes(
    additions: Additions, name: str, stream: np.ndarray[Any, Any], bits: int, shape: tuple[int, int]
) -> str:
    """Codes in rows; those that the stream lacks for the last row are 0."""
    flat = _unpacked(additions, name, stream, bits, math.prod(shape))
    return additions.node("Reshape", [flat, additions.integers(*shape)])


def _unpacked(
    additions: Additions, name: str, stream: np.ndarray[Any, Any], bits: int, count: int
) -> str:
    needed = -(-packed_bytes(count, bits) // bits) * bits
    filled = additions.array(name, np.pad(stream, (0, needed - len(stream))))
    return additions.call(functions.unpack(bits), filled, additions.integers(count))
