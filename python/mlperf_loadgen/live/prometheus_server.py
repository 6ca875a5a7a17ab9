"""What `serve_metrics` serves, by means of prometheus_client."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from wsgiref.simple_server import WSGIServer

try:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.registry import Collector
except ImportError as error:
    message = "serve_metrics needs prometheus_client: pip install 'mlperf_loadgen[metrics]'"
    raise ImportError(message) from error

from .progress import DurationHistogram, Progress, read_progress

_NS_PER_S = 1e9


def start(port: int, addr: str) -> tuple[WSGIServer, threading.Thread]:
    """Starts the server on a thread of its own. It does not serve metrics that other code has
    registered."""
    registry = CollectorRegistry()
    registry.register(_ProgressCollector())
    return start_http_server(port, addr, registry)


class _Figure(NamedTuple):
    """A metric: what it counts, and the field of Progress it is taken from."""

    name: str
    text: str
    field: str
    counts: bool = False


_FIGURES = (
    _Figure("queries_issued", "Queries issued in this set.", "queries_issued", counts=True),
    _Figure("samples_issued", "Samples issued in this set.", "samples_issued", counts=True),
    _Figure("samples_completed", "Samples answered in this set.", "samples_completed", counts=True),
    _Figure("samples_failed", "Samples failed in this set.", "samples_failed", counts=True),
    _Figure("samples_outstanding", "Samples issued and not completed.", "samples_outstanding"),
    _Figure(
        "silent_seconds",
        "Time since the last completion, of 10 s or more, while samples are outstanding.",
        "silent_s",
    ),
    _Figure(
        "oldest_outstanding_seconds",
        "Time since the oldest outstanding sample was issued, while nothing is completed.",
        "oldest_outstanding_s",
    ),
    _Figure("start_time_seconds", "Start of this set since the Unix epoch.", "start_time_s"),
    _Figure("elapsed_seconds", "Time since the start of this set.", "elapsed_s"),
    _Figure("remaining_seconds", "Time until this set may end, estimated.", "remaining_s"),
    _Figure(
        "offered_samples_per_second",
        "What the schedule asks for (Server).",
        "offered_samples_per_second",
    ),
    _Figure(
        "completed_samples_per_second",
        "Samples completed per second since the start of this set.",
        "completed_samples_per_second",
    ),
    _Figure("peak_trial", "Which trial of a peak search this set is, from 1.", "trial"),
)
_LATEST = {
    "latency_seconds": (
        "From due time (Server) or issue to completion, of the latest samples.",
        {"0.5": "latency_p50_ns", "0.99": "latency_p99_ns"},
    ),
    "lateness_seconds": (
        "Issue time minus due time, of the latest queries (Server).",
        {"0.5": "lateness_p50_ns", "0.99": "lateness_p99_ns", "1": "lateness_max_ns"},
    ),
}
"""Metric to its meaning, and the fields in ns of its quantiles."""

_HISTOGRAMS = {
    "time_to_first_token_seconds": (
        "From due time (Server) or issue to the first token, of this set.",
        "ttft",
    ),
    "time_per_output_token_seconds": (
        "From the first token to completion, for each token after the first, of this set.",
        "tpot",
    ),
    "inter_token_latency_seconds": ("Between tokens as they arrived, of this set.", "itl"),
}
"""Metric to its meaning, and the field of Progress it is taken from."""


class _ProgressCollector(Collector):
    """Metrics of the moment at which they are collected; what is not known is left out."""

    def collect(self) -> Iterator[Metric]:
        progress = read_progress()
        running = progress is not None and not progress.finished
        yield GaugeMetricFamily(
            "mlperf_loadgen_running", "1 while a set of queries is issued.", value=float(running)
        )
        if progress is not None:
            yield from _of_set(progress)

    def describe(self) -> Iterator[Metric]:
        return iter(())


def _of_set(progress: Progress) -> Iterator[Metric]:
    labels = {"scenario": progress.scenario.name, "phase": progress.phase}
    for figure in _FIGURES:
        value = getattr(progress, figure.field)
        if value is None:
            continue
        family = CounterMetricFamily if figure.counts else GaugeMetricFamily
        metric = family(f"mlperf_loadgen_{figure.name}", figure.text, labels=list(labels))
        metric.add_metric(list(labels.values()), value)
        yield metric
    for name, (text, fields) in _LATEST.items():
        quantiles = GaugeMetricFamily(f"mlperf_loadgen_{name}", text, labels=[*labels, "quantile"])
        for quantile, field in fields.items():
            ns = getattr(progress, field)
            if ns is not None:
                quantiles.add_metric([*labels.values(), quantile], ns / _NS_PER_S)
        yield quantiles
    yield from _histograms_of(progress, labels)


def _histograms_of(progress: Progress, labels: Mapping[str, str]) -> Iterator[Metric]:
    for name, (text, field) in _HISTOGRAMS.items():
        counted: DurationHistogram | None = getattr(progress, field)
        if counted is None:
            continue
        metric = HistogramMetricFamily(f"mlperf_loadgen_{name}", text, labels=list(labels))
        metric.add_metric(list(labels.values()), _buckets_of(counted), counted.sum_ns / _NS_PER_S)
        yield metric


def _buckets_of(histogram: DurationHistogram) -> list[tuple[str, float]]:
    """Upper bounds in seconds and how many durations are at most as long."""
    bounds = [*(f"{ns / _NS_PER_S:g}" for ns in histogram.bounds_ns), "+Inf"]
    return list(zip(bounds, itertools.accumulate(histogram.counts), strict=True))
