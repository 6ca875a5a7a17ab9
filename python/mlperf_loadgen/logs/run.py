"""Reading the logs of one test into one object: `read_run`."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..text.units import counted, share
from .before_v1 import is_text_log, parse_text_log
from .detail import LogRecord, number_or_none, parse_records
from .encoding import UnreadableLogWarning, decode_log
from .files import DEFAULT_PREFIX, HEAD_BYTES, affixes, detail_log, run_name, shown_path
from .peak import LoggedPeak, peak_of
from .reasons import is_failure, reasons_of
from .samples import (
    PERFORMANCE_PHASE,
    SAMPLE_FOLDER,
    TruncatedLogWarning,
    answered_ns_of,
    last_by_query,
    left_out_text,
    open_samples,
    query_starts,
    sample_log_at,
)
from .streams import events_of
from .tokens import TokenEvents, read_tokens
from .trace import MAX_TRACE_BYTES, traced_samples

_SCENARIOS = ("effective_scenario", "requested_scenario")
_CAUTIONS = ("result_caution", "result_peak_caution")
_TRAILER = re.compile(r"^(No|\d+) (errors?|warnings?) encountered", re.MULTILINE)  # Of a summary.
_SHOWN_CHARACTERS = 200
_TOKEN_RATE = "result_{}tokens_per_second"
_TOKEN_RATES = ("completed_", "", "inferred_completed_", "inferred_")
"""Server and the closed loops have the first of a pair, Offline the second. What was counted comes
before what was inferred."""


@dataclass(frozen=True)
class RunLogs:
    """The contents of the logs of one test."""

    name: str
    """The folder's name, with the prefix and suffix of the files if they are not the usual ones."""
    folder: Path
    records: Mapping[str, Any]
    """The last value of each key in the detail log."""
    all_records: tuple[LogRecord, ...]
    """All records of the detail log, in order."""
    summary: str
    """Text of the summary; empty if there is none."""
    settings: Mapping[str, Any]
    """The settings that took effect, by name without "effective_"."""
    requested: Mapping[str, Any]
    """The settings that were asked for, by name without "requested_"."""
    scenario: str
    """The scenario, such as "Server"; empty if the logs end before it."""
    mode: str
    """The mode, such as "PerformanceOnly"; empty if the logs end before it."""
    sut_name: str
    valid: bool | None
    """The verdict. None: there is no verdict, because it was an accuracy test or the test was
    killed."""
    finished: bool
    """Whether the test ran to its end, so that its logs are whole."""
    reasons: tuple[str, ...]
    """Why the result is not VALID, in words; empty if it is VALID or was not judged."""
    cautions: tuple[str, ...]
    """Sentences that a reader must know before trusting the numbers."""
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    samples: npt.NDArray[np.void] | None
    """The rows of the performance phase, as `read_samples` returns them: shape (n,). If there is no
    sample log, they are read from the trace, without tokens, if it has at most 1 GiB and is from a
    PerformanceOnly test without warm-up. None: there is no such log, or the test had no such phase.
    """
    samples_left_out: int
    """How many samples of the test are missing in `samples`, because the log had reached its
    largest size; `samples` are then the first ones only."""
    peak: LoggedPeak | None
    """The peak search of a FindPeakPerformance test."""
    version: str
    """Version of the load generator."""
    started: datetime | None
    """Start of the test, as logged. The reference logs its local time and calls it UTC."""
    prefix: str = DEFAULT_PREFIX
    """Prefix of the names of the log files."""
    suffix: str = ""
    """Suffix of the names of the log files, before the extension."""
    unread: tuple[str, ...] = ()
    """Which parts of the logs could not be read, in words."""
    token_events: TokenEvents | None = None
    """When the tokens of `samples` came, row by row, as `read_tokens` returns it. None: the system
    did not say it, or it was not logged."""

    def latencies_ns(self) -> npt.NDArray[np.int64]:
        """The latencies that the verdict is about, in the order of issue, int64 of shape (n,).

        They are measured from schedule to completion, in MultiStream for whole queries, and in
        other scenarios for samples. Samples that failed or were never completed are left out. The
        array is empty if there are no `samples`.
        """
        rows = self.samples
        if rows is None or len(rows) == 0:
            return np.empty(0, np.int64)
        scheduled_ns, answered_ns = rows["scheduled_ns"], answered_ns_of(rows)
        if self.scenario == "MultiStream":
            starts = query_starts(rows)
            scheduled_ns, answered_ns = scheduled_ns[starts], last_by_query(answered_ns, starts)
        done = answered_ns >= 0
        latencies: npt.NDArray[np.int64] = (answered_ns - scheduled_ns)[done]
        return latencies

    @property
    def tokens_per_second(self) -> float | None:
        """The token rate, if the test counted tokens or inferred them. None: it did neither, or the
        logs end before its result."""
        rates = (self.number(_TOKEN_RATE.format(which)) for which in _TOKEN_RATES)
        return next((rate for rate in rates if rate is not None), None)

    @property
    def tokens_inferred(self) -> bool:
        """Whether `tokens_per_second` is inferred, by `token_latency_scaling_factor`."""
        counted = (self.number(_TOKEN_RATE.format(which)) for which in _TOKEN_RATES[:2])
        return self.tokens_per_second is not None and not any(rate is not None for rate in counted)

    @property
    def failed_share(self) -> float:
        """Share of the samples of the performance phase that failed, from 0 to 1; 0 without
        `samples`."""
        rows = self.samples
        return 0.0 if rows is None or len(rows) == 0 else self._failed_count(rows) / len(rows)

    def _failed_count(self, rows: npt.NDArray[np.void]) -> int:
        """Rows of requests that the system cancelled are marked, too: they have no latency."""
        cancelled = int(self.number("result_cancelled_count") or 0)
        return max(0, int(np.count_nonzero(rows["failed"])) - cancelled)

    @property
    def unanswered_share(self) -> float:
        """Share of the samples of the performance phase that failed or were never completed, from 0
        to 1; 0 without `samples`."""
        rows = self.samples
        return 0.0 if rows is None or len(rows) == 0 else float(np.mean(answered_ns_of(rows) < 0))

    @property
    def failures(self) -> str:
        """How many samples of the performance phase failed and why, in words; empty if no sample
        failed."""
        if self.samples is None or self.failed_share == 0:
            return ""
        count = self._failed_count(self.samples)
        given = [str(r.value).partition(": ")[2] for r in self.all_records if is_failure(r)]
        why = f": {given[-1]}" if given else ""
        # In the words of the result.
        noun = "sample" if len(self.samples) == 1 else "samples"
        return f"{count} of {len(self.samples)} {noun} failed ({share(self.failed_share)}){why}"

    def number(self, key: str) -> float | None:
        """The last number of a key of the detail log; None: there is none, or it is not finite."""
        return number_or_none(self.records.get(key))


