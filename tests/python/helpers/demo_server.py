"""A server that speaks as a node of the reference's network demo: `with demo_server() as server:`.

It notes what it is asked, and a test may decide with which status it answers.
"""

import contextlib
import http.server
import json
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status = 200
        with self.server.lock:
            self.server.asked.append((self.path, self.headers))
            if self.path.startswith("/predict"):
                status = self.server.status_of(self.server.predicted)
                self.server.predicted += 1
        body = json.dumps({"name": "demo", "result": 1}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@contextlib.contextmanager
def demo_server(status_of=lambda number: 200):
    """`status_of(number)`: of each request for a result, which are numbered from 0."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.address = f"http://127.0.0.1:{server.server_port}"
        server.asked, server.predicted, server.status_of = [], 0, status_of
        server.lock = threading.Lock()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
