"""Linear layers of an ONNX graph on kernels that compute with integers.

The exporter of torch writes a linear layer as Gemm, or as Transpose, MatMul and Add. The codes of
its weights go to MatMulNBits, of ONNX Runtime, for ranges of 32 weights, and to MatMulInteger for a
range a channel. Both unpack nothing but codes, when the file is loaded.

MatMulInteger gets weights as int8, which is 2 to 3 times as fast as uint8 at 8 rows. Processors
without VNNI may then saturate sums of two products of 8 bits; those of 7 bits always fit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnx

from . import onnx_functions as functions
from .grids import ZeroGrid
from .onnx_weights import add_codes, add_steps, add_zeros

if TYPE_CHECKING:
    from .onnx_weights import Additions
    from .tensors import QuantizedTensor

_BLOCK = 32
_MICROSOFT = "com.microsoft"
_INT8_ACTIVATIONS = 4  # The accuracy_level of MatMulNBits at which activations are rounded.
_KERNEL_BITS = {"int4": 4, "int8": 8}


def use_integer_kernels(
    model: Any, additions: Additions, tensors: list[QuantizedTensor], kernels: str
) -> None:
    """Puts the linear layers whose weights allow it on integer kernels, in place.

    ValueError: there is none, with what each weight lacks.
    """
    lacking = {tensor.name: _lacks(tensor, kernels) for tensor in tensors}
    layers = _Layers(model.graph, additions, kernels)
    for tensor in tensors:
        grid = tensor.grid
        if isinstance(grid, ZeroGrid) and not lacking[tensor.name]:
            replaced = layers.replace(tensor, grid)
            lacking[tensor.name] = "" if replaced else "be the weight of a linear layer"
    if all(lacking.values()):
        reasons = "; ".join(f"{name!r} must {what}" for name, what in [*lacking.items()][:5])
        raise ValueError(
            f"kernels={kernels!r}: no layer can use them: {reasons or 'nothing is quantized'}."
            " kernels='float' runs every model."
        )
    if layers.uses_microsoft:
        model.opset_import.append(onnx.helper.make_opsetid(_MICROSOFT, 1))


def _lacks(tensor: QuantizedTensor, kernels: str) -> str:
    """What a tensor would need; empty: it can be used."""
    most = _KERNEL_BITS[kernels]
    ranges = "range=32" if kernels == "int4" else "range='channel' or range=32"
    grid = tensor.grid
    if not isinstance(grid, ZeroGrid) or grid.bits > most:
        return f"be quantized by UniformQuantizer with {ranges}, zero=True and bits={most} at most"
    if len(tensor.shape) != 2 or tensor.dtype != "float32":
        return "be a float32 matrix"
    if kernels == "int8" and grid.per_range == tensor.shape[1]:
        return ""
    if grid.per_range != _BLOCK:
        return f"have {ranges}"
    return "" if tensor.shape[1] % _BLOCK == 0 else f"have a multiple of {_BLOCK} inputs"


@dataclass(frozen=True)
class _Weights:
    """Constants of a layer's kernel."""

    codes: str
    steps: str
    zeros: str


