"""The problems of a machine for measurements: why each matters, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..text.units import counted, duration, share
from .measured import Measured

SLOW_CLOCK_NS = 300
LATE_TIMER_NS = 500_000
LONG_GAP_NS = 2_000_000
LOST_SHARE = 0.005
BUSY_CORES = 0.25
LITTLE_MEMORY_BYTES = 1 << 30
FEW_OPEN_FILES = 4096


@dataclass(frozen=True)
class Concern:
    """A problem that makes measurements on this machine less reliable."""

    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.fix}"


def warnings_of(found: Measured) -> tuple[Concern, ...]:
    """The problems of the machine, the most serious first."""
    return tuple(warning for check in _CHECKS if (warning := check(found)) is not None)


def _rates(found: Measured) -> Concern | None:
    if found.trusted is not None:
        return None
    lowest = min(found.rates, key=lambda rate: (rate.qps, rate.lateness_p99_ns))
    return Concern(
        f"even at {lowest.qps:,.0f} queries/s the 99th percentile of lateness was "
        f"{duration(lowest.lateness_p99_ns)}",
        "queries leave late, and a system under test seems slower or is spared its bursts",
        "free the machine of other work, or measure on another one",
    )


def _neighbours(found: Measured) -> Concern | None:
    if found.busy_cores is None or found.busy_cores <= BUSY_CORES:
        return None
    return Concern(
        f"other processes keep {found.busy_cores:.1f} cores busy",
        "they take processor time and caches from the generator and from the system under test",
        "stop them, or compare interleaved runs, several a side",
    )


def _interruptions(found: Measured) -> Concern | None:
    gaps = found.gaps
    lost = gaps.total_ns / 1e9 / gaps.watched_s
    if gaps.largest_ns < LONG_GAP_NS and lost < LOST_SHARE:
        return None
    return Concern(
        f"a spinning thread stood still {counted(gaps.count, 'time')} in {gaps.watched_s:.2g} s, "
        f"at most {duration(gaps.largest_ns)}, {share(lost)} of the time",
        "whatever is running then is that much late, and tail latencies show it",
        "stop other work; in a virtual machine, ask for dedicated cores; isolate cores "
        "(isolcpus, taskset)",
    )


def _one_core(found: Measured) -> Concern | None:
    cores = found.machine.cores_usable
    if cores is None or cores > 1:
        return None
    return Concern(
        "this process may use one core only",
        "the generator and the system under test take turns on it, so that queries leave late",
        "give the process two cores or more (taskset, cpuset)",
    )


def _quota(found: Measured) -> Concern | None:
    quota = found.machine.cores_quota
    cores = found.machine.cores_usable
    if quota is None or (cores is not None and quota >= cores):
        return None
    return Concern(
        f"a control group limits this process to {quota:g} cores",
        "once the quota of a period is used, everything stops for the rest of it, often 50 ms",
        "lift the quota (docker run without --cpus) and give cores instead (--cpuset-cpus)",
    )


def _clock(found: Measured) -> Concern | None:
    if found.clock.read_ns < SLOW_CLOCK_NS:
        return None
    source = found.machine.clocksource or "unknown"
    return Concern(
        f"reading the clock takes {duration(found.clock.read_ns)} (clock source {source})",
        "each query is timed by it at least twice, which bounds the rate",
        "boot with clocksource=tsc where the processor's counter is steady",
    )


def _timer(found: Measured) -> Concern | None:
    if found.sleep.p99_ns < LATE_TIMER_NS:
        return None
    return Concern(
        f"sleeps of 1 ms take up to {duration(found.sleep.p99_ns)} longer (p99)",
        "what sleeps, the generator between queries or a system under test, wakes late",
        "server_pacing = Pacing.Spin for the generator; forbid deep idle states for the rest",
    )


def _governor(found: Measured) -> Concern | None:
    governor = found.machine.governor
    if governor is None or governor == "performance":
        return None
    return Concern(
        f"the frequency governor is {governor}",
        "the processor slows down between queries, so that low loads look slower than they are",
        "cpupower frequency-set --governor performance",
    )


def _virtual(found: Measured) -> Concern | None:
    if not found.machine.hypervisor:
        return None
    return Concern(
        "this is a virtual machine",
        "its host takes time away that no process here is seen using, and speed drifts",
        "compare only runs made here one after another, best interleaved",
    )


def _memory(found: Measured) -> Concern | None:
    available = found.machine.memory_available_bytes
    if available is None or available >= LITTLE_MEMORY_BYTES:
        return None
    return Concern(
        f"{available / 2**20:.0f} MiB of memory are available",
        "what does not fit is swapped, or the process is killed in the middle of a test",
        "free memory, or raise the container's limit",
    )


def _open_files(found: Measured) -> Concern | None:
    limit = found.machine.open_files_limit
    if limit is None or limit >= FEW_OPEN_FILES:
        return None
    return Concern(
        f"{limit} files may be open at once",
        "a system under test behind a network opens one for each query in flight",
        f"ulimit -n {FEW_OPEN_FILES} or more",
    )


def _transfers(found: Measured) -> Concern | None:
    failed = [check for check in found.transfers if check.fault]
    if not failed:
        return None
    return Concern(
        f"the self-test of transfers by {failed[0].provider.name} failed: {failed[0].fault}",
        "engines choose this provider, as it says that it is usable",
        "name the providers that work, as Engine(providers=...) takes them",
    )


_CHECKS: tuple[Callable[[Measured], Concern | None], ...] = (
    _rates,
    _neighbours,
    _interruptions,
    _one_core,
    _quota,
    _clock,
    _timer,
    _governor,
    _virtual,
    _memory,
    _open_files,
    _transfers,
)
