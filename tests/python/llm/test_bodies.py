"""HTTP requests from samples: only the members that were asked for, and what cannot be sent."""

import json

import numpy as np
import pytest

from mlperf_loadgen.llm.address import EndpointAddress
from mlperf_loadgen.llm.bodies import BodyOptions, Headers, http_request
from mlperf_loadgen.llm.request import Request

MESSAGES = [{"role": "user", "content": "Hi \N{SNOWMAN}\N{LINE SEPARATOR}"}]


def body(content, **options):
    return json.loads(BodyOptions(**options).body(Request.of(content), "m"))


STREAM = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("content", "options", "members"),
    [
        ("Hi", {}, {"prompt": "Hi"}),
        ("Hi", {"api": "chat"}, {"messages": [{"role": "user", "content": "Hi"}]}),
        ("Hi", {"max_tokens": 7}, {"prompt": "Hi", "max_tokens": 7}),
        (MESSAGES, {}, {"messages": MESSAGES}),
        (np.array([5, 6], np.uint16), {}, {"prompt": [5, 6]}),
        ([5, 6], {}, {"prompt": [5, 6]}),
        (
            "Hi",
            {"max_tokens": 7, "max_tokens_field": "max_completion_tokens"},
            {"prompt": "Hi", "max_completion_tokens": 7},
        ),
        (
            "Hi",
            {"max_tokens": 7, "ignore_eos": True},
            {"prompt": "Hi", "max_tokens": 7, "ignore_eos": True, "min_tokens": 7},
        ),
        ("Hi", {"extra_body": {"top_k": 1}}, {"prompt": "Hi", "top_k": 1}),
        (
            b'{"prompt": "Hi", "model": "x", "seed": 1, "stream": false}',
            {},
            {"prompt": "Hi", "seed": 1},
        ),
        (
            b'{"prompt": "Hi", "max_tokens": 3}',
            {"max_tokens": 9},
            {"prompt": "Hi", "max_tokens": 3},
        ),
    ],
)
def test_members(content, options, members):
    assert body(content, **options) == {"model": "m", **members, **STREAM}


def test_the_limit_of_a_sample_comes_first():
    assert body(Request("Hi", 3), max_tokens=9)["max_tokens"] == 3


def test_limits_may_be_numpys():
    assert body(Request("Hi", np.int32(3)))["max_tokens"] == 3
    assert body("Hi", max_tokens=np.int64(4), ignore_eos=True)["min_tokens"] == 4


def test_the_limit_of_a_body_keeps_its_name():
    sent = body(Request(b'{"prompt": "Hi", "max_completion_tokens": 9}', 3), max_tokens=5)
    assert "max_tokens" not in sent
    assert sent["max_completion_tokens"] == 3


def test_usage_in_each_event_is_asked_for():
    asked = body("Hi", per_event_usage=True)["stream_options"]
    assert asked == {"include_usage": True, "continuous_usage_stats": True}


def test_options_of_the_stream_in_a_body_stay():
    content = b'{"prompt": "Hi", "stream_options": {"include_usage": false, "x": 1}}'
    assert body(content)["stream_options"] == {"include_usage": False, "x": 1}


def test_without_a_stream():
    assert body("Hi", stream=False) == {"model": "m", "prompt": "Hi", "stream": False}
    content = b'{"prompt": "Hi", "stream_options": {}}'
    assert body(content, stream=False) == {"model": "m", "prompt": "Hi", "stream": False}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (MESSAGES, {"api": "completions"}, "api='completions' takes no messages"),
        ([5], {"api": "chat"}, "api='chat' takes no token ids"),
    ],
)
def test_an_interface_that_does_not_take_a_request(content, options, message):
    with pytest.raises(ValueError, match=message):
        BodyOptions(**options).api_of(Request(content))


