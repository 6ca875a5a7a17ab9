"""The order in which samples are asked for: chunk by chunk, each of them shuffled.

The sequences are those of wids for the same arguments and seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal

from ..text.units import counted
from .places import node_place

_EPOCH_STEP = 1289738273


def sample_count(data: Any) -> int:
    """How many samples a library or a data set has."""
    total = getattr(data, "total_sample_count", None)
    return len(data) if total is None else int(total)


class _RangeSampler:
    """Indices, range by range. Each whole pass is an epoch and has an order of its own."""

    def __init__(
        self, ranges: Sequence[range], seed: int, shuffle: bool, shufflefirst: bool
    ) -> None:
        self._ranges = ranges
        self._seed = seed
        self._shuffle = shuffle
        self._shuffle_first = shufflefirst
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Continues with the order of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(map(len, self._ranges))

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(self._seed + _EPOCH_STEP * self.epoch)
        ranges = list(self._ranges)
        if self._shuffle and (self.epoch > 0 or self._shuffle_first):
            generator.shuffle(ranges)
        for indices in map(list, ranges):
            if self._shuffle:
                generator.shuffle(indices)
            yield from indices
        self.epoch += 1


class ChunkedSampler(_RangeSampler):
    """Chunks of `chunksize` neighbours; from the second epoch on in random order, each shuffled."""

    def __init__(
        self,
        data: Any,
        *,
        num_samples: int | tuple[int, int] | None = None,
        chunksize: int = 2000,
        seed: int = 0,
        shuffle: bool = True,
        shufflefirst: bool = False,
    ) -> None:
        first, last = _bounds(num_samples, sample_count(data))
        super().__init__(_chunks(first, last, chunksize), seed, shuffle, shufflefirst)


class ShardListSampler(_RangeSampler):
    """The same with a chunk for each shard of the data set."""

    def __init__(
        self, data: Any, *, seed: int = 0, shuffle: bool = True, shufflefirst: bool = False
    ) -> None:
        ends = accumulate(data.lengths, initial=0)
        ranges = [range(first, last) for first, last in pairwise(ends)]
        super().__init__(ranges, seed, shuffle, shufflefirst)


ShardedSampler = ShardListSampler


class DistributedChunkedSampler(_RangeSampler):
    """A ChunkedSampler over this rank's part of the samples.

    The last ranks get fewer samples, or none, unless `even` says "repeat" (samples of the beginning
    again) or "drop" (the rest is left out). Without `rank` and `num_replicas` they are those of
    RANK and WORLD_SIZE, or of torch.distributed or paddle.distributed where a program uses it.
    """

    def __init__(
        self,
        data: Any,
        *,
        num_replicas: int | None = None,
        rank: int | None = None,
        num_samples: int | tuple[int, int] | None = None,
        chunksize: int = 1_000_000,
        seed: int = 0,
        shuffle: bool = True,
        shufflefirst: bool = False,
        even: Literal["repeat", "drop"] | None = None,
    ) -> None:
        rank, num_replicas = _place(rank, num_replicas)
        first, last = _bounds(num_samples, sample_count(data))
        self._count = last - first
        self._repeats = even == "repeat"
        if even not in (None, "repeat", "drop"):
            raise ValueError(f'even is {even!r}; it must be None, "repeat" or "drop".')
        each = self._count // num_replicas if even == "drop" else -(-self._count // num_replicas)
        end = rank * each + each
        start = first + rank * each
        stop = first + (end if self._repeats else min(end, self._count))
        self._first = first
        super().__init__(_chunks(start, max(start, stop), chunksize), seed, shuffle, shufflefirst)

    def __iter__(self) -> Iterator[int]:
        for index in super().__iter__():
            yield self._first + (index - self._first) % self._count


def _place(rank: int | None, num_replicas: int | None) -> tuple[int, int]:
    if rank is None or num_replicas is None:
        found_rank, found_count = node_place()
        rank = found_rank if rank is None else rank
        num_replicas = found_count if num_replicas is None else num_replicas
    if not 0 <= rank < num_replicas:
        raise ValueError(f"rank is {rank}; it must be at least 0 and below {num_replicas}.")
    return rank, num_replicas


def _bounds(num_samples: int | tuple[int, int] | None, count: int) -> tuple[int, int]:
    if num_samples is None:
        return 0, count
    first, last = (0, num_samples) if isinstance(num_samples, int) else num_samples
    if not 0 <= first <= last <= count:
        raise ValueError(
            f"num_samples is {num_samples}; the data set has {counted(count, 'sample')}."
        )
    return first, last


def _chunks(first: int, last: int, size: int) -> list[range]:
    if size < 1:
        raise ValueError(f"chunksize is {size}; it must be 1 or more.")
    return [range(start, min(start + size, last)) for start in range(first, last, size)]
