"""Scoring the responses of an accuracy log: by a function, or as classes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Mapping
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from ..text.units import counted, share
from .readings import other_reading
from .responses import AccuracyLog, read_accuracy
from .run import RunLogs, read_run


class ScoreWarning(UserWarning):
    """A score does not cover all responses, or the responses probably have another dtype."""


def score(
    log: AccuracyLog | str | os.PathLike[str], function: Callable[[AccuracyLog], Any]
) -> dict[str, float]:
    """Scores the responses of an accuracy log, or of the log at a path, by a function of the user.

    `function(log)` returns a number, or a mapping from names to numbers. See `AccuracyLog`, and
    `Payloads.texts` and `Payloads.arrays` for responses of different sizes. Returns the numbers by
    name; a single number has the name of the function. Raises TypeError if the function returns
    anything else, and the exceptions of the function and of `read_accuracy`. Warns with a
    ScoreWarning if the log was cut off or shortened, because not all responses are then scored. For
    a log at a path, it also warns if the logs beside it say that samples have no response; how such
    a sample counts is up to the function.
    """
    read = log if isinstance(log, AccuracyLog) else read_accuracy(log)
    if read.truncated:
        part = "the beginning and the end" if read.shortened else "the beginning"
        responses = counted(len(read), "response")
        text = f"the score is of {responses}: the log holds only {part} of what it held"
        warnings.warn(text, ScoreWarning, stacklevel=2)
    missing = 0 if isinstance(log, AccuracyLog) else missing_count(run_beside(log), read)
    if missing:
        text = f"no response to be scored for {missing} of {counted(missing + len(read), 'sample')}"
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


def run_beside(path: str | os.PathLike[str]) -> RunLogs | None:
    """The other logs of the test that wrote the accuracy log at `path`, if they exist."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of other logs that were cut off.
            run = read_run(path)
    except (OSError, ValueError):
        return None
    return run if run.mode else None  # Of a detail log that is empty.


def missing_count(
    run: RunLogs | None, log: AccuracyLog, labels: Mapping[int, int] | None = None
) -> int:
    """How many samples of the data set have no response, because they failed or were never
    answered.

    `run`, from `run_beside`, says how many samples there are. Without it there is one for each
    label. For a log that was cut off or shortened the number is not known.
    """
    if log.truncated:
        return 0
    answered = np.unique(log.indices)
    if run is None:
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
    other = other_reading(rows, low, high)
    fix = "; give the dtype they were made of"
    if other is not None and other.likelier:
        fix = f"; as {other.dtype} they fit: give that dtype"
    if width == 1:
        classes = _whole_numbers(rows[:, 0], fix)
        far = (classes < min(low, -1)) | (classes > 100 * (high + 1))
        refuse = 2 * np.count_nonzero(far) > len(classes)
    else:
        if width <= high:
            raise ValueError(
                f"responses hold {width} values of {rows.dtype}, which are no scores of the "
                f"{high + 1} classes of the labels{fix}"
            )
        classes = _highest(rows, fix)
        refuse = False
    outside = (classes < low) | (classes > high)
    text = f"{_of_responses(outside)} with a class outside the labels' {low} to {high}"
    if outside.any():
        text += f", such as {classes[outside][0]}"
    if other is not None and other.likelier:
        what = text if outside.any() else f"responses are no scores of classes as {rows.dtype}"
        raise ValueError(what + fix)
    if refuse:
        raise ValueError(text + fix)
    if outside.any():
        warnings.warn(f"{text}: they count as wrong", ScoreWarning, stacklevel=2)
    if other is not None:
        warnings.warn(
            f"responses make sense as {rows.dtype} and as {other.dtype}, which gives "
            f"{share(other.changed)} of them another class: check that the dtype is the one they "
            "were made of",
            ScoreWarning,
            stacklevel=2,
        )
    return classes


def _of_responses(chosen: npt.NDArray[np.bool_]) -> str:
    return f"{np.count_nonzero(chosen):,} of {counted(len(chosen), 'response')}"


def _whole_numbers(values: npt.NDArray[Any], fix: str) -> npt.NDArray[np.int64]:
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
        f"{fix}"
    )


def _highest(rows: npt.NDArray[Any], fix: str) -> npt.NDArray[np.int64]:
    """The place of the highest score of each response; -1: one of them is no number.

    Raises ValueError where the sizes of most are not those of scores.
    """
    classes: npt.NDArray[np.int64] = rows.argmax(axis=1).astype(np.int64)
    if rows.dtype.kind != "f":
        if rows.dtype.kind not in "biu":
            raise ValueError(f"responses are no scores of classes as {rows.dtype}{fix}")
        return classes
    with np.errstate(all="ignore"):
        largest = np.abs(rows).max(axis=1)  # NaN where one is.
        plain = (largest >= max(1e-30, np.finfo(rows.dtype).tiny)) & (rows.max(axis=1) <= 1e20)
    # What is 0 throughout shows nothing.
    if 2 * np.count_nonzero(plain) < np.count_nonzero(largest != 0):
        raise ValueError(f"responses are no scores of classes as {rows.dtype}{fix}")
    broken = np.isnan(largest)
    if broken.any():
        text = f"{_of_responses(broken)} with a score that is NaN"
        warnings.warn(f"{text}: they count as wrong", ScoreWarning, stacklevel=3)
        classes[broken] = -1
    return classes
