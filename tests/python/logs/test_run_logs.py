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
from pathlib import Path

import numpy as np
import pytest
from runs import SCENARIOS, answer, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen.logs.detail import parse_records
from mlperf_loadgen.logs.files import NoRunError
from mlperf_loadgen.logs.peak import LoggedTrial, peak_of
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.report import write_report

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
    names += ["a_accuracy_1.json", "a_trace_1.json", "loadgen_samples/a_samples_1.npy"]
    for name in names:
        logs = read_run(tmp_path / name)
        assert logs.requested["min_query_count"] == 20
        assert logs.name == f"{tmp_path.name}/a_*_1"
        assert logs.samples is not None
    assert read_run(tmp_path / "b_detail.txt").requested["min_query_count"] == 30
    with pytest.raises(NoRunError, match=r"logs of 2 tests.*a_detail_1\.txt, .*b_detail\.txt"):
        read_run(tmp_path)


def test_errors_name_the_path_and_the_fix(tmp_path):
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
    rows = (run.outdir / "loadgen_samples/mlperf_log_samples.npy").read_bytes()
    detail, samples = tmp_path / "mlperf_log_detail.txt", tmp_path / "mlperf_log_samples.npy"
    just_before_a_line_ends = whole.index(b"\n")
    for size in [0, 5, 40, just_before_a_line_ends, *range(400, len(whole) - 1, 977)]:
        detail.write_bytes(whole[:size])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            logs = read_run(tmp_path)
        ends_in_a_line = size > 0 and whole[size - 1] != ord("\n")
        is_noticed = ends_in_a_line or b'"requested_scenario"' not in whole[:size]
        assert [w.category for w in caught] == [lg.TruncatedLogWarning] * is_noticed
        # A record that lacks nothing but the end of its line is whole.
        assert len(logs.all_records) == whole[: size + 1].count(b"\n")
        assert not logs.finished
        assert logs.valid is None or '"result_validity"' in whole[:size].decode()
        assert logs.valid is not None or "logs end before the test did" in logs.reasons[-1]
    samples.write_bytes(rows[:-20])
    with pytest.warns(lg.TruncatedLogWarning):
        assert len(read_run(tmp_path).samples) == len(np.load(run.result.logs.samples)) - 1


EMPTY = r"detail\.txt: the detail log is empty: its records were not written, or were lost"
ENDS = r"detail\.txt: the detail log has {} and no scenario among them: it was cut off"


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (lambda lines: b"", EMPTY),
        (lambda lines: b"\n\n", EMPTY),
        (lambda lines: bytes(512), EMPTY),
        (lambda lines: lines[0][:30], ENDS.format("0 records")),
        (lambda lines: lines[0], ENDS.format("1 record")),
        (lambda lines: b"".join(lines[:2]), ENDS.format("2 records")),
    ],
    ids=["empty", "blank", "zeros", "part of a line", "first line", "header"],
)
def test_a_detail_log_that_says_nothing_of_a_test_is_not_taken_for_one(run_test, kept, message):
    run = run_test()
    other = run_test()
    detail = run.outdir / "mlperf_log_detail.txt"
    detail.write_bytes(kept(detail.read_bytes().splitlines(keepends=True)))
    with pytest.warns(lg.TruncatedLogWarning, match=message):
        logs = read_run(run.outdir)
    text = logs.unread[-1]
    with pytest.warns(lg.TruncatedLogWarning):
        write_report(run.outdir, run.outdir / "report.md")
    assert text in (run.outdir / "report.md").read_text()
    with (
        pytest.warns(lg.TruncatedLogWarning),
        pytest.raises(ValueError, match="cannot be compared: the detail log") as refused,
    ):
        lg.compare(other.outdir, run.outdir)
    assert text in str(refused.value)


def test_a_log_of_which_the_settings_are_missing_is_named_in_a_comparison(run_test):
    """As one whose records of the settings were removed."""
    run = run_test()
    detail = run.outdir / "mlperf_log_detail.txt"
    lines = detail.read_text().splitlines(keepends=True)
    detail.write_text("".join(line for line in lines if "_scenario" not in line))
    with (
        pytest.warns(lg.TruncatedLogWarning, match="and no scenario among them"),
        pytest.raises(ValueError, match="cannot be compared: the detail log"),
    ):
        lg.compare(run.outdir, run_test().outdir)


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
    log = run.outdir / "loadgen_samples/mlperf_log_samples.npy"
    rows = np.load(log)
    whole = read_run(run.outdir).latencies_ns()
    rows["completed_ns"][8 * 3 + 5] = -1
    np.save(log, rows)
    assert (read_run(run.outdir).latencies_ns() == np.delete(whole, 3)).all()


