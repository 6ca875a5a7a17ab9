"""The outcome of a command, and the errors that may end it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any


class Status(IntEnum):
    """Exit statuses."""

    DONE = 0
    INVALID = 1
    MISTAKE = 2
    SUT_FAILED = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command that did its work."""

    status: Status
    document: dict[str, Any]
    """The document for programs (`--json`)."""
    show: Callable[[], None]
    """Prints the outcome for people, to the standard output."""


class CommandError(Exception):
    """The outcome of a command that failed. The message names the thing, the value and the fix."""

    status = Status.MISTAKE


class Mistake(CommandError):
    """An error that the user can fix."""


class Interrupted(CommandError):
    """Ctrl-C or SIGTERM."""

    status = Status.INTERRUPTED


class SutFailure(CommandError):
    """The system under test failed; where its code raised, the message has its traceback."""

    status = Status.SUT_FAILED


def json_text(document: dict[str, Any]) -> str:
    """Strict JSON: numbers that it does not have (inf, nan) become null."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """The value in a form that JSON can hold."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # Of numpy.
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value) if isinstance(value, Path) else value.name  # An enumeration's member.