def read_run(path: str | os.PathLike[str]) -> RunLogs:
    """Reads the logs of one test, written by this library or by the reference.

    `path`: the folder of the logs, or any one of the log files. If a test was killed, its logs are
    read as far as they go, with a TruncatedLogWarning. Raises FileNotFoundError if there is no such
    path, and NoRunError (a ValueError) if it holds no logs, or the logs of several tests, which the
    message lists. Warns with an UnreadableLogWarning if records cannot be read, and of logs from
    before MLPerf v1.0, which are read only in part.
    """
    detail = detail_log(Path(path))
    prefix, suffix = affixes(detail)
    summary_path = detail.with_name(f"{prefix}summary{suffix}.txt")
    summary = decode_log(summary_path.read_bytes()) if summary_path.is_file() else ""
    records, unread = _records(detail, summary)
    last = {record.key: record.value for record in records}
    finished = _TRAILER.search(summary) is not None
    mode = str(last.get("effective_test_mode", last.get("requested_test_mode", "")))
    scenario = next((str(last[key]) for key in _SCENARIOS if key in last), "")
    samples, samples_left_out = _samples(detail, records, mode)
    events = None if samples is None else _token_events(detail)
    return RunLogs(
        name=run_name(detail),
        folder=detail.parent,
        records=last,
        all_records=records,
        summary=summary,
        settings=_with_prefix("effective_", last),
        requested=_with_prefix("requested_", last),
        scenario=scenario,
        mode=mode,
        sut_name=str(last.get("sut_name", "")),
        valid=last["result_validity"] == "VALID" if "result_validity" in last else None,
        finished=finished,
        reasons=tuple(reasons_of(last, records, mode, finished)),
        cautions=tuple(str(record.value) for record in records if record.key in _CAUTIONS),
        errors=tuple(str(record.value) for record in records if record.is_error),
        warnings=tuple(str(record.value) for record in records if record.is_warning),
        samples=samples,
        samples_left_out=samples_left_out,
        peak=peak_of(records),
        version=str(last.get("loadgen_version", "")),
        started=_started(last.get("test_datetime")),
        prefix=prefix,
        suffix=suffix,
        unread=unread,
        token_events=events,
    )


