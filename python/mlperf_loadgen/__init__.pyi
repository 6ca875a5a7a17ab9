# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from ._core import (
    AbortTest as AbortTest,
    AccuracyFormatError as AccuracyFormatError,
    EarlyStopping as EarlyStopping,
    FirstTokenComplete as FirstTokenComplete,
    LatencyStats as LatencyStats,
    Lateness as Lateness,
    LogOutputSettings as LogOutputSettings,
    LogPaths as LogPaths,
    LogSettings as LogSettings,
    LoggingMode as LoggingMode,
    OfflineProbe as OfflineProbe,
    Pacing as Pacing,
    PeakSearchResult as PeakSearchResult,
    PeakStrategy as PeakStrategy,
    PeakTrial as PeakTrial,
    PerformanceResult as PerformanceResult,
    QuerySample as QuerySample,
    QuerySampleResponse as QuerySampleResponse,
    QuerySamplesComplete as QuerySamplesComplete,
    RegisterIssueQueryThread as RegisterIssueQueryThread,
    SampleBatch as SampleBatch,
    SampleLogFormatError as SampleLogFormatError,
    SettingsError as SettingsError,
    TestMode as TestMode,
    TestResult as TestResult,
    TestScenario as TestScenario,
    TestSettings as TestSettings,
    TokenClock as TokenClock,
    TokenLog as TokenLog,
    TokenMetrics as TokenMetrics,
    __version__ as __version__,
    complete as complete,
    fail as fail,
    first_token as first_token,
)
from .comparison.compare import compare as compare
from .comparison.comparison import Comparison as Comparison
from .handles import (
    ConstructFastSUT as ConstructFastSUT,
    ConstructQDL as ConstructQDL,
    ConstructQSL as ConstructQSL,
    ConstructSUT as ConstructSUT,
    DestroyFastSUT as DestroyFastSUT,
    DestroyQDL as DestroyQDL,
    DestroyQSL as DestroyQSL,
    DestroySUT as DestroySUT,
)
from .interfaces import (
    QueryDispatchLibrary as QueryDispatchLibrary,
    QuerySampleLibrary as QuerySampleLibrary,
    SystemUnderTest as SystemUnderTest,
)
from .live.progress import Progress as Progress, read_progress as read_progress
from .live.view import show_progress as show_progress
from .live.prometheus import serve_metrics as serve_metrics
from .llm.datasets.dataset import DatasetError as DatasetError
from .llm.endpoint import EndpointWarning as EndpointWarning, OpenAIEndpoint as OpenAIEndpoint
from .llm.prompts import DatasetWarning as DatasetWarning, Prompts as Prompts
from .llm.request import Request as Request
from .logs.encoding import UnreadableLogWarning as UnreadableLogWarning
from .logs.responses import (
    AccuracyLog as AccuracyLog,
    Payloads as Payloads,
    read_accuracy as read_accuracy,
)
from .logs.samples import TruncatedLogWarning as TruncatedLogWarning, read_samples as read_samples
from .logs.scoring import (
    ScoreWarning as ScoreWarning,
    class_answers as class_answers,
    score as score,
)
from .logs.tokens import TokenEvents as TokenEvents, read_tokens as read_tokens
from .peak.find import find_peak as find_peak
from .peak.result import (
    PeakNotDeterminedError as PeakNotDeterminedError,
    PeakNotFoundError as PeakNotFoundError,
    PeakResult as PeakResult,
)
from .report import write_report as write_report
from .run import (
    ConfigWarning as ConfigWarning,
    LogWriteError as LogWriteError,
    LogsOverwrittenWarning as LogsOverwrittenWarning,
    StartTest as StartTest,
    StartTestWithLogSettings as StartTestWithLogSettings,
)
from .sweeps.curve import SweepMetrics as SweepMetrics, SweepRow as SweepRow
from .sweeps.run import sweep as sweep
from .sweeps.table import Sweep as Sweep, SweepPoint as SweepPoint
from .systems.asynchronous import AsyncSystemUnderTest as AsyncSystemUnderTest
from .tradeoffs.front import pareto_front as pareto_front
from .tradeoffs.metrics import ParetoRow as ParetoRow
from .tradeoffs.run import pareto as pareto
from .tradeoffs.table import ParetoTable as ParetoTable
from .vectors import (
    VectorQuerySample as VectorQuerySample,
    VectorQuerySampleResponse as VectorQuerySampleResponse,
)

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
    "DatasetError",
    "DatasetWarning",
    "DestroyFastSUT",
    "DestroyQDL",
    "DestroyQSL",
    "DestroySUT",
    "EarlyStopping",
    "EndpointWarning",
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
    "OpenAIEndpoint",
    "Pacing",
    "ParetoRow",
    "ParetoTable",
    "Payloads",
    "PeakNotDeterminedError",
    "PeakNotFoundError",
    "PeakResult",
    "PeakSearchResult",
    "PeakStrategy",
    "PeakTrial",
    "PerformanceResult",
    "Progress",
    "Prompts",
    "QueryDispatchLibrary",
    "QuerySample",
    "QuerySampleLibrary",
    "QuerySampleResponse",
    "QuerySamplesComplete",
    "RegisterIssueQueryThread",
    "Request",
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
    "TokenClock",
    "TokenEvents",
    "TokenLog",
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
    "first_token",
    "pareto",
    "pareto_front",
    "read_accuracy",
    "read_progress",
    "read_samples",
    "read_tokens",
    "score",
    "serve_metrics",
    "show_progress",
    "sweep",
    "write_report",
]
