"""A node's lane is for the load generator that knows its secret, and whoever sends what it should
not, or falls silent on it, is named and costs the node nothing.

Method: load generators by hand, which greet a real node over ZeroMQ and speak the lane's protocol
over a socket of their own, written here from its description. Afterwards a test with the node must
go well.
"""

import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from qdl_node import NUMBERS, Library, Node, digest
from runs import errors_of

from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.wire import messages as wire
from mlperf_loadgen.qdl.wire.payload import flatten

zmq = pytest.importorskip("zmq", reason="tcp:// needs pyzmq: pip install 'mlperf_loadgen[network]'")

pytest_plugins = ["qdl_fixtures"]
pytestmark = [
    pytest.mark.usefixtures("no_hang"),
    pytest.mark.filterwarnings("ignore::mlperf_loadgen.qdl.NetworkWarning"),
]

RUN = 5
LIMIT_S = 20
SAMPLE = struct.Struct("<HHIQQQQ")  # Kind, ends_query, layout_bytes, key, index, size, place.
ANSWER = struct.Struct("<QQqQqqqQ")  # Kind, key, n_tokens, size, three times, place or sent_ns.
COMPLETED, FIRST_TOKEN, FAILED, FAULT, ABORTED, SENT = range(6)


def padded(data):
    return data + bytes(-len(data) % 8)


def sample(payload, key=0, index=0, ends_query=1, layout=None):
    """A sample as it is written on a lane."""
    meant, parts = flatten(payload)
    text = meant.to_json().encode() if layout is None else layout
    data = b"".join(padded(bytes(part)) for part in parts)
    size = len(data) - (-len(parts[-1]) % 8 if parts else 0)
    return SAMPLE.pack(1, ends_query, len(text), key, index, size, 0) + padded(text) + data


def proof(secret, role, first, second):
    message = role + b"\0lane 1\0" + first + second
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


class Refused(Exception):
    """The node does not let the lane in."""


