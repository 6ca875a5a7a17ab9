"""How many tokens an answer has, and who says so."""

from llm_wire import ANSWER, DONE, ROLE, STOP, TAIL, chunk, counts, event, token, usage_event

from llm_cases.collection import Cases

CASES = Cases()

CASES.stream(
    "usage null but in the last",
    *[token(text, usage=None) for text in "ab"],
    chunk({}, "stop", usage=None),
    usage_event(2),
    DONE,
    arrivals=(0, 1),
)
CASES.stream(
    "usage in each event",
    token("a", usage=counts(1)),
    token("bcd", usage=counts(4)),
    chunk({}, "stop", usage=counts(4)),
    DONE,
    text="abcd",
    n=4,
    arrivals=(0, 1),
    k=(1, 3),
)
CASES.stream(
    "usage beside the finish",
    ROLE,
    token("a"),
    token("b"),
    chunk({}, "stop", usage=counts(2)),
    DONE,
    arrivals=(1, 2),
)
CASES.stream(
    "usage before the finish",
    ROLE,
    token("a"),
    token("b"),
    usage_event(2),
    STOP,
    DONE,
    arrivals=(1, 2),
)
CASES.stream(
    "no usage",
    ROLE,
    token("a"),
    token("b"),
    STOP,
    DONE,
    source="events",
    prompt=None,
    arrivals=(1, 2),
)
CASES.stream(
    "token ids",
    *[
        event({"choices": [{"index": 0, "delta": {"content": text}, "token_ids": ids}]})
        for text, ids in (("a", [5]), ("b", [6, 7]))
    ],
    *(STOP, DONE),
    n=3,
    source="token ids",
    prompt=None,
    arrivals=(0, 1),
    k=(1, 2),
)
CASES.stream(
    "usage beside token ids",
    event({"choices": [{"delta": {"content": "ab"}, "token_ids": [5]}]}),
    *TAIL,
    arrivals=(0,),
)
CASES.stream(
    "more tokens than events",
    ROLE,
    *[token("x")] * 6,
    STOP,
    usage_event(8),
    DONE,
    text="x" * 6,
    n=8,
    arrivals=(1, 2, 3, 4, 5, 6),
)
CASES.stream(
    "cached tokens",
    *ANSWER[:-2],
    usage_event(2, prompt_tokens_details={"cached_tokens": 4}),
    DONE,
    cached=4,
    arrivals=(1, 2),
)
CASES.stream(
    "no cached tokens is 0",
    *ANSWER[:-2],
    usage_event(2, prompt_tokens_details={"cached_tokens": 0}),
    DONE,
    cached=0,
    arrivals=(1, 2),
)
CASES.stream(
    "details null",
    *ANSWER[:-2],
    usage_event(2, prompt_tokens_details=None, completion_tokens_details=None),
    DONE,
    arrivals=(1, 2),
)
CASES.stream(
    "the last usage counts",
    ROLE,
    token("a"),
    usage_event(1),
    token("b"),
    STOP,
    usage_event(2),
    DONE,
    arrivals=(1, 3),
)
