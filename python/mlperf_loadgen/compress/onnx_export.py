"""ONNX files of quantized models, which run where only ONNX Runtime is."""

from __future__ import annotations

import copy
import os
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from .arrays_file import write_whole

if TYPE_CHECKING:
    from .quantizer import Quantizer

_KERNELS = ("float", "int8", "int4")


def export_onnx(
    quantizer: Quantizer,
    path: str | os.PathLike[str],
    example: Any,
    kernels: Literal["float", "int8", "int4"] = "float",
) -> None:
    """Writes the quantized model to an ONNX file in which its weights are packed.

    ONNX Runtime makes plain weights of them when it loads the file. `example`: an input of the
    model, or a tuple of all of its inputs; the length of their first axis may be another later.
    `kernels`: "float" computes as the frozen model does. "int4" and "int8" compute with integers
    where weights allow it, which is faster and rounds activations to 8 bits: linear layers with
    `zero=True` and 4 bits, or 8 bits, at most. "int4" needs `range=32` and a multiple of 32 inputs;
    "int8" needs that or `range="channel"`, which is the faster one (where a processor lacks VNNI,
    sums of 8-bit weights a channel may saturate; 7 bits are safe). Other layers compute as with
    "float".

    ValueError: no layer can use these kernels. ModuleNotFoundError: onnx or onnxscript is not
    installed. The quantizer and its model are left as they are.
    """
    if kernels not in _KERNELS:
        raise ValueError(f"kernels={kernels!r}: it must be one of {', '.join(map(repr, _KERNELS))}")
    _check_installed()
    from .onnx_integers import use_integer_kernels
    from .onnx_weights import Additions

    model = _exported(copy.deepcopy(quantizer).freeze().eval(), example)
    _settle_shapes(model.graph)
    additions = Additions()
    tensors = quantizer.quantized_tensors()
    if kernels != "float":
        use_integer_kernels(model, additions, tensors, kernels)
    _pack_weights(model.graph, additions, tensors)
    _halve_plain(model.graph, additions, quantizer)
    additions.add_to(model)
    _strip(model)
    write_whole(path, [model.SerializeToString()])


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        fix = "pip install 'mlperf_loadgen[compress]'"
        raise ModuleNotFoundError(
            f"export_onnx needs {error.name}, not installed: {fix}"
        ) from error


def _exported(model: torch.nn.Module, example: Any) -> Any:
    """The model as ONNX with float weights, which keep their names only without optimization."""
    arguments = example if isinstance(example, tuple) else (example,)
    shapes = torch.utils._pytree.tree_map(_free_first_axis, arguments)
    return torch.onnx.export(
        model, arguments, dynamo=True, optimize=False, verbose=False, dynamic_shapes=shapes
    ).model_proto


def _free_first_axis(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return {0: torch.export.Dim.AUTO} if value.ndim else {}
    return None


def _settle_shapes(graph: Any) -> None:
    """Replaces the lengths of axes by numbers where they are the same for all inputs.

    The exporter cuts the weights of recurrent layers by the length of an axis. ONNX Runtime then
    cuts them once, when it loads the file, and not in each run.
    """
    import onnx

    lengths = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info)
        if value.type.tensor_type.HasField("shape")
    }
    for place, node in enumerate(graph.node):
        if node.op_type == "Shape" and node.input[0] in lengths:
            limits = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            found = lengths[node.input[0]][limits.get("start", 0) : limits.get("end")]
            if found and all(found):  # A length that varies has a name, and the number 0.
                constant = onnx.helper.make_node("Constant", [], node.output, value_ints=found)
                graph.node[place].CopyFrom(constant)


def _pack_weights(graph: Any, additions: Any, tensors: list[Any]) -> None:
    """Replaces the float weights that nodes still use by packed ones."""
    from .onnx_weights import add_weights

    used = {name for node in graph.node for name in node.input}
    used.update(output.name for output in graph.output)
    there = {initializer.name: initializer for initializer in graph.initializer}
    for tensor in tensors:
        found = [name for name in (tensor.name, *tensor.aliases) if name in there]
        if not found:
            warnings.warn(
                f"The parameter {tensor.name!r} is not in the ONNX file: the model's forward does"
                " not use it.",
                stacklevel=3,
            )
        wanted = [name for name in found if name in used]
        for name in wanted[:1]:
            add_weights(additions, tensor, name, there[name].data_type)
        for name in wanted[1:]:
            additions.node("Identity", [wanted[0]], name)
        for name in found:
            graph.initializer.remove(there[name])


def _halve_plain(graph: Any, additions: Any, quantizer: Quantizer) -> None:
    """Stores other parameters in half precision if the quantizer rounds them to it."""
    there = {initializer.name: initializer for initializer in graph.initializer}
    for plain in quantizer.plain_tensors():
        for name in (plain.name, *plain.aliases):
            if name in there and plain.value.dtype == torch.float16 and plain.dtype != "float16":
                half = additions.array(f"{name}#half", np.asarray(plain.value.cpu()))
                additions.node("Cast", [half], name, to=there[name].data_type)
                graph.initializer.remove(there[name])


def _strip(model: Any) -> None:
    """Takes out what says where in a program a node came from: more bytes than the graph has."""
    graph = model.graph
    del graph.value_info[:]
    values = (*graph.input, *graph.output, *graph.initializer)
    for part in (model, graph, *graph.node, *values, *model.functions):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
