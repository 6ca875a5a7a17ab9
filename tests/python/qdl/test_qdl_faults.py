"""Whatever breaks between a load generator and its nodes ends in words, and never in a hang.

Method: nodes of qdl_node.py are killed, stopped, started late and made to misbehave; forged nodes
answer nonsense of many kinds; a proxy is a bad cable; other programs talk to a node during a run.
Each test looks for the words that name what was wrong, in the NetworkError that StartTest raises or
in the reasons of an INVALID result, and ends by a limit of its own if nothing else ends it.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import runs
from links import Recorder, run_limited, run_of
from qdl_node import (
    LONG,
    NUMBERS,
    QUICK,
    FakeNode,
    Library,
    Node,
    Proxy,
    digest,
    free_port,
    reasons_of,
    when,
    when_answered,
)
from runs import HANG_LIMIT_S, errors_of, until

import mlperf_loadgen as lg
from mlperf_loadgen import qdl, testing
from mlperf_loadgen.qdl.dispatch import network_run, parcels, timings
from mlperf_loadgen.qdl.links.keys import client_keys
from mlperf_loadgen.qdl.wire import messages as wire
from mlperf_loadgen.qdl.wire.answers import ANSWER_ROW, Event, write_answers

zmq = pytest.importorskip("zmq", reason="tcp:// needs pyzmq: pip install 'mlperf_loadgen[network]'")

from mlperf_loadgen.qdl.links.zmq import ZmqLink  # noqa: E402

pytest_plugins = ["qdl_fixtures"]
pytestmark = [
    pytest.mark.usefixtures("no_hang"),
    # It is in the result as well.
    pytest.mark.filterwarnings("ignore::mlperf_loadgen.qdl.NetworkWarning"),
]


def answered(system):
    return [node["answered"] for node in system.report.nodes]


# ---- Nodes that go away --------------------------------------------------------------------------

ENDS = {"scenario": "Server", "server_target_qps": 500, "min_duration_ms": 1500}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_the_last_node_that_dies_ends_the_test(number, transport, run, tmp_path):
    address = "tcp://127.0.0.1:0" if transport == "tcp" else f"ipc://{tmp_path}/node"
    with Node("Backlog", address) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        when_answered(system, 20, lambda: node.send_signal(number))
        with pytest.raises(qdl.NetworkError) as lost:
            run(system, **LONG)
        assert f"node {node.address} is lost: the connection was closed" in str(lost.value)
        assert "no other node is left" in str(lost.value)
        assert system.report.nodes[0]["losses"] == ["the connection was closed"]
        node.wait()


def test_a_test_that_a_network_error_ended_leaves_its_network_logs(run, tmp_path):
    with Node("Backlog") as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        when_answered(system, 20, node.end)
        with pytest.raises(qdl.NetworkError) as lost:
            run(system, **LONG)
    (log,) = tmp_path.glob("*/mlperf_log_network.json")
    logged = json.loads(log.read_text())
    assert logged == json.loads(json.dumps(system.report.to_dict()))
    assert logged["nodes"][0]["losses"] == ["the connection was closed"]
    assert len(np.load(log.with_suffix(".npy"))) == logged["nodes"][0]["answered"] >= 20
    assert str(lost.value) in log.with_name("mlperf_log_detail.txt").read_text()


def test_a_test_that_the_library_ended_leaves_its_network_logs(nodes, run, tmp_path):
    library = Library([b"x", LookupError("this sample was never downloaded")] * 4)
    with pytest.raises(LookupError, match="never downloaded"):
        run(qdl.NetworkQDL(nodes("Digest"), library), library)
    assert list(tmp_path.glob("*/mlperf_log_network.npy"))


def test_a_library_that_never_returns_is_left_behind(nodes, run, monkeypatch):
    """What its thread does in the end is no business of a later test."""
    monkeypatch.setattr(network_run, "_LONGEST_END_S", 0.5)
    address, held = nodes("Digest"), threading.Event()
    called = []

    class Holding(Library):
        def __getitem__(self, index):
            called.append(threading.current_thread())
            if len(called) == 1:
                held.wait(HANG_LIMIT_S)
                raise LookupError("too late to matter")
            held.set()  # In the later test.
            called[0].join(HANG_LIMIT_S)
            return super().__getitem__(index)

    library = Holding([b"x"] * 4)
    system = qdl.NetworkQDL(address, library)
    with pytest.warns(qdl.NetworkWarning, match=r"qsl\[index\] does not return"):
        result = run(system, library, stall_timeout_ms=300)
    assert not result.valid
    assert errors_of(run(system, library, mode="AccuracyOnly")) == []
    assert not called[0].is_alive()


def test_a_test_goes_on_with_the_nodes_that_are_left(nodes, run):
    with Node("Backlog", delay_s=0.02) as node:
        addresses = [nodes("Digest"), node.address]
        system = qdl.NetworkQDL(addresses, NUMBERS, balance="round_robin")
        when_answered(system, 5, node.end, node=1)  # It has more than it can answer.
        result = run(system, **ENDS)
    text = f"node {node.address} is lost: the connection was closed"
    assert text in reasons_of(result)
    failed = system.report.nodes[1]["failed"]
    assert failed > 0
    assert system.report.faults[text] == failed
    assert failed == result.performance.failed_sample_count
    assert failed == np.count_nonzero(result.samples["failed"])
    assert sum(answered(system)) == result.performance.sample_count
    assert answered(system)[0] > answered(system)[1]


def test_a_lost_node_ends_the_test_if_so_asked(nodes, run):
    with Node("Backlog") as node:
        system = qdl.NetworkQDL([nodes("Digest"), node.address], NUMBERS, on_loss="end")
        when_answered(system, 5, node.end, node=1)
        with pytest.raises(qdl.NetworkError, match=f"node {node.address} is lost"):
            run(system, **LONG)


def test_a_node_that_hangs_is_lost(nodes, run):
    with Node("Digest") as node:
        system = qdl.NetworkQDL([nodes("Digest"), node.address], NUMBERS, node_timeout_s=2)
        when_answered(system, 20, lambda: node.send_signal(signal.SIGSTOP), node=1)
        result = run(system, **ENDS | {"min_duration_ms": 3500})
        words = rf"node {node.address} is lost: silent for \d+\.\d s \(node_timeout_s\)"
        assert re.search(words, reasons_of(result))


def test_a_node_that_comes_back_is_used_again(nodes, run):
    address = f"tcp://127.0.0.1:{free_port()}"
    first, second = Node("Digest", address), []
    system = qdl.NetworkQDL([nodes("Digest"), address], NUMBERS, balance="round_robin")

    def restart():
        first.end()
        second.append(Node("Digest", address))
        before = system._network_run.fleet.nodes[1].answered
        when_answered(system, before + 20, lg.AbortTest, node=1)

    when_answered(system, 20, restart, node=1)
    try:
        result = run(system, **LONG)
    finally:
        for node in second:
            node.end()
    assert result.aborted
    assert f"node {address} is lost" in reasons_of(result)
    assert system.report.nodes[1]["losses"] == ["the connection was closed"]


def test_a_node_that_comes_late_is_waited_for(run):
    address = f"tcp://127.0.0.1:{free_port()}"
    late = []
    thread = threading.Timer(0.3, lambda: late.append(Node("Digest", address)))
    thread.start()
    result = run(qdl.NetworkQDL(address, NUMBERS))
    thread.join()
    late[0].end()
    assert errors_of(result) == []


def seconds_to_look_up(name):
    start_s = time.monotonic()
    with contextlib.suppress(OSError):
        socket.getaddrinfo(name, 1)
    return time.monotonic() - start_s


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://127.0.0.1:{port}", "not ready after 0.5 s: nothing listens there"),
        ("tcp://name.invalid:1", "not ready after 0.5 s: its host is not known"),
        ("ipc:///nowhere/node", "not ready after 0.5 s: nothing listens there"),
    ],
)
def test_a_node_that_never_comes_is_named(address, words, run):
    if "name.invalid" in address and seconds_to_look_up("name.invalid") > 1:
        pytest.skip("names are looked up too slowly here")
    address = address.format(port=free_port())
    with pytest.raises(qdl.NetworkError, match=words) as error:
        run(qdl.NetworkQDL(address, NUMBERS, connect_timeout_s=0.5))
    assert str(error.value).startswith(f"{address}: ")


def test_one_node_that_never_comes_is_enough(nodes, run):
    there, missing = nodes("Digest"), f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(qdl.NetworkError, match=f"{missing}: not ready after 0.5 s"):
        run(qdl.NetworkQDL([there, missing], NUMBERS, connect_timeout_s=0.5))
    assert errors_of(run(qdl.NetworkQDL(there, NUMBERS))) == []


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(64)])
def test_a_server_of_something_else_is_no_node(answer, run):
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            if answer:
                connection.sendall(answer)
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(qdl.NetworkError, match=r"after 0.7 s: (it does|the node|the hand)"):
        run(qdl.NetworkQDL(address, NUMBERS, connect_timeout_s=0.7))
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


# ---- Nodes that say no ---------------------------------------------------------------------------


def test_a_system_that_cannot_be_made_is_no_node():
    with Node("Unmade", wait=False) as node:
        assert node.wait() != 0
        assert "ValueError: no such model" in node.stderr


def test_a_system_that_cannot_begin_refuses(nodes, run):
    system = qdl.NetworkQDL(nodes("Asynchronous", start_fails=True), NUMBERS)
    words = "it refused: Asynchronous: ValueError: the server of this node is not there"
    for _ in range(2):
        with pytest.raises(qdl.NetworkError, match=words):
            run(system)


def test_a_system_that_begins_slowly_is_waited_for(nodes, run):
    system = qdl.NetworkQDL(nodes("Asynchronous", start_s=3.0), NUMBERS, node_timeout_s=2)
    assert errors_of(run(system)) == []


@pytest.mark.parametrize(
    ("greet", "words"),
    [
        (lambda node, run: node.send([b"nonsense" * 9]), "begins with b'nons', not b'MLPN'"),
        (lambda node, run: node.send([b"x"]), "of 1 bytes is shorter than its head"),
        (
            lambda node, run: node.send([struct.pack("<4sHHQ", b"MLPN", 2, 2, run) + b"{}"]),
            "speaks version 2 of the protocol, this one 1: install the same release",
        ),
        (
            lambda node, run: node.send([struct.pack("<4sHHQ", b"MLPN", 1, 99, run)]),
            "unknown kind 99",
        ),
        (
            lambda node, run: node.send([struct.pack("<4sHHQ", b"MLPN", 1, 2, run) + b"{"]),
            "WELCOME without readable JSON",
        ),
        (
            lambda node, run: node.send([struct.pack("<4sHHQ", b"MLPN", 1, 2, run) + b"[" * 99999]),
            "WELCOME without readable JSON",
        ),
        (
            lambda node, run: node.send([struct.pack("<4sHHQ", b"MLPN", 1, 2, run) + b"[]"]),
            "WELCOME whose JSON is no object",
        ),
        (
            lambda node, run: node.send(wire.control(wire.Kind.HELLO, run)),
            "a HELLO is not for a load generator",
        ),
        (
            lambda node, run: node.send(wire.control(wire.Kind.REFUSED, run, {"reason": "tired"})),
            "it refused: tired",
        ),
        (
            lambda node, run: node.send(
                wire.control(wire.Kind.REFUSED, run, {"reason": "ill", "busy": True})
            ),
            "not ready after 0.5 s: ill",
        ),
        (lambda node, run: None, "not ready after 0.5 s: it does not answer"),
        (
            lambda node, run: node.send(wire.control(wire.Kind.WELCOME, run + 1, {"name": "x"})),
            "not ready after 0.5 s: it does not answer",
        ),
    ],
)
def test_a_greeting_that_is_none(greet, words, run):
    with FakeNode(lambda node, message: None, greet) as node:
        # A refusal comes at once, but not so soon on every machine.
        timeout_s = 0.5 if "after 0.5 s" in words else 10
        with pytest.raises(qdl.NetworkError) as error:
            run(qdl.NetworkQDL(node.address, NUMBERS, connect_timeout_s=timeout_s))
        assert words in str(error.value)
        assert str(error.value).startswith(node.address)


def test_what_a_welcome_says_is_not_trusted(run):
    def greet(node, run):
        name = "a\nResult is : VALID\n\ud800" + "x" * 100_000
        node.send(wire.control(wire.Kind.WELCOME, run, {"name": name, "max_payload_bytes": "many"}))

    with FakeNode(lambda node, message: node.answer(node.keys(message)), greet) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        result = run(system)
    assert errors_of(result) == []
    assert "\n" not in system.name
    assert len(system.name) < 1000
    summary = Path(result.logs.summary).read_text()
    assert summary.count("\nResult is") == 1


# ---- Answers that are none -----------------------------------------------------------------------


def rows_cut(node, message):
    frames = write_answers(node.run, np.zeros(2, ANSWER_ROW), b"", 1)
    node.send([frames[0][:-1], frames[1]])


def count_huge(node, message):
    head = struct.pack("<4sHHQ", b"MLPN", 1, 5, node.run)
    node.send([head + struct.pack("<IIq", 2**32 - 1, 0, 1), b""])


def raw(*frames):
    return lambda node, message: node.send([*frames])


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (raw(os.urandom(200)), "a message begins with"),
        (raw(b""), "of 0 bytes is shorter than its head"),
        (rows_cut, "do not hold 2 answers"),
        (count_huge, "do not hold 4294967295 answers"),
        (lambda n, m: n.answer(n.keys(m), b"abc", size=2**63), "3 bytes of answers instead of"),
        (lambda n, m: n.answer(n.keys(m), b"abc", size=2), "3 bytes of answers instead of 2"),
        (lambda n, m: n.answer(n.keys(m), b"", size=1), "0 bytes of answers instead of 1"),
        (lambda n, m: n.answer(n.keys(m), event=7), "answer of the unknown kind 7"),
        (lambda n, m: n.answer(n.keys(m), event=2**64 - 1), "unknown kind 18446744073709551615"),
        (lambda n, m: n.send(wire.control(wire.Kind.FLUSH, n.run)), "FLUSH is not for a load"),
        (lambda n, m: n.send(wire.control(wire.Kind.REFUSED, n.run, {"reason": "no"})), "no"),
        (lambda n, m: n.send(wire.times(wire.Kind.PONG, n.run, 1, -(2**63), 1)), "no clock shows"),
        (lambda n, m: n.answer([0], b"off", event=4, size=3), "is lost: off"),
    ],
)
def test_a_node_that_talks_nonsense_is_lost(say, words, run):
    with FakeNode(say) as node:
        with pytest.raises(qdl.NetworkError) as error:
            run(qdl.NetworkQDL(node.address, NUMBERS))
        assert f"node {node.address} is lost" in str(error.value)
        assert words in str(error.value)


def twice_in_one_message(node, message):
    keys = node.keys(message)
    node.answer(np.concatenate((keys, keys)))


def twice_in_two_messages(node, message):
    keys = node.keys(message)
    node.answer(keys[:1])
    node.answer(keys[:1])
    node.answer(keys[1:])


def unknown_keys(node, message):
    keys = node.keys(message)
    others = np.array([0, 1, 2**64 - 1, int(keys[0]) ^ (1 << 40)], np.uint64)
    node.answer(np.concatenate((others, keys, others)))


def another_run(node, message):
    keys = node.keys(message)
    node.answer(keys, run=node.run + 1)
    node.answer(keys)


def first_token_too_late(node, message):
    keys = node.keys(message)
    node.answer(keys[:1])
    node.answer(keys[:1], event=1)
    node.answer(keys[1:])


def fault_of_its_own(node, message):
    node.answer([0], b"hot", event=3, size=3)
    node.answer(node.keys(message))


def failure(node, message):
    keys = node.keys(message)
    node.answer(keys, b"sad" * len(keys), event=2, size=3)


NOT_HAD = "answered samples that it did not have, or had answered before"


@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (twice_in_one_message, NOT_HAD),
        (twice_in_two_messages, NOT_HAD),
        (unknown_keys, NOT_HAD),
        (another_run, "sent answers for another run, which were not counted"),
        (first_token_too_late, NOT_HAD),
        (fault_of_its_own, "hot"),
        (failure, "sad"),
    ],
)
def test_answers_that_must_not_be_spoil_the_result(scenario, answer, words, run):
    with FakeNode(answer) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        result = run(system, scenario=scenario)
    assert f"{node.address}: {words}" in reasons_of(result)
    assert "never completed" not in reasons_of(result)
    assert f"{node.address}: {words}" in system.report.faults


def test_an_answer_after_the_end_spoils_the_result(run):
    answered = threading.Event()

    def answer_twice(node, message):
        keys = node.keys(message)
        node.answer(keys)
        threading.Timer(0.1, lambda: (node.answer(keys), answered.set())).start()

    class SlowlyUnloaded(Library):
        def unload_samples(self, indices):
            assert answered.wait(HANG_LIMIT_S)
            until(lambda: system._network_run.test.faults)

    library = SlowlyUnloaded(NUMBERS.payloads)
    with FakeNode(answer_twice) as node:
        system = qdl.NetworkQDL(node.address, library)
        result = run(system, library, scenario="Offline", min_query_count=1)
    assert "had answered before" in reasons_of(result)
    assert "had answered before" in " ".join(system.report.faults)


def test_logs_are_complete_where_warnings_are_errors(tmp_path):
    with FakeNode(failure) as node, warnings.catch_warnings():
        warnings.simplefilter("error", qdl.NetworkWarning)
        with pytest.raises(qdl.NetworkWarning, match="sad"):
            testing.run(qdl.NetworkQDL(node.address, NUMBERS), NUMBERS, outdir=tmp_path, **QUICK)
    assert (tmp_path / "mlperf_log_network.json").exists()
    assert (tmp_path / "mlperf_log_network.npy").exists()


def test_times_that_find_no_room_are_reported(monkeypatch, run):
    class Full:
        def write(self, data):
            return data.nbytes // 2

        def seek(self, place):
            pass

        def read(self, size):
            return b""

        def close(self):
            pass

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    with FakeNode(lambda node, m: node.answer(node.keys(m))) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        assert errors_of(run(system)) == []
    assert "not recorded" in " ".join(system.report.faults)
    assert system.report.components["total"]["count"] == 40


def test_a_text_that_is_no_utf8_is_reported(run):
    class Bad(qdl.Link):
        async def begin(self, run):
            return qdl.NodeInfo("bad")

        def send(self, batch):
            self.events.failed(self, batch.keys, "no file \udcff")

        async def end(self):
            pass

    qdl.register_transport("bad", Bad)
    assert "no file ?" in reasons_of(run(qdl.NetworkQDL("bad://here", NUMBERS)))


def test_a_library_that_raises_for_a_node_that_is_back_ends_the_test(nodes, run):
    broken = []

    class Breaking(Library):
        def __getitem__(self, index):
            if broken:
                raise ValueError("a bad payload")
            return super().__getitem__(index)

    library = Breaking(["never"] * 64)
    with Node("Obedient") as hung:
        system = qdl.NetworkQDL(
            [hung.address, nodes("Obedient")],
            library,
            max_outstanding=1,
            node_timeout_s=1.5,
            transfer="off",  # Each payload is fetched when it is sent.
        )

        def both_are_full():
            run = system.__dict__.get("_network_run")
            return run is not None and sum(n.outstanding for n in run.fleet.nodes) == 2

        def hang():
            broken.append(True)
            hung.send_signal(signal.SIGSTOP)
            when(
                lambda: system._network_run.fleet.nodes[0].losses,
                lambda: hung.send_signal(signal.SIGCONT),
            )

        when(both_are_full, hang)
        with pytest.raises(ValueError, match="a bad payload"):
            run(system, library, scenario="Offline", stall_timeout_ms=20_000)


def test_faults_are_warned_of(tmp_path):
    with FakeNode(failure) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        with pytest.warns(qdl.NetworkWarning, match=r"sad \(40 times\)"):
            testing.run(system, NUMBERS, outdir=tmp_path, **QUICK)


def test_faults_without_end_take_little_memory(run):
    def chatter(node, message):
        texts = [f"{number} " + "x" * 1000 for number in range(300)]
        rows = np.full(len(texts), Event.FAULT)
        sizes = [len(text) for text in texts]
        node.answer(np.zeros(len(texts)), "".join(texts).encode(), event=rows, size=sizes)
        node.answer(node.keys(message))

    with FakeNode(chatter) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        result = run(system)
    assert "0 xxx" in reasons_of(result)
    assert len(system.report.faults) <= 101
    assert sum(system.report.faults.values()) == 300 * 40


@pytest.mark.parametrize("n_tokens", [-1, -(2**63), 2**63 - 1])
def test_token_counts_are_judged_as_any(n_tokens, run):
    with FakeNode(lambda node, m: node.answer(node.keys(m), n_tokens=n_tokens)) as node:
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS))) == []
        result = run(qdl.NetworkQDL(node.address, NUMBERS), use_token_latencies=True)
    assert not result.valid


def test_times_of_a_node_may_be_any(run):
    times = {"received_ns": -(2**63), "issued_ns": 2**63 - 1, "completed_ns": -1}
    with FakeNode(lambda node, m: node.answer(node.keys(m), **times)) as node:
        system = qdl.NetworkQDL(node.address, NUMBERS)
        result = run(system)
    assert errors_of(result) == []
    assert system.report.components["total"]["count"] == 40
    assert "model" not in system.report.components
    (fault,) = system.report.faults.items()
    assert fault[1] == 40
    assert "times that no clock shows" in fault[0]


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("node_times_s", "possible"),
    [
        ([1, 2, 3, 9], True),
        ([1, 1, 1, 1], True),
        ([-1001, -1000, -999, -993], True),  # A clock that is behind.
        ([0.999, 2, 3, 10.001], True),  # One that runs fast.
        ([1, 2, 3, 10.1], False),  # It cannot have taken longer than we waited.
        ([1, 3, 2, 4], False),
        ([2, 1, 3, 4], False),
        ([1, 2, 4, 3], False),
        ([-(2**33), 0, 1, 2**33], False),
    ],
)
def test_times_that_no_clock_shows_differ_from_others(node_times_s, possible):
    row = np.zeros(1, timings.ROW)
    row["sent_ns"], row["received_ns"] = 1 * SECOND, 10 * SECOND
    for name, value in zip(timings.TIMES[3:7], node_times_s, strict=True):
        row[name] = int(value * SECOND)
    assert timings.are_possible(row).tolist() == [possible]


def test_a_node_that_never_answers_is_a_stalled_system(nodes, run):
    library = Library(["never"] * 4)
    system = qdl.NetworkQDL(nodes("Obedient"), library)
    result = run(system, library, stall_timeout_ms=300)
    assert result.stalled
    assert "stalled: no sample was completed" in reasons_of(result)


# ---- Systems that misbehave ----------------------------------------------------------------------


@pytest.mark.parametrize("system", ["Obedient", "Asynchronous"])
@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Server", "Offline"])
def test_what_a_system_raises_fails_its_samples(system, scenario, nodes, run):
    library = Library(["a", "raise", "b", "raise"])
    network = qdl.NetworkQDL(nodes(system), library)
    result = run(network, library, scenario=scenario, mode="AccuracyOnly")
    assert "ValueError: a bad sample" in reasons_of(result)
    if scenario in ("SingleStream", "Server"):  # One sample a query.
        log = lg.read_accuracy(result.logs.accuracy)
        good = [p for p in log.payloads if p]
        assert sorted(good) == sorted([digest("a"), digest("b")])
    assert errors_of(run(qdl.NetworkQDL(nodes(system), NUMBERS))) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("twice", "completed a sample twice: complete each sample exactly once"),
        ("unknown", "completed a sample with response id 1152921504606846976, which no query has"),
        ("late token", "reported the first token of a sample that is not outstanding"),
    ],
)
def test_what_a_system_does_wrong_is_reported(what, words, nodes, run):
    library = Library([what] * 4)
    result = run(qdl.NetworkQDL(nodes("Obedient"), library), library)
    assert f"{nodes('Obedient')}: {words}" in reasons_of(result)


def test_a_system_that_raises_after_answering_is_at_fault(nodes, run):
    library = Library(["raise after"] * 4)
    system = qdl.NetworkQDL(nodes("Obedient"), library)
    result = run(system, library)
    assert "ValueError: after answering" in reasons_of(result)
    assert answered(system) == [40]


@pytest.mark.parametrize("system", ["Hoarder", "Asynchronous"])
def test_a_flush_that_raises_fails_what_was_held_back(system, nodes, run):
    network = qdl.NetworkQDL(nodes(system, flush_fails=True), NUMBERS)
    result = run(network, scenario="Offline")
    assert "ValueError: a bad flush" in reasons_of(result)
    assert network.report.nodes[0]["failed"] == 40


def test_a_system_that_aborts_ends_the_test(nodes, run):
    library = Library(["abort"] * 4)
    with pytest.raises(qdl.NetworkError, match="its system under test called AbortTest"):
        run(qdl.NetworkQDL(nodes("Obedient"), library), library)
    assert errors_of(run(qdl.NetworkQDL(nodes("Obedient"), NUMBERS))) == []


def test_a_relay_reports_why_it_ends(run):
    with Node("Digest") as last, Node("relay", to=last.address) as relay:
        system = qdl.NetworkQDL(relay.address, NUMBERS)
        when_answered(system, 20, last.end)
        with pytest.raises(qdl.NetworkError):
            run(system, **LONG)
        assert f"node {last.address} is lost" in " ".join(system.report.faults)


# ---- Payloads ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (None, "a sample's payload must be bytes, str, an array, or a list or dict of arrays, not"),
        (5, "must be bytes, str, an array, or a list or dict of arrays, not int: see what qsl"),
        (np.array([None]), "an array of dtype object cannot be sent; use numbers or strings"),
        ([np.array([object()])], "an array of dtype object cannot be sent"),
        ("\ud800", "surrogates not allowed"),
        ([np.zeros(1)] * 1025, "a sample of 1025 arrays; at most 1024 can be sent"),
        (np.ndarray(3, "S0", b""), "an array of dtype |S0 cannot be sent"),
    ],
)
@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_payloads_that_cannot_be_sent_fail(payload, words, scenario, nodes, run):
    library = Library([payload] * 4)
    system = qdl.NetworkQDL(nodes("Digest"), library)
    result = run(system, library, scenario=scenario)
    assert words in reasons_of(result)
    assert "never completed" not in reasons_of(result)


def test_many_payloads_that_cannot_be_sent_fail(nodes, run):
    library = Library([None] * 4)
    result = run(
        qdl.NetworkQDL(nodes("Digest"), library),
        library,
        scenario="Offline",
        min_query_count=200_000,
        offline_expected_qps=200_000,
    )
    assert "payload must be" in reasons_of(result)


def test_a_payload_above_the_nodes_limit_fails(nodes, run):
    library = Library([b"x" * 100, b"x" * 101, b"x" * 100])
    system = qdl.NetworkQDL(nodes("Digest", max_payload_bytes=100), library)
    result = run(system, library, mode="AccuracyOnly")
    words = "sample 1 has 101 bytes, more than the 100 the node takes: serve with a higher"
    assert words in reasons_of(result)
    assert answered(system) == [2]


def test_a_message_above_the_nodes_limit_loses_it(nodes, run, monkeypatch):
    library = Library([np.zeros(40 << 20, np.uint8)])
    address = nodes("Digest", max_payload_bytes=100)
    system = qdl.NetworkQDL(address, library, node_timeout_s=1)
    with monkeypatch.context() as patched:  # A sender that does not keep to the limit.
        patched.setattr(parcels, "payload_bytes", lambda payload: 1)
        with pytest.raises(qdl.NetworkError, match=f"node {address} is lost"):
            run(system, library)
    assert errors_of(run(qdl.NetworkQDL(address, Library([b"x"] * 9)), Library([b"x"] * 9))) == []


@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_what_the_library_raises_is_raised(scenario, nodes, run):
    library = Library([b"x", LookupError("this sample was never downloaded")] * 4)
    with pytest.raises(LookupError, match="never downloaded"):
        run(qdl.NetworkQDL(nodes("Digest"), library), library, scenario=scenario)
    assert errors_of(run(qdl.NetworkQDL(nodes("Digest"), NUMBERS))) == []


# ---- Keys ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return [str(qdl.make_keys(tmp_path_factory.mktemp("keys"))) for _ in range(2)]


@pytest.mark.parametrize(
    ("node_keys", "client_keys", "words"),
    [
        (0, None, "the handshake failed: one end has keys and the other none"),
        (None, 0, "the handshake failed: one end has keys and the other none"),
        (0, 1, "handshake failed"),
    ],
)
def test_without_the_right_keys_no_client_comes_in(node_keys, client_keys, words, nodes, keys, run):
    options = {} if node_keys is None else {"keys": keys[node_keys]}
    own = None if client_keys is None else keys[client_keys]
    address = nodes("Digest", **options)
    with pytest.raises(qdl.NetworkError, match=words):
        run(qdl.NetworkQDL(address, NUMBERS, connect_timeout_s=1, keys=own))


def test_a_client_the_node_does_not_know_gets_the_reason(nodes, keys, run):
    known, unknown = client_keys(keys[0]), client_keys(keys[1])
    own = qdl.Keys(unknown.public, unknown.secret, known.peer)
    system = qdl.NetworkQDL(nodes("Digest", keys=keys[0]), NUMBERS, keys=own)
    with pytest.raises(qdl.NetworkError, match=r"it does not know our key: give it our client.key"):
        run(system)


# ---- Load generators that go away ----------------------------------------------------------------

CLIENT = """
import sys
import mlperf_loadgen as lg
from mlperf_loadgen import qdl, testing
from qdl_node import Library
library = Library(sys.argv[2:] * 20)
library.load_samples = lambda indices: print("in a test", flush=True)
system = qdl.NetworkQDL(sys.argv[1], library, node_timeout_s=1)
testing.run(system, library, min_duration_ms=3_600_000)
"""


def client(address, payload):
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", CLIENT, address, payload],
        cwd=runs.HELPERS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_node_outlives_its_load_generator(run):
    with Node("Obedient") as node:
        with client(node.address, "fine") as killed:
            node.wait_for("begins a run")
            killed.kill()
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS))) == []
        node.wait_for("is done")
        # The second, if it was killed before it had a lane.
        assert "closed its lane" in node.stderr or "was silent for " in node.stderr


@pytest.mark.parametrize(
    ("payload", "number"), [("never", signal.SIGINT), ("fine", signal.SIGTERM)]
)
def test_a_signal_ends_a_load_generator(payload, number):
    with Node("Obedient") as node:
        with client(node.address, payload) as waiting:
            assert waiting.stdout.readline() == "in a test\n"
            waiting.send_signal(number)
            _, said = waiting.communicate(timeout=HANG_LIMIT_S)
        assert "KeyboardInterrupt" in said
        node.wait_for("is done")


def test_a_signal_ends_a_load_generator_that_connects():
    """It has reached what listens, which never answers."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        client(f"tcp://127.0.0.1:{silent.getsockname()[1]}", "fine") as waiting,
    ):
        silent.settimeout(HANG_LIMIT_S)
        connection, _ = silent.accept()
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate(timeout=HANG_LIMIT_S)
        connection.close()
    assert "KeyboardInterrupt" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_a_node(number):
    with Node("Digest") as node:
        node.send_signal(number)
        assert node.wait() == 0
        assert "Traceback" not in node.stderr


