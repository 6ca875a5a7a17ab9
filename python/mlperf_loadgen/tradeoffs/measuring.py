"""Measures one system, in the process that makes it."""

from __future__ import annotations

import contextlib
import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..host.folders import make_folder
from ..host.memory import Resident, forget_peak, read_resident
from ..interfaces import QuerySampleLibrary, SystemUnderTest
from ..logs.files import accuracy_log
from ..logs.scoring import ScoreWarning
from ..peak.find import find_peak
from ..peak.result import PeakNotFoundError
from ..run import ConfigWarning, LogsOverwrittenWarning, StartTestWithLogSettings
from .answers import Answers, read_answers
from .metrics import Interval, Measurement
from .plan import Plan


def measure(
    make_system: Callable[[QuerySampleLibrary], Any],
    make_library: QuerySampleLibrary | Callable[[], Any],
    plan: Plan,
    folder: Path,
) -> tuple[Measurement, Answers]:
    """Makes the library and the system, and runs all that the plan has; the logs go to `folder`.

    Either may be a context manager, which is left at the end. Raises what the system raises,
    TypeError for what is no library and no system, and RuntimeError if a run is aborted.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        # Settings that only one of the scenarios uses are given to all of them.
        warnings.simplefilter("ignore", ConfigWarning)
        # A process that was killed may have left some.
        warnings.simplefilter("ignore", LogsOverwrittenWarning)
        made = make_library if isinstance(make_library, QuerySampleLibrary) else make_library()
        library = _entered(stack, made, QuerySampleLibrary)
        forget_peak()
        before, started_ns = read_resident(), time.perf_counter_ns()
        system = _entered(stack, make_system(library), SystemUnderTest)
        made_ns = time.perf_counter_ns() - started_ns
        runs = _Runs(system, library, plan, folder)
        first_ns = _first_latency_ns(runs)
        loaded = read_resident()
        answers = _answers(runs)
        found: dict[str, Any] = {
            "load_ns": None if first_ns is None else made_ns + first_ns,
            **_size(system),
            "accuracy": answers.accuracy,
            "sample_count": answers.sample_count,
            "judged": answers.right is not None,
            "answers_digest": answers.digest,
            **_latencies(runs, first_ns),
            **_throughput(runs),
            **_peak(runs),
        }
        found |= _memory(before, loaded, read_resident())
        measurement = Measurement(
            **found,
            kind=str(getattr(system, "kind", "")),
            reasons=tuple(dict.fromkeys(runs.reasons)),
            cautions=tuple(dict.fromkeys(runs.cautions)),
        )
    return measurement, answers


def _entered(stack: contextlib.ExitStack, made: Any, kind: type) -> Any:
    """Enters a context manager, which is left with the stack. Raises TypeError for an object of
    another kind."""
    if hasattr(made, "__enter__") and hasattr(made, "__exit__"):
        inside = stack.enter_context(made)
        made = made if isinstance(made, kind) else inside
    if not isinstance(made, kind):
        raise TypeError(
            f"{made!r:.200} is no {kind.__name__}: derive its class from mlperf_loadgen."
            f"{kind.__name__}"
        )
    return made


# ---- Runs ----------------------------------------------------------------------------------------


@dataclass
class _Runs:
    """Runs of one system, and what is to be said of them."""

    system: SystemUnderTest
    library: QuerySampleLibrary
    plan: Plan
    folder: Path

    def __post_init__(self) -> None:
        self.reasons: list[str] = []
        self.cautions: list[str] = []

    def run(self, name: str, settings: _core.TestSettings) -> _core.TestResult:
        """Runs a test whose logs go to a folder `name`. Raises RuntimeError if it was aborted."""
        result = self.start(name, settings)
        self.note(name, result)
        return result

    def start(self, name: str, settings: _core.TestSettings) -> _core.TestResult:
        """As `run`, but nothing is said of the result."""
        logs = self.logs(name)
        result = StartTestWithLogSettings(self.system, self.library, settings, logs, "")
        if result.aborted:
            raise RuntimeError(f"the {name} run was aborted; find out why AbortTest was called")
        return result

    def logs(self, name: str) -> _core.LogSettings:
        """Makes the folder of a run."""
        settings = _core.LogSettings()
        settings.enable_trace = False
        settings.log_output.outdir = str(make_folder(self.folder / name, "outdir"))
        return settings

    def note(self, name: str, result: _core.TestResult) -> None:
        """Keeps what there is to say of a run."""
        self.reasons += [f"{name}: {reason}" for reason in result.reasons]
        self.cautions += [f"{name}: {caution}" for caution in result.cautions]


def _first_latency_ns(runs: _Runs) -> float | None:
    """The latency of the first query; None: it had no answer."""
    result = runs.start("first_answer", runs.plan.first_answer())  # One query is never VALID.
    stats = result.performance.sample_latency if result.performance else None
    return None if stats is None or stats.count == 0 else stats.percentiles_ns[0.5]


def _answers(runs: _Runs) -> Answers:
    runs.run("accuracy", runs.plan.accuracy())
    dtype = runs.plan.dtype or getattr(runs.system, "response_dtype", None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScoreWarning)
        answers = read_answers(accuracy_log(runs.folder / "accuracy"), runs.library, dtype)
    for warning in caught:
        if issubclass(warning.category, ScoreWarning):
            runs.cautions.append(f"accuracy: {warning.message}")
        else:  # Of the library's own code.
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return answers


def _latencies(runs: _Runs, first_ns: float | None) -> dict[str, float | None]:
    settings = runs.plan.settings
    expected_ns = first_ns or settings.single_stream_expected_latency_ns
    result = runs.run("single_stream", runs.plan.single_stream(expected_ns))
    stats = result.performance.sample_latency if result.performance else None
    if stats is None or stats.count == 0:
        return {}
    return {
        "latency_p50_ns": stats.percentiles_ns[0.5],
        "latency_p99_ns": stats.percentiles_ns[0.99],
    }


def _throughput(runs: _Runs) -> dict[str, float | None]:
    result = runs.start("offline", runs.plan.offline())
    enough_qps = result.performance.sufficient_offline_qps if result.performance else 0.0
    if enough_qps:  # The run was faster than its probe, and so too short.
        result = runs.start("offline", runs.plan.offline(enough_qps))
    runs.note("offline", result)
    rate = result.performance.samples_per_second if result.performance else math.nan
    return {"samples_per_second": rate if math.isfinite(rate) else None}


def _peak(runs: _Runs) -> dict[str, float | Interval | None]:
    """The peak, if the plan has a bound."""
    if runs.plan.bound_ns is None:
        return {}
    try:
        found = find_peak(
            runs.system,
            runs.library,
            runs.plan.peak(),
            runs.logs("peak"),
            audit_config_filename="",
        )
    except PeakNotFoundError as error:
        runs.note("peak", error.result)
        runs.reasons.append(f"peak: {error}")
        return {}
    runs.note("peak", found.result)
    if not found.determined and not found.at_limit:
        runs.reasons.append(f"peak: {found.statement}")
        return {}
    interval = found.interval if found.determined else None
    return {"peak_qps": found.estimate_qps, "peak_interval": interval}


# ---- What is known without a run -----------------------------------------------------------------


def _size(system: object) -> dict[str, float | None]:
    """The size of the files that the system names, and the bits of them for each weight."""
    files = getattr(system, "model_files", None)
    if files is None:
        return {}
    paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    if not paths:
        raise ValueError("model_files is empty: name the files of the system, or leave it out")
    disk_bytes = sum(_size_bytes(Path(path)) for path in paths)
    weight_count = getattr(system, "weight_count", None)
    return {
        "disk_bytes": disk_bytes,
        "bits_per_weight": 8 * disk_bytes / weight_count if weight_count else None,
    }


def _size_bytes(path: Path) -> int:
    """The size of a file, or of all files in a folder."""
    if not path.exists():
        raise FileNotFoundError(f"model_files: there is no file {path}")
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _memory(
    before: Resident | None, loaded: Resident | None, after: Resident | None
) -> dict[str, float | None]:
    if before is None or loaded is None or after is None:
        return {}
    return {
        "resident_bytes": loaded.now_bytes - before.now_bytes,
        "peak_resident_bytes": after.peak_bytes - before.now_bytes,
    }
