"""How often `compare` is right: real runs of the same system, and of one that is 5 % slower.

    python compare_power.py [--pairs N] [--slower SHARE] [--only REGEX] [--folder DIR]

A pair of equal runs and a pair with a slower system share their first run; the three are made one
after another in a changing order, each in a process of its own. A query's service time varies by
10 % (standard deviation, lognormal), drawn anew in each run. Two systems: `sleep` waits for a known
time, and `work` hashes so many bytes, so that it also feels what else the machine does. Every pair
counts; how busy others were is printed. On a machine that is shared, `chrt -f 10 python
compare_power.py` keeps others from the cores that a run needs. With --folder the logs are kept, and
runs that are there already are not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import queue
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compare import QUIET_CORES, machine_busy_s, own_busy_s

import mlperf_loadgen as lg
from mlperf_loadgen.comparison.compare import compare

SERVICE_S = 0.001
SPREAD = 0.1
SERVER_QPS = 300.0  # A third of what the system can do.
BUFFER = bytes(8 << 20)
ORDERS = (("a", "again", "b"), ("again", "b", "a"), ("b", "a", "again"))


@dataclass(frozen=True)
class Kind:
    """What one count is about."""

    system: str
    scenario: str
    seconds: float
    """Of each run."""


KINDS = (
    Kind("sleep", "SingleStream", 5.0),
    Kind("sleep", "Server", 8.0),
    Kind("work", "SingleStream", 5.0),
    Kind("work", "Server", 12.0),
)


def hashed_bytes_per_s() -> float:
    """How fast this machine hashes when nothing disturbs it."""
    best_s = float("inf")
    for _ in range(20):
        start_s = time.perf_counter()
        hashlib.sha256(memoryview(BUFFER)[: 1 << 20]).digest()
        best_s = min(best_s, time.perf_counter() - start_s)
    return (1 << 20) / best_s


def serve(system: str, bytes_per_s: float) -> Callable[[float], object]:
    """A function that is busy for some seconds."""
    if system == "sleep":
        return time.sleep
    return lambda busy_s: hashlib.sha256(memoryview(BUFFER)[: int(busy_s * bytes_per_s)]).digest()


class OneWorker(lg.SystemUnderTest):
    """One thread that answers queries one after another."""

    def __init__(self, busy: Callable[[float], object], slowdown: float) -> None:
        self._busy = busy
        self._mean_s = SERVICE_S * slowdown
        self._queries: queue.SimpleQueue[list[int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def issue_query(self, samples: lg.SampleBatch) -> None:
        self._queries.put(samples.ids.tolist())

    def _work(self) -> None:
        draw = random.Random()
        while (ids := self._queries.get()) is not None:
            self._busy(self._mean_s * draw.lognormvariate(-SPREAD * SPREAD / 2, SPREAD))
            lg.complete(ids)

    def close(self) -> None:
        self._queries.put(None)
        self._thread.join()


class NoData(lg.QuerySampleLibrary):
    """A library of a thousand samples that hold nothing."""

    total_sample_count = 1000
    performance_sample_count = 1000

    def load_samples(self, indices: list[int]) -> None:
        pass

    def unload_samples(self, indices: list[int]) -> None:
        pass


def make_run(
    folder: Path, scenario: str, system: str, bytes_per_s: float, slowdown: float, seconds: float
) -> None:
    """One test, with its logs in `folder`."""
    settings = lg.TestSettings(
        scenario=getattr(lg.TestScenario, scenario),
        min_duration_ms=int(1000 * seconds),
        server_target_qps=SERVER_QPS,
        warmup_query_count=50,
    )
    logs = lg.LogSettings()
    logs.log_output.outdir = str(folder)
    logs.enable_trace = False
    sut = OneWorker(serve(system, bytes_per_s), slowdown)
    try:
        lg.StartTestWithLogSettings(sut, NoData(), settings, logs, "")
    finally:
        sut.close()


def foreign_busy_s() -> float:
    """CPU time that other processes used since the machine started."""
    return machine_busy_s() - own_busy_s()


def runs_of(folder: Path, number: int, kind: Kind, options: argparse.Namespace) -> float:
    """The three runs of one number, as far as they are missing.

    Returns how many cores others used during the worst of them.
    """
    worst = 0.0
    for name in ORDERS[number % len(ORDERS)]:
        noted = folder / name / "foreign_cores.txt"
        if not noted.exists():
            noted.parent.mkdir(parents=True, exist_ok=True)
            slowdown = 1 + options.slower if name == "b" else 1.0
            given = (noted.parent, kind.scenario, kind.system, options.bytes_per_s, slowdown)
            arguments = [str(value) for value in (*given, kind.seconds)]
            start_s, foreign_s = time.monotonic(), foreign_busy_s()
            subprocess.run([sys.executable, __file__, "--one", *arguments], check=True)
            foreign_s = max(foreign_busy_s() - foreign_s, 0.0)
            noted.write_text(f"{foreign_s / (time.monotonic() - start_s):.3f}\n")
        worst = max(worst, float(noted.read_text()))
    return worst


def count(root: Path, kind: Kind, options: argparse.Namespace) -> str:
    """Makes the pairs of a kind, prints what `compare` says of each, and counts."""
    right: list[tuple[bool, bool]] = []  # Of equal systems, of the slower one.
    busy = 0
    for number in range(options.pairs):
        folder = root / kind.system / kind.scenario / str(number)
        foreign_cores = runs_of(folder, number, kind, options)
        same = compare(folder / "a", folder / "again")
        slower = compare(folder / "a", folder / "b")
        right.append((same.outcome == "no difference", slower.outcome == "slower"))
        busy += foreign_cores > QUIET_CORES
        print(f"{kind.scenario}, {kind.system}, {number}: others used {foreign_cores:.2f} cores")
        print(f"    same: {same.summary}\n    slower: {slower.summary}", flush=True)
    equal, found = (sum(column) for column in zip(*right, strict=True))
    return (
        f"{kind.scenario}, {kind.system}: no difference in {equal} of {options.pairs} equal pairs; "
        f"{options.slower:.0%} slower found in {found} of {options.pairs}; "
        f"others used more than {QUIET_CORES} cores during {busy}"
    )


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        folder, scenario, system, *numbers = sys.argv[2:]
        make_run(Path(folder), scenario, system, *map(float, numbers))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--slower", type=float, default=0.05)
    parser.add_argument("--only", default="", help="regular expression over e.g. Server/work")
    parser.add_argument("--folder", help="keeps the logs there")
    options = parser.parse_args()
    options.bytes_per_s = hashed_bytes_per_s()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(options.folder or temporary)
        kinds = [k for k in KINDS if re.search(options.only, f"{k.scenario}/{k.system}")]
        print("\n".join([count(root, kind, options) for kind in kinds]))


if __name__ == "__main__":
    main()
