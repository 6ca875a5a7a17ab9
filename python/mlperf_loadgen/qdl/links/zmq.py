"""The binary transport at the load generator's end: ZeroMQ, with CURVE if there are keys."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket as sockets
import time
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ..address import check_socket_address, is_ipv6_socket
from ..wire import messages as wire
from ..wire.answers import Event, read_answers
from ..wire.samples import SamplesWriter
from .clock_sync import ClockOffset, kernel_id, process_id
from .keys import Keys, client_keys
from .lane_link import LaneLink, Transfer, read_offer
from .link import (
    DEFAULT_MAX_ANSWER_BYTES,
    Answers,
    Batch,
    LinkEvents,
    NetworkError,
    NodeInfo,
    Run,
    require_positive,
    shown,
)
from .server import Access, Server
from .server_kind import find_kind

try:
    import zmq
    from zmq.utils.monitor import parse_monitor_message
except ImportError as error:
    raise ImportError(
        "tcp:// and ipc:// need pyzmq: pip install 'mlperf_loadgen[network]'"
    ) from error

_MESSAGES_AT_A_TIME = 64
_LONGEST_TURN_S = 0.1
_MOST_WAITING = 1000  # Messages of a node that are not read yet; TCP holds the rest.
_HELLO_INTERVAL_S = 0.5
_FIRST_PINGS = 8
_LOOKUP_LIMIT_S = 2.0
_BYE_LIMIT_MS = 500
_RETRY_LIMIT_S = 0.2
_MOST_ANSWER_BYTES = 1 << 62
_MONITORS = itertools.count()


class ZmqLink(LaneLink):
    """`keys`: a folder of `make_keys`, or Keys; nodes with keys need them. A sample fails if its
    answer has more than `max_answer_bytes`. `transfer`: how samples travel (lane_link.py); with
    keys, those to other machines always on this connection, which encrypts them."""

    def __init__(
        self,
        address: str,
        events: LinkEvents,
        keys: Keys | str | os.PathLike[str] | None = None,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        transfer: Transfer = "auto",
    ) -> None:
        super().__init__(address, events, transfer, keys is not None)
        check_socket_address(address)
        require_positive("max_answer_bytes", max_answer_bytes)
        if max_answer_bytes > _MOST_ANSWER_BYTES:
            raise ValueError(
                f"max_answer_bytes must be at most {_MOST_ANSWER_BYTES}, not {max_answer_bytes!r}"
            )
        self.max_answer_bytes = max_answer_bytes
        self._keys = client_keys(keys) if isinstance(keys, (str, os.PathLike)) else keys
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._writer = SamplesWriter()
        self._trouble = ""

    # ---- Connecting ------------------------------------------------------------------------------

    async def begin(self, run: Run) -> NodeInfo:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._clock = ClockOffset(False)
        self._ended = False
        self._in_use = False
        info = await self._connect(run.connect_timeout_s)
        self._begin_watching()
        return info

    async def _connect(self, timeout_s: float) -> NodeInfo:
        """A new connection, on which the node has welcomed the run."""
        self._welcome: asyncio.Future[NodeInfo] = self._loop.create_future()
        self._open(await self._is_ipv6())
        deadline = self._loop.time() + timeout_s
        # A node that begins slowly must not take this for silence.
        interval_s = min(_HELLO_INTERVAL_S, self._run.node_timeout_s / 2)
        looked = False
        try:
            while not self._welcome.done():
                left_s = deadline - self._loop.time()
                if self._trouble and left_s > 0 and not looked:
                    looked = True
                    await self._require_a_node(left_s)
                if left_s <= 0:
                    text = await self._unresolved() or self._trouble or "it does not answer"
                    raise NetworkError(f"{self.address}: not ready after {timeout_s:g} s: {text}")
                # A node that is busy, or not there yet, is asked again.
                self._send(wire.control(wire.Kind.HELLO, self._run.id, self._introduction()))
                await asyncio.wait([self._welcome], timeout=min(interval_s, left_s))
            if self._welcome.exception() is not None and self._is_nonsense:
                await self._require_a_node(max(deadline - self._loop.time(), 0))
            info = self._welcome.result()
        except BaseException:
            self._close()
            raise
        self._trouble = ""  # It is over: no reason for what happens later.
        for _ in range(_FIRST_PINGS):
            self._ping()
        return info

    async def _is_ipv6(self) -> bool:
        """Whether to connect by IPv6; a name is looked up for it."""
        lookup = self._loop.run_in_executor(None, is_ipv6_socket, self.address)
        try:
            return await asyncio.wait_for(lookup, _LOOKUP_LIMIT_S)
        except asyncio.TimeoutError:
            return False

    async def _unresolved(self) -> str:
        """Why the host's name means nothing; empty if it does, or there is none."""
        url = urlsplit(self.address)
        if url.scheme != "tcp":
            return ""
        lookup = self._loop.getaddrinfo(url.hostname, url.port)
        try:
            await asyncio.wait_for(lookup, _LOOKUP_LIMIT_S)
        except OSError as error:
            return f"its host is not known: {error}"
        except asyncio.TimeoutError:
            pass
        return ""

    async def _require_a_node(self, most_s: float) -> None:
        """Raises NetworkError if a server of another kind is there."""
        if self.address.startswith("tcp://"):
            kind = await find_kind(Server(self.address, Access()), "node", most_s)
            if kind is not None and kind.name != "http":
                raise NetworkError(f"{self.address}: {kind.text}")

    def _introduction(self) -> dict[str, Any]:
        asked = {} if self._declined else {"lane": 1}
        return asked | {
            "host": sockets.gethostname(),
            "process": os.getpid(),
            "kernel": kernel_id(),
            "process_id": process_id(),
            "total_sample_count": self._run.total_sample_count,
            "performance_sample_count": self._run.performance_sample_count,
            "timeout_s": self._run.node_timeout_s,
            "max_answer_bytes": self.max_answer_bytes,
        }

    def _open(self, is_ipv6: bool) -> None:
        self._trouble = ""
        self._is_nonsense = False  # What came is nothing that a node says.
        self._hear()
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        for option, value in {
            zmq.SNDHWM: 0,  # What is on its way is bounded by our owner.
            zmq.RCVHWM: _MOST_WAITING,
            zmq.MAXMSGSIZE: self.max_answer_bytes + wire.OVERHEAD_BYTES,
            zmq.LINGER: 0,
            zmq.IPV6: is_ipv6,
            zmq.RECONNECT_IVL_MAX: 1000,
        }.items():
            self._socket.setsockopt(option, value)
        if self._keys is not None:
            self._socket.setsockopt(zmq.CURVE_PUBLICKEY, self._keys.public)
            self._socket.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret)
            self._socket.setsockopt(zmq.CURVE_SERVERKEY, self._keys.peer)
        # The usual name is that of the socket's number, which an earlier socket may still have.
        self._monitor = self._socket.get_monitor_socket(addr=f"inproc://monitor-{next(_MONITORS)}")
        try:
            self._socket.connect(self.address)
        except zmq.ZMQError as error:
            self._close()
            raise NetworkError(f"{self.address}: {error}: give tcp://host:port") from None
        self._loop.add_reader(self._socket.FD, self._receive)
        self._loop.add_reader(self._monitor.FD, self._observe)
        self._loop.call_soon(self._observe)

    def _close(self) -> None:
        for one in (self._socket, self._monitor):
            if one is not None:
                with contextlib.suppress(zmq.ZMQError):
                    self._loop.remove_reader(one.FD)
        if self._socket is not None and self._monitor is not None:
            self._socket.disable_monitor()
            self._socket.close()
            self._monitor.close()
        self._socket = self._monitor = None

    async def end(self) -> None:
        await self._end_watching()
        if self._socket is not None:
            self._say_bye()
            self._close()

    def _say_bye(self) -> None:
        if self._socket is not None:
            self._socket.setsockopt(zmq.LINGER, _BYE_LIMIT_MS)
            self._send(wire.control(wire.Kind.BYE, self._run.id))

    # ---- Being watched ---------------------------------------------------------------------------

    async def _look(self, interval_s: float) -> None:
        """Pings the node; it is lost if nothing came from it for long."""
        self._ping()
        self._receive()  # This loop may have been held up itself.
        silent_s = self._loop.time() - self._last_heard
        if silent_s > self._run.node_timeout_s:
            self._lose(f"silent for {silent_s:.1f} s (node_timeout_s)")

    async def _try_again(self, timeout_s: float) -> NodeInfo | None:
        try:
            info = await self._connect(timeout_s)
        except NetworkError:
            return None
        try:
            await self._lane_again(info, timeout_s)
        except NetworkError:
            self._say_bye()
            self._close()
            return None
        return info

    def _let_go(self) -> None:
        self._close()

    def _is_on_this_machine(self) -> bool:
        return self._clock.same_clock

    def _clock_offset_ns(self) -> int:
        return self._clock.offset_ns

    def _lose_for_good(self, reason: str) -> None:
        if self._in_use:
            self._say_bye()
            self._ended = True
        self._lose(reason)

    def _observe(self) -> None:
        """What became of the connection."""
        while self._monitor is not None:
            try:
                message = self._monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.ZMQError:
                return
            event = parse_monitor_message(message)
            if event["event"] == zmq.EVENT_DISCONNECTED:
                if self._welcome.done():
                    self._loop.call_later(_RETRY_LIMIT_S, self._lose_for_nonsense, self._socket)
                else:
                    self._trouble = self._trouble or "the node closes the connection"
            elif event["event"] == zmq.EVENT_CONNECT_RETRIED:
                self._lose(self._trouble or "the connection was closed")
                # It follows a failed handshake as well, which says more.
                self._trouble = self._trouble or "nothing listens there"
            elif event["event"] in _TROUBLES:
                self._trouble = _TROUBLES[event["event"]]
                if event["event"] == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                    self._refuse(self._trouble)  # Asking again would not help.

    def _lose_for_nonsense(self, disconnected: zmq.Socket[bytes] | None) -> None:
        """A connection that ZeroMQ closed for what came, it does not make again."""
        if self._socket is disconnected:
            self._lose(
                "it sent a message of more than max_answer_bytes "
                f"({self.max_answer_bytes}), or data that is not ZeroMQ"
            )

    # ---- Sending ---------------------------------------------------------------------------------

    def _send(self, frames: wire.Frames) -> None:
        if self._socket is not None:
            with contextlib.suppress(zmq.Again):  # Not connected any more: it will be noticed.
                self._socket.send_multipart(frames, zmq.NOBLOCK, copy=len(frames) < 3)
            self._loop.call_soon(self._receive)  # Sending may swallow the sign that one came.

    def _ping(self) -> None:
        self._send(wire.times(wire.Kind.PING, self._run.id, time.monotonic_ns()))

    def send(self, batch: Batch) -> None:
        try:
            frames = self._writer.write(self._run.id, batch, time.monotonic_ns())
        except (TypeError, ValueError) as error:
            self.events.failed(self, batch.keys, str(error))
            return
        sent_ns = time.monotonic_ns()  # Before, as the node may have it before the call returns.
        self._send(frames)
        self.events.sent(self, batch.keys, sent_ns)

    def flush(self) -> None:
        self._send(wire.control(wire.Kind.FLUSH, self._run.id))

    # ---- Receiving -------------------------------------------------------------------------------

    def _receive(self) -> None:
        turn_ends_s = self._loop.time() + _LONGEST_TURN_S
        for _ in range(_MESSAGES_AT_A_TIME):
            if self._socket is None:
                return
            try:
                frames = self._take_message(self._socket)
            except zmq.Again:
                return
            self._hear()
            try:
                self._handle(wire.read(frames), time.monotonic_ns())
            except wire.MessageError as error:
                self._is_nonsense = True
                self._refuse(f"it sent what cannot be read: {error}")
            if self._loop.time() > turn_ends_s:
                break
        self._loop.call_soon(self._receive)

    @staticmethod
    def _take_message(socket: zmq.Socket[bytes]) -> list[bytes]:
        """Its frames, one too many if it has any number of these. Raises zmq.Again if there is
        none."""
        frames = [socket.recv(zmq.NOBLOCK)]
        while socket.getsockopt(zmq.RCVMORE):
            frame = socket.recv()
            if len(frames) <= wire.MOST_FRAMES:
                frames.append(frame)
        return frames

    def _refuse(self, reason: str) -> None:
        if not self._welcome.done():
            self._welcome.set_exception(NetworkError(f"{self.address}: {reason}"))
        else:
            self._lose(reason)

    def _handle(self, message: wire.Message, now_ns: int) -> None:
        if message.run != self._run.id:
            if message.kind == wire.Kind.ANSWERS:
                self.events.fault(self, "sent answers for another run, which were not counted")
            return
        if message.kind == wire.Kind.ANSWERS:
            self._take_answers(message, now_ns)
        elif message.kind == wire.Kind.PONG:
            t0, t1, t2 = wire.read_times(message)
            self._clock.add(t0, t1, t2, now_ns)
            self._tell_clock()
        elif message.kind == wire.Kind.WELCOME:
            values = wire.read_control(message)
            if not self._welcome.done():
                self._clock = ClockOffset(values.get("kernel") == kernel_id() != "")
                limit = values.get("max_payload_bytes")
                limit = limit if isinstance(limit, int) else None
                self._offer = read_offer(values.get("lane"))
                self._welcome.set_result(NodeInfo(str(values.get("name")), limit))
        elif message.kind == wire.Kind.REFUSED:
            values = wire.read_control(message)
            text = shown(str(values.get("reason")))
            if values.get("busy") and not self._welcome.done():
                self._trouble = text
            else:
                self._refuse(f"it refused: {text}")
        else:
            raise wire.MessageError(f"a {message.kind.name} is not for a load generator")

    def _take_answers(self, message: wire.Message, now_ns: int) -> None:
        rows, parts, sent_ns = read_answers(message)
        events = rows["event"]
        done = events == Event.COMPLETED
        if done.all():
            self._complete(rows, parts, sent_ns, now_ns)
            return
        # First tokens come before the completions they were sent with.
        first = [i for i, event in enumerate(events.tolist()) if event == Event.FIRST_TOKEN]
        if first:
            self.events.first_tokens(self, rows["key"][first], [parts[i] for i in first])
        if done.any():
            some = np.flatnonzero(done)
            self._complete(rows[some], [parts[i] for i in some.tolist()], sent_ns, now_ns)
        for i, event in enumerate(events.tolist()):
            if event == Event.FAILED:
                self.events.failed(self, rows["key"][i : i + 1], _text(parts[i]))
            elif event == Event.FAULT:
                self.events.fault(self, _text(parts[i]))
            elif event == Event.ABORTED:
                self._lose_for_good(_text(parts[i]))
                return
            elif event > Event.ABORTED:
                raise wire.MessageError(f"an answer of the unknown kind {event}")

    def _complete(self, rows: Any, parts: list[memoryview], sent_ns: int, now_ns: int) -> None:
        offset_ns = self._clock.offset_ns
        times_ns = np.empty((len(rows), 4), np.int64)
        times_ns[:, 0], times_ns[:, 1] = rows["received_ns"], rows["issued_ns"]
        times_ns[:, 2], times_ns[:, 3] = rows["completed_ns"], sent_ns
        times_ns -= offset_ns
        self.events.completed(self, Answers(rows["key"], parts, rows["n_tokens"], now_ns, times_ns))

    def report(self) -> dict[str, Any]:
        return super().report() | {
            "same_clock": self._clock.same_clock,
            "clock_offset_ns": self._clock.offset_ns,
            "clock_uncertainty_ns": self._clock.uncertainty_ns,
            "round_trip_ns": self._clock.round_trip_ns,
        }


def _text(part: memoryview) -> str:
    """What a node says in words."""
    return shown(str(part, "utf-8", "replace"))


# Which of the last two it is depends on who of the two ends hangs up first.
_HANDSHAKE_FAILED = (
    "the handshake failed: one end has keys and the other none, or another node's key, or it is no "
    "node of mlperf_loadgen"
)
_TROUBLES: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "it does not know our key: give it our client.key",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: _HANDSHAKE_FAILED,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: _HANDSHAKE_FAILED,
}
