"""Answers with times of their own: the figures of their tokens, the token log, and what is refused.

Method: a system that completes each sample through the door that the core has for other extension
modules, at times that the test draws by a seed and then waits for. A model in plain integers,
written from the definitions and not from the code, makes every figure again from the drawn times.
"""

import random
import time
from dataclasses import replace

import numpy as np
import pytest
import runs
from runs import log_settings, run_in
from timed_answers import UNKNOWN_LAG, Answer, Taker, complete_at, fail

import mlperf_loadgen as lg
from mlperf_loadgen.logs.run import read_run

PERCENTILES = (0.50, 0.90, 0.95, 0.97, 0.99, 0.999)
FAR = 10**12  # A bound in ns that everything keeps.


def stats(values, count=None, total=None):
    """The statistics of a list of durations; `total`: what the mean is made of."""
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        return (0, 0, 0, 0, (0,) * len(PERCENTILES))
    mean = (sum(ordered) if total is None else total) // n
    return (n, ordered[0], ordered[-1], mean, tuple(ordered[int(n * p)] for p in PERCENTILES))


def figures(found):
    """What `stats` makes, of a LatencyStats."""
    return (
        found.count,
        found.min_ns,
        found.max_ns,
        found.mean_ns,
        tuple(found.percentiles_ns[p] for p in PERCENTILES),
    )


class TimedSystem:
    """Completes each sample with the answer that `draw` makes of its id and the present time."""

    def __init__(self, draw):
        self.draw = draw
        self.answers = []

    def __call__(self, samples):
        for sample in samples:
            answer = self.draw(sample.id, time.monotonic_ns())
            lags = {0, answer.completed_lag_ns, *(lag for _, _, lag in answer.events)}
            latest = answer.completed_ns + max(lags - {UNKNOWN_LAG})
            while time.monotonic_ns() < latest:
                pass
            self.answers.append(answer)
            complete_at(answer)


def random_answers(seed, *, known=True, lags=True):
    """Draws answers of several events with one to four tokens, some with reasoning before."""
    dice = random.Random(seed)

    def draw(sample_id, now_ns):
        lag = (lambda: dice.randrange(0, 3000)) if lags else (lambda: UNKNOWN_LAG)
        at_ns = now_ns + dice.randrange(1000, 30_000)
        events = []
        for _ in range(dice.randrange(1, 9)):
            at_ns += dice.randrange(0, 20_000)
            events.append((at_ns, dice.randrange(1, 5), lag()))
        hidden = dice.randrange(0, 2)  # The end of a sequence is a token that nobody sees.
        reasons = len(events) > 1 and dice.random() < 0.4
        return Answer(
            sample_id,
            at_ns + dice.randrange(0, 10_000),
            n_tokens=max(2, sum(tokens for _, tokens, _ in events) + hidden),
            first_token_ns=events[0][0],
            events=events if known else [(t, 0, late) for t, _, late in events],
            sent_ns=now_ns + 500,
            first_output_ns=events[-1][0] if reasons else events[0][0],
            first_token_lag_ns=events[0][2],
            completed_lag_ns=lag(),
            prompt_tokens=dice.randrange(1, 100),
            cached_tokens=dice.choice([-1, 0, 17]),
            reasoning_tokens=dice.choice([-1, 3]),
            source=dice.choice(["usage", "tokenizer"]),
        )

    return draw


def timed_run(outdir, draw, **settings):
    """A run of 60 queries, the answers as given, and each answer's due time."""
    system = TimedSystem(draw)
    asked = {"use_token_latencies": True, "min_query_count": 60, "scenario": "Server"} | settings
    if asked["scenario"] == "Server" and asked["use_token_latencies"]:
        asked = {"ttft_latency": FAR, "tpot_latency": FAR} | asked
    run = run_in(outdir, issue=system, **asked)
    return run, system.answers


def reasons_of(run):
    """Why the result is INVALID, but for that there are few queries."""
    return [reason for reason in run.result.reasons if not reason.startswith("early stopping")]


def due_times(run, answers):
    """When each sample was due, on the clock of the answers."""
    rows = run.result.samples
    origins = {a.completed_ns - int(c) for a, c in zip(answers, rows["completed_ns"], strict=True)}
    (origin,) = origins  # The log has the times as they were given.
    return [int(scheduled) + origin for scheduled in rows["scheduled_ns"]]


