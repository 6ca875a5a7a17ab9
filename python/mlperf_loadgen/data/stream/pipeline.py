"""Stages in a row."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

from ..errors import ShardWarning
from ..frameworks import paddle_stream, torch_stream
from .samples import tarfile_to_samples
from .shards import ResampledShards
from .shuffles import detshuffle, shuffle

Pipeline = TypeVar("Pipeline", bound="DataPipeline")

_IN_RANDOM_ORDER = (ResampledShards, shuffle, detshuffle)
ENDLESS = sys.maxsize
_NOTHING = object()


class DataPipeline:
    """A source and stages, each a callable from iterator to iterator, or an object with `run`.

    The source is the first of them: an iterable, or a callable without arguments. Each `iter`
    begins a new pass.
    """

    def __init__(self, *stages: Any) -> None:
        self._stages = [stage for stage in stages if stage is not None]
        self._passes = 1
        self._limit = ENDLESS
        self._length: int | None = None
        self._has_warned = False

    def __iter__(self) -> Iterator[Any]:
        is_plain = self._passes == 1 and self._limit == ENDLESS
        return self._one_pass() if is_plain else self._several_passes()

    def _one_pass(self) -> Iterator[Any]:
        if not self._stages:
            raise ValueError("The pipeline has no stages; the first is the source of samples.")
        source, *stages = self._stages
        run = getattr(source, "run", source)
        items = run() if callable(run) else source
        for stage in stages:
            items = getattr(stage, "run", stage)(items)
        return iter(items)

    def _several_passes(self) -> Iterator[Any]:
        """As many samples as the limit says, of as many passes as that takes; an empty one ends
        it."""
        left = self._limit
        for number in range(self._passes):
            before = left
            samples = self._one_pass()
            for sample in islice(samples, left):
                left -= 1
                yield sample
            if left == 0 and number == 0:
                self._warn_of_unread(samples)
            if left in (0, before):
                return

    def _warn_of_unread(self, samples: Iterator[Any]) -> None:
        """Warns once if each pass ends early, in the same place."""
        if self._has_warned or self._has_random_order() or next(samples, _NOTHING) is _NOTHING:
            return
        self._has_warned = True
        warnings.warn(
            f"Each epoch of {self._limit} samples begins with the first shard again, so that the"
            " samples behind them are never read; shuffle the shards, or use resampled=True.",
            ShardWarning,
            stacklevel=3,
        )

    def _has_random_order(self) -> bool:
        """Whether the shards come in random order."""
        for stage in self._stages:
            if isinstance(stage, tarfile_to_samples):
                break
            if isinstance(stage, _IN_RANDOM_ORDER):
                return True
        return False

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("The stream has no length; with_length(n) gives it one.")
        return self._length

    def __bool__(self) -> bool:
        return True

    # ---- Stages ----------------------------------------------------------------------------------

    def stage(self, number: int) -> Any:
        """The stage at a place."""
        return self._stages[number]

    def append(self, stage: Any) -> None:
        """Adds a stage to this pipeline."""
        self._stages.append(stage)

    def compose(self: Pipeline, *stages: Any) -> Pipeline:
        """A pipeline with more stages."""
        return self._changed(_stages=[*self._stages, *stages])

    # ---- Passes ----------------------------------------------------------------------------------

    def with_epoch(self: Pipeline, nsamples: int = -1, nbatches: int = -1) -> Pipeline:
        """A pipeline whose iteration ends after so many samples or batches, in as many passes as
        that takes."""
        limit = max(nsamples, nbatches)
        return self._changed(_passes=ENDLESS, _limit=limit if limit >= 0 else ENDLESS)

    def repeat(self: Pipeline, nepochs: int = -1, nbatches: int = -1) -> Pipeline:
        """A pipeline of so many passes, without an end if it is not said; `nbatches` ends it
        earlier."""
        passes = nepochs if nepochs >= 0 else ENDLESS
        return self._changed(_passes=passes, _limit=nbatches if nbatches >= 0 else ENDLESS)

    def with_length(self: Pipeline, n: int) -> Pipeline:
        """A pipeline whose `len` is `n`; the number of samples is not changed."""
        return self._changed(_length=n)

    # ---- Frameworks ------------------------------------------------------------------------------

    def to_torch(self) -> Any:
        """The stream as an IterableDataset of torch, for its DataLoader."""
        return torch_stream(self)

    def to_paddle(self) -> Any:
        """The stream as an IterableDataset of Paddle, for its DataLoader."""
        return paddle_stream(self)

    def _changed(self: Pipeline, **changes: Any) -> Pipeline:
        other = copy.copy(self)
        other._stages = list(self._stages)
        for name, value in changes.items():
            setattr(other, name, value)
        return other
