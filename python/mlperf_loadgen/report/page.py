"""A report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import html as markup
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from .. import _core
from .charts.distributions import distribution_charts
from .charts.flow import flow_charts
from .charts.marks import RUN_COLORS, Chart
from .charts.panels import panel_chart
from .charts.searches import peak_chart, sweep_chart
from .charts.streams import stream_charts
from .data import Cell, Report, RunReport, Table

_NEEDS_PLOTLY = "a report as HTML needs plotly: pip install 'mlperf_loadgen[report]'"
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:[num]?s|%)(?!\w))")
_HERE = Path(__file__).parent
_SET_THEME = (  # Before anything is painted.
    'document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches'
    ' ? "dark" : "light";'
)
_MOST_BESIDE = 4  # Columns of a table that has room beside a chart.
_DISTRIBUTIONS = (
    ("latency", "Latency"),
    ("ttft", "Time to first token"),
    ("tpot", "Time per output token"),
    ("itl", "Inter-token latency"),
    ("icl", "Time between events"),
)


def page_of(report: Report) -> str:
    """The page. Raises ImportError without plotly."""
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(_NEEDS_PLOTLY) from error
    sections = [section for section in _sections(report) if section is not None]
    charts = {chart.key: chart.figure for _, _, all_charts in sections for chart in all_charts}
    body = "\n".join(
        f'<section id="{key}" aria-labelledby="{key}-title">\n'
        f'<h2 id="{key}-title">{_text(title)}</h2>\n{html}\n</section>'
        for (key, title), html, _ in sections
    )
    links = "".join(f'<a href="#{key}">{_text(title)}</a>' for (key, title), _, _ in sections)
    heading, about = _heading(report)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{_text(report.title)}</title>
<style>
{(_HERE / "page.css").read_text(encoding="utf-8")}</style>
<script>{_SET_THEME}</script>
</head>
<body>
<header>
<div class="top"><h1>{_text(heading)}</h1><button type="button" id="theme">Theme</button></div>
<p class="about">{_text(about)}</p>
<nav aria-label="Parts of this report">{links}</nav>
</header>
<main>
{_verdicts(report.runs)}
<noscript><p class="card">The charts need JavaScript; everything else is here without it.</p>
</noscript>
{body}
</main>
<footer>Made by mlperf_loadgen {_text(_core.__version__)}. This file needs no network.</footer>
<script type="application/json" id="report-data">{_json({"charts": charts})}</script>
<script>{get_plotlyjs()}</script>
<script>
{(_HERE / "page.js").read_text(encoding="utf-8")}</script>
</body>
</html>
"""


