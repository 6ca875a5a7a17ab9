"""The result and the trials of a peak search, as the logs have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .detail import LogRecord, number_or_none
from .worked_out_trials import worked_out_peak_qps, worked_out_trials


@dataclass(frozen=True)
class LoggedTrial:
    """One trial of a peak search."""

    qps: float
    """The rate that was tried, in queries per second."""
    purpose: str
    """The purpose, such as "bracket", "measure" or "confirm"; in a bisection "start", "boundary" or
    "middle"."""
    passed: bool | None
    """Whether the system kept up with this rate. None: not logged."""
    over_share: float | None
    """Share of the queries that were over the bound or failed; None: not logged."""
    query_count: int | None
    """Number of queries that were issued; None: not logged."""
    failed_share: float = 0.0
    """Share of the queries that failed; 0 also where it is not logged."""
    failures: tuple[str, ...] = ()
    """Why queries failed: the first few different texts."""


@dataclass(frozen=True)
class LoggedPeak:
    """What a FindPeakPerformance test logged."""

    qps: float | None
    """The peak, in queries per second; None: no peak was found, or it was not determined."""
    statement: str
    """The outcome in words; empty if the log has none, as the logs of the reference."""
    low_qps: float | None
    """Low end of the confidence interval; None: the search makes no interval."""
    high_qps: float | None
    valid_qps: float | None
    """The rate of the confirming run that was VALID."""
    trials: tuple[LoggedTrial, ...]


def peak_of(records: Sequence[LogRecord]) -> LoggedPeak | None:
    """The peak search that the records describe; None: there was none."""
    last = {record.key: record.value for record in records}
    if last.get("effective_test_mode") != "FindPeakPerformance":
        return None
    messages = [str(r.value) for r in records if r.key == "generic_message"]
    qps = worked_out_peak_qps(messages)
    if "result_peak_found" in last:
        qps = last["result_peak_qps"] if last["result_peak_found"] else None
    return LoggedPeak(
        qps=qps,
        statement=str(last.get("result_peak_statement", "")),
        low_qps=last.get("result_peak_low_qps") if qps else None,
        high_qps=last.get("result_peak_high_qps") if qps else None,
        valid_qps=(last.get("result_peak_valid_qps") or None) if qps else None,
        trials=tuple(map(_trial, _recorded_trials(records) or worked_out_trials(messages))),
    )


def _recorded_trials(records: Sequence[LogRecord]) -> list[dict[str, Any]]:
    values = (r.value for r in records if r.key == "peak_trial")
    return [v for v in values if isinstance(v, dict) and number_or_none(v.get("qps")) is not None]


def _trial(fields: Mapping[str, Any]) -> LoggedTrial:
    passed, failures = fields.get("passed"), fields.get("failures")
    query_count = number_or_none(fields.get("query_count"))
    return LoggedTrial(
        qps=float(fields["qps"]),
        purpose=str(fields.get("kind", "")),
        passed=passed if isinstance(passed, bool) else None,
        over_share=number_or_none(fields.get("over_share")),
        query_count=None if query_count is None else int(query_count),
        failed_share=number_or_none(fields.get("failed_share")) or 0.0,
        failures=tuple(map(str, failures)) if isinstance(failures, list) else (),
    )
