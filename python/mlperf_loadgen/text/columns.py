"""Text and tables that fit 80 columns, wherever they are printed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 80
_GAP = "  "


def wrapped(text: str, indent: str = "  ", width: int = WIDTH) -> list[str]:
    """Lines of at most `width`, with `indent` before all but the first. No word is cut, so that one
    as long as a path may be makes its line longer.
    """
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def aligned(rows: Sequence[Sequence[str]], align: str, width: int = WIDTH) -> list[str]:
    """Rows as lines with their cells under each other; `align`: < or > for each column.

    Columns that go beyond `width` come below the others, behind the first column again.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for columns in _blocks(widths, width):
        for row in rows:
            cells = [f"{row[i]:{align[i]}{widths[i]}}" for i in columns]
            lines.append(_GAP.join(cells).rstrip())
    return lines


def _blocks(widths: Sequence[int], width: int) -> list[list[int]]:
    """Which columns come beside each other."""
    blocks = [[0]]
    for column in range(1, len(widths)):
        beside = [*blocks[-1], column]
        if len(beside) > 2 and sum(len(_GAP) + widths[i] for i in beside) - len(_GAP) > width:
            beside = [0, column]
            blocks.append([])
        blocks[-1] = beside
    return blocks
