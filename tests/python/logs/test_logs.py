"""The log files of every scenario, mode and token mode, read back and recomputed.

Method: the keys of the detail log and the lines of the summary are listed here as tables, in order;
what the library adds of its own may only stand just before num_errors, or in the summary's own
block. Every number of the result is computed again from the sample log with NumPy.
"""

import itertools
import os
import re
from pathlib import Path

import numpy as np
import pytest
from runs import (
    BUILT_DIRTY,
    FOR_EVERY_SCENARIO,
    SCENARIOS,
    answer,
    errors_of,
    log_settings,
    strict_json,
)

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

ROOT = Path(__file__).resolve().parents[3]
MODES = ("PerformanceOnly", "AccuracyOnly", "SubmissionRun")
TOKENS = 5
TOKEN_MODES = ("none", "tokens", "inferred", "both")
PERCENTILES = {"50.00": 0.5, "90.00": 0.9, "95.00": 0.95, "97.00": 0.97, "99.00": 0.99}
PERCENTILES["99.90"] = 0.999
QUERIES = 120
BOUND_NS = 10**11
"""Of latencies; kept on a machine that stands still for a while, too."""


def words(text):
    return text.split()


def prefixed(prefix, text):
    return [prefix + word for word in text.split()]


# ---- Which keys there are ------------------------------------------------------------------------

HEADER = words("""
    loadgen_version loadgen_build_date_local loadgen_build_date_utc loadgen_git_commit_date
    loadgen_git_log_message loadgen_git_status_message loadgen_file_sha1 test_datetime sut_name
    get_sut_name_duration_ns qsl_name qsl_reported_total_count qsl_reported_performance_count
    requested_scenario requested_test_mode
""")
REQUESTED_BY_SCENARIO = {
    "SingleStream": prefixed(
        "requested_single_stream_", "expected_latency_ns target_latency_percentile"
    ),
    "MultiStream": prefixed(
        "requested_multi_stream_", "expected_latency_ns target_latency_percentile samples_per_query"
    ),
    "Server": prefixed(
        "requested_server_",
        """target_qps target_latency_ns target_latency_percentile coalesce_queries
        find_peak_qps_decimals_of_precision find_peak_qps_boundary_step_size max_async_queries
        num_issue_query_threads""",
    ),
    "Offline": ["requested_offline_expected_qps"],
}
REQUESTED = prefixed(
    "requested_",
    """min_duration_ms max_duration_ms min_query_count max_query_count qsl_rng_seed
    sample_index_rng_seed schedule_rng_seed accuracy_log_rng_seed accuracy_log_probability
    accuracy_log_sampling_target print_timestamps performance_issue_unique performance_issue_same
    performance_issue_same_index performance_sample_count_override accuracy_sample_count_override
    sample_concatenate_permutation""",
)
EFFECTIVE = prefixed(
    "effective_",
    """scenario test_mode samples_per_query target_qps target_latency_ns target_latency_percentile
    max_async_queries target_duration_ms min_duration_ms max_duration_ms min_query_count
    max_query_count min_sample_count qsl_rng_seed sample_index_rng_seed schedule_rng_seed
    accuracy_log_rng_seed accuracy_log_probability accuracy_log_sampling_target print_timestamps
    performance_issue_unique performance_issue_same performance_issue_same_index
    performance_sample_count accuracy_sample_count sample_concatenate_permutation""",
)
SET_START = words("""
    loaded_qsl_set generated_query_count generated_samples_per_query generated_query_duration
""")
SET_END = words("""
    logger_swap_request_slots_retry_count logger_swap_request_slots_retry_retry_count
    logger_swap_request_slots_retry_reencounter_count logger_start_reading_entries_retry_count
    logger_tls_total_log_cas_fail_count logger_tls_total_swap_buffers_slot_retry_count
    power_begin power_end
""")
TOKEN_RESULTS = [
    *prefixed("result_first_token_", "min_latency_ns max_latency_ns mean_latency_ns"),
    *[f"result_first_token_{p}_percentile_latency_ns" for p in PERCENTILES],
    "result_token_throughput_with_loadgen_overhead",
    "result_token_throughput",
    *[f"result_time_per_output_token_{p}_percentile_ns" for p in PERCENTILES],
    *prefixed("result_time_to_output_token_", "min max mean"),
    "result_completed_tokens_per_second",
]
RESULT_BY_SCENARIO = {
    "SingleStream": words("""
        result_qps_with_loadgen_overhead result_qps_without_loadgen_overhead
        early_stopping_latency_ss early_stopping_latency_ms
    """),
    "MultiStream": [
        *words("""
            result_min_query_latency_ns result_max_query_latency_ns result_mean_query_latency_ns
        """),
        *[f"result_{p}_percentile_per_query_latency_ns" for p in PERCENTILES],
        "early_stopping_latency_ms",
    ],
    "Server": words("result_scheduled_samples_per_sec result_completed_samples_per_sec"),
    "Offline": ["result_samples_per_second"],
}


