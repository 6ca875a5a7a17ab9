"""Whether this machine has file descriptors and ports for as many connections as are asked for."""

from __future__ import annotations

import contextlib
import os
import resource
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .address import EndpointAddress

_SPARE_DESCRIPTORS = 64
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_PORTS = 28_232


def require_room(addresses: Sequence[EndpointAddress], max_outstanding: int) -> None:
    """Raises ValueError if `max_outstanding` connections to each address are more than the system
    has local ports or file descriptors for. Raises the soft limit of descriptors where it may."""
    ports = _port_count()
    for address, count in Counter((one.host, one.port) for one in addresses).items():
        if count * max_outstanding > ports:
            raise ValueError(
                f"max_outstanding={max_outstanding} needs {count * max_outstanding:,} connections "
                f"to {address[0]}:{address[1]}, and this machine has {ports:,} local ports for one "
                f"address; give at most {ports // count}, or more addresses of the server"
            )
    needed = len(addresses) * max_outstanding + _open_descriptors() + _SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard == resource.RLIM_INFINITY or needed <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return
    raise ValueError(
        f"max_outstanding={max_outstanding} needs {needed:,} file descriptors, and this process "
        f"may have {hard:,}; raise the limit with ulimit -n {needed}, or give a smaller one"
    )


def _port_count() -> int:
    with contextlib.suppress(OSError, ValueError):
        low, high = map(int, _PORT_RANGE.read_text().split())
        return high - low + 1
    return _USUAL_PORTS


def _open_descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (it counts the names alone)
    except OSError:
        return 0
