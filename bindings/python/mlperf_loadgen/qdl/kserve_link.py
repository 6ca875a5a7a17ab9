"""The transport to servers of the Open Inference Protocol, as MLServer and Triton."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from .request_link import (
    DEFAULT_CONCURRENCY,
    SHOWN_CHARACTERS,
    NoAnswer,
    RequestLink,
    SampleFailed,
    decoded_bytes,
)
from .transport import (
    DEFAULT_MAX_ANSWER_BYTES,
    LinkEvents,
    NetworkError,
    NodeInfo,
    Payload,
)

try:
    import aiohttp
    import tritonclient.grpc.aio as triton_grpc
    import tritonclient.http.aio as triton_http
    from tritonclient.utils import InferenceServerException, np_to_triton_dtype
except ImportError as error:
    raise ImportError(
        "kserve+http:// and kserve+grpc:// need tritonclient: pip install 'mlperf_loadgen[network]'"
    ) from error

_BINARY = "binary_tensor_data"  # The extension by which tensors travel as bytes over HTTP.
# The HTTP client asks for compressed answers otherwise, and cannot read all of these.
_PLAIN = {"headers": {"Accept-Encoding": "identity"}}
_GRPC_HEAD_BYTES = 1 << 20  # Of an answer, beside its tensors.

_Value = TypeVar("_Value")
_Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Tensor:
    """An input or output as the model describes it; dimensions of -1 may have any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class KServeLink(RequestLink):
    """Addresses: "kserve+http://host:port/model", "kserve+https://..." or "kserve+grpc://...".

    A payload that is one array goes to the model's one input, a list of arrays to its inputs in
    order, a dict to those it names; str and bytes to an input of BYTES. dtypes and shapes must be
    the model's, but for a leading dimension of the model's that the sample lacks. A response is the
    bytes of the outputs, one after the other, each in C order.

    `inputs`: the names of the inputs, in the order of a list's arrays; None: the model's order.
    `outputs`: the names of the outputs wanted; None: all, in the model's order. `decode(outputs)`:
    the response's bytes from a dict of the outputs' arrays. The other options are those of
    RequestLink.
    """

    def __init__(
        self,
        address: str,
        events: LinkEvents,
        *,
        model_version: str = "",
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        request_timeout_s: float | None = None,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        decode: Callable[[dict[str, _Array]], bytes | str] | None = None,
    ) -> None:
        super().__init__(address, events, concurrency, request_timeout_s, max_answer_bytes)
        url = urlsplit(address)
        self._is_grpc = url.scheme == "kserve+grpc"
        self._is_tls = url.scheme == "kserve+https"
        path, _, model = url.path.rstrip("/").rpartition("/")
        if not url.hostname or not model or (path and self._is_grpc):
            raise ValueError(f"{address!r} names no model: give {url.scheme}://host:port/model")
        self._server = url.netloc + path
        self._model = unquote(model)
        self._version = model_version
        self._inputs_wanted = inputs
        self._outputs_wanted = outputs
        self._decode = decode or join_outputs
        self._client: Any = None

    # ---- Connecting ------------------------------------------------------------------------------

    async def _open(self) -> None:
        if self._is_grpc:
            options = {
                "grpc.max_send_message_length": -1,
                "grpc.max_receive_message_length": self._max_answer_bytes + _GRPC_HEAD_BYTES,
                # What an earlier connection to the address met with must not delay this one.
                "grpc.use_local_subchannel_pool": 1,
                "grpc.initial_reconnect_backoff_ms": 100,
                "grpc.max_reconnect_backoff_ms": 1000,
                "grpc.enable_http_proxy": 0,  # As over HTTP.
            }
            self._client = triton_grpc.InferenceServerClient(
                self._server, channel_args=list(options.items())
            )
        else:
            self._client = triton_http.InferenceServerClient(
                self._server,
                conn_limit=0,  # The workers are as many as there may be.
                conn_timeout=None,  # RequestLink sees to that.
                ssl=self._is_tls,
            )

    async def _close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _introduce(self) -> NodeInfo:
        client = self._client
        model_is = self._model, self._version
        described: dict[str, Any] = {"as_json": True} if self._is_grpc else _PLAIN
        try:
            if not await self._call(client.is_server_live()):
                raise NoAnswer("the server is not live")
            server = await self._call(client.get_server_metadata(**described))
            model = await self._call(client.get_model_metadata(*model_is, **described))
            if not await self._call(client.is_model_ready(*model_is)):
                raise NoAnswer(f"model {self._model!r} is not ready")
        except SampleFailed as error:
            raise NoAnswer(f"asked for model {self._model!r}: {error}") from None
        try:
            self._learn(server, model)
            server_is = f"{server['name']} {server.get('version', '')}".strip()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"its metadata cannot be read: {type(error).__name__}: {error}"
            raise NoAnswer(text[:SHOWN_CHARACTERS]) from None
        return NodeInfo(f"{self._model} on {server_is}")

    def _learn(self, server: dict[str, Any], model: dict[str, Any]) -> None:
        """What requests have to look like."""
        self._inputs = {tensor.name: tensor for tensor in _tensors(model.get("inputs"))}
        outputs = [tensor.name for tensor in _tensors(model.get("outputs"))]
        for what, wanted, there in (
            ("input", self._inputs_wanted, list(self._inputs)),
            ("output", self._outputs_wanted, outputs),
        ):
            unknown = [name for name in wanted or () if there and name not in there]
            if unknown:
                raise NetworkError(
                    f"{self.address}: the model has no {what} {_listed(unknown)}; it has "
                    f"{_listed(there)}"
                )
        self._input_names = list(self._inputs_wanted or self._inputs)
        self._output_names = list(self._outputs_wanted or outputs)
        self._is_binary = _BINARY in server.get("extensions", [])

    def _infer_options(self) -> dict[str, Any]:
        """Of one request: the HTTP client writes into the headers."""
        if self._is_grpc:
            outputs = [triton_grpc.InferRequestedOutput(name) for name in self._output_names]
            return {"outputs": outputs}
        headers = dict(_PLAIN["headers"])
        if not self._is_binary:
            headers["Content-Type"] = "application/json"
        outputs = [
            triton_http.InferRequestedOutput(name, binary_data=self._is_binary)
            for name in self._output_names
        ]
        return {"outputs": outputs, "headers": headers}

    async def _probe(self) -> None:
        with contextlib.suppress(SampleFailed):  # That is an answer too.
            await self._call(self._client.is_server_live())

    async def _call(self, call: Awaitable[_Value]) -> _Value:
        """Raises NoAnswer or SampleFailed for what the client raises."""
        try:
            value = await call
        except InferenceServerException as error:
            status = str(error.status() or "").removeprefix("StatusCode.")
            text = _reason(error, self._is_grpc)
            if status == "UNAVAILABLE":
                raise NoAnswer(text) from None
            self._hear()
            raise SampleFailed(f"{status}: {text}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from None
        except Exception as error:  # The client trusts servers to keep to the protocol.
            self._hear()
            text = f"its answer cannot be read: {type(error).__name__}: {error}"
            raise SampleFailed(text[:SHOWN_CHARACTERS]) from None
        self._hear()
        return value

    # ---- Samples ---------------------------------------------------------------------------------

    async def _ask(self, key: int, payload: Payload, begun_ns: int) -> tuple[bytes, int]:
        try:
            inputs = [self._encode(name, value) for name, value in self._named(payload).items()]
        except (TypeError, ValueError, InferenceServerException) as error:
            raise SampleFailed(str(error)) from None
        self._mark_sent(key, begun_ns)
        result = await self._call(
            self._client.infer(self._model, inputs, self._version, **self._infer_options())
        )
        received_ns = time.monotonic_ns()
        try:
            data = decoded_bytes(self._decode(self._outputs_of(result)))
        except Exception as error:
            raise SampleFailed(
                f"its answer cannot be decoded: {type(error).__name__}: {error}"
            ) from None
        if len(data) > self._max_answer_bytes:
            raise SampleFailed(
                f"its answer has {len(data)} bytes, more than {self._max_answer_bytes} "
                "(max_answer_bytes)"
            )
        return data, received_ns

    def _named(self, payload: Payload) -> dict[str, Any]:
        """The payload's parts by the names of the inputs."""
        if isinstance(payload, Mapping):
            if self._inputs and payload.keys() != set(self._input_names):
                raise ValueError(
                    f"the sample has {_listed(payload)}, but the model's inputs are "
                    f"{_listed(self._input_names)}"
                )
            return dict(payload)
        parts: Sequence[Any] = payload if isinstance(payload, (list, tuple)) else [payload]
        names = self._input_names or [f"input-{i}" for i in range(len(parts))]
        if len(parts) != len(names):
            raise ValueError(
                f"the sample is {len(parts)} arrays, but the model's inputs are {_listed(names)}: "
                "return a list or dict of these"
            )
        return dict(zip(names, parts, strict=True))

    def _encode(self, name: str, value: Any) -> Any:
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
        if self._is_grpc:
            return triton_grpc.InferInput(name, array.shape, datatype).set_data_from_numpy(array)
        tensor_input = triton_http.InferInput(name, array.shape, datatype)
        return tensor_input.set_data_from_numpy(array, binary_data=self._is_binary)

    def _outputs_of(self, result: Any) -> dict[str, _Array]:
        response = result.get_response()
        outputs = response.outputs if self._is_grpc else response["outputs"]
        arrays = {}
        for output in outputs:
            name = output.name if self._is_grpc else output["name"]
            if self._is_grpc and not response.raw_output_contents:
                arrays[name] = _typed_contents(output)
            else:
                arrays[name] = result.as_numpy(name)
        return {name: arrays[name] for name in self._output_names or arrays}


def join_outputs(outputs: dict[str, _Array]) -> bytes:
    """The outputs' bytes one after the other, each in C order."""
    return b"".join(map(_bytes_of, outputs.values()))


def _bytes_of(array: _Array) -> bytes:
    if array.dtype != object:
        return array.tobytes()
    return b"".join(one if isinstance(one, bytes) else str(one).encode() for one in array.flat)


def _as_array(value: Any) -> _Array:
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


_CONTENTS = {
    "BOOL": ("bool_contents", np.bool_),
    "INT8": ("int_contents", np.int8),
    "INT16": ("int_contents", np.int16),
    "INT32": ("int_contents", np.int32),
    "INT64": ("int64_contents", np.int64),
    "UINT8": ("uint_contents", np.uint8),
    "UINT16": ("uint_contents", np.uint16),
    "UINT32": ("uint_contents", np.uint32),
    "UINT64": ("uint64_contents", np.uint64),
    "FP32": ("fp32_contents", np.float32),
    "FP64": ("fp64_contents", np.float64),
    "BYTES": ("bytes_contents", object),
}


def _typed_contents(output: Any) -> _Array:
    """A tensor of a gRPC answer that has numbers instead of bytes."""
    field, dtype = _CONTENTS[output.datatype]
    return np.array(getattr(output.contents, field), dtype).reshape(list(output.shape))


def _tensors(described: list[dict[str, Any]] | None) -> list[_Tensor]:
    """From a model's metadata, where gRPC has lengths as text."""
    return [
        _Tensor(one["name"], one["datatype"], tuple(map(int, one.get("shape", ()))))
        for one in described or ()
    ]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _reason(error: Any, is_grpc: bool) -> str:
    """What the server said; over HTTP that is no JSON at times, which the client then quotes."""
    text = error.message() if is_grpc else error.debug_details() or error.message()
    return str(text)[:SHOWN_CHARACTERS]