def result_keys(scenario, tokens, inferred, valid):
    keys = ["result_validity"]
    if scenario == "Server":
        keys.append("result_perf_constraints_met")
    keys += words("result_min_duration_met result_min_queries_met early_stopping_met")
    if not valid:
        keys.append("result_invalid_reason")
    if tokens:
        keys += words("early_stopping_ttft_result early_stopping_tpot_result")
    else:
        keys.append("early_stopping_result")
    keys.append("result_query_count")
    if scenario == "Server":
        keys.append("result_overlatency_query_count")
    keys += RESULT_BY_SCENARIO[scenario]
    keys += prefixed("result_", "min_latency_ns max_latency_ns mean_latency_ns")
    keys += [f"result_{p}_percentile_latency_ns" for p in PERCENTILES]
    if tokens:
        keys += ["result_tokens_per_second"] if scenario == "Offline" else TOKEN_RESULTS
    if inferred and scenario == "Server":
        keys.append("result_inferred_completed_tokens_per_second")
    if inferred and scenario == "Offline":
        keys.append("result_inferred_tokens_per_second")
    return keys


def expected_keys(scenario, mode, tokens, inferred, valid, accuracy_sets):
    """Keys of a whole detail log but for num_errors and what is our own."""
    keys = HEADER + REQUESTED_BY_SCENARIO[scenario] + REQUESTED
    if tokens:
        keys.append("requested_use_token_latencies")
        if scenario != "Offline":
            keys += words("requested_server_ttft_latency requested_server_tpot_latency")
    keys += EFFECTIVE
    if mode != "PerformanceOnly":
        keys += ["generic_message"] + accuracy_sets * (SET_START + SET_END)
    if mode != "AccuracyOnly":
        ended = [] if scenario == "Server" else ["generic_message"]
        keys += ["generic_message", *SET_START, *ended, *SET_END]
        keys += result_keys(scenario, tokens, inferred, valid)
    return keys


# ---- The runs, one each --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(run_test):
    """Runs a combination once, whatever number of tests look at it."""
    done = {}

    def get(scenario, mode, token_mode):
        key = scenario, mode, token_mode
        if key not in done:
            tokens = token_mode in ("tokens", "both")
            done[key] = run_test(
                scenario=scenario,
                mode=mode,
                min_query_count=QUERIES,
                server_target_qps=20000,
                server_target_latency_ns=BOUND_NS,
                ttft_latency=BOUND_NS,
                tpot_latency=BOUND_NS,
                multi_stream_samples_per_query=4,
                use_token_latencies=tokens,
                infer_token_latencies=token_mode in ("inferred", "both"),
                token_latency_scaling_factor=7,
                accuracy_log_probability=0.3,
                total=25,
                issue=lambda samples: answer(samples, TOKENS if tokens else 0),
            )
        return done[key]

    return get


every_run = pytest.mark.parametrize(
    ("scenario", "mode", "token_mode"),
    list(itertools.product(SCENARIOS, MODES, TOKEN_MODES)),
)
every_performance_run = pytest.mark.parametrize(
    ("scenario", "token_mode"), list(itertools.product(SCENARIOS, TOKEN_MODES))
)


# ---- The detail log ------------------------------------------------------------------------------


@every_run
def test_detail_keys(runs, scenario, mode, token_mode):
    run = runs(scenario, mode, token_mode)
    tokens, inferred = token_mode in ("tokens", "both"), token_mode in ("inferred", "both")
    keys = [record["key"] for record in run.detail]
    keys = [key for key in keys if key != "error_uncommitted_loadgen_changes"]
    end = keys.index("result_reason_count")
    assert keys[end:] == ["result_reason_count", *["result_reason"] * len(run.result.reasons)]
    del keys[end:]
    valid = run.result.performance is not None and run.result.performance.valid
    expected = expected_keys(scenario, mode, tokens, inferred, valid, accuracy_sets=3)
    assert keys[: len(expected)] == expected
    own = keys[len(expected) :]
    if mode == "AccuracyOnly":
        assert own == []
    else:
        assert own.pop() == "num_errors"
        assert not set(own) & set(expected)


@every_run
def test_detail_records(runs, scenario, mode, token_mode):
    run = runs(scenario, mode, token_mode)
    lines = run.text("detail.txt").splitlines()
    form = re.compile(
        r':::MLLOG \{"key": "[^"]+", "value": .*, "time_ms": \d+\.\d{6}, '
        r'"namespace": "mlperf::logging", "event_type": "POINT_IN_TIME", "metadata": '
        r'\{"is_error": (true|false), "is_warning": (true|false), "file": "[\w.]+", '
        r'"line_no": \d+, "pid": \d+, "tid": \d+\}\}'
    )
    assert all(form.fullmatch(line) for line in lines)
    times = [record["time_ms"] for record in run.detail]
    assert times == sorted(times)
    flagged = [r for r in run.detail if r["metadata"]["is_error"] or r["metadata"]["is_warning"]]
    assert [r["key"] for r in flagged if not r["value"].startswith(BUILT_DIRTY)] == []


