"""`mlperf-loadgen convert-dataset`: prompts of MLPerf's benchmarks as a file that is only data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...text.units import counted
from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status


@with_options
def convert_dataset(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Prompts of an MLPerf benchmark, as it gives them away."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE.npz", help="The file to write."),
    ],
    allow_pickle: Annotated[
        bool,
        typer.Option(
            "--allow-pickle",
            help="Read a pickle, which can run any code when it is read: only one that you trust.",
        ),
    ] = False,
    *,
    shown: Shown,
) -> Outcome:
    """Write the prompts of an MLPerf benchmark to a file that can be read without running code.

    The file is for --dataset FILE.npz:mlperf. It is overwritten if it is there already.
    """
    from ...llm import convert_dataset as convert

    try:
        count = convert(source, output, allow_pickle=allow_pickle)
    except (ValueError, OSError, ImportError) as error:
        raise Mistake(str(error)) from error
    document = {"output": output, "prompts": count, "exit_status": Status.DONE}
    return Outcome(
        Status.DONE, document, lambda: print(f"wrote {counted(count, 'prompt')} to {output}")
    )
