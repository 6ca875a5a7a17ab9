"""What StartTest returns: its attributes, its texts, and the rules of the verdict.

Method: tests are run that keep or break one rule each. Early stopping is checked against the table
of required query counts and, for the counts that a run happened to have, against the binomial sum
that defines them.
"""

import json
import math
import threading

import numpy as np
import pytest
from runs import FOR_EVERY_SCENARIO, SCENARIOS, answer, errors_of, log_settings

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

# ---- Attributes and texts ------------------------------------------------------------------------


def test_attributes(run_test):
    run = run_test(min_query_count=100)
    result = run.result
    assert isinstance(result, lg.TestResult)
    assert result.scenario == lg.TestScenario.SingleStream
    assert result.mode == lg.TestMode.PerformanceOnly
    assert result.sut_name == "PySUT"
    assert result.valid
    assert result.reasons == []
    assert not result.aborted
    assert result.peak is None
    assert result.accuracy_sample_count == 0
    assert errors_of(result) == []
    assert (result.warning_count, result.warnings) == (0, [])
    assert result.log_failure == ""
    assert result.logs.summary == str(run.outdir / "mlperf_log_summary.txt")
    assert isinstance(result.performance, lg.PerformanceResult)
    assert result.performance.valid
    assert result.performance.query_count == 100
    assert result.performance.tokens is None
    assert result.performance.target_qps == pytest.approx(1000)
    assert len(result.samples) == 100


def test_accuracy_test_has_no_performance(run_test):
    result = run_test(mode="AccuracyOnly").result
    assert result.performance is None
    assert result.peak is None
    assert result.valid
    assert result.accuracy_sample_count == 20


def test_results_are_read_only(run_test):
    result = run_test().result
    with pytest.raises(AttributeError):
        result.aborted = True
    with pytest.raises(AttributeError):
        result.performance.valid = True
    result.errors.append("not kept")
    assert "not kept" not in result.errors


def test_parts_outlive_the_result(run_test):
    stats = run_test().result.performance.sample_latency
    assert stats.count == 10
    assert stats.percentiles_ns[0.5] <= stats.max_ns


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("tokens", [False, True])
def test_texts(run_test, scenario, tokens):
    run = run_test(
        scenario=scenario,
        server_target_qps=1e5,
        use_token_latencies=tokens,
        issue=lambda s: answer(s, 3 if tokens else 0),
    )
    text = str(run.result)
    assert text.startswith(f"{scenario} PerformanceOnly of PySUT: ")
    assert run.result.logs.summary in text
    for reason in run.result.reasons:
        assert reason in text
    verdict = "VALID" if run.result.valid else "INVALID"
    assert verdict in text
    assert scenario in repr(run.result)
    assert verdict in repr(run.result)


def one_query(scenario):
    return {"scenario": scenario, "min_query_count": 1, "multi_stream_samples_per_query": 1}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly", "SubmissionRun"])
def test_to_dict_is_plain_data(run_test, scenario, mode):
    result = run_test(scenario=scenario, mode=mode, server_target_qps=1e5).result
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert values["scenario"] == scenario
    assert values["mode"] == mode
    assert values["valid"] == result.valid
    assert values["logs"]["detail"] == result.logs.detail
    if mode == "AccuracyOnly":
        assert values["performance"] is None
    else:
        latency = values["performance"]["sample_latency"]
        assert (
            latency["percentiles_ns"]["0.99"]
            == (result.performance.sample_latency.percentiles_ns[0.99])
        )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_one_query(run_test, scenario):
    """Rates of one query may have no value; logs stay JSON and the result has a text."""
    run = run_test(**one_query(scenario))
    assert run.value("result_query_count") == 1
    assert run.result.performance.sample_latency.count == 1
    assert str(run.result)
    json.dumps(run.result.to_dict())


