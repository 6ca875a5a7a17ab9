"""Load generator for MLPerf-style inference benchmarks.

A test takes a system under test (SUT), which answers queries, a sample library (QSL), which loads
the samples, and settings; `StartTest` issues the traffic of a scenario, records every query and
judges the result.
"""

# collections.abc would load all of collections, which costs more than this package.
from _collections_abc import Sequence

from ._core import (
    AbortTest,
    AccuracyFormatError,
    FirstTokenComplete,
    LoggingMode,
    LogOutputSettings,
    LogSettings,
    Pacing,
    PeakStrategy,
    QuerySample,
    QuerySampleResponse,
    QuerySamplesComplete,
    RegisterIssueQueryThread,
    SampleBatch,
    SettingsError,
    TestMode,
    TestScenario,
    TestSettings,
    __version__,
    complete,
)
from .handles import (
    ConstructFastSUT,
    ConstructQDL,
    ConstructQSL,
    ConstructSUT,
    DestroyFastSUT,
    DestroyQDL,
    DestroyQSL,
    DestroySUT,
)
from .interfaces import QueryDispatchLibrary, QuerySampleLibrary, SystemUnderTest
from .run import LogWriteError, StartTest, StartTestWithLogSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._core import (
        EarlyStopping,
        LatencyStats,
        Lateness,
        LogPaths,
        PeakSearchResult,
        PeakTrial,
        PerformanceResult,
        SampleLogFormatError,
        TestResult,
        TokenMetrics,
    )
    from .logs import AccuracyLog, Payloads, TruncatedLogWarning, read_accuracy, read_samples
    from .peak import PeakNotFoundError, PeakResult, find_peak
    from .sweep_run import sweep
    from .sweep_table import Sweep, SweepMetrics, SweepPoint, SweepRow
    from .vectors import VectorQuerySample, VectorQuerySampleResponse


class ConfigWarning(UserWarning):
    """A config file said something that was refused, ignored or read in an unexpected way."""


class LogsOverwrittenWarning(UserWarning):
    """A test wrote over the logs of an earlier one (`log_output.exist_ok`)."""


Sequence.register(SampleBatch)

# Imported on first use: a benchmark does not need them to start.
_LATER = {
    "AccuracyLog": "logs",
    "EarlyStopping": "_core",
    "Lateness": "_core",
    "LatencyStats": "_core",
    "LogPaths": "_core",
    "Payloads": "logs",
    "PeakNotFoundError": "peak",
    "PeakResult": "peak",
    "PeakSearchResult": "_core",
    "PeakTrial": "_core",
    "PerformanceResult": "_core",
    "TestResult": "_core",
    "SampleLogFormatError": "_core",
    "Sweep": "sweep_table",
    "SweepMetrics": "sweep_table",
    "SweepPoint": "sweep_table",
    "SweepRow": "sweep_table",
    "TokenMetrics": "_core",
    "TruncatedLogWarning": "logs",
    "VectorQuerySample": "vectors",
    "VectorQuerySampleResponse": "vectors",
    "find_peak": "peak",
    "read_accuracy": "logs",
    "read_samples": "logs",
    "sweep": "sweep_run",
}


def __getattr__(name: str) -> object:
    """Imports what is in `_LATER`."""
    if name in _LATER:
        from importlib import import_module

        found = getattr(import_module("." + _LATER[name], __name__), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AbortTest",
    "AccuracyFormatError",
    "AccuracyLog",
    "ConfigWarning",
    "ConstructFastSUT",
    "ConstructQDL",
    "ConstructQSL",
    "ConstructSUT",
    "DestroyFastSUT",
    "DestroyQDL",
    "DestroyQSL",
    "DestroySUT",
    "EarlyStopping",
    "FirstTokenComplete",
    "LatencyStats",
    "Lateness",
    "LogOutputSettings",
    "LogPaths",
    "LogSettings",
    "LogWriteError",
    "LoggingMode",
    "LogsOverwrittenWarning",
    "Pacing",
    "Payloads",
    "PeakNotFoundError",
    "PeakResult",
    "PeakSearchResult",
    "PeakStrategy",
    "PeakTrial",
    "PerformanceResult",
    "QueryDispatchLibrary",
    "QuerySample",
    "QuerySampleLibrary",
    "QuerySampleResponse",
    "QuerySamplesComplete",
    "RegisterIssueQueryThread",
    "SampleBatch",
    "SampleLogFormatError",
    "SettingsError",
    "StartTest",
    "StartTestWithLogSettings",
    "Sweep",
    "SweepMetrics",
    "SweepPoint",
    "SweepRow",
    "SystemUnderTest",
    "TestMode",
    "TestResult",
    "TestScenario",
    "TestSettings",
    "TokenMetrics",
    "TruncatedLogWarning",
    "VectorQuerySample",
    "VectorQuerySampleResponse",
    "__version__",
    "complete",
    "find_peak",
    "read_accuracy",
    "read_samples",
    "sweep",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
