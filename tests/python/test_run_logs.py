"""`read_run` says of a test what its logs and its result say, whole, cut off or of the reference.

Method: tests of all scenarios are run and read back, and compared with their TestResult; logs are
cut off at every byte; logs as the reference writes them, which are no JSON, are made by hand.
"""

import json
import os
import re
import shutil
import warnings
from datetime import datetime, timezone

import numpy as np
import pytest
from conftest import SCENARIOS, answer, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen.run_logs import NoRunError, read_run
from mlperf_loadgen.run_records import parse_records

RATE = {"server_target_qps": 1e4}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_says_what_the_result_says(run_test, scenario):
    def answer_one_by_one(samples):
        for sample in samples:
            answer([sample])

    run = run_test(scenario=scenario, min_query_count=300, issue=answer_one_by_one, **RATE)
    logs = read_run(run.outdir)
    result = run.result
    assert logs.name == run.outdir.name
    assert (logs.folder, logs.scenario, logs.mode) == (run.outdir, scenario, "PerformanceOnly")
    assert (logs.sut_name, logs.valid, logs.finished) == (result.sut_name, result.valid, True)
    assert len(logs.reasons) == len(result.reasons)
    assert logs.errors == tuple(result.errors)
    assert logs.warnings == tuple(result.warnings)
    assert logs.settings["samples_per_query"] == run.value("effective_samples_per_query")
    assert logs.requested["min_query_count"] == 300
    assert logs.version == lg.__version__ or lg.__version__ in logs.version
    assert abs(logs.started - datetime.now(timezone.utc)).total_seconds() < 3600
    assert len(logs.all_records) == len(run.detail)
    assert logs.summary == run.summary
    assert logs.peak is None
    performance = result.performance
    stats = performance.query_latency or performance.sample_latency
    latencies = np.sort(logs.latencies_ns())
    assert latencies.dtype == np.int64
    assert (len(latencies), latencies[0], latencies[-1]) == (
        stats.count,
        stats.min_ns,
        stats.max_ns,
    )
    assert latencies[int(len(latencies) * 0.99)] == stats.percentiles_ns[0.99]


@pytest.mark.parametrize("mode", ["AccuracyOnly", "SubmissionRun"])
def test_samples_are_those_of_the_performance_phase(run_test, mode):
    run = run_test(mode=mode, scenario="SingleStream", min_query_count=70)
    logs = read_run(run.outdir)
    if mode == "AccuracyOnly":
        assert logs.samples is None and logs.valid is None and logs.reasons == ()
        assert len(logs.latencies_ns()) == 0
    else:
        assert len(logs.samples) == run.result.performance.sample_count
        assert set(logs.samples["phase"]) == {1}


def test_any_file_of_a_test_names_it(run_test, tmp_path):
    run_test(scenario="SingleStream")
    for prefix, suffix in [("a_", "_1"), ("b_", "")]:
        output = log_settings(tmp_path, enable_trace=True)
        output.log_output.prefix, output.log_output.suffix = prefix, suffix
        sut = lg.ConstructSUT(answer, lambda: None)
        qsl = lg.ConstructQSL(9, 9, lambda indices: None, lambda indices: None)
        settings = lg.TestSettings(min_duration_ms=0, min_query_count=20 if suffix else 30)
        lg.StartTestWithLogSettings(sut, qsl, settings, output, "")
        lg.DestroySUT(sut)
        lg.DestroyQSL(qsl)
    names = [f"a_{kind}_1.{ext}" for kind, ext in [("summary", "txt"), ("detail", "txt")]]
    names += ["a_accuracy_1.json", "a_trace_1.json", "a_samples_1.npy"]
    for name in names:
        logs = read_run(tmp_path / name)
        assert logs.requested["min_query_count"] == 20
        assert logs.name == f"{tmp_path.name}/a_*_1"
        assert logs.samples is not None
    assert read_run(tmp_path / "b_detail.txt").requested["min_query_count"] == 30
    with pytest.raises(NoRunError, match=r"logs of 2 tests.*a_detail_1\.txt, .*b_detail\.txt"):
        read_run(tmp_path)


