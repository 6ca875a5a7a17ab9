"""`OpenAIEndpoint` from its arguments to its logs, with the native client and the one in Python.

Method: the servers are the mock, whose tokens are known, and one that replies with bytes as they
are written down.
"""

import gc
import json
import resource
import warnings

import numpy as np
import pytest
from certificates import make_certificate
from llm_wire import ANSWER, DONE, chunked, document, event, token
from mock_llm import mock_llm
from reply_server import models, reply_server
from runs import until
from small_tokenizer import make_tokenizer

import mlperf_loadgen as lg
from mlperf_loadgen.llm import Tokenizer, limits
from mlperf_loadgen.llm.fallback import FallbackClient
from mlperf_loadgen.qdl import NetworkError

PROMPTS = ["one", "two", "three"]


@pytest.fixture(params=["native", "python"])
def client(request, monkeypatch):
    """Which client the endpoints of a test use."""
    if request.param == "python":
        monkeypatch.setattr("mlperf_loadgen.llm.endpoint.make_client", FallbackClient)
    return request.param


@pytest.fixture
def run(tmp_path):
    def run(endpoint, library=None, mode=lg.TestMode.PerformanceOnly, count=20, **settings):
        made = lg.TestSettings(scenario=lg.TestScenario.Offline, mode=mode)
        if mode == lg.TestMode.PerformanceOnly:
            made.min_duration_ms, made.min_query_count = 0, count
        for name, value in settings.items():
            setattr(made, name, value)
        logs = lg.LogSettings()
        logs.log_output.outdir, logs.log_output.exist_ok = str(tmp_path), True
        library = library or endpoint.library
        return lg.StartTestWithLogSettings(endpoint, library, made, logs)

    return run


def endpoint(url, prompts=PROMPTS, **options):
    return lg.OpenAIEndpoint(url, lg.Prompts(prompts), **options)


# ---- A test --------------------------------------------------------------------------------------


def test_a_test_with_its_report(client, run, tmp_path):
    with mock_llm() as mock:
        system = endpoint(mock.url(ttft_us=500, itl_us=100, n=4), max_outstanding=2)
        result = run(system, use_token_latencies=True)
        assert system.name == f"mock at {mock.url(ttft_us=500, itl_us=100, n=4)}"
    assert result.sut_name == system.name
    count = result.performance.sample_count
    report = system.report
    assert report.nodes[0]["answered"] == count
    assert report.nodes[0]["failed"] == 0
    assert report.statuses == {"200": count}
    assert report.failures == {} and report.faults == {}
    assert 0 < report.connections["opened"] <= report.connections["most_outstanding"] == 2
    assert report.connections["opened"] + report.connections["reused"] >= count
    assert list(report.components) == ["queue", "send", "first_byte", "body", "total"]
    assert report.components["total"]["count"] == count
    assert report.components["body"]["max_ns"] >= 300_000
    written = json.loads((tmp_path / "mlperf_log_network.json").read_text())
    assert written == json.loads(json.dumps(report.to_dict()))
    assert "connections: " in str(report)


def test_answers_are_in_the_accuracy_log(client, run):
    with reply_server() as server:
        result = run(endpoint(server.url), mode=lg.TestMode.AccuracyOnly)
    log = lg.read_accuracy(result.logs.accuracy)
    assert [bytes(one) for one in log.payloads] == [b"ab"] * 3


def test_token_ids_are_in_the_accuracy_log_where_they_are_asked_for(client, run):
    choices = [{"text": "ab", "token_ids": [7, 300]}], [{"text": "c", "token_ids": [9]}]
    stream = chunked([event({"choices": one}) for one in choices] + [DONE])
    with reply_server(answer=stream) as server:
        system = endpoint(server.url, extra_body={"return_token_ids": True})
        result = run(system, mode=lg.TestMode.AccuracyOnly, use_token_latencies=True)
    log = lg.read_accuracy(result.logs.accuracy)
    assert [np.frombuffer(one, np.int32).tolist() for one in log.payloads] == [[7, 300, 9]] * 3
    assert log.token_counts.tolist() == [3, 3, 3]


def test_tokens_are_counted_by_usage(client, run):
    with reply_server() as server:
        tokens = run(endpoint(server.url), use_token_latencies=True).performance.tokens
    assert tokens.token_source == "usage"
    assert tokens.prompt_tokens == 7 * 20
    assert tokens.event_count == tokens.token_count == 2 * 20


