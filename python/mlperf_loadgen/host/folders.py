"""Folders to write to, and errors that say why one cannot be made."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def has_working_directory() -> bool:
    """Whether the working directory of the process still exists."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def require_working_directory(path: str | os.PathLike[str], name: str) -> None:
    """Raises FileNotFoundError for a relative path if the working directory no longer exists.
    `name`: the parameter that the path came from."""
    if not Path(path).is_absolute() and not has_working_directory():
        raise FileNotFoundError(
            errno.ENOENT,
            f"{name} {os.fspath(path)}: the working directory no longer exists; change to another "
            "one, or give an absolute path",
        )


def make_folder(folder: str | os.PathLike[str], name: str) -> Path:
    """Makes a folder, its parents included, unless it is there. `name`: the parameter that it came
    from. Raises OSError, of the same kind as the system's error, with the reason and what to do."""
    require_working_directory(folder, name)
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror
        if isinstance(error, FileExistsError):
            why = "there is a file of that name"
        text = f"{name} {path}: cannot be made: {why}; give another folder"
        raise type(error)(error.errno, text) from error
    return path
