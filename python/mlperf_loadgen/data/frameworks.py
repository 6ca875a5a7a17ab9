"""Data sets of torch and Paddle over streams.

A framework is imported when a data set of its is made.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from .codecs.optional import optional


def torch_stream(stream: Any) -> Any:
    """An IterableDataset of torch. The stream splits its shards among the loader's workers."""
    return _stream_class("torch.utils.data")(stream, torch_stream)


def paddle_stream(stream: Any) -> Any:
    """An IterableDataset of Paddle. The stream splits its shards among the loader's workers."""
    return _stream_class("paddle.io")(stream, paddle_stream)


@functools.cache
def _stream_class(module: str) -> Any:
    base: Any = optional(module, "This data set").IterableDataset

    class Stream(base):  # type: ignore[misc]
        def __init__(self, stream: Any, make: Any) -> None:
            super().__init__()
            self._stream = stream
            self._make = make

        def __iter__(self) -> Iterator[Any]:
            return iter(self._stream)

        def __len__(self) -> int:
            return len(self._stream)

        def __reduce__(self) -> Any:  # The class has no name that another process could import.
            return self._make, (self._stream,)

    return Stream