@every_run
def test_detail_values(runs, scenario, mode, token_mode):
    run = runs(scenario, mode, token_mode)
    assert run.value("requested_scenario") == run.value("effective_scenario") == scenario
    assert run.value("requested_test_mode") == run.value("effective_test_mode") == mode
    assert run.value("sut_name") == "PySUT"
    assert run.value("qsl_name") == "PyQSL"
    assert run.value("qsl_reported_total_count") == 25
    assert run.value("qsl_reported_performance_count") == 10
    assert run.values("loaded_qsl_set") == run.calls("load")
    per_query = {"MultiStream": 4, "Offline": QUERIES}.get(scenario, 1)
    assert run.value("effective_samples_per_query") == per_query
    queries = 1 if scenario == "Offline" else QUERIES
    assert run.value("effective_min_sample_count") == queries * per_query
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run.value("test_datetime"))
    power = re.compile(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d\.\d{3}")
    assert all(power.fullmatch(v) for k in ("power_begin", "power_end") for v in run.values(k))
    messages = run.values("generic_message")
    started = {
        "PerformanceOnly": ["Starting performance mode"],
        "AccuracyOnly": ["Starting accuracy mode"],
        "SubmissionRun": ["Starting accuracy mode", "Starting performance mode"],
    }[mode]
    if mode != "AccuracyOnly" and scenario != "Server":
        started = [*started, "Ending naturally: Minimum query count and test duration met."]
    assert messages == started


# ---- The summary ---------------------------------------------------------------------------------

RULE = "=" * 48
BLOCK = [
    "Min latency (ns)                : INT",
    "Max latency (ns)                : INT",
    "Mean latency (ns)               : INT",
    *[f"{p} percentile latency (ns)   : INT" for p in PERCENTILES],
]
FIRST_TOKEN_BLOCK = [
    "Min First Token latency (ns)                : INT",
    "Max First Token latency (ns)                : INT",
    "Mean First Token latency (ns)               : INT",
    *[f"{p} percentile first token latency (ns)   : INT" for p in PERCENTILES],
]
TIME_PER_TOKEN_BLOCK = [
    "Min Time per Output Token (ns)                : INT",
    "Max Time per Output Token (ns)                : INT",
    "Mean Time per Output Token (ns)               : INT",
    *[f"{p} percentile time to output token (ns)   : INT" for p in PERCENTILES],
]
LATENESS_BLOCK = ["", RULE, "Load Generator", RULE] + 11 * ["OWN"]
PARAMETERS = words("""
    qsl_rng_seed sample_index_rng_seed schedule_rng_seed accuracy_log_rng_seed
    accuracy_log_probability accuracy_log_sampling_target print_timestamps
    performance_issue_unique performance_issue_same performance_issue_same_index
    performance_sample_count accuracy_sample_count
""")
FORMS = {
    "INT": r"-?\d+",
    "FIXED": r"\d+\.\d\d",
    "NUMBER": r"\d+(\.\d+)?(e[+-]\d+)?",
    "YES": "(Yes|NO)",
    "CAUTION": r"Caution +: .+",
    "OWN": r"[A-Z][\w. ()]*: (-?\d+(\.\d+)?(e-\d+)?|Auto)",
}


def metric_lines(scenario, tokens, inferred):
    if scenario in ("SingleStream", "MultiStream"):
        p = "90.0" if scenario == "SingleStream" else "99.0"
        first = [f"{p}th first token percentile latency (ns) : INT"]
        return [f"{p}th percentile latency (ns) : INT", *(first if tokens else [])]
    server = scenario == "Server"
    lines = ["Completed samples per second    : FIXED" if server else "Samples per second: NUMBER"]
    name, form = ("Completed tokens", "FIXED") if server else ("Tokens", "NUMBER")
    if tokens:
        lines.append(f"{name} per second: {form}")
    if inferred:
        lines.append(f"{name} per second (inferred): {form}")
    return lines


def additional_lines(scenario, tokens):
    lines = {
        "SingleStream": [
            "QPS w/ loadgen overhead         : FIXED",
            "QPS w/o loadgen overhead        : FIXED",
            "",
        ],
        "MultiStream": ["Per-query latency:  "],
        "Server": ["Scheduled samples per second : FIXED"],
        "Offline": [],
    }[scenario] + BLOCK
    if not tokens:
        return lines
    if scenario == "Offline":
        return [*lines, ""]
    rates = {
        "SingleStream": [
            "TPS w/ loadgen overhead         : FIXED",
            "TPS w/o loadgen overhead        : FIXED",
        ],
        "MultiStream": [],
        "Server": ["Completed tokens per second                 : FIXED"],
    }[scenario]
    return [*lines, "", *rates, *FIRST_TOKEN_BLOCK, "", *TIME_PER_TOKEN_BLOCK]


def summary_lines(run, scenario, mode, tokens, inferred):
    """The summary as forms; the texts of early stopping and advice are taken from the result."""
    performance = run.result.performance
    lines = [RULE, "MLPerf Results Summary", RULE, "SUT name : PySUT"]
    lines += [f"Scenario : {scenario}", f"Mode     : {mode}"]
    lines += metric_lines(scenario, tokens, inferred)
    lines.append("Result is : " + ("VALID" if performance.valid else "INVALID"))
    if scenario == "Server":
        lines.append("  Performance constraints satisfied : YES")
    lines += ["  Min duration satisfied : YES", "  Min queries satisfied : YES"]
    lines.append("  Early stopping satisfied: YES")
    if not performance.valid:
        lines.append("Recommendations:")
        for text in performance.recommendations:
            lines += f" * {text}".split("\n")
    if tokens and scenario != "Offline":
        for name in ("TTFT", "TPOT"):
            stopping = getattr(performance.tokens, f"early_stopping_{name.lower()}")
            lines += [f"{name} Early Stopping Result:", *stopping.text.split("\n")]
    elif scenario != "Offline":
        lines += ["Early Stopping Result:", *performance.early_stopping.text.split("\n")]
    lines += ["", RULE, "Additional Stats", RULE, *additional_lines(scenario, tokens)]
    if scenario == "Server":
        lines += LATENESS_BLOCK + ["CAUTION"] * len(run.result.cautions)
    lines += ["", RULE, "Test Parameters Used", RULE, "samples_per_query : INT"]
    lines.append("target_qps : NUMBER")
    bounds = ["ttft_latency", "tpot_latency"] if tokens else ["target_latency"]
    lines += [f"{bound} (ns): INT" for bound in bounds]
    lines += ["max_async_queries : INT", "min_duration (ms): INT", "max_duration (ms): INT"]
    lines += ["min_query_count : INT", "max_query_count : INT"]
    return lines + [f"{name} : NUMBER" for name in PARAMETERS]


def form_of(line):
    pattern = re.escape(line)
    for name, form in FORMS.items():
        pattern = re.sub(rf"(?<!\w){name}$", lambda _, form=form: form, pattern)
    return pattern


@every_run
def test_summary(runs, scenario, mode, token_mode):
    run = runs(scenario, mode, token_mode)
    tokens, inferred = token_mode in ("tokens", "both"), token_mode in ("inferred", "both")
    expected = []
    if mode != "AccuracyOnly":
        expected = summary_lines(run, scenario, mode, tokens, inferred)
    errors = run.result.error_count
    end = f"{errors} ERROR encountered. See detailed log."
    expected += ["", "No warnings encountered during test.", ""]
    expected.append(end if errors else "No errors encountered during test.")
    lines = run.summary.split("\n")
    assert lines.pop() == ""
    for line, form in zip(lines, expected, strict=True):
        assert re.fullmatch(form_of(form), line), (line, form)


def test_permutation_is_remarked_on_in_the_summary(run_test):
    run = run_test(sample_concatenate_permutation=True)
    assert (
        "accuracy_sample_count : 20\n"
        "WARNING: sample_concatenate_permutation was set to true. \n"
        "Generated samples per query might be different as the one in the setting.\n"
        "Check the generated_samples_per_query line in the detailed log for the real\n"
        "samples_per_query value\n"
        "\n"
    ) in run.summary


# ---- The accuracy log ----------------------------------------------------------------------------


def accuracy_line(run, sequence_id, index, scenario, tokens):
    fields = [f'"seq_id" : {sequence_id}', f'"qsl_idx" : {index}', '"data" : "0A1B"']
    if tokens and scenario != "Offline":
        fields.append('"token_data" : "7F"')
    if tokens:
        fields.append(f'"token_count" : {TOKENS}')
    return "{ " + ", ".join(fields) + " }"


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_accuracy_log_bytes(run_test, scenario, tokens):
    data, first = np.array([10, 27], np.uint8), np.array([127], np.uint8)

    def issue(samples):
        if tokens:
            lg.FirstTokenComplete(
                [lg.QuerySampleResponse(s.id, first.ctypes.data, 1) for s in samples]
            )
        responses = [lg.QuerySampleResponse(s.id, data.ctypes.data, 2, TOKENS) for s in samples]
        lg.QuerySamplesComplete(responses)

    run = run_test(
        scenario=scenario,
        mode="AccuracyOnly",
        use_token_latencies=tokens,
        server_target_qps=1e5,
        issue=issue,
        total=25,
    )
    lines = [accuracy_line(run, i, index, scenario, tokens) for i, index in enumerate(run.issued)]
    assert run.text("accuracy.json") == "[\n" + ",\n".join(lines) + "\n]\n"


# The clients of the large language models send no first tokens in Offline.
@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly", "SubmissionRun"])
@pytest.mark.parametrize("sends", ["none", "some", "all"])
def test_offline_may_send_first_tokens_or_not(run_test, mode, sends):
    below = {"none": 0, "some": 7, "all": 25}[sends]

    def issue(samples):
        lg.FirstTokenComplete(
            [lg.QuerySampleResponse(s.id, 0, 0) for s in samples if s.index < below]
        )
        lg.complete(samples.ids, None, samples.indices + 2)

    run = run_test(
        scenario="Offline",
        mode=mode,
        issue=issue,
        use_token_latencies=True,
        total=25,
        performance=25,
        min_query_count=50,
    )
    assert run.result.valid, run.result.reasons
    assert (errors_of(run.result), run.result.warning_count) == ([], 0)
    rows = lg.read_samples(run.result.logs.samples)
    assert ((rows["first_token_ns"] >= 0) == (rows["sample_index"] < below)).all()
    assert (rows["tokens"] == 2 + rows["sample_index"]).all()
    assert all(record["token_count"] == 2 + record["qsl_idx"] for record in run.accuracy)
    assert not any("token_data" in record for record in run.accuracy)
    if mode != "AccuracyOnly":
        tokens = run.result.performance.tokens
        assert tokens.first_token.count == tokens.time_per_token.count == 2 * below
        assert tokens.token_count == rows["tokens"][rows["phase"] == 1].sum()
        words = str(run.result)
        assert ("first token" in words) == (sends != "none")
        assert ("first token (14 samples)" in words) == (sends == "some")


TOKEN_MODELS = re.findall(
    r"^(\S+?)\.\*\.use_token_latencies = 1$", (ROOT / "mlperf.conf").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("model", TOKEN_MODELS)
@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly"])
def test_offline_of_the_models_with_tokens_needs_no_first_tokens(tmp_path, mode, model):
    """The built-in config file turns token latencies on for these."""
    user_conf = tmp_path / "user.conf"
    user_conf.write_text("*.*.min_duration = 0\n*.Offline.min_query_count = 50\n")
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, mode=lg.TestMode.__members__[mode])
    assert settings.FromConfig(str(user_conf), model, "Offline") == 0
    assert settings.use_token_latencies
    sut = lg.ConstructSUT(lambda s: lg.complete(s.ids, None, s.indices + 2), lambda: None)
    qsl = lg.ConstructQSL(20, 20, len, len)
    result = lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(tmp_path))
    lg.DestroySUT(sut)
    lg.DestroyQSL(qsl)
    assert result.valid, result.reasons
    assert errors_of(result) == []


