"""A system under test on other machines is measured as if it were here.

Method: nodes of qdl_node.py as processes of their own, and NetworkQDL in this one. What they
answer is compared with what the same system answers without a network, or with numbers that follow
from the load; messages and payloads go round through the codec in shapes that Hypothesis makes.
"""

import json
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import runs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qdl_node import NUMBERS, QUICK, Digest, Library, Node, digest, network_log
from runs import HANG_LIMIT_S, SCENARIOS, errors_of

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.dispatch import timings
from mlperf_loadgen.qdl.dispatch.slots import SlotTable
from mlperf_loadgen.qdl.links.link import Batch
from mlperf_loadgen.qdl.wire import messages as wire
from mlperf_loadgen.qdl.wire import payload
from mlperf_loadgen.qdl.wire.answers import ANSWER_ROW, read_answers, write_answers
from mlperf_loadgen.qdl.wire.samples import LARGE_BYTES, SAMPLE_ROW, SamplesReader, SamplesWriter

pytest.importorskip("zmq", reason="tcp:// needs pyzmq: pip install 'mlperf_loadgen[network]'")


pytest_plugins = ["qdl_fixtures"]
pytestmark = pytest.mark.usefixtures("no_hang")


def answers_of(result):
    """The logged answers by sample index."""
    log = lg.read_accuracy(result.logs.accuracy)
    return dict(zip(log.indices.tolist(), log.payloads, strict=True))


def rows_of(result):
    return np.load(Path(result.logs.summary).with_name("mlperf_log_network.npy"))


TRANSFERS = ("auto", "tcp", "off")


# ---- Answers -------------------------------------------------------------------------------------


def read_only(array):
    array.setflags(write=False)
    return array


PAYLOADS = {
    "bytes": [bytes([i]) * (100 * i) for i in range(20)],
    "bytearray and memoryview": [bytearray(b"ab"), memoryview(b"abcd")[::2], memoryview(b"")],
    "str": ["", "text", "größer \U0001f600", "x" * 20000],
    "dtypes": [
        np.arange(5).astype(t)
        for t in ["?", "i1", "u2", ">i4", "<u8", "f2", ">f4", "f8", "c8", "c16", "S3", "U4"]
    ],
    "0-d": [np.array(3.5), np.array("text"), np.float32(2), np.int8(-1)],
    "empty": [np.zeros(0), np.zeros((0, 3), np.int8), np.zeros((2, 0, 5), np.complex64)],
    "not contiguous": [np.arange(24).reshape(2, 3, 4).T, np.arange(10)[::-3], np.eye(4)[:, 1]],
    "read-only": [read_only(np.arange(4)), np.broadcast_to(np.float32(1), (3, 3))],
    "big": [np.arange(3 << 20, dtype=np.uint8), np.arange(400_000.0).reshape(2, -1)],
    "list": [[], [np.arange(3), np.eye(2)], [np.arange(9000), np.array(1), np.zeros(0)]],
    "dict": [{}, {"a": np.arange(3), "b": np.array("x")}, {"": np.zeros((1, 1)), "ü": np.eye(50)}],
}


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_payload_arrives_as_it_is(kind, transfer, nodes, run):
    library = Library(PAYLOADS[kind])
    system = qdl.NetworkQDL(nodes("Digest"), library, transfer=transfer)
    result = run(system, library, mode="AccuracyOnly")
    assert result.valid, result
    kept = [np.asarray(p) if isinstance(p, np.generic) else p for p in library.payloads]
    if kind.startswith("bytearray"):
        kept = [bytes(p) for p in kept]
    assert answers_of(result) == {i: digest(p) for i, p in enumerate(kept)}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(
    ("transport", "transfer"), [("tcp", "auto"), ("tcp", "tcp"), ("tcp", "off"), ("ipc", "auto")]
)
def test_a_run_over_the_network_is_as_one_without(
    scenario, transport, transfer, nodes, run, tmp_path_factory
):
    if transport == "ipc":
        folder = tmp_path_factory.getbasetemp()
        address = nodes("Digest", number="ipc", address=f"ipc://{folder}/node")
    else:
        address = nodes("Digest")
    system = qdl.NetworkQDL(address, NUMBERS, transfer=transfer)
    local = run(Digest(NUMBERS), NUMBERS, scenario=scenario, mode="AccuracyOnly")
    accuracy = run(system, NUMBERS, scenario=scenario, mode="AccuracyOnly")
    assert answers_of(accuracy) == answers_of(local)
    performance = run(system, NUMBERS, scenario=scenario)
    assert errors_of(performance) == []
    assert performance.performance.sample_count >= 40
    assert system.report.nodes[0]["answered"] == performance.performance.sample_count


