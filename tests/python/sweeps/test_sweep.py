"""A sweep runs what it was asked to, and its table says what the logs say.

Method: short sweeps of systems that answer at once, answer half of the queries late, or fail, with
every number recomputed in plain Python from the logs; tables and curves made by hand, with known
medians and knees; the files read back with the standard library.
"""

import csv
import importlib
import json
import math
import re
import statistics
import subprocess
import sys
import xml.etree.ElementTree
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from runs import answer, log_settings
from streamed_sut import StreamedSut

import mlperf_loadgen as lg
from mlperf_loadgen.sweeps.curve import PERCENTILES
from mlperf_loadgen.sweeps.knee import find_knee

PERFORMANCE, WARM_UP = 1, 2  # Phases in the sample log.


def settings_of(scenario, **values):
    quick = {"min_duration_ms": 0, "min_query_count": 40}
    if scenario == "Server":
        quick["server_target_qps"] = 1e4
    return lg.TestSettings(scenario=getattr(lg.TestScenario, scenario), **(quick | values))


def log_rows(point):
    """The sample log of a run, a dict a row."""
    rows = np.load(Path(point.logs) / "loadgen_samples/mlperf_log_samples.npy")
    return [dict(zip(rows.dtype.names, row.tolist(), strict=True)) for row in rows]


def measured(point):
    return [row for row in log_rows(point) if row["phase"] == PERFORMANCE]


def logged_settings(point):
    """The settings a run went by, from its detail log."""
    lines = (Path(point.logs) / "mlperf_log_detail.txt").read_text().splitlines()
    records = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
    return {record["key"]: record["value"] for record in records}


def in_summary(point, name):
    """A number of the summary."""
    text = (Path(point.logs) / "mlperf_log_summary.txt").read_text()
    return float(re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", text, re.MULTILINE)[1])


@pytest.fixture
def qsl():
    handle = lg.ConstructQSL(64, 64, lambda indices: None, lambda indices: None)
    yield handle
    lg.DestroyQSL(handle)


@pytest.fixture
def sut_of():
    """Makes systems of an `issue_query` and a `flush_queries`."""
    made = []

    def make(issue=answer, flush=lambda: None):
        made.append(lg.ConstructSUT(issue, flush))
        return made[-1]

    yield make
    for sut in made:
        lg.DestroySUT(sut)


@pytest.fixture
def late_half(sut_of):
    """Answers every other query at once and the rest when the test is over; three tokens each."""
    kept = []

    def respond(ids, complete):
        complete([lg.QuerySampleResponse(i, 0, 0, 3) for i in ids])

    def issue(samples):
        ids = [sample.id for sample in samples]
        respond(ids, lg.FirstTokenComplete)
        if ids[0] % 2 == 0:
            respond(ids, lg.QuerySamplesComplete)
        else:
            kept.extend(ids)

    def flush():
        respond(kept, lg.QuerySamplesComplete)
        kept.clear()

    return sut_of(issue, flush)


def answer_each(samples):
    """Answers the samples of a query one after another."""
    for sample in samples:
        lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, 0, 0)])


# ---- The table against the logs ------------------------------------------------------------------

SWEEPS = {
    "SingleStream": ("min_query_count", [20, 30]),
    "MultiStream": (None, [1, 4]),
    "Server": (None, [5e3, 2e4]),
    "Offline": (None, [50, 200]),
}


def percentile(values, p):
    """The definition of the reported percentiles."""
    return sorted(values)[min(int(len(values) * p), len(values) - 1)]


@pytest.fixture(params=SWEEPS)
def swept(request, sut_of, qsl, tmp_path):
    """A sweep of each scenario, of two values and two repeats."""
    parameter, values = SWEEPS[request.param]
    return lg.sweep(
        *(sut_of(answer_each), qsl, settings_of(request.param), values),
        parameter=parameter,
        repeats=2,
        outdir=tmp_path,
    )


