"""Where an answer ends, and where it was cut."""

from llm_wire import (
    ANSWER,
    DONE,
    ROLE,
    STOP,
    Wire,
    chunked,
    closed,
    sized,
    token,
    usage_event,
)

from llm_cases.collection import USUAL, Cases

CASES = Cases()

CASES.case("the server lingers after [DONE]", chunked(ANSWER, end=False), **USUAL, reusable=False)
CASES.case(
    "a Content-Length beyond [DONE]",
    sized((*ANSWER, b"\n" * 9), missing=9),
    **USUAL,
    reusable=False,
)
CASES.stream("a finish reason without [DONE]", *ANSWER[:-1], arrivals=(1, 2))
CASES.stream(
    "[DONE] without a finish reason",
    ROLE,
    token("a"),
    token("b"),
    usage_event(2),
    DONE,
    arrivals=(1, 2),
)
CASES.case(
    "a finish reason, then the end of the connection",
    closed(ANSWER[:-1]),
    ending="close",
    arrivals=(1, 2),
    reusable=False,
)

CUT = {"failed": ("cut",), "cut_after": 2, "reusable": False}
for ending in ("close", "reset"):
    CASES.case(
        f"cut within the chunks: {ending}",
        chunked(ANSWER[:3], end=False),
        ending=ending,
        **CUT,
    )
    CASES.case(
        f"cut within an event: {ending}",
        Wire(chunked(ANSWER[:4]).data[:-60], chunked(ANSWER[:3]).ends),
        ending=ending,
        **CUT,
    )
CASES.case(
    "cut within the Content-Length",
    sized(ANSWER[:4], missing=len(STOP)),
    ending="close",
    **CUT,
)
CASES.case(
    "a body until the close without an end mark",
    closed(ANSWER[:3]),
    ending="close",
    **CUT,
)
CASES.stream(
    "a body that ends properly without an end mark",
    *ANSWER[:3],
    **(CUT | {"reusable": True}),
)
CASES.case(
    "cut behind the head",
    chunked((), end=False),
    ending="close",
    failed=("cut",),
    reusable=False,
    cut_after=0,
)
CASES.case(
    "cut within the head",
    Wire(chunked(()).data[:20]),
    ending="close",
    failed=("closed",),
    status=0,
    reusable=False,
)
