"""Goal: every benchmark runs and gives numbers, so that it is there when it is needed.

Method: each workload in a process of its own, as small as it can be; the tables on numbers made up
here. Nothing is asserted on speed.
"""

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
BENCHMARKS = ROOT / "benchmarks"
LIMIT_S = 60

RECORDS = {"records": 20, "record_bytes": 64}
SERVER = {"qps": 1000, "duration_ms": 20}
TINY: dict[str, dict[str, int]] = {
    "single_stream": {"queries": 50, "trace": 1},
    "multi_stream": {"queries": 20, "samples_per_query": 8},
    "tokens": {"queries": 50},
    "memory": {"queries": 1000},
    "offline": {"samples": 1000},
    "offline_ids": {"samples": 1000},
    "server": SERVER,
    "server_sleep": SERVER,
    "highest_rate": {"start_qps": 1000, "duration_ms": 20, "attempts": 1, "bisections": 1},
    "latency_truth": SERVER,
    "accuracy_log": RECORDS,
    "read_json": RECORDS,
    "read_arrays": RECORDS,
    "one_query": {"tests": 3},
    "timed_run": {"duration_ms": 20},
    "import_time": {},
}
"""The smallest arguments of each workload."""


@pytest.fixture(scope="module")
def experiments() -> ModuleType:
    return import_benchmark("experiments")


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    return import_benchmark("compare")


def import_benchmark(name: str) -> ModuleType:
    """One of the files of benchmarks/, which import one another as scripts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module(name)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S
    )


@pytest.mark.parametrize("name", TINY)
def test_workload(name: str, experiments: ModuleType) -> None:
    numbers = experiments.measure(sys.executable, name, TINY[name])
    assert numbers
    assert all(math.isfinite(value) for value in numbers.values()), numbers
    for experiment in experiments.EXPERIMENTS:
        if name in (experiment.workload, experiment.reference_workload):
            assert {metric.key for metric in experiment.metrics} <= set(numbers)


def test_every_workload_is_run(tmp_path: Path) -> None:
    usage = run(str(BENCHMARKS / "workloads.py"), "no_such", cwd=tmp_path)
    assert usage.returncode == 2
    names = usage.stderr.rsplit("NAME is one of: ", 1)[1].strip().split(", ")
    assert sorted(names) == sorted(TINY)


def test_failing_workload_is_named(experiments: ModuleType) -> None:
    with pytest.raises(experiments.MeasurementError, match=r"(?s)single_stream.*no_such_argument"):
        experiments.measure(sys.executable, "single_stream", {"no_such_argument": 1})


def test_schedule_is_the_generators(tmp_path: Path) -> None:
    """Lateness is only as right as the schedule it is taken from."""
    program = """
        import json, sys
        sys.path.insert(0, sys.argv[1])
        import itertools, workloads
        print(json.dumps(list(itertools.islice(workloads.arrivals_ns(float(sys.argv[2]),
                                                                     int(sys.argv[3])), 16))))
    """
    source = "\n".join(line.strip() for line in program.strip().splitlines())
    golden = json.loads((ROOT / "tests" / "golden" / "traffic.json").read_text())
    case = next(c for c in golden if len(c["traffic"]["sched_first"]) == 16)
    conf = case["case"]["conf"]
    done = run(
        *("-c", source, str(BENCHMARKS)),
        *(str(conf["server_target_qps"]), str(conf["schedule_rng_seed"])),
        cwd=tmp_path,
    )
    assert json.loads(done.stdout) == case["traffic"]["sched_first"], done.stderr


@pytest.mark.parametrize("limit", [1.0, 10.0, 99.0, 100.0, 101.0, 5000.0])
def test_search_for_the_highest_rate(limit: float) -> None:
    found = import_benchmark("workloads").highest(lambda rate: rate <= limit, 100.0, 4)
    assert limit / 1.03 < found <= limit


def test_search_where_no_rate_is_kept() -> None:
    assert import_benchmark("workloads").highest(lambda rate: False, 100.0, 4) == 0


def test_gain_is_above_one_where_ours_is_better(experiments: ModuleType) -> None:
    rate = experiments.Metric("rate", "r", "1/s", higher_is_better=True, gain_at_least=6)
    time = experiments.Metric("time", "t", "s", gain_at_least=6)
    limit = experiments.Metric("late", "l", "us", at_most=3)
    assert rate.gain(10.0, 60.0) == time.gain(60.0, 10.0) == 6
    assert limit.gain(0.0, 1.0) is None
    assert rate.met(6.0, 60.0)
    assert not rate.met(5.9, 59.0)
    assert not rate.met(None, 0.0)
    assert limit.met(None, 3.0)
    assert not limit.met(100.0, 3.1)


def test_row_of_the_comparison(compare: ModuleType, experiments: ModuleType) -> None:
    metric = experiments.Metric("time", "t", "s", gain_at_least=3)
    pairs = [
        compare.Pair({"t": 10.0}, {"t": ours}, cores)
        for ours, cores in ((5.0, 0.0), (2.0, 0.1), (2.5, 0.2))
    ]
    row = "| time, s | 10 (10..10) | 2.5 (2..5) | 4 (2..5) | 3x, met | 0.1 (0..0.2) |"
    assert compare.metric_row(metric, pairs) == row


def test_quiet_pairs_are_preferred(compare: ModuleType) -> None:
    loads = iter([1.0, 0.0, 0.9, 0.1, 0.2, 0.3])
    pairs = compare.run_pairs(lambda: compare.Pair({}, {}, next(loads)), 3)
    assert [pair.foreign_cores for pair in pairs] == [0.0, 0.1, 0.2]
    assert next(loads) == 0.3


@pytest.mark.parametrize("op", ["read", "write"])
def test_table_of_transfers(op: str, tmp_path: Path) -> None:
    done = run(
        *(str(BENCHMARKS / "transfer.py"), "--op", op, "--engines", "copy,socket,shm,tcp"),
        *("--sizes", "2K,64K", "--shapes", "1x1,8x2", "--budget-s", "0.01"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines()[3:]]
    shapes = [[cell.strip() for cell in row[:5]] for row in rows]
    assert len(shapes) == 4 * 4
    assert shapes[0] == ["copy", "-", "2,048", "1", "1"]
    assert shapes[-1] == ["tcp", "on hardware", "65,536", "8", "2"]
    assert all(float(row[5]) > 0 and float(row[7].replace(",", "")) > 0 for row in rows)


def test_table_of_endpoints(tmp_path: Path) -> None:
    done = run(
        *(str(BENCHMARKS / "llm.py"), "--streams", "2", "--only", "beside", "saturated"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    ours, aiohttp, title, *saturated = done.stdout.splitlines()
    assert title == "saturated:"
    for line, name in zip((ours, aiohttp, *saturated), ("ours", "aiohttp") * 2, strict=True):
        assert line.split()[:2] == ["2", name]
        assert "2/2 answers, 2 open" in line


def test_comparison_from_end_to_end(tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    done = run(
        *(str(BENCHMARKS / "compare.py"), "--reference", sys.executable),
        *("--pairs", "1", "--only", "^one_query$", "--markdown", str(table)),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    lines = table.read_text().splitlines()
    assert done.stdout.splitlines() == lines
    assert lines[-1].startswith("| test of one query, ms |")
    assert lines[-1].count("|") == lines[-2].count("|") == 7
