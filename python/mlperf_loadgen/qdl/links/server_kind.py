"""Finds out which kind of server listens at an address, if it is not the expected kind."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from .server import Server

_LIMIT_S = 2.0
_MOST_BYTES = 1 << 16  # Of each answer.
_ZMTP_SIGNATURE = 10  # Bytes: 0xFF, eight of any kind and 0x7F.
_TLS_ALERT = b"\x15\x03"
_HTTP2_SETTINGS = 4  # The kind of frame that begins HTTP/2, in the fourth byte of it.


class Kind(NamedTuple):
    """The kind of server that was found."""

    name: str
    text: str

    @property
    def is_sure(self) -> bool:
        """Whether the kind cannot change, so that waiting is of no use. Other HTTP servers may be a
        proxy whose server is still starting."""
        return self.name not in ("page", "http")


async def find_kind(server: Server, expected: str, most_s: float = _LIMIT_S) -> Kind | None:
    """The kind of the server if it is not `expected`: "demo", "kserve", "grpc" or "node". None: it
    is the expected kind, or the kind is not known within that time."""
    if server.is_grpc and server.is_tls:  # Whom to trust is known to gRPC alone.
        return None
    with contextlib.suppress(OSError, asyncio.TimeoutError, ValueError):
        found = await asyncio.wait_for(_look(server), min(most_s, _LIMIT_S))
        return None if found.name == expected else found
    return None


async def _look(server: Server) -> Kind:
    """Raises ValueError for what is not known."""
    place = str(server.place)
    head, body = await _ask(server, "GET", "/v2")
    if head[:1] == b"\xff" and head[_ZMTP_SIGNATURE - 1 : _ZMTP_SIGNATURE] == b"\x7f":
        return Kind("node", f"a node of `mlperf-loadgen serve` listens there: give tcp://{place}")
    if head.startswith(_TLS_ALERT):
        return Kind("tls", f"it takes TLS only: give {server.scheme}s://{place}")
    if len(head) > 4 and not head.startswith(b"HTTP/") and head[3] == _HTTP2_SETTINGS:
        return Kind("grpc", f"a gRPC server listens there: give kserve+grpc://{place}/model")
    if not head.startswith(b"HTTP/"):
        raise ValueError("no server that is known")
    secure = "s" if server.is_tls else ""
    if _is_good(head) and _object_in(body).keys() & {"name", "extensions"}:
        address = f"kserve+http{secure}://{place}/model"
        return Kind(
            "kserve", f"a server of the Open Inference Protocol answers there: give {address}"
        )
    head, body = await _ask(server, "POST", "/getname/")
    if _is_good(head) and "name" in _object_in(body):
        address = f"http{secure}://{place}"
        return Kind("demo", f"a node of the reference's network demo answers there: give {address}")
    head, body = await _ask(server, "GET", "/v1/models")
    if _is_good(head) and "data" in _object_in(body):
        return Kind(
            "openai",
            f"an OpenAI endpoint answers there: give openai+http{secure}://{place}/v1, or measure "
            "it with OpenAIEndpoint",
        )
    return await _plain_server(server)


async def _plain_server(server: Server) -> Kind:
    head, _ = await _ask(server, "GET", "/")
    if b"content-type: text/html" in head.lower():
        return Kind("page", "a web server answers there, with a page for people")
    return Kind("http", "an HTTP server answers there, which is none of those that are known")


async def _ask(server: Server, method: str, path: str) -> tuple[bytes, bytes]:
    """Head and body of an answer. What is no HTTP is in the head."""
    port = server.place.port or (443 if server.is_tls else 80)
    tls: Any = server.tls if server.is_tls else None
    reader, writer = await asyncio.open_connection(server.place.host, port, ssl=tls)
    received = b""
    try:
        lines = [f"{method} {server.target(path)} HTTP/1.1", *_header_lines(server)]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        while len(received) < _MOST_BYTES:
            part = await reader.read(_MOST_BYTES)
            received += part
            if not part or (received[:5] != b"HTTP/" and len(received) >= _ZMTP_SIGNATURE):
                break
    except ConnectionError:
        pass  # After what came.
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def _header_lines(server: Server) -> Iterator[str]:
    headers = {"Host": str(server.place), **server.headers}
    yield from (f"{name}: {value}" for name, value in headers.items())
    yield "Connection: close"
    yield "Content-Length: 0"


def _is_good(head: bytes) -> bool:
    return head.split(b" ", 2)[1:2] == [b"200"]


def _object_in(body: bytes) -> dict[str, Any]:
    """From a body that may come in chunks; empty if it has none."""
    start, end = body.find(b"{"), body.rfind(b"}")
    try:
        found = json.loads(body[start : end + 1])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