def test_runs_are_those_asked_for(swept):
    name = swept.scenario.name
    parameter, values = SWEEPS[name]
    assert [(p.value, p.repeat) for p in swept.points] == [(v, r) for r in (0, 1) for v in values]
    defaults = {
        "MultiStream": "multi_stream_samples_per_query",
        "Server": "server_target_qps",
        "Offline": "min_query_count",
    }
    assert swept.parameter == (parameter or defaults[name])
    for point in swept.points:
        rows = log_rows(point)
        queries = len({row["query"] for row in rows})
        assert queries == point.query_count
        assert len(rows) == point.sample_count
        if name == "Offline":
            assert (queries, len(rows)) == (1, point.value)
        elif name == "MultiStream":
            assert len(rows) == queries * point.value
        elif name == "SingleStream":
            assert queries == point.value
    assert len({point.logs for point in swept.points}) == 4


def test_latencies_are_those_of_the_log(swept):
    for point in swept.points:
        done = {}  # A query is answered with its last sample.
        for row in log_rows(point):
            ns = row["completed_ns"] - row["scheduled_ns"]
            key = row["query"] if swept.scenario == lg.TestScenario.MultiStream else len(done)
            done[key] = max(done.get(key, 0), ns)
        wanted = PERCENTILES | {"target": swept.target_percentile}
        for name, p in wanted.items():
            assert getattr(point, f"latency_{name}_ns") == percentile(done.values(), p), name
        assert swept.target_percentile == (
            0.9 if swept.scenario == lg.TestScenario.SingleStream else 0.99
        )


def test_rates_are_those_of_the_log(swept):
    for point in swept.points:
        rows = log_rows(point)
        scheduled_s = max(row["scheduled_ns"] for row in rows) / 1e9
        issued_s = max(row["issued_ns"] for row in rows) / 1e9
        done_s = max(row["completed_ns"] for row in rows) / 1e9
        followed = point.query_count - 1
        samples_per_query = len(rows) / point.query_count
        duration_s = issued_s
        if swept.scenario == lg.TestScenario.Server:
            duration_s = done_s
        elif swept.scenario == lg.TestScenario.Offline:
            followed, duration_s = 1, done_s
        queries = followed / duration_s
        assert point.achieved_queries_per_second == pytest.approx(queries)
        assert point.achieved_samples_per_second == pytest.approx(queries * samples_per_query)
        if swept.scenario != lg.TestScenario.Server:
            assert point.offered_queries_per_second is point.lateness_p99_ns is None
        else:
            assert point.offered_queries_per_second == pytest.approx(followed / scheduled_s)
            late = [row["issued_ns"] - row["scheduled_ns"] for row in rows]
            assert point.lateness_p50_ns == percentile(late, 0.5)
            assert point.lateness_p99_ns == percentile(late, 0.99)


def test_rates_are_those_of_the_summary(sut_of, qsl, tmp_path):
    name = {"Server": "Completed samples per second", "Offline": "Samples per second"}
    for scenario in name:
        swept = lg.sweep(
            *(sut_of(), qsl, settings_of(scenario, warmup_query_count=7), [300]),
            outdir=tmp_path / scenario,
        )
        (point,) = swept.points
        shown = in_summary(point, name[scenario])
        assert point.achieved_samples_per_second == pytest.approx(shown, rel=1e-5, abs=0.01)


@pytest.mark.parametrize("bound_ns", [0, 5_000_000, 10**12])
def test_goodput_is_the_share_of_queries_within_the_bound(bound_ns, late_half, qsl, tmp_path):
    settings = settings_of("Server", server_target_latency_ns=bound_ns, warmup_query_count=10)
    (point,) = lg.sweep(late_half, qsl, settings, [1000], outdir=tmp_path).points
    rows = measured(point)
    assert len(rows) == 40
    assert sum(row["phase"] == WARM_UP for row in log_rows(point)) == 10
    good = [row["completed_ns"] - row["scheduled_ns"] <= bound_ns for row in rows]
    assert point.goodput_share == sum(good) / len(good)
    if bound_ns == 0:
        assert point.goodput_share == 0
    elif bound_ns == 10**12:
        assert point.goodput_share == 1
    else:  # The schedule lasts 40 ms, and its late half is answered at the end.
        assert 0 < point.goodput_share < 1