def test_the_models_with_tokens_are_those_of_the_language_and_speech_models():
    families = {model.split("-")[0].split("_")[0] for model in TOKEN_MODELS}
    assert families >= {"llama2", "llama3", "mixtral", "deepseek", "whisper", "gpt"}


@every_run
def test_accuracy_log_records(runs, scenario, mode, token_mode):
    run = runs(scenario, mode, token_mode)
    assert run.result.accuracy_sample_count == len(run.accuracy)
    issued = run.issued
    assert all(record["qsl_idx"] == issued[record["seq_id"]] for record in run.accuracy)
    assert len({record["seq_id"] for record in run.accuracy}) == len(run.accuracy)
    performance = len(issued) - QUERIES * run.value("effective_min_sample_count") // QUERIES
    if mode == "AccuracyOnly":
        performance = len(issued)
    in_accuracy = [r for r in run.accuracy if r["seq_id"] < performance]
    assert len(in_accuracy) == performance
    if mode != "AccuracyOnly":
        sampled = len(run.accuracy) - performance
        assert 0 < sampled < len(issued) - performance


def test_empty_accuracy_log(run_test):
    run = run_test()
    assert run.text("accuracy.json") == "[\n]\n"
    assert run.result.accuracy_sample_count == 0


# ---- The trace -----------------------------------------------------------------------------------


