"""Where the time of a sample went: in the load generator's queue, on the wire, in the node, in the
model."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

# The times of a sample, in the order in which they pass; all readings of this machine's monotonic
# clock, those of the node converted to it. 0: not known.
TIMES = (
    "issued_ns",  # IssueQuery was called.
    "taken_ns",  # Taken out of the queue: a node had room.
    "sent_ns",  # Serialised and handed to the network.
    "node_received_ns",
    "node_issued_ns",  # To the system under test.
    "node_completed_ns",  # By the system under test.
    "node_sent_ns",
    "received_ns",  # The answer was here.
    "completed_ns",  # As reported to the load generator.
)
ROW = np.dtype([("id", "<u8"), ("index", "<u8"), ("node", "<u8"), *((t, "<i8") for t in TIMES)])

# In the file the id is that of the sample log.
ROW_SAVED = np.dtype([("sequence_id", "<u8"), *ROW.descr[1:]])
_SEQUENCE_MASK = np.uint64((1 << 40) - 1)  # Of a response id: the sample's number in its test.

# A component is the time between two of them.
COMPONENTS = {
    "queue": ("issued_ns", "taken_ns"),
    "serialise": ("taken_ns", "sent_ns"),
    "network_there": ("sent_ns", "node_received_ns"),
    "node_queue": ("node_received_ns", "node_issued_ns"),
    "model": ("node_issued_ns", "node_completed_ns"),
    "node_answer": ("node_completed_ns", "node_sent_ns"),
    "network_back": ("node_sent_ns", "received_ns"),
    "deliver": ("received_ns", "completed_ns"),
    "node_and_network": ("sent_ns", "received_ns"),
    "total": ("issued_ns", "completed_ns"),
}
# What can be said without knowing how the clocks differ.
_BOTH_WAYS = "network_both_ways"
_NEED_NODE = frozenset(
    ("network_there", "node_queue", "model", "node_answer", "network_back", _BOTH_WAYS)
)
# Clocks of two machines may differ in pace by this, and no more while both work.
_MOST_DRIFT = 1e-3
_BUCKETS_PER_OCTAVE = 64  # 1.1 % wide.
_OCTAVES = 48
_PERCENTILES = {"p50_ns": 0.50, "p90_ns": 0.90, "p99_ns": 0.99, "p999_ns": 0.999}
_ROWS_IN_MEMORY = 1024
_BLOCK_BYTES = ROW.itemsize << 14


def are_possible(rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which rows, of ROW, have times of a node as a clock shows them: bool of shape (n,).

    They ascend, and the node did not have the sample for longer than it was away from here, however
    much its clock is ahead. Numbers that are beyond all clocks are compared as they are.
    """
    node_times = [rows[name].astype(np.float64) for name in TIMES if name.startswith("node_")]
    ascend = np.all(np.diff(node_times, axis=0) >= 0, axis=0)
    there = node_times[-1] - node_times[0]
    away = rows["received_ns"] - rows["sent_ns"]
    possible: npt.NDArray[np.bool_] = ascend & (there * (1 - _MOST_DRIFT) <= away)
    return possible


class Histogram:
    """Durations in buckets of equal relative width; percentiles are within 0.6 %."""

    def __init__(self) -> None:
        self.counts = np.zeros(_BUCKETS_PER_OCTAVE * _OCTAVES, np.int64)
        self.count = 0
        self.sum_ns = 0
        self.max_ns = 0

    def add(self, durations_ns: npt.NDArray[np.int64]) -> None:
        """Takes durations, shape (n,), n > 0."""
        buckets = (np.log2(np.maximum(durations_ns, 1)) * _BUCKETS_PER_OCTAVE).astype(np.int64)
        size = len(self.counts)
        self.counts += np.bincount(np.minimum(buckets, size - 1), minlength=size)
        self.count += len(durations_ns)
        self.sum_ns += int(durations_ns.sum())
        self.max_ns = max(self.max_ns, int(durations_ns.max()))

    def to_dict(self) -> dict[str, Any]:
        """Count, mean, percentiles (element floor(n * p) of the ascending order) and maximum."""
        ends = np.cumsum(self.counts)
        values: dict[str, Any] = {"count": self.count, "mean_ns": round(self.sum_ns / self.count)}
        for name, percentile in _PERCENTILES.items():
            rank = min(int(self.count * percentile), self.count - 1)
            bucket = int(np.searchsorted(ends, rank, side="right"))
            middle = 2 ** ((bucket + 0.5) / _BUCKETS_PER_OCTAVE)
            values[name] = min(round(middle), self.max_ns)
        return values | {"max_ns": self.max_ns}


