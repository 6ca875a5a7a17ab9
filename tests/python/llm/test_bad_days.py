"""Goal: a test of an endpoint ends, and says what happened, when things go wrong under way.

Method: the mock refuses, cuts, and is killed; the client is stopped by a signal in a process of its
own; ports run out in a network namespace of its own. Reasons and counts are those of what was done.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import netns
import pytest
from llm_runs import marked_prompts, read_answers, run_endpoint, stamp_error_ns
from llm_wire import ANSWER, chunked
from mock_llm import mock_llm
from runs import HANG_LIMIT_S, HELPERS, until
from scripted_server import Script, scripted_server

import mlperf_loadgen as lg

MS = 1_000_000
LONG_ERROR = 'data: {"error": {"message": "n' + 300 * "ж" + '"}}\n\n'


def test_one_of_a_hundred_is_refused(clean, tmp_path):
    url = clean.url(ttft_us=0, itl_us=0, n=2, fail_every=100)
    with pytest.warns(lg.EndpointWarning, match="mock refuses"):
        endpoint, result = run_endpoint(url, tmp_path, min_query_count=500)
    assert not result.valid
    ((reason, count),) = result.performance.failure_counts.items()
    assert "429" in reason
    assert count == clean.stats()["refused"] == endpoint.report.statuses["429"]
    assert endpoint.report.statuses["200"] == clean.stats()["finished"]
    assert any("429" in text for text in result.reasons)


@pytest.mark.parametrize(
    "script, reason",
    [
        (
            Script(chunked([LONG_ERROR.encode()]).data),
            "the server sent an error: n" + 99 * "ж",
        ),
        (
            Script(b"HTTP/1.1 500 Fehler \xfc\r\nContent-Length: 1\r\n\r\n\xff"),
            "HTTP 500: Fehler \ufffd",
        ),
    ],
    ids=["too long", "no UTF-8"],
)
def test_words_of_a_server_can_be_shown(script, reason, tmp_path):
    with scripted_server([script]) as url, pytest.warns(lg.EndpointWarning):
        _, result = run_endpoint(url, tmp_path, marked_prompts(1), min_query_count=2)
    assert result.performance.failure_counts == {reason: 2}
    assert reason in str(result)
    assert reason in Path(result.logs.summary).read_text()


def test_cut_streams_have_failed(clean, tmp_path):
    url = clean.url(ttft_us=0, itl_us=0, n=8, cut_every=2)
    with pytest.warns(lg.EndpointWarning, match="cut after 4 tokens"):
        _, result = run_endpoint(url, tmp_path, scenario="Offline", min_query_count=40)
    stats = clean.stats()
    assert (stats["cut"], stats["finished"]) == (20, 20)
    assert sum(result.performance.failure_counts.values()) == 20
    assert all("cut" in reason for reason in result.performance.failure_counts)
    rows = lg.read_samples(result.logs.samples)
    assert int(rows["failed"].sum()) == 20
    assert not result.valid


def test_a_server_that_is_killed(tmp_path):
    """Half way through; what is left fails, and the test ends."""
    with mock_llm(ttft_us=0, itl_us=2000, n=4) as mock:

        def kill():
            until(lambda: mock.stats()["finished"] >= 20)
            mock.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        endpoint, result = run_endpoint(
            mock.url(), tmp_path, scenario="Server", server_target_qps=200, min_query_count=200
        )
        killer.join()
    rows = lg.read_samples(result.logs.samples)
    assert not result.valid
    assert 20 <= int((~rows["failed"]).sum()) < 200
    assert int(rows["failed"].sum()) == sum(result.performance.failure_counts.values()) > 0
    assert endpoint.report.nodes[0]["losses"]


def test_a_kept_connection_that_is_dead(tmp_path):
    """Each connection is closed at its second request, before a byte of the answer: that request
    goes out once more over a new one, and is counted.
    """
    scripts = [Script(chunked(ANSWER).data)] * 20
    with scripted_server(scripts, hangs_up_after=1) as url:
        endpoint, result = run_endpoint(url, tmp_path, min_query_count=20)
    assert result.performance.failure_counts == {}
    count = result.performance.sample_count
    connections = endpoint.report.connections
    assert (connections["repeated"], connections["opened"]) == (count - 1, count)


# ---- Clients in processes of their own -----------------------------------------------------------


@pytest.fixture
def start_client(tmp_path):
    """Starts a program that uses the helpers; `before` is a command that starts it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HELPERS), *sys.path])}

    def start(program, *arguments, before=()):
        command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program)]
        return subprocess.Popen(
            [*before, *command, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


def output_of(process):
    """The JSON that a program prints at its end."""
    said, _ = process.communicate(timeout=HANG_LIMIT_S)
    assert process.returncode == 0
    return json.loads(said)


STOPPED = """
    import json, sys
    from llm_runs import marked_prompts, run_endpoint

    _, result = run_endpoint(
        sys.argv[1], "logs", marked_prompts(40), scenario="Server", server_target_qps=100,
        min_query_count=40, performance_issue_unique=True,
        ttft_latency=2_000_000_000, tpot_latency=2_000_000_000,
    )
    print(json.dumps({
        "samples": result.logs.samples, "tokens": result.logs.tokens,
        "reasons": result.reasons,
        "lag_ns": result.performance.tokens.client_lag.max_ns,
    }))
"""


def test_a_client_that_is_stopped(clean, start_client, tmp_path):
    """It reads late, and yet knows when it should have read; and it does not judge.

    Each of 40 streams has at most one event in the 0.4 s for which the client is stopped, since a
    read has one stamp.
    """
    process = start_client(STOPPED, clean.url(ttft_us=500_000, itl_us=1_200_000, n=4))
    until(lambda: clean.stats()["events"] >= 60)
    process.send_signal(signal.SIGSTOP)
    stopped_s, sent = time.monotonic(), clean.stats()["events"]
    until(lambda: time.monotonic() > stopped_s + 0.4 and clean.stats()["events"] > sent)
    process.send_signal(signal.SIGCONT)
    said = output_of(process)

    answers = read_answers(tmp_path / said["samples"], tmp_path / said["tokens"])
    assert said["lag_ns"] > 100 * MS
    assert stamp_error_ns(answers, clean.sent()) < 50 * MS
    assert any("late" in reason for reason in said["reasons"])


MANY_STREAMS = """
    import json, resource, sys
    from llm_runs import peak_memory_bytes, run_endpoint

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def run(url, count):
        _, result = run_endpoint(
            url, f"logs{count}", scenario="Offline", min_query_count=count,
            endpoint={"max_outstanding": 10_000},
        )
        return peak_memory_bytes(), result.performance.failure_counts, result.reasons

    before, *_ = run(sys.argv[1], 100)
    after, failures, reasons = run(sys.argv[2], 10_000)
    print(json.dumps({"growth": after - before, "failures": failures, "reasons": reasons}))
"""


def test_ten_thousand_streams(clean, start_client):
    """All are open at a time, as the first token takes longer than opening them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 10_500:
        pytest.skip(f"needs 10,500 file descriptors, and the hard limit is {hard:,}")
    quick, slow = ({"ttft_us": ttft_us, "itl_us": 500_000, "n": 3} for ttft_us in (0, 10_000_000))
    said = output_of(start_client(MANY_STREAMS, clean.url(**quick), clean.url(**slow)))
    assert (said["failures"], said["reasons"]) == ({}, [])
    assert clean.stats()["most_streams"] == 10_000
    assert said["growth"] < 4096 * 9900


MANY_REQUESTS = """
    import json, sys
    from llm_runs import memory_bytes, run_endpoint

    held = []
    for _ in range(20):
        endpoint, result = run_endpoint(
            sys.argv[1], "logs", min_query_count=5000, allow_short_answers=True,
        )
        assert result.performance.failure_counts == {}
        held.append(memory_bytes())
    print(json.dumps(held))
"""


def test_a_hundred_thousand_requests(clean, start_client):
    """They hold no more memory after the last test than after the fifth of twenty."""
    held = output_of(start_client(MANY_REQUESTS, clean.url(ttft_us=0, n=1)))
    assert clean.stats()["finished"] == 100_000
    assert held[-1] - held[4] < 1 << 20


# ---- Too few ports -------------------------------------------------------------------------------

FEW_PORTS = """
    import json, subprocess, sys
    from pathlib import Path
    from llm_runs import run_endpoint
    from mock_llm import mock_llm

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40019")
    Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("0")
    with mock_llm(port=30_000, ttft_us=0, itl_us=0, n=2) as mock:
        try:
            run_endpoint(mock.url(), "refused", endpoint={"max_outstanding": 64})
            refusal = ""
        except ValueError as error:
            refusal = str(error)
        _, result = run_endpoint(
            mock.url(linger=1), "exhausted", min_query_count=60, endpoint={"max_outstanding": 4}
        )
    print(json.dumps({"refusal": refusal, "failures": result.performance.failure_counts}))
"""


def test_too_few_ports(start_client):
    """Twenty ports are too few for 64 connections; and 60 requests in turn, each over a connection
    of its own whose port stays taken for a minute, do not all find one.
    """
    possible, why_not = netns.available()
    if not possible:
        pytest.skip(why_not)
    said = output_of(start_client(FEW_PORTS, before=("unshare", "--net")))
    assert "port" in said["refusal"]
    ((reason, count),) = said["failures"].items()
    assert "port" in reason
    assert 30 <= count < 60
