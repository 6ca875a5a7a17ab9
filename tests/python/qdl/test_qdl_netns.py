"""What a network does to a measurement is in its results: delays, losses, and a link that breaks.

Method: a load generator on one of netns's two hosts, nodes on the other one (and on its own), as
programs; the delays that the network was given are looked for in the latencies and in the report,
as medians. The clock of a node elsewhere is that of
a time namespace, a known time ahead. Nothing else is held against a clock.
"""

import json
import re
import subprocess
import sys
import time

import netns
import pytest
from runs import BUILT_DIRTY, HANG_LIMIT_S

pytest.importorskip("zmq", reason="tcp:// needs pyzmq: pip install 'mlperf_loadgen[network]'")
if not netns.available()[0]:
    pytest.skip(netns.available()[1], allow_module_level=True)

PORT = 8001
AHEAD_S = 1000
"""Of the load generator's clock is the one of a node elsewhere."""

PROGRAM = """
import contextlib, os
with contextlib.suppress(OSError):
    os.nice(-19)  # Waits less for a busy processor.
"""

NODE = f"""{PROGRAM}
import sys
import mlperf_loadgen as lg
from mlperf_loadgen import qdl

class Echo(lg.SystemUnderTest):
    def __init__(self, library):
        self.library = library

    def issue_query(self, samples):
        lg.complete(samples.ids, [self.library[i] for i in samples.indices.tolist()])

qdl.serve(Echo, sys.argv[1], insecure=True, ready=lambda addresses: print(*addresses, flush=True))
"""

GENERATOR = f"""{PROGRAM}
# Runs a test per line typed; prints a line when its first sample is sent and one at its end.
import json, signal, sys, tempfile, warnings
import numpy as np
import mlperf_loadgen as lg
from mlperf_loadgen import qdl

warnings.simplefilter("ignore", qdl.NetworkWarning)  # It is in the report as well.

class Numbers(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 100
    begun = False

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass

    def __getitem__(self, index):
        if not self.begun:
            self.begun = True
            print(flush=True)
        return index.to_bytes(8, "little")

def run(order):
    settings = lg.TestSettings(**order["settings"])
    settings.scenario = getattr(lg.TestScenario, order["scenario"])
    log = lg.LogSettings()
    log.log_output.outdir = folder = tempfile.mkdtemp(dir=sys.argv[1])
    library = Numbers()
    system = qdl.NetworkQDL(order["addresses"], library, **order["options"])
    found = {{}}
    try:
        result = lg.StartTestWithLogSettings(system, library, settings, log)
        latency = result.performance.sample_latency
        rows = np.load(folder + "/mlperf_log_network.npy")
        found["issued"] = result.performance.query_count
        found["latency_ms"] = {{p: ns / 1e6 for p, ns in latency.percentiles_ns.items()}}
        found |= {{"valid": result.valid, "errors": result.errors, "reasons": result.reasons}}
        found["issued_ns"] = [np.sort(rows["issued_ns"][rows["node"] == node]).tolist()
                              for node in range(len(order["addresses"]))]
    except qdl.NetworkError as error:
        found["raised"] = str(error)
    return found | system.report.to_dict()

for line in sys.stdin:
    signal.alarm({HANG_LIMIT_S})  # Ends a test that hangs.
    print(json.dumps(run(json.loads(line))), flush=True)
"""


class Node:
    """A node in a program on a host."""

    def __init__(self, host, folder, other_clock=False, port=PORT):
        self.ahead_s = AHEAD_S if other_clock else 0
        clock = ["unshare", "--time", f"--monotonic={AHEAD_S}", "--fork", "--kill-child"]
        program = [sys.executable, "-c", NODE, f"tcp://{host.address}:{port}"]
        self.log = folder / f"node_{port}.log"
        with self.log.open("w") as log:
            argv = clock * other_clock + program
            self.process = host.popen(argv, stdout=subprocess.PIPE, stderr=log, text=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.log.read_text()

    def wait_until_it_says(self, text, times=1):
        deadline = time.monotonic() + HANG_LIMIT_S
        while self.log.read_text().count(text) < times:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)


