"""The shuffle buffer: it holds some items, and a random one goes out for each that comes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any


def _shuffled(
    source: Iterable[Any], size: int, initial: int, generator: random.Random
) -> Iterator[Any]:
    """Two come in for one that goes out until `size` are held; the first goes out when `initial`
    are."""
    source = iter(source)
    initial = min(initial, size)
    held: list[Any] = []

    def take() -> Any:
        place = generator.randint(0, len(held) - 1)
        item, held[place] = held[place], held[-1]
        held.pop()
        return item

    for item in source:
        held.append(item)
        if len(held) < size:
            held.extend(islice(source, 1))
        if len(held) >= initial:
            yield take()
    while held:
        yield take()


class shuffle:
    """Items in random order: a stage. With a seed, in the same order at each pass."""

    def __init__(
        self,
        bufsize: int = 1000,
        initial: int = 100,
        rng: random.Random | None = None,
        seed: int | None = None,
    ) -> None:
        self._size = bufsize
        self._initial = initial
        self._generator = rng
        self._seed = seed

    def __call__(self, source: Iterable[Any]) -> Iterator[Any]:
        if self._size < 1:
            return iter(source)
        generator = self._generator or random.Random(self._seed)
        return _shuffled(source, self._size, self._initial, generator)


class detshuffle:
    """Items in an order that the seed and the number of the pass decide: a stage."""

    def __init__(
        self, bufsize: int = 1000, initial: int = 100, seed: int = 0, epoch: int = -1
    ) -> None:
        self._size = bufsize
        self._initial = initial
        self._seed = seed
        self._epoch = epoch

    def __call__(self, source: Iterable[Any]) -> Iterator[Any]:
        self._epoch += 1
        if self._size < 1:
            return iter(source)
        generator = random.Random(self._seed + self._epoch)
        return _shuffled(source, self._size, self._initial, generator)