class Timings:
    """Takes the times of answered samples: a histogram of each component, and rows in a file."""

    def __init__(self) -> None:
        self.histograms = {name: Histogram() for name in (*COMPONENTS, _BOTH_WAYS)}
        self.file_failure = ""
        self.impossible = 0
        """Samples whose times at their node no clock shows; in no component that needs these."""
        self._file: IO[bytes] | None = None
        self._blocks: list[npt.NDArray[Any]] = []
        self._rows_waiting = 0
        self._rows_written = 0

    def add(self, rows: npt.NDArray[Any]) -> None:
        """`rows`: of ROW, complete; not to be changed afterwards."""
        self._blocks.append(rows)
        self._rows_waiting += len(rows)
        if self._rows_waiting >= _ROWS_IN_MEMORY:
            self._put_away()

    def _put_away(self) -> None:
        if not self._blocks:
            return
        rows = np.concatenate(self._blocks)
        self._blocks, self._rows_waiting = [], 0
        rows["id"] &= _SEQUENCE_MASK
        if not self._write(rows):
            self._count(rows)

    def _write(self, rows: npt.NDArray[Any]) -> bool:
        if self.file_failure:
            return False
        try:
            if self._file is None:
                # Without a buffer: nothing is left that could fail later. `close` closes it.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            if self._file.write(rows.data) != rows.nbytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._rows_written += len(rows)
        except OSError as error:
            self.file_failure = f"times of samples are not recorded any more: {error}"
        return not self.file_failure

    def _count(self, rows: npt.NDArray[Any]) -> None:
        of_nodes = rows[rows["node_received_ns"] != 0]
        possible = are_possible(of_nodes)
        self.impossible += len(possible) - int(possible.sum())
        of_nodes = of_nodes[possible]
        for name, (start, end) in COMPONENTS.items():
            known = of_nodes if name in _NEED_NODE else rows
            if len(known):
                self.histograms[name].add(known[end] - known[start])
        if len(of_nodes):
            there = of_nodes["node_received_ns"] - of_nodes["sent_ns"]
            back = of_nodes["received_ns"] - of_nodes["node_sent_ns"]
            self.histograms[_BOTH_WAYS].add(there + back)

    def components(self) -> dict[str, dict[str, Any]]:
        """Percentiles of each component that has any times. To be called once, after the test,
        because the counting would delay outstanding samples."""
        self._put_away()
        for block in self._written_blocks():
            self._count(np.frombuffer(block, ROW))
        return {name: h.to_dict() for name, h in self.histograms.items() if h.count}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows, of ROW, as a NumPy file. Raises OSError."""
        self._put_away()
        with Path(path).open("wb") as file:
            header = {
                "descr": np.lib.format.dtype_to_descr(ROW_SAVED),
                "fortran_order": False,
                "shape": (self._rows_written,),
            }
            np.lib.format.write_array_header_1_0(file, header)
            for block in self._written_blocks():
                file.write(block)

    def close(self) -> None:
        """Releases the rows."""
        if self._file is not None:
            self._file.close()

    def _written_blocks(self) -> Iterator[bytes]:
        if self._file is None:
            return
        self._file.seek(0)
        left = self._rows_written * ROW.itemsize
        while left > 0 and (block := self._file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            yield block
