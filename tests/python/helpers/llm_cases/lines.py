"""Lines, fields and characters of event streams."""

from llm_wire import ANSWER, DONE, ROLE, TAIL, chat, chunked, counts, event, token

from llm_cases.collection import Cases

CASES = Cases()


def lines_end_with(newline):
    return [part.replace(b"\n", newline) for part in ANSWER]


CASES.usual("lines end with CRLF", chunked(lines_end_with(b"\r\n")))
CASES.usual("lines end with CR", chunked(lines_end_with(b"\r")))
CASES.usual(
    "lines end with each of the three",
    chunked(
        [
            part.replace(b"\n", newline)
            for part, newline in zip(ANSWER, (b"\r\n", b"\n", b"\r") * 2, strict=True)
        ]
    ),
)
for named, separator in (("U+2028", "\u2028"), ("U+2029", "\u2029"), ("U+0085", "\u0085")):
    CASES.stream(
        f"{named} in a text",
        *(ROLE, token(f"a{separator}"), token("b"), *TAIL),
        text=f"a{separator}b",
        arrivals=(1, 2),
    )
CASES.usual(
    "data: without a space", chunked([part.replace(b"data: ", b"data:") for part in ANSWER])
)
CASES.usual(
    "data: with two spaces", chunked([part.replace(b"data: {", b"data:  {") for part in ANSWER])
)
CASES.usual(
    "JSON over several data lines",
    chunked([part.replace(b', "', b',\ndata: "') for part in ANSWER]),
)
CASES.usual("a byte order mark", chunked([b"\xef\xbb\xbf" + ANSWER[0], *ANSWER[1:]]))
CASES.usual("empty lines first", chunked([b"\n\n\n" + ANSWER[0], *ANSWER[1:]]))
CASES.stream(
    "comments",
    b": ping\n\n",
    ROLE,
    b":\n\n",
    token("a"),
    b": a\n: b\n\n",
    token("b"),
    *TAIL,
    arrivals=(3, 5),
)
CASES.stream(
    "a comment within an event",
    *(ROLE, b": ping\n" + token("a"), token("b").replace(b"\n\n", b"\n: ping\n\n"), *TAIL),
    arrivals=(1, 2),
)
CASES.stream(
    "event: ping with data",
    event({}, "ping"),
    event({"type": "ping"}, "ping"),
    *ANSWER,
    arrivals=(3, 4),
)
CASES.stream("event names", *[b"event: chunk\n" + part for part in ANSWER], arrivals=(1, 2), done=5)
CASES.stream(
    "ids, retry and unknown fields",
    *[b"id: 7\nretry: 10\nother: 1\nodd\n" + part for part in ANSWER],
    arrivals=(1, 2),
    done=5,
)
CASES.stream("data without a value", b"data\n\ndata:\n\n", *ANSWER, arrivals=(2, 3))
CASES.stream(
    "characters of several bytes",
    ROLE,
    token("é漢"),
    token("😀"),
    *TAIL,
    text="é漢😀",
    arrivals=(1, 2),
)
CASES.stream(
    "characters as escapes",
    *(ROLE, event(r'{"choices":[{"delta":{"content":"\u00e9\n\"\\\/"}}]}')),
    *(event(r'{"choices":[{"delta":{"content":"\ud83d\ude00\t"}}]}'), *TAIL),
    text='é\n"\\/😀\t',
    arrivals=(1, 2),
)
CASES.stream(
    "texts that end in spaces",
    ROLE,
    token("a  "),
    token(" b \n"),
    *TAIL,
    text="a   b \n",
    arrivals=(1, 2),
)
CASES.stream(
    "a last event without its blank line",
    *(ROLE, token("a"), token("b"), event(chat({}, "stop", usage=counts(2)))[:-2]),
    arrivals=(1, 2),
)
CASES.stream("[DONE] without its blank line", *ANSWER[:-1], DONE[:-2], arrivals=(1, 2))
CASES.stream(
    "data:[DONE] without a space", *ANSWER[:-1], b"data:[DONE]\n\n", arrivals=(1, 2), done=5
)
