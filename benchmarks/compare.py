"""The reference and this package side by side.

    python compare.py --reference PYTHON [--ours PYTHON] [--pairs N] [--only REGEX]
                      [--markdown FILE]

Each measurement is a process of its own. They run in pairs, reference then ours, and a ratio is
taken inside each pair, so that a machine that slows down slows both. README.md has the rest.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments import (
    EXPERIMENTS,
    Experiment,
    MeasurementError,
    Metric,
    Numbers,
    measure_ours,
    measure_reference,
)

QUIET_CORES = 0.25
"""Foreign load up to which a pair counts as quiet."""


@dataclass(frozen=True)
class Pair:
    """One run of each, and the cores that other processes kept busy meanwhile."""

    reference: Numbers
    ours: Numbers
    foreign_cores: float


def machine_busy_s() -> float:
    """CPU time of all processes since the machine started, and what its host took from it."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def own_busy_s() -> float:
    """CPU time of the processes that this one started, and its own."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime + time.process_time()


def with_foreign_cores(work: Callable[[], tuple[Numbers, Numbers]]) -> Pair:
    """Runs `work` and returns how busy others were."""
    start_s, foreign_s = time.monotonic(), machine_busy_s() - own_busy_s()
    reference, ours = work()
    foreign_s = machine_busy_s() - own_busy_s() - foreign_s
    return Pair(reference, ours, max(foreign_s / (time.monotonic() - start_s), 0.0))


def run_pairs(run_pair: Callable[[], Pair], wanted: int) -> list[Pair]:
    """The quietest pairs; up to half as many more are run until enough of them are quiet.

    What decides is the load of others alone, never a result.
    """
    pairs: list[Pair] = []
    for _ in range(wanted + (wanted + 1) // 2):
        pairs.append(run_pair())
        if sum(pair.foreign_cores < QUIET_CORES for pair in pairs) >= wanted:
            break
    return sorted(pairs, key=lambda pair: pair.foreign_cores)[:wanted]


def number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """The median and the range."""
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))}..{number(max(values))})"


def metric_row(metric: Metric, pairs: Sequence[Pair]) -> str:
    """One line of the table."""
    references = [pair.reference[metric.key] for pair in pairs]
    ours = [pair.ours[metric.key] for pair in pairs]
    gains = [metric.gain(a, b) for a, b in zip(references, ours, strict=True)]
    ratios = [gain for gain in gains if gain is not None]
    ratio = spread(ratios) if len(ratios) == len(gains) else "-"
    median_gain = statistics.median(ratios) if ratio != "-" else None
    goal = metric.goal()
    if goal:
        goal += ", met" if metric.met(median_gain, statistics.median(ours)) else ", **missed**"
    foreign = spread([pair.foreign_cores for pair in pairs])
    cells = (
        f"{metric.what}, {metric.unit}",
        spread(references),
        spread(ours),
        ratio,
        goal,
        foreign,
    )
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| what | reference | ours | ratio (min..max) | goal | foreign cores |",
    "|---|---:|---:|---:|---|---:|",
)


def experiment_rows(
    experiment: Experiment, reference: str, ours: str, wanted: int
) -> tuple[list[str], bool]:
    """The lines of an experiment, and whether it could be measured."""

    def one_of_each() -> tuple[Numbers, Numbers]:
        return measure_reference(experiment, reference, ours), measure_ours(experiment, ours)

    try:
        pairs = run_pairs(lambda: with_foreign_cores(one_of_each), wanted)
    except MeasurementError as error:
        print(f"{experiment.name}: {error}", file=sys.stderr)
        return [f"| {experiment.name} | not measured | | | | |"], False
    return [metric_row(metric, pairs) for metric in experiment.metrics], True


def heading(pairs: int) -> str:
    """What the table was measured on."""
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, "
        f"{platform.platform()}; median (min..max) of {pairs} pairs; a ratio above 1 means that "
        "ours is better."
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--reference", required=True, help="Python that imports the reference")
    parser.add_argument("--ours", default=sys.executable, help="Python that imports this package")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each")
    parser.add_argument("--only", default="", help="regular expression of experiments' names")
    parser.add_argument("--markdown", type=Path, help="file to write the table to as well")
    parsed = parser.parse_args(arguments)
    if parsed.pairs < 1:
        parser.error(f"--pairs is {parsed.pairs}; it must be 1 or more")
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 if anything could not be measured."""
    asked = parse(arguments)
    chosen = [e for e in EXPERIMENTS if re.search(asked.only, e.name)]
    if not chosen:
        names = ", ".join(e.name for e in EXPERIMENTS)
        print(f"--only {asked.only!r} matches none of: {names}", file=sys.stderr)
        return 2
    lines = [heading(asked.pairs), "", *HEADER]
    print("\n".join(lines), flush=True)
    all_measured = True
    for experiment in chosen:
        rows, measured = experiment_rows(experiment, asked.reference, asked.ours, asked.pairs)
        all_measured = all_measured and measured
        lines += rows
        print("\n".join(rows), flush=True)
    if asked.markdown:
        asked.markdown.write_text("\n".join(lines) + "\n")
    return 0 if all_measured else 1


if __name__ == "__main__":
    sys.exit(main())
