"""The records of a detail log, as written by this library or by the reference."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .encoding import decode_log

PREFIX = ":::MLLOG "

_START_OF_RECORD = re.compile(rf"^(?={PREFIX})", re.MULTILINE)
# The reference writes strings without escapes and numbers such as nan, which are no JSON.
_RECORD = re.compile(
    r'\{"key": "(?P<key>.*?)", "value": (?P<value>.*), "time_ms": (?P<ms>-?[\d.]+),', re.DOTALL
)
# What is JSON by chance: a path of Windows, of which \n and the like are part.
_UNESCAPED_PATH = re.compile(r'(?<![A-Za-z0-9])[A-Za-z]:\\(?![\\"])')
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
    """The peak, in queries per second; None: none was found, or it was not determined."""
    statement: str
    """What was found, in words; empty: the log has none, as those of the reference."""
    low_qps: float | None
    """Of the confidence interval; None: the search makes none."""
    high_qps: float | None
    valid_qps: float | None
    """The rate of the confirming run that was VALID."""
    trials: tuple[LoggedTrial, ...]


@dataclass(frozen=True)
class ParsedLog:
    """The records of a detail log, and what is none."""

    records: tuple[LogRecord, ...]
    cut_off: bool
    """Its last line has no end."""
    unreadable: tuple[tuple[int, str], ...]
    """Lines that begin a record which cannot be read: number, from 1, and text. The line that was
    cut off is not among them."""


def parse_records(data: bytes) -> ParsedLog:
    """Reads a detail log. A record may go on over several lines, as the reference escapes no line
    ends in texts; lines before the first record are left."""
    text = decode_log(data)
    cut_off = text != "" and not text.endswith("\n")
    records: list[LogRecord] = []
    unreadable = []
    parts = _START_OF_RECORD.split(text)
    line_number = 1
    for part in parts:
        if part.startswith(PREFIX):
            first_line = part.split("\n", 1)[0]
            record = _parse(first_line) or _parse(part)
            if record is not None:
                records.append(record)
            elif not (cut_off and part is parts[-1]):
                unreadable.append((line_number, first_line))
        line_number += part.count("\n")
    return ParsedLog(tuple(records), cut_off, tuple(unreadable))


def peak_of(records: Sequence[LogRecord]) -> LoggedPeak | None:
    """What the records say of a peak search; None: there was none."""
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


# ---- A record ------------------------------------------------------------------------------------


def _parse(line: str) -> LogRecord | None:
    text = line.removeprefix(PREFIX).strip()
    try:
        record = json.loads(text, strict=False)
        key, value, time_ms = record["key"], record["value"], record["time_ms"]
        metadata = record.get("metadata") or {}
        is_error, is_warning = bool(metadata.get("is_error")), bool(metadata.get("is_warning"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _parse_loosely(text)
    if isinstance(value, str) and _UNESCAPED_PATH.search(text):
        return _parse_loosely(text) or LogRecord(key, value, time_ms, is_error, is_warning)
    return LogRecord(key, value, time_ms, is_error, is_warning)


def _parse_loosely(text: str) -> LogRecord | None:
    """A record that is no JSON: its text as it is in the log."""
    found = _RECORD.match(text)
    if found is None or not text.endswith("}}"):
        return None
    try:
        time_ms = float(found["ms"])
    except ValueError:
        return None
    after = text[found.end() :]
    return LogRecord(
        found["key"],
        _loose_value(found["value"]),
        time_ms,
        _FLAG.format("is_error") in after,
        _FLAG.format("is_warning") in after,
    )


def _loose_value(text: str) -> Any:
    if text in _NO_JSON_NUMBERS:
        return float(text)
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    for candidate in (text, text.replace("\\", "\\\\")):  # Lists and objects may hold paths, too.
        try:
            return json.loads(candidate)
        except ValueError:
            continue
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
