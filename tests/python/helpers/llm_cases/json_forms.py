"""JSON in unusual forms."""

import json

from llm_wire import DONE, ROLE, STOP, TAIL, chat, chunk, event, token, usage_event

from llm_cases.collection import Cases

CASES = Cases()

CASES.stream(
    "texts that look like members",
    *(
        ROLE,
        token('"finish_reason":"stop"'),
        token("data: [DONE]\n\n"),
        token('{"error": 1}'),
        STOP,
        usage_event(3),
        DONE,
    ),
    text='"finish_reason":"stop"data: [DONE]\n\n{"error": 1}',
    n=3,
    arrivals=(1, 2, 3),
)
CASES.stream(
    "members in another order",
    *[
        event({"usage": None, "choices": [{"finish_reason": None, "delta": {"content": text}}]})
        for text in "ab"
    ],
    *TAIL,
    arrivals=(0, 1),
)
CASES.stream(
    "names with escapes",
    *[token(text).replace(b'"content"', rb'"\u0063ontent"') for text in "ab"],
    *TAIL,
    arrivals=(0, 1),
)
CASES.stream(
    "members of others",
    *[
        chunk(
            {"content": text},
            x={"choices": [{"delta": {"content": "x"}}], "error": {"message": "x"}},
        )
        for text in "ab"
    ],
    *TAIL,
    arrivals=(0, 1),
)
CASES.stream(
    "white space everywhere",
    *[event(json.dumps(chat({"content": text}), separators=(" \t, ", " : "))) for text in "ab"],
    *TAIL,
    arrivals=(0, 1),
)
CASES.stream(
    "deep nesting elsewhere",
    ROLE,
    chunk({"content": "a"}, x=json.loads("[" * 50 + "]" * 50)),
    token("b"),
    *TAIL,
    arrivals=(1, 2),
)
