"""The transport to servers of the Open Inference Protocol, such as MLServer and Triton."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

import numpy as np

from ...text.units import counted
from .link import DEFAULT_MAX_ANSWER_BYTES, LinkEvents, NetworkError, NodeInfo, Payload
from .request import (
    DEFAULT_CONCURRENCY,
    SHOWN_CHARACTERS,
    AccessRefused,
    NoAnswer,
    RequestLink,
    SampleFailed,
    decoded_bytes,
)
from .server import Access, Server

try:
    from tritonclient.utils import np_to_triton_dtype, triton_to_np_dtype

    from .http_client import HttpClient
    from .kserve_calls import Array, Calls, Input, NoSuchCall, NotReady
    from .kserve_grpc import GrpcCalls
    from .kserve_http import HttpCalls
except ImportError as error:
    raise ImportError(
        "kserve+http:// and kserve+grpc:// need tritonclient: pip install 'mlperf_loadgen[network]'"
    ) from error

InputSpec: TypeAlias = "str | tuple[str, str, Sequence[int]]"


@dataclass(frozen=True)
class _Tensor:
    """An input or output as the model describes it; dimensions of -1 may have any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class KServeLink(RequestLink):
    """Addresses: "kserve+http://host:port/model", "kserve+grpc://...", and with TLS
    "kserve+https://..." and "kserve+grpcs://...".

    A payload that is one array goes to the model's one input, a list of arrays to its inputs in
    order, and a dict to the inputs with those names; str and bytes go to an input of BYTES. dtypes
    and shapes must be those of the model, except for a leading dimension of the model that the
    sample lacks. A response is the bytes of the outputs, one after the other, each in C order.

    `inputs`: the inputs, in the order of a list's arrays; None: as the model describes them. Each
    is a name, or a name, datatype and shape: ("x", "FP32", (-1, 4)) or "x:FP32:-1x4". They are
    needed for a server that does not describe its model; an input with a name alone then has the
    dtype and shape of the data that is sent. `outputs`: the names of the wanted outputs; None: all,
    in the model's order. `decode(outputs)` returns the bytes of the response from a dict of the
    outputs' arrays. `headers`, `query`, `ca_file` and `insecure` are those of Access; the other
    options are those of RequestLink.
    """

    def __init__(
        self,
        address: str,
        events: LinkEvents,
        *,
        model_version: str = "",
        inputs: Sequence[InputSpec] | None = None,
        outputs: Sequence[str] | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        request_timeout_s: float | None = None,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        decode: Callable[[dict[str, Array]], bytes | str] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        insecure: bool = False,
    ) -> None:
        access = Access(headers or {}, query or {}, ca_file, insecure)
        server = Server(address, access, needs_port="grpc" in address.partition("://")[0])
        self._kind = "grpc" if server.is_grpc else "kserve"
        super().__init__(server, events, concurrency, request_timeout_s, max_answer_bytes)
        path, _, model = server.path.rpartition("/")
        if not model or (path and server.is_grpc):
            raise ValueError(
                f"{self.address!r} names no model: give {server.scheme}://host:port/model"
            )
        server.path = path
        self._model = unquote(model)
        self._version = model_version
        self._inputs_wanted = [_input_spec(one) for one in inputs or ()]
        self._outputs_wanted = list(outputs or ())
        self._decode = decode or join_outputs
        self._calls: Calls | None = None

    # ---- Connecting ------------------------------------------------------------------------------

    async def _open(self) -> None:
        if self._server.is_grpc:
            self._calls = GrpcCalls(
                self._server,
                self._model,
                self._version,
                max_answer_bytes=self._max_answer_bytes,
                heard=self._hear,
                repeated=self._count_repeat,
            )
            return
        client = HttpClient(
            connect_timeout_s=self._run.node_timeout_s,
            most_bytes=None,  # What counts are the tensors, which may be text meanwhile.
            heard=self._hear,
            repeated=self._count_repeat,
            headers=self._server.headers,
            tls=self._server.tls,
        )
        self._calls = HttpCalls(client, self._server, self._model, self._version)

    async def _close(self) -> None:
        if self._calls is not None:
            calls, self._calls = self._calls, None
            await calls.close()

    async def _introduce(self) -> NodeInfo:
        assert self._calls is not None
        calls = self._calls
        try:
            await _require(calls.is_live(), "the server is not live")
            server = await _none_if_unknown(calls.describe_server())
            model = await self._described_model(calls)
            await _require(calls.is_ready(), f"model {self._model!r} is not ready")
        except AccessRefused as error:
            raise NetworkError(f"{self.address}: {error}") from None
        except SampleFailed as error:
            raise NoAnswer(f"asked for model {self._model!r}: {error}") from None
        try:
            self._learn(_object(model, "the description of the model"))
            if server is None:
                return NodeInfo(self._model)
            server_is = _server_name(_object(server, "the description of the server"))
        except ValueError as error:
            text = f"its metadata cannot be read: {error}"
            raise NoAnswer(text[:SHOWN_CHARACTERS]) from None
        return NodeInfo(f"{self._model} on {server_is}")

    async def _described_model(self, calls: Calls) -> Any:
        """What the server says of the model, which may be nothing if the user says it."""
        try:
            return await calls.describe_model()
        except NoSuchCall as error:
            if self._inputs_wanted:
                return {}
            raise NoSuchCall(
                f"{error}; give inputs and outputs for a server that does not describe its models"
            ) from None

    def _learn(self, model: dict[str, Any]) -> None:
        """What requests have to look like."""
        described = {tensor.name: tensor for tensor in _tensors(model, "inputs")}
        outputs = [tensor.name for tensor in _tensors(model, "outputs")]
        wanted_inputs = [name for name, _ in self._inputs_wanted]
        for what, wanted, there in (
            ("input", wanted_inputs, list(described)),
            ("output", self._outputs_wanted, outputs),
        ):
            unknown = [name for name in wanted if there and name not in there]
            if unknown:
                raise NetworkError(
                    f"{self.address}: the model has no {what} {_listed(unknown)}; it has "
                    f"{_listed(there)}"
                )
        given = {name: tensor for name, tensor in self._inputs_wanted if tensor is not None}
        self._inputs = described | given
        self._input_names = wanted_inputs or list(described)
        self._output_names = self._outputs_wanted or outputs

    async def _probe(self) -> None:
        assert self._calls is not None
        with contextlib.suppress(SampleFailed):  # That is an answer too.
            await self._calls.is_live()

    # ---- Samples ---------------------------------------------------------------------------------

    async def _ask(self, key: int, payload: Payload, begun_ns: int) -> tuple[bytes, int]:
        assert self._calls is not None
        try:
            named = self._named(payload).items()
            inputs = [self._calls.tensor(self._input(name, value)) for name, value in named]
        except (TypeError, ValueError) as error:
            raise SampleFailed(str(error)) from None
        self._mark_sent(key, begun_ns)
        outputs = await self._calls.infer(inputs, self._output_names)
        names = self._output_names or list(outputs.arrays)
        missing = [name for name in names if name not in outputs.arrays]
        if missing:
            raise SampleFailed(
                f"its answer has no output {_listed(missing)}; it has {_listed(outputs.arrays)}"
            )
        arrays = {name: outputs.arrays[name] for name in names}
        try:
            data = decoded_bytes(self._decode(arrays))
        except Exception as error:
            raise SampleFailed(
                f"its answer cannot be decoded: {type(error).__name__}: {error}"
            ) from None
        if len(data) > self._max_answer_bytes:
            raise SampleFailed(
                f"its answer has {len(data)} bytes, more than {self._max_answer_bytes} "
                "(max_answer_bytes)"
            )
        return data, outputs.received_ns

    def _named(self, payload: Payload) -> dict[str, Any]:
        """The payload's parts by the names of the inputs."""
        if isinstance(payload, Mapping):
            if self._input_names and set(payload) != set(self._input_names):
                raise ValueError(
                    f"the sample has {_listed(payload)}, but the model's inputs are "
                    f"{_listed(self._input_names)}"
                )
            return dict(payload)
        parts: Sequence[Any] = payload if isinstance(payload, (list, tuple)) else [payload]
        names = self._input_names or [f"input-{i}" for i in range(len(parts))]
        if len(parts) != len(names):
            raise ValueError(
                f"the sample is {counted(len(parts), 'array')}, but the model's inputs are "
                f"{_listed(names)}: return a list or dict of these"
            )
        return dict(zip(names, parts, strict=True))

    def _input(self, name: str, value: Any) -> Input:
        array = _as_array(value)
        datatype = np_to_triton_dtype(array.dtype)
        tensor = self._inputs.get(name)
        if tensor is not None:
            batched = len(tensor.shape) == array.ndim + 1 and tensor.shape[0] in (-1, 1)
            array = array[np.newaxis] if batched else array
            if datatype != tensor.datatype or not _fits(array.shape, tensor.shape):
                raise ValueError(
                    f"input {name!r} takes {tensor.datatype} of shape {list(tensor.shape)}, and "
                    f"the sample is {datatype or array.dtype} of shape {list(np.shape(value))}: "
                    "see what qsl[index] returns"
                )
        if datatype is None:
            raise TypeError(f"input {name!r} cannot be sent as {array.dtype}: use a number type")
        return Input(name, datatype, array)


