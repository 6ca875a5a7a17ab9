"""`mlperf-loadgen init`: files to start from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status

_STARTER = Path(__file__).parents[1] / "starter"
_COPIED = ("sut.py", "qsl.py")
_RUN_FILE = """\
# This file describes a whole run: mlperf-loadgen run --file run.yaml
# Options on the command line override what is written here.
sut: sut.py:NearestCenter
qsl: qsl.py:Points

settings:
  scenario: Server                    # SingleStream, MultiStream, Server or Offline.
  mode: PerformanceOnly
  server_target_qps: 1000             # Queries a second on average, at random times.
  server_target_latency_ns: 50000000  # 99 % of them must be answered within 50 ms.
  # offline_expected_qps: 1000000     # For Offline, instead of the two lines above.
  min_duration_ms: 1000               # An official run takes 600000.

log:
  enable_trace: false

# output: runs/first                  # Without this line: a new folder in runs.
"""


@with_options
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder for the files; it is made if missing.")
    ] = Path(),
    *,
    shown: Shown,
) -> Outcome:
    """Write files to start from, which work at once.

    The files are a system under test, a sample library, its labels, and a run file. Files that are
    already there are not overwritten.
    """
    files = [folder / name for name in (*_COPIED, "run.yaml", "labels.csv")]
    try:
        there = [str(file) for file in files if file.exists()]
        if there:
            raise Mistake(f"{', '.join(there)}: there already; give another folder, or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        for name in _COPIED:
            shutil.copyfile(_STARTER / name, folder / name)
        (folder / "run.yaml").write_text(_RUN_FILE, encoding="utf-8")
        (folder / "labels.csv").write_text(_labels(), encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{folder}: cannot be written: {error.strerror}") from error
    document = {"files": files, "exit_status": Status.DONE}
    return Outcome(Status.DONE, document, lambda: _show(folder, files))


def _labels() -> str:
    """The right classes, for `accuracy --labels`."""
    from ..starter.qsl import Points

    return "class\n" + "".join(f"{label}\n" for label in Points().labels.tolist())


def _show(folder: Path, files: list[Path]) -> None:
    for file in files:
        print(f"wrote {file}")
    go = "" if folder == Path() else f"cd {folder} && "
    print(f"next: {go}mlperf-loadgen run --file run.yaml")