def test_ignore_eos_needs_a_limit():
    with pytest.raises(ValueError, match="ignore_eos needs max_tokens"):
        body("Hi", ignore_eos=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"api": "embeddings"}, ValueError, "api must be chat or completions, not 'embeddings'"),
        ({"max_tokens": 0}, ValueError, "max_tokens must be at least 1, not 0"),
        ({"max_tokens": 1.5}, TypeError, "max_tokens must be an integer, not 1.5"),
        ({"max_tokens_field": "n"}, ValueError, "must be max_tokens or max_completion_tokens"),
        ({"extra_body": [1]}, TypeError, "extra_body must be a dict"),
        ({"extra_body": {"model": "x"}}, ValueError, "must not have 'model': give model="),
        ({"extra_body": {"x": {1}}}, ValueError, "cannot be written as JSON"),
        ({"extra_body": {"x": float("nan")}}, ValueError, "cannot be written as JSON"),
        ({"per_event_usage": True, "stream": False}, ValueError, "needs stream=True"),
    ],
)
def test_options_that_cannot_be_meant(options, error, message):
    with pytest.raises(error, match=message):
        BodyOptions(**options)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", ValueError, "a prompt must not be empty"),
        ([], ValueError, "messages must not be empty"),
        ([{"content": "x"}], ValueError, 'message 0 must have a "role"'),
        ([{"role": "user"}], ValueError, 'message 0 must have a "content"'),
        (5, TypeError, "a request must be a str, bytes, a list of messages or an array"),
        (np.array([], int), ValueError, "token ids must not be empty"),
        (np.array([-1]), ValueError, "must not be negative, and one is -1"),
        (np.array([[1]]), TypeError, r"integers of shape \(n,\), not int64 of shape \(1, 1\)"),
        (np.array([0.5]), TypeError, "must be integers"),
        ([[1], [2, 3]], TypeError, "must be integers"),
        (b"{", ValueError, "a body must be JSON"),
        (b"[]", ValueError, "a body must be a JSON object, not list"),
        (b'{"input": 1}', ValueError, "either messages or a prompt"),
    ],
)
def test_what_is_no_request(content, error, message):
    with pytest.raises(error, match=message):
        Request(content)


# ---- The whole request ---------------------------------------------------------------------------


def test_the_bytes_of_a_request():
    address = EndpointAddress.parse("http://gpu:8000/v1?api-version=1")
    content = BodyOptions().body(Request(MESSAGES), "m")
    made = http_request(address, "chat", Headers({"X-A": "b"}, "key"), content)
    head, _, rest = made.partition(b"\r\n\r\n")
    assert rest == content
    assert "\N{SNOWMAN}".encode() in rest
    assert head.decode().split("\r\n") == [
        "POST /v1/chat/completions?api-version=1 HTTP/1.1",
        "Host: gpu:8000",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Accept: text/event-stream, application/json",
        "X-A: b",
        "Authorization: Bearer key",
    ]


def test_headers_of_ones_own_come_before_the_defaults():
    assert Headers({"authorization": "x", "ACCEPT": "y"}, "key").items() == {
        "authorization": "x",
        "ACCEPT": "y",
    }


@pytest.mark.parametrize(
    ("headers", "error", "message"),
    [
        ({"X": "secret\r\nY: 1"}, ValueError, "header 'X' has characters"),
        ({"X Y": "secret"}, ValueError, "header 'X Y' has characters"),
        ({"X": 5}, TypeError, "header 'X' must have a text"),
        ({"Content-Length": "secret"}, ValueError, "'Content-Length' is set by the load generator"),
        (["secret"], TypeError, "headers must be a dict, not list"),
    ],
)
def test_headers_that_cannot_be_sent(headers, error, message):
    with pytest.raises(error, match=message) as refused:
        Headers(headers, None)
    assert "secret" not in str(refused.value)


def test_a_key_that_cannot_be_sent_is_not_shown():
    with pytest.raises(ValueError, match="the API key has characters") as refused:
        Headers({}, "secret\n")
    assert "secret" not in str(refused.value)


def test_secrets_are_not_shown():
    assert "secret" not in repr(Headers({"X": "secret"}, "secret"))
