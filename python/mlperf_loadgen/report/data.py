"""What a report says, before it is written as a page, as text or as a picture."""

from __future__ import annotations

from dataclasses import dataclass

from .series import Bands, Flow, Histogram, Tail


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    value: float | None = None
    """The exact value of what is shown rounded."""


@dataclass(frozen=True)
class Table:
    """A table with a heading for each column and, in the first cell, for each row."""

    key: str
    """Names the table in the page."""
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Finding:
    """What speaks against a run, and what to do about it."""

    text: str
    cure: str


@dataclass(frozen=True)
class Tile:
    """A number that a reader looks for first."""

    label: str
    value: Cell
    note: str


@dataclass(frozen=True)
class Distribution:
    """A kind of duration: how it is distributed, and over time."""

    key: str
    """Such as "latency"."""
    name: str
    """Such as "Latency of queries"."""
    histogram: Histogram
    tail: Tail
    bands: Bands | None
    target: float | None
    """The percentile that counts, as a fraction."""
    target_ns: float | None
    """The duration at it."""
    bound_ns: float | None
    """What it must not be above."""


@dataclass(frozen=True)
class RunReport:
    """What is said of one run."""

    name: str
    sut_name: str
    about: str
    """Scenario, mode, when and with what, in a line."""
    verdict: str
    tone: str
    """Of the verdict: "good", "bad" or "none"."""
    headline: str
    findings: tuple[Finding, ...]
    cautions: tuple[str, ...]
    """What a reader must know before trusting the numbers, a sentence each."""
    tiles: tuple[Tile, ...]
    percentiles: Table | None
    distributions: tuple[Distribution, ...]
    flow: Flow | None
    flow_unit: str
    """What the flow is counted in: "queries" or "samples"."""
    offers_load: bool
    """Arrivals do not wait for completions, so that both rates are worth showing."""
    lateness: Table | None
    settings: Table
    messages: Table | None
    """Errors and warnings."""
    network: tuple[Table, ...]
    """Of a test over the network: where the time went, the nodes, faults."""
    peak: PeakReport | None


@dataclass(frozen=True)
class PeakReport:
    """A search for the highest rate."""

    text: str
    trials: Table
    rates: tuple[float, ...]
    over_percent: tuple[float | None, ...]
    passed: tuple[bool | None, ...]
    peak_qps: float | None
    interval_qps: tuple[float, float] | None


@dataclass(frozen=True)
class SweepReport:
    """A latency-throughput curve."""

    title: str
    knee_text: str
    table: Table
    samples_per_second: tuple[float, ...]
    lines: tuple[tuple[str, tuple[float | None, ...]], ...]
    """Name and durations in ns at each rate."""
    valid: tuple[bool, ...]
    labels: tuple[str, ...]
    """Values of the parameter."""
    bound_ns: float | None
    knee_samples_per_second: float | None


@dataclass(frozen=True)
class Report:
    """All of it."""

    title: str
    runs: tuple[RunReport, ...]
    comparison: Table | None
    sweeps: tuple[SweepReport, ...]
    machine: Table
