"""Where a stream's bytes come from."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..addresses import STDIN, local_path
from ..compression import plain_chunks
from ..fetch import chunks, rewritten

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

    def plain_chunks(self, url: str) -> Generator[bytes]:
        """The bytes of a shard, decompressed. A copy in the cache is in use until the end, or until
        this is closed."""
        address = rewritten(url, self.rewrite)
        if self.cache is None or local_path(address) is not None or address == STDIN:
            yield from plain_chunks(chunks(address, allow_commands=self.allow_commands), url)
            return
        from ..cache import Wanted

        with self.cache.held(Wanted(address, allow_commands=self.allow_commands)) as copy:
            yield from plain_chunks(chunks(str(copy)), url)
