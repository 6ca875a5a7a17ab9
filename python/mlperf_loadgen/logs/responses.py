"""Reading the responses that an accuracy log holds: `read_accuracy`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..text.units import counted
from .samples import warn_of_truncation


@dataclass(frozen=True)
class Payloads:
    """The bytes of many responses in one array."""

    data: npt.NDArray[np.uint8]
    """The bytes of all responses, one after another, shape (offsets[-1],)."""
    offsets: npt.NDArray[np.uint64]
    """The position at which each response starts, and the end: shape (n + 1,)."""

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

    def arrays(self, dtype: npt.DTypeLike) -> list[npt.NDArray[Any]]:
        """Each response as an array of shape (items,), without copying; responses may differ in
        size.

        Raises ValueError, naming the first such response, if one does not hold whole items.
        """
        item = np.dtype(dtype)
        sizes = np.diff(self.offsets)
        broken = np.flatnonzero(sizes % item.itemsize)
        if len(broken):
            size = sizes[broken[0]]
            raise ValueError(
                f"response {broken[0]} of {size} bytes does not hold whole items of {item}"
            )
        bounds = itertools.pairwise(self.offsets.tolist())
        return [self.data[start:end].view(item) for start, end in bounds]

    def texts(self) -> list[str]:
        """Each response as text. Raises ValueError, naming the first such response, if one is not
        valid UTF-8."""
        texts = []
        for i, data in enumerate(self):
            try:
                texts.append(data.decode())
            except UnicodeDecodeError as error:
                raise ValueError(f"response {i} is no UTF-8 text: {error}") from error
        return texts


@dataclass(frozen=True)
class AccuracyLog:
    """The records of `mlperf_log_accuracy.json` as arrays with an entry for each record, in file
    order."""

    sequence_ids: npt.NDArray[np.uint64]
    indices: npt.NDArray[np.uint64]
    """Sample indices in the library."""
    payloads: Payloads
    token_payloads: Payloads
    """The data that was given to FirstTokenComplete; empty if no record has any."""
    token_counts: npt.NDArray[np.int64]
    """The token counts; empty if no record has one."""
    truncated: bool
    """Whether records are missing, because the file was cut off or shortened; only its whole
    records are here."""
    shortened: bool = False
    """Whether the middle of the file was replaced by three dots. Only records of its beginning and
    its end are then here, and none of the sequence ids between them."""

    def __len__(self) -> int:
        return len(self.sequence_ids)


def read_accuracy(path: str | os.PathLike[str]) -> AccuracyLog:
    """Reads an accuracy log written by this library or by the reference.

    It needs no more memory than the arrays take. Raises OSError if the file cannot be read, and
    AccuracyFormatError (a ValueError), naming the position, if it is not an accuracy log. If the
    file was cut off, or shortened to its beginning and its end as the logs of submissions are, the
    whole records are read, with a TruncatedLogWarning.
    """
    values = _core.read_accuracy(os.fspath(path))
    log = AccuracyLog(
        sequence_ids=values["sequence_ids"],
        indices=values["indices"],
        payloads=Payloads(values["payload"], values["payload_offsets"]),
        token_payloads=Payloads(values["token_payload"], values["token_payload_offsets"]),
        token_counts=values["token_counts"],
        truncated=values["truncated"],
        shortened=values["shortened"],
    )
    if log.shortened:
        warn_of_truncation(
            os.fspath(path),
            f"shortened: its middle was replaced by three dots; holds "
            f"{counted(len(log), 'whole record')}, of its beginning and its end",
        )
    elif log.truncated:
        warn_of_truncation(os.fspath(path), f"cut off: holds {counted(len(log), 'whole record')}")
    return log