def without_reasons(folder):
    """Makes the logs those of a version that did not record the reasons."""
    detail = folder / "mlperf_log_detail.txt"
    lines = detail.read_text().splitlines(keepends=True)
    detail.write_text("".join(line for line in lines if '"key": "result_reason' not in line))


def fail_one(samples):
    lg.fail([samples[0].id], "the model ran out of memory")
    lg.complete([sample.id for sample in samples[1:]])


@pytest.mark.parametrize(
    "settings",
    [
        {"scenario": "SingleStream", "min_query_count": 10},
        {"scenario": "SingleStream", "min_query_count": 10, "mode": "SubmissionRun"},
        {"scenario": "Offline", "issue": fail_one},
        {"scenario": "Offline", "issue": fail_one, "mode": "AccuracyOnly"},
        {"scenario": "Offline", "issue": fail_one, "mode": "SubmissionRun"},
        {"scenario": "Server", "server_target_latency_ns": 1, **RATE},
        {"scenario": "Server", "min_duration_ms": 100_000, "max_query_count": 5, **RATE},
        {"scenario": "SingleStream", "issue": lambda samples: lg.AbortTest()},
        {"scenario": "MultiStream", "issue": lambda samples: None, "stall_timeout_ms": 100},
    ],
)
def test_reasons_are_those_of_the_result(run_test, settings):
    run = run_test(**settings)
    assert read_run(run.outdir).reasons == tuple(run.result.reasons)


