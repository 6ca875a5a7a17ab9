"""Samples travel over lanes where all nodes have one, else as messages, and the log says so.

Method: real nodes and forged ones, of which some offer no lane or one that is not there; what the
network log says of each node, and how often the library was asked for a payload. What lanes carry
is compared in test_qdl.py, what breaks is in test_qdl_faults.py and tests/unit/network.
"""

import collections
from pathlib import Path

import pytest
from qdl_node import NUMBERS, FakeNode, Library, Node, digest, free_port
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
    """Counts how often each payload is asked for."""

    def __init__(self, payloads):
        super().__init__(payloads)
        self.asked = collections.Counter()

    def __getitem__(self, index):
        self.asked[index] += 1
        return super().__getitem__(index)


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


def test_a_payload_is_fetched_once_for_the_queries_of_a_set(nodes, run):
    library = Counting(NUMBERS.payloads)
    system = qdl.NetworkQDL(nodes("Digest"), library)
    assert errors_of(run(system, library, min_query_count=1000)) == []
    assert max(library.asked.values()) == 1
    assert errors_of(run(system, library, min_query_count=1000)) == []
    assert max(library.asked.values()) == 2


def test_payloads_beyond_the_bound_are_fetched_each_time(nodes, run, monkeypatch):
    monkeypatch.setattr(lanes, "_MOST_PREPARED_BYTES", 1000)
    library = Counting(NUMBERS.payloads)
    system = qdl.NetworkQDL(nodes("Digest"), library)
    result = run(system, library, mode="AccuracyOnly")
    log = lg.read_accuracy(result.logs.accuracy)
    answers = dict(zip(log.indices.tolist(), log.payloads, strict=True))
    assert answers == {i: digest(p) for i, p in enumerate(NUMBERS.payloads)}
    assert errors_of(run(system, library, min_query_count=1000)) == []
    assert 64 < sum(library.asked.values()) < 1000 + 2 * 64
    assert max(library.asked.values()) > 5
