"""Which dtype bytes of responses are of: whether they make more sense as another one.

A reading with the wrong dtype is found by what it costs to write its numbers down: classes of the
labels cost few bits, scores have sizes near 1 or spread little, and the bytes of other numbers have
neither. All readings are of the same bytes, so that their costs can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_CODES = ("i8", "i4", "i2", "i1", "u1", "f4", "f8", "f2", "u8", "u4", "u2")  # Likely ones first.
_MAX_ROWS = 4096
_MAX_BYTES = 1 << 18
"""At most so much of the responses is looked at: a part of them shows their dtype."""
_SURE_BITS = 24.0
_SURE_SHARE = 0.05
_CLOSE_SHARE = 0.01
"""Readings of which the costs differ by less are equally likely."""
_BITS_PER_DOUBLING = 3.0
"""Bits for each response with twice as many scores as there are classes, beside 1/4 for a score."""
_SIGN_SHARE = 0.15
"""If the costs differ by less, bytes are equally likely with and without a sign."""
_SCORE_EXPONENTS = (-20, 8)
"""Powers of 2 between which most scores are, from probabilities of many classes to logits."""
_MOST_OFFSET = 1000.0
"""For integers of two bytes and more: the bits of a floating-point number are further away."""
_EXPONENT_BITS = 5.0
"""To say that there is one."""
_COMMON_SHARE = 0.1
_NO_NUMBER_BITS = 64.0
_INFINITE_BITS = 12.0
_EXPECTED_TOP = 0.6
"""Share of the highest of quantized probabilities in most responses, at the least."""

Rows = npt.NDArray[Any]


@dataclass(frozen=True)
class OtherReading:
    """Another dtype that gives other answers."""

    dtype: str
    likelier: bool
    """Much more so than the given one; False: about as likely."""
    changed: float
    """The share of the responses that it gives another class."""


@dataclass(frozen=True)
class _Reading:
    dtype: np.dtype[Any]
    classes: npt.NDArray[np.int64]
    bits: float
    is_probabilities: bool


def other_reading(rows: Rows, low: int, high: int) -> OtherReading | None:
    """The dtype that fits the bytes of the responses better than theirs does, or as well.

    `rows`: numbers, shape (n, values of a response); `low`, `high`: of the classes of the labels.
    None: there is none that gives other answers.
    """
    rows = _choice(np.ascontiguousarray(rows))
    own = _reading(rows, low, high)
    others = [reading for reading in _others(rows, low, high) if _differs(reading, own)]
    if not others:
        return None
    best = min(others, key=lambda reading: (_is_clearly_probabilities(reading, own), reading.bits))
    if own is None:
        return OtherReading(_name(best.dtype), True, 1.0)
    changed = float(np.mean(best.classes != own.classes))
    sure, close = _SURE_SHARE, _CLOSE_SHARE
    if best.dtype.itemsize == own.dtype.itemsize == 1:
        if best.is_probabilities != own.is_probabilities:
            found = OtherReading(_name(best.dtype), True, changed)
            return found if best.is_probabilities else None
        sure = close = _SIGN_SHARE
    gain = own.bits - best.bits
    if gain > max(_SURE_BITS, sure * own.bits):
        return OtherReading(_name(best.dtype), True, changed)
    if gain > -close * own.bits:
        return OtherReading(_name(best.dtype), False, changed)
    return None


def _is_clearly_probabilities(reading: _Reading, own: _Reading | None) -> int:
    """Orders those of one byte that are before all others, 0 before 1."""
    of_bytes = own is not None and own.dtype.itemsize == reading.dtype.itemsize == 1
    return 0 if of_bytes and reading.is_probabilities else 1


def _differs(reading: _Reading, own: _Reading | None) -> bool:
    return own is None or not np.array_equal(reading.classes, own.classes)


def _name(dtype: np.dtype[Any]) -> str:
    """As a user gives it: of this machine's byte order by its plain name."""
    return str(dtype.name if dtype.isnative else dtype.str)


