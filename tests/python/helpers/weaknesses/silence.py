"""S1 to S28 but for what is kept: what the reference does without a word, or says wrongly."""

import calendar
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import mlperf_loadgen as lg

from .table import (
    ROOT,
    SKIPPED,
    answer,
    read_detail,
    row,
    run,
    run_python,
    settings_of,
)

# ---- Verdicts ------------------------------------------------------------------------------------


@row("S1", reference="100 double completions: VALID", here="INVALID, and the reason says why")
def errors_invalidate():
    def issue(samples):
        answer(samples)
        answer(samples)

    done = run(issue, min_query_count=100)
    assert done.result.performance.query_count == 100
    done.assert_invalid("100 double completions")
    assert done.value("result_validity") == "INVALID"


# ---- Config files --------------------------------------------------------------------------------


def configured(text, settings=None, conf_type=2):
    """(status, settings, texts of the warnings) of a file read for model m, Server."""
    Path("user.conf").write_text(text)
    settings = settings or lg.TestSettings()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        status = settings.FromConfig("user.conf", "m", "Server", conf_type)
    assert all(w.category is lg.ConfigWarning for w in caught)
    return status, settings, [str(w.message) for w in caught]


@row(
    "S2",
    reference="the second FromConfig of a process leaves the built-in mlperf.conf out",
    here="the first of each TestSettings object reads it",
)
def built_in_file():
    _, first, _ = configured("*.*.min_query_count = 7\n", conf_type=1)
    _, second, _ = configured("*.*.min_query_count = 7\n", conf_type=1)
    assert first == second
    assert first.min_duration_ms == 600000
    assert first.qsl_rng_seed != 0


@row(
    "S3",
    reference="k=v, octal numbers, 1e6 in an integer, unknown keys: accepted or ignored in silence",
    here="the same values, with a ConfigWarning of file, line and value; a refused file warns too",
)
def odd_config_lines():
    key = "*.*.min_query_count"
    for line, count in (
        (f"{key}=5", 100),
        (f"{key} = 010", 8),
        (f"{key} = 1e6", 1),
        ("*.*.no_such_key = 5", 100),
    ):
        status, settings, texts = configured(f"\n{line}\n")
        assert (status, settings.min_query_count) == (0, count), line
        (text,) = texts
        assert "user.conf" in text, text
        assert "line 2" in text or ":2" in text, text
    status, settings, texts = configured(f"{key} = 5 # a note\n")
    assert (status, settings.min_query_count) == (-22, 100)
    assert "user.conf" in "".join(texts)


# ---- Traffic -------------------------------------------------------------------------------------


@row(
    "S7",
    reference="the traffic depends on the C++ standard library of the build",
    here="engine, distributions and shuffle are our own: numbers of tests/golden",
)
def portable_traffic():
    cases = json.loads((ROOT / "tests" / "golden" / "traffic.json").read_text())
    tried = 0
    for golden in cases:
        case, expected = golden["case"], golden["traffic"]
        if (case["scenario"], case["mode"]) != ("Offline", "PerformanceOnly"):
            continue
        done = run(
            total=case["total"], performance=case["perf"], scenario="Offline", **case["conf"]
        )
        assert done.issued[:24] == expected["first"], case
        tried += 1
    assert tried > 5


@row(
    "S25",
    reference="queries are made beforehand for twice the expected duration: memory grows with it",
    here="a test of a million queries a second for an hour takes little memory",
)
def memory_of_traffic():
    import resource

    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    issued = []

    def issue(samples):
        issued.extend(samples)
        answer(samples)
        if len(issued) == 1000:
            lg.AbortTest()

    done = run(issue, scenario="Server", server_target_qps=1e6, min_duration_ms=3600000)
    assert done.result.aborted
    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after_kib - before_kib < 256 * 1024  # 3.6e9 queries would need 1e11 bytes.


# ---- Tokens --------------------------------------------------------------------------------------


