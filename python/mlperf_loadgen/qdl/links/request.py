"""The common part of the transports that send one request for each sample."""

from __future__ import annotations

import asyncio
import collections
import json
import time
from abc import abstractmethod
from http import HTTPStatus
from typing import Any

import numpy as np

from .link import (
    Answers,
    Batch,
    LinkEvents,
    NetworkError,
    NodeInfo,
    Payload,
    Run,
    guarded,
    require_positive,
    shown,
)
from .node_timeout import QUESTIONS_A_TIMEOUT, WatchedLink
from .server import Server
from .server_kind import find_kind

DEFAULT_CONCURRENCY = 64
SHOWN_CHARACTERS = 200
"""So much is shown of what a node answered instead of a result."""

_ACCESS_STATUSES = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_PHRASES = {int(status): status.phrase for status in HTTPStatus}
_RETRY_INTERVAL_S = 0.2


class NoAnswer(Exception):
    """The node is not there or not ready, or the connection broke before its answer came."""


class SampleFailed(Exception):
    """The sample cannot be sent, or the answer was not a result."""


class AccessRefused(SampleFailed):
    """The server wants to know who asks."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text}: give the headers that it asks for (headers, --header)")


def failure_of(status: int, text: str, kind: type[SampleFailed] = SampleFailed) -> SampleFailed:
    """For an HTTP answer that is an error. `text`: what the server says of it."""
    phrase = f" {_PHRASES[status]}" if status in _PHRASES else ""
    what = f"{status}{phrase}: {text}" if text else f"{status}{phrase}"
    return AccessRefused(what) if status in _ACCESS_STATUSES else kind(what)


def said(value: object) -> str:
    """What a server says of an error, from the JSON value that it gives."""
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:SHOWN_CHARACTERS]


def decoded_bytes(answer: object) -> bytes:
    """The response that a user's `decode` returned, a str as UTF-8. Raises TypeError unless it is
    text or bytes, because the memory of other objects is not always a response."""
    if isinstance(answer, str):
        return answer.encode()
    if isinstance(answer, (bytes, bytearray, memoryview)):
        return bytes(answer)
    name = type(answer).__name__
    raise TypeError(f"decode must return bytes or str, not {name} (NumPy: array.tobytes())")


class RequestLink(WatchedLink):
    """`concurrency`: how many requests may be outstanding at a time; further samples wait here in
    order. `request_timeout_s`: how long an answer may take; None: as long as the node is there. A
    sample fails if its answer has more than `max_answer_bytes`.

    A node is there while it answers: samples or, when it is silent, probes.
    """

    _kind: str
    """What the server has to be, as `find_kind` calls it."""

    def __init__(
        self,
        server: Server,
        events: LinkEvents,
        concurrency: int,
        request_timeout_s: float | None,
        max_answer_bytes: int,
    ) -> None:
        super().__init__(server.shown, events)
        self._server = server
        for what, value in {
            "concurrency": concurrency,
            "request_timeout_s": request_timeout_s,
            "max_answer_bytes": max_answer_bytes,
        }.items():
            if value is not None:
                require_positive(what, value)
        self._concurrency = concurrency
        self._request_timeout_s = request_timeout_s
        self._max_answer_bytes = max_answer_bytes
        self._waiting: collections.deque[tuple[int, Payload]] = collections.deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._repeated = 0
        self._done: list[tuple[int, bytes]] = []

    # ---- What a transport implements -------------------------------------------------------------

    @abstractmethod
    async def _open(self) -> None:
        """Makes the client. It connects when it is used."""

    @abstractmethod
    async def _close(self) -> None:
        """Closes the client, if there is one."""

    @abstractmethod
    async def _introduce(self) -> NodeInfo:
        """What the node says of itself. Raises NoAnswer while it is not ready, and NetworkError if
        it never will be."""

    @abstractmethod
    async def _probe(self) -> None:
        """Returns when the node has answered, whatever that is. Raises NoAnswer."""

    @abstractmethod
    async def _ask(self, key: int, payload: Payload, begun_ns: int) -> tuple[bytes, int]:
        """Sends a sample and says so (`_mark_sent(key, begun_ns)`). Returns the response's bytes,
        and when the answer came. A transport whose connections may be closed just when they are
        used makes the request once more, and counts it (`_count_repeat`). Raises NoAnswer or
        SampleFailed."""

    # ---- A test ----------------------------------------------------------------------------------

    async def begin(self, run: Run) -> NodeInfo:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._repeated = 0
        self._ended = False
        await self._open()
        try:
            info = await self._wait_until_ready(run.connect_timeout_s)
        except BaseException:
            await self._close()
            raise
        self._begin_watching()
        return info

    async def _wait_until_ready(self, timeout_s: float) -> NodeInfo:
        deadline = self._loop.time() + timeout_s
        trouble, kind = "it does not answer", None
        while (left_s := deadline - self._loop.time()) > 0:
            try:
                return await asyncio.wait_for(self._introduce(), left_s)
            except asyncio.TimeoutError:
                break
            except NoAnswer as error:
                trouble = str(error)
            if kind is None:
                kind = await find_kind(self._server, self._kind, left_s)
                if kind is not None and kind.is_sure:
                    raise NetworkError(f"{self.address}: {shown(trouble)}; {kind.text}")
            await asyncio.sleep(min(_RETRY_INTERVAL_S, left_s))
        what = f"; {kind.text}" if kind is not None else ""
        text = f"not ready after {timeout_s:g} s: {shown(trouble)}{what}"
        raise NetworkError(f"{self.address}: {text}")

    async def end(self) -> None:
        self._in_use = False
        self._done.clear()
        await self._end_watching()
        await self._stop_workers()
        await self._close()

    def report(self) -> dict[str, Any]:
        return {"requests_repeated": self._repeated}

    # ---- Samples ---------------------------------------------------------------------------------

    def send(self, batch: Batch) -> None:
        self._waiting.extend(zip(batch.keys.tolist(), batch.payloads, strict=True))
        room = self._concurrency - len(self._workers)
        for _ in range(min(room, len(self._waiting))):
            self._workers.add(self._loop.create_task(guarded(self._work())))

    async def _work(self) -> None:
        """A worker lives as long as there is something to send."""
        try:
            while self._waiting:
                await self._process(*self._waiting.popleft())
        finally:
            # At once: the next `send` counts the workers.
            self._workers.discard(asyncio.current_task())

    async def _process(self, key: int, payload: Payload) -> None:
        answer, reason = None, ""
        asking = self._ask(key, payload, time.monotonic_ns())
        try:
            answer = await asyncio.wait_for(asking, self._request_timeout_s)
        except asyncio.TimeoutError:
            reason = f"no answer within {self._request_timeout_s} s (request_timeout_s)"
        except SampleFailed as error:
            reason = str(error)
        except NoAnswer as error:
            reason = str(error)
            gone = await self._find_out(self._run.node_timeout_s)
            if gone:
                self._lose(gone)
        if not self._in_use:  # The node is lost, and the sample with it.
            return
        if answer is None:
            self.events.failed(self, np.array([key], np.uint64), shown(reason))
        else:
            self._report(key, *answer)

    def _count_repeat(self) -> None:
        self._repeated += 1

    def _report(self, key: int, data: bytes, received_ns: int) -> None:
        """Reports answers that come in the same turn of the loop together, which is cheaper."""
        if not self._done:
            self._done_ns = received_ns
            self._loop.call_soon(self._report_all)
        self._done.append((key, data))

    def _report_all(self) -> None:
        done, self._done = self._done, []
        if done:
            keys = np.array([key for key, _ in done], np.uint64)
            n_tokens = np.zeros(len(done), np.int64)
            data = [one for _, one in done]
            self.events.completed(self, Answers(keys, data, n_tokens, self._done_ns))

    def _mark_sent(self, key: int, begun_ns: int) -> None:
        self.events.sent(self, np.array([key], np.uint64), time.monotonic_ns(), begun_ns)

    async def _stop_workers(self) -> None:
        self._waiting.clear()
        workers = list(self._workers)
        self._workers.clear()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    # ---- Being watched ---------------------------------------------------------------------------

    async def _look(self, interval_s: float) -> None:
        """Probes the node when it is silent."""
        silent_s = self._loop.time() - self._last_heard
        if silent_s >= interval_s:
            left_s = self._run.node_timeout_s - silent_s
            gone = await self._find_out(max(left_s, interval_s))
            if gone:
                self._lose(gone)

    async def _find_out(self, timeout_s: float) -> str:
        """Why the node seems to be gone, for logs; empty if it is there."""
        reason, heard = "", self._last_heard
        # Twice: this loop may have been held up itself, and a connection may have been an old one.
        for limit_s in (timeout_s, self._run.node_timeout_s / QUESTIONS_A_TIMEOUT):
            try:
                await asyncio.wait_for(self._probe(), limit_s)
            except asyncio.TimeoutError:
                silent_s = self._loop.time() - heard
                reason = (
                    f"silent for {silent_s:.1f} s (node_timeout_s): it answers neither samples nor "
                    "probes"
                )
            except NoAnswer as error:
                reason = str(error)
            if self._last_heard > heard:  # The probe's answer, or a sample's.
                return ""
        return shown(reason)

    def _let_go(self) -> None:
        self._report_all()  # What it still answered.
        self._waiting.clear()
        for worker in self._workers:
            worker.cancel()

    async def _try_again(self, timeout_s: float) -> NodeInfo | None:
        await self._stop_workers()
        await self._close()
        await self._open()
        try:
            return await asyncio.wait_for(self._introduce(), timeout_s)
        except (asyncio.TimeoutError, NoAnswer, NetworkError):
            return None
