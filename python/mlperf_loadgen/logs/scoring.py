"""Scoring the responses of an accuracy log: by a function, or as classes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Mapping
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .responses import AccuracyLog, read_accuracy
from .run import read_run

_KINDS = ("int64", "int32", "int16", "uint8", "float32", "float64")  # Likely ones of a response.


class ScoreWarning(UserWarning):
    """A score is not of all responses, or the responses are hardly what they were taken for."""


def score(
    log: AccuracyLog | str | os.PathLike[str], function: Callable[[AccuracyLog], Any]
) -> dict[str, float]:
    """Scores the responses of an accuracy log, or of the log at a path, by a function of the user.

    `function(log)` returns a number, or a mapping from names to numbers; see `AccuracyLog`, and
    `Payloads.texts` and `Payloads.arrays` for responses of different sizes. Returns the numbers by
    name, the function's own for a single one. Raises TypeError if it returns something else, what
    it raises itself, and what `read_accuracy` raises. Warns with a ScoreWarning if the log was cut
    off or shortened, as not all responses are scored then, and, of a log at a path, if the logs
    beside it say that samples have no response: what such a sample counts is up to the function.
    """
    read = log if isinstance(log, AccuracyLog) else read_accuracy(log)
    if read.truncated:
        part = "the beginning and the end" if read.shortened else "the beginning"
        text = f"the score is of {len(read)} responses: the log holds only {part} of what it held"
        warnings.warn(text, ScoreWarning, stacklevel=2)
    missing = 0 if isinstance(log, AccuracyLog) else missing_count(log, read)
    if missing:
        text = f"{missing} of {missing + len(read)} samples have no response to be scored"
        warnings.warn(text, ScoreWarning, stacklevel=2)
    found = function(read)
    name = getattr(function, "__name__", type(function).__name__)
    scores = found if isinstance(found, Mapping) else {name: found}
    for key, value in scores.items():
        if not isinstance(key, str) or not isinstance(value, Real):
            raise TypeError(
                f"{name} returned {found!r:.200}: return a number, or a dict of names and numbers"
            )
    return {key: float(value) for key, value in scores.items()}


def missing_count(
    path: str | os.PathLike[str], log: AccuracyLog, labels: Mapping[int, int] | None = None
) -> int:
    """How many samples of the data set have no response: they failed, or were never answered.

    The logs beside the one at `path` tell how many there are. By itself it has one for each label.
    Of a log that was cut off or shortened nobody knows.
    """
    if log.truncated:
        return 0
    answered = np.unique(log.indices)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of other logs that were cut off.
            run = read_run(path)
    except (OSError, ValueError):
        return len((labels or {}).keys() - set(answered.tolist()))
    if run.mode not in ("AccuracyOnly", "SubmissionRun"):  # It logs a choice of the responses.
        return 0
    counts = ("effective_accuracy_sample_count", "qsl_reported_total_count")
    asked = min(int(run.number(name) or 0) for name in counts)
    return max(asked - len(answered), 0)


def class_answers(rows: npt.NDArray[Any], labels: Collection[int]) -> npt.NDArray[np.int64]:
    """The class that each response names: its one value, or the place of the highest of several.

    `rows`: numbers, shape (n, values of a response), n and the values at least 1; `labels`: the
    right classes of the data set. Returns shape (n,). Raises ValueError, naming a dtype that fits
    if there is one, where the values cannot be classes or scores of these classes, as they cannot
    if they were read with the wrong dtype. Warns with a ScoreWarning of classes that no label has.
    """
    low, high = min(labels), max(labels)
    width = rows.shape[1]
    fits = _fitting_dtype(rows, low, high)
    cure = (
        f"; as {fits} they fit: give that dtype" if fits else "; give the dtype they were made of"
    )
    if width == 1:
        classes = _whole_numbers(rows[:, 0], cure)
        far = (classes < min(low, -1)) | (classes > 100 * (high + 1))
        refuse = 2 * np.count_nonzero(far) > len(classes)
    else:
        if width <= high:
            raise ValueError(
                f"responses hold {width} values of {rows.dtype}, which are no scores of the "
                f"{high + 1} classes of the labels{cure}"
            )
        if not _may_be_scores(rows) or (rows.dtype.kind in "iub" and fits):
            raise ValueError(f"responses are no scores of classes as {rows.dtype}{cure}")
        classes = rows.argmax(axis=1).astype(np.int64)
        refuse = False
    outside = (classes < low) | (classes > high)
    if outside.any():
        text = (
            f"{np.count_nonzero(outside)} of {len(classes)} responses name classes outside the "
            f"labels' {low} to {high}, such as {classes[outside][0]}"
        )
        if refuse or fits:
            raise ValueError(text + cure)
        warnings.warn(f"{text}: they count as wrong", ScoreWarning, stacklevel=2)
    return classes


def _whole_numbers(values: npt.NDArray[Any], cure: str) -> npt.NDArray[np.int64]:
    if values.dtype.kind in "biu":
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            broken = values != np.floor(values)  # Also of what is no number.
        # An infinite number is not below either.
        if not broken.any() and (np.abs(values.astype(np.float64)) < 2**62).all():
            return values.astype(np.int64)
        values = values[broken] if broken.any() else values
    raise ValueError(
        f"responses of {values.dtype} such as {values[0]:g} are no classes, which are whole numbers"
        f"{cure}"
    )


def _may_be_scores(rows: npt.NDArray[Any]) -> bool:
    """Of most responses, the values have sizes that scores of classes have."""
    if rows.dtype.kind == "f":
        return bool(2 * np.count_nonzero(_are_plain(rows, 1e-30, 1e20)) >= len(rows))
    # Integers, the bits of which are floating-point numbers of such sizes, are these.
    other = {4: np.float32, 8: np.float64}.get(rows.dtype.itemsize)
    if other is None or rows.dtype.kind not in "iu" or not rows.any():
        return rows.dtype.kind in "biu"
    return not bool(_are_plain(rows.view(other), 1e-12, 1e12).all())


def _are_plain(rows: npt.NDArray[Any], least: float, most: float) -> npt.NDArray[np.bool_]:
    """Of which rows the highest value is 0 or of a size between the two, and all are numbers."""
    with np.errstate(all="ignore"):
        highest = np.abs(rows.max(axis=1))
        sized = (highest == 0) | ((highest >= least) & (highest <= most))
        plain: npt.NDArray[np.bool_] = sized & ~np.isnan(rows).any(axis=1)
    return plain


def _fitting_dtype(rows: npt.NDArray[Any], low: int, high: int) -> str:
    """Another dtype, as which the same bytes are classes or scores of classes; empty: none."""
    rows = np.ascontiguousarray(rows)
    size = rows.shape[1] * rows.dtype.itemsize
    for name in _KINDS:
        kind = np.dtype(name)
        if kind == rows.dtype or size % kind.itemsize:
            continue
        values = rows.view(np.uint8).view(kind)
        if values.shape[1] == 1:
            with np.errstate(invalid="ignore"):
                good = (values >= low) & (values <= high) & (values == np.floor(values))
            fits = bool(good.all())
        else:
            scores = kind.kind == "f" and values.shape[1] in (high + 1, high + 2)
            fits = scores and bool(_are_plain(values, 1e-6, 1e6).all())
        if fits:
            return name
    return ""
