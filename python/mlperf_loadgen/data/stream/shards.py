"""Which shards a stream reads, and in which of several processes."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from ..names import Shards, listed_shards
from ..places import node_place, worker_place

Item = TypeVar("Item")


def _described(urls: Shards) -> list[dict[str, Any]]:
    """`{"url": ...}` of each shard, with the `filesize` and `md5sum` of an index file."""
    return [
        {"url": url, **({"filesize": of.filesize, "md5sum": of.md5sum} if of else {})}
        for url, of in listed_shards(urls)
    ]


class SimpleShardList:
    """The shards once, in order; with a seed in an order of its own."""

    def __init__(self, urls: Shards, seed: int | None = None) -> None:
        self._shards = _described(urls)
        self._seed = seed

    def __iter__(self) -> Iterator[dict[str, Any]]:
        shards = list(self._shards)
        if self._seed is not None:
            random.Random(self._seed).shuffle(shards)
        return map(dict, shards)

    def __len__(self) -> int:
        return len(self._shards)


class ResampledShards:
    """Random shards, which may repeat, without an end.

    With `deterministic` the order depends on the seed, the node, the worker and the pass only.
    """

    def __init__(
        self,
        urls: Shards,
        nshards: int = sys.maxsize,
        seed: int = 0,
        deterministic: bool = False,
    ) -> None:
        self._shards = _described(urls)
        self._nshards = nshards
        self._seed = seed
        self._deterministic = deterministic
        self._epoch = -1

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._epoch += 1
        generator = random.Random(self._text_seed())
        for _ in range(self._nshards):
            yield dict(generator.choice(self._shards))

    def _text_seed(self) -> str:
        place = node_place()[0] * 1000 + worker_place()[0]
        noise = b"" if self._deterministic else os.urandom(16)
        return f"{self._seed} {place} {self._epoch} {noise.hex()}"


def split_by_node(source: Iterable[Item]) -> Iterator[Item]:
    """Every n-th item, from this node's rank on."""
    rank, count = node_place()
    return islice(source, rank, None, count)


def split_by_worker(source: Iterable[Item]) -> Iterator[Item]:
    """Every n-th item, from the number of this worker of a DataLoader on."""
    number, count = worker_place()
    return islice(source, number, None, count)


def single_node_only(source: Iterable[Item]) -> Iterable[Item]:
    """All items; an error if there are several nodes, each of which would read all of them."""
    _, count = node_place()
    if count > 1:
        raise ValueError(
            f"This is one of {count} nodes, and each would read all shards; give"
            " nodesplitter=split_by_node, or nodesplitter=None if that is meant."
        )
    return source