def test_submission_runs_peak_searches_and_sweeps(nodes, run, tmp_path):
    system = qdl.NetworkQDL(nodes("Digest"), NUMBERS)
    submission = run(system, NUMBERS, mode="SubmissionRun", min_query_count=100)
    assert errors_of(submission) == []
    assert len(answers_of(submission)) == 64
    counted = submission.performance.sample_count + 64
    assert system.report.nodes[0]["answered"] == counted

    server = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_target_latency_ns=10**9,
        min_duration_ms=100,
        min_query_count=1,
        server_target_qps=100,
    )
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    try:
        found = lg.find_peak(system, NUMBERS, server, log, max_qps=300, time_budget_s=0.5).result
    except lg.PeakNotFoundError as error:  # A machine that is busy elsewhere may spoil it.
        found = error.result
    assert found.peak.trials
    assert system.report.nodes[0]["answered"] > 0
    swept = lg.sweep(system, NUMBERS, server, [100, 200])
    assert [point.value for point in swept.points] == [100, 200]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_first_tokens_and_token_counts_arrive(scenario, nodes, run):
    system = qdl.NetworkQDL(nodes("Tokens"), NUMBERS)
    result = run(system, NUMBERS, scenario=scenario, mode="AccuracyOnly", use_token_latencies=True)
    assert errors_of(result) == []
    log = lg.read_accuracy(result.logs.accuracy)
    # What Offline keeps no first tokens for.
    assert list(log.token_payloads) == ([] if scenario == "Offline" else [b"first"] * 64)
    assert (log.token_counts == log.indices + 2).all()
    measured = run(system, NUMBERS, scenario=scenario, use_token_latencies=True)
    assert errors_of(measured) == []
    assert measured.performance.tokens.first_token.count == measured.performance.sample_count


@pytest.mark.parametrize("system", ["Threaded", "Asynchronous", "Renaming"])
@pytest.mark.parametrize("scenario", ["Server", "Offline"])
def test_any_kind_of_system_can_be_hosted(system, scenario, nodes, run):
    network = qdl.NetworkQDL(nodes(system), NUMBERS)
    assert errors_of(run(network, NUMBERS, scenario=scenario)) == []
    result = run(network, NUMBERS, scenario=scenario, mode="AccuracyOnly")
    assert answers_of(result) == {i: digest(p) for i, p in enumerate(NUMBERS.payloads)}
    assert network.name == system