@pytest.mark.parametrize("scenario", ["Server", "SingleStream"])
def test_figures_are_those_of_the_definitions(tmp_path, scenario):
    run, answers = timed_run(tmp_path, random_answers(1), scenario=scenario)
    due = due_times(run, answers)
    tokens = run.result.performance.tokens
    times = [[t for t, _, _ in a.events] for a in answers]
    counts = [[k for _, k, _ in a.events] for a in answers]
    gaps = [
        (b - a, k)
        for t, c in zip(times, counts, strict=True)
        for a, b, k in zip(t, t[1:], c[1:], strict=False)
    ]
    assert figures(tokens.first_token) == stats(
        [a.first_token_ns - d for a, d in zip(answers, due, strict=True)]
    )
    assert figures(tokens.time_per_token) == stats(
        [(a.completed_ns - a.first_token_ns) // (a.n_tokens - 1) for a in answers]
    )
    assert figures(tokens.inter_chunk) == stats([gap for gap, _ in gaps])
    assert figures(tokens.inter_token) == stats(
        [gap // k for gap, k in gaps for _ in range(k)], total=sum(gap for gap, _ in gaps)
    )
    assert figures(tokens.decode_per_token) == stats(
        [
            (t[-1] - t[0]) // (a.n_tokens - c[0])
            for a, t, c in zip(answers, times, counts, strict=True)
            if len(t) > 1
        ]
    )
    assert figures(tokens.tail) == stats(
        [a.completed_ns - t[-1] for a, t in zip(answers, times, strict=True)]
    )
    assert figures(tokens.first_output) == stats(
        [
            a.first_output_ns - d
            for a, d in zip(answers, due, strict=True)
            if a.first_output_ns != a.first_token_ns
        ]
    )
    assert figures(tokens.first_token_from_send) == stats(
        [a.first_token_ns - a.sent_ns for a in answers]
    )
    assert figures(tokens.client_lag) == stats(
        [lag for a in answers for lag in [*(e[2] for e in a.events), a.completed_lag_ns]]
    )
    assert figures(run.result.performance.sample_latency) == stats(
        [a.completed_ns - d for a, d in zip(answers, due, strict=True)]
    )


def test_counts_are_those_of_the_definitions(tmp_path):
    run, answers = timed_run(tmp_path, random_answers(2))
    performance = run.result.performance
    tokens = performance.tokens
    event_count = sum(len(a.events) for a in answers)
    assert tokens.token_count == sum(a.n_tokens for a in answers)
    assert tokens.event_count == event_count
    assert tokens.tokens_per_event == pytest.approx(tokens.token_count / event_count)
    assert tokens.prompt_tokens == sum(a.prompt_tokens for a in answers)
    assert tokens.cached_tokens == sum(max(a.cached_tokens, 0) for a in answers)
    assert tokens.reasoning_tokens == sum(max(a.reasoning_tokens, 0) for a in answers)
    assert tokens.token_source == "tokenizer"
    assert tokens.total_tokens_per_second == pytest.approx(
        (tokens.token_count + tokens.prompt_tokens) / performance.final_query_done_s
    )
    assert (tokens.goodput_count, tokens.goodput_share) == (60, 1)
    assert tokens.goodput_per_second == pytest.approx(60 / performance.final_query_done_s)
    assert (tokens.short_answers, tokens.cancelled_count) == (0, 0)


def test_without_tokens_of_events_there_is_no_itl_but_a_mean_of_decoding(tmp_path):
    run, answers = timed_run(tmp_path, random_answers(3, known=False))
    tokens = run.result.performance.tokens
    assert tokens.inter_token.count == 0
    assert figures(tokens.decode_per_token) == stats(
        [
            (a.events[-1][0] - a.events[0][0]) // (a.n_tokens - 1)
            for a in answers
            if len(a.events) > 1
        ]
    )


def test_as_many_events_as_tokens_have_one_each(tmp_path):
    draw = random_answers(4, known=False)

    def exact(sample_id, now_ns):
        answer = draw(sample_id, now_ns)
        return replace(answer, n_tokens=len(answer.events))

    run, answers = timed_run(tmp_path, exact, allow_short_answers=True)
    tokens = run.result.performance.tokens
    assert figures(tokens.inter_token) == figures(tokens.inter_chunk)
    assert tokens.inter_token.count > 0
    assert tokens.short_answers == sum(a.n_tokens == 1 for a in answers) > 0
    assert tokens.token_count == sum(a.n_tokens for a in answers)
    assert not any("token count of 1" in reason for reason in run.result.reasons)


def test_unknown_lags_are_in_no_statistics(tmp_path):
    run, _ = timed_run(tmp_path, random_answers(5, lags=False))
    assert run.result.performance.tokens.client_lag.count == 0


# ---- The token log -------------------------------------------------------------------------------


def test_the_token_log_has_the_events_of_each_row(tmp_path):
    run, answers = timed_run(tmp_path, random_answers(6))
    events = lg.read_tokens(run.result.logs.tokens)
    assert len(events.offsets) == len(run.result.samples) + 1
    for row, (answer, due) in enumerate(zip(answers, due_times(run, answers), strict=True)):
        mine = events.of(row)
        assert events.since_due_ns[mine].tolist() == [t - due for t, _, _ in answer.events]
        assert events.tokens[mine].tolist() == [k for _, k, _ in answer.events]


def test_rows_of_a_warm_up_and_of_answers_without_events_have_their_places(tmp_path):
    draw = random_answers(7)
    calls = iter(range(1000))

    def every_other(sample_id, now_ns):
        answer = draw(sample_id, now_ns)
        return answer if next(calls) % 2 else replace(answer, events=[])

    run, answers = timed_run(tmp_path, every_other, warmup_query_count=5)
    events = lg.read_tokens(run.result.logs.tokens)
    assert np.diff(events.offsets).tolist() == [len(a.events) for a in answers]
    assert len(answers) == len(run.result.samples) > 60


@pytest.mark.parametrize("off", [{"token_log": lg.TokenLog.Off}, {"enable_sample_log": False}])
def test_the_token_log_can_be_left_out(tmp_path, off):
    run, _ = timed_run(tmp_path, random_answers(8), **off)
    assert run.result.logs.tokens == ""
    assert not list(tmp_path.rglob("*tokens*"))
    assert run.result.performance.tokens.inter_token.count > 0
    with pytest.raises(ValueError, match="no token log was written"):
        lg.read_tokens(run.result.logs.tokens)


def test_a_test_removes_the_token_log_of_an_earlier_one(tmp_path):
    timed_run(tmp_path, random_answers(9))
    assert list(tmp_path.rglob("*tokens.npy"))
    with pytest.warns(lg.LogsOverwrittenWarning):
        run_in(tmp_path)
    assert not list(tmp_path.rglob("*tokens.npy"))


def test_no_room_for_all_events(tmp_path):
    def many(sample_id, now_ns):
        events = [(now_ns + 100 + i, 1, 0) for i in range(40_000)]
        last = events[-1][0]
        return Answer(
            sample_id, last, 40_000, events[0][0], events, completed_lag_ns=0, source="usage"
        )

    run, _ = timed_run(
        tmp_path, many, min_query_count=5, log={"max_sample_log_mb": 1}, scenario="SingleStream"
    )
    events = lg.read_tokens(run.result.logs.tokens)
    assert np.diff(events.offsets).tolist() == [40_000, 40_000, 40_000, 0, 0]
    assert run.value("token_log_left_out_sample_count") == 2
    assert any("2 samples are left out of the token log" in text for text in run.result.warnings)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (np.zeros(3, np.int64), "is not one 1-D array of uint64"),
        (np.array([7, 0], np.uint64), "2 words cannot hold the offsets of 7 rows"),
        (np.array([], np.uint64), "0 words cannot hold"),
        (np.array([1, 0, 5, 1], np.uint64), "do not lead to its 1 events"),
        (np.array([2, 0, 2, 1, 9], np.uint64), "do not lead to its 1 events"),
    ],
)
def test_what_is_no_token_log_is_refused(tmp_path, words, found):
    np.save(tmp_path / "tokens.npy", words)
    with pytest.raises(lg.SampleLogFormatError, match=found):
        lg.read_tokens(tmp_path / "tokens.npy")
    (tmp_path / "tokens.npy").write_bytes(b"no array")
    with pytest.raises(lg.SampleLogFormatError, match="NumPy cannot read it"):
        lg.read_tokens(tmp_path / "tokens.npy")


