"""Assertions about speed fail when they should, and say why.

Method: tests of systems that answer at once, with bounds that can or cannot be kept; baselines
whose sample logs are replaced by known latencies. The failures are read as a user would see them,
one of them through pytest itself.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from runs import HANG_LIMIT_S

from mlperf_loadgen import TestScenario as Scenario
from mlperf_loadgen.testing import assert_no_slower, assert_valid, run, save_baseline

SINGLE = {"min_duration_ms": 0, "min_query_count": 2000}
IMPOSSIBLE = {
    "scenario": "Server",
    "server_target_latency_ns": 1,
    "min_duration_ms": 0,
    "min_query_count": 200,
    "server_target_qps": 1e5,
}


def with_latencies(result, mean_ns, seed):
    """The result, after its sample log was given latencies that vary by 10 % around a mean."""
    rows = np.load(result.logs.samples)
    latencies = np.random.default_rng(seed).normal(mean_ns, 0.1 * mean_ns, len(rows)).astype(int)
    starts = np.concatenate([[0], np.cumsum(latencies)[:-1]])
    rows["scheduled_ns"] = rows["issued_ns"] = starts
    rows["completed_ns"] = starts + latencies
    np.save(result.logs.samples, rows)
    return result


@pytest.fixture
def result_of(handles):
    """Runs 2000 queries whose latencies have this mean."""
    seeds = iter(range(100))
    return lambda mean_ns: with_latencies(run(*handles, **SINGLE), mean_ns, next(seeds))


def test_a_run_takes_settings_by_name_and_keeps_its_logs(handles):
    result = run(*handles, scenario="Server", server_target_qps=1e4, min_duration_ms=10)
    assert result.scenario == Scenario.Server
    assert len(result.samples) == result.performance.sample_count
    trace = Path(result.logs.trace)
    assert not trace.exists() or trace.stat().st_size == 0


def test_two_runs_do_not_share_a_folder(handles):
    first, second = run(*handles, **SINGLE), run(*handles, **SINGLE)
    assert first.logs.samples != second.logs.samples


def test_a_run_goes_where_it_is_sent(handles, tmp_path):
    result = run(*handles, outdir=tmp_path / "new" / "folder", **SINGLE)
    assert Path(result.logs.summary).parent == tmp_path / "new" / "folder"


def test_a_scenario_that_does_not_exist_is_refused(handles):
    with pytest.raises(ValueError, match="scenario 'Sever' is none of SingleStream"):
        run(*handles, scenario="Sever")


def test_a_valid_result_passes(handles):
    assert_valid(run(*handles, **SINGLE))


def test_an_invalid_result_fails_with_reasons_and_advice(handles):
    result = run(*handles, **IMPOSSIBLE)
    with pytest.raises(AssertionError) as failure:
        assert_valid(result)
    text = str(failure.value)
    assert "INVALID" in text
    assert result.reasons and all(reason in text for reason in result.reasons)
    assert "advice:" in text


def test_a_run_as_fast_as_the_baseline_passes(result_of, tmp_path):
    save_baseline(result_of(1e6), tmp_path / "baseline")
    found = assert_no_slower(result_of(1e6), tmp_path / "baseline")
    assert found.outcome == "no difference"
    assert found.tolerance == 0.05


def test_a_faster_run_passes(result_of, tmp_path):
    save_baseline(result_of(1e6), tmp_path / "baseline")
    assert assert_no_slower(result_of(0.7e6), tmp_path / "baseline").outcome == "faster"


def test_a_slower_run_fails_with_the_table(result_of, tmp_path):
    save_baseline(result_of(1e6), tmp_path / "baseline")
    with pytest.raises(
        AssertionError, match=r"slower than the baseline .* by more than 5 %"
    ) as failure:
        assert_no_slower(result_of(1.2e6), tmp_path / "baseline")
    assert "latency p50" in str(failure.value)


def test_an_inconclusive_comparison_does_not_pass(handles, tmp_path):
    few = {"min_duration_ms": 0, "min_query_count": 70}
    save_baseline(with_latencies(run(*handles, **few), 1e6, 1), tmp_path / "baseline")
    slow = with_latencies(run(*handles, **few), 17e6, 2)
    with pytest.raises(AssertionError, match=r"cannot show .*; make both runs longer") as failure:
        assert_no_slower(slow, tmp_path / "baseline")
    assert "inconclusive" in str(failure.value)


def test_a_run_that_leaves_samples_without_an_answer_fails(result_of, tmp_path):
    save_baseline(result_of(1e6), tmp_path / "baseline")
    result = result_of(1e6)
    rows = np.load(result.logs.samples)
    rows["completed_ns"][7] = -1
    np.save(result.logs.samples, rows)
    with pytest.raises(AssertionError, match=r"(?s)not every sample was answered.*1 of 2,000"):
        assert_no_slower(result, tmp_path / "baseline")


def test_tolerance_is_what_may_be_lost(result_of, tmp_path):
    save_baseline(result_of(1e6), tmp_path / "baseline")
    assert_no_slower(result_of(1.2e6), tmp_path / "baseline", tolerance=0.4)


def test_a_folder_will_do_for_a_result(result_of, tmp_path):
    save_baseline(result_of(1e6), tmp_path / "baseline")
    folder = Path(result_of(1.2e6).logs.summary).parent
    with pytest.raises(AssertionError):
        assert_no_slower(folder, tmp_path / "baseline")


def test_a_baseline_of_other_settings_is_refused(handles, tmp_path):
    save_baseline(run(*handles, **SINGLE), tmp_path / "baseline")
    other = run(*handles, **SINGLE | {"min_query_count": 3000})
    with pytest.raises(ValueError, match=r"other settings \(.*min_query_count"):
        assert_no_slower(other, tmp_path / "baseline")


def test_what_is_no_baseline_is_not_replaced(handles, tmp_path):
    result = run(*handles, **SINGLE)
    (tmp_path / "notes.md").write_text("of value")
    with pytest.raises(FileExistsError, match=r"more than a baseline \(notes\.md\)"):
        save_baseline(result, tmp_path, replace=True)
    (tmp_path / "baseline.new").mkdir()  # Of another program, too.
    save_baseline(result, tmp_path / "baseline")
    assert {path.name for path in tmp_path.iterdir()} == {"notes.md", "baseline.new", "baseline"}


def test_a_baseline_is_not_replaced_by_accident(handles, tmp_path):
    result = run(*handles, **SINGLE)
    save_baseline(result, tmp_path / "deep" / "baseline")
    with pytest.raises(FileExistsError, match="replace=True"):
        save_baseline(result, tmp_path / "deep" / "baseline")
    save_baseline(result, tmp_path / "deep" / "baseline", replace=True)
    names = {path.name for path in (tmp_path / "deep" / "baseline").iterdir()}
    assert names == {"mlperf_log_detail.txt", "mlperf_log_summary.txt", "mlperf_log_samples.npy"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["baseline"]


def test_an_invalid_result_is_no_baseline(handles, tmp_path):
    with pytest.raises(ValueError, match="is not VALID"):
        save_baseline(run(*handles, **IMPOSSIBLE), tmp_path / "baseline")
    assert not (tmp_path / "baseline").exists()


def test_pytest_shows_the_callers_line(tmp_path):
    (tmp_path / "test_speed.py").write_text(
        textwrap.dedent("""\
        import mlperf_loadgen as lg
        from mlperf_loadgen.testing import assert_valid, run

        class Null(lg.SystemUnderTest):
            def issue_query(self, samples):
                lg.complete(samples.ids)

        class Data(lg.QuerySampleLibrary):
            total_sample_count = performance_sample_count = 8
            def load_samples(self, indices): pass
            def unload_samples(self, indices): pass

        def test_null():
            result = run(Null(), Data(), scenario="Server", server_target_latency_ns=1,
                         server_target_qps=1e5, min_duration_ms=0, min_query_count=200)
            assert_valid(result)
        """)
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_speed.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_LIMIT_S, check=False
    )
    assert done.returncode == 1
    assert ">       assert_valid(result)" in done.stdout
    assert "the test is not VALID" in done.stdout and "reason:" in done.stdout
    assert "def assert_valid" not in done.stdout
