"""Goal: every place that shows the result of a test with tokens shows tokens per second, and shows
the same number; logs of the reference, old and new, show theirs.

Method: tests of all scenarios with known numbers of tokens, against what follows from the sample
log; detail logs with the keys that published results have, made by hand.
"""

import csv
import json

import numpy as np
import pytest
from runs import FOR_EVERY_SCENARIO, SCENARIOS, answer, run_in

import mlperf_loadgen as lg
from mlperf_loadgen.cli.show.result_view import print_result
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.report import write_report
from mlperf_loadgen.text.units import number

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

TOKENS = 50
FACTOR = 70
BOUNDS = {"server_target_latency_ns": 10**12, "ttft_latency": 10**12, "tpot_latency": 10**12}
COUNTED = {"use_token_latencies": True}
INFERRED = {"infer_token_latencies": True, "token_latency_scaling_factor": FACTOR}
KINDS = {
    **{f"{scenario} counted": (scenario, COUNTED) for scenario in SCENARIOS},
    **{f"{scenario} inferred": (scenario, INFERRED) for scenario in ("Server", "Offline")},
    # What was counted goes before what is inferred.
    **{f"{scenario} both": (scenario, COUNTED | INFERRED) for scenario in SCENARIOS},
}


def in_turn(samples):
    """Answers one sample after another, so that no time between completions is 0."""
    for sample in samples:
        answer([sample], TOKENS)


def run_tokens(folder, kind, **settings):
    scenario, tokens = KINDS[kind]
    asked = BOUNDS | {"server_target_qps": 5000, "min_query_count": 100} | tokens | settings
    return run_in(folder, scenario=scenario, issue=in_turn, **asked)


def expected_rate(run, kind):
    """From the start to the completion of the last query."""
    rows = lg.read_samples(run.result.logs.samples)
    seconds = rows["completed_ns"][rows["query"] == rows["query"].max()].max() / 1e9
    if "inferred" not in kind:
        return TOKENS * len(rows) / seconds
    # Rates of samples count from the first of a Server on.
    return FACTOR * (len(rows) - (run.result.scenario == lg.TestScenario.Server)) / seconds


@pytest.fixture(scope="module")
def token_runs(tmp_path_factory):
    """A run of each kind, once."""
    done = {}

    def get(kind):
        if kind not in done:
            done[kind] = run_tokens(tmp_path_factory.mktemp("run"), kind)
        return done[kind]

    return get


every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_the_result_has_them(token_runs, kind):
    run = token_runs(kind)
    performance = run.result.performance
    assert performance.tokens_per_second == pytest.approx(expected_rate(run, kind), rel=1e-6)
    assert performance.tokens_inferred == ("inferred" in kind)
    values = json.loads(json.dumps(run.result.to_dict()))["performance"]
    assert values["tokens_per_second"] == performance.tokens_per_second
    assert values["tokens_inferred"] == performance.tokens_inferred


@every_kind
def test_print_and_the_command_line_show_them(token_runs, kind, capsys):
    result = token_runs(kind).result
    rate = result.performance.tokens_per_second
    (line,) = (line for line in str(result).splitlines() if "tokens/s" in line)
    assert line.startswith(f"  token throughput: {number(rate)} tokens/s")
    assert ("inferred" in line) == ("inferred" in kind)
    print_result(result)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "tokens/s" in line)
    assert line.split()[:3] == ["token", "throughput", number(rate)]
    assert ("inferred" in line) == ("inferred" in kind)


