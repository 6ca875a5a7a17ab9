"""Why a test is not VALID, as its logs say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .detail import LogRecord
from .worked_out_reasons import broken_rules

_FAILURE = re.compile(r"(?:[a-z-]+: )?\d+ of \d+ samples? failed \(")
_KILLED = "the logs end before the test did: it was killed or is still running"


def is_failure(record: LogRecord) -> bool:
    """Whether a record says how many samples of a set failed, and why."""
    return record.key == "error_runtime" and _FAILURE.match(str(record.value)) is not None


def reasons_of(
    last: Mapping[str, Any], records: tuple[LogRecord, ...], mode: str, finished: bool
) -> list[str]:
    """The reasons that the load generator recorded, or else those that its records amount to.

    `last`: the last value of each key.
    """
    if "result_reason_count" in last:
        recorded = [str(r.value) for r in records if r.key == "result_reason"]
        return recorded if finished else [*recorded, _KILLED]
    return _worked_out(last, records, mode, finished)


def _worked_out(
    last: Mapping[str, Any], records: tuple[LogRecord, ...], mode: str, finished: bool
) -> list[str]:
    """For logs without the reasons: of a test that was killed, of older versions, of the
    reference."""
    errors = [r for r in records if r.key == "error_runtime"]
    failures = [str(r.value) for r in errors if is_failure(r)]
    conduct = [str(r.value) for r in errors if not is_failure(r)]
    if "result_validity" not in last:
        spoilt = [*failures, *conduct]
        if mode == "AccuracyOnly" and finished:
            return spoilt
        return [*spoilt, "the test ended without a result" if finished else _KILLED]
    if last["result_validity"] == "VALID":
        return []
    reasons = [*failures, *broken_rules(last), *conduct]
    return reasons or [str(last.get("result_invalid_reason", ""))]
