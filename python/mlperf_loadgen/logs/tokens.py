"""Reading a token log, mlperf_log_tokens.npy: `read_tokens`.

The core writes it beside the sample log, where a system reports each arrival of tokens:
loadgen/write/token_log.h.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import _core
from .samples import sample_log_at

_TOKEN_BITS = 16


@dataclass(frozen=True, eq=False)
class TokenEvents:
    """When the tokens of each sample came.

    `offsets`: int64 of shape (n + 1,); row i of the sample log, which has n, has the events from
    offsets[i] to offsets[i + 1]. `since_due_ns`: int64 of shape (events,), the time of an event
    since its sample was due (issued, where nothing is scheduled). `tokens`: uint16 of shape
    (events,), how many tokens came with it; 0: not known.
    """

    offsets: npt.NDArray[np.int64]
    since_due_ns: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.uint16]

    def of(self, row: int) -> slice:
        """The events of row `row` of the sample log."""
        return slice(int(self.offsets[row]), int(self.offsets[row + 1]))


def read_tokens(path: str | os.PathLike[str]) -> TokenEvents:
    """Reads a token log, such as `result.logs.tokens`.

    Raises OSError if the file cannot be read, SampleLogFormatError (a ValueError), naming what is
    wrong, if it is not a token log, and ValueError if none was written: the system reported no
    arrivals of tokens, or `TestSettings.token_log` or the sample log was off. If there is no such
    file, it is looked for in the folder loadgen_samples beside it.
    """
    if not os.fspath(path):
        raise ValueError(
            "no token log was written; it takes a system that reports when its tokens come, "
            "use_token_latencies, token_log = TokenLog.Events and a sample log"
        )
    found = sample_log_at(Path(path))
    try:
        words = np.load(found, allow_pickle=False)
    except ValueError as error:
        raise _format_error(found, f"NumPy cannot read it ({error})") from None
    if not isinstance(words, np.ndarray) or words.dtype != np.uint64 or words.ndim != 1:
        raise _format_error(found, "it is not one 1-D array of uint64")
    return _events_of(words, found)


def _events_of(words: npt.NDArray[np.uint64], path: Path) -> TokenEvents:
    rows = int(words[0]) if len(words) else -1
    if not 0 <= rows <= len(words) - 2:
        raise _format_error(path, f"{len(words)} words cannot hold the offsets of {rows} rows")
    offsets = words[1 : rows + 2].astype(np.int64)
    events = words[rows + 2 :]
    if offsets[0] != 0 or offsets[-1] != len(events) or np.any(np.diff(offsets) < 0):
        raise _format_error(path, f"its offsets do not lead to its {len(events)} events")
    return TokenEvents(
        offsets,
        (events >> np.uint64(_TOKEN_BITS)).astype(np.int64),
        (events & np.uint64((1 << _TOKEN_BITS) - 1)).astype(np.uint16),
    )


def _format_error(path: Path, found: str) -> _core.SampleLogFormatError:
    name = os.fspath(path).encode(errors="backslashreplace").decode()
    return _core.SampleLogFormatError(
        f"{name}: {found}; give the path of the mlperf_log_tokens.npy of a test"
    )