class Generator:
    """A load generator in a program on a host."""

    def __init__(self, host, folder):
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        self.process = host.popen([sys.executable, "-c", GENERATOR, folder], text=True, **pipes)

    def begin(self, nodes, scenario="SingleStream", options=None, **settings):
        """Starts a test; returns when its first sample is about to be sent."""
        order = {
            "addresses": [node.address for node in nodes],
            "scenario": scenario,
            "options": options or {},
            "settings": {"min_duration_ms": 0, "min_query_count": 1} | settings,
        }
        print(json.dumps(order), file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "\n"

    def end(self):
        """What became of it."""
        return json.loads(self.process.stdout.readline())

    def run(self, *arguments, **settings):
        self.begin(*arguments, **settings)
        return self.end()


def complaints(found):
    """The errors of a test, but for that about the build."""
    return [error for error in found["errors"] if not error.startswith(BUILT_DIRTY)]


def time_namespaces_work():
    command = ["unshare", "--time", "--monotonic=1", "--fork", "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


# ---- Delays --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["same clock", "other clock"])
def network(request, tmp_path_factory):
    """The cable, a load generator at one end and a node at the other."""
    other_clock = request.param == "other clock"
    if other_clock and not time_namespaces_work():
        pytest.skip("no time namespaces in this kernel, or no `unshare --time`")
    folder = tmp_path_factory.mktemp("network")
    with netns.TwoHosts() as cable:
        yield cable, Generator(cable.a, folder), Node(cable.b, folder, other_clock)


def medians_ms(found):
    """Of the latency and of its components."""
    components = {name: values["p50_ns"] / 1e6 for name, values in found["components"].items()}
    return components | {"latency": found["latency_ms"]["0.5"]}


def assert_clock_is_known(clock, node):
    """As well as it says."""
    wrong_by_ns = abs(clock["clock_offset_ns"] - node.ahead_s * 1e9)
    assert clock["same_clock"] == (node.ahead_s == 0)
    assert wrong_by_ns <= clock["clock_uncertainty_ns"]


@pytest.mark.parametrize("scenario", ["SingleStream", "Server"])
@pytest.mark.parametrize(("there_ms", "back_ms"), [(40, 80), (60, 60), (120, 0)])
def test_delays_are_found_in_latency_and_components(network, there_ms, back_ms, scenario):
    cable, generator, node = network
    cable.set_delay(there_ms, back_ms)
    found = generator.run([node], scenario, min_query_count=20, server_target_qps=50)
    assert_clock_is_known(found["nodes"][0], node)
    both_ms = there_ms + back_ms
    expected = {"latency": both_ms, "total": both_ms, "network_both_ways": both_ms}
    if node.ahead_s == 0:
        expected |= {"network_there": there_ms, "network_back": back_ms}
    # The cable's delay at least, within the width of a bucket, and far less beside it than
    # what either way of it takes: a busy machine adds milliseconds.
    for name, delay_ms in expected.items():
        assert 0.994 * delay_ms <= medians_ms(found)[name] < delay_ms + 40, name


def test_unequal_ways_mislead_the_clock_by_half_their_difference(network):
    cable, generator, node = network
    if node.ahead_s == 0:
        pytest.skip("both read the same clock")
    cable.set_delay(40, 0)
    clock = generator.run([node], min_query_count=40)["nodes"][0]
    assert clock["round_trip_ns"] >= 40e6
    assert clock["clock_uncertainty_ns"] == clock["round_trip_ns"] // 2
    # Each way of a ping may be held up by what its round trip has beyond the cable's 40 ms.
    held_up_ns = clock["round_trip_ns"] - 40e6
    assert clock["clock_offset_ns"] - node.ahead_s * 1e9 == pytest.approx(20e6, abs=held_up_ns)


# ---- Losses and cuts -----------------------------------------------------------------------------


def test_losses_make_some_samples_late_and_lose_none(tmp_path):
    patient = {"connect_timeout_s": 60.0, "node_timeout_s": 30.0}  # What is lost comes later.
    with netns.TwoHosts(delay_there_ms=2, delay_back_ms=2, loss=0.03) as cable:
        node, generator = Node(cable.b, tmp_path), Generator(cable.a, tmp_path)
        found = generator.run([node], options=patient, min_query_count=400)
        bounds = {"server_target_qps": 100, "server_target_latency_ns": 10_000_000}
        bounded = generator.run([node], "Server", patient, min_query_count=400, **bounds)
    for one in (found, bounded):
        (counts,) = one["nodes"]
        assert (counts["answered"], counts["failed"]) == (one["issued"], 0)
        assert complaints(one) == []
        # About one in 17 waits for a retransmission, which takes a round trip more at least; that
        # as few as three of 400 do, so that p99 shows none, happens once in ten million runs.
        assert one["latency_ms"]["0.99"] > one["latency_ms"]["0.5"] + 4
    assert found["valid"]
    assert not bounded["valid"]
    assert any("p99 latency" in reason for reason in bounded["reasons"])


LONG = {"scenario": "Server", "server_target_qps": 100}
"""A test that a link is cut in."""


def test_a_cut_link_to_the_only_node_ends_the_test(tmp_path):
    with netns.TwoHosts() as cable:
        node, generator = Node(cable.b, tmp_path), Generator(cable.a, tmp_path)
        generator.begin([node], options={"node_timeout_s": 1.0}, min_duration_ms=10**6, **LONG)
        cable.cut()
        raised = generator.end()["raised"]
        assert re.search(
            rf"{node.address} is lost: silent for \d+\.\d s \(node_timeout_s\)", raised
        )
        assert "no other node is left" in raised
        node.wait_until_it_says("is given up")
        cable.repair()
        assert generator.run([node], min_query_count=100)["valid"]


def test_a_node_cut_off_costs_its_samples_and_another_goes_on(tmp_path):
    with netns.TwoHosts() as cable:
        nodes = [Node(cable.b, tmp_path), Node(cable.a, tmp_path, port=PORT + 1)]
        generator = Generator(cable.a, tmp_path)
        generator.begin(nodes, options={"node_timeout_s": 1.0}, min_duration_ms=4000, **LONG)
        cable.cut()
        found = generator.end()
    cut_off, other = found["nodes"]
    assert not found["valid"]
    (reason,) = [reason for reason in found["reasons"] if "samples failed" in reason]
    assert f"node {nodes[0].address} is lost: silent for" in reason
    assert len(cut_off["losses"]) == 1 and other["losses"] == []
    assert cut_off["failed"] > 0 and other["failed"] == 0
    assert cut_off["answered"] + cut_off["failed"] + other["answered"] == found["issued"]


def test_a_short_cut_loses_nothing(tmp_path):
    with netns.TwoHosts() as cable:
        node, generator = Node(cable.b, tmp_path), Generator(cable.a, tmp_path)
        generator.begin([node], options={"node_timeout_s": 4.0}, min_duration_ms=3000, **LONG)
        cable.cut()
        time.sleep(0.5)
        cable.repair()
        found = generator.end()
    (counts,) = found["nodes"]
    assert (counts["answered"], counts["failed"]) == (found["issued"], 0)
    assert counts["losses"] == [] and complaints(found) == []
    assert found["latency_ms"]["0.999"] > 400  # The cut was there.


def test_a_node_that_was_lost_is_used_again(tmp_path):
    with netns.TwoHosts() as cable:
        nodes = [Node(cable.b, tmp_path), Node(cable.a, tmp_path, port=PORT + 1)]
        generator = Generator(cable.a, tmp_path)
        generator.begin(nodes, options={"node_timeout_s": 1.0}, min_duration_ms=8000, **LONG)
        cable.cut()
        nodes[0].wait_until_it_says("is given up")
        cable.repair()
        nodes[0].wait_until_it_says("begins a run", times=2)
        found = generator.end()
    assert len(found["nodes"][0]["losses"]) == 1
    begun_ns = min(map(min, found["issued_ns"]))
    given_up_ns = begun_ns + 1e9  # The cut was at the begin, and node_timeout_s passed.
    assert sum(issued_ns > given_up_ns for issued_ns in found["issued_ns"][0]) > 10
