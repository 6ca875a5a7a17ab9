"""Goal: what a test of an endpoint reports is right in each of the situations of helpers/llm_cases.

Method: a server sends the bytes of each case, in one piece or in as many sends as it has pieces of
1, 2, 3 and 7 bytes, over connections that are used again where they can be. A test in accuracy mode
asks for each once; its log must hold the answers of those that did not fail, and no other.
"""

import pytest
from llm_cases import CASES
from scripted_server import Script, scripted_server

import mlperf_loadgen as lg
from mlperf_loadgen import testing

SIZES = (1 << 20, 1, 2, 3, 7)
WHOLE = [not case.expected.failed for case in CASES]


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"sends of {size}")
def run(request, tmp_path_factory):
    """The endpoint and the result of a test with all cases."""
    scripts = [Script(case.wire.data, case.ending) for case in CASES]
    prompts = lg.Prompts([[{"role": "user", "content": f"#{i}"}] for i in range(len(CASES))])
    with scripted_server(scripts, request.param) as url:
        endpoint = lg.OpenAIEndpoint(url, prompts, probe=False)
        with pytest.warns(UserWarning):  # The faults are shown.
            result = testing.run(
                endpoint,
                prompts,
                outdir=tmp_path_factory.mktemp("cases"),
                scenario="SingleStream",
                mode="AccuracyOnly",
                use_token_latencies=True,
            )
        yield endpoint, result


def test_each_that_fails_has_failed(run):
    _, result = run
    log = lg.read_accuracy(result.logs.accuracy)
    assert sorted(log.indices.tolist()) == [i for i, whole in enumerate(WHOLE) if whole]


@pytest.mark.parametrize("number", [i for i, whole in enumerate(WHOLE) if whole])
def test_the_answer(run, number):
    _, result = run
    case = CASES[number]
    log = lg.read_accuracy(result.logs.accuracy)
    (row,) = (log.indices == number).nonzero()[0]
    expected = case.expected
    assert log.payloads[row].decode() == expected.text
    assert log.token_counts[row] == expected.n


def test_reasons(run):
    """Each failure is counted by its reason, and the server's words are shown."""
    endpoint, _ = run
    report = endpoint.report
    assert sum(report.failures.values()) == WHOLE.count(False)
    said = [*report.failures, *report.faults]
    for case in CASES:
        assert all(any(words in text for text in said) for words in case.expected.failed), said
    assert report.statuses["429"] == 1
