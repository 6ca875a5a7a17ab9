"""The records of a detail log, as written by this library or by the reference."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PREFIX = b":::MLLOG "

# The reference writes strings without escapes and numbers such as nan, which are no JSON.
_RECORD = re.compile(r'\{"key": "(?P<key>.*?)", "value": (?P<value>.*), "time_ms": (?P<ms>[\d.]+),')
_FLAG = '"{}": true'
_NO_JSON_NUMBERS = ("nan", "-nan", "inf", "-inf")


@dataclass(frozen=True)
class LogRecord:
    """One line of a detail log."""

    key: str
    value: Any
    time_ms: float
    """Since the start of logging."""
    is_error: bool
    is_warning: bool


@dataclass(frozen=True)
class LoggedTrial:
    """One trial of a peak search."""

    qps: float
    """The rate that was tried, in queries per second."""
    purpose: str
    """Such as "bracket", "measure" or "confirm"; of a bisection "start", "boundary", "middle"."""
    passed: bool | None
    """Whether a bisection went on above this rate; None: such a search does not judge one trial."""
    over_percent: float | None
    """Percentage of the queries that were over the bound; None: was not logged."""
    query_count: int | None


@dataclass(frozen=True)
class LoggedPeak:
    """What a FindPeakPerformance test logged."""

    qps: float | None
    """The peak, in queries per second; None: none was found."""
    low_qps: float | None
    """Of the confidence interval; None: the search makes none."""
    high_qps: float | None
    valid_qps: float | None
    """The rate of the confirming run that was VALID."""
    trials: tuple[LoggedTrial, ...]


def parse_records(data: bytes) -> tuple[tuple[LogRecord, ...], bool]:
    """The records of a detail log, and whether its last line was cut off. Other lines are left."""
    records: list[LogRecord] = []
    lines = data.split(b"\n")
    for line in lines:
        if not line.startswith(PREFIX):
            continue
        record = _parse(line[len(PREFIX) :].decode(errors="replace"))
        if record is not None:
            records.append(record)
    return tuple(records), lines[-1] != b""


def peak_of(records: Sequence[LogRecord]) -> LoggedPeak | None:
    """What the records say of a peak search; None: there was none."""
    last = {record.key: record.value for record in records}
    if last.get("effective_test_mode") != "FindPeakPerformance":
        return None
    messages = [str(r.value) for r in records if r.key == "generic_message"]
    found = [m for text in messages if (m := _FOUND.match(text))]
    qps = float(found[-1][1]) if found else None
    if last.get("result_peak_found"):
        qps = last["result_peak_qps"]
    return LoggedPeak(
        qps=qps,
        low_qps=last.get("result_peak_low_qps") if qps else None,
        high_qps=last.get("result_peak_high_qps") if qps else None,
        valid_qps=(last.get("result_peak_valid_qps") or None) if qps else None,
        trials=tuple(_estimate_trials(messages) or _bisection_trials(messages)),
    )


# ---- A record ------------------------------------------------------------------------------------


def _parse(text: str) -> LogRecord | None:
    try:
        record = json.loads(text)
        metadata = record["metadata"]
        return LogRecord(
            record["key"],
            record["value"],
            record["time_ms"],
            bool(metadata["is_error"]),
            bool(metadata["is_warning"]),
        )
    except (ValueError, KeyError, TypeError):
        return _parse_loosely(text)


def _parse_loosely(text: str) -> LogRecord | None:
    found = _RECORD.match(text)
    if found is None or not text.endswith("}}"):
        return None
    after = text[found.end() :]
    return LogRecord(
        found["key"],
        _loose_value(found["value"]),
        float(found["ms"]),
        _FLAG.format("is_error") in after,
        _FLAG.format("is_warning") in after,
    )


def _loose_value(text: str) -> Any:
    if text in _NO_JSON_NUMBERS:
        return float(text)
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text


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
