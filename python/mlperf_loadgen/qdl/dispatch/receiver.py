"""Takes the reports of nodes about samples, and hands them to the load generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..links.link import Answers, Int64s, Link, LinkEvents, NodeInfo, Uint64s
from .completions import Completions
from .fleet import Fleet, Node
from .slots import SlotTable
from .timings import Timings

UNKNOWN_ANSWERS = "answered samples that it did not have, or had answered before"


class Receiver(LinkEvents):
    """The LinkEvents of a fleet's links. `room_made` is called when a node may take more samples,
    or is lost. `take_back`, if samples travel over lanes, frees those that a lost node had, and
    returns their ids."""

    take_back: Callable[[Node], Uint64s] | None = None

    def __init__(
        self,
        fleet: Fleet,
        slots: SlotTable,
        test: Completions,
        end_on_loss: bool,
        room_made: Callable[[], None],
    ) -> None:
        self.timings = Timings()
        self._fleet = fleet
        self._slots = slots
        self._test = test
        self._end_on_loss = end_on_loss
        self._room_made = room_made

    # ---- LinkEvents ------------------------------------------------------------------------------

    def sent(self, link: Link, keys: Uint64s, sent_ns: int, begun_ns: int | None = None) -> None:
        self._slots.mark_sent(keys, sent_ns, begun_ns)

    def completed(self, link: Link, answers: Answers) -> None:
        node = self._fleet.node_of(link)
        numbers, good = self._on_their_way(node, answers.keys)
        data, n_tokens, node_times_ns = answers.data, answers.n_tokens, answers.node_times_ns
        if not good.all():
            numbers, n_tokens = numbers[good], n_tokens[good]
            data = [one for one, is_good in zip(data, good.tolist(), strict=True) if is_good]
            node_times_ns = node_times_ns[good] if node_times_ns is not None else None
        if len(numbers) == 0:
            return
        rows = self._release(node, numbers)
        completed_ns = time.monotonic_ns()
        self._test.complete(rows["id"], data, n_tokens)
        node.answered_by_link += len(numbers)
        self._record(rows, node_times_ns, answers.received_ns, completed_ns)
        self._room_made()

    def first_tokens(self, link: Link, keys: Uint64s, data: Sequence[bytes | memoryview]) -> None:
        numbers, good = self._on_their_way(self._fleet.node_of(link), keys)
        parts = [data[place] for place in np.flatnonzero(good).tolist()]
        self._test.first_tokens(self._slots.rows["id"][numbers[good]], parts)

    def failed(self, link: Link, keys: Uint64s, reason: str) -> None:
        node = self._fleet.node_of(link)
        numbers, good = self._on_their_way(node, keys)
        rows = self._release(node, numbers[good])
        node.failed += len(rows)
        self._test.fail(rows["id"], f"{link.address}: {reason}")
        self._room_made()

    def fault(self, link: Link, text: str) -> None:
        self._test.fault(f"{link.address}: {text}")

    def lost(self, link: Link, reason: str) -> None:
        node = self._fleet.node_of(link)
        if not node.usable:
            return
        node.usable = False
        node.losses.append(reason)
        text = f"node {link.address} is lost: {reason}"
        # Before its samples fail, which may be the end of what can raise it.
        if self._end_on_loss:
            self._test.give_up(text)
        elif not self._fleet.usable:
            self._test.give_up(f"{text}; no other node is left")
        if self.take_back is not None:
            ids = self.take_back(node)
        else:
            ids = self._release(node, self._slots.of_node(node.number))["id"]
        node.failed += len(ids)
        if len(ids):
            self._test.fail(ids, text)
        else:
            self._test.fault(text)
        self._room_made()

    def back(self, link: Link, info: NodeInfo) -> None:
        node = self._fleet.node_of(link)
        node.info = info
        node.usable = True
        self._room_made()

    # ---- What follows from them ------------------------------------------------------------------

    def _on_their_way(self, node: Node, keys: Uint64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """The slots of keys, and which keys are of samples the node has; others are a fault."""
        numbers, good = self._slots.find(node.number, keys)
        if not good.all():
            self._test.fault(f"{node.link.address}: {UNKNOWN_ANSWERS}", int((~good).sum()))
        return numbers, good

    def _release(self, node: Node, numbers: Int64s) -> npt.NDArray[Any]:
        rows, size = self._slots.release(numbers)
        node.outstanding -= len(numbers)
        node.outstanding_bytes -= size
        return rows

    def _record(
        self,
        rows: npt.NDArray[Any],
        node_times_ns: Int64s | None,
        received_ns: int,
        completed_ns: int,
    ) -> None:
        if node_times_ns is not None:
            rows["node_received_ns"] = node_times_ns[:, 0]
            rows["node_issued_ns"] = node_times_ns[:, 1]
            rows["node_completed_ns"] = node_times_ns[:, 2]
            rows["node_sent_ns"] = node_times_ns[:, 3]
        rows["received_ns"] = received_ns
        rows["completed_ns"] = completed_ns
        self.timings.add(rows)
