"""Goal: Prometheus gets what the test does, at the moment it asks, and what it may rely on:
names, types, units.

Method: the endpoint is asked over HTTP, from a callback while the system holds its last answers and
after the test, and the numbers are compared with the result; the text is read by the parsers of
prometheus_client.
"""

import dataclasses
import errno
import itertools
import sys
import urllib.error
import urllib.request

import pytest
from runs import answer, log_settings
from streamed_sut import StreamedSut

import mlperf_loadgen as lg
from mlperf_loadgen import live

prometheus_client = pytest.importorskip("prometheus_client")
from prometheus_client.openmetrics.parser import (  # noqa: E402
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text  # noqa: E402

from mlperf_loadgen.live import prometheus_server  # noqa: E402


def scrape(url, accept="text/plain"):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read().decode()


def samples_of(text):
    """(name without prefix, quantile or None): value; the labels that all share."""
    found, labels = {}, []
    for family in parse_text(text):
        for sample in family.samples:
            own = dict(sample.labels)
            key = (sample.name.removeprefix("mlperf_loadgen_"), own.pop("quantile", None))
            assert sample.name.startswith("mlperf_loadgen_")
            assert key not in found
            found[key] = sample.value
            if own and own not in labels:
                labels.append(own)
    return found, labels


def test_numbers_are_those_of_the_test(run_test):
    texts, seen, held = [], [], []

    def issue(samples):
        if len(held) < 5:
            held.extend(samples)
            return
        answer(samples)
        if lg.read_progress().queries_issued == 50:
            texts.append(scrape(url))
            seen.append(lg.read_progress())
            answer(held)

    with lg.serve_metrics(0) as url:
        run = run_test(scenario="Server", min_query_count=50, server_target_qps=2000, issue=issue)
        texts.append(scrape(url))
    result = run.result.performance

    running, labels = samples_of(texts[0])
    assert labels == [{"scenario": "Server", "phase": "performance"}]
    assert running["running", None] == 1
    assert running["queries_issued_total", None] == result.query_count == 50
    assert running["samples_issued_total", None] == 50
    assert running["samples_completed_total", None] == 45
    assert running["samples_outstanding", None] == 5
    assert running["offered_samples_per_second", None] == 2000
    assert running["latency_seconds", "0.5"] == seen[0].latency_p50_ns / 1e9
    assert running["latency_seconds", "0.99"] == seen[0].latency_p99_ns / 1e9
    assert running["start_time_seconds", None] == seen[0].start_time_s
    assert 0 < running["elapsed_seconds", None] <= seen[0].elapsed_s
    assert running["remaining_seconds", None] == 0
    assert ("peak_trial", None) not in running

    ended, _ = samples_of(texts[1])
    assert ended["running", None] == 0
    assert ended["samples_completed_total", None] == result.sample_count == 50
    assert ended["samples_outstanding", None] == 0
    latency, late = result.sample_latency.percentiles_ns, result.lateness
    assert ended["latency_seconds", "0.5"] == latency[0.5] / 1e9
    assert ended["latency_seconds", "0.99"] == latency[0.99] / 1e9
    assert ended["lateness_seconds", "0.5"] == late.p50_ns / 1e9
    assert ended["lateness_seconds", "0.99"] == late.p99_ns / 1e9
    assert ended["lateness_seconds", "1"] == late.max_ns / 1e9


def test_histograms_are_of_all_tokens(run_test):
    bounds = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
    bounds += [10, 20, 50, 100, float("inf")]
    with lg.serve_metrics(0) as url:
        run = run_test(
            scenario="Server",
            min_query_count=80,
            use_token_latencies=True,
            server_target_qps=2000,
            issue=lambda samples: answer(samples, n_tokens=3),
        )
        families = {f.name: f for f in parse_text(scrape(url))}
        strict = parse_openmetrics(scrape(url, "application/openmetrics-text"))
        kinds = {family.name: family.type for family in strict}
    rows = run.result.samples
    ttft_ns = rows["first_token_ns"] - rows["scheduled_ns"]
    tpot_ns = (rows["completed_ns"] - rows["first_token_ns"]) // 2
    for name, times_ns in (("time_to_first_token", ttft_ns), ("time_per_output_token", tpot_ns)):
        family = families[f"mlperf_loadgen_{name}_seconds"]
        assert kinds[family.name] == "histogram"
        buckets = [s for s in family.samples if s.name.endswith("_bucket")]
        assert [float(s.labels["le"]) for s in buckets] == bounds
        assert [s.value for s in buckets] == [int((times_ns <= b * 1e9).sum()) for b in bounds]
        (total,) = (s.value for s in family.samples if s.name.endswith("_sum"))
        assert total == pytest.approx(times_ns.sum() / 1e9)
    assert "mlperf_loadgen_inter_token_latency_seconds" not in families


@pytest.mark.parametrize("scenario", ["Server", "Offline"])
def test_times_between_tokens_are_counted_token_by_token(tmp_path, scenario):
    class Library(lg.QuerySampleLibrary):
        total_sample_count = performance_sample_count = 20

        def load_samples(self, indices): ...

        def unload_samples(self, indices): ...

    counts = []

    class Asking(StreamedSut):
        def issue_query(self, samples):
            super().issue_query(samples)
            counts.append(sum(lg.read_progress().itl.counts) / len(samples))

    settings = lg.TestSettings(
        scenario=getattr(lg.TestScenario, scenario),
        min_duration_ms=0,
        min_query_count=30,
        use_token_latencies=True,
    )
    with lg.serve_metrics(0) as url:
        lg.StartTestWithLogSettings(Asking(), Library(), settings, log_settings(tmp_path), "")
        families = {f.name: f for f in parse_text(scrape(url))}
    family = families["mlperf_loadgen_inter_token_latency_seconds"]
    samples = {(s.name.rpartition("_")[2], s.labels.get("le")): s.value for s in family.samples}
    n = lg.read_progress().samples_completed
    # Gaps of 80 us with 2, 1 and 3 tokens: all but the first token of each answer.
    assert samples["count", None] == samples["bucket", "0.0001"] == 6 * n
    assert samples["sum", None] == pytest.approx(n * (2 * 40 + 80 + 3 * 26.666) * 1e-6)
    assert counts == ([6] if scenario == "Offline" else [6 * i for i in range(1, n + 1)])
    assert ("mlperf_loadgen_time_to_first_token_seconds" in families) == (scenario != "Offline")


def test_no_histogram_is_counted_for_nobody(run_test):
    run_test(use_token_latencies=True, issue=lambda samples: answer(samples, n_tokens=3))
    assert lg.read_progress().ttft is None


def test_a_silent_system_is_reported(run_test, monkeypatch):
    run_test()
    silent = dataclasses.replace(lg.read_progress(), silent_s=12.5, oldest_outstanding_s=70.0)
    monkeypatch.setattr(prometheus_server, "read_progress", lambda: silent)
    with lg.serve_metrics(0) as url:
        found, _ = samples_of(scrape(url))
    assert found["silent_seconds", None] == 12.5
    assert found["oldest_outstanding_seconds", None] == 70


def test_failed_samples_are_counted_apart(run_test):
    fails = itertools.cycle([True, False, False])

    def issue(samples):
        lg.fail(samples.ids, "no memory") if next(fails) else answer(samples)

    with lg.serve_metrics(0) as url:
        run_test(issue=issue, min_query_count=10)
        found, _ = samples_of(scrape(url))
    assert found["samples_failed_total", None] == 4
    assert found["samples_completed_total", None] == 6
    assert found["samples_outstanding", None] == 0


def test_what_is_not_known_is_left_out(run_test):
    run_test(mode="AccuracyOnly")
    with lg.serve_metrics(0) as url:
        found, labels = samples_of(scrape(url))
    assert labels == [{"scenario": "SingleStream", "phase": "accuracy"}]
    names = {name for name, _ in found}
    assert {"latency_seconds", "samples_completed_total"} <= names
    assert not {"lateness_seconds", "offered_samples_per_second", "silent_seconds"} & names


def test_before_the_first_test(run_script):
    done = run_script(
        """
        import urllib.request
        import mlperf_loadgen as lg

        with lg.serve_metrics(0) as url:
            print(urllib.request.urlopen(url).read().decode())
        """
    )
    assert samples_of(done.stdout) == ({("running", None): 0.0}, []), done.stderr


def test_names_types_and_help(run_test):
    """As OpenMetrics, whose parser is strict."""
    run_test(scenario="Server", server_target_qps=2000)
    with lg.serve_metrics(0) as url:
        families = list(parse_openmetrics(scrape(url, "application/openmetrics-text")))
    counters = {f.name for f in families if f.type == "counter"}
    assert counters == {
        "mlperf_loadgen_queries_issued",
        "mlperf_loadgen_samples_issued",
        "mlperf_loadgen_samples_completed",
        "mlperf_loadgen_samples_failed",
    }
    assert {f.type for f in families} == {"counter", "gauge"}
    assert all(f.documentation for f in families)


def test_a_port_in_use_is_named_and_free_again_afterwards():
    with lg.serve_metrics(0) as url:
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        text = f"port {port} of 127.0.0.1 is in use"
        with pytest.raises(OSError, match=text) as caught, lg.serve_metrics(port):
            pass
        assert caught.value.errno == errno.EADDRINUSE
        assert "mlperf_loadgen_running" in scrape(url)
    with lg.serve_metrics(port) as again:
        assert again == url
        assert "mlperf_loadgen_running" in scrape(again)
    with pytest.raises(urllib.error.URLError):
        scrape(url)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(port):
    with pytest.raises(ValueError, match=f"port must be from 0 to 65535, not {port}"):
        lg.serve_metrics(port).__enter__()


def test_an_address_that_is_none():
    with pytest.raises(OSError), lg.serve_metrics(0, "192.0.2.1"):
        pass


def test_the_registry_of_others_is_left_alone():
    with lg.serve_metrics(0) as url:
        assert "python_info" not in scrape(url)
        text = prometheus_client.generate_latest(prometheus_client.REGISTRY).decode()
    assert "mlperf_loadgen" not in text


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "mlperf_loadgen.live.prometheus_server")
    monkeypatch.delattr(live, "prometheus_server")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    served = lg.serve_metrics(0)
    with pytest.raises(ImportError, match=r"pip install 'mlperf_loadgen\[metrics\]'"), served:
        pass
