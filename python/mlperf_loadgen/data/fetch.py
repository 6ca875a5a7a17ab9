"""The bytes of shards wherever they are: files, HTTP, fsspec's file systems, commands, stdin.

Bytes that are known to be incomplete are an error, never the end: lengths are compared, and the
exit status of a command is looked at.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from .addresses import COMMAND, STDIN, is_command, local_path, problem_of, scheme_of, shown
from .errors import ShardFetchError

PIECE = 256 * 1024
_HTTP = ("http", "https")


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
    return _http(address) if is_http(address) else _fsspec(address)


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


def _http(address: str) -> Iterator[bytes]:
    from .http_download import http_chunks  # Python's HTTP client takes long to import.

    return http_chunks(address)


# ---- Commands ------------------------------------------------------------------------------------


def _command(address: str, allowed: bool) -> Iterator[bytes]:
    if not allowed:
        raise PermissionError(
            f"The shard {shown(address)!r} is a command. Commands are run only with"
            " allow_commands=True."
        )
    return _output(address)


def _output(address: str) -> Iterator[bytes]:
    import subprocess

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
            f"The command of the shard {shown(address)!r} ended with exit status {status}; what"
            " it had written is not used."
        )


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
            f"The shard {shown(address)} needs fsspec (pip install fsspec, and its package for"
            f" {scheme_of(address)}://), or a command that writes it: 'pipe:...' with"
            " allow_commands=True."
        ) from error
    except (ImportError, ValueError, OSError) as error:
        problem = problem_of(error, address)
        raise ShardFetchError(
            f"The shard {shown(address)} could not be opened: {problem}"
        ) from error


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
            f"The shard {shown(address)} was not fetched completely: {received} of {size} bytes"
            " came."
        )
