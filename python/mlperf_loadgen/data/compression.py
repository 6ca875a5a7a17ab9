"""Compressed shards, recognised by their first bytes, as the plain bytes of the archive.

Several compressed streams in a row are one archive. The last one is read to its end, where its sum
is checked; behind it only zeros may stand.
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

from .addresses import shown
from .errors import ShardFormatError

_LARGEST_PIECE = 1 << 20
_ZSTD_PIECE = 512
HEAD_SIZE = 6
"""How many first bytes show the compression."""


class _Decompressor(Protocol):
    """One compressed stream, as bz2 and lzma have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Zlib:
    """A gzip member."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


class _Zstd:
    """A zstd frame. The decoder has no limit for its output, so it gets small pieces of input."""

    def __init__(self) -> None:
        zstandard: Any = importlib.import_module("zstandard")
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._waiting = memoryview(b"")
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        waiting = self._waiting if self._waiting else memoryview(data)
        self._waiting = waiting[_ZSTD_PIECE:]
        plain: bytes = self._frame.decompress(waiting[:_ZSTD_PIECE])
        if self.eof:
            self.unused_data = self._frame.unused_data + bytes(self._waiting)
        return plain


def _zstd() -> Any:
    try:
        return importlib.import_module("compression.zstd").ZstdDecompressor()
    except ImportError:
        return _Zstd()


_FORMATS: dict[bytes, tuple[str, Callable[[], _Decompressor]]] = {
    b"\x1f\x8b": ("gzip", _Zlib),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": ("xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
}


def compression_of(head: bytes) -> str | None:
    """The name of the compression that a shard's first bytes belong to; None if it is plain."""
    return next((name for magic, (name, _) in _FORMATS.items() if head.startswith(magic)), None)


def plain_chunks(chunks: Iterable[bytes], shard: str) -> Iterator[bytes]:
    """The bytes of the archive, of chunks of a file that may be compressed."""
    chunks = iter(chunks)
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_SIZE:
            break
    chunks = chain([head] if head else [], chunks)
    name = compression_of(head)
    return chunks if name is None else _Reader(shard, name, chunks).plain()


class _Reader:
    """Streams of one compression in a row."""

    def __init__(self, shard: str, name: str, chunks: Iterator[bytes]) -> None:
        self._shard = shown(shard)
        self._name = name
        self._chunks = chunks
        self._magic, self._new = next(
            (magic, new) for magic, (found, new) in _FORMATS.items() if found == name
        )

    def plain(self) -> Iterator[bytes]:
        rest = b""
        while True:
            rest = yield from self._stream(rest)
            while len(rest) < len(self._magic) and (more := next(self._chunks, b"")):
                rest += more
            if not rest.startswith(self._magic):
                break
        for chunk in chain([rest], self._chunks):
            if chunk.strip(b"\0"):
                raise self._error("is followed by bytes that belong to no archive")

    def _stream(self, data: bytes) -> Any:
        """The content of one stream; returns what stands behind it."""
        stream = self._decompressor()
        while not stream.eof:
            if not data and stream.needs_input:
                data = next(self._chunks, b"")
                if not data:
                    raise self._error("ends in the middle")
            try:
                plain = stream.decompress(data, _LARGEST_PIECE)
            except (zlib.error, OSError, lzma.LZMAError, ValueError) as error:
                raise self._error(f"is damaged ({error})") from error
            except Exception as error:
                if type(error).__name__ != "ZstdError":
                    raise
                raise self._error(f"is damaged ({error})") from error
            data = b""
            if plain:
                yield plain
        return stream.unused_data

    def _decompressor(self) -> _Decompressor:
        try:
            return self._new()
        except ImportError as error:
            raise ImportError(
                f"The shard {self._shard} is compressed with zstd, which needs zstandard:"
                " pip install 'mlperf_loadgen[data]'."
            ) from error

    def _error(self, problem: str) -> ShardFormatError:
        return ShardFormatError(
            f"{self._shard}: its {self._name} stream {problem}. Fetch or write the shard again.",
            kind="compression",
            shard=self._shard,
            offset=None,
        )
