"""A test's result in words: the one list of facts that `str(result)` and the command line show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import _core
from .units import counted, duration, percentile, rate, share

_PERCENTILES = (0.5, 0.9, 0.99, 0.999)
STATISTICS = ("mean", *map(percentile, _PERCENTILES), "max")
"""The columns of `times_of`."""
BURST_TOKENS = 1.05
"""With more tokens an event, times between events are those of bursts, not of tokens."""
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
        if is_streamed(result):
            yield from _streams(result.performance)
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


def is_streamed(result: _core.TestResult) -> bool:
    """Whether the system said when its tokens came."""
    return result.performance is not None and _has_arrivals(result.performance.tokens)


def _has_arrivals(tokens: _core.TokenMetrics | None) -> bool:
    return tokens is not None and tokens.event_count > 0


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
        in_all = performance.tokens.total_tokens_per_second if performance.tokens else None
        prompts = "" if in_all is None else f", {rate(in_all)} with those of the prompts"
        text = f"{rate(performance.tokens_per_second)} tokens/s{inferred}{prompts}"
        yield "token throughput", text
    failed = performance.failed_sample_count
    if scenario == _core.TestScenario.Server:
        yield "scheduled", f"{rate(performance.scheduled_samples_per_second)} samples/s"
        if not _has_arrivals(performance.tokens):  # Those have bounds of their own.
            over = performance.overlatency_query_count
            part = share(over / max(performance.query_count, 1))
            yield f"over the latency bound{' or failed' if failed else ''}", f"{over:,} ({part})"
    yield "queries issued", f"{performance.query_count:,}"
    yield "samples completed", f"{performance.sample_count:,}"
    if failed:
        yield "samples failed", f"{failed:,}{_failures(performance.failure_counts)}"


def _failures(counts: Mapping[str, int]) -> str:
    """How many failed for which reason, the most frequent first; a single reason is in the reasons
    of the result."""
    if len(counts) < 2:
        return ""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ": " + "; ".join(f"{count:,} x {reason}" for reason, count in ordered)


def _streams(performance: _core.PerformanceResult) -> Iterator[Fact]:
    """What is known only of answers whose tokens were seen to arrive."""
    tokens = performance.tokens
    assert tokens is not None
    if tokens.goodput_share is not None:
        good = f"{rate(tokens.goodput_per_second)} samples/s goodput"
        yield "within all bounds", f"{share(tokens.goodput_share)} ({good})"
    samples = max(performance.sample_count, 1)
    source = "events, not tokens" if tokens.token_source == "events" else tokens.token_source
    yield "tokens a sample", f"{rate(tokens.token_count / samples)} ({source})"
    if tokens.prompt_tokens is not None:
        text = rate(tokens.prompt_tokens / samples)
        if tokens.cached_tokens is not None:
            text += f", {share(tokens.cached_tokens / max(tokens.prompt_tokens, 1))} of them cached"
        yield "prompt tokens a sample", text
    if tokens.reasoning_tokens is not None:
        part = share(tokens.reasoning_tokens / max(tokens.token_count, 1))
        yield "tokens of reasoning", part
    bursts = tokens.tokens_per_event > BURST_TOKENS
    text = "; the times between events are those of bursts" if bursts else ""
    yield "tokens an event", f"{tokens.tokens_per_event:.3g}{text}"
    if tokens.cancelled_count:
        yield "cancelled", counted(tokens.cancelled_count, "sample")
    if tokens.short_answers:
        yield "without a TPOT", f"{counted(tokens.short_answers, 'sample')} of one token"
    if tokens.client_lag.count == 0:
        yield "stamped late", "not known: there were no time stamps of the kernel"


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
    if is_streamed(result):
        return _kinds_of_streams(result.performance)
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


def _kinds_of_streams(performance: _core.PerformanceResult) -> dict[str, _core.LatencyStats]:
    """Under the names of docs/llm.md. ITL needs to know how many tokens each event has; ICL does
    not."""
    tokens = performance.tokens
    assert tokens is not None
    measured = {
        "TTFT": tokens.first_token,
        "TTFO": tokens.first_output,
        "TPOT": tokens.time_per_token,
        "ITL, per token": tokens.inter_token,
        "ICL, per event": tokens.inter_chunk,
        "latency": performance.sample_latency,
    }
    if performance.query_latency is not None:
        measured["query latency"] = performance.query_latency
    measured |= {"tail after tokens": tokens.tail, "stamped late": tokens.client_lag}
    if tokens.inter_token.count > 0:
        del measured["ICL, per event"]
    return {name: stats for name, stats in measured.items() if stats.count > 0}
