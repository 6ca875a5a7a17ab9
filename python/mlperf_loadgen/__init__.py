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
    fail,
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
        OfflineProbe,
        PeakSearchResult,
        PeakTrial,
        PerformanceResult,
        SampleLogFormatError,
        TestResult,
        TokenMetrics,
    )
    from .comparison.compare import Comparison, compare
    from .live.progress import Progress, read_progress, show_progress
    from .live.prometheus import serve_metrics
    from .logs.encoding import UnreadableLogWarning
    from .logs.responses import (
        AccuracyLog,
        Payloads,
        TruncatedLogWarning,
        read_accuracy,
        read_samples,
    )
    from .logs.scoring import ScoreWarning, class_answers, score
    from .peak.find import PeakNotDeterminedError, PeakNotFoundError, PeakResult, find_peak
    from .report import write_report
    from .sweeps.run import sweep
    from .sweeps.table import Sweep, SweepMetrics, SweepPoint, SweepRow
    from .systems.asynchronous import AsyncSystemUnderTest
    from .vectors import VectorQuerySample, VectorQuerySampleResponse


class ConfigWarning(UserWarning):
    """A config file said something that was refused, ignored or read in an unexpected way, or a
    setting was given that the test does not use.
    """


class LogsOverwrittenWarning(UserWarning):
    """A test wrote over the logs of an earlier one (`log_output.exist_ok`)."""


Sequence.register(SampleBatch)

# Imported on first use: a benchmark does not need them to start.
_LATER = {
    "AccuracyLog": "logs.responses",
    "AsyncSystemUnderTest": "systems.asynchronous",
    "Comparison": "comparison.compare",
    "EarlyStopping": "_core",
    "Lateness": "_core",
    "LatencyStats": "_core",
    "LogPaths": "_core",
    "OfflineProbe": "_core",
    "Payloads": "logs.responses",
    "PeakNotDeterminedError": "peak.find",
    "PeakNotFoundError": "peak.find",
    "PeakResult": "peak.find",
    "PeakSearchResult": "_core",
    "PeakTrial": "_core",
    "PerformanceResult": "_core",
    "Progress": "live.progress",
    "TestResult": "_core",
    "SampleLogFormatError": "_core",
    "ScoreWarning": "logs.scoring",
    "Sweep": "sweeps.table",
    "SweepMetrics": "sweeps.table",
    "SweepPoint": "sweeps.table",
    "SweepRow": "sweeps.table",
    "TokenMetrics": "_core",
    "TruncatedLogWarning": "logs.responses",
    "UnreadableLogWarning": "logs.encoding",
    "VectorQuerySample": "vectors",
    "VectorQuerySampleResponse": "vectors",
    "class_answers": "logs.scoring",
    "compare": "comparison.compare",
    "find_peak": "peak.find",
    "read_accuracy": "logs.responses",
    "read_progress": "live.progress",
    "read_samples": "logs.responses",
    "score": "logs.scoring",
    "serve_metrics": "live.prometheus",
    "show_progress": "live.progress",
    "sweep": "sweeps.run",
    "write_report": "report",
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
    "AsyncSystemUnderTest",
    "Comparison",
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
    "OfflineProbe",
    "Pacing",
    "Payloads",
    "PeakNotDeterminedError",
    "PeakNotFoundError",
    "PeakResult",
    "PeakSearchResult",
    "PeakStrategy",
    "PeakTrial",
    "PerformanceResult",
    "Progress",
    "QueryDispatchLibrary",
    "QuerySample",
    "QuerySampleLibrary",
    "QuerySampleResponse",
    "QuerySamplesComplete",
    "RegisterIssueQueryThread",
    "SampleBatch",
    "SampleLogFormatError",
    "ScoreWarning",
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
    "UnreadableLogWarning",
    "VectorQuerySample",
    "VectorQuerySampleResponse",
    "__version__",
    "class_answers",
    "compare",
    "complete",
    "fail",
    "find_peak",
    "read_accuracy",
    "read_progress",
    "read_samples",
    "score",
    "serve_metrics",
    "show_progress",
    "sweep",
    "write_report",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