def test_result_has_the_same_names_as_its_dict(run_test):
    result = run_test(scenario="MultiStream", use_token_latencies=True).result
    values = result.to_dict()

    def compare(part, dictionary):
        public = {name for name in dir(part) if not name.startswith("_")} - {"to_dict", "samples"}
        assert public - {"logs"} == dictionary.keys() - {"samples", "logs"} or public == set(
            dictionary
        )
        for name, value in dictionary.items():
            if isinstance(value, dict) and name not in ("percentiles_ns", "failure_counts"):
                compare(getattr(part, name), value)

    compare(result, values)


# ---- Early stopping ------------------------------------------------------------------------------

# n(t): queries needed if t of them are over the bound, for t = 0, 1, 2, ...
REQUIRED = {
    0.5: [7, 11, 14, 17, 19, 22, 25, 27, 30, 33, 35, 38, 40],
    0.9: [44, 64, 81, 97, 113, 127, 142, 156, 170, 183, 197, 210, 223],
    0.95: [90, 130, 165, 198, 229, 259, 288, 316, 344, 371, 398, 425, 451],
    0.99: [459, 662, 838, 1001, 1157, 1307, 1453, 1596, 1736, 1874, 2010, 2144, 2277],
}


def required(over, percentile):
    """n(t) from its definition, by the binomial sum."""

    def is_enough(n):
        total = math.fsum(
            math.exp(
                math.log(math.comb(n, k))
                + k * math.log(1 - percentile)
                + (n - k) * math.log(percentile)
            )
            for k in range(over + 1)
        )
        return total < 1 - 0.99

    low, high = over, over + 1
    while not is_enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


@pytest.mark.parametrize("percentile", REQUIRED)
def test_definition_gives_the_table(percentile):
    counts = [required(t, percentile) for t in range(len(REQUIRED[percentile]))]
    assert counts == REQUIRED[percentile]


def discarded(queries, percentile):
    """The most queries that may be over the bound among so many."""
    return max(t for t, n in enumerate(REQUIRED[percentile]) if n <= queries)


@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream"])
def test_estimates(run_test, scenario, percentile):
    table = REQUIRED[percentile]
    name = "single_stream" if scenario == "SingleStream" else "multi_stream"
    for queries in (table[0], table[1] - 1, table[1], table[2] - 1, table[2], table[5]):
        run = run_test(
            scenario=scenario,
            min_query_count=queries,
            multi_stream_samples_per_query=2,
            **{f"{name}_target_latency_percentile": percentile},
        )
        performance, rows = run.result.performance, run.result.samples
        stopping = performance.early_stopping
        assert performance.query_count == queries
        assert stopping.met == (queries >= table[1])
        assert performance.early_stopping_met == stopping.met
        assert performance.valid == stopping.met
        label = f"{100 * percentile:.1f}"
        if not stopping.met:
            assert stopping.queries_missing == table[1] - queries
            assert stopping.estimate_ns == 0
            assert f"Only processed {queries} queries." in stopping.text
            assert f"Need to process at least {table[1]} queries" in stopping.text
            continue
        samples = 1 if scenario == "SingleStream" else 2
        latencies = (rows["completed_ns"] - rows["scheduled_ns"]).reshape(-1, samples).max(axis=1)
        t = discarded(queries, percentile)
        assert stopping.queries_missing == 0
        assert stopping.estimate_ns == np.sort(latencies)[queries - t]
        assert f"Processed at least {table[1]} queries ({queries})." in stopping.text
        assert f"Would discard {t - 1} highest latency queries." in stopping.text
        assert f"{label}th percentile estimate: {stopping.estimate_ns}" in stopping.text


@pytest.mark.parametrize("queries", [661, 662, 837, 838])
def test_estimate_of_the_99th_percentile(run_test, queries):
    run = run_test(min_query_count=queries)
    stopping, rows = run.result.performance.early_stopping, run.result.samples
    latencies = np.sort(rows["completed_ns"] - rows["scheduled_ns"])
    assert stopping.met
    if queries < 662:
        assert stopping.estimate_p99_ns == 0
        assert "Not enough queries processed for 99.0th percentile" in stopping.text
        assert "(would need to process at\n least 662 total queries)." in stopping.text
    else:
        assert stopping.estimate_p99_ns == latencies[queries - discarded(queries, 0.99)]
    assert run.value("early_stopping_latency_ss") == stopping.estimate_ns
    assert run.value("early_stopping_latency_ms") == stopping.estimate_p99_ns


