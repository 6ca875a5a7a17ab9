"""The result of a test as tables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ... import _core
from ...logs.files import accuracy_log_of, detail_logs
from ...text.result import (
    STATISTICS,
    facts_of,
    is_streamed,
    remarks_of,
    times_of,
    title_of,
    verdict_of,
)
from ..options.option_names import in_options
from .outcome import Status
from .show import print_heading, print_table, print_text


def status_of(result: _core.TestResult) -> Status:
    """The exit status for a test."""
    if result.aborted:  # By the system: an interrupt is raised.
        return Status.SUT_FAILED
    if result.log_failure:
        return Status.MISTAKE
    return Status.DONE if result.valid else Status.INVALID


def print_result(result: _core.TestResult) -> None:
    """Prints the verdict, the figures, the problems of the result, and what to do about them."""
    print_heading(title_of(result), verdict_of(result))
    print_table([*facts_of(result)])
    print_table(times_of(result), ("", *STATISTICS))
    for name, text in remarks_of(result):
        print_text(f"{name}: {in_options(text) if name == 'warning' else text}")


def print_streams(result: _core.TestResult) -> None:
    """Prints the times of the run that confirmed a peak, if the system said when its tokens came:
    a rate and one latency say little of those."""
    if is_streamed(result):
        print_text("the run that confirmed it:")
        print_table(times_of(result), ("", *STATISTICS))


def report_command(output: Path) -> str:
    """The command for a report of the test that was just logged to a folder."""
    return f"mlperf-loadgen report {shlex.quote(str(_logs_of_last(output)[0]))} -o report.html"


def accuracy_command(output: Path) -> str:
    """The command that scores the answers of the test that was just logged to a folder."""
    return f"mlperf-loadgen accuracy {shlex.quote(str(_logs_of_last(output)[1]))}"


def _logs_of_last(output: Path) -> tuple[Path, Path]:
    """The folder, or detail log and accuracy log where it has those of earlier tests as well."""
    found = detail_logs(output)
    if len(found) < 2:
        return output, output
    last = max(found, key=lambda file: file.stat().st_mtime_ns)
    return last, accuracy_log_of(last)


def print_where_next(output: Path, commands: Sequence[str] = ()) -> None:
    """Prints where the logs are, and which commands to type next; without commands, to look at the
    logs."""
    print(f"\nlogs: {output}")
    for index, command in enumerate(commands or [report_command(output)]):
        print(f"{'next:' if index == 0 else '     '} {command}")
