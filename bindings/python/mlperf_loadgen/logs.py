"""Reading the log files of a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core


@dataclass(frozen=True)
class Payloads:
    """The bytes of many responses in one array."""

    data: npt.NDArray[np.uint8]
    """All bytes, one response after another, shape (offsets[-1],)."""
    offsets: npt.NDArray[np.uint64]
    """Where each response starts, and the end: shape (n + 1,)."""

    def __len__(self) -> int:
        return max(len(self.offsets) - 1, 0)

    def __getitem__(self, i: int) -> bytes:
        """The bytes of response `i`."""
        n = len(self)
        if not -n <= i < n:
            raise IndexError(f"response {i} of {n}")
        i %= n
        return self.data[self.offsets[i] : self.offsets[i + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        return (self[i] for i in range(len(self)))

    def as_array(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """All responses as one array of shape (n, items of a response), without copying.

        Raises ValueError if the responses differ in size or do not hold whole items.
        """
        item = np.dtype(dtype)
        sizes = np.diff(self.offsets)
        if len(sizes) == 0:
            return np.empty((0, 0), item)
        if (sizes != sizes[0]).any():
            raise ValueError(
                f"responses have {sizes.min()} to {sizes.max()} bytes; as_array needs one size"
            )
        if int(sizes[0]) % item.itemsize:
            raise ValueError(f"responses of {sizes[0]} bytes do not hold whole items of {item}")
        return self.data.view(item).reshape(len(sizes), -1)


@dataclass(frozen=True)
class AccuracyLog:
    """`mlperf_log_accuracy.json` as arrays with an entry a record, in file order."""

    sequence_ids: npt.NDArray[np.uint64]
    indices: npt.NDArray[np.uint64]
    """Sample indices in the library."""
    payloads: Payloads
    token_payloads: Payloads
    """What FirstTokenComplete handed over; empty if no record has any."""
    token_counts: npt.NDArray[np.int64]
    """Empty if no record has any."""
    truncated: bool
    """The file was cut off: only its whole records are here."""

    def __len__(self) -> int:
        return len(self.sequence_ids)


def read_accuracy(path: str | os.PathLike[str]) -> AccuracyLog:
    """Reads an accuracy log, as written by this library or by the reference.

    Takes the memory of the arrays and no more. Raises OSError if the file cannot be read and
    AccuracyFormatError (a ValueError), naming the position, if it is no accuracy log. A file that
    was cut off is no error.
    """
    values = _core.read_accuracy(os.fspath(path))
    return AccuracyLog(
        sequence_ids=values["sequence_ids"],
        indices=values["indices"],
        payloads=Payloads(values["payload"], values["payload_offsets"]),
        token_payloads=Payloads(values["token_payload"], values["token_payload_offsets"]),
        token_counts=values["token_counts"],
        truncated=values["truncated"],
    )


def read_samples(path: str | os.PathLike[str]) -> npt.NDArray[np.void]:
    """Opens a sample log: a structured array with a row a sample, mapped into memory.

    Fields: query, sample_index (uint64); scheduled_ns, issued_ns, first_token_ns, completed_ns
    (int64, ns since the start of the first set; -1: did not happen); tokens (int64). Raises
    ValueError if no sample log was written (`LogSettings.enable_sample_log`).
    """
    if not os.fspath(path):
        raise ValueError("no sample log was written; set LogSettings.enable_sample_log = True")
    samples: npt.NDArray[np.void] = np.load(path, mmap_mode="r")
    return samples
