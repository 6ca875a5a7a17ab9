"""Measures a classifier of handwritten digits: is it right, and how fast is it?"""

from pathlib import Path

import mlperf_loadgen as lg
from mlperf_loadgen import TestMode, TestScenario
from sut import OnnxRuntime

LOGS = Path("demo_logs")
REQUIRED_ACCURACY = 0.95
PERFORMANCE_RUNS = [
    lg.TestSettings(scenario=TestScenario.SingleStream, min_duration_ms=2000),
    lg.TestSettings(scenario=TestScenario.MultiStream, min_duration_ms=2000, min_query_count=700),
    lg.TestSettings(
        scenario=TestScenario.Server,
        min_duration_ms=3000,
        server_target_qps=500,
        server_target_latency_ns=20_000_000,
    ),
    lg.TestSettings(
        scenario=TestScenario.Offline, min_duration_ms=500, offline_expected_qps=100_000
    ),
    lg.TestSettings(
        scenario=TestScenario.Server,
        mode=TestMode.FindPeakPerformance,
        min_duration_ms=500,
        server_target_qps=500,
        server_target_latency_ns=20_000_000,
        server_find_peak_qps_decimals_of_precision=0,
    ),
]


def run(sut: OnnxRuntime, settings: lg.TestSettings, name: str) -> lg.TestResult:
    (LOGS / name).mkdir(parents=True, exist_ok=True)
    log_settings = lg.LogSettings()
    log_settings.log_output.outdir = str(LOGS / name)
    return lg.StartTestWithLogSettings(sut, sut.images, settings, log_settings)
