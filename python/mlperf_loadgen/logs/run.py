"""Reading the logs of one test back as one value: `read_run`."""

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
from ..text.units import share
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
from .trace import MAX_TRACE_BYTES, traced_samples

_CAUTIONS = ("result_caution", "result_peak_caution")
_TRAILER = re.compile(r"^(No|\d+) (errors?|warnings?) encountered", re.MULTILINE)  # Of a summary.
_SHOWN_CHARACTERS = 200
_TOKEN_RATE = "result_{}tokens_per_second"
_TOKEN_RATES = ("completed_", "", "inferred_completed_", "inferred_")
"""Of Server and the closed loops, and of Offline: what was counted before what was inferred."""


@dataclass(frozen=True)
class RunLogs:
    """What the logs of one test say."""

    name: str
    """The folder's name; with the prefix and suffix of the files, if they are not the usual."""
    folder: Path
    records: Mapping[str, Any]
    """Of the detail log: the last value of each key."""
    all_records: tuple[LogRecord, ...]
    """Of the detail log, in order."""
    summary: str
    """Text of the summary; empty if there is none."""
    settings: Mapping[str, Any]
    """As they took effect, by name without "effective_"."""
    requested: Mapping[str, Any]
    """As they were asked for, by name without "requested_"."""
    scenario: str
    """Such as "Server"; empty if the logs end before it."""
    mode: str
    """Such as "PerformanceOnly"; empty if the logs end before it."""
    sut_name: str
    valid: bool | None
    """The verdict; None: there is none, as in an accuracy test or one that was killed."""
    finished: bool
    """The test ran to its end, so that its logs are whole."""
    reasons: tuple[str, ...]
    """Why not VALID, in words; empty if it is, or if nothing was to be judged."""
    cautions: tuple[str, ...]
    """What a reader must know before trusting the numbers, a sentence each."""
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    samples: npt.NDArray[np.void] | None
    """The rows of the performance phase, as of `read_samples`: shape (n,). Where there is no sample
    log, from a trace of up to 1 GiB of a PerformanceOnly test without warm-up, without tokens.
    None: there is neither, or the test had no such phase."""
    samples_left_out: int
    """How many samples of the test the log has not that `samples` is from, because it had reached
    the size it may have: `samples` are then the first ones only."""
    peak: LoggedPeak | None
    """Of a FindPeakPerformance test."""
    version: str
    """Of the load generator."""
    started: datetime | None
    """As logged. The reference logs its local time and calls it UTC."""
    prefix: str = DEFAULT_PREFIX
    """Of the names of the log files."""
    suffix: str = ""
    """Likewise, before the extension."""
    unread: tuple[str, ...] = ()
    """What of the logs could not be read, in words."""

    def latencies_ns(self) -> npt.NDArray[np.int64]:
        """The latencies that the verdict is about, in the order of issue, int64 of shape (n,).

        From schedule to completion: in MultiStream of whole queries, otherwise of samples. What
        failed or was never completed is left out. Empty without `samples`.
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
        """Of a test that counted tokens, or else inferred them; None: it did neither, or the logs
        end before its result."""
        rates = (self.number(_TOKEN_RATE.format(which)) for which in _TOKEN_RATES)
        return next((rate for rate in rates if rate is not None), None)

    @property
    def tokens_inferred(self) -> bool:
        """Whether `tokens_per_second` takes a sample for `token_latency_scaling_factor` tokens."""
        counted = (self.number(_TOKEN_RATE.format(which)) for which in _TOKEN_RATES[:2])
        return self.tokens_per_second is not None and not any(rate is not None for rate in counted)

    @property
    def failed_share(self) -> float:
        """Of the samples of the performance phase, from 0 to 1; 0 without `samples`."""
        rows = self.samples
        return 0.0 if rows is None or len(rows) == 0 else float(np.mean(rows["failed"]))

    @property
    def failures(self) -> str:
        """How many samples of the performance phase failed and why, in words; empty: none did."""
        if self.samples is None or self.failed_share == 0:
            return ""
        count = int(np.count_nonzero(self.samples["failed"]))
        told = [str(r.value).partition(": ")[2] for r in self.all_records if is_failure(r)]
        why = f": {told[-1]}" if told else ""
        return f"{count} of {len(self.samples)} samples failed ({share(self.failed_share)}){why}"

    def number(self, key: str) -> float | None:
        """The last number of a key of the detail log; None: there is none, or it is not finite."""
        return number_or_none(self.records.get(key))


def read_run(path: str | os.PathLike[str]) -> RunLogs:
    """Reads the logs of one test: of this library or of the reference.

    `path`: the folder of the logs, or any one of the log files. Logs of a test that was killed are
    read as far as they go, with a TruncatedLogWarning. Raises FileNotFoundError if there is no such
    path and NoRunError (a ValueError) if it holds no logs, or those of several tests, which it
    lists. Warns of records that cannot be read, and of logs before MLPerf v1.0, of which only part
    is read, with an UnreadableLogWarning.
    """
    detail = detail_log(Path(path))
    prefix, suffix = affixes(detail)
    summary_path = detail.with_name(f"{prefix}summary{suffix}.txt")
    summary = decode_log(summary_path.read_bytes()) if summary_path.is_file() else ""
    records, unread = _records(detail, summary)
    last = {record.key: record.value for record in records}
    finished = _TRAILER.search(summary) is not None
    mode = str(last.get("effective_test_mode", last.get("requested_test_mode", "")))
    scenario = str(last.get("effective_scenario", last.get("requested_scenario", "")))
    samples, samples_left_out = _samples(detail, records, mode)
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
        if parsed.cut_off:
            _warn_cut_off(detail, f"holds {len(records)} whole records")
    for text in unread:
        warnings.warn(f"{detail}: {text}", UnreadableLogWarning, stacklevel=3)
    return records, unread


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
            _warn_cut_off(log, f"holds {len(rows)} whole rows")
        return _performance_rows(log, rows), left_out
    trace = detail.with_name(f"{prefix}trace{suffix}.json")
    warmed_up = any(str(record.value).startswith("Warmed up") for record in records)
    # A trace does not tell phases and trials apart.
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
