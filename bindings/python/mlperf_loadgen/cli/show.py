"""Tables for people: with rich on a terminal, in plain columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_STYLES = {"VALID": "bold green", "INVALID": "bold red", "ABORTED": "bold red"}


def print_heading(text: str, verdict: str = "") -> None:
    """A line, with a verdict behind it."""
    if not sys.stdout.isatty():
        print(f"{text}: {verdict}" if verdict else text)
        return
    from rich.console import Console
    from rich.text import Text

    line = Text(f"{text}: " if verdict else text, style="bold")
    Console(highlight=False).print(line.append(verdict, style=_STYLES.get(verdict, "")))


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> None:
    """The first column to the left, the others to the right if there is a header."""
    if not rows:
        return
    if sys.stdout.isatty():
        _print_rich(rows, header)
        return
    lines = [header, *rows] if header else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *others = line
        cells = [first.ljust(widths[0])]
        for cell, width in zip(others, widths[1:], strict=True):
            cells.append(cell.rjust(width) if header else cell.ljust(width))
        print("  " + "  ".join(cells).rstrip())


def _print_rich(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=bool(header), header_style="dim", pad_edge=False)
    for index in range(len(rows[0])):
        table.add_column(
            header[index] if header else "",
            justify="right" if header and index > 0 else "left",
            style="" if index else "cyan",
        )
    for row in rows:
        table.add_row(*map(Text, row))
    table.padding = (0, 2, 0, 0)
    Console(highlight=False).print(Padding(table, (0, 0, 0, 2)))


def duration_text(ns: float) -> str:
    """Four digits and a unit."""
    for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if abs(ns) >= limit:
            return f"{ns / limit:.4g} {unit}"
    return f"{ns:.0f} ns"


def rate_text(value: float) -> str:
    """Four digits; all of whole thousands."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
