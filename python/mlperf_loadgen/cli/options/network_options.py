"""Options of a system under test on the network, from `--network` and `--header`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..show.outcome import Mistake
from .spelling import near_or_all

_YES_NO = {"true": True, "on": True, "yes": True, "1": True}
_YES_NO |= {"false": False, "off": False, "no": False, "0": False}
_QUERY = "query."
_ANY_QUERY = f"{_QUERY}NAME"

Readers = Mapping[str, Callable[[str], Any]]
"""How the text of each option becomes its value; ValueError for one that it cannot have."""


def _names(text: str) -> list[str]:
    return text.split(",")


def yes_or_no(text: str) -> bool:
    """True for true, on, yes or 1. Raises ValueError for a text that says neither."""
    try:
        return _YES_NO[text.lower()]
    except KeyError:
        raise ValueError("give true or false") from None


NODE_READERS: Readers = {
    "balance": str,
    "on_loss": str,
    "max_outstanding": int,
    "max_outstanding_bytes": int,
    "node_timeout_s": float,
    "max_answer_bytes": int,
    "transfer": str,
    "concurrency": int,
    "request_timeout_s": float,
    "model_version": str,
    "inputs": _names,
    "outputs": _names,
    "ca_file": str,
    "insecure": yes_or_no,
    _ANY_QUERY: str,
}
"""The options of NetworkQDL."""


def read_network_options(
    assignments: Sequence[str], headers: Sequence[str], readers: Readers = NODE_READERS
) -> dict[str, Any]:
    """Keyword arguments of NetworkQDL, or of the system that has other `readers`. Raises Mistake
    for an option that does not exist."""
    options: dict[str, Any] = {}
    for text in assignments:
        name, found, value = text.partition("=")
        if not found:
            raise Mistake(f"--network {name}: write it as NAME=VALUE, as in concurrency=8")
        if name.startswith(_QUERY) and _ANY_QUERY in readers:
            options.setdefault("query", {})[name.removeprefix(_QUERY)] = value
            continue
        if name not in readers or name == _ANY_QUERY:
            raise Mistake(f"--network {name}: there is no such option{near_or_all(name, readers)}")
        try:
            options[name] = readers[name](value)
        except ValueError as error:
            raise Mistake(f"--network {text}: {error}") from error
    lines = [line for text in headers for line in _header_lines(text)]
    if lines:
        options["headers"] = dict(map(_header, lines))
    return options


def shown_headers(headers: Sequence[str]) -> list[str]:
    """Headers as a command can show them: without the values, which may be secrets."""
    return [text if text.startswith("@") else f"{text.partition(':')[0]}: ..." for text in headers]


def shown_options(assignments: Sequence[str]) -> list[str]:
    """Options as a command can show them: without the values of query parameters, which may be
    keys."""
    parts = [text.partition("=") for text in assignments]
    return [
        f"{name}=..." if name.startswith(_QUERY) else f"{name}{found}{value}"
        for name, found, value in parts
    ]


def _header_lines(text: str) -> list[str]:
    """A header, or those of a file, a line each."""
    if not text.startswith("@"):
        return [text]
    try:
        return [line for line in Path(text[1:]).read_text(encoding="utf-8").splitlines() if line]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise Mistake(f"--header {text}: cannot be read: {reason}") from error


def _header(line: str) -> tuple[str, str]:
    name, found, value = line.partition(":")
    if not found:  # It may be a secret that was given without its name.
        raise Mistake("--header: write it as 'NAME: VALUE', or @FILE with such lines")
    return name.strip(), value.strip()
