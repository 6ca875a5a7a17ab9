"""A report says what the logs say, whatever they hold, and keeps their text from being markup.

Method: tests of all scenarios and modes are run, reported, and the tables and charts of the page
are read back with an HTML parser and compared with NumPy on the sample log; logs of a million
queries are made by hand; the rest of what can go wrong is put into logs with a text editor's means.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_page import Page
from runs import SCENARIOS, answer, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.report import series
from mlperf_loadgen.report.findings import findings_of

pytest.importorskip("plotly")

RATE = {"server_target_qps": 2e4}
STALL = {"min_query_count": 12, "stall_timeout_ms": 200}
EVIL = "<script>alert(1)</script>"


def page_of(tmp_path, *paths):
    out = tmp_path / "report.html"
    lg.write_report(list(paths), out)
    return Page(out)


def latencies_of(run):
    rows = np.load(run.outdir / "loadgen_samples/mlperf_log_samples.npy")
    rows = rows[rows["phase"] == 1]
    latencies = rows["completed_ns"] - rows["scheduled_ns"]
    if run.result.scenario.name == "MultiStream":
        latencies = latencies.reshape(-1, np.count_nonzero(rows["query"] == rows["query"][0]))
        latencies = latencies.max(axis=1)
    return np.sort(latencies)


# ---- Numbers -------------------------------------------------------------------------------------


def answer_one_by_one(samples):
    for sample in samples:
        answer([sample])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_tables_and_charts_hold_the_numbers_of_the_logs(run_test, tmp_path, scenario):
    run = run_test(scenario=scenario, min_query_count=2000, issue=answer_one_by_one, **RATE)
    page = page_of(tmp_path, run.outdir)
    latencies = latencies_of(run)
    n = len(latencies)
    shown = page.values("percentiles")
    assert (shown["min"], shown["max"]) == (latencies[0], latencies[-1])
    for p in (0.5, 0.9, 0.95, 0.97, 0.99, 0.999):
        assert shown[f"p{100 * p:g}"] == latencies[int(n * p)]

    assert ("VALID" in page.text) and (("INVALID" in page.text) != run.result.valid)
    rates = {
        "Server": run.result.performance.completed_samples_per_second,
        "Offline": run.result.performance.samples_per_second,
        "SingleStream": run.result.performance.qps_with_overhead,
    }
    if scenario in rates:
        assert page.tiles[0] == pytest.approx(rates[scenario], rel=1e-5)
    assert run.result.performance.query_count in page.tiles

    unit = unit_of(page.charts["latency-tail"])
    curve = page.charts["latency-tail"]["data"][0]
    odds = np.array(curve["x"])
    assert (odds[0], odds[-1]) == (1, pytest.approx(n, rel=1e-5))
    ranks = (n - n / odds).round().astype(int)
    assert np.array(curve["y"]) * unit == pytest.approx(latencies[ranks], rel=1e-5)
    bins = page.charts["latency-histogram"]["data"][0]
    assert sum(bins["y"]) == pytest.approx(100, rel=1e-4)
    assert ("latency-time" in page.charts) == (scenario != "Offline")
    assert "throughput-time" in page.charts
    assert ("lateness-tail" in page.charts) == (scenario == "Server")


def unit_of(chart):
    """The ns of the unit of a chart's durations."""
    title = chart["layout"]["yaxis"]["title"]["text"]
    if "log" not in title:
        return {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[re.search(r"\((.*)\)", title)[1]]
    axis = chart["layout"]["yaxis"]
    value, name = axis["ticktext"][0].split()
    return float(value) * {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[name] / axis["tickvals"][0]


def test_series_against_plain_counting():
    rng = np.random.default_rng(5)
    arrived = np.sort(rng.integers(0, 10**9, 3000))
    issued = arrived + rng.integers(0, 1000, 3000)
    completed = issued + rng.exponential(2e6, 3000).astype(np.int64)
    completed[::100] = -1
    flow = series.flow(arrived, np.sort(issued), completed, completed)
    width_ns = round(flow.window_s * 1e9)
    for i, at_s in enumerate(flow.seconds[:-1]):
        start = round(at_s * 1e9) - width_ns // 2
        inside = (completed >= start) & (completed < start + width_ns)
        assert flow.completions_per_s[i] == pytest.approx(inside.sum() / flow.window_s)
        never = completed < 0
        moments = [start, *issued[(issued >= start) & (issued < start + width_ns)]]
        most = max(((issued <= t) & (never | (completed >= t))).sum() for t in moments)
        assert flow.most_outstanding[i] == most

    durations = np.where(completed < 0, 5, completed - arrived)
    bands = series.bands(arrived, durations)
    width_ns = round(bands.window_s * 1e9)
    for i in range(len(bands.seconds) - 1):
        inside = np.sort(durations[arrived // width_ns == i])
        expected = [inside[int(len(inside) * p)] for p in (0.5, 0.99)]
        assert [bands.p50_ns[i], bands.p99_ns[i], bands.max_ns[i]] == [*expected, inside[-1]]


def test_nothing_is_left_out_at_the_end():
    """Whatever is left of the time after whole windows is in the last one."""
    for n in (3000, 3001, 3007, 3050, 3099):
        issued = np.arange(n) * 1_000_000
        flow = series.flow(issued, issued, *2 * [np.full(n, -1)])  # None is ever answered.
        assert flow.most_outstanding.max() == n
        flow = series.flow(issued, issued, issued, issued)
        edges = [0.0]
        for middle in flow.seconds:
            edges.append(2 * middle - edges[-1])
        assert edges[-1] == pytest.approx((n - 1) / 1e3)
        assert (flow.completions_per_s * np.diff(edges)).sum() == pytest.approx(n)
        slowest_last = issued + np.append(np.zeros(n - 1, np.int64), 7)
        assert np.nanmax(series.bands(issued, slowest_last - issued).max_ns) == 7


def test_series_of_next_to_nothing():
    for values in ([0], [7], [5, 5], [0, 10**12]):
        ascending = np.array(values, np.int64)
        edges = series.bin_edges(ascending[0], ascending[-1], len(values))
        assert series.histogram(ascending, *edges).percent.sum() == pytest.approx(100)
        assert series.tail(ascending).values_ns.tolist() == values
        series.bands(ascending, ascending)
        series.flow(ascending, ascending, *2 * [np.full(len(values), -1)])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_tokens(run_test, tmp_path, scenario):
    run = run_test(
        scenario=scenario,
        min_query_count=300,
        use_token_latencies=True,
        issue=lambda samples: answer(samples, n_tokens=5),
        **RATE,
    )
    page = page_of(tmp_path, run.outdir)
    rows = np.load(run.outdir / "loadgen_samples/mlperf_log_samples.npy")
    ttft = np.sort(rows["first_token_ns"] - rows["scheduled_ns"])
    tpot = np.sort((rows["completed_ns"] - rows["first_token_ns"]) // 4)
    if scenario == "Offline":
        assert run.result.performance.sample_count == len(rows)
        return
    assert page.tables["percentiles"][0][2][0] == "Time to first token"
    for heading, p in (("p50", 0.5), ("p99", 0.99)):
        (row,) = [row for row in page.tables["percentiles"] if row[0][0] == heading]
        assert [float(cell[1]) for cell in row[2:]] == [
            ttft[int(len(rows) * p)],
            tpot[int(len(rows) * p)],
        ]
    assert {"ttft-tail", "tpot-tail", "ttft-time", "tpot-time"} <= set(page.charts)
    if scenario == "Server":
        assert "Time to first token at p99" in page.text
        assert "bound of 100 ms" in page.text


# ---- Verdicts ------------------------------------------------------------------------------------


def test_reasons_come_with_what_to_do(run_test, tmp_path):
    run = run_test(scenario="Server", server_target_latency_ns=1, min_query_count=50, **RATE)
    page = page_of(tmp_path, run.outdir)
    assert page.tables["percentiles"][-1][1][1] == "1"
    assert "INVALID" in page.text and "is above the bound of" in page.text
    assert "Lower server_target_qps, or make the system faster" in page.text
    assert "This follows from the bound that was missed" in page.text


def test_accuracy_aborted_cut_off_and_empty_runs(run_test, tmp_path):
    accuracy = run_test(mode="AccuracyOnly", scenario="SingleStream")
    page = page_of(tmp_path, accuracy.outdir)
    assert "NOT JUDGED" in page.text and page.charts == {}

    def stop(samples):
        answer(samples)
        lg.AbortTest()

    aborted = run_test(scenario="SingleStream", issue=stop, min_query_count=10**6)
    page = page_of(tmp_path, aborted.outdir)
    assert "INVALID" in page.text and "aborted" in page.text

    whole = run_test(scenario="Server", min_query_count=300, **RATE)
    detail = whole.outdir / "mlperf_log_detail.txt"
    data = detail.read_bytes()
    (whole.outdir / "mlperf_log_summary.txt").unlink()
    detail.write_bytes(data[: data.index(b'"result_validity"')])
    with pytest.warns(lg.TruncatedLogWarning):
        page = page_of(tmp_path, whole.outdir)
    assert "NO VERDICT" in page.text and "logs end before the test did" in page.text
    assert page.values("percentiles")["max"] == latencies_of(whole)[-1]  # From the samples.

    detail.write_bytes(b"")
    (whole.outdir / "loadgen_samples/mlperf_log_samples.npy").unlink()
    page = page_of(tmp_path, whole.outdir)
    assert "NO VERDICT" in page.text and page.charts == {}


def test_logs_without_samples_have_tables_and_no_charts(run_test, tmp_path):
    log = {"enable_trace": False}
    run = run_test(scenario="Server", min_query_count=300, log=log, **RATE)
    latencies = latencies_of(run)
    (run.outdir / "loadgen_samples/mlperf_log_samples.npy").unlink()
    page = page_of(tmp_path, run.outdir)
    assert page.values("percentiles")["p99"] == latencies[int(len(latencies) * 0.99)]
    assert page.charts == {}


def test_left_out_samples_are_said(run_test, tmp_path):
    run = run_test(scenario="Server", min_query_count=300, **RATE)
    with Path(run.result.logs.samples).open("ab") as log:
        log.write(b"samples left out:                  700\n")
    with pytest.warns(lg.TruncatedLogWarning):
        page = page_of(tmp_path, run.outdir)
    assert "The charts show only the first 300 samples" in page.text
    assert "VALID" in page.text


def test_settings_show_what_differs(run_test, tmp_path):
    run = run_test(scenario="Server", min_query_count=77, qsl_rng_seed=5, **RATE)
    page = page_of(tmp_path, run.outdir)
    rows = {row[0][0]: [cell[0] for cell in row[1:3]] for row in page.tables["settings"][1:]}
    assert rows == {
        "server_target_qps": ["20000", "1"],
        "min_duration_ms": ["0", "10000"],
        "min_query_count": ["77", "100"],
        "qsl_rng_seed": ["5", "0"],
    }


def test_errors_are_listed(run_test, tmp_path):
    def answer_twice(samples):
        answer(samples)
        answer(samples)

    run = run_test(scenario="SingleStream", issue=answer_twice, min_query_count=300)
    page = page_of(tmp_path, run.outdir)
    texts = [row[1][0] for row in page.tables["messages"]]
    assert any("complete a sample twice" in text for text in texts)
    assert len(texts) <= 51


def test_a_run_in_which_nothing_was_measured(run_test, tmp_path):
    def ignore(samples):
        pass

    settings = {"scenario": "Server", "min_query_count": 12, "stall_timeout_ms": 200}
    page = page_of(tmp_path, run_test(issue=ignore, **settings, **RATE).outdir)
    assert "Latency: nothing was measured." in page.text
    assert "within the bound" not in page.text and "above the bound" not in page.text
    assert "percentiles" not in page.tables
    assert "latency-tail" not in page.charts and "outstanding-time" in page.charts
    assert page.text.count("Fix the system under test") == 1  # All these reasons have this fix.


def keep(samples):
    """Answers nothing."""


def abort(samples):
    answer(samples)
    lg.AbortTest()


def fail(samples):
    lg.fail(samples.ids, "503 queue full")


REASONS = {
    "failed": (
        {"issue": fail},
        "samples failed",
        "See what the system under test says of the samples that failed",
    ),
    "max_query_count": (
        {"max_query_count": 5, "min_query_count": 20},
        "min_query_count asks for 20",
        "Raise max_query_count;",
    ),
    "max_duration": (
        {"max_duration_ms": 1, "min_query_count": 10**6},
        "min_query_count asks for 1000000",
        "Raise max_duration_ms;",
    ),
    "outstanding": (
        {"scenario": "Server", "issue": keep, "server_max_async_queries": 2, **STALL, **RATE},
        "min_query_count asks for",
        "Lower server_target_qps, or make the system faster; or raise server_max_async_queries",
    ),
    "stalled": (
        {"issue": keep, **STALL},
        "stalled: no sample was completed",
        "Find out why the system under test stopped answering",
    ),
    "aborted": ({"issue": abort}, "the test was aborted", "Find out why AbortTest was called"),
    "bound": (
        {"scenario": "Server", "server_target_latency_ns": 1, **RATE},
        "is above the bound",
        "Lower server_target_qps, or make the system faster: ",
    ),
    "short": (
        {"scenario": "Offline", "min_duration_ms": 10_000},
        "min_duration asks for",
        "Raise offline_expected_qps",
    ),
    "early stopping": (
        {"scenario": "Server", "min_query_count": 50, **RATE},
        "early stopping needs",
        "Let it run longer",
    ),
    "contract": (
        {"issue": lambda samples: (answer(samples), answer(samples))},
        "double completions: complete each sample exactly once",
        "Fix the system under test, or its settings, as this says",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_each_reason_has_its_fix(run_test, name):
    """The fix is that of the cause, and a reason without one shares that of the next."""
    settings, reason, fix = REASONS[name]
    found = findings_of(read_run(run_test(**settings).outdir))
    fixes = [finding.fix for finding in found]
    shown = [next(filter(None, fixes[number:])) for number in range(len(fixes))]
    (of_reason,) = {s for finding, s in zip(found, shown, strict=True) if reason in finding.text}
    assert of_reason.startswith(fix)


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        ("Ending early: Ran out of generated queries to issue before", "Raise server_target_qps"),
        ("Ending early: Max query count reached.", "Raise max_query_count;"),
        ("Ending early: Max test duration reached.", "Raise max_duration_ms;"),
        ("Ending early: Too many outstanding queries.", "Lower server_target_qps"),
    ],
)
def test_errors_of_the_reference_have_the_same_fixes(run_test, error, fix):
    logs = read_run(run_test(scenario="Server", **RATE).outdir)
    (finding,) = findings_of(replace(logs, reasons=(error,)))
    assert finding.fix.startswith(fix)


def test_numbers_that_are_none(run_test, tmp_path):
    run = run_test(scenario="Server", use_token_latencies=True, **RATE)
    detail = run.outdir / "mlperf_log_detail.txt"
    whole = detail.read_text()
    for text in ("nan", "inf", "null", '"x"', "[1]", "{}", "true", "-1"):
        detail.write_text(
            re.sub(r'("key": "(?!sut_name).*?", "value": )-?\d+(?=, )', rf"\1{text}", whole)
        )
        page_of(tmp_path, run.outdir)


# ---- Durations of all sizes ----------------------------------------------------------------------


def with_latencies(run, latencies_ns):
    log = run.outdir / "loadgen_samples/mlperf_log_samples.npy"
    rows = np.resize(np.load(log), len(latencies_ns))
    rows["query"] = np.arange(len(rows))
    rows["scheduled_ns"] = rows["issued_ns"] = np.arange(len(rows)) * 1000
    rows["completed_ns"] = rows["scheduled_ns"] + latencies_ns
    np.save(log, rows)


def test_axes_hold_what_is_very_short_and_very_long(run_test, tmp_path):
    run = run_test(scenario="Server", **RATE)
    latencies = np.full(500, 300)
    latencies[:2], latencies[-1] = 0, 20_000_000_000
    with_latencies(run, latencies)
    charts = page_of(tmp_path, run.outdir).charts
    for chart, axis, values in (
        ("latency-histogram", "xaxis", "x"),
        ("latency-tail", "yaxis", "y"),
    ):
        low, high = charts[chart]["layout"][axis]["range"]
        shown = np.log10(charts[chart]["data"][0][values])
        assert shown.min() >= low and shown.max() <= high


@pytest.mark.parametrize("tokens", [False, True])
def test_a_bound_of_nothing_is_no_line_on_a_logarithmic_axis(run_test, tmp_path, tokens):
    bounds = {"server_target_latency_ns": 0, "ttft_latency": 0, "tpot_latency": 0}
    run = run_test(
        scenario="Server",
        min_query_count=50,
        use_token_latencies=tokens,
        issue=lambda samples: answer(samples, n_tokens=5 * tokens),
        **bounds,
        **RATE,
    )
    rows = np.load(run.outdir / "loadgen_samples/mlperf_log_samples.npy")
    latencies = np.geomspace(1e3, 1e6, len(rows)).astype(np.int64)
    rows["completed_ns"] = rows["scheduled_ns"] + latencies
    np.save(run.outdir / "loadgen_samples/mlperf_log_samples.npy", rows)
    page = page_of(tmp_path, run.outdir)
    assert page.charts["latency-tail"]["layout"]["yaxis"]["type"] == "log"
    assert "bound of 0 ns" in page.text
    lg.write_report(run.outdir, tmp_path / "report.png")


# ---- What is not to be trusted -------------------------------------------------------------------


class EvilSut(lg.SystemUnderTest):
    name = EVIL + "\"'&| `x` $y$"

    def issue_query(self, samples):
        answer(samples)


class Photos(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 20

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass


def evil_run(folder):
    folder.mkdir(parents=True)
    settings = lg.TestSettings(min_duration_ms=0, min_query_count=100)
    lg.StartTestWithLogSettings(EvilSut(), Photos(), settings, log_settings(folder), "")
    return folder


def test_text_of_logs_stays_text(tmp_path):
    runs = [evil_run(tmp_path / name / "<img src=x onerror=alert(2)>&amp;$z$") for name in "ab"]
    component = {"<b>dns</b></script>": {"p50_ns": 1e6, "p99_ns": 2e6, "max_ns": "<i>"}}
    (runs[0] / "mlperf_log_network.json").write_text(json.dumps({"components": component}))
    page = page_of(tmp_path, *runs)
    assert EVIL in page.text
    assert "<img src=x onerror=alert(2)>&amp;$z$" in page.text
    assert "<b>dns</b></script>" in page.text
    assert page.tags.count("script") == 4
    assert not {"img", "b", "i"} & set(page.tags)
    names = {trace["name"] for chart in page.charts.values() for trace in chart["data"]}
    assert not any("<" in name for name in names)  # Charts read tags in names.
    alone = page_of(tmp_path, runs[0])
    assert EVIL in alone.text and alone.tags.count("script") == 4

    out = tmp_path / "report.md"
    lg.write_report(runs, out)
    assert "<" not in re.sub(r"\\.", "", out.read_text())
    pytest.importorskip("matplotlib")
    lg.write_report(runs, tmp_path / "report.png")


def test_a_name_that_is_no_text(run_test, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(run_test(scenario="Server", min_query_count=50, **RATE).outdir, folder)
    detail = folder / "mlperf_log_detail.txt"
    name = '"sut_name", "value": "'
    detail.write_text(detail.read_text().replace(name, name + "\\ud800"))  # Half a pair.
    assert "caf\\udce9" in page_of(tmp_path, folder).text
    for suffix in ("md", "png"):
        lg.write_report([folder, folder], tmp_path / f"report.{suffix}")


def test_nothing_is_fetched(run_test, tmp_path):
    page = page_of(tmp_path, run_test(scenario="SingleStream").outdir)
    without_plotly = re.sub(r"<script>/\*\*.*?</script>", "", page.source, flags=re.DOTALL)
    assert len(without_plotly) < 500_000
    assert not re.search(r"(src|href)=[\"'](?!#|data:)", without_plotly)
    assert "http" not in re.sub(r"http://www\.w3\.org\S*", "", without_plotly)


# ---- Size ----------------------------------------------------------------------------------------


def test_a_million_queries_give_a_small_page(run_test, tmp_path):
    run = run_test(scenario="Server", min_query_count=100, **RATE)
    log = run.outdir / "loadgen_samples/mlperf_log_samples.npy"
    rows = np.resize(np.load(log), 1_000_000)
    rng = np.random.default_rng(1)
    rows["query"] = np.arange(len(rows))
    rows["scheduled_ns"] = np.arange(len(rows)) * 100_000
    rows["issued_ns"] = rows["scheduled_ns"] + rng.integers(0, 10_000, len(rows))
    latencies = rng.lognormal(16, 1, len(rows)).astype(np.int64)
    rows["completed_ns"] = rows["issued_ns"] + latencies
    np.save(log, rows)
    page = page_of(tmp_path, run.outdir)
    assert len(json.dumps(page.charts)) < 120_000
    assert all(len(t["x"]) <= 301 for c in page.charts.values() for t in c["data"])
    curve = page.charts["latency-tail"]["data"][0]
    most = (rows["completed_ns"] - rows["scheduled_ns"]).max()
    assert curve["y"][-1] * unit_of(page.charts["latency-tail"]) == pytest.approx(most, rel=1e-5)


# ---- Several runs, sweeps, searches --------------------------------------------------------------


def test_runs_are_laid_over_each_other(run_test, tmp_path):
    runs = [run_test(scenario="Server", min_query_count=n, **RATE) for n in (300, 600)]
    page = page_of(tmp_path, *(run.outdir for run in runs))
    names = [run.outdir.name for run in runs]
    heads, *rows = page.tables["comparison"]
    assert [cell[0] for cell in heads[1:]] == names
    by_name = {row[0][0]: row[1:] for row in rows}
    assert [cell[1] for cell in by_name["queries"]] == ["300", "600"]
    assert by_name["queries"][1][0] == "600 (×2)"  # noqa: RUF001
    p99 = [run.result.performance.sample_latency.percentiles_ns[0.99] for run in runs]
    assert [float(cell[1]) for cell in by_name["Latency, p99"]] == p99
    lines = [t for t in page.charts["latency-tail"]["data"] if t["mode"] == "lines"]
    assert [line["name"] for line in lines] == names
    assert len({line["line"]["color"] for line in lines}) == 2


def test_runs_with_one_name_get_names_that_differ(tmp_path):
    runs = [evil_run(tmp_path / name / "logs") for name in "ab"]
    page = page_of(tmp_path, *runs)
    assert [cell[0] for cell in page.tables["comparison"][0][1:]] == ["a/logs", "b/logs"]
    inner = shutil.copytree(runs[0], runs[0] / "logs")
    page = page_of(tmp_path, runs[0], inner)
    assert [cell[0] for cell in page.tables["comparison"][0][1:]] == ["logs", "logs/logs"]


def test_a_sweep(tmp_path):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, min_duration_ms=0, min_query_count=50
    )
    curve = lg.sweep(EvilSut(), Photos(), settings, [1e3, 5e3, 2e4], outdir=tmp_path / "sweep")
    for path in (tmp_path / "sweep", tmp_path / "sweep" / "sweep.json"):
        page = page_of(tmp_path, path)
        assert EVIL in page.text
        _, *rows = page.tables["sweep"]
        for row, point in zip(rows, curve.rows(), strict=True):
            found = [float(cell[1]) for cell in row[:4]]
            median = point.median
            measured = [median.achieved_samples_per_second, median.latency_p50_ns]
            assert found == [point.value, *measured, median.latency_p99_ns]
        chart = page.charts["sweep-0"]["data"]
        assert chart[0]["x"] == pytest.approx([float(row[1][1]) for row in rows], rel=1e-5)
    lg.write_report(tmp_path / "sweep", tmp_path / "sweep.md")
    assert "samples/s" in (tmp_path / "sweep.md").read_text()


def test_a_sweep_of_a_system_that_does_not_answer(tmp_path):
    class Mute(EvilSut):
        def issue_query(self, samples):
            pass

    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, min_duration_ms=0, min_query_count=5, stall_timeout_ms=50
    )
    lg.sweep(Mute(), Photos(), settings, [1e3, 5e3], outdir=tmp_path / "sweep")
    page = page_of(tmp_path, tmp_path / "sweep")
    assert [row[0][0] for row in page.tables["sweep"][1:]] == ["1000", "5000"]
    assert page.charts == {}


@pytest.mark.parametrize("strategy", ["Bisection", "Estimate"])
def test_a_peak_search(run_test, tmp_path, strategy):
    run = run_test(
        scenario="Server",
        mode="FindPeakPerformance",
        server_find_peak_strategy=getattr(lg.PeakStrategy, strategy),
        server_target_qps=50,
        server_target_latency_ns=50_000_000,
        server_find_peak_max_qps=400,
        min_duration_ms=20,
    )
    page = page_of(tmp_path, run.outdir)
    _, *rows = page.tables["trials"]
    trials = run.result.peak.trials
    assert [float(row[2][1]) for row in rows] == pytest.approx([t.qps for t in trials], rel=1e-5)
    marks = [t for t in page.charts["peak-0"]["data"] if t["mode"] == "markers"]
    assert sum(len(t["x"]) for t in marks) == len(trials)
    assert "Peak" in page.text


def test_a_peak_search_that_was_killed_is_not_said_to_have_found_nothing(run_test, tmp_path):
    run = run_test(
        scenario="Server",
        mode="FindPeakPerformance",
        server_target_qps=50,
        server_target_latency_ns=10**10,
        server_find_peak_max_qps=400,
        min_duration_ms=20,
    )
    detail = run.outdir / "mlperf_log_detail.txt"
    detail.write_text(detail.read_text().rpartition(':::MLLOG {"key": "peak_trial"')[0])
    (run.outdir / "mlperf_log_summary.txt").write_text("")
    lg.write_report(run.outdir, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    trials = len(run.result.peak.trials) - 1
    assert f"The logs end before the search did, after {trials} trials." in text
    assert "No rate was found" not in text


def test_a_summary_of_the_network_is_shown(run_test, tmp_path):
    run = run_test(scenario="Server", min_query_count=50, **RATE)
    file = run.outdir / "mlperf_log_network.json"
    wire = {"p50_ns": 5, "p90_ns": 6, "mean_ns": 5.5, "max_ns": 9, "count": 3}
    node = {"address": "tcp://a:1", "name": "n", "answered": 49, "failed": 1, "losses": ["cut"]}
    summary = {"components": {"wire": wire}, "nodes": [node], "faults": {"late answer": 2}}
    file.write_text(json.dumps(summary))
    page = page_of(tmp_path, run.outdir)
    exact = [cell[1] for cell in page.tables["network"][1]]
    assert exact == [None, "5", "6", None, None, "5.5", "9"]
    assert [cell[0] for cell in page.tables["nodes"][1]] == ["tcp://a:1", "n", "49", "1", "cut"]
    assert [cell[0] for cell in page.tables["faults"][1]] == ["late answer", "2"]

    kinds = {
        "failures": {"HTTP 429": 31, "cut": 2},
        "statuses": {"200": 7},
        "stamps": {"kernel": 9},
    }
    file.write_text(json.dumps(summary | kinds | {"connections": {"opened": 18}}))
    page = page_of(tmp_path, run.outdir)
    rows = [[cell[0] for cell in row] for row in page.tables["failures"][1:]]
    assert rows == [["HTTP 429", "31"], ["cut", "2"]]
    for key, row in (("statuses", ["200", "7"]), ("connections", ["opened", "18"])):
        assert [cell[0] for cell in page.tables[key][1]] == row

    file.write_text(json.dumps({"components": {"wire": wire}}))
    page = page_of(tmp_path, run.outdir)
    assert "network" in page.tables and "nodes" not in page.tables
    for broken in ("[1, 2", "[]", '{"components": 5}'):
        file.write_text(broken)
        assert "network" not in page_of(tmp_path, run.outdir).tables


# ---- Formats -------------------------------------------------------------------------------------


def test_markdown_has_the_tables(run_test, tmp_path):
    run = run_test(scenario="Server", min_query_count=300, **RATE)
    lg.write_report(run.outdir, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert text.startswith("## ")
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 3
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1
    assert any(line.startswith("| p99.9 |") for line in tables[0])


@pytest.mark.parametrize("count", [1, 2])
def test_picture(run_test, tmp_path, count):
    pytest.importorskip("matplotlib")
    runs = [run_test(scenario="Server", min_query_count=300, **RATE).outdir for _ in range(count)]
    lg.write_report(runs, tmp_path / "report.png")
    data = (tmp_path / "report.png").read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 20_000


def test_formats_and_errors(run_test, tmp_path):
    run = run_test(scenario="SingleStream")
    lg.write_report(run.outdir, tmp_path / "report.txt", format="md")
    assert (tmp_path / "report.txt").read_text().startswith("## ")
    with pytest.raises(ValueError, match=r"report\.pdf' does not say what to write; end it in"):
        lg.write_report(run.outdir, tmp_path / "report.pdf")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none to write .*; make it"):
        lg.write_report(run.outdir, tmp_path / "none" / "report.md")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        lg.write_report(tmp_path / "nowhere", tmp_path / "report.md")
    with pytest.raises(ValueError, match="no runs to report on"):
        lg.write_report([], tmp_path / "report.md")


@pytest.mark.parametrize(
    ("module", "suffix", "extra"), [("plotly", "html", "report"), ("matplotlib", "png", "plots")]
)
def test_what_is_missing_is_named(run_test, tmp_path, module, suffix, extra):
    run = run_test(scenario="SingleStream")
    program = f"""import sys
sys.modules[{module!r}] = None
import mlperf_loadgen as lg
lg.write_report({str(run.outdir)!r}, {str(tmp_path / "r.md")!r})
lg.write_report({str(run.outdir)!r}, {str(tmp_path / f"r.{suffix}")!r})"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"pip install 'mlperf_loadgen[{extra}]'" in done.stderr
    assert (tmp_path / "r.md").exists()
