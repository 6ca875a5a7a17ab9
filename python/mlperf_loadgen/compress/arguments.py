"""Arguments of quantizers, checked: what is not clearly meant is refused."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable


def whole(name: str, value: object, least: int) -> int:
    """A whole number from `least` on. TypeError for another type, ValueError for another number."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name}={value!r}: it must be a whole number") from None
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{name}={value!r}: it must be a whole number of at least {least}")
    return number


def real(name: str, value: object) -> float:
    """A finite number. TypeError for another type, ValueError for NaN or infinity."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: it must be a number")
    if not math.isfinite(value):
        raise ValueError(f"{name}={value!r}: it must be a finite number")
    return float(value)


def patterns(name: str, value: object) -> list[str]:
    """A list of patterns. TypeError for a plain string, whose letters would be patterns."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name}={value!r}: it must be a list of patterns, such as ['*.bias']")
    found = list(value)
    for pattern in found:
        if not isinstance(pattern, str):
            raise TypeError(f"{name}: the pattern {pattern!r} must be a string")
    return found
