"""An HTTP server that answers with bytes as they are written down.

A request whose body has "#12" gets script 12; a request for /models, the model "scripted".
"""

import contextlib
import itertools
import re
import socket
import struct
import threading
from dataclasses import dataclass

from llm_wire import document

MODELS = document({"object": "list", "data": [{"id": "scripted", "object": "model"}]})


@dataclass(frozen=True)
class Script:
    """`ending`: "open" leaves the connection to the next request, "close" and "reset" end it."""

    data: bytes
    ending: str = "open"


@contextlib.contextmanager
def scripted_server(scripts, size=1 << 20, hangs_up_after=None):
    """Serves in this context; gives the endpoint's address. `size`: the most bytes of a send.
    `hangs_up_after`: a connection that has carried so many requests is closed at the next one.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def accept():
        with contextlib.suppress(OSError):  # The listener is closed.
            while True:
                connection, _ = listener.accept()
                threading.Thread(
                    target=_serve, args=(connection, scripts, size, hangs_up_after)
                ).start()

    threading.Thread(target=accept).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve(connection, scripts, size, hangs_up_after):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, contextlib.suppress(ConnectionError), connection.makefile("rb") as read:
        for count in itertools.count():
            request = _read_request(read)
            if request is None or count == hangs_up_after:
                return
            script = _script_of(request, scripts)
            for at in range(0, len(script.data), size):
                connection.sendall(script.data[at : at + size])
            if script.ending == "reset":  # Without lingering, a close is a reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if script.ending != "open":
                return


def _read_request(read):
    """The target and the body of the next request; None: the client has closed."""
    first = read.readline().decode()
    if not first:
        return None
    length = 0
    while (line := read.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return first.split()[1], read.read(length).decode()


def _script_of(request, scripts):
    target, body = request
    if target.endswith("/models"):
        return Script(MODELS.data)
    return scripts[int(re.search(r"#(\d+)", body)[1])]