# ---- Which clock, and which times ----------------------------------------------------------------


def test_the_clock_of_reading_adds_the_lags(tmp_path):
    run, answers = timed_run(tmp_path, random_answers(10), token_clock=lg.TokenClock.Read)
    rows = run.result.samples
    first_to_end = [
        a.completed_ns + a.completed_lag_ns - a.first_token_ns - a.first_token_lag_ns
        for a in answers
    ]
    # An answer may end before its last event was read, which is no order.
    possible = np.array(
        [
            all(t + lag <= a.completed_ns + a.completed_lag_ns for t, _, lag in a.events)
            and all(
                x[0] + x[2] <= y[0] + y[2] for x, y in zip(a.events, a.events[1:], strict=False)
            )
            for a in answers
        ]
    )
    assert possible.sum() > 10
    given = rows["completed_ns"] - rows["first_token_ns"]
    assert given[possible].tolist() == np.array(first_to_end)[possible].tolist()
    assert run.result.performance.tokens.client_lag.count > 0


def impossible(change):
    """Answers of which the seventh is not possible."""
    draw = random_answers(11)
    calls = iter(range(1000))

    def one_wrong(sample_id, now_ns):
        answer = draw(sample_id, now_ns)
        return change(answer, now_ns) if next(calls) == 6 else answer

    return one_wrong


