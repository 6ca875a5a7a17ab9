"""Samples travel over lanes where all nodes have one, else as messages, and the log says so.

Method: real nodes and forged ones, of which some offer no lane or one that is not there; what the
network log says of each node, and how often the library was asked for a payload. What lanes carry
is compared in test_qdl.py, what breaks is in test_qdl_faults.py and tests/unit/network.
"""

import collections
import threading
from pathlib import Path

import numpy as np
import pytest
from qdl_node import NUMBERS, FakeNode, Library, Node, digest, free_port, reasons_of
from runs import errors_of

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.dispatch import lanes
from mlperf_loadgen.qdl.links.clock_sync import ClockOffset
from mlperf_loadgen.qdl.links.lane_link import read_offer
from mlperf_loadgen.qdl.wire import messages as wire

pytest.importorskip("zmq", reason="tcp:// needs pyzmq: pip install 'mlperf_loadgen[network]'")

from mlperf_loadgen.qdl.links.zmq import ZmqLink

pytest_plugins = ["qdl_fixtures"]
pytestmark = pytest.mark.usefixtures("no_hang")

NODE = "tcp://node:8001"


class Counting(Library):
    """Counts how often each payload is asked for, and how often each sample is loaded."""

    performance_sample_count = 24  # Accuracy has several sets.

    def __init__(self, payloads):
        super().__init__(payloads)
        self.asked = collections.Counter()
        self.loaded = collections.Counter()
        self.threads = set()

    def load_samples(self, indices):
        self.loaded.update(indices)
        self.threads.add(threading.current_thread().name)

    def __getitem__(self, index):
        self.asked[index] += 1
        assert threading.current_thread().name not in self.threads
        return super().__getitem__(index)


class Recording(qdl.NetworkQDL):
    """Records which payloads were asked for when a set was ready, and when it was unloaded."""

    def begin_test(self):
        self.at_load, self.at_unload = [], []
        super().begin_test()

    def samples_loaded(self, indices):
        super().samples_loaded(indices)
        self.at_load.append(self.qsl.asked.copy())

    def samples_unloaded(self):
        self.at_unload.append(self.qsl.asked.copy())
        super().samples_unloaded()


def lanes_of(system):
    return [node["lane"] for node in system.report.nodes]


