"""What is measured, with which sizes, and what it should come to.

An experiment is one workload (workloads.py) and the numbers taken from each of its runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WORKLOADS_FILE = Path(__file__).with_name("workloads.py")
TIME_LIMIT_S = 600

Numbers = dict[str, float]


class MeasurementError(Exception):
    """A workload failed; says which, under which Python, and what it printed."""


@dataclass(frozen=True)
class Metric:
    """One number of a workload's result; lower is better unless it says that higher is."""

    what: str
    key: str
    unit: str
    higher_is_better: bool = False
    gain_at_least: float | None = None
    """Goal: so many times better than the reference."""
    at_most: float | None = None
    """Goal: a value, whatever the reference has."""

    def gain(self, reference: float, ours: float) -> float | None:
        """How many times better ours is; None where the numbers have no ratio."""
        if reference <= 0 or ours <= 0:
            return None
        return ours / reference if self.higher_is_better else reference / ours

    def goal(self) -> str:
        """The goal in words; empty if there is none."""
        if self.gain_at_least is not None:
            return f"{self.gain_at_least:g}x"
        if self.at_most is not None:
            return f"at most {self.at_most:g} {self.unit}"
        return ""

    def met(self, gain: float | None, ours: float) -> bool:
        """Whether the goal is kept; without a goal it is."""
        if self.gain_at_least is not None:
            return gain is not None and gain >= self.gain_at_least
        return self.at_most is None or ours <= self.at_most


@dataclass(frozen=True)
class Experiment:
    """A workload with its sizes, and what is read from its result."""

    name: str
    workload: str
    arguments: Mapping[str, int]
    metrics: tuple[Metric, ...]
    reference_workload: str | None = None
    """The reference's nearest way to the same end; None: the same workload."""
    against_own_python: bool = False
    """What is compared with is no part of the reference, and runs where this package is."""


def rate(what: str, gain_at_least: float, key: str = "queries_per_s") -> Metric:
    """A rate of queries, compared with the reference's."""
    return Metric(what, key, "queries/s", higher_is_better=True, gain_at_least=gain_at_least)


def offline(name: str, samples: int, whole_run_gain: float | None) -> Experiment:
    """Offline with a list of responses."""
    size = f"{samples // 1_000_000}M"
    return Experiment(
        name,
        "offline",
        {"samples": samples},
        (
            Metric(f"Offline {size}, whole run", "whole_run_s", "s", gain_at_least=whole_run_gain),
            Metric(
                f"Offline {size}, the generator's part a sample",
                "generator_ns_per_sample",
                "ns",
                gain_at_least=15,
            ),
            Metric(f"Offline {size}, peak memory", "peak_memory_mb", "MB", gain_at_least=3),
        ),
    )


def server(qps: int, *, sleep_pacing: bool = False) -> Experiment:
    """Lateness at one rate. Pacing by sleep alone trades lateness for CPU, and has no goal."""
    name = f"server_{qps // 1000}k" + ("_sleep" if sleep_pacing else "")
    title = f"Server {qps // 1000}k/s" + (", sleep pacing" if sleep_pacing else "")
    return Experiment(
        name,
        "server_sleep" if sleep_pacing else "server",
        {"qps": qps, "duration_ms": 2000},
        (
            Metric(
                f"{title}, median lateness",
                "late_p50_us",
                "us",
                at_most=None if sleep_pacing else 3,
            ),
            Metric(f"{title}, p99 lateness", "late_p99_us", "us"),
            Metric(f"{title}, CPU of the process", "cpu_percent", "%"),
        ),
        reference_workload="server" if sleep_pacing else None,
    )


def same_log(name: str, records: int) -> Experiment:
    """Reading an accuracy log, against what one does without `read_accuracy`."""
    return Experiment(
        name,
        "read_arrays",
        {"records": records, "record_bytes": 1024},
        (
            Metric(
                f"reading {records // 1000}k records of 1 KB (against json and bytes.fromhex)",
                "read_s",
                "s",
                gain_at_least=10,
            ),
        ),
        reference_workload="read_json",
        against_own_python=True,
    )


