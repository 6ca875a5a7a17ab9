"""The stream of samples of a data set, with a method for each stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from ...text.units import counted
from ..names import Shards
from ..places import worker_place
from . import batches, stages
from .handlers import Handler, reraise_exception
from .pipeline import ENDLESS, DataPipeline
from .samples import tarfile_to_samples
from .shards import ResampledShards, SimpleShardList, single_node_only, split_by_worker
from .shuffles import detshuffle, shuffle
from .sources import Source

Splitter = Callable[[Iterable[Any]], Iterable[Any]]
_SHARD_BUFFER = 100


class WebDataset(DataPipeline):
    """The samples of shards: dicts of fields as bytes, with `__key__` and `__url__`.

    Each method returns a stream with one more stage:

        WebDataset("train-{0000..0099}.tar", shardshuffle=100).shuffle(1000).decode("rgb")
            .to_tuple("jpg;png", "cls").batched(64)

    `shardshuffle`: size of the buffer that shuffles the shards. `resampled`: random shards without
    an end. `repeat`: pass after pass without an end. Shards are split by `nodesplitter` and
    `workersplitter`. `handler` is called with errors of shards. `select_files` and `rename_files`
    are called with names of members. `empty_check`: a pass without a sample is an error. `links`,
    `concatenated`: what is read of archives that have them. `rewrite` replaces the beginnings of
    addresses. Commands (`pipe:`) are run with `allow_commands` only, pickled fields read with
    `allow_pickle` only. `cache_dir` keeps copies of shards that are not local, of `cache_size`
    bytes in all (None, or below 0: no limit).
    """

    def __init__(
        self,
        urls: Shards,
        handler: Handler = reraise_exception,
        *,
        resampled: bool = False,
        repeat: bool = False,
        shardshuffle: int | bool | None = None,
        detshuffle: bool = False,
        seed: int | None = None,
        nodesplitter: Splitter | None = single_node_only,
        workersplitter: Splitter | None = split_by_worker,
        select_files: Callable[[str], object] | None = None,
        rename_files: Callable[[str], str] | None = None,
        empty_check: bool = True,
        links: Literal["skip", "resolve"] = "skip",
        concatenated: Literal["refuse", "read"] = "refuse",
        rewrite: Mapping[str, str] | None = None,
        allow_commands: bool = False,
        allow_pickle: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: int | None = None,
    ) -> None:
        samples = tarfile_to_samples(
            handler,
            select_files,
            rename_files,
            source=Source(allow_commands, rewrite, _cache(cache_dir, cache_size)),
            links=links,
            concatenated=concatenated,
        )
        # Each node and worker draws random shards of its own.
        shards = (
            [_resampled(urls, seed)]
            if resampled
            else [SimpleShardList(urls), nodesplitter, workersplitter]
        )
        super().__init__(
            *shards,
            _shard_shuffle(shardshuffle, detshuffle, seed),
            samples,
            _EmptyCheck(samples) if empty_check else None,
        )
        self._reader = samples
        self._allow_pickle = allow_pickle
        if repeat:
            self._passes = ENDLESS

    def stats(self) -> dict[str, Any]:
        """What the last pass in this process has read: how many shards, and which members belong to
        no sample."""
        return {"shards": self._reader.shard_count, "left_out": dict(self._reader.left_out)}

    # ---- Values ----------------------------------------------------------------------------------

    def decode(self, *handlers: Any, **how: Any) -> WebDataset:
        """Fields as values, by their extension. Arguments are those of the stage `decode`."""
        return self.compose(stages.decode(*handlers, **{"allow_pickle": self._allow_pickle, **how}))

    def xdecode(self, *by_glob: Any, **how: Any) -> WebDataset:
        """Fields as values, by decoders of streams for globs or extensions."""
        return self.compose(stages.xdecode(*by_glob, **how))

    def map(
        self, function: Callable[[Any], Any], handler: Handler = reraise_exception
    ) -> WebDataset:
        """A function's results; None drops the sample."""
        return self.compose(stages.map(function, handler))

    def map_dict(self, **functions: Any) -> WebDataset:
        """Values of fields replaced by functions of them."""
        return self.compose(stages.map_dict(**functions))

    def map_tuple(self, *functions: Any, **how: Any) -> WebDataset:
        """Values of tuples replaced by functions of them."""
        return self.compose(stages.map_tuple(*functions, **how))

    # ---- Fields ----------------------------------------------------------------------------------

    def to_tuple(self, *fields: str, **how: Any) -> WebDataset:
        """Values of fields as a tuple; `"png;jpg"` is the first of them that is there."""
        return self.compose(stages.to_tuple(*fields, **how))

    def rename(self, **names: Any) -> WebDataset:
        """New names of fields, `new="old;or_old"`."""
        return self.compose(stages.rename(**names))

    def rename_keys(self, *pairs: Any, **globs: Any) -> WebDataset:
        """New names of the fields that fit globs, `new="*.glob"`."""
        return self.compose(stages.rename_keys(*pairs, **globs))

    def extract_keys(self, *patterns: str, **how: Any) -> WebDataset:
        """Values of the fields that fit globs, as a tuple."""
        return self.compose(stages.extract_keys(*patterns, **how))

    # ---- Which samples, in which order -----------------------------------------------------------

    def shuffle(self, size: int, **how: Any) -> WebDataset:
        """Random order by a buffer of so many samples; below 1: as they are."""
        return self if size < 1 else self.compose(shuffle(size, **how))

    def select(self, predicate: Callable[[Any], object], **how: Any) -> WebDataset:
        """The samples for which the predicate is true."""
        return self.compose(stages.select(predicate, **how))

    def slice(self, *bounds: int | None) -> WebDataset:
        """Samples by their place, with the arguments of itertools.islice."""
        return self.compose(stages.slice(*bounds))

    def rsample(self, p: float = 0.5, seed: int | None = None) -> WebDataset:
        """A random share of the samples."""
        return self.compose(stages.rsample(p, seed))

    # ---- Batches ---------------------------------------------------------------------------------

    def batched(self, batchsize: int, *how: Any, **more: Any) -> WebDataset:
        """Batches of samples as columns."""
        return self.compose(batches.batched(batchsize, *how, **more))

    def unbatched(self) -> WebDataset:
        """The samples of batches."""
        return self.compose(batches.unbatched())

    def listed(self, batchsize: int, partial: bool = True) -> WebDataset:
        """Lists of samples."""
        return self.compose(batches.listed(batchsize, partial))

    def unlisted(self) -> WebDataset:
        """The samples of lists."""
        return self.compose(batches.unlisted())

    # ---- Beside the samples ----------------------------------------------------------------------

    def mcached(self) -> WebDataset:
        """Keeps the samples of the first whole pass in memory."""
        return self.compose(stages.mcached())

    def log_keys(self, logfile: str) -> WebDataset:
        """Writes number, key and shard of each sample to a file."""
        return self.compose(stages.log_keys(logfile))