def test_tokens_are_counted_by_the_tokenizer_where_the_server_does_not(client, run, tmp_path):
    folder = make_tokenizer(tmp_path)
    text = "the small words"
    with reply_server(answer=chunked((token(text), token(" x"), DONE))) as server:
        system = endpoint(server.url, tokenizer=folder)
        with warnings.catch_warnings():
            warnings.simplefilter("error", lg.EndpointWarning)
            tokens = run(system, use_token_latencies=True).performance.tokens
    assert tokens.token_source == "tokenizer"
    assert tokens.token_count == 20 * Tokenizer(folder).count(text + " x")


def test_requests_are_made_when_samples_are_loaded(client, run):
    with reply_server() as server:
        system = endpoint(f"{server.url}?model=m", api="chat", max_tokens=5, api_key="k")
        run(system, mode=lg.TestMode.AccuracyOnly)
        _, *posts = server.posts
    bodies = {one["messages"][0]["content"]: one for one in map(json.loads, _bodies(posts))}
    assert sorted(bodies) == sorted(PROMPTS)
    for body in bodies.values():
        assert body["model"] == "m" and body["max_tokens"] == 5
        assert body["stream"] is True
    for first, headers, _ in posts:
        assert first == "POST /v1/chat/completions HTTP/1.1"
        assert headers["authorization"] == "Bearer k"


def _bodies(posts):
    return [body for *_, body in posts]


def test_one_object_runs_tests_one_after_the_other_and_probes_once(client, run):
    with reply_server() as server:
        system = endpoint(server.url)
        for _ in range(2):
            run(system, mode=lg.TestMode.AccuracyOnly)
        assert len(server.posts) == 1 + 2 * 3
        assert len(server.requests) == 1 + len(server.posts)


def test_without_a_probe(client, run):
    with reply_server() as server:
        run(endpoint(server.url, probe=False), mode=lg.TestMode.AccuracyOnly)
        assert len(server.posts) == 3


@pytest.mark.parametrize("balance", ["round_robin", "least_outstanding"])
def test_several_servers_share_the_requests(client, run, balance):
    with reply_server() as one, reply_server() as other:
        system = endpoint([one.url, other.url], balance=balance, probe=False)
        run(system, scenario=lg.TestScenario.SingleStream, count=12, max_query_count=12)
        assert [len(one.posts), len(other.posts)] == [6, 6]
    assert [node["address"] for node in system.report.nodes] == [one.url, other.url]
    assert [node["answered"] for node in system.report.nodes] == [6, 6]


def test_secrets_are_in_no_log(client, run, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "hushed-key")
    with reply_server() as server:
        system = endpoint(f"{server.url}?token=hushed-token", headers={"X-A": "hushed-value"})
        run(system, mode=lg.TestMode.AccuracyOnly)
        assert server.requests[0][1]["authorization"] == "Bearer hushed-key"
        assert "token=hushed-token" in server.requests[0][0]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not any(b"hushed" in path.read_bytes() for path in files)


