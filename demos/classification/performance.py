"""The performance runs: the settings of each, and which number of its result matters."""

import mlperf_loadgen as lg

BOUND_MS = 20


def _milliseconds(ns: float) -> str:
    return f"{ns / 1e6:.3f} ms"


def _of(result: lg.TestResult) -> lg.PerformanceResult:
    if result.performance is None:
        raise RuntimeError(f"nothing was measured:\n{result}")
    return result.performance


def _single_stream(result: lg.TestResult) -> str:
    latency = _of(result).sample_latency
    return f"{_milliseconds(latency.target_percentile_ns)} a sample at the 90th percentile"


def _multi_stream(result: lg.TestResult) -> str:
    latency = _of(result).query_latency or _of(result).sample_latency
    return f"{_milliseconds(latency.target_percentile_ns)} for 8 samples at the 99th percentile"


def _server(result: lg.TestResult) -> str:
    p99 = _milliseconds(_of(result).sample_latency.target_percentile_ns)
    rate = _of(result).completed_samples_per_second
    return f"{rate:.0f} samples/s, {p99} at the 99th percentile (bound {BOUND_MS} ms)"


def _offline(result: lg.TestResult) -> str:
    return f"{_of(result).samples_per_second:.0f} samples/s"


def _peak(result: lg.TestResult) -> str:
    if result.peak is None or not result.peak.found:
        return f"no rate keeps the bound of {BOUND_MS} ms"
    trials = len(result.peak.trials)
    return f"{result.peak.qps:.0f} samples/s keep the bound of {BOUND_MS} ms ({trials} trials)"


RUNS = {
    "single_stream": (
        lg.TestSettings(scenario=lg.TestScenario.SingleStream, min_duration_ms=2000),
        _single_stream,
    ),
    "multi_stream": (
        lg.TestSettings(
            scenario=lg.TestScenario.MultiStream, min_duration_ms=2000, min_query_count=700
        ),
        _multi_stream,
    ),
    "server": (
        lg.TestSettings(
            scenario=lg.TestScenario.Server,
            min_duration_ms=3000,
            server_target_qps=500,
            server_target_latency_ns=BOUND_MS * 1_000_000,
        ),
        _server,
    ),
    "offline": (
        lg.TestSettings(
            scenario=lg.TestScenario.Offline, min_duration_ms=500, offline_expected_qps=400_000
        ),
        _offline,
    ),
    "find_peak": (
        lg.TestSettings(
            scenario=lg.TestScenario.Server,
            mode=lg.TestMode.FindPeakPerformance,
            min_duration_ms=500,
            server_target_qps=250,
            server_target_latency_ns=BOUND_MS * 1_000_000,
            server_find_peak_qps_decimals_of_precision=0,
        ),
        _peak,
    ),
}
