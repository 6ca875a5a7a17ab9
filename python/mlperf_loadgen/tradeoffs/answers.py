"""The answers of an accuracy run: which are right, and whether two systems gave the same."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from ..logs.responses import AccuracyLog, read_accuracy
from ..logs.scoring import class_answers, missing_count, run_beside
from ..text.units import counted

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """What is known of the answers to the samples of a library."""

    sample_count: int
    """The number of samples that were asked for."""
    digest: str
    """SHA-256 of all answers in the order of the samples; empty if they hold no bytes."""
    right: Flags | None
    """Whether each sample was answered right, by sample index, shape (samples of the library,); one
    without an answer was not. None: not known."""
    score: float | None
    """The number that the library's `score` gave; None: it gave none."""

    @property
    def accuracy(self) -> float | None:
        """The share of right answers, or the score."""
        if self.right is None:
            return self.score
        return float(np.count_nonzero(self.right)) / self.sample_count


def read_answers(path: str | os.PathLike[str], library: Any, dtype: str | None) -> Answers:
    """Reads and judges the accuracy log at `path`.

    The library judges by its attributes. `labels`: the right class of each sample, by index; a
    response then holds the class, or a score for each class, as numbers of `dtype`. Or
    `score(log)`: it gets the log as `read_accuracy` returns it, and returns a number, or an array
    that says of each record of the log whether it is right, shape (n,). With neither, nothing is
    judged. Raises ValueError, TypeError and what `score` raises for answers that cannot be judged.
    """
    log = read_accuracy(path)
    count = len(np.unique(log.indices)) + missing_count(run_beside(path), log)
    right: Flags | None = None
    score: float | None = None
    labels = getattr(library, "labels", None)
    if labels is not None:
        judged = _right_classes(log, labels, dtype, library.total_sample_count)
        right = _by_index(log, judged, library.total_sample_count)
    elif callable(getattr(library, "score", None)):
        found = library.score(log)
        if isinstance(found, Real):
            score = _finite(float(found))
        else:
            right = _by_index(log, _flags(found, len(log)), library.total_sample_count)
    return Answers(count, _digest(log), right, score)


def check_dtype(dtype: str, name: str) -> None:
    """Raises ValueError unless it is a type of numbers. `name`: what it was given as."""
    try:
        is_of_numbers = np.dtype(dtype).kind in "biuf"
    except TypeError:
        is_of_numbers = False
    if not is_of_numbers:
        raise ValueError(
            f"{name} is {dtype!r}, which is no type of numbers: give one such as 'int64' or "
            "'float32'"
        )


def _right_classes(log: AccuracyLog, labels: Any, dtype: str | None, total: int) -> Flags:
    """Whether each record names the right class, shape (n,). `total`: the library's samples."""
    if len(log) == 0:
        return np.zeros(0, np.bool_)
    if dtype is None:
        raise ValueError(
            "the library has labels, but nothing says what numbers the responses hold: give dtype, "
            "or give the system a response_dtype, such as 'int64' or 'float32'"
        )
    classes = np.asarray(labels)
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise TypeError(
            f"labels are {classes.dtype} of shape {classes.shape}; give a whole number for each "
            "sample, shape (n,)"
        )
    if len(classes) != total:
        raise ValueError(
            f"there are {counted(len(classes), 'label')} for {counted(total, 'sample')}: give one "
            "for each sample"
        )
    check_dtype(dtype, "response_dtype")
    if len(log.payloads.data) == 0:
        raise ValueError("the responses hold no bytes, and so no class: give complete their data")
    given = class_answers(log.payloads.as_array(dtype), classes.tolist())
    return np.asarray(given == classes[log.indices.astype(np.intp)])


def _finite(score: float) -> float:
    if not math.isfinite(score):
        raise ValueError(f"score returned {score}: return a finite number")
    return score


def _flags(found: object, count: int) -> Flags:
    flags = np.asarray(found)
    is_flags = flags.shape == (count,) and flags.dtype.kind in "biuf"
    if not is_flags or not np.isin(flags, (0, 1)).all():
        raise TypeError(
            f"score returned {found!r:.200}: return a number, or an array of shape ({count},) that "
            "says of each record of the log whether it is right"
        )
    return flags.astype(np.bool_)


def _by_index(log: AccuracyLog, flags: Flags, total: int) -> Flags:
    """The flags of the records by sample index; a sample with two answers needs both right."""
    right = np.zeros(total, np.bool_)
    indices = log.indices.astype(np.intp)
    right[indices] = True
    right[indices[~flags]] = False
    return right


def _digest(log: AccuracyLog) -> str:
    if len(log.payloads.data) == 0:
        return ""
    digest = hashlib.sha256()
    for record in np.argsort(log.indices, kind="stable").tolist():
        data = log.payloads[record]
        digest.update(int(log.indices[record]).to_bytes(8, "little"))
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
