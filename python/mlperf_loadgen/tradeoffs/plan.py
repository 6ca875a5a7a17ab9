"""What is measured of each system: the settings of its runs."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from .. import _core
from ..interfaces import QuerySampleLibrary
from ..run import ConfigWarning
from .answers import check_dtype

_LARGEST_LIBRARY = 2**32 - 1
_LEAST_OF_A_SEARCH = 0.5
"""The share of queries within the bound that a search for the peak can be for is larger."""
_PROBE_PART = 5
"""The Offline run's probe takes one of so many parts of a run's duration."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all systems of a table have in common. Raises TypeError and ValueError for values that
    cannot be used."""

    settings: _core.TestSettings
    """All but scenario, mode, durations and bound are used."""
    bound_ns: int | None
    """The latency bound of the peak; None: the peak is not searched for."""
    budget_s: float
    """The time for the runs of one row together, as a goal."""
    dtype: str | None
    """The type of the numbers in a response; None: the system says it."""

    def __post_init__(self) -> None:
        if not isinstance(self.settings, _core.TestSettings):
            raise TypeError(f"settings is {self.settings!r:.200}: give a TestSettings, or None")
        check_seconds("budget_s", self.budget_s)
        if self.bound_ns is not None:
            _check_bound(self.bound_ns)
        if self.dtype is not None:
            check_dtype(self.dtype, "dtype")
        if self.settings.use_token_latencies:
            raise ValueError(
                "use_token_latencies is true, but the table has latencies of whole samples alone: "
                "leave it out"
            )

    def check_runs(self, library: QuerySampleLibrary | None) -> None:
        """Raises SettingsError if a run cannot be made with these settings. `library`: None if it
        is still to be made."""
        counts = _LARGEST_LIBRARY, _LARGEST_LIBRARY
        if library is not None:
            counts = library.total_sample_count, library.performance_sample_count
        runs = [self.first_answer(), self.accuracy(), self.single_stream(1), self.offline()]
        if self.bound_ns is not None:
            runs.append(self.peak())
        with warnings.catch_warnings():
            # Settings that only one of the scenarios uses are given to all of them.
            warnings.simplefilter("ignore", ConfigWarning)
            for settings in runs:
                _core.resolve_test(settings, "", *counts)
        percentile = self.settings.server_target_latency_percentile
        if self.bound_ns is not None and not percentile > _LEAST_OF_A_SEARCH:
            raise ValueError(
                f"server_target_latency_percentile is {percentile!r}: for the search for the peak "
                "give a share between 0.5 and 1"
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


def check_seconds(name: str, value: Any) -> None:
    """Raises TypeError for what is no number, and ValueError for one that is no time above 0."""
    if not _is_number(value, Real):
        raise TypeError(f"{name} is {value!r}: give a number of seconds, such as 60.0")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value!r}: give a number of seconds above 0")


def _check_bound(value: Any) -> None:
    if not _is_number(value, Integral):
        raise TypeError(f"bound_ns is {value!r}: give a whole number of ns, such as 20_000_000")
    if not 0 < value < 2**63:
        raise ValueError(f"bound_ns is {value!r}: give a number of ns above 0, or None")


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
