"""Answers without a token, events that are no JSON, and what follows [DONE]."""

from llm_wire import ANSWER, DONE, ROLE, STOP, TAIL, event, token, usage_event

from llm_cases.collection import Cases

CASES = Cases()

CASES.stream("no token at all", ROLE, STOP, usage_event(0), DONE, failed=("token",))
CASES.stream("nothing but [DONE]", DONE, failed=("token",))
CASES.stream(
    "an event that is no JSON",
    ROLE,
    event("{nonsense"),
    token("a"),
    event("no"),
    token("b"),
    *TAIL,
    faults=2,
    arrivals=(2, 4),
)
CASES.stream(
    "half an event at the end",
    *ANSWER[:4],
    usage_event(2)[:40],
    arrivals=(1, 2),
    source="events",
    prompt=None,
    faults=1,
)
CASES.stream(
    "more after [DONE]",
    *ANSWER,
    token("c"),
    usage_event(9),
    event("{nonsense"),
    done=5,
    arrivals=(1, 2),
)
CASES.stream("[DONE] twice", *ANSWER, DONE, done=5, arrivals=(1, 2))
CASES.stream("an error after [DONE]", *ANSWER, event({"error": "late"}), done=5, arrivals=(1, 2))