@row(
    "S11",
    reference="tokens: a TTFT text that is empty, query latencies for MultiStream, rates per ns, "
    "negative TPOT",
    here="both texts, the query's own TTFT and TPOT, tokens per second, no TPOT below 2 tokens",
)
def token_statistics():
    served = run(
        lambda samples: answer(samples, 4),
        scenario="Server",
        server_target_qps=1e5,
        use_token_latencies=True,
        tpot_latency=1,
        min_query_count=200,
    )
    tokens = served.result.performance.tokens
    assert tokens.early_stopping_ttft.text
    assert tokens.early_stopping_tpot.text
    rows = served.result.samples
    busy_s = (rows["completed_ns"] - rows["scheduled_ns"]).mean() * 200 / 1e9
    per_second = served.value("result_token_throughput")
    assert abs(per_second / (800 / busy_s) - 1) < 0.01

    streams = run(
        lambda samples: answer(samples, 4),
        scenario="MultiStream",
        use_token_latencies=True,
        min_query_count=700,
    )
    rows = streams.result.samples.reshape(700, 8)
    ttft_ns = (rows["first_token_ns"] - rows["scheduled_ns"]).max(axis=1)
    tpot_ns = ((rows["completed_ns"] - rows["first_token_ns"]) // 3).max(axis=1)
    stopping = streams.result.performance.tokens
    assert stopping.early_stopping_ttft.estimate_ns in ttft_ns.tolist()
    assert stopping.early_stopping_tpot.estimate_ns in tpot_ns.tolist()

    counts = iter([1, *[4] * 9])
    few = run(lambda samples: answer(samples, next(counts)), use_token_latencies=True)
    few.assert_invalid("token count of 1")
    assert few.result.performance.tokens.time_per_token.count == 9
    assert few.result.performance.tokens.time_per_token.min_ns >= 0


# ---- Logs ----------------------------------------------------------------------------------------


@row(
    "S13",
    reference="strings are not escaped: a name with a quote or a newline breaks the line",
    here="each line is JSON, and the name comes back as it was",
)
def escaped_strings():
    name = 'a "name"\nof \\ two\tlines \x01 and é'
    sut = lg.ConstructQDL(answer, lambda: None, lambda: name)
    qsl = lg.ConstructQSL(10, 10, lambda indices: None, lambda indices: None)
    result = lg.StartTest(sut, qsl, settings_of())
    assert result.sut_name == name
    records = read_detail(result.logs.detail)
    assert [r["value"] for r in records if r["key"] == "sut_name"] == [name]


@row(
    "S14",
    reference="the trace is no JSON; NaN and inf stand bare in the detail log",
    here="valid JSON; such numbers are null",
)
def valid_json():
    key = "server_find_peak_qps_boundary_step_size"
    for value in (float("nan"), float("inf")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lg.ConfigWarning)  # It is for searches.
            done = run(scenario="Server", server_target_qps=1e5, **{key: value})
        assert done.value(f"requested_{key}") is None
        assert json.loads(done.text("trace.json"))["traceEvents"]
    ended = run(lambda samples: lg.AbortTest())
    ended.value("num_errors")
    assert json.loads(ended.text("trace.json"))["displayTimeUnit"] == "ns"


@row(
    "S15",
    reference="times of records from before the test wrap around",
    here="no time is far from the test's own",
)
def times_of_early_records():
    _, settings, _ = configured("*.*.mode = 9\n", settings_of())
    lg.QuerySamplesComplete([lg.QuerySampleResponse(1, 0, 0)])
    done = run(settings=settings)
    keys = {record["key"] for record in done.detail}
    assert {"error_invalid_config", "warning_generic_message"} <= keys
    assert all(abs(record["time_ms"]) < 60000 for record in done.detail)


@row("S16", reference="local time is marked Z", here="UTC")
def utc():
    os.environ["TZ"] = "Pacific/Kiritimati"  # 14 hours ahead.
    time.tzset()
    stamp = run().value("test_datetime")
    seconds = calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))
    assert abs(seconds - time.time()) < 3600


JUMPING_CLOCK = r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <time.h>

    int clock_gettime(clockid_t clock, struct timespec* time) {
      static int (*original)(clockid_t, struct timespec*);
      static int calls;
      if (!original) *(void**)&original = dlsym(RTLD_NEXT, "clock_gettime");
      const int status = original(clock, time);
      if (clock == CLOCK_REALTIME && ++calls % 2) time->tv_sec -= 1000;
      return status;
    }
"""
PRINT_LATENCIES = """
from weaknesses.table import run
rows = run(min_query_count=200).result.samples
print((rows["completed_ns"] - rows["scheduled_ns"]).tolist())
"""


@row(
    "S17",
    reference="latencies are measured with the wall clock",
    here="with a monotonic clock: a wall clock that jumps by 1000 s changes none",
)
def monotonic_clock():
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        print("needs a C compiler and LD_PRELOAD to move the wall clock")
        sys.exit(SKIPPED)
    Path("clock.c").write_text(JUMPING_CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", "clock.so", "clock.c", "-ldl"], check=True)
    preload = os.environ | {"LD_PRELOAD": str(Path("clock.so").resolve())}
    moved = run_python(
        "import time; print({int(time.time()) // 500 for _ in range(9)})", env=preload
    )
    assert moved.stdout.count(",") >= 1, moved  # The clock does jump.
    done = run_python(PRINT_LATENCIES, env=preload)
    assert done.returncode == 0, done.stderr
    latencies_ns = json.loads(done.stdout)
    assert len(latencies_ns) == 200
    assert all(0 <= latency_ns < 100e9 for latency_ns in latencies_ns)


FULL_DISK = """
from pathlib import Path
from weaknesses.table import run
Path("run1/loadgen_samples").mkdir(parents=True)
for name in ("summary.txt", "detail.txt", "accuracy.json", "trace.json"):
    Path("run1", f"mlperf_log_{name}").symlink_to("/dev/full")