def test_secrets_that_a_server_repeats_are_not_shown(client, run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    words = {"error": {"message": "wrong: Bearer secret-key, secret-value, secre"}}
    refusal = document(words, status="400 Bad Request")
    with reply_server(answer=refusal) as server:
        system = endpoint(server.url, headers={"X-A": "secret-value"}, probe=False)
        with pytest.warns(lg.EndpointWarning, match=r"wrong: \.\.\., \.\.\., \.\.\.$"):
            run(system)
        probing = endpoint(server.url, headers={"X-A": "secret-value"})
        with pytest.raises(NetworkError, match=r"first request: .* wrong: \.\.\., \.\.\., \.\.\.$"):
            run(probing)
    with reply_server(models=refusal) as server, pytest.raises(NetworkError) as refused:
        run(endpoint(server.url, headers={"X-A": "secret-value"}))
    assert "wrong: ..., ..., " in str(refused.value)


@pytest.mark.parametrize("where", ["event", "status"])
def test_secrets_are_in_no_reason_of_a_failure(client, run, tmp_path, where):
    said = "bad key-of-a-user, value-of-a-header"
    if where == "event":
        answer = chunked([event({"error": {"message": said}})])
    else:
        answer = document({}, status=f"400 {said}")
    with reply_server(answer=answer) as server:
        system = endpoint(
            server.url, api_key="key-of-a-user", headers={"X": "value-of-a-header"}, probe=False
        )
        with pytest.warns(lg.EndpointWarning):
            result = run(system)
    assert any("bad ..., ..." in reason for reason in result.performance.failure_counts)
    assert any("bad ..., ..." in reason for reason in system.report.failures)
    logs = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"bad ..., ..." in logs
    assert b"key-of-a-user" not in logs
    assert b"value-of-a-header" not in logs


def test_nothing_is_left_of_a_test(client, run):
    with reply_server() as server:
        system = endpoint(server.url)
        run(system)
        before = limits._open_descriptors()
        for _ in range(3):
            run(system)
        gc.collect()
        # The server closes its ends in threads of its own.
        until(lambda: limits._open_descriptors() <= before)


def test_a_kept_connection_that_the_server_has_closed_costs_a_repetition(client, run):
    with reply_server(drops=True) as server:
        system = endpoint(server.url, probe=False)
        result = run(system, scenario=lg.TestScenario.SingleStream, count=8, max_query_count=8)
    assert result.performance.failed_sample_count == 0
    assert system.report.connections["repeated"] == 7


def test_a_connection_whose_body_does_not_end_is_not_used_again(client, run):
    with mock_llm() as mock:
        system = endpoint(mock.url(ttft_us=100, itl_us=0, n=2, linger=1), probe=False)
        result = run(system, scenario=lg.TestScenario.SingleStream, count=8, max_query_count=8)
    assert result.performance.failed_sample_count == 0
    assert system.report.connections["reused"] == 0


# ---- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_answers_over_tls(client, run, certificate):
    with reply_server(certificate=certificate) as server:
        system = endpoint(f"openai+{server.url}", ca_file=str(certificate[0]))
        result = run(system, mode=lg.TestMode.AccuracyOnly)
    log = lg.read_accuracy(result.logs.accuracy)
    assert [bytes(one) for one in log.payloads] == [b"ab"] * 3


def test_a_certificate_that_is_not_trusted(run, certificate):
    with reply_server(certificate=certificate) as server:
        system = endpoint(server.url)
        with pytest.raises(NetworkError, match=r"certificate that is not trusted .*; give ca_file"):
            run(system)


# ---- Failures ------------------------------------------------------------------------------------


def test_refused_requests_fail_with_their_status(client, run):
    reply = document({"error": {"message": "slow down"}}, status="429 Too Many Requests")
    with reply_server(answer=reply) as server:
        system = endpoint(server.url, probe=False)
        with pytest.warns(lg.EndpointWarning, match="slow down"):
            result = run(system)
    assert not result.valid
    assert len(system.report.faults) == 1
    ((reason, count),) = system.report.failures.items()
    assert "429" in reason
    assert system.report.statuses == {"429": count}
    assert any("429" in text for text in result.reasons)


def test_cut_answers_fail(client, run):
    with reply_server(answer=chunked(ANSWER[:2], end=False), closes=True) as server:
        system = endpoint(server.url, probe=False)
        result = run(system)
    assert not result.valid
    assert next(iter(system.report.failures)).startswith("cut before")


def test_an_event_that_is_no_json_is_a_fault_that_is_shown(client, run):
    with reply_server(answer=chunked((token("a"), event("{oops"), *ANSWER[2:]))) as server:
        system = endpoint(server.url, probe=False)
        with pytest.warns(lg.EndpointWarning, match="oops"):
            run(system)
    assert system.report.failures == {}


def test_a_server_that_is_gone_ends_the_test_if_asked(client, run):
    with reply_server() as server:
        system = endpoint(server.url, on_loss="end", probe=False)
        run(system)
    hours = {"scenario": lg.TestScenario.Server, "server_target_qps": 100, "count": 1_000_000}
    with pytest.raises(NetworkError, match="is lost"):
        run(system, **hours)


def test_a_server_that_is_gone_fails_its_samples(client, run):
    with reply_server() as server:
        system = endpoint(server.url, probe=False)
        run(system)
    result = run(system)
    assert not result.valid
    (reason,) = system.report.nodes[0]["losses"]
    assert isinstance(reason, str) and reason


def test_connections_that_cannot_be_opened_before_the_test(client, run):
    with reply_server() as server:
        system = endpoint(server.url, probe=False, warm_connections=2)
        run(system)
        assert system.report.connections["opened"] >= 2
    for _ in range(2):
        with pytest.raises(NetworkError, match=server.url):
            run(system)


def test_a_request_that_takes_too_long_fails(client, run):
    with mock_llm() as mock:
        url = mock.url(ttft_us=10_000_000)
        system = endpoint(url, probe=False, request_timeout_s=0.02)
        result = run(system, count=3)
    assert not result.valid
    assert sum(system.report.failures.values()) == system.report.nodes[0]["failed"] > 0


def test_streams_that_are_closed_on_purpose_are_counted_apart(client, run):
    with mock_llm() as mock:
        url = mock.url(ttft_us=100, itl_us=500_000, n=3)
        system = endpoint(url, probe=False, cancel_after_s=0.05, cancel_share=1.0)
        run(system, count=3)
    assert system.report.cancelled > 0
    assert system.report.failures == {}


# ---- Before the first query ----------------------------------------------------------------------


def test_a_server_that_does_not_stream_is_said(client, run):
    choice = {"text": "ab", "finish_reason": "stop"}
    reply = document({"choices": [choice], "usage": {"completion_tokens": 2}})
    with reply_server(answer=reply) as server:
        with pytest.warns(lg.EndpointWarning, match="does not stream: each answer comes whole"):
            run(endpoint(server.url))
        with warnings.catch_warnings():
            warnings.simplefilter("error", lg.EndpointWarning)
            run(endpoint(server.url, stream=False))


def test_a_server_that_does_not_count_tokens_is_said(client, run):
    words = "events are counted in their place; give tokenizer"
    with reply_server(answer=chunked((token("a"), DONE))) as server:
        system = endpoint(server.url)
        with pytest.warns(lg.EndpointWarning, match=words):
            run(system)


def test_a_probe_that_fails_ends_it_before_the_test(run, tmp_path):
    reply = document({"error": {"message": "no such field"}}, status="422 Unprocessable Entity")
    with reply_server(answer=reply) as server:
        system = endpoint(server.url)
        with pytest.raises(NetworkError, match=r"does not answer a first request: .*no such field"):
            run(system)
    assert not (tmp_path / "mlperf_log_summary.txt").exists()


def test_a_model_that_is_not_served(run):
    with reply_server() as server:
        system = endpoint(server.url, model="x")
        with pytest.raises(ValueError, match=r"model='x' is not served by .*: it serves m"):
            run(system)


def test_servers_with_different_models(run):
    with reply_server(models("a")) as one, reply_server(models("b")) as other:
        system = endpoint([one.url, other.url])
        with pytest.raises(ValueError, match="the servers serve a, b; give the same model of each"):
            run(system)


def test_a_prompt_that_the_model_cannot_take(run, tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": [1]}\n' + json.dumps({"prompt": [1] * 9}) + "\n")
    with reply_server(models("m", max_model_len=8)) as server:
        message = r"prompts.jsonl, line 2: the prompt has 9 tokens, and m takes 8 \(max_model_len\)"
        with pytest.raises(ValueError, match=message):
            run(endpoint(server.url, path))


def test_a_sample_that_cannot_be_sent_is_named_before_the_test(run, tmp_path):
    with reply_server() as server:
        system = endpoint(server.url, ignore_eos=True)
        with pytest.raises(ValueError, match="list, row 0: ignore_eos needs max_tokens"):
            run(system)
        assert server.posts == []
    assert not (tmp_path / "mlperf_log_summary.txt").exists()


def test_a_later_sample_that_cannot_be_sent_is_named_before_the_first_query(client, run):
    prompts = [lg.Request("one", 5), "two"]
    with reply_server() as server:
        system = endpoint(server.url, prompts, ignore_eos=True, probe=False)
        with pytest.raises(ValueError, match="list, row 1: ignore_eos needs max_tokens"):
            run(system)
        assert server.posts == []


def test_a_handle_in_place_of_a_library(client, run):
    with reply_server() as server:
        handle = lg.ConstructQSL(3, 3, lambda _: None, lambda _: None)
        with pytest.raises(TypeError, match="must be a QuerySampleLibrary for OpenAIEndpoint"):
            run(endpoint(server.url, probe=False), handle)


def test_too_few_descriptors(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    addresses = [lg.OpenAIEndpoint("http://h/v1", lg.Prompts(["a"])).addresses[0]]
    with pytest.raises(
        ValueError, match=r"max_outstanding=200 needs .* this process may have 100;"
    ):
        limits.require_room(addresses, 200)


def test_the_soft_limit_of_descriptors_is_raised(monkeypatch):
    raised = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    limits.require_room([lg.OpenAIEndpoint("http://h/v1", lg.Prompts(["a"])).addresses[0]], 200)
    ((soft, hard),) = raised
    assert soft > 200 and hard == 100_000


def test_too_few_ports():
    addresses = [lg.OpenAIEndpoint("http://h/v1", lg.Prompts(["a"])).addresses[0]]
    with pytest.raises(ValueError, match="local ports for one address; give at most"):
        limits.require_room(addresses, 70_000)


# ---- Arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": 5}, TypeError, "model must be a name, not 5"),
        ({"model": "b"}, ValueError, "one model is measured at a time, not b, a"),
        ({"api": "x"}, ValueError, "api must be chat or completions"),
        ({"balance": "x"}, ValueError, "balance must be one of least_outstanding, round_robin"),
        ({"on_loss": "x"}, ValueError, "on_loss must be one of continue, end"),
        ({"max_outstanding": 0}, ValueError, "max_outstanding must be at least 1"),
        ({"max_outstanding": 1.5}, TypeError, "max_outstanding must be an integer"),
        ({"warm_connections": -1}, ValueError, "warm_connections must be at least 0"),
        ({"warm_connections": 2000}, ValueError, "must be at most max_outstanding=1024"),
        ({"connect_timeout_s": 0}, ValueError, "connect_timeout_s must be above 0"),
        ({"request_timeout_s": -1}, ValueError, "request_timeout_s must be above 0"),
        ({"cancel_share": 2, "cancel_after_s": 1}, ValueError, "cancel_share must be from 0 to 1"),
        ({"cancel_share": 0.5}, ValueError, "cancel_share and cancel_after_s need each other"),
        ({"cancel_after_s": 0.5}, ValueError, "cancel_share and cancel_after_s need each other"),
        ({"client_threads": 0}, ValueError, "client_threads must be at least 1"),
        ({"client_threads": 2000}, ValueError, "client_threads=2000 must be at most max_outst"),
        ({"connect_timeout_s": float("inf")}, ValueError, "connect_timeout_s must be at most"),
        ({"request_timeout_s": 1e300}, ValueError, "request_timeout_s must be at most"),
        ({"max_answer_bytes": 10**30}, ValueError, "max_answer_bytes must be at most"),
        ({"cancel_share": "x"}, TypeError, "cancel_share must be a number, not 'x'"),
        ({"stream": "no"}, TypeError, "stream must be True or False, not 'no'"),
        ({"ignore_eos": 1}, TypeError, "ignore_eos must be True or False, not 1"),
        ({"per_event_usage": 1}, TypeError, "per_event_usage must be True or False"),
        ({"probe": "no"}, TypeError, "probe must be True or False, not 'no'"),
        ({"ca_file": 5}, TypeError, "ca_file must be a path, not 5"),
        ({"api_key": 5}, TypeError, "api_key must be a text, not int"),
        ({"extra_body": 5}, TypeError, "extra_body must be a dict"),
        ({"headers": {"Host": "x"}}, ValueError, "header 'Host' is set by the load generator"),
        ({"tokenizer": "nothing"}, ValueError, "tokenizer='nothing'"),
        ({"api_key": "a\nb"}, ValueError, "the API key has characters"),
    ],
)
def test_options_that_cannot_be_meant(options, error, message):
    with pytest.raises(error, match=message):
        endpoint("http://h/v1?model=a", **options)


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ([], ValueError, "url must name an endpoint"),
        (5, TypeError, "url must be a text such as"),
        ("h:1/v1", ValueError, "it has no scheme"),
        (["http://h/v1?model=a", "http://h/v1?model=b"], ValueError, "one model is measured at a"),
    ],
)
def test_urls_that_cannot_be_meant(url, error, message):
    with pytest.raises(error, match=message):
        endpoint(url)


