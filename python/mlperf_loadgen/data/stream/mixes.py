"""Several data sets as one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class RandomMix:
    """Samples of random data sets, in proportion to `probs`, until the first of them ends; with
    `longest`, until all have ended."""

    def __init__(
        self,
        datasets: Sequence[Iterable[Any]],
        probs: Sequence[float] | None = None,
        longest: bool = False,
        seed: int | None = None,
    ) -> None:
        self._datasets = datasets
        self._weights = [1.0] * len(datasets) if probs is None else list(probs)
        if len(self._weights) != len(datasets):
            raise ValueError(
                f"probs has {len(self._weights)} numbers for {len(datasets)} data sets."
            )
        self._longest = longest
        self._seed = seed

    def __iter__(self) -> Iterator[Any]:
        generator = random.Random(self._seed)
        sources = [iter(dataset) for dataset in self._datasets]
        weights = list(self._weights)
        while sources:
            (place,) = generator.choices(range(len(sources)), weights)
            try:
                sample = next(sources[place])
            except StopIteration:
                if not self._longest:
                    return
                del sources[place], weights[place]
                continue
            yield sample


class RoundRobin:
    """A sample of each data set in turn, until the first of them ends; with `longest`, until all
    have ended."""

    def __init__(self, datasets: Sequence[Iterable[Any]], longest: bool = False) -> None:
        self._datasets = datasets
        self._longest = longest

    def __iter__(self) -> Iterator[Any]:
        sources = [iter(dataset) for dataset in self._datasets]
        while sources:
            for source in list(sources):
                try:
                    sample = next(source)
                except StopIteration:
                    if not self._longest:
                        return
                    sources.remove(source)
                    continue
                yield sample
