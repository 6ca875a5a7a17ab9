"""Which files are the logs of a test, and their names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .before_v1 import is_text_log
from .detail import PREFIX
from .encoding import decode_log
from .samples import SAMPLE_FOLDER

_LOG_NAME = re.compile(
    r"(?P<prefix>.*)(?:(?:summary|detail)(?P<t>.*)\.txt"
    r"|(?:accuracy|trace)(?P<j>.*)\.json|(?:samples|tokens)(?P<n>.*)\.npy)"
)
DEFAULT_PREFIX = "mlperf_log_"
HEAD_BYTES = 1 << 12  # Of a detail log, that show what it is.


class NoRunError(ValueError):
    """There are no logs of one test at a path."""


def affixes(file: Path) -> tuple[str, str]:
    """The parts of a log's name before and after the part that says which log it is."""
    found = _LOG_NAME.fullmatch(file.name)
    if found is None:
        raise NoRunError(
            f"{file} is not a log of a test; give a folder of logs or one of its "
            f"{DEFAULT_PREFIX}detail.txt, _summary.txt, _samples.npy and so on"
        )
    return found["prefix"], found["t"] or found["j"] or found["n"] or ""


def detail_log(path: Path) -> Path:
    """The detail log of the test at a path. Raises FileNotFoundError and NoRunError."""
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}; give the folder of the logs of a test")
    if path.name == SAMPLE_FOLDER and path.is_dir() and not any(path.glob("*detail*.txt")):
        path = path.parent
    if not path.is_dir():
        prefix, suffix = affixes(path)
        inside = path.parent.name == SAMPLE_FOLDER and path.suffix == ".npy"
        folder = path.parent.parent if inside else path.parent
        detail = folder / f"{prefix}detail{suffix}.txt"
        if not detail.is_file():
            raise NoRunError(f"{detail} is missing, without which {path.name} cannot be judged")
        if not _is_detail_log(detail):
            raise NoRunError(_not_a_log(detail))
        return detail
    found = detail_logs(path)
    other = next(iter(sorted(path.glob("*detail*.txt"))), None)
    if not found and other is not None:
        raise NoRunError(f"{path} holds no logs of a test: {_not_a_log(other)}")
    if not found:
        summary = next((file for file in sorted(path.glob("*summary*.txt"))), None)
        beside = f", only {summary.name}, which is not enough" if summary else ""
        raise NoRunError(f"{path} holds no logs of a test: there is no detail log in it{beside}")
    if len(found) > 1:
        names = ", ".join(str(file) for file in found)
        raise NoRunError(f"{path} holds the logs of {len(found)} tests; give one of {names}")
    return found[0]


def detail_logs(folder: Path) -> list[Path]:
    """The detail log of each test whose logs are in a folder, by name."""
    files = sorted(file for file in folder.glob("*detail*.txt") if file.is_file())
    return [file for file in files if _is_detail_log(file)]


def accuracy_log_of(detail: Path) -> Path:
    """The path at which the same test writes its accuracy log."""
    prefix, suffix = affixes(detail)
    return detail.with_name(f"{prefix}accuracy{suffix}.json")


def accuracy_log(path: Path) -> Path:
    """The accuracy log of the test whose logs are in a folder. A path that is not a folder is
    returned as it is. Raises NoRunError, also if the file does not exist."""
    if not path.is_dir():
        if not path.is_file():
            raise NoRunError(
                f"there is no file {path}; give the accuracy log of a test, or its folder"
            )
        return path
    usual = path / f"{DEFAULT_PREFIX}accuracy.json"
    logged = map(accuracy_log_of, detail_logs(path))
    found = sorted({usual, *logged})
    found = [file for file in found if file.is_file()]
    if not found:
        raise NoRunError(
            f"folder {path} has no {usual.name}, nor one of another prefix; give the accuracy log "
            "of a test, or its folder"
        )
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise NoRunError(f"{path} holds the logs of {len(found)} tests; give one of {names}")
    return found[0]


def _is_detail_log(file: Path) -> bool:
    """Whether it starts as one; one that was cut off at its very start does too."""
    with file.open("rb") as opened:
        start = decode_log(opened.read(HEAD_BYTES)).lstrip()
    return start.startswith(PREFIX) or PREFIX.startswith(start) or is_text_log(start)


def _not_a_log(file: Path) -> str:
    return f'{file} is no detail log: its lines do not start with ":::MLLOG"'


def run_name(detail: Path) -> str:
    """The name of a run: its folder, with its prefix and suffix if they are not the usual ones."""
    name = detail.parent.resolve().name
    prefix, suffix = affixes(detail)
    if (prefix, suffix) != (DEFAULT_PREFIX, ""):
        name += f"/{prefix}*{suffix}"
    return shown_path(name)


def is_log_name(name: str) -> bool:
    """Whether a log of a test, or the folder of its sample log, can have this name."""
    return name == SAMPLE_FOLDER or _LOG_NAME.fullmatch(name) is not None


def shown_path(path: str | os.PathLike[str]) -> str:
    """A path in characters that can be written; the name of a file may have others."""
    return os.fspath(path).encode(errors="backslashreplace").decode()
