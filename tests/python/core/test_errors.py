"""Mistakes are refused or reported, never crashed on: bad settings, bad handles, failing callbacks,
signals, aborts and broken completions.

Method: refusals must name the setting, the value and the fix. Whatever ends a test early, the
samples must be unloaded, the logs complete and readable, and the next test must work. What might
crash or hang is tried in a process of its own, within a hang limit.
"""

import math
import signal
import threading
import traceback

import pytest
from runs import FOR_EVERY_SCENARIO, answer, log_settings

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

# ---- Settings no test can be run with ------------------------------------------------------------

REFUSED = [
    ({"total": 0}, "library's total sample count is 0", "at least one sample"),
    ({"performance": 0}, "library's performance sample count is 0", "set"),
    ({"min_query_count": 0}, "min_query_count is 0", "set one of them to at least 1"),
    (
        {"min_query_count": 0, "scenario": "Offline"},
        "min_query_count is 0",
        "set min_query_count to at least 1",
    ),
    *[
        ({"single_stream_target_latency_percentile": p}, "single_stream_target_latency", "0.99")
        for p in (0.0, 1.0, -0.5, 99.0, math.nan, math.inf)
    ],
    *[
        (
            {"scenario": "MultiStream", "multi_stream_target_latency_percentile": p},
            "multi_stream_target_latency_percentile is",
            "between 0 and 1",
        )
        for p in (0.0, 1.0)
    ],
    *[
        (
            {"scenario": "Server", "server_target_latency_percentile": p},
            "server_target_latency_percentile is",
            "between 0 and 1",
        )
        for p in (0.0, 1.0)
    ],
    *[
        ({"scenario": "Server", "server_target_qps": q}, "server_target_qps is", "above 0")
        for q in (0.0, -5.0, math.nan, math.inf)
    ],
    *[
        ({"scenario": "Offline", "offline_expected_qps": q}, "offline_expected_qps is", "or more")
        for q in (-1.0, math.nan, math.inf)
    ],
    *[
        ({f"{s}_stream_expected_latency_ns": v, "scenario": c}, f"{s}_stream_expected", "above 0")
        for s, c in (("single", "SingleStream"), ("multi", "MultiStream"))
        for v in (0.0, -1.0, math.nan, math.inf)
    ],
    (
        {"scenario": "MultiStream", "multi_stream_samples_per_query": 0},
        "multi_stream_samples_per_query is 0",
        "at least 1",
    ),
    (
        {"performance_issue_same": True, "performance_issue_same_index": 10},
        "performance_issue_same_index is 10",
        "less than that",
    ),
    ({"accuracy_log_probability": 1.5}, "accuracy_log_probability is 1.5", "from 0 to 1"),
    ({"accuracy_log_probability": math.nan}, "accuracy_log_probability is nan", "from 0 to 1"),
    (
        {
            "scenario": "Server",
            "mode": "FindPeakPerformance",
            "server_find_peak_qps_boundary_step_size": 0.0,
        },
        "server_find_peak_qps_boundary_step_size is 0",
        "above 0",
    ),
    (
        {
            "scenario": "Server",
            "mode": "FindPeakPerformance",
            "server_find_peak_qps_decimals_of_precision": -1,
        },
        "server_find_peak_qps_decimals_of_precision is -1",
        "from 0 to",
    ),
]


@pytest.mark.parametrize(("arguments", "named", "fix"), REFUSED)
def test_refused_settings(run_test, arguments, named, fix):
    with pytest.raises(lg.SettingsError) as refused:
        run_test(**arguments)
    assert isinstance(refused.value, ValueError)
    assert named in str(refused.value)
    assert fix in str(refused.value)
    assert refused.value.run.events == []


# ---- Log directories -----------------------------------------------------------------------------


def start(handles, log, **settings):
    asked = lg.TestSettings(**({"min_duration_ms": 0, "min_query_count": 5} | settings))
    return lg.StartTestWithLogSettings(*handles, asked, log)


def test_log_directory_is_made(handles, tmp_path):
    start(handles, log_settings(tmp_path / "new"))
    assert (tmp_path / "new" / "mlperf_log_summary.txt").exists()


def test_log_directory_without_a_parent(handles, tmp_path):
    with pytest.raises(OSError, match=r"cannot create the log directory '.*/a/b'.*outdir"):
        start(handles, log_settings(tmp_path / "a" / "b"))
    start(handles, log_settings(tmp_path))


