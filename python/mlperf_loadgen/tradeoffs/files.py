"""The files of a table: JSON, which is read back, and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .folder import replace_file, to_json, with_tuples
from .metrics import ParetoRow, Table

_FORMAT = "mlperf_loadgen pareto 1"
_INTERVALS = ("accuracy_interval", "accuracy_change_interval", "peak_interval")
_LISTS = ("reasons", "cautions")


def write_json(table: Table, path: str | os.PathLike[str]) -> None:
    """Writes everything to a file, for `read_json`. An existing file is replaced in one step."""
    replace_file(path, to_json({"format": _FORMAT, **asdict(table)}))


def write_csv(table: Table, path: str | os.PathLike[str]) -> None:
    """Writes a line for each row, a column for each field and two for an interval; None is an empty
    cell."""
    lines = [_cells(row) for row in table.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_cells(ParetoRow(variant=""))), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    replace_file(path, text.getvalue())


def _cells(row: ParetoRow) -> dict[str, Any]:
    cells: dict[str, Any] = {"variant": row.variant}  # First, although it is not the first field.
    for field in fields(ParetoRow):
        value = getattr(row, field.name)
        if field.name in _INTERVALS:
            low, high = value or (None, None)
            cells |= {f"{field.name}_low": low, f"{field.name}_high": high}
        else:
            cells[field.name] = "; ".join(value) if field.name in _LISTS else value
    return cells


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the fields of the table that `write_json` wrote.

    Raises OSError if the file cannot be read, and ValueError if it does not hold a table.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        if values["format"] != _FORMAT:
            raise ValueError(f"its format is {values['format']!r}, not {_FORMAT!r}")
        return {
            "title": values["title"],
            "asked": dict(values["asked"]),
            "rows": tuple(ParetoRow(**with_tuples(row)) for row in values["rows"]),
            "minimize": tuple(values["minimize"]),
            "maximize": tuple(values["maximize"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} is no table as ParetoTable.save writes it: {error!r}"
        ) from error
