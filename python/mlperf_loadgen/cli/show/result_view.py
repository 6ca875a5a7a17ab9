"""The result of a test as tables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ... import _core
from ...logs.files import accuracy_log_of, detail_logs
from ...text.result import STATISTICS, facts_of, remarks_of, times_of, title_of, verdict_of
from ..options.option_names import in_options
from .outcome import Status
from .show import print_heading, print_table, print_text


def status_of(result: _core.TestResult) -> Status:
    """The exit status that a test comes to."""
    if result.aborted:  # By the system: an interrupt is raised.
        return Status.SUT_FAILED
    if result.log_failure:
        return Status.MISTAKE
    return Status.DONE if result.valid else Status.INVALID


def print_result(result: _core.TestResult) -> None:
    """Verdict, figures, what speaks against it, and what to do about that."""
    print_heading(title_of(result), verdict_of(result))
    print_table([*facts_of(result)])
    print_table(times_of(result), ("", *STATISTICS))
    for name, text in remarks_of(result):
        print_text(f"{name}: {in_options(text) if name == 'warning' else text}")


def report_command(output: Path) -> str:
    """The page of the test that was just logged to a folder."""
    return f"mlperf-loadgen report {shlex.quote(str(_logs_of_last(output)[0]))} -o report.html"


def accuracy_command(output: Path) -> str:
    """Likewise what the test answered."""
    return f"mlperf-loadgen accuracy {shlex.quote(str(_logs_of_last(output)[1]))}"


def _logs_of_last(output: Path) -> tuple[Path, Path]:
    """The folder, or detail log and accuracy log where it has those of earlier tests as well."""
    found = detail_logs(output)
    if len(found) < 2:
        return output, output
    last = max(found, key=lambda file: file.stat().st_mtime_ns)
    return last, accuracy_log_of(last)


def print_where_next(output: Path, commands: Sequence[str] = ()) -> None:
    """Where the logs are, and what to type next: the commands, or else to look at them."""
    print(f"\nlogs: {output}")
    for index, command in enumerate(commands or [report_command(output)]):
        print(f"{'next:' if index == 0 else '     '} {command}")
