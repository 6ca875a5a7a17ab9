"""Logs to a report."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from ..logs.files import shown_path
from ..logs.peak import LoggedPeak, LoggedTrial
from ..logs.run import RunLogs, read_run
from ..sweeps.table import Sweep
from ..sweeps.text import failed_text, number_text
from ..text.units import counted, number, percentile, share
from ..tradeoffs.table import ParetoTable
from . import series, streams
from .data import (
    Cell,
    Distribution,
    ParetoReport,
    PeakReport,
    Report,
    RunReport,
    StreamReport,
    SweepReport,
    Table,
)
from .findings import findings_of, headline_of, verdict_of
from .numbers import ICL, ITL, Kind, RunMetrics
from .paretos import pareto_report
from .tables import (
    comparison_table,
    lateness_table,
    machine_table,
    message_table,
    network_tables,
    number_cell,
    percentile_table,
    settings_table,
    stream_table,
    time_cell,
)
from .tiles import tiles_of


def build_report(paths: Sequence[str | os.PathLike[str]]) -> Report:
    """Reads runs (their folders or log files), and sweeps and tables of systems (`sweep.json`,
    `pareto.json` or their folders)."""
    sweeps, paretos, runs = [], [], []
    for path in map(Path, paths):
        sweep, pareto = (_table_of(path, kind) for kind in ("sweep", "pareto"))
        if sweep is not None:
            sweeps.append(_sweep_report(Sweep.load(sweep)))
        elif pareto is not None:
            paretos.append(pareto_report(ParetoTable.load(pareto)))
        else:
            runs.append(RunMetrics(read_run(path)))
    if not runs and not sweeps and not paretos:
        raise ValueError("there are no runs to report on; give at least one folder of logs")
    names = _distinct_names([metrics.logs for metrics in runs])
    bins = _shared_bins(runs)
    reports = tuple(_run_report(m, name, bins) for m, name in zip(runs, names, strict=True))
    return Report(
        title=_title(reports, [*sweeps, *paretos]),
        runs=reports,
        comparison=comparison_table(runs, names) if len(runs) > 1 else None,
        sweeps=tuple(sweeps),
        paretos=tuple(paretos),
        machine=machine_table(),
    )


def _table_of(path: Path, kind: str) -> Path | None:
    """The file of a sweep or of a table of systems, if a path is that or its folder."""
    file = path / f"{kind}.json" if path.is_dir() else path
    if file.suffix != ".json" or not file.is_file():
        return None
    with file.open("rb") as opened:
        return file if f'"mlperf_loadgen {kind}'.encode() in opened.read(200) else None


def _distinct_names(runs: Sequence[RunLogs]) -> list[str]:
    """The names of the runs, as paths if the plain names do not differ."""
    names = [run.name for run in runs]
    if len(set(names)) == len(names):
        return names
    folders = [run.folder.resolve() for run in runs]
    shared = Path(os.path.commonpath([folder.parent for folder in folders]))
    paths = [shown_path(folder.relative_to(shared)) for folder in folders]
    if len(set(paths)) == len(paths):
        return paths
    return [f"{name} ({i + 1})" for i, name in enumerate(names)]


def _title(runs: Sequence[RunReport], tables: Sequence[SweepReport | ParetoReport]) -> str:
    if len(runs) == 1:
        return f"{runs[0].sut_name or runs[0].name}: {runs[0].verdict}"
    if runs:
        return f"{len(runs)} runs: " + ", ".join(run.name for run in runs)
    return tables[0].title


# ---- A run ---------------------------------------------------------------------------------------


_Bins = dict[str, tuple[series.Floats, bool]]


def _shared_bins(runs: Sequence[RunMetrics]) -> _Bins:
    """Bins for each kind of duration, the same for all runs, so that their shares compare."""
    found: dict[str, list[series.Ints]] = {}
    for metrics in runs:
        for kind, ascending in metrics.durations.items():
            found.setdefault(kind.key, []).append(ascending)
    return {
        key: series.bin_edges(
            min(int(values[0]) for values in lists),
            max(int(values[-1]) for values in lists),
            min(len(values) for values in lists),
        )
        for key, lists in found.items()
    }


def _run_report(metrics: RunMetrics, name: str, bins: _Bins) -> RunReport:
    logs = metrics.logs
    verdict, tone = verdict_of(logs)
    return RunReport(
        name=name,
        sut_name=logs.sut_name,
        about=_about(logs),
        verdict=verdict,
        tone=tone,
        headline=headline_of(metrics),
        findings=findings_of(logs),
        cautions=logs.cautions,
        tiles=tuple(tiles_of(metrics)),
        percentiles=percentile_table(metrics),
        distributions=tuple(_distributions(metrics, bins)),
        flow=_flow(metrics),
        flow_unit="samples" if logs.scenario == "Offline" else "queries",
        offers_load=logs.scenario == "Server",
        lateness=lateness_table(logs),
        settings=settings_table(logs),
        messages=message_table(logs),
        stream=_stream(metrics),
        stream_times=stream_table(logs),
        network=network_tables(logs),
        peak=_peak_report(logs),
    )


def _about(logs: RunLogs) -> str:
    parts = [logs.scenario, logs.mode]
    if logs.started is not None:
        parts.append(logs.started.strftime("%Y-%m-%d %H:%M:%S UTC"))
    if logs.version:
        parts.append(f"load generator {logs.version}")
    return ", ".join(part for part in parts if part)


def _distributions(metrics: RunMetrics, bins: _Bins) -> list[Distribution]:
    return [
        Distribution(
            key=kind.key,
            name=kind.name,
            histogram=series.histogram(ascending, *bins[kind.key]),
            tail=series.tail(ascending),
            bands=_bands(metrics, kind),
            target=metrics.target_of(kind),
            target_ns=metrics.at(kind, metrics.target_of(kind)),
            bound_ns=metrics.bound_ns(kind),
        )
        for kind, ascending in metrics.durations.items()
    ]


def _bands(metrics: RunMetrics, kind: Kind) -> series.Bands | None:
    """Over the time of the schedule, in Offline of gaps alone: all is scheduled at once there."""
    if metrics.logs.scenario == "Offline" and kind not in (ITL, ICL):
        return None
    return series.bands(*metrics.timed(kind))


def _flow(metrics: RunMetrics) -> series.Flow | None:
    times = metrics.query_times
    return None if times is None else series.flow(*times)


def _stream(metrics: RunMetrics) -> StreamReport | None:
    arrivals, gaps, rows = metrics.arrivals, metrics.gaps, metrics.logs.samples
    if arrivals is None or gaps is None or rows is None:
        return None
    return StreamReport(
        flow=streams.token_flow(arrivals, metrics.start_ns),
        gaps=streams.gaps_by_load(gaps, rows),
        gap_name=metrics.gap_kind.name,
        sizes=streams.event_sizes(arrivals),
    )


# ---- Searches and sweeps -------------------------------------------------------------------------


_OUTCOMES = {True: "passed", False: "failed", None: ""}


def _peak_report(logs: RunLogs) -> PeakReport | None:
    peak = logs.peak
    if peak is None or not peak.trials:
        return None
    return PeakReport(
        text=_peak_text(peak, logs.finished),
        trials=_trials_table(peak.trials),
        rates=tuple(trial.qps for trial in peak.trials),
        passed=tuple(trial.passed for trial in peak.trials),
        peak_qps=peak.qps,
    )


def _peak_text(peak: LoggedPeak, finished: bool) -> str:
    trials = counted(len(peak.trials), "trial")
    if peak.statement:
        return f"The peak: {peak.statement}; {trials}."
    if peak.qps is not None:
        return f"The peak is {number(peak.qps)} queries/s, after {trials}."
    if not finished:
        return f"The logs end before the search did, after {trials}."
    return "No rate was found that passes."


def _trials_table(trials: tuple[LoggedTrial, ...]) -> Table:
    """With the columns that the logs have something for."""
    columns: dict[str, list[Cell]] = {
        "trial": [Cell(str(i + 1)) for i in range(len(trials))],
        "purpose": [Cell(trial.purpose) for trial in trials],
        "queries/s": [number_cell(trial.qps) for trial in trials],
    }
    if any(trial.over_share is not None for trial in trials):
        columns["over the bound"] = [
            Cell("" if t.over_share is None else share(t.over_share)) for t in trials
        ]
    if any(trial.failed_share for trial in trials):
        columns["failed"] = [Cell(_failed(trial)) for trial in trials]
    if any(trial.passed is not None for trial in trials):
        columns["outcome"] = [Cell(_OUTCOMES[trial.passed]) for trial in trials]
    return Table("trials", "Trials", tuple(columns), tuple(zip(*columns.values(), strict=True)))


def _failed(trial: LoggedTrial) -> str:
    """The share that failed and why; empty if nothing failed."""
    if not trial.failed_share:
        return ""
    return ": ".join(filter(None, [share(trial.failed_share), "; ".join(trial.failures)]))


def _sweep_report(sweep: Sweep) -> SweepReport:
    rows = [r for r in sweep.rows() if r.median.achieved_samples_per_second is not None]
    kind = sweep.latency_kinds[0]
    metrics = [("p50", f"{kind}_p50_ns"), ("p99", f"{kind}_p99_ns")]
    if sweep.target_percentile not in (0.5, 0.99):
        metrics.append((percentile(sweep.target_percentile), f"{kind}_target_ns"))
    knee, why_not = sweep.find_knee()
    knee_text = f"There is no knee: {why_not}."
    if knee is not None:
        failed = failed_text(knee.median).rstrip(", ")
        failed = f"; there {failed}" if failed else ""
        knee_text = f"The knee is at {sweep.parameter} {number_text(knee.value)}{failed}."
    rates = [("samples/s", "achieved_samples_per_second")]
    if any(row.median.achieved_tokens_per_second is not None for row in sweep.rows()):
        rates.append(("tokens/s", "achieved_tokens_per_second"))
    gaps = [("ITL, p99", "itl_p99_ns")]
    if all(row.median.itl_p99_ns is None for row in sweep.rows()):
        gaps = []
    fails = any(row.max.failed_share for row in sweep.rows())
    table_rows = tuple(
        (
            Cell(number_text(row.value), row.value),
            *(number_cell(getattr(row.median, metric)) for _, metric in rates),
            *(time_cell(getattr(row.median, metric)) for _, metric in (*metrics, *gaps)),
            *([Cell(share(row.median.failed_share or 0))] if fails else []),
            Cell(f"{row.valid_count} of {row.run_count}"),
        )
        for row in sweep.rows()
    )
    names = (*(name for name, _ in (*rates, *metrics, *gaps)), *(["failed"] if fails else []))
    columns = (sweep.parameter, *names, "VALID")
    return SweepReport(
        title=f"{sweep.sut_name}: {sweep.scenario.name} sweep of {sweep.parameter}",
        knee_text=knee_text,
        table=Table("sweep", "Medians of the runs at each value", columns, table_rows),
        samples_per_second=tuple(
            row.median.achieved_samples_per_second or math.nan for row in rows
        ),
        lines=tuple(
            (name, tuple(getattr(row.median, metric) for row in rows)) for name, metric in metrics
        ),
        valid=tuple(row.valid for row in rows),
        labels=tuple(number_text(row.value) for row in rows),
        bound_ns=sweep.bounds_ns.get(kind),
        knee_samples_per_second=knee.median.achieved_samples_per_second if knee else None,
    )
