"""The report on the connections of a test to endpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..qdl.dispatch.network_report import SystemReport
from .client import ClientRecord

METHOD = (
    "All times are of the load generator's monotonic clock. queue: from the issue until the "
    "request has a connection that is ready; send: until the last byte of the request is handed to "
    "the kernel; first_byte: until the first byte of the answer; body: until the answer is "
    "complete. Samples that failed are in no component."
)

_COMPONENTS = {
    "queue": ("issued_ns", "connected_ns"),
    "send": ("connected_ns", "sent_ns"),
    "first_byte": ("sent_ns", "first_byte_ns"),
    "body": ("first_byte_ns", "completed_ns"),
    "total": ("issued_ns", "completed_ns"),
}
"""A component is the time between two."""
_PERCENTILES = {"p50_ns": 0.50, "p90_ns": 0.90, "p99_ns": 0.99, "p999_ns": 0.999}


@dataclass(frozen=True)
class EndpointReport(SystemReport):
    """Where the time went, and what happened to the connections."""

    model: str
    components: dict[str, dict[str, Any]]
    """By component, in the order in which they pass: count, mean, percentiles and maximum, ns."""
    nodes: list[dict[str, Any]]
    """Each server's address and name, the counts of its samples, and how it was lost."""
    connections: dict[str, int]
    """How many connections were opened, requests sent over a connection that had carried one
    before, requests repeated, and requests at most outstanding at a time."""
    statuses: dict[str, int]
    """How many answers had each status of HTTP."""
    failures: dict[str, int]
    """How many samples failed for each reason."""
    cancelled: int
    """The streams that were closed on purpose (`cancel_share`)."""
    stamps: dict[str, int]
    """The reads whose time the kernel said, and those whose time is that of the read."""
    lag_ns: dict[str, int]
    """How long after its arrival bytes were read: percentiles, ns."""
    faults: dict[str, int]
    """Each server's first event that is no JSON, and its words for each status or error."""
    method: str = METHOD

    def _more_lines(self) -> list[str]:
        counts = ", ".join(f"{count} {what}" for what, count in self.connections.items())
        failed = [f"failed ({count}): {reason}" for reason, count in self.failures.items()]
        return [f"connections: {counts}", *failed]


def report_of(
    model: str,
    addresses: Sequence[str],
    record: ClientRecord,
    events: Sequence[tuple[str, int, str]],
) -> EndpointReport:
    """The report on a test that has ended. `events`: (kind, number of the server, text) of what
    happened to servers."""
    counts, rows = record.counts, record.rows
    good = rows["completed_ns"] > 0
    nodes = []
    for number, address in enumerate(addresses):
        mine = rows["server"] == number
        nodes.append(
            {
                "address": address,
                "name": model,
                "answered": int(np.count_nonzero(mine & good)),
                "failed": int(np.count_nonzero(mine & ~good)),
                "losses": [text for kind, at, text in events if kind == "lost" and at == number],
            }
        )
    faults = Counter(f"{addresses[at]}: {text}" for kind, at, text in events if kind != "lost")
    names = ("opened", "reused", "repeated", "most_outstanding")
    return EndpointReport(
        model=model,
        components=_components(rows[good]),
        nodes=nodes,
        connections={name: int(counts[name]) for name in names},
        statuses={str(status): count for status, count in sorted(counts["statuses"].items())},
        failures=dict(counts["failures"]),
        cancelled=int(counts["cancelled"]),
        stamps=dict(counts["stamps"]),
        lag_ns=dict(counts["lag_ns"]),
        faults=dict(faults),
    )


def _components(rows: npt.NDArray[Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, (start, end) in _COMPONENTS.items():
        known = rows[(rows[start] > 0) & (rows[end] > 0)]
        times = np.sort(known[end] - known[start])
        if len(times):
            ranks = {key: int(len(times) * share) for key, share in _PERCENTILES.items()}
            found[name] = {
                "count": len(times),
                "mean_ns": float(times.mean()),
                **{key: int(times[min(rank, len(times) - 1)]) for key, rank in ranks.items()},
                "max_ns": int(times[-1]),
            }
    return found