@pytest.mark.parametrize(
    ("ttft_ns", "tpot_ns"), [(10**12, 2_500_000), (0, 10**12), (10**12, 10**12)]
)
def test_token_mode(ttft_ns, tpot_ns, late_half, qsl, tmp_path):
    settings = settings_of(
        "Server", use_token_latencies=True, ttft_latency=ttft_ns, tpot_latency=tpot_ns
    )
    swept = lg.sweep(late_half, qsl, settings, [1000], outdir=tmp_path)
    (point,) = swept.points
    rows = measured(point)
    ttft = [row["first_token_ns"] - row["scheduled_ns"] for row in rows]
    tpot = [(row["completed_ns"] - row["first_token_ns"]) // (row["tokens"] - 1) for row in rows]
    good = [a <= ttft_ns and b <= tpot_ns for a, b in zip(ttft, tpot, strict=True)]
    assert point.goodput_share == sum(good) / len(good)
    for name, p in PERCENTILES.items():
        assert getattr(point, f"ttft_{name}_ns") == percentile(ttft, p)
        assert getattr(point, f"tpot_{name}_ns") == percentile(tpot, p)
    assert swept.bounds_ns == {"ttft": ttft_ns, "tpot": tpot_ns}
    assert "TTFT p99 ms" in str(swept)


def test_times_between_tokens_have_a_column(qsl):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        min_duration_ms=0,
        min_query_count=30,
        use_token_latencies=True,
    )
    curve = lg.sweep(StreamedSut(prompt_tokens=40), qsl, settings, [500, 1000])
    for point in curve.points:
        # Events of 80 us with up to 3 tokens.
        assert (point.itl_p50_ns, point.itl_p99_ns) == (40_000, 80_000)
        assert point.tokens_per_event == 1.75
        assert point.client_lag_p99_ns == 3000
        ratio = point.achieved_total_tokens_per_second / point.achieved_tokens_per_second
        assert ratio == pytest.approx(47 / 7)
    table = str(curve)
    assert "ITL p99 ms" in table and "with prompts" in table and "stamped late p99 us" in table


def test_goodput_goes_by_the_bound_that_is_swept(late_half, qsl):
    swept = lg.sweep(
        late_half, qsl, settings_of("Server"), [0, 10**12], parameter="server_target_latency_ns"
    )
    assert [point.goodput_share for point in swept.points] == [0, 1]
    assert swept.bounds_ns == {}


def test_no_goodput_without_bounds(sut_of, qsl):
    (point,) = lg.sweep(sut_of(), qsl, settings_of("Offline"), [10]).points
    assert point.goodput_share is None


def test_goodput_is_not_taken_from_a_part_of_the_samples(sut_of, qsl, tmp_path):
    many = settings_of("Server", server_target_qps=1e6, min_query_count=20_000)
    small = log_settings("", max_sample_log_mb=1)
    swept = lg.sweep(sut_of(), qsl, many, [1e6], outdir=tmp_path, log_settings=small)
    (point,) = swept.points
    left_out = 20_000 - len(measured(point))
    assert 0 < left_out < 20_000
    assert point.goodput_share is None
    assert "good %" not in str(swept)
    assert (
        f"The goodput is not known: the sample log had no room for {left_out:,} samples"
        in (point.cautions[-1])
    )
    assert lg.Sweep.load(tmp_path / "sweep.json") == swept


def test_verdicts(sut_of, qsl):
    kept, missed = lg.sweep(
        *(sut_of(), qsl, settings_of("Server", min_query_count=800), [10**12, 0]),
        parameter="server_target_latency_ns",
    ).points
    assert (kept.valid, kept.reasons) == (True, ())
    assert not missed.valid
    assert "above the bound of 0 ns" in missed.reasons[0]


# ---- What is run ---------------------------------------------------------------------------------


def test_each_repeat_has_a_schedule_of_its_own(sut_of, qsl, tmp_path):
    settings = settings_of("Server", schedule_rng_seed=70, mode=lg.TestMode.AccuracyOnly)
    before = settings.to_dict()
    points = lg.sweep(sut_of(), qsl, settings, [5e3, 1e4], repeats=2, outdir=tmp_path).points
    assert [logged_settings(p)["requested_schedule_rng_seed"] for p in points] == [70, 70, 71, 71]
    assert {logged_settings(p)["requested_test_mode"] for p in points} == {"PerformanceOnly"}
    schedules = [[row["scheduled_ns"] for row in log_rows(p)] for p in points]
    assert schedules[0] != schedules[2]
    assert settings.to_dict() == before


