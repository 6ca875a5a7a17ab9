"""Arguments of quantizers, checked: what is not clearly meant is refused."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np


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


def flag(name: str, value: object) -> bool:
    """True or False. TypeError for another type: a text such as "no" would count as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}={value!r}: it must be True or False")
    return bool(value)


def optimizer(value: Any) -> None:
    """TypeError for what is no optimizer of torch, and does not wrap one."""
    if not hasattr(value, "param_groups") or not hasattr(value, "add_param_group"):
        raise TypeError(
            f"optimizer={value!r}: it must be a torch.optim.Optimizer, such as"
            " torch.optim.Adam(model.parameters())"
        )


def patterns(name: str, value: object) -> list[str]:
    """A list of patterns. TypeError for a plain string, whose letters would be patterns."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name}={value!r}: it must be a list of patterns, such as ['*.bias']")
    found = list(value)
    for pattern in found:
        if not isinstance(pattern, str):
            raise TypeError(f"{name}: the pattern {pattern!r} must be a string")
    return found
