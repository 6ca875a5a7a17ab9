"""The records of a detail log, as written by this library or by the reference."""

from __future__ import annotations

import json
import math
import re
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
    """Time since the start of logging."""
    is_error: bool
    is_warning: bool


@dataclass(frozen=True)
class ParsedLog:
    """The records of a detail log, and the lines that are not records."""

    records: tuple[LogRecord, ...]
    cut_off: bool
    """Whether the last line has no end."""
    unreadable: tuple[tuple[int, str], ...]
    """Lines that begin a record which cannot be read: number, from 1, and text. The line that was
    cut off is not among them."""


def parse_records(data: bytes) -> ParsedLog:
    """Reads a detail log. A record may extend over several lines, because the reference does not
    escape line ends in texts. Lines before the first record are ignored."""
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


def number_or_none(value: object) -> float | None:
    """A value of a log if it is a finite number, or else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) else None


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