def test_seed_beyond_the_last_is_the_first(sut_of, qsl, tmp_path):
    settings = settings_of("Server", schedule_rng_seed=2**64 - 1)
    points = lg.sweep(sut_of(), qsl, settings, [1e4], repeats=2, outdir=tmp_path).points
    assert logged_settings(points[1])["requested_schedule_rng_seed"] == 0


def test_size_of_an_offline_run_is_the_value(sut_of, qsl):
    settings = settings_of("Offline", min_duration_ms=1000, offline_expected_qps=1e4)
    swept = lg.sweep(sut_of(), qsl, settings, [10, 20])
    assert [point.sample_count for point in swept.points] == [10, 20]
    assert swept.settings.min_duration_ms == 0
    # Another parameter leaves the rest as it is.
    rates = lg.sweep(sut_of(), qsl, settings, [100.0], parameter="offline_expected_qps")
    assert rates.points[0].sample_count == 110


def test_values_may_be_any_numbers(sut_of, qsl):
    settings = settings_of("MultiStream")
    for values in ([1, 2], range(1, 3), np.array([1.0, 2.0]), (v for v in (1, 2))):
        swept = lg.sweep(sut_of(), qsl, settings, values)
        assert [point.value for point in swept.points] == [1, 2]
        assert {type(point.value) for point in swept.points} == {int}


def test_audit_config_is_not_read(sut_of, qsl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("audit.config").write_text("*.*.min_query_count = 90\n")
    (point,) = lg.sweep(sut_of(), qsl, settings_of("Server"), [1e4]).points
    assert point.query_count == 40


def test_log_settings_are_kept(sut_of, qsl, tmp_path):
    wanted = log_settings("elsewhere", enable_trace=True, enable_sample_log=False)
    wanted.log_output.prefix = "x_"
    wanted.log_output.suffix = "_y"
    (point,) = lg.sweep(
        sut_of(), qsl, settings_of("Server"), [1e4], outdir=tmp_path, log_settings=wanted
    ).points
    names = {path.name for path in Path(point.logs).rglob("*")}
    assert {"x_trace_y.json", "x_samples_y.npy", "x_summary_y.txt"} <= names
    assert not wanted.enable_sample_log
    assert wanted.log_output.outdir == "elsewhere"


def test_without_outdir_nothing_stays(sut_of, qsl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (point,) = lg.sweep(sut_of(), qsl, settings_of("Server"), [1e4]).points
    assert point.goodput_share is not None
    assert not Path(point.logs).exists()
    assert list(tmp_path.iterdir()) == []


def test_table_grows_with_each_run(sut_of, qsl, tmp_path):
    seen = []

    def progress(point):
        table = lg.Sweep.load(tmp_path / "sweep.json")
        assert table.points[-1] == point
        assert len((tmp_path / "sweep.csv").read_text().splitlines()) == 1 + len(table.points)
        seen.append(point)

    swept = lg.sweep(
        sut_of(), qsl, settings_of("Server"), [5e3, 1e4], outdir=tmp_path, progress=progress
    )
    assert tuple(seen) == swept.points
    assert str(seen[0]).startswith("5000 (repeat 0): ")


# ---- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "values", "arguments", "error", "message"),
    [
        ("Server", [1], {"parameter": "qps"}, ValueError, "'qps' is no.*server_target_qps"),
        ("Server", [1], {"parameter": "mode"}, ValueError, "'mode' is no setting with a number"),
        ("SingleStream", [1], {}, ValueError, "no load.*single_stream_expected_latency_ns"),
        ("Server", [], {}, ValueError, "no values to sweep server_target_qps"),
        ("Server", [5, math.nan], {}, ValueError, "takes finite numbers, not nan"),
        ("Server", [math.inf], {}, ValueError, "takes finite numbers, not inf"),
        ("Server", ["5"], {}, ValueError, "takes finite numbers, not '5'"),
        ("Server", [None], {}, ValueError, "takes finite numbers, not None"),
        ("Offline", [5, 1.5], {}, ValueError, "takes whole numbers, not 1.5"),
        ("Offline", [-1], {}, TypeError, "min_query_count must be an integer from 0"),
        ("Server", [5, 0], {}, ValueError, "server_target_qps is 0: set it to a finite"),
        ("Server", [5, -1], {}, ValueError, "server_target_qps is -1: set it to a finite"),
        ("Server", [5, 1e10], {}, ValueError, r"server_target_qps is 1e\+10: .*at most 1e9"),
        (
            *("Server", [0.9, 1.5], {"parameter": "server_target_latency_percentile"}),
            *(ValueError, "server_target_latency_percentile is 1.5: set it to a fraction"),
        ),
        ("Offline", [5, 2**33], {}, ValueError, "samples_per_query is 8589934592: one query holds"),
        ("Server", [5, 7, 5], {}, ValueError, r"twice: \[5.0\]; use repeats"),
        *(
            (
                "Server",
                [5],
                {"repeats": bad},
                ValueError,
                "repeats is .*: give a whole number from 1",
            )
            for bad in (0, -1, 1.5, math.nan, math.inf, 10**6)
        ),
        *(
            (
                "Server",
                [5],
                {"repeats": bad},
                TypeError,
                "repeats is .*: give a whole number from 1",
            )
            for bad in ("3", None, [2], True)
        ),
    ],
)
def test_refused_before_the_first_run(
    scenario, values, arguments, error, message, sut_of, qsl, tmp_path
):
    calls = []
    with pytest.raises(error, match=message):
        lg.sweep(
            *(sut_of(calls.append), qsl, settings_of(scenario), values),
            outdir=tmp_path / "none",
            **arguments,
        )
    assert calls == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["run", "progress"])