IMPOSSIBLE = {
    "completed before the issue": lambda a, now: replace(
        a, completed_ns=now - 10**9, events=[], first_token_ns=now - 10**9 - 5, first_output_ns=0
    ),
    "first token before the issue": lambda a, now: replace(a, first_token_ns=now - 10**9),
    "sent before the issue": lambda a, now: replace(a, sent_ns=now - 10**9),
    "first token after the completion": lambda a, _: replace(
        a, first_token_ns=a.completed_ns + 1, events=[]
    ),
    "event after the completion": lambda a, _: replace(
        a, events=[*a.events, (a.completed_ns + 1, 1, 0)]
    ),
    "events out of order": lambda a, _: replace(
        a, events=[(a.completed_ns, 1, 0), (a.completed_ns - 1, 1, 0)]
    ),
    "output before the issue": lambda a, now: replace(a, first_output_ns=now - 10**9),
}


@pytest.mark.parametrize("change", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_times_are_counted_and_not_used(tmp_path, change):
    run, _ = timed_run(tmp_path, impossible(change))
    assert reasons_of(run) == [
        "1 answer with impossible times: give times between the issue and the report, the first "
        "token before the completion"
    ]
    rows = run.result.samples
    assert (rows["completed_ns"] >= rows["issued_ns"]).all()
    assert rows["first_token_ns"][6] == rows["completed_ns"][6]
    assert np.diff(lg.read_tokens(run.result.logs.tokens).offsets)[6] == 0
    assert any("The time of the report is used" in text for text in run.result.errors)


def test_a_time_that_has_not_come_is_impossible(tmp_path):
    def ahead(sample_id, now_ns):
        return Answer(sample_id, now_ns, 2, now_ns)

    class Hasty(TimedSystem):
        def __call__(self, samples):
            for sample in samples:
                now_ns = time.monotonic_ns()
                complete_at(Answer(sample.id, now_ns + 10**12, 2, now_ns))

    run = run_in(tmp_path, issue=Hasty(ahead), use_token_latencies=True)
    assert run.result.reasons[-1].startswith("10 answers with impossible times")
    assert run.result.performance.max_latency_s < 1000


def test_the_core_counts_stray_answers_as_always(tmp_path):
    def twice(samples):
        for sample in samples:
            now_ns = time.monotonic_ns()
            answer = Answer(sample.id, now_ns, 2, now_ns)
            complete_at(answer)
            complete_at(answer)
            complete_at(replace(answer, id=12345))

    run = run_in(tmp_path, issue=twice, use_token_latencies=True)
    assert [reason.partition(":")[0] for reason in reasons_of(run)] == [
        "10 unknown response ids",
        "10 double completions",
    ]


def test_without_token_mode_only_the_completion_counts(tmp_path):
    run, answers = timed_run(
        tmp_path, random_answers(12), use_token_latencies=False, scenario="SingleStream"
    )
    assert reasons_of(run) == []
    assert run.result.performance.tokens is None
    assert run.result.logs.tokens == ""
    due = due_times(run, answers)
    assert figures(run.result.performance.sample_latency) == stats(
        [a.completed_ns - d for a, d in zip(answers, due, strict=True)]
    )
    assert set(run.result.samples["first_token_ns"]) == {-1}


def test_the_accuracy_log_has_the_answer_and_its_first_event(tmp_path):
    def draw(sample_id, now_ns):
        return Answer(
            sample_id, now_ns, 2, now_ns, data=b"whole text", first_event=b"whole", source="usage"
        )

    run, _ = timed_run(tmp_path, draw, mode="AccuracyOnly")
    assert {record["data"] for record in run.accuracy} == {b"whole text".hex().upper()}
    assert {record["token_data"] for record in run.accuracy} == {b"whole".hex().upper()}


# ---- Cancelled and failed ------------------------------------------------------------------------


def test_cancelled_answers_are_in_no_figure_and_no_mistake(tmp_path):
    draw = random_answers(13)
    calls = iter(range(1000))

    def every_third(sample_id, now_ns):
        answer = draw(sample_id, now_ns)
        if next(calls) % 3:
            return answer
        return replace(answer, cancelled=True, n_tokens=0, completed_ns=answer.completed_ns)

    run, answers = timed_run(tmp_path, every_third)
    performance = run.result.performance
    whole = [a for a in answers if not a.cancelled]
    assert reasons_of(run) == []
    assert performance.tokens.cancelled_count == 20
    assert (performance.sample_count, performance.failed_sample_count) == (40, 0)
    assert performance.sample_latency.count == performance.tokens.first_token.count == 40
    assert performance.tokens.event_count == sum(len(a.events) for a in whole)
    assert (performance.tokens.goodput_count, performance.tokens.goodput_share) == (40, 1)
    assert run.result.samples["failed"].tolist() == [a.cancelled for a in answers]
    assert run.value("result_cancelled_count") == 20
    logs = read_run(tmp_path)
    assert (logs.failed_share, logs.failures) == (0, "")
    assert logs.unanswered_share == pytest.approx(20 / 60)
    begun = [event["args"] for event in run.trace["traceEvents"] if event["ph"] == "b"]
    assert sum("failed" in arguments for arguments in begun) == 20


def test_failures_are_counted_by_their_texts(tmp_path):
    calls = iter(range(1000))

    def issue(samples):
        for sample in samples:
            number = next(calls)
            fail([sample.id], f"HTTP {400 + number // 3}")

    run = run_in(tmp_path, issue=issue, min_query_count=33, scenario="SingleStream")
    counts = run.result.performance.failure_counts
    assert counts == {f"HTTP {400 + i}": 3 for i in range(10)} | {"other reasons": 3}
    assert run.result.performance.failures == [f"HTTP {400 + i}" for i in range(10)]


# ---- Bounds --------------------------------------------------------------------------------------


def steady(gap_ns, events=5, lag_ns=0):
    """Answers whose first token comes 1 us after the issue, and then one each `gap_ns`."""

    def draw(sample_id, now_ns):
        arrivals = [(now_ns + 1000 + i * gap_ns, 1, lag_ns) for i in range(events)]
        return Answer(
            sample_id,
            arrivals[-1][0],
            events,
            arrivals[0][0],
            arrivals,
            first_token_lag_ns=lag_ns,
            completed_lag_ns=lag_ns,
            source="usage",
        )

    return draw


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        ({"itl_latency": 10_000}, None),
        ({"itl_latency": 9_999}, "p99 ITL 10 us is above the bound of 9.999 us"),
        ({"e2e_latency": FAR}, None),
        ({"e2e_latency": 30_000}, "is above the bound of 30 us"),
        ({"goodput_share": 1.0}, None),
        (
            {"goodput_share": 0.5, "ttft_latency": 1},
            "0 % of the requests kept all bounds, goodput_share asks for 50 %",
        ),
    ],
)
def test_bounds_beside_ttft_and_tpot(tmp_path, bound, reason):
    run, _ = timed_run(tmp_path, steady(10_000), **bound)
    reasons = reasons_of(run)
    assert run.result.performance.perf_constraints_met == (reason is None)
    if reason is None:
        assert reasons == []
    else:
        assert any(reason in text for text in reasons), reasons
        assert run.result.performance.recommendations


