"""A difference of two runs is found where there is one, and only there.

Method: the statistics on simulated queues (Lindley's recursion), autoregressive noise, bursts and
drifts with fixed seeds, counting false alarms and finds against stated bounds; a Student quantile
and a standard error against values known from elsewhere. The rest on sample logs that are written
here: a real test gives the folder, and its sample log is replaced by rows with known times.
"""

import argparse
import importlib
import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import FOR_EVERY_SCENARIO, answer, run_in
from token_logs import streamed_run

import mlperf_loadgen as lg
from mlperf_loadgen.comparison import stats
from mlperf_loadgen.comparison.compare import compare
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.logs.settings import requested_name

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
PAIRS = 100
FRACTIONS = (0.1, 0.5, 0.9, 0.99)
MS = 1e6


# ---- Statistics on simulated systems -------------------------------------------------------------


def queue_latencies(gaps, services):
    """Of a queue with one server: wait (Lindley) and service."""
    steps = np.concatenate([[0.0], services[:-1] - gaps[1:]])
    walk = np.cumsum(steps)
    return walk - np.minimum.accumulate(walk) + services


def lognormal(random, n, mean, spread):
    return mean * random.lognormal(-spread * spread / 2, spread, n)


def m_d_1(random, arrivals, slowdown):
    return queue_latencies(arrivals, np.full(len(arrivals), MS * slowdown)) + random.normal(
        0, 0.02 * MS, len(arrivals)
    ).clip(-0.1 * MS)


def m_m_1(random, arrivals, slowdown):
    return queue_latencies(arrivals, random.exponential(MS * slowdown, len(arrivals)))


def closed_loop(random, arrivals, slowdown):
    return lognormal(random, len(arrivals), MS * slowdown, 0.1)


def autoregressive(random, arrivals, slowdown):
    """Logarithms that remember: x' = 0.95 x + noise, 5 % in all."""
    memory = 0.95 ** np.arange(200)
    noise = random.normal(0, 0.05 * math.sqrt(1 - 0.95**2), len(arrivals) + len(memory) - 1)
    return MS * slowdown * np.exp(np.convolve(noise, memory, "valid"))


def drifting(random, arrivals, slowdown):
    """Each run has a speed of its own (0.7 %, standard deviation), and wanders by 1 % besides."""
    n = len(arrivals)
    speed = random.normal(0, 0.007) + 0.01 * np.cumsum(random.normal(0, 1, n)) / math.sqrt(n)
    return lognormal(random, n, MS * slowdown, 0.1) * np.exp(speed)


