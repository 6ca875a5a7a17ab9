"""The highest Server rate that a system sustains: `find_peak`."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable
from typing import Any

from .. import _core
from ..callables import plain
from ..interfaces import QuerySampleLibrary, SystemUnderTest
from ..run import run_test, warn_of_other_mode
from .result import PeakNotDeterminedError, PeakNotFoundError, PeakResult
from .trial_file import TrialFile, search_identity


def find_peak(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    settings: _core.TestSettings,
    log_settings: _core.LogSettings | None = None,
    *,
    start_qps: float | None = None,
    max_qps: float | None = None,
    precision: float = 0.01,
    confidence: float = 0.95,
    time_budget_s: float | None = None,
    goodput: float | None = None,
    trial_file: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[str], object] = False,
    audit_config_filename: str = "audit.config",
) -> PeakResult:
    """Finds the highest Server rate at which the bounds of `settings` are kept in the long run.

    The bounds are those of the Server verdict: the target percentile of latencies, or of TTFT and
    TPOT with `use_token_latencies`. With `goodput`, that share of the queries must keep all of
    them. You need not give a start rate; `start_qps` may be far from the peak. The search runs
    trials with new arrival times, each no longer than `min_duration_ms`, until half the confidence
    interval is within `precision` of the rate or the time budget is used up (7 times
    `min_duration_ms` unless given). Then it makes a confirming run with the settings' own seeds and
    duration, whose logs it leaves. No rate above `max_qps` is tried. docs/peak_search.md describes
    the method.

    `trial_file`: each trial is written to this file when it ends, and a search that was interrupted
    continues from it. If a crash cut the file off, the last line is removed, with a
    TruncatedLogWarning. `progress`: True prints a line for each trial to the standard error; a
    callable gets the line.

    If the time was not enough to know the peak from both sides, the result says so first:
    `determined` is False, `at_least_qps` and `at_most_qps` say what is known, and `qps` raises an
    exception.

    Raises PeakNotFoundError if no rate passes, and PeakNotDeterminedError (a PeakNotFoundError) if
    no rate that was tried passed, though lower ones may. Before the first trial, raises ValueError
    if `trial_file` belongs to another search or is not such a file, SettingsError (a ValueError)
    for an option outside its range, for `test05`, and for an audit file with another mode, and
    TypeError for an option that is not a number. Also raises the exceptions of `StartTest`.
    """
    start_qps = _given("start_qps", start_qps)
    max_qps = _given("max_qps", max_qps)
    precision = _core.checked_option("precision", precision)
    confidence = _core.checked_option("confidence", confidence)
    time_budget_s = _given("time_budget_s", time_budget_s)
    goodput = _given("goodput", goodput)
    warn_of_other_mode(settings, _core.TestMode.FindPeakPerformance, "a search for the peak")
    asked = _settings_of_search(settings, max_qps)
    report = _printer(progress)
    trials = TrialFile(trial_file, search_identity(asked, goodput))

    def on_trial(trial: dict[str, Any], text: str, answer: tuple[float, float, float]) -> None:
        trials.add(trial)
        report(f"{text}; so far {answer[0]:.6g} ({answer[1]:.6g} to {answer[2]:.6g})")

    options: _core._PeakOptions = {
        "start_qps": start_qps,
        "precision": precision,
        "confidence": confidence,
        "time_budget_s": time_budget_s,
        "goodput": goodput,
        "known": trials.known,
        "on_trial": on_trial,
    }
    result = run_test(
        sut, qsl, asked, log_settings or _core.LogSettings(), audit_config_filename, options
    )
    return _result(result)


def _settings_of_search(settings: _core.TestSettings, max_qps: float | None) -> _core.TestSettings:
    asked = copy.copy(settings)
    asked.scenario = _core.TestScenario.Server
    asked.mode = _core.TestMode.FindPeakPerformance
    asked.server_find_peak_strategy = _core.PeakStrategy.Estimate
    if max_qps is not None:
        asked.server_find_peak_max_qps = max_qps
    return asked


def _given(name: str, value: float | None) -> float | None:
    return None if value is None else _core.checked_option(name, value)


def _result(result: _core.TestResult) -> PeakResult:
    peak = result.peak
    if peak is None:
        raise PeakNotFoundError("; ".join(result.reasons), result)
    if peak.none_passes:
        raise PeakNotFoundError(peak.end, result)
    if not peak.found:
        raise PeakNotDeterminedError(f"the peak is {peak.statement}", result)
    return PeakResult(
        estimate_qps=peak.qps,
        interval=(peak.low_qps, peak.high_qps or float("inf")),
        valid_qps=peak.valid_qps or None,
        trials=peak.trials,
        end=peak.end,
        result=result,
    )


def _printer(progress: bool | Callable[[str], object]) -> Callable[[str], object]:
    if callable(progress):
        return plain(progress, "progress")
    if progress:
        return lambda text: print(text, file=sys.stderr, flush=True)
    return lambda text: None
