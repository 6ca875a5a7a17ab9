"""Samples that failed are neither good nor fast, wherever a run is looked at.

Method: systems that fail a known part of their samples, in each scenario and phase; what is
expected is counted by the systems themselves.
"""

import csv
import dataclasses
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from cli_commands import document, done
from runs import FOR_EVERY_SCENARIO, search_in

import mlperf_loadgen as lg
from mlperf_loadgen import testing
from mlperf_loadgen.cli.show.result_view import print_result
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.logs.scoring import ScoreWarning
from mlperf_loadgen.logs.scoring import score as score_by
from mlperf_loadgen.report.build import build_report

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

SCENARIOS = ["SingleStream", "MultiStream", "Server", "Offline"]


class Library(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 64

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass


class Failing(lg.SystemUnderTest):
    """Fails the samples whose number `fails` says so of; answers with the index."""

    def __init__(self, fails, reason="HTTP 500: CUDA out of memory"):
        self.fails, self.reason = fails, reason
        self.count = self.failed = 0

    def issue_query(self, samples):
        numbers = np.arange(self.count, self.count + len(samples))
        self.count += len(samples)
        bad = np.array([bool(self.fails(number)) for number in numbers])
        self.failed += int(bad.sum())
        ids, indices = np.array(samples.ids), np.array(samples.indices)
        if bad.any():
            lg.fail(ids[bad], self.reason)
        if not bad.all():
            lg.complete(ids[~bad], indices[~bad].astype(np.int64))


class TenTokens(Failing):
    """Sends ten tokens for each sample that it answers, and nothing of the others."""

    def issue_query(self, samples):
        for sample in samples:
            self.count += 1
            if self.fails(self.count):
                lg.fail([sample.id], self.reason)
                continue
            response = [lg.QuerySampleResponse(sample.id, 0, 0, 10)]
            lg.FirstTokenComplete(response)
            lg.QuerySamplesComplete(response)


def every_second(number):
    return number % 2 == 0


def run(system, folder, scenario="SingleStream", **settings):
    settings = {"min_duration_ms": 0, "min_query_count": 700, **settings}
    if scenario == "Server":
        settings.setdefault("server_target_qps", 20_000)
    return testing.run(system, Library(), outdir=folder, scenario=scenario, **settings)


# ---- The record ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_failed_sample_is_counted_apart_everywhere(tmp_path, scenario):
    system = Failing(every_second)
    result = run(system, tmp_path, scenario)
    performance = result.performance
    assert not result.valid and 0 < system.failed < system.count
    assert performance.failed_sample_count == system.failed
    assert performance.sample_count == system.count - system.failed
    assert performance.sample_latency.count == performance.sample_count
    if scenario == "MultiStream":  # Each query has such a sample.
        assert performance.query_latency.count == 0
    share = f"{system.failed} of {system.count} samples failed (50 %): {system.reason}"
    assert result.reasons[0] == performance.reasons[0] == share
    assert performance.failures == [system.reason]

    values = json.loads(json.dumps(result.to_dict()))["performance"]
    assert values["failed_sample_count"] == system.failed
    assert values["failures"] == [system.reason]
    assert f"samples failed: {system.failed:,}\n" in str(result)
    summary = (tmp_path / "mlperf_log_summary.txt").read_text()
    assert f"Failed samples                    : {system.failed}\n" in summary

    logs = read_run(tmp_path)
    assert logs.records["result_failed_sample_count"] == system.failed
    assert logs.reasons[0] == logs.failures == share
    assert len(logs.latencies_ns()) == (0 if scenario == "MultiStream" else system.count // 2)


def test_the_sample_log_says_which_samples_failed(tmp_path):
    system = Failing(lambda number: number in (3, 5))
    result = run(system, tmp_path, min_query_count=9)
    for rows in (result.samples, np.load(result.logs.samples)):
        assert rows["failed"].dtype == np.bool_ and rows.dtype.itemsize == 56
        assert rows["failed"].nonzero()[0].tolist() == [3, 5]
        assert (rows["phase"] == 1).all()
        assert (rows["completed_ns"] >= rows["issued_ns"]).all()


OLD_COLUMNS = [
    ("query", "<u8"),
    ("sample_index", "<u4"),
    ("phase", "<u4"),
    ("scheduled_ns", "<i8"),
    ("issued_ns", "<i8"),
    ("first_token_ns", "<i8"),
    ("completed_ns", "<i8"),
    ("tokens", "<i8"),
]


def test_sample_logs_of_earlier_versions_are_read_everywhere(tmp_path):
    result = run(Failing(lambda number: False), tmp_path / "new")
    shutil.copytree(tmp_path / "new", tmp_path / "old")
    rows = result.samples
    before = np.zeros(len(rows), OLD_COLUMNS)
    for name, _ in OLD_COLUMNS:
        before[name] = rows[name]
    path = tmp_path / "old" / Path(result.logs.samples).relative_to(tmp_path / "new")
    np.save(path, before)
    old = lg.read_samples(path)
    assert old.dtype == rows.dtype and not old["failed"].any()
    assert all(np.array_equal(old[name], rows[name]) for name in rows.dtype.names)
    assert lg.compare(tmp_path / "old", tmp_path / "new").outcome == "no difference"
    lg.write_report([tmp_path / "old"], tmp_path / "report.html")


def test_a_trace_says_which_samples_failed(tmp_path):
    logs = lg.LogSettings()
    logs.log_output.outdir = str(tmp_path)
    logs.enable_trace, logs.enable_sample_log = True, False
    settings = lg.TestSettings(min_query_count=20, min_duration_ms=0)
    lg.StartTestWithLogSettings(Failing(every_second), Library(), settings, logs, "")
    found = read_run(tmp_path)
    assert found.samples["failed"].tolist() == 10 * [True, False]
    assert len(found.latencies_ns()) == 10


def test_failed_samples_are_slower_than_any_other_to_early_stopping(tmp_path):
    """Of 700 queries seven fail: of 99 % with confidence one may be over."""
    target = {"single_stream_target_latency_percentile": 0.99}
    none = run(Failing(lambda number: False), tmp_path / "none", **target).performance
    some = run(Failing(lambda number: number % 100 == 0), tmp_path / "some", **target).performance
    assert none.early_stopping_met and none.early_stopping.estimate_ns > 0
    assert not some.early_stopping_met and some.early_stopping.estimate_ns == 0


# ---- Nothing was measured ------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_where_nothing_was_measured_no_duration_of_0_is_shown(tmp_path, capsys, scenario, tokens):
    settings = {"use_token_latencies": True} if tokens else {}
    result = run(Failing(lambda number: True), tmp_path, scenario, **settings)
    print_result(result)
    for text in (str(result), capsys.readouterr().out):
        measured = [line for line in text.splitlines() if "late by" not in line]
        measured = [line for line in measured if not line.strip().startswith("issued late")]
        assert "0 ns" not in "\n".join(measured) and "nothing was measured" in text


def test_samples_that_were_answered_were_measured_though_no_query_was_whole(tmp_path):
    result = run(Failing(every_second), tmp_path, "MultiStream")
    assert result.performance.query_latency.count == 0
    (report,) = build_report([tmp_path]).runs
    assert "Nothing was measured" not in report.headline
    count = result.performance.sample_count
    assert f"{count:,} samples were answered, but no query as a whole" in report.headline


# ---- Other phases --------------------------------------------------------------------------------


def test_failures_of_the_warm_up_spoil_the_run_and_not_its_numbers(tmp_path):
    system = Failing(lambda number: number < 5)
    result = run(system, tmp_path, warmup_query_count=8)
    assert result.reasons == [f"warm-up: 5 of 8 samples failed (62.5 %): {system.reason}"]
    assert not result.valid and not result.performance.valid
    assert result.performance.failed_sample_count == 0
    logs = read_run(tmp_path)
    assert logs.valid is False and logs.reasons[0] == result.reasons[0] and logs.failures == ""


def test_failures_of_the_accuracy_phase_of_a_submission(tmp_path):
    system = Failing(lambda number: number < 64 and number % 2 == 0)
    result = run(system, tmp_path, mode="SubmissionRun")
    assert not result.valid
    reason = f"accuracy: 32 of 64 samples failed (50 %): {system.reason}"
    assert result.reasons[0] == reason
    assert read_run(tmp_path).reasons[0] == reason
    assert result.performance.failed_sample_count == 0
    assert result.accuracy_sample_count == 32
    assert read_run(tmp_path).valid is False


def test_an_accuracy_test_has_one_phase_which_needs_no_name(tmp_path):
    system = Failing(every_second)
    result = run(system, tmp_path, mode="AccuracyOnly")
    assert result.reasons == [f"32 of 64 samples failed (50 %): {system.reason}"]


def test_queries_of_a_warm_up_have_the_numbers_that_the_log_counts(tmp_path):
    """They do not have the numbers that keep them apart from the test's own queries."""

    class Forgets(lg.SystemUnderTest):
        count = 0

        def issue_query(self, samples):
            self.count += 1
            lg.complete(samples.ids)
            if self.count == 3:
                lg.complete(samples.ids)
            if self.count == 4:
                lg.fail(np.array(samples.ids), "late")

    result = run(Forgets(), tmp_path, warmup_query_count=8)
    numbers = [re.findall(r"\(warm-up query (\d+), sample (\d+)", e) for e in result.errors]
    assert [pair for found in numbers for pair in found] == [("2", "2"), ("3", "3")]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_failure_without_a_reason_is_said_to_have_none(tmp_path, reason):
    result = run(Failing(every_second, reason), tmp_path)
    assert result.reasons[0].endswith("samples failed (50 %): no reason was given")


# ---- Advice --------------------------------------------------------------------------------------

MISLEADING = (
    "Reduce target QPS",
    "Increase expected QPS",
    "Let it run longer",
    "Raise offline_expected_qps",
    "Lower server_target_qps",
)


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_advice_is_given_that_failures_make_wrong(tmp_path, scenario, tokens):
    """At once and well within the bound where it is answered: nothing but failures is wrong."""
    if tokens and scenario == "Offline":
        pytest.skip("Offline judges no tokens")
    bounds = {"Server": {"server_target_latency_ns": 60_000_000_000}}
    bound = {"ttft_latency": 60_000_000_000, "tpot_latency": 60_000_000_000}
    system = TenTokens(every_second) if tokens else Failing(every_second)
    settings = bounds.get(scenario, {}) | ({"use_token_latencies": True} | bound if tokens else {})
    if scenario == "Offline":
        settings |= {"min_duration_ms": 1000, "offline_expected_qps": 100}
    result = run(system, tmp_path, scenario, **settings)
    assert result.performance.failed_sample_count > 0
    write = tmp_path / "report.md"
    lg.write_report([tmp_path], write)
    shown = [*result.performance.recommendations, str(result), write.read_text()]
    shown.append((tmp_path / "mlperf_log_summary.txt").read_text())
    for text in shown:
        assert not [advice for advice in MISLEADING if advice in text]
    stopping = [reason for reason in result.reasons if reason.startswith("early stopping")]
    assert all("failed samples counted as slower" in reason for reason in stopping)


# ---- Accuracy ------------------------------------------------------------------------------------


def score(log):
    words = ("accuracy", log, "--dtype", "int64", "--labels", "labels.npy")
    return document(*words), done(*words).stdout


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("mode", ["AccuracyOnly", "SubmissionRun"])
def test_a_sample_without_an_answer_is_wrong(tmp_path, monkeypatch, scenario, mode):
    monkeypatch.chdir(tmp_path)
    np.save("labels.npy", np.arange(64))
    failing = Failing(lambda number: number < 64 and number % 2 == 0)
    run(failing, "logs", scenario, mode=mode, multi_stream_samples_per_query=8)
    found, text = score("logs")
    assert (found["top1_accuracy"], found["top1_correct"], found["missing"]) == (0.5, 32, 32)
    assert "32 of 64" in text
    shutil.copy("logs/mlperf_log_accuracy.json", "alone.json")  # Nothing but labels shows it.
    assert score("alone.json")[0]["top1_accuracy"] == 0.5


def test_a_function_that_scores_learns_what_is_missing(tmp_path):
    run(Failing(every_second), tmp_path, mode="AccuracyOnly")
    with pytest.warns(ScoreWarning, match="no response to be scored for 32 of 64 samples"):
        assert score_by(tmp_path / "mlperf_log_accuracy.json", len) == {"len": 32}


def test_where_no_sample_was_answered_the_accuracy_is_0(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("labels.npy", np.arange(64))
    run(Failing(lambda number: True), "logs", mode="AccuracyOnly")
    assert score("logs")[0]["top1_accuracy"] == 0


def test_what_a_performance_run_logs_of_its_responses_is_a_choice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("labels.npy", np.arange(64))
    run(Failing(lambda number: False), "logs", accuracy_log_sampling_target=20)
    found, _ = score("logs")
    assert found["top1_accuracy"] == 1 and found["missing"] == 0


# ---- Comparison ----------------------------------------------------------------------------------


class Timed(Failing):
    """Takes its time for what it answers."""

    def __init__(self, fails, seconds):
        super().__init__(fails)
        self.seconds = seconds

    def issue_query(self, samples):
        if not self.fails(self.count):
            work(self.seconds)
        super().issue_query(samples)


def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_a_system_that_fails_is_not_called_faster(tmp_path):
    kind = {"min_query_count": 400}
    run(Timed(lambda number: False, 0.001), tmp_path / "slow", **kind)
    half = run(Timed(every_second, 0.0001), tmp_path / "half", **kind)
    broken = run(Failing(lambda number: True), tmp_path / "broken", **kind)
    for name, result in (("half", half), ("broken", broken)):
        found = lg.compare(tmp_path / "slow", tmp_path / name)
        assert found.outcome == "inconclusive" and "failed" in found.summary
        assert not any(row.verdict == "faster" for row in found.rows)
        assert any("samples failed" in text and "HTTP 500" in text for text in found.cautions)
        assert found.failed[0] == 0 and found.failed[1] > 0.4
        assert found.to_dict()["failed"] == found.failed
        with pytest.raises(AssertionError, match="samples failed"):
            testing.assert_no_slower(result, tmp_path / "slow")
        with pytest.raises(AssertionError, match="samples failed"):
            testing.assert_valid(result)
    again = lg.compare(tmp_path / "half", tmp_path / "slow")
    assert again.outcome == "inconclusive" and "50 % of A's" in again.summary
    assert not any(row.verdict == "slower" and "latency" in row.metric for row in again.rows)
    assert any("samples failed" in text for text in again.cautions)


def test_a_baseline_must_not_have_failures(tmp_path):
    failed = run(Failing(every_second), tmp_path / "a")
    result = run(Failing(lambda number: False), tmp_path / "b")
    with pytest.raises(ValueError, match="baseline left samples without an answer"):
        testing.assert_no_slower(result, tmp_path / "a")
    with pytest.raises(ValueError, match="no baseline"):
        testing.save_baseline(failed, tmp_path / "kept")


def test_two_runs_in_which_nothing_was_answered(tmp_path):
    for name in "ab":
        run(Failing(lambda number: True), tmp_path / name)
    found = lg.compare(tmp_path / "a", tmp_path / "b")
    assert found.rows == () and found.outcome == "inconclusive"
    assert sum("samples failed" in text for text in found.cautions) == 2


# ---- Sweep and report ----------------------------------------------------------------------------


class FailingTokens(Failing):
    """Reports a first token of each sample, and then two tokens of those that it answers."""

    def issue_query(self, samples):
        lg.FirstTokenComplete([lg.QuerySampleResponse(i, 0, 0, 0) for i in samples.ids.tolist()])
        bad = bool(self.fails(self.count))
        self.count += 1
        if bad:
            lg.fail(samples.ids, self.reason)
        else:
            lg.complete(samples.ids, None, [2])


@pytest.mark.parametrize("system", [Failing(every_second), FailingTokens(every_second)])
def test_a_failed_query_of_a_sweep_is_not_good(tmp_path, system):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        min_duration_ms=0,
        min_query_count=200,
        server_target_latency_ns=10**12,
        use_token_latencies=isinstance(system, FailingTokens),
        ttft_latency=10**12,
        tpot_latency=10**12,
    )
    curve = lg.sweep(system, Library(), settings, [5000, 9000], outdir=tmp_path)
    assert [point.goodput_share for point in curve.points] == [0.5, 0.5]
    assert [point.failed_share for point in curve.points] == [0.5, 0.5]
    assert "HTTP 500" in str(curve) and "failed %" in str(curve)
    assert "50 % failed" in str(curve.points[0])
    assert all(point.sample_count == 100 for point in curve.points)
    with (tmp_path / "sweep.csv").open() as file:
        assert [row["failed_share"] for row in csv.DictReader(file)] == ["0.5", "0.5"]
    loaded = lg.Sweep.load(tmp_path / "sweep.json")
    assert loaded.points == curve.points
    values = json.loads((tmp_path / "sweep.json").read_text())
    for point in values["points"]:
        del point["failed_share"]
    (tmp_path / "old.json").write_text(json.dumps(values))
    assert lg.Sweep.load(tmp_path / "old.json").points[0].failed_share is None


def test_a_sweep_in_which_all_failed_has_a_rate_of_nothing(tmp_path):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, min_duration_ms=0, min_query_count=50
    )
    curve = lg.sweep(Failing(lambda number: True), Library(), settings, [5000])
    (point,) = curve.points
    assert point.achieved_samples_per_second == 0 and point.latency_p50_ns is None
    assert point.failed_share == 1 and point.goodput_share == 0


def test_the_knee_and_the_picture_name_what_failed(tmp_path):
    pytest.importorskip("matplotlib")
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, min_duration_ms=0, min_query_count=100
    )
    curve = lg.sweep(Failing(every_second), Library(), settings, [2000, 4000, 6000, 8000])
    latencies = [1e6, 1.1e6, 1.3e6, 50e6]
    points = tuple(
        dataclasses.replace(
            point, achieved_samples_per_second=point.value, latency_target_ns=latency_ns
        )
        for point, latency_ns in zip(curve.points, latencies, strict=True)
    )
    bent = dataclasses.replace(curve, points=points)
    assert bent.knee is not None
    assert re.search("knee: server_target_qps [0-9]+, 50 % failed", str(bent))
    bent.plot(tmp_path / "sweep.svg")
    assert "50 % failed" in (tmp_path / "sweep.svg").read_text()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_report_shows_what_failed(tmp_path, scenario):
    system = Failing(every_second)
    result = run(system, tmp_path / "a", scenario)
    run(Failing(lambda number: False), tmp_path / "b", scenario)
    built = build_report([tmp_path / "a", tmp_path / "b"])
    report, other = built.runs
    assert report.findings[0].text == result.reasons[0] and report.findings[0].fix
    tiles = {tile.label: tile.value.value for tile in report.tiles}
    assert tiles["Failed samples"] == system.failed
    assert "Failed samples" not in {tile.label for tile in other.tiles}
    compared = {row[0].text: row[1].value for row in built.comparison.rows}
    assert compared["failed samples"] == system.failed
    assert report.flow.most_outstanding[-1] <= system.count


