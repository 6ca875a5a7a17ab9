"""Two machines' clocks: what a reading of the node's clock would be on the clock of this machine.

The load generator pings a node, and the answer says when the node received the ping and when it
answered. With t0 and t3 read here, and t1 and t2 there, the offset of the node's clock is estimated
as ((t1 - t0) + (t2 - t3)) / 2. It is wrong by at most half the round trip (t3 - t0) - (t2 - t1),
because it assumes that both ways take the same time (Mills, RFC 5905, section 8). As in NTP's clock
filter, the estimate is that of the ping with the shortest round trip among the last ones. Processes
of one kernel read the same monotonic clock; the offset is then exactly 0.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from pathlib import Path

_PINGS = 16


_PROCESS = secrets.token_hex(8)


def process_id() -> str:
    """Different for all processes, even for those with the same number in other containers."""
    return f"{os.getpid()} {_PROCESS}"


def kernel_id() -> str:
    """The same for all processes that share a monotonic clock; empty if it is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        time_namespace = Path("/proc/self/ns/time").readlink()
    except OSError:
        return ""
    return f"{boot} {time_namespace}"


class ClockOffset:
    """The node's clock minus this machine's, in ns."""

    def __init__(self, same_clock: bool) -> None:
        self.same_clock = same_clock
        self._pings: deque[tuple[int, int]] = deque(maxlen=_PINGS)  # Round trip, offset.

    def add(self, t0: int, t1: int, t2: int, t3: int) -> None:
        """Adds a ping: when it was sent here, received there and answered there, and when its
        answer was received here."""
        self._pings.append(((t3 - t0) - (t2 - t1), ((t1 - t0) + (t2 - t3)) // 2))

    @property
    def offset_ns(self) -> int:
        return 0 if self.same_clock or not self._pings else min(self._pings)[1]

    @property
    def uncertainty_ns(self) -> int | None:
        """The largest possible error of the offset; None before the first ping."""
        if self.same_clock:
            return 0
        return min(self._pings)[0] // 2 if self._pings else None

    @property
    def round_trip_ns(self) -> int | None:
        """The shortest round trip of the last pings."""
        return min(self._pings)[0] if self._pings else None
