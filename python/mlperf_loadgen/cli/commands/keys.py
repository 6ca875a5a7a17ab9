"""`mlperf-loadgen keys`: keys say who may use a node, and keep the traffic secret."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status


@with_options
def keys(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder for the keys; it is made if missing.")
    ],
    *,
    shown: Shown,
) -> Outcome:
    """Write the keys of a node, and of the load generators that may use it.

    Pass the folder to `mlperf-loadgen serve` and `mlperf-loadgen run` with --keys.
    """
    from ...qdl import make_keys

    try:
        make_keys(folder)
    except ImportError as error:
        fix = "pip install 'mlperf_loadgen[network]'"
        raise Mistake(f"keys need {error.name}, not installed: {fix}") from error
    except OSError as error:
        text = error.strerror or str(error)
        if error.filename is not None:  # The error is the system's, and names only the file.
            text = f"{folder}: cannot be written: {text}; give another folder"
        raise Mistake(text) from error
    document = {"folder": folder, "exit_status": Status.DONE}
    return Outcome(Status.DONE, document, lambda: print(f"wrote the keys into {folder}"))
