"""A table of systems to its part of a report."""

from __future__ import annotations

from ..tradeoffs.metrics import ParetoRow
from ..tradeoffs.panels import panels_of
from ..tradeoffs.table import ParetoTable
from ..tradeoffs.text import front_text, remarks_of, table_of
from .data import Cell, ParetoReport, Table

_EXACT = {
    "disk MB": "disk_bytes",
    "bits/weight": "bits_per_weight",
    "RAM MB": "resident_bytes",
    "peak MB": "peak_resident_bytes",
    "accuracy %": "accuracy",
    "change": "accuracy_change",
    "p50": "latency_p50_ns",
    "p99": "latency_p99_ns",
    "samples/s": "samples_per_second",
    "peak queries/s": "peak_qps",
    "load": "load_ns",
}
"""The field that the cells of a column show rounded."""


def pareto_report(table: ParetoTable) -> ParetoReport:
    """The table, its pictures, and the remarks on its rows."""
    headings, lines = table_of(table.rows)
    rows = tuple(
        tuple(_cell(row, heading, text) for heading, text in zip(headings, line, strict=True))
        for row, line in zip(table.rows, lines, strict=True)
    )
    remarks = tuple(
        (Cell(row.variant), Cell(kind), Cell(text))
        for row in table.rows
        for kind, text in remarks_of(row)
    )
    return ParetoReport(
        title=f"{table.title}: size, accuracy and speed",
        front_text=front_text(table),
        table=Table("pareto", "Systems beside each other", tuple(headings), rows),
        panels=panels_of(table.rows),
        remarks=Table("remarks", "Remarks", ("variant", "", ""), remarks),
    )


def _cell(row: ParetoRow, heading: str, text: str) -> Cell:
    field = _EXACT.get(heading)
    return Cell(text, None if field is None else getattr(row, field))
