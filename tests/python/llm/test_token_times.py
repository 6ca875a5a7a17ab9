"""Goal: what a test of an endpoint says of tokens is what a server with known times did.

Method: the mock of tests/mock_llm keeps when each event left. Stamps are held against that, and
figures against calculations from the stamps, by the definitions of docs/llm.md. Where a bound on a
time is asserted, it is several times what a busy machine adds.
"""

import numpy as np
import pytest
from llm_runs import answers_of, marked_prompts, run_endpoint, stamp_error_ns

import mlperf_loadgen as lg

MS = 1_000_000
STAMP_MARGIN_NS = 10 * MS
"""Above the microseconds between the kernel's stamp and the call that sent, and a millisecond for
what a correction of the wall clock may add between two comparisons of the clocks."""


def percentile(values, share):
    """Element floor(n p) of the ascending order, as docs/terminology.md defines it."""
    ascending = np.sort(values)
    return ascending[min(int(len(ascending) * share), len(ascending) - 1)]


def gaps(answers):
    return np.concatenate([np.diff(arrivals) for arrivals in answers.arrivals])


def test_stamps_are_when_the_events_left(clean, tmp_path):
    _, result = run_endpoint(clean.url(ttft_us=5000, itl_us=3000, n=8), tmp_path)
    answers = answers_of(result)
    assert [len(arrivals) for arrivals in answers.arrivals] == [8] * len(answers.rows)
    assert stamp_error_ns(answers, clean.sent()) < STAMP_MARGIN_NS