def _cache(folder: str | os.PathLike[str] | None, limit_bytes: int | None) -> Any:
    if folder is None:
        return None
    from ..cache import ShardCache  # Streams of local shards start sooner without.

    return ShardCache(folder, None if limit_bytes is None or limit_bytes < 0 else limit_bytes)


def _resampled(urls: Shards, seed: int | None) -> ResampledShards:
    return ResampledShards(urls, seed=seed or 0, deterministic=seed is not None)


def _shard_shuffle(size: int | bool | None, is_deterministic: bool, seed: int | None) -> Any:
    size = _SHARD_BUFFER if size is True else int(size or 0)
    if size < 1:
        return None
    return detshuffle(size, seed=seed or 0) if is_deterministic else shuffle(size, seed=seed)


class _EmptyCheck:
    """A stage that passes samples on, and is an error if there were none."""

    def __init__(self, reader: tarfile_to_samples) -> None:
        self._reader = reader

    def __call__(self, source: Iterable[Any]) -> Iterator[Any]:
        source = iter(source)
        for first in source:
            yield first
            yield from source
            return
        raise ValueError(self._text())

    def _text(self) -> str:
        number, workers = worker_place()
        reader = self._reader
        left_out = ", ".join(f"{count} {kind}" for kind, count in reader.left_out.items())
        return (
            f"No samples came from {counted(reader.shard_count, 'shard')} in worker {number} of"
            f" {workers} (members left out: {left_out or 'none'}). Give at least as many shards as"
            " there are workers, or empty_check=False."
        )
