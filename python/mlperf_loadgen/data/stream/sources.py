"""Where a stream's bytes come from."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..addresses import STDIN, local_path
from ..compression import plain_chunks
from ..fetch import chunks, rewritten
from ..local_shards import check_size

if TYPE_CHECKING:
    from ..cache import ShardCache


class Source(NamedTuple):
    """How shards are fetched."""

    allow_commands: bool = False
    rewrite: Mapping[str, str] | None = None
    cache: ShardCache | None = None

    def local_path(self, url: str) -> str | None:
        """The path of a shard that is on this machine."""
        return local_path(rewritten(url, self.rewrite))

    def plain_chunks(self, shard: Mapping[str, Any]) -> Generator[bytes]:
        """The bytes of a shard, `{"url": ...}`, decompressed. A copy in the cache is in use until
        the end, or until this is closed."""
        url, size = shard["url"], shard.get("filesize")
        address = rewritten(url, self.rewrite)
        if self.cache is None or local_path(address) is not None or address == STDIN:
            pieces = chunks(address, allow_commands=self.allow_commands)
            yield from plain_chunks(_counted(pieces, url, size), url)
            return
        from ..cache import Wanted

        wanted = Wanted(address, size, shard.get("md5sum"), self.allow_commands)
        with self.cache.held(wanted) as copy:
            yield from plain_chunks(chunks(str(copy)), url)


def _counted(pieces: Iterator[bytes], url: str, size: int | None) -> Iterator[bytes]:
    """The pieces; an error at their end if they are not as long as an index file says."""
    received = 0
    for piece in pieces:
        received += len(piece)
        yield piece
    check_size(url, received, size)
