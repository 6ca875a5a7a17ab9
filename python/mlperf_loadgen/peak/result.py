"""What a search for the peak found, and the errors of one that found nothing to quote."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _core
from ..text.units import counted


@dataclass(frozen=True)
class PeakResult:
    """The result of `find_peak`; print it to see everything."""

    estimate_qps: float
    """The rate, in queries per second, that the trials point to, even if the peak is not
    determined. Quote `qps`, not this rate, as a result."""
    interval: tuple[float, float]
    """The confidence interval of the peak; an end that is not known is 0 or inf."""
    valid_qps: float | None
    """The rate of the confirming run that was VALID; None: no such run was VALID."""
    trials: list[_core.PeakTrial]
    end: str
    """Why the search ended, in words."""
    result: _core.TestResult
    """The result of the confirming run, whose logs the search leaves. If there was no such run, its
    `performance` is None."""

    @property
    def determined(self) -> bool:
        """Whether the peak is known from both sides: the interval has two ends."""
        return self._peak.determined

    @property
    def at_limit(self) -> bool:
        """Whether no rate up to the limit (`max_qps`) failed: the peak is at least the limit."""
        return self._peak.at_limit

    @property
    def qps(self) -> float:
        """The peak: the rate, in queries per second, at which the bound is just kept in the long
        run. If no rate up to the limit failed, it is the limit.

        Raises PeakNotDeterminedError if the search ended before the peak was known.
        """
        if not self.determined and not self.at_limit:
            raise PeakNotDeterminedError(f"the peak is {self.statement}", self.result)
        return self.estimate_qps

    @property
    def at_least_qps(self) -> float | None:
        """The peak is at least this rate, by its interval or a VALID run. None: not known."""
        return self._peak.at_least_qps or None

    @property
    def at_most_qps(self) -> float | None:
        """The peak is at most this rate, by its interval or a rate that failed. None: not known."""
        return self._peak.at_most_qps or None

    @property
    def settling_budget_s(self) -> float | None:
        """A `time_budget_s` that is likely to determine the peak; None: more time is not needed."""
        return self._peak.settling_budget_s or None

    @property
    def settling_min_duration_s(self) -> float | None:
        """The `min_duration_ms` to use with `settling_budget_s`, in seconds; None: the one of the
        search is enough."""
        return self._peak.settling_min_duration_s or None

    @property
    def statement(self) -> str:
        """The outcome in words, which say first whether the peak is determined."""
        return self._peak.statement

    @property
    def cautions(self) -> list[str]:
        """Sentences that a reader must know before trusting the peak."""
        return self.result.cautions

    def __str__(self) -> str:
        valid = f"VALID at {self.valid_qps:.6g}" if self.valid_qps else "no VALID run"
        lines = [f"peak {self.statement}", f"{valid}, {counted(len(self.trials), 'trial')}"]
        if self.determined:
            lines[-1] += f": {self.end}"
        return "\n".join([*lines, *(f"caution: {caution}" for caution in self.cautions)])

    @property
    def _peak(self) -> _core.PeakSearchResult:
        assert self.result.peak is not None  # Of a search.
        return self.result.peak


class PeakNotFoundError(RuntimeError):
    """No rate passes. `result` is the result of the test, with its trials."""

    def __init__(self, text: str, result: _core.TestResult) -> None:
        super().__init__(text)
        self.result = result

    def __reduce__(self) -> tuple[type[PeakNotFoundError], tuple[str, _core.TestResult]]:
        return type(self), (str(self), self.result)


class PeakNotDeterminedError(PeakNotFoundError):
    """The search ended before the peak was known from both sides, so there is no rate to quote."""
