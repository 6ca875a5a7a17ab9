"""`mlperf-loadgen doctor`: what rates this machine can be trusted with."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status
from ..show.show import say


@with_options
def doctor(
    seconds: Annotated[
        float, typer.Option(metavar="N", help="About how many seconds to measure.")
    ] = 10.0,
    *,
    shown: Shown,
) -> Outcome:
    """Measure up to which rate this machine issues queries on time.

    The command measures clocks, timers and interruptions, and runs short tests at rising rates.
    """
    from ...doctor.examination import examine

    try:
        found = examine(seconds, progress=_say if sys.stderr.isatty() else None)
    except ValueError as error:
        raise Mistake(f"--seconds {seconds:g}: {error}") from error
    document = {**found.to_dict(), "exit_status": Status.DONE}
    return Outcome(Status.DONE, document, lambda: print(found))


def _say(step: str) -> None:
    say(f"{step} ...")
