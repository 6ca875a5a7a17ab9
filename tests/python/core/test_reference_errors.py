"""Every error, warning and odd input of the reference: the same record and effect here, or the
better behaviour that docs/differences.md promises.

Method: one table line for each, with what causes it, the record (key, flag, text) that must be in
the detail log and the effect on the run. A line that is not as in the reference quotes the
documentation, and the quote must be there. What might hang has a process of its own.
"""

import re
import shutil
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from runs import FOR_EVERY_SCENARIO, HANG_LIMIT_S, Run, answer, log_settings, run_in

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

ROOT = Path(__file__).resolve().parents[3]
DIFFERENCES = " ".join((ROOT / "docs" / "differences.md").read_text().split())

RUNTIME = "error_runtime"
WARNING = "warning_generic_message"
OCCURRENCE = " (query {n}, sample {n}, response id {n})"


def assert_documented(quote):
    assert quote in DIFFERENCES, f"docs/differences.md does not say: {quote}"


def pattern(text):
    """A regular expression for `text`, where {n} is any number and {any} anything."""
    return re.escape(text).replace(r"\{n\}", r"\d+").replace(r"\{any\}", ".*")


def records(run, key, text):
    """(is_error, is_warning) of the records with this key and text."""
    return [
        (record["metadata"]["is_error"], record["metadata"]["is_warning"])
        for record in run.detail
        if record["key"] == key and re.fullmatch(pattern(text), record["value"])
    ]


def assert_recorded(run, key, text, count=1):
    """The record is in the log `count` times with the right flag, and the summary counts it."""
    is_error = key != WARNING
    assert records(run, key, text) == [(is_error, not is_error)] * count
    flag = "is_error" if is_error else "is_warning"
    total = sum(record["metadata"][flag] for record in run.detail)
    name = "error" if is_error else "warning"
    counted = f"{total} {name}s?" if total else f"No {name}s"
    assert re.search(f"^{counted} encountered", run.summary, re.MULTILINE | re.IGNORECASE)


def responses(samples, n_tokens=0):
    return [lg.QuerySampleResponse(s.id, 0, 0, n_tokens) for s in samples]


def run_with(outdir, settings, *, issue=answer, flush=lambda: None):
    """Runs a test with a settings object, or with a callback for FlushQueries."""
    run = Run(outdir)
    sut = lg.ConstructSUT(issue, flush)
    qsl = lg.ConstructQSL(20, 10, lambda indices: None, lambda indices: None)
    try:
        run.result = lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(outdir))
    finally:
        lg.DestroySUT(sut)
        lg.DestroyQSL(qsl)
    return run


# ---- Records of config files ---------------------------------------------------------------------

GOOD_LINE = "*.*.min_query_count = 7\n"


@dataclass(frozen=True)
class ConfigLine:
    name: str
    text: str | None  # Of the file; None: there is no file.
    status: int
    min_query_count: int  # Afterwards.
    record: str  # {path} is that of the file.


CONFIG_LINES = [
    ConfigLine("missing file", None, -2, 10, "can't open file {path}"),
    ConfigLine(
        "second token is not =",
        GOOD_LINE + "*.*.mode 1\n",
        -22,
        10,
        "expected 'key=value', line=2; nothing of this file was applied: correct the line ({path})",
    ),
    ConfigLine(
        "bad value",
        GOOD_LINE + "*.*.mode = one\n",
        -22,
        10,
        "value needs to be integer or double, line=2; nothing of this file was applied: correct "
        "the line ({path})",
    ),
    ConfigLine(
        "mode out of range",
        GOOD_LINE + "*.*.mode = 4\n",
        0,
        7,
        "Invalid value passed to Mode key in config. ({path}, line 2)",
    ),
]


def from_config(settings, path, conf_type, model="m", scenario="SingleStream"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lg.ConfigWarning)
        return settings.FromConfig(str(path), model, scenario, conf_type)


