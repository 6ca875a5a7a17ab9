"""One measurement of the `mlperf_loadgen` that this interpreter imports, in a process of its own.

    python workloads.py NAME [argument=number ...]

Prints one line of JSON, a flat object of numbers. Uses only what the reference has too, and only
the standard library, but for what this package alone offers (`offline_ids`, `server_sleep`,
`read_arrays`). README.md says what the numbers mean.
"""

from __future__ import annotations

import sys
import time

IMPORT_START_NS = time.perf_counter_ns()
import mlperf_loadgen as lg  # noqa: E402

IMPORT_MS = (time.perf_counter_ns() - IMPORT_START_NS) / 1e6

import ctypes  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import queue  # noqa: E402
import random  # noqa: E402
import re  # noqa: E402
import statistics  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
from array import array  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402

Numbers = dict[str, float]
Issue = Callable[["lg.SampleBatch"], None]

now_ns = time.perf_counter_ns
LIBRARY_SIZE = 1024
SLEEPING_WORKER_S = 0.001
KEPT_P99_NS = 1_000_000
SEARCH_STEP = math.sqrt(2)
SEARCH_STEPS_MAX = 16

WORKLOADS: dict[str, Callable[..., Numbers]] = {}


def workload(function: Callable[..., Numbers]) -> Callable[..., Numbers]:
    """Makes a function one of the measurements."""
    WORKLOADS[function.__name__] = function
    return function


# ---- Running a test ------------------------------------------------------------------------------


def settings_of(scenario: str, mode: str = "PerformanceOnly", **values: float) -> lg.TestSettings:
    """Settings of a test that lasts as long as its queries, by default."""
    settings = lg.TestSettings()
    settings.scenario = getattr(lg.TestScenario, scenario)
    settings.mode = getattr(lg.TestMode, mode)
    settings.min_duration_ms = 0
    for name, value in values.items():
        setattr(settings, name, value)
    return settings


@dataclass(frozen=True)
class FinishedTest:
    """When a test ran, what it took, and where its logs are."""

    start_ns: int
    end_ns: int
    cpu_s: float
    outdir: Path

    @property
    def summary(self) -> str:
        return (self.outdir / "mlperf_log_summary.txt").read_text(errors="replace")

    @property
    def accuracy_log(self) -> Path:
        return self.outdir / "mlperf_log_accuracy.json"

    @property
    def wall_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def valid(self) -> bool:
        return re.search(r"^Result is : VALID$", self.summary, re.MULTILINE) is not None

    def latency_ns(self, percentile: float) -> int:
        """The reported latency at a percentile."""
        line = rf"^{percentile:.2f} percentile latency \(ns\) *: (\d+)$"
        found = re.search(line, self.summary, re.MULTILINE)
        if found is None:
            raise ValueError(f"no {percentile:.2f} percentile latency in:\n{self.summary}")
        return int(found[1])


def nothing(*_: object) -> None:
    """A callback that is not needed."""


def run_test(
    settings: lg.TestSettings,
    issue: Issue,
    flush: Callable[[], None] = nothing,
    *,
    trace: bool = False,
    library_size: int = LIBRARY_SIZE,
) -> FinishedTest:
    """Runs a test through the functions that all versions share.

    Each in a new directory: replacing the logs of an earlier test can take milliseconds.
    """
    outdir = tempfile.mkdtemp(dir=".")
    logs = lg.LogSettings()
    logs.enable_trace = trace
    logs.log_output.outdir = outdir
    logs.log_output.copy_summary_to_stdout = False
    sut = lg.ConstructSUT(issue, flush)
    qsl = lg.ConstructQSL(library_size, library_size, nothing, nothing)
    cpu_start_s = time.process_time()
    start_ns = now_ns()
    lg.StartTestWithLogSettings(sut, qsl, settings, logs)
    end_ns = now_ns()
    cpu_s = time.process_time() - cpu_start_s
    lg.DestroyQSL(qsl)
    lg.DestroySUT(sut)
    return FinishedTest(start_ns, end_ns, cpu_s, Path(outdir))


class NullSystem:
    """Completes each query inside the callback and does as little else as it can.

    It reads the clock at the first query and at the flush, which follows the last one at once.
    """

    def __init__(self) -> None:
        self.queries = 0
        self.first_ns = 0
        self.last_ns = 0
        self.issue, self.flush = self._callbacks()

    def _callbacks(self) -> tuple[Issue, Callable[[], None]]:
        respond, complete, clock = lg.QuerySampleResponse, lg.QuerySamplesComplete, now_ns
        queries = 0
        first_ns = 0

        def issue(samples: lg.SampleBatch) -> None:
            nonlocal queries, first_ns
            queries += 1
            if queries == 1:
                first_ns = clock()
            complete([respond(s.id, 0, 0) for s in samples])

        def flush() -> None:
            self.queries, self.first_ns, self.last_ns = queries, first_ns, clock()

        return issue, flush

    @property
    def loop_s(self) -> float:
        """From the first query to the end of the last."""
        return (self.last_ns - self.first_ns) / 1e9


