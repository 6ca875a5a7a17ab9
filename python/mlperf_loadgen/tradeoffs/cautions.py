"""What a reader must know of a row beside the first one."""

from __future__ import annotations

from collections.abc import Iterator

from ..text.units import duration, rate
from .metrics import ParetoRow

_SLOWER = 1.05
"""From this ratio on a row is called slower; less is what two runs of one system differ by."""
_MEBIBYTE = 2**20


def comparison_cautions(row: ParetoRow, first: ParetoRow, same_answers: bool) -> Iterator[str]:
    """Sentences on a row beside the first one. `same_answers`: whether the two systems gave equal
    answers to all samples."""
    name = first.variant
    if _reaches(row.disk_bytes, first.disk_bytes):
        sizes = f"{megabytes(row.disk_bytes)} MB, not below {megabytes(first.disk_bytes)} MB"
        yield f"it is not smaller than {name}: {sizes}"
    if same_answers:
        yield (
            f"all of its answers are equal to those of {name}: nothing may have been changed, or "
            "the answers are too coarse to show it"
        )
    yield from _slower(row, first)
    if row.accuracy_change_interval is not None and not same_answers:
        low, high = row.accuracy_change_interval
        if low <= 0 <= high:
            yield (
                f"the accuracies do not differ by more than chance explains: {points(low)} to "
                f"{points(high)} points from {name}"
            )
    if row.peak_interval is not None and first.peak_interval is not None:
        (a, b), (c, d) = row.peak_interval, first.peak_interval
        if a <= d and c <= b:
            yield (
                f"the peaks do not differ by more than chance explains: {rate(a)} to {rate(b)} "
                f"queries/s, and {rate(c)} to {rate(d)} for {name}"
            )


def points(share: float) -> str:
    """A difference of shares in percentage points, as "-0.29"."""
    return f"{100 * share:+.2f}"


def megabytes(size_bytes: float | None) -> str:
    """A size in MB of 2^20 bytes, as "1.69"."""
    return rate(None if size_bytes is None else size_bytes / _MEBIBYTE)


def _slower(row: ParetoRow, first: ParetoRow) -> Iterator[str]:
    if _reaches(row.latency_p50_ns, first.latency_p50_ns, _SLOWER):
        yield (
            f"it is slower than {first.variant}: p50 {duration(row.latency_p50_ns)}, not "
            f"{duration(first.latency_p50_ns)}"
        )
    if _reaches(first.samples_per_second, row.samples_per_second, _SLOWER):
        yield (
            f"it answers fewer samples than {first.variant}: {rate(row.samples_per_second)} a "
            f"second, not {rate(first.samples_per_second)}"
        )


def _reaches(value: float | None, other: float | None, factor: float = 1.0) -> bool:
    """Whether a value is at least `factor` times another; not if one is not known."""
    return value is not None and other is not None and value >= factor * other
