"""Functions for tests of a system's speed: they run it, and assert that it is valid and no slower
than before."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from . import _core
from .comparison.compare import compare
from .comparison.comparison import Comparison
from .host.folders import make_folder, require_working_directory
from .interfaces import QuerySampleLibrary, SystemUnderTest
from .logs.files import is_log_name
from .run import StartTestWithLogSettings
from .text.units import share

_temporary: list[tempfile.TemporaryDirectory[str]] = []  # Removed when the process ends.


def run(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    *,
    outdir: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> _core.TestResult:
    """Runs a test and returns its result.

    `settings` are attributes of `TestSettings`; `scenario` and `mode` may be names such as
    "Server". The logs go to `outdir`, which is created if missing. Without `outdir` the logs are
    deleted when the process ends. There is no trace log, and audit.config is not read. Raises the
    exceptions of `StartTest`.
    """
    for name, kind in (("scenario", _core.TestScenario), ("mode", _core.TestMode)):
        if isinstance(settings.get(name), str):
            settings[name] = _member(kind, settings[name], name)
    if outdir is None:
        _temporary.append(tempfile.TemporaryDirectory(prefix="mlperf_testing_"))
        outdir = _temporary[-1].name
    folder = make_folder(outdir, "outdir")
    logs = _core.LogSettings()
    logs.log_output.outdir = str(folder)
    logs.enable_trace = False
    return StartTestWithLogSettings(sut, qsl, _core.TestSettings(**settings), logs, "")


def assert_valid(result: _core.TestResult) -> None:
    """Raises AssertionError, with reasons and advice, unless the result is VALID."""
    __tracebackhide__ = True  # For pytest: the failure is the caller's.
    if not result.valid:
        raise AssertionError(f"the test is not VALID\n{result}")


def assert_no_slower(
    result: _core.TestResult | str | os.PathLike[str],
    baseline: str | os.PathLike[str],
    *,
    tolerance: float = 0.05,
    confidence: float = 0.95,
) -> Comparison:
    """Raises AssertionError, with the table, if a run is slower than a baseline, or if it left
    samples without an answer.

    `result`: the result of `run`, or a folder of logs; `baseline`: a folder, such as one made by
    `save_baseline`. The run is slower if `compare` finds it slower, in any statistic, by more than
    the share `tolerance`. An inconclusive comparison fails too, because such a run shows nothing:
    make it longer, or raise the tolerance to a change that it can show. Returns the comparison.

    Raises ValueError if the two cannot be compared: the scenario or settings differ, there is no
    sample log, or the baseline left samples without an answer.
    """
    __tracebackhide__ = True
    found = compare(baseline, _logs_of(result), tolerance=tolerance, confidence=confidence)
    if found.settings_differ:
        names = ", ".join(found.settings_differ)
        raise ValueError(
            f"the baseline {os.fspath(baseline)} was made with other settings ({names}); "
            "run with the same, or save the baseline anew"
        )
    if found.unanswered[1] > 0:
        raise AssertionError(f"not every sample was answered\n{found}")
    if found.unanswered[0] > 0:
        raise ValueError(f"the baseline left samples without an answer; save a VALID one\n{found}")
    if found.outcome in ("slower", "mixed"):
        limit = share(tolerance)
        raise AssertionError(f"slower than the baseline (A) by more than {limit}\n{found}")
    if found.outcome == "inconclusive":
        raise AssertionError(
            "the runs cannot show whether it is slower than the baseline (A) by more than "
            f"{share(tolerance)}; make both runs longer, or raise the tolerance\n{found}"
        )
    return found


def save_baseline(
    result: _core.TestResult, folder: str | os.PathLike[str], *, replace: bool = False
) -> None:
    """Copies the logs that `assert_no_slower` needs to `folder`: detail, summary and sample log.

    Raises FileExistsError if `folder` exists. With `replace` True the folder is replaced instead,
    if it holds nothing but logs. Raises ValueError if the result is not VALID or has no sample log.
    """
    logs = result.logs
    if not result.valid or not logs.samples:
        what = "has no sample log" if result.valid else "is not VALID"
        raise ValueError(f"a result that {what} can be no baseline\n{result}")
    require_working_directory(folder, "folder")
    target = Path(folder).absolute()
    if target.exists() and not replace:
        raise FileExistsError(f"there is a baseline in {target}; pass replace=True to replace it")
    others = [path.name for path in target.glob("*") if not is_log_name(path.name)]
    if others:
        raise FileExistsError(f"{target} is more than a baseline ({', '.join(others)}): remove it")
    make_folder(target.parent, "folder")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        fresh = Path(scratch, target.name)  # The old one stays until this is whole.
        fresh.mkdir()
        for path in (logs.detail, logs.summary, logs.samples):
            shutil.copy2(path, fresh)
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)


def _logs_of(result: _core.TestResult | str | os.PathLike[str]) -> str:
    return result.logs.detail if isinstance(result, _core.TestResult) else os.fspath(result)


def _member(kind: Any, name: str, setting: str) -> Any:
    if name not in kind.__members__:
        known = ", ".join(kind.__members__)
        raise ValueError(f"{setting} {name!r} is none of {known}")
    return kind.__members__[name]
