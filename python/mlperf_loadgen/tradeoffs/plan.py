"""What is measured of each system: the settings of its runs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from .. import _core
from .answers import check_dtype

_PROBE_PART = 5
"""The Offline run's probe takes one of so many parts of a run's duration."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all systems of a table have in common."""

    settings: _core.TestSettings
    """All but scenario, mode, durations and bound are used."""
    bound_ns: int | None
    """The latency bound of the peak; None: the peak is not searched for."""
    budget_s: float
    """The time for the runs of one row together, as a goal."""
    dtype: str | None
    """The type of the numbers in a response; None: the system says it."""

    def __post_init__(self) -> None:
        if not self.budget_s > 0 or self.budget_s == float("inf"):
            raise ValueError(f"budget_s is {self.budget_s!r}: give a number of seconds above 0")
        if self.bound_ns is not None and not 0 < self.bound_ns < 2**63:
            raise ValueError(f"bound_ns is {self.bound_ns!r}: give a number of ns above 0, or None")
        if self.dtype is not None:
            check_dtype(self.dtype, "dtype")
        if self.settings.use_token_latencies:
            raise ValueError(
                "use_token_latencies is true, but the table has latencies of whole samples alone: "
                "leave it out"
            )

    @property
    def run_duration_ms(self) -> int:
        """The duration of the SingleStream run and of the Offline run, and of a trial at most. The
        search for the peak takes several."""
        durations = 2.0 if self.bound_ns is None else 2.0 + _core.peak_budget_durations()
        return max(round(1000 * self.budget_s / durations), 1)

    def first_answer(self) -> _core.TestSettings:
        """A single query, the first one of a new system."""
        return self._settings("SingleStream", min_duration_ms=0, min_query_count=1)

    def accuracy(self) -> _core.TestSettings:
        """Each sample of the library once."""
        return self._settings("Offline", mode=_core.TestMode.AccuracyOnly)

    def single_stream(self, expected_latency_ns: float) -> _core.TestSettings:
        """One query after the other. `expected_latency_ns`: no less than that of most queries, or a
        slow system is asked for so many that the run takes too long."""
        return self._settings("SingleStream", single_stream_expected_latency_ns=expected_latency_ns)

    def offline(self, expected_qps: float | None = None) -> _core.TestSettings:
        """All samples in one query. Its size is that for `expected_qps`; None: a probe finds it."""
        if expected_qps is not None:
            return self._settings("Offline", offline_expected_qps=expected_qps)
        probe_ms = max(self.run_duration_ms // _PROBE_PART, 1)
        return self._settings("Offline", offline_probe_duration_ms=probe_ms)

    def peak(self) -> _core.TestSettings:
        """The search for the highest rate."""
        return self._settings("Server", server_target_latency_ns=self.bound_ns)

    def _settings(self, scenario: str, **values: Any) -> _core.TestSettings:
        settings = copy.copy(self.settings)
        usual = {
            "scenario": getattr(_core.TestScenario, scenario),
            "mode": _core.TestMode.PerformanceOnly,
            "min_duration_ms": self.run_duration_ms,
        }
        for name, value in (usual | values).items():
            setattr(settings, name, value)
        return settings
