"""The result and the trials of a peak search, as the logs have them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .detail import LogRecord


@dataclass(frozen=True)
class LoggedTrial:
    """One trial of a peak search."""

    qps: float
    """The rate that was tried, in queries per second."""
    purpose: str
    """The purpose, such as "bracket", "measure" or "confirm"; in a bisection "start", "boundary" or
    "middle"."""
    passed: bool | None
    """Whether a bisection continued above this rate. None: other searches do not judge single
    trials."""
    over_percent: float | None
    """Percentage of the queries that were over the bound; None: not logged."""
    query_count: int | None


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
    found = [m for text in messages if (m := _FOUND.match(text))]
    qps = float(found[-1][1]) if found else None
    if "result_peak_found" in last:
        qps = last["result_peak_qps"] if last["result_peak_found"] else None
    return LoggedPeak(
        qps=qps,
        statement=str(last.get("result_peak_statement", "")),
        low_qps=last.get("result_peak_low_qps") if qps else None,
        high_qps=last.get("result_peak_high_qps") if qps else None,
        valid_qps=(last.get("result_peak_valid_qps") or None) if qps else None,
        trials=tuple(_estimate_trials(messages) or _bisection_trials(messages)),
    )


# ---- The trials of a peak search, which are logged as messages for people ------------------------

_NUMBER = r"([-+.\w]+?)"
_FOUND = re.compile(rf"FindPeakPerformance: Found peak performance field: {_NUMBER}$")
_ESTIMATE = re.compile(
    rf"FindPeakPerformance: (\w+) at {_NUMBER} queries/s for .*?: {_NUMBER} % of (\d+) queries"
)
_START = re.compile(rf"FindPeakPerformance: Check validity of the base settings field: {_NUMBER}$")
_BOUNDARY = re.compile(rf"FindBoundaries: Checking fields \[{_NUMBER}, {_NUMBER}\)$")
_MIDDLE = re.compile(rf".*Testing the mid value of bounds \[{_NUMBER}, {_NUMBER}\): {_NUMBER}$")
_BOUNDS = re.compile(rf"FindPeakPerformance: Found boundaries: \[{_NUMBER}, {_NUMBER}\)$")


def _estimate_trials(messages: Sequence[str]) -> list[LoggedTrial]:
    return [
        LoggedTrial(float(m[2]), m[1], None, float(m[3]), int(m[4]))
        for text in messages
        if (m := _ESTIMATE.match(text))
    ]


def _bisection_trials(messages: Sequence[str]) -> list[LoggedTrial]:
    """A trial passed if the search went on above it: the next lower bound is its rate."""
    steps: list[tuple[str, float, float | None]] = []  # Purpose, rate, known lower bound before.
    for text in messages:
        if m := _START.match(text):
            steps.append(("start", float(m[1]), None))
        elif m := _BOUNDARY.match(text):
            steps.append(("boundary", float(m[2]), float(m[1])))
        elif m := _MIDDLE.match(text):
            steps.append(("middle", float(m[3]), float(m[1])))
        elif (m := _BOUNDS.match(text)) or (m := _FOUND.match(text)):
            steps.append(("", 0.0, float(m[1])))
    trials = []
    for i, (purpose, qps, _) in enumerate(steps):
        if purpose:
            following = steps[i + 1][2] if i + 1 < len(steps) else None
            passed = None if following is None else following >= qps
            trials.append(LoggedTrial(qps, purpose, passed, None, None))
    return trials