@every_run
def test_trace(runs, scenario, mode, token_mode):
    run = runs(scenario, mode, token_mode)
    trace = run.trace
    assert trace["displayTimeUnit"] == "ns"
    events = trace["traceEvents"]
    begins = [e for e in events if (e["name"], e["ph"]) == ("Sample", "b")]
    ends = {e["id"]: e["ts"] for e in events if (e["name"], e["ph"]) == ("Sample", "e")}
    rows = run.result.samples
    assert [e["args"]["sample_idx"] for e in begins] == rows["sample_index"].tolist()
    assert [e["args"]["query_seq"] for e in begins] == rows["query"].tolist()
    assert [e["id"] for e in begins] == list(range(len(rows)))
    for event, row in zip(begins, rows, strict=True):
        assert event["args"]["complete_ns"] == row["completed_ns"] - row["scheduled_ns"]
        assert event["args"]["issue_start_ns"] == row["issued_ns"] - row["scheduled_ns"]
        taken_us = ends[event["id"]] - event["ts"]
        assert taken_us == pytest.approx(event["args"]["complete_ns"] / 1000, abs=0.002)
    spans = {e["name"] for e in events if e["ph"] == "X"}
    assert {"IssueQuery", "LoadSamples", "SampleLoop", "GenerateQueries"} <= spans


def test_no_trace_if_not_wanted(run_test):
    run = run_test(log={"enable_trace": False})
    assert run.text("trace.json") == ""


# ---- The sample log ------------------------------------------------------------------------------

FIELDS = {
    "query": "<u8",
    "sample_index": "<u4",
    "phase": "<u2",
    "failed": "|b1",
    "held_up": "|b1",
    "scheduled_ns": "<i8",
    "issued_ns": "<i8",
    "first_token_ns": "<i8",
    "completed_ns": "<i8",
    "tokens": "<i8",
}


