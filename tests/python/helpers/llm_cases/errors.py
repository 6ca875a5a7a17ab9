"""Errors of servers, in whichever form they come."""

from llm_wire import DONE, ROLE, TAIL, chunk, counts, document, event, sized, token

from llm_cases.collection import Cases

CASES = Cases()

CASES.stream(
    "an error under 200",
    event({"error": {"message": "engine died", "code": 500}}),
    DONE,
    failed=("engine died",),
)
CASES.stream("an error as a text", event({"error": "engine died"}), DONE, failed=("engine died",))
CASES.stream(
    "an error after tokens",
    ROLE,
    token("a"),
    event({"error": {"message": "engine died"}}),
    DONE,
    failed=("engine died",),
)
CASES.stream(
    "an error with choices",
    ROLE,
    chunk({"content": "a"}, error={"message": "engine died"}),
    DONE,
    failed=("engine died",),
)
CASES.stream(
    "an event named error",
    ROLE,
    event({"message": "engine died"}, "error"),
    DONE,
    failed=("engine died",),
)
CASES.stream(
    "an event named error that is no JSON",
    event("engine died", "error"),
    DONE,
    failed=("engine died",),
)
CASES.stream(
    "a finish reason that is an error",
    ROLE,
    token("a"),
    chunk({}, "error"),
    DONE,
    failed=("error",),
)
CASES.stream(
    "error null in each event",
    *[chunk({"content": text}, error=None) for text in "ab"],
    *TAIL,
    arrivals=(0, 1),
)
for status in (
    "400 Bad Request",
    "401 Unauthorized",
    "404 Not Found",
    "422 Unprocessable Entity",
    "429 Too Many Requests",
    "500 Internal Server Error",
):
    code = int(status[:3])
    CASES.case(
        f"status {code}",
        document({"error": {"message": "no"}}, status=status),
        failed=(str(code),),
        status=code,
    )
CASES.case(
    "status 503 with a plain text",
    document("try later", status="503 Service Unavailable", kind="text/plain"),
    failed=("503",),
    status=503,
)
CASES.case(
    "status 502 with a page",
    document("<html>bad</html>", status="502 Bad Gateway", kind="text/html"),
    failed=("502",),
    status=502,
)
CASES.case(
    "a redirection",
    sized((), "Location: /elsewhere", status="302 Found"),
    failed=("302",),
    status=302,
)
CASES.case(
    "a page under 200",
    document("<html>hello</html>", kind="text/html"),
    failed=("text/html",),
)
CASES.case(
    "an error as JSON under 200",
    document({"error": {"message": "engine died"}}),
    failed=("engine died",),
)
CASES.case(
    "a whole chat completion",
    document(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "ab"},
                    "finish_reason": "stop",
                }
            ],
            "usage": counts(2),
        }
    ),
)
CASES.case(
    "a whole plain completion",
    document(
        {"choices": [{"index": 0, "text": "ab", "finish_reason": "stop"}], "usage": counts(2)}
    ),
)
