"""States: all that a quantized model has, as a dict of plain values and tensors.

    format       "mlperf-loadgen-compressed"
    version      1
    plan         what the tensors are, as JSON
    plan_crc32   the checksum of that text
    tensors      the arrays by name, as tensors on the CPU

`torch.save` writes such a dict, and `torch.load(weights_only=True)` reads it; `save` and `load` are
the project's own file.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch

from .arrays_file import METADATA, Array, Form, check_dtype
from .modules import persistent_buffers
from .parameters import dtype_name
from .plan import Plan, PlannedPlain, PlannedTensor, parse_plan
from .stored import read_grid, stored

if TYPE_CHECKING:
    from .grids import Bytes, Grid
    from .tensors import PlainTensor, QuantizedTensor

FORMAT = "mlperf-loadgen-compressed"
VERSION = 1


# ---- Making a state ------------------------------------------------------------------------------


class Stored(Protocol):
    """What a state is made of: a quantizer."""

    method: ClassVar[str]

    @property
    def model(self) -> torch.nn.Module: ...

    def quantized_tensors(self) -> list[QuantizedTensor]: ...

    def plain_tensors(self) -> list[PlainTensor]: ...


def quantized_state(quantizer: Stored) -> dict[str, Any]:
    """The state of a quantizer's model as its weights are now."""
    arrays: dict[str, torch.Tensor] = {}
    tensors, plain = [], []
    for tensor in quantizer.quantized_tensors():
        numbers, of_grid = stored(tensor.grid)
        for ending, array in (("codes", tensor.grid.encode(tensor.weights)), *of_grid.items()):
            _add(arrays, f"{tensor.name}#{ending}", torch.from_numpy(array))
        tensors.append(
            PlannedTensor(tensor.name, tensor.aliases, tensor.shape, tensor.dtype, numbers)
        )
    for parameter in quantizer.plain_tensors():
        _add(arrays, parameter.name, _on_cpu(parameter.value))
        plain.append(PlannedPlain(parameter.name, parameter.aliases, parameter.dtype, buffer=False))
    for name, aliases, buffer in persistent_buffers(quantizer.model):
        _add(arrays, name, _on_cpu(buffer))
        plain.append(PlannedPlain(name, aliases, dtype_name(buffer), buffer=True))
    return _state(quantizer.method, tensors, plain, arrays)


def _add(arrays: dict[str, torch.Tensor], name: str, array: torch.Tensor) -> None:
    if name in arrays or name == METADATA:
        raise ValueError(
            f"{name!r} has another meaning in a state: give this parameter or buffer another name"
        )
    arrays[name] = array


def _state(
    method: str,
    tensors: list[PlannedTensor],
    plain: list[PlannedPlain],
    arrays: dict[str, torch.Tensor],
) -> dict[str, Any]:
    as_bytes = {name: array_of(name, tensor) for name, tensor in arrays.items()}
    text = Plan(
        method,
        tuple(tensors),
        tuple(plain),
        {name: array.form for name, array in as_bytes.items()},
        {name: zlib.crc32(array.data) for name, array in as_bytes.items()},
    ).text()
    return {
        "format": FORMAT,
        "version": VERSION,
        "plan": text,
        "plan_crc32": zlib.crc32(text.encode()),
        "tensors": arrays,
    }


def compressed_bytes(state: Mapping[str, Any], level: int, workers: int) -> int:
    """Bytes of a state's tensors without buffers, each compressed with zlib, or as it is where that
    is smaller."""
    buffers = {entry.name for entry in parse_plan(state["plan"]).plain if entry.buffer}

    def smaller(name: str) -> int:
        data = array_of(name, state["tensors"][name]).data
        return min(len(data), len(zlib.compress(data, level)))

    with ThreadPoolExecutor(workers) as threads:
        return sum(threads.map(smaller, set(state["tensors"]) - buffers))


def array_of(name: str, tensor: torch.Tensor) -> Array:
    """The bytes of a tensor on the CPU; they are the tensor's own. ValueError: no file can hold its
    dtype."""
    form = Form(dtype_name(tensor), tuple(tensor.shape))
    check_dtype(name, form.dtype)
    flat = tensor.contiguous().reshape(-1).view(torch.uint8)
    return Array(form, memoryview(flat.numpy()))


