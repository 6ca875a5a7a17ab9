"""What is given by --network and --header goes with each request to the server.

Method: a server in this process that speaks as a node of the reference's network demo and notes
what it is asked.
"""

import contextlib
import http.server
import json
import threading

import pytest
from cli_commands import QUICK, SYSTEM, document

pytest.importorskip("aiohttp", reason="http:// needs aiohttp")

pytest_plugins = ["cli_fixtures"]


class Noting(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers))
        body = json.dumps({"name": "noting", "result": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@contextlib.contextmanager
def noting_server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Noting) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_headers_and_query_parameters_reach_the_server(folder):
    payloads = "    def __getitem__(self, index): return b'payload'\n\nclass Good("
    (folder / "system.py").write_text(SYSTEM.replace("\nclass Good(", payloads, 1))
    (folder / "token").write_text("X-From-A-File: secret2\n")
    with noting_server() as server:
        found = document(
            *("run", f"http://127.0.0.1:{server.server_port}", "system.py:Numbers", *QUICK),
            *("--header", "Authorization: Bearer secret1", "--header", "@token"),
            *("--network", "query.key=secret3", "--network", "concurrency=2"),
        )
    assert found["performance"]["sample_count"] == 100
    assert len(server.asked) > 100
    for path, headers in server.asked:
        assert path.endswith("?key=secret3")
        assert headers["Authorization"] == "Bearer secret1"
        assert headers["X-From-A-File"] == "secret2"
