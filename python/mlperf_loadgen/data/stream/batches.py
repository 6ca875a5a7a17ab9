"""Several samples as one, and back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial as bound
from itertools import islice
from typing import Any, TypeAlias

Stage: TypeAlias = "Callable[[Iterable[Any]], Iterator[Any]]"


def default_collation_fn(samples: Sequence[Any]) -> Any:
    """A batch of samples as columns: Python's numbers as an array, arrays and tensors stacked, all
    else as a list. Tuples become a tuple of columns, dicts a dict."""
    first = samples[0]
    if isinstance(first, dict):
        if any(sample.keys() != first.keys() for sample in samples):
            raise ValueError(
                f"The samples of a batch have different fields: {sorted(first)} and others; take"
                " the fields that all have, with to_tuple."
            )
        return {field: _column([sample[field] for sample in samples]) for field in first}
    if isinstance(first, (tuple, list)):
        return tuple(_column(list(column)) for column in zip(*samples, strict=True))
    raise TypeError(f"A batch is made of tuples or dicts, not of {type(first).__name__}.")


def _column(values: list[Any]) -> Any:
    import numpy as np

    first = values[0]
    if all(isinstance(value, (int, float)) for value in values):
        return np.array(values)
    tensor = getattr(sys.modules.get("torch"), "Tensor", ())
    if not isinstance(first, (np.ndarray, tensor)):
        return values
    shapes = {tuple(value.shape) for value in values}
    if len(shapes) > 1:
        raise ValueError(
            f"The arrays of a batch have the shapes {sorted(shapes)}; make them equal, or give a"
            " collation_fn."
        )
    return np.stack(values) if isinstance(first, np.ndarray) else sys.modules["torch"].stack(values)


def _batched(
    source: Iterable[Any], *, size: int, collate: Callable[[list[Any]], Any], partial: bool
) -> Iterator[Any]:
    source = iter(source)
    while batch := list(islice(source, size)):
        if len(batch) == size or partial:
            yield collate(batch)


def batched(
    batchsize: int = 20,
    collation_fn: Callable[[list[Any]], Any] | None = default_collation_fn,
    partial: bool = True,
) -> Stage:
    """Batches of samples; the last one may be smaller, or is left out without `partial`."""
    if batchsize < 1:
        raise ValueError(f"batchsize is {batchsize}; it must be 1 or more.")
    collate = collation_fn or list
    return bound(_batched, size=batchsize, collate=collate, partial=partial)


def listed(batchsize: int = 20, partial: bool = True) -> Stage:
    """Lists of samples as they are."""
    return batched(batchsize, list, partial)


def _unlisted(source: Iterable[Iterable[Any]]) -> Iterator[Any]:
    for batch in source:
        yield from batch


def unlisted() -> Stage:
    """The samples of lists."""
    return _unlisted


def _unbatched(source: Iterable[Any]) -> Iterator[Any]:
    for batch in source:
        if isinstance(batch, dict):
            for values in zip(*batch.values(), strict=True):
                yield dict(zip(batch, values, strict=True))
        else:
            yield from zip(*batch, strict=True)


def unbatched() -> Stage:
    """The samples of batches."""
    return _unbatched