def test_what_was_measured_is_kept(error, where, sut_of, qsl, tmp_path):
    done = []

    def fail_at_last(which):
        if which == where and len(done) == 2:
            raise error("third")

    def issue(samples):
        fail_at_last("run")
        answer(samples)

    def progress(point):
        fail_at_last("progress")
        done.append(point)

    with pytest.raises(error, match="third") as caught:
        lg.sweep(
            *(sut_of(issue), qsl, settings_of("Server"), [1e4, 2e4, 3e4, 4e4]),
            outdir=tmp_path,
            progress=progress,
        )
    kept = caught.value.sweep
    assert [point.value for point in kept.points][:2] == [1e4, 2e4]
    assert len(kept.points) == (2 if where == "run" else 3)
    assert lg.Sweep.load(tmp_path / "sweep.json") == kept


def test_aborted_run_ends_the_sweep(sut_of, qsl):
    def issue(samples):
        if len(samples) == 20:
            lg.AbortTest()
        answer(samples)

    with pytest.raises(RuntimeError, match="min_query_count = 20 was aborted") as caught:
        lg.sweep(sut_of(issue), qsl, settings_of("Offline"), [10, 20, 30])
    assert [point.value for point in caught.value.sweep.points] == [10]


def test_stalled_run_is_a_point(sut_of, qsl):
    def issue(samples):
        if len(samples) != 20:
            answer(samples)

    settings = settings_of("Offline", stall_timeout_ms=50)
    swept = lg.sweep(sut_of(issue), qsl, settings, [10, 20, 30])
    good, stalled, after = swept.points
    assert (good.sample_count, stalled.sample_count, after.sample_count) == (10, 0, 30)
    assert not stalled.valid
    assert stalled.reasons
    assert stalled.latency_p50_ns is stalled.achieved_samples_per_second is None
    assert re.search(r"^ +20( +-)+ +0/1$", str(swept), re.MULTILINE), str(swept)


# ---- Tables made by hand -------------------------------------------------------------------------


def point_of(value=100, repeat=0, valid=True, **metrics):
    numbers = dict.fromkeys(f.name for f in fields(lg.SweepMetrics))
    numbers |= {"query_count": 10, "sample_count": 10} | metrics
    reasons = () if valid else (f"reason {repeat}", "too slow")
    return lg.SweepPoint(
        value=value, repeat=repeat, valid=valid, reasons=reasons, logs="a, b", **numbers
    )


def curve_of(rates, latencies_ns, settings=None, **metrics):
    points = [
        point_of(
            rate,
            offered_queries_per_second=float(rate),
            achieved_samples_per_second=rate,
            latency_p50_ns=ns / 2,
            latency_target_ns=ns,
            latency_p99_ns=ns,
            **metrics,
        )
        for rate, ns in zip(rates, latencies_ns, strict=True)
    ]
    settings = settings or settings_of("Server")
    return lg.Sweep(
        parameter="server_target_qps", settings=settings, sut_name="Süt", points=tuple(points)
    )


