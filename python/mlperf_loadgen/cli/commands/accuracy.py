"""`mlperf-loadgen accuracy`: an accuracy log in files, and scored."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...text.units import counted, share
from ..options.options import Shown, with_options
from ..show.answer_files import Answers, read_answers, write_csv, write_jsonl, write_npz
from ..show.outcome import Mistake, Outcome, Status
from ..show.show import print_heading, print_table, print_text
from ..target.targets import find_function
from ..target.user_code import calling_user_code

if TYPE_CHECKING:
    from ...logs.responses import AccuracyLog
    from ...logs.run import RunLogs

_BY_SIZE = {1: "uint8", 2: "int16", 4: "int32"}  # A class in so many bytes, likely.


@dataclass
class Files:
    """Where to write the responses."""

    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a line for each response: its values if --dtype is given, or else "
            "hexadecimal digits.",
            show_default=False,
        ),
    ] = None
    jsonl: Annotated[
        Path | None,
        typer.Option(
            "--jsonl",
            metavar="FILE",
            help="Write a JSON object for each response, for texts and for responses of different "
            "sizes.",
            show_default=False,
        ),
    ] = None
    npz: Annotated[
        Path | None,
        typer.Option(
            "--npz", metavar="FILE", help="Write the responses as NumPy arrays.", show_default=False
        ),
    ] = None

    def check_apart_from(self, *inputs: Path | None) -> None:
        """Raises Mistake if a file to write is also read by the command, and would be lost."""
        for name, path in (("--csv", self.csv), ("--jsonl", self.jsonl), ("--npz", self.npz)):
            if path is not None and path.exists() and any(i and path.samefile(i) for i in inputs):
                raise Mistake(f"{name} {path}: is read by this command; give another file")

    def write(self, answers: Answers) -> list[Path]:
        """Returns the files that were written."""
        asked = ((self.csv, write_csv), (self.jsonl, write_jsonl), (self.npz, write_npz))
        written = []
        for path, write in asked:
            if path is None:
                continue
            try:
                write(path, answers)
            except OSError as error:
                raise Mistake(f"{path}: cannot be written: {error.strerror}") from error
            written.append(path)
        return written


@dataclass
class Scoring:
    """What the responses are, and how they are scored."""

    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="Type of the responses: text, or numbers by their NumPy name, such as int64 or "
            "float32.",
            show_default=False,
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Score the responses against the right class of each sample: a .npy array in the "
            "order of the sample indices, or a .csv with a class, or an index and a class, on each "
            "line. A response holds the class, or a score for each class.",
            show_default=False,
        ),
    ] = None
    score: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="Score the responses by your own function, package.module:function or "
            "path/file.py:function. It gets the log as read_accuracy returns it, and returns a "
            "number or a dict of names and numbers.",
            show_default=False,
        ),
    ] = None


@with_options
def accuracy(
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help="Accuracy log, or the folder of a test.")
    ],
    *,
    scoring: Scoring,
    files: Files,
    shown: Shown,
) -> Outcome:
    """Read an accuracy log, score it, and write it to other files.

    The score is the top-1 accuracy against labels, or the result of your own function. The files
    are CSV, JSON or NumPy arrays. A sample without a response counts as wrong, because it failed or
    was never answered.
    """
    from ...logs.scoring import missing_count, run_beside

    file = _file(log)
    read = _read(file)
    files.check_apart_from(file, scoring.labels)
    answers = read_answers(read, scoring.dtype)
    run = run_beside(file)
    classes = None if scoring.labels is None else _labels(scoring.labels)
    missing = missing_count(run, read, classes)
    document = {"log": log, **_facts(read), "missing": missing, "exit_status": Status.DONE}
    if classes is not None:
        correct = _correct_count(answers, scoring, classes, missing)
        scored = len(read) + missing
        document["top1_accuracy"] = correct / scored
        document["top1_correct"], document["scored"] = correct, scored
    if scoring.score is not None:
        document["scores"] = _scores(read, scoring.score)
    written = files.write(answers)

    def show() -> None:
        _show(log, document, scoring, answers.width)
        for reason in _why_missing(run) if missing and run is not None else ():
            print_text(f"reason: {reason}")
        for path in written:
            print(f"wrote {path}")
        if len(read) > 0:
            _show_next(log, document, written, scoring)
        else:
            print(f"no responses: {_why_none(run, missing)}")

    return Outcome(Status.DONE, document, show)


def _show(log: Path, document: dict[str, Any], scoring: Scoring, width: int) -> None:
    print_heading(f"Accuracy log {log}")
    low, high = document["bytes_min"], document["bytes_max"]
    rows = [
        ["responses", f"{document['responses']:,}"],
        ["of different samples", f"{document['samples']:,}"],
        ["bytes of a response", f"{low}" if low == high else f"{low} to {high}"],
    ]
    if document["tokens"]:
        rows.append(["tokens", f"{document['tokens']:,}"])
    if document["shortened"]:
        rows.append(["shortened", "yes: only the responses of its beginning and its end are there"])
    elif document["truncated"]:
        rows.append(["cut off", "yes: only whole responses were read"])
    if width > 1:  # A score for each class, or the wrong --dtype.
        rows.append(["values of a response", f"{width} of {scoring.dtype}"])
    if scoring.labels is not None:
        accuracy = share(document["top1_accuracy"], 6)
        part = ", of the responses that are there" if document["truncated"] else ""
        rows.append(["top-1 accuracy", f"{accuracy} ({document['top1_correct']:,} right{part})"])
    rows += [[name, f"{value:.6g}"] for name, value in document.get("scores", {}).items()]
    if document["missing"]:
        counts = "" if scoring.labels is None else ": they count as wrong"
        total = document["responses"] + document["missing"]
        rows.append(["without a response", f"{document['missing']:,} of {total:,}{counts}"])
    print_table(rows)


def _show_next(log: Path, document: dict[str, Any], written: list[Path], scoring: Scoring) -> None:
    low = document["bytes_min"]
    if low != document["bytes_max"] and not written and "scores" not in document:
        print(f"next: mlperf-loadgen accuracy {log} --dtype text --jsonl answers.jsonl")
    elif not written and scoring.labels is None and "scores" not in document:
        hint = "" if scoring.dtype else f" --dtype {_BY_SIZE.get(low, 'int64')}"
        print(f"next: mlperf-loadgen accuracy {log}{hint} --labels labels.csv")


def _why_none(run: RunLogs | None, missing: int) -> str:
    if missing:
        return "the system answered no sample; find out why before you score it"
    if run is None:
        return (
            "the other logs of the test, which would show why, are not there or cannot be read; a "
            "performance test logs none"
        )
    return "a performance test logs none; run with --mode AccuracyOnly"


def _why_missing(run: RunLogs) -> Iterable[str]:
    """Each once: a test says it of every part of the data set."""
    from ...logs.reasons import is_failure

    failures = [str(record.value) for record in run.all_records if is_failure(record)]
    return dict.fromkeys(failures or run.reasons[:1])


# ---- Reading -------------------------------------------------------------------------------------


def _file(path: Path) -> Path:
    from ...logs.files import NoRunError, accuracy_log

    try:
        return accuracy_log(path)
    except NoRunError as error:
        raise Mistake(str(error)) from error


def _read(file: Path) -> AccuracyLog:
    from ...logs.responses import read_accuracy

    try:
        return read_accuracy(file)
    except (OSError, ValueError) as error:
        raise Mistake(f"{file}: {error}") from error


def _facts(read: AccuracyLog) -> dict[str, Any]:
    import numpy as np

    sizes = np.diff(read.payloads.offsets.astype(np.int64))
    return {
        "responses": len(read),
        "samples": len(np.unique(read.indices)),
        "bytes_min": int(sizes.min()) if len(sizes) else 0,
        "bytes_max": int(sizes.max()) if len(sizes) else 0,
        "tokens": int(read.token_counts.sum()),
        "truncated": read.truncated,
        "shortened": read.shortened,
    }


# ---- Scoring -------------------------------------------------------------------------------------


def _labels(path: Path) -> dict[int, int]:
    """The right class by sample index."""
    import numpy as np

    try:
        if path.suffix != ".npy":
            return _csv_labels(path)
        classes = np.load(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Mistake(f"--labels {path}: cannot be read: {reason}") from error
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        shape = f"{classes.dtype} of shape {classes.shape}"
        raise Mistake(f"--labels {path}: {shape}; give a whole number a sample, shape (n,)")
    return dict(enumerate(classes.tolist()))


def _csv_labels(path: Path) -> dict[int, int]:
    # A byte order mark, as spreadsheets write, would make a heading of the first label.
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in csv.reader(file) if line]
    found: dict[int, int] = {}
    for number, line in enumerate(lines):
        try:
            words = [int(word) for word in line]
        except ValueError:
            if number == 0:  # The heading.
                continue
            raise Mistake(f"--labels {path}: {','.join(line)!r} holds no whole numbers") from None
        if len(words) > 2:
            raise Mistake(f"--labels {path}: {len(words)} columns; give the class, or index,class")
        found[words[0] if len(words) == 2 else len(found)] = words[-1]
    return found


def _correct_count(
    answers: Answers, scoring: Scoring, labels: dict[int, int], missing_count: int
) -> int:
    """How many responses name the right class."""
    from ...logs.scoring import class_answers

    read, dtype = answers.read, scoring.dtype
    if dtype is None:
        raise Mistake("--labels needs --dtype: say what responses hold, as in --dtype int64")
    if len(read) == 0 and missing_count > 0:
        return 0
    if len(read) == 0 or not answers.width:
        raise Mistake("--labels: the log has no responses to score; run with --mode AccuracyOnly")
    if answers.rows is None:
        raise Mistake(
            f"--labels: responses of {dtype} that differ in size, or are text, name no class; "
            "score them by a function, as in --score score.py:rouge"
        )
    missing = [index for index in read.indices.tolist() if index not in labels]
    if missing:
        raise Mistake(
            f"--labels {scoring.labels}: {counted(len(labels), 'label')}, and none for "
            f"sample {missing[0]}; give one for each sample"
        )
    try:
        classes = class_answers(answers.rows, labels.values())
    except ValueError as error:
        raise Mistake(f"--dtype {dtype}: {error}") from error
    right = (labels[index] for index in read.indices.tolist())
    return sum(a == b for a, b in zip(classes.tolist(), right, strict=True))


def _scores(read: AccuracyLog, target: str) -> dict[str, float]:
    from ...logs.scoring import score

    function = find_function(target, "--score")
    try:
        with calling_user_code(f"--score {target} failed"):
            return score(read, function)
    except TypeError as error:
        raise Mistake(f"--score {target}: {error}") from error
