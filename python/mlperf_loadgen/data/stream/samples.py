"""From shards to samples: the stage that reads."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from ... import _shards
from ..addresses import shown
from ..compression import HEAD_SIZE, compression_of
from ..errors import ShardWarning
from ..local_shards import check_size
from .handlers import Handler, reraise_exception
from .sources import Source

Batches = Iterator["list[tuple[str, dict[str, bytes]]]"]


class tarfile_to_samples:
    """Reads the samples of shards, `{"url": ...}` each: a stage.

    A shard that is not right is an error; its samples before that place have come, whole. The
    handler decides whether the next shard follows.
    """

    def __init__(
        self,
        handler: Handler = reraise_exception,
        select_files: Callable[[str], object] | None = None,
        rename_files: Callable[[str], str] | None = None,
        *,
        source: Source | None = None,
        links: Literal["skip", "resolve"] = "skip",
        concatenated: Literal["refuse", "read"] = "refuse",
    ) -> None:
        self._handler = handler
        self._source = source or Source()
        self._format: dict[str, Any] = {
            "links": links,
            "concatenated": concatenated,
            "select": select_files,
            "rename": rename_files,
        }
        self.shard_count = 0
        """The shards that the last pass read, whole or in part."""
        self.left_out: Counter[str] = Counter()
        """The members of these shards that belong to no sample, by kind."""

    def __call__(self, source: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        self.shard_count = 0
        self.left_out.clear()
        for shard in source:
            self.shard_count += 1
            try:
                yield from self._samples(shard)
            except Exception as error:
                if not self._handler(error):
                    break

    def _samples(self, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        url = shard["url"]
        path = self._source.local_path(url)
        added = {"__url__": url} if path is None else {"__url__": url, "__local_path__": path}
        for batch in self._batches(shard, path):
            for key, fields in batch:
                yield {"__key__": key, **added, **fields}

    def _batches(self, shard: Mapping[str, Any], path: str | None) -> Batches:
        url = shard["url"]
        if path is not None and _is_plain_file(path):
            check_size(url, Path(path).stat().st_size, shard.get("filesize"))
            reader = _shards.read_samples(path, **self._format)
            yield from reader
            self._note(url, reader)
            return
        stream = _shards.TarStream(shown(url), **self._format)
        with closing(self._source.plain_chunks(shard)) as pieces:
            for piece in pieces:
                yield stream.feed(piece)
        yield stream.finish()
        stream.finish()  # Raises the error that samples came before.
        self._note(url, stream)

    def _note(self, url: str, read: _shards.SampleReader | _shards.TarStream) -> None:
        self.left_out.update(read.counts)
        for _, text in read.warnings:
            warnings.warn(f"{shown(url)}: {text}", ShardWarning, stacklevel=2)


def _is_plain_file(path: str) -> bool:
    if not Path(path).is_file():  # A FIFO can be read once only; what is missing is said by `open`.
        return False
    with Path(path).open("rb") as file:
        return compression_of(file.read(HEAD_SIZE)) is None