def test_uvloop_is_not_needed(nodes, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    for scenario in ("Server", "Offline"):
        system = qdl.NetworkQDL(nodes("Digest"), NUMBERS)
        assert errors_of(run(system, NUMBERS, scenario=scenario)) == []


def test_a_node_answers_with_texts_of_different_sizes(nodes, run):
    system = qdl.NetworkQDL(nodes("Texts"), NUMBERS)
    result = run(system, NUMBERS, scenario="Offline", mode="AccuracyOnly")
    assert errors_of(result) == []
    assert answers_of(result) == {i: ("\u00e9" * i).encode() for i in range(64)}


def test_a_node_may_pass_queries_on_to_another(nodes, run):
    first = nodes("relay", to=nodes("Digest"))
    system = qdl.NetworkQDL(first, NUMBERS)
    for scenario in SCENARIOS:
        result = run(system, NUMBERS, scenario=scenario, mode="AccuracyOnly")
        assert answers_of(result) == {i: digest(p) for i, p in enumerate(NUMBERS.payloads)}


def test_flush_comes_after_the_samples(nodes, run):
    system = qdl.NetworkQDL(nodes("Hoarder"), NUMBERS, max_outstanding=1000)
    result = run(system, NUMBERS, scenario="Server", mode="AccuracyOnly")
    assert set(answers_of(result).values()) == {b"flushed"}
    assert result.valid


# ---- Several nodes -------------------------------------------------------------------------------


def test_names_of_nodes_are_reported_once_each(nodes, run):
    addresses = [nodes("Digest", number=i, name=name) for i, name in enumerate("ABA")]
    for used, name in ((addresses[:1], "A"), (addresses, "A, B")):
        system = qdl.NetworkQDL(used, NUMBERS)
        result = run(system, NUMBERS)
        assert system.name == name
        assert f"SUT name : {name}\n" in Path(result.logs.summary).read_text()
        assert [node["name"] for node in system.report.nodes] == list("ABA"[: len(used)])


@pytest.mark.parametrize("count", [2, 3])
def test_round_robin_takes_turns(count, nodes, run):
    system = qdl.NetworkQDL(
        [nodes("Digest", number=i) for i in range(count)], NUMBERS, balance="round_robin"
    )
    result = run(system, NUMBERS, min_query_count=60)  # One at a time, so each is a turn.
    assert errors_of(result) == []
    assert [node["answered"] for node in system.report.nodes] == [60 // count] * count


def test_the_least_outstanding_gets_the_next(nodes, run):
    slow = nodes("Backlog", delay_s=0.05)
    system = qdl.NetworkQDL([slow, nodes("Digest")], NUMBERS)
    result = run(system, NUMBERS, scenario="Server", server_target_qps=300, min_query_count=100)
    assert errors_of(result) == []
    few, many = (node["answered"] for node in system.report.nodes)
    assert few + many == result.performance.sample_count
    assert 0 < few < many


QUERIES_OF_8 = {"scenario": "MultiStream", "multi_stream_samples_per_query": 8}


@pytest.mark.parametrize("balance", ["least_outstanding", "round_robin"])
def test_a_query_of_multistream_arrives_whole(balance, nodes, run):
    addresses = [nodes("QuerySizes", number=i) for i in range(2)]
    system = qdl.NetworkQDL(addresses, NUMBERS, balance=balance)
    result = run(system, NUMBERS, mode="AccuracyOnly", **QUERIES_OF_8)
    assert set(answers_of(result).values()) == {b"8"}
    assert sum(node["answered"] for node in system.report.nodes) == 64


# ---- Bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"scenario": "Server", "server_target_qps": 5000},
        {"scenario": "Offline"},
        {"scenario": "MultiStream", "multi_stream_samples_per_query": 16},
    ],
    ids=lambda settings: settings["scenario"],
)
def test_no_more_than_max_outstanding_are_on_their_way(settings, nodes, run):
    system = qdl.NetworkQDL(nodes("Backlog"), NUMBERS, max_outstanding=4)
    result = run(system, NUMBERS, mode="AccuracyOnly", **settings)
    assert result.valid
    backlogs = [int(answer) for answer in answers_of(result).values()]
    assert len(backlogs) == 64
    assert max(backlogs) <= 4


def test_a_query_waits_for_room_for_all_of_it(nodes, run):
    system = qdl.NetworkQDL(nodes("QuerySizes"), NUMBERS, max_outstanding=8)
    result = run(system, NUMBERS, mode="AccuracyOnly", **QUERIES_OF_8)
    assert set(answers_of(result).values()) == {b"8"}


def test_no_more_than_max_outstanding_bytes_are_on_their_way(nodes, run):
    library = Library([np.full(1 << 20, i, np.uint8) for i in range(24)])
    limit = 3 << 20
    system = qdl.NetworkQDL(nodes("Backlog"), library, max_outstanding_bytes=limit)
    result = run(system, library, scenario="Offline", mode="AccuracyOnly")
    backlogs = [int(answer) for answer in answers_of(result).values()]
    assert len(backlogs) == 24
    # A batch begins below the limit and ends with a sample that passes a message's size, 4 MiB.
    assert max(backlogs) <= 3 + 4


def test_a_library_that_takes_its_time_keeps_no_node_waiting(nodes, run):
    class Slow(Library):
        def __getitem__(self, index):
            time.sleep(0.005)
            return super().__getitem__(index)

    library = Slow(NUMBERS.payloads)
    addresses = [nodes("Digest", number=i) for i in range(2)]
    # Loading all takes longer than a node waits for a sign of life.
    system = qdl.NetworkQDL(addresses, library, node_timeout_s=2)
    result = run(system, library, scenario="Offline", min_query_count=600, offline_expected_qps=600)
    assert errors_of(result) == []
    assert min(node["answered"] for node in system.report.nodes) > 100


