"""A sweep as its users see it: the numbers, in words, in a picture and in files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from .curve import Curve, Point
from .files import no_sweep, read_json, write_csv, write_json
from .text import point_text, sweep_text


@dataclass(frozen=True, kw_only=True)
class SweepPoint(Point):
    """One run of a sweep."""

    def __str__(self) -> str:
        return point_text(self)


@dataclass(frozen=True, kw_only=True)
class Sweep(Curve):
    """Runs of one system under a setting that was varied. `print` it for the table."""

    points: tuple[SweepPoint, ...] = ()
    """A point for each run, in the order in which they were run."""

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to a file, for `load`. An existing file is replaced in one step."""
        write_json(self, path)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes `points`: a line for each run, a column for each field; None is an empty cell."""
        write_csv(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Sweep:
        """Reads the file that `to_json` wrote. Raises OSError if it cannot be read, and ValueError
        if it does not hold a sweep."""
        values = read_json(path)
        try:
            points = tuple(SweepPoint(**point) for point in values.pop("points"))
        except TypeError as error:
            raise no_sweep(path, error) from error
        return Sweep(**values, points=points)

    def plot(
        self, path: str | os.PathLike[str], percentiles: Sequence[float] | None = None
    ) -> None:
        """Draws latency against achieved throughput into a file: .png, .svg or .pdf.

        Each of `latency_kinds` is drawn: in token mode TTFT and TPOT instead of the latency.
        `percentiles`: fractions among those that are reported (0.5, 0.9, 0.95, 0.97, 0.99, 0.999)
        or the target percentile; None: the median and the target percentile. Raises ImportError if
        matplotlib is not installed, and ValueError for other percentiles or if nothing was
        measured.
        """
        from .plot import draw

        draw(self, path, percentiles)

    def __str__(self) -> str:
        return sweep_text(self)
