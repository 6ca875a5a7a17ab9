"""The trials of a peak search, worked out from the messages of its detail log.

Only for logs that do not hold the trials themselves: those of the reference and of older versions.
The load generator's own records are written by loadgen/write/detail_result.cc.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_NUMBER = r"([-+.\w]+?)"
_FOUND = re.compile(rf"FindPeakPerformance: Found peak performance field: {_NUMBER}$")
_ESTIMATE = re.compile(
    rf"FindPeakPerformance: (\w+) at {_NUMBER} queries/s for .*?: {_NUMBER} % of (\d+) queries"
)
_START = re.compile(rf"FindPeakPerformance: Check validity of the base settings field: {_NUMBER}$")
_BOUNDARY = re.compile(rf"FindBoundaries: Checking fields \[{_NUMBER}, {_NUMBER}\)$")
_MIDDLE = re.compile(rf".*Testing the mid value of bounds \[{_NUMBER}, {_NUMBER}\): {_NUMBER}$")
_BOUNDS = re.compile(rf"FindPeakPerformance: Found boundaries: \[{_NUMBER}, {_NUMBER}\)$")


def worked_out_trials(messages: Sequence[str]) -> list[dict[str, Any]]:
    """The trials as their records would have them, with the fields that the messages hold."""
    return _estimate_trials(messages) or _bisection_trials(messages)


def worked_out_peak_qps(messages: Sequence[str]) -> float | None:
    """The rate that a bisection found; None: it did not end."""
    found = [m for text in messages if (m := _FOUND.match(text))]
    return float(found[-1][1]) if found else None


def _estimate_trials(messages: Sequence[str]) -> list[dict[str, Any]]:
    matches = (_ESTIMATE.match(text) for text in messages)
    return [
        {
            "kind": m[1],
            "qps": float(m[2]),
            "over_share": float(m[3]) / 100,
            "query_count": int(m[4]),
        }
        for m in matches
        if m
    ]


def _bisection_trials(messages: Sequence[str]) -> list[dict[str, Any]]:
    """A trial passed if the search went on above it: the next lower bound is its rate."""
    steps: list[tuple[str, float, float | None]] = []  # Kind, rate, known lower bound before.
    for text in messages:
        if m := _START.match(text):
            steps.append(("start", float(m[1]), None))
        elif m := _BOUNDARY.match(text):
            steps.append(("boundary", float(m[2]), float(m[1])))
        elif m := _MIDDLE.match(text):
            steps.append(("middle", float(m[3]), float(m[1])))
        elif (m := _BOUNDS.match(text)) or (m := _FOUND.match(text)):
            steps.append(("", 0.0, float(m[1])))
    trials = []
    for i, (kind, qps, _) in enumerate(steps):
        if kind:
            following = steps[i + 1][2] if i + 1 < len(steps) else None
            passed = None if following is None else following >= qps
            trials.append({"kind": kind, "qps": qps, "passed": passed})
    return trials