# ---- Runs one after another ----------------------------------------------------------------------

CLIENT = """
import sys
from mlperf_loadgen import qdl, testing
from qdl_node import Library
library = Library([b"x"] * 20)
testing.run(qdl.NetworkQDL(sys.argv[1], library), library, min_duration_ms=3_600_000)
"""


def test_a_node_serves_one_load_generator_after_another(run):
    with Node("Digest") as node:
        busy = subprocess.Popen(
            [sys.executable, "-c", CLIENT, node.address],
            cwd=runs.HELPERS,
            stderr=subprocess.DEVNULL,
        )
        node.wait_for("begins a run")
        with pytest.raises(qdl.NetworkError) as refused:
            run(qdl.NetworkQDL(node.address, NUMBERS, connect_timeout_s=0.7), NUMBERS)
        assert "not ready after 0.7 s: it works for " in str(refused.value)
        assert f"process {busy.pid}" in str(refused.value)
        busy.send_signal(signal.SIGINT)
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS), NUMBERS)) == []
        busy.wait(HANG_LIMIT_S)
        assert errors_of(run(qdl.NetworkQDL(node.address, NUMBERS), NUMBERS)) == []


def test_a_system_that_was_served_can_be_tested_and_no_two_are_served_at_once(run):
    class Asynchronous(lg.AsyncSystemUnderTest):
        async def issue_query(self, samples):
            raise ValueError("a bad query")

    system = Asynchronous()
    refused = []

    def serve_another(_):
        with pytest.raises(qdl.NetworkError, match="a process of its own"):
            qdl.serve(Digest, "tcp://127.0.0.1:0")
        refused.append(True)

    def serve_both():
        qdl.serve(
            lambda _: system,
            "tcp://127.0.0.1:0",
            ready=lambda _: threading.Timer(0.5, serve_another, [None]).start(),
            stopped=lambda: bool(refused),
        )

    serve_both()
    with pytest.raises(ValueError, match="a bad query"):
        run(system, NUMBERS)


def test_an_object_in_a_test_differs_from_a_free_one(nodes, run):
    system = qdl.NetworkQDL(nodes("Backlog", delay_s=0.01), NUMBERS)
    results = []
    thread = threading.Thread(
        target=lambda: results.append(run(system, NUMBERS, mode="AccuracyOnly"))
    )
    thread.start()
    with pytest.raises(RuntimeError, match="in a test already"):
        while thread.is_alive():  # Until it has begun.
            system.require_idle()
            time.sleep(0.001)
    with pytest.raises(RuntimeError, match="in a test already"):
        run(system, NUMBERS)
    thread.join(HANG_LIMIT_S)
    assert len(answers_of(results[0])) == 64


