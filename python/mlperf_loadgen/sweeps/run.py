"""Runs a test again and again while one setting varies, for the latency-throughput curve."""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..callables import plain
from ..host.folders import make_folder
from ..interfaces import QuerySampleLibrary, SystemUnderTest
from ..logs.samples import PERFORMANCE_PHASE, answered_ns_of, open_samples
from ..run import StartTestWithLogSettings, warn_of_other_mode
from ..text.units import counted
from .curve import PERCENTILES
from .table import Sweep, SweepPoint

_LOADS = {
    _core.TestScenario.MultiStream: "multi_stream_samples_per_query",
    _core.TestScenario.Server: "server_target_qps",
    _core.TestScenario.Offline: "min_query_count",
}
_LARGEST_LIBRARY = 2**32 - 1


def sweep(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    settings: _core.TestSettings,
    values: Iterable[float],
    *,
    parameter: str | None = None,
    repeats: int = 1,
    outdir: str | os.PathLike[str] | None = None,
    log_settings: _core.LogSettings | None = None,
    progress: Callable[[SweepPoint], object] | None = None,
) -> Sweep:
    """Runs a PerformanceOnly test for each of `values` of one setting, and returns the table.

    `values`: numbers, such as `[100, 200, 400]`, `range(1, 9)` or `numpy.geomspace(100, 10_000,
    9)`. `parameter`: any setting that is a number. None stands for the load: server_target_qps
    (Server), multi_stream_samples_per_query (MultiStream), or min_query_count, the number of
    samples (Offline, with min_duration_ms set to 0). `repeats`: how often the whole curve is run;
    the schedule seeds of `settings` are increased by 0, 1, ... `settings.warmup_query_count`
    queries come before each run. Audit configs are not read.

    `outdir`: a folder that gets a folder with the logs of each run, and the table as `sweep.json`
    and `sweep.csv`, which are rewritten after each run. It is created if missing. None: the logs
    are temporary. `log_settings`: all of them are used except `outdir` and `enable_sample_log`.
    `progress(point)` is called after each run; `print` is a suitable function.

    Before the first run, raises ValueError for a parameter that is no such setting, and for values
    that are missing, occur twice or are not numbers of the parameter's kind; SettingsError (a
    ValueError) for values with which no test can run, and for `repeats` outside 1 to 10,000;
    TypeError for a value that is not a number; and OSError if `outdir` cannot be made. An exception
    of a run or of `progress`, KeyboardInterrupt included, ends the sweep and is raised; so is a
    RuntimeError for a run that AbortTest ended. The attribute `sweep` of the exception is the Sweep
    of the runs before.
    """
    if progress is not None:
        progress = plain(progress, "progress")
    repeats = int(_core.checked_option("repeats", repeats))
    table = Sweep(parameter=swept_parameter(settings, parameter), settings=copy.copy(settings))
    numbers = _numbers(table, values)
    warn_of_other_mode(settings, _core.TestMode.PerformanceOnly, "a sweep")
    table.settings.mode = _core.TestMode.PerformanceOnly
    for name, value in fixed_settings(table.scenario, table.parameter).items():
        setattr(table.settings, name, value)
    _check_runs(table, numbers, qsl)

    with _folder_of_runs(outdir) as root:
        try:
            for repeat, number in itertools.product(range(repeats), numbers):
                folder = root / f"{table.parameter}_{number}_repeat_{repeat}"
                table = _with_run(table, number, repeat, sut, qsl, folder, log_settings)
                if outdir is not None:
                    table.to_json(root / "sweep.json")
                    table.to_csv(root / "sweep.csv")
                if progress is not None:
                    progress(table.points[-1])
        except BaseException as error:
            error.sweep = table  # type: ignore[attr-defined]
            raise
    return table


# ---- What is asked -------------------------------------------------------------------------------


def fixed_settings(scenario: _core.TestScenario, parameter: str | None) -> dict[str, int]:
    """What a sweep sets beside its parameter: the size of an Offline query counts alone."""
    is_size = scenario == _core.TestScenario.Offline and parameter in (None, "min_query_count")
    return {"min_duration_ms": 0} if is_size else {}