def listening_ports(pid):
    """The TCP ports at which a process listens."""
    sockets = {path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


@pytest.mark.parametrize(
    ("transfer", "lane"),
    [("auto", "unix, large payloads in shared memory"), ("tcp", "tcp"), ("off", "off")],
)
def test_the_log_says_how_samples_travelled(transfer, lane, nodes, run):
    system = qdl.NetworkQDL(nodes("Digest"), NUMBERS, transfer=transfer)
    assert errors_of(run(system)) == []
    assert lanes_of(system) == [lane]


@pytest.mark.parametrize(
    ("transfer", "lane"), [("auto", "unix, large payloads in shared memory"), ("off", "off")]
)
def test_with_keys_samples_travel_fast_on_this_machine(transfer, lane, nodes, run, tmp_path):
    keys = str(qdl.make_keys(tmp_path / "keys"))
    system = qdl.NetworkQDL(nodes("Digest", keys=keys), NUMBERS, keys=keys, transfer=transfer)
    assert errors_of(run(system)) == []
    assert lanes_of(system) == [lane]


def test_with_keys_nothing_is_sent_to_other_machines_that_is_not_encrypted(tmp_path):
    """Whatever the node offers."""
    keys = str(qdl.make_keys(tmp_path / "keys"))
    offer = read_offer({"port": 8002, "unix": "name", "secret": "s" * 64, "arena": 1})
    for link, is_used in ((ZmqLink(NODE, None, keys=keys), False), (ZmqLink(NODE, None), True)):
        link._clock, link._offer = ClockOffset(same_clock=False), offer  # As a welcome does.
        assert link.offers_lane is is_used


def test_with_keys_a_node_has_no_port_for_lanes(tmp_path):
    keys = str(qdl.make_keys(tmp_path / "keys"))
    with Node("Digest", keys=keys) as node:
        assert len(listening_ports(node.process.pid)) == 1
    with Node("Digest") as node:
        assert len(listening_ports(node.process.pid)) == 2


def test_keys_beside_lanes_over_tcp_are_refused(tmp_path):
    keys = str(qdl.make_keys(tmp_path / "keys"))
    with pytest.raises(ValueError, match='leave it at "auto"'):
        qdl.NetworkQDL(NODE, NUMBERS, keys=keys, transfer="tcp")


def test_beside_a_node_without_a_lane_no_other_has_one(nodes, run):
    with FakeNode(lambda node, message: node.answer(node.keys(message))) as fake:
        system = qdl.NetworkQDL([nodes("Digest"), fake.address], NUMBERS, balance="round_robin")
        assert errors_of(run(system)) == []
    assert lanes_of(system) == ["off: not all nodes offer a lane", "off"]
    assert min(node["answered"] for node in system.report.nodes) > 0


def test_where_a_lane_cannot_be_opened_samples_go_as_messages(nodes, run):
    port = free_port()

    def offer(node, run):
        values = {"name": "fake", "lane": {"port": port, "secret": "s" * 64}}
        node.send(wire.control(wire.Kind.WELCOME, run, values))

    with FakeNode(lambda node, message: node.answer(node.keys(message)), offer) as fake:
        system = qdl.NetworkQDL([nodes("Digest"), fake.address], NUMBERS, balance="round_robin")
        assert errors_of(run(system)) == []
    for lane in lanes_of(system):
        assert lane.startswith(f"off: {fake.address}: no lane: it cannot be opened: ")
    assert min(node["answered"] for node in system.report.nodes) > 0


@pytest.mark.parametrize(
    "offer",
    [
        5,
        {},
        {"secret": 5, "port": 1},
        {"secret": "s", "port": "1"},
        {"secret": "s", "port": 1 << 16},
    ],
)
def test_an_offer_that_is_none_is_not_taken(offer, run):
    def welcome(node, run):
        node.send(wire.control(wire.Kind.WELCOME, run, {"name": "fake", "lane": offer}))

    with FakeNode(lambda node, message: node.answer(node.keys(message)), welcome) as fake:
        system = qdl.NetworkQDL(fake.address, NUMBERS)
        assert errors_of(run(system)) == []
    assert lanes_of(system)[0].startswith("off")


@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly", "SubmissionRun"])
def test_payloads_are_fetched_before_the_first_query_of_a_set(mode, nodes, run):
    """Once, although a flush follows the queries that warm up; and anew when they are loaded
    again."""
    library = Counting(NUMBERS.payloads)
    system = Recording(nodes("Digest"), library)
    for _ in range(2):
        warmup = {} if mode == "AccuracyOnly" else {"warmup_query_count": 20}
        result = run(system, library, mode=mode, min_query_count=500, **warmup)
        assert errors_of(result) == []
        assert len(system.at_load) == {"PerformanceOnly": 1, "AccuracyOnly": 3}.get(mode, 4)
        assert system.at_load == system.at_unload
        assert library.asked == library.loaded


def test_unloading_makes_room_for_the_payloads_of_the_next_set(nodes, run, monkeypatch):
    monkeypatch.setattr(lanes, "_MOST_PREPARED_BYTES", 24 * 1200)  # One set, and not two.

    class Changing(Counting):
        def __getitem__(self, index):
            super().__getitem__(index)
            return bytes([self.loaded[index]]) * 1000

    library = Changing(NUMBERS.payloads)
    result = run(qdl.NetworkQDL(nodes("Digest"), library), library, mode="SubmissionRun")
    assert errors_of(result) == []
    assert library.asked == library.loaded
    answers = set(lg.read_accuracy(result.logs.accuracy).payloads)
    assert answers <= {digest(bytes([times]) * 1000) for times in (1, 2)}


def test_a_payload_that_cannot_be_sent_fails_its_sample_alone(nodes, run):
    library = Counting([np.array([None]) if i == 3 else b"x" for i in range(24)])
    system = Recording(nodes("Digest"), library)
    result = run(system, library, min_query_count=200)
    assert "an array of dtype object cannot be sent" in reasons_of(result)
    failed = result.samples["failed"]
    assert set(result.samples["sample_index"][failed].tolist()) == {3}
    assert system.at_load == system.at_unload


def test_what_raises_before_the_first_query_is_asked_for_again_if_a_query_wants_it(nodes, run):
    class Once(Counting):
        def __getitem__(self, index):
            payload = super().__getitem__(index)
            if index == 3 and self.asked[3] == 1:
                raise LookupError("not yet")
            return payload

    library = Once([b"x"] * 24)
    system = Recording(nodes("Digest"), library)
    assert errors_of(run(system, library, min_query_count=200)) == []
    assert library.asked == library.loaded + collections.Counter([3])
    library.payloads[3] = LookupError("never")
    with pytest.raises(LookupError, match="never"):
        run(system, library, min_query_count=200)
    assert system.report is not None


def test_where_the_library_is_a_handle_payloads_are_fetched_for_their_queries(nodes, run):
    library = Counting(NUMBERS.payloads)
    system = Recording(nodes("Digest"), library)
    handle = lg.ConstructQSL(64, 24, library.load_samples, library.unload_samples)
    try:
        for tests in (1, 2):
            assert errors_of(run(system, handle, min_query_count=500)) == []
            assert system.at_load == []
            assert max(library.asked.values()) == tests
    finally:
        lg.DestroyQSL(handle)


def test_payloads_beyond_the_bound_are_fetched_each_time(nodes, run, monkeypatch):
    monkeypatch.setattr(lanes, "_MOST_PREPARED_BYTES", 1000)
    library = Counting(NUMBERS.payloads)
    library.performance_sample_count = 64
    system = Recording(nodes("Digest"), library)
    result = run(system, library, mode="AccuracyOnly")
    *kept, _ = system.at_load[0].elements()  # All but the first that found no room.
    assert len(set(kept)) == len(kept) > 0
    assert sum(len(NUMBERS.payloads[i]) for i in kept) <= 1000
    log = lg.read_accuracy(result.logs.accuracy)
    answers = dict(zip(log.indices.tolist(), log.payloads, strict=True))
    assert answers == {i: digest(p) for i, p in enumerate(NUMBERS.payloads)}
    assert errors_of(run(system, library, min_query_count=1000)) == []
    assert 64 < sum(library.asked.values()) < 1000 + 2 * 64
    assert max(library.asked.values()) > 5