# ---- The report ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_times_of_a_sample_pass_in_order_and_add_up(scenario, nodes, run):
    system = qdl.NetworkQDL([nodes("Digest", number=i) for i in range(2)], NUMBERS)
    result = run(system, NUMBERS, scenario=scenario)
    rows = rows_of(result)
    assert len(rows) == result.performance.sample_count
    passed = np.stack([rows[name] for name in timings.TIMES])
    assert (passed > 0).all()
    assert (np.diff(passed, axis=0) >= 0).all()
    chain = ["queue", "serialise", "network_there", "node_queue", "model"]
    chain += ["node_answer", "network_back", "deliver"]
    components = system.report.components
    means = [components[name]["mean_ns"] for name in chain]
    assert sum(means) == pytest.approx(components["total"]["mean_ns"], abs=len(chain))
    assert {values["count"] for values in components.values()} == {len(rows)}
    total = np.sort(rows["completed_ns"] - rows["issued_ns"])
    assert components["total"]["max_ns"] == total[-1]
    median = total[len(total) // 2]
    assert components["total"]["p50_ns"] == pytest.approx(median, rel=0.006)
    assert sorted(set(rows["node"].tolist())) in ([0, 1], [0], [1])


@pytest.mark.parametrize(("prefix", "suffix"), [("a_", "_b"), ("summary.txt_", "_detail.1")])
def test_the_network_logs_are_named_as_the_others(prefix, suffix, nodes, tmp_path):
    logs = lg.LogSettings()
    logs.log_output.outdir = str(tmp_path)
    logs.log_output.prefix, logs.log_output.suffix = prefix, suffix
    system = qdl.NetworkQDL(nodes("Digest"), NUMBERS)
    lg.StartTestWithLogSettings(system, NUMBERS, lg.TestSettings(**QUICK), logs, "")
    assert (tmp_path / f"{prefix}summary{suffix}.txt").read_text().startswith("====")
    assert json.loads((tmp_path / f"{prefix}network{suffix}.json").read_text())["faults"] == {}
    assert len(np.load(tmp_path / f"{prefix}network{suffix}.npy")) == 40


def test_processes_of_a_machine_share_the_clock(nodes, run):
    system = qdl.NetworkQDL(nodes("Digest"), NUMBERS)
    result = run(system, NUMBERS)
    (node,) = network_log(result)["nodes"]
    assert node["same_clock"] and node["clock_offset_ns"] == node["clock_uncertainty_ns"] == 0
    assert node["round_trip_ns"] > 0
    assert network_log(result) == json.loads(json.dumps(system.report.to_dict()))
    assert node["address"] in str(system.report)


# ---- Doors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_keys_let_their_owner_in(transport, run, tmp_path):
    keys = str(qdl.make_keys(tmp_path / "keys"))
    address = "tcp://127.0.0.1:0" if transport == "tcp" else f"ipc://{tmp_path}/node"
    with Node("Digest", address, keys=keys) as node:
        result = run(qdl.NetworkQDL(node.address, NUMBERS, keys=keys), NUMBERS, mode="AccuracyOnly")
    assert answers_of(result) == {i: digest(p) for i, p in enumerate(NUMBERS.payloads)}


def test_keys_are_not_overwritten(tmp_path):
    qdl.make_keys(tmp_path)
    assert {path.stat().st_mode & 0o77 for path in tmp_path.glob("*_secret")} == {0}
    with pytest.raises(FileExistsError, match="remove it, or give another folder"):
        qdl.make_keys(tmp_path)
    with pytest.raises(qdl.NetworkError, match="mlperf-loadgen keys"):
        qdl.NetworkQDL("tcp://127.0.0.1:1", NUMBERS, keys=tmp_path / "none").begin_test()


def test_others_are_kept_out_unless_they_are_welcome(run):
    for address in ("tcp://0.0.0.0:0", "tcp://*:0", "tcp://lo:0"):
        with pytest.raises(qdl.NetworkError, match="can be reached from other machines: give keys"):
            qdl.serve(Digest, address)
    with Node("Digest", "tcp://0.0.0.0:0", insecure=True) as node:
        here = node.address.replace("0.0.0.0", "127.0.0.1")
        assert errors_of(run(qdl.NetworkQDL(here, NUMBERS), NUMBERS)) == []


@pytest.mark.parametrize("keys", [False, True])
def test_an_address_in_use_is_named(keys, run_script, tmp_path):
    folder = str(qdl.make_keys(tmp_path / "keys")) if keys else None
    program = f"""
        import socket, threading
        import mlperf_loadgen as lg
        from mlperf_loadgen import qdl
        class System(lg.SystemUnderTest):
            def issue_query(self, samples):
                lg.complete(samples.ids)
        server = socket.create_server(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{{server.getsockname()[1]}}"
        try:
            qdl.serve(lambda library: System(), address, keys={folder!r})
        except qdl.NetworkError as error:
            print(error)
        print([thread.name for thread in threading.enumerate()])
    """
    said = run_script(program)
    assert "cannot bind tcp://127.0.0.1:" in said.stdout and "Address already in use" in said.stdout
    assert "['MainThread']" in said.stdout
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("addresses", "values", "words"),
    [
        ("127.0.0.1:1", {}, "is no address of a node: it has no scheme://; give tcp://127.0.0.1:1"),
        ("openai+http://h/v1", {}, "language models are no nodes; give it to OpenAIEndpoint"),
        ("foo://127.0.0.1:1", {}, "is no address of a node"),
        ([], {}, "addresses must name a node"),
        ("tcp://a:1", {"balance": "random"}, "balance must be one of least_outstanding"),
        ("tcp://a:1", {"on_loss": "stop"}, "on_loss must be one of continue, end"),
        ("tcp://a:1", {"max_outstanding": 0}, "max_outstanding must be above 0, not 0"),
        ("tcp://a:1", {"max_outstanding_bytes": -1}, "must be above 0, not -1"),
        ("tcp://a:1", {"connect_timeout_s": float("nan")}, "must be above 0, not nan"),
        ("tcp://a:1", {"node_timeout_s": 0}, "node_timeout_s must be above 0"),
        ("tcp://a:1", {"transfer": "udp"}, "transfer must be one of auto, tcp, off, not 'udp'"),
    ],
)
def test_arguments_are_checked(addresses, values, words):
    with pytest.raises(ValueError, match=words):
        qdl.NetworkQDL(addresses, NUMBERS, **values)


