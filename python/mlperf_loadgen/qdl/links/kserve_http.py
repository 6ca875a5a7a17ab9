"""The Open Inference Protocol over HTTP: tensors as JSON, or as bytes if the server reads them."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from .http_client import HttpAnswer, HttpClient
from .kserve_calls import Calls, Input, NoSuchCall, NotReady, Outputs, array_of
from .request import SampleFailed, failure_of, said
from .server import Server

_BINARY = "binary_tensor_data"  # The extension by which tensors travel as bytes.
_HEAD_LENGTH = "Inference-Header-Content-Length"
_UNKNOWN = (404, 405, 501)


class HttpCalls(Calls):
    """Makes its calls over a client, which it closes."""

    def __init__(self, client: HttpClient, server: Server, model: str, version: str) -> None:
        self._client = client
        self._server = server
        self._model = f"/v2/models/{quote(model, safe='')}"
        if version:
            self._model += f"/versions/{quote(version, safe='')}"
        self._is_binary = False

    async def close(self) -> None:
        await self._client.close()

    async def is_live(self) -> bool:
        return await self._is("/v2/health/live")

    async def is_ready(self) -> bool:
        return await self._is(f"{self._model}/ready")

    async def describe_server(self) -> Any:
        described = _read(await self._get("/v2"))
        if isinstance(described, dict):
            self._is_binary = _BINARY in (described.get("extensions") or ())
        return described

    async def describe_model(self) -> Any:
        return _read(await self._get(self._model))

    def tensor(self, one: Input) -> Any:
        made = triton.InferInput(one.name, one.array.shape, one.datatype)
        try:
            return made.set_data_from_numpy(one.array, binary_data=self._is_binary)
        except InferenceServerException as error:
            raise ValueError(str(error)) from None

    async def infer(self, inputs: Sequence[Any], outputs: Sequence[str]) -> Outputs:
        asked = [triton.InferRequestedOutput(name, self._is_binary) for name in outputs]
        body, head_length = triton.InferenceServerClient.generate_request_body(inputs, asked)
        kind = "application/octet-stream" if self._is_binary else "application/json"
        headers = {"Content-Type": kind}
        if head_length is not None:
            headers[_HEAD_LENGTH] = str(head_length)
        url = self._server.url(f"{self._server.path}{self._model}/infer")
        return _outputs_of(_good(await self._client.post(url, body, headers)))

    async def _get(self, path: str) -> HttpAnswer:
        return await self._client.get(self._server.url(self._server.path + path))

    async def _is(self, path: str) -> bool:
        answer = await self._get(path)
        if not answer.is_good:
            raise _error_of(answer, NotReady)
        return True


def _good(answer: HttpAnswer) -> HttpAnswer:
    if not answer.is_good:
        raise _error_of(answer)
    return answer


def _error_of(answer: HttpAnswer, kind: type[SampleFailed] = SampleFailed) -> SampleFailed:
    """What the server says of its error, or what it sent instead."""
    try:
        text = said(json.loads(answer.content)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        text = answer.text
    if answer.status // 100 == 3:
        text = f"it sends elsewhere, to {answer.headers.get('Location')}: give that address"
    return failure_of(answer.status, text, NoSuchCall if answer.status in _UNKNOWN else kind)


def _read(answer: HttpAnswer) -> Any:
    try:
        value = json.loads(_good(answer).content)
    except (ValueError, RecursionError):
        raise _unreadable(answer) from None
    _raise_error_in(value)
    return value


def _raise_error_in(value: Any) -> None:
    """Servers say so with status 200 as well."""
    if isinstance(value, dict) and value.get("error") and "outputs" not in value:
        raise SampleFailed(f"its answer is an error: {said(value['error'])}")


def _unreadable(answer: HttpAnswer) -> SampleFailed:
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        return SampleFailed(f"its answer is a web page: {answer.text}")
    text = f"its answer is no JSON: {answer.text}" if answer.content else "its answer is empty"
    return SampleFailed(text)


def _outputs_of(answer: HttpAnswer) -> Outputs:
    length = answer.headers.get(_HEAD_LENGTH)
    try:
        result = triton.InferenceServerClient.parse_response_body(
            answer.content,
            header_length=None if length is None else int(length),
            content_encoding=answer.headers.get("Content-Encoding"),
        )
        response = result.get_response()
    except Exception:  # It trusts servers to keep to the protocol.
        raise _unreadable(answer) from None
    _raise_error_in(response)
    arrays = {}
    for output in _described_outputs(response, answer):
        name = output["name"]
        read = functools.partial(result.as_numpy, name)
        arrays[name] = array_of(read, name, output["datatype"], output["shape"])
    return Outputs(arrays, answer.received_ns)


def _described_outputs(response: Any, answer: HttpAnswer) -> list[dict[str, Any]]:
    outputs = response.get("outputs") if isinstance(response, dict) else None
    if not isinstance(outputs, list):
        raise SampleFailed(f"its answer has no list of outputs: {answer.text}")
    for output in outputs:
        for key in ("name", "datatype", "shape"):
            if not isinstance(output, dict) or key not in output:
                raise SampleFailed(f"its answer has an output without a {key}: {answer.text}")
    return outputs
