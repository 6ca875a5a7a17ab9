"""The reports to the load generator about the running test: completions, failures, faults."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import _core
from ..links.link import Int64s, NetworkError, Uint64s, encodable

_MOST_FAULTS = 100  # Kinds of faults that are counted one by one.
_LONGEST_FAULT = 1000


class Completions:
    """The test that nodes work for. After `end` it passes on nothing more, because ids belong to
    this test only."""

    def __init__(self) -> None:
        self.over = False
        self.error: BaseException | None = None
        """What ended the test, and is to be raised once its logs are complete."""
        self.faults: dict[str, int] = {}
        """What went wrong, and how often."""

    def end(self) -> None:
        self.over = True

    def complete(self, ids: Uint64s, data: Sequence[bytes | memoryview], n_tokens: Int64s) -> None:
        if not self.over:
            _core.complete(ids, data, n_tokens)

    def first_tokens(self, ids: Uint64s, data: Sequence[bytes | memoryview]) -> None:
        views = [np.frombuffer(part, np.uint8) for part in data]  # Alive until they were read.
        responses = [
            _core.QuerySampleResponse(response_id, view.ctypes.data if len(view) else 0, len(view))
            for response_id, view in zip(ids.tolist(), views, strict=True)
        ]
        if not self.over:
            _core.FirstTokenComplete(responses)

    def fail(self, ids: Uint64s, reason: str) -> None:
        """Samples will not be answered."""
        if len(ids) and not self.over:
            _core.fail(ids, self._count(reason, len(ids)))

    def fault(self, text: str, count: int = 1) -> None:
        """Reports a fault that costs no sample; it makes the result INVALID."""
        text = self._count(text, count)
        if not self.over:
            _core.fail([], text)

    def give_up(self, text: str) -> None:
        """Ends the test by a NetworkError."""
        # A set that has just ended, or not begun, is no place to raise it.
        if not self.over:
            self.end_by(NetworkError(text))

    def end_by(self, error: BaseException) -> None:
        """Aborts the test; if the test is on another machine, the reason is sent to it."""
        if _core.fail([], encodable(f"{type(error).__name__}: {error}")) and self.error is None:
            self.error = error
        _core.AbortTest()

    def _count(self, fault: str, count: int) -> str:
        """Returns its text, which a node may have made longer than is good."""
        text = fault if len(fault) <= _LONGEST_FAULT else fault[:_LONGEST_FAULT] + " ..."
        text = encodable(text)
        known = text in self.faults or len(self.faults) < _MOST_FAULTS
        key = text if known else "faults of other kinds"
        self.faults[key] = self.faults.get(key, 0) + count
        return text
