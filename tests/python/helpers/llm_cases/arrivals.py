"""Which events have tokens, and which only look so."""

from llm_wire import (
    ANSWER,
    DONE,
    ROLE,
    STOP,
    TAIL,
    chunk,
    counts,
    event,
    text_chunk,
    token,
    usage_event,
)

from llm_cases.collection import Cases

CASES = Cases()

CASES.stream("no role event", *ANSWER[1:], arrivals=(0, 1))
CASES.stream(
    "a role event without content", chunk({"role": "assistant"}), *ANSWER[1:], arrivals=(1, 2)
)
CASES.stream(
    "a role event with null",
    chunk({"role": "assistant", "content": None}),
    *ANSWER[1:],
    arrivals=(1, 2),
)
CASES.stream(
    "a role in each event",
    *[chunk({"role": "assistant", "content": text}) for text in ("", "a", "b")],
    *TAIL,
    arrivals=(1, 2),
)
CASES.stream(
    "empty texts between",
    ROLE,
    token("a"),
    token(""),
    token("b"),
    token(""),
    *TAIL,
    arrivals=(1, 3),
)
CASES.stream(
    "delta null, and no delta",
    event({"choices": [{"index": 0, "delta": None}]}),
    event({"choices": [{"index": 0}]}),
    *ANSWER,
    arrivals=(3, 4),
)
CASES.stream(
    "a first event without choices",
    event({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
    *ANSWER,
    arrivals=(2, 3),
)
for member in ("reasoning", "reasoning_content"):
    CASES.stream(
        f"{member} before content",
        *(
            ROLE,
            chunk({member: "r"}),
            chunk({member: "s", "content": None}),
            token("a"),
            token("b"),
        ),
        *(STOP, usage_event(4, completion_tokens_details={"reasoning_tokens": 2}), DONE),
        reasoning="rs",
        n=4,
        reasoned=2,
        arrivals=(1, 2, 3, 4),
        first_output=3,
    )
CASES.stream(
    "a refusal", ROLE, chunk({"refusal": "a"}), chunk({"refusal": "b"}), *TAIL, arrivals=(1, 2)
)
CASES.stream(
    "tool calls",
    *(
        ROLE,
        chunk(
            {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}
        ),
    ),
    *(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}), *TAIL),
    text="",
    tools="f{}",
    arrivals=(1, 2),
)
CASES.stream(
    "tool calls that are none",
    chunk({"content": None, "tool_calls": []}),
    *ANSWER[1:],
    arrivals=(1, 2),
)
CASES.stream(
    "plain completions",
    text_chunk("a"),
    text_chunk("b"),
    text_chunk("", "length"),
    usage_event(2),
    DONE,
    arrivals=(0, 1),
)
CASES.stream(
    "plain completions with an empty text first",
    text_chunk(""),
    text_chunk("a"),
    text_chunk("b", "stop"),
    usage_event(2),
    DONE,
    arrivals=(1, 2),
)
CASES.stream(
    "several tokens an event",
    ROLE,
    token("abc"),
    token("de"),
    STOP,
    usage_event(5),
    DONE,
    text="abcde",
    n=5,
    arrivals=(1, 2),
)
CASES.stream(
    "white space is a token", ROLE, token(" "), token("\n"), *TAIL, text=" \n", arrivals=(1, 2)
)
CASES.stream(
    "held back: usage grows without text",
    *(chunk({"role": "assistant", "content": ""}, usage=counts(0)), token("", usage=counts(1))),
    *(
        token("", usage=counts(3)),
        token("ab", usage=counts(5)),
        chunk({}, "stop", usage=counts(5)),
        DONE,
    ),
    n=5,
    arrivals=(1, 2, 3),
    k=(1, 2, 2),
)
CASES.stream(
    "usage that does not grow is no token",
    chunk({"content": ""}, usage=counts(0)),
    token("ab", usage=counts(2)),
    chunk({"content": ""}, usage=counts(2)),
    chunk({}, "stop", usage=counts(2)),
    DONE,
    arrivals=(1,),
    k=(2,),
)
CASES.stream(
    "usage that grows beside the finish is no arrival",
    token("ab", usage=counts(2)),
    chunk({}, "stop", usage=counts(3)),
    DONE,
    n=3,
    arrivals=(0,),
)
CASES.stream(
    "usage that grows without choices is no arrival",
    token("ab", usage=counts(1)),
    usage_event(2),
    STOP,
    DONE,
    arrivals=(0,),
)
CASES.stream(
    "the last token beside the finish",
    ROLE,
    token("a"),
    chunk({"content": "b"}, "length"),
    usage_event(2),
    DONE,
    arrivals=(1, 2),
)
CASES.stream(
    "probabilities of tokens are no content",
    event(
        {
            "choices": [
                {
                    "index": 0,
                    "logprobs": {"content": [{"token": "x", "content": "x"}]},
                    "delta": {"content": ""},
                }
            ]
        }
    ),
    *ANSWER[1:],
    arrivals=(1, 2),
)
