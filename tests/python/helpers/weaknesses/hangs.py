"""H1 to H11: what makes the reference hang."""

import os
import signal
import threading
import time

import mlperf_loadgen as lg

from .table import (
    SCENARIOS,
    answer,
    assert_next_test_works,
    assert_refused,
    at_rate,
    refused,
    row,
    run,
)

STALL_MS = 200
"""How long the systems here must be silent to count as stuck."""


def ignore(samples):
    """A system that never answers."""


def assert_stalled(done, missing):
    """Of the issued samples `missing` never came back, and the result says so."""
    assert done.result.stalled
    assert not done.result.aborted
    done.assert_invalid("stalled: no sample was completed for", "stall_timeout_ms")
    done.assert_invalid(f"{missing} of {len(done.issued)} issued sample", "never completed")
    assert done.loaded == done.unloaded
    assert any("never completed" in text for text in done.values("error_runtime"))


@row(
    "H1",
    reference="a sample that never comes back: hangs without a word",
    here="ends after stall_timeout_ms, INVALID, naming the missing; Ctrl-C, AbortTest at once",
)
def missing_samples():
    assert lg.TestSettings().stall_timeout_ms == 3600000
    for scenario in SCENARIOS:
        done = run(
            lambda samples: answer(list(samples)[:-1]), scenario=scenario, stall_timeout_ms=STALL_MS
        )
        missing = sum(1 for _ in done.queries)
        assert_stalled(done, missing)
    limited = run(
        ignore, scenario="Server", max_duration_ms=200, stall_timeout_ms=STALL_MS, min_query_count=5
    )
    assert_stalled(limited, len(limited.queries))
    assert_next_test_works()


@row(
    "H2",
    reference="completing one id instead of each sample: hangs",
    here="double completions are counted, and the test ends as stalled",
)
def one_id_for_all():
    def issue(samples):
        for _ in samples:
            answer(list(samples)[:1])

    for scenario, per_query in (("Offline", 10), ("MultiStream", 8)):
        done = run(issue, scenario=scenario, stall_timeout_ms=STALL_MS)
        assert_stalled(done, per_query - 1)
        done.assert_invalid("double completions")
    assert_next_test_works()


def lent_threads(count):
    threads = [threading.Thread(target=lg.RegisterIssueQueryThread) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def run_lent(count):
    return run(scenario="Server", server_num_issue_query_threads=count, server_target_qps=1e5)


@row(
    "H3",
    reference="fewer issue threads than configured: error record after 10 s, then hangs",
    here="SettingsError after at most 10 s; Python threads can be lent",
)
def too_few_threads():
    threads = lent_threads(1)
    refused(lambda: run_lent(2), "server_num_issue_query_threads is 2, but 1 thread")
    for thread in threads:
        thread.join()
    assert_next_test_works()


@row(
    "H4",
    reference="more issue threads than configured: queries are issued twice, then hangs",
    here="SettingsError, and all threads are given back",
)
def too_many_threads():
    threads = lent_threads(3)
    assert lg._core.await_lent_threads(3, 60) == 3
    refused(lambda: run_lent(2), "server_num_issue_query_threads is 2, but 3 threads")
    for thread in threads:
        thread.join()
    assert_next_test_works()


@row("H5", reference="a second test with issue threads: hangs", here="one test after the other")
def issue_threads_again():
    for _ in range(3):
        threads = lent_threads(2)
        done = run_lent(2)
        done.assert_unharmed()
        assert len(done.queries) == 10
        for thread in threads:
            thread.join()


@row(
    "H6",
    reference="AbortTest: issuing goes on, logs are cut off, StartTest or AbortTest never returns",
    here="issuing stops, logs are complete, the result is marked; without a test it does nothing",
)
def abort():
    lg.AbortTest()
    for scenario in SCENARIOS:
        for issue in (answer, ignore):
            done = run(
                lambda samples, issue=issue: (issue(samples), lg.AbortTest()),
                scenario=scenario,
                min_query_count=1000,
                min_duration_ms=3600000,
                **at_rate(scenario, 1000),
            )
            assert done.result.aborted
            assert len(done.queries) <= 2
            done.assert_invalid("aborted")
            assert done.loaded == done.unloaded != []
            assert "encountered" in done.text("summary.txt")
            done.value("num_errors")
    lg.AbortTest()
    assert_next_test_works()


@row(
    "H7",
    reference="infinite rate, expected latency of 0 or less, 0 samples a query: endless generation",
    here="SettingsError",
)
def endless_generation():
    infinite = float("inf")
    assert_refused("server_target_qps is inf", scenario="Server", server_target_qps=infinite)
    assert_refused("offline_expected_qps", scenario="Offline", offline_expected_qps=infinite)
    for latency in (0.0, -1.0, infinite, float("nan")):
        for name, scenario in (("single", "SingleStream"), ("multi", "MultiStream")):
            setting = f"{name}_stream_expected_latency_ns"
            assert_refused(f"{setting} is ", scenario=scenario, **{setting: latency})
    assert_refused(
        "samples_per_query is 0", scenario="MultiStream", multi_stream_samples_per_query=0
    )


@row(
    "H8",
    reference="peak search of a system that always passes: the rate grows without an end",
    here="ends at 1e9 queries/s, the resolution of the schedule, and says so",
)
def peak_without_end():
    done = run(
        mode="FindPeakPerformance",
        scenario="Server",
        server_target_qps=1e5,
        server_target_latency_ns=10**12,
    )
    assert done.result.peak.found
    assert done.result.peak.qps == 1e9
    assert all(trial.passed for trial in done.result.peak.trials)
    assert any("Every load up to the limit" in text for text in done.values("generic_message"))


@row("H9", reference="peak search with a step of 0 or less: hangs", here="SettingsError")
def peak_without_steps():
    for step in (0.0, -0.5, float("nan")):
        assert_refused(
            "server_find_peak_qps_boundary_step_size is ",
            mode="FindPeakPerformance",
            scenario="Server",
            server_find_peak_qps_boundary_step_size=step,
        )


@row(
    "H10",
    reference="Ctrl-C while StartTest waits in native code: ignored",
    here="KeyboardInterrupt from StartTest, after unloading and with complete logs",
)
def interrupt_while_waiting():
    for scenario in SCENARIOS:
        issued = threading.Event()

        def kill(issued=issued):
            issued.wait()
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=kill)
        thread.start()
        refusal = refused(
            lambda scenario=scenario, issued=issued: run(
                lambda samples: issued.set(), scenario=scenario, **at_rate(scenario, 0.01)
            ),
            error=KeyboardInterrupt,
        )
        thread.join()
        assert refusal.run.loaded == refusal.run.unloaded != []
        refusal.run.value("num_errors")
    assert_next_test_works()


@row(
    "H11",
    reference="issue threads registered after the start: work, but only after the full 10 s",
    here="the test starts as soon as they are there",
)
def late_threads():
    late = []
    timer = threading.Timer(0.2, lambda: late.extend(lent_threads(2)))
    timer.start()
    start_s = time.monotonic()
    done = run_lent(2)
    # The full wait would be 10 s; the rest is room for a loaded machine.
    assert time.monotonic() - start_s < 9
    done.assert_unharmed()
    for thread in late:
        thread.join()