# ---- Peaks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", list(lg.PeakStrategy.__members__.values()))
def test_where_every_query_fails_a_search_names_the_cause(tmp_path, strategy):
    system = Failing(lambda number: True, "503 queue full")
    quick = {"server_target_qps": 1000, "min_duration_ms": 200, "min_query_count": 20}
    result = search_in(tmp_path, system, Library(), strategy, **quick)
    assert not result.valid and not result.peak.found
    assert "503 queue full" in result.peak.end and "503 queue full" in result.reasons[0]
    trial = result.peak.trials[0]
    assert not trial.passed and trial.failed_share == 1 and trial.failures == ["503 queue full"]
    assert result.to_dict()["peak"]["trials"][0]["failures"] == ["503 queue full"]
    table = build_report([tmp_path]).runs[0].peak.trials
    shown = {name: cell.text for name, cell in zip(table.columns, table.rows[0], strict=True)}
    assert shown["failed"] == "100 %: 503 queue full" and shown["outcome"] == "failed"


def test_find_peak_names_the_cause_and_resumes(tmp_path):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, min_duration_ms=200, min_query_count=20
    )
    logs = lg.LogSettings()
    logs.log_output.outdir = str(tmp_path)
    trials = tmp_path / "trials"
    for _ in range(2):  # The second time from the file.
        with pytest.raises(lg.PeakNotFoundError, match="503 queue full") as found:
            lg.find_peak(
                Failing(lambda number: True, "503 queue full"),
                Library(),
                settings,
                logs,
                trial_file=trials,
            )
        assert found.value.result.peak.trials[0].failed_share == 1
