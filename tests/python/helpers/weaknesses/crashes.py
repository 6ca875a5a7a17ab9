"""W1 to W16: what crashes the reference, now or at the end of the process."""

import os
import signal
import threading
from pathlib import Path

import mlperf_loadgen as lg

from .table import (
    SCENARIOS,
    answer,
    assert_next_test_works,
    assert_refused,
    assert_unit_test,
    at_rate,
    refused,
    responses,
    row,
    run,
    settings_of,
)


@row(
    "W1",
    reference="a library without samples, or a performance count of 0: SIGSEGV",
    here="SettingsError naming the count and the fix",
)
def empty_library():
    for scenario in SCENARIOS:
        assert_refused("total sample count is 0", "at least one", total=0, scenario=scenario)
        assert_refused("performance sample count is 0", performance=0, scenario=scenario)
    run(performance=0, performance_sample_count_override=5).assert_unharmed()
    assert_next_test_works()


@row(
    "W2",
    reference="no queries are asked for, min_query_count and min_duration_ms 0: SIGSEGV",
    here="SettingsError",
)
def no_queries():
    for scenario in SCENARIOS:
        assert_refused("min_query_count is 0", "at least 1", min_query_count=0, scenario=scenario)
    assert_next_test_works()


@row(
    "W3",
    reference="Offline, performance_issue_unique, override above the library's size: SIGSEGV",
    here="the query has every sample once",
)
def unique_above_the_library():
    done = run(
        scenario="Offline", performance_issue_unique=True, performance_sample_count_override=100
    )
    done.assert_unharmed()
    assert sorted(done.issued) == list(range(10))


@row(
    "W4",
    reference="performance_issue_same_index outside of the set: a garbage index or SIGSEGV",
    here="SettingsError naming the size of the set",
)
def same_index_outside():
    for index in (10, 50, 10**12, 2**64 - 1):
        assert_refused(
            f"performance_issue_same_index is {index}",
            "10",
            performance_issue_same=True,
            performance_issue_same_index=index,
        )
    last = run(performance_issue_same=True, performance_issue_same_index=9)
    assert len(set(last.issued)) == 1


NEVER_ISSUED = (0, 1, 12345, 2**32, 2**63, 2**64 - 1)


@row(
    "W5",
    reference="completion of an id that was never issued: SIGSEGV",
    here="counted and logged, the result is INVALID; outside of a test dropped",
)
def unknown_ids():
    unknown = [lg.QuerySampleResponse(i, 0, 0) for i in NEVER_ISSUED]

    def issue(samples):
        lg.QuerySamplesComplete(unknown)
        lg.FirstTokenComplete(unknown)
        answer(samples)

    lg.QuerySamplesComplete(unknown)
    lg.FirstTokenComplete(unknown)
    for scenario in SCENARIOS:
        done = run(issue, scenario=scenario, **at_rate(scenario, 1e5))
        done.assert_invalid("unknown response ids")
        assert (done.result.samples["completed_ns"] >= 0).all()
        assert 10 <= done.result.error_count <= 13  # The first ten, and how many there were.
    assert_next_test_works()


@row(
    "W6",
    reference="completion after StartTest returned: use after free",
    here="dropped; the next test of the process warns of the number",
)
def completion_after_the_test():
    done = run()
    for query in done.queries:
        lg.QuerySamplesComplete(responses(query))
    after = run()
    after.assert_unharmed()
    (warning,) = after.result.warnings
    assert "10 completions came between tests and were dropped" in warning
    assert run().result.warnings == []


@row(
    "W7",
    reference="token mode without FirstTokenComplete: SIGSEGV",
    here="counted as a broken contract, the result is INVALID",
)
def no_first_token():
    for mode in ("PerformanceOnly", "AccuracyOnly", "SubmissionRun"):
        done = run(
            lambda samples: lg.QuerySamplesComplete(responses(samples, 4)),
            mode=mode,
            use_token_latencies=True,
        )
        done.assert_invalid("missing first token")
    assert_next_test_works()


