"""Up to which rate this machine can be trusted: `examine`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from ..callables import plain
from ..host.machine import read_busy_s, read_machine
from .concerns import warnings_of
from .diagnosis import Diagnosis
from .measured import Measured
from .timing import (
    ServerRate,
    TimerJitter,
    measure_clock,
    measure_gaps,
    measure_sleep,
    run_at,
    search_rate,
)
from .transfers import check_transfers


def examine(
    seconds: float = 10.0,
    *,
    lateness_bound_us: float = 100.0,
    progress: Callable[[str], object] | None = None,
    root: Path = Path("/"),
) -> Diagnosis:
    """Measures for about `seconds` up to which rate this machine issues queries on time.

    A tenth of the time goes to sleeping, a fifth to a spinning thread, and the rest to short Server
    tests of a system that answers at once. The rate rises until the 99th percentile of lateness
    passes `lateness_bound_us` microseconds or queries are left behind. The logs of these tests are
    temporary. At the end each provider of transfers is tested. Facts about the machine are read
    below `root`; a fact that it does not report is None. `progress(text)` gets a line for each
    step.

    Raises ValueError if `seconds` or the bound is not positive and finite, and RuntimeError if a
    test is running in this process.
    """
    for name, value in (("seconds", seconds), ("lateness_bound_us", lateness_bound_us)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {value!r}")
    report = plain(progress, "progress") if progress else lambda text: None
    machine = read_machine(root)
    report("clock and timers")
    clock = measure_clock()
    sleep, busy_cores = _sleep_and_neighbours(0.1 * seconds, root)
    report("interruptions")
    gaps = measure_gaps(0.2 * seconds)
    bound_ns = round(1000 * lateness_bound_us)
    rates = _server_rates(0.7 * seconds, bound_ns, report)
    report("transfers between processes")
    transfers = check_transfers()
    measured = Measured(machine, clock, sleep, gaps, busy_cores, bound_ns, rates, transfers)
    return Diagnosis(**vars(measured), warnings=warnings_of(measured))


def _sleep_and_neighbours(seconds: float, root: Path) -> tuple[TimerJitter, float | None]:
    """Timer jitter, and the cores others used meanwhile."""
    start_s, start_busy_s = time.monotonic(), read_busy_s(root)
    start_own_s = time.process_time()
    sleep = measure_sleep(seconds)
    end_busy_s = read_busy_s(root)
    if start_busy_s is None or end_busy_s is None:
        return sleep, None
    foreign_s = end_busy_s - start_busy_s - (time.process_time() - start_own_s)
    return sleep, max(foreign_s / (time.monotonic() - start_s), 0.0)


def _server_rates(
    seconds: float, bound_ns: int, report: Callable[[str], object]
) -> tuple[ServerRate, ...]:
    """The tests of the search; at least one."""
    end_s = time.monotonic() + seconds
    each_s = seconds / 16  # About as many as a search makes.
    made: list[ServerRate] = []

    def run(qps: float) -> ServerRate:
        report(f"Server at {qps:,.0f} queries/s")
        return run_at(qps, each_s)

    def in_time() -> bool:
        return not made or time.monotonic() < end_s

    for rate in search_rate(bound_ns, run, in_time):
        made.append(rate)
    return tuple(made)
