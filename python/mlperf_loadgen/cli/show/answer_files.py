"""The responses of an accuracy log, read by their type, and written to files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .outcome import Mistake, plain

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ...logs.responses import AccuracyLog

_TEXT = "text"  # Instead of a dtype.


@dataclass(frozen=True)
class Answers:
    """The contents of the responses."""

    read: AccuracyLog
    rows: npt.NDArray[Any] | None
    """Numbers, shape (n, values of a response). None: the responses are bytes or texts, or differ
    in size."""
    values: Iterable[Any]
    """A row, an array of its own size, a text, or bytes for each response."""
    ragged_dtype: np.dtype[Any] | None = None
    """The dtype of arrays of different sizes."""

    @property
    def width(self) -> int:
        """Number of values in a response; 1 if that is not the same for all."""
        return 1 if self.rows is None else self.rows.shape[1]


def read_answers(read: AccuracyLog, dtype: str | None) -> Answers:
    """The responses as `dtype` says: numbers of NumPy's dtype, "text", or None for bytes."""
    import numpy as np

    if dtype is None:
        return Answers(read, None, read.payloads)
    fix = "try int64, int32, float32 or text"
    try:
        if dtype == _TEXT:
            return Answers(read, None, read.payloads.texts())
        kind = np.dtype(dtype)
        if kind.kind not in "biufc":
            raise Mistake(f"--dtype {dtype}: no type of numbers; {fix}")
    except UnicodeError as error:
        raise Mistake(f"--dtype {dtype}: {error}") from error
    except (TypeError, SyntaxError) as error:
        raise Mistake(f"--dtype {dtype}: no type of NumPy; {fix}") from error
    except ValueError as error:
        what = error if dtype == _TEXT else f"no type of NumPy; {fix}"
        raise Mistake(f"--dtype {dtype}: {what}") from error
    try:
        if len(np.unique(np.diff(read.payloads.offsets))) > 1:
            return Answers(read, None, read.payloads.arrays(kind), kind)
        rows = read.payloads.as_array(kind)
    except ValueError as error:
        raise Mistake(f"--dtype {dtype}: {error}") from error
    return Answers(read, rows, rows)


def write_csv(path: Path, answers: Answers) -> None:
    """Writes a line for each response and a column for each value. Texts, bytes, and values of
    different number have one column, with spaces between the values."""
    width = answers.width
    names = ["response"] if width == 1 else [f"value_{i}" for i in range(width)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sequence_id", "sample_index", *names])
        for sequence, index, value in _lines(answers):
            writer.writerow([sequence, index, *_cells(answers, value)])


def _cells(answers: Answers, value: Any) -> list[Any]:
    if isinstance(value, bytes):
        return [value.hex()]
    if isinstance(value, str):
        return [value]
    numbers: list[Any] = value.tolist()
    return numbers if answers.rows is not None else [" ".join(map(str, numbers))]


def write_jsonl(path: Path, answers: Answers) -> None:
    """Writes a JSON object on each line: `sequence_id`, `sample_index`, `response` (hexadecimal
    digits, text, a number or a list of numbers) and, if the log has it, `token_count`."""
    counts = answers.read.token_counts.tolist() or None
    with path.open("w", encoding="utf-8") as file:
        for i, (sequence, index, value) in enumerate(_lines(answers)):
            shown = value.hex() if isinstance(value, bytes) else plain(value)
            if isinstance(shown, list) and answers.rows is not None and answers.width == 1:
                shown = shown[0]
            line = {"sequence_id": sequence, "sample_index": index, "response": shown}
            if counts is not None:
                line["token_count"] = counts[i]
            file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def write_npz(path: Path, answers: Answers) -> None:
    """Writes `sequence_ids`, `indices`, `token_counts`, and `responses` as rows. If responses
    differ in size, they are one after the other in `values`, response i from value_offsets[i] to
    value_offsets[i + 1]. Bytes and texts are in `payload` and `payload_offsets` in the same way."""
    import numpy as np

    read = answers.read
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "sequence_ids": read.sequence_ids,
        "indices": read.indices,
        "token_counts": read.token_counts,
    }
    if answers.rows is not None:
        arrays["responses"] = answers.rows
    elif answers.ragged_dtype is not None:
        kind = answers.ragged_dtype
        arrays["values"] = read.payloads.data.view(kind)
        arrays["value_offsets"] = read.payloads.offsets // kind.itemsize
    else:
        arrays |= {"payload": read.payloads.data, "payload_offsets": read.payloads.offsets}
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _lines(answers: Answers) -> Any:
    read = answers.read
    return zip(read.sequence_ids.tolist(), read.indices.tolist(), answers.values, strict=True)