def test_the_whole_latency_needs_as_much_confidence_as_any(tmp_path):
    run, _ = timed_run(tmp_path, steady(1000), e2e_latency=FAR)
    missing = run.result.performance.tokens.early_stopping_e2e.queries_missing
    assert missing == 459 - 60
    assert f"early stopping of the latency needs {missing} more queries" in run.result.reasons


def whole(tokens):
    """Answers of so many tokens in one event."""

    def draw(sample_id, now_ns):
        return Answer(
            sample_id,
            now_ns + 1000,
            tokens,
            now_ns + 1000,
            [(now_ns + 1000, tokens, 0)],
            first_token_lag_ns=0,
            completed_lag_ns=0,
            source="usage",
        )

    return draw


def test_answers_that_come_whole_have_no_time_per_token_to_judge(tmp_path):
    run, _ = timed_run(tmp_path, whole(3))
    assert [text for text in run.result.reasons if "the answers came whole" in text]
    assert not run.result.performance.valid


def test_some_answers_that_come_whole_are_a_caution(tmp_path):
    calls = iter(range(1000))
    draws = [whole(3), steady(1000), steady(1000)]
    run, _ = timed_run(tmp_path, lambda *at: draws[next(calls) % 3](*at))
    assert reasons_of(run) == []
    assert any("33.3 % of the answers came whole" in text for text in run.result.cautions)