def _choice(rows: Rows) -> Rows:
    """Evenly spaced ones of many."""
    size = rows.shape[1] * rows.dtype.itemsize
    most = min(_MAX_ROWS, max(_MAX_BYTES // size, 1))
    return rows[:: -(-len(rows) // most)]


def _others(rows: Rows, low: int, high: int) -> Iterator[_Reading]:
    """Readings as all other dtypes that give a class, or a score for each class."""
    raw = np.ascontiguousarray(rows).view(np.uint8)
    for order in "<>":
        for code in _CODES:
            kind = np.dtype(order + code)
            if raw.shape[1] % kind.itemsize or kind == rows.dtype:
                continue
            if order == ">" and kind.itemsize == 1:
                continue
            reading = _reading(raw.view(kind), low, high)
            if reading is not None:
                yield reading


def _reading(rows: Rows, low: int, high: int) -> _Reading | None:
    """None: the values are neither a class nor scores of the classes."""
    if rows.dtype.kind == "b":
        rows = rows.view(np.uint8)
    if rows.dtype.kind not in "iuf":
        return None
    width = rows.shape[1]
    if width == 1:
        return _reading_of_classes(rows[:, 0], low, high)
    if width <= high or high < 0:  # Scores are of the classes from 0 on.
        return None
    with np.errstate(invalid="ignore"):  # Of NaN.
        values = rows.astype(np.float64)
    bits = _float_bits(rows) if rows.dtype.kind == "f" else _integer_bits(rows)
    bits += len(rows) * (_BITS_PER_DOUBLING + width / 4) * math.log2(width / (high + 1))
    is_probabilities = rows.dtype.itemsize == 1 and _are_probabilities(values, rows.dtype)
    return _Reading(rows.dtype, rows.argmax(axis=1).astype(np.int64), bits, is_probabilities)


def _reading_of_classes(values: Rows, low: int, high: int) -> _Reading:
    with np.errstate(invalid="ignore"):
        numbers = values.astype(np.float64)
    most = 8.0 * values.dtype.itemsize
    with np.errstate(all="ignore"):
        good = (numbers >= low) & (numbers <= high) & (numbers == np.floor(numbers))
        small = np.where(np.abs(numbers) < 2**62, numbers, -1).astype(np.int64)
        away = np.maximum(low - numbers, numbers - high)
        far = 4 + 2 * np.log2(1 + np.maximum(away, 0))
        far = np.where(numbers == np.floor(numbers), np.minimum(far, most), most)
    one = math.log2(high - low + 1)
    zeros = numbers == 0
    classes = min(one * len(numbers), _choice_bits(zeros) + one * np.count_nonzero(~zeros))
    return _Reading(values.dtype, small, classes + float(np.where(good, 0, far).sum()), False)


# ---- What numbers cost, in bits ------------------------------------------------------------------


def _choice_bits(chosen: npt.NDArray[np.bool_]) -> float:
    """To say of which numbers something is so."""
    share = float(chosen.mean()) if chosen.size else 0.0
    if share in (0, 1):
        return 0.0
    entropy = -share * math.log2(share) - (1 - share) * math.log2(1 - share)
    return entropy * chosen.size


def _without_common(rows: Rows) -> tuple[Rows, float]:
    """The values that are neither 0 nor the one that is there again and again, if there is one,
    shape (k,); and what it costs to say which these are."""
    zeros = rows == 0
    values, bits = rows[~zeros], _choice_bits(zeros)
    if len(values) == 0:
        return values, bits
    raw = values.view(f"u{values.dtype.itemsize}")
    found, counts = np.unique(raw, return_counts=True)
    if counts.max() < max(_COMMON_SHARE * len(raw), 2):
        return values, bits
    common = raw == found[counts.argmax()]
    return values[~common], bits + _choice_bits(common) + 8 * values.dtype.itemsize


def _float_bits(rows: Rows) -> float:
    """Sign, exponent near that of scores, and digits, of which all may end early."""
    info = np.finfo(rows.dtype)
    values, bits = _without_common(rows)
    with np.errstate(invalid="ignore"):
        values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    no_numbers = int(np.isnan(values).sum())
    infinite = len(values) - len(finite) - no_numbers
    bits += no_numbers * _NO_NUMBER_BITS + infinite * _INFINITE_BITS
    if len(finite) == 0:
        return bits
    mantissas, exponents = np.frexp(np.abs(finite))
    whole = np.ldexp(mantissas, info.nmant + 1).astype(np.uint64)
    ends = np.log2((whole & (~whole + np.uint64(1))).astype(np.float64))  # Zeros at the end.
    early = math.log2(info.nmant + 1) + info.nmant - ends
    digits = early if early.sum() < info.nmant * len(early) else np.full(len(early), info.nmant)
    each = np.minimum(_exponent_bits(exponents) + digits, 8 * rows.dtype.itemsize)
    return bits + _choice_bits(finite < 0) + float(each.sum())


def _exponent_bits(exponents: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """By how often each is there, and more for those that scores do not have."""
    _, places, counts = np.unique(exponents, return_inverse=True, return_counts=True)
    low, high = _SCORE_EXPONENTS
    outside = np.maximum(np.maximum(low - exponents, exponents - high), 0)
    shares = (counts + 1) / (len(exponents) + len(counts))
    table = _EXPONENT_BITS * len(counts) / len(exponents)
    bits: npt.NDArray[np.float64] = 2 * np.log2(1 + outside) - np.log2(shares)[places] + table
    return bits


def _integer_bits(rows: Rows) -> float:
    """Distance from their middle, as quantized numbers have an offset, which is not large."""
    others, bits = _without_common(rows)
    if len(others) == 0:
        return bits
    values = others.astype(np.float64)
    middle = np.median(values)
    if rows.dtype.itemsize > 1:
        middle = np.clip(middle, -_MOST_OFFSET, _MOST_OFFSET)
    distances = np.abs(values - middle)
    usual = float(np.median(distances)) + 1
    each = 1 + math.log2(usual) + 2 * np.log2(1 + distances / usual)
    return bits + float(np.minimum(each, 8 * rows.dtype.itemsize).sum())


def _are_probabilities(values: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> bool:
    """Whether values of one byte have the same sum in each response, most of it in one value."""
    lowest = float(np.iinfo(dtype).min) if dtype.kind == "i" and values.min() < 0 else 0.0
    shares = values - lowest
    sums = shares.sum(axis=1)
    width = values.shape[1]
    if not 0 < sums.mean() <= 256 + width / 2 or sums.min() == 0:
        return False
    steady = sums.std() <= 0.5 * math.sqrt(width) + 1
    return bool(steady and np.median(shares.max(axis=1) / sums) >= _EXPECTED_TOP)
