"""The transport to nodes with the HTTP endpoints of the reference's network demo.

`POST /predict/` with `{"query": payload, "id": number}` is answered by `{"result": ...}`, and `POST
/getname/` by `{"name": ...}`. Numbers are sent as decimal text, so large arrays take more time here
than over the binary transport.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .http_client import HttpAnswer, HttpClient
from .link import DEFAULT_MAX_ANSWER_BYTES, LinkEvents, NetworkError, NodeInfo, Payload
from .request import (
    DEFAULT_CONCURRENCY,
    AccessRefused,
    NoAnswer,
    RequestLink,
    SampleFailed,
    decoded_bytes,
    failure_of,
)
from .server import Access, Server

_HEADERS = {"Content-Type": "application/json"}


def result_bytes(result: Any) -> bytes:
    """The bytes that a result stands for, little-endian.

    - a string: its UTF-8; `{"b64": text}`: what the text encodes;
    - an integer: int64; another number: float64; true and false: a byte;
    - a list of numbers, or of equally long lists of them: an array of these, in C order;
    - anything else, also integers beyond 64 bits: compact JSON.

    Raises ValueError for base64 that is none.
    """
    if isinstance(result, str):
        return result.encode()
    if isinstance(result, dict) and result.keys() == {"b64"}:
        return base64.b64decode(result["b64"], validate=True)
    if isinstance(result, (bool, int, float, list)):
        try:
            array = np.asarray(result)
        except (ValueError, OverflowError):  # Lists of different lengths, or too large a number.
            array = np.empty(0, object)
        if array.dtype.kind in "bif":
            return array.tobytes()
    return json.dumps(result, separators=(",", ":")).encode()


def to_json(payload: Payload, number: int) -> bytes:
    """The body of a request.

    Raises TypeError or ValueError for values that JSON cannot hold, such as NaN.
    """
    body = {"query": payload, "id": number}
    return json.dumps(body, default=_plain, allow_nan=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON: see what qsl[index] returns")


class HttpLink(RequestLink):
    """`decode(result)`: the response's bytes from the JSON value that a node answered with.
    `headers`, `query`, `ca_file` and `insecure` are those of Access, the other options those of
    RequestLink."""

    _kind = "demo"

    def __init__(
        self,
        address: str,
        events: LinkEvents,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        request_timeout_s: float | None = None,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        decode: Callable[[Any], bytes | str] = result_bytes,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        insecure: bool = False,
    ) -> None:
        server = Server(address, Access(headers or {}, query or {}, ca_file, insecure))
        super().__init__(server, events, concurrency, request_timeout_s, max_answer_bytes)
        self._decode = decode
        self._client: HttpClient | None = None

    async def _open(self) -> None:
        self._client = HttpClient(
            connect_timeout_s=self._run.node_timeout_s,
            most_bytes=self._max_answer_bytes,
            heard=self._hear,
            repeated=self._count_repeat,
            headers=self._server.headers,
            tls=self._server.tls,
        )

    async def _close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _introduce(self) -> NodeInfo:
        try:
            answer = await self._post("/getname/", b"{}")
        except AccessRefused as error:
            raise NetworkError(f"{self.address}: {error}") from None
        except SampleFailed as error:
            raise NoAnswer(f"/getname/: {error}") from None
        return NodeInfo(_name_in(answer.content))

    async def _probe(self) -> None:
        with contextlib.suppress(SampleFailed):  # That is an answer too.
            await self._post("/getname/", b"{}")

    async def _ask(self, key: int, payload: Payload, begun_ns: int) -> tuple[bytes, int]:
        try:
            body = to_json(payload, key)
        except (TypeError, ValueError) as error:
            raise SampleFailed(f"the payload cannot be sent as JSON: {error}") from None
        self._mark_sent(key, begun_ns)
        answer = await self._post("/predict/", body)
        return self._result_in(answer), answer.received_ns

    async def _post(self, path: str, body: bytes) -> HttpAnswer:
        """Raises SampleFailed for an answer that is an error."""
        assert self._client is not None
        url = self._server.url(self._server.path + path)
        answer = await self._client.post(url, body, _HEADERS)
        if not answer.is_good:
            raise failure_of(answer.status, answer.text)
        return answer

    def _result_in(self, answer: HttpAnswer) -> bytes:
        try:
            value = json.loads(answer.content)
        except (ValueError, RecursionError):
            raise SampleFailed(f"its answer is no JSON: {answer.text}") from None
        if not isinstance(value, dict) or "result" not in value:
            raise SampleFailed(f'its answer has no "result": {answer.text}')
        try:
            return decoded_bytes(self._decode(value["result"]))
        except Exception as error:
            text = f"its result cannot be decoded: {type(error).__name__}: {error}"
            raise SampleFailed(f"{text}: {answer.text}") from None


def _name_in(content: bytes) -> str:
    """From an object with a name, a string, or plain text."""
    try:
        value = json.loads(content)
    except ValueError:
        value = content.decode(errors="replace")
    if isinstance(value, dict):
        value = value.get("name", "")
    return str(value)