@pytest.mark.parametrize(
    ("address", "values", "error", "words"),
    [
        ("tcp://a:1", {"keys": "nosuch"}, ValueError, "no keys in nosuch"),
        ("tcp://a:1", {"concurrency": 2}, TypeError, "tcp:// has no option concurrency"),
        ("tcp://a:1", {"max_answer_bytes": "5"}, TypeError, "must be a number above 0, not '5'"),
        ("tcp://a:1", {"max_outstanding": None}, TypeError, "must be a number above 0, not None"),
        ("http://a:1", {"request_timeout_s": -1}, ValueError, "request_timeout_s must be above 0"),
        ("kserve+http://a:1/m", {"concurrency": 0}, ValueError, "concurrency must be above 0"),
        ("kserve+http://a:1/m", {"inputs": ["x:FP31:4"]}, ValueError, "no datatype 'FP31'"),
        ("kserve+https://a:1/m", {"ca_file": "nosuch.pem"}, ValueError, "ca_file nosuch.pem"),
        ("kserve+http://a:1", {}, ValueError, "names no model: give kserve"),
    ],
)
def test_options_of_a_transport_are_checked_before_it_connects(address, values, error, words):
    with pytest.raises(error, match=words):
        qdl.NetworkQDL(address, NUMBERS, **values)


def test_transports_of_others_are_not_made_before_the_test(monkeypatch):
    monkeypatch.setattr("mlperf_loadgen.qdl.network._TRANSPORTS", {})
    qdl.register_transport("mine", lambda address, events: pytest.fail("it was made"))
    qdl.NetworkQDL("mine://a", NUMBERS)


def test_a_library_without_payloads_is_refused():
    class Plain(lg.QuerySampleLibrary):
        total_sample_count = performance_sample_count = 1

        def load_samples(self, indices):
            pass

        unload_samples = load_samples

    with pytest.raises(TypeError, match="Plain has no payloads: give it __getitem__"):
        qdl.NetworkQDL("tcp://a:1", Plain())


def test_payloads_that_nothing_awaits_are_refused_before_the_test():
    """If they were not, each of its samples would fail."""

    class Awaited(Library):
        async def __getitem__(self, index):
            return b"payload"

    with pytest.raises(TypeError, match=r"^__getitem__ is written with async def, and nothing "):
        qdl.NetworkQDL("tcp://a:1", Awaited([b""]))


# ---- The codec -----------------------------------------------------------------------------------

# The same examples each time, however long they take.
STEADY = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow],
}

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.floating_dtypes(),
    hnp.complex_number_dtypes(),
    hnp.byte_string_dtypes(max_len=5),
    hnp.unicode_string_dtypes(max_len=5),
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6)
    )
)
LARGE = st.integers(LARGE_BYTES - 9, LARGE_BYTES + 9).map(lambda n: np.arange(n).astype(np.uint8))
PARTS = st.one_of(ARRAYS, LARGE)
ANY_PAYLOAD = st.one_of(
    st.binary(max_size=50),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    PARTS,
    st.lists(PARTS, max_size=4),
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5), PARTS, max_size=4
    ),
)


def message_of(frames):
    return wire.read([bytes(frame) for frame in frames])


