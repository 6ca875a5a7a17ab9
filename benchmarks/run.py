"""The speed of the load generator on this machine, beside what the machine can do at best.

    python run.py [--repeats 3] [--only REGEX]

Builds the C++ programs in build/bench, measures them and the package that this interpreter
imports, and prints one Markdown table. `make bench` does it all; README.md has the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from compare import spread
from experiments import EXPERIMENTS, MeasurementError, Metric, Numbers, measure_ours

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
PROGRAMS = BUILD / "benchmarks"

LATENESS = (Metric("median lateness", "late_p50_us", "us"), Metric("p99", "late_p99_us", "us"))
CLOSED_LOOP = (
    Metric("time a query", "ns_per_query", "ns"),
    Metric("memory a sample", "bytes_per_sample", "B"),
)
NULL_SUT_RUNS: tuple[tuple[str, tuple[str, ...], tuple[Metric, ...]], ...] = (
    ("SingleStream", ("ss", "1000000"), CLOSED_LOOP),
    ("MultiStream, 8 samples a query", ("ms", "200000"), CLOSED_LOOP),
    (
        "Offline 5M",
        ("off", "5000000"),
        (
            Metric("completing a sample", "complete_ns_per_sample", "ns"),
            Metric("whole run, a sample", "whole_run_ns_per_sample", "ns"),
        ),
    ),
    ("Server 1k/s", ("srv", "1000", "2"), LATENESS),
    ("Server 10k/s", ("srv", "10000", "2"), LATENESS),
    ("Server 100k/s", ("srv", "100000", "2"), LATENESS),
    ("Server 1M/s", ("srv", "1000000", "1"), LATENESS),
)
"""What it is, the arguments of null_sut, and the numbers read from its line."""


def build() -> None:
    """Builds the C++ programs as a release; raises CalledProcessError if that fails."""
    configure = ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-DCMAKE_BUILD_TYPE=Release"]
    configure.append("-DLOADGEN_BUILD_BENCHMARKS=ON")
    compile_ = ["cmake", "--build", str(BUILD), "-j", str(os.cpu_count() or 1)]
    compile_ += ["--target", "null_sut", "limits"]
    for command in (configure, compile_):
        subprocess.run(command, check=True, stdout=sys.stderr)


def output_of(program: str, *arguments: str) -> str:
    """What one of the C++ programs prints."""
    command = [str(PROGRAMS / program), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def null_sut(arguments: Sequence[str]) -> Numbers:
    """One run of null_sut."""
    numbers: Numbers = json.loads(output_of("null_sut", *arguments))
    return numbers


def rows(
    layer: str, prefix: str, metrics: Sequence[Metric], run: Callable[[], Numbers], repeats: int
) -> list[str]:
    """The table's lines of one measurement, repeated."""
    results = [run() for _ in range(repeats)]
    lines = []
    for metric in metrics:
        values = [result[metric.key] for result in results]
        goal = metric.goal() if metric.at_most is not None else ""
        if goal and not metric.met(None, statistics.median(values)):
            goal += " (**missed**)"
        what = f"{prefix}{metric.what}"
        lines.append(f"| {layer} | {what} | {spread(values)} {metric.unit} | {goal} |")
    return lines


def cpp_rows(only: str, repeats: int) -> Iterator[str]:
    """The C++ null system."""
    for title, arguments, metrics in NULL_SUT_RUNS:
        if re.search(only, f"cpp_{arguments[0]}"):
            yield from rows("C++", f"{title}, ", metrics, partial(null_sut, arguments), repeats)


def python_rows(only: str, repeats: int) -> Iterator[str]:
    """The Python package."""
    for experiment in EXPERIMENTS:
        if re.search(only, experiment.name):
            run = partial(measure_ours, experiment)
            yield from rows("Python", "", experiment.metrics, run, repeats)


def limit_rows(only: str) -> Iterator[str]:
    """The machine; its table without the two lines of its head."""
    if re.search(only, "limits"):
        for line in output_of("limits", str(BUILD)).splitlines()[2:]:
            yield f"| machine {line} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each measurement")
    parser.add_argument(
        "--only", default="", help="regular expression of names: cpp_ss, single_stream, limits ..."
    )
    asked = parser.parse_args(arguments)
    if asked.repeats < 1:
        parser.error(f"--repeats is {asked.repeats}; it must be 1 or more")
    build()
    print("| layer | what | median (min..max) | goal |\n|---|---|---|---|", flush=True)
    sections = (cpp_rows(asked.only, asked.repeats), python_rows(asked.only, asked.repeats))
    try:
        for line in chain(*sections, limit_rows(asked.only)):
            print(line, flush=True)
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