def _records(detail: Path, summary: str) -> tuple[tuple[LogRecord, ...], tuple[str, ...]]:
    """The records of a detail log, and what could not be read, of which this warns."""
    data = detail.read_bytes()
    if is_text_log(decode_log(data[:HEAD_BYTES])):
        result = (
            "from its summary the result" if summary else "without a summary there is no result"
        )
        unread: tuple[str, ...] = (
            "a text log, as LoadGen wrote them before MLPerf v1.0: its settings, errors and "
            f"warnings were read, and {result}; the times of single queries were not",
        )
        records = parse_text_log(decode_log(data), summary)
    else:
        parsed = parse_records(data)
        records, unread = parsed.records, _unreadable(parsed.unreadable)
        lacking = _lacking(data, records)
        if lacking:
            warnings.warn(f"{detail}: {lacking}", TruncatedLogWarning, stacklevel=3)
            return records, (*unread, lacking)
        if parsed.cut_off:
            _warn_cut_off(detail, f"holds {counted(len(records), 'whole record')}")
    for text in unread:
        warnings.warn(f"{detail}: {text}", UnreadableLogWarning, stacklevel=3)
    return records, unread


def _lacking(data: bytes, records: Sequence[LogRecord]) -> str:
    """What a detail log lacks without which it says nothing of a test; empty: it has that."""
    if not data.strip(b"\0 \r\n\t"):
        return "the detail log is empty: its records were not written, or were lost"
    if not any(record.key in _SCENARIOS for record in records):
        return (
            f"the detail log has {counted(len(records), 'record')} and no scenario among them: it "
            "was cut off, or the test did not start"
        )
    return ""


def _unreadable(lines: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    if not lines:
        return ()
    number, line = lines[0]
    shown = shown_path(line[:_SHOWN_CHARACTERS])
    if len(lines) == 1:
        return (f"1 record cannot be read, in line {number}: {shown}",)
    return (f"{len(lines)} records cannot be read, the first one in line {number}: {shown}",)


def _warn_cut_off(path: Path, what: str) -> None:
    warnings.warn(f"{path}: cut off: {what}", TruncatedLogWarning, stacklevel=4)


def _warn_of_left_out(path: Path, count: int, left_out: int) -> None:
    warnings.warn(left_out_text(path, count, left_out), TruncatedLogWarning, stacklevel=4)


# ---- What they say -------------------------------------------------------------------------------


def _with_prefix(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def _started(text: Any) -> datetime | None:
    try:
        parsed = datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
    return parsed.replace(tzinfo=timezone.utc)


# ---- Samples -------------------------------------------------------------------------------------


def _samples(
    detail: Path, records: tuple[LogRecord, ...], mode: str
) -> tuple[npt.NDArray[np.void] | None, int]:
    """`RunLogs.samples` and `RunLogs.samples_left_out`."""
    prefix, suffix = affixes(detail)
    log = sample_log_at(detail.parent / SAMPLE_FOLDER / f"{prefix}samples{suffix}.npy")
    if log.is_file() and log.stat().st_size > 0:
        rows, left_out, is_whole = open_samples(log)
        if left_out:
            _warn_of_left_out(log, len(rows), left_out)
        elif not is_whole:
            _warn_cut_off(log, f"holds {counted(len(rows), 'whole row')}")
        return _performance_rows(log, rows), left_out
    trace = detail.with_name(f"{prefix}trace{suffix}.json")
    warmed_up = any(str(record.value).startswith("Warmed up") for record in records)
    # A trace does not distinguish phases and trials.
    if mode != "PerformanceOnly" or warmed_up or not trace.is_file():
        return None, 0
    if trace.stat().st_size > MAX_TRACE_BYTES:
        return None, 0
    traced = traced_samples(trace)
    counts = [r.value for r in records if r.key == "trace_left_out_sample_count"]
    left_out = counts[-1] if counts and isinstance(counts[-1], int) else 0
    if left_out:
        _warn_of_left_out(trace, 0 if traced is None else len(traced), left_out)
    return traced, left_out


def _token_events(detail: Path) -> TokenEvents | None:
    """`RunLogs.token_events`."""
    prefix, suffix = affixes(detail)
    log = sample_log_at(detail.parent / SAMPLE_FOLDER / f"{prefix}samples{suffix}.npy")
    path = log.with_name(f"{prefix}tokens{suffix}.npy")
    if not path.is_file() or not log.is_file():
        return None
    events, rows = read_tokens(path), open_samples(log)[0]
    if len(events.offsets) != len(rows) + 1:
        count = counted(len(events.offsets) - 1, "sample")
        what = f"has the tokens of {count}, and the sample log has {len(rows):,}; it was not read"
        warnings.warn(f"{path}: {what}", TruncatedLogWarning, stacklevel=3)
        return None
    return events_of(events, rows["phase"] == PERFORMANCE_PHASE)


def _performance_rows(log: Path, rows: npt.NDArray[np.void]) -> npt.NDArray[np.void] | None:
    performance = rows["phase"] == PERFORMANCE_PHASE
    if not performance.any():
        return None
    if min(rows["scheduled_ns"].min(), rows["issued_ns"].min()) < 0:
        raise _core.SampleLogFormatError(
            f"{log}: found times before the start of the test; it is damaged, remove it to do "
            "without"
        )
    return rows if performance.all() else rows[performance]