def join_outputs(outputs: dict[str, Array]) -> bytes:
    """The outputs' bytes one after the other, each in C order."""
    return b"".join(map(_bytes_of, outputs.values()))


def _bytes_of(array: Array) -> bytes:
    if array.dtype != object:
        return array.tobytes()
    return b"".join(one if isinstance(one, bytes) else str(one).encode() for one in array.flat)


def _as_array(value: Any) -> Array:
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        array = np.empty(1, object)
        array[0] = value if isinstance(value, str) else bytes(value)
        return array
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind in "SU" else array


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want in (-1, have) for have, want in zip(shape, wanted, strict=True)
    )


def _tensors(model: dict[str, Any], what: str) -> list[_Tensor]:
    """From a model's metadata, where gRPC has lengths as text. Raises ValueError."""
    described = model.get(what) or []
    if not isinstance(described, list):
        raise ValueError(f"its {what} are no list: {json.dumps(described)}")
    return [_tensor(_object(one, f"one of its {what}"), what) for one in described]


def _tensor(one: dict[str, Any], what: str) -> _Tensor:
    for key in ("name", "datatype"):
        if not isinstance(one.get(key), str):
            raise ValueError(f"one of its {what} has no {key}: {json.dumps(one)}")
    try:
        shape = tuple(map(int, one.get("shape", ())))
    except (TypeError, ValueError):
        raise ValueError(f"one of its {what} has no shape of numbers: {json.dumps(one)}") from None
    return _Tensor(one["name"], one["datatype"], shape)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object: {json.dumps(value)}")
    return value


