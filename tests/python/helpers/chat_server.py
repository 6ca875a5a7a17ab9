"""A small OpenAI-compatible server in this process, for tests of what a user types.

It streams its words as events with one token each, and notes what it was asked. Times of tokens are
not its matter: tests/mock_llm is the server for those.
"""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer(ThreadingHTTPServer):
    """Serves `models` at /v1. `key`: what each request must bring. `streams`: False answers with
    one JSON document. `status`: what each completion is answered with."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, models=("tiny",), key=None, streams=True, status=200, words=4, usage=True):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models, self.key, self.streams, self.status = models, key, streams, status
        self.words, self.usage = words, usage
        self.asked = []
        """(path, headers, body) of each request."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def completions(self):
        """The bodies of the requests for an answer."""
        return [body for path, _, body in self.asked if path.endswith("completions")]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words):
        pass

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body):
        server = self.server
        server.asked.append((self.path, dict(self.headers), body))
        path = self.path.partition("?")[0]
        if server.key and self.headers["Authorization"] != f"Bearer {server.key}":
            self.send_json(401, {"error": {"message": "Incorrect API key provided"}})
        elif path == "/v1/models":
            self.send_json(200, {"object": "list", "data": [{"id": m} for m in server.models]})
        elif path not in ("/v1/chat/completions", "/v1/completions"):
            self.send_json(404, {"detail": "Not Found"})
        elif server.status != 200:
            self.send_json(server.status, {"error": {"message": "the engine is down"}})
        elif server.streams:
            self.send_events(body)
        else:
            choice = {"message": {"content": "one two"}, "text": "one two", "finish_reason": "stop"}
            self.send_json(200, {"choices": [choice], "usage": {"completion_tokens": 2}})

    def send_json(self, status, document):
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def send_events(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chat = self.path.startswith("/v1/chat")
        for number in range(self.server.words):
            word = {"content": f"w{number} "}
            self.send_event({"choices": [{"delta": word} if chat else {"text": word["content"]}]})
        last = {"choices": [{"delta": {}, "text": "", "finish_reason": "length"}]}
        if self.server.usage:
            count = self.server.words
            last["usage"] = {"prompt_tokens": 3, "completion_tokens": count}
        self.send_event(last)
        self.send_chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def send_event(self, document):
        self.send_chunk(f"data: {json.dumps(document)}\n\n".encode())

    def send_chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


@contextlib.contextmanager
def chat_server(**options):
    """The server while the block runs."""
    with ChatServer(**options) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