@row(
    "W8",
    reference="accuracy response of 100 bytes at an invalid address: SIGSEGV",
    here="at address 0: logged as empty, counted, INVALID; others look like good ones",
)
def response_at_address_0():
    done = run(
        lambda samples: lg.QuerySamplesComplete(
            [lg.QuerySampleResponse(s.id, 0, 100) for s in samples]
        ),
        mode="AccuracyOnly",
    )
    done.assert_invalid("data")
    log = lg.read_accuracy(done.result.logs.accuracy)
    assert sorted(log.indices.tolist()) == list(range(10))
    assert list(log.payloads) == [b""] * 10


@row(
    "W9",
    reference="handle 0, a destroyed one, one that is destroyed twice: SIGSEGV",
    here="ValueError or TypeError in Python, std::invalid_argument for null in C++",
)
def bad_handles():
    sut = lg.ConstructSUT(answer, lambda: None)
    qsl = lg.ConstructQSL(10, 10, lambda indices: None, lambda indices: None)
    gone = lg.ConstructSUT(answer, lambda: None)
    lg.DestroySUT(gone)
    gone_qsl = lg.ConstructQSL(10, 10, lambda indices: None, lambda indices: None)
    lg.DestroyQSL(gone_qsl)
    for bad in (0, -1, gone, qsl, 2**64):
        refused(lambda bad=bad: lg.StartTest(bad, qsl, settings_of()), "SUT", error=ValueError)
        refused(lambda bad=bad: lg.DestroySUT(bad), "SUT", error=ValueError)
    for bad in (0, gone_qsl, sut):
        refused(lambda bad=bad: lg.StartTest(sut, bad, settings_of()), "QSL", error=ValueError)
        refused(lambda bad=bad: lg.DestroyQSL(bad), "QSL", error=ValueError)
    for bad in (None, "sut", 1.5):
        refused(lambda bad=bad: lg.StartTest(bad, qsl, settings_of()), error=TypeError)
    assert not list(Path.cwd().iterdir())
    assert_unit_test("TestRunTest", "RefusesNullObjects")
    assert_next_test_works()


class OwnError(Exception):
    pass


def failing_handles(where, loads):
    """A system and a library whose callback `where` raises; `loads` has what is loaded."""

    def callback(name, then=lambda *arguments: None):
        def call(*arguments):
            then(*arguments)
            if name == where:
                raise OwnError(name)
            return "a name"

        return call

    def issue(samples):
        lg.QuerySamplesComplete(responses(samples), callback("response_cb"))

    sut = lg.ConstructQDL(callback("issue", issue), callback("flush"), callback("name"))
    return sut, lg.ConstructQSL(
        10, 10, callback("load", loads.append), callback("unload", loads.remove)
    )


@row(
    "W10",
    reference="exception in a Python callback: the process dies at its end or at the next test",
    here="raised from StartTest, samples unloaded, logs complete, and the next test works",
)
def exceptions_of_callbacks():
    for where in ("issue", "flush", "load", "unload", "response_cb", "name"):
        loads = []
        handles = failing_handles(where, loads)
        log = lg.LogSettings()
        log.log_output.outdir = where
        settings = settings_of(mode="AccuracyOnly")
        refused(
            lambda handles=handles, settings=settings, log=log: lg.StartTestWithLogSettings(
                *handles, settings, log
            ),
            where,
            error=OwnError,
        )
        assert loads == []
        assert "encountered" in Path(where, "mlperf_log_summary.txt").read_text()
        lg.read_accuracy(Path(where, "mlperf_log_accuracy.json"))
        assert_next_test_works()
    for construct in (
        lambda: lg.ConstructSUT(None, lambda: None),
        lambda: lg.ConstructSUT(answer, None),
        lambda: lg.ConstructQSL(10, 10, None, lambda indices: None),
        lambda: lg.ConstructQDL(answer, lambda: None, None),
    ):
        refused(construct, "must be callable", error=TypeError)