def swept_parameter(settings: _core.TestSettings, parameter: str | None) -> str:
    """The setting that takes the values. Raises ValueError for one that is none."""
    numeric = [n for n, value in settings.to_dict().items() if type(value) in (int, float)]
    names = ", ".join(numeric)
    if parameter is None:
        if settings.scenario not in _LOADS:
            raise ValueError(
                f"{settings.scenario.name} has no load to vary: name a parameter, one of {names}"
            )
        return _LOADS[settings.scenario]
    if parameter not in numeric:
        raise ValueError(f"{parameter!r} is no setting with a number; these are: {names}")
    return parameter


def _numbers(table: Sweep, values: Iterable[float]) -> list[float]:
    """The values as Python numbers of the setting's type."""
    name = table.parameter
    trial = copy.copy(table.settings)
    kind: type[int] | type[float] = type(getattr(trial, name))
    numbers: list[float] = []
    for value in values:
        number: float = math.nan
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = kind(value)
        if not math.isfinite(number) or number != value:
            what = "whole numbers" if kind is int else "finite numbers"
            raise ValueError(f"{name} takes {what}, not {value!r}: correct the values of the sweep")
        setattr(trial, name, number)
        numbers.append(number)
    if not numbers:
        raise ValueError(f"there are no values to sweep {name} over: give at least one")
    twice = {number for number in numbers if numbers.count(number) > 1}
    if twice:
        raise ValueError(f"values of {name} are there twice: {sorted(twice)}; use repeats instead")
    return numbers


def _check_runs(table: Sweep, numbers: Iterable[float], qsl: QuerySampleLibrary | int) -> None:
    """Raises SettingsError for values with which no test can run."""
    counts = _LARGEST_LIBRARY, _LARGEST_LIBRARY  # Those of a handle are only known to its test.
    if isinstance(qsl, QuerySampleLibrary):
        counts = qsl.total_sample_count, qsl.performance_sample_count
    for number in numbers:
        _core.resolve_test(_asked(table, number, 0), "", *counts)


def _asked(table: Sweep, number: float, repeat: int) -> _core.TestSettings:
    settings = copy.copy(table.settings)
    setattr(settings, table.parameter, number)
    seed = "test05_schedule_rng_seed" if settings.test05 else "schedule_rng_seed"
    setattr(settings, seed, (getattr(settings, seed) + repeat) % 2**64)
    return settings


def _copied(log_settings: _core.LogSettings | None) -> _core.LogSettings:
    copied = copy.copy(log_settings) if log_settings is not None else _core.LogSettings()
    copied.enable_sample_log = True  # The goodput is computed from it.
    return copied


# ---- A run ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder_of_runs(outdir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Makes the folder of the sweep; None: a temporary one."""
    if outdir is not None:
        yield make_folder(outdir, "outdir")
        return
    with tempfile.TemporaryDirectory(prefix="mlperf_sweep_") as folder:
        yield Path(folder)


def _with_run(
    table: Sweep,
    number: float,
    repeat: int,
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    folder: Path,
    log_settings: _core.LogSettings | None,
) -> Sweep:
    """The table with one run more."""
    make_folder(folder, "outdir")
    logs = _copied(log_settings)
    logs.log_output.outdir = str(folder)
    asked = _asked(table, number, repeat)
    result = StartTestWithLogSettings(sut, qsl, asked, logs, audit_config_filename="")
    # A system that called AbortTest is at its end, and another run might wait for ever.
    if result.aborted:
        raise RuntimeError(
            f"the run with {table.parameter} = {number} was aborted, and with it the sweep; "
            "find out why AbortTest was called"
        )
    goodput_share, caution = _goodput(result, asked)
    point = SweepPoint(
        value=number,
        repeat=repeat,
        valid=result.valid,
        reasons=tuple(result.reasons),
        logs=str(folder),
        cautions=(*result.cautions, *filter(None, [caution])),
        goodput_share=goodput_share,
        **_metrics(result),
    )
    return replace(table, sut_name=result.sut_name, points=(*table.points, point))


# ---- What it measured ----------------------------------------------------------------------------


