"""The thread of a node that talks to load generators."""

from __future__ import annotations

import collections
import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from ...host.stderr import say
from ..address import is_ipv6_socket
from ..links.clock_sync import kernel_id, process_id
from ..links.keys import Keys
from ..links.link import DEFAULT_MAX_ANSWER_BYTES, NetworkError, shown
from ..wire import messages as wire
from ..wire.answers import Event, answer_messages
from ..wire.samples import SamplesReader
from .client import Client
from .host import SutHost
from .lanes import LANE_VERSION, Lanes

_MESSAGES_AT_A_TIME = 64
_POLL_MS = 500
_MOST_WAITING_IN = 1000  # Messages of a load generator that are not read yet; TCP holds the rest.
_MOST_WAITING_OUT = 100_000  # Messages, or answers on a lane, that a load generator does not take.
_MOST_BYTES = 1 << 62  # Of a payload or an answer, whatever either end asks for.
_HANDSHAKE_LIMIT_MS = 5000
_KEEPALIVE_IDLE_S = 60  # Then TCP asks whether the other end is still there.
_DROPPED_NAMED = 10
_SAME_PROCESS = (
    "a node must be a process of its own: in this one, completions go to the test that runs in it"
)
_NO_RUN = (
    "there is no run of yours here: you were silent for longer than node_timeout_s, or this node "
    "was started anew"
)


