"""The highest Server rate that a system sustains: `find_peak`."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _core
from .callables import plain
from .interfaces import QuerySampleLibrary, SystemUnderTest
from .run import run_test

_FORMAT = "mlperf_loadgen peak search 1"
# Say where the search looks or what it costs, and not what it measures.
_NOT_MEASURED = ("server_target_qps", "mode", "server_find_peak_strategy", "stall_timeout_ms")


@dataclass(frozen=True)
class PeakResult:
    """What `find_peak` found."""

    qps: float
    """The rate, in queries per second, at which the bound is just kept in the long run; the highest
    that passed where the budget ended before that was known."""
    interval: tuple[float, float]
    """Its confidence interval; (0, inf) as far as nothing bounds it."""
    valid_qps: float | None
    """The rate of the confirming run that was VALID; None: none was."""
    trials: list[_core.PeakTrial]
    end: str
    """Why the search ended, in words."""
    result: _core.TestResult
    """Of the confirming run, whose logs are the search's; its `performance` is None where the
    search ended without one."""

    def __str__(self) -> str:
        low, high = self.interval
        valid = f"VALID at {self.valid_qps:.6g}" if self.valid_qps else "no VALID run"
        return (
            f"peak {self.qps:.6g} queries/s ({low:.6g} to {high:.6g}), {valid}; "
            f"{len(self.trials)} trials: {self.end}"
        )


class PeakNotFoundError(RuntimeError):
    """No rate is known that passes. `result` is the result of the test, with its trials."""

    def __init__(self, text: str, result: _core.TestResult) -> None:
        super().__init__(text)
        self.result = result

    def __reduce__(self) -> tuple[type[PeakNotFoundError], tuple[str, _core.TestResult]]:
        return type(self), (str(self), self.result)


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
    TPOT with `use_token_latencies`; with `goodput`, that share of the queries must keep all of
    them. No start rate is needed; `start_qps` may be far off. The search tries rates with fresh
    arrivals, no longer than `min_duration_ms` each, until half the confidence interval is within
    `precision` of the rate or the budget is used (7 times `min_duration_ms` unless given), and then
    confirms with a run of the settings' own seeds and duration, whose logs it leaves. No rate above
    `max_qps` is tried. docs/peak_search.md has the method.

    `trial_file`: trials are written there as they end, and a search that was interrupted goes on
    from it. `progress`: True prints a line a trial to the standard error; a callable gets the line.

    Raises PeakNotFoundError if no rate passes, ValueError if `trial_file` is of another search, and
    what `StartTest` raises.
    """
    asked = copy.copy(settings)
    asked.scenario = _core.TestScenario.Server
    asked.mode = _core.TestMode.FindPeakPerformance
    asked.server_find_peak_strategy = _core.PeakStrategy.Estimate
    if max_qps is not None:
        asked.server_find_peak_max_qps = max_qps
    report = _printer(progress)
    trials = _TrialFile(trial_file, _identity(asked, goodput))

    def on_trial(trial: dict[str, Any], text: str, answer: tuple[float, float, float]) -> None:
        trials.add(trial)
        report(f"{text}; peak {answer[0]:.6g} ({answer[1]:.6g} to {answer[2]:.6g})")

    options: _core._PeakOptions = {
        "start_qps": start_qps or 0.0,
        "precision": precision,
        "confidence": confidence,
        "budget_s": time_budget_s or 0.0,
        "goodput": goodput,
        "known": trials.known,
        "on_trial": on_trial,
    }
    result = run_test(
        sut, qsl, asked, log_settings or _core.LogSettings(), audit_config_filename, options
    )
    return _result(result)


def _result(result: _core.TestResult) -> PeakResult:
    peak = result.peak
    if peak is None or not peak.found:
        text = peak.end if peak else "; ".join(result.reasons)
        raise PeakNotFoundError(text, result)
    return PeakResult(
        qps=peak.qps,
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


def _identity(settings: _core.TestSettings, goodput: float | None) -> dict[str, Any]:
    """What two searches must agree in for the trials of one to say something of the other."""
    values = {
        name: getattr(value, "name", value)
        for name, value in settings.to_dict().items()
        if name not in _NOT_MEASURED
    }
    return {"format": _FORMAT, "settings": values, "goodput": goodput}


class _TrialFile:
    """Trials as lines of JSON behind a first line that says what they are trials of."""

    def __init__(self, path: str | os.PathLike[str] | None, identity: dict[str, Any]) -> None:
        self.known: list[dict[str, Any]] = []
        self._path = None if path is None else Path(path)
        if self._path is None:
            return
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        if lines and lines[0] != json.dumps(identity):
            raise ValueError(
                f"{self._path} is no file of trials of a search with these settings; remove it or "
                "give another trial_file"
            )
        whole = [line for line in lines[1:] if line.endswith("}")]  # The last may be cut off.
        self.known = [json.loads(line) for line in whole]
        self._path.write_text("".join(f"{line}\n" for line in (json.dumps(identity), *whole)))

    def add(self, trial: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(trial) + "\n")
