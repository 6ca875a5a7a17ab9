"""A connection of the client in Python, which carries one request at a time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from .. import _llm
from .client import ClientOptions


@dataclass(eq=False)
class Exchange:
    """A request that was issued."""

    id: int
    index: int
    issued_ns: int
    server: int = 0
    connected_ns: int = 0
    sent_ns: int = 0
    first_byte_ns: int = 0
    repeated: bool = False
    over: bool = False
    timer: asyncio.TimerHandle | None = None
    connection: Connection | None = None


class Owner(Protocol):
    """What a connection reports to."""

    def connected(self, connection: Connection) -> None:
        """A connection is open."""

    def free(self, connection: Connection) -> None:
        """A connection can carry a request."""

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""

    def answered(self, exchange: Exchange, reader: _llm.AnswerReader) -> None:
        """The answer is complete, or failed."""

    def closed(self, exchange: Exchange, reader: _llm.AnswerReader, was_reused: bool) -> None:
        """The connection was closed before the answer was complete, or to end it."""


class Connection(asyncio.Protocol):
    """A connection to a server; it carries one request at a time."""

    def __init__(self, owner: Owner, server: int) -> None:
        self._owner, self.server = owner, server
        self.exchange: Exchange | None = None
        self.used = False
        self.reused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._owner.connected(self)

    def send(self, exchange: Exchange, request: bytes, options: ClientOptions) -> None:
        self.exchange, self.reused, self.used = exchange, self.used, True
        self.reader = _llm.AnswerReader(
            keep_token_ids=options.keep_token_ids, max_answer_bytes=options.max_answer_bytes
        )
        exchange.connected_ns = time.monotonic_ns()
        self.transport.write(request)
        exchange.sent_ns = time.monotonic_ns()

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        exchange = self.exchange
        if exchange is None:  # A server that speaks unasked.
            self.transport.abort()
            return
        exchange.first_byte_ns = exchange.first_byte_ns or now_ns
        reader = self.reader
        if not reader.feed(data, now_ns, now_ns):
            return
        if reader.facts().reusable:  # First: what waits may be sent over it.
            self.exchange = None
            self._owner.free(self)
        if not exchange.over:
            self._owner.answered(exchange, reader)

    def connection_lost(self, error: Exception | None) -> None:
        now_ns = time.monotonic_ns()
        exchange, self.exchange = self.exchange, None
        if exchange is not None and not exchange.over:
            self.reader.end(now_ns, now_ns)
            self._owner.closed(exchange, self.reader, self.reused)
        self._owner.gone(self)