def test_rows_are_medians_with_least_and_most():
    latencies = {300: [7, 1, 4], 100: [10, 20, 60], 200: [5, None, 2]}
    points = [
        point_of(value, repeat, valid=(value, repeat) not in [(100, 0), (200, 0), (200, 2)])
        for repeat in range(3)
        for value in latencies
    ]
    points = [replace(p, latency_p99_ns=latencies[p.value][p.repeat]) for p in points]
    swept = lg.Sweep(parameter="x", settings=settings_of("Server"), points=tuple(points))
    rows = swept.rows()
    assert [row.value for row in rows] == [100, 200, 300]
    assert [row.run_count for row in rows] == [3, 3, 3]
    assert [row.valid_count for row in rows] == [2, 1, 3]
    assert [row.valid for row in rows] == [True, False, True]
    assert [row.reasons for row in rows] == [
        ("reason 0", "too slow"),
        ("reason 0", "too slow", "reason 2"),
        (),
    ]
    for row in rows:
        known = [ns for ns in latencies[row.value] if ns is not None]
        assert row.median.latency_p99_ns == statistics.median(known)
        assert (row.min.latency_p99_ns, row.max.latency_p99_ns) == (min(known), max(known))
        assert row.median.ttft_p50_ns is None


def test_half_valid_is_not_valid():
    points = (point_of(), point_of(repeat=1, valid=False))
    (row,) = lg.Sweep(parameter="x", settings=settings_of("Server"), points=points).rows()
    assert not row.valid


def test_text_is_an_aligned_table():
    swept = curve_of([100, 250.5, 10**6], [2e6, 2.5e6, 4.5e9])
    swept = replace(swept, points=(*swept.points, point_of(100, 1, valid=False)))
    head, names, *table = str(swept).splitlines()
    assert head == "Server sweep of Süt: server_target_qps, 4 runs"
    assert re.split(" {2,}", names.strip()) == [
        *("server_target_qps", "offered/s", "samples/s", "p50 ms", "p99 ms", "valid")
    ]
    assert [line.split() for line in table[:3]] == [
        ["100", "100", "100", "1", "2", "1/2"],
        ["250.5", "250.5", "250.5", "1.25", "2.5", "1/1"],
        ["1000000", "1,000,000", "1,000,000", "2,250", "4,500", "1/1"],
    ]
    assert len({len(line) for line in [names, *table[:3]]}) == 1
    assert table[3].startswith("knee: none (3 loads")
    assert table[4:] == ["INVALID at 100 (1/2): reason 1"]


# ---- Knees ---------------------------------------------------------------------------------------


def bent(at, rates):
    """Flat up to a rate, and from there on ten times as slow with every hundred."""
    return [1e6 * 10 ** (max(rate - at, 0) / 100) for rate in rates]


def queue(loads):
    """Mean time in an M/M/1 queue, in units of the service time."""
    return [1e6 / (1 - load) for load in loads]


RATES = list(range(100, 1001, 100))
LOADS = [i / 100 for i in range(5, 96, 5)]
# Where the chord's slope is that of the curve: d/dx -log(1 - x) = 1 / (1 - x).
QUEUE_KNEE = 1 - (LOADS[-1] - LOADS[0]) / math.log((1 - LOADS[0]) / (1 - LOADS[-1]))


@pytest.mark.parametrize(
    ("rates", "latencies_ns", "knee"),
    [
        *((RATES, bent(at, RATES), at) for at in (300, 600, 900)),
        (LOADS, queue(LOADS), min(LOADS, key=lambda load: abs(load - QUEUE_KNEE))),
        # Saturated: more load brings no more throughput, or less.
        ([100, 200, 300, 399, 400, 401, 395], [1e6, 1e6, 1.2e6, 2e6, 5e8, 1e9, 2e9], 399),
        # A clock too coarse for the first few.
        ([100, 200, 300, 400], [0, 0, 1, 1e9], 300),
        # An idle system that is slower than a busy one.
        ([100, 200, 300, 400, 450], [9e6, 4e6, 3e6, 3e6, 9e8], 400),
    ],
)
def test_known_knees(rates, latencies_ns, knee):
    index, why_not = find_knee(rates, latencies_ns)
    assert (rates[index], why_not) == (knee, "")
    # Neither unit changes it.
    assert find_knee([8 * r for r in rates], [ns * 1000 for ns in latencies_ns]) == (index, "")


