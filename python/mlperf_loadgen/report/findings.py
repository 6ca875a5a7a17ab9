"""The verdict on a run in words, and what to do about its problems."""

from __future__ import annotations

import re

from ..logs.run import RunLogs
from ..text.units import counted, duration, number
from .data import Finding
from .numbers import ITL, LATENCY, TPOT, TTFT, Kind, RunMetrics

_FASTER = {
    "MultiStream": "Lower multi_stream_samples_per_query, or make the system faster",
    "Server": "Lower server_target_qps, or make the system faster",
}
"""What brings latencies within their bound, in the scenarios that have had one."""
_MORE_QUERIES = {
    "Server": "Raise server_target_qps to the rate that the system takes.",
    "Offline": "Raise offline_expected_qps to the throughput that was reached: it sizes the query.",
    "SingleStream": "Lower single_stream_expected_latency_ns to the latency that was reached.",
    "MultiStream": "Lower multi_stream_expected_latency_ns to the latency that was reached.",
}
"""What makes queries enough for min_duration_ms."""
_FIXES = (
    (
        r"samples? failed \(",
        "See what the system under test says of the samples that failed, and fix that first: the "
        "numbers are of the other samples.",
    ),
    # What ended the run comes before what it lacks for that.
    (r"max_query_count was|Max query count", "Raise max_query_count; 0 stands for no limit."),
    (r"max_duration was|Max test duration", "Raise max_duration_ms; 0 stands for no limit."),
    (
        r"more queries were outstanding|Too many outstanding",
        "{faster}; or raise server_max_async_queries, of which 0 stands for no limit.",
    ),
    (
        r"stalled: |stopped answering",
        "Find out why the system under test stopped answering. It may be silent for "
        "stall_timeout_ms, no longer.",
    ),
    (
        r"aborted",
        "Find out why AbortTest was called or the process interrupted, and run it again.",
    ),
    (
        r"logs end before the test did|ended without a result",
        "Run it again: what was measured until then is shown, and says nothing of the rest.",
    ),
    (r"nothing was measured", "Look among the errors for why."),
    (
        r"reads too late to judge",
        "The numbers are partly those of this machine: do what the reason says, and run it again.",
    ),
    (r"(?:latency|TTFT|TPOT|ITL) (?:.* )?is above|kept all bounds", "{faster}: {where}"),
    (r"shorter than min_duration|min_duration asks for|Ran out of generated", "{more_queries}"),
    (r"early stopping", "Let it run longer: raise min_query_count or min_duration_ms."),
    (
        r"min_query_count asks|samples were completed|completed \d+ samples?, the test asks",
        "Look among the errors for what ended it.",
    ),
)
"""What to do about a reason: the first row whose pattern is found in it says it. The reasons are
those of loadgen/evaluate/verdict.cc, of logs/worked_out_reasons.py and of the reference."""
_BY_DEFAULT = "Fix the system under test, or its settings, as this says, and run it again."

# Reasons that failures may bring about: a query of which samples fail may end soon.
_JUDGED = r"early stopping|counted as slower than any|nothing was measured|TTFT or TPOT is above"
_TOO_SHORT = r"was shorter than min_duration|min_duration asks for"
_BY_FAILURES = dict.fromkeys(_MORE_QUERIES, _JUDGED) | {"Offline": f"{_JUDGED}|{_TOO_SHORT}"}


def verdict_of(logs: RunLogs) -> tuple[str, str]:
    """The verdict in a word or two, and its tone: "good", "bad" or "none"."""
    if logs.valid is not None:
        return ("VALID", "good") if logs.valid else ("INVALID", "bad")
    if logs.mode == "AccuracyOnly" and logs.finished:
        return ("INVALID", "bad") if logs.reasons else ("NOT JUDGED", "none")
    return "NO VERDICT", "bad"


def headline_of(metrics: RunMetrics) -> str:
    """The number that the verdict is about, in a sentence."""
    logs = metrics.logs
    if logs.valid is None:
        if logs.mode == "AccuracyOnly" and logs.finished:
            return "An accuracy test is judged by what its responses say, outside of this report."
        return "The logs hold no result."
    parts = [*_measured(metrics), *_token_rate(logs)]
    if metrics.failed_count:
        parts.insert(0, f"{counted(metrics.failed_count, 'sample')} failed")
    return " ".join(f"{part}." for part in parts)


