"""`mlperf-loadgen accuracy`: an accuracy log as arrays, in files, and scored against labels."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Shown, with_options
from .outcome import Mistake, Outcome, Status
from .show import print_heading, print_table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..logs import AccuracyLog

_LOG_NAME = "mlperf_log_accuracy.json"
_BY_SIZE = {1: "uint8", 2: "int16", 4: "int32"}  # A class in so many bytes, likely.


@with_options
def accuracy(
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help=f"Accuracy log, or a folder with {_LOG_NAME}.")
    ],
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="What responses hold, in NumPy's names: int64, float32, ...",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Score against the right classes, by sample index: .npy, or .csv with the class, "
            "or index and class, a line. Responses hold the class, or a score a class.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a line a response: hexadecimal digits, or values with --dtype.",
            show_default=False,
        ),
    ] = None,
    npz: Annotated[
        Path | None,
        typer.Option(
            "--npz", metavar="FILE", help="Write the arrays for NumPy.", show_default=False
        ),
    ] = None,
    *,
    shown: Shown,
) -> Outcome:
    """Read an accuracy log: into files, and its score.

    What it holds, as CSV or NumPy arrays, and the top-1 accuracy against labels.
    """
    read = _read(log)
    values = None if dtype is None else _values(read, dtype)
    document = {"log": log, **_facts(read), "exit_status": Status.DONE}
    if labels is not None:
        correct, scored = _score(read, values, _labels(labels), labels)
        document["top1_accuracy"] = correct / scored
        document["top1_correct"], document["scored"] = correct, scored
    written = []
    for path, write in ((csv, _write_csv), (npz, _write_npz)):
        if path is None:
            continue
        try:
            write(path, read, values)
        except OSError as error:
            raise Mistake(f"{path}: cannot be written: {error.strerror}") from error
        written.append(path)
    width = 1 if values is None else values.shape[1]
    return Outcome(
        Status.DONE, document, lambda: _show(log, document, written, dtype, width, labels)
    )


def _show(
    log: Path,
    document: dict[str, Any],
    written: list[Path],
    dtype: str | None,
    width: int,
    labels: Path | None,
) -> None:
    print_heading(f"Accuracy log {log}")
    low, high = document["bytes_min"], document["bytes_max"]
    rows = [
        ["responses", f"{document['responses']:,}"],
        ["of different samples", f"{document['samples']:,}"],
        ["bytes of a response", f"{low}" if low == high else f"{low} to {high}"],
    ]
    if document["tokens"]:
        rows.append(["tokens", f"{document['tokens']:,}"])
    if document["truncated"]:
        rows.append(["cut off", "yes: only whole responses were read"])
    if width > 1:  # A score for each class, or the wrong --dtype.
        rows.append(["values of a response", f"{width} of {dtype}"])
    if labels is not None:
        share = f"{document['top1_accuracy']:.4%}"
        rows.append(["top-1 accuracy", f"{share} ({document['top1_correct']:,} right)"])
    print_table(rows)
    for path in written:
        print(f"wrote {path}")
    if not document["responses"]:
        print("no responses: a performance test logs none; run with --mode AccuracyOnly")
    elif not written and labels is None:
        hint = "" if dtype else f" --dtype {_BY_SIZE.get(low, 'int64')}"
        print(f"next: mlperf-loadgen accuracy {log}{hint} --labels labels.csv")


# ---- Reading -------------------------------------------------------------------------------------


def _read(path: Path) -> AccuracyLog:
    from ..logs import read_accuracy

    file = path / _LOG_NAME if path.is_dir() else path
    if not file.is_file():
        what = f"folder {path} has no {_LOG_NAME}" if path.is_dir() else f"there is no file {path}"
        raise Mistake(f"{what}; give the accuracy log of a test, or its folder")
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
    }


def _values(read: AccuracyLog, dtype: str) -> npt.NDArray[Any]:
    """Responses as rows, shape (n, values of a response)."""
    import numpy as np

    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError) as error:
        raise Mistake(f"--dtype {dtype}: no type of NumPy; try int64, int32 or float32") from error
    if kind.kind not in "biufc":
        raise Mistake(f"--dtype {dtype}: no type of numbers; try int64, int32 or float32")
    try:
        return read.payloads.as_array(kind)
    except (ValueError, TypeError) as error:
        raise Mistake(f"--dtype {dtype}: {error}") from error


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
    with path.open(newline="", encoding="utf-8") as file:
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


def _score(
    read: AccuracyLog, values: npt.NDArray[Any] | None, labels: dict[int, int], path: Path
) -> tuple[int, int]:
    """How many responses name the right class, and of how many."""
    if values is None:
        raise Mistake("--labels needs --dtype: say what responses hold, as in --dtype int64")
    if len(read) == 0 or not values.shape[1]:
        raise Mistake("--labels: the log has no responses to score; run with --mode accuracy")
    missing = [index for index in read.indices.tolist() if index not in labels]
    if missing:
        raise Mistake(
            f"--labels {path}: {len(labels)} labels, and none for sample {missing[0]}; "
            "give one for each sample"
        )
    classes: npt.NDArray[Any] = values[:, 0] if values.shape[1] == 1 else values.argmax(axis=1)
    right = (labels[index] for index in read.indices.tolist())
    return sum(a == b for a, b in zip(classes.tolist(), right, strict=True)), len(read)


# ---- Writing -------------------------------------------------------------------------------------


def _write_csv(path: Path, read: AccuracyLog, values: npt.NDArray[Any] | None) -> None:
    width = 1 if values is None else values.shape[1]
    names = ["response"] if width == 1 else [f"value_{i}" for i in range(width)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sequence_id", "sample_index", *names])
        for row, (sequence, index) in enumerate(
            zip(read.sequence_ids.tolist(), read.indices.tolist(), strict=True)
        ):
            cells = [read.payloads[row].hex()] if values is None else values[row].tolist()
            writer.writerow([sequence, index, *cells])


def _write_npz(path: Path, read: AccuracyLog, values: npt.NDArray[Any] | None) -> None:
    import numpy as np

    arrays: dict[str, npt.NDArray[np.generic]] = {
        "sequence_ids": read.sequence_ids,
        "indices": read.indices,
        "token_counts": read.token_counts,
    }
    if values is None:
        arrays |= {"payload": read.payloads.data, "payload_offsets": read.payloads.offsets}
    else:
        arrays["responses"] = values
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