def _text(text: str) -> str:
    """Text as HTML, in which no line ends between a number and its unit."""
    return markup.escape(_BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", text))


def _json(value: object) -> str:
    """JSON that cannot end the script element it is in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


# ---- Sections ------------------------------------------------------------------------------------

_Section = tuple[tuple[str, str], str, Sequence[Chart]]


def _sections(report: Report) -> Iterable[_Section | None]:
    runs = report.runs
    if report.comparison is not None:
        yield ("comparison", "Comparison"), _card(_table(report.comparison)), ()
    for key, title in _DISTRIBUTIONS:
        yield _distribution(runs, key, title)
    yield _section("streams", "Streams", runs, _tables(runs, "stream_times"), stream_charts(runs))
    yield _section("flow", "Throughput", runs, [], flow_charts(report))
    yield _section("lateness", "Lateness", runs, _tables(runs, "lateness"), _lateness_charts(runs))
    network = [table for run in runs for table in _network(run, len(runs) > 1)]
    yield _section("network", "Network", runs, network, [])
    for i, run in enumerate(runs):
        if run.peak is not None:
            chart = peak_chart(run.peak, f"peak-{i}")
            about = f'<p class="card wide">{_text(run.peak.text)}</p>'
            html = _grid([about, _card(_table(run.peak.trials)), _figure(chart)])
            title = "Peak search" if len(runs) == 1 else f"Peak search of {run.name}"
            yield (f"peak-{i}-part", title), html, [chart]
    for i, sweep in enumerate(report.sweeps):
        curve = sweep_chart(sweep, f"sweep-{i}")
        charts = [] if curve is None else [curve]
        about = f'<p class="card wide">{_text(sweep.knee_text)}</p>'
        html = _grid([about, *map(_figure, charts), _card(_table(sweep.table))])
        yield (f"sweep-{i}-part", sweep.title if runs else "Sweep"), html, charts
    for i, pareto in enumerate(report.paretos):
        names = [row[0].text for row in pareto.table.rows]
        charts = [
            panel_chart(panel, names, f"pareto-{i}-{j}") for j, panel in enumerate(pareto.panels)
        ]
        about = f'<p class="card wide">{_text(pareto.front_text)}</p>'
        parts = [about, _card(_table(pareto.table), "wide"), *map(_figure, charts)]
        if pareto.remarks.rows:
            parts.append(_card(_table(pareto.remarks), "wide"))
        yield (f"pareto-{i}-part", pareto.title if runs else "Systems"), _grid(parts), charts
    if runs:
        messages = _tables(runs, "messages") or [_empty("No errors and no warnings were logged.")]
        yield _section("messages", "Errors and warnings", runs, messages, [])
        yield _section("settings", "Settings", runs, _tables(runs, "settings"), [])
    yield ("machine", "Machine"), _card(_table(report.machine)), ()


def _distribution(runs: Sequence[RunReport], key: str, title: str) -> _Section | None:
    charts = distribution_charts(runs, key)
    tables: list[str] = []
    if key == "latency" and len(runs) == 1 and runs[0].percentiles is not None:
        is_wide = len(runs[0].percentiles.columns) > _MOST_BESIDE
        tables = [_card(_table(runs[0].percentiles), "wide" if is_wide else "")]
    return _section(key, title, runs, tables, charts)


def _lateness_charts(runs: Sequence[RunReport]) -> list[Chart]:
    charts = distribution_charts(runs, "lateness")
    return [chart for chart in charts if not chart.key.endswith("histogram")]


def _section(
    key: str, title: str, runs: Sequence[RunReport], tables: list[str], charts: Sequence[Chart]
) -> _Section | None:
    if not tables and not charts:
        return None
    legend = _legend(runs) if charts and len(runs) > 1 else ""
    return (key, title), legend + _grid([*tables, *map(_figure, charts)]), charts


def _network(run: RunReport, several: bool) -> list[str]:
    before = f"{run.name}: " if several else ""
    return [_card(_table(table, before + table.caption), "wide") for table in run.network]


def _tables(runs: Sequence[RunReport], name: str) -> list[str]:
    """The runs' tables of a kind, each in a card; with the runs' names if there are several."""
    found = []
    for run in runs:
        table: Table | None = getattr(run, name)
        if table is None:
            continue
        caption = table.caption if len(runs) == 1 else f"{run.name}: {table.caption}"
        if table.rows:
            # The section is called the same.
            hidden = name in ("messages", "stream_times") and len(runs) == 1
            found.append(_card(_table(table, caption, hidden), "wide"))
        else:
            found.append(_empty(f"{caption}: none."))
    return found


# ---- Parts ---------------------------------------------------------------------------------------


def _heading(report: Report) -> tuple[str, str]:
    if len(report.runs) == 1:
        run = report.runs[0]
        return run.sut_name or run.name, f"{run.about}. Logs: {run.name}"
    if report.runs:
        return f"{len(report.runs)} runs side by side", ", ".join(run.name for run in report.runs)
    return report.title, ""


def _verdicts(runs: Sequence[RunReport]) -> str:
    if not runs:
        return ""
    if len(runs) > 1:
        cards = "\n".join(_verdict(run, _run_name(run, i)) for i, run in enumerate(runs))
        return f'<div class="verdicts several">\n{cards}\n</div>'
    tiles = "\n".join(
        f'<div class="tile card"><dt>{_text(tile.label)}</dt><dd>'
        f'<div class="value"{_exact(tile.value)}>{_text(tile.value.text)}</div>'
        f'<div class="note">{_text(tile.note)}</div></dd></div>'
        for tile in runs[0].tiles
    )
    return (
        f'<div class="verdicts">\n{_verdict(runs[0], "")}\n</div>\n<dl class="tiles">{tiles}</dl>'
    )


def _verdict(run: RunReport, name: str) -> str:
    sign = {"good": "✓", "bad": "✕"}.get(run.tone, "i")
    findings = "".join(
        f"<li><strong>{_text(finding.text)}</strong><span>{_text(finding.fix)}</span></li>"
        for finding in run.findings
    )
    cautions = "".join(
        f"<li><strong>Caution.</strong><span>{_text(caution)}</span></li>"
        for caution in run.cautions
    )
    about = f'<p class="about">{_text(f"{run.sut_name}. {run.about}")}</p>' if name else ""
    return (
        f'<div class="verdict card {run.tone}">{name}'
        f'<div class="word"><span aria-hidden="true">{sign}</span> {_text(run.verdict)}</div>'
        f'<p class="headline">{_text(run.headline)}</p>{about}'
        + (f'<ul class="findings">{findings}</ul>' if findings else "")
        + (f'<ul class="findings cautions">{cautions}</ul>' if cautions else "")
        + "</div>"
    )


def _run_name(run: RunReport, i: int) -> str:
    return f'<div class="run-name">{_swatch(i)}{_text(run.name)}</div>'


def _legend(runs: Sequence[RunReport]) -> str:
    items = "".join(f"<li>{_swatch(i)}{_text(run.name)}</li>" for i, run in enumerate(runs))
    return f'<ul class="legend">{items}</ul>'


def _swatch(i: int) -> str:
    """The line of a run in charts."""
    dash = "7 4" if i >= RUN_COLORS else ""
    return (
        '<svg viewBox="0 0 26 10" aria-hidden="true"><line x1="0" y1="5" x2="26" y2="5" '
        f'stroke="var(--run{i % RUN_COLORS})" stroke-width="3" stroke-dasharray="{dash}"/></svg>'
    )


def _figure(chart: Chart) -> str:
    key = _text(chart.key)
    return (
        f'<figure class="chart card" id="chart-{key}"><figcaption><h3>{_text(chart.title)}</h3>'
        f"<p>{_text(chart.hint)}</p></figcaption>"
        f'<div class="plot" data-chart="{key}" role="img" '
        f'aria-label="{_text(f"{chart.title}. {chart.hint}")}"></div></figure>'
    )


def _grid(parts: Sequence[str]) -> str:
    """Two columns; the last part takes both where one would stay empty."""
    narrow = [i for i, part in enumerate(parts) if ' wide"' not in part[:40]]
    shown = list(parts)
    if len(narrow) % 2:
        last = narrow[-1]
        shown[last] = shown[last].replace('card"', 'card wide"', 1)
    return '<div class="charts">\n' + "\n".join(shown) + "\n</div>"


def _card(html: str, more: str = "") -> str:
    return f'<div class="{f"card {more}".strip()}">{html}</div>'


def _empty(text: str) -> str:
    return _card(f'<p class="empty">{_text(text)}</p>', "wide")


def _exact(cell: Cell) -> str:
    return "" if cell.value is None else f' data-value="{cell.value!r}"'


def _table(table: Table, title: str | None = None, hidden: bool = False) -> str:
    """`title`: in place of the table's caption; `hidden`: only read aloud."""
    numeric = [
        i > 0 and any(row[i].value is not None for row in table.rows)
        for i in range(len(table.columns))
    ]
    heads = "".join(
        f'<th scope="col"{_number_class(is_number)}>{_text(column)}</th>' if column else "<td></td>"
        for column, is_number in zip(table.columns, numeric, strict=True)
    )
    head = f"<thead><tr>{heads}</tr></thead>" if any(table.columns) else ""
    rows = "".join(_row(row, numeric) for row in table.rows)
    text = _text(table.caption if title is None else title)
    key = _text(table.key)
    class_ = ' class="hidden"' if hidden else ""
    return (
        f"<h3{class_}>{text}</h3>"
        f'<div class="scroll"><table class="{key}" data-table="{key}" aria-label="{text}">'
        f"{head}<tbody>{rows}</tbody></table></div>"
    )


def _row(row: Sequence[Cell], numeric: Sequence[bool]) -> str:
    cells = [f'<th scope="row"{_exact(row[0])}>{_text(row[0].text)}</th>']
    cells += [
        f"<td{_number_class(is_number)}{_exact(cell)}>{_text(cell.text)}</td>"
        for cell, is_number in zip(row[1:], numeric[1:], strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _number_class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""