class _Layers:
    """The linear layers of a graph."""

    def __init__(self, graph: Any, additions: Additions, kernels: str) -> None:
        self._graph = graph
        self._additions = additions
        self._kernel_bits = _KERNEL_BITS[kernels]
        self._rounded: dict[str, list[str]] = {}
        self._new = Counter[str]()
        self.uses_microsoft = False

    def replace(self, tensor: QuantizedTensor, grid: ZeroGrid) -> bool:
        """Puts each layer of these weights on a kernel; False: there is none."""
        products = [*self._products((tensor.name, *tensor.aliases))]
        if not products:
            return False
        by_channel = self._kernel_bits == 8 and grid.per_range == tensor.shape[1]
        weights = self._by_channel(tensor, grid) if by_channel else self._in_blocks(tensor, grid)
        for node, values, bias in products:
            nodes = (
                self._integer_product(values, weights, node.output[0], bias)
                if by_channel
                else self._block_product(values, weights, node.output[0], bias, tensor)
            )
            self._put(node, nodes)
        return True

    # ---- Where they are --------------------------------------------------------------------------

    def _products(self, names: tuple[str, ...]) -> Any:
        """(node, its input, its bias or "") of each product with the transposed weights."""
        transposed = {
            node.output[0]
            for node in self._graph.node
            if node.op_type == "Transpose" and node.input[0] in names
            if list(_attributes(node)["perm"]) == [1, 0]
        }
        for node in [*self._graph.node]:
            if node.op_type == "MatMul" and node.input[1] in transposed:
                yield node, node.input[0], ""
            if node.op_type == "Gemm" and node.input[1] in names and _is_linear(node):
                yield node, node.input[0], node.input[2] if len(node.input) > 2 else ""

    def _put(self, node: Any, nodes: list[Any]) -> None:
        """Replaces a node, and takes out a Transpose that nothing uses any more."""
        place = [*self._graph.node].index(node)
        del self._graph.node[place]
        for offset, new in enumerate(nodes):
            self._graph.node.insert(place + offset, new)
        weights = node.input[1]
        if not any(weights in other.input for other in self._graph.node):
            for other in [*self._graph.node]:
                if weights in other.output:
                    self._graph.node.remove(other)

    # ---- MatMulInteger ---------------------------------------------------------------------------

    def _by_channel(self, tensor: QuantizedTensor, grid: ZeroGrid) -> _Weights:
        additions, signed = self._additions, functions.signed(grid.bits)
        codes = additions.call(signed, add_codes(additions, tensor, grid, tensor.shape[1]))
        return _Weights(
            additions.node("Transpose", [codes], perm=[1, 0]),
            add_steps(additions, tensor),
            additions.call(signed, add_zeros(additions, tensor, grid)),
        )

    def _integer_product(self, values: str, weights: _Weights, output: str, bias: str) -> list[Any]:
        codes, step, zero = self._rounded_once(values)
        total, number, steps = (self._name(output) for _ in range(3))
        product = self._name(output) if bias else output
        nodes = [
            _node("MatMulInteger", [codes, weights.codes, zero, weights.zeros], [total]),
            _node("Cast", [total], [number], to=onnx.TensorProto.FLOAT),
            _node("Mul", [step, weights.steps], [steps]),
            _node("Mul", [number, steps], [product]),
        ]
        return nodes + ([_node("Add", [product, bias], [output])] if bias else [])

    def _rounded_once(self, values: str) -> list[str]:
        """The codes of a layer's input with their step and zero, which layers share."""
        if values not in self._rounded:
            self._rounded[values] = [self._name(values) for _ in range(3)]
            makers = [i for i, node in enumerate(self._graph.node) if values in node.output]
            place = makers[0] + 1 if makers else 0
            node = _node("DynamicQuantizeLinear", [values], self._rounded[values])
            self._graph.node.insert(place, node)
        return self._rounded[values]

    # ---- MatMulNBits -----------------------------------------------------------------------------

    def _in_blocks(self, tensor: QuantizedTensor, grid: ZeroGrid) -> _Weights:
        outputs, blocks = tensor.shape[0], tensor.shape[1] // _BLOCK
        additions, bits = self._additions, self._kernel_bits
        codes = add_codes(additions, tensor, grid, _BLOCK)
        zeros = add_zeros(additions, tensor, grid)
        zeros = additions.node("Reshape", [zeros, additions.integers(outputs, blocks)])
        if bits == 4:
            codes = additions.call(functions.nibbles(), codes)
            if blocks % 2:
                zeros = additions.node("Pad", [zeros, additions.integers(0, 0, 0, 1)])
            zeros = additions.call(functions.nibbles(), zeros)
        shape = additions.integers(outputs, blocks, _BLOCK * bits // 8)
        return _Weights(
            additions.node("Reshape", [codes, shape]),
            add_steps(additions, tensor),
            additions.node("Reshape", [zeros, additions.integers(-1)]),
        )

    def _block_product(
        self, values: str, weights: _Weights, output: str, bias: str, tensor: QuantizedTensor
    ) -> list[Any]:
        self.uses_microsoft = True
        product = self._name(output) if bias else output
        node = _node(
            "MatMulNBits",
            [values, weights.codes, weights.steps, weights.zeros],
            [product],
            domain=_MICROSOFT,
            K=tensor.shape[1],
            N=tensor.shape[0],
            bits=self._kernel_bits,
            block_size=_BLOCK,
            accuracy_level=_INT8_ACTIVATIONS,
        )
        return [node] + ([_node("Add", [product, bias], [output])] if bias else [])

    def _name(self, output: str) -> str:
        """A name that nothing else has."""
        self._new[output] += 1
        return f"{output}#{self._new[output]}"


def _node(operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return onnx.helper.make_node(operator, inputs, outputs, **attributes)


def _attributes(node: Any) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _is_linear(node: Any) -> bool:
    """Whether a Gemm multiplies by the transposed weights and adds the bias, and nothing else."""
    found = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **_attributes(node)}
    return found == {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