@every_kind
def test_the_logs_and_the_report_show_them(token_runs, kind, tmp_path):
    run = token_runs(kind)
    logs = read_run(run.outdir)
    assert logs.tokens_per_second == pytest.approx(run.result.performance.tokens_per_second, 1e-5)
    assert logs.tokens_inferred == ("inferred" in kind)
    for name in ("a.md", "a.html"):
        write_report(run.outdir, tmp_path / name)
        text = (tmp_path / name).read_text()
        assert f"{number(logs.tokens_per_second)} tokens per second" in text
        assert "Tokens per second" in text
        assert ("tokens per second, inferred" in text) == ("inferred" in kind)
    write_report([run.outdir, run.outdir], tmp_path / "two.md")
    assert "tokens/s" in (tmp_path / "two.md").read_text()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_tokens_there_are_none(run_test, tmp_path, scenario, capsys):
    run = run_test(scenario=scenario, server_target_qps=1e5)
    assert run.result.performance.tokens_per_second is None
    assert run.result.to_dict()["performance"]["tokens_per_second"] is None
    assert read_run(run.outdir).tokens_per_second is None
    write_report(run.outdir, tmp_path / "a.md")
    print_result(run.result)
    shown = str(run.result) + capsys.readouterr().out + (tmp_path / "a.md").read_text()
    assert "tokens/s" not in shown
    assert "okens per second" not in shown


@every_kind
def test_a_sweep_has_them(kind, tmp_path):
    scenario, tokens = KINDS[kind]
    asked = BOUNDS | {"min_duration_ms": 0, "min_query_count": 100, "server_target_qps": 5000}
    settings = lg.TestSettings(scenario=getattr(lg.TestScenario, scenario), **asked, **tokens)
    sut = lg.ConstructSUT(in_turn, lambda: None)
    qsl = lg.ConstructQSL(64, 64, lambda indices: None, lambda indices: None)
    try:
        swept = lg.sweep(
            sut, qsl, settings, [100, 120], parameter="min_query_count", outdir=tmp_path
        )
    finally:
        lg.DestroySUT(sut)
        lg.DestroyQSL(qsl)
    rates = [point.achieved_tokens_per_second for point in swept.points]
    logged = [read_run(point.logs).tokens_per_second for point in swept.points]
    assert rates == pytest.approx(logged, rel=1e-5)
    assert "tokens/s" in str(swept)
    assert "tokens/s" in str(swept.points[0])
    with (tmp_path / "sweep.csv").open() as lines:
        cells = [row["achieved_tokens_per_second"] for row in csv.DictReader(lines)]
    assert [float(cell) for cell in cells] == rates
    assert lg.Sweep.load(tmp_path / "sweep.json").points == swept.points
    write_report(tmp_path / "sweep.json", tmp_path / "a.md")
    assert "tokens/s" in (tmp_path / "a.md").read_text()


def test_a_sweep_of_before_there_were_any_is_read(tmp_path):
    sut = lg.ConstructSUT(answer, lambda: None)
    qsl = lg.ConstructQSL(64, 64, lambda indices: None, lambda indices: None)
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline)
    swept = lg.sweep(sut, qsl, settings, [100])
    lg.DestroySUT(sut)
    lg.DestroyQSL(qsl)
    swept.to_json(tmp_path / "sweep.json")
    table = json.loads((tmp_path / "sweep.json").read_text())
    for point in table["points"]:
        del point["achieved_tokens_per_second"]
    (tmp_path / "old.json").write_text(json.dumps(table))
    assert lg.Sweep.load(tmp_path / "old.json").points == swept.points
    assert "tokens/s" not in str(swept)


def test_a_sweep_in_offline_needs_no_first_tokens(tmp_path):
    """Its curve is of latencies, as without tokens."""

    def issue(samples):
        lg.complete(samples.ids, None, [TOKENS] * len(samples))

    sut = lg.ConstructSUT(issue, lambda: None)
    qsl = lg.ConstructQSL(64, 64, lambda indices: None, lambda indices: None)
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, use_token_latencies=True)
    swept = lg.sweep(sut, qsl, settings, [100, 200, 400, 800])
    lg.DestroySUT(sut)
    lg.DestroyQSL(qsl)
    assert all(point.valid for point in swept.points)
    assert swept.latency_kinds == ("latency",)
    assert "TTFT" not in str(swept)
    swept.plot(tmp_path / "a.svg")
    swept.to_json(tmp_path / "sweep.json")
    write_report(tmp_path / "sweep.json", tmp_path / "a.md")
    rows = (tmp_path / "a.md").read_text().splitlines()
    (heading,) = (row for row in rows if row.startswith("| min"))
    assert heading.split(" | ")[1:] == ["samples/s", "tokens/s", "p50", "p99", "VALID |"]
    assert all(cell != "-" for row in rows if row.startswith("| 100 ") for cell in row.split())


