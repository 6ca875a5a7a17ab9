"""The tables of a report."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from .. import _core
from ..host.machine import read_machine
from ..logs.detail import number_or_none
from ..logs.run import RunLogs
from ..logs.settings import effective_name, requested_name, same_value
from ..text.units import change, duration, number, percentile
from .data import Cell, Table
from .findings import verdict_of
from .numbers import ICL, ITL, LATENCY, PERCENTILES, QUERY_LATENCY, TPOT, TTFT, RunMetrics

_MOST_MESSAGES = 50
_STREAM_TIMES = {
    "first token, from sending the request": "first_token_from_send",
    "first output after reasoning": "first_output",
    "between events": "inter_chunk",
    "decode time a token": "decode_per_token",
    "tail after the last token": "tail",
    "stamped late by this client": "client_lag",
}
"""What the times of streams are called, and the part of their keys."""
_COUNTED = (
    ("failures", "Why samples failed", "samples"),
    ("statuses", "Statuses of HTTP", "answers"),
    ("connections", "Connections", "count"),
    ("stamps", "What stamped the reads", "reads"),
    ("faults", "Faults of the network", "times"),
)
"""What is counted in the summary of the network: key, caption, and what the counts are of."""


def time_cell(ns: float | None) -> Cell:
    """A time in its unit, with its ns."""
    return Cell(_time(ns), ns)


def _time(ns: float | None) -> str:
    return duration(ns, padded=True)


def number_cell(value: object) -> Cell:
    """A value of a log, exact if it is a number."""
    return Cell(number(value), number_or_none(value))


def percentile_table(metrics: RunMetrics) -> Table | None:
    """A row for each statistic, a column for each kind of duration."""
    kinds = metrics.kinds
    if not kinds:
        return None
    rows = [
        (Cell("min"), *(time_cell(metrics.statistic(kind, "min")) for kind in kinds)),
        (Cell("mean"), *(time_cell(metrics.statistic(kind, "mean")) for kind in kinds)),
    ]
    shown = sorted({*PERCENTILES, *([metrics.target] if metrics.target else [])})
    for p in shown:
        rows.append((Cell(percentile(p)), *(time_cell(metrics.at(kind, p)) for kind in kinds)))
    rows.append((Cell("max"), *(time_cell(metrics.statistic(kind, "max")) for kind in kinds)))
    rows = [row for row in rows if any(cell.value is not None for cell in row[1:])]
    bounds = [metrics.bound_ns(kind) for kind in kinds]
    if any(bound is not None for bound in bounds):
        label = f"bound on {metrics.target_name}"
        rows.append((Cell(label), *(Cell(duration(bound), bound) for bound in bounds)))
    columns = ("", *(kind.name for kind in kinds))
    return Table("percentiles", "Percentiles", columns, tuple(rows))


def lateness_table(logs: RunLogs) -> Table | None:
    """How late queries were issued, and what caused it."""
    get = logs.number
    if get("result_lateness_p50_ns") is None:
        return None
    held_up = get("result_queries_held_up_by_sut") or 0
    total = get("result_query_count") or 0
    statistics = ("p50", "p90", "p99", "p99.9", "max")
    everything = [get(f"result_lateness_{name}_ns") for name in statistics]
    parts = [
        ("all queries", total, everything),
        ("held up by IssueQuery", held_up, _part(logs, "held_up", held_up > 0)),
        ("the others: the load generator's own", total - held_up, _part(logs, "others", True)),
    ]
    rows = tuple(
        (Cell(name), number_cell(count), *(time_cell(value) for value in values))
        for name, count, values in parts
    )
    columns = ("", "queries", "p50", "p90", "p99", "p99.9", "max")
    return Table("lateness", "How late queries were issued", columns, rows)


def _part(logs: RunLogs, name: str, known: bool) -> list[float | None]:
    """The row of a part of the queries, of which only two percentiles are logged."""
    if not known:
        return [None] * 5
    p50, p99 = (logs.number(f"result_lateness_{name}_{p}_ns") for p in ("p50", "p99"))
    return [p50, None, p99, None, None]


def stream_table(logs: RunLogs) -> Table | None:
    """The times of streamed answers beside TTFT, TPOT and latency. None: there are none."""
    names = ("50.00", "90.00", "99.00", "99.90")
    rows = []
    for name, key in _STREAM_TIMES.items():
        keys = [f"result_{key}_mean_ns"]
        keys += [f"result_{key}_{percentile}_percentile_ns" for percentile in names]
        keys.append(f"result_{key}_max_ns")
        values = [logs.number(key) for key in keys]
        if any(value is not None for value in values):
            rows.append((Cell(name), *map(time_cell, values)))
    if not rows:
        return None
    columns = ("", "mean", "p50", "p90", "p99", "p99.9", "max")
    return Table("streams", "Streams", columns, tuple(rows))


def settings_table(logs: RunLogs) -> Table:
    """The settings that are not the defaults, and those that took effect with another value than
    was asked for."""
    rows: list[tuple[Cell, ...]] = []
    for name, default in _core.TestSettings().to_dict().items():
        log_name = requested_name(name)
        asked = logs.requested.get(log_name)
        if asked is None or name in ("scenario", "mode"):
            continue
        effective = logs.settings.get(effective_name(log_name), asked)
        usual = getattr(default, "name", default)
        if same_value(asked, usual) and same_value(effective, asked):
            continue
        took_effect = "" if same_value(effective, asked) else _value_text(effective)
        meaning = (getattr(_core.TestSettings, name).__doc__ or "").split(". ")[0].rstrip(".")
        cells = (name, _value_text(asked), _value_text(usual), took_effect, meaning)
        rows.append(tuple(Cell(text) for text in cells))
    columns: tuple[str, ...] = ("setting", "asked for", "default", "took effect as", "meaning")
    if not any(row[3].text for row in rows):
        columns = (*columns[:3], *columns[4:])
        rows = [(*row[:3], *row[4:]) for row in rows]
    return Table("settings", "Settings that are not the defaults", columns, tuple(rows))


def _value_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def message_table(logs: RunLogs) -> Table | None:
    """Errors and warnings, after the parts of the logs that could not be read."""
    texts = [("not read", text) for text in logs.unread]
    texts += [("error", text) for text in logs.errors]
    texts += [("warning", text) for text in logs.warnings]
    if not texts:
        return None
    rows = [(Cell(kind), Cell(text)) for kind, text in texts[:_MOST_MESSAGES]]
    if len(texts) > _MOST_MESSAGES:
        more = f"and {number(len(texts) - _MOST_MESSAGES)} more, in the detail log"
        rows.append((Cell(""), Cell(more)))
    return Table("messages", "Errors and warnings", ("", ""), tuple(rows))


def network_tables(logs: RunLogs) -> tuple[Table, ...]:
    """The parts of the latency in the network, the nodes, the failures and the faults, from the
    summary of the network next to the logs. There are no tables if that file is missing or is not
    as expected."""
    file = logs.folder / f"{logs.prefix}network{logs.suffix}.json"
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        parts = _parts_table(summary["components"])
        nodes = _nodes_table(summary.get("nodes", []))
        counted = [_counts_table(summary, *kind) for kind in _COUNTED]
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return ()
    return tuple(table for table in (parts, nodes, *counted) if table.rows)


def _counts_table(summary: Mapping[str, Any], key: str, caption: str, what: str) -> Table:
    counts = summary.get(key, {}).items()
    rows = tuple((Cell(text), number_cell(count)) for text, count in counts)
    return Table(key, caption, ("", what), rows)


def _parts_table(components: Mapping[str, Mapping[str, Any]]) -> Table:
    keys = ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "mean_ns", "max_ns")
    rows = tuple(
        (Cell(name), *(time_cell(number_or_none(values.get(key))) for key in keys))
        for name, values in components.items()
    )
    columns = ("part", "p50", "p90", "p99", "p99.9", "mean", "max")
    return Table("network", "Where the time goes on the way", columns, rows)


def _nodes_table(nodes: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            Cell(str(node["address"])),
            Cell(str(node["name"])),
            *(number_cell(node[key]) for key in ("answered", "failed")),
            Cell("; ".join(map(str, node["losses"]))),
        )
        for node in nodes
    )
    columns = ("node", "name", "answered", "failed", "was lost")
    return Table("nodes", "Nodes", columns, rows)


# ---- Comparison ----------------------------------------------------------------------------------


def comparison_table(all_metrics: Sequence[RunMetrics], names: Sequence[str]) -> Table:
    """A row for each number, a column for each run; changes are against the first run."""
    rows = [(Cell("verdict"), *(Cell(verdict_of(m.logs)[0]) for m in all_metrics))]
    for label, key in (
        ("samples/s", None),
        ("samples/s scheduled", "result_scheduled_samples_per_sec"),
        ("queries over the bound", "result_overlatency_query_count"),
    ):
        values = [_rate_or(m, key) for m in all_metrics]
        rows += _compared(label, values, number)
    rows += _compared("tokens/s", [m.logs.tokens_per_second for m in all_metrics], number)
    goodput = [m.logs.number("result_goodput_per_second") for m in all_metrics]
    rows += _compared("goodput, requests/s", goodput, number)
    if any(m.failed_count for m in all_metrics):
        rows += _compared("failed samples", [m.failed_count for m in all_metrics], number)
    rows += _compared("queries", [m.query_count for m in all_metrics], number)
    for kind in (LATENCY, QUERY_LATENCY, TTFT, TPOT, ITL, ICL):
        means = [m.statistic(kind, "mean") if kind in m.kinds else None for m in all_metrics]
        rows += _compared(f"{kind.name}, mean", means, _time)
        for p in PERCENTILES:
            values = [m.at(kind, p) if kind in m.kinds else None for m in all_metrics]
            rows += _compared(f"{kind.name}, {percentile(p)}", values, _time)
    late = [m.logs.number("result_lateness_p99_ns") for m in all_metrics]
    rows += _compared("Issued late, p99", late, _time)
    return Table(
        "comparison", "In brackets: the change against the first run", ("", *names), tuple(rows)
    )


def _rate_or(metrics: RunMetrics, key: str | None) -> float | None:
    if key is None:
        return metrics.rate[1] if metrics.rate else None
    return metrics.logs.number(key)


def _compared(label: str, values: Sequence[float | None], text: Any) -> list[tuple[Cell, ...]]:
    if all(value is None for value in values):
        return []
    base = values[0]
    cells = [Cell(text(base), base)]
    for value in values[1:]:
        shown = text(value)
        if value is not None and base:
            shown += f" ({_change(value / base)})"
        cells.append(Cell(shown, value))
    return [(Cell(label), *cells)]


def _change(ratio: float) -> str:
    if 0.5 < ratio < 2:
        return change(ratio - 1)
    return f"\u00d7{ratio:.3g}"


# ---- Machine -------------------------------------------------------------------------------------


def machine_table() -> Table:
    """The machine that makes the report; the logs do not name the machine that ran the test."""
    machine = read_machine()
    memory_gib = None if machine.memory_total_bytes is None else machine.memory_total_bytes / 2**30
    rows = (
        ("processor", machine.cpu_model),
        ("cores that may be used", machine.cores_usable),
        ("frequency governor", machine.governor),
        ("virtual machine", {True: "yes", False: "no", None: None}[machine.hypervisor]),
        ("memory", None if memory_gib is None else f"{memory_gib:.1f} GiB"),
        ("system", machine.system),
        ("Python", platform.python_version()),
    )
    known = tuple((Cell(name), Cell(str(value))) for name, value in rows if value is not None)
    caption = "The machine that made this report; the logs do not name the one that ran the test"
    return Table("machine", caption, ("", ""), known)
