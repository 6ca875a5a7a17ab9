"""Endpoints are measured as a user types it; what is wrong with one is said with its exit status.

Method: commands in this process against a small server, which notes what it is asked. The numbers
of a run are those that the server was made with; logs and output are searched for the key.
"""

import socket

import pytest
from chat_server import chat_server
from cli_commands import call, document, done

pytest_plugins = ["cli_fixtures"]

SERVER = (
    *("-s", "Server", "--set", "use_token_latencies=true", "--set", "min_duration_ms=200"),
    *("--set", "ttft_latency=60e9", "--set", "tpot_latency=60e9"),
    *("--set", "server_target_latency_percentile=0.9"),  # A hundred requests are enough.
)
RATE = ("--set", "server_target_qps=100")


@pytest.fixture
def prompts(folder):
    lines = [f'{{"messages": [{{"role": "user", "content": "say {i}"}}]}}\n' for i in range(5)]
    (folder / "prompts.jsonl").write_text("".join(lines))
    return folder


def command(server, *words, name="run"):
    return (name, f"openai+{server.url}", "--dataset", "prompts.jsonl", *words)


def test_a_run_asks_for_what_was_said_and_counts_what_was_answered(prompts):
    words = ("--max-tokens", "9", "--ignore-eos", "--extra-body", '{"temperature": 0}')
    with chat_server(words=4) as server:
        found = document(*command(server, *words, *SERVER, *RATE, "-o", "logs"))
    assert found["valid"]
    assert found["sut_name"] == f"tiny at {server.url}"
    performance = found["performance"]
    count = performance["sample_count"]
    # One request more: the first one, which shows that the server answers.
    assert len(server.completions()) == count + 1
    asked = server.completions()[-1]
    assert asked["messages"][0]["content"].startswith("say ")
    assert (asked["model"], asked["stream"], asked["temperature"]) == ("tiny", True, 0)
    assert (asked["max_tokens"], asked["ignore_eos"], asked["min_tokens"]) == (9, True, 9)
    assert performance["tokens"]["token_source"] == "usage"
    assert performance["tokens"]["prompt_tokens"] == 3 * count
    assert (prompts / "logs/mlperf_log_network.json").is_file()


def test_the_answers_are_the_responses_of_an_accuracy_run(prompts):
    with chat_server(words=3) as server:
        done(*command(server, "-m", "accuracy", "-o", "logs"))
    shown = done("accuracy", "logs", "--dtype", "text", "--csv", "answers.csv").stdout
    assert "5" in shown
    assert (prompts / "answers.csv").read_text().count("w0 w1 w2") == 5


def test_the_key_reaches_the_server_and_nothing_else(prompts, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "KEY-1234")
    words = ("--header", "X-Extra: HIDDEN", "-m", "accuracy", "-o", "logs", "--debug")
    with chat_server(key="KEY-1234") as server:
        result = done(*command(server, *words))
    assert {headers["X-Extra"] for _, headers, _ in server.asked[-5:]} == {"HIDDEN"}
    texts = [result.stdout, result.stderr]
    texts += [
        path.read_text(errors="replace") for path in prompts.rglob("logs/*") if path.is_file()
    ]
    assert len(texts) > 4
    assert not [text for text in texts if "KEY-1234" in text or "HIDDEN" in text]


def test_what_init_writes_for_an_endpoint_is_measured(folder):
    quick = ("--set", "server_target_qps=200", "--set", "min_duration_ms=300", "-o", "logs")
    with chat_server() as server:
        shown = done("init", "chat", "--llm", server.url).stdout
        assert shown.splitlines()[-1] == "next: cd chat && mlperf-loadgen run --file run.yaml"
        result = call("run", "--file", "chat/run.yaml", *quick)
        assert result.exit_code in (0, 1), result.stderr  # A busy machine may miss the bound.
    assert f"Server PerformanceOnly of tiny at {server.url}: " in result.stdout
    assert {body["max_tokens"] for body in server.completions()} == {16, 128}  # 16: the first one.
    assert "error" not in result.stderr


@pytest.mark.parametrize("name", ["sweep", "find-peak"])
def test_the_other_commands_measure_endpoints_too(prompts, name):
    own = ("-v", "50,100") if name == "sweep" else ("--max-qps", "50")
    with chat_server() as server:
        found = call(*command(server, *SERVER, *own, "-o", "logs", "--json", name=name))
    assert found.exit_code in (0, 1), found.stderr
    assert len(server.completions()) > 10


# ---- What is wrong with a server -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "path", "status", "fragments"),
    [
        ({"models": ("a", "b")}, "/v1", 2, ("serves a, b", "?model=NAME behind the address")),
        ({}, "/v1?model=other", 2, ("model='other' is not served", "tiny")),
        ({}, "/v2", 2, ("answers 404", "/v1?")),
        ({"key": "right"}, "/v1", 3, ("answers 401", "OPENAI_API_KEY", "Incorrect API key")),
        ({"status": 503}, "/v1", 3, ("does not answer a first request", "the engine is down")),
    ],
)
def test_a_server_that_cannot_be_measured_is_named_before_the_test(
    prompts, monkeypatch, options, path, status, fragments
):
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    with chat_server(**options) as server:
        url = f"openai+http://127.0.0.1:{server.server_port}{path}"
        result = done(
            "run", url, "--dataset", "prompts.jsonl", *SERVER, "-o", "logs", status=status
        )
    for fragment in fragments:
        assert fragment in result.stderr
    assert "Traceback" not in result.stderr
    assert "wrong" not in result.stderr.replace("the path is wrong", "")
    assert len(server.completions()) <= 1
    assert not list(prompts.rglob("mlperf_log_*"))


def test_nobody_there_is_a_failure_of_the_system(prompts):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = (f"openai+http://127.0.0.1:{port}/v1", "--dataset", "prompts.jsonl")
    result = done("run", *words, *SERVER, *RATE, status=3)
    assert f"http://127.0.0.1:{port}/v1 cannot be reached" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"streams": False}, "does not stream"),
        ({"usage": False}, "give --tokenizer FOLDER"),
    ],
)
def test_what_makes_the_figures_say_less_is_warned_of(prompts, options, said):
    with chat_server(**options) as server:
        result = call(*command(server, *SERVER, *RATE, "-o", "logs"))
    assert f"warning: {server.url} " in result.stderr
    assert said in result.stderr
    assert result.exit_code in (0, 1)


def test_whole_answers_alone_are_noted(prompts):
    with chat_server() as server:
        result = done(*command(server, "--set", "min_duration_ms=0", "-o", "logs"))
    assert (
        "note: only whole answers are measured; for TTFT and TPOT give --set use_to"
        in result.stderr
    )
