"""The Open Inference Protocol over gRPC."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import numpy as np
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

from .kserve_calls import Array, Calls, Input, NoSuchCall, Outputs, array_of
from .request import SHOWN_CHARACTERS, AccessRefused, NoAnswer, SampleFailed
from .server import Server

_HEAD_BYTES = 1 << 20  # Of an answer, beside its tensors.
_Value = TypeVar("_Value")


class GrpcCalls(Calls):
    """`heard` is called when an answer comes, and `repeated` when a request whose connection broke
    is sent once more over a new connection."""

    def __init__(
        self,
        server: Server,
        model: str,
        version: str,
        *,
        max_answer_bytes: int,
        heard: Callable[[], None],
        repeated: Callable[[], None],
    ) -> None:
        self._model = model, version
        self._heard = heard
        self._repeated = repeated
        self._headers = {name.lower(): value for name, value in server.headers.items()}
        options: dict[str, int | str] = {
            "grpc.max_send_message_length": -1,
            "grpc.max_receive_message_length": max_answer_bytes + _HEAD_BYTES,
            # What an earlier connection to the address met with must not delay this one.
            "grpc.use_local_subchannel_pool": 1,
            "grpc.initial_reconnect_backoff_ms": 100,
            "grpc.max_reconnect_backoff_ms": 1000,
            "grpc.enable_http_proxy": 0,  # As over HTTP.
        }
        host = self._headers.pop("host", None)
        if host is not None:
            options["grpc.default_authority"] = host
        trust = grpc.ssl_channel_credentials(server.root_certificates()) if server.is_tls else None
        self._client = triton.InferenceServerClient(
            str(server.place), creds=trust, channel_args=list(options.items())
        )

    async def close(self) -> None:
        await self._client.close()

    async def is_live(self) -> bool:
        return bool(await self._call(self._client.is_server_live(headers=self._headers)))

    async def is_ready(self) -> bool:
        ready = self._client.is_model_ready(*self._model, headers=self._headers)
        return bool(await self._call(ready))

    async def describe_server(self) -> dict[str, Any]:
        return await self._call(
            self._client.get_server_metadata(headers=self._headers, as_json=True)
        )

    async def describe_model(self) -> dict[str, Any]:
        return await self._call(
            self._client.get_model_metadata(*self._model, headers=self._headers, as_json=True)
        )

    def tensor(self, one: Input) -> Any:
        made = triton.InferInput(one.name, one.array.shape, one.datatype)
        try:
            return made.set_data_from_numpy(one.array)
        except InferenceServerException as error:
            raise ValueError(str(error)) from None

    async def infer(self, inputs: Sequence[Any], outputs: Sequence[str]) -> Outputs:
        try:
            result = await self._infer(inputs, outputs)
        except NoAnswer:
            self._repeated()
            result = await self._infer(inputs, outputs)
        received_ns = time.monotonic_ns()
        response = result.get_response()
        is_raw = bool(response.raw_output_contents)
        arrays = {}
        for output in response.outputs:
            read = functools.partial(_array_of, result, output, is_raw)
            arrays[output.name] = array_of(read, output.name, output.datatype, list(output.shape))
        return Outputs(arrays, received_ns)

    async def _infer(self, inputs: Sequence[Any], outputs: Sequence[str]) -> Any:
        model, version = self._model
        asked = [triton.InferRequestedOutput(name) for name in outputs]
        return await self._call(
            self._client.infer(model, inputs, version, outputs=asked, headers=self._headers)
        )

    async def _call(self, call: Awaitable[_Value]) -> _Value:
        try:
            value = await call
        except InferenceServerException as error:
            raise self._failure(error) from None
        except Exception as error:  # The client trusts servers to keep to the protocol.
            self._heard()
            text = f"its answer cannot be read: {error}"
            raise SampleFailed(text[:SHOWN_CHARACTERS]) from None
        self._heard()
        return value

    def _failure(self, error: InferenceServerException) -> Exception:
        status = str(error.status() or "").removeprefix("StatusCode.")
        text = str(error.message())[:SHOWN_CHARACTERS]
        if status == "UNAVAILABLE":
            return NoAnswer(text)
        self._heard()
        if status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return AccessRefused(f"{status}: {text}")
        kind = NoSuchCall if status in ("UNIMPLEMENTED", "NOT_FOUND") else SampleFailed
        return kind(f"{status}: {text}")


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


def _array_of(result: Any, output: Any, is_raw: bool) -> Array:
    """An answer has all tensors as bytes, or all as numbers."""
    if is_raw:
        array: Array = result.as_numpy(output.name)
        return array
    if output.datatype not in _CONTENTS:
        raise ValueError("there is no such datatype")
    field, dtype = _CONTENTS[output.datatype]
    return np.array(getattr(output.contents, field), dtype).reshape(list(output.shape))