def memory_kb(name: str) -> int:
    """A number of this process's memory: VmRSS is what it holds, VmHWM the most it ever held.

    (The peak that getrusage gives may be the parent's.)
    """
    line = re.search(rf"^{name}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if line is None:
        raise OSError(f"/proc/self/status has no {name}; memory is measured on Linux only")
    return int(line[1])


def at_quantile(values: Sequence[float], quantile: float) -> float:
    """Element floor(n * quantile) in ascending order, as the load generator reports it."""
    return sorted(values)[min(int(len(values) * quantile), len(values) - 1)]


# ---- Closed loops --------------------------------------------------------------------------------


@workload
def single_stream(queries: int, trace: int = 0) -> Numbers:
    """Queries of one sample, completed in the callback."""
    sut = NullSystem()
    settings = settings_of("SingleStream", min_query_count=queries)
    test = run_test(settings, sut.issue, sut.flush, trace=bool(trace))
    return {
        "queries_per_s": sut.queries / sut.loop_s,
        "whole_run_queries_per_s": sut.queries / test.wall_s,
        "latency_p50_ns": test.latency_ns(50),
    }


@workload
def multi_stream(queries: int, samples_per_query: int = 8) -> Numbers:
    """Queries of several samples, completed in the callback."""
    sut = NullSystem()
    settings = settings_of(
        "MultiStream",
        min_query_count=queries,
        multi_stream_samples_per_query=samples_per_query,
    )
    test = run_test(settings, sut.issue, sut.flush)
    return {
        "queries_per_s": sut.queries / sut.loop_s,
        "whole_run_queries_per_s": sut.queries / test.wall_s,
    }


@workload
def tokens(queries: int) -> Numbers:
    """Token mode: each query reports its first token and is then completed with 16."""
    respond, complete, first_token = (
        lg.QuerySampleResponse,
        lg.QuerySamplesComplete,
        lg.FirstTokenComplete,
    )
    answer = ctypes.create_string_buffer(64)
    address = ctypes.addressof(answer)
    times_ns = array("q", [0, 0])

    def issue(samples: lg.SampleBatch) -> None:
        if not times_ns[0]:
            times_ns[0] = now_ns()
        for s in samples:
            first_token([respond(s.id, address, 4)])
            complete([respond(s.id, address, 64, 16)])

    def flush() -> None:
        times_ns[1] = now_ns()

    settings = settings_of("SingleStream", min_query_count=queries)
    settings.use_token_latencies = True
    test = run_test(settings, issue, flush)
    return {
        "queries_per_s": queries / (times_ns[1] - times_ns[0]) * 1e9,
        "whole_run_queries_per_s": queries / test.wall_s,
    }


@workload
def memory(queries: int) -> Numbers:
    """Memory that a SingleStream run takes for each of its queries."""
    warm_up = NullSystem()
    run_test(settings_of("SingleStream", min_query_count=1), warm_up.issue, warm_up.flush)
    before_kb = memory_kb("VmRSS")
    sut = NullSystem()
    run_test(settings_of("SingleStream", min_query_count=queries), sut.issue, sut.flush)
    return {"bytes_per_query": (memory_kb("VmHWM") - before_kb) * 1024 / queries}


# ---- Offline -------------------------------------------------------------------------------------


def offline_settings(samples: int) -> lg.TestSettings:
    """One query of so many samples."""
    return settings_of("Offline", min_query_count=samples, offline_expected_qps=1.0)


def offline_numbers(test: FinishedTest, samples: int, sut_ns: int) -> Numbers:
    """The numbers of an Offline test whose system spent `sut_ns` of it on its own work."""
    return {
        "whole_run_s": test.wall_s,
        "generator_ns_per_sample": (test.wall_s * 1e9 - sut_ns) / samples,
        "peak_memory_mb": memory_kb("VmHWM") / 1024,
    }


@workload
def offline(samples: int) -> Numbers:
    """One query, answered with one list of responses."""
    respond = lg.QuerySampleResponse
    build_ns = 0

    def issue(query: lg.SampleBatch) -> None:
        nonlocal build_ns
        start_ns = now_ns()
        responses = [respond(s.id, 0, 0) for s in query]
        build_ns = now_ns() - start_ns
        lg.QuerySamplesComplete(responses)

    test = run_test(offline_settings(samples), issue)
    return offline_numbers(test, samples, build_ns)


@workload
def offline_ids(samples: int) -> Numbers:
    """One query, answered with its array of ids; this package only."""
    import numpy  # noqa: F401  (what `ids` is made with; a user of arrays has it imported)

    def issue(query: lg.SampleBatch) -> None:
        lg.complete(query.ids)

    test = run_test(offline_settings(samples), issue)
    return offline_numbers(test, samples, 0)


# ---- Server --------------------------------------------------------------------------------------


def mersenne_twister(seed: int) -> Callable[[], int]:
    """32-bit draws of MT19937 seeded as in C++ (Python's own seeding differs)."""
    state = [seed & 0xFFFFFFFF]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) & 0xFFFFFFFF)
    engine = random.Random()
    engine.setstate((3, (*state, 624), None))
    return lambda: engine.getrandbits(32)


