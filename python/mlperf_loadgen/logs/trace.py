"""The samples that are in a trace, for logs without a sample log."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .samples import PERFORMANCE_PHASE, SAMPLE_TYPE

MAX_TRACE_BYTES = 1 << 30  # Of which a processor reads some 100 MB a second.
_TRACED_SAMPLE = re.compile(
    rb'"name":"Sample","cat":"default","ph": ?"b",.*?"ts":(?P<us>-?\d+)\.(?P<ns>\d{3}),'
    rb'"args":\{"sample_seq":(?P<sample>\d+),"query_seq":(?P<query>\d+),'
    rb'"sample_idx":(?P<index>\d+),"issue_start_ns":(?P<issued>-?\d+)'
    rb'(?:,"complete_ns":(?P<completed>-?\d+))?(?P<failed>,"failed":true)?'
)


def traced_samples(trace: Path) -> npt.NDArray[np.void] | None:
    """Rows as of a sample log, without tokens; None: there are none."""
    found = []
    with trace.open("rb") as lines:
        # One line at a time, of which a file of another system's line ends has but one.
        for m in itertools.chain.from_iterable(map(_TRACED_SAMPLE.finditer, lines)):
            sign = -1 if m["us"].startswith(b"-") else 1
            scheduled = int(m["us"]) * 1000 + sign * int(m["ns"])
            completed = -1 if m["completed"] is None else int(m["completed"])
            failed = m["failed"] is not None
            row = (int(m["query"]), int(m["index"]), PERFORMANCE_PHASE, failed, False)
            times = (scheduled, int(m["issued"]), -1, completed)  # As logged: since `scheduled`.
            found.append((int(m["sample"]), (*row, *times, 0)))
    if not found:
        return None
    rows = np.array([row for _, row in sorted(found)], SAMPLE_TYPE)
    done = rows["completed_ns"] >= 0
    rows["scheduled_ns"] -= rows["scheduled_ns"].min()
    rows["issued_ns"] += rows["scheduled_ns"]
    rows["completed_ns"][done] += rows["scheduled_ns"][done]
    return rows
