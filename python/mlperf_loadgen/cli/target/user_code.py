"""Calls the user's code: the traceback of its exceptions begins at the user's own frames."""

from __future__ import annotations

import contextlib
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ..show.outcome import SutFailure

_PACKAGE = str(Path(__file__).parents[2])
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_INSTALLED = ("site-packages", "dist-packages")  # Below the standard library, and the user's.


@contextlib.contextmanager
def calling_user_code(what: str = "the system under test failed") -> Iterator[None]:
    """Raises SutFailure, from the original, for an exception that the user's code raised or let
    through. An exception that this package raised by itself passes. `what` begins the message."""
    try:
        yield
    except (Exception, SystemExit) as error:
        start = _first_user_frame(error.__traceback__)
        if start is None:
            raise
        lines = traceback.format_exception(error.with_traceback(start))
        raise SutFailure(f"{what}:\n{''.join(lines).rstrip()}") from error


def _first_user_frame(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and not _is_users(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return frames


def _is_users(filename: str) -> bool:
    if filename.startswith(("<frozen", _PACKAGE)):
        return False
    path = Path(filename)
    in_library = filename.startswith(_STANDARD_LIBRARY)
    return not in_library or any(part in _INSTALLED for part in path.parts)
