"""Samples by number, for training: a sequence of dicts over a sample library."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any

from .frameworks import paddle_samples, torch_samples
from .library import WebDatasetQSL
from .names import Shards


class IndexedDataset:
    """The samples of shards by number: dicts of fields as bytes.

    Each also has `__key__`, `__index__`, `__shard__` and `__shardindex__`, which say where it is.
    `data` is a WebDatasetQSL, or what one is made of; `library` are its arguments.
    `transformations` are called with each sample, in order, and return what takes its place. With
    `dots`, fields begin with a dot, as those of wids do.
    """

    def __init__(
        self,
        data: WebDatasetQSL | Shards,
        *,
        dots: bool = False,
        transformations: Iterable[Callable[[Any], Any]] = (),
        **library: Any,
    ) -> None:
        if isinstance(data, WebDatasetQSL) and library:
            raise TypeError(f"The library is there already: {', '.join(library)} cannot be given.")
        self._data = data
        self._arguments = library
        self._prefix = "." if dots else ""
        self._transformations = list(transformations)
        self._open()

    def _open(self) -> None:
        data = self._data
        self._library = (
            data if isinstance(data, WebDatasetQSL) else WebDatasetQSL(data, **self._arguments)
        )
        shards = range(len(self._library.shards))
        self.lengths: list[int] = [self._library.describe_shard(n)["samples"] for n in shards]
        """How many samples each shard has."""
        self._ends = list(accumulate(self.lengths))

    def add_transform(self, function: Callable[[Any], Any]) -> IndexedDataset:
        """Adds a function that is called with each sample after the others."""
        self._transformations.append(function)
        return self

    def __len__(self) -> int:
        return self._library.total_sample_count

    def __getitem__(self, index: int) -> Any:
        """A sample, read at the call. IndexError: there is none of this number."""
        found = self._library.read(index)
        shard = bisect_right(self._ends, index)
        sample: Any = {
            "__key__": found.key,
            "__index__": index,
            "__shard__": self._library.shards[shard],
            "__shardindex__": index - (self._ends[shard] - self.lengths[shard]),
            **{f"{self._prefix}{field}": bytes(value) for field, value in found.items()},
        }
        for function in self._transformations:
            sample = function(sample)
        return sample

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def to_torch(self) -> Any:
        """The samples as a Dataset of torch, for its DataLoader."""
        return torch_samples(self)

    def to_paddle(self) -> Any:
        """The samples as a Dataset of Paddle, for its DataLoader."""
        return paddle_samples(self)

    def __getstate__(self) -> dict[str, Any]:
        """Another process opens the shards itself."""
        return {name: value for name, value in vars(self).items() if name != "_library"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._open()
