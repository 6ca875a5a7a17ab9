"""The values of a table of systems: what one process measured, the row of a variant, the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Interval: TypeAlias = tuple[float, float]
"""The lower and the upper end."""


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The numbers of a system. None: not known, or not asked for."""

    disk_bytes: float | None = None
    """The size of the files that the system names as `model_files`."""
    bits_per_weight: float | None = None
    """8 * disk_bytes / `weight_count` of the system."""
    resident_bytes: float | None = None
    """The memory that the process holds after the first answer, less what it held before the system
    was made."""
    peak_resident_bytes: float | None = None
    """The most memory that the process held at any time, less what it held before the system was
    made."""
    accuracy: float | None = None
    """The share of the samples, 0 to 1, that were answered right; or the number that the library's
    `score` gives."""
    latency_p50_ns: float | None = None
    """Percentiles of the latency in SingleStream."""
    latency_p99_ns: float | None = None
    samples_per_second: float | None = None
    """The throughput in Offline."""
    peak_qps: float | None = None
    """The highest Server rate that keeps the bound, as `find_peak` finds it."""
    load_ns: float | None = None
    """The time in which the system was made and gave its first answer."""


@dataclass(frozen=True, kw_only=True)
class Measurement(Metrics):
    """What one process measured of one variant."""

    kind: str = ""
    """What the system says of itself: "storage" if it only takes less room, "kernels" if it also
    computes with few bits; empty if it says nothing."""
    sample_count: int = 0
    """The number of samples that were asked for in the accuracy run."""
    judged: bool = False
    """Whether it is known of each sample whether it was answered right."""
    answers_digest: str = ""
    """SHA-256 of all answers in the order of the samples; empty if they hold no bytes."""
    peak_interval: Interval | None = None
    """The confidence interval of `peak_qps`; an end that is not known is 0 or inf."""
    reasons: tuple[str, ...] = ()
    """Why runs are not VALID, each with the name of its run."""
    cautions: tuple[str, ...] = ()
    """Sentences that a reader must know before trusting the numbers."""


@dataclass(frozen=True, kw_only=True)
class ParetoRow(Metrics):
    """A variant in the table: medians of what its processes measured, each taken separately."""

    variant: str
    kind: str = ""
    run_count: int = 0
    """The number of processes that measured it; 0: none did."""
    accuracy_interval: Interval | None = None
    """Wilson's interval of the accuracy, with 95 % confidence."""
    accuracy_change: float | None = None
    """The accuracy less that of the first variant on the same samples, as a share."""
    accuracy_change_interval: Interval | None = None
    """The interval of the change for paired samples, with 95 % confidence."""
    peak_interval: Interval | None = None
    on_front: bool = False
    """Whether no other row is at least as good in each column of the front and better in one."""
    error: str = ""
    """Why the variant, or one of its repeats, could not be measured."""
    reasons: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    """What a reader must know, the comparison with the first variant included."""

    @property
    def failed(self) -> bool:
        """Whether a process of the row ended without having measured."""
        return bool(self.error)

    @property
    def valid(self) -> bool:
        """Whether the row was measured and all of its runs were VALID."""
        return self.run_count > 0 and not self.failed and not self.reasons


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a table, and what was asked for."""

    title: str
    """The name of the function that makes the systems."""
    asked: dict[str, Any] = field(default_factory=dict)
    """What all rows have in common: library, settings, bound and budget."""
    rows: tuple[ParetoRow, ...] = ()
    """A row for each variant, in the order in which they were given."""
    minimize: tuple[str, ...] = ()
    """The columns of the front, by the names of `Metrics`."""
    maximize: tuple[str, ...] = ()

    @property
    def front(self) -> tuple[ParetoRow, ...]:
        """The rows on the Pareto front."""
        return tuple(row for row in self.rows if row.on_front)