def samples_message(payloads):
    count = len(payloads)
    keys = np.arange(1, count + 1, dtype=np.uint64)
    batch = Batch(keys, keys + np.uint64(5), keys // np.uint64(2), payloads)
    return SamplesWriter().write(7, batch, 1234)


def test_small_payloads_make_no_large_frame():
    """A node takes frames up to a size, and a query of many such travels in one message."""
    payloads = [np.full(LARGE_BYTES - 1, i % 251, np.uint8) for i in range(600)]
    message = message_of(samples_message(payloads))
    assert max(map(len, message.frames)) <= (4 << 20) + LARGE_BYTES
    read = SamplesReader().read(message).payloads
    assert [digest(payload) for payload in read] == [digest(payload) for payload in payloads]


@settings(max_examples=200, **STEADY)
@given(st.lists(ANY_PAYLOAD, max_size=5))
@example([b"", np.zeros(LARGE_BYTES, np.uint8), "", b"x", np.zeros(LARGE_BYTES)])
def test_payloads_go_round(payloads):
    message = message_of(samples_message(payloads))
    assert (message.kind, message.run) == (wire.Kind.SAMPLES, 7)
    samples = SamplesReader().read(message)
    assert [digest(p) for p in samples.payloads] == [digest(p) for p in payloads]
    assert samples.keys.tolist() == list(range(1, len(payloads) + 1))
    assert (samples.indices == samples.keys + np.uint64(5)).all()
    assert (samples.queries == samples.keys // np.uint64(2)).all()


@settings(max_examples=30, **STEADY)
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.binary(max_size=30)), max_size=6))
def test_answers_go_round(answers):
    rows = np.zeros(len(answers), ANSWER_ROW)
    rows["key"] = [key for key, _ in answers]
    rows["size"] = [len(data) for _, data in answers]
    frames = write_answers(3, rows, b"".join(data for _, data in answers), 99)
    got, parts, sent_ns = read_answers(message_of(frames))
    assert got.tolist() == rows.tolist()
    assert [bytes(part) for part in parts] == [data for _, data in answers]
    assert sent_ns == 99


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
SOME_DTYPES = st.sampled_from(
    ["<f4", "|S3", "<U2", "O", "V4", "<M8[s]", "f4,f4", "(2,f4", "(2,)f4", "a5", "|S2147483647", ""]
)
SHAPES = st.lists(st.sampled_from([0, 1, 3, 2**40, 2**63, 2**70, -1, True, None]), max_size=70)
LAYOUTS = st.tuples(
    st.sampled_from(["bytes", "str", "array", "list", "dict", "pickle"]),
    st.lists(st.tuples(st.text(max_size=2), SOME_DTYPES | VALUES, SHAPES | VALUES), max_size=3),
)


@settings(max_examples=150, **STEADY)
@given(LAYOUTS | VALUES, st.binary(max_size=20))
def test_a_foreign_layout_is_a_value_error_or_good(text, data):
    try:
        layout = payload.parse_layout(json.loads(json.dumps(text)))
    except ValueError:
        return
    sizes = [part.nbytes for part in layout.parts]
    views = [memoryview(bytes(min(size, 64))) for size in sizes] or [memoryview(data)]
    try:
        restored = payload.restore(layout, views)
    except ValueError:
        return
    arrays = restored.values() if isinstance(restored, dict) else restored
    if layout.form in ("array", "list", "dict"):
        held = [array.nbytes for array in ([restored] if layout.form == "array" else arrays)]
        assert sum(held) <= 64 * len(views)


READERS = {
    wire.Kind.SAMPLES: lambda message: SamplesReader().read(message),
    wire.Kind.ANSWERS: read_answers,
    wire.Kind.PING: wire.read_times,
    wire.Kind.PONG: wire.read_times,
}
GOOD = [
    samples_message([b"abc", "text", np.eye(3), [np.arange(3)], {"a": np.arange(5000.0)}]),
    write_answers(1, np.zeros(3, ANSWER_ROW), b"", 5),
    wire.control(wire.Kind.HELLO, 1, {"host": "h", "process": 1}),
    wire.times(wire.Kind.PONG, 1, 1, 2, 3),
]