@pytest.mark.parametrize(("held", "percentile"), [(0, 0.99), (3, 0.9), (12, 0.9), (40, 0.5)])
def test_server_early_stopping(run_test, held, percentile):
    """The first queries are answered at the end only, and so are over the bound."""
    waiting = []

    def issue(samples):
        if len(waiting) < held:
            waiting.append(samples)
        else:
            answer(samples)
        seen.append(len(samples))
        if len(seen) == 460:
            for late in waiting:
                answer(late)

    seen = []
    run = run_test(
        scenario="Server",
        min_query_count=460,
        server_target_qps=20000,
        server_target_latency_ns=10000000,
        server_target_latency_percentile=percentile,
        issue=issue,
    )
    performance, rows = run.result.performance, run.result.samples
    over = int((rows["completed_ns"] - rows["scheduled_ns"] > 10000000).sum())
    needed = required(over, percentile)
    stopping = performance.early_stopping
    assert performance.overlatency_query_count == over
    assert stopping.met == (needed <= 460)
    assert stopping.queries_missing == max(0, needed - 460)
    if stopping.met:
        assert stopping.text == " * Run successful."
    else:
        assert stopping.text.startswith(" * Run unsuccessful.\n * Processed 460 queries.\n")
        assert f"at least {needed - 460} more queries" in stopping.text


def test_offline_has_no_early_stopping(run_test):
    stopping = run_test(scenario="Offline", min_query_count=1).result.performance.early_stopping
    assert (stopping.met, stopping.text, stopping.queries_missing) == (True, "", 0)


# ---- The verdict ---------------------------------------------------------------------------------


def check_verdict(run, failed, advice, reason, logged=None):
    """Only the check `failed` fails; it is advised on in the logs and explained in the result."""
    performance = run.result.performance
    checks = ("perf_constraints_met", "min_duration_met", "min_queries_met", "early_stopping_met")
    assert [name for name in checks if not getattr(performance, name)] == failed
    assert not performance.valid
    assert not run.result.valid
    assert any(advice in text for text in performance.recommendations)
    assert (logged or advice) in run.value("result_invalid_reason")
    assert (logged or advice) in run.summary
    assert "Result is : INVALID" in run.summary
    assert any(reason in text for text in run.result.reasons)
    assert any(reason in text for text in performance.reasons)


def test_too_few_queries(run_test):
    run = run_test(min_query_count=100, max_query_count=70)
    check_verdict(
        run,
        ["min_queries_met"],
        "The test exited early, before enough queries were issued.",
        "issued 70 queries, min_query_count asks for 100",
    )
    assert len(run.batches) == 70
    assert run.errors == [
        "IssueQueryThread 0 Ending early: Max query count reached. query_count 70"
    ]


@pytest.mark.parametrize(
    ("scenario", "advice"),
    [
        ("SingleStream", "Decrease the expected latency so the loadgen pre-generates more"),
        ("MultiStream", "Decrease the expected latency so the loadgen pre-generates more"),
        ("Server", "Increase the target QPS so the loadgen pre-generates more queries."),
    ],
)
def test_too_short(run_test, scenario, advice):
    run = run_test(
        scenario=scenario,
        min_duration_ms=60000,
        min_query_count=10,
        max_query_count=1000,
        server_target_qps=1e5,
        server_target_latency_ns=10**12,
        multi_stream_samples_per_query=1,
    )
    check_verdict(run, ["min_duration_met"], advice, "min_duration asks for 60 s")


