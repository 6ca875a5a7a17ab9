"""Goal: the mock server, by which clients are judged, does what it was asked for.

Method: answers are read by Python's own HTTP client, and compared with the options; the times at
which the mock says that it sent must follow its schedule, which is computed here.
"""

import http.client
import json

import pytest


def post(mock, shape, **body):
    """The status and the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=60)
    path = mock.url(**shape).partition(str(mock.port))[2] + "/chat/completions"
    connection.request("POST", path, json.dumps({"model": "mock", **body}))
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def events(text):
    """The JSON of a stream's events; [DONE] as a text."""
    data = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def texts(chunks, member="content"):
    deltas = [c["choices"][0]["delta"] for c in chunks[:-1] if c["choices"]]
    return [delta[member] for delta in deltas if delta.get(member)]


FAST = {"ttft_us": 0, "itl_us": 0}


def test_tokens_and_usage(mock):
    asked = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 5}
    shape = FAST | {"reasoning": 2, "tokens_per_event": 2, "cached_tokens": 4}
    status, text = post(mock, shape, **asked)
    chunks = events(text)
    assert status == 200
    assert texts(chunks, "reasoning_content") == [" 0 1"]
    assert texts(chunks) == [" 2 3", " 4"]
    assert chunks[-1] == "[DONE]"
    assert chunks[-2]["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_usage_in_each_event(mock):
    _, text = post(mock, FAST | {"n": 3, "usage": 3, "role": 0}, stream=True)
    assert [chunk["usage"]["completion_tokens"] for chunk in events(text)[:-1]] == [1, 2, 3]


def test_no_stream(mock):
    status, text = post(mock, FAST | {"n": 3})
    answer = json.loads(text)
    assert status == 200
    assert answer["choices"][0]["message"]["content"] == " 0 1 2"
    assert answer["usage"]["completion_tokens"] == 3


def test_schedule(mock):
    """Gaps of 2 ms, with a pause of 20 ms after each 10 ms of work: no event is ever early."""
    shape = {"ttft_us": 4000, "itl_us": 2000, "n": 10, "pause_us": 20_000, "work_us": 10_000}
    post(mock, shape, stream=True, messages=[{"role": "user", "content": "#7"}])
    work_ms = [4 + 2 * k for k in range(10)]
    due_ms = [ms + 20 * (ms // 10) for ms in work_ms]
    before = [times[0] for times in mock.sent()[7]]
    assert len(before) == 10
    start = before[0] - 1e6 * due_ms[0]
    late = mock.stats()["late_ns"]["max"]
    assert all(sent - start >= 1e6 * due - late for sent, due in zip(before, due_ms, strict=True))


def test_failures(mock):
    assert post(mock, FAST | {"fail_every": 1, "fail_status": 503}, stream=True)[0] == 503
    assert post(mock, {"n": 0})[0] == 400
    assert post(mock, {"colour": 1})[0] == 400
    with pytest.raises(http.client.IncompleteRead):
        post(mock, FAST | {"cut_every": 1, "n": 8}, stream=True)
    mock.reset()
    assert mock.stats()["requests"] == 0
