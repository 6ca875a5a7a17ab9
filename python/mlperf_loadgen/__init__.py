"""Load generator for benchmarks of inference systems, by the rules of MLPerf Inference.

A test needs a system under test (SUT), which answers queries; a sample library (QSL), which loads
the samples; and settings. `StartTest` issues the traffic of a scenario, records every query and
judges the result.
"""

# collections.abc would load all of collections, which costs more than this package.
from _collections_abc import Sequence as _Sequence

from . import _core, _lazy

_Sequence.register(_core.SampleBatch)

__getattr__, __dir__, __all__ = _lazy.attach(
    globals(),
    {
        "_core": (
            "AbortTest",
            "AccuracyFormatError",
            "EarlyStopping",
            "FirstTokenComplete",
            "LatencyStats",
            "Lateness",
            "LogOutputSettings",
            "LogPaths",
            "LogSettings",
            "LoggingMode",
            "OfflineProbe",
            "Pacing",
            "PeakSearchResult",
            "PeakStrategy",
            "PeakTrial",
            "PerformanceResult",
            "QuerySample",
            "QuerySampleResponse",
            "QuerySamplesComplete",
            "RegisterIssueQueryThread",
            "SampleBatch",
            "SampleLogFormatError",
            "SettingsError",
            "TestMode",
            "TestResult",
            "TestScenario",
            "TestSettings",
            "TokenClock",
            "TokenLog",
            "TokenMetrics",
            "__version__",
            "complete",
            "fail",
            "first_token",
        ),
        "comparison.compare": ("compare",),
        "comparison.comparison": ("Comparison",),
        "handles": (
            "ConstructFastSUT",
            "ConstructQDL",
            "ConstructQSL",
            "ConstructSUT",
            "DestroyFastSUT",
            "DestroyQDL",
            "DestroyQSL",
            "DestroySUT",
        ),
        "interfaces": ("QueryDispatchLibrary", "QuerySampleLibrary", "SystemUnderTest"),
        "live.progress": ("Progress", "read_progress"),
        "live.view": ("show_progress",),
        "live.prometheus": ("serve_metrics",),
        "llm.datasets.dataset": ("DatasetError",),
        "llm.endpoint": ("EndpointWarning", "OpenAIEndpoint"),
        "llm.prompts": ("DatasetWarning", "Prompts"),
        "llm.request": ("Request",),
        "logs.encoding": ("UnreadableLogWarning",),
        "logs.responses": ("AccuracyLog", "Payloads", "read_accuracy"),
        "logs.samples": ("TruncatedLogWarning", "read_samples"),
        "logs.scoring": ("ScoreWarning", "class_answers", "score"),
        "logs.tokens": ("TokenEvents", "read_tokens"),
        "peak.find": ("find_peak",),
        "peak.result": ("PeakNotDeterminedError", "PeakNotFoundError", "PeakResult"),
        "report": ("write_report",),
        "run": (
            "ConfigWarning",
            "LogWriteError",
            "LogsOverwrittenWarning",
            "StartTest",
            "StartTestWithLogSettings",
        ),
        "sweeps.curve": ("SweepMetrics", "SweepRow"),
        "sweeps.run": ("sweep",),
        "sweeps.table": ("Sweep", "SweepPoint"),
        "systems.asynchronous": ("AsyncSystemUnderTest",),
        "tradeoffs.front": ("pareto_front",),
        "tradeoffs.metrics": ("ParetoRow",),
        "tradeoffs.run": ("pareto",),
        "tradeoffs.table": ("ParetoTable",),
        "vectors": ("VectorQuerySample", "VectorQuerySampleResponse"),
    },
)

# What the C++ module needs of the package: it names no Python module itself.
_core.set_hooks(
    config_warning=_lazy.later(__name__, "run", "ConfigWarning"),
    describe=_lazy.later(__name__, "text.result", "describe"),
    logs_overwritten_warning=_lazy.later(__name__, "run", "LogsOverwrittenWarning"),
    read_samples=_lazy.later(__name__, "logs.samples", "read_samples"),
)