def test_too_short_offline(run_test):
    run = run_test(scenario="Offline", min_duration_ms=60000, offline_expected_qps=0.01)
    advice = "Increase expected QPS so the loadgen pre-generates a larger (coalesced) query."
    check_verdict(run, ["min_duration_met"], advice, "min_duration asks for 60 s")


def test_too_slow(run_test):
    run = run_test(
        scenario="Server", server_target_latency_ns=0, server_target_qps=1e5, min_query_count=50
    )
    advice = "Reduce target QPS to improve latency."
    check_verdict(run, ["perf_constraints_met", "early_stopping_met"], advice, "latency")
    assert run.result.performance.overlatency_query_count == 50


@pytest.mark.parametrize("name", ["TTFT", "TPOT"])
def test_too_slow_tokens(run_test, name):
    def issue(samples):
        answer(samples[:], 2)

    bounds = {"ttft_latency": 10**12, "tpot_latency": 10**12} | {f"{name.lower()}_latency": 0}
    run = run_test(
        scenario="Server",
        server_target_qps=1e5,
        min_query_count=500,
        use_token_latencies=True,
        issue=issue,
        **bounds,
    )
    # The logs have the reference's words, with its spelling.
    logged = f"{name} constrain not met: Reduce target QPS to improve latency."
    failed = ["perf_constraints_met", "early_stopping_met"]
    check_verdict(run, failed, logged.replace("constrain ", "constraint "), name, logged)
    assert f"advice: {name} constraint not met" in str(run.result)


def test_total_latency_does_not_count_in_token_mode(run_test):
    run = run_test(
        scenario="Server",
        server_target_qps=1e5,
        server_target_latency_ns=0,
        ttft_latency=10**12,
        tpot_latency=10**12,
        min_query_count=500,
        use_token_latencies=True,
        issue=lambda s: answer(s, 2),
    )
    assert run.result.performance.perf_constraints_met
    assert run.result.performance.overlatency_query_count == 500
    assert run.result.valid


def test_broken_contract_is_never_valid(run_test):
    def issue(samples):
        answer(samples)
        answer(samples)

    run = run_test(issue=issue, min_query_count=100)
    check_verdict(run, [], "100 double completions", "complete each sample exactly once")


def test_max_duration(run_test):
    run = run_test(
        max_duration_ms=1, min_duration_ms=3600000, single_stream_expected_latency_ns=1e9
    )
    assert not run.result.performance.min_duration_met
    (error,) = run.errors
    assert error.startswith("IssueQueryThread 0 Ending early: Max test duration reached.")


def test_max_duration_ends_the_wait_for_a_query_that_is_due_long_after_it(run_test):
    """A second query would be due in a thousand seconds, or never."""
    for rate in (1e-3, 1e-300):
        run = run_test(
            scenario="Server", server_target_qps=rate, max_duration_ms=50, min_query_count=2
        )
        assert run.result.performance.query_count == 1
        (error,) = run.errors
        assert error.startswith("IssueQueryThread 0 Ending early: Max test duration reached.")


def test_max_async_queries(tmp_path):
    waiting = []
    # Nothing is answered before issuing has ended, however slow this machine is.
    sut = lg.ConstructSUT(waiting.append, lambda: [answer(late) for late in waiting])
    qsl = lg.ConstructQSL(20, 10, lambda indices: None, lambda indices: None)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_max_async_queries=4,
        server_target_qps=1e5,
        min_duration_ms=0,
        min_query_count=100,
    )
    result = lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(tmp_path))
    assert errors_of(result) == [
        "IssueQueryThread 0 Ending early: Too many outstanding queries. issued 5 outstanding 5"
    ]
    assert not result.performance.min_queries_met


def test_out_of_unique_samples(run_test):
    run = run_test(performance_issue_unique=True, min_query_count=11, performance=10)
    assert len(run.batches) == 10
    (error,) = run.errors
    assert error.startswith("Ending early: Ran out of generated queries to issue before")
    check_verdict(
        run,
        ["min_queries_met", "early_stopping_met"],
        "The test exited early",
        "no sample was left",
    )


