"""Where a stream's bytes come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    def plain_chunks(self, url: str) -> Iterator[bytes]:
        """The bytes of a shard, decompressed."""
        return plain_chunks(self._chunks(rewritten(url, self.rewrite)), url)

    def _chunks(self, address: str) -> Iterator[bytes]:
        if self.cache is None or local_path(address) is not None or address == STDIN:
            yield from chunks(address, allow_commands=self.allow_commands)
            return
        from ..cache import Wanted

        with self.cache.held(Wanted(address, allow_commands=self.allow_commands)) as copy:
            yield from chunks(str(copy))
