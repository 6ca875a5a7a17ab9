"""An HTTP server for files, which can be made to misbehave."""

import contextlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class ShardServer:
    """What the server has and does. `requests` are the requests so far: (path, headers)."""

    files: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    """Path to the status that is answered instead."""
    cut_after: list = field(default_factory=list)
    """For each of the next responses, how many bytes of its body are sent; None: all."""
    ranges: bool = True
    length: bool = True
    etags: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    url: str = ""

    def etag(self, path):
        return self.etags.get(path, f'"{hash(self.files[path])}"')


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            server.requests.append((path, dict(self.headers)))
            status = server.status.get(path, 200 if path in server.files else 404)
            if status != 200:
                self.answer(status, b"<html>an error page</html>", {})
            elif server.etag(path) and self.headers.get("If-None-Match") == server.etag(path):
                self.answer(304, b"", {})
            else:
                self.send_file(path)

        def send_file(self, path):
            body, etag = server.files[path], server.etag(path)
            headers = {"ETag": etag} if etag else {}
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if server.ranges:
                headers["Accept-Ranges"] = "bytes"
            if server.ranges and asked and self.headers.get("If-Range") == etag:
                first = int(asked[1])
                headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
                self.answer(206, body[first:], headers)
            else:
                self.answer(200, body, headers)

        def answer(self, status, body, headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if server.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = server.cut_after.pop(0) if server.cut_after else None
            with contextlib.suppress(OSError):
                self.wfile.write(body[:cut])

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def shard_server(**how):
    """A server on this machine; its `url` has no slash at the end."""
    server = ShardServer(**how)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