Path("run1/loadgen_samples/mlperf_log_samples.npy").symlink_to("/dev/full")
run(mode="SubmissionRun")
"""


@row(
    "S18",
    reference="a full disk is not noticed: exit status 0",
    here="LogWriteError that names each file and has the result; uncaught, exit status 1",
)
def full_disk():
    done = run_python(FULL_DISK)
    assert done.returncode == 1
    assert "LogWriteError" in done.stderr
    for name in ("summary.txt", "detail.txt", "accuracy.json", "trace.json"):
        assert f"cannot write log file 'run1/mlperf_log_{name}'" in done.stderr
    assert "cannot write log file 'run1/loadgen_samples/mlperf_log_samples.npy'" in done.stderr


@row(
    "S19",
    reference='"Logging allocation detected" warnings, also of earlier tests',
    here="nothing allocates: no warning, and the logger's counters are 0",
)
def no_allocation_warnings():
    def issue(samples):
        thread = threading.Thread(target=answer, args=(samples,))
        thread.start()
        thread.join()

    done = run(issue, scenario="Offline", min_query_count=20000)
    for finished in (done, run()):
        finished.assert_unharmed()
        assert finished.result.warnings == []
        counters = [r for r in finished.detail if r["key"].startswith("logger_")]
        assert counters
        assert all(record["value"] == 0 for record in counters)


@row(
    "S20",
    reference="log_mode and log_mode_async_poll_interval_ms are ignored",
    here="the same: accepted, documented, without an effect",
)
def log_mode():
    assert "`log_mode`" in (ROOT / "docs" / "differences.md").read_text()
    for mode in lg.LoggingMode.__members__.values():
        done = run(log={"log_mode": mode, "log_mode_async_poll_interval_ms": 1})
        done.assert_unharmed()
        assert len(done.detail) > 50


@row(
    "S27",
    reference="print_timestamps changes the number formats of the summary on stdout",
    here="stdout has the summary as the file has it",
)
def summary_on_stdout():
    done = run_python(
        "from weaknesses.table import run\n"
        "run(print_timestamps=True, log={'copy_summary_to_stdout': True})"
    )
    assert re.search(r"ratio = \d+\.\d{4}$", done.stdout, re.MULTILINE), done
    assert Path("run1", "mlperf_log_summary.txt").read_text() in done.stdout


# ---- The rest ------------------------------------------------------------------------------------


@row(
    "S21",
    reference="responses cannot be unpickled, vectors recurse without an end",
    here="both work; pickles keep n_tokens",
)
def pickles_and_vectors():
    response = lg.QuerySampleResponse(1, 2, 3, 4)
    back = pickle.loads(pickle.dumps(response))
    assert (back.id, back.data, back.size, back.n_tokens) == (1, 2, 3, 4)
    vector = lg.VectorQuerySample([lg.QuerySample(1, 2)])
    vector.append(lg.QuerySample(3, 4))
    assert [sample.index for sample in vector] == [2, 4]
    assert len(lg.VectorQuerySampleResponse([response, back])) == 2
    assert len(pickle.loads(pickle.dumps(vector))) == 2


@row(
    "S23",
    reference="SingleStream misses its duration for want of queries; a peak is nowhere explicit",
    here="queries never run out; TestResult.peak has the peak and every trial",
)
def durations_and_peaks():
    done = run(single_stream_expected_latency_ns=1e9, min_duration_ms=50, min_query_count=1)
    assert done.result.performance.min_duration_met
    assert done.result.performance.recommendations == []
    found = run(
        mode="FindPeakPerformance",
        scenario="Server",
        server_target_qps=1e8,
        server_target_latency_ns=10**12,
    )
    peak = found.result.peak
    assert peak.found
    assert peak.qps == max(trial.qps for trial in peak.trials if trial.passed)
    assert "peak: " in str(found.result)


@row(
    "S24",
    reference="C++: token_latency_scaling_factor is uninitialised",
    here="0, as is every other number that has no better default",
)
def initialised_settings():
    assert lg.TestSettings().token_latency_scaling_factor == 0
    header = (ROOT / "loadgen" / "test_settings.h").read_text()
    members = re.search(r"struct TestSettings \{(.*?)\n\};", header, re.DOTALL)[1]
    numbers = re.findall(r"^  (?:u?int\w*|double|bool|size_t) (\w+)(.*);", members, re.MULTILINE)
    assert "token_latency_scaling_factor" in dict(numbers)
    assert all(re.match(r" = |\{", initial) for _, initial in numbers)


@row(
    "S28",
    reference="server_num_issue_query_threads delays every scenario by up to 10 s",
    here="only Server waits for them",
)
def no_wait_for_issue_threads():
    for scenario in ("SingleStream", "MultiStream", "Offline"):
        start_s = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lg.ConfigWarning)  # It is a setting of Server.
            run(scenario=scenario, server_num_issue_query_threads=2).assert_unharmed()
        # The wait would be 10 s; the rest is room for a loaded machine.
        assert time.monotonic() - start_s < 9
