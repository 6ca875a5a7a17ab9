"""The report on the network after a test."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...text.units import duration
from .fleet import Fleet
from .timings import Timings

METHOD = (
    "Latencies are measured here, on the load generator's monotonic clock. Readings of a node's "
    "clock are shifted by an offset, ((t1 - t0) + (t2 - t3)) / 2 of the ping with the shortest "
    "round trip among the last 16; it is wrong by at most clock_uncertainty_ns, which moves time "
    "between network_there and network_back, and leaves network_both_ways and total exact. "
    "Processes on one kernel share the clock. Percentiles are from buckets 1.1 % wide."
)


_IMPOSSIBLE = (
    "a node reported times that no clock shows; samples with such times are in no component"
)


class SystemReport:
    """What reports on systems that are asked over a network have in common. A subclass is a
    dataclass."""

    components: dict[str, dict[str, Any]]
    """By component, in the order in which they pass: count, mean, percentiles and maximum, ns."""
    nodes: list[dict[str, Any]]
    faults: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def __str__(self) -> str:
        lines = [f"{'component':<18} {'p50':>11} {'p90':>11} {'p99':>11} {'max':>11}"]
        for name, values in self.components.items():
            cells = [duration(values[key]) for key in ("p50_ns", "p90_ns", "p99_ns", "max_ns")]
            lines.append(f"{name:<18} " + " ".join(f"{cell:>11}" for cell in cells))
        for node in self.nodes:
            lines.append(
                f"node {node['address']} ({node['name']}): {node['answered']} answered, "
                f"{node['failed']} failed"
            )
            lines += [f"  was lost: {reason}" for reason in node["losses"]]
        lines += self._more_lines()
        lines += [f"fault ({count}): {text}" for text, count in self.faults.items()]
        return "\n".join(lines)

    def _more_lines(self) -> list[str]:
        """What the kind of system adds to the text."""
        return []

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=2) + "\n")


@dataclass(frozen=True)
class NetworkReport(SystemReport):
    """Where the time went, and what happened to the nodes."""

    components: dict[str, dict[str, Any]]
    """By component, in the order in which they pass: count, mean, percentiles and maximum, ns."""
    nodes: list[dict[str, Any]]
    """Each node's address, name, counts, losses and clock."""
    faults: dict[str, int]
    """The faults, and how often each happened."""
    method: str = METHOD


def report_of(fleet: Fleet, faults: dict[str, int], timings: Timings) -> NetworkReport:
    """The report on a test that has ended."""
    components = timings.components()
    if timings.impossible:
        faults = faults | {_IMPOSSIBLE: timings.impossible}
    if timings.file_failure:
        faults = faults | {timings.file_failure: 1}
    return NetworkReport(
        components=components,
        nodes=[
            {
                "address": node.link.address,
                "name": node.info.name,
                "answered": node.answered,
                "failed": node.failed,
                "losses": node.losses,
                **node.link.report(),
            }
            for node in fleet.nodes
        ],
        faults=faults,
    )
