"""Files of MessagePack or CBOR objects one after the other, each a sample."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial as bound
from typing import Any

from ..addresses import shown
from ..codecs.optional import optional
from ..errors import ShardFormatError
from .handlers import Handler, reraise_exception
from .sources import Source


def msgpack_samples(
    handler: Handler = reraise_exception, *, source: Source | None = None
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Reads the objects of MessagePack files, `{"url": ...}` each: a stage."""
    return bound(_samples, read=_msgpack_objects, handler=handler, source=source or Source())


def cbor_samples(
    handler: Handler = reraise_exception, *, source: Source | None = None
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Reads the objects of CBOR files, `{"url": ...}` each: a stage."""
    return bound(_samples, read=_cbor_objects, handler=handler, source=source or Source())


def _samples(
    shards: Iterable[Mapping[str, Any]],
    *,
    read: Callable[[Iterator[bytes], str], Iterator[Any]],
    handler: Handler,
    source: Source,
) -> Iterator[Any]:
    """The objects as they are; a dict says where it is from, and without a key its number is its
    key."""
    for shard in shards:
        url = shard["url"]
        try:
            with closing(source.plain_chunks(shard)) as pieces:
                for number, sample in enumerate(read(pieces, shown(url))):
                    if isinstance(sample, dict):
                        sample = {"__key__": str(number), "__url__": url, **sample}
                    yield sample
        except Exception as error:
            if not handler(error):
                break


def _msgpack_objects(chunks: Iterator[bytes], shard: str) -> Iterator[Any]:
    msgpack = optional("msgpack", "A file of MessagePack")
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    size = end = 0
    for chunk in chunks:
        unpacker.feed(chunk)
        size += len(chunk)
        try:
            for sample in unpacker:
                end = unpacker.tell()
                yield sample
        except (ValueError, msgpack.UnpackException) as error:
            raise _damaged(shard, end, error) from error
    if end != size:
        raise _damaged(shard, end, "the file ends in it")


def _cbor_objects(chunks: Iterator[bytes], shard: str) -> Iterator[Any]:
    cbor2 = optional("cbor2", "A file of CBOR")
    stream = _Stream(chunks)
    decoder = cbor2.CBORDecoder(stream)
    while stream.has_more():
        start = stream.position
        try:
            sample = decoder.decode()
        except (ValueError, cbor2.CBORDecodeError) as error:
            raise _damaged(shard, start, error) from error
        yield sample


class _Stream:
    """Chunks as a file that can be read and not sought."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = io.BytesIO()
        self.position = 0

    def read(self, size: int) -> bytes:
        data = self._held.read(size)
        while len(data) < size and self._refill():
            data += self._held.read(size - len(data))
        self.position += len(data)
        return data

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def has_more(self) -> bool:
        return self._held.tell() < len(self._held.getbuffer()) or self._refill()

    def _refill(self) -> bool:
        chunk = next(self._chunks, b"")
        self._held = io.BytesIO(chunk)
        return bool(chunk)


def _damaged(shard: str, offset: int, problem: object) -> ShardFormatError:
    return ShardFormatError(
        f"{shard}: the object at byte {offset} cannot be read: {problem}. Fetch or write the file"
        " again.",
        kind="truncated",
        shard=shard,
        offset=offset,
    )
