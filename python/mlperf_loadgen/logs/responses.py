"""Reading the log files of a test."""

from __future__ import annotations

import itertools
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core

_MAX_NPY_HEADER_SIZE = 10 + 0xFFFF
SAMPLE_FOLDER = _core._SAMPLE_FOLDER
"""Where the sample log is, inside the folder of the other logs."""
SAMPLE_TYPE: np.dtype[np.void] = np.dtype(_core.sample_columns())
"""Of the rows of a sample log."""


class TruncatedLogWarning(UserWarning):
    """A log ends early, as one does whose test was killed or that reached the size it may have, or
    lacks its middle, as those of submissions do; what is whole was read."""


def _warn_of_truncation(path: str, found: str) -> None:
    warnings.warn(f"{path}: {found}", TruncatedLogWarning, stacklevel=3)


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

    def arrays(self, dtype: npt.DTypeLike) -> list[npt.NDArray[Any]]:
        """Each response as an array of shape (items,), without copying: they may differ in size.

        Raises ValueError, naming the first one, if a response does not hold whole items.
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
        """Each response as text. Raises ValueError, naming the first one, for what is no UTF-8."""
        texts = []
        for i, data in enumerate(self):
            try:
                texts.append(data.decode())
            except UnicodeDecodeError as error:
                raise ValueError(f"response {i} is no UTF-8 text: {error}") from error
        return texts


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
    """Records are missing: the file was cut off or shortened, and only its whole records are
    here."""
    shortened: bool = False
    """The middle of the file was replaced by three dots: only records of its beginning and its end
    are here, of the sequence ids between them none."""

    def __len__(self) -> int:
        return len(self.sequence_ids)


def read_accuracy(path: str | os.PathLike[str]) -> AccuracyLog:
    """Reads an accuracy log, as written by this library or by the reference.

    Takes the memory of the arrays and no more. Raises OSError if the file cannot be read and
    AccuracyFormatError (a ValueError), naming the position, if it is no accuracy log. Of a file
    that was cut off, or shortened to its beginning and its end as the logs of submissions are, the
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
        _warn_of_truncation(
            os.fspath(path),
            f"shortened: its middle was replaced by three dots; holds {len(log)} whole records, of "
            "its beginning and its end",
        )
    elif log.truncated:
        _warn_of_truncation(os.fspath(path), f"cut off: holds {len(log)} whole records")
    return log


def read_samples(path: str | os.PathLike[str]) -> npt.NDArray[np.void]:
    """Opens a sample log: a structured array with a row a sample, shape (n,), mapped into memory.

    Fields: query (uint64); sample_index (uint32); phase (uint16: 0 accuracy, 1 performance, 2
    warm-up); failed (bool: ended at completed_ns without an answer, so that this is no latency);
    held_up (bool: its query was due when `issue_query` returned from the one before); scheduled_ns,
    issued_ns, first_token_ns, completed_ns (int64, ns since the start of the first set; -1: did not
    happen); tokens (int64). In logs of versions that did not log them, failed and held_up are False
    throughout. Raises OSError if the file cannot be read,
    SampleLogFormatError (a ValueError), naming the position, if it is no sample log, and ValueError
    if none was written (`LogSettings.enable_sample_log`). Of a file that was cut off, the whole
    rows are opened, with a TruncatedLogWarning; likewise of one that the test left samples out of
    (`LogSettings.max_sample_log_mb`), which is said with their number.

    Where there is no such file, it is looked for in the folder loadgen_samples beside it, and
    outside of that folder, where earlier versions wrote it.
    """
    if not os.fspath(path):
        raise ValueError("no sample log was written; set LogSettings.enable_sample_log = True")
    samples, left_out, is_whole = open_samples(path)
    if left_out:
        warnings.warn(
            left_out_text(path, len(samples), left_out), TruncatedLogWarning, stacklevel=2
        )
    elif not is_whole:
        _warn_of_truncation(os.fspath(path), f"cut off: holds {len(samples)} whole rows")
    return samples


def left_out_text(path: str | os.PathLike[str], count: int, left_out: int) -> str:
    """What to say of a sample log or trace that has `count` samples and not `left_out` more."""
    return (
        f"{os.fspath(path)}: holds the first {count} samples of the test; {left_out} more were "
        "left out, for which it had no room (LogSettings.max_sample_log_mb, max_trace_mb and "
        "max_free_space_share)"
    )


def sample_log_at(path: Path) -> Path:
    """`path`, or, where there is no such file, where else its log is: in the folder of its own, or
    beside the other logs, as of earlier versions."""
    if path.exists():
        return path
    inside = path.parent.name == SAMPLE_FOLDER
    folder = path.parent.parent if inside else path.parent / SAMPLE_FOLDER
    return folder / path.name if (folder / path.name).is_file() else path


def open_samples(
    path: str | os.PathLike[str],
) -> tuple[npt.NDArray[np.void], int, bool]:
    """The rows as of `read_samples`; how many samples were left out; whether the file is whole."""
    name = os.fspath(sample_log_at(Path(path)))
    if not stat.S_ISREG(Path(name).stat().st_mode):  # To open a pipe could wait for ever.
        raise _core.SampleLogFormatError(
            f"{name}: found no regular file, which alone can be mapped into memory; "
            "give the path of the mlperf_log_samples.npy of a test"
        )
    with Path(name).open("rb") as file:
        file_size = os.fstat(file.fileno()).st_size
        shown_name = name.encode(errors="backslashreplace").decode()
        layout = _core.sample_layout(file.read(_MAX_NPY_HEADER_SIZE), file_size, shown_name)
        n = layout["row_count"]
        samples: npt.NDArray[np.void]
        if n > 0:
            samples = np.memmap(file, SAMPLE_TYPE, "r", layout["data_offset"], (n,))
        else:  # Nothing cannot be mapped.
            samples = np.empty(0, SAMPLE_TYPE)
        file.seek(layout["data_offset"] + n * samples.itemsize)
        left_out = _core.sample_left_out(file.read(samples.itemsize))
    return samples, left_out, not layout["truncated"]
