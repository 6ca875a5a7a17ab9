"""Who attacks a node, or is attacked by one, gets words: no crash, no hang, no memory without end.

Method: intruders with sockets of their own send a node what no load generator would, and forged
nodes send a load generator what no node would, by tables of what has been thought of and by random
mutations of good messages, the same ones each time. Afterwards a test with the node must go well;
a load generator must end with a result or a NetworkError. What would take memory is refused by the
codec itself, as Python's allocations show.
"""

import contextlib
import os
import random
import re
import signal
import socket
import struct
import time
import tracemalloc

import numpy as np
import pytest
from qdl_node import LONG, NUMBERS, FakeNode, Library, Node, reasons_of, when_answered
from runs import errors_of

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.links.link import shown
from mlperf_loadgen.qdl.wire import messages as wire
from mlperf_loadgen.qdl.wire.answers import (
    ANSWER_ROW,
    Event,
    answer_messages,
    read_answers,
    write_answers,
)
from mlperf_loadgen.qdl.wire.samples import LARGE_BYTES, SAMPLE_ROW, SamplesReader, SamplesWriter

zmq = pytest.importorskip("zmq", reason="tcp:// needs pyzmq: pip install 'mlperf_loadgen[network]'")

pytest_plugins = ["qdl_fixtures"]
pytestmark = [
    pytest.mark.usefixtures("no_hang"),
    pytest.mark.filterwarnings("ignore::mlperf_loadgen.qdl.NetworkWarning"),
]

GREETING = {
    "host": "intruder",
    "process": 1,
    "kernel": "",
    "total_sample_count": 1,
    "performance_sample_count": 1,
    "timeout_s": 1.0,
}


# ---- Intruders -----------------------------------------------------------------------------------