class Talker:
    """The thread that talks to load generators."""

    def __init__(
        self, host: SutHost, addresses: list[str], keys: Keys | None, max_payload_bytes: int
    ) -> None:
        try:
            import zmq
        except ImportError as error:
            raise ImportError(
                "serving needs pyzmq: pip install 'mlperf_loadgen[network]'"
            ) from error
        self._zmq = zmq
        self._host = host
        self._max_payload_bytes = max_payload_bytes
        self._client: Client | None = None
        self._dropped = 0
        self._reader = SamplesReader()
        self._context = zmq.Context()
        self._outbox: collections.deque[Callable[[], None]] = collections.deque()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._stopped = False
        self.error: BaseException | None = None
        self._admit_known(keys)
        self._socket = self._context.socket(zmq.ROUTER)
        self._configure(keys)
        self.addresses = [self._bind(address) for address in addresses]
        # What travels on a lane is not encrypted: with keys it does not leave the machine.
        self._lanes = Lanes(host.system, self.addresses if keys is None else [])

    def _admit_known(self, keys: Keys | None) -> None:
        """Admits only clients with the load generator's key."""
        self._door: Any = None
        if keys is None:
            return
        from zmq.auth.thread import ThreadAuthenticator

        known = keys.peer

        class Door:
            def callback(self, domain: str, key: bytes) -> bool:
                return key == known

        self._door = ThreadAuthenticator(self._context)
        self._door.start()
        self._door.configure_curve_callback(domain="*", credentials_provider=Door())

    def _configure(self, keys: Keys | None) -> None:
        zmq = self._zmq
        for option, value in {
            zmq.RCVHWM: _MOST_WAITING_IN,
            zmq.SNDHWM: _MOST_WAITING_OUT,
            zmq.ROUTER_MANDATORY: 1,  # Says when there is no room for a message.
            zmq.MAXMSGSIZE: self._max_payload_bytes + wire.OVERHEAD_BYTES,
            zmq.HANDSHAKE_IVL: _HANDSHAKE_LIMIT_MS,
            zmq.TCP_KEEPALIVE: 1,
            zmq.TCP_KEEPALIVE_IDLE: _KEEPALIVE_IDLE_S,
            zmq.LINGER: 500,
        }.items():
            self._socket.setsockopt(option, value)
        if keys is None:
            # Without an encryption or a domain, libzmq takes any text, as that of a browser, for
            # the first version of its protocol, and aborts the process when it comes while a
            # socket closes.
            self._socket.zap_domain = b"mlperf-loadgen"
        else:
            self._socket.curve_server = True
            self._socket.curve_publickey = keys.public
            self._socket.curve_secretkey = keys.secret

    def _bind(self, address: str) -> str:
        self._socket.setsockopt(self._zmq.IPV6, is_ipv6_socket(address))
        try:
            self._socket.bind(address)
        except self._zmq.ZMQError as error:
            self._shut(linger_ms=0)
            self.close()
            raise NetworkError(
                f"cannot bind {address}: {error.strerror}; give tcp://address:port, of a free port"
            ) from None
        return str(self._socket.getsockopt_string(self._zmq.LAST_ENDPOINT)).rstrip("\0")

    # ---- The loop --------------------------------------------------------------------------------

    def run(self) -> None:
        zmq = self._zmq
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._host.served.fileno(), zmq.POLLIN)
        poller.register(self._wake_read, zmq.POLLIN)
        poller.register(self._lanes.fileno(), zmq.POLLIN)
        try:
            while not self._stopped:
                ready = dict(poller.poll(_POLL_MS))
                if self._wake_read in ready:
                    os.read(self._wake_read, 4096)
                while self._outbox:
                    self._outbox.popleft()()
                self._send_answers()
                if self._socket in ready:
                    self._receive()
                self._look_at_lane()
                self._forget_the_silent()
        except BaseException as error:
            self.error = error
            self._host.stop()
        finally:
            if self._dropped > _DROPPED_NAMED:
                _say(f"dropped {self._dropped} messages in all")
            self._shut(linger_ms=500)

    def _shut(self, linger_ms: int) -> None:
        if self._door is not None:
            self._door.stop()
        self._context.destroy(linger=linger_ms)

    def stop(self) -> None:
        """Ends the thread; called from another one."""
        self._stopped = True
        self._wake()

    def close(self) -> None:
        """Releases what the thread used, after it has ended."""
        os.close(self._wake_read)
        os.close(self._wake_write)
        with contextlib.suppress(AttributeError):  # An address could not be bound.
            del self._lanes  # Its threads end.

    def _post(self, action: Callable[[], None]) -> None:
        """Has an action done by this thread."""
        self._outbox.append(action)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # Then it is awake enough.
            os.write(self._wake_write, b"\0")

    def _receive(self) -> None:
        zmq = self._zmq
        for _ in range(_MESSAGES_AT_A_TIME):
            try:
                identity, *frames = self._take_message()
            except zmq.Again:
                return
            sender = identity.bytes
            try:
                message = wire.read([frame.buffer for frame in frames])
                self._handle(sender, message, time.monotonic_ns())
            except wire.MessageError as error:
                self._refuse_message(sender, frames, str(error))

    def _take_message(self) -> list[Any]:
        """The identity and frames of a message, one frame too many if it has any number of these.
        Raises zmq.Again if there is none."""
        frames = [self._socket.recv(self._zmq.NOBLOCK, copy=False)]
        while frames[-1].more:
            frame = self._socket.recv(copy=False)
            if len(frames) <= wire.MOST_FRAMES + 1:
                frames.append(frame)
            else:
                frames[-1] = frame
        return frames

    def _handle(self, sender: bytes, message: wire.Message, now_ns: int) -> None:
        client = self._client
        if message.kind == wire.Kind.HELLO:
            self._greet(sender, message)
            return
        if client is None or sender != client.identity or message.run != client.run:
            if message.kind not in (wire.Kind.BYE, wire.Kind.PING):
                self._refuse(sender, message.run, _NO_RUN)
            return
        client.hear()
        client.proven = True
        if message.kind == wire.Kind.SAMPLES:
            if self._lanes.is_open:
                raise wire.MessageError("SAMPLES beside the lane")
            self._host.issue(self._reader.read(message), now_ns)
        elif message.kind == wire.Kind.PING:
            sent_ns, _, _ = wire.read_times(message)
            pong = wire.times(wire.Kind.PONG, client.run, sent_ns, now_ns, time.monotonic_ns())
            self._send(sender, pong)
        elif message.kind == wire.Kind.FLUSH:
            self._host.flush()
        elif message.kind == wire.Kind.BYE:
            self._lanes.read_to_end()  # A flush on the lane came before.
            self._let_go("is done")
        else:
            raise wire.MessageError(f"a {message.kind.name} is not for a node")

    def _send(self, identity: bytes, frames: wire.Frames) -> bool:
        """False if the other end takes nothing any more; one that is gone does not matter."""
        try:
            self._socket.send_multipart([identity, *frames], self._zmq.NOBLOCK)
        except self._zmq.Again:
            return False
        except self._zmq.ZMQError as error:
            if error.errno != self._zmq.EHOSTUNREACH:
                raise
        return True

    def _send_answers(self) -> None:
        rows, data = self._host.take()
        client = self._client
        if client is None or not len(rows):
            return
        most = client.max_answer_bytes
        if len(data) > most and rows["size"].max() > most:
            rows, data = _without_too_large(rows, data, most)
        for frames in answer_messages(client.run, rows, data, time.monotonic_ns()):
            if not self._send(client.identity, frames):
                self._let_go("does not take its answers and is given up")
                return

    # ---- The load generator that it works for ----------------------------------------------------

    def _greet(self, sender: bytes, message: wire.Message) -> None:
        values = wire.read_control(message)
        client = self._client
        if values.get("process_id") == process_id():
            self._refuse(sender, message.run, _SAME_PROCESS)
            return
        if client is not None and client.identity != sender:
            self._refuse(sender, message.run, f"it works for {client.who}", busy=True)
            return
        if client is not None:
            if client.run != message.run:
                raise wire.MessageError("a HELLO of another run in the middle of one")
            if not client.welcomed:  # It asks again, and waits.
                client.hear()
            return
        try:
            most_bytes = int(values.get("max_answer_bytes", DEFAULT_MAX_ANSWER_BYTES))
            begun = Client(
                sender,
                message.run,
                f"{str(values['host'])[:100]}, process {int(values['process'])}",
                max(0.1, min(float(values["timeout_s"]), 3600.0)),  # In this order 0.1 for NaN.
                max(0, min(most_bytes, _MOST_BYTES)),
                time.monotonic(),
                wants_lane=values.get("lane") == LANE_VERSION,
            )
            totals = int(values["total_sample_count"]), int(values["performance_sample_count"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise wire.MessageError(f"a HELLO without what it needs: {error!r}") from None
        self._client = begun
        _say(f"begins a run for {begun.who}")
        self._host.begin(
            *totals,
            lambda name: self._post(lambda: self._welcome(begun, name)),
            lambda reason: self._post(lambda: self._refuse(sender, message.run, reason)),
        )

    def _welcome(self, client: Client, name: str) -> None:
        if client is not self._client:  # It has been given up meanwhile.
            return
        client.welcomed = True
        client.hear()
        values: dict[str, Any] = {
            "name": name,
            "kernel": kernel_id(),
            "max_payload_bytes": self._max_payload_bytes,
        }
        if client.wants_lane:
            values["lane"] = self._lanes.begin_run(
                min(self._max_payload_bytes, _MOST_BYTES),
                client.max_answer_bytes,
                _MOST_WAITING_OUT,
            )
        self._send(client.identity, wire.control(wire.Kind.WELCOME, client.run, values))

    def _let_go(self, why: str) -> None:
        if self._client is not None:
            _say(f"{self._client.who} {why}")
            self._client = None
            self._lanes.end_run()
            self._host.end()

    def _look_at_lane(self) -> None:
        """Gives the load generator up if its lane has ended, or says why to it."""
        client = self._client
        if client is None:
            return
        client.hear_of(self._lanes.last_received_s)
        end = self._lanes.take_end()
        if end is None:
            return
        is_nonsense, text = end
        if is_nonsense:
            _say(f"dropped a message: {text}")
            self._refuse(client.identity, client.run, text)
        else:
            self._let_go(text)

    def _forget_the_silent(self) -> None:
        client = self._client
        if client is None:
            return
        silent_s = client.silent_s
        if silent_s > client.silence_limit_s:
            self._let_go(f"was silent for {silent_s:.1f} s and is given up")

    def _refuse(self, sender: bytes, run: int, reason: str, busy: bool = False) -> None:
        self._send(sender, wire.control(wire.Kind.REFUSED, run, {"reason": reason, "busy": busy}))
        client = self._client
        if client is not None and (client.identity, client.run) == (sender, run):
            self._let_go(f"was refused: {reason}")

    def _refuse_message(self, sender: bytes, frames: list[Any], reason: str) -> None:
        """Answers the sender if it speaks this protocol; any other sender gets no answer."""
        head = bytes(frames[0].buffer[: wire.HEAD_BYTES]) if frames else b""
        run = wire.run_of(head)
        if run is not None:
            self._refuse(sender, run, reason)
        self._dropped += 1
        if self._dropped <= _DROPPED_NAMED:
            _say(f"dropped a message: {reason}")


def _without_too_large(
    rows: npt.NDArray[Any], data: bytes, most: int
) -> tuple[npt.NDArray[Any], bytes]:
    """Rows of ANSWER_ROW and their bytes, with an error in place of each answer of more than `most`
    bytes."""
    parts = []
    end = 0
    for number, (event, size) in enumerate(rows[["event", "size"]].tolist()):
        start, end = end, end + size
        part = data[start:end]
        if size > most:
            ends = event in (Event.COMPLETED, Event.FAILED)
            rows["event"][number] = Event.FAILED if ends else Event.FAULT
            part = _too_large(size, most).encode()
            rows["size"][number] = len(part)
        parts.append(part)
    return rows, b"".join(parts)


def _too_large(size: int, most: int) -> str:
    return (
        f"an answer has {size} bytes, more than the {most} the load generator takes: give it a "
        "higher max_answer_bytes"
    )


def _say(text: str) -> None:
    say(f"node: {shown(text)}\n")
