"""The transport to nodes with the HTTP endpoints of the reference's network demo.

`POST /predict/` with `{"query": payload, "id": number}` is answered by `{"result": ...}`, and
`POST /getname/` by `{"name": ...}`. Numbers travel as decimal text, so that large arrays cost more
time here than by the binary transport.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from .request_link import (
    DEFAULT_CONCURRENCY,
    SHOWN_CHARACTERS,
    NoAnswer,
    RequestLink,
    SampleFailed,
    decoded_bytes,
)
from .transport import DEFAULT_MAX_ANSWER_BYTES, LinkEvents, NodeInfo, Payload

try:
    import aiohttp
except ImportError as error:
    raise ImportError("http:// needs aiohttp: pip install 'mlperf_loadgen[network]'") from error

_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


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

    Raises TypeError or ValueError for what JSON cannot hold, such as NaN.
    """
    body = {"query": payload, "id": number}
    return json.dumps(body, default=_plain, allow_nan=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON: see what qsl[index] returns")


class HttpLink(RequestLink):
    """`decode(result)`: the response's bytes from the JSON value that a node answered with. The
    other options are those of RequestLink."""

    def __init__(
        self,
        address: str,
        events: LinkEvents,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        request_timeout_s: float | None = None,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        decode: Callable[[Any], bytes | str] = result_bytes,
    ) -> None:
        super().__init__(address, events, concurrency, request_timeout_s, max_answer_bytes)
        if not urlsplit(address).hostname:
            raise ValueError(f"{address!r} is no address: give http://host:port")
        self._decode = decode
        self._session: aiohttp.ClientSession | None = None

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # The workers are as many as there may be.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(sock_connect=self._run.node_timeout_s),
        )

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # The connections are closed by then.
            self._session = None

    async def _introduce(self) -> NodeInfo:
        try:
            content, _ = await self._post("/getname/", b"{}")
        except SampleFailed as error:
            raise NoAnswer(f"/getname/: {error}") from None
        return NodeInfo(_name_in(content))

    async def _probe(self) -> None:
        with contextlib.suppress(SampleFailed):  # That is an answer too.
            await self._post("/getname/", b"{}")

    async def _ask(self, key: int, payload: Payload, begun_ns: int) -> tuple[bytes, int]:
        try:
            body = to_json(payload, key)
        except (TypeError, ValueError) as error:
            raise SampleFailed(f"the payload cannot be sent as JSON: {error}") from None
        self._mark_sent(key, begun_ns)
        content, received_ns = await self._post("/predict/", body)
        return self._result_in(content), received_ns

    async def _post(self, path: str, body: bytes) -> tuple[bytes, int]:
        """What the node answered, and when it began to."""
        assert self._session is not None
        url = self.address.rstrip("/") + path
        try:
            async with self._session.post(
                url, data=body, headers=_HEADERS, allow_redirects=False
            ) as response:
                received_ns = time.monotonic_ns()
                self._hear()
                content = await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from None
        if response.status // 100 != 2:
            raise SampleFailed(f"HTTP {response.status}: {_shown(content)}")
        return content, received_ns

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        parts = []
        size = 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > self._max_answer_bytes:
                raise SampleFailed(
                    f"its answer has more than {self._max_answer_bytes} bytes (max_answer_bytes)"
                )
        return b"".join(parts)

    def _result_in(self, content: bytes) -> bytes:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            raise SampleFailed(f"its answer is no JSON: {_shown(content)}") from None
        if not isinstance(answer, dict) or "result" not in answer:
            raise SampleFailed(f'its answer has no "result": {_shown(content)}')
        try:
            return decoded_bytes(self._decode(answer["result"]))
        except Exception as error:
            text = f"its result cannot be decoded: {type(error).__name__}: {error}"
            raise SampleFailed(f"{text}: {_shown(content)}") from None


def _name_in(content: bytes) -> str:
    """From an object with a name, a string, or plain text."""
    try:
        value = json.loads(content)
    except ValueError:
        value = content.decode(errors="replace")
    if isinstance(value, dict):
        value = value.get("name", "")
    return str(value)


def _shown(content: bytes) -> str:
    return content[: 4 * SHOWN_CHARACTERS].decode(errors="replace")[:SHOWN_CHARACTERS]