@pytest.mark.parametrize(
    ("rates", "latencies_ns", "why_not"),
    [
        ([], [], "0 loads"),
        ([1, 2, 3], [1e6, 1e6, 1e9], "3 loads"),
        (RATES, [1e6] * 10, "not even double"),
        (RATES, [1e6, 1.8e6, 1e6, 1.2e6, 1.1e6, 1.9e6, 1e6, 1.4e6, 1e6, 1.9e6], "not even double"),
        ([400, 410, 405, 402, 407], [1e8, 2e8, 3e8, 9e8, 2e9], "throughput stays"),
        (RATES, [1e6 * 2**i for i in range(10)], "rises evenly"),
        (RATES, [1e6 * math.exp(8 * math.sqrt(i)) for i in range(10)], "rises evenly"),
        ([500, 1000, 4000, 8000, 16000], [0.6e6, 0.9e6, 0.6e6, 0.3e6, 1e6], "after its bend"),
        (RATES, [1e9 / 2**i for i in range(10)], "rises evenly"),
    ],
)
def test_curves_without_a_knee(rates, latencies_ns, why_not):
    index, why = find_knee(rates, latencies_ns)
    assert index is None
    assert why_not in why


def test_knee_of_a_sweep_is_of_its_medians():
    swept = curve_of(RATES, bent(600, RATES))
    outlier = replace(swept.points[1], repeat=1, latency_target_ns=1e12)
    swept = replace(swept, points=(*swept.points, outlier, replace(swept.points[1], repeat=2)))
    assert swept.knee is not None
    assert swept.knee.value == 600
    assert "knee: server_target_qps 600, 600 samples/s" in str(swept)
    assert curve_of(RATES, [1e6] * 10).knee is None


def test_knee_in_token_mode_is_of_the_first_token():
    swept = curve_of(RATES, [1e6] * 10, settings_of("Server", use_token_latencies=True))
    assert swept.knee is None
    points = [
        replace(p, ttft_target_ns=ns) for p, ns in zip(swept.points, bent(300, RATES), strict=True)
    ]
    assert replace(swept, points=tuple(points)).knee.value == 300


# ---- Files ---------------------------------------------------------------------------------------


def test_json_round_trip(tmp_path):
    settings = settings_of("Server", server_pacing=lg.Pacing.Spin, qsl_rng_seed=2**64 - 1)
    swept = curve_of([1, 2.5], [1e6 / 3, 2e6], settings)
    swept = replace(swept, points=(*swept.points, point_of(3, valid=False)))
    swept.to_json(tmp_path / "a.json")
    loaded = lg.Sweep.load(str(tmp_path / "a.json"))
    assert loaded == swept
    assert loaded.settings.server_pacing == lg.Pacing.Spin
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_csv_holds_all_points(tmp_path):
    swept = curve_of([1, 2.5], [1e6 / 3, 2e6])
    swept = replace(swept, points=(*swept.points, point_of(3, valid=False)))
    swept.to_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3
    for line, point in zip(lines, swept.points, strict=True):
        texts = {"reasons": "; ".join(point.reasons), "cautions": " ".join(point.cautions)}
        expected = asdict(point) | texts
        assert line == {k: "" if v is None else str(v) for k, v in expected.items()}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "mlperf_loadgen sweep 9"}', "value,repeat", '{"format": 3'],
)
def test_what_is_no_sweep_is_refused(text, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.json is no sweep"):
        lg.Sweep.load(path)


def test_damaged_points_and_settings_are_refused(tmp_path):
    path = tmp_path / "a.json"
    curve_of([1], [1]).to_json(path)
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"format": "mlperf_loadgen sweep 9"}))
    with pytest.raises(ValueError, match="sweep 9"):
        lg.Sweep.load(path)
    del whole["points"][0]["latency_p50_ns"]
    path.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match="latency_p50_ns"):
        lg.Sweep.load(path)
    whole["points"] = []
    whole["settings"]["scenario"] = "Sever"
    path.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match="Sever"):
        lg.Sweep.load(path)
    with pytest.raises(FileNotFoundError):
        lg.Sweep.load(tmp_path / "none")