def _measured(metrics: RunMetrics) -> list[str]:
    """What the scenario measures, of what was answered."""
    if metrics.logs.scenario == "Offline":
        rate = metrics.rate
        return [f"{number(rate[1])} samples per second" if rate else _nothing(metrics)]
    if metrics.logs.scenario == "Server":
        kinds = [TTFT, TPOT] if metrics.token_mode else [LATENCY]
        if metrics.token_mode:
            kinds += [kind for kind in (ITL, LATENCY) if metrics.bound_ns(kind) is not None]
        return [_against_bound(metrics, kind) for kind in kinds]
    if metrics.at(metrics.latency_kind, metrics.target) is None:
        return [_nothing(metrics)]
    return [_against_bound(metrics, metrics.latency_kind)]


def _nothing(metrics: RunMetrics) -> str:
    """Samples may have been answered though no query was as a whole."""
    answered = metrics.answered_count
    if not answered:
        return "Nothing was measured"
    return f"{number(answered)} samples were answered, but no query as a whole"


def _token_rate(logs: RunLogs) -> list[str]:
    rate = logs.tokens_per_second
    if rate is None:
        return []
    return [f"{number(rate)} tokens per second{', inferred' * logs.tokens_inferred}"]


def _against_bound(metrics: RunMetrics, kind: Kind) -> str:
    value = metrics.at(kind, metrics.target or 0.99)
    bound = metrics.bound_ns(kind)
    if value is None:
        return f"{kind.name}: nothing was measured"
    text = f"{kind.name} at {metrics.target_name}: {duration(value)}"
    if bound is None:
        return text
    return f"{text}, {'within' if value <= bound else 'above'} the bound of {duration(bound)}"


def findings_of(logs: RunLogs) -> tuple[Finding, ...]:
    """Why a run is not VALID, each reason with a fix; if successive reasons have the same fix, only
    the last one shows it. Then facts that the page does not show."""
    fixes = [_fix(reason, logs) for reason in logs.reasons]
    following = [*fixes[1:], ""]
    reasons = tuple(
        Finding(reason, "" if fix == after else fix)
        for reason, fix, after in zip(logs.reasons, fixes, following, strict=False)
    )
    return reasons + ((_of_left_out_samples(logs),) if logs.samples_left_out else ())


def _of_left_out_samples(logs: RunLogs) -> Finding:
    count = 0 if logs.samples is None else len(logs.samples)
    return Finding(
        f"The charts show only the first {counted(count, 'sample')}: the log had no room for "
        f"{number(logs.samples_left_out)} more.",
        "Raise max_sample_log_mb or max_free_space_share to have them all.",
    )


def _fix(reason: str, logs: RunLogs) -> str:
    if logs.number("result_failed_sample_count") and re.search(
        _BY_FAILURES.get(logs.scenario, _JUDGED), reason
    ):
        return "This may follow from the samples that failed: fix that first."
    missed_bound = logs.records.get("result_perf_constraints_met") is False
    if missed_bound and reason.startswith("early stopping"):
        return "This follows from the bound that was missed: fix that first."
    fix = next((fix for pattern, fix in _FIXES if re.search(pattern, reason)), _BY_DEFAULT)
    return fix.format(
        faster=_FASTER.get(logs.scenario, "Make the system faster"),
        more_queries=_MORE_QUERIES.get(logs.scenario, _BY_DEFAULT),
        where=_where_it_comes_from(logs),
    )


def _where_it_comes_from(logs: RunLogs) -> str:
    held_up = logs.number("result_queries_held_up_by_sut")
    count = logs.number("result_query_count")
    late_ns = logs.number("result_lateness_held_up_p99_ns") or 0
    matters = late_ns > 0.1 * (logs.number("effective_target_latency_ns") or 0)
    if held_up and count and held_up > 0.01 * count and matters:
        return (
            "its IssueQuery kept the load generator for so long that it issued "
            f"{number(held_up)} of {counted(int(count), 'query', 'queries')} late; it should only "
            "hand the query on."
        )
    return "the charts of outstanding queries and of latency over time show where it falls behind."
