"""Samples that a server answers with an error are failed samples to whoever measures it.

Method: a server that answers every second request for a result with status 500; what a sweep, a
search and the result of a test then say of it.
"""

import numpy as np
import pytest
from demo_server import demo_server
from runs import log_settings

import mlperf_loadgen as lg
from mlperf_loadgen import qdl

pytest.importorskip("aiohttp", reason="http:// needs aiohttp")

pytest_plugins = ["qdl_fixtures"]
pytestmark = [
    pytest.mark.usefixtures("no_hang"),
    pytest.mark.filterwarnings("ignore::mlperf_loadgen.qdl.NetworkWarning"),
]

SETTINGS = {
    "scenario": lg.TestScenario.Server,
    "min_duration_ms": 0,
    "server_target_latency_ns": 60_000_000_000,
}


class Library(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 8

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass

    def __getitem__(self, index):
        return np.arange(4)


def every_second(number):
    return 500 if number % 2 else 200


@pytest.fixture
def system():
    with demo_server(every_second) as server:
        yield qdl.NetworkQDL(server.address, Library())


def test_the_result_counts_them_apart_and_names_the_status_first(system, tmp_path):
    settings = lg.TestSettings(**SETTINGS, server_target_qps=1000, min_query_count=40)
    result = lg.StartTestWithLogSettings(system, Library(), settings, log_settings(tmp_path))
    performance = result.performance
    assert (performance.failed_sample_count, performance.sample_count) == (20, 20)
    assert np.count_nonzero(result.samples["failed"]) == 20
    assert result.reasons[0].startswith("20 of 40 samples failed (50 %): ")
    assert "500" in result.reasons[0]


def test_a_sweep_calls_none_of_them_good(system):
    settings = lg.TestSettings(**SETTINGS, min_query_count=40)
    curve = lg.sweep(system, Library(), settings, [500, 1000])
    assert [point.goodput_share for point in curve.points] == [0.5, 0.5]
    assert [point.failed_share for point in curve.points] == [0.5, 0.5]
    assert "500" in str(curve)


def test_a_search_finds_no_peak_and_names_the_status(system, tmp_path):
    settings = lg.TestSettings(**SETTINGS | {"min_duration_ms": 200}, min_query_count=20)
    with pytest.raises(lg.PeakNotFoundError, match="500"):
        lg.find_peak(system, Library(), settings, log_settings(tmp_path), start_qps=200)
