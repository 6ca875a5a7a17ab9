"""`mlperf-loadgen find-peak`: the highest rate that keeps the latency bound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ... import _core
from ...text.units import duration, rate, share
from ..measurement import Measurement, measurement_of
from ..options.endpoint_options import Endpoint
from ..options.option_names import check_option
from ..options.options import Logs, Settings, Shown, Target, with_options
from ..options.setting_values import SETTINGS_OF_A_SEARCH, split_assignment
from ..show.outcome import Mistake, Outcome, Status
from ..show.result_view import print_streams, print_where_next, status_of
from ..show.show import print_heading, print_table, print_text, say

if TYPE_CHECKING:
    from ...peak.result import PeakNotFoundError, PeakResult

_GROWTH = 4  # Of a budget that left no time to find or confirm a rate.


@dataclass
class Search:
    """How to look for the peak."""

    start_qps: Annotated[
        float | None,
        typer.Option(
            metavar="QPS",
            help="Rate at which the search starts; it may be far from the peak.",
            show_default=False,
        ),
    ] = None
    max_qps: Annotated[
        float | None,
        typer.Option(metavar="QPS", help="Try no rate above this one.", show_default=False),
    ] = None
    precision: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Stop when half the confidence interval is at most this share of the rate.",
        ),
    ] = 0.01
    confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Confidence of the interval of the peak."),
    ] = 0.95
    time_budget: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Time for all trials together; default: "
            f"{_core.peak_budget_durations():g} times min_duration_ms.",
            show_default=False,
        ),
    ] = None
    goodput: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the queries that must keep all bounds.",
            show_default=False,
        ),
    ] = None
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save the trials in this file, and continue from the trials it already has.",
            show_default=False,
        ),
    ] = None

    @property
    def resumes(self) -> bool:
        """Whether there are trials to continue from."""
        return self.resume is not None and self.resume.stat().st_size > 0

    def check(self) -> None:
        """Raises Mistake for a number out of its range."""
        check_option("--start-qps", "start_qps", self.start_qps)
        check_option("--max-qps", "max_qps", self.max_qps)
        check_option("--precision", "precision", self.precision)
        check_option("--confidence", "confidence", self.confidence)
        check_option("--time-budget", "time_budget_s", self.time_budget)
        check_option("--goodput", "goodput", self.goodput)
        if self.resume is not None:
            self._check_resume(self.resume)

    @staticmethod
    def _check_resume(file: Path) -> None:
        """Opens the file before the system is made, which may take long."""
        try:
            with file.open("a+", encoding="utf-8") as opened:
                opened.seek(0)
                opened.read()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise Mistake(f"--resume {file}: cannot hold trials: {reason}") from error


@with_options
def find_peak(
    target: Target,
    endpoint: Endpoint,
    settings: Settings,
    search: Search,
    logs: Logs,
    shown: Shown,
) -> Outcome:
    """Find the highest rate that keeps the latency bound.

    The scenario is Server. You need not give a start rate. Each trial lasts at most
    min_duration_ms. The logs are those of the confirming run. The exit status is 1 if the peak is
    not determined (and is not at --max-qps or above), if no rate passed, if no run confirmed the
    peak, or if the test was INVALID for another reason, such as faults in the probe.
    """
    from ...peak.find import find_peak as search_for_peak
    from ...peak.result import PeakNotFoundError

    search.check()
    if search.resumes:  # The logs of a search that goes on are those of its trials.
        logs.force = True
    measurement = measurement_of(
        target, endpoint, settings, logs, own=SETTINGS_OF_A_SEARCH, kind="peak"
    )
    _check_rates(settings, search)

    def done_text(error: BaseException) -> str:
        if search.resume is None:
            return "trials that are done are lost; keep them with --resume FILE"
        return f"trials that are done are in {search.resume}; the same command goes on from them"

    with measurement.testing(done_text), measurement.system() as (system, library):
        try:
            found = search_for_peak(
                system,
                library,
                measurement.sourced.settings,
                measurement.log_settings,
                start_qps=search.start_qps,
                max_qps=search.max_qps,
                precision=search.precision,
                confidence=search.confidence,
                time_budget_s=search.time_budget,
                goodput=search.goodput,
                trial_file=search.resume,
                progress=say if measurement.shows_progress else False,
            )
        except PeakNotFoundError as error:
            return _not_found(measurement, search, error)
    return _found(measurement, search, found)


def _check_rates(settings: Settings, search: Search) -> None:
    """Raises Mistake for settings in whose place this command has an option."""
    for text in settings.set:
        name, value, _, shown = split_assignment("--set", text)
        if name == "server_target_qps":
            raise Mistake(
                f"{shown}: has no effect, since the search chooses its rates; to begin with one, "
                f"give --start-qps {value}"
            )
        if name == "server_find_peak_max_qps" and search.max_qps is not None:
            raise Mistake(
                f"{shown}: --max-qps {search.max_qps:g} takes its place; give one of the two"
            )


def _found(measurement: Measurement, search: Search, found: PeakResult) -> Outcome:
    known = found.determined or found.at_limit
    confirmed = known and found.valid_qps is not None
    status = _status_of(found.result, confirmed)
    document = {
        "qps": found.qps if known else None,
        "determined": found.determined,
        "statement": found.statement,
        "at_least_qps": found.at_least_qps,
        "at_most_qps": found.at_most_qps,
        "settling_budget_s": found.settling_budget_s,
        "settling_min_duration_s": found.settling_min_duration_s,
        "estimate_qps": found.estimate_qps,
        "interval": found.interval,
        "valid_qps": found.valid_qps,
        "end": found.end,
        "cautions": found.cautions,
        "trials": _trials(found.trials),
        "result": found.result.to_dict(),
        "output": measurement.output,
        "exit_status": status,
    }

    def show() -> None:
        peak = f"{found.estimate_qps:.6g} queries/s" if found.determined else "not determined"
        print_heading(f"Peak of {found.result.sut_name}", peak)
        rows = [
            ["known", _known(found)],
            ["VALID at", f"{found.valid_qps:.6g}" if found.valid_qps else "no run"],
            ["trials", f"{len(found.trials)}: {_in_options(found.end)}"],
        ]
        if found.settling_budget_s is not None:
            more = f"--time-budget {_seconds(found.settling_budget_s)}"
            if found.settling_min_duration_s is not None:
                more += f" and a min_duration of {_seconds(found.settling_min_duration_s)} s"
            rows.insert(1, ["to settle it", f"{more} will do, as a rule"])
        print_table(rows)
        _print_trials(found.trials)
        if found.valid_qps is not None:
            print_streams(found.result)
        for caution in found.cautions:
            print_text(f"caution: {caution}")
        if found.valid_qps is None:
            _print_unconfirmed(found)
        elif not found.result.valid:
            print_text("meaning: the result is INVALID, although a run confirmed the peak")
            print_text(f"reason: {'; '.join(found.result.reasons)}")
        again = (
            []
            if confirmed or not _more_time_helps(found)
            else [_longer_search(measurement, search, found.result.peak)]
        )
        print_where_next(measurement.output, again)

    return Outcome(status, document, show)


def _status_of(result: _core.TestResult, confirmed: bool) -> Status:
    """That of the test, which is not VALID as long as no peak is known and confirmed."""
    status = status_of(result)
    return Status.INVALID if status == Status.DONE and not confirmed else status


def _more_time_helps(found: PeakResult) -> bool:
    """Not where queries fail, and not where a longer search was not what was missing."""
    failures = any(trial.failed_share for trial in found.trials if trial.kind == "confirm")
    return not failures and (found.determined or found.settling_budget_s is not None)


def _known(found: PeakResult) -> str:
    """The interval as far as it is known."""
    least, most = found.at_least_qps, found.at_most_qps
    if found.determined:
        low, high = found.interval
        return f"{low:.6g} to {high:.6g}"
    parts = [f"at least {least:.6g}"] if least else []
    parts += [f"at most {most:.6g}"] if most else []
    return f"{' and '.join(parts)} queries/s" if parts else "neither end"


def _print_unconfirmed(found: PeakResult) -> None:
    """What it means that no run was VALID."""
    print_text(
        "meaning: no run of the whole duration was VALID at any rate, so there is no result to "
        "report"
    )
    confirming = [trial for trial in found.trials if trial.kind == "confirm"]
    if confirming:
        why = "; ".join(found.result.reasons) or "it was too long over the latency bound"
        print_text(f"reason: the run at {rate(confirming[-1].qps)} was INVALID: {why}")
    else:
        print_text("reason: the time was used before a run could confirm a rate")


def _longer_search(
    measurement: Measurement, search: Search, peak: _core.PeakSearchResult | None
) -> str:
    """The command again, with time enough to settle the peak, and trials long enough."""
    settings = measurement.sourced.settings
    given = {
        "--start-qps": search.start_qps,
        "--max-qps": search.max_qps,
        "--goodput": search.goodput,
    }
    more = [part for name, value in given.items() if value for part in (name, f"{value:.10g}")]
    changed = {}
    if peak is not None and peak.settling_min_duration_s:
        changed["min_duration_ms"] = round(1000 * peak.settling_min_duration_s)
    elif search.resume is not None:  # Trials of another duration are of another search.
        more += ["--resume", str(search.resume)]
    used_s = search.time_budget or _core.peak_budget_durations() * settings.min_duration_ms / 1000
    budget_s = peak.settling_budget_s if peak is not None else 0
    more += ["--time-budget", _seconds(budget_s or _GROWTH * used_s)]
    return f"mlperf-loadgen find-peak {measurement.words(*more, changed=changed)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g}" if seconds < 1000 else f"{seconds:.0f}"


def _in_options(end: str) -> str:
    return end.replace("server_find_peak_max_qps", "--max-qps")


def _not_found(measurement: Measurement, search: Search, error: PeakNotFoundError) -> Outcome:
    peak = error.result.peak
    open_end = peak is not None and not peak.none_passes
    trials = peak.trials if peak else []
    status = _status_of(error.result, confirmed=False)
    document = {
        "qps": None,
        "determined": False,
        "statement": peak.statement if peak else str(error),
        "end": str(error),
        "trials": _trials(trials),
        "result": error.result.to_dict(),
        "output": measurement.output,
        "exit_status": status,
    }

    def show() -> None:
        verdict = "not determined" if open_end else "none found"
        print_heading(f"Peak of {error.result.sut_name}", verdict)
        print_text(_in_options(str(error)))
        _print_trials(trials)
        for caution in error.result.cautions:
            print_text(f"caution: {caution}")
        if not (peak and peak.settling_budget_s):  # More of it would change nothing.
            print(f"\nlogs: {measurement.output}")
            return
        print_text("meaning: the time was used before any trial passed; one may, given more")
        print_where_next(measurement.output, [_longer_search(measurement, search, peak)])

    return Outcome(status, document, show)


def _trials(trials: list[_core.PeakTrial]) -> list[dict[str, Any]]:
    shares = ("over_share", "failed_share", "failures")
    names = ("kind", "qps", "passed", "query_count", *shares, "duration_s")
    return [{name: getattr(trial, name) for name in names} for trial in trials]


def _print_trials(trials: list[_core.PeakTrial]) -> None:
    rows = [
        [
            trial.kind,
            rate(trial.qps),
            f"{trial.query_count:,}",
            share(trial.over_share),
            share(trial.failed_share),
            duration(trial.duration_s * 1e9),
            "passed" if trial.passed else "failed",
        ]
        for trial in trials
    ]
    print_table(rows, ("trial", "queries/s", "queries", "over", "failed", "lasted", ""))
