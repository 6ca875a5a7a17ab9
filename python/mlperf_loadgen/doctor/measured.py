"""The measurements of `examine`, without their interpretation."""

from __future__ import annotations

from dataclasses import dataclass

from ..host.machine import Machine
from .timing import ClockCost, Gaps, ServerRate, TimerJitter
from .transfers import TransferCheck


@dataclass(frozen=True)
class Measured:
    """The facts that a machine reports about itself, and the behaviour of its clocks, timers and
    short tests."""

    machine: Machine
    clock: ClockCost
    sleep: TimerJitter
    gaps: Gaps
    busy_cores: float | None
    """Number of cores that other processes kept busy while this process slept; None: not known."""
    lateness_bound_ns: int
    """The bound that the 99th percentile of lateness had to keep."""
    rates: tuple[ServerRate, ...]
    """Every short Server test of a system that answers at once, in the order of the tests."""
    transfers: tuple[TransferCheck, ...]
    """How transfers between processes can move bytes here, usable or not."""

    @property
    def trusted(self) -> ServerRate | None:
        """The run with the highest rate that was on time; None: no rate was."""
        good = [rate for rate in self.rates if rate.keeps(self.lateness_bound_ns)]
        return max(good, key=lambda rate: rate.qps, default=None)
