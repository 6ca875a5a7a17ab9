"""The outstanding samples, and the keys by which nodes identify them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..links.link import Int64s, Uint64s
from .timings import ROW

_NUMBER_BITS = np.uint64(32)
_NUMBER_MASK = np.uint64((1 << 32) - 1)
_FREE = -1


class SlotTable:
    """Slots that are used again and again.

    A key is a slot's turn and number. A key that comes twice, or belongs to another sample, has a
    different turn from the slot.
    """

    def __init__(self) -> None:
        self.rows = np.zeros(1, ROW)  # Of ROW: the times that are known so far.
        self._nodes = np.full(1, _FREE)  # Whose sample is in the slot.
        self._turns = np.zeros(1, np.uint64)  # How often it was used.
        self._sizes = np.zeros(1, np.int64)  # Bytes of the payload.
        self._last_seen = np.zeros(1, np.int64)  # Where in its keys a call of `find` met a slot.
        self._free = np.zeros(1, np.int64)  # A stack of numbers.
        self._free_count = 1

    def occupy(
        self, node: int, samples: npt.NDArray[Any], sizes: list[int], taken_ns: int
    ) -> Uint64s:
        """Puts samples as they were queued, and their payloads' sizes, into slots. Returns keys."""
        count = len(samples)
        while self._free_count < count:
            self._grow()
        self._free_count -= count
        numbers = self._free[self._free_count : self._free_count + count]
        rows = np.zeros(count, ROW)
        rows["id"], rows["index"], rows["node"] = samples["id"], samples["index"], node
        rows["issued_ns"], rows["taken_ns"] = samples["issued_ns"], taken_ns
        self.rows[numbers] = rows
        self._nodes[numbers] = node
        self._sizes[numbers] = sizes
        self._turns[numbers] = (self._turns[numbers] + np.uint64(1)) & _NUMBER_MASK
        keys: Uint64s = (self._turns[numbers] << _NUMBER_BITS) | numbers.astype(np.uint64)
        return keys

    def find(self, node: int, keys: Uint64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """The slots' numbers, and which keys are of samples that this node has, each once."""
        numbers = (keys & _NUMBER_MASK).astype(np.int64)
        good = numbers < len(self.rows)
        if not good.all():
            numbers[~good] = 0
        good &= self._nodes[numbers] == node
        good &= self._turns[numbers] == keys >> _NUMBER_BITS
        if len(keys) > 1:
            some = np.flatnonzero(good)  # Keys that mean nothing must not hide those that do.
            self._last_seen[numbers[some]] = some
            good[some] = self._last_seen[numbers[some]] == some
        return numbers, good

    def mark_sent(self, keys: Uint64s, sent_ns: int, taken_ns: int | None = None) -> None:
        """Notes when samples were sent, of those whose slots are not used by others yet; and
        when they were taken, if that was later than put into their slots."""
        numbers = (keys & _NUMBER_MASK).astype(np.int64)
        still = self._turns[numbers] == keys >> _NUMBER_BITS
        self.rows["sent_ns"][numbers[still]] = sent_ns
        if taken_ns is not None:
            self.rows["taken_ns"][numbers[still]] = taken_ns

    def of_node(self, node: int) -> Int64s:
        """The slots' numbers of all samples the node has."""
        return np.flatnonzero(self._nodes == node)

    def release(self, numbers: Int64s) -> tuple[npt.NDArray[Any], int]:
        """Frees slots. Returns their contents, as ROW, and the bytes of their payloads."""
        self._nodes[numbers] = _FREE
        self._free[self._free_count : self._free_count + len(numbers)] = numbers
        self._free_count += len(numbers)
        return self.rows[numbers], int(self._sizes[numbers].sum())

    def _grow(self) -> None:
        old = len(self.rows)
        new = max(2 * old, 1024)
        self.rows = np.concatenate((self.rows, np.zeros(new - old, ROW)))
        self._nodes = np.concatenate((self._nodes, np.full(new - old, _FREE)))
        self._turns = np.concatenate((self._turns, np.zeros(new - old, np.uint64)))
        self._sizes = np.concatenate((self._sizes, np.zeros(new - old, np.int64)))
        self._last_seen = np.zeros(new, np.int64)
        free = np.empty(new, np.int64)
        free[: self._free_count] = self._free[: self._free_count]
        free[self._free_count : self._free_count + new - old] = np.arange(old, new)
        self._free = free
        self._free_count += new - old
