"""Whether transfers between processes work on this machine, by each provider: a self-test."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..transfer import Engine, Op, Provider, TransferError, providers

_NBYTES = 1 << 20
_SMALL_NBYTES = 2048
_READS = 50
_LIMIT_S = 10.0
_IMM = 0x600D


@dataclass(frozen=True)
class TransferCheck:
    """A provider and how its self-test went: two engines of this process read and write 1 MiB,
    compare it and pass an immediate."""

    provider: Provider
    latency_ns: float | None
    """Median of reads of 2 KiB; None: not tested, or the test failed."""
    bytes_per_s: float | None
    """At the median of reads of 1 MiB; None: not tested, or the test failed."""
    fault: str
    """What went wrong in the test; empty if nothing did."""


def check_transfers() -> tuple[TransferCheck, ...]:
    """The self-test of each usable provider; the others are listed without one."""
    return tuple(_check(provider) for provider in providers())


def _check(provider: Provider) -> TransferCheck:
    if not provider.usable:
        return TransferCheck(provider, None, None, "")
    try:
        latency_ns, large_ns = _test(provider.name)
    except (TransferError, TimeoutError, OSError) as error:
        return TransferCheck(provider, None, None, f"{type(error).__name__}: {error}")
    return TransferCheck(provider, latency_ns, 1e9 * _NBYTES / large_ns, "")


def _test(name: str) -> tuple[float, float]:
    """The medians of small and large reads in nanoseconds. Raises TransferError for wrong bytes."""
    pattern = np.random.default_rng(0).integers(0, 256, _NBYTES, np.uint8)
    with Engine(providers=[name]) as node, Engine(providers=[name]) as client:
        there = node.allocate(_NBYTES)
        local = client.register(np.zeros(_NBYTES, np.uint8))
        peer = client.connect(node.address, _LIMIT_S)
        if peer.provider != name:
            raise TransferError(f"the bytes went by {peer.provider}, not by {name}")
        remote = peer.open(there.descriptor)
        there.array()[:] = pattern
        remote.read(local).wait(_LIMIT_S)
        _compare(local.array(), pattern, "read")
        local.array()[:] = ~pattern
        remote.write(local, imm=_IMM).wait(_LIMIT_S)
        _compare(there.array(), ~pattern, "written")
        if node.imms(_LIMIT_S)["imm"].tolist() != [_IMM]:
            raise TransferError("the immediate did not come")
        small = np.array([[0, 0, _SMALL_NBYTES]])
        return _median_ns(lambda: remote.read(local, small)), _median_ns(lambda: remote.read(local))


def _compare(found: npt.NDArray[np.uint8], wanted: npt.NDArray[np.uint8], what: str) -> None:
    wrong = int(np.count_nonzero(found != wanted))
    if wrong:
        raise TransferError(f"{wrong} of {wanted.size} bytes were {what} wrong")


def _median_ns(post: Callable[[], Op]) -> float:
    times = []
    for _ in range(_READS):
        start = time.perf_counter_ns()
        post().wait(_LIMIT_S)
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times)
