"""HTTP around the body: chunked coding, lengths, heads."""

from llm_wire import ANSWER, STREAM_TYPE, chunked, closed, head, rechunked, sized, with_head

from llm_cases.collection import Cases

CASES = Cases()

CASES.usual("an event a chunk", chunked(ANSWER))
CASES.usual("chunks that cut events", rechunked(ANSWER, 40))
CASES.usual("chunks of one byte", rechunked(ANSWER, 1))
CASES.usual("the whole body in one chunk", rechunked(ANSWER, 1 << 20))
CASES.usual("chunk extensions", chunked(ANSWER, extension=';name="value"'))
CASES.usual("trailers", chunked(ANSWER, trailers="X-Time: 1\r\nX-Sum: 2\r\n"))
CASES.usual("sizes in capitals with zeros before", chunked(ANSWER, size="06X"))
CASES.usual("Content-Length", sized(ANSWER))
CASES.usual("a body until the connection closes", closed(ANSWER), ending="close", reusable=False)
CASES.usual("HTTP/1.0", closed(ANSWER, "HTTP/1.0"), ending="close", reusable=False)
CASES.usual("100 Continue first", chunked(ANSWER, first=b"HTTP/1.1 100 Continue\r\n\r\n"))
CASES.usual(
    "103 Early Hints first",
    chunked(ANSWER, first=head("Link: </a>; rel=preload", status="103 Early Hints")),
)
CASES.usual(
    "header names in any case",
    with_head(
        chunked(ANSWER),
        b"HTTP/1.1 200 OK\r\ncontent-TYPE:\tTEXT/Event-Stream\r\n"
        b"TRANSFER-encoding:Chunked \r\n\r\n",
    ),
)
CASES.usual(
    "no reason phrase",
    with_head(
        chunked(ANSWER),
        head(f"Content-Type: {STREAM_TYPE}", "Transfer-Encoding: chunked", status="200 "),
    ),
)
CASES.usual("Connection: close", chunked(ANSWER, lines=("Connection: close",)), reusable=False)
