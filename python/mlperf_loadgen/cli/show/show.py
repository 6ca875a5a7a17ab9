"""Output for people: tables and text, in 80 columns wherever they go, and messages beside them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from ...text.columns import WIDTH, aligned, wrapped

_STYLES = {"VALID": "bold green", "INVALID": "bold red", "ABORTED": "bold red"}
_INDENT = "  "
_LEAST_ROOM = 24  # For text beside names.


def print_heading(text: str, verdict: str = "") -> None:
    """Prints a line, with a verdict behind it."""
    if not sys.stdout.isatty():
        print(f"{text}: {verdict}" if verdict else text)
        return
    from rich.console import Console
    from rich.text import Text

    line = Text(f"{text}: " if verdict else text, style="bold")
    # The terminal breaks lines better: it joins them again when it is made wider.
    Console(highlight=False, soft_wrap=True).print(
        line.append(verdict, style=_STYLES.get(verdict, ""))
    )


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> None:
    """Prints a table. With a header it has a name and columns of numbers, aligned to the right;
    without one, each name has a text that may continue below."""
    if not rows:
        return
    if header:
        align = "<" + ">" * (len(header) - 1)
        lines: Iterator[str] = iter(aligned([header, *rows], align, WIDTH - len(_INDENT)))
    else:
        lines = _facts(rows)
    for line in lines:
        print(_INDENT + line)


def _facts(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    beside = max(len(name) for name, _ in rows) + 2
    for name, text in rows:
        room = max(WIDTH - len(_INDENT) - beside, _LEAST_ROOM)
        first, *more = wrapped(text, "", room) or [""]
        yield f"{name:<{beside}}{first}".rstrip()
        yield from (" " * beside + line for line in more)


def print_text(text: str) -> None:
    """Prints a sentence below a table."""
    for line in wrapped(_INDENT + text, 2 * _INDENT):
        print(line)


# ---- Streams -------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Writes a line to stderr, if that is possible; the measurement goes on without it."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Discards all further output to a stream, and the output that could not be written before."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def ready_streams() -> None:
    """Opens the standard streams that are closed, before a log file gets the number of one, and
    lets them take every character.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # What a test puts in its place may have none.
            stream.reconfigure(errors="backslashreplace")