def test_log_file_that_cannot_be_opened(handles, tmp_path):
    (tmp_path / "mlperf_log_detail.txt").mkdir()
    with pytest.raises(OSError, match=r"mlperf_log_detail\.txt"):
        start(handles, log_settings(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        start(handles, log_settings(tmp_path / "file"))
    start(handles, log_settings(tmp_path / "works"))


# ---- Exceptions of callbacks ---------------------------------------------------------------------


class OwnError(Exception):
    pass


def fail_in_callback():
    raise OwnError("mine")


def failing_test(where, events):
    """Handles of a system whose callback `where` raises."""

    def callback(name, then=None):
        def call(*arguments):
            events.append(name)
            if name == where:
                fail_in_callback()
            return then(*arguments) if then else None

        return call

    def complete(samples):
        data = [lg.QuerySampleResponse(s.id, 0, 0) for s in samples]
        lg.QuerySamplesComplete(data, callback("response_cb"))

    sut = lg.ConstructQDL(
        callback("issue", complete), callback("flush"), callback("name", lambda: "sut")
    )
    return sut, lg.ConstructQSL(20, 10, callback("load"), callback("unload"))


CALLBACKS = ("issue", "flush", "load", "unload", "name", "response_cb")


@pytest.mark.parametrize("scenario", lg.TestScenario.__members__)
@pytest.mark.parametrize("where", CALLBACKS)
def test_exception_in_a_callback(run_test, tmp_path, where, scenario):
    events = []
    with pytest.raises(OwnError, match="mine") as raised:
        start(
            failing_test(where, events),
            log_settings(tmp_path),
            scenario=getattr(lg.TestScenario, scenario),
            mode=lg.TestMode.AccuracyOnly,
            server_target_qps=1e5,
        )
    frames = [frame.name for frame in traceback.extract_tb(raised.tb)]
    assert frames[-1] == "fail_in_callback"
    assert events.count(where) == 1
    if where != "name":
        assert events.count("load") == events.count("unload") == 1
    summary = (tmp_path / "mlperf_log_summary.txt").read_text()
    assert "encountered" in summary.splitlines()[-1]
    assert lg.read_accuracy(tmp_path / "mlperf_log_accuracy.json").truncated is False
    after = run_test(scenario=scenario, server_target_qps=1e5)
    assert after.errors == []
    assert after.result.warnings == []


def test_name_that_is_no_string(handles, tmp_path):
    sut = lg.ConstructQDL(answer, lambda: None, lambda: 3)
    with pytest.raises(TypeError, match="name of a system under test must be a str, not int"):
        start((sut, handles[1]), log_settings(tmp_path))


def test_name_of_a_library_that_is_no_string(handles, tmp_path):
    """A method, as it is without @property, or a coroutine's."""

    class Library(lg.QuerySampleLibrary):
        total_sample_count = performance_sample_count = 10

        async def name(self):
            return "awaited"

        def load_samples(self, indices):
            pass

        unload_samples = load_samples

    with pytest.raises(TypeError, match=r"^the name of a sample library must be a str, not method"):
        start((handles[0], Library()), log_settings(tmp_path))
    assert not list(tmp_path.iterdir()), "there was no test"


def test_logs_after_an_exception(run_test):
    def issue(samples):
        answer(samples)
        if samples.indices[0] == third:
            fail_in_callback()

    third = run_test().issued[2]
    with pytest.raises(OwnError) as raised:
        run_test(issue=issue)
    run = raised.value.run
    assert run.value("loaded_qsl_set") == run.calls("load")[0]
    assert run.value("result_validity") == "INVALID"
    assert len(run.trace["traceEvents"]) > 3
    assert "aborted" in run.text("detail.txt")


def test_exception_of_a_response_callback_reaches_its_caller_too(run_test):
    seen = []

    def issue(samples):
        try:
            responses = [lg.QuerySampleResponse(s.id, 0, 0) for s in samples]
            lg.QuerySamplesComplete(responses, lambda _: fail_in_callback())
        except OwnError as error:
            seen.append(error)

    with pytest.raises(OwnError) as raised:
        run_test(issue=issue, mode="AccuracyOnly")
    assert str(raised.value) == "mine"
    assert len(seen) == 1


# ---- Signals and aborts --------------------------------------------------------------------------

INTERRUPTED = """
    import json, os, signal, sys, threading
    import mlperf_loadgen as lg

    scenario, stuck, form = sys.argv[1:]
    waiting = threading.Event()

    def issue(samples):
        if stuck == "answering":
            lg.complete(samples.ids)
        if form == "raise_signal":
            signal.raise_signal(signal.SIGINT)
        waiting.set()

    def kill():
        waiting.wait()
        os.kill(os.getpid(), signal.SIGINT)

    if form == "kill":
        threading.Thread(target=kill, daemon=True).start()
    loads = []
    sut = lg.ConstructSUT(issue, lambda: None)
    qsl = lg.ConstructQSL(20, 10, loads.append, loads.remove)
    # Left alone it would take an hour.
    settings = lg.TestSettings(
        scenario=getattr(lg.TestScenario, scenario), min_duration_ms=3600000,
        server_target_qps=0.01, single_stream_expected_latency_ns=1e9,
        multi_stream_expected_latency_ns=1e9,
    )
    try:
        lg.StartTest(sut, qsl, settings)
        print("not interrupted")
    except KeyboardInterrupt:
        print("interrupted", len(loads))
    for line in open("mlperf_log_detail.txt"):
        json.loads(line.removeprefix(":::MLLOG "))
    json.load(open("mlperf_log_trace.json"))
    assert "encountered" in open("mlperf_log_summary.txt").read().splitlines()[-1]
    quick = lg.TestSettings(min_duration_ms=0)
    again = lg.ConstructSUT(lambda samples: lg.complete(samples.ids), lambda: None)
    print(lg.StartTest(again, qsl, quick).valid)
"""


@pytest.mark.parametrize("form", ["kill", "raise_signal"])
@pytest.mark.parametrize(
    ("scenario", "stuck"),
    [
        ("Server", "answering"),
        ("Server", "stuck"),
        ("SingleStream", "stuck"),
        ("MultiStream", "stuck"),
        ("Offline", "stuck"),
    ],
)
def test_interrupt(run_script, scenario, stuck, form):
    done = run_script(INTERRUPTED, scenario, stuck, form)
    assert (done.returncode, done.stdout) == (0, "interrupted 0\nTrue\n"), done.stderr


def test_abort_from_another_thread(run_test):
    issued = threading.Event()

    def abort():
        issued.wait()
        lg.AbortTest()

    thread = threading.Thread(target=abort)
    thread.start()
    run = run_test(
        scenario="Server",
        server_target_qps=0.01,
        min_duration_ms=3600000,
        issue=lambda samples: (answer(samples), issued.set()),
    )
    thread.join()
    assert run.result.aborted
    assert not run.result.valid
    assert "ABORTED" in str(run.result)
    assert any("aborted" in reason for reason in run.result.reasons)
    assert run.calls("unload") == run.calls("load")
    assert "Ending early: the test was aborted." in run.errors
    assert run_test().result.aborted is False


def test_abort_of_a_stuck_test_from_a_callback(run_test):
    run = run_test(issue=lambda samples: lg.AbortTest())
    assert run.result.aborted
    assert run.result.performance.sample_count == 0
    assert any("never completed" in reason for reason in run.result.reasons)


def test_abort_without_a_test(run_test):
    lg.AbortTest()
    assert run_test(min_query_count=100).result.valid


# ---- Broken completions --------------------------------------------------------------------------

BROKEN = """
    import sys
    import numpy  # Or the first use of samples.ids imports it, while queries are due.
    import mlperf_loadgen as lg

    scenario, kind, form = sys.argv[1:]
    seen = []

    def complete(ids):
        if form == "batch":
            lg.complete(ids)
        else:
            lg.QuerySamplesComplete([lg.QuerySampleResponse(i, 0, 0) for i in ids])

    def issue(samples):
        ids = samples.ids.tolist()
        complete(ids)
        if kind == "double":
            complete(ids)
        elif kind == "unknown":
            complete([0, 1, 2**64 - 1, ids[0] ^ (1 << 62)])
        elif kind == "early":
            complete([ids[-1] + 1])
        elif kind == "late" and seen:
            complete(seen[-1:])
        seen.extend(ids)

    def run(scenario):
        sut = lg.ConstructSUT(issue, lambda: None)
        qsl = lg.ConstructQSL(20, 10, lambda i: None, lambda i: None)
        settings = lg.TestSettings(
            scenario=getattr(lg.TestScenario, scenario), min_duration_ms=0,
            server_target_qps=1e5, min_query_count=700,
            server_target_latency_ns=10**11,  # Is kept on a machine that stands still, too.
        )
        return lg.StartTest(sut, qsl, settings)

    if kind == "late":
        kind = ""
        assert run(scenario).performance.valid
        kind = "late"
        seen = seen[-1:]
        issued, issue_now = seen[:], issue
        issue = lambda samples: (lg.complete(samples.ids), complete(issued))
    result = run(scenario)
    print(result.valid, result.performance.min_queries_met)
    print(result.reasons)
    complete([1, 2, 3])
    kind, issue = "", lambda samples: lg.complete(samples.ids)
    after = run(scenario)
    print(after.performance.valid, after.warnings)
"""
REASONS = {
    "double": "double completions",
    "unknown": "unknown response ids",
    "early": ("early completion", "unknown response id"),
    "late": "of an earlier test",
}


@pytest.mark.parametrize("form", ["batch", "objects"])
@pytest.mark.parametrize("kind", REASONS)
@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Server"])
def test_broken_completions(run_script, scenario, kind, form):
    done = run_script(BROKEN, scenario, kind, form)
    assert done.returncode == 0, done.stderr
    verdict, reasons, after = done.stdout.splitlines()
    assert verdict == "False True"
    wanted = REASONS[kind] if isinstance(REASONS[kind], tuple) else (REASONS[kind],)
    assert any(text in reasons for text in wanted), reasons
    assert after.startswith("True"), after
    assert "3 completions came between tests and were dropped" in after


def test_data_at_address_0(run_test):
    def issue(samples):
        lg.QuerySamplesComplete([lg.QuerySampleResponse(s.id, 0, 100) for s in samples])

    run = run_test(issue=issue, mode="AccuracyOnly")
    assert {record["data"] for record in run.accuracy} == {""}
    assert any("data" in reason for reason in run.result.reasons)
    assert not run.result.valid


@pytest.mark.parametrize(
    ("n_tokens", "reason"),
    [
        (0, "missing token count"),
        (-3, "negative token count"),
        (1, "token counts of 1"),
    ],
)
def test_broken_token_counts(run_test, n_tokens, reason):
    def issue(samples):
        responses = [lg.QuerySampleResponse(s.id, 0, 0, n_tokens) for s in samples]
        lg.FirstTokenComplete(responses)
        lg.QuerySamplesComplete(responses)

    run = run_test(issue=issue, use_token_latencies=True, min_query_count=100)
    assert any(reason in text for text in run.result.reasons)
    assert not run.result.valid


@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly"])
@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Server"])
def test_missing_first_token(run_test, scenario, mode):
    def issue(samples):
        lg.complete(samples.ids, None, [2] * len(samples))

    run = run_test(issue=issue, scenario=scenario, mode=mode, use_token_latencies=True)
    assert any("missing first token" in text for text in run.result.reasons)
    assert not run.result.valid


# ---- Two tests at a time -------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["issue", "load"])
def test_start_test_within_a_callback(handles, tmp_path, where):
    refused = []

    def nested(*_):
        with pytest.raises(RuntimeError, match="already running"):
            start(handles, log_settings(tmp_path / "inner"))
        refused.append(where)

    sut = lg.ConstructSUT(
        lambda samples: (where == "issue" and nested(), answer(samples)), lambda: None
    )
    qsl = lg.ConstructQSL(20, 10, nested if where == "load" else print, lambda i: None)
    assert start((sut, qsl), log_settings(tmp_path), min_query_count=100).valid
    assert refused


def test_start_test_from_two_threads(handles, tmp_path):
    running, ended = threading.Event(), threading.Event()

    def issue(samples):
        running.set()
        ended.wait()
        answer(samples)

    results = []
    sut = lg.ConstructSUT(issue, lambda: None)
    log = log_settings(tmp_path)
    thread = threading.Thread(
        target=lambda: results.append(start((sut, handles[1]), log, min_query_count=100))
    )
    thread.start()
    running.wait()
    with pytest.raises(RuntimeError, match="already running"):
        start(handles, log_settings(tmp_path / "second"))
    ended.set()
    thread.join()
    assert results[0].valid


def test_python_signal_handlers_run_while_waiting(run_test):
    """Any signal's handler runs in time, not only that of an interrupt."""
    held, seen = [], []

    def handler(*_):
        seen.append("signal")
        answer(held.pop())

    before = signal.signal(signal.SIGUSR1, handler)
    try:

        def issue(samples):
            held.append(samples)
            signal.raise_signal(signal.SIGUSR1)

        assert run_test(issue=issue, min_query_count=2).errors == []
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == ["signal"] * 2
