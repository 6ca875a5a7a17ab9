"""The result of a test as tables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ... import _core
from ...text.units import duration, percentile, rate, share
from ..options.option_names import in_options
from .outcome import Status
from .show import print_heading, print_table, print_text

_PERCENTILES = (0.5, 0.9, 0.99, 0.999)
_HEADER = ("", "mean", *(percentile(p) for p in _PERCENTILES), "max")


def status_of(result: _core.TestResult) -> Status:
    """The exit status that a test comes to."""
    if result.aborted:  # By the system: an interrupt is raised.
        return Status.SUT_FAILED
    if result.log_failure:
        return Status.MISTAKE
    return Status.DONE if result.valid else Status.INVALID


def print_result(result: _core.TestResult) -> None:
    """Verdict, figures, what speaks against it, and what to do about that."""
    verdict = "ABORTED" if result.aborted else "VALID" if result.valid else "INVALID"
    print_heading(f"{result.scenario.name} {result.mode.name} of {result.sut_name}", verdict)
    performance = result.performance
    if performance is not None:
        print_table(_facts(performance, result.scenario))
        print_table(_latencies(performance), _HEADER)
    if result.offline_probe is not None:
        probe = result.offline_probe
        print_text(
            f"probe: {rate(probe.samples_per_second)} samples/s, so that the query was sized "
            f"by offline_expected_qps {probe.expected_qps:.10g}"
        )
    if result.accuracy_sample_count:
        print_table([["responses in the accuracy log", f"{result.accuracy_sample_count:,}"]])
    if result.peak is not None:
        print_text(f"peak: {result.peak.statement}")
    for reason in result.reasons:
        print_text(f"reason: {reason}")
    for caution in result.cautions:
        print_text(f"caution: {caution}")
    for advice in performance.recommendations if performance else ():
        print_text(f"advice: {' '.join(advice.split())}")
    for error in result.errors:
        print_text(f"error: {error}")
    for warning in result.warnings:
        print_text(f"warning: {in_options(warning)}")
    if result.log_failure:
        print_text(f"logs incomplete: {result.log_failure}")


def print_where_next(output: Path, commands: Sequence[str] = ()) -> None:
    """Where the logs are, and what to type next: the commands, or else to look at them."""
    print(f"\nlogs: {output}")
    look = f"mlperf-loadgen report {shlex.quote(str(output))} -o report.html"
    for index, command in enumerate(commands or [look]):
        print(f"{'next:' if index == 0 else '     '} {command}")


def _facts(performance: _core.PerformanceResult, scenario: _core.TestScenario) -> list[list[str]]:
    rows = [_metric(performance, scenario)]
    if performance.tokens_per_second is not None:
        inferred = " (inferred)" if performance.tokens_inferred else ""
        tokens = rate(performance.tokens_per_second)
        rows.append(["token throughput", f"{tokens} tokens/s{inferred}"])
    if scenario == _core.TestScenario.Server:
        over = share(performance.overlatency_query_count / max(performance.query_count, 1))
        rows.append(["scheduled", f"{rate(performance.scheduled_samples_per_second)}/s"])
        rows.append(
            [
                f"over the latency bound{' or failed' if performance.failed_sample_count else ''}",
                f"{performance.overlatency_query_count:,} ({over})",
            ]
        )
    rows.append(["queries issued", f"{performance.query_count:,}"])
    rows.append(["samples completed", f"{performance.sample_count:,}"])
    if performance.failed_sample_count:
        rows.append(["samples failed", f"{performance.failed_sample_count:,}"])
    return rows


def _metric(performance: _core.PerformanceResult, scenario: _core.TestScenario) -> list[str]:
    """What the scenario measures."""
    if scenario == _core.TestScenario.Server:
        return ["completed", f"{rate(performance.completed_samples_per_second)}/s"]
    if scenario == _core.TestScenario.Offline:
        return ["throughput", f"{rate(performance.samples_per_second)} samples/s"]
    stats = performance.query_latency or performance.sample_latency
    return ["latency at the target percentile", duration(stats.target_percentile_ns)]


def _latencies(performance: _core.PerformanceResult) -> list[list[str]]:
    tokens = performance.tokens
    first = tokens.first_token if tokens else None
    stats = {
        "sample latency": performance.sample_latency,
        "query latency": performance.query_latency,
        _first_token_name(first, performance.sample_count): first,
        "per token": tokens.time_per_token if tokens else None,
    }
    rows = [_latency(name, of) for name, of in stats.items() if of is not None and of.count]
    late = performance.lateness
    if late.count:
        times = (late.p50_ns, late.p90_ns, late.p99_ns, late.p999_ns, late.max_ns)
        rows.append(["issued late", "", *map(duration, times)])
    return rows


def _first_token_name(stats: _core.LatencyStats | None, sample_count: int) -> str:
    """In Offline perhaps few samples sent one."""
    partial = stats is not None and stats.count < sample_count
    return f"first token ({stats.count:,} samples)" if stats and partial else "first token"


def _latency(name: str, stats: _core.LatencyStats) -> list[str]:
    at = [stats.percentiles_ns[p] for p in _PERCENTILES]
    return [name, *map(duration, (stats.mean_ns, *at, stats.max_ns))]
