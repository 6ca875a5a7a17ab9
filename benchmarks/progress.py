"""What `show_progress` costs: pairs of runs with it and without it, in turn.

    python progress.py [--pairs N] [--seconds S] [--only REGEX]

The system answers in the callback, so that what remains is the generator and the callback itself.
The panel goes to a pseudo-terminal that `cat` empties. In every second pair the run with the panel
comes first. Shown are the medians of both, and of the differences inside the pairs the median and
the middle half; a median far inside the middle half cannot be distinguished from noise.
The CPU time is that of the whole process and test, thread of the panel and logs included: it is the
number to look at where other processes want the CPUs as well.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mlperf_loadgen as lg

LIBRARY_SIZE = 1024
Numbers = dict[str, float]


@dataclass(frozen=True)
class Case:
    """A kind of run, and the numbers it is judged by: what they are, and their unit."""

    name: str
    settings: dict[str, float]
    metrics: dict[str, str]

    def run(self, seconds: float) -> Numbers:
        """A test of so many seconds."""
        settings = lg.TestSettings(
            scenario=lg.TestScenario.__members__[self.name.split()[0]],
            mode=lg.TestMode.PerformanceOnly,
            min_duration_ms=int(1000 * seconds),
            min_query_count=1,
        )
        for name, value in self.settings.items():
            setattr(settings, name, value)
        respond, complete = lg.QuerySampleResponse, lg.QuerySamplesComplete
        sut = lg.ConstructSUT(
            lambda samples: complete([respond(s.id, 0, 0) for s in samples]), lambda: None
        )
        qsl = lg.ConstructQSL(LIBRARY_SIZE, LIBRARY_SIZE, lambda _: None, lambda _: None)
        with tempfile.TemporaryDirectory() as outdir:
            logs = lg.LogSettings()
            logs.log_output.outdir = outdir
            cpu_start_s = time.process_time()
            result = lg.StartTestWithLogSettings(sut, qsl, settings, logs).performance
            cpu_s = time.process_time() - cpu_start_s
        lg.DestroyQSL(qsl)
        lg.DestroySUT(sut)
        if result is None:
            raise RuntimeError(f"{self.name}: no query was issued")
        return {
            "throughput": result.qps_with_overhead,
            "CPU a query": cpu_s / result.query_count * 1e9,
            "median lateness": result.lateness.p50_ns / 1e3,
            "p99 lateness": result.lateness.p99_ns / 1e3,
            "p99.9 lateness": result.lateness.p999_ns / 1e3,
        }


LATENESS = {"median lateness": "us", "p99 lateness": "us", "p99.9 lateness": "us"}
CASES = (
    Case("SingleStream", {}, {"throughput": "1/s", "CPU a query": "ns"}),
    Case("Server 1k/s", {"server_target_qps": 1_000}, LATENESS),
    Case("Server 20k/s", {"server_target_qps": 20_000}, LATENESS),
)


@contextlib.contextmanager
def panel() -> Iterator[None]:
    """`show_progress` on a terminal that is read."""
    main, terminal = os.openpty()
    with (
        subprocess.Popen(["cat"], stdin=main, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
        os.fdopen(terminal, "w") as stream,
    ):
        os.close(main)
        with lg.show_progress(stream=stream):
            yield


def measure(case: Case, pairs: int, seconds: float) -> tuple[list[Numbers], list[Numbers]]:
    """The numbers without and with the panel."""
    case.run(min(seconds, 0.5))  # What is done once in a process.
    without: list[Numbers] = []
    shown: list[Numbers] = []
    for pair in range(pairs):
        for with_panel in (False, True) if pair % 2 == 0 else (True, False):
            if with_panel:
                with panel():
                    shown.append(case.run(seconds))
            else:
                without.append(case.run(seconds))
    return without, shown


def row(what: str, unit: str, without: Sequence[float], shown: Sequence[float]) -> str:
    """A line of the table."""
    differences = [b - a for a, b in zip(without, shown, strict=True)]
    low, middle, high = statistics.quantiles(differences, n=4)
    return (
        f"| {what}, {unit} | {statistics.median(without):.4g} | {statistics.median(shown):.4g} "
        f"| {middle:+.3g} ({low:+.3g}..{high:+.3g}) |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=10, help="of runs; 2 or more")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--only", default="", help="regular expression of cases")
    asked = parser.parse_args(arguments)
    if asked.pairs < 2:
        parser.error(f"--pairs is {asked.pairs}; it must be 2 or more")
    print("| what | without | with | difference (middle half) |\n|---|---|---|---|", flush=True)
    for case in CASES:
        if not re.search(asked.only, case.name):
            continue
        without, shown = measure(case, asked.pairs, asked.seconds)
        for metric, unit in case.metrics.items():
            values = [[numbers[metric] for numbers in side] for side in (without, shown)]
            print(row(f"{case.name}, {metric}", unit, *values), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