def arrivals_ns(qps: float, seed: int = 0) -> Iterator[int]:
    """The Server schedule: times after the first query, with exponential gaps in whole ns."""
    draw = mersenne_twister(seed)
    below_one = math.nextafter(1.0, 0.0)
    due_ns = 0
    while True:
        yield due_ns
        low = draw()
        uniform = min((low + draw() * 2.0**32) / 2.0**64, below_one)
        due_ns += int(-math.log(1.0 - uniform) / qps * 1e9)


def lateness_us(issued_ns: Sequence[int], qps: float) -> list[float]:
    """How late each query was, against the one that was best on time."""
    offsets_ns = [issued - due for issued, due in zip(issued_ns, arrivals_ns(qps), strict=False)]
    best_ns = min(offsets_ns)
    return [(offset - best_ns) / 1e3 for offset in offsets_ns]


def server_settings(qps: float, duration_ms: int) -> lg.TestSettings:
    settings = settings_of("Server", min_duration_ms=duration_ms, min_query_count=1)
    settings.server_target_qps = float(qps)
    settings.server_target_latency_ns = KEPT_P99_NS
    settings.schedule_rng_seed = 0
    return settings


def server_numbers(settings: lg.TestSettings, qps: float) -> Numbers:
    """Lateness of a Server test against the schedule that its seed gives, and what it cost."""
    respond, complete = lg.QuerySampleResponse, lg.QuerySamplesComplete
    issued_ns = array("q")
    note = issued_ns.append

    def issue(samples: lg.SampleBatch) -> None:
        note(now_ns())
        complete([respond(s.id, 0, 0) for s in samples])

    test = run_test(settings, issue)
    late_us = lateness_us(issued_ns, qps)
    return {
        "late_p50_us": at_quantile(late_us, 0.5),
        "late_p99_us": at_quantile(late_us, 0.99),
        "latency_p50_us": test.latency_ns(50) / 1e3,
        "cpu_percent": 100 * test.cpu_s / test.wall_s,
    }


@workload
def server(qps: int, duration_ms: int) -> Numbers:
    """Queries at random times, completed in the callback."""
    return server_numbers(server_settings(qps, duration_ms), qps)


@workload
def server_sleep(qps: int, duration_ms: int) -> Numbers:
    """The same, waiting by sleep alone; this package only."""
    settings = server_settings(qps, duration_ms)
    settings.server_pacing = lg.Pacing.Sleep
    return server_numbers(settings, qps)


def highest(kept: Callable[[float], bool], start: float, bisections: int) -> float:
    """The highest rate that is kept, within a bracket of one search step; 0: none is."""
    low = start
    for _ in range(SEARCH_STEPS_MAX):
        if kept(low):
            break
        low /= SEARCH_STEP
    else:
        return 0.0
    if low == start:
        for _ in range(SEARCH_STEPS_MAX):
            if not kept(low * SEARCH_STEP):
                break
            low *= SEARCH_STEP
    high = low * SEARCH_STEP
    for _ in range(bisections):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if kept(middle) else (low, middle)
    return low


@workload
def highest_rate(start_qps: int, duration_ms: int, attempts: int, bisections: int = 4) -> Numbers:
    """The highest Server rate whose 99th percentile latency stays under a millisecond."""
    sut = NullSystem()

    def kept(qps: float) -> bool:
        # One attempt may fail because of the machine.
        return any(
            run_test(server_settings(qps, duration_ms), sut.issue).valid for _ in range(attempts)
        )

    return {"queries_per_s": highest(kept, start_qps, bisections)}