@every_run
def test_sample_log(runs, scenario, mode, token_mode):
    run = runs(scenario, mode, token_mode)
    rows = np.load(run.result.logs.samples, mmap_mode="r")
    assert isinstance(rows, np.memmap)
    assert rows.dtype == np.dtype(list(FIELDS.items()))
    assert not rows["failed"].any()
    assert (rows == run.result.samples).all()
    assert rows["sample_index"].tolist() == run.issued
    assert (np.diff(rows["query"].astype(np.int64)) >= 0).all()
    assert (rows["scheduled_ns"] >= 0).all()
    assert (rows["scheduled_ns"] <= rows["issued_ns"]).all()
    assert (rows["issued_ns"] <= rows["completed_ns"]).all()
    if scenario != "Server":
        per_query = run.value("effective_samples_per_query")
        if mode == "PerformanceOnly":
            assert (rows["query"] == np.arange(len(rows)) // per_query).all()
    if token_mode in ("tokens", "both"):
        assert (rows["issued_ns"] <= rows["first_token_ns"]).all()
        assert (rows["first_token_ns"] <= rows["completed_ns"]).all()
        assert (rows["tokens"] == TOKENS).all()
    else:
        assert (rows["first_token_ns"] == -1).all()
        assert (rows["tokens"] == 0).all()


def test_no_sample_log_if_not_wanted(run_test):
    run = run_test(log={"enable_sample_log": False})
    assert run.result.logs.samples == ""
    assert not (run.outdir / "loadgen_samples/mlperf_log_samples.npy").exists()
    assert not (run.outdir / "loadgen_samples").exists()
    with pytest.raises(ValueError, match="enable_sample_log = True"):
        _ = run.result.samples


def test_a_config_file_turns_the_sample_log_off(run_test, tmp_path):
    (tmp_path / "user.conf").write_text("*.*.enable_sample_log = 0\n*.*.min_duration = 0\n")
    settings = lg.TestSettings(max_query_count=10, min_query_count=10)
    assert settings.FromConfig(str(tmp_path / "user.conf"), "m", "SingleStream") == 0
    run = run_test(enable_sample_log=settings.enable_sample_log)
    assert run.result.logs.samples == ""
    assert not (run.outdir / "loadgen_samples").exists()
    assert run_test(enable_sample_log=True).result.logs.samples


def test_a_list_of_the_log_folder_does_not_show_the_sample_log(run_test):
    """Checkers of submissions compare the plain files of a run with those they know."""
    run = run_test(log={"enable_trace": False})
    files = {path.name for path in run.outdir.iterdir() if path.is_file()}
    known = ("summary.txt", "detail.txt", "accuracy.json", "trace.json")
    assert files == {f"mlperf_log_{name}" for name in known}
    assert run.result.logs.samples == f"{run.outdir}/loadgen_samples/mlperf_log_samples.npy"


# ---- Sizes ---------------------------------------------------------------------------------------

MANY = {"scenario": "Offline", "min_query_count": 30000, "total": 30000, "performance": 30000}


def test_the_trace_and_the_sample_log_keep_to_their_sizes(run_test, capfd):
    run = run_test(log={"max_trace_mb": 1, "max_sample_log_mb": 1}, **MANY)
    result = run.result
    assert result.valid and result.performance.sample_count == 30000
    assert Path(result.logs.trace).stat().st_size <= 1_000_000
    assert Path(result.logs.samples).stat().st_size <= 1_000_000
    begun = [e for e in run.trace["traceEvents"] if (e["name"], e["ph"]) == ("Sample", "b")]
    left_out = 30000 - len(begun)
    assert 0 < len(begun) < 30000
    assert [e["args"]["sample_seq"] for e in begun] == list(range(len(begun)))
    assert run.trace["otherData"]["samples_left_out"] == left_out
    assert run.value("trace_left_out_sample_count") == left_out

    rows = np.load(result.logs.samples)
    assert 15000 < len(rows) < 30000
    assert run.value("sample_log_left_out_sample_count") == 30000 - len(rows)
    with pytest.warns(
        lg.TruncatedLogWarning, match=rf"the first {len(rows):,} samples of the test"
    ):
        assert len(result.samples) == len(rows)

    said = capfd.readouterr().err
    for count, setting in ((left_out, "max_trace_mb"), (30000 - len(rows), "max_sample_log_mb")):
        found = [t for t in result.warnings if f"{count} samples are left out of the" in t]
        assert len(found) == 1 and f"LogSettings.{setting} = 1" in found[0]
        assert found[0] in said


def test_the_trace_and_the_sample_log_leave_room_on_the_disk(run_test):
    run = run_test(log={"max_free_space_share": 1e-12}, min_query_count=10)
    assert len(np.load(run.result.logs.samples)) == 0
    assert run.trace["traceEvents"] == [] and run.trace["otherData"]["samples_left_out"] == 10
    assert sum("max_free_space_share = 1e-12 of" in text for text in run.result.warnings) == 2


def test_no_bounds_and_those_of_ordinary_tests_leave_nothing_out(run_test):
    unbounded = {"max_trace_mb": 0, "max_sample_log_mb": 0, "max_free_space_share": 0}
    for log in ({}, unbounded):
        run = run_test(log=log, **MANY)
        assert len(run.result.samples) == 30000
        assert run.result.warnings == []
        assert "samples_left_out" not in run.trace["otherData"]


def test_the_share_is_of_the_space_that_is_free(run_test, tmp_path):
    disk = os.statvfs(tmp_path)
    share = 1_000_000 / (disk.f_bavail * disk.f_frsize)
    run = run_test(log={"max_free_space_share": share}, **MANY)
    for path in (run.result.logs.trace, run.result.logs.samples):
        # Other programs take and give back space meanwhile.
        assert 500_000 < Path(path).stat().st_size < 1_500_000


def test_the_page_states_the_bounds_that_are_the_default():
    text = (ROOT / "docs/log_formats.md").read_text()
    for name in ("max_trace_mb", "max_sample_log_mb", "max_free_space_share"):
        (stated,) = re.findall(rf"^\| `{name}` \| (\S+) \|", text, re.MULTILINE)
        assert float(stated) == getattr(lg.LogSettings(), name) > 0


def test_the_page_on_moving_here_says_where_the_sample_log_is_and_how_to_turn_it_off(run_test):
    text = (ROOT / "docs/migrating.md").read_text()
    run = run_test(min_query_count=10)
    assert f"`{Path(run.result.logs.samples).relative_to(run.outdir)}`" in text
    assert "`LogSettings.enable_sample_log = False`" in text
    assert "`*.*.enable_sample_log = 0`" in text


def test_a_share_that_is_none_is_refused(run_test):
    with pytest.raises(ValueError, match=r"max_free_space_share is 2; give a share from 0"):
        run_test(log={"max_free_space_share": 2.0})


# ---- The numbers ---------------------------------------------------------------------------------


def check_stats(stats, values, target):
    """Statistics against NumPy: element floor(n * p) of the sorted values, mean truncated."""
    ordered, n = np.sort(values), len(values)
    assert stats.count == n
    assert (stats.min_ns, stats.max_ns) == (ordered[0], ordered[-1])
    assert stats.mean_ns == sum(ordered.tolist()) // n
    assert stats.percentiles_ns == {
        p: ordered[min(int(n * p), n - 1)] for p in PERCENTILES.values()
    }
    assert stats.target_percentile_ns == ordered[min(int(n * target), n - 1)]


def query_latencies(rows):
    latencies = rows["completed_ns"] - rows["scheduled_ns"]
    starts = np.flatnonzero(np.diff(rows["query"].astype(np.int64), prepend=-1))
    return np.maximum.reduceat(latencies, starts)


TARGETS = {"SingleStream": 0.9, "MultiStream": 0.99, "Server": 0.99, "Offline": 0.99}


@every_performance_run
def test_numbers_are_those_of_the_samples(runs, scenario, token_mode):
    run = runs(scenario, "PerformanceOnly", token_mode)
    result, rows = run.result.performance, run.result.samples
    latencies = rows["completed_ns"] - rows["scheduled_ns"]
    n, last = len(rows), rows[rows["query"] == rows["query"].max()]
    assert (result.query_count, result.sample_count) == (len(set(rows["query"].tolist())), n)
    check_stats(result.sample_latency, latencies, TARGETS[scenario])
    issued_s, done_s = last["issued_ns"][0] / 1e9, last["completed_ns"].max() / 1e9
    scheduled_s = last["scheduled_ns"][0] / 1e9
    assert result.final_query_issued_s == pytest.approx(issued_s)
    assert result.final_query_done_s == pytest.approx(done_s)
    assert result.final_query_scheduled_s == pytest.approx(scheduled_s)
    assert result.max_latency_s == pytest.approx(latencies.max() / 1e9)
    expected = dict.fromkeys(
        words("""
            qps_with_overhead qps_without_overhead scheduled_samples_per_second
            completed_samples_per_second samples_per_second
        """),
        0.0,
    )
    if scenario == "SingleStream":
        expected["qps_with_overhead"] = (n - 1) / issued_s
        expected["qps_without_overhead"] = 1e9 / result.sample_latency.mean_ns
    elif scenario == "Server":
        expected["scheduled_samples_per_second"] = (n - 1) / scheduled_s
        expected["completed_samples_per_second"] = (n - 1) / done_s
        assert result.overlatency_query_count == (latencies > BOUND_NS).sum()
    elif scenario == "Offline":
        expected["samples_per_second"] = n / (latencies.max() / 1e9)
    for name, value in expected.items():
        assert getattr(result, name) == pytest.approx(value), name
    if scenario == "MultiStream":
        check_stats(result.query_latency, query_latencies(rows), 0.99)
    else:
        assert result.query_latency is None
    inferred = token_mode in ("inferred", "both")
    rate = expected["completed_samples_per_second"] + expected["samples_per_second"]
    assert result.inferred_tokens_per_second == pytest.approx(7 * rate if inferred else 0)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_token_numbers_are_those_of_the_samples(runs, scenario):
    run = runs(scenario, "PerformanceOnly", "tokens")
    result, rows = run.result.performance, run.result.samples
    tokens, target = result.tokens, TARGETS[scenario]
    per_token = (rows["completed_ns"] - rows["first_token_ns"]) // (rows["tokens"] - 1)
    check_stats(tokens.first_token, rows["first_token_ns"] - rows["scheduled_ns"], target)
    check_stats(tokens.time_per_token, per_token, target)
    assert tokens.token_count == TOKENS * len(rows)
    count = tokens.token_count
    if scenario == "Offline":
        assert tokens.per_second == pytest.approx(count / result.max_latency_s)
        return
    assert tokens.throughput_with_overhead == pytest.approx(count / result.final_query_issued_s)
    assert tokens.completed_per_second == pytest.approx(count / result.final_query_done_s)
    busy_s = result.sample_latency.mean_ns * len(rows) / 1e9
    assert tokens.throughput == pytest.approx(count / busy_s)


def stats_records(form, stats):
    """Detail records of a list: those of min, max, mean (format `form`) and of percentiles."""
    values = {"min": stats.min_ns, "max": stats.max_ns, "mean": stats.mean_ns}
    return {form.format(name): value for name, value in values.items()}


@every_performance_run
def test_detail_log_has_the_numbers_of_the_result(runs, scenario, token_mode):
    run = runs(scenario, "PerformanceOnly", token_mode)
    result = run.result.performance
    latency = result.sample_latency
    expected = stats_records("result_{}_latency_ns", latency)
    for name, p in PERCENTILES.items():
        expected[f"result_{name}_percentile_latency_ns"] = latency.percentiles_ns[p]
    expected["result_validity"] = "VALID" if result.valid else "INVALID"
    expected["result_query_count"] = result.query_count
    for name in ("min_duration_met", "min_queries_met"):
        expected[f"result_{name}"] = getattr(result, name)
    expected["early_stopping_met"] = result.early_stopping_met
    if scenario == "MultiStream":
        expected |= stats_records("result_{}_query_latency_ns", result.query_latency)
        for name, p in PERCENTILES.items():
            key = f"result_{name}_percentile_per_query_latency_ns"
            expected[key] = result.query_latency.percentiles_ns[p]
    if result.tokens and scenario != "Offline":
        expected |= stats_records("result_first_token_{}_latency_ns", result.tokens.first_token)
        expected |= stats_records("result_time_to_output_token_{}", result.tokens.time_per_token)
    for key, value in expected.items():
        assert run.value(key) == value, key
    rates = {
        "SingleStream": {
            "result_qps_with_loadgen_overhead": result.qps_with_overhead,
            "result_qps_without_loadgen_overhead": result.qps_without_overhead,
        },
        "MultiStream": {},
        "Server": {
            "result_scheduled_samples_per_sec": result.scheduled_samples_per_second,
            "result_completed_samples_per_sec": result.completed_samples_per_second,
        },
        "Offline": {"result_samples_per_second": result.samples_per_second},
    }[scenario]
    for key, value in rates.items():
        assert run.value(key) == pytest.approx(value, rel=1e-5), key  # Six digits are printed.


def test_headline_of_the_summary(runs):
    run = runs("SingleStream", "PerformanceOnly", "none")
    value = re.search(r"90\.0th percentile latency \(ns\) : (\d+)", run.summary)[1]
    assert int(value) == run.result.performance.sample_latency.target_percentile_ns
    run = runs("Offline", "PerformanceOnly", "none")
    value = re.search(r"Samples per second: (\S+)", run.summary)[1]
    assert float(value) == pytest.approx(run.result.performance.samples_per_second, rel=1e-5)


# ---- File names and standard output --------------------------------------------------------------


def test_prefix_suffix_and_datetime(handles, tmp_path):
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path / "new")
    log.log_output.prefix = "a_"
    log.log_output.suffix = "_z"
    log.log_output.prefix_with_datetime = True
    settings = lg.TestSettings(min_duration_ms=0)
    result = lg.StartTestWithLogSettings(*handles, settings, log)
    names = sorted(path.name for path in (tmp_path / "new").rglob("*") if path.is_file())
    stamp = r"a_\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ_"
    expected = [
        r"accuracy_z\.json",
        r"detail_z\.txt",
        r"samples_z\.npy",
        r"summary_z\.txt",
        r"trace_z\.json",
    ]
    for name, form in zip(names, expected, strict=True):
        assert re.fullmatch(stamp + form, name)
    logs = result.to_dict()["logs"]
    assert logs.pop("tokens") == ""  # Only systems that report arrivals of tokens have it.
    assert {Path(p).name for p in logs.values()} == set(names)


