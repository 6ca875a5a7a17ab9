"""What `examine` measures, before anything is said of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..host.machine import Machine
from .timing import ClockCost, Gaps, ServerRate, TimerJitter


@dataclass(frozen=True)
class Measured:
    """What a machine says of itself, and what its clocks, timers and short tests showed."""

    machine: Machine
    clock: ClockCost
    sleep: TimerJitter
    gaps: Gaps
    busy_cores: float | None
    """Cores that others kept busy while this process slept; None: unknown."""
    lateness_bound_ns: int
    """What the 99th percentile of lateness had to keep."""
    rates: tuple[ServerRate, ...]
    """Every short Server test of a system that answers at once, in the order of the tests."""

    @property
    def trusted(self) -> ServerRate | None:
        """The run of the highest rate that left on time; None: none did."""
        good = [rate for rate in self.rates if rate.keeps(self.lateness_bound_ns)]
        return max(good, key=lambda rate: rate.qps, default=None)