@workload
def latency_truth(qps: int, duration_ms: int) -> Numbers:
    """Reported latencies against those that a worker of 1 ms a query saw itself."""
    respond, complete = lg.QuerySampleResponse, lg.QuerySamplesComplete
    waiting: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
    true_ns = array("q")

    def work() -> None:
        while (item := waiting.get()) is not None:
            issued_ns, sample_id = item
            time.sleep(SLEEPING_WORKER_S)
            true_ns.append(now_ns() - issued_ns)
            complete([respond(sample_id, 0, 0)])

    def issue(samples: lg.SampleBatch) -> None:
        issued_ns = now_ns()
        for s in samples:
            waiting.put((issued_ns, s.id))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        test = run_test(server_settings(qps, duration_ms), issue)
    finally:
        waiting.put(None)
        worker.join()
    return {
        f"error_p{percentile}_us": abs(
            test.latency_ns(percentile) - at_quantile(true_ns, percentile / 100)
        )
        / 1e3
        for percentile in (50, 90)
    }


# ---- Logs ----------------------------------------------------------------------------------------


def write_accuracy_log(records: int, record_bytes: int) -> FinishedTest:
    """An accuracy run whose every answer has so many bytes, floats from 0 on."""
    floats = record_bytes // 4
    answer = (ctypes.c_float * floats)(*range(floats))
    address, size = ctypes.addressof(answer), ctypes.sizeof(answer)
    respond = lg.QuerySampleResponse

    def issue(samples: lg.SampleBatch) -> None:
        lg.QuerySamplesComplete([respond(s.id, address, size) for s in samples])

    settings = settings_of("Offline", "AccuracyOnly")
    return run_test(settings, issue, library_size=records)


@workload
def accuracy_log(records: int, record_bytes: int) -> Numbers:
    """An accuracy run, from its start to its closed log."""
    test = write_accuracy_log(records, record_bytes)
    return {"whole_run_s": test.wall_s, "mb_per_s": records * record_bytes / 1e6 / test.wall_s}


@workload
def read_json(records: int, record_bytes: int) -> Numbers:
    """An accuracy log into an array with what Python brings along and NumPy."""
    import numpy

    log = write_accuracy_log(records, record_bytes).accuracy_log
    start_ns = now_ns()
    with log.open() as file:
        rows = [
            numpy.frombuffer(bytes.fromhex(record["data"]), numpy.float32)
            for record in json.load(file)
        ]
    read_s = (now_ns() - start_ns) / 1e9
    assert len(rows) == records
    return {"read_s": read_s}


@workload
def read_arrays(records: int, record_bytes: int) -> Numbers:
    """The same with `read_accuracy`; this package only."""
    import numpy

    log = write_accuracy_log(records, record_bytes).accuracy_log
    reader = lg.read_accuracy
    start_ns = now_ns()
    rows = reader(log).payloads.as_array(numpy.float32)
    read_s = (now_ns() - start_ns) / 1e9
    assert len(rows) == records
    return {"read_s": read_s}


# ---- Fixed costs ---------------------------------------------------------------------------------


@workload
def import_time() -> Numbers:
    """`import mlperf_loadgen` in a fresh interpreter."""
    return {"import_ms": IMPORT_MS}


@workload
def one_query(tests: int) -> Numbers:
    """Tests of a single query, one after another."""
    walls_ms = []
    for _ in range(tests):
        sut = NullSystem()
        settings = settings_of("SingleStream", min_query_count=1)
        walls_ms.append(run_test(settings, sut.issue, sut.flush).wall_s * 1e3)
    return {"first_ms": walls_ms[0], "next_ms": statistics.median(walls_ms[1:])}


@workload
def timed_run(duration_ms: int) -> Numbers:
    """What a run of a set duration takes beyond it; the expected latency is the real one."""
    sut = NullSystem()
    settings = settings_of("SingleStream", min_duration_ms=duration_ms, min_query_count=1)
    settings.single_stream_expected_latency_ns = 2000.0
    test = run_test(settings, sut.issue, sut.flush)
    return {"extra_s": test.wall_s - duration_ms / 1e3}


def main() -> int:
    """Runs the workload that the command line names, in a directory that is deleted after it."""
    if len(sys.argv) < 2 or sys.argv[1] not in WORKLOADS:
        print(f"usage: workloads.py NAME [argument=number ...]\n{__doc__}", file=sys.stderr)
        print(f"NAME is one of: {', '.join(WORKLOADS)}", file=sys.stderr)
        return 2
    arguments = dict(argument.split("=", 1) for argument in sys.argv[2:])
    home = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="loadgen_benchmark_") as directory:
        os.chdir(directory)
        try:
            numbers = WORKLOADS[sys.argv[1]](**{k: int(v) for k, v in arguments.items()})
        finally:
            os.chdir(home)
    print(json.dumps(numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
