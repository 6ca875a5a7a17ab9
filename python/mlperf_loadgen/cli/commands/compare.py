"""`mlperf-loadgen compare`: whether two systems, or two states of one, differ."""

from __future__ import annotations

from typing import Annotated

import typer

from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status

_STATUSES = {"no difference": Status.DONE, "inconclusive": Status.INCONCLUSIVE}


@with_options
def compare(
    before: Annotated[
        str,
        typer.Argument(metavar="A", help="Folder with the logs of a run, or several with commas."),
    ],
    after: Annotated[
        str, typer.Argument(metavar="B", help="Folder, or folders, to compare with A.")
    ],
    tolerance: Annotated[
        float, typer.Option(metavar="SHARE", help="Largest change that does not matter.")
    ] = 0.02,
    confidence: Annotated[
        float, typer.Option(metavar="SHARE", help="Confidence of all intervals together.")
    ] = 0.95,
    *,
    shown: Shown,
) -> Outcome:
    """Say whether B is slower or faster than A, and by how much.

    The exit status is 1 if there is a difference that chance does not explain, and 4 if the runs
    are too short or too noisy to show a difference that matters.
    """
    from ...comparison.compare import compare as compare_runs

    try:
        found = compare_runs(
            before.split(","), after.split(","), tolerance=tolerance, confidence=confidence
        )
    except (OSError, ValueError) as error:
        raise Mistake(str(error)) from error
    status = _STATUSES.get(found.outcome, Status.INVALID)
    return Outcome(status, {**found.to_dict(), "exit_status": status}, lambda: print(found))