@st.composite
def mutated(draw):
    """A good message with bytes changed, cut, doubled, or frames lost and added."""
    frames = [bytearray(bytes(frame)) for frame in draw(st.sampled_from(GOOD))]
    for _ in range(draw(st.integers(1, 4))):
        frame = draw(st.sampled_from(frames))
        at = draw(st.integers(0, max(len(frame) - 1, 0)))
        how = draw(st.sampled_from(["set", "cut", "insert", "large", "drop", "more"]))
        if how == "set" and frame:
            frame[at] = draw(st.integers(0, 255))
        elif how == "large" and len(frame) >= at + 8:
            numbers = st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1])
            frame[at : at + 8] = struct.pack("<Q", draw(numbers))
        elif how == "cut":
            del frame[at:]
        elif how == "insert":
            frame[at:at] = draw(st.binary(max_size=9))
        elif how == "drop" and len(frames) > 1:
            frames.pop()
        elif how == "more":
            frames.append(bytearray(draw(st.binary(max_size=9))))
    return [bytes(frame) for frame in frames]


@settings(max_examples=300, **STEADY)
@given(mutated() | st.lists(st.binary(max_size=40), max_size=3))
def test_a_message_that_is_none_of_ours_is_a_message_error(frames):
    try:
        message = wire.read(frames)
        READERS.get(message.kind, wire.read_control)(message)
    except wire.MessageError as error:
        assert str(error)
        assert len(str(error)) < 1000


@settings(max_examples=50, **STEADY)
@given(st.binary(max_size=30) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_json_is_an_object_or_a_message_error(text):
    head = wire.control(wire.Kind.WELCOME, 1)[0][: wire.HEAD_BYTES]
    try:
        assert isinstance(wire.read_control(wire.read([head + text])), dict)
    except wire.MessageError as error:
        assert "WELCOME" in str(error)


def test_json_that_is_deep_or_of_long_numbers_is_a_message_error():
    head = wire.control(wire.Kind.HELLO, 1)[0][: wire.HEAD_BYTES]
    for text in (b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000):
        with pytest.raises(wire.MessageError):
            wire.read_control(wire.read([head + text]))


@pytest.mark.parametrize(
    "payload_of",
    [
        None,
        5,
        object(),
        np.array([None]),
        [np.array([object()])],
        np.zeros(2, "M8[s]"),
        {"a": None},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_payload_is_a_type_error(payload_of):
    with pytest.raises(TypeError, match=r"sent|payload must be"):
        payload.flatten(payload_of)


def test_the_size_of_a_sample_is_that_of_its_parts():
    frames = samples_message([[]])
    rows = np.frombuffer(frames[0], SAMPLE_ROW, 1, wire.HEAD_BYTES + 16).copy()
    rows["size"] = 8
    head, end = wire.HEAD_BYTES + 16, wire.HEAD_BYTES + 16 + rows.nbytes
    message = wire.read([frames[0][:head] + rows.tobytes() + frames[0][end:]])
    with pytest.raises(wire.MessageError, match="a sample of 8 bytes with a layout of 0"):
        SamplesReader().read(message)


# ---- Slots ---------------------------------------------------------------------------------------


def test_a_key_is_good_once_and_for_its_node_only():
    table = SlotTable()
    samples = np.zeros(3, [("id", "<u8"), ("index", "<u8"), ("issued_ns", "<i8"), ("query", "<u8")])
    samples["id"] = [10, 11, 12]
    keys = table.occupy(4, samples, [1, 2, 3], 0)

    def good(node, *asked):
        numbers, good = table.find(node, np.array(asked, np.uint64))
        return table.rows["id"][numbers[good]].tolist()

    assert sorted(good(4, *keys.tolist())) == [10, 11, 12]
    assert good(3, *keys.tolist()) == []
    assert good(4, keys[0], keys[0]) == [10]
    # Neither of these is the key of a slot, though the numbers in them are.
    for other in (keys[0] ^ np.uint64(1 << 40), np.uint64(2**64 - 1), np.uint64(0)):
        assert good(4, keys[0], other) == good(4, other, keys[0]) == [10]
    numbers, _ = table.find(4, keys)
    _, size = table.release(numbers)
    assert size == 6
    assert good(4, *keys.tolist()) == []
    assert not set(keys.tolist()) & set(table.occupy(4, samples, [1, 2, 3], 0).tolist())
