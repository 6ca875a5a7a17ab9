"""What a server says of itself before a test: the models that it serves, and one answer."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import _llm
from ..qdl.links.link import NetworkError
from .address import EndpointAddress
from .bodies import Headers

_READ_BYTES = 1 << 16
_SHOWN_CHARACTERS = 300
_MOST_LIST_BYTES = 64 << 20
_WITHOUT_LIST = (http.client.NOT_FOUND, http.client.METHOD_NOT_ALLOWED, http.client.NOT_IMPLEMENTED)


@dataclass(frozen=True)
class ServedModel:
    """A model that a server says it serves."""

    name: str
    max_model_len: int | None = None
    """The most tokens of a prompt and its answer, where the server says it (vLLM)."""


@dataclass(frozen=True)
class Caller:
    """How a server is asked, besides where it is."""

    headers: Headers
    ca_file: str | None = None
    timeout_s: float = 30.0

    def context(self) -> ssl.SSLContext:
        """For TLS. Raises ValueError if the certificates cannot be read."""
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"ca_file={self.ca_file!r} cannot be used: {error}") from None


def ask_models(
    address: EndpointAddress, caller: Caller, *, may_lack: bool = False
) -> list[ServedModel] | None:
    """The models that a server says it serves, in its order. None: it has no list of them.

    `may_lack`: a server of another path than /v1 may have no list, as the deployments of Azure.
    Raises NetworkError if the server cannot be reached or refuses, and ValueError if the path of
    the address is wrong.
    """
    status, content = _get(address, caller)
    if status == http.client.NOT_FOUND and not (may_lack or address.path.endswith("/v1")):
        raise wrong_path(address)
    if status in _WITHOUT_LIST:
        return None
    if status != http.client.OK:
        raise refused(address, status, content, caller.headers)
    try:
        rows = json.loads(content)["data"]
        return [_served(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def choose_model(
    address: EndpointAddress, models: Sequence[ServedModel] | None, wanted: str | None
) -> ServedModel:
    """The model of a test: the wanted one, else the only one there is. Raises ValueError, which
    lists the models."""
    if models is None:
        if wanted is None:
            raise ValueError(f"{address} does not say which models it serves; give model=NAME")
        return ServedModel(wanted)
    names = ", ".join(model.name for model in models) or "no model"
    if wanted is not None:
        for model in models:
            if model.name == wanted:
                return model
        raise ValueError(f"model={wanted!r} is not served by {address}: it serves {names}")
    if len(models) != 1:
        raise ValueError(f"{address} serves {names}; give one of them as model=NAME")
    return models[0]


@dataclass(frozen=True)
class Probed:
    """What the first request showed."""

    is_stream: bool
    """The answer was a stream of events."""
    token_source: str
    """What says how many tokens an answer has: "usage", "token ids" or "events"."""


def probe(address: EndpointAddress, request: bytes, caller: Caller) -> Probed:
    """Sends one request and reads its whole answer. Raises NetworkError with the server's words if
    it is none, and ValueError if the path of the address is wrong."""
    reader = _llm.AnswerReader()
    head = _exchange(address, request, caller, reader)
    facts = reader.facts()
    if facts.status == http.client.NOT_FOUND and not address.path.endswith("/v1"):
        raise wrong_path(address)
    if facts.failed:
        raise NetworkError(
            f"{address} does not answer a first request: {caller.headers.hide(facts.failed)}"
            f"{_hint(facts.status)}"
        )
    return Probed(_is_stream(head), facts.token_source)


def wrong_path(address: EndpointAddress) -> ValueError:
    """The error of an address whose path the server does not know."""
    base = str(address).partition("?")[0].rstrip("/")
    return ValueError(f"{address} answers 404: the path is wrong; did you mean {base}/v1?")


def refused(
    address: EndpointAddress, status: int, content: bytes, headers: Headers
) -> NetworkError:
    """The error of a status other than 200."""
    shown = headers.hide(content.decode("utf-8", "replace"))
    words = "".join(c if c.isprintable() else " " for c in shown).strip()[:_SHOWN_CHARACTERS]
    text = f"{status} {http.client.responses.get(status, '')}".rstrip()
    return NetworkError(
        f"{address} answers {text}{_hint(status)}" + (f": {words}" if words else "")
    )


def _hint(status: int) -> str:
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        return "; give api_key, or set OPENAI_API_KEY"
    return ""


def _served(row: dict[str, Any]) -> ServedModel:
    name, length = row["id"], row.get("max_model_len")
    if not isinstance(name, str):
        raise TypeError
    return ServedModel(name, length if isinstance(length, int) and length > 0 else None)


def _get(address: EndpointAddress, caller: Caller) -> tuple[int, bytes]:
    connection: http.client.HTTPConnection
    if address.tls:
        connection = http.client.HTTPSConnection(
            address.host, address.port, timeout=caller.timeout_s, context=caller.context()
        )
    else:
        connection = http.client.HTTPConnection(
            address.host, address.port, timeout=caller.timeout_s
        )
    try:
        connection.request("GET", address.target("/models"), headers=caller.headers.items())
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_LIST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error
    finally:
        connection.close()


def _exchange(
    address: EndpointAddress, request: bytes, caller: Caller, reader: _llm.AnswerReader
) -> bytes:
    """Sends a request and feeds the reader the answer. Returns the start of the answer."""
    start = b""
    context = caller.context() if address.tls else None
    deadline = time.monotonic() + caller.timeout_s
    try:
        with socket.create_connection((address.host, address.port), caller.timeout_s) as plain:
            stream = context.wrap_socket(plain, server_hostname=address.host) if context else plain
            with stream:
                stream.sendall(request)
                while data := stream.recv(_READ_BYTES):
                    start += data[: max(0, _READ_BYTES - len(start))]
                    now_ns = time.monotonic_ns()
                    if reader.feed(data, now_ns, now_ns):
                        return start
                    if time.monotonic() > deadline:  # Comments go on for ever.
                        raise TimeoutError
            now_ns = time.monotonic_ns()
            reader.end(now_ns, now_ns)
    except OSError as error:
        raise _unreachable(address, error) from error
    return start


def _is_stream(answer: bytes) -> bool:
    lines = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    return any(line.startswith(b"content-type:") and b"event-stream" in line for line in lines)


def _unreachable(address: EndpointAddress, error: Exception) -> NetworkError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NetworkError(
            f"{address} shows a certificate that is not trusted ({error.verify_message}); give "
            "ca_file"
        )
    if isinstance(error, TimeoutError):
        return NetworkError(f"{address} does not answer in time; is it still starting?")
    if isinstance(error, http.client.HTTPException):
        return NetworkError(f"{address} does not speak HTTP: {error!r}")
    what = getattr(error, "strerror", None) or str(error)
    return NetworkError(f"{address} cannot be reached: {what}; is the server started?")