# ---- The picture ---------------------------------------------------------------------------------


def texts(path):
    """What is written in an SVG file: matplotlib keeps it in comments beside the outlines."""
    parser = xml.etree.ElementTree.XMLParser(
        target=xml.etree.ElementTree.TreeBuilder(insert_comments=True)
    )
    tree = xml.etree.ElementTree.parse(path, parser)
    return [c.text.strip() for c in tree.iter(xml.etree.ElementTree.Comment)]


@pytest.fixture
def bent_curve():
    pytest.importorskip("matplotlib")
    swept = curve_of(RATES, bent(600, RATES))
    slow = [replace(p, valid=p.value < 800) for p in swept.points]
    again = [replace(p, repeat=1, latency_p50_ns=1.5 * p.latency_p50_ns) for p in slow]
    return replace(swept, points=(*slow, *again))


def test_picture_names_what_it_shows(bent_curve, tmp_path):
    bent_curve.plot(tmp_path / "a.svg")
    shown = texts(tmp_path / "a.svg")
    for text in (
        "Süt, Server: latency against throughput",
        "medians of 2 runs, bars from the least to the most",
        "achieved throughput (samples/s)",
        "latency (ms)",
        "p50",
        "p99",
        "hollow: INVALID",
        "bound of 100 ms on p99",
        "knee: server_target_qps 600",
    ):
        assert shown.count(text) == 1, (text, shown)


def test_picture_of_other_percentiles(bent_curve, tmp_path):
    points = [replace(p, latency_p90_ns=1e6) for p in bent_curve.points]
    replace(bent_curve, points=tuple(points)).plot(tmp_path / "a.svg", percentiles=[0.9])
    shown = texts(tmp_path / "a.svg")
    assert "p90" in shown
    assert "p50" not in shown
    with pytest.raises(ValueError, match=r"0\.8 is not reported; these are: 0\.5, 0\.9,"):
        bent_curve.plot(tmp_path / "b.svg", percentiles=[0.8])


def test_picture_at_a_target_that_is_not_among_the_percentiles(bent_curve, tmp_path):
    settings = settings_of("Server", server_target_latency_percentile=0.98)
    replace(bent_curve, settings=settings).plot(tmp_path / "a.svg")
    assert {"p50", "p98"} <= set(texts(tmp_path / "a.svg"))


def test_picture_in_token_mode(bent_curve, tmp_path):
    settings = settings_of("Server", use_token_latencies=True, tpot_latency=7_000_000)
    times = dict.fromkeys(["ttft_p50_ns", "ttft_p99_ns", "tpot_p50_ns", "tpot_p99_ns"], 1e6)
    points = tuple(replace(p, **times) for p in bent_curve.points)
    replace(bent_curve, settings=settings, points=points).plot(tmp_path / "a.svg")
    shown = texts(tmp_path / "a.svg")
    for text in (
        "time to first token (ms)",
        "time per output token (ms)",
        "TTFT bound of 100 ms on p99",
        "TPOT bound of 7 ms on p99",
    ):
        assert shown.count(text) == 1, (text, shown)


def test_nothing_to_draw(bent_curve, tmp_path):
    with pytest.raises(ValueError, match="no run of the sweep measured anything"):
        replace(bent_curve, points=(point_of(),)).plot(tmp_path / "a.png")


def test_picture_needs_matplotlib(tmp_path, monkeypatch):
    importlib.import_module("mlperf_loadgen.sweeps.plot")
    monkeypatch.delitem(sys.modules, "mlperf_loadgen.sweeps.plot")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install .mlperf_loadgen\[plots\]"):
        curve_of([1], [1]).plot(tmp_path / "a.png")


# ---- The package ---------------------------------------------------------------------------------


def test_imported_on_first_use_only():
    program = """
import sys
import mlperf_loadgen as lg
print(sorted(n for n in sys.modules if "sweep" in n or n.split(".")[0] in ("numpy", "matplotlib")))
lg.Sweep
print(callable(lg.sweep), "matplotlib" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "True False"]
