"""Goal: the gaps between tokens are those that the definitions of docs/llm.md give.

Method: token logs are written by hand, and the gaps are compared with those counted one by one.
"""

import itertools

import numpy as np
import pytest
from token_logs import streamed_run, write_tokens

import mlperf_loadgen as lg
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.logs.streams import arrivals_of, gaps_between_events, gaps_between_tokens

MS = 1_000_000


def spread_of(i):
    return [20 * MS, 30 * MS + i, 60 * MS, 90 * MS - i]


def test_a_gap_counts_once_for_each_token_of_its_second_event(tmp_path):
    _, rows, events = streamed_run(tmp_path, spread_of, lambda i: ([3, 1, 2, 4], 10))
    logs = read_run(tmp_path)
    arrivals = arrivals_of(logs.samples, logs.token_events)
    gaps = gaps_between_tokens(arrivals)
    expected = [
        (row, at_ns + rows[row]["scheduled_ns"], (at_ns - before) // k)
        for row, each in enumerate(events)
        for (before, _), (at_ns, k) in itertools.pairwise(each)
        for _ in range(k)
    ]
    assert list(zip(gaps.row, gaps.at_ns, gaps.gap_ns, strict=True)) == expected
    between = gaps_between_events(arrivals)
    assert between.gap_ns.tolist() == [
        b[0] - a[0] for e in events for a, b in itertools.pairwise(e)
    ]
    assert arrivals.shares.sum() == 10 * len(rows)


def test_as_many_events_as_tokens_are_one_each_even_if_the_server_does_not_say(tmp_path):
    streamed_run(tmp_path, spread_of, lambda i: ([0] * 4, 4))
    logs = read_run(tmp_path)
    arrivals = arrivals_of(logs.samples, logs.token_events)
    assert arrivals.tokens.tolist() == [1] * len(arrivals.at_ns)
    assert np.array_equal(
        gaps_between_tokens(arrivals).gap_ns, gaps_between_events(arrivals).gap_ns
    )


def test_one_event_of_unknown_size_leaves_only_the_gaps_between_events(tmp_path):
    told = [1, 1, 1, 1]
    streamed_run(tmp_path, spread_of, lambda i: ([1, 0, 1, 1], 6) if i == 7 else (told, 4))
    logs = read_run(tmp_path)
    arrivals = arrivals_of(logs.samples, logs.token_events)
    assert gaps_between_tokens(arrivals) is None
    assert len(gaps_between_events(arrivals).gap_ns) == 3 * len(logs.samples)
    assert arrivals.shares[28:32].tolist() == [1.5] * 4  # An even share of its sample's.


def test_samples_that_failed_have_no_tokens(tmp_path):
    streamed_run(tmp_path, spread_of, lambda i: ([1] * 4, 4))
    path = tmp_path / "loadgen_samples/mlperf_log_samples.npy"
    rows = np.load(path)
    rows["failed"][::3] = True
    np.save(path, rows)
    logs = read_run(tmp_path)
    arrivals = arrivals_of(logs.samples, logs.token_events)
    assert set(arrivals.row) == set(np.flatnonzero(~rows["failed"]))


def test_only_the_performance_phase_counts(tmp_path):
    streamed_run(tmp_path, spread_of, lambda i: ([1] * 4, 4))
    path = tmp_path / "loadgen_samples/mlperf_log_samples.npy"
    rows = np.load(path)
    rows["phase"][:10] = 2  # Warm-up.
    np.save(path, rows)
    logs = read_run(tmp_path)
    assert np.diff(logs.token_events.offsets).tolist() == [4] * (len(rows) - 10)
    arrivals = arrivals_of(logs.samples, logs.token_events)
    assert arrivals.at_ns[0] == rows["scheduled_ns"][10] + spread_of(10)[0]


def test_a_token_log_of_other_samples_is_not_read(tmp_path):
    streamed_run(tmp_path, spread_of, lambda i: ([1] * 4, 4))
    write_tokens(tmp_path, [[(5, 1)]] * 7)
    with pytest.warns(
        lg.TruncatedLogWarning, match=r"tokens of 7 samples, and the sample log has 60"
    ):
        assert read_run(tmp_path).token_events is None
