"""`mlperf-loadgen report`: a page with charts of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status


@with_options
def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders with the logs of tests.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")
    ] = Path("report.html"),
    *,
    shown: Shown,
) -> Outcome:
    """Write a page with charts of one or more runs."""
    for folder in folders:
        if not folder.exists():
            raise Mistake(f"there is no folder {folder}; give those of finished runs")
    try:
        from ...report import write_report

        write_report(folders, output)
    except (OSError, ValueError, ImportError) as error:
        raise Mistake(str(error)) from error
    document = {"report": output, "runs": folders, "exit_status": Status.DONE}
    return Outcome(Status.DONE, document, lambda: print(f"wrote {output}; open it in a browser"))
