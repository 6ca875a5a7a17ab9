"""Data sets of torch and Paddle over streams and over samples by number.

A framework is imported when a data set of its is made.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from .codecs.optional import optional

_TORCH = "torch.utils.data"
_PADDLE = "paddle.io"


def torch_stream(stream: Any) -> Any:
    """An IterableDataset of torch. The stream splits its shards among the loader's workers."""
    return _stream_class(_TORCH)(stream, torch_stream)


def paddle_stream(stream: Any) -> Any:
    """An IterableDataset of Paddle. The stream splits its shards among the loader's workers."""
    return _stream_class(_PADDLE)(stream, paddle_stream)


def torch_samples(samples: Any) -> Any:
    """A Dataset of torch, by number."""
    return _samples_class(_TORCH)(samples, torch_samples)


def paddle_samples(samples: Any) -> Any:
    """A Dataset of Paddle, by number."""
    return _samples_class(_PADDLE)(samples, paddle_samples)


class _Wrapper:
    """What the data sets of both frameworks share. Their classes have no names that another process
    could import, so it makes them again."""

    def __init__(self, wrapped: Any, make: Any) -> None:
        super().__init__()
        self._wrapped = wrapped
        self._make = make

    def __len__(self) -> int:
        return len(self._wrapped)

    def __reduce__(self) -> Any:
        return self._make, (self._wrapped,)


@functools.cache
def _stream_class(module: str) -> Any:
    base: Any = optional(module, "This data set").IterableDataset

    class Stream(_Wrapper, base):  # type: ignore[misc]
        def __iter__(self) -> Iterator[Any]:
            return iter(self._wrapped)

    return Stream


@functools.cache
def _samples_class(module: str) -> Any:
    base: Any = optional(module, "This data set").Dataset

    class Samples(_Wrapper, base):  # type: ignore[misc]
        def __getitem__(self, index: int) -> Any:
            return self._wrapped[index]

    return Samples
