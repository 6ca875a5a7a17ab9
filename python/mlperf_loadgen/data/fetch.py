"""The bytes of shards wherever they are: files, HTTP, fsspec's file systems, commands, stdin.

Bytes that are known to be incomplete are an error, never the end: lengths are compared, and the
exit status of a command is looked at.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from .addresses import COMMAND, STDIN, is_command, local_path, scheme_of

PIECE = 256 * 1024
_TRIES = 4
_TIMEOUT_S = 60
_HTTP = ("http", "https")


class ShardFetchError(OSError):
    """A shard could not be fetched, or not completely."""


def read_bytes(address: str) -> bytes:
    """The whole content at an address; commands are not run."""
    return b"".join(chunks(address))


def chunks(
    address: str, *, allow_commands: bool = False, rewrite: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """The bytes at an address as they come; an error if they end early.

    `rewrite` replaces the beginnings of addresses; the first that fits counts.
    """
    address = rewritten(address, rewrite)
    path = local_path(address)
    if path is not None:
        return _file(path)
    if address == STDIN:
        return _pieces(sys.stdin.buffer)
    if is_command(address):
        return _command(address, allow_commands)
    return http_chunks(address) if is_http(address) else _fsspec(address)


def is_http(address: str) -> bool:
    """Whether a web server has the shard."""
    return scheme_of(address) in _HTTP


def remote_size(address: str) -> int | None:
    """How many bytes a shard of an fsspec file system has now; None if that is not known."""
    if is_command(address):
        return None
    with _opening(address):
        filesystem, path = _filesystem(address)
        size: int | None = filesystem.size(path)
        return size


def rewritten(address: str, rewrite: Mapping[str, str] | None) -> str:
    """The address with its beginning replaced by the first rule that fits."""
    for beginning, replacement in (rewrite or {}).items():
        if address.startswith(beginning):
            return replacement + address[len(beginning) :]
    return address


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(PIECE):
        yield piece


def _file(path: str) -> Iterator[bytes]:
    with Path(path).open("rb", buffering=0) as file:
        yield from _pieces(file)


# ---- Commands ------------------------------------------------------------------------------------


def _command(address: str, allowed: bool) -> Iterator[bytes]:
    if not allowed:
        raise PermissionError(
            f"The shard {address!r} is a command. Commands are run only with allow_commands=True."
        )
    return _output(address)


def _output(address: str) -> Iterator[bytes]:
    command = address[len(COMMAND) :]
    with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield from _pieces(process.stdout)
        except GeneratorExit:  # The reader wants no more.
            process.kill()
            raise
        status = process.wait()
    if status != 0:
        raise ShardFetchError(
            f"The command of the shard {address!r} ended with exit status {status}; what it had"
            " written is not used."
        )


# ---- HTTP ----------------------------------------------------------------------------------------


def http_response(address: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """The response to a GET; an error for any status that is not a success."""
    request = urllib.request.Request(address, headers={"Accept-Encoding": "identity", **headers})
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        raise
    except (OSError, http.client.HTTPException) as error:
        raise ShardFetchError(f"The shard {address} could not be fetched: {error}") from error
    return response


def http_chunks(address: str, response: http.client.HTTPResponse | None = None) -> Iterator[bytes]:
    """The body at an address, or of a response that is there already.

    A connection that breaks is made anew for the rest, if the server offers byte ranges.
    """
    if response is None:
        try:
            response = http_response(address, {})
        except urllib.error.HTTPError as error:
            raise ShardFetchError(
                f"The server answered {error.code} {error.reason} for the shard {address}."
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
                while piece := response.read(PIECE):
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
            if self.response.status == 206 and given.startswith(f"bytes {self.received}-"):
                return
            self.response.close()
        raise self.failed(f"it broke after {self.received} bytes and cannot be continued")

    def failed(self, problem: str) -> ShardFetchError:
        return ShardFetchError(f"The shard {self.address} was not fetched completely: {problem}.")


def _content_length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


# ---- fsspec --------------------------------------------------------------------------------------


def _fsspec(address: str) -> Iterator[bytes]:
    with _opening(address):
        filesystem, path = _filesystem(address)
        size, file = filesystem.size(path), filesystem.open(path, "rb")
    return _counted(address, file, size)


@contextlib.contextmanager
def _opening(address: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ShardFetchError(
            f"The shard {address} needs fsspec (pip install fsspec, and its package for"
            f" {scheme_of(address)}://), or a command that writes it: 'pipe:...' with"
            " allow_commands=True."
        ) from error
    except (ImportError, ValueError, OSError) as error:
        raise ShardFetchError(f"The shard {address} could not be opened: {error}") from error


def _filesystem(address: str) -> Any:
    """A file system of fsspec, and the path in it."""
    return importlib.import_module("fsspec").core.url_to_fs(address)


def _counted(address: str, file: IO[bytes], size: int | None) -> Iterator[bytes]:
    received = 0
    with file:
        for piece in _pieces(file):
            received += len(piece)
            yield piece
    if size is not None and received != size:
        raise ShardFetchError(
            f"The shard {address} was not fetched completely: {received} of {size} bytes came."
        )
