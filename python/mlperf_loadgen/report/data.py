"""The content of a report, before it is written as a page, as text or as a picture."""

from __future__ import annotations

from dataclasses import dataclass

from ..tradeoffs.panels import Panel
from .series import Bands, Flow, Histogram, Tail
from .streams import EventSizes, GapsByLoad, TokenFlow


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    value: float | None = None
    """The exact value, if the cell shows a rounded one."""


@dataclass(frozen=True)
class Table:
    """A table with a heading for each column and, in the first cell, for each row."""

    key: str
    """Name of the table in the page."""
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Finding:
    """A problem of a run, and what to do about it."""

    text: str
    fix: str


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
    """The key, such as "latency"."""
    name: str
    """The name, such as "Latency of queries"."""
    histogram: Histogram
    tail: Tail
    bands: Bands | None
    target: float | None
    """The percentile that is judged, as a fraction."""
    target_ns: float | None
    """The duration at the target percentile."""
    bound_ns: float | None
    """The largest duration that the target percentile may have."""


@dataclass(frozen=True)
class StreamReport:
    """Answers that came as streams of tokens."""

    flow: TokenFlow
    gaps: GapsByLoad | None
    gap_name: str
    """What the gaps are: "Inter-token latency" or "Time between events"."""
    sizes: EventSizes | None


@dataclass(frozen=True)
class RunReport:
    """The report on one run."""

    name: str
    sut_name: str
    about: str
    """Scenario, mode, time and version, in a line."""
    verdict: str
    tone: str
    """Tone of the verdict: "good", "bad" or "none"."""
    headline: str
    findings: tuple[Finding, ...]
    cautions: tuple[str, ...]
    """Sentences that a reader must know before trusting the numbers."""
    tiles: tuple[Tile, ...]
    percentiles: Table | None
    distributions: tuple[Distribution, ...]
    flow: Flow | None
    flow_unit: str
    """The unit of the flow: "queries" or "samples"."""
    offers_load: bool
    """Whether arrivals do not wait for completions, so that both rates are worth showing."""
    lateness: Table | None
    settings: Table
    messages: Table | None
    """Errors and warnings."""
    stream: StreamReport | None
    """None: the system did not say when its tokens came, or it was not logged."""
    stream_times: Table | None
    """The times of streams that no distribution shows, and how late they were read."""
    network: tuple[Table, ...]
    """For a test over the network: where the time went, the nodes, and faults."""
    peak: PeakReport | None


@dataclass(frozen=True)
class PeakReport:
    """A search for the highest rate."""

    text: str
    trials: Table
    rates: tuple[float, ...]
    passed: tuple[bool | None, ...]
    peak_qps: float | None


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
class ParetoReport:
    """A table of systems."""

    title: str
    front_text: str
    table: Table
    panels: tuple[Panel, ...]
    remarks: Table
    """What there is to say of rows: why they failed or are INVALID, and cautions."""


@dataclass(frozen=True)
class Report:
    """The whole report."""

    title: str
    runs: tuple[RunReport, ...]
    comparison: Table | None
    sweeps: tuple[SweepReport, ...]
    paretos: tuple[ParetoReport, ...]
    machine: Table
