"""The progress of a running test can be read from any thread or callback, and says what the result
says.

Method: tests that are read from their callbacks and compared with their results.
"""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from runs import HANG_LIMIT_S, SCENARIOS, answer

import mlperf_loadgen as lg

# ---- read_progress -------------------------------------------------------------------------------


def test_nothing_before_the_first_test(run_script):
    done = run_script("import mlperf_loadgen as lg; print(lg.read_progress())")
    assert done.stdout == "None\n", done.stderr


def test_fields_are_those_of_the_core(run_test):
    run_test()
    names = [field.name for field in dataclasses.fields(lg.Progress)]
    assert names == list(lg._core.read_progress())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_after_a_test_it_agrees_with_the_result(run_test, scenario):
    run = run_test(scenario=scenario, min_query_count=100, server_target_qps=10_000)
    result = run.result.performance
    seen = lg.read_progress()
    assert seen.finished
    assert seen.phase == "performance"
    assert seen.scenario == getattr(lg.TestScenario, scenario)
    assert seen.mode == lg.TestMode.PerformanceOnly
    assert seen.trial is None
    assert seen.remaining_s == 0
    assert seen.queries_issued == result.query_count
    assert seen.samples_issued == seen.samples_completed == result.sample_count
    assert seen.samples_outstanding == 0
    assert seen.completed_samples_per_second == pytest.approx(result.sample_count / seen.elapsed_s)
    assert seen.latency_p50_ns == result.sample_latency.percentiles_ns[0.5]
    assert seen.latency_p99_ns == result.sample_latency.percentiles_ns[0.99]
    late = (seen.lateness_p50_ns, seen.lateness_p99_ns, seen.lateness_max_ns)
    if scenario == "Server":
        assert seen.offered_samples_per_second == 10_000
        assert late == (result.lateness.p50_ns, result.lateness.p99_ns, result.lateness.max_ns)
    else:
        assert seen.offered_samples_per_second is None
        assert late == (None, None, None)


def test_what_a_system_holds_back_is_outstanding(run_test):
    held, seen = [], []

    def hold(samples):
        held.extend(samples)
        if len(held) < 40:
            return
        seen.append(lg.read_progress())
        answer(held)
        seen.append(lg.read_progress())

    run_test(scenario="Server", min_query_count=40, server_target_qps=10_000, issue=hold)
    before, after = seen
    assert not before.finished
    assert (before.samples_issued, before.samples_completed) == (40, 0)
    assert before.samples_outstanding == 40
    assert before.latency_p50_ns is None
    assert (after.samples_completed, after.samples_outstanding) == (40, 0)
    assert after.latency_p99_ns >= after.latency_p50_ns > 0


def test_phases_of_a_submission_run(run_test):
    phases = []

    def issue(samples):
        seen = lg.read_progress()
        if not phases or phases[-1][0] != seen.set_number:
            phases.append((seen.set_number, seen.phase, seen.min_query_count))
        answer(samples)

    run_test(mode="SubmissionRun", warmup_query_count=5, issue=issue)
    first = phases[0][0]
    assert phases == [
        (first, "accuracy", 10),
        (first + 1, "accuracy", 10),
        (first + 2, "warm_up", 5),
        (first + 3, "performance", 10),
    ]


def test_trials_of_a_peak_search(run_test):
    trials = []

    def issue(samples):
        seen = lg.read_progress()
        if seen.trial not in [trial for trial, *_ in trials]:
            trials.append((seen.trial, seen.phase, seen.offered_samples_per_second))
        answer(samples)

    run = run_test(
        scenario="Server",
        mode="FindPeakPerformance",
        server_target_qps=1000,
        server_find_peak_max_qps=4000,
        server_target_latency_ns=10**10,
        issue=issue,
    )
    rates = [trial.qps for trial in run.result.peak.trials]
    assert rates == [1000, 2000, 4000]
    assert trials == [(i, "peak_trial", rate) for i, rate in enumerate(rates, 1)]


def test_children_of_a_fork_can_read(run_script):
    """However the fork falls upon a reader."""
    done = run_script(
        """
        import os, threading
        import mlperf_loadgen as lg

        stop = threading.Event()
        read_progress = lg.read_progress  # Nothing may be in the middle of an import.

        def read():
            while not stop.is_set():
                read_progress()

        readers = [threading.Thread(target=read) for _ in range(2)]
        children = []

        def issue(samples):
            if not readers[0].is_alive():
                [reader.start() for reader in readers]
            child = os.fork()
            if child == 0:
                os._exit(0 if read_progress() is None else 1)
            children.append(os.waitpid(child, 0)[1])
            lg.QuerySamplesComplete([lg.QuerySampleResponse(s.id, 0, 0) for s in samples])

        settings = lg.TestSettings(min_duration_ms=0, min_query_count=50,
                                   mode=lg.TestMode.PerformanceOnly)
        sut = lg.ConstructSUT(issue, lambda: None)
        qsl = lg.ConstructQSL(4, 4, lambda indices: None, lambda indices: None)
        result = lg.StartTest(sut, qsl, settings)
        stop.set()
        print(result.performance.sample_count, set(children))
        """
    )
    assert done.stdout == "50 {0}\n", done.stderr


# ---- The benchmark -------------------------------------------------------------------------------


def test_the_benchmark_of_its_cost_runs(tmp_path):
    pytest.importorskip("rich")
    program = Path(__file__).resolve().parents[3] / "benchmarks" / "progress.py"
    done = subprocess.run(
        [sys.executable, program, "--pairs", "2", "--seconds", "0.05"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [line.split(",")[0] for line in lines[2:]] == [
        *["| SingleStream"] * 2,
        *["| Server 1k/s"] * 3,
        *["| Server 20k/s"] * 3,
    ]
