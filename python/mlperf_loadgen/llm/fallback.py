"""The client in Python, for systems without epoll: times are those of the reads, in one thread that
takes the interpreter's lock."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core, _llm
from ..qdl.links.link import NetworkError
from ..systems.event_loop import EventLoopThread
from .address import EndpointAddress
from .bodies import without_secrets
from .client import ClientOptions, ClientRecord, Happened
from .fallback_connection import Connection, Exchange

_ALL = 1 << 62  # Taken from the queue at a time.
_TIMES = ("issued_ns", "connected_ns", "sent_ns", "first_byte_ns", "completed_ns")
_ROW = np.dtype([("id", "<u8"), ("server", "<i4"), *((name, "<i8") for name in _TIMES)])


class FallbackClient:
    """Sends the requests of one test over asyncio, and completes what is answered."""

    def __init__(
        self,
        addresses: Sequence[EndpointAddress],
        options: ClientOptions,
        count_tokens: Callable[[bytes], int] | None,
    ) -> None:
        self._addresses, self._options = addresses, options
        self._count_tokens = count_tokens
        self._requests: dict[int, Sequence[bytes]] = {}
        self._waiting: deque[Exchange] = deque()
        self._free: list[list[Connection]] = [[] for _ in addresses]
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outstanding = [0] * len(addresses)
        self._turn = 0
        self._sent = 0
        self._most = 0
        self._counts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._rows: list[tuple[int, ...]] = []
        self._said: set[tuple[str, int, str]] = set()
        self._loop: EventLoopThread | None = None
        self._queue: _core.QueueSut | None = None
        self._context: ssl.SSLContext | None = None

    def begin(self, queue: _core.QueueSut, happened: Happened) -> None:
        self._happened = happened
        self._loop = EventLoopThread("OpenAIEndpoint")
        if any(one.tls for one in self._addresses):
            self._context = ssl.create_default_context(cafile=self._options.ca_file)
        self._loop.run(self._warm())
        self._queue = queue
        self._loop.loop.call_soon_threadsafe(self._loop.loop.add_reader, queue.fileno(), self._take)

    def prepare(self, index: int, requests: Sequence[bytes]) -> None:
        self._requests[index] = requests

    def forget(self) -> None:
        self._requests.clear()

    def end(self) -> ClientRecord:
        if self._loop is not None:
            self._loop.run(self._close())
            self._loop.stop()
        counts: dict[str, Any] = {
            name: self._counts[name] for name in ("opened", "reused", "repeated", "cancelled")
        }
        counts |= {
            "most_outstanding": self._most,
            "failures": dict(self._failures),
            "statuses": dict(self._statuses),
            "stamps": {"kernel": 0, "read": len(self._rows)},
            "lag_ns": {},
        }
        return ClientRecord(counts, np.array(self._rows, _ROW))

    # ---- In the loop: connections ----------------------------------------------------------------

    async def _warm(self) -> None:
        for server, address in enumerate(self._addresses):
            for _ in range(self._options.warm_connections):
                try:
                    self.free(await self._connect(server))
                except OSError as error:
                    raise NetworkError(f"{address} cannot be reached: {error}") from None

    async def _connect(self, server: int) -> Connection:
        address = self._addresses[server]
        made = asyncio.get_running_loop().create_connection(
            lambda: Connection(self, server),
            address.host,
            address.port,
            ssl=self._context if address.tls else None,
        )
        try:
            _, connection = await asyncio.wait_for(made, self._options.connect_timeout_s)
        except asyncio.TimeoutError:
            raise OSError(f"no connection in {self._options.connect_timeout_s:g} s") from None
        return connection

    def free(self, connection: Connection) -> None:
        """A connection can carry a request."""
        self._free[connection.server].append(connection)

    def connected(self, connection: Connection) -> None:
        """A connection is open."""
        self._open.add(connection)
        self._counts["opened"] += 1

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        self._open.discard(connection)
        if connection in self._free[connection.server]:
            self._free[connection.server].remove(connection)

    async def _close(self) -> None:
        if self._queue is not None:
            asyncio.get_running_loop().remove_reader(self._queue.fileno())
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        for connection in self._open:
            if connection.exchange is not None:
                connection.exchange.over = True
            connection.transport.abort()

    # ---- In the loop: requests -------------------------------------------------------------------

    def _take(self) -> None:
        assert self._queue is not None
        for row in self._queue.take(_ALL):
            self._waiting.append(Exchange(int(row["id"]), int(row["index"]), int(row["issued_ns"])))
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting:
            server = self._server_with_room()
            if server is None:
                return
            exchange = self._waiting.popleft()
            exchange.server = server
            self._outstanding[server] += 1
            self._most = max(self._most, sum(self._outstanding))
            self._begin(exchange)

    def _server_with_room(self) -> int | None:
        servers = range(len(self._addresses))
        ordered = [(self._turn + offset) % len(servers) for offset in servers]
        if self._options.balance == "least_outstanding":
            ordered.sort(key=self._outstanding.__getitem__)
        for server in ordered:
            if self._outstanding[server] < self._options.max_outstanding:
                self._turn = server + 1
                return server
        return None

    def _begin(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        if self._options.request_timeout_s is not None and exchange.timer is None:
            after_s = self._options.request_timeout_s
            exchange.timer = loop.call_later(after_s, self._timed_out, exchange)
        free = self._free[exchange.server]
        if free and not exchange.repeated:
            self._counts["reused"] += 1
            self._send(free.pop(), exchange)
        else:
            task = loop.create_task(self._begin_on_new(exchange))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _begin_on_new(self, exchange: Exchange) -> None:
        try:
            connection = await self._connect(exchange.server)
        except OSError as error:
            self._say("lost", exchange.server, "", str(error))
            self._fail(exchange, "cannot connect")
            return
        if exchange.over:
            self.free(connection)
        else:
            self._send(connection, exchange)

    def _send(self, connection: Connection, exchange: Exchange) -> None:
        requests = self._requests.get(exchange.index)
        if requests is None:
            self.free(connection)
            self._fail(exchange, "the sample was not loaded")
            return
        exchange.connection = connection
        connection.send(exchange, requests[exchange.server], self._options)
        self._sent += 1
        share = self._options.cancel_share
        # Every so many, so that the share is right at any time.
        if share > 0 and int(self._sent * share) > int((self._sent - 1) * share):
            assert self._options.cancel_after_s is not None
            asyncio.get_running_loop().call_later(
                self._options.cancel_after_s, self._cancel, exchange
            )

    # ---- In the loop: ends -----------------------------------------------------------------------

    def answered(self, exchange: Exchange, reader: _llm.AnswerReader) -> None:
        """The answer is complete, or failed."""
        facts = reader.facts()
        self._statuses[facts.status] += 1
        if facts.failed:
            self._say("refused", exchange.server, facts.reason, facts.failed)
            self._fail(exchange, facts.reason)
            return
        if facts.faults:
            self._say("fault", exchange.server, "", facts.first_fault)
        self._complete(exchange, reader)

    def closed(self, exchange: Exchange, reader: _llm.AnswerReader, was_reused: bool) -> None:
        """The connection was closed before the answer was complete, or to end it."""
        if was_reused and not exchange.first_byte_ns and not exchange.repeated:
            # It had been closed while nothing was asked: no fault of this request.
            exchange.repeated = True
            self._counts["repeated"] += 1
            self._begin(exchange)
        else:
            self.answered(exchange, reader)

    def _cancel(self, exchange: Exchange) -> None:
        if not exchange.over and exchange.connection is not None:
            self._counts["cancelled"] += 1
            self._complete(exchange, exchange.connection.reader, cancelled=True)
            exchange.connection.transport.abort()

    def _timed_out(self, exchange: Exchange) -> None:
        if not exchange.over:
            self._fail(exchange, f"no answer in {self._options.request_timeout_s:g} s")
            if exchange.connection is not None:
                exchange.connection.transport.abort()

    def _complete(
        self, exchange: Exchange, reader: _llm.AnswerReader, *, cancelled: bool = False
    ) -> None:
        completed_ns = time.monotonic_ns()
        _llm.complete(
            _core.completion_door,
            exchange.id,
            reader,
            exchange.sent_ns,
            self._count_tokens,
            cancelled,
        )
        self._over(exchange, completed_ns)

    def _say(self, kind: str, server: int, what: str, words: str) -> None:
        """Reports what happened, once for each `what`."""
        if (kind, server, what) not in self._said:
            self._said.add((kind, server, what))
            self._happened(kind, server, words)

    def _fail(self, exchange: Exchange, reason: str) -> None:
        if not exchange.over:
            reason = without_secrets(reason, self._options.secrets)
            self._failures[reason] += 1
            _core.fail([exchange.id], reason)
            self._over(exchange, 0)

    def _over(self, exchange: Exchange, completed_ns: int) -> None:
        exchange.over = True
        if exchange.timer is not None:
            exchange.timer.cancel()
        self._outstanding[exchange.server] -= 1
        times = (exchange.issued_ns, exchange.connected_ns, exchange.sent_ns)
        row = (exchange.id, exchange.server, *times, exchange.first_byte_ns, completed_ns)
        self._rows.append(row)
        self._send_waiting()
