"""Goal: a report shows what the events of streamed answers say, and nothing where there are none.

Method: the logs of a run get token times made by hand; the charts and tables of the page are read
back and compared with those times, counted one by one.
"""

import itertools

import numpy as np
import pytest
from report_page import Page
from runs import answer, log_settings
from streamed_sut import StreamedSut
from token_logs import streamed_run

import mlperf_loadgen as lg
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.logs.streams import arrivals_of, gaps_between_tokens

pytest.importorskip("plotly")

MS = 1_000_000
UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


class Library(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 20

    def load_samples(self, indices): ...

    def unload_samples(self, indices): ...


def page_of(tmp_path, *paths):
    out = tmp_path / "report.html"
    lg.write_report(list(paths), out)
    return Page(out)


def times_of(i):
    """Four events, slower the more queries were sent."""
    return [20 * MS + step * (10 * MS + i * MS // 50) for step in range(4)]


@pytest.fixture
def streamed(tmp_path):
    (tmp_path / "run").mkdir()
    run, rows, events = streamed_run(
        tmp_path / "run", times_of, lambda i: ([1, 2, 1, 3], 7), gap_ns=5 * MS, count=600
    )
    return run, rows, events


def test_gaps_between_tokens_have_their_column_and_charts(streamed, tmp_path):
    run, _, events = streamed
    page = page_of(tmp_path, run.outdir)
    gaps = sorted(
        (b[0] - a[0]) // b[1]
        for each in events
        for a, b in itertools.pairwise(each)
        for _ in range(b[1])
    )
    heads = [cell[0] for cell in page.tables["percentiles"][0]]
    column = heads.index("Inter-token latency")
    shown = {row[0][0]: row[column][1] for row in page.tables["percentiles"][1:]}
    for name, p in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        assert float(shown[name]) == gaps[int(len(gaps) * p)]
    assert float(shown["max"]) == gaps[-1]
    assert {"itl-tail", "itl-histogram", "itl-time"} <= set(page.charts)
    assert "icl-tail" not in page.charts


def test_tokens_over_time_are_all_tokens(streamed, tmp_path):
    run, rows, _ = streamed
    chart = page_of(tmp_path, run.outdir).charts["tokens-time"]["data"][0]
    edges = [0.0]
    for middle in chart["x"]:
        edges.append(2 * middle - edges[-1])
    assert np.sum(np.array(chart["y"]) * np.diff(edges)) == pytest.approx(7 * len(rows), rel=1e-3)


def test_gaps_by_load_are_those_at_that_load(streamed, tmp_path):
    run, rows, events = streamed
    chart = page_of(tmp_path, run.outdir).charts["gaps-load"]
    by_load = {}
    for row, each in zip(rows, events, strict=True):
        for (before, _), (at_ns, k) in itertools.pairwise(each):
            at = row["scheduled_ns"] + at_ns
            load = np.sum((rows["issued_ns"] <= at) & (rows["completed_ns"] >= at))
            by_load.setdefault(int(load), []).extend([(at_ns - before) // k] * k)
    p50, p99 = (next(d for d in chart["data"] if d["name"] == name) for name in ("p50", "p99"))
    assert p50["x"] == sorted(set(range(1, max(by_load) + 1)) & set(p50["x"]))
    for x, y in zip(p50["x"], p50["y"], strict=True):
        gaps = sorted(by_load.get(int(x), []))
        assert y is None if not gaps else y * MS == pytest.approx(gaps[len(gaps) // 2], rel=1e-5)
    for x, y in zip(p99["x"], p99["y"], strict=True):
        gaps = sorted(by_load.get(int(x), []))
        few = len(gaps) < 150  # Those have no 99th percentile but their maximum.
        assert (y is None) == few
        if not few:
            assert y * MS == pytest.approx(gaps[int(len(gaps) * 0.99)], rel=1e-5)


def test_tokens_of_events_are_counted(streamed, tmp_path):
    run, _, _ = streamed
    bars = page_of(tmp_path, run.outdir).charts["tokens-event"]["data"][0]
    assert bars["x"] == [1, 2, 3]
    assert bars["y"] == pytest.approx([50, 25, 25])


def test_where_events_do_not_say_how_many_tokens_they_have(tmp_path):
    (tmp_path / "run").mkdir()
    run, _, events = streamed_run(tmp_path / "run", times_of, lambda i: ([0] * 4, 9), count=200)
    page = page_of(tmp_path, run.outdir)
    gaps = sorted(b[0] - a[0] for each in events for a, b in itertools.pairwise(each))
    heads = [cell[0] for cell in page.tables["percentiles"][0]]
    column = heads.index("Time between events")
    assert "Inter-token latency" not in heads
    shown = {row[0][0]: row[column][1] for row in page.tables["percentiles"][1:]}
    assert float(shown["p90"]) == gaps[int(len(gaps) * 0.9)]
    assert "icl-tail" in page.charts and "tokens-event" not in page.charts


def test_runs_are_laid_over_each_other(streamed, tmp_path):
    run, _, _ = streamed
    (tmp_path / "other").mkdir()
    other, _, _ = streamed_run(tmp_path / "other", times_of, lambda i: ([1] * 4, 4), count=100)
    page = page_of(tmp_path, run.outdir, other.outdir)
    for key in ("tokens-time", "tokens-event"):
        assert [line["name"] for line in page.charts[key]["data"][:2]] == ["run", "other"]
    assert any(row[0][0] == "Inter-token latency, p99" for row in page.tables["comparison"])


def test_systems_that_say_nothing_of_tokens_have_none_of_it(run_test, tmp_path):
    run = run_test(
        scenario="Server",
        min_query_count=300,
        use_token_latencies=True,
        server_target_qps=2e4,
        issue=lambda samples: answer(samples, n_tokens=5),
    )
    page = page_of(tmp_path, run.outdir)
    assert not {"tokens-time", "gaps-load", "tokens-event", "itl-tail", "icl-tail"} & set(
        page.charts
    )
    assert "streams" not in page.tables
    heads = [cell[0] for cell in page.tables["percentiles"][0]]
    assert heads == ["", "Latency", "Time to first token", "Time per output token"]


def test_markdown_and_picture_have_it(streamed, tmp_path):
    run, _, _ = streamed
    lg.write_report(run.outdir, tmp_path / "report.md")
    assert "Inter-token latency" in (tmp_path / "report.md").read_text()
    pytest.importorskip("matplotlib")
    lg.write_report(run.outdir, tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000


def test_a_run_of_a_system_with_token_times_has_its_figures(tmp_path):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_target_qps=1000,
        min_duration_ms=0,
        min_query_count=100,
        use_token_latencies=True,
        itl_latency=10 * MS,
        e2e_latency=1000 * MS,
    )
    system = StreamedSut(prompt_tokens=40)
    log = log_settings(tmp_path)
    result = lg.StartTestWithLogSettings(system, Library(), settings, log, "")
    page = page_of(tmp_path, tmp_path)
    tokens = result.performance.tokens
    rows = {row[0][0]: [cell[1] for cell in row[1:]] for row in page.tables["streams"]}
    for name, stats in {
        "first token, from sending the request": tokens.first_token_from_send,
        "between events": tokens.inter_chunk,
        "decode time a token": tokens.decode_per_token,
        "tail after the last token": tokens.tail,
        "stamped late by this client": tokens.client_lag,
    }.items():
        found = [float(value) for value in rows[name]]
        at = [stats.percentiles_ns[p] for p in (0.5, 0.9, 0.99, 0.999)]
        assert found == [stats.mean_ns, *at, stats.max_ns]
    shown = {row[0][0]: row[-1][1] for row in page.tables["percentiles"][1:]}
    assert float(shown["mean"]) == tokens.inter_token.mean_ns
    assert float(shown["p99"]) == tokens.inter_token.percentiles_ns[0.99]
    assert float(shown["bound on p99"]) == 10 * MS
    assert {tokens.goodput_share, tokens.tokens_per_event} <= set(page.tiles)
    assert "within the bound of 10 ms" in page.text and "within the bound of 1 s" in page.text
    # What the page counts itself is what the load generator counted.
    logs = read_run(tmp_path)
    gaps = gaps_between_tokens(arrivals_of(logs.samples, logs.token_events))
    assert len(gaps.gap_ns) == tokens.inter_token.count
    ordered = np.sort(gaps.gap_ns)
    assert ordered[int(len(ordered) * 0.9)] == tokens.inter_token.percentiles_ns[0.9]


def test_a_sweep_has_the_gaps_between_tokens(tmp_path):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        min_duration_ms=0,
        min_query_count=30,
        use_token_latencies=True,
    )
    lg.sweep(StreamedSut(), Library(), settings, [500, 1000], outdir=tmp_path / "swept")
    heads, *rows = page_of(tmp_path, tmp_path / "swept").tables["sweep"]
    column = [cell[0] for cell in heads].index("ITL, p99")
    assert [float(row[column][1]) for row in rows] == [80_000] * 2