def test_copies_to_standard_output(handles, tmp_path, capfd):
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    log.log_output.copy_summary_to_stdout = True
    log.log_output.copy_detail_to_stdout = True
    lg.StartTestWithLogSettings(*handles, lg.TestSettings(min_duration_ms=0), log)
    printed = capfd.readouterr().out
    summary = (tmp_path / "mlperf_log_summary.txt").read_text()
    detail = (tmp_path / "mlperf_log_detail.txt").read_text()
    assert all(line in printed for line in summary.splitlines())
    assert all(line in printed for line in detail.splitlines())
    assert len(printed) == len(summary) + len(detail)


def test_nothing_is_printed_without_being_asked_for(run_test, capfd):
    run_test(mode="SubmissionRun")
    assert capfd.readouterr() == ("", "")


def test_names_are_escaped(handles, tmp_path):
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    name = 'quote " backslash \\ newline \n tab \t control \x01 ä 🙂'
    sut = lg.ConstructQDL(answer, lambda: None, lambda: name)
    lg.StartTestWithLogSettings(sut, handles[1], lg.TestSettings(min_duration_ms=0), log)
    lines = (tmp_path / "mlperf_log_detail.txt").read_text().split("\n")
    records = [strict_json(line.removeprefix(":::MLLOG ")) for line in lines if line]
    assert [r["value"] for r in records if r["key"] == "sut_name"] == [name]