def _server_name(server: dict[str, Any]) -> str:
    if "name" not in server:
        raise ValueError(f"the description of the server has no name: {json.dumps(server)}")
    return f"{server['name']} {server.get('version', '')}".strip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


async def _require(asked: Awaitable[bool], trouble: str) -> None:
    """Raises NoAnswer where the server says no. One that cannot be asked is ready."""
    try:
        if not await asked:
            raise NoAnswer(trouble)
    except NotReady as error:
        raise NoAnswer(f"{trouble}: {error}") from None
    except NoSuchCall:
        pass


async def _none_if_unknown(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except NoSuchCall:
        return None


_SPEC = re.compile(r"(?P<name>.+):(?P<datatype>[A-Z]+[0-9]*):(?P<shape>(-?\d+(x-?\d+)*)?)")


def _input_spec(spec: InputSpec) -> tuple[str, _Tensor | None]:
    """The name, and what is known of the tensor. Raises ValueError for a datatype or a shape that
    is none."""
    if isinstance(spec, str):
        found = _SPEC.fullmatch(spec)
        if found is None:
            return spec, None
        lengths = filter(None, found["shape"].split("x"))
        spec = found["name"], found["datatype"], [int(length) for length in lengths]
    try:
        name, datatype, shape = spec
        tensor = _Tensor(str(name), datatype, tuple(map(int, shape)))
    except (TypeError, ValueError):
        raise ValueError(
            f"{spec!r} is no input: give a name, or a name, a datatype and a shape, as in "
            "'x:FP32:-1x4'"
        ) from None
    if triton_to_np_dtype(datatype) is None:
        raise ValueError(f"input {name!r}: there is no datatype {datatype!r}: give one as FP32")
    if any(length < -1 for length in tensor.shape):
        raise ValueError(f"input {name!r}: a shape of {list(shape)}: -1 stands for any length")
    return tensor.name, tensor
