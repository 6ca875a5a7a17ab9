"""Load generator for MLPerf-style inference benchmarks.

A test takes a system under test (SUT), which answers queries, a sample library (QSL), which loads
the samples, and settings; `StartTest` issues the traffic of a scenario, records every query and
judges the result.
"""

from collections.abc import Sequence

from ._core import (
    AbortTest,
    AccuracyFormatError,
    EarlyStopping,
    FirstTokenComplete,
    LatencyStats,
    Lateness,
    LoggingMode,
    LogOutputSettings,
    LogPaths,
    LogSettings,
    PeakSearchResult,
    PeakTrial,
    PerformanceResult,
    QuerySample,
    QuerySampleResponse,
    QuerySamplesComplete,
    RegisterIssueQueryThread,
    SampleBatch,
    SettingsError,
    TestMode,
    TestResult,
    TestScenario,
    TestSettings,
    TokenMetrics,
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
from .run import StartTest, StartTestWithLogSettings
from .vectors import VectorQuerySample, VectorQuerySampleResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .logs import AccuracyLog, Payloads, read_accuracy, read_samples

    __version__: str


class ConfigWarning(UserWarning):
    """A config file said something that was refused, ignored or read in an unexpected way."""


Sequence.register(SampleBatch)

_IN_LOGS = ("AccuracyLog", "Payloads", "read_accuracy", "read_samples")


def __getattr__(name: str) -> object:
    """Imports on first use what a benchmark does not need to start."""
    if name in _IN_LOGS:
        from . import logs

        return getattr(logs, name)
    if name == "__version__":
        from importlib.metadata import version

        return version("mlperf_loadgen")
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
    "LoggingMode",
    "Payloads",
    "PeakSearchResult",
    "PeakTrial",
    "PerformanceResult",
    "QueryDispatchLibrary",
    "QuerySample",
    "QuerySampleLibrary",
    "QuerySampleResponse",
    "QuerySamplesComplete",
    "RegisterIssueQueryThread",
    "SampleBatch",
    "SettingsError",
    "StartTest",
    "StartTestWithLogSettings",
    "SystemUnderTest",
    "TestMode",
    "TestResult",
    "TestScenario",
    "TestSettings",
    "TokenMetrics",
    "VectorQuerySample",
    "VectorQuerySampleResponse",
    "__version__",
    "complete",
    "read_accuracy",
    "read_samples",
]
