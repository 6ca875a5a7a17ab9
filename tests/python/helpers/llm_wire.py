"""Responses of LLM servers as raw bytes, and what must be read from them.

A body is made of parts, each of which ends with an event: `Wire.ends` says where, so that a test
knows with which read the event is whole, however the bytes are cut.
"""

import json
from dataclasses import dataclass

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Wire:
    """The bytes of a response. `ends`: offsets behind the byte with which each part of the body is
    whole; a line is whole with its CR, even if an LF follows.
    """

    data: bytes
    ends: tuple[int, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What is to be read from a response. Parts of the body have their numbers from 0."""

    text: str = "ab"
    reasoning: str = ""
    tools: str = ""
    n: int = 2
    source: str = "usage"
    prompt: int | None = 7
    cached: int | None = None
    reasoned: int | None = None
    """Reasoning tokens by usage."""
    arrivals: tuple[int, ...] | None = None
    """The parts that have tokens; None: the one part of a body that is no stream."""
    k: tuple[int, ...] | None = None
    """The tokens of each of them, where that must be known."""
    first_output: int | None = None
    """The part with the first of the answer proper; None: the first of `arrivals`."""
    done: int | None = None
    """The part at which the answer is complete; None: at the end of the body."""
    failed: tuple[str, ...] = ()
    """What the reason of a failure says; none: the answer has not failed."""
    cut_after: int | None = None
    status: int = 200
    faults: int = 0
    reusable: bool = True


@dataclass(frozen=True)
class Case:
    """One situation. `ending`: what the server does after the last byte: leaves the connection
    "open", or ends it by "close" or "reset".
    """

    name: str
    wire: Wire
    expected: Expected
    ending: str = "open"


# ---- Events --------------------------------------------------------------------------------------


def event(content, name=""):
    """An event with an object as JSON, or with a text as it is."""
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    return (f"event: {name}\n" * bool(name) + f"data: {content}\n\n").encode()


def chat(delta, finish=None, **more):
    """A chunk of a chat completion; `more` are members beside choices."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **more}


def chunk(delta, finish=None, **more):
    return event(chat(delta, finish, **more))


def token(text, **more):
    return chunk({"content": text}, **more)


def text_chunk(text, finish=None, **more):
    """A chunk of a plain completion."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return event({"id": "cmpl-1", "object": "text_completion", "choices": [choice], **more})


def counts(completion, prompt=7, **more):
    """A usage member."""
    total = prompt + completion
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        **more,
    }


def usage_event(completion, **more):
    """Usage in an event without choices."""
    return event({"id": "chatcmpl-1", "choices": [], "usage": counts(completion, **more)})


ROLE = chunk({"role": "assistant", "content": ""})
STOP = chunk({}, "stop")
ANSWER = (ROLE, token("a"), token("b"), STOP, usage_event(2), DONE)
"""The usual stream: its tokens are in parts 1 and 2, and it is complete at the last."""
TAIL = (STOP, usage_event(2), DONE)
"""What follows the tokens of it."""


# ---- HTTP ----------------------------------------------------------------------------------------

STREAM_TYPE = "text/event-stream; charset=utf-8"


def head(*lines, status="200 OK", version="HTTP/1.1"):
    return "\r\n".join([f"{version} {status}", "Server: scripted", *lines, "", ""]).encode()


def chunked(parts, *, lines=(), extension="", trailers="", size="x", first=b"", end=True):
    """Each part as a piece of the chunked coding. `size`: the format of sizes; `first`: bytes
    before the head.
    """
    data = first + head(f"Content-Type: {STREAM_TYPE}", "Transfer-Encoding: chunked", *lines)
    ends = []
    for part in parts:
        data += f"{format(len(part), size)}{extension}\r\n".encode() + part
        ends.append(len(data) - part.endswith(b"\r\n"))
        data += b"\r\n"
    if end:
        data += f"0{extension}\r\n{trailers}\r\n".encode()
    return Wire(data, tuple(ends))


def with_head(wire, start):
    """The same body behind another head."""
    old = wire.data.index(b"\r\n\r\n") + 4
    return Wire(start + wire.data[old:], tuple(end - old + len(start) for end in wire.ends))


def rechunked(parts, size):
    """The body in pieces of `size` bytes, which cut events; the last may be shorter."""
    data = head(f"Content-Type: {STREAM_TYPE}", "Transfer-Encoding: chunked")
    body, ends = b"".join(parts), []
    marks = [sum(map(len, parts[: i + 1])) for i in range(len(parts))]
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        data += f"{len(piece):x}\r\n".encode()
        ends += [len(data) + mark - start for mark in marks if start < mark <= start + len(piece)]
        data += piece + b"\r\n"
    return Wire(data + b"0\r\n\r\n", tuple(ends))


def plain(parts, start):
    """The body without a coding, after the head `start`."""
    ends = [len(start) + sum(map(len, parts[: i + 1])) for i in range(len(parts))]
    return Wire(start + b"".join(parts), tuple(ends))


def sized(parts, *lines, missing=0, kind=STREAM_TYPE, status="200 OK"):
    """The body with a Content-Length, of which the last `missing` bytes do not come."""
    size = sum(map(len, parts))
    wire = plain(
        parts, head(f"Content-Type: {kind}", f"Content-Length: {size}", *lines, status=status)
    )
    return Wire(wire.data[: len(wire.data) - missing], wire.ends)


def closed(parts, version="HTTP/1.1", *lines):
    """The body until the connection is closed."""
    return plain(parts, head(f"Content-Type: {STREAM_TYPE}", *lines, version=version))


def document(content, *, status="200 OK", kind="application/json"):
    """One text in place of a stream; an object as JSON."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return sized((text.encode(),), kind=kind, status=status)
