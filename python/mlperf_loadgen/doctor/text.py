"""A diagnosis in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..host.machine import Machine
from ..text.columns import wrapped
from ..text.units import counted, duration, number, share
from .concerns import Concern
from .measured import Measured
from .transfers import TransferCheck

_UNKNOWN = "not known"


def _of(value: object) -> str:
    return _UNKNOWN if value is None else str(value)


def _memory(value: int | None) -> str:
    return _UNKNOWN if value is None else f"{value / 2**30:.1f} GiB"


def _switch(value: bool | None) -> str:
    return _UNKNOWN if value is None else "on" if value else "off"


def _machine(machine: Machine) -> Iterator[str]:
    quota = f", quota {machine.cores_quota:g}" if machine.cores_quota else ""
    virtual = {None: _UNKNOWN, True: "yes", False: "no"}[machine.hypervisor]
    open_files, locked = machine.open_files_limit, machine.locked_memory_limit_bytes
    yield f"processor: {_of(machine.cpu_model)}"
    yield f"cores: {_of(machine.cores_usable)} of {_of(machine.cores_online)} usable{quota}"
    yield f"governor: {_of(machine.governor)}; turbo: {_switch(machine.turbo)}"
    yield f"system: {machine.system}; virtual: {virtual}; product: {_of(machine.product)}"
    yield (
        f"memory: {_memory(machine.memory_available_bytes)} of "
        f"{_memory(machine.memory_total_bytes)} available"
    )
    yield (
        f"limits: {'no known limit' if open_files is None else open_files} open files, "
        f"{'no known limit' if locked is None else f'{locked / 2**20:.0f} MiB'} locked memory"
    )


def _timing(found: Measured) -> Iterator[str]:
    clock, sleep, gaps = found.clock, found.sleep, found.gaps
    yield (
        f"clock: {duration(clock.read_ns)} a reading from Python, "
        f"steps of {duration(clock.step_ns)}, source {_of(found.machine.clocksource)}"
    )
    yield (
        f"sleep of 1 ms: late by {duration(sleep.p50_ns)} (p50), {duration(sleep.p99_ns)} (p99), "
        f"{duration(sleep.max_ns)} (max of {sleep.count})"
    )
    yield (
        f"spinning thread: stood still {counted(gaps.count, 'time')} in {gaps.watched_s:.2g} s, "
        f"at most {duration(gaps.largest_ns)}, "
        f"{share(gaps.total_ns / 1e9 / gaps.watched_s)} of the time"
    )
    busy = _UNKNOWN if found.busy_cores is None else f"{found.busy_cores:.2f} cores"
    yield f"others: {busy} busy; load average {_of(found.machine.load_average)}"


def _rates(found: Measured) -> Iterator[str]:
    yield "Server test of a system that answers at once, and how late it was issued:"
    for rate in sorted(found.rates, key=lambda rate: rate.qps):
        kept = "on time" if rate.keeps(found.lateness_bound_ns) else "late"
        behind = f", {share(rate.completed_share)} done" if rate.completed_share < 0.98 else ""
        yield (
            f"{rate.qps:>11,.0f} queries/s: {duration(rate.lateness_p50_ns)} (p50), "
            f"{duration(rate.lateness_p99_ns)} (p99), {duration(rate.lateness_max_ns)} (max): "
            f"{kept}{behind}"
        )


def _transfers(checks: tuple[TransferCheck, ...]) -> Iterator[str]:
    if checks:
        yield "Transfers between processes, by provider, and a test of each:"
    for check in checks:
        provider = check.provider
        version = f" {provider.version}" if provider.version else ""
        yield (
            f"{provider.name:>11}{version}: {_outcome(check)} (this release was tested: "
            f"{provider.tested})"
        )


def _outcome(check: TransferCheck) -> str:
    if not check.provider.usable:
        return f"not usable: {check.provider.why}"
    if check.latency_ns is None or check.bytes_per_s is None:
        return f"FAILED: {check.fault}"
    return (
        f"2 KiB in {duration(check.latency_ns)} (p50), 1 MiB at "
        f"{number(check.bytes_per_s / 1e9)} GB/s"
    )


def _conclusion(found: Measured) -> Iterator[str]:
    best = found.trusted
    bound = duration(found.lateness_bound_ns)
    if best is None:
        yield f"No rate was issued less than {bound} late at p99: trust no tail latency here."
        return
    yield f"Trust up to about {best.qps:,.0f} queries/s: issued less than {bound} late at p99."
    below = [rate for rate in found.rates if rate.qps <= best.qps]
    late = sum(not rate.keeps(found.lateness_bound_ns) for rate in below)
    if late:
        yield f"But {late} of {len(below)} tests up to that rate were later."
    yield "A system under test that shares its cores lowers this."


def diagnosis_text(found: Measured, warnings: tuple[Concern, ...]) -> str:
    """The measurements, the rate to trust, and the problems of the machine."""
    lines = [*_machine(found.machine), *_timing(found), *_rates(found)]
    lines += [*_transfers(found.transfers), *_conclusion(found)]
    for concern in warnings:
        lines += [f"Warning: {concern.what}.", f"  why: {concern.why}", f"  fix: {concern.fix}"]
    return "\n".join(part for line in lines for part in wrapped(line, "    "))
