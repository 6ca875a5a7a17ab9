"""What is asked of a server before a test: its models and one answer, and each bad reply."""

import contextlib
import socket
import threading

import pytest
from llm_wire import ANSWER, DONE, Wire, chunked, closed, document, event, token
from reply_server import models, reply_server

from mlperf_loadgen.llm.address import EndpointAddress
from mlperf_loadgen.llm.bodies import Headers
from mlperf_loadgen.llm.preflight import served_model
from mlperf_loadgen.llm.server import Caller, ServedModel, ask_models, choose_model, probe
from mlperf_loadgen.qdl import NetworkError

EVENT_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CALLER = Caller(Headers({"X-A": "b"}, "key"))
HTTP_ERROR = {"error": {"message": "some words"}}


def asked(server, path="/v1"):
    return EndpointAddress.parse(server.url.removesuffix("/v1") + path)


def chosen(reply, wanted=None):
    with reply_server(models=reply) as server:
        address = asked(server)
        return choose_model(address, ask_models(address, CALLER), wanted)


def test_the_only_model_counts():
    assert chosen(models("a", max_model_len=4096)) == ServedModel("a", 4096)


def test_the_request_has_the_headers_and_the_key():
    with reply_server() as server:
        ask_models(asked(server), CALLER)
        ((first, headers, _),) = server.requests
    assert first == "GET /v1/models HTTP/1.1"
    assert (headers["x-a"], headers["authorization"]) == ("b", "Bearer key")


def test_a_named_model():
    assert chosen(models("a", "b"), "b") == ServedModel("b")
    assert chosen(document({"data": None}), "b") == ServedModel("b")
    assert chosen(document("none", status="404 Not Found"), "b") == ServedModel("b")


@pytest.mark.parametrize(
    ("reply", "wanted", "message"),
    [
        (models("a", "b"), None, "serves a, b; give one of them as model=NAME"),
        (models("a", "b"), "c", "model='c' is not served by .*: it serves a, b"),
        (models(), None, "serves no model"),
        (document("{"), None, "does not say which models it serves; give model=NAME"),
        (document({"data": [{"id": 5}]}), None, "does not say which models"),
        (document("none", status="404 Not Found"), None, "does not say which models"),
    ],
)
def test_models_that_cannot_be_chosen(reply, wanted, message):
    with pytest.raises(ValueError, match=message):
        chosen(reply, wanted)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            "401 Unauthorized",
            "answers 401 Unauthorized; give api_key, or set OPENAI_API_KEY: .*some",
        ),
        ("403 Forbidden", "answers 403 Forbidden; give api_key"),
        ("500 Internal Server Error", "answers 500 Internal Server Error: .*some words"),
    ],
)
def test_a_server_that_refuses(status, message):
    with pytest.raises(NetworkError, match=message):
        chosen(document(HTTP_ERROR, status=status))


def test_a_wrong_path():
    with reply_server(models=document("none", status="404 Not Found")) as server:
        for path in ("/", "/api"):
            address = asked(server, path)
            with pytest.raises(ValueError, match=rf"answers 404: .* did you mean .*{path}/?v1\?$"):
                ask_models(address, CALLER)


@pytest.mark.parametrize(
    ("status", "path"),
    [("404 Not Found", "/openai/deployments/a"), ("405 Method Not Allowed", "/v1")],
)
def test_a_server_without_a_list_of_models(status, path):
    with reply_server(models=document("none", status=status)) as server:
        assert ask_models(asked(server, path), CALLER, may_lack=True) is None
        address = asked(server, path)
        assert served_model([address], CALLER, "a") == ServedModel("a")


def test_nobody_there():
    with socket.socket() as reserved:  # It does not listen.
        reserved.bind(("127.0.0.1", 0))
        address = EndpointAddress.parse(f"http://127.0.0.1:{reserved.getsockname()[1]}/v1")
        with pytest.raises(
            NetworkError, match="cannot be reached: Connection refused; is the serv"
        ):
            ask_models(address, CALLER)
        with pytest.raises(
            NetworkError, match="cannot be reached: Connection refused; is the serv"
        ):
            probe(address, b"", CALLER)


def test_a_server_that_hangs():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = EndpointAddress.parse(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        caller = Caller(CALLER.headers, timeout_s=0.05)
        with pytest.raises(NetworkError, match="does not answer in time; is it still starting"):
            ask_models(address, caller)
        with pytest.raises(NetworkError, match="does not answer in time"):
            probe(address, b"x", caller)


def test_comments_without_an_end():
    def comments(listener):
        with listener.accept()[0] as connection, contextlib.suppress(OSError):
            connection.sendall(EVENT_STREAM)
            while True:
                connection.sendall(b": still there\n\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=comments, args=(listener,)).start()
        address = EndpointAddress.parse(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        with pytest.raises(NetworkError, match="does not answer in time"):
            probe(address, b"x", Caller(CALLER.headers, timeout_s=0.05))


def test_what_speaks_no_http():
    noise = Wire(b"220 mail.example ready\r\n")
    with (
        reply_server(models=noise, closes=True) as server,
        pytest.raises(NetworkError, match="does not speak HTTP"),
    ):
        ask_models(asked(server), CALLER)


def test_certificates_that_cannot_be_read(tmp_path):
    address = EndpointAddress.parse("https://127.0.0.1:1/v1")
    with pytest.raises(ValueError, match=r"ca_file='.*none' cannot be used"):
        ask_models(address, Caller(CALLER.headers, str(tmp_path / "none")))


# ---- The first request ---------------------------------------------------------------------------


def probed(answer, path="/v1", closes=False):
    with reply_server(answer=answer, closes=closes) as server:
        return probe(asked(server, path), b"POST /v1/completions HTTP/1.1\r\n\r\n", CALLER)


def test_a_stream_with_usage():
    found = probed(chunked(ANSWER))
    assert (found.is_stream, found.token_source) == (True, "usage")


def test_a_stream_without_usage():
    found = probed(chunked((token("a"), DONE)))
    assert (found.is_stream, found.token_source) == (True, "events")


def test_a_whole_answer():
    choice = {"message": {"content": "ab"}, "finish_reason": "stop"}
    found = probed(document({"choices": [choice], "usage": {"completion_tokens": 2}}))
    assert (found.is_stream, found.token_source) == (False, "usage")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (document(HTTP_ERROR, status="422 Unprocessable Entity"), "422.*some words"),
        (
            document(HTTP_ERROR, status="401 Unauthorized"),
            "401.*give api_key, or set OPENAI_API_KEY",
        ),
        (chunked((event(HTTP_ERROR), DONE)), "some words"),
        (chunked((DONE,)), "does not answer a first request"),
        (closed((token("a"),)), "cut after 1 token"),
        (document("<html>", kind="text/html"), "does not answer a first request"),
    ],
)
def test_a_first_request_that_fails(answer, message):
    with pytest.raises(NetworkError, match=message):
        probed(answer, closes=True)


def test_a_first_request_to_a_wrong_path():
    with pytest.raises(ValueError, match="answers 404: the path is wrong; did you mean"):
        probed(document("none", status="404 Not Found"), path="/")
