"""Latency that is the load generator's own is said wherever a result is looked at.

Method: a thread that holds the interpreter's lock most of the time, so that the generator is late
with its queries on any machine, beside a system that answers at once. How large the part is, and
where it begins to matter, is tested in C++ on records with known times.
"""

import json
import warnings

import pytest
from lock_held import LockHeld

import mlperf_loadgen as lg
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.report import write_report

SENTENCE = "is not the system's: the load generator issued late"
SETTINGS = {
    "scenario": lg.TestScenario.Server,
    "server_target_qps": 100,
    "server_target_latency_percentile": 0.5,
    "min_duration_ms": 0,
    "min_query_count": 30,
}


class Good(lg.SystemUnderTest):
    def issue_query(self, samples):
        lg.complete(samples.ids)


class Library(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 10

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass


def logs_in(folder):
    logs = lg.LogSettings()
    logs.log_output.outdir = str(folder)
    return logs


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    folder = tmp_path_factory.mktemp("late")
    with LockHeld():
        result = lg.StartTestWithLogSettings(
            Good(), Library(), lg.TestSettings(**SETTINGS), logs_in(folder), ""
        )
    return folder, result


def test_a_result_has_the_caution_and_stays_valid(late):
    _, result = late
    (caution,) = result.cautions
    assert caution.startswith("Of the p50 latency, ") and SENTENCE in caution
    assert result.performance.cautions == [caution]
    assert result.to_dict()["cautions"] == [caution]
    assert result.to_dict()["performance"]["cautions"] == [caution]
    assert f"caution: {caution}" in str(result)
    assert result.valid and result.reasons == []


def test_the_logs_have_it(late):
    folder, result = late
    (caution,) = result.cautions
    assert caution in (folder / "mlperf_log_summary.txt").read_text()
    assert read_run(folder).cautions == (caution,)


def test_a_report_has_it_beside_the_verdict(late, tmp_path):
    folder, _ = late
    write_report([folder], tmp_path / "report.md")
    head = (tmp_path / "report.md").read_text().split("**Percentiles**")[0]
    assert "**Caution:**" in head and "the load generator issued late" in head
    pytest.importorskip("plotly")
    write_report([folder], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "the load generator issued late" in page.split('<dl class="tiles">')[0]


def test_a_comparison_has_it(late):
    folder, result = late
    found = lg.compare(folder, folder)
    assert any(result.cautions[0] in caution for caution in found.cautions)


def test_a_sweep_has_it_in_its_table_and_files(tmp_path):
    settings = lg.TestSettings(**SETTINGS)
    with LockHeld():
        curve = lg.sweep(Good(), Library(), settings, [100], outdir=tmp_path)
    (point,) = curve.points
    assert SENTENCE in point.cautions[0]
    assert "caution at 100 (1/1): Of the p50 latency" in str(curve)
    assert lg.Sweep.load(tmp_path / "sweep.json").points == curve.points
    assert "the load generator issued late" in (tmp_path / "sweep.csv").read_text()


def test_a_sweep_without_cautions_in_its_file_is_read(tmp_path):
    lg.sweep(Good(), Library(), lg.TestSettings(**SETTINGS), [100], outdir=tmp_path)
    path = tmp_path / "sweep.json"
    table = json.loads(path.read_text())
    for point in table["points"]:
        del point["cautions"]
    path.write_text(json.dumps(table))
    assert lg.Sweep.load(path).points[0].cautions == ()


def test_a_search_says_in_how_many_of_its_trials(tmp_path):
    settings = lg.TestSettings(
        **SETTINGS | {"min_duration_ms": 300, "server_target_latency_ns": 60_000_000_000}
    )
    settings.server_target_latency_percentile = 0.6
    with LockHeld(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = lg.find_peak(
            Good(), Library(), settings, logs_in(tmp_path), start_qps=100, time_budget_s=0.01
        )
    assert found.cautions[0].startswith("The load generator itself was late in 1 of 1 trial,")
    assert str(found).count(SENTENCE) == 1


def test_a_bisection_has_the_caution_in_its_peak_once(tmp_path):
    settings = lg.TestSettings(
        **SETTINGS | {"min_duration_ms": 300, "server_target_latency_ns": 60_000_000_000},
        mode=lg.TestMode.FindPeakPerformance,
        server_find_peak_max_qps=100,
    )
    with LockHeld():
        result = lg.StartTestWithLogSettings(Good(), Library(), settings, logs_in(tmp_path), "")
    (caution,) = result.cautions
    assert result.peak.cautions == [caution]
    assert caution.startswith("The load generator itself was late in 1 of 1 trial,")
    assert caution.count(SENTENCE) == 1


@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Offline"])
def test_other_scenarios_begin_to_measure_when_a_query_is_issued(scenario, tmp_path):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.__members__[scenario], min_duration_ms=0, min_query_count=5
    )
    with LockHeld():
        result = lg.StartTestWithLogSettings(Good(), Library(), settings, logs_in(tmp_path), "")
    assert result.cautions == []