def changing(random, arrivals, slowdown):
    """Speed that changes by 3 % (standard deviation) over a third of a run."""
    n = len(arrivals)
    memory = np.exp(-3 * np.arange(3 * n, step=n // 100) / n)  # At every hundredth of the run.
    steps = np.convolve(random.normal(0, 1, 100 + len(memory) - 1), memory, "valid")
    speed = np.interp(np.arange(n), np.linspace(0, n, 100), steps / np.sqrt(np.sum(memory**2)))
    return lognormal(random, n, MS * slowdown, 0.1) * np.exp(0.03 * speed)


def bursts(random, arrivals, slowdown):
    """Three times in a run, something else takes half of the machine for a fiftieth of the run."""
    latencies = closed_loop(random, arrivals, slowdown)
    length = len(latencies) // 50
    for start in random.integers(0, len(latencies) - length, 3):
        latencies[start : start + length] *= 2
    return latencies


def two_modes(random, arrivals, slowdown):
    """Exactly 1 ms or 2 ms, by the toss of a coin: the median is one or the other."""
    return MS * slowdown * random.choice([1.0, 2.0], len(arrivals))


def coarse_clock(random, arrivals, slowdown):
    """Latencies in steps of a twentieth."""
    return np.round(lognormal(random, len(arrivals), 20 * slowdown, 0.1)) * MS / 20


def count_found(system, slowdown, *, n=3000, load=0.5, shared_arrivals=True, tolerance=0.02):
    """In how many pairs a difference beyond the tolerance is claimed, at 95 % for all statistics.

    With a `slowdown`, the claim must be that B is slower.
    """
    found = 0
    for seed in range(PAIRS):
        random = np.random.default_rng(seed)
        arrivals = random.exponential(MS / load, n)
        others = arrivals if shared_arrivals else random.exponential(MS / load, n)
        a, b = system(random, arrivals, 1.0), system(random, others, slowdown)
        spreads = stats.within_runs(a, b, FRACTIONS, shared_arrivals)
        changes = stats.log_statistics(b, FRACTIONS) - stats.log_statistics(a, FRACTIONS)
        bounds = [
            change
            - math.copysign(stats.student_quantile(1 - 0.025 / 5, s.freedom), change) * s.error()
            for change, s in zip(changes, spreads, strict=True)
        ]
        limit = math.log1p(tolerance)
        claims = [
            (1 if bound > 0 else -1)
            for change, bound in zip(changes, bounds, strict=True)
            if bound * change > 0 and abs(bound) > limit
        ]
        found += any(claims) if slowdown == 1 else 1 in claims and -1 not in claims
    return found


SYSTEMS = [closed_loop, autoregressive, drifting, bursts, m_d_1, m_m_1, two_modes, coarse_clock]
FALSE_ALARMS = PAIRS // 20


@pytest.mark.parametrize("system", SYSTEMS)
def test_equal_systems_are_called_different_in_at_most_one_pair_of_twenty(system):
    assert count_found(system, 1.0) <= FALSE_ALARMS


def test_a_machine_whose_speed_changes_slowly_misleads_in_one_pair_of_six_at_most():
    assert count_found(changing, 1.0) <= PAIRS // 6


@pytest.mark.parametrize("system", [m_d_1, m_m_1])
def test_equal_queues_with_other_arrivals_are_not_called_different(system):
    assert count_found(system, 1.0, shared_arrivals=False) <= FALSE_ALARMS


def test_no_tolerance_is_needed_where_queries_are_independent():
    by_chance = PAIRS / 20 + 2 * math.sqrt(PAIRS / 20)  # At 95 %, two standard deviations above.
    assert count_found(closed_loop, 1.0, tolerance=0.0) <= by_chance


@pytest.mark.parametrize("system", [closed_loop, m_d_1, two_modes, coarse_clock])
def test_five_percent_are_found_in_nine_pairs_of_ten(system):
    assert count_found(system, 1.05, load=0.3) >= 9 * PAIRS // 10


@pytest.mark.parametrize("system", [autoregressive, drifting, bursts])
def test_five_percent_are_found_in_three_pairs_of_four_where_others_disturb(system):
    assert count_found(system, 1.05) >= 3 * PAIRS // 4


def test_shared_arrivals_make_small_differences_visible():
    shared = count_found(m_d_1, 1.03, load=0.85)
    assert shared >= 9 * PAIRS // 10
    assert count_found(m_d_1, 1.03, load=0.85, shared_arrivals=False) < shared // 2


def test_a_query_that_waits_for_none_shows_what_arrivals_hide():
    assert count_found(m_d_1, 1.05, shared_arrivals=False) >= 9 * PAIRS // 10


def test_the_error_of_a_mean_of_independent_values_is_the_textbook_one():
    random = np.random.default_rng(0)
    n, spread = 20_000, 0.1
    a, b = (lognormal(random, n, MS, spread) for _ in range(2))
    within = [stats.within_runs(a[i:], b[: n - i], (), True)[0] for i in range(0, 4000, 100)]
    textbook = math.sqrt(2 / n) * math.sqrt(math.expm1(spread**2))
    median = np.median([spread.error() for spread in within])
    assert median == pytest.approx(textbook, rel=0.5)


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [(0.975, 2, 4.303), (0.95, 7, 1.895), (0.995, 39, 2.708), (0.5, 3, 0.0), (0.025, 10, -2.228)],
)
def test_student_quantiles_are_those_of_the_tables(probability, freedom, quantile):
    assert stats.student_quantile(probability, freedom) == pytest.approx(quantile, abs=2e-3)


def test_several_runs_are_judged_by_what_varies_between_them():
    a, b = np.log([1.00, 1.02, 0.98]), np.log([1.05, 1.07, 1.03])
    spread = stats.between_runs(a, b, [])
    pooled = (a.var(ddof=1) + b.var(ddof=1)) / 2
    assert spread.variance == pytest.approx(pooled * 2 / 3)
    assert spread.freedom == 4


def test_runs_that_agree_by_chance_are_judged_by_what_varies_within_them():
    within = [stats.Spread(9.0, 39)] * 3
    assert stats.between_runs(np.zeros(3), np.zeros(3), within).variance == pytest.approx(3.0)


# ---- Runs ----------------------------------------------------------------------------------------


@pytest.fixture
def folder_of(tmp_path):
    """Makes a folder with the logs of a test, and if wanted with latencies of its own."""
    made = []

    def make(latencies_ns=None, *, done=None, failed=None, n_tokens=0, **settings):
        folder = tmp_path / f"run{len(made)}"
        made.append(folder)
        count = 200 if latencies_ns is None else len(latencies_ns)
        asked = {"min_query_count": count, "server_target_qps": 1e6} | settings
        run_in(folder, total=64, performance=64, issue=lambda s: answer(s, n_tokens), **asked)
        if latencies_ns is not None:
            path = folder / "loadgen_samples/mlperf_log_samples.npy"
            rows = np.load(path)[:count]
            latencies = np.asarray(latencies_ns, np.int64)
            starts = np.concatenate([[0], np.cumsum(latencies)[:-1]])
            rows["scheduled_ns"] = rows["issued_ns"] = starts
            rows["completed_ns"] = starts + latencies
            if done is not None:
                rows["completed_ns"][~done] = -1
            if failed is not None:
                rows["failed"] = failed
            np.save(path, rows)
        return folder

    return make


def noisy(seed, mean, n=2000):
    return lognormal(np.random.default_rng(seed), n, mean, 0.1)


def test_a_slower_run_is_called_slower_by_its_percent(folder_of):
    found = compare(folder_of(noisy(1, MS)), folder_of(noisy(2, 1.1 * MS)))
    assert found.outcome == "slower"
    assert "slower" in found.summary and "B is" in found.summary
    rows = {row.metric: row for row in found.rows}
    latencies = {f"latency {name}" for name in ("mean", "p10", "p50", "p90", "p99")}
    assert set(rows) == latencies | {"throughput"}
    mean = rows["latency mean"]
    assert mean.change == pytest.approx(0.1, abs=0.02)
    assert mean.low < 0.1 < mean.high
    assert rows["throughput"].change == pytest.approx(1 / 1.1 - 1, abs=0.02)
    throughput = rows["throughput"]
    assert throughput.low < throughput.change < throughput.high < 0
    assert throughput.verdict == "slower"
    assert found.paired


def test_large_changes_are_factors(folder_of):
    summary = compare(folder_of(noisy(1, MS)), folder_of(noisy(1, 20 * MS))).summary
    assert summary.startswith("B is 20 times slower (latency ")
    assert ": 20 times [20 times, 20 times])" in summary


def test_the_other_way_round_it_is_faster(folder_of):
    found = compare(folder_of(noisy(1, 1.1 * MS)), folder_of(noisy(2, MS)))
    assert found.outcome == "faster"


def test_equal_runs_show_no_difference_and_what_would_be_seen(folder_of):
    found = compare(folder_of(noisy(1, MS)), folder_of(noisy(2, MS)))
    assert found.outcome == "no difference"
    visible = min(row.visible for row in found.rows if row.metric != "throughput")
    assert f"differences above {100 * visible:.1f} %" in found.summary
    assert 0.02 < visible < 0.05


def test_tolerance_decides_what_matters(folder_of):
    a, b = folder_of(noisy(1, MS)), folder_of(noisy(2, 1.1 * MS))
    assert compare(a, b, tolerance=0.2).outcome == "no difference"
    assert {row.verdict for row in compare(a, b, tolerance=0.2).rows if "mean" in row.metric} == {
        "same"
    }


def test_an_interval_is_wider_the_more_there_are(folder_of):
    a, b = folder_of(noisy(1, MS)), folder_of(noisy(2, MS))

    def width(row):
        return math.log1p(row.high) - math.log1p(row.low)

    sure, unsure = (compare(a, b, confidence=confidence).rows for confidence in (0.94, 0.7))
    assert len(sure) == 6  # So that each may err with 1 % and 5 %.
    ratios = [
        stats.student_quantile(0.995, freedom) / stats.student_quantile(0.975, freedom)
        for freedom in (10, 39)
    ]
    for row, other in zip(sure, unsure, strict=True):
        assert min(abs(width(row) / width(other) / ratio - 1) for ratio in ratios) < 1e-6


def test_slower_and_faster_at_once_is_mixed(folder_of):
    slow_tail = noisy(2, 0.8 * MS)
    slow_tail[::20] *= 5
    found = compare(folder_of(noisy(1, MS)), folder_of(slow_tail))
    assert found.outcome == "mixed"
    assert "slower in" in found.summary and "faster in" in found.summary


def test_several_runs_a_side_find_what_is_the_same_in_each(folder_of):
    a = [folder_of(noisy(seed, MS)) for seed in (1, 2, 3)]
    b = [folder_of(noisy(seed, 1.1 * MS)) for seed in (4, 5, 6)]
    assert compare(a, b).outcome == "slower"
    wild = [folder_of(noisy(7, scale * MS)) for scale in (0.9, 1.1, 1.3)]
    assert compare(a, wild).outcome == "inconclusive"


def test_runs_of_one_name_are_named_by_their_folders(folder_of):
    a = folder_of(noisy(1, MS))
    b = shutil.copytree(a, a.parent / "other" / a.name)
    found = compare(a, b)
    assert found.a == (str(a),) and found.b == (str(b),)


def test_a_run_already_read_will_do(folder_of):
    a = folder_of(noisy(1, MS))
    assert compare(read_run(a), a).outcome == "no difference"


def test_queries_that_were_never_answered_are_named(folder_of):
    done = np.ones(2000, bool)
    done[5:10] = False
    found = compare(folder_of(noisy(1, MS), done=done), folder_of(noisy(2, MS)))
    (caution,) = found.cautions
    assert "never completed: 5 of 2,000 samples" in caution


UNANSWERED = ("failed", "never completed")


def without_answer(how, answered):
    """Arguments of `folder_of` for a run in which only some samples were answered."""
    return {"failed": ~answered} if how == "failed" else {"done": answered}


@pytest.mark.parametrize("how", UNANSWERED)
@pytest.mark.parametrize("which", [0, 1])
def test_the_side_that_answers_less_is_not_called_faster(folder_of, how, which):
    """A tenth without an answer, whatever became of it and whichever side it is of."""
    some = np.arange(2000) % 10 > 0
    sides = [folder_of(noisy(1, MS)), folder_of(noisy(2, 0.5 * MS), **without_answer(how, some))]
    found = compare(*(sides if which else reversed(sides)))
    assert found.unanswered == ((0, 0.1) if which else (0.1, 0))
    assert found.failed == (found.unanswered if how == "failed" else (0, 0))
    of_survivors = "faster" if which else "slower"
    assert not [row for row in found.rows if row.verdict == of_survivors]
    assert found.outcome == "inconclusive"
    texts = ("10 % of B's", "0 % of A's") if which else ("0 % of B's", "10 % of A's")
    assert all(text in found.summary for text in texts)
    # The others are compared: of a slow system that answers less, this much is known.
    slow = folder_of(noisy(3, 2 * MS), **without_answer(how, some))
    assert compare(sides[0], slow).outcome == "slower"


@pytest.mark.parametrize("how", UNANSWERED)
def test_sides_of_one_speed_of_which_one_answers_less_are_not_the_same(folder_of, how):
    """However little less: half a percent changes no throughput by what matters."""
    some = np.arange(2000) % 200 > 0
    whole, as_fast = (folder_of(noisy(seed, MS)) for seed in (1, 2))
    assert compare(whole, as_fast).outcome == "no difference"
    less = folder_of(noisy(2, MS), **without_answer(how, some))
    assert compare(whole, less).outcome == compare(less, whole).outcome == "inconclusive"


@pytest.mark.parametrize("how", UNANSWERED)
def test_sides_that_answer_as_little_are_compared(folder_of, how):
    some = np.arange(2000) % 10 > 0
    a, b = (folder_of(noisy(s, s * MS), **without_answer(how, some)) for s in (1, 2))
    assert compare(a, b).outcome == "slower"


@pytest.mark.parametrize("how", UNANSWERED)
def test_a_run_without_an_answer_is_inconclusive(folder_of, how):
    none = np.zeros(2000, bool)
    found = compare(folder_of(noisy(1, MS)), folder_of(noisy(2, MS), **without_answer(how, none)))
    assert found.outcome == "inconclusive" and found.rows == ()
    assert "100 % of B's samples failed or were never completed, and 0 % of A's" in found.summary
    assert "interval" not in str(found)  # There is no table, whose heading and note would say it.


def test_a_caution_about_a_run_on_both_sides_is_said_once(folder_of):
    done = np.ones(2000, bool)
    done[5] = False
    run = folder_of(noisy(1, MS), done=done)
    assert len(compare(run, run).cautions) == 1


def test_settings_that_differ_are_shown_and_cautioned_about(folder_of):
    a = folder_of(scenario="Server", server_target_latency_ns=10**8)
    b = folder_of(scenario="Server", server_target_latency_ns=10**7)
    found = compare(a, b)
    assert found.settings_differ["target_latency_ns"] == (10**8, 10**7)
    assert any("target_latency_ns" in text for text in found.cautions)
    assert "setting target_latency_ns: A 100000000, B 10000000" in str(found)


SETTINGS = {
    "ttft_latency": ("server_ttft_latency", {"scenario": "Server", "use_token_latencies": True}),
    "tpot_latency": ("server_tpot_latency", {"scenario": "Server", "use_token_latencies": True}),
    "server_coalesce_queries": ("server_coalesce_queries", {"scenario": "Server"}),
    "server_pacing": ("server_pacing", {"scenario": "Server"}),
    "server_target_latency_percentile": ("target_latency_percentile", {"scenario": "Server"}),
    "server_find_peak_max_qps": ("server_find_peak_max_qps", {"scenario": "Server"}),
    "use_token_latencies": ("use_token_latencies", {}),
    "stall_timeout_ms": ("stall_timeout_ms", {}),
    "warmup_query_count": ("warmup_query_count", {}),
    "infer_token_latencies": ("infer_token_latencies", {}),
    "performance_sample_count_override": ("performance_sample_count_override", {}),
}
OTHER_VALUES = {
    "server_pacing": lg.Pacing.Sleep,
    "server_target_latency_percentile": 0.9,
    "performance_sample_count_override": 32,
    "warmup_query_count": 3,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_that_differs_is_listed(folder_of, name):
    logged, common = SETTINGS[name]
    usual = getattr(lg.TestSettings(), name)
    other = OTHER_VALUES.get(name)
    if other is None:
        other = not usual if isinstance(usual, bool) else usual + 10**6
    found = compare(
        folder_of(**common, n_tokens=3), folder_of(**common, n_tokens=3, **{name: other})
    )
    text = getattr(other, "name", other)
    assert found.settings_differ[logged] == (getattr(usual, "name", usual), text)
    assert f"setting {logged}: A " in str(found)
    assert any(logged in caution for caution in found.cautions)


def test_every_setting_is_in_the_logs(folder_of):
    """Each that is not the default: whoever adds a setting need not think of comparisons."""
    logged = {**read_run(folder_of()).requested, "": None}
    others = {
        name: value + 1 for name, value in lg.TestSettings().to_dict().items() if type(value) is int
    }
    del others["max_query_count"], others["performance_issue_same_index"]
    changed = read_run(folder_of(**others)).requested
    for name in others:
        log_name = requested_name(name)
        scenario = ("single_stream", "multi_stream", "server", "offline", "tpot", "ttft")
        if not name.startswith(scenario):
            assert changed[log_name] != logged.get(log_name), name


def test_runs_of_a_side_that_were_asked_for_differently_are_cautioned_about(folder_of):
    a = [folder_of(), folder_of(warmup_query_count=5)]
    (caution,) = (text for text in compare(a, folder_of()).cautions if "between" in text)
    assert caution == "the settings differ between the runs of A (warmup_query_count)"


def test_what_a_log_does_not_have_is_no_difference_where_it_is_the_default(folder_of):
    a, b = folder_of(), folder_of()
    path = b / "mlperf_log_detail.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "requested_print_timestamps" not in line))
    assert compare(a, b).settings_differ == {}


def test_other_seeds_are_other_queries_and_no_reason_for_caution(folder_of):
    found = compare(folder_of(), folder_of(sample_index_rng_seed=7))
    assert not found.paired
    assert not any("settings differ" in text for text in found.cautions)


def test_verdicts_that_differ_are_shown(folder_of):
    a, b = folder_of(), folder_of(min_duration_ms=1, max_query_count=100)
    found = compare(a, b)
    assert found.valid == (True, False)
    assert "verdicts differ: A VALID, B INVALID" in str(found)


def test_a_busy_machine_is_cautioned_about(folder_of):
    path = folder_of(noisy(1, MS))
    rows = np.load(path / "loadgen_samples/mlperf_log_samples.npy")
    rows["completed_ns"][::10] -= 200_000  # The generator is 0.2 ms late with the next.
    np.save(path / "loadgen_samples/mlperf_log_samples.npy", rows)
    (caution,) = compare(path, folder_of(noisy(2, MS))).cautions
    assert caution.startswith(f"{path.name}: 10 % of the queries were issued late")


def test_what_only_the_machine_did_is_not_held_against_the_system(folder_of):
    latencies, n = noisy(2, MS), 2000
    disturbed = np.zeros(n, bool)
    disturbed[::20] = True
    latencies[disturbed] *= 4
    slow, late = folder_of(latencies), folder_of(latencies)
    rows = np.load(late / "loadgen_samples/mlperf_log_samples.npy")
    shift = np.cumsum(np.where(disturbed, 500_000, 0))  # The generator is 0.5 ms late, each time.
    for field in ("scheduled_ns", "issued_ns", "completed_ns"):
        rows[field] += shift
    np.save(late / "loadgen_samples/mlperf_log_samples.npy", rows)
    baseline = folder_of(noisy(1, MS))
    assert compare(baseline, slow).outcome == "slower"
    assert compare(baseline, late).outcome in ("no difference", "inconclusive")


def queue_run(folder, services_ns, servers=1):
    """A Server run of which the queries take so long: its folder, with arrivals at half the rate
    that the servers can do."""
    rows = np.load(folder / "loadgen_samples/mlperf_log_samples.npy")
    gaps = np.random.default_rng(8).exponential(2 * MS / servers, len(rows))
    rows["scheduled_ns"] = rows["issued_ns"] = np.cumsum(gaps)
    free_ns = np.zeros(servers)
    for row, service_ns in zip(rows, services_ns, strict=True):
        i = free_ns.argmin()
        free_ns[i] = max(free_ns[i], row["issued_ns"]) + service_ns
        row["completed_ns"] = free_ns[i]
    np.save(folder / "loadgen_samples/mlperf_log_samples.npy", rows)
    return folder


def test_one_query_after_another_is_compared_by_what_each_takes_by_itself(folder_of):
    n = 2000
    services = [noisy(1, MS), noisy(2, 1.05 * MS)]
    a, b = (queue_run(folder_of(scenario="Server", min_query_count=n), s) for s in services)
    found = compare(a, b)
    rows = {row.metric: row for row in found.rows}
    assert rows["service mean"].a == pytest.approx(services[0].mean(), rel=1e-5)
    assert rows["service p10"].b == pytest.approx(np.sort(services[1])[n // 10], rel=1e-5)
    assert rows["service p50"].verdict == "slower"
    assert "service p99" not in rows
    width, of_latency = (
        math.log1p(rows[name].high) - math.log1p(rows[name].low)
        for name in ("service mean", "latency mean")
    )
    assert width < of_latency / 2


def two_at_a_time(folder):
    queue_run(folder, np.full(500, MS), servers=2)  # As long each, so that none overtakes.


def two_answered_at_once(folder):
    rows = np.load(queue_run(folder, noisy(1, MS, 500)) / "loadgen_samples/mlperf_log_samples.npy")
    rows["completed_ns"][10] = rows["completed_ns"][11]
    np.save(folder / "loadgen_samples/mlperf_log_samples.npy", rows)


def none_waits(folder):
    queue_run(folder, np.full(500, 1.0))


@pytest.mark.parametrize("system", [two_at_a_time, two_answered_at_once, none_waits])
def test_other_systems_are_not_taken_apart(folder_of, system):
    folder = folder_of(scenario="Server", min_query_count=500)
    system(folder)
    metrics = {row.metric for row in compare(folder, folder).rows}
    assert "latency p50" in metrics and not any("service" in name for name in metrics)


def test_tokens_have_rows_of_their_own(folder_of):
    runs = [folder_of(n_tokens=3, use_token_latencies=True) for _ in range(2)]
    metrics = {row.metric for row in compare(*runs).rows}
    assert {"TTFT p50", "TTFT mean", "TPOT p50", "TPOT mean"} <= metrics


def token_times_of(seed, factor):
    """Times of 20 events a query, 10 ms apart on average and noisy, all of them longer by a
    factor."""
    gaps = lognormal(np.random.default_rng(seed), 20 * 300, 1e7, 0.1).reshape(300, 20) * factor
    return lambda i: np.cumsum(gaps[i]).astype(int).tolist()


def streamed_pair(tmp_path, factor, *, tokens=(1, 1), lengths=(20, 20)):
    """Two runs of which the second one's gaps are longer, with so many tokens an event and events a
    query."""
    runs = []
    for i, (k, length) in enumerate(zip(tokens, lengths, strict=True)):
        times = token_times_of(i, factor**i)
        runs.append(tmp_path / f"streamed{i}")
        runs[-1].mkdir()
        streamed_run(
            runs[-1],
            lambda n, times=times, length=length: times(n)[:length],
            lambda n, k=k, length=length: ([k] * length, max(k, 2) * length),
            count=300,
        )
    return runs


def test_times_between_tokens_are_compared_token_by_token(tmp_path):
    comparison = compare(*streamed_pair(tmp_path, 1.1))
    rows = {row.metric: row for row in comparison.rows}
    assert rows["ITL mean"].change == pytest.approx(0.1, abs=0.01)
    assert rows["ITL mean"].verdict == rows["ITL p50"].verdict == "slower"
    assert rows["ITL p99"].a == pytest.approx(np.exp(np.log(1e7) + 2.33 * 0.1), rel=0.05)
    assert comparison.paired


def test_the_shortest_times_between_tokens_are_not_compared(tmp_path):
    metrics = {row.metric for row in compare(*streamed_pair(tmp_path, 1.0)).rows}
    assert "ITL p10" not in metrics
    assert "TTFT p10" in metrics


def test_answers_of_other_lengths_are_of_the_same_queries(tmp_path):
    assert compare(*streamed_pair(tmp_path, 1.0, lengths=(20, 15))).paired


def test_where_a_side_does_not_count_its_tokens_gaps_are_not_compared(tmp_path):
    metrics = {row.metric for row in compare(*streamed_pair(tmp_path, 1.0, tokens=(1, 0))).rows}
    assert not {"ITL mean", "ICL mean"} & metrics
    (tmp_path / "both").mkdir()
    both = streamed_pair(tmp_path / "both", 1.0, tokens=(0, 0))
    assert "ICL mean" in {row.metric for row in compare(*both).rows}


def test_goodput_is_shown(folder_of):
    runs = [folder_of(n_tokens=3, use_token_latencies=True) for _ in range(2)]
    assert compare(*runs).goodput == (None, None)
    assert "within all bounds" not in str(compare(*runs))
    a, b = (
        replace(run, records={**run.records, "result_goodput_share": share})
        for run, share in zip(map(read_run, runs), (0.994, 0.5), strict=True)
    )
    assert compare(a, b).goodput == (0.994, 0.5)
    assert "within all bounds: A 99.4 %, B 50 %" in str(compare(a, b))


def test_offline_is_compared_by_throughput_alone(folder_of):
    runs = [folder_of(scenario="Offline", min_query_count=200) for _ in range(2)]
    (row,) = compare(*runs).rows
    assert row.metric == "throughput"
    assert row.low is None and row.verdict == "unclear"  # All completed at one time.
    assert compare(*runs).outcome == "inconclusive"
    assert "too few queries to see any difference" in compare(*runs).summary


def test_multistream_is_compared_by_whole_queries(folder_of):
    folder = folder_of(scenario="MultiStream", min_query_count=200)
    rows = np.load(folder / "loadgen_samples/mlperf_log_samples.npy")
    assert len(rows) == 200 * 8
    rows["completed_ns"] = rows["scheduled_ns"] + 1_000_000
    rows["completed_ns"][3::8] += 2_000_000  # One sample of each query.
    np.save(folder / "loadgen_samples/mlperf_log_samples.npy", rows)
    mean = compare(folder, folder).rows[0]
    assert mean.metric == "latency mean" and mean.a == pytest.approx(3e6)


def test_percentiles_with_next_to_nothing_beyond_are_left_out(folder_of):
    found = compare(folder_of(noisy(1, MS, 200)), folder_of(noisy(2, MS, 200)))
    assert [row.metric for row in found.rows] == [
        "latency mean", "latency p10", "latency p50", "latency p90", "throughput",
    ]  # fmt: skip


def test_too_few_queries_give_no_interval_and_are_inconclusive(folder_of):
    found = compare(folder_of(noisy(1, MS, 60)), folder_of(noisy(2, 17 * MS, 60)))
    assert all(row.low is None and row.verdict == "unclear" for row in found.rows)
    assert found.outcome == "inconclusive"
    assert re.search(
        r"by its numbers alone, latency \w+ is 1\d(\.\d)? times as high", found.summary
    )
    assert found.to_dict()["outcome"] == "inconclusive"


def test_noise_that_hides_what_matters_is_inconclusive(folder_of):
    a, b = (folder_of(noisy(seed, MS, 100)) for seed in (1, 2))
    found = compare(a, b)
    assert found.outcome == "inconclusive"
    visible = min(row.visible for row in found.rows if row.metric != "throughput")
    assert visible > 0.04
    assert f"inconclusive (differences above {100 * visible:.1f} %" in found.summary
    assert "2.0 % matter" in found.summary
    assert compare(a, b, tolerance=0.3).outcome == "no difference"


def test_a_median_that_is_many_times_larger_and_too_uncertain_to_judge_is_inconclusive(folder_of):
    random = np.random.default_rng(3)
    a, b = (np.where(random.permutation(2000) < half, 1.0, 17.0) * MS for half in (1010, 990))
    found = compare(folder_of(a), folder_of(b))
    rows = {row.metric: row for row in found.rows}
    assert rows["latency p10"].verdict == "same"
    assert rows["latency p50"].verdict == "unclear" and rows["latency p50"].change > 10
    assert found.outcome == "inconclusive"
    assert "by its numbers alone, latency p50 is 17 times as high" in found.summary
    assert "latency p50 is 94.1 % lower" in compare(folder_of(b), folder_of(a)).summary


def test_runs_that_vary_among_each_other_are_named_as_what_hides_a_difference(folder_of):
    a, b = (folder_of(noisy(seed, MS)) for seed in (1, 2)), (noisy(3, MS), noisy(4, 17 * MS))
    found = compare(list(a), [folder_of(latencies) for latencies in b])
    assert found.outcome == "inconclusive"
    assert "what varies between the runs of a side would hide any difference" in found.summary
    assert found.summary.endswith("give more runs a side, or longer ones")
    assert "too few queries" not in found.summary


def test_both_ends_of_an_interval_are_limited_and_what_has_no_limit_says_so(folder_of):
    wide = [folder_of(noisy(3, MS)), folder_of(noisy(4, 17 * MS))]
    found = compare([folder_of(noisy(seed, MS)) for seed in (1, 2)], wide)
    mean = next(row for row in found.rows if row.metric == "latency mean")
    assert (mean.low, mean.high) == pytest.approx((-0.999, 999))
    line = next(line for line in str(found).splitlines() if line.startswith("latency mean"))
    assert line.split()[-3:] == ["unlimited", "-", "unclear"]


def test_what_is_thousands_of_times_faster_is_not_one_hundred_percent(folder_of):
    found = compare(folder_of(noisy(1, 3000 * MS)), folder_of(noisy(1, MS)))
    assert found.summary.startswith("B is over 99.9 % faster (latency ")
    assert "below -99.9 % [below -99.9 %, below -99.9 %]" in found.summary
    assert "100.0" not in str(found)


NUMBERS = re.compile(r"\d[\d.,]*(e[+-]?\d+)?")


@pytest.mark.parametrize("factor", [1, 17, 1e6, 1e-6])
@pytest.mark.parametrize("count", [60, 100, 500])
def test_no_number_beyond_sense_is_printed(folder_of, factor, count):
    wild = np.random.default_rng(5).lognormal(0, 3, count) * MS * max(factor, 1)
    found = compare(folder_of(noisy(1, MS * max(1 / factor, 1), count)), folder_of(wild))
    several = compare([folder_of(noisy(1, MS, count)), folder_of(wild)], folder_of(wild))
    for text in (str(found), str(several)):
        assert not re.search(r"\b(nan|inf)\b", text)
        for number in NUMBERS.finditer(text):
            assert number[1] is None, number[0]
            assert len(number[0].strip(".,")) <= 16, number[0]
    for row in (*found.rows, *several.rows):
        known = [value for value in (row.low, row.high, row.visible) if value is not None]
        assert all(-1 <= value < 1000 for value in known)


def test_what_cannot_be_compared_is_refused(folder_of):
    a = folder_of()
    with pytest.raises(ValueError, match="different scenarios"):
        compare(a, folder_of(scenario="Server"))
    with pytest.raises(ValueError, match="tolerance"):
        compare(a, a, tolerance=-0.1)
    with pytest.raises(ValueError, match="confidence"):
        compare(a, a, confidence=95)
    with pytest.raises(ValueError, match="b has no runs"):
        compare(a, [])
    bare = folder_of(log={"enable_sample_log": False, "enable_trace": False})
    with pytest.raises(ValueError, match="enable_sample_log"):
        compare(a, bare)


def test_left_out_samples_are_a_caution(folder_of):
    a, b = folder_of(), folder_of()
    with (b / "loadgen_samples/mlperf_log_samples.npy").open("ab") as log:
        log.write(b"samples left out:                  700\n")
    with pytest.warns(lg.TruncatedLogWarning):
        found = compare(a, b)
    (caution,) = (text for text in found.cautions if "had no room" in text)
    assert "samples can be compared; its log had no room for 700 more" in caution
    assert caution in " ".join(str(found).split())


def test_logs_that_end_early_are_no_reason_to_change_settings(folder_of):
    killed = folder_of()
    for name in ("loadgen_samples/mlperf_log_samples.npy", "mlperf_log_summary.txt"):
        (killed / name).write_text("")
    (killed / "mlperf_log_trace.json").unlink(missing_ok=True)
    with pytest.raises(ValueError, match="its logs end before the test did"):
        compare(folder_of(), killed)


def test_everything_goes_into_json_and_the_text(folder_of):
    found = compare(folder_of(noisy(1, MS)), folder_of(noisy(2, 1.1 * MS)))
    read = json.loads(json.dumps(found.to_dict()))
    assert read["outcome"] == "slower" and read["summary"] == found.summary
    assert read["rows"][0]["metric"] == "latency mean"
    for row in found.rows:
        assert row.metric in str(found)


def test_it_is_the_same_each_time(folder_of):
    a, b = folder_of(noisy(1, MS)), folder_of(noisy(2, MS))
    copied = shutil.copytree(a, a.with_name("copy"))
    assert compare(a, b).rows == compare(copied, b).rows


def test_the_benchmark_of_its_power_counts(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    power = importlib.import_module("compare_power")
    kind = power.Kind("sleep", "Server", 0.5)
    options = argparse.Namespace(pairs=1, slower=2.0, bytes_per_s=1e9)
    line = power.count(tmp_path, kind, options)
    assert line.startswith("Server, sleep: no difference in ")
    assert "200% slower found in " in line and " of 1" in line
    assert "same: " in capsys.readouterr().out
    runs = {path.parent.name for path in tmp_path.glob("sleep/Server/0/*/loadgen_samples")}
    assert runs == {"a", "again", "b"}


def test_the_package_has_it():
    assert lg.compare is compare
    assert lg.Comparison.__module__ == "mlperf_loadgen.comparison.comparison"
