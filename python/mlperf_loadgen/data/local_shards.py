"""The shards of a data set as files on this machine, compared with what an index file says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..text.units import counted
from .addresses import STDIN, local_path, shown
from .errors import ShardChangedError
from .fetch import rewritten
from .names import Shards, listed_shards

if TYPE_CHECKING:
    from .cache import ShardCache
    from .index_file import ListedShard


def check_size(name: str, size: int, listed: int | None) -> None:
    """Raises ShardChangedError for a shard that has not the size that its index file says."""
    if listed is not None and size != listed:
        raise ShardChangedError(
            f"The shard {shown(name)} has {size} bytes; its index file says {listed}. Copy it"
            " again, or make the index file again."
        )


class LocalShards:
    """Paths of shards; those that are elsewhere are held in a cache until `close`."""

    def __init__(
        self,
        shards: Shards,
        rewrite: Mapping[str, str] | None,
        cache_dir: str | os.PathLike[str] | None,
        cache_limit_bytes: int | None,
        *,
        allow_commands: bool,
    ) -> None:
        listed = listed_shards(shards)
        self.names = [name for name, _ in listed]
        self.shown = [shown(name) for name in self.names]
        """What errors and logs call them."""
        self._listed = [of_index for _, of_index in listed]
        self._cache = _cache(cache_dir, cache_limit_bytes)
        self._held: list[Path] = []
        self.paths: list[str] = []
        try:
            for name, of_index in listed:
                address = rewritten(name, rewrite)
                path = local_path(address) or str(self._copy(address, of_index, allow_commands))
                if "\0" in path:  # The system would open the file that is named before it.
                    raise ValueError(f"The name of the shard {shown(name)!r} has a NUL.")
                self.paths.append(path)
        except BaseException:
            self.close()
            raise
        self._name_of = dict(zip(self.paths, self.shown, strict=True))

    def _copy(self, address: str, of_index: ListedShard | None, allow_commands: bool) -> Path:
        if address == STDIN:
            raise ValueError("A sample library cannot be read from stdin; give files or addresses.")
        if self._cache is None:
            raise ValueError(
                f"The shard {shown(address)} is not on this machine: give cache_dir, a folder"
                " for copies."
            )
        from .cache import Wanted

        size, md5 = (of_index.filesize, of_index.md5sum) if of_index else (None, None)
        path = self._cache.hold(Wanted(address, size, md5, allow_commands))
        self._held.append(path)
        return path

    def __str__(self) -> str:
        """The shards in a few words."""
        first = self.shown[0]
        return first if len(self.names) == 1 else f"{first} and {len(self.names) - 1} more"

    def plain_chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a shard's archive, decompressed."""
        from .compression import plain_chunks
        from .fetch import chunks

        return plain_chunks(chunks(path), self._name_of[path])

    def more(self) -> dict[str, dict[str, Any]]:
        """What the index file says of shards that means nothing here."""
        return {
            name: dict(listed.more)
            for name, listed in zip(self.names, self._listed, strict=True)
            if listed is not None and listed.more
        }

    # ---- Against the index file ------------------------------------------------------------------

    def check_files(self, *, md5: bool) -> None:
        """Raises ShardChangedError for a file that is not the listed one."""
        for path, name, listed in zip(self.paths, self.shown, self._listed, strict=True):
            if listed is not None:
                check_size(name, Path(path).stat().st_size, listed.filesize)
            if md5:
                self._check_md5(path, name, listed)

    def _check_md5(self, path: str, name: str, listed: ListedShard | None) -> None:
        if listed is None or listed.md5sum is None:
            raise ValueError(
                f'verify="md5": no index file has an md5sum of the shard {name};'
                " mlperf-loadgen wds index writes one."
            )
        from .index_file import md5_of

        md5 = md5_of(path)
        if md5 != listed.md5sum:
            raise ShardChangedError(
                f"The shard {name} has the md5 sum {md5}; its index file says {listed.md5sum}."
                " Copy it again, or make the index file again."
            )

    def check_counts(self, counts: list[int]) -> None:
        """Raises ValueError for a shard that has not as many samples as are listed."""
        for count, name, listed in zip(counts, self.shown, self._listed, strict=True):
            if listed is not None and listed.nsamples != count:
                raise ValueError(
                    f"The shard {name} has {counted(count, 'sample')}; its index file says"
                    f" {listed.nsamples}."
                    " Make the index file again: mlperf-loadgen wds update."
                )

    def close(self) -> None:
        """Lets the cache remove the copies when it needs the room."""
        while self._cache is not None and self._held:
            self._cache.release(self._held.pop())


def _cache(folder: str | os.PathLike[str] | None, limit_bytes: int | None) -> ShardCache | None:
    if folder is None:
        return None
    from .cache import ShardCache

    return ShardCache(folder, limit_bytes)