def test_a_library_without_requests():
    class Empty(lg.QuerySampleLibrary):
        total_sample_count = performance_sample_count = 1

        def load_samples(self, indices):
            pass

        def unload_samples(self, indices):
            pass

    with pytest.raises(TypeError, match="Empty has no requests: give it __getitem__"):
        lg.OpenAIEndpoint("http://h/v1", Empty())


def test_the_name_before_a_test():
    assert endpoint("openai+http://h/v1?model=a").name == "a at http://h/v1"
    assert endpoint("http://h/v1").name == "http://h/v1"


def test_a_library_of_ones_own(client, run):
    class Library(lg.QuerySampleLibrary):
        total_sample_count = performance_sample_count = 2
        loaded = ()

        def load_samples(self, indices):
            self.loaded += tuple(indices)

        def unload_samples(self, indices):
            left = list(self.loaded)
            for index in indices:
                left.remove(index)
            self.loaded = tuple(left)

        def __getitem__(self, index):
            assert index in self.loaded
            return np.array([5, 6 + index])

    with reply_server() as server:
        system = lg.OpenAIEndpoint(server.url, Library())
        run(system, mode=lg.TestMode.AccuracyOnly)
        asked = [json.loads(body)["prompt"] for body in _bodies(server.posts)]
    assert system.library.loaded == ()
    assert asked[0] == [5, 6]  # The probe.
    assert sorted(asked[1:]) == [[5, 6], [5, 7]]
