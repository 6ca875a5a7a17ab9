"""A test's result in words."""

from __future__ import annotations

from .. import _core


def _duration(ns: float) -> str:
    for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if abs(ns) >= limit:
            return f"{ns / limit:.3f} {unit}"
    return f"{ns:.0f} ns"


def _latency(name: str, stats: _core.LatencyStats) -> str:
    p = stats.percentiles_ns
    shown = ", ".join(f"p{100 * q:g} {_duration(p[q])}" for q in (0.5, 0.9, 0.99, 0.999))
    return f"  {name}: mean {_duration(stats.mean_ns)}, {shown}, max {_duration(stats.max_ns)}"


def _metric(result: _core.PerformanceResult, scenario: _core.TestScenario) -> str:
    if scenario == _core.TestScenario.Server:
        return (
            f"  {result.completed_samples_per_second:.2f} samples/s completed, "
            f"{result.scheduled_samples_per_second:.2f} scheduled, "
            f"{result.overlatency_query_count} over the latency bound"
            + (" or failed" if result.failed_sample_count else "")
        )
    if scenario == _core.TestScenario.Offline:
        return f"  {result.samples_per_second:.2f} samples/s"
    stats = result.query_latency or result.sample_latency
    return f"  latency at the target percentile: {_duration(stats.target_percentile_ns)}"


def _performance(result: _core.PerformanceResult, scenario: _core.TestScenario) -> list[str]:
    lines = [
        _metric(result, scenario),
        f"  {result.query_count} queries issued, {result.sample_count} samples completed"
        + (f", {result.failed_sample_count} failed" if result.failed_sample_count else ""),
        _latency("sample latency", result.sample_latency),
    ]
    if result.query_latency:
        lines.append(_latency("query latency", result.query_latency))
    if result.tokens:
        lines += _token_times(result.tokens, result.sample_count)
    if result.tokens_per_second is not None:
        inferred = ", inferred from the samples" if result.tokens_inferred else ""
        lines.insert(1, f"  {result.tokens_per_second:.2f} tokens/s{inferred}")
    if scenario == _core.TestScenario.Server:
        late = result.lateness
        lines.append(
            f"  issued late by: p50 {_duration(late.p50_ns)}, p99 {_duration(late.p99_ns)}, "
            f"max {_duration(late.max_ns)}"
        )
    lines += [f"  advice: {' '.join(advice.split())}" for advice in result.recommendations]
    return lines


def _token_times(tokens: _core.TokenMetrics, sample_count: int) -> list[str]:
    """Of the samples that have them: in Offline perhaps a few, or none."""
    of, sent = "", tokens.first_token.count
    if sent < sample_count:
        of = f" of the {sent} samples that sent one"
    times = {
        f"time to first token{of}": tokens.first_token,
        "time per output token": tokens.time_per_token,
    }
    return [_latency(name, stats) for name, stats in times.items() if stats.count > 0]


def describe(result: _core.TestResult) -> str:
    """The result as a few lines of text."""
    verdict = "ABORTED" if result.aborted else "VALID" if result.valid else "INVALID"
    lines = [f"{result.scenario.name} {result.mode.name} of {result.sut_name}: {verdict}"]
    if result.peak:
        lines.append(f"  peak: {result.peak.statement} ({len(result.peak.trials)} trials)")
    if result.offline_probe:
        lines.append(
            f"  probe: {result.offline_probe.samples_per_second:.2f} samples/s, so that the query "
            f"was sized by offline_expected_qps {result.offline_probe.expected_qps:.10g}"
        )
    if result.performance:
        lines += _performance(result.performance, result.scenario)
    lines += [f"  reason: {reason}" for reason in result.reasons]
    lines += [f"  caution: {caution}" for caution in result.cautions]
    if result.accuracy_sample_count:
        lines.append(f"  {result.accuracy_sample_count} responses in the accuracy log")
    if result.error_count or result.warning_count:
        lines.append(f"  {result.error_count} errors, {result.warning_count} warnings")
        lines += [f"  error: {text}" for text in result.errors]
    if result.log_failure:
        lines.append(f"  logs incomplete: {result.log_failure}")
    lines.append(f"  logs: {result.logs.summary}")
    return "\n".join(lines)
