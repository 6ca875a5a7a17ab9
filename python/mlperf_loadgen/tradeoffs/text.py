"""A table of systems in words and columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..text.columns import WIDTH, aligned, wrapped
from ..text.units import counted, duration, rate, share
from .cautions import megabytes, points
from .metrics import Interval, ParetoRow, Table

Cells = dict[str, str]


def cells_of(row: ParetoRow) -> Cells:
    """The cells of a row under their headings; "-" where a number is not known."""
    return {
        "disk MB": megabytes(row.disk_bytes),
        "bits/weight": rate(row.bits_per_weight),
        "RAM MB": megabytes(row.resident_bytes),
        "peak MB": megabytes(row.peak_resident_bytes),
        "accuracy %": _percent(row),
        "change": _change(row),
        "p50": duration(row.latency_p50_ns),
        "p99": duration(row.latency_p99_ns),
        "samples/s": rate(row.samples_per_second),
        "peak queries/s": _peak(row),
        "load": duration(row.load_ns),
        "kind": row.kind or "-",
    }


def table_of(rows: Sequence[ParetoRow]) -> tuple[list[str], list[list[str]]]:
    """The headings and the cells; columns that no row has are left out."""
    all_cells = [cells_of(row) for row in rows]
    shown = [
        name for name in cells_of(ParetoRow(variant="")) if any(c[name] != "-" for c in all_cells)
    ]
    lines = [
        [row.variant, "yes" if row.on_front else "", *(cells[name] for name in shown)]
        for row, cells in zip(rows, all_cells, strict=True)
    ]
    return ["variant", "front", *shown], lines


def row_text(row: ParetoRow) -> str:
    """Describes a row in one line."""
    if row.run_count == 0:
        return f"{row.variant}: not measured: {row.error}"
    parts = [
        f"{megabytes(row.disk_bytes)} MB" if row.disk_bytes is not None else "",
        f"accuracy {_percent(row)} %" if row.accuracy is not None else "",
        f"p50 {duration(row.latency_p50_ns)}",
        f"p99 {duration(row.latency_p99_ns)}",
        f"{rate(row.samples_per_second)} samples/s",
        f"peak {_peak(row)} queries/s" if row.peak_qps is not None else "",
        "VALID" if row.valid else "INVALID",
    ]
    return f"{row.variant}: {', '.join(filter(None, parts))}"


def table_text(table: Table, width: int = WIDTH) -> str:
    """The table, in `width` columns; the front; and what there is to say of the rows."""
    lines = [f"{table.title}: {counted(len(table.rows), 'variant')}"]
    if table.rows:
        headings, cells = table_of(table.rows)
        lines += aligned([headings, *cells], "<<" + ">" * (len(headings) - 2), width)
    lines += wrapped(front_text(table))
    for row in table.rows:
        for kind, text in remarks_of(row):
            lines += wrapped(f"{kind}: {row.variant}: {text}")
    return "\n".join(lines)


def remarks_of(row: ParetoRow) -> Iterator[tuple[str, str]]:
    """What there is to say of a row, each text after what kind of text it is."""
    if row.error:
        yield "failed", row.error
    yield from (("INVALID", reason) for reason in row.reasons)
    yield from (("caution", caution) for caution in row.cautions)


def front_text(table: Table) -> str:
    """Which rows are on the front, and what makes it."""
    columns = [f"low {name}" for name in table.minimize] + [f"high {n}" for n in table.maximize]
    names = ", ".join(row.variant for row in table.front)
    if names:
        return f"front ({', '.join(columns)}): {names}"
    return "front: none, as no row has all of its columns"


def interval_text(interval: Interval) -> str:
    """An interval of shares in percent."""
    return f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"


def _percent(row: ParetoRow) -> str:
    """An accuracy with its interval. One that is no share, as a score may be, is as it is."""
    if row.accuracy is None:
        return "-"
    if row.accuracy_interval is None:
        return share(row.accuracy, 4).removesuffix(" %")
    return f"{100 * row.accuracy:.2f} ({interval_text(row.accuracy_interval)})"


def _change(row: ParetoRow) -> str:
    if row.accuracy_change is None or row.accuracy_change_interval is None:
        return "-"
    low, high = row.accuracy_change_interval
    return f"{points(row.accuracy_change)} ({points(low)} to {points(high)})"


def _peak(row: ParetoRow) -> str:
    if row.peak_interval is None:
        return rate(row.peak_qps)
    low, high = row.peak_interval
    return f"{rate(row.peak_qps)} ({rate(low)} to {rate(high)})"
