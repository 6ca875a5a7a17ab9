"""What is done about an error: true goes on with the next item, false ends the stage."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeAlias

Handler: TypeAlias = "Callable[[Exception], bool]"


def reraise_exception(error: Exception) -> bool:
    raise error


def ignore_and_continue(error: Exception) -> bool:
    return True


def warn_and_continue(error: Exception) -> bool:
    warnings.warn(repr(error), stacklevel=2)
    return True


def ignore_and_stop(error: Exception) -> bool:
    return False


def warn_and_stop(error: Exception) -> bool:
    warnings.warn(repr(error), stacklevel=2)
    return False