def test_answers_of_one_token_are_no_whole_ones(tmp_path):
    run, _ = timed_run(tmp_path, whole(1), allow_short_answers=True)
    assert not any("came whole" in t for t in [*run.result.reasons, *run.result.cautions])


def test_without_tokens_of_events_a_bound_on_itl_is_not_kept(tmp_path):
    run, _ = timed_run(tmp_path, random_answers(14, known=False), itl_latency=FAR)
    assert any("p99 ITL is unknown" in reason for reason in run.result.reasons)
    assert run.result.performance.tokens.goodput_count < 60


def test_goodput_is_the_share_that_kept_all_bounds(tmp_path):
    draw = random_answers(15)
    run, answers = timed_run(
        tmp_path, draw, tpot_latency=12_000, itl_latency=11_000, e2e_latency=FAR
    )

    def keeps_itl(answer):
        per_token = sorted(
            (b[0] - a[0]) // b[1]
            for a, b in zip(answer.events, answer.events[1:], strict=False)
            for _ in range(b[1])
        )
        return not per_token or per_token[int(len(per_token) * 0.99)] <= 11_000

    good = sum(
        (a.completed_ns - a.first_token_ns) // (a.n_tokens - 1) <= 12_000 and keeps_itl(a)
        for a in answers
    )
    assert 0 < good < 60
    assert run.result.performance.tokens.goodput_count == good
    assert run.result.performance.tokens.goodput_share == pytest.approx(good / 60)


@pytest.mark.parametrize(
    ("lag_ns", "verdict"), [(10_000, "fine"), (11_000, "caution"), (100_001, "invalid")]
)
def test_a_client_that_reads_late_is_no_judge(tmp_path, lag_ns, verdict):
    run, _ = timed_run(tmp_path, steady(1000, lag_ns=lag_ns), itl_latency=1_000_000)
    reasons = [text for text in run.result.reasons if "too late to judge" in text]
    cautions = [text for text in run.result.cautions if "reads late" in text]
    assert (bool(cautions), bool(reasons)) == (verdict == "caution", verdict == "invalid")
    assert all("itl_latency" in text for text in reasons + cautions)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(tmp_path, share):
    with pytest.raises(lg.SettingsError, match=r"goodput_share is .*: set it to a fraction"):
        timed_run(tmp_path, steady(1000), goodput_share=share)


# ---- Doors ---------------------------------------------------------------------------------------


