"""The nodes: their outstanding samples, and which node is next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..links.link import Link, NodeInfo


@dataclass
class Node:
    """A node and its outstanding samples."""

    link: Link
    number: int
    info: NodeInfo
    usable: bool = True
    outstanding: int = 0
    outstanding_bytes: int = 0
    answered_by_link: int = 0
    answered_by_lane: Callable[[int], int] | None = None
    """How many a node of this number has answered over its lane, if it has one."""
    failed: int = 0
    losses: list[str] = field(default_factory=list)

    @property
    def answered(self) -> int:
        if self.answered_by_lane is not None:
            return self.answered_by_lane(self.number)
        return self.answered_by_link


@dataclass(frozen=True)
class Limits:
    """How much may be outstanding at each node."""

    samples: int
    payload_bytes: int


class Fleet:
    """All nodes of a test. `balance`: "round_robin" or "least_outstanding"."""

    def __init__(self, limits: Limits, balance: str) -> None:
        self.limits = limits
        self.nodes: list[Node] = []
        self.round_robin = balance == "round_robin"
        self._turn = 0

    def node_of(self, link: Link) -> Node:
        return next(node for node in self.nodes if node.link is link)

    @property
    def usable(self) -> list[Node]:
        return [node for node in self.nodes if node.usable]

    def with_room(self, count: int) -> list[Node]:
        """The usable nodes that may be sent `count` samples more."""
        most = self.limits.samples - count
        return [
            node
            for node in self.nodes
            if node.usable
            and node.outstanding <= most
            and node.outstanding_bytes < self.limits.payload_bytes
        ]

    def choose(self, able: list[Node]) -> Node:
        """The next of these nodes, at least one."""
        if self.round_robin:
            self._turn += 1
            return able[self._turn % len(able)]
        return min(able, key=lambda node: node.outstanding)
