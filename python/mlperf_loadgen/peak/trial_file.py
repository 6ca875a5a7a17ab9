"""The trials of a peak search in a file, from which an interrupted search continues."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import _core
from ..logs.samples import TruncatedLogWarning
from ..text.units import counted

_FORMAT = "mlperf_loadgen peak search 1"
# Say where the search looks or what it costs, and not what it measures.
_NOT_MEASURED = ("server_target_qps", "mode", "server_find_peak_strategy", "stall_timeout_ms")
_ANOTHER = "remove the file or give another trial_file"


def search_identity(settings: _core.TestSettings, goodput: float | None) -> dict[str, Any]:
    """The facts in which two searches must agree, so that the trials of one are of use to the
    other."""
    values = {
        name: getattr(value, "name", value)
        for name, value in settings.to_dict().items()
        if name not in _NOT_MEASURED
    }
    return {"format": _FORMAT, "settings": values, "goodput": goodput}


class TrialFile:
    """Trials as lines of JSON, after a first line that says which search they belong to.

    If a write was cut off, the incomplete line is removed, with a TruncatedLogWarning. A file that
    has no trial yet, as one that a refused search leaves, is taken for this search. Any other
    damage raises ValueError, and the file is not changed.
    """

    def __init__(self, path: str | os.PathLike[str] | None, identity: dict[str, Any]) -> None:
        self.known: list[dict[str, Any]] = []
        self._path = None if path is None else Path(path)
        if self._path is None:
            return
        data = self._path.read_bytes() if self._path.exists() else b""
        header = json.dumps(identity).encode()
        *lines, rest = data.split(b"\n")
        if not lines and header.startswith(rest):  # New, or cut off within its first line.
            self._warn_of(b"" if rest == header else rest, 0)
            self._path.write_bytes(header + b"\n")
            return
        if len(lines) == 1 and not rest and _is_header(lines[0]):
            self._path.write_bytes(header + b"\n")
            return
        whole = _is_whole(rest)
        if whole:
            lines.append(rest)
        self._check_header(lines[0] if lines else rest, identity)
        self.known = [self._trial(lines, i) for i in range(1, len(lines)) if lines[i].strip()]
        if not whole:
            self._warn_of(rest, len(self.known))
        with self._path.open("r+b") as file:
            file.truncate(len(data) - (0 if whole else len(rest)))
            if whole:
                file.seek(0, os.SEEK_END)
                file.write(b"\n")

    def add(self, trial: dict[str, Any]) -> None:
        """Writes a trial at the end."""
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(json.dumps(trial).encode() + b"\n")

    def _check_header(self, line: bytes, identity: dict[str, Any]) -> None:
        found = _parsed(line)
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ValueError(f"{self._path} is no file of trials of a peak search; {_ANOTHER}")
        settings = found.get("settings")
        usual = {name: getattr(v, "name", v) for name, v in _core.TestSettings().to_dict().items()}
        # A version that did not have a setting searched with its default.
        theirs = usual | settings if isinstance(settings, dict) else {}
        differ = [name for name, value in identity["settings"].items() if theirs.get(name) != value]
        if found.get("goodput") != identity["goodput"]:
            differ.append("goodput")
        if differ:
            raise ValueError(
                f"{self._path} is no file of trials of a search with these settings "
                f"({', '.join(differ)}); {_ANOTHER}"
            )

    def _trial(self, lines: Sequence[bytes], index: int) -> dict[str, Any]:
        trial = _parsed(lines[index])
        try:
            if trial is None:
                raise ValueError("it is no JSON")
            if isinstance(trial, dict):
                trial.setdefault("caution", "")  # Versions before did not write it.
            _core.check_trial(trial)
        except ValueError as error:
            raise ValueError(
                f"{self._path}, line {index + 1}: is no trial of a search: {error}; remove this "
                f"line, {_ANOTHER}"
            ) from error
        assert isinstance(trial, dict)  # Or it would have been refused.
        return trial

    def _warn_of(self, rest: bytes, kept: int) -> None:
        if rest:
            warnings.warn(
                f"{self._path} was cut off: the last line is no whole trial and was removed, "
                f"{counted(kept, 'trial')} {'is' if kept == 1 else 'are'} kept",
                TruncatedLogWarning,
                stacklevel=4,  # The caller of find_peak.
            )


def _parsed(line: bytes) -> Any:
    """None: it is no JSON."""
    try:
        return json.loads(line)
    except ValueError:  # UnicodeDecodeError is one, too.
        return None
    except RecursionError:
        return None


def _is_header(line: bytes) -> bool:
    """Whether a line says which search the trials below it belong to."""
    found = _parsed(line)
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        return False
    return isinstance(found.get("settings"), dict)


def _is_whole(rest: bytes) -> bool:
    """Whether a last line without an end lacks nothing but that."""
    return isinstance(_parsed(rest), dict)