EXPERIMENTS = (
    Experiment(
        "single_stream", "single_stream", {"queries": 300_000}, (rate("SingleStream null SUT", 6),)
    ),
    Experiment(
        "multi_stream",
        "multi_stream",
        {"queries": 100_000, "samples_per_query": 8},
        (rate("MultiStream null SUT, 8 samples a query", 8),),
    ),
    Experiment("tokens", "tokens", {"queries": 200_000}, (rate("token mode null SUT", 6),)),
    Experiment(
        "trace",
        "single_stream",
        {"queries": 100_000, "trace": 1},
        (rate("SingleStream with the trace, whole run", 5, "whole_run_queries_per_s"),),
    ),
    offline("offline_1m", 1_000_000, whole_run_gain=6),
    offline("offline_5m", 5_000_000, whole_run_gain=None),
    Experiment(
        "offline_ids",
        "offline_ids",
        {"samples": 1_000_000},
        (
            Metric(
                "Offline 1M, complete(samples.ids), the generator's part a sample",
                "generator_ns_per_sample",
                "ns",
                gain_at_least=70,
            ),
            Metric("Offline 1M, complete(samples.ids), whole run", "whole_run_s", "s"),
        ),
        reference_workload="offline",
    ),
    server(1_000),
    server(10_000),
    server(50_000),
    server(100_000),
    server(10_000, sleep_pacing=True),
    Experiment(
        "highest_rate",
        "highest_rate",
        {"start_qps": 100_000, "duration_ms": 500, "attempts": 2},
        (rate("highest Server rate with p99 < 1 ms", 4),),
    ),
    Experiment(
        "latency_truth",
        "latency_truth",
        {"qps": 300, "duration_ms": 3000},
        (
            Metric("1 ms worker, error of reported p50", "error_p50_us", "us", at_most=15),
            Metric("1 ms worker, error of reported p90", "error_p90_us", "us", at_most=15),
        ),
    ),
    Experiment(
        "accuracy_log",
        "accuracy_log",
        {"records": 100_000, "record_bytes": 1024},
        (
            Metric(
                "accuracy log, 100k records of 1 KB, whole run", "whole_run_s", "s", gain_at_least=5
            ),
        ),
    ),
    same_log("read_accuracy", 100_000),
    Experiment(
        "memory",
        "memory",
        {"queries": 1_000_000},
        (Metric("memory a query", "bytes_per_query", "B", at_most=40),),
    ),
    Experiment(
        "one_query",
        "one_query",
        {"tests": 11},
        (Metric("test of one query", "next_ms", "ms", at_most=1),),
    ),
    Experiment(
        "timed_run",
        "timed_run",
        {"duration_ms": 2000},
        (Metric("time beyond a run's 2 s", "extra_s", "s", at_most=0.05),),
    ),
    Experiment(
        "import_time",
        "import_time",
        {},
        (Metric("import mlperf_loadgen", "import_ms", "ms", gain_at_least=1),),
    ),
)


def measure(python: str, workload: str, arguments: Mapping[str, int]) -> Numbers:
    """Runs a workload under an interpreter, in a directory that is deleted after it."""
    command = [python, str(WORKLOADS_FILE), workload]
    command += [f"{name}={value}" for name, value in arguments.items()]
    with tempfile.TemporaryDirectory(prefix="loadgen_benchmark_") as directory:
        try:
            done = subprocess.run(
                command,
                cwd=directory,
                env={**os.environ, "TMPDIR": directory},
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            raise MeasurementError(f"{command} took more than {TIME_LIMIT_S} s") from None
    if done.returncode != 0:
        last_lines = done.stderr.strip()[-500:]
        raise MeasurementError(f"{command} ended with {done.returncode}: {last_lines}")
    numbers: Numbers = json.loads(done.stdout.splitlines()[-1])
    return numbers


def measure_ours(experiment: Experiment, python: str = sys.executable) -> Numbers:
    """One run of an experiment with this package."""
    return measure(python, experiment.workload, experiment.arguments)


def measure_reference(experiment: Experiment, reference: str, ours: str) -> Numbers:
    """One run of what an experiment is compared with."""
    python = ours if experiment.against_own_python else reference
    return measure(
        python, experiment.reference_workload or experiment.workload, experiment.arguments
    )