@every_kind
def test_compare_shows_them(kind, token_runs, tmp_path):
    runs = [token_runs(kind), run_tokens(tmp_path, kind, min_query_count=110)]
    found = lg.compare(*(run.outdir for run in runs))
    rates = [read_run(run.outdir).tokens_per_second for run in runs]
    assert found.tokens_per_second == pytest.approx(rates)
    assert found.to_dict()["tokens_per_second"] == found.tokens_per_second
    assert f"tokens/s: A {rates[0]:,.0f}, B {rates[1]:,.0f}" in str(found)


def test_compare_says_nothing_of_tokens_where_there_are_none(run_test):
    runs = [run_test(scenario="SingleStream", min_query_count=100).outdir for _ in range(2)]
    found = lg.compare(*runs)
    assert found.tokens_per_second == (None, None)
    assert "tokens" not in str(found)


# ---- Logs of the reference -----------------------------------------------------------------------


def write_logs(folder, records):
    """Logs as published: detail and summary."""
    lines = [
        f':::MLLOG {{"key": "{key}", "value": {json.dumps(value)}, "time_ms": 0.066083, '
        '"namespace": "mlperf::logging", "event_type": "POINT_IN_TIME", "metadata": {"is_error": '
        'false, "is_warning": false, "file": "loadgen.cc", "line_no": 54, "pid": 2, "tid": 2}}\n'
        for key, value in records.items()
    ]
    (folder / "mlperf_log_detail.txt").write_text("".join(lines))
    (folder / "mlperf_log_summary.txt").write_text("\nNo errors encountered during test.\n")


def percentiles(form, values):
    names = ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90")
    return {form.format(name): value for name, value in zip(names, values, strict=True)}


# Until v1.0 MultiStream issued queries at a rate, and had a bound on whole queries.
OLD_MULTI_STREAM = {
    "sut_name": "a system",
    "requested_scenario": "MultiStream",
    "requested_test_mode": "PerformanceOnly",
    "requested_multi_stream_target_qps": 20,
    "requested_multi_stream_target_latency_ns": 100_000_000,
    "requested_multi_stream_target_latency_percentile": 0.99,
    "requested_multi_stream_samples_per_query": 96,
    "effective_scenario": "MultiStream",
    "effective_test_mode": "PerformanceOnly",
    "effective_samples_per_query": 96,
    "effective_target_qps": 20,
    "effective_target_latency_ns": 50_000_000,
    "effective_target_latency_percentile": 0.99,
    "effective_min_query_count": 270336,
    "generated_query_count": 270336,
    "result_validity": "VALID",
    "result_perf_constraints_met": True,
    "result_min_duration_met": True,
    "result_min_queries_met": True,
    **percentiles("result_{}_percentile_num_intervals_between_queries", [1] * 6),
    **percentiles(
        "result_{}_percentile_per_query_latency_ns",
        [47_000_000, 48_000_000, 48_100_000, 48_200_000, 48_600_000, 48_900_000],
    ),
    "result_min_latency_ns": 44_000_000,
    "result_max_latency_ns": 61_000_000,
    "result_mean_latency_ns": 46_000_000,
    **percentiles("result_{}_percentile_latency_ns", [46_000_000] * 6),
}


