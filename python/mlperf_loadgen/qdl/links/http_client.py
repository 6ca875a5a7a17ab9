"""HTTP requests to one server, over connections that are kept open."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .request import SHOWN_CHARACTERS, NoAnswer, SampleFailed

try:
    import aiohttp
except ImportError as error:
    raise ImportError("http:// needs aiohttp: pip install 'mlperf_loadgen[network]'") from error


@dataclass(frozen=True)
class HttpAnswer:
    """The answer of a server, whatever its status."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    received_ns: int
    """When the head of the answer arrived, monotonic clock."""

    @property
    def is_good(self) -> bool:
        return self.status // 100 == 2

    @property
    def text(self) -> str:
        """The start of the content, for messages."""
        return self.content[: 4 * SHOWN_CHARACTERS].decode(errors="replace")[:SHOWN_CHARACTERS]


class _Attempt:
    """What is known of the connection that a request went over."""

    kept = False
    """It has carried a request before."""
    answered = False
    """The head of an answer came, or a part of it."""


class HttpClient:
    """Keeps as many connections as there are requests at a time.

    A server may close a kept connection at any moment, even when a request is on its way to it. So
    a request is sent once more if its connection had been kept and was closed before any part of
    the answer came. It is then sent over a new connection, because other kept connections may be
    closed as well. No other request is repeated: if a new connection is closed, or an answer breaks
    off, it is a failure of the server.

    `connect_timeout_s`: the time limit for a new connection. `most_bytes`: the largest content of
    an answer; None: any size. `heard` is called when the head of an answer comes, and `repeated`
    when a request is sent once more. A client is made, used and closed in one event loop.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float,
        most_bytes: int | None,
        heard: Callable[[], None],
        repeated: Callable[[], None],
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._most_bytes = most_bytes
        self._heard = heard
        self._repeated = repeated
        headers = {"Accept-Encoding": "identity", **(headers or {})}
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_kept)

        def session(keeps: bool) -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                # The link's workers are as many as there may be connections.
                connector=aiohttp.TCPConnector(limit=0, force_close=not keeps, ssl=tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(sock_connect=connect_timeout_s),
                trace_configs=[trace],
            )

        self._keeping = session(keeps=True)
        self._fresh = session(keeps=False)

    async def close(self) -> None:
        await self._keeping.close()
        await self._fresh.close()
        await asyncio.sleep(0)  # The connections are closed by then.

    async def get(self, url: str) -> HttpAnswer:
        """Sends a GET request; in all else like `post`."""
        return await self._ask("GET", url)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Sends a POST request. Raises NoAnswer if no answer came, and SampleFailed if it is too
        large."""
        return await self._ask("POST", url, data=body, headers=headers)

    async def _ask(self, method: str, url: str, **request: Any) -> HttpAnswer:
        attempt = _Attempt()
        try:
            return await self._ask_once(self._keeping, attempt, method, url, **request)
        except NoAnswer:
            if not attempt.kept or attempt.answered:
                raise
        self._repeated()
        return await self._ask_once(self._fresh, _Attempt(), method, url, **request)

    async def _ask_once(
        self,
        session: aiohttp.ClientSession,
        attempt: _Attempt,
        method: str,
        url: str,
        **request: Any,
    ) -> HttpAnswer:
        try:
            async with session.request(
                method, url, allow_redirects=False, trace_request_ctx=attempt, **request
            ) as response:
                attempt.answered = True
                received_ns = time.monotonic_ns()
                self._heard()
                content = await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            attempt.answered = attempt.answered or _has_begun(error)
            raise NoAnswer(_text_of(error)) from error
        return HttpAnswer(response.status, response.headers, content, received_ns)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if self._most_bytes is None:
            return await response.read()
        parts = []
        size = 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > self._most_bytes:
                raise SampleFailed(
                    f"its answer has more than {self._most_bytes} bytes (max_answer_bytes)"
                )
        return b"".join(parts)


async def _note_kept(session: aiohttp.ClientSession, context: Any, _: Any) -> None:
    context.trace_request_ctx.kept = True


def _text_of(error: Exception) -> str:
    """Without the URL, whose query may have secrets."""
    if isinstance(error, aiohttp.InvalidURL):
        return "the address makes no URL"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"no HTTP came: {error.message}"
    return str(error) or type(error).__name__


def _has_begun(error: Exception) -> bool:
    """Whether a part of an answer's head had come: one that is no HTTP, or breaks off."""
    if isinstance(error, aiohttp.ClientResponseError):
        return True
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)
