"""An HTTP server with one reply for /models and one for everything else, as bytes."""

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field

from llm_wire import ANSWER, chunked, document

MODELS = document({"object": "list", "data": [{"id": "m", "object": "model"}]})


def models(*names, **more):
    """The reply of a server that serves models of these names."""
    return document({"data": [{"id": name, **more} for name in names]})


@dataclass
class ReplyServer:
    """A running server. `requests`: (first line, headers by lower-case name, body) of each."""

    port: int
    scheme: str = "http"
    requests: list = field(default_factory=list)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"

    @property
    def posts(self):
        return [request for request in self.requests if request[0].startswith("POST")]


@contextlib.contextmanager
def reply_server(models=MODELS, answer=None, closes=False, drops=False, certificate=None):
    """Serves in this context. `closes`: each connection is closed behind its reply. `drops`: the
    second request of a connection is read, and the connection closed without a reply.
    `certificate`: paths of a certificate and its key, for TLS."""
    answer = answer or chunked(ANSWER)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = ReplyServer(listener.getsockname()[1], "https" if certificate else "http")
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # The handshake is the connection's own: one that fails must not end the others.
        listener = context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)

    def accept():
        with contextlib.suppress(OSError):  # The listener is closed.
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection):
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as read:
            replied = False
            while request := _read(read):
                if drops and replied:
                    return
                server.requests.append(request)
                asks_models = request[0].split()[1].partition("?")[0].endswith("/models")
                connection.sendall((models if asks_models else answer).data)
                replied = True
                if closes:
                    return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _read(read):
    first = read.readline().decode().strip()
    if not first:
        return None
    headers = {}
    while (line := read.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return first, headers, read.read(int(headers.get("content-length", 0)))
