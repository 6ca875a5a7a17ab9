"""`mlperf-loadgen run`: one test."""

from __future__ import annotations

import math
import re
from typing import Annotated

import typer

from ... import _core
from ..measurement import Measurement, measurement_of
from ..options.endpoint_options import Endpoint
from ..options.options import Logs, Settings, Shown, Target, with_options
from ..options.setting_values import SETTINGS_OF_A_SEARCH, Origin
from ..show.outcome import Outcome
from ..show.show import say
from ..target.endpoint_targets import names_endpoint

_EARLY_STOPPING = re.compile(r"early stopping needs (\d+) more quer(?:y|ies)")


@with_options
def run(
    target: Target,
    endpoint: Endpoint,
    settings: Settings,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            "-m",
            metavar="NAME",
            help="Mode: PerformanceOnly, AccuracyOnly, SubmissionRun or FindPeakPerformance.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show the settings, where each came from, and the traffic they make. Run nothing.",
        ),
    ] = False,
    *,
    logs: Logs,
    shown: Shown,
) -> Outcome:
    """Run one test, and judge its result.

    SUT names a class derived from mlperf_loadgen.SystemUnderTest. The class is called without
    arguments, or with the sample library if its constructor takes one. A context manager is entered
    before the test and left after it. Or SUT is the address of an endpoint; its key is read from
    OPENAI_API_KEY.

    \b
    For example:
      mlperf-loadgen run sut.py:Sut -s Server --set server_target_qps=100
      mlperf-loadgen run openai+http://gpu:8000/v1 --dataset prompts.jsonl
      mlperf-loadgen run --file run.yaml --dry-run
    """
    measurement = measurement_of(target, endpoint, settings, logs, mode=mode)
    _note_default_rate(measurement)
    _note_no_tokens(measurement)
    if dry_run:
        from ..show.dry_run import preview

        return preview(measurement)
    return _test(measurement)


def _test(measurement: Measurement) -> Outcome:
    from ...run import LogWriteError, StartTestWithLogSettings

    with measurement.testing(), measurement.system() as (system, library):
        try:
            result = StartTestWithLogSettings(
                system, library, measurement.sourced.settings, measurement.log_settings
            )
        except LogWriteError as error:  # What was measured is worth its logs.
            result = error.result
    from ..show.result_view import print_result, print_where_next, status_of

    document = {**result.to_dict(), "output": measurement.output, "exit_status": status_of(result)}

    def show() -> None:
        print_result(result)
        print_where_next(measurement.output, _next_commands(measurement, result))

    return Outcome(status_of(result), document, show)


def _note_default_rate(measurement: Measurement) -> None:
    """At a query a second a test takes minutes, and is likely to be INVALID."""
    settings = measurement.sourced.settings
    measures = settings.mode in (_core.TestMode.PerformanceOnly, _core.TestMode.SubmissionRun)
    unasked = (Origin.DEFAULT.value, Origin.BUILT_IN.value)
    given = measurement.sourced.origin("server_target_qps") not in unasked
    if settings.scenario == _core.TestScenario.Server and measures and not given:
        rate = f"{settings.server_target_qps:g} query a second"
        fix = "give a rate, as in --set server_target_qps=100"
        say(f"note: {rate}, the default of server_target_qps; {fix}")


def _note_no_tokens(measurement: Measurement) -> None:
    """An endpoint streams tokens, whose times are not looked at unless that is asked for."""
    settings = measurement.sourced.settings
    measures = settings.mode != _core.TestMode.AccuracyOnly
    if names_endpoint(measurement.sut) and measures and not settings.use_token_latencies:
        fix = "for TTFT and TPOT give --set use_token_latencies=true"
        say(f"note: only whole answers are measured; {fix}")


def _next_commands(measurement: Measurement, result: _core.TestResult) -> list[str]:
    from ..show.result_view import accuracy_command, report_command

    commands = []
    if result.accuracy_sample_count:
        commands.append(accuracy_command(measurement.output))
    if result.performance:
        commands.append(report_command(measurement.output))
    if result.performance and not result.valid:
        missing = _EARLY_STOPPING.fullmatch("; ".join(result.reasons))
        if missing:
            enough = math.ceil(1.2 * (result.performance.query_count + int(missing[1])))
            commands.append(_run_again(measurement, min_query_count=enough))
        elif result.performance.sufficient_offline_qps:
            changed = {"offline_expected_qps": result.performance.sufficient_offline_qps}
            if result.offline_probe is not None:
                changed["offline_probe_duration_ms"] = 0
            commands.append(_run_again(measurement, **changed))
        elif result.scenario == _core.TestScenario.Server:
            without = {*SETTINGS_OF_A_SEARCH, "server_target_qps"}
            commands.append(f"mlperf-loadgen find-peak {measurement.words(without=without)}")
    return commands


def _run_again(measurement: Measurement, **changed: float) -> str:
    """The command that runs the same with some settings changed."""
    asked = {"--scenario": measurement.asked.scenario, "--mode": measurement.mode}
    more = [part for name, value in asked.items() if value for part in (name, value)]
    return f"mlperf-loadgen run {measurement.words(*more, changed=changed)}"