def test_errors_name_the_path_and_the_cure(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere; give the folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(NoRunError, match="holds no logs of a test"):
        read_run(tmp_path)
    (tmp_path / "details.txt").mkdir()
    with pytest.raises(NoRunError, match="holds no logs of a test"):
        read_run(tmp_path)
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(NoRunError, match="is not a log of a test; give a folder of logs"):
        read_run(tmp_path / "notes.md")
    (tmp_path / "mlperf_log_detail.txt").write_text("some words\n")
    with pytest.raises(NoRunError, match="is no detail log"):
        read_run(tmp_path / "mlperf_log_detail.txt")
    (tmp_path / "other_summary.txt").write_text("x")
    with pytest.raises(NoRunError, match=r"other_detail\.txt is missing"):
        read_run(tmp_path / "other_summary.txt")


def test_logs_that_are_cut_off_are_read_as_far_as_they_go(run_test, tmp_path):
    run = run_test(scenario="Server", **RATE)
    whole = (run.outdir / "mlperf_log_detail.txt").read_bytes()
    rows = (run.outdir / "mlperf_log_samples.npy").read_bytes()
    detail, samples = tmp_path / "mlperf_log_detail.txt", tmp_path / "mlperf_log_samples.npy"
    just_before_a_line_ends = whole.index(b"\n")
    for size in [0, 5, 40, just_before_a_line_ends, *range(400, len(whole) - 1, 977)]:
        detail.write_bytes(whole[:size])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            logs = read_run(tmp_path)
        ends_in_a_line = size > 0 and whole[size - 1] != ord("\n")
        assert [w.category for w in caught] == [lg.TruncatedLogWarning] * ends_in_a_line
        # A record that lacks nothing but the end of its line is whole.
        assert len(logs.all_records) == whole[: size + 1].count(b"\n")
        assert not logs.finished
        assert logs.valid is None or '"result_validity"' in whole[:size].decode()
        assert logs.valid is not None or "logs end before the test did" in logs.reasons[-1]
    samples.write_bytes(rows[:-20])
    with pytest.warns(lg.TruncatedLogWarning):
        assert len(read_run(tmp_path).samples) == len(np.load(run.outdir / samples.name)) - 1


def test_what_was_never_completed_has_no_latency(run_test):
    held = []

    def lose_one(samples):
        answer([s for s in samples if held or held.append(s)])

    run = run_test(scenario="Offline", issue=lose_one, min_query_count=12, stall_timeout_ms=200)
    logs = read_run(run.outdir)
    assert logs.valid is False
    assert len(logs.latencies_ns()) == len(logs.samples) - 1
    assert any("never completed" in r or "no sample was completed" in r for r in logs.reasons)


def test_a_query_of_which_a_sample_is_missing_has_no_latency(run_test):
    run = run_test(scenario="MultiStream", min_query_count=20)
    log = run.outdir / "mlperf_log_samples.npy"
    rows = np.load(log)
    whole = read_run(run.outdir).latencies_ns()
    rows["completed_ns"][8 * 3 + 5] = -1
    np.save(log, rows)
    assert (read_run(run.outdir).latencies_ns() == np.delete(whole, 3)).all()


def test_reasons_of_a_test_in_which_nothing_was_measured(run_test):
    settings = {"scenario": "Server", "min_query_count": 12, "stall_timeout_ms": 200}
    run = run_test(issue=lambda samples: None, **settings, **RATE)
    reasons = read_run(run.outdir).reasons
    assert len(reasons) == len(run.result.reasons)
    assert reasons[0] == (
        "p99 latency is unknown: nothing was measured against the bound of 100 ms"
    )
    assert reasons[1] == "fewer samples were completed than the 12 that the test asks for"


def test_a_killed_test_is_not_finished_whatever_the_system_is_called(run_test):
    run = run_test(mode="AccuracyOnly", scenario="SingleStream")
    summary = run.outdir / "mlperf_log_summary.txt"
    assert read_run(run.outdir).finished
    summary.write_text("SUT name : errors encountered\n")
    logs = read_run(run.outdir)
    assert not logs.finished and "logs end before the test did" in logs.reasons[-1]


def test_a_folder_whose_name_is_no_text_has_a_name_that_is(run_test, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(run_test(scenario="SingleStream").outdir, folder)
    assert read_run(folder).name == "caf\\udce9"


def test_only_finite_numbers_are_numbers(run_test):
    run = run_test(scenario="Server", **RATE)
    detail = run.outdir / "mlperf_log_detail.txt"
    whole = detail.read_text()
    for text, number in (("nan", None), ("1e400", None), ('"5"', None), ("true", None), ("5", 5)):
        line = re.sub(r'(?<="result_query_count", "value": )\d+', text, whole)
        detail.write_text(line)
        assert read_run(run.outdir).number("result_query_count") == number


def test_a_damaged_sample_log_is_named(run_test):
    run = run_test(scenario="Server", **RATE)
    log = run.outdir / "mlperf_log_samples.npy"
    rows = np.load(log)
    rows["issued_ns"][3] = -5
    np.save(log, rows)
    with pytest.raises(
        lg.SampleLogFormatError, match=r"samples\.npy: found times before the start"
    ):
        read_run(run.outdir)


def test_times_of_a_trace_may_be_before_its_zero(run_test):
    run = run_test(scenario="SingleStream", log={"enable_trace": True})
    (run.outdir / "mlperf_log_samples.npy").unlink()
    line = (
        '{{"name":"Sample","cat":"default","ph":"b","pid":1,"id":0,"ts":{},"args":{{'
        '"sample_seq":{},"query_seq":{},"sample_idx":0,"issue_start_ns":100,"complete_ns":{}}}}},\n'
    )
    trace = run.outdir / "mlperf_log_trace.json"
    trace.write_text(line.format("-0.300", 0, 0, 250) + line.format("1.000", 1, 1, 250))
    rows = read_run(run.outdir).samples
    assert rows["scheduled_ns"].tolist() == [0, 1300]
    assert rows["issued_ns"].tolist() == [100, 1400]
    assert rows["completed_ns"].tolist() == [250, 1550]


def test_a_trace_stands_in_for_the_sample_log(run_test):
    run = run_test(scenario="Server", log={"enable_trace": True}, **RATE)
    from_samples = read_run(run.outdir)
    (run.outdir / "mlperf_log_samples.npy").unlink()
    from_trace = read_run(run.outdir)
    assert (from_trace.latencies_ns() == from_samples.latencies_ns()).all()
    for column in ("query", "sample_index", "phase"):
        assert (from_trace.samples[column] == from_samples.samples[column]).all()
    delays = [
        r.samples["issued_ns"] - r.samples["scheduled_ns"] for r in (from_trace, from_samples)
    ]
    assert (delays[0] == delays[1]).all()
    (run.outdir / "mlperf_log_trace.json").write_text("")
    assert read_run(run.outdir).samples is None


def test_the_references_lines_that_are_no_json():
    after = '"time_ms": 1.5, "namespace": "mlperf::logging", "event_type": "POINT_IN_TIME", '
    after += '"metadata": {"is_error": true, "is_warning": false, "file": "x.cc", "line_no": 1}}'
    values = {
        "nan": ("-nan", np.isnan),
        "inf": ("inf", np.isposinf),
        "text": ('"a "quoted" text, with \\ and }"', 'a "quoted" text, with \\ and }'.__eq__),
        "plain": ('"x"', "x".__eq__),
    }
    lines = [
        f':::MLLOG {{"key": "{key}", "value": {text}, {after}\n'
        for key, (text, _) in values.items()
    ]
    records, cut_off = parse_records("".join(["noise\n", *lines]).encode())
    assert [r.key for r in records] == list(values) and not cut_off
    for record, (_, is_right) in zip(records, values.values(), strict=True):
        assert is_right(record.value)
        assert record.is_error and not record.is_warning and record.time_ms == 1.5


def test_the_trials_of_both_peak_searches(run_test):
    settings = {"scenario": "Server", "mode": "FindPeakPerformance", "min_duration_ms": 20}
    settings |= {"server_target_qps": 50, "server_target_latency_ns": 10**10}
    settings |= {"server_find_peak_max_qps": 400}
    for strategy in ("Bisection", "Estimate"):
        choice = getattr(lg.PeakStrategy, strategy)
        run = run_test(server_find_peak_strategy=choice, **settings)
        peak, found = read_run(run.outdir).peak, run.result.peak
        assert [t.qps for t in peak.trials] == pytest.approx([t.qps for t in found.trials], 1e-5)
        assert (peak.qps or 0) == pytest.approx(found.qps, 1e-5)
        if strategy == "Estimate":
            assert [t.purpose for t in peak.trials] == [t.kind for t in found.trials]
            assert [t.query_count for t in peak.trials] == [t.query_count for t in found.trials]
        else:
            assert [t.passed for t in peak.trials] == [t.passed for t in found.trials]


def test_a_bisection_passes_where_it_goes_on_above():
    texts = [
        "FindPeakPerformance: Check validity of the base settings field: 100.000000",
        "FindBoundaries: Checking fields [100.000000, 200.000000)",
        "FindBoundaries: Checking fields [200.000000, 400.000000)",
        "FindPeakPerformance: Found boundaries: [200.000000, 400.000000)",
        "FindPeakPerformanceBinarySearch: Testing the mid value of bounds "
        "[200.000000, 400.000000): 300.000000",
        "FindPeakPerformanceBinarySearch: Testing the mid value of bounds "
        "[300.000000, 400.000000): 350.000000",
        "FindPeakPerformance: Found peak performance field: 300.000000",
    ]
    metadata = {"is_error": False, "is_warning": False}
    lines = [("effective_test_mode", "FindPeakPerformance")]
    lines += [("generic_message", text) for text in texts]
    data = "".join(
        ":::MLLOG "
        + json.dumps({"key": k, "value": v, "time_ms": 0.0, "metadata": metadata})
        + "\n"
        for k, v in lines
    )
    from mlperf_loadgen.run_records import peak_of

    peak = peak_of(parse_records(data.encode())[0])
    assert peak.qps == 300
    assert [(t.qps, t.passed) for t in peak.trials] == [
        (100, True),
        (200, True),
        (400, False),
        (300, True),
        (350, False),
    ]