@row(
    "W11",
    reference="exception thrown in a C++ IssueQuery and caught by the caller: abort at exit",
    here="thrown from StartTest, and the next test works: tests/unit/test_run_test.cc",
)
def exceptions_of_cpp_callbacks():
    assert_unit_test("Exceptions", "OfIssuing", "OfLoading", "OfFlushing", "OfUnloading")
    assert_unit_test("Exceptions", "OfTheSystemsName", "OfAResponseCallbackOnAnotherThread")


def log_to(**output):
    log = lg.LogSettings()
    for name, value in output.items():
        holder = log if hasattr(log, name) else log.log_output
        setattr(holder, name, value)
    sut = lg.ConstructSUT(answer, lambda: None)
    qsl = lg.ConstructQSL(10, 10, lambda indices: None, lambda indices: None)
    return lg.StartTestWithLogSettings(sut, qsl, settings_of(), log)


@row(
    "W12",
    reference="logs that cannot be opened: StartTest returns silently, abort at exit",
    here="OSError naming the path, before any callback; a directory is made where its parent is",
)
def logs_that_cannot_be_opened():
    def refuses(*texts, **output):
        refused(lambda: log_to(**output), *texts, error=OSError)

    refuses("missing/directory", outdir="missing/directory")
    refuses("here/there", prefix="here/there/log_")
    for name in ("summary.txt", "detail.txt", "accuracy.json", "trace.json", "samples.npy"):
        folder = "loadgen_samples/" if name == "samples.npy" else ""
        Path(name, f"{folder}mlperf_log_{name}").mkdir(parents=True)
        refuses(name, outdir=name)
    refuses("trace.json", outdir="trace.json", enable_trace=False)
    log_to(outdir="made")
    assert Path("made", "mlperf_log_summary.txt").exists()
    assert_next_test_works()


@row(
    "W13",
    reference="StartTest from a callback or from two threads: abort",
    here="RuntimeError for the second, and the first goes on to its end",
)
def two_tests_at_a_time():
    refusals = []

    def nested(samples):
        refusals.append(refused(run, "already running", error=RuntimeError))
        answer(samples)

    def from_a_thread(samples):
        thread = threading.Thread(target=nested, args=(samples,))
        thread.start()
        thread.join()

    for issue in (nested, from_a_thread):
        done = run(issue)
        done.assert_unharmed()
        assert len(done.queries) == 10
    assert len(refusals) == 20
    assert_next_test_works()


@row(
    "W14",
    reference="Ctrl-C within a callback: the exception is seen, SIGSEGV at exit",
    here="KeyboardInterrupt from StartTest after unloading and with complete logs",
)
def interrupt_in_a_callback():
    for scenario in SCENARIOS:
        refusal = refused(
            lambda scenario=scenario: run(
                lambda samples: os.kill(os.getpid(), signal.SIGINT), scenario=scenario
            ),
            error=KeyboardInterrupt,
        )
        assert refusal.run.loaded == refusal.run.unloaded != []
        assert refusal.run.value("result_validity") == "INVALID"
        assert_next_test_works()


@row(
    "W15",
    reference="expected latency of 1 ns and 10 s: memory is exhausted before the first query",
    here="traffic is made while it is issued; the test starts within little memory",
)
def much_traffic():
    import resource

    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = run(
        lambda samples: (answer(samples), lg.AbortTest()),
        single_stream_expected_latency_ns=1.0,
        min_duration_ms=10000,
    )
    assert done.result.aborted
    assert 1 <= len(done.queries) <= 2
    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after_kib - before_kib < 256 * 1024  # 2e10 queries would need 1e11 bytes and more.
    assert_next_test_works()


@row(
    "W16",
    reference="target percentile 1.0, 99, -0.5 or 0.0: reads out of range, prints VALID",
    here="SettingsError",
)
def percentiles():
    for name, scenario in (
        ("single_stream", "SingleStream"),
        ("multi_stream", "MultiStream"),
        ("server", "Server"),
    ):
        setting = f"{name}_target_latency_percentile"
        for percentile in (1.0, 99.0, -0.5, 0.0, float("nan")):
            assert_refused(
                f"{setting} is ", "between 0 and 1", scenario=scenario, **{setting: percentile}
            )
