"""The logs of LoadGen before MLPerf v1.0 (rounds v0.5 and v0.7), which are text without records.

Their detail logs have settings, errors and warnings; the result is in the summary alone.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .detail import LogRecord

_LINE = re.compile(r'"pid": \d+, "tid": \d+, "ts": (-?\d+)ns : ?(.*)')
_SECTIONS = {"Effective Settings:": "effective_", "Requested Settings:": "requested_"}
_SETTING = re.compile(r"([\w ]+?)(?: \((ns|ms)\))? ?: (.*)")
_MODES = {
    "Performance": "PerformanceOnly",
    "Accuracy": "AccuracyOnly",
    "Submission": "SubmissionRun",
}

# The beginnings of lines, and the keys of today's records for what follows.
_FACTS = {
    "version : ": "loadgen_version",
    "build_date_local : ": "loadgen_build_date_local",
    "build_date_utc   : ": "loadgen_build_date_utc",
    "git_commit_date  : ": "loadgen_git_commit_date",
    "Date + time of test: ": "test_datetime",
    "System Under Test (SUT) name: ": "sut_name",
    "Query Sample Library (QSL) name: ": "qsl_name",
    "QSL total size: ": "qsl_reported_total_count",
    "QSL performance size*: ": "qsl_reported_performance_count",
    'Loading QSL : "set" : ': "loaded_qsl_set",
}
_GENERATED = re.compile(
    r'GeneratedQueries: "queries" : (\d+), "samples per query" : (\d+), "duration" : (-?\d+)'
)

# The labels of a summary.
_RESULTS = {
    "Result is": "result_validity",
    "Performance constraints satisfied": "result_perf_constraints_met",
    "Min duration satisfied": "result_min_duration_met",
    "Min queries satisfied": "result_min_queries_met",
    "Scheduled samples per second": "result_scheduled_samples_per_sec",
    "Completed samples per second": "result_completed_samples_per_sec",
    "Samples per second": "result_samples_per_second",
    "QPS w/ loadgen overhead": "result_qps_with_loadgen_overhead",
    "QPS w/o loadgen overhead": "result_qps_without_loadgen_overhead",
    "Min latency (ns)": "result_min_latency_ns",
    "Max latency (ns)": "result_max_latency_ns",
    "Mean latency (ns)": "result_mean_latency_ns",
}
_RESULT = re.compile(r"\s*(.+?)\s*:\s*(.*?)\s*")
_PERCENTILE = re.compile(r"(\d+\.\d\d) percentile latency \(ns\)")


def is_text_log(text: str) -> bool:
    """Whether the text of a detail log is of that kind."""
    return _LINE.match(text.lstrip()) is not None


def parse_text_log(detail: str, summary: str) -> tuple[LogRecord, ...]:
    """What the detail log and the summary of a test say, as records with the keys of today."""
    records: list[LogRecord] = []
    section = ""
    for line in detail.split("\n"):
        found = _LINE.fullmatch(line)
        if found is None:  # Goes on with the text of the line before it.
            continue
        time_ms, text = int(found[1]) / 1e6, found[2].rstrip()
        if text in _SECTIONS:
            section = _SECTIONS[text]
        elif not text:
            section = ""
        elif section:
            records += _setting(section, text, time_ms)
        else:
            records += _message(text, time_ms)
    return (*records, *_results(summary, records[-1].time_ms if records else 0.0))


def _record(key: str, value: Any, time_ms: float) -> LogRecord:
    return LogRecord(key, value, time_ms, key.startswith("error_"), key.startswith("warning_"))


def _setting(section: str, text: str, time_ms: float) -> list[LogRecord]:
    found = _SETTING.fullmatch(text)
    if found is None:
        return [_record("generic_message", text, time_ms)]
    name, unit, value = found.groups()
    if name == "Scenario":
        return [_record(section + "scenario", value.replace(" ", ""), time_ms)]
    if name == "Test mode":
        return [_record(section + "test_mode", _MODES.get(value, value), time_ms)]
    key = f"{section}{name}_{unit}" if unit else section + name
    return [_record(key, _value(value), time_ms)]


def _message(text: str, time_ms: float) -> list[LogRecord]:
    if generated := _GENERATED.fullmatch(text):
        keys = ("query_count", "samples_per_query", "query_duration")
        pairs = zip(keys, generated.groups(), strict=True)
        return [_record(f"generated_{key}", int(value), time_ms) for key, value in pairs]
    for start, key in _FACTS.items():
        if text.startswith(start):
            return [_record(key, _value(text.removeprefix(start).strip('"')), time_ms)]
    if text.startswith("ERROR : "):
        message = text.removeprefix("ERROR : ")
        uncommitted = "uncommitted changes" in message
        key = "error_uncommitted_loadgen_changes" if uncommitted else "error_runtime"
        return [_record(key, message, time_ms)]
    if text.startswith("WARNING : "):
        return [_record("warning_generic_message", text.removeprefix("WARNING : "), time_ms)]
    return [_record("generic_message", text, time_ms)]


def _results(summary: str, time_ms: float) -> list[LogRecord]:
    records = []
    for line in summary.split("\n"):
        found = _RESULT.fullmatch(line)
        if found is None:
            continue
        label, value = found.groups()
        if percentile := _PERCENTILE.fullmatch(label):
            key = f"result_{percentile[1]}_percentile_latency_ns"
            records.append(_record(key, _value(value), time_ms))
        elif label in _RESULTS:
            records.append(_record(_RESULTS[label], _value(value), time_ms))
    return records


def _value(text: str) -> Any:
    """A number, truth value or list, or else the text."""
    if text in ("Yes", "NO"):
        return text == "Yes"
    try:
        return json.loads(text)
    except ValueError:
        return text
