"""Goal: what a test says of a real server's answers is what the server says of itself.

Method: a server of transformers (or of vLLM: `make test-vllm`) has a small model with random
weights, which is made here and always chooses the likeliest token, so that its answers repeat. They
are asked for without a stream by Python's own client, and then by tests. LLM_ENGINE is the server's
program, which `make test-llm` installs.
"""

import os
import socket
from pathlib import Path

import pytest
from tiny_llm import Engine

import mlperf_loadgen as lg
from mlperf_loadgen import testing

PROGRAM = os.environ.get("LLM_ENGINE")
if not PROGRAM:
    pytest.skip("needs a server of models: make test-llm", allow_module_level=True)

TOKENS = 8
QUESTIONS = [
    "What is a query?",
    "How late was the schedule?",
    "Why is a run INVALID?",
    "What does a percentile say of 100 samples, and what of 10?",
    "peak",
]
SECOND_NS = 1_000_000_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engine")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Engine(PROGRAM, folder / "model", port)
    docs = sorted((Path(__file__).parents[3] / "docs").glob("*.md"))
    made.make_model(docs)
    with made.running(folder / "log") as running:
        yield running


@pytest.fixture(scope="module")
def own(engine):
    """What the engine itself says: the answer to each question as chat and as a completion."""
    return {
        "chat": [engine.ask_chat(question, TOKENS) for question in QUESTIONS],
        "completions": [engine.ask_text(question, TOKENS) for question in QUESTIONS],
    }


def library(api):
    if api == "chat":
        return lg.Prompts([[{"role": "user", "content": text}] for text in QUESTIONS])
    return lg.Prompts(QUESTIONS)


def endpoint(engine, prompts):
    return lg.OpenAIEndpoint(engine.url, prompts, max_tokens=TOKENS)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_texts_and_counts_are_the_engines(engine, own, api, tmp_path):
    prompts = library(api)
    result = testing.run(
        endpoint(engine, prompts),
        prompts,
        outdir=tmp_path,
        mode="AccuracyOnly",
        use_token_latencies=True,
    )
    log = lg.read_accuracy(result.logs.accuracy)
    assert sorted(log.indices.tolist()) == list(range(len(QUESTIONS)))
    for row, index in enumerate(log.indices):
        answer = own[api][index]
        assert log.payloads[row].decode() == answer.text
        assert log.token_counts[row] == answer.tokens


def test_figures_are_of_the_engines_counts(engine, own, tmp_path):
    prompts = library("chat")
    result = testing.run(
        endpoint(engine, prompts),
        prompts,
        outdir=tmp_path,
        min_duration_ms=0,
        min_query_count=10,
        use_token_latencies=True,
    )
    asked = lg.read_samples(result.logs.samples)["sample_index"]
    tokens = result.performance.tokens
    assert result.performance.failure_counts == {}
    assert tokens.token_source == "usage"
    assert tokens.prompt_tokens == sum(own["chat"][index].prompt_tokens for index in asked)
    assert tokens.event_count <= sum(own["chat"][index].tokens for index in asked)
    assert 0 < tokens.first_token.min_ns < tokens.first_token.max_ns


def bounded():
    """Server settings in token mode, whose bounds the engine keeps unless it has too much to do."""
    return lg.TestSettings(
        scenario=lg.TestScenario.Server,
        min_duration_ms=2000,
        min_query_count=5,
        use_token_latencies=True,
        ttft_latency=2 * SECOND_NS,
        tpot_latency=2 * SECOND_NS,
    )


def logs(outdir):
    settings = lg.LogSettings()
    settings.log_output.outdir = str(outdir)
    return settings


def test_a_sweep(engine, tmp_path):
    prompts = library("chat")
    system = endpoint(engine, prompts)
    table = lg.sweep(system, prompts, bounded(), [1, 3], log_settings=logs(tmp_path))
    assert [point.value for point in table.points] == [1, 3]
    for point in table.points:
        assert point.failed_share == 0
        assert point.ttft_p50_ns > 0
        assert point.achieved_tokens_per_second > 0


def test_a_peak(engine, tmp_path):
    """The engine answers some requests a second, whatever the machine, and a thousand it does not.

    A peak that counts takes minutes; in some seconds the search says between which rates it is.
    """
    prompts = library("chat")
    system = endpoint(engine, prompts)
    peak = lg.find_peak(system, prompts, bounded(), logs(tmp_path), start_qps=1, time_budget_s=15)
    assert len(peak.trials) > 1
    assert peak.at_most_qps is not None, str(peak)
    assert 0.1 < peak.estimate_qps < 1000
