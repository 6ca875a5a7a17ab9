"""The numbers of a run that a reader looks for first."""

from __future__ import annotations

from ..logs.run import RunLogs
from ..text.result import BURST_TOKENS
from ..text.units import counted, duration, number, share
from .data import Cell, Tile
from .numbers import RunMetrics
from .tables import number_cell, time_cell


def tiles_of(metrics: RunMetrics) -> list[Tile]:
    """The numbers of a run that a reader looks for first, with the one it is about in front."""
    tiles = [*_peak_tiles(metrics.logs), *_rate_tiles(metrics), *_token_tiles(metrics.logs)]
    tiles += _latency_tiles(metrics)
    over = metrics.logs.number("result_overlatency_query_count")
    count = metrics.query_count
    if over is not None and count and metrics.target and not metrics.token_mode:
        allowed = share(1 - metrics.target)
        note = f"{share(over / count)} of queries; {allowed} are allowed"
        label = "Over the bound or failed" if metrics.failed_count else "Over the bound"
        tiles.append(Tile(label, number_cell(over), note))
    if metrics.failed_count:
        note = "they are in no latency and no throughput"
        tiles.append(Tile("Failed samples", number_cell(metrics.failed_count), note))
    if count is not None:
        measured = metrics.logs.mode != "AccuracyOnly"
        least = metrics.logs.number("effective_min_query_count") if measured else None
        note = "" if least is None else f"at least {number(least)} asked for"
        tiles.append(Tile("Queries issued", number_cell(count), note))
    if metrics.duration_ns is not None:
        least_ms = metrics.logs.number("effective_min_duration_ms")
        note = "" if least_ms is None else f"at least {duration(1e6 * least_ms)} asked for"
        tiles.append(Tile("Duration", time_cell(metrics.duration_ns), note))
    return tiles


def _peak_tiles(logs: RunLogs) -> list[Tile]:
    if logs.peak is None:
        return []
    note = f"queries per second, after {counted(len(logs.peak.trials), 'trial')}"
    if logs.peak.qps is None and logs.peak.statement:
        note = logs.peak.statement
    return [Tile("Peak", number_cell(logs.peak.qps), note)]


def _rate_tiles(metrics: RunMetrics) -> list[Tile]:
    rate = metrics.rate
    if rate is None:
        return []
    note = "all samples in one query"
    if rate[0] == "result_completed_samples_per_sec":
        scheduled = metrics.logs.number("result_scheduled_samples_per_sec")
        note = f"{number(scheduled)} per second were scheduled"
    elif rate[0] == "result_qps_with_loadgen_overhead":
        note = "one after the other"
    return [Tile("Samples per second", number_cell(rate[1]), note)]


def _token_tiles(logs: RunLogs) -> list[Tile]:
    rate = logs.tokens_per_second
    if rate is None:
        return []
    note = "inferred from the samples" if logs.tokens_inferred else "as the system counted them"
    if (total := logs.number("result_total_tokens_per_second")) is not None:
        note = f"{number(total)} with the tokens of the prompts"
    return [Tile("Tokens per second", number_cell(rate), note), *_stream_tiles(logs)]


def _stream_tiles(logs: RunLogs) -> list[Tile]:
    """What only the logs of systems that say when their tokens came have."""
    tiles = []
    kept = logs.number("result_goodput_share")
    if kept is not None:
        good = number(logs.number("result_goodput_per_second"))
        tiles.append(Tile("Goodput", Cell(share(kept), kept), f"{good} requests/s kept all bounds"))
    size = logs.number("result_tokens_per_event")
    if size is not None:
        source = logs.records.get("result_token_source")
        note = f"tokens counted by: {source}" if source else ""
        if size > BURST_TOKENS:
            note = "times between events are those of bursts, not of tokens"
        tiles.append(Tile("Tokens an event", number_cell(size), note))
    lag_ns = logs.number("result_client_lag_99.00_percentile_ns")
    if lag_ns is not None:
        note = "from the arrival in the kernel to the read by this client"
        tiles.append(Tile("Stamped late, p99", time_cell(lag_ns), note))
    return tiles


def _latency_tiles(metrics: RunMetrics) -> list[Tile]:
    tiles = []
    for kind in metrics.kinds:
        if metrics.target is None:
            continue
        bound = metrics.bound_ns(kind)
        value = metrics.at(kind, metrics.target)
        mean_ns = metrics.statistic(kind, "mean")
        note = "" if mean_ns is None else f"mean {duration(mean_ns)}"
        if bound is not None:
            note = f"bound {duration(bound)}"
        tiles.append(Tile(f"{kind.name}, {metrics.target_name}", time_cell(value), note))
    return tiles