def as_load_generator(address, *messages):
    """Sends messages as a load generator of another process would."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as intruder:
        intruder.linger = 500
        intruder.connect(address)
        for frames in messages:
            intruder.send_multipart(frames)


def hello(**values):
    return wire.control(wire.Kind.HELLO, 5, GREETING | values)


def over_tcp(address, data, keep_open_s=0.0):
    host, port = address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(data)
        time.sleep(keep_open_s)


ZMTP = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
READY = b"\x04\x29\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"

INTRUDERS = {
    "garbage": lambda a: as_load_generator(a, [b"x"], [os.urandom(5000)], [b"", b""], [b""] * 50),
    "half a head": lambda a: as_load_generator(a, [b"MLPN\x01"]),
    "another version": lambda a: as_load_generator(a, [struct.pack("<4sHHQ", b"MLPN", 9, 1, 5)]),
    "samples without hello": lambda a: as_load_generator(a, [b"MLPN\x01\0\x04\0" + bytes(8)]),
    "bye": lambda a: as_load_generator(a, wire.control(wire.Kind.BYE, 5)),
    "hello with nothing": lambda a: as_load_generator(a, wire.control(wire.Kind.HELLO, 5)),
    "hello of infinities": lambda a: as_load_generator(
        a, hello(process=float("inf")), hello(timeout_s=10**400), hello(total_sample_count=1e999)
    ),
    "deep hello": lambda a: as_load_generator(a, [wire.control(1, 5)[0][:16] + b"[" * 99999]),
    "tcp": lambda a: over_tcp(a, b"GET / HTTP/1.1\r\n\r\n"),
    "2 GB message": lambda a: over_tcp(a, ZMTP + READY + b"\x02" + struct.pack(">Q", 2 << 30)),
    "2 EB message": lambda a: over_tcp(a, ZMTP + READY + b"\x02" + struct.pack(">Q", 2 << 60)),
    "half a message": lambda a: over_tcp(a, ZMTP + READY + b"\x02" + struct.pack(">Q", 99) + b"x"),
    "half a greeting": lambda a: over_tcp(a, ZMTP[:20], keep_open_s=0.1),
}


def test_intruders_do_not_disturb_a_run(run):
    with Node("Digest") as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        done = []

        def visit():
            for intruder in INTRUDERS.values():
                intruder(node.address)
                done.append(intruder)
            lg.AbortTest()

        when_answered(system, 10, visit)
        result = run(system, **LONG)
        assert len(done) == len(INTRUDERS)
        assert "the test was aborted: only a run to the end can be VALID" in result.reasons
        assert "lost" not in reasons_of(result)
        assert system.report.faults == {}
        assert system.report.nodes[0]["losses"] == []
        assert node.process.poll() is None
        node.wait_for("dropped a message: a message begins with")


@pytest.mark.parametrize("intruder", INTRUDERS)
def test_a_node_survives_intruders(intruder, nodes, run):
    address = nodes("Digest", number="intruders")
    INTRUDERS[intruder](address)
    assert errors_of(run(qdl.NetworkQDL(address, NUMBERS, connect_timeout_s=10))) == []
    assert nodes("Digest", number="intruders") == address, "the node has died"


def test_a_node_with_keys_survives_intruders(run, tmp_path):
    keys = str(qdl.make_keys(tmp_path / "keys"))
    with Node("Digest", keys=keys) as node:
        for intruder in INTRUDERS.values():
            intruder(node.address)
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS, keys=keys))) == []
        assert "dropped" not in node.stderr  # None came so far.


SAMPLES = SamplesWriter().write(
    5,
    qdl.Batch(*(np.zeros(1, np.uint64),) * 3, [np.zeros(3)]),
    0,
)[0]


@pytest.mark.parametrize(
    "frames",
    [
        [SAMPLES],
        [SAMPLES[:-1]],
        [struct.pack("<4sHHQ", b"MLPN", 9, 4, 5)],
        [SAMPLES, b"x"],
        [SAMPLES[:16] + b"\xff" * 8 + SAMPLES[24:], bytes(24)],
        [SAMPLES.replace(b"<f8", b"|O8"), bytes(24)],
        [SAMPLES.replace(b'"<f8"', b'"(2,"'), bytes(24)],
        [SAMPLES.replace(b"[3]", b"[9]"), bytes(24)],
        [SAMPLES.replace(b"array", b"dict?"), bytes(24)],
        wire.control(wire.Kind.WELCOME, 5),
        wire.times(wire.Kind.PING, 5, -1),
        [wire.control(wire.Kind.PING, 5)[0]],
        wire.control(wire.Kind.HELLO, 6, GREETING),
        [SAMPLES, *[b""] * wire.MOST_FRAMES],
    ],
)
def test_a_load_generator_that_talks_nonsense_is_refused(frames, nodes, run):
    address = nodes("Digest", number="intruders")
    with zmq.Context() as context, context.socket(zmq.DEALER) as talker:
        talker.linger = 0
        talker.connect(address)
        deadline = time.monotonic() + 20
        while True:
            talker.send_multipart(hello())
            assert talker.poll(10_000), "the node does not answer"
            answer = wire.read(talker.recv_multipart())
            if answer.kind == wire.Kind.WELCOME:
                break
            assert time.monotonic() < deadline, wire.read_control(answer)
            time.sleep(0.05)
        talker.send_multipart(frames)
        assert talker.poll(10_000), "the node does not answer"
        refused = wire.read(talker.recv_multipart())
        assert refused.kind == wire.Kind.REFUSED
        assert wire.read_control(refused)["reason"]
    assert errors_of(run(qdl.NetworkQDL(address, NUMBERS, connect_timeout_s=10))) == []
    assert nodes("Digest", number="intruders") == address, "the node has died"


def test_a_browser_is_turned_away_at_once():
    """It is not kept as a peer of ZeroMQ's first version, which has no greeting: libzmq aborts the
    process when such a peer comes while a node stops."""
    with Node("Digest") as node:
        host, port = node.address.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while browser.recv(4096):
                    pass


# ---- What would take too much memory -------------------------------------------------------------

ROW = np.zeros(1, SAMPLE_ROW)


def samples_of(rows, layouts, *frames):
    """A SAMPLES message of rows and the text of layouts."""
    head = wire.control(wire.Kind.SAMPLES, 5)[0][: wire.HEAD_BYTES]
    head += struct.pack("<IIq", len(rows), len(layouts), 0)
    return [head + rows.tobytes() + layouts, *frames]


def array_layout(dtype, *shape):
    return f'[["array", [["", "{dtype}", {list(shape)}]]]]'.encode()


BOMBS = {
    "texts of no length": (samples_of(ROW, array_layout("|S0", 2**36)), "no dtype of anything"),
    "a product beyond 64 bits": (samples_of(ROW, array_layout("<f4", 2**40, 2**40)), "0 bytes"),
    "one that hides": (samples_of(ROW, array_layout("<f4", 0, 2**62, 2**62)), "too big"),
    "many samples": (samples_of(np.repeat(ROW, 9999), b'[["bytes", []]]'), "9999 samples with"),
    "many arrays": (
        samples_of(
            np.repeat(ROW, 4000),
            f'[["list", [{",".join(["""["","<f4",[0]]"""] * 1024)}]]]'.encode(),
        ),
        "more than 524288 arrays",
    ),
    "long layouts": (samples_of(ROW, b"[" * (9 << 20)), "9437184 bytes of layouts"),
    "many frames": ([b""] * (wire.MOST_FRAMES + 1), "more than 131072 frames"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_samples_that_would_take_too_much_memory_are_none(bomb):
    frames, words = BOMBS[bomb]
    tracemalloc.start()
    try:
        with pytest.raises(wire.MessageError, match=words):
            SamplesReader().read(wire.read(frames))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 150 << 20


def test_control_messages_and_answers_are_small():
    hello = wire.control(wire.Kind.HELLO, 5, {"host": "x" * (1 << 20)})
    with pytest.raises(wire.MessageError, match=r"a HELLO with 10485\d\d bytes of JSON"):
        wire.read_control(wire.read(hello))
    answers = write_answers(5, np.zeros(4097, ANSWER_ROW), b"", 0)
    with pytest.raises(wire.MessageError, match="4097 answers in a message"):
        read_answers(wire.read(answers))


def test_layouts_are_not_remembered_without_end():
    reader = SamplesReader()
    rows = ROW.copy()
    rows["size"] = 4
    tracemalloc.start()
    try:
        for number in range(50):
            name = str(number) + "x" * (1 << 20)
            layouts = f'[["dict", [["{name}", "<f4", [1]]]]]'.encode()
            reader.read(wire.read(samples_of(rows, layouts, bytes(8))))
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 8 << 20


def test_what_a_node_would_not_take_is_not_sent():
    def batch(payloads):
        keys = np.arange(len(payloads), dtype=np.uint64)
        return qdl.Batch(keys, keys, keys, payloads)

    writer = SamplesWriter()
    with pytest.raises(ValueError, match="names, dtypes and shapes of 1 sample take 9000"):
        writer.write(5, batch([{"x" * 9_000_000: np.zeros(1)}]), 0)
    lists = [[np.zeros(LARGE_BYTES, np.uint8), np.zeros(1)] * 512] * 200
    with pytest.raises(ValueError, match="200 samples with 204801 arrays of 16384 bytes"):
        writer.write(5, batch(lists), 0)


@pytest.mark.parametrize(
    ("sizes", "messages"),
    [
        ([], [0]),
        ([5] * 4096, [4096]),
        ([0] * 4097, [4096, 1]),
        ([4 << 20, 1], [1, 1]),
        ([1, (4 << 20) - 1, 1], [2, 1]),
        ([1, 9 << 20, 1, 1], [2, 2]),
        ([3 << 20] * 5, [2, 2, 1]),
    ],
)
def test_many_answers_are_several_messages(sizes, messages):
    rows = np.zeros(len(sizes), ANSWER_ROW)
    rows["size"], rows["key"] = sizes, np.arange(len(sizes))
    parts = [bytes([i % 251]) * size for i, size in enumerate(sizes)]
    sent = [
        read_answers(wire.read(frames)) for frames in answer_messages(5, rows, b"".join(parts), 0)
    ]
    assert [len(some) for some, _, _ in sent] == messages
    assert [key for some, _, _ in sent for key in some["key"].tolist()] == list(range(len(sizes)))
    assert [bytes(part) for _, some, _ in sent for part in some] == parts


# ---- Answers that are too large ------------------------------------------------------------------


def test_an_answer_beyond_what_is_taken_fails_its_sample(nodes, run):
    library = Library(["10", "1000", "1001", "0"])
    system = qdl.NetworkQDL(nodes("Sized"), library, max_answer_bytes=1000)
    result = run(system, library, mode="AccuracyOnly", scenario="Offline")
    words = "an answer has 1001 bytes, more than the 1000 the load generator takes: give it a"
    assert f"{nodes('Sized')}: {words}" in reasons_of(result)
    log = lg.read_accuracy(result.logs.accuracy)
    assert sorted(map(len, log.payloads)) == [0, 10, 1000]
    assert system.report.nodes[0]["failed"] == 1


def test_first_tokens_beyond_what_is_taken_are_a_fault(nodes, run):
    system = qdl.NetworkQDL(nodes("Tokens"), NUMBERS, max_answer_bytes=4)
    result = run(system, use_token_latencies=True)
    assert "an answer has 5 bytes, more than the 4 the load generator takes" in reasons_of(result)


def test_answers_that_are_large_together_all_arrive(nodes, run):
    library = Library([str((1 << 20) + i) for i in range(24)])
    system = qdl.NetworkQDL(nodes("Sized"), library, max_answer_bytes=(1 << 20) + 23)
    result = run(system, library, mode="AccuracyOnly", scenario="Offline")
    assert result.valid
    log = lg.read_accuracy(result.logs.accuracy)
    assert sorted(map(len, log.payloads)) == [(1 << 20) + i for i in range(24)]


def test_a_node_that_sends_more_than_is_taken_is_lost(run):
    size = (16 << 20) + 2000

    def answer(node, message):
        node.answer(node.keys(message), bytes(size), size=size)

    with FakeNode(answer) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS, max_answer_bytes=1000)
        words = r"is lost: it sent a message of more than max_answer_bytes \(1000\)"
        with pytest.raises(qdl.NetworkError, match=words):
            run(system)


def test_a_node_that_sends_frames_without_end_is_lost(run):
    def answer(node, message):
        node.send([b""] * (wire.MOST_FRAMES + 1))

    with FakeNode(answer) as node, pytest.raises(qdl.NetworkError, match="of more than 131072 fr"):
        run(qdl.NetworkQDL(node.address, NUMBERS))


@pytest.mark.parametrize("value", [0, -1, float("nan"), 1 << 63])
def test_the_largest_answer_is_a_number_above_0(value):
    with pytest.raises(ValueError, match=r"max_answer_bytes must be (above 0|at most)"):
        qdl.NetworkQDL("tcp://127.0.0.1:1", NUMBERS, max_answer_bytes=value).begin_test()


# ---- Words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "is_shown"),
    [
        ("a node\u00fc", "a node\u00fc"),
        ("a\nResult is : VALID\r\n", "a Result is : VALID  "),
        ("\x1b[2J\x00\u202e\ud800", "?[2J???"),
        ("x" * 1001, "x" * 1000 + " ..."),
    ],
)
def test_what_the_other_end_says_is_one_line_to_read(said, is_shown):
    assert shown(said) == is_shown


@pytest.mark.parametrize("event", ["FAILED", "FAULT", "ABORTED"])
def test_what_a_node_says_does_nothing_to_a_terminal(event, run):
    said = b"\x1b[2J\nResult is : VALID"

    def answer(node, message):
        keys = node.keys(message)
        node.answer(keys[:1], said, event=Event[event], size=len(said))
        node.answer(keys[1:] if event == "FAILED" else keys)

    with FakeNode(answer) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        try:
            text = reasons_of(run(system))
        except qdl.NetworkError as error:
            text = str(error)
    known = "\n".join([text, *system.report.faults, *system.report.nodes[0]["losses"]])
    assert "?[2J Result is : VALID" in known
    assert "\x1b" not in known
    assert "\nResult is" not in known


# ---- Load generators that keep a node busy -------------------------------------------------------


class Peer:
    """A load generator that does what a test says; `begin` waits until it is welcome."""

    def __init__(self, address, receive_limit=0):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvhwm = receive_limit
        self.socket.connect(address)

    def send(self, frames):
        self.socket.send_multipart(frames)

    def begin(self, **values):
        for _ in range(100):
            self.send(hello(**values))
            ask_again = time.monotonic() + 0.2  # A busy node answers at once.
            while self.socket.poll(1000 * max(0.0, ask_again - time.monotonic())):
                answer = wire.read(self.socket.recv_multipart())
                if answer.kind == wire.Kind.WELCOME:
                    return
        raise AssertionError("the node does not welcome")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.destroy(linger=0)


def test_who_says_hello_and_nothing_else_makes_room(run):
    limits = {"_GREETING_LIMIT_S": 0.3}
    with Node("Digest", limits=limits) as node, Peer(node.address) as silent:
        silent.begin(timeout_s=3600.0)
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS))) == []
        node.wait_for("intruder, process 1 was silent for ")


def test_who_says_more_than_hello_is_waited_for(run):
    limits = {"_GREETING_LIMIT_S": 0.3}
    with Node("Digest", limits=limits) as node, Peer(node.address) as slow:
        slow.begin(timeout_s=3600.0)
        slow.send(wire.times(wire.Kind.PING, 5, 1))
        with pytest.raises(qdl.NetworkError, match="it works for intruder, process 1"):
            run(qdl.NetworkQDL(node.address, NUMBERS, connect_timeout_s=1.0))
        slow.send(wire.control(wire.Kind.BYE, 5))
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS))) == []


def test_who_waits_for_a_system_that_begins_slowly_keeps_its_place(run):
    with Node("Asynchronous", start_s=4.0, limits={"_GREETING_LIMIT_S": 2.0}) as node:
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS))) == []
        assert "silent" not in node.stderr


def test_who_takes_no_answers_is_given_up(run):
    asked = SamplesWriter()
    with Node("Sized", limits={"_MOST_WAITING_OUT": 10}) as node:
        with Peer(node.address, receive_limit=1) as deaf:
            deaf.begin(timeout_s=3600.0)
            for number in range(60):
                keys = np.array([number], np.uint64)
                deaf.send(asked.write(5, qdl.Batch(keys, keys, keys, [str(1 << 20)]), 0))
            node.wait_for("does not take its answers and is given up")
        library = Library(["1"] * 9)
        assert errors_of(run(qdl.NetworkQDL(node.address, library), library)) == []


# ---- Anything at all -----------------------------------------------------------------------------

EDGES = [0, 1, 255, 2**16 - 1, 2**31, 2**32 - 1, 2**40, 2**62 + 1, 2**63 - 1, 2**63, 2**64 - 1]
TEXTS = [b'"|O8"', b'"<U0"', b"[-1]", b"[9223372036854775807, 2]", b"NaN", b"1e999", b"null", b"[["]


def mutated(random_number, frames):
    """Frames of a good message, changed in one to four places."""
    frames = [bytearray(bytes(frame)) for frame in frames]
    for _ in range(random_number.randrange(1, 5)):
        frame = random_number.choice(frames)
        at = random_number.randrange(len(frame) + 1)
        how = random_number.randrange(8)
        if how == 0 and at < len(frame):
            frame[at] = random_number.randrange(256)
        elif how == 1:
            frame[at : at + 8] = struct.pack("<Q", random_number.choice(EDGES))
        elif how == 2:
            del frame[at:]
        elif how == 3:
            frame[at:at] = random_number.randbytes(9)
        elif how == 4:
            frames.append(bytearray(random_number.choice(frames)))
        elif how == 5 and len(frames) > 1:
            frames.remove(frame)
        elif how == 6 and len(frame) > 8:
            frame[6:8] = struct.pack("<H", random_number.randrange(12))  # Its kind.
        else:
            text = random_number.choice(TEXTS)
            frame[at : at + len(text)] = text
    return [bytes(frame) for frame in frames]


def test_a_node_survives_any_message(run):
    numbers = random.Random(1)
    keys = np.arange(3, dtype=np.uint64)
    payloads = ["text", [np.arange(3)], {"a": np.arange(5000.0)}]
    good = [
        SamplesWriter().write(5, qdl.Batch(keys, keys, keys, payloads), 0),
        wire.times(wire.Kind.PING, 5, 1),
        wire.control(wire.Kind.FLUSH, 5),
        hello(),
    ]
    with Node("Digest") as node:
        for _ in range(15):
            with Peer(node.address) as intruder:
                intruder.begin()
                for _ in range(40):
                    intruder.send(mutated(numbers, numbers.choice(good)))
                intruder.send(wire.control(wire.Kind.BYE, 5))
                while intruder.socket.poll(20):
                    assert wire.read(intruder.socket.recv_multipart())
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS))) == []
        node.send_signal(signal.SIGTERM)
        assert node.wait() == 0
        assert re.search(r"dropped \d{2,} messages in all", node.stderr)


@pytest.mark.parametrize("seed", range(25))
def test_a_load_generator_survives_any_message(seed, run):
    numbers = random.Random(seed)

    def answer(node, message):
        rows = np.zeros(len(message.body) // 100 + 1, ANSWER_ROW)
        rows["event"], rows["size"] = numbers.randrange(5), 2
        answers = write_answers(node.run, rows, b"no" * len(rows), 1)
        pong = wire.times(wire.Kind.PONG, node.run, 1, numbers.choice(EDGES) >> 1, 3)
        welcome = wire.control(wire.Kind.WELCOME, node.run, {"name": "again", "kernel": ""})
        node.send(mutated(numbers, numbers.choice([answers, answers, pong, welcome])))
        node.answer(node.keys(message))

    with FakeNode(answer) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS, node_timeout_s=2)
        try:
            result = run(system, stall_timeout_ms=5000)
            assert result.valid == (not result.reasons)
        except qdl.NetworkError as error:
            assert node.address in str(error)
