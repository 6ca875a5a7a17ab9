"""A table of systems as its users see it: the rows, in words, in a picture and in files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..host.folders import make_folder
from .files import read_json, write_csv, write_json
from .folder import TABLE, TABLE_CSV
from .metrics import Table
from .text import table_text


@dataclass(frozen=True, kw_only=True)
class ParetoTable(Table):
    """The systems of `pareto` beside each other. `print` it for the table."""

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes pareto.json, for `load`, and pareto.csv to a folder, which is made if missing.
        Existing files are replaced, each in one step."""
        made = make_folder(folder, "folder")
        write_json(self, made / TABLE)
        write_csv(self, made / TABLE_CSV)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> ParetoTable:
        """Reads what `save` wrote: its folder, or pareto.json. Raises OSError if it cannot be read,
        and ValueError if it does not hold a table."""
        file = Path(path)
        return ParetoTable(**read_json(file / TABLE if file.is_dir() else file))

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws accuracy against size on disk, p99 and throughput, as far as the rows have them,
        into a file: .png, .svg or .pdf.

        Raises ImportError if matplotlib is not installed, and ValueError if nothing was measured
        that could be drawn.
        """
        from .plot import draw

        draw(self, path)

    def __str__(self) -> str:
        return table_text(self)
