"""`mlperf-loadgen init`: files to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status

_STARTER = Path(__file__).parents[1] / "starter"
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
_ENDPOINT_RUN_FILE = """\
# This file describes a whole run: mlperf-loadgen run --file run.yaml
# Options on the command line override what is written here.
sut: {address}
dataset: prompts.jsonl                # A prompt on each line; put your own here.

endpoint:                             # The key of the endpoint is read from OPENAI_API_KEY.
  max_tokens: 128                     # Of an answer; a prompt may have its own max_tokens.
  # extra_body: {{temperature: 0}}      # Members that are added to each request.

settings:
  scenario: Server                    # SingleStream, MultiStream, Server or Offline.
  mode: PerformanceOnly
  server_target_qps: 2                # Requests a second on average, at random times.
  use_token_latencies: true           # Judge the times of tokens by the two bounds below.
  ttft_latency: 2000000000            # The first token must come within 2 s,
  tpot_latency: 200000000             # and each later one within 200 ms on average,
  server_target_latency_percentile: 0.9  # in 90 % of the requests. MLPerf asks for 0.99.
  allow_short_answers: true           # An answer of one token is no fault.
  min_duration_ms: 60000              # An official run takes 600000.

# output: runs/first                  # Without this line: a new folder in runs.
"""


@with_options
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder for the files; it is made if missing.")
    ] = Path(),
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm",
            metavar="URL",
            help="Write a run file and prompts for this endpoint of language models, as in "
            "http://gpu:8000/v1.",
            show_default=False,
        ),
    ] = None,
    *,
    shown: Shown,
) -> Outcome:
    """Write files to start from, which work at once.

    The files are a system under test, a sample library, its labels, and a run file; with --llm they
    are prompts and a run file. Files that are already there are not overwritten.
    """
    texts = _of_own_system() if llm is None else _of_endpoint(llm)
    files = [folder / name for name in texts]
    try:
        there = [str(file) for file in files if file.exists()]
        if there:
            raise Mistake(f"{', '.join(there)}: there already; give another folder, or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{folder}: cannot be written: {error.strerror}") from error
    document = {"files": files, "exit_status": Status.DONE}
    return Outcome(Status.DONE, document, lambda: _show(folder, files))


def _of_own_system() -> Mapping[str, str]:
    """The text of each file."""
    copied = {name: _starter(name) for name in ("sut.py", "qsl.py")}
    return {**copied, "run.yaml": _RUN_FILE, "labels.csv": _labels()}


def _of_endpoint(url: str) -> Mapping[str, str]:
    """The same for an endpoint."""
    return {
        "run.yaml": _ENDPOINT_RUN_FILE.format(address=_endpoint_address(url)),
        "prompts.jsonl": _starter("prompts.jsonl"),
    }


def _endpoint_address(url: str) -> str:
    """The address as run files name it. Raises Mistake for one that is none."""
    from ...llm.address import EndpointAddress

    try:
        EndpointAddress.parse(url)
    except ValueError as error:
        raise Mistake(f"--llm {error}") from error
    return f"openai+{url.removeprefix('openai+')}"


def _starter(name: str) -> str:
    return (_STARTER / name).read_text(encoding="utf-8")


def _labels() -> str:
    """The right classes, for `accuracy --labels`."""
    from ..starter.qsl import Points

    return "class\n" + "".join(f"{label}\n" for label in Points().labels.tolist())


def _show(folder: Path, files: list[Path]) -> None:
    for file in files:
        print(f"wrote {file}")
    go = "" if folder == Path() else f"cd {folder} && "
    print(f"next: {go}mlperf-loadgen run --file run.yaml")