def _metrics(result: _core.TestResult) -> dict[str, Any]:
    """The fields of SweepMetrics, but for the goodput."""
    performance = result.performance
    tokens = performance.tokens if performance else None
    latency = (performance.query_latency or performance.sample_latency) if performance else None
    lateness = performance.lateness if performance and performance.lateness.count > 0 else None
    return {
        "query_count": performance.query_count if performance else 0,
        "sample_count": performance.sample_count if performance else 0,
        "failed_share": _failed_share(performance),
        "lateness_p50_ns": lateness.p50_ns if lateness else None,
        "lateness_p99_ns": lateness.p99_ns if lateness else None,
        **_rates(performance, result.scenario),
        **_percentiles("latency", latency),
        **_percentiles("ttft", tokens.first_token if tokens else None),
        **_percentiles("tpot", tokens.time_per_token if tokens else None),
        **_percentiles("itl", tokens.inter_token if tokens else None),
        **_streams(tokens),
    }


def _streams(tokens: _core.TokenMetrics | None) -> dict[str, float | None]:
    """What only systems give that say when their tokens came."""
    streamed = tokens if tokens is not None and tokens.event_count > 0 else None
    lag = streamed.client_lag if streamed and streamed.client_lag.count > 0 else None
    return {
        "achieved_total_tokens_per_second": streamed.total_tokens_per_second if streamed else None,
        "tokens_per_event": streamed.tokens_per_event if streamed else None,
        "client_lag_p99_ns": lag.percentiles_ns[0.99] if lag else None,
    }


def _failed_share(performance: _core.PerformanceResult | None) -> float | None:
    if performance is None:
        return None
    failed = performance.failed_sample_count
    ended = performance.sample_count + failed
    return failed / ended if ended else None


def _percentiles(kind: str, stats: _core.LatencyStats | None) -> dict[str, int | None]:
    known = stats if stats is not None and stats.count > 0 else None
    found = {
        f"{kind}_{name}_ns": known.percentiles_ns[percentile] if known else None
        for name, percentile in PERCENTILES.items()
    }
    return found | {f"{kind}_target_ns": known.target_percentile_ns if known else None}


def _rates(
    performance: _core.PerformanceResult | None, scenario: _core.TestScenario
) -> dict[str, float | None]:
    offered = queries = samples = math.nan  # Of nothing measured.
    ended = performance.sample_count + performance.failed_sample_count if performance else 0
    if performance is not None and ended > 0:
        if scenario == _core.TestScenario.Server:
            offered = performance.scheduled_samples_per_second
            queries = samples = performance.completed_samples_per_second
        elif scenario == _core.TestScenario.SingleStream:
            queries = samples = performance.qps_with_overhead
        elif scenario == _core.TestScenario.Offline:
            samples = performance.samples_per_second
            queries = samples / ended
        elif performance.final_query_issued_s > 0:
            issued = (performance.query_count - 1) / performance.final_query_issued_s
            answered = performance.query_latency.count if performance.query_latency else 0
            queries = issued * answered / performance.query_count
            samples = issued * performance.sample_count / performance.query_count
    rates = {
        "offered_queries_per_second": offered,
        "achieved_queries_per_second": queries,
        "achieved_samples_per_second": samples,
    }
    tokens = performance.tokens_per_second if performance is not None else None
    rates["achieved_tokens_per_second"] = math.nan if tokens is None else tokens
    return {name: rate if math.isfinite(rate) else None for name, rate in rates.items()}


def _goodput(result: _core.TestResult, settings: _core.TestSettings) -> tuple[float | None, str]:
    """The share of the queries that kept the bounds, and a caution if it should be known and is
    not."""
    tokens = result.performance.tokens if result.performance is not None else None
    if tokens is not None:
        return tokens.goodput_share, ""
    if result.scenario != _core.TestScenario.Server or not result.logs.samples:
        return None, ""
    rows, left_out, _ = open_samples(result.logs.samples)
    if left_out:  # The first rows say nothing of the others.
        return None, (
            f"The goodput is not known: the sample log had no room for "
            f"{counted(left_out, 'sample')}; raise LogSettings.max_sample_log_mb or "
            "max_free_space_share."
        )
    rows = rows[rows["phase"] == PERFORMANCE_PHASE]
    return (_good_share(rows, settings) if len(rows) > 0 else None), ""


def _good_share(rows: npt.NDArray[np.void], settings: _core.TestSettings) -> float:
    """A query of Server is one sample, and its row says whether it kept the bound. A sample that
    failed or was never completed did not."""
    latency_ns = rows["completed_ns"] - rows["scheduled_ns"]
    good = (answered_ns_of(rows) >= 0) & (latency_ns <= settings.server_target_latency_ns)
    return float(np.mean(good))
