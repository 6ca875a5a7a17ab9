"""The samples that are on their way, and the keys that nodes name them by."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .transport import Uint64s

_NUMBER_BITS = np.uint64(32)
_NUMBER_MASK = np.uint64((1 << 32) - 1)
_FREE = -1

SLOT = np.dtype(
    [
        ("id", "<u8"),
        ("index", "<u8"),
        ("node", "<i8"),  # _FREE: nothing is in it.
        ("turn", "<u8"),  # How often it was used.
        ("bytes", "<i8"),
        ("issued_ns", "<i8"),
        ("taken_ns", "<i8"),
        ("sent_ns", "<i8"),
    ]
)


class SlotTable:
    """Slots that are used again and again.

    A key is a slot's turn and number: one that comes twice, or belongs to something else, has
    another turn than the slot.
    """

    def __init__(self) -> None:
        self.rows = np.zeros(1, SLOT)
        self.rows["node"] = _FREE
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
        rows = np.empty(count, SLOT)
        rows["turn"] = turns = self.rows["turn"][numbers] + np.uint64(1)
        rows["id"], rows["index"] = samples["id"], samples["index"]
        rows["node"], rows["bytes"] = node, sizes
        rows["issued_ns"], rows["taken_ns"], rows["sent_ns"] = samples["issued_ns"], taken_ns, 0
        self.rows[numbers] = rows
        keys: Uint64s = (turns << _NUMBER_BITS) | numbers.astype(np.uint64)
        return keys

    def find(self, node: int, keys: Uint64s) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The slots' numbers, and which keys are of samples that this node has, each once."""
        numbers = (keys & _NUMBER_MASK).astype(np.int64)
        good = numbers < len(self.rows)
        numbers[~good] = 0
        good &= self.rows["node"][numbers] == node
        good &= self.rows["turn"][numbers] == keys >> _NUMBER_BITS
        if len(keys) > 1:
            first = np.zeros(len(keys), np.bool_)
            first[np.unique(keys, return_index=True)[1]] = True
            good &= first
        return numbers, good

    def mark_sent(self, node: int, keys: Uint64s, sent_ns: int) -> None:
        """Notes when samples were sent, of those that are still there."""
        numbers, good = self.find(node, keys)
        self.rows["sent_ns"][numbers[good]] = sent_ns

    def of_node(self, node: int) -> npt.NDArray[np.int64]:
        """The slots' numbers of all samples the node has."""
        return np.flatnonzero(self.rows["node"] == node)

    def release(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Frees slots, and returns what was in them."""
        rows = self.rows[numbers]
        self.rows["node"][numbers] = _FREE
        self._free[self._free_count : self._free_count + len(numbers)] = numbers
        self._free_count += len(numbers)
        return rows

    def _grow(self) -> None:
        old = len(self.rows)
        new = max(2 * old, 1024)
        rows = np.zeros(new, SLOT)
        rows[:old] = self.rows
        rows["node"][old:] = _FREE
        free = np.empty(new, np.int64)
        free[: self._free_count] = self._free[: self._free_count]
        free[self._free_count : self._free_count + new - old] = np.arange(old, new)
        self.rows, self._free = rows, free
        self._free_count += new - old
