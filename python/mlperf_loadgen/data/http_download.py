"""Shards from web servers."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping

from .addresses import problem_of, shown
from .errors import ShardFetchError

_PIECE = 256 * 1024
_TRIES = 4
_TIMEOUT_S = 60


def http_response(address: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """The response to a GET; an error for any status that is not a success."""
    request = urllib.request.Request(address, headers={"Accept-Encoding": "identity", **headers})
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        raise
    except (OSError, http.client.HTTPException) as error:
        raise ShardFetchError(
            f"The shard {shown(address)} could not be fetched: {problem_of(error, address)}"
        ) from error
    return response


def http_chunks(address: str, response: http.client.HTTPResponse | None = None) -> Iterator[bytes]:
    """The body at an address, or of a response that is there already.

    A connection that breaks is made again for the rest, if the server offers byte ranges.
    """
    if response is None:
        try:
            response = http_response(address, {})
        except urllib.error.HTTPError as error:
            raise ShardFetchError(
                f"The server answered {error.code} {error.reason} for the shard {shown(address)}."
            ) from error
    return _Download(address, response).pieces()


class _Download:
    """One body, over as many connections as it takes."""

    def __init__(self, address: str, response: http.client.HTTPResponse) -> None:
        self.address = address
        self.response = response
        self.size = _content_length(response)
        self.is_chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.version = response.headers.get("ETag") or response.headers.get("Last-Modified")
        self.can_resume = (
            self.size is not None
            and response.headers.get("Accept-Ranges") == "bytes"
            and self.version is not None
            and not self.version.startswith("W/")
        )
        self.received = 0

    def pieces(self) -> Iterator[bytes]:
        if self.response.status != http.HTTPStatus.OK:  # A part, which was not asked for.
            self.response.close()
            raise self.failed(f"the server answered {self.response.status}")
        if self.size is None and not self.is_chunked:
            self.response.close()
            raise self.failed("the server does not say how long it is, so that it could be cut")
        for last in (*[False] * (_TRIES - 1), True):
            problem = yield from self.one_connection()
            if problem is None:
                return
            if last or not self.can_resume:
                raise self.failed(problem)
            self.connect_again()

    def one_connection(self) -> Generator[bytes, None, str | None]:
        """The pieces that a connection brings; returns what was wrong at its end."""
        with self.response as response:
            try:
                while piece := response.read(_PIECE):
                    self.received += len(piece)
                    yield piece
            except (OSError, http.client.HTTPException) as error:
                return f"the connection broke after {self.received} bytes: {error}"
        if self.size is not None and self.received != self.size:
            return f"only {self.received} of {self.size} bytes came"
        return None

    def connect_again(self) -> None:
        wanted = {"Range": f"bytes={self.received}-", "If-Range": self.version or ""}
        with contextlib.suppress(urllib.error.HTTPError):
            self.response = http_response(self.address, wanted)
            given = self.response.headers.get("Content-Range", "")
            if given.startswith(f"bytes {self.received}-"):
                return
            self.response.close()
        raise self.failed(f"it broke after {self.received} bytes and cannot be continued")

    def failed(self, problem: str) -> ShardFetchError:
        return ShardFetchError(
            f"The shard {shown(self.address)} was not fetched completely: {problem}."
        )


def _content_length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None
