"""Goal: a result in words has what the system said of its tokens, and of other systems nothing new.

Method: a system whose tokens come at known times is tested, and the text is compared with the
numbers of the result.
"""

import re

import pytest
from runs import answer, log_settings, run_in
from streamed_sut import StreamedSut
from timed_answers import UNKNOWN_LAG

import mlperf_loadgen as lg
from mlperf_loadgen.text.result import facts_of, times_of
from mlperf_loadgen.text.units import duration


class Library(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 20

    def load_samples(self, indices): ...

    def unload_samples(self, indices): ...


def result_of(tmp_path, system, **settings):
    asked = {"scenario": lg.TestScenario.Server, "server_target_qps": 1000, "min_duration_ms": 0}
    asked |= {"min_query_count": 50, "use_token_latencies": True} | settings
    log = log_settings(tmp_path)
    return lg.StartTestWithLogSettings(system, Library(), lg.TestSettings(**asked), log, "")


def test_what_streams_said(tmp_path):
    result = result_of(tmp_path, StreamedSut(prompt_tokens=40, cached_tokens=10))
    facts = dict(facts_of(result))
    tokens = result.performance.tokens
    assert facts["tokens a sample"] == "7 (usage)"
    assert facts["prompt tokens a sample"] == "40, 25 % of them cached"
    assert facts["tokens an event"] == "1.75; the times between events are those of bursts"
    assert facts["within all bounds"].startswith(f"{100 * tokens.goodput_share:.3g} % (")
    in_all = f"{tokens.total_tokens_per_second:,.0f} with those of the prompts"
    assert facts["token throughput"].endswith(in_all)
    rows = {row[0]: row[1:] for row in times_of(result)}
    for name, stats in {
        "TTFT": tokens.first_token,
        "TPOT": tokens.time_per_token,
        "ITL, per token": tokens.inter_token,
        "latency": result.performance.sample_latency,
        "tail after tokens": tokens.tail,
        "stamped late": tokens.client_lag,
    }.items():
        assert rows[name][0] == duration(stats.mean_ns)
        assert rows[name][3] == duration(stats.percentiles_ns[0.99])
    assert "over the latency bound" not in facts  # It is none of the bounds on tokens.
    assert "ICL, per event" not in rows and "first token" not in rows
    assert "ITL, per token: mean" in str(result)


def test_events_of_unknown_size_and_reads_of_unknown_lag(tmp_path):
    system = StreamedSut(lambda index: ([0] * 4, 6), source="events", lag_ns=UNKNOWN_LAG)
    result = result_of(tmp_path, system)
    facts = dict(facts_of(result))
    names = [row[0] for row in times_of(result)]
    assert "ICL, per event" in names and "ITL, per token" not in names
    assert facts["tokens a sample"] == "6 (events, not tokens)"
    assert facts["stamped late"] == "not known: there were no time stamps of the kernel"


def test_failures_are_counted_by_reason(run_test):
    reasons = iter(["HTTP 429"] * 5 + ["cut"] * 2)

    def issue(samples):
        reason = next(reasons, None)
        lg.fail(samples.ids, reason) if reason else answer(samples)

    result = run_test(issue=issue, min_query_count=20).result
    assert dict(facts_of(result))["samples failed"] == "7: 5 x HTTP 429; 2 x cut"


@pytest.mark.parametrize("tokens", [False, True])
def test_other_systems_are_described_as_before(tmp_path, tokens):
    run = run_in(
        tmp_path,
        scenario="Server",
        use_token_latencies=tokens,
        issue=lambda samples: answer(samples, n_tokens=5 * tokens),
    )
    names = [name for name, _ in facts_of(run.result)] + [row[0] for row in times_of(run.result)]
    assert names == [
        "completed",
        *(["token throughput"] if tokens else []),
        "scheduled",
        "over the latency bound",
        "queries issued",
        "samples completed",
        "sample latency",
        *(["first token", "per token"] if tokens else []),
        "issued late",
    ]


def test_a_peak_shows_the_times_of_the_run_that_confirmed_it(tmp_path, run_test, capsys):
    pytest.importorskip("typer", reason="needs the extra cli")
    from mlperf_loadgen.cli.show.result_view import print_streams

    print_streams(result_of(tmp_path, StreamedSut()))
    shown = capsys.readouterr().out
    assert shown.startswith("  the run that confirmed it:")
    assert re.search(r"ITL, per token +40 us +40 us +80 us", shown)
    print_streams(run_test().result)
    assert capsys.readouterr().out == ""
