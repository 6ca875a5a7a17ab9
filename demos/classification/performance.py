"""The performance runs, and what matters in the result of each."""

import mlperf_loadgen as lg
from mlperf_loadgen import TestMode, TestScenario

BOUND_MS = 20
RUNS = {
    "single_stream": lg.TestSettings(
        scenario=TestScenario.SingleStream,
        min_duration_ms=2000,
    ),
    "multi_stream": lg.TestSettings(
        scenario=TestScenario.MultiStream,
        min_duration_ms=2000,
        min_query_count=700,  # What early stopping needs to be sure of the 99th percentile.
    ),
    "server": lg.TestSettings(
        scenario=TestScenario.Server,
        min_duration_ms=3000,
        server_target_qps=500,
        server_target_latency_ns=BOUND_MS * 1_000_000,
    ),
    "offline": lg.TestSettings(
        scenario=TestScenario.Offline,
        min_duration_ms=500,
        offline_expected_qps=400_000,  # At this rate the one query lasts `min_duration_ms`.
    ),
    "find_peak": lg.TestSettings(
        scenario=TestScenario.Server,
        mode=TestMode.FindPeakPerformance,
        min_duration_ms=500,  # Of each rate that is tried.
        server_target_qps=250,  # The first of them.
        server_target_latency_ns=BOUND_MS * 1_000_000,
        server_find_peak_qps_decimals_of_precision=0,
    ),
}


def describe(result: lg.TestResult) -> str:
    """The number the run was for."""
    if result.peak:
        if not result.peak.found:
            return f"no rate keeps the bound of {BOUND_MS} ms"
        trials = len(result.peak.trials)
        return f"{result.peak.qps:.0f} samples/s keep the bound of {BOUND_MS} ms ({trials} trials)"
    performance = result.performance
    if performance is None:
        return "nothing was measured"
    latency_ms = (
        performance.query_latency or performance.sample_latency
    ).target_percentile_ns / 1e6
    if result.scenario == TestScenario.SingleStream:
        return f"{latency_ms:.3f} ms a sample at the 90th percentile"
    if result.scenario == TestScenario.MultiStream:
        return f"{latency_ms:.3f} ms for 8 samples at the 99th percentile"
    if result.scenario == TestScenario.Server:
        rate = performance.completed_samples_per_second
        return f"{rate:.0f} samples/s, 99% within {latency_ms:.3f} ms (bound {BOUND_MS} ms)"
    return f"{performance.samples_per_second:.0f} samples/s"