class Lane:
    """The load generator's end of a lane."""

    def __init__(self, host, place):
        self.socket = socket.create_connection((host, place["port"]), LIMIT_S)
        self.socket.settimeout(LIMIT_S)
        self.place = place

    def prove(self, secret=None):
        secret = self.place["secret"] if secret is None else secret
        own = os.urandom(16)
        try:
            self.send(b"MLPHAND1" + own)
            assert self.take(8) == b"MLPHAND1"
            other = self.take(16)
            if not hmac.compare_digest(self.take(32), proof(secret, b"accepting", own, other)):
                raise Refused
            self.send(proof(secret, b"connecting", own, other))
            assert self.take(1) == b"y"
        except OSError:
            raise Refused from None
        return self

    def send(self, data):
        self.socket.sendall(data)

    def take(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionResetError("the node has closed the lane")
            data += part
        return data

    def answer(self):
        """Kind, key and bytes of the next answer."""
        while True:
            kind, key, _, size, *_ = ANSWER.unpack(self.take(ANSWER.size))
            data = self.take(size + -size % 8)[:size]
            if kind != SENT:
                return kind, key, data

    def is_closed(self):
        with contextlib.suppress(ConnectionError):
            return not self.socket.recv(1)
        return True


class Generator:
    """A load generator that the node has welcomed; `lane()` connects to where its lane is."""

    def __init__(self, address, **values):
        self.host = address.removeprefix("tcp://").rpartition(":")[0]
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)
        greeting = {
            "host": "by hand",
            "process": 1,
            "kernel": "",
            "total_sample_count": 64,
            "performance_sample_count": 64,
            "timeout_s": 3600.0,
            "lane": 1,
        }
        self.hello = wire.control(wire.Kind.HELLO, RUN, greeting | values)
        self.welcome = self.greet()

    def send(self, frames):
        self.socket.send_multipart(frames)

    def take(self):
        """The kind and the values of the next message."""
        assert self.socket.poll(1000 * LIMIT_S), "the node sends nothing"
        message = wire.read(self.socket.recv_multipart())
        return message.kind, json.loads(bytes(message.body))

    def receive(self, kind):
        """The values of the next message, which is of this kind."""
        taken, values = self.take()
        assert taken == kind, values
        return values

    def greet(self):
        """The values of the node's welcome; as long as it works for another one, it is asked."""
        while True:
            self.send(self.hello)
            kind, values = self.take()
            if kind == wire.Kind.WELCOME:
                return values
            assert values.get("busy"), values

    def lane(self):
        return Lane(self.host, self.welcome["lane"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(zmq.ZMQError):
            self.send(wire.control(wire.Kind.BYE, RUN))
        self.context.destroy(linger=500)


def still_works(address, run):
    return errors_of(run(qdl.NetworkQDL(address, NUMBERS))) == []


# ---- What a lane is for --------------------------------------------------------------------------

PAYLOADS = [
    b"",
    b"bytes",
    "t\u00e9xt",
    np.arange(7, dtype=np.int16).reshape(7, 1),
    np.array(2.5),
    [np.arange(3, dtype=np.int8), np.ones((2, 2)), np.zeros((0, 4))],
    {"a": np.array(["x", "longer"]), "b": np.arange(100_000, dtype=np.float32)},
    [],
    {},
]


def test_payloads_arrive_as_they_are(nodes):
    with Generator(nodes("Digest", number="lanes")) as generator:
        lane = generator.lane().prove()
        stream = b"".join(sample(one, 70 + n, n) for n, one in enumerate(PAYLOADS))
        for start in range(0, len(stream), 7919):  # However it is cut.
            lane.send(stream[start : start + 7919])
        answers = [lane.answer() for _ in PAYLOADS]
    assert sorted(answers) == [(COMPLETED, 70 + n, digest(one)) for n, one in enumerate(PAYLOADS)]


def test_a_query_is_issued_whole(nodes):
    with Generator(nodes("QuerySizes", number="lanes")) as generator:
        lane = generator.lane().prove()
        for key in range(5):
            lane.send(sample(b"x", key, key, ends_query=key == 4))
        assert [lane.answer() for _ in range(5)] == [(COMPLETED, key, b"5") for key in range(5)]


def test_a_flush_that_came_before_the_end_of_the_run_is_made(nodes):
    """As a load generator does it: the end of the lane, and then BYE by another connection."""
    with Generator(nodes("Hoarder", number="lanes")) as generator:
        lane = generator.lane().prove()
        lane.send(sample(b"held", 1) + SAMPLE.pack(3, 0, 0, 0, 0, 0, 0))
        lane.socket.shutdown(socket.SHUT_WR)
        assert lane.answer() == (COMPLETED, 1, b"flushed")
        generator.send(wire.control(wire.Kind.BYE, RUN))
        assert lane.is_closed()


# ---- What it is not for --------------------------------------------------------------------------


def test_only_who_knows_the_secret_has_the_lane_and_only_once(run):
    with Node("Digest") as node:
        with Generator(node.address) as generator:
            garbage = generator.lane()
            garbage.send(b"GET / HTTP/1.1\r\nHost: of another kind of server\r\n\r\n")
            assert garbage.is_closed()
            with pytest.raises(Refused):
                generator.lane().prove("0" * 64)
            silent = [generator.lane() for _ in range(5)]  # They say nothing.
            lane = generator.lane().prove()
            lane.send(sample(b"x", 3))
            assert lane.answer() == (COMPLETED, 3, digest(b"x"))
            with pytest.raises(Refused):
                generator.lane().prove()
            for one in silent:
                one.socket.close()
        assert still_works(node.address, run)
        with pytest.raises(Refused):  # Its run is over.
            generator.lane().prove()


def test_who_does_not_ask_for_a_lane_is_offered_none(nodes):
    with Generator(nodes("Digest", number="lanes"), lane=0) as generator:
        assert "lane" not in generator.welcome


def _record(kind, ends_query=1, layout_bytes=0, size=0):
    return SAMPLE.pack(kind, ends_query, layout_bytes, 1, 1, size, 0)


NONSENSE = {
    "garbage": (b"\xff" * 4000, "unknown kind"),
    "zeros": (bytes(4000), "unknown kind 0"),
    "a huge sample": (_record(1, size=1 << 40), "a sample of 1099511627776 bytes"),
    "the largest sample": (_record(1, size=2**64 - 1), "a sample of 18446744073709551615 bytes"),
    "a huge layout": (_record(1, layout_bytes=2**32 - 1), "a layout of 4294967295 bytes"),
    "shared memory": (_record(2, size=100), "memory that is not shared"),
    "answers that lay nowhere": (_record(4), "memory that is not shared"),
    "a flush with bytes": (_record(3, size=9), "without a payload"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_who_sends_nonsense_is_refused(what, nodes, run):
    data, words = NONSENSE[what]
    address = nodes("Digest", number="nonsense")
    with Generator(address) as generator:
        lane = generator.lane().prove()
        lane.send(sample(b"good", 1) + data)
        assert words in generator.receive(wire.Kind.REFUSED)["reason"]
        with contextlib.suppress(ConnectionError):
            while lane.answer():
                pass
    assert still_works(address, run)
    assert nodes("Digest", number="nonsense") == address, "the node has died"


LAYOUTS = {
    "no JSON": b"[[[",
    "another form": b'["object", []]',
    "objects": b'["array", [["", "|O8", [1]]]]',
    "more than there is": b'["array", [["", "<f8", [1000000000000]]]]',
    "less than there is": b'["array", [["", "<f8", [1]]]]',
    "nothing": b"",
    "no text": b"\xff\xfe",
    "deep": b"[" * 99_999,
}


@pytest.mark.parametrize("what", LAYOUTS)
def test_a_layout_that_is_none_fails_its_sample(what, nodes, run):
    address = nodes("Digest", number="nonsense")
    with Generator(address) as generator:
        lane = generator.lane().prove()
        lane.send(sample(b"x" * 24, 1, 1, layout=LAYOUTS[what]) + sample(b"good", 2, 2))
        kind, key, text = lane.answer()
        assert (kind, key) == (FAILED, 1)
        assert text.startswith(b"issue_query raised ")
        assert lane.answer() == (COMPLETED, 2, digest(b"good"))
    assert still_works(address, run)


def test_samples_beside_the_lane_are_refused(nodes, run):
    address = nodes("Digest", number="nonsense")
    with Generator(address) as generator:
        lane = generator.lane().prove()
        lane.send(sample(b"x"))
        generator.send(
            [wire.head_of(wire.Kind.SAMPLES, RUN) + wire.ROWS_HEAD.pack(0, 2, 0) + b"[]"]
        )
        assert "beside the lane" in generator.receive(wire.Kind.REFUSED)["reason"]
    assert still_works(address, run)


def test_a_lane_may_end_anywhere(nodes, run):
    address = nodes("Digest", number="nonsense")
    stream = sample(b"x" * 100, 1) + sample(np.zeros(50_000), 2)
    for end in (0, 1, 39, 41, 100, 220, 50_000, len(stream) - 1):
        with Generator(address) as generator:
            lane = generator.lane().prove()
            lane.send(stream[:end])
            lane.socket.close()
    assert still_works(address, run)


def test_who_takes_no_answers_is_given_up(run):
    with Node("Sized", limits={"_MOST_WAITING_OUT": 10}) as node:
        with Generator(node.address) as generator:
            lane = generator.lane().prove()
            for number in range(60):
                lane.send(sample(str(1 << 20), number, number))
            node.wait_for("by hand, process 1 does not take its answers and is given up")
        library = Library(["1"] * 9)
        assert errors_of(run(qdl.NetworkQDL(node.address, library), library)) == []


def test_samples_on_the_lane_are_signs_of_life(run):
    """Silence is that of both connections."""
    with Node("Digest") as node, Generator(node.address, timeout_s=1.0) as generator:
        lane = generator.lane().prove()
        end_s = time.monotonic() + 2.5
        while time.monotonic() < end_s:
            lane.send(sample(b"x", 1))
            assert lane.answer() == (COMPLETED, 1, digest(b"x"))
            time.sleep(0.1)
        node.wait_for("by hand, process 1 was silent for ")
        assert lane.is_closed()


KILLED = """
import sys; sys.path[:0] = {path!r}
from test_node_lanes import Generator, sample
import numpy as np
generator = Generator({address!r}, timeout_s=0.3)
lane = generator.lane().prove()
print("ready", flush=True)
while True:
    lane.send(sample(np.zeros(30_000), 1, 1))
"""


def test_load_generators_may_be_killed(run):
    with Node("Digest") as node:
        for delay_s in (0.0, 0.01, 0.03):
            code = textwrap.dedent(KILLED).format(path=sys.path, address=node.address)
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
                assert process.stdout.readline() == b"ready\n"
                time.sleep(delay_s)  # Not for anything to happen: to kill it elsewhere.
                process.send_signal(signal.SIGKILL)
        assert still_works(node.address, run)
        assert node.process.poll() is None


def resident_bytes(process):
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_connections_and_nonsense_take_no_memory(run):
    with Node("Digest") as node:

        def visit():
            with Generator(node.address) as generator:
                strangers = [generator.lane() for _ in range(20)]
                for stranger in strangers:
                    with contextlib.suppress(OSError):
                        stranger.send(os.urandom(2000))
                    stranger.socket.close()
                lane = None
                while lane is None:
                    with contextlib.suppress(Refused):
                        lane = generator.lane().prove()
                lane.send(sample(b"x" * 1_000_000, 1) + b"\xff" * 100)
                generator.receive(wire.Kind.REFUSED)

        for _ in range(5):
            visit()
        before = resident_bytes(node.process)
        for _ in range(40):
            visit()
        assert resident_bytes(node.process) - before < 10_000_000
        assert len(list(Path(f"/proc/{node.process.pid}/fd").iterdir())) < 100
        assert still_works(node.address, run)
