"""A report as Markdown, as for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .data import Report, RunReport, Table

_SIGNS = {"good": "✅", "bad": "❌", "none": "ℹ️"}  # noqa: RUF001
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def markdown_of(report: Report) -> str:
    """The verdicts and tables."""
    parts: list[str] = []
    for run in report.runs:
        parts += _run_head(run, len(report.runs) > 1)
    if report.comparison is not None:
        parts += _table(report.comparison)
    for run in report.runs:
        parts += _run_tables(run, len(report.runs) > 1)
    for sweep in report.sweeps:
        parts += [f"## {_text(sweep.title)}", _text(sweep.knee_text), *_table(sweep.table)]
    for pareto in report.paretos:
        parts += [f"## {_text(pareto.title)}", _text(pareto.front_text), *_table(pareto.table)]
        parts += _table(pareto.remarks) if pareto.remarks.rows else []
    return "\n\n".join(parts) + "\n"


def _run_head(run: RunReport, several: bool) -> Iterable[str]:
    name = f"{run.name}: {run.sut_name}" if several else run.sut_name or run.name
    yield f"## {_SIGNS[run.tone]} {run.verdict}: {_text(name)}"
    yield f"{_text(run.headline)}\n\n{_text(run.about)}"
    if run.findings:
        yield "\n".join(f"- **{_text(f.text)}** {_text(f.fix)}".rstrip() for f in run.findings)
    if run.cautions:
        yield "\n".join(f"- **Caution:** {_text(caution)}" for caution in run.cautions)
    if not several and run.tiles:
        yield "\n".join(
            f"- {_text(tile.label)}: **{_text(tile.value.text)}**"
            + (f" ({_text(tile.note)})" if tile.note else "")
            for tile in run.tiles
        )


def _run_tables(run: RunReport, several: bool) -> Iterable[str]:
    percentiles = None if several else run.percentiles
    tables = [percentiles, run.stream_times, run.lateness, *run.network]
    if run.peak is not None:
        yield _text(run.peak.text)
        tables.append(run.peak.trials)
    tables += [run.messages, run.settings if run.settings.rows else None]
    for table in tables:
        if table is not None:
            yield from _table(table, f"{run.name}: " if several else "")


def _table(table: Table, before: str = "") -> Iterable[str]:
    numeric = [
        any(row[i].value is not None for row in table.rows) for i in range(len(table.columns))
    ]
    lines = [
        "| " + " | ".join(_text(column) or " " for column in table.columns) + " |",
        "|" + "|".join("---:" if is_number else "---" for is_number in numeric) + "|",
        *("| " + " | ".join(_text(cell.text) or " " for cell in row) + " |" for row in table.rows),
    ]
    yield f"**{_text(before + table.caption)}**"
    yield "\n".join(lines)


def _text(text: str) -> str:
    """The text on one line; characters that Markdown or HTML would interpret are escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;"))