def test_reasons_of_a_test_in_which_nothing_was_measured(run_test):
    settings = {"scenario": "Server", "min_query_count": 12, "stall_timeout_ms": 200}
    run = run_test(issue=lambda samples: None, **settings, **RATE)
    without_reasons(run.outdir)
    reasons = read_run(run.outdir).reasons
    assert len(reasons) == len(run.result.reasons)
    assert reasons[0] == (
        "p99 latency is unknown, nothing was measured against the bound of 100 ms"
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


def test_the_sample_log_is_found_in_its_folder_and_beside_the_other_logs(run_test):
    run = run_test(min_query_count=20)
    log = Path(run.result.logs.samples)
    for path in (run.outdir, log.parent, log, run.outdir / "mlperf_log_detail.txt"):
        assert len(read_run(path).samples) == 20
    log.rename(run.outdir / log.name)  # As earlier versions wrote it.
    log.parent.rmdir()
    for path in (run.outdir, run.outdir / log.name):
        assert len(read_run(path).samples) == 20


def test_left_out_samples_are_counted(run_test):
    many = {"scenario": "Offline", "min_query_count": 30000, "total": 30000, "performance": 30000}
    run = run_test(log={"max_trace_mb": 1, "max_sample_log_mb": 1}, **many)
    with pytest.warns(lg.TruncatedLogWarning, match="max_sample_log_mb"):
        logs = read_run(run.outdir)
    assert 0 < len(logs.samples) < 30000
    assert len(logs.samples) + logs.samples_left_out == 30000
    Path(run.result.logs.samples).unlink()
    with pytest.warns(lg.TruncatedLogWarning, match="trace"):
        logs = read_run(run.outdir)
    assert 0 < len(logs.samples) < 30000
    assert len(logs.samples) + logs.samples_left_out == 30000
    assert read_run(run_test(min_query_count=20).outdir).samples_left_out == 0


def test_a_damaged_sample_log_is_named(run_test):
    run = run_test(scenario="Server", **RATE)
    log = run.outdir / "loadgen_samples/mlperf_log_samples.npy"
    rows = np.load(log)
    rows["issued_ns"][3] = -5
    np.save(log, rows)
    with pytest.raises(
        lg.SampleLogFormatError, match=r"samples\.npy: found times before the start"
    ):
        read_run(run.outdir)


def test_times_of_a_trace_may_be_before_its_zero(run_test):
    run = run_test(scenario="SingleStream", log={"enable_trace": True})
    (run.outdir / "loadgen_samples/mlperf_log_samples.npy").unlink()
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
    (run.outdir / "loadgen_samples/mlperf_log_samples.npy").unlink()
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
    parsed = parse_records("".join(["noise\n", *lines]).encode())
    assert [r.key for r in parsed.records] == list(values) and not parsed.cut_off
    for record, (_, is_right) in zip(parsed.records, values.values(), strict=True):
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
        for logged, trial in zip(peak.trials, found.trials, strict=True):
            assert logged.qps == pytest.approx(trial.qps, 1e-5)
            assert logged.over_share == pytest.approx(trial.over_share, 1e-5)
            assert (logged.purpose, logged.passed) == (trial.kind, trial.passed)
            assert (logged.query_count, logged.failed_share) == (trial.query_count, 0)
        known = found.qps if found.determined or found.at_limit else 0
        assert (peak.qps or 0) == pytest.approx(known, 1e-5)
        purposes = {t.purpose for t in peak.trials}
        assert (
            purposes
            <= {
                "Bisection": {"start", "boundary", "middle"},
                "Estimate": {"bracket", "measure", "confirm"},
            }[strategy]
        )


def _peak_of_log(lines):
    metadata = {"is_error": False, "is_warning": False}
    lines = [("effective_test_mode", "FindPeakPerformance"), *lines]
    data = "".join(
        ":::MLLOG "
        + json.dumps({"key": k, "value": v, "time_ms": 0.0, "metadata": metadata})
        + "\n"
        for k, v in lines
    )
    return peak_of(parse_records(data.encode()).records)


def test_a_trial_record_is_read_as_far_as_it_makes_sense():
    whole = {"kind": "measure", "qps": 5.5, "passed": False, "query_count": 10, "over_share": 0.5}
    whole |= {"failed_share": 0.1, "failures": ["cut", "off"], "duration_s": 2}
    odd = {"qps": 7, "passed": "yes", "query_count": None, "over_share": [], "failures": "cut"}
    values = [whole, odd, {"kind": "no rate"}, "text", None, {"qps": None}]
    trials = _peak_of_log([("peak_trial", value) for value in values]).trials
    assert trials == (
        LoggedTrial(5.5, "measure", False, 0.5, 10, 0.1, ("cut", "off")),
        LoggedTrial(7, "", None, None, None, 0, ()),
    )


def test_the_trials_of_an_estimate_by_an_older_version():
    text = "FindPeakPerformance: measure at 1.5e+03 queries/s for 0.02 s: 2.5 % of 31 queries over "
    texts = [text + "the bound", text + "the bound; 1 % of the queries failed: cut"]
    trials = _peak_of_log([("generic_message", text) for text in texts]).trials
    assert trials == 2 * (LoggedTrial(1500, "measure", None, 0.025, 31),)


def test_a_bisection_of_the_reference_passes_where_it_goes_on_above():
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
    peak = _peak_of_log([("generic_message", text) for text in texts])
    assert peak.qps == 300
    assert [(t.qps, t.passed) for t in peak.trials] == [
        (100, True),
        (200, True),
        (400, False),
        (300, True),
        (350, False),
    ]


# ---- Logs that other systems wrote, or other tools copied ----------------------------------------

WINDOWS_RECORD = (
    r':::MLLOG {"key": "error_invalid_config", "value": "%s", "time_ms": 18446744073708.008016, '
    r'"namespace": "mlperf::logging", "event_type": "POINT_IN_TIME", '
    r'"metadata": {"is_error": true, "is_warning": false, "file": "test_settings_internal.cc", '
    r'"line_no": 592, "pid": 1, "tid": 1}}'
)
PATHS = [
    r"can't open file D:\inference\loadgen\mlperf.conf",
    r"can't open file C:\temp\new\bench.conf",  # By chance JSON, of which \t, \n and \b are.
    r"can't open file C:\users\me\audit.config",
    r"can't open file \\host\share\user.conf",
    'can\'t open file /tmp/"quoted".conf',
    "two\nlines",
]
LINE_ENDS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r", "CRCRLF": "\r\r\n"}


@pytest.fixture(scope="module")
def run_of_server(run_test):
    return run_test(scenario="Server", log={"enable_trace": True}, **RATE)


def copied(run, folder, change):
    """The text logs of a test, each changed by `change(text) -> bytes`."""
    for name in ("detail.txt", "summary.txt", "trace.json"):
        (folder / f"mlperf_log_{name}").write_bytes(change(run.text(name)))


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("value", PATHS)
def test_a_record_with_a_path_of_windows_is_read_as_it_is(run_of_server, tmp_path, value, end):
    lines = run_of_server.text("detail.txt").splitlines()
    lines.insert(5, WINDOWS_RECORD % value)
    text = "\n".join(lines) + "\n"
    (tmp_path / "mlperf_log_detail.txt").write_text(text.replace("\n", LINE_ENDS[end]), newline="")
    logs = read_run(tmp_path)
    assert len(logs.all_records) == len(lines)
    assert logs.all_records[5].value == value
    assert value in logs.errors


def test_objects_and_lists_with_paths_of_windows_are_read():
    line = WINDOWS_RECORD.replace('"%s"', r'{"\bindings\c_api.cc":"1f"}')
    (record,) = parse_records(line.encode() + b"\r\n").records
    assert record.value == {r"\bindings\c_api.cc": "1f"}


COPIES = {
    **{
        name: lambda text, end=end: text.replace("\n", end).encode()
        for name, end in LINE_ENDS.items()
    },
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16 of PowerShell": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "big-endian UTF-16": lambda text: text.encode("utf-16-be"),
    "NULs at the end": lambda text: text.encode() + bytes(100),
    "NULs at the beginning": lambda text: bytes(101) + text.encode(),
    "a blank line first": lambda text: b"\n" + text.encode(),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_by_other_tools_says_the_same(run_of_server, tmp_path, name):
    copied(run_of_server, tmp_path, COPIES[name])
    want, found = read_run(run_of_server.outdir), read_run(tmp_path)
    assert found.all_records == want.all_records
    assert (found.finished, found.valid, found.reasons) == (True, want.valid, want.reasons)
    if "UTF-16" not in name:  # Traces are not printed by programs, and so not redirected.
        assert len(found.samples) == len(want.samples)


def test_text_of_latin_1_keeps_its_letters(tmp_path):
    record = WINDOWS_RECORD % "can't open D:\\gr\u00fc\u00dfe"
    (tmp_path / "mlperf_log_detail.txt").write_text(record + "\n", encoding="latin-1")
    assert read_run(tmp_path).errors == ("can't open D:\\gr\u00fc\u00dfe",)


def test_records_that_cannot_be_read_are_reported_with_the_first_line(run_of_server, tmp_path):
    lines = run_of_server.text("detail.txt").splitlines(keepends=True)
    count = len(lines)
    lines[7:7] = [":::MLLOG {broken\n", ":::MLLOG \n", ":::MLLOG 17\n", ":::MLLOG [1]\n"]
    (tmp_path / "mlperf_log_detail.txt").write_text("".join(lines))
    with pytest.warns(lg.UnreadableLogWarning, match=r"4 records cannot be read.*line 8: .*broken"):
        assert len(read_run(tmp_path).all_records) == count


def test_records_without_flags_are_records():
    line = (
        b':::MLLOG {"key": "k", "value": 1, "time_ms": 2, "metadata": {"file": "x", "lineno": 1}}'
    )
    (record,) = parse_records(line + b"\n").records
    assert (record.key, record.value, record.is_error, record.is_warning) == ("k", 1, False, False)


# ---- Logs before MLPerf v1.0 ---------------------------------------------------------------------

TEXT_DETAIL = """\
"pid": 7, "tid": 9, "ts": -860224600ns : Registered IssueQueryThread[0]. thread ID : 1692
"pid": 7, "tid": 7, "ts": 5133ns : LoadgenVersionInfo:
"pid": 7, "tid": 7, "ts": 5133ns : version : .5a1 @ f41dbd6f18
"pid": 7, "tid": 7, "ts": 5133ns : git_log :

f41dbd6f18f1fb94a5cb96838d7c268e4202a205 A commit

"pid": 7, "tid": 7, "ts": 5133ns : ERROR : Loadgen built with uncommitted changes!
"pid": 7, "tid": 7, "ts": 18754ns : Date + time of test: 2020-09-28T03:19:55Z
"pid": 7, "tid": 7, "ts": 18754ns : System Under Test (SUT) name: BERT SERVER
"pid": 7, "tid": 7, "ts": 18754ns : QSL total size: 10833
"pid": 7, "tid": 7, "ts": 72954ns :\x20
"pid": 7, "tid": 7, "ts": 72954ns : Effective Settings:
"pid": 7, "tid": 7, "ts": 72954ns : Scenario : Multi Stream
"pid": 7, "tid": 7, "ts": 72954ns : Test mode : Performance
"pid": 7, "tid": 7, "ts": 72954ns : samples_per_query : 4
"pid": 7, "tid": 7, "ts": 72954ns : target_latency (ns): 130000000
"pid": 7, "tid": 7, "ts": 72954ns : target_latency_percentile : 0.99
"pid": 7, "tid": 7, "ts": 72954ns : min_duration (ms): 60000
"pid": 7, "tid": 7, "ts": 72954ns : print_timestamps : false
"pid": 7, "tid": 7, "ts": 74498ns :\x20
"pid": 7, "tid": 7, "ts": 74498ns : Requested Settings:
"pid": 7, "tid": 7, "ts": 74498ns : Scenario : Multi Stream
"pid": 7, "tid": 7, "ts": 74498ns : min_query_count : 270336
"pid": 7, "tid": 7, "ts": 74498ns :\x20
"pid": 7, "tid": 7, "ts": 76000ns : Starting performance mode:
"pid": 7, "tid": 7, "ts": 407187ns : Loading QSL : "set" : "[5230,1139,10693]"
"pid": 7, "tid": 7, "ts": 500000ns : GeneratedQueries: "queries" : 27, "samples per query" : 4, \
"duration" : 60000080217
"pid": 7, "tid": 7, "ts": 600000ns : WARNING : Logging allocation detected: "tid" : 7
"""
TEXT_SUMMARY = """\
================================================
MLPerf Results Summary
================================================
SUT name : BERT SERVER
Scenario : Multi Stream
Mode     : Performance
Samples per query : 4
Result is : INVALID
  Performance constraints satisfied : NO
  Min duration satisfied : Yes
  Min queries satisfied : Yes

================================================
Additional Stats
================================================
Min latency (ns)                : 10476119
50.00 percentile latency (ns)   : 47956110
99.00 percentile latency (ns)   : 290825082

1 warning encountered. See detailed log.

1 ERROR encountered. See detailed log.
"""


def write_text_logs(folder, change=str.encode):
    (folder / "mlperf_log_detail.txt").write_bytes(change(TEXT_DETAIL))
    (folder / "mlperf_log_summary.txt").write_bytes(change(TEXT_SUMMARY))


@pytest.mark.parametrize("name", COPIES)
def test_a_text_log_is_named_as_such_and_read_as_far_as_it_goes(tmp_path, name):
    write_text_logs(tmp_path, COPIES[name])
    with pytest.warns(lg.UnreadableLogWarning, match=r"text log.*before MLPerf v1.0.*the result"):
        logs = read_run(tmp_path)
    assert (logs.scenario, logs.mode, logs.sut_name) == (
        "MultiStream",
        "PerformanceOnly",
        "BERT SERVER",
    )
    assert (logs.version, logs.started.year) == (".5a1 @ f41dbd6f18", 2020)
    assert logs.settings["target_latency_ns"] == 130_000_000
    assert logs.settings["min_duration_ms"] == 60_000
    assert logs.settings["print_timestamps"] is False
    assert logs.requested["min_query_count"] == 270_336
    assert logs.records["loaded_qsl_set"] == [5230, 1139, 10693]
    assert logs.records["generated_query_count"] == 27
    assert (logs.valid, logs.finished, logs.samples) == (False, True, None)
    assert logs.number("result_99.00_percentile_latency_ns") == 290_825_082
    assert logs.errors == ("Loadgen built with uncommitted changes!",)
    assert logs.warnings == ('Logging allocation detected: "tid" : 7',)
    assert logs.reasons == ("p99 latency 290.8 ms is above the bound of 130 ms",)


def test_a_text_log_without_its_summary_has_no_result(tmp_path):
    write_text_logs(tmp_path)
    (tmp_path / "mlperf_log_summary.txt").unlink()
    with pytest.warns(lg.UnreadableLogWarning, match="without a summary there is no result"):
        assert read_run(tmp_path).valid is None


def test_a_folder_with_a_summary_alone_says_what_is_missing(tmp_path):
    (tmp_path / "mlperf_log_summary.txt").write_text(TEXT_SUMMARY)
    with pytest.raises(NoRunError, match=r"no detail log in it, only mlperf_log_summary.txt"):
        read_run(tmp_path)


def test_a_text_log_has_a_report_and_cannot_be_compared(tmp_path):
    write_text_logs(tmp_path)
    with pytest.warns(lg.UnreadableLogWarning):
        lg.write_report(tmp_path, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "BERT SERVER" in page
    assert "a text log, as LoadGen wrote them before MLPerf v1.0" in page
    with pytest.warns(lg.UnreadableLogWarning), pytest.raises(ValueError, match="sample log"):
        lg.compare(tmp_path, tmp_path)