def test_a_second_signal_ends_a_node_whose_system_hangs(run):
    library = Library(["hang"] * 4)
    with Node("Obedient") as node:
        assert run(qdl.NetworkQDL(node.address, library), library, stall_timeout_ms=300).stalled
        node.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + HANG_LIMIT_S
        while node.process.poll() is None and time.monotonic() < deadline:
            node.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        assert node.wait() == -signal.SIGTERM


# ---- A bad cable ---------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["there", "back"])
def test_a_connection_that_is_half_open_is_lost(direction, nodes, run):
    with Proxy(nodes("Digest", number="cable")) as proxy:
        system = qdl.NetworkQDL(proxy.address, NUMBERS, node_timeout_s=1)
        when_answered(system, 20, lambda: proxy.stalled.add(direction))
        with pytest.raises(qdl.NetworkError, match=f"{proxy.address} is lost: silent for "):
            run(system, **LONG)


def test_a_connection_that_is_cut_is_lost_and_made_again(nodes, run):
    with Proxy(nodes("Digest", number="cable")) as proxy:
        system = qdl.NetworkQDL(
            [nodes("Digest"), proxy.address], NUMBERS, balance="round_robin", node_timeout_s=2
        )

        def cut():
            before = system._network_run.fleet.nodes[1].answered
            proxy.cut()
            when_answered(system, before + 20, lg.AbortTest, node=1)

        when_answered(system, 20, cut, node=1)
        result = run(system, **LONG)
        assert result.aborted
        assert f"node {proxy.address} is lost: the connection was closed" in reasons_of(result)