def test_figures_follow_their_definitions(clean, tmp_path):
    """Two tokens an event, the last alone; usage in each event says so."""
    url = clean.url(ttft_us=4000, itl_us=2000, n=9, tokens_per_event=2, usage=3, cached_tokens=4)
    _, result = run_endpoint(url, tmp_path)
    answers, tokens = answers_of(result), result.performance.tokens
    n_answers = len(answers.rows)
    first = np.array([arrivals[0] for arrivals in answers.arrivals])
    last = np.array([arrivals[-1] for arrivals in answers.arrivals])
    completed, due = answers.rows["completed_ns"], answers.rows["scheduled_ns"]

    assert [k.tolist() for k in answers.tokens] == [[2, 2, 2, 2, 1]] * n_answers
    assert (tokens.token_source, tokens.event_count) == ("usage", 5 * n_answers)
    assert tokens.tokens_per_event == pytest.approx(9 / 5)
    assert (tokens.prompt_tokens, tokens.cached_tokens) == (10 * n_answers, 4 * n_answers)
    each = {
        "first_token": first - due,
        "time_per_token": (completed - first) // 8,
        "decode_per_token": (last - first) // 7,
        "inter_chunk": gaps(answers),
        "tail": completed - last,
        "inter_token": np.concatenate(
            [
                np.repeat(np.diff(a) // k[1:], k[1:])
                for a, k in zip(answers.arrivals, answers.tokens, strict=True)
            ]
        ),
    }
    for name, values in each.items():
        stats = getattr(tokens, name)
        assert stats.max_ns == pytest.approx(values.max(), abs=1), name
        for share in (0.5, 0.9, 0.99):
            assert stats.percentiles_ns[share] == pytest.approx(percentile(values, share), abs=1), (
                name
            )


def test_times_are_those_of_the_server(clean, tmp_path):
    """200 ms to the first token and 20 ms from one to the next."""
    _, result = run_endpoint(
        clean.url(ttft_us=200_000, itl_us=20_000, n=6), tmp_path, min_query_count=10
    )
    tokens = result.performance.tokens
    assert tokens.first_token.min_ns >= 200 * MS
    assert tokens.first_token.percentiles_ns[0.5] < 400 * MS
    assert 10 * MS < tokens.inter_token.mean_ns < 40 * MS


def test_pauses_are_in_itl_and_hardly_in_tpot(clean, tmp_path):
    """A rest of 200 ms after each 800 ms of work: two in 50 gaps."""
    shape = {"ttft_us": 0, "itl_us": 40_000, "n": 51, "pause_us": 200_000, "work_us": 800_000}
    _, result = run_endpoint(
        clean.url(**shape), tmp_path, marked_prompts(4), scenario="Offline", min_query_count=4
    )
    tokens = result.performance.tokens
    assert tokens.inter_token.percentiles_ns[0.99] > 150 * MS
    assert tokens.time_per_token.percentiles_ns[0.99] < 100 * MS
    assert tokens.inter_token.percentiles_ns[0.5] < 100 * MS


def test_latency_is_from_the_schedule(clean, tmp_path):
    """The server takes 40 ms a request, one at a time, and 20 are due at nearly the same time."""
    _, result = run_endpoint(
        clean.url(ttft_us=40_000, n=1),
        tmp_path,
        endpoint={"max_outstanding": 1},
        scenario="Server",
        server_target_qps=1000,
        min_query_count=20,
        allow_short_answers=True,
    )
    tokens = result.performance.tokens
    assert tokens.first_token.max_ns > 600 * MS
    assert tokens.first_token_from_send.percentiles_ns[0.5] < 300 * MS
    assert tokens.short_answers == 20


def test_open_loop(clean, tmp_path):
    """The same with a server that takes all and answers one after another."""
    _, result = run_endpoint(
        clean.url(ttft_us=40_000, n=1, serial=1),
        tmp_path,
        scenario="Server",
        server_target_qps=1000,
        min_query_count=20,
        allow_short_answers=True,
    )
    rows = lg.read_samples(result.logs.samples)
    completed = np.sort(rows["completed_ns"])
    assert np.all(np.diff(completed) > 0)
    assert completed[-1] - rows["scheduled_ns"].min() >= 20 * 40 * MS
    assert clean.stats()["most_streams"] > 1


def test_goodput_counts_what_kept_every_bound(clean, tmp_path):
    """Answers of 2 tokens keep 1.5 s, and those of 101 tokens with 20 ms each do not."""
    prompts = lg.Prompts([lg.Request("x", max_tokens=2 if i % 2 else 101) for i in range(20)])
    _, result = run_endpoint(
        clean.url(ttft_us=1000, itl_us=20_000),
        tmp_path,
        prompts,
        scenario="Server",
        server_target_qps=50,
        min_query_count=40,
        ttft_latency=10_000 * MS,
        tpot_latency=10_000 * MS,
        e2e_latency=1500 * MS,
        goodput_share=0.9,
    )
    rows = lg.read_samples(result.logs.samples)
    short = int(np.sum(rows["sample_index"] % 2 == 1))
    tokens = result.performance.tokens
    assert 0 < short < len(rows)
    assert tokens.goodput_count == short
    assert tokens.goodput_share == pytest.approx(short / len(rows))
    assert not result.valid


def test_reasoning_is_apart(clean, tmp_path):
    _, result = run_endpoint(clean.url(ttft_us=1000, itl_us=5000, n=6, reasoning=3), tmp_path)
    tokens = result.performance.tokens
    assert tokens.reasoning_tokens == 3 * len(lg.read_samples(result.logs.samples))
    assert tokens.first_output.min_ns > tokens.first_token.min_ns
    assert tokens.first_output.count == tokens.first_token.count


def test_a_connection_left_open_after_done(clean, tmp_path):
    """The answer is complete at once, and the connection is given up."""
    endpoint, result = run_endpoint(clean.url(ttft_us=0, itl_us=0, n=2, linger=1), tmp_path)
    assert result.performance.failure_counts == {}
    count = len(lg.read_samples(result.logs.samples))
    assert endpoint.report.connections["opened"] >= count
    assert endpoint.report.connections["reused"] == 0


def test_connections_are_used_again(clean, tmp_path):
    endpoint, result = run_endpoint(
        clean.url(ttft_us=0, itl_us=0, n=2), tmp_path, min_query_count=200
    )
    assert result.valid
    assert endpoint.report.connections["opened"] == 1