def test_multistream_of_v1_0_shows_its_p99(tmp_path):
    write_logs(tmp_path, OLD_MULTI_STREAM)
    write_report(tmp_path, tmp_path / "a.md")
    text = (tmp_path / "a.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "✅ VALID: a system" in text
    assert "Query latency at p99: 48.6 ms, within the bound of 50 ms." in text
    assert "Nothing was measured" not in text
    assert "| p99.9 | 48.90 ms |" in text
    assert "| mean |" not in text  # Was not logged.
    write_report(tmp_path, tmp_path / "a.html")
    assert "48.6" in (tmp_path / "a.html").read_text()
    run = read_run(tmp_path)
    assert (run.valid, run.finished, run.reasons) == (True, True, ())


def test_multistream_of_v1_0_over_its_bound_says_so(tmp_path):
    missed = {
        "result_validity": "INVALID",
        "result_perf_constraints_met": False,
        "result_99.00_percentile_per_query_latency_ns": 51_000_000,
    }
    write_logs(tmp_path, OLD_MULTI_STREAM | missed)
    assert read_run(tmp_path).reasons == ("p99 latency 51 ms is above the bound of 50 ms",)
    write_report(tmp_path, tmp_path / "a.md")
    assert "Lower multi\\_stream\\_samples\\_per\\_query" in (tmp_path / "a.md").read_text()


PUBLISHED = {
    "Server, counted": (
        {
            "requested_use_token_latencies": True,
            "requested_server_ttft_latency": 2_000_000_000,
            "requested_server_tpot_latency": 200_000_000,
            "result_completed_samples_per_sec": 100.354,
            "result_scheduled_samples_per_sec": 101.246,
            "result_first_token_max_latency_ns": 1_791_000_000,
            "result_first_token_99.00_percentile_latency_ns": 452_000_000,
            # Tokens a ns, and of the last issue: neither is the rate.
            "result_token_throughput_with_loadgen_overhead": 29488,
            "result_token_throughput": 8.12301e-09,
            "result_time_to_output_token_max": 298_000_000,
            "result_time_per_output_token_99.00_percentile_ns": 146_000_000,
            "result_completed_tokens_per_second": 29228.2,
        },
        29228.2,
        False,
    ),
    "Offline, counted": (
        {
            "requested_use_token_latencies": True,
            "result_samples_per_second": 111.5,
            "result_tokens_per_second": 32790.3,
        },
        32790.3,
        False,
    ),
    "Server, inferred": (
        {
            "result_completed_samples_per_sec": 297.0,
            "result_inferred_completed_tokens_per_second": 20493.1,
        },
        20493.1,
        True,
    ),
    "Offline, inferred": (
        {"result_samples_per_second": 300.1, "result_inferred_tokens_per_second": 20706.9},
        20706.9,
        True,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_logs_of_language_models_show_tokens_per_second(tmp_path, name):
    records, rate, inferred = PUBLISHED[name]
    scenario = name.split(",")[0]
    head = {
        "sut_name": "a system",
        "effective_scenario": scenario,
        "effective_test_mode": "PerformanceOnly",
        "effective_target_latency_ns": 0,
        "effective_target_latency_percentile": 0.99,
        "result_validity": "VALID",
        "result_query_count": 245760,
    }
    write_logs(tmp_path, head | records)
    run = read_run(tmp_path)
    assert (run.tokens_per_second, run.tokens_inferred) == (rate, inferred)
    for report in ("a.md", "a.html"):
        write_report(tmp_path, tmp_path / report)
        text = (tmp_path / report).read_text()
        assert f"{number(rate)} tokens per second{', inferred' * inferred}." in text
    write_report([tmp_path, tmp_path], tmp_path / "two.md")
    (row,) = (
        line for line in (tmp_path / "two.md").read_text().splitlines() if "| tokens/s |" in line
    )
    assert row.count(number(rate)) == 2


def test_a_rate_that_is_no_number_is_none(tmp_path):
    write_logs(tmp_path, {"effective_scenario": "Offline", "result_tokens_per_second": np.nan})
    assert read_run(tmp_path).tokens_per_second is None