def _on_cpu(tensor: torch.Tensor) -> torch.Tensor:
    """A copy, which later steps of training leave alone."""
    copy = torch.empty(tensor.shape, dtype=tensor.dtype)
    return copy.copy_(tensor.detach())


# ---- Checking a state ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Content:
    """What a state holds, checked: nothing that is made of it can fail any more."""

    plan: Plan
    shapes: Mapping[str, tuple[int, ...]]
    """Of quantized parameters and of plain ones, by name."""
    grids: Mapping[str, Grid]
    codes: Mapping[str, Bytes]
    plain: Mapping[str, torch.Tensor]


def check_state(state: Mapping[str, Any]) -> Content:
    """What a state holds. ValueError: it is no state, of another version, or damaged."""
    _check_version(state)
    tensors, text = state.get("tensors"), state.get("plan")
    if not isinstance(tensors, Mapping) or not isinstance(text, str):
        raise ValueError("The state has no plan or no tensors; use what get_quantized_state gives.")
    if zlib.crc32(text.encode("utf-8", "surrogatepass")) != state.get("plan_crc32"):
        raise ValueError("The state's plan is damaged: its checksum is another. Fetch it again.")
    plan = parse_plan(text)
    arrays = _checked_arrays(plan, tensors)
    used: set[str] = set()

    def take(name: str, form: Form) -> Any:
        if name not in arrays or arrays[name] != form:
            found = arrays.get(name, "not there")
            raise ValueError(f"The array {name!r} of the state is {found}; the plan needs {form}.")
        used.add(name)
        return tensors[name].numpy()

    grids, codes = {}, {}
    for planned in plan.tensors:
        _check_count(planned, arrays)
        grids[planned.name], codes[planned.name] = read_grid(planned, take)
    for entry in plan.plain:
        if entry.name not in arrays:
            raise ValueError(f"The state lacks the array {entry.name!r}, which its plan has.")
        used.add(entry.name)
    if set(arrays) - used:
        raise ValueError(
            f"The state has the array {min(set(arrays) - used)!r}, which nothing in its plan uses."
        )
    plain = {entry.name: tensors[entry.name] for entry in plan.plain}
    shapes = {
        **{planned.name: planned.shape for planned in plan.tensors},
        **{name: tuple(tensor.shape) for name, tensor in plain.items()},
    }
    return Content(plan, shapes, grids, codes, plain)


def _check_count(planned: PlannedTensor, arrays: Mapping[str, Form]) -> None:
    """Before memory is taken for what is said of the weights: each has at least a bit."""
    codes = arrays.get(planned.array("codes"))
    if codes is not None and planned.count <= 8 * codes.size_bytes:
        return
    raise ValueError(
        f"The array {planned.array('codes')!r} of the state is {codes or 'not there'}; the plan"
        f" has {planned.count} weights."
    )


def _check_version(state: Mapping[str, Any]) -> None:
    found = state.get("format") if isinstance(state, Mapping) else None
    if found != FORMAT:
        raise ValueError(f"The state's format is {found!r}; only {FORMAT!r} can be read.")
    version = state.get("version")
    if type(version) is int and version > VERSION:
        raise ValueError(
            f"The state has version {version}, newer than {VERSION}: update mlperf_loadgen."
        )
    if type(version) is not int or version != VERSION:
        raise ValueError(f"The state has version {version!r}; only version {VERSION} can be read.")


def _checked_arrays(plan: Plan, tensors: Mapping[str, torch.Tensor]) -> dict[str, Form]:
    """The forms of the arrays, all of which are those of the plan."""
    odd = set(plan.arrays) ^ set(tensors)
    if odd:
        name = min(odd, key=str)
        where = "lacks" if name in plan.arrays else "has, unlike its plan,"
        raise ValueError(f"The state {where} the array {name!r}.")
    for name, form in plan.arrays.items():
        tensor = tensors[name]
        if not isinstance(tensor, torch.Tensor) or tensor.device.type != "cpu":
            raise ValueError(f"The array {name!r} of the state is not a tensor on the CPU.")
        array = array_of(name, tensor)
        if array.form != form:
            raise ValueError(f"The array {name!r} of the state is {array.form}; it must be {form}.")
        if zlib.crc32(array.data) != plan.crc32[name]:
            raise ValueError(
                f"The array {name!r} of the state is damaged: its checksum is another. Fetch it"
                " again."
            )
    return dict(plan.arrays)