def test_the_end_comes_also_where_a_cancellation_is_lost():
    """As asyncio.wait_for loses it before Python 3.12 if what it waits for is done just then."""

    class Stubborn(ZmqLink):
        async def _unresolved(self):
            self.asked.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            return ""

    async def test():
        with FakeNode(lambda node, message: None) as node:
            link = Stubborn(node.address, Recorder())
            link.asked = asyncio.Event()
            await link.begin(run_of(node_timeout_s=0.4))
        await link.asked.wait()  # The node is gone, and not found again.
        await link.end()

    run_limited(test())


def test_bytes_may_come_one_by_one(nodes, run):
    with Proxy(nodes("Digest", number="cable")) as proxy:
        proxy.piece = 1
        system = qdl.NetworkQDL(proxy.address, NUMBERS, connect_timeout_s=20)
        result = run(system, mode="AccuracyOnly")
    assert result.valid
    log = lg.read_accuracy(result.logs.accuracy)
    answers = dict(zip(log.indices.tolist(), log.payloads, strict=True))
    assert answers == {i: digest(p) for i, p in enumerate(NUMBERS.payloads)}


def test_a_node_in_the_process_of_the_test_refuses(run_script):
    program = """
        import threading
        import mlperf_loadgen as lg
        from mlperf_loadgen import qdl, testing

        class System(lg.SystemUnderTest):
            def issue_query(self, samples):
                lg.complete(samples.ids)

        class Library(lg.QuerySampleLibrary):
            total_sample_count = performance_sample_count = 1
            def load_samples(self, indices): pass
            unload_samples = load_samples
            def __getitem__(self, index): return b""

        addresses, done = [], threading.Event()
        ready = threading.Event()
        def serve():
            qdl.serve(
                lambda library: System(), "tcp://127.0.0.1:0", stopped=done.is_set,
                ready=lambda bound: (addresses.extend(bound), ready.set()),
            )
        thread = threading.Thread(target=serve)
        thread.start()
        ready.wait()
        try:
            testing.run(qdl.NetworkQDL(addresses, Library()), Library(), min_duration_ms=0)
        except qdl.NetworkError as error:
            print(error)
        done.set()
        thread.join()
    """
    said = run_script(program)
    assert "it refused: a node must be a process of its own" in said.stdout, said.stderr