@pytest.mark.parametrize("line", CONFIG_LINES, ids=lambda line: line.name)
def test_config_error(tmp_path, line):
    assert_documented("the text also names the file and line where it did not")
    path = tmp_path / "user.conf"
    if line.text is not None:
        path.write_text(line.text)
    settings = lg.TestSettings(min_duration_ms=0, min_query_count=10)
    assert from_config(settings, path, conf_type=2) == line.status
    assert settings.min_query_count == line.min_query_count
    assert settings.mode == lg.TestMode.PerformanceOnly
    run = run_with(tmp_path, settings)
    assert_recorded(run, "error_invalid_config", line.record.replace("{path}", str(path)))
    assert len(run.result.samples) == line.min_query_count


def test_config_error_multiple_conf_files(tmp_path):
    """The built-in file is not loaded again by the second call on one object."""
    assert_documented('| S2 | "Multiple conf files" is counted in the process | for each object |')
    path = tmp_path / "user.conf"
    path.write_text("*.*.min_duration = 0\n")
    text = "Multiple conf files are used. This is not valid for official submission.{any}"
    settings = lg.TestSettings()
    assert from_config(settings, path, conf_type=1) == 0
    assert settings.qsl_rng_seed != 0
    assert records(run_with(tmp_path, settings), "error_invalid_config", text) == []
    settings.qsl_rng_seed = 0
    assert from_config(settings, path, conf_type=1) == 0
    assert settings.qsl_rng_seed == 0
    assert_recorded(run_with(tmp_path, settings), "error_invalid_config", text)


# ---- Settings that are refused where the reference went on ---------------------------------------