def test_queries_go_to_the_taker_and_then_to_the_queue_again(tmp_path):
    taken = []

    def issue(ids, indices):
        taken.append((len(ids), indices))
        now_ns = time.monotonic_ns()
        complete_at(Answer(ids[0], now_ns, 2, now_ns))

    taker = Taker(issue)
    queue = lg._core.QueueSut(lambda: None, "taken")
    queue.forward_to(taker.capsule)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        use_token_latencies=True,
        server_target_qps=1000,
        min_duration_ms=0,
        min_query_count=20,
    )
    qsl = lg._core.CallbackQsl(5, 5, lambda _: None, lambda _: None, "qsl")
    result = lg._core.start_test(queue, qsl, settings, log_settings(tmp_path), "")
    assert (len(taken), result.performance.sample_count) == (20, 20)
    queue.forward_to(None)
    queue.push([1, 2], [3, 4])
    assert queue.take(9)["index"].tolist() == [3, 4]
    for wrong in (7, "text", object()):
        with pytest.raises(TypeError, match="receiver must be a LaneDispatcher, the capsule"):
            queue.forward_to(wrong)


def test_first_tokens_and_completions_from_plain_python(tmp_path):
    def issue(samples):
        lg.first_token(samples.ids, [b"a"] * len(samples))
        lg.complete(samples.ids, [b"a b"] * len(samples), [2] * len(samples))

    run = run_in(tmp_path, issue=issue, use_token_latencies=True, mode="AccuracyOnly")
    assert run.result.valid, run.result.reasons
    assert {record["token_data"] for record in run.accuracy} == {b"a".hex().upper()}
    assert run.result.logs.tokens == ""


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((), TypeError, "first_token needs ids"),
        (([1], None, [1]), TypeError, "first_token takes at most 2 arguments, not 3"),
        (([1], [b"a", b"b"]), ValueError, "2"),
        ((7,), TypeError, "ids must be an array or a sequence of integers"),
    ],
)
def test_first_token_refuses_what_is_wrong(arguments, error, text):
    with pytest.raises(error, match=text):
        lg.first_token(*arguments)
    with pytest.raises(TypeError, match="unexpected or repeated argument 'n_tokens'"):
        lg.first_token([1], n_tokens=[1])


# ---- Logs ----------------------------------------------------------------------------------------


def test_logs_say_it_of_systems_that_report_their_tokens_and_of_no_others(tmp_path):
    run, _ = timed_run(tmp_path / "timed", random_answers(16))
    plain = run_in(
        tmp_path / "plain",
        issue=lambda samples: runs.answer(samples, 5),
        scenario="Server",
        use_token_latencies=True,
    )
    tokens = run.result.performance.tokens
    assert (
        run.value("result_inter_token_99.00_percentile_ns")
        == (tokens.inter_token.percentiles_ns[0.99])
    )
    assert run.value("result_goodput_share") == 1
    assert run.value("result_failure_counts") == {}
    assert f"Read after arrival (ns)           : mean {tokens.client_lag.mean_ns}," in run.summary
    keys = {record["key"] for record in run.detail} - {record["key"] for record in plain.detail}
    assert {key for key in keys if not key.startswith("result_")} == set()
    assert len(keys) > 60
    assert "Token Arrivals" not in plain.summary
    assert plain.result.performance.tokens.goodput_count == 10


def test_absurd_counts_do_not_overflow(tmp_path):
    draw = random_answers(17)
    most = 2**63 - 1

    def absurd(sample_id, now_ns):
        drawn = draw(sample_id, now_ns)
        return replace(drawn, n_tokens=most, prompt_tokens=most, reasoning_tokens=-(2**63))

    run, _ = timed_run(tmp_path, absurd)
    tokens = run.result.performance.tokens
    assert (tokens.prompt_tokens, tokens.reasoning_tokens) == (most, None)
    assert tokens.token_count == most
    assert tokens.tokens_per_event == pytest.approx(most / tokens.event_count)


def test_negative_counts_are_a_mistake_and_in_no_figure(tmp_path):
    draw = random_answers(18)
    run, _ = timed_run(tmp_path, lambda i, now: replace(draw(i, now), n_tokens=-(2**63)))
    assert reasons_of(run)[-1].startswith("60 negative token counts")
    assert run.result.performance.tokens.decode_per_token.count == 0
    assert run.result.performance.tokens.tokens_per_event == 0
