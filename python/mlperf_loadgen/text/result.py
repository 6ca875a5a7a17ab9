"""A test's result in words: the one list of facts that `str(result)` and the command line show."""

from __future__ import annotations

from collections.abc import Iterator

from .. import _core
from .units import counted, duration, percentile, rate, share

_PERCENTILES = (0.5, 0.9, 0.99, 0.999)
STATISTICS = ("mean", *map(percentile, _PERCENTILES), "max")
"""The columns of `times_of`."""
_NOTHING = "nothing was measured"

Fact = tuple[str, str]
"""Its name and its text."""


def describe(result: _core.TestResult) -> str:
    """The result as a few lines of text."""
    lines = [f"{title_of(result)}: {verdict_of(result)}"]
    lines += [f"  {name}: {text}" for name, text in facts_of(result)]
    for name, *cells in times_of(result):
        shown = zip(STATISTICS, cells, strict=True)
        lines.append(f"  {name}: {', '.join(f'{s} {cell}' for s, cell in shown if cell)}")
    lines += [f"  {name}: {text}" for name, text in remarks_of(result)]
    lines.append(f"  logs: {result.logs.summary}")
    return "\n".join(lines)


def title_of(result: _core.TestResult) -> str:
    """A title such as "Server PerformanceOnly of my system"."""
    return f"{result.scenario.name} {result.mode.name} of {result.sut_name}"


def verdict_of(result: _core.TestResult) -> str:
    """VALID, INVALID or ABORTED."""
    return "ABORTED" if result.aborted else "VALID" if result.valid else "INVALID"


def facts_of(result: _core.TestResult) -> Iterator[Fact]:
    """The facts that were measured and counted, without the times."""
    if result.performance is not None:
        yield from _performance(result.performance, result.scenario)
        for name, stats in _kinds(result).items():
            if stats.count == 0:
                yield name, _NOTHING
    if result.accuracy_sample_count:
        yield "responses in the accuracy log", f"{result.accuracy_sample_count:,}"


def times_of(result: _core.TestResult) -> list[list[str]]:
    """A row for each kind of time that was measured: its name, and a cell for each of `STATISTICS`,
    empty where that is not known."""
    if result.performance is None:
        return []
    rows = []
    for name, stats in _kinds(result).items():
        if stats.count > 0:
            at = [stats.percentiles_ns[p] for p in _PERCENTILES]
            rows.append([name, *map(duration, (stats.mean_ns, *at, stats.max_ns))])
    late = result.performance.lateness
    if late.count:
        times_ns = (late.p50_ns, late.p90_ns, late.p99_ns, late.p999_ns, late.max_ns)
        rows.append(["issued late", "", *map(duration, times_ns)])
    return rows


def remarks_of(result: _core.TestResult) -> Iterator[Fact]:
    """Findings, problems of the result, and what to do about them, in sentences."""
    if result.peak is not None:
        yield "peak", f"{result.peak.statement} ({counted(len(result.peak.trials), 'trial')})"
    if result.offline_probe is not None:
        probe = result.offline_probe
        yield (
            "probe",
            f"{rate(probe.samples_per_second)} samples/s, so that the query was sized by "
            f"offline_expected_qps {probe.expected_qps:.10g}",
        )
    yield from (("reason", reason) for reason in result.reasons)
    yield from (("caution", caution) for caution in result.cautions)
    for advice in result.performance.recommendations if result.performance else ():
        yield "advice", " ".join(advice.split())
    if result.error_count or result.warning_count:
        errors = counted(result.error_count, "error")
        yield "logged", f"{errors}, {counted(result.warning_count, 'warning')}"
    yield from (("error", error) for error in result.errors)
    yield from (("warning", warning) for warning in result.warnings)
    if result.log_failure:
        yield "logs incomplete", result.log_failure


def _performance(
    performance: _core.PerformanceResult, scenario: _core.TestScenario
) -> Iterator[Fact]:
    yield _metric(performance, scenario)
    if performance.tokens_per_second is not None:
        inferred = ", inferred from the samples" if performance.tokens_inferred else ""
        yield "token throughput", f"{rate(performance.tokens_per_second)} tokens/s{inferred}"
    failed = performance.failed_sample_count
    if scenario == _core.TestScenario.Server:
        yield "scheduled", f"{rate(performance.scheduled_samples_per_second)} samples/s"
        over = performance.overlatency_query_count
        part = share(over / max(performance.query_count, 1))
        yield f"over the latency bound{' or failed' if failed else ''}", f"{over:,} ({part})"
    yield "queries issued", f"{performance.query_count:,}"
    yield "samples completed", f"{performance.sample_count:,}"
    if failed:
        yield "samples failed", f"{failed:,}"


def _metric(performance: _core.PerformanceResult, scenario: _core.TestScenario) -> Fact:
    """What the scenario measures."""
    if scenario == _core.TestScenario.Server:
        return "completed", f"{rate(performance.completed_samples_per_second)} samples/s"
    if scenario == _core.TestScenario.Offline:
        return "throughput", f"{rate(performance.samples_per_second)} samples/s"
    stats = performance.query_latency or performance.sample_latency
    at_target = duration(stats.target_percentile_ns) if stats.count else _NOTHING
    return "latency at the target percentile", at_target


def _kinds(result: _core.TestResult) -> dict[str, _core.LatencyStats]:
    """The kinds of time that the test measures; in Offline, which asks for no tokens, those of
    tokens only if there are any."""
    assert result.performance is not None
    kinds = {"sample latency": result.performance.sample_latency}
    if result.performance.query_latency is not None:
        kinds["query latency"] = result.performance.query_latency
    tokens = result.performance.tokens
    if tokens is not None:
        first = tokens.first_token
        some = 0 < first.count < result.performance.sample_count
        of = f" ({counted(first.count, 'sample')})" if some else ""
        times = {f"first token{of}": first, "per token": tokens.time_per_token}
        offline = result.scenario == _core.TestScenario.Offline
        kinds |= {name: of for name, of in times.items() if of.count > 0 or not offline}
    return kinds