RATES = "negative or NaN rates: error record, 1 is used | `SettingsError`"
REFUSED = {
    "negative server_target_qps": (
        {"scenario": "Server", "server_target_qps": -5.0},
        "server_target_qps is -5",
        RATES,
    ),
    "server_target_qps NaN": (
        {"scenario": "Server", "server_target_qps": float("nan")},
        "server_target_qps is nan",
        RATES,
    ),
    "negative offline_expected_qps": (
        {"scenario": "Offline", "offline_expected_qps": -5.0},
        "offline_expected_qps is -5",
        RATES,
    ),
    "index to repeat outside the set": (
        {"performance_issue_same": True, "performance_issue_same_index": 50},
        "performance_issue_same_index is 50: .* has 10",
        "outside the loaded set: garbage index or crash | `SettingsError`",
    ),
    "server_target_qps 0": (
        {"scenario": "Server", "server_target_qps": 0.0},
        "server_target_qps is 0",
        "| - | Server rate 0 | `SettingsError` |",
    ),
    "accuracy run of no samples": (
        {"mode": "AccuracyOnly", "total": 0},
        "library's total sample count is 0",
        "| W1 | library with no samples, or performance count 0: crash | `SettingsError`",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(run_test, name):
    settings, message, documented = REFUSED[name]
    assert_documented(documented)
    with pytest.raises(lg.SettingsError, match=message) as refused:
        run_test(**settings)
    assert refused.value.run.events == []


# ---- Records of runs -----------------------------------------------------------------------------


class OddSystem:
    """Answers each query, and does something odd to the second one."""

    def __init__(self, odd, n_tokens=0):
        self.odd = odd
        self.n_tokens = n_tokens
        self.seen = []

    def __call__(self, samples):
        self.seen.append(list(samples))
        if len(self.seen) == 2:
            self.odd(self.seen)
        else:
            answer(samples, self.n_tokens)


def complete_the_first_again(seen):
    lg.QuerySamplesComplete(responses(seen[0]))
    answer(seen[1])


def first_token_again(seen):
    """The tokens of sample 0 come again after those of sample 1."""
    first = responses(seen[1], 2)
    lg.FirstTokenComplete(first)
    lg.FirstTokenComplete(first[:1])
    lg.QuerySamplesComplete(first)


def first_token_late(seen):
    answer(seen[1], 2)
    lg.FirstTokenComplete(responses(seen[1]))


def first_token_missing(seen):
    lg.QuerySamplesComplete(responses(seen[1], 2))


def unknown_id(seen):
    lg.QuerySamplesComplete([lg.QuerySampleResponse(2**64 - 1, 0, 0)])
    answer(seen[1])


def counts(n_tokens):
    def complete(seen):
        lg.FirstTokenComplete(responses(seen[1]))
        lg.QuerySamplesComplete(responses(seen[1], n_tokens))

    return complete


class AnswerOfTheFirstSet:
    """Completes the first sample of the test once more when the second set is issued."""

    def __init__(self):
        self.seen = []

    def __call__(self, samples):
        self.seen.extend(samples)
        if len(self.seen) == 11:
            lg.QuerySamplesComplete(responses(self.seen[:1]))
        answer(samples)


def issues(count):
    def check(run):
        assert len(run.batches) == count
        assert not run.result.valid
        assert (run.result.samples["completed_ns"] >= 0).all()

    return check


def issues_at_most_two(run):
    assert 1 <= len(run.batches) <= 2
    assert not run.result.valid


def nothing_is_called(run):
    assert run.events == []
    assert run.result.performance is None
    assert "MLPerf Results Summary" not in run.summary


def first_completion_counts(run):
    rows = run.result.samples
    assert rows["completed_ns"][0] <= rows["issued_ns"][1]
    assert not run.result.valid


def first_first_token_counts(run):
    rows = run.result.samples
    first, second = rows["first_token_ns"][rows["query"] == 1]
    assert first == second
    assert not run.result.valid


def late_token_is_ignored(run):
    rows = run.result.samples
    assert (rows["first_token_ns"] <= rows["completed_ns"]).all()
    assert run.result.performance.tokens.first_token.count == 10
    assert not run.result.valid


def sample_has_no_first_token(run):
    tokens = run.result.performance.tokens
    assert (tokens.first_token.count, tokens.time_per_token.count) == (9, 9)
    assert tokens.token_count == 20
    assert not run.result.valid


def other_samples_are_unharmed(run):
    assert len(run.batches) == 10
    assert (run.result.samples["completed_ns"] >= 0).all()
    assert not run.result.valid


def each_response_is_logged_once(run):
    assert sorted(record["qsl_idx"] for record in run.accuracy) == list(range(20))
    assert not run.result.valid


def unique_wins(run):
    assert len(set(run.issued)) == len(run.issued) == 5


def same_wins_and_unique_sizes_the_query(run):
    (loaded,) = run.calls("load")
    assert run.batches == [[loaded[3]] * 10]
    assert run.result.performance.valid


def one_trial(run):
    assert [trial.passed for trial in run.result.peak.trials] == [False]
    assert "MLPerf Results Summary" in run.summary


def audit_file_counts(run):
    assert len(run.batches) == 3


def seeds_are_replaced(run):
    assert run.result.mode == lg.TestMode.PerformanceOnly
    assert run.value("requested_qsl_rng_seed") == run.value("effective_qsl_rng_seed") == 5


def logger_lost_nothing(run):
    assert run.errors == []
    assert {run.value(key) for key in LOGGER_COUNTERS} == {0}


LOGGER_COUNTERS = [
    "logger_swap_request_slots_retry_count",
    "logger_swap_request_slots_retry_retry_count",
    "logger_swap_request_slots_retry_reencounter_count",
    "logger_start_reading_entries_retry_count",
    "logger_tls_total_log_cas_fail_count",
    "logger_tls_total_swap_buffers_slot_retry_count",
]

BOTH = (
    "Performance_issue_unique and performance_issue_same, both cannot be true at the same time. "
    "performance_issue_unique: 1 performance_issue_same: 1"
)
UNIQUE_AND_SAME = {
    "performance_issue_unique": True,
    "performance_issue_same": True,
    "performance_issue_same_index": 3,
}
TOKENS = {"use_token_latencies": True}
PEAK = "FindPeakPerformance"


@dataclass(frozen=True)
class Line:
    name: str
    settings: dict
    key: str
    text: str
    effect: Callable[[Run], None]
    issue: Callable[[], Callable] | None = None  # Makes the system; answers at once by default.
    count: int = 1
    documented: str = ""


def token_line(name, text, odd, effect):
    return Line(
        name,
        TOKENS,
        RUNTIME,
        text + OCCURRENCE,
        effect,
        lambda: OddSystem(odd, n_tokens=2),
    )


def sample_has_no_tokens(run):
    tokens = run.result.performance.tokens
    assert (tokens.first_token.count, tokens.time_per_token.count) == (10, 9)
    assert tokens.token_count == 9 * 2
    assert tokens.time_per_token.min_ns >= 0
    assert not run.result.valid


LINES = [
    *[
        Line(
            f"peak search in {scenario}",
            {"scenario": scenario, "mode": PEAK},
            "error_invalid_config",
            "Finding peak performance is only supported in Server scenarios.",
            nothing_is_called,
        )
        for scenario in ("SingleStream", "MultiStream", "Offline")
    ],
    Line(
        "unique and same",
        UNIQUE_AND_SAME | {"min_query_count": 5},
        "error_invalid_test_settings",
        BOTH,
        unique_wins,
    ),
    Line(
        "unique and same in Offline",
        UNIQUE_AND_SAME | {"scenario": "Offline"},
        "error_invalid_test_settings",
        BOTH,
        same_wins_and_unique_sizes_the_query,
    ),
    Line(
        "max_query_count",
        {"max_query_count": 5},
        RUNTIME,
        "IssueQueryThread 0 Ending early: Max query count reached. query_count 5",
        issues(5),
    ),
    Line(
        "max_duration",
        # The second query is due after the end, and still issued.
        {
            "scenario": "Server",
            "max_duration_ms": 1,
            "server_target_qps": 50.0,
        },
        RUNTIME,
        "IssueQueryThread 0 Ending early: Max test duration reached. duration_ns {n}",
        issues_at_most_two,
    ),
    Line(
        "list exhausted",
        {"performance_issue_unique": True, "min_query_count": 11},
        RUNTIME,
        "Ending early: Ran out of generated queries to issue before the minimum query count and "
        "test duration were reached.{any}",
        issues(10),
        documented="says that `performance_issue_unique` leaves no unissued sample",
    ),
    Line(
        "second completion",
        {},
        RUNTIME,
        "Attempted to complete a sample twice." + OCCURRENCE,
        first_completion_counts,
        lambda: OddSystem(complete_the_first_again),
        documented="breaks the contract (double, unknown or early completion",
    ),
    Line(
        "second first token",
        TOKENS | {"scenario": "MultiStream", "multi_stream_samples_per_query": 2},
        RUNTIME,
        "Attempted to complete a sample twice. FirstTokenComplete was called for it before."
        + OCCURRENCE,
        first_first_token_counts,
        lambda: OddSystem(first_token_again, n_tokens=2),
    ),
    Line(
        "sample of an earlier set",
        {"mode": "AccuracyOnly"},
        RUNTIME,
        "Attempted to complete a sample of another test or of an earlier set.{any} "
        "(response id {n})",
        each_response_is_logged_once,
        AnswerOfTheFirstSet,
        documented="ids are never reused",
    ),
    Line(
        "sequence id too large",
        {},
        RUNTIME,
        "Attempted to complete a sample that no query of this test has.{any} "
        "(response id 18446744073709551615)",
        other_samples_are_unharmed,
        lambda: OddSystem(unknown_id),
        documented="counted, first ones logged, result INVALID; ids are never dereferenced",
    ),
    token_line(
        "no first token",
        "Attempted to record a sample latency before it's first token latency",
        first_token_missing,
        sample_has_no_first_token,
    ),
    token_line(
        "late first token",
        "Attempted to record token latency after sample was completed",
        first_token_late,
        late_token_is_ignored,
    ),
    token_line(
        "n_tokens 0",
        "n_tokens argument missing or attempted to record 0 as number of tokens",
        counts(0),
        sample_has_no_tokens,
    ),
    token_line(
        "n_tokens negative",
        "Attempted to record a negative number of tokens",
        counts(-3),
        sample_has_no_tokens,
    ),
    token_line(
        "n_tokens 1",
        "Number of tokens need to be greater than 1",
        counts(1),
        sample_has_no_tokens,
    ),
    Line(
        "peak search fails at once",
        {
            "scenario": "Server",
            "mode": PEAK,
            "server_target_qps": 1e5,
            "server_target_latency_ns": 0,
        },
        RUNTIME,
        "FindPeakPerformance: Initial lower bound does not satisfy performance constraints, msg: "
        "Reduce target QPS to improve latency.",
        one_trial,
    ),
    Line(
        "audit file",
        {"audit": "*.*.min_query_count = 3\n"},
        WARNING,
        "Found Audit Config file (audit.config). Overriding TestSettings from audit.config file.",
        audit_file_counts,
    ),
    Line(
        "test05",
        {"test05": True, "qsl_rng_seed": 1, "test05_qsl_rng_seed": 5, "mode": "AccuracyOnly"},
        WARNING,
        "Test05 flag detected Overriding random seeds",
        seeds_are_replaced,
    ),
    Line(
        "logging allocation",
        {"scenario": "Offline", "min_query_count": 15000},
        WARNING,
        "Logging allocation detected{any}",
        logger_lost_nothing,
        count=0,
        documented='"Logging allocation detected" warnings | nothing allocates',
    ),
    Line(
        "compare-and-swap failed",
        {"scenario": "Server", "server_target_qps": 1e6, "min_query_count": 2000},
        WARNING,
        "{any}",
        logger_lost_nothing,
        count=0,
        documented="the logger's counters are there and 0",
    ),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_record(run_test, tmp_path, line):
    assert_documented(line.documented)
    settings = dict(line.settings)
    if "audit" in settings:
        path = tmp_path / "another_name.conf"
        path.write_text(settings["audit"])
        settings["audit"] = str(path)
    run = run_test(issue=line.issue() if line.issue else answer, **settings)
    assert_recorded(run, line.key, line.text, line.count)
    line.effect(run)


@pytest.mark.parametrize("first_tokens", [False, True])
def test_record_too_many_outstanding(tmp_path, first_tokens):
    """A first token leaves its sample outstanding."""
    kept = []

    def issue(samples):
        kept.extend(samples)
        if first_tokens:
            lg.FirstTokenComplete(responses(samples))

    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_max_async_queries=4,
        server_target_qps=1e5,
        min_duration_ms=0,
    )
    run = run_with(tmp_path, settings, issue=issue, flush=lambda: answer(kept))
    text = "IssueQueryThread 0 Ending early: Too many outstanding queries. issued 5 outstanding 5"
    assert_recorded(run, RUNTIME, text)
    assert len(run.result.samples) == 5
    assert (run.result.samples["completed_ns"] >= 0).all()


def test_record_uncommitted_changes(run_test):
    run = run_test()
    is_dirty = run.value("loadgen_git_status_message") not in ("", "NA")
    text = "Loadgen built with uncommitted changes!{any}"
    assert_recorded(run, "error_uncommitted_loadgen_changes", text, count=int(is_dirty))
    assert run_test(min_query_count=100).result.valid


def test_record_more_loggers_than_allowed(run_test):
    """There is no limit: more threads than the reference's 1024 complete, and all stay alive."""
    assert_documented("nothing allocates")
    release = threading.Event()
    threads = []

    def complete(sample):
        answer([sample])
        release.wait()

    def issue(samples):
        threads.extend(threading.Thread(target=complete, args=(s,)) for s in samples)
        for thread in threads:
            thread.start()

    try:
        run = run_test(scenario="Offline", min_query_count=1100, issue=issue)
        assert all(thread.is_alive() for thread in threads)
    finally:
        release.set()
        for thread in threads:
            thread.join()
    assert run.errors == []
    assert (run.result.samples["completed_ns"] >= 0).all()


# ---- Records of runs that might hang -------------------------------------------------------------

INCOMPLETE = """
    import mlperf_loadgen as lg

    sut = lg.ConstructSUT(lambda samples: lg.complete(samples.ids[1:]), lg.AbortTest)
    qsl = lg.ConstructQSL(20, 10, lambda i: None, lambda i: None)
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, min_duration_ms=0)
    result = lg.StartTest(sut, qsl, settings)
    print(result.aborted, result.valid)
"""


def test_record_incomplete_samples(run_script, tmp_path):
    assert_documented("The logs name the samples that never came back")
    done = run_script(INCOMPLETE)
    assert (done.returncode, done.stdout) == (0, "True False\n"), done.stderr
    start = "1 of 100 issued samples (of 1 query) was never completed, "
    text = start + "{any} The first of them: sample 0{any}"
    assert_recorded(Run(tmp_path), RUNTIME, text)


SKEWED_CLOCK = r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdlib.h>
    #include <time.h>

    int clock_gettime(clockid_t clock, struct timespec* time) {
      static int (*original)(clockid_t, struct timespec*);
      if (!original) *(void**)&original = dlsym(RTLD_NEXT, "clock_gettime");
      const int status = original(clock, time);
      if (clock == CLOCK_REALTIME) {
        const double ns = (time->tv_sec * 1e9 + time->tv_nsec) * atof(getenv("SKEW"));
        time->tv_sec = (time_t)(ns / 1e9);
        time->tv_nsec = (long)(ns - time->tv_sec * 1e9);
      }
      return status;
    }
"""
TWENTY_QUERIES_AT_100_QPS = """
    import mlperf_loadgen as lg

    sut = lg.ConstructSUT(lambda samples: lg.complete(samples.ids), lambda: None)
    qsl = lg.ConstructQSL(20, 10, lambda i: None, lambda i: None)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, server_target_qps=100, min_query_count=20,
        min_duration_ms=0,
    )
    lg.StartTest(sut, qsl, settings)
"""
CLOCK_TEXT = "The performance clock and the system clock differ by more than {share}%: ratio {any}"


@pytest.mark.parametrize(
    ("skew", "key", "share"),
    [(1.05, RUNTIME, "1"), (0.95, RUNTIME, "1"), (1.005, WARNING, "0.1"), (1, None, None)],
)
def test_record_clocks_differ(run_script, tmp_path, monkeypatch, skew, key, share):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and LD_PRELOAD to skew the system clock")
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(textwrap.dedent(SKEWED_CLOCK))
    command = [compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True, timeout=HANG_LIMIT_S)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("SKEW", str(skew))
    done = run_script(TWENTY_QUERIES_AT_100_QPS)
    assert done.returncode == 0, done.stderr
    run = Run(tmp_path)
    assert run.values("result_validity") == ["INVALID"]  # Of 20 queries, whatever the clocks.
    if key is None:
        assert not any("system clock" in str(record["value"]) for record in run.detail)
    else:
        assert_recorded(run, key, CLOCK_TEXT.replace("{share}", share))


# ---- Log files that cannot be opened -------------------------------------------------------------


@pytest.mark.parametrize("name", ["summary.txt", "detail.txt", "accuracy.json", "trace.json"])
def test_log_file_that_cannot_be_opened(tmp_path, name):
    assert_documented("if not, `OSError` naming the path, before any callback")
    (tmp_path / f"mlperf_log_{name}").mkdir()
    with pytest.raises(OSError, match=re.escape(f"mlperf_log_{name}")) as refused:
        run_in(tmp_path)
    assert refused.value.run.events == []
    assert len(run_in(tmp_path / "next").batches) == 10


# ---- Unusual input that is handled ---------------------------------------------------------------


def issue_with_first_tokens(samples):
    first = responses(samples)
    lg.FirstTokenComplete(first)
    lg.QuerySamplesComplete(first)


def issue_with_empty_lists(samples):
    lg.QuerySamplesComplete([])
    lg.FirstTokenComplete([])
    answer(samples)


def issue_with_values(samples):
    answer(samples)
    return samples


def loads_all_and_reports_what_was_asked(run):
    assert [sorted(loaded) for loaded in run.calls("load")] == [list(range(20))]
    assert run.value("effective_performance_sample_count") == 100


def issues_the_first_three(run):
    assert sorted(run.issued) == [0, 1, 2]
    assert run.value("effective_accuracy_sample_count") == 3


def loads_one_set(run):
    assert [sorted(loaded) for loaded in run.calls("load")] == [list(range(10))]
    assert sorted(run.issued) == list(range(10))
    assert run.calls("flush") == [None]


def issues_ten_queries(run):
    assert len(run.batches) == 10


def logs_empty_data(run):
    assert {record["data"] for record in run.accuracy} == {""}


def issues_one_query_of_ten_samples(run):
    assert [len(batch) for batch in run.batches] == [10]
    assert run.result.valid


def issues_one_query_that_lasts_0_ns(run):
    issues_one_query_of_ten_samples(run)
    assert run.value("generated_query_duration") == 0


def prints_no_rate(run):
    assert re.search(r"^QPS w/ loadgen overhead +: 0\.00$", run.summary, re.MULTILINE)


def reports_no_tokens(run):
    assert run.result.performance.tokens is None
    assert "token" not in run.summary
    assert not any("first_token" in record["key"] for record in run.detail)


@dataclass(frozen=True)
class Input:
    name: str
    settings: dict
    check: Callable[[Run], None]
    documented: str = ""
    warning: str = ""


INPUTS = [
    Input(
        "performance count above the total",
        {"performance": 100},
        loads_all_and_reports_what_was_asked,
    ),
    Input(
        "override above the total",
        {"performance_sample_count_override": 100},
        loads_all_and_reports_what_was_asked,
        "| - | sample count overrides above the library's count are clamped in silence |",
        "performance_sample_count_override is 100, and the library has 20 samples: it counts as 20",
    ),
    Input(
        "accuracy_sample_count_override",
        {"mode": "AccuracyOnly", "accuracy_sample_count_override": 3},
        issues_the_first_three,
    ),
    Input(
        "accuracy run with performance count 0",
        {"mode": "AccuracyOnly", "total": 10, "performance": 0},
        loads_one_set,
    ),
    Input("empty response list", {"issue": issue_with_empty_lists}, issues_ten_queries),
    Input("response of size 0", {"mode": "AccuracyOnly"}, logs_empty_data),
    Input(
        "offline_expected_qps 0",
        {"scenario": "Offline", "offline_expected_qps": 0.0},
        issues_one_query_that_lasts_0_ns,
        "| - | `generated_query_duration` is -2^63 for `offline_expected_qps` 0 | 0 |",
    ),
    Input(
        "Offline with max_query_count",
        {"scenario": "Offline", "max_query_count": 1},
        issues_one_query_of_ten_samples,
    ),
    Input("one query", {"min_query_count": 1}, prints_no_rate),
    Input(
        "first tokens without token latencies",
        {"issue": issue_with_first_tokens},
        reports_no_tokens,
    ),
    Input("system that returns values", {"issue": issue_with_values}, issues_ten_queries),
]


@pytest.mark.parametrize("line", INPUTS, ids=lambda line: line.name)
def test_input(run_test, line):
    assert_documented(line.documented)
    run = run_test(**line.settings)
    assert run.errors == []
    assert len(run.result.warnings) == bool(line.warning)
    assert all(text.startswith(line.warning) for text in run.result.warnings)
    line.check(run)


def test_input_unknown_scenario_and_model(tmp_path):
    path = tmp_path / "user.conf"
    path.write_text("m.Server.min_query_count = 5\n")
    settings = lg.TestSettings()
    assert from_config(settings, path, 2, model="none", scenario="none") == 0
    assert settings == lg.TestSettings()


def test_input_log_files_that_exist(tmp_path):
    settings = lg.TestSettings(min_duration_ms=0, min_query_count=10, mode=lg.TestMode.AccuracyOnly)
    run_with(tmp_path, settings)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        path.write_text("what was there before\n" * 1000)
    run = run_with(tmp_path, settings)
    assert len(run.accuracy) == 20
    assert run.trace["traceEvents"]
    assert "what was there" not in run.summary + run.text("detail.txt")


# ---- Tokens --------------------------------------------------------------------------------------

# As reported, as counted, and whether there is a time per token.
TOKEN_COUNTS = [(0, 0, False), (-3, 0, False), (1, 0, False), (2, 2, True), (6, 6, True)]


@pytest.mark.parametrize("scenario", ["SingleStream", "Server", "Offline"])
@pytest.mark.parametrize(("reported", "counted", "has_time"), TOKEN_COUNTS)
def test_token_count(run_test, scenario, reported, counted, has_time):
    """One sample reports `reported` tokens, the others four."""
    assert_documented("such samples have no TPOT, are counted, and the result is INVALID")
    token_counts = iter([reported] + [4] * 499)

    def issue(samples):
        lg.FirstTokenComplete(responses(samples))
        for sample in samples:
            lg.QuerySamplesComplete(responses([sample], next(token_counts)))

    run = run_test(
        scenario=scenario,
        issue=issue,
        server_target_qps=1e5,
        ttft_latency=10**10,
        tpot_latency=10**10,
        min_query_count=500,
        **TOKENS,
    )
    tokens = run.result.performance.tokens
    assert tokens.token_count == counted + 499 * 4
    assert tokens.first_token.count == 500
    rows = run.result.samples
    times = (rows["completed_ns"] - rows["first_token_ns"])[1:] // 3
    if has_time:
        first = rows["completed_ns"][0] - rows["first_token_ns"][0]
        times = np.append(times, first // (reported - 1))
    assert tokens.time_per_token.count == len(times)
    assert tokens.time_per_token.min_ns == times.min()
    assert tokens.time_per_token.max_ns == times.max()
    assert tokens.time_per_token.mean_ns == times.sum() // len(times)
    assert run.result.valid == has_time


@pytest.mark.parametrize("reported", [0, -3, 1, 2])
def test_accuracy_log_has_token_counts_as_reported(run_test, reported):
    def issue(samples):
        lg.FirstTokenComplete(responses(samples))
        lg.QuerySamplesComplete(responses(samples, reported))

    run = run_test(mode="AccuracyOnly", issue=issue, **TOKENS)
    assert {record["token_count"] for record in run.accuracy} == {reported}


# ---- Completion ----------------------------------------------------------------------------------


def test_responses_are_copied(run_test):
    """What a response callback changes does not reach the caller's objects."""

    def change(response):
        response.n_tokens, response.size = 7, 0

    def issue(samples):
        own = responses(samples, 3)
        lg.QuerySamplesComplete(own, change)
        kept.extend(own)

    kept = []
    run = run_test(mode="AccuracyOnly", issue=issue)
    assert len(run.accuracy) == 20
    assert {response.n_tokens for response in kept} == {3}


def test_token_data_is_copied_during_the_call(run_test):
    def issue(samples):
        data = np.full(3, samples[0].index, np.uint8)
        lg.FirstTokenComplete([lg.QuerySampleResponse(samples[0].id, data.ctypes.data, 3)])
        data[:] = 255
        lg.QuerySamplesComplete(responses(samples, 2))

    run = run_test(mode="AccuracyOnly", issue=issue, **TOKENS)
    assert len(run.accuracy) == 20
    for record in run.accuracy:
        assert bytes.fromhex(record["token_data"]) == bytes([record["qsl_idx"]] * 3)


def test_lists_of_callbacks_are_fresh(run_test, tmp_path):
    unloaded = []
    sut = lg.ConstructSUT(answer, lambda: None)
    qsl = lg.ConstructQSL(20, 10, lambda indices: indices.clear(), unloaded.extend)
    settings = lg.TestSettings(min_duration_ms=0, mode=lg.TestMode.AccuracyOnly)
    result = lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(tmp_path))
    assert sorted(unloaded) == list(range(20))
    assert sorted(result.samples["sample_index"].tolist()) == list(range(20))


# ---- Too few issue threads: last, because it waits while the other tests run --------------------

TOO_FEW_THREADS = """
    import mlperf_loadgen as lg

    called = []
    sut = lg.ConstructSUT(called.append, lambda: None)
    qsl = lg.ConstructQSL(20, 10, called.append, called.append)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, server_num_issue_query_threads=2, min_duration_ms=0,
    )
    try:
        lg.StartTest(sut, qsl, settings)
    except lg.SettingsError as error:
        print(called, error)
"""


@pytest.fixture(scope="module", autouse=True)
def too_few_threads(tmp_path_factory):
    """A test that waits for its issue threads from the first test of this file on."""
    command = [sys.executable, "-c", textwrap.dedent(TOO_FEW_THREADS)]
    process = subprocess.Popen(
        command, cwd=tmp_path_factory.mktemp("threads"), stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_too_few_issue_threads(too_few_threads):
    assert_documented("a wrong number is a `SettingsError` after at most 10 s")
    output, _ = too_few_threads.communicate(timeout=HANG_LIMIT_S)
    assert output.startswith("[] server_num_issue_query_threads is 2, but 0 threads called")
    assert too_few_threads.returncode == 0