# ---- FindPeakPerformance -------------------------------------------------------------------------


def check_search(trials, first_qps, step, decimals):
    """The trials widen by the step until one fails, then halve the interval.

    Returns the highest load that passed, and how many times samples are to be loaded: for the first
    trial, for each widening one and for all others together.
    """
    loads = [t.qps for t in trials]
    low = first_qps
    assert loads[0] == first_qps
    assert trials[0].passed
    position = 1
    while True:
        assert loads[position] == low * (1 + step)
        if not trials[position].passed:
            break
        low = loads[position]
        position += 1
    high = loads[position]
    for trial in trials[position + 1 :]:
        assert math.floor(low * 10**decimals) + 1 < math.floor(high * 10**decimals)
        assert trial.qps == low + (high - low) / 2
        low, high = (trial.qps, high) if trial.passed else (low, trial.qps)
    assert math.floor(low * 10**decimals) + 1 >= math.floor(high * 10**decimals)
    return low, position + 1 + (len(trials) > position + 1)


def test_peak_search(run_test):
    """A system that cannot do more than 70 queries a trial within the bound.

    It is late by more than the machine may be, from then on; so few trials of it are slow.
    """
    issued = []

    def issue(samples):
        issued.append(len(samples))
        if len(issued) == 71:
            stall.wait(0.2)
        answer(samples)

    def flush():
        issued.clear()

    stall = threading.Event()
    sut = lg.ConstructSUT(issue, flush)
    qsl = lg.ConstructQSL(20, 10, lambda i: loads.append(i), lambda i: None)
    loads = []
    outdir = run_test().outdir
    log = lg.LogSettings()
    log.log_output.outdir = str(outdir)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        mode=lg.TestMode.FindPeakPerformance,
        min_duration_ms=10,
        min_query_count=1,
        server_target_qps=2000,
        server_target_latency_ns=150_000_000,
        server_find_peak_qps_boundary_step_size=1,
        server_find_peak_qps_decimals_of_precision=0,
        server_target_latency_percentile=0.9,
    )
    for _ in range(5):  # A machine that stands still in the first trial ends the search.
        loads.clear()
        result = lg.StartTestWithLogSettings(sut, qsl, settings, log)
        if result.peak.found:
            break
    assert result.peak.found
    decimals = settings.server_find_peak_qps_decimals_of_precision
    peak_qps, load_count = check_search(result.peak.trials, 2000, 1, decimals)
    assert peak_qps == result.peak.qps
    assert result.performance.target_qps == result.peak.qps
    assert len(loads) == load_count
    detail = (outdir / "mlperf_log_detail.txt").read_text()
    assert f"Found peak performance field: {result.peak.qps:.6f}" in detail
    assert f"{result.peak.qps:g} queries/s" in str(result)
    assert result.to_dict()["peak"]["qps"] == result.peak.qps


def test_peak_search_that_fails_at_once(run_test):
    run = run_test(
        scenario="Server",
        mode="FindPeakPerformance",
        server_target_qps=1e5,
        server_target_latency_ns=0,
    )
    peak = run.result.peak
    assert not peak.found
    assert [(t.qps, t.passed) for t in peak.trials] == [(1e5, False)]
    assert not run.result.valid
    (error,) = run.errors
    assert error.startswith(
        "FindPeakPerformance: Initial lower bound does not satisfy performance constraints, msg: "
        "Reduce target QPS to improve latency."
    )
    assert "peak: none: the first rate fails; start lower (1 trial)" in str(run.result)


@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Offline"])
def test_peak_search_is_for_server(run_test, scenario):
    run = run_test(scenario=scenario, mode="FindPeakPerformance")
    assert run.events == []
    assert run.errors == ["Finding peak performance is only supported in Server scenarios."]
    assert run.result.performance is None
    assert not run.result.valid
    assert "MLPerf Results Summary" not in run.summary
