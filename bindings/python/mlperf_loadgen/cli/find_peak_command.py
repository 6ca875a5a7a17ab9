"""`mlperf-loadgen find-peak`: the highest rate that keeps the latency bound."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Logs, Settings, Shown, Target, with_options
from .outcome import Outcome, Status
from .session import Session, open_session
from .show import duration_text, print_heading, print_table, rate_text

if TYPE_CHECKING:
    from .. import _core
    from ..peak import PeakResult


@dataclass
class Search:
    """How to look for the peak."""

    start_qps: Annotated[
        float | None,
        typer.Option(
            metavar="QPS",
            help="Rate to begin with; may be far off.",
            show_default=False,
        ),
    ] = None
    max_qps: Annotated[
        float | None,
        typer.Option(metavar="QPS", help="Try none above.", show_default=False),
    ] = None
    precision: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Half the interval, of the rate."),
    ] = 0.01
    confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Of the interval."),
    ] = 0.95
    time_budget: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="For all trials; default: 7 times min_duration_ms.",
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
            help="Keep the trials in this file, and go on from those in it.",
            show_default=False,
        ),
    ] = None


@with_options
def find_peak(
    target: Target,
    settings: Settings,
    search: Search,
    logs: Logs,
    shown: Shown,
) -> Outcome:
    """Find the highest rate that keeps the latency bound.

    The scenario is Server. No start rate is needed. Each trial lasts min_duration_ms at most; the
    logs are those of the confirming run. The status is 1 where no rate is known that passes, or no
    run confirmed it.
    """
    from .. import peak

    session = open_session(target, settings, logs, scenario="Server", kind="peak")
    with session.testing(), session.system() as (system, library):
        try:
            found = peak.find_peak(
                system,
                library,
                session.sourced.settings,
                session.log_settings,
                start_qps=search.start_qps,
                max_qps=search.max_qps,
                precision=search.precision,
                confidence=search.confidence,
                time_budget_s=search.time_budget,
                goodput=search.goodput,
                trial_file=search.resume,
                progress=_say if session.shows_progress else False,
            )
        except peak.PeakNotFoundError as error:
            return _not_found(session, error)
    return _found(session, search, found)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _found(session: Session, search: Search, found: PeakResult) -> Outcome:
    from .result_view import print_where_next

    status = Status.INVALID if found.valid_qps is None else Status.DONE
    document = {
        "qps": found.qps,
        "interval": found.interval,
        "valid_qps": found.valid_qps,
        "end": found.end,
        "trials": _trials(found.trials),
        "result": found.result.to_dict(),
        "output": session.output,
        "exit_status": status,
    }

    def show() -> None:
        low, high = found.interval
        known = low > 0 or math.isfinite(high)
        print_heading(f"Peak of {found.result.sut_name}", f"{found.qps:.6g} queries/s")
        print_table(
            [
                ["interval", f"{low:.6g} to {high:.6g}" if known else "not known yet"],
                ["VALID at", f"{found.valid_qps:.6g}" if found.valid_qps else "no run"],
                ["trials", f"{len(found.trials)}: {found.end}"],
            ]
        )
        _print_trials(found.trials)
        if low == 0 or found.valid_qps is None:
            used = search.time_budget or 7e-3 * session.sourced.settings.min_duration_ms
            print(f"  advice: give it more time, as in --time-budget {4 * used:.3g}")
        print_where_next(session.output)

    return Outcome(status, document, show)


def _not_found(session: Session, error: Any) -> Outcome:
    trials = error.result.peak.trials if error.result.peak else []
    document = {
        "qps": None,
        "end": str(error),
        "trials": _trials(trials),
        "result": error.result.to_dict(),
        "output": session.output,
        "exit_status": Status.INVALID,
    }

    def show() -> None:
        print_heading(f"Peak of {error.result.sut_name}", "none found")
        print(f"  {error}")
        _print_trials(trials)
        print(f"\nlogs: {session.output}")

    return Outcome(Status.INVALID, document, show)


def _trials(trials: list[_core.PeakTrial]) -> list[dict[str, Any]]:
    names = ("kind", "qps", "passed", "query_count", "over_share", "duration_s")
    return [{name: getattr(trial, name) for name in names} for trial in trials]


def _print_trials(trials: list[_core.PeakTrial]) -> None:
    rows = [
        [
            trial.kind,
            rate_text(trial.qps),
            f"{trial.query_count:,}",
            f"{trial.over_share:.2%}",
            duration_text(trial.duration_s * 1e9),
            "passed" if trial.passed else "failed",
        ]
        for trial in trials
    ]
    print_table(rows, ("trial", "queries/s", "queries", "over", "lasted", ""))
