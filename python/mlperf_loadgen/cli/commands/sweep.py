"""`mlperf-loadgen sweep`: latency against load."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import _core
from ...text.units import counted
from ..measurement import Measurement, measurement_of
from ..options.endpoint_options import Endpoint
from ..options.option_names import check_option
from ..options.options import Logs, Settings, Shown, Target, with_options
from ..options.plot_files import check_plot
from ..options.setting_values import no_setting, split_assignment
from ..options.sweep_values import sweep_values
from ..show.outcome import Mistake, Outcome, Status
from ..show.show import say

if TYPE_CHECKING:
    from ...sweeps.table import Sweep, SweepPoint


_OWN_SETTINGS = {"mode": "PerformanceOnly"}
_TABLES = ("sweep.json", "sweep.csv")


@dataclass
class Curve:
    """Which runs make the curve, and where it is drawn."""

    values: Annotated[
        str,
        typer.Option(
            "--values",
            "-v",
            metavar="LIST",
            help="Values to run: a list such as 100,200,400, or a range such as 100:1000:10, which "
            "stands for 10 values from 100 to 1000.",
            show_default=False,
        ),
    ]
    parameter: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Setting that the values are for; default: the load of the scenario.",
            show_default=False,
        ),
    ] = None
    geometric: Annotated[
        bool,
        typer.Option(
            "--geometric", help="Space the values of a range by equal factors, not equal distances."
        ),
    ] = False
    repeats: Annotated[int, typer.Option(metavar="N", help="How often to run each value.")] = 1
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the curve to this file (.png, .svg, .pdf).",
            show_default=False,
        ),
    ] = None


@with_options
def sweep(
    target: Target, endpoint: Endpoint, curve: Curve, settings: Settings, logs: Logs, shown: Shown
) -> Outcome:
    """Run a test at each load of a list, for the latency curve.

    The folder gets the logs of each run, and the table as sweep.json and sweep.csv. The exit status
    is 1 if no run was VALID.
    """
    from ...sweeps.run import sweep as run_sweep

    check_option("--repeats", "repeats", curve.repeats)
    measurement = measurement_of(
        target, endpoint, settings, logs, own=_OWN_SETTINGS, kind="sweep", tables=_TABLES
    )
    numbers = sweep_values(curve.values, geometric=curve.geometric)
    if curve.plot is not None:
        check_plot(curve.plot)
    _check_parameter(measurement.sourced.settings, curve.parameter)
    _check_not_swept(settings, measurement.sourced.settings, curve.parameter)
    with (
        measurement.testing(_done_text(measurement, len(numbers) * curve.repeats)),
        measurement.system() as (system, library),
    ):
        table = run_sweep(
            system,
            library,
            measurement.sourced.settings,
            numbers,
            parameter=curve.parameter,
            repeats=curve.repeats,
            outdir=measurement.output,
            log_settings=measurement.log_settings,
            progress=_say if measurement.shows_progress else None,
        )
    if curve.plot is not None:
        _draw(table, curve.plot, measurement)
    return _outcome(measurement, table, curve.plot)


def _check_parameter(settings: _core.TestSettings, parameter: str | None) -> None:
    """Raises Mistake for a parameter that cannot be varied."""
    if parameter is None:
        if settings.scenario.name == "SingleStream":
            raise Mistake(
                "SingleStream has no load to vary: give --scenario Server, or the setting that "
                "takes the values, --parameter KEY"
            )
        return
    if parameter not in settings.to_dict():
        raise no_setting(f"--parameter {parameter}", parameter)
    why = _core.why_unused(settings, parameter)
    if why:
        raise Mistake(f"--parameter {parameter} has no effect: {why}")


def _check_not_swept(given: Settings, settings: _core.TestSettings, parameter: str | None) -> None:
    """Raises Mistake for a setting on the command line whose values come from the sweep."""
    from ...sweeps.run import fixed_settings, swept_parameter

    swept = swept_parameter(settings, parameter)
    names = (swept, *fixed_settings(settings.scenario, parameter))
    for text in given.set:
        asked = split_assignment("--set", text)
        if asked.name in names:
            raise Mistake(
                f"{asked.shown}: has no effect, since the sweep over {swept} sets it: leave it out"
            )


def _done_text(measurement: Measurement, total: int) -> Callable[[BaseException], str]:
    def done_text(error: BaseException) -> str:
        done = len(error.sweep.points) if hasattr(error, "sweep") else 0
        table = f", their table is {measurement.output / 'sweep.json'}" if done else ""
        return f"done: {done} of {counted(total, 'run')}{table}"

    return done_text


def _say(point: SweepPoint) -> None:
    say(str(point))


def _draw(table: Sweep, plot: Path, measurement: Measurement) -> None:
    try:
        table.plot(plot)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Mistake(
            f"--plot {plot}: cannot be drawn: {reason}; the table is in "
            f"{measurement.output / 'sweep.json'}"
        ) from error


def _outcome(measurement: Measurement, table: Sweep, plot: Path | None) -> Outcome:
    valid = any(point.valid for point in table.points)
    status = Status.DONE if valid else Status.INVALID
    written = json.loads((measurement.output / "sweep.json").read_text(encoding="utf-8"))
    document = {**written, "output": measurement.output, "exit_status": status}

    def show() -> None:
        print(table)
        from ..show.result_view import print_where_next

        print_where_next(measurement.output)
        if plot is not None:
            print(f"plot: {plot}")

    return Outcome(status, document, show)
