"""Reading a sample log, and the meaning of its rows for samples and queries: `read_samples`.

The core defines a row: loadgen/record/sample_row.h.
"""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import _core
from ..text.units import counted

_MAX_NPY_HEADER_SIZE = 10 + 0xFFFF
SAMPLE_FOLDER = _core._SAMPLE_FOLDER
"""Where the sample log is, inside the folder of the other logs."""
SAMPLE_TYPE: np.dtype[np.void] = np.dtype(_core.sample_columns())
"""The type of a row of a sample log."""
PERFORMANCE_PHASE = 1
"""In the column `phase`; 0 is accuracy, 2 warm-up."""


class TruncatedLogWarning(UserWarning):
    """A log is incomplete, and only its whole records were read. It may end early, because its test
    was killed or it reached its largest size, or its middle may be missing, as in the logs of
    submissions."""


def warn_of_truncation(path: str, found: str) -> None:
    """Warns on behalf of a function that users call."""
    warnings.warn(f"{path}: {found}", TruncatedLogWarning, stacklevel=3)


def read_samples(path: str | os.PathLike[str]) -> npt.NDArray[np.void]:
    """Opens a sample log: a structured array with a row for each sample, shape (n,), mapped into
    memory.

    Fields: query (uint64); sample_index (uint32); phase (uint16: 0 accuracy, 1 performance, 2
    warm-up); failed (bool: the sample ended at completed_ns without an answer, or was cancelled by
    the system, so its times give no latency); held_up (bool: its query was already due when the
    previous `issue_query` returned); scheduled_ns, issued_ns, first_token_ns, completed_ns (int64,
    ns since the start of the first set; -1: did not happen); tokens (int64). Logs of versions
    without failed and held_up are returned with both fields False.

    Raises OSError if the file cannot be read, SampleLogFormatError (a ValueError), naming the
    position, if it is not a sample log, and ValueError if none was written
    (`LogSettings.enable_sample_log`). If the file was cut off, the whole rows are opened, with a
    TruncatedLogWarning. If the test left samples out (`LogSettings.max_sample_log_mb`), the warning
    says how many.

    If there is no such file, it is looked for in the folder loadgen_samples beside it, and outside
    of that folder, where earlier versions wrote it.
    """
    if not os.fspath(path):
        raise ValueError("no sample log was written; set LogSettings.enable_sample_log = True")
    samples, left_out, is_whole = open_samples(path)
    if left_out:
        warnings.warn(
            left_out_text(path, len(samples), left_out), TruncatedLogWarning, stacklevel=2
        )
    elif not is_whole:
        warn_of_truncation(os.fspath(path), f"cut off: holds {counted(len(samples), 'whole row')}")
    return samples


def left_out_text(path: str | os.PathLike[str], count: int, left_out: int) -> str:
    """The text for a sample log or trace that holds `count` samples and lacks `left_out` more."""
    return (
        f"{os.fspath(path)}: holds the first {counted(count, 'sample')} of the test; it had "
        f"no room for {left_out:,} more (LogSettings.max_sample_log_mb, max_trace_mb and "
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
    """Returns the rows as `read_samples` does, how many samples were left out, and whether the file
    is whole."""
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


# ---- What the rows say ---------------------------------------------------------------------------


def query_starts(rows: npt.NDArray[np.void]) -> npt.NDArray[np.intp]:
    """The positions in the rows of a sample log at which queries start; there must be a row."""
    return np.flatnonzero(np.diff(rows["query"], prepend=rows["query"][0] + 1))


def answered_ns_of(rows: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """When each sample was answered; -1: it failed, or was never completed."""
    return np.where(rows["failed"], -1, rows["completed_ns"])


def last_by_query(
    times_ns: npt.NDArray[np.int64], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.int64]:
    """The last of the times of each query; -1 if one of them is -1."""
    whole = np.minimum.reduceat(times_ns, starts) >= 0
    return np.where(whole, np.maximum.reduceat(times_ns, starts), -1)
