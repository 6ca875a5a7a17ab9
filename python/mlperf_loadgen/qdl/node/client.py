"""The client of a node: the load generator that it works for, and how long it may be silent.

How long the node itself may be silent is decided in qdl/links/node_timeout.py.
"""

from __future__ import annotations

import dataclasses
import time

_GREETING_LIMIT_S = 10.0  # A load generator sends pings as soon as it is welcome.


@dataclasses.dataclass
class Client:
    """The load generator that the node works for, as far as the node knows it."""

    identity: bytes
    run: int
    who: str
    timeout_s: float
    max_answer_bytes: int
    last_heard_s: float
    welcomed: bool = False
    proven: bool = False
    """Whether it has sent more than HELLO."""
    wants_lane: bool = False
    """Whether it can send samples by a lane."""

    @property
    def silence_limit_s(self) -> float:
        return self.timeout_s if self.proven else min(self.timeout_s, _GREETING_LIMIT_S)

    @property
    def silent_s(self) -> float:
        """How long it has been silent."""
        return time.monotonic() - self.last_heard_s

    def hear(self) -> None:
        """Notes that it has sent a message."""
        self.last_heard_s = time.monotonic()

    def hear_of(self, last_received_s: float) -> None:
        """Notes when its lane brought something last."""
        self.last_heard_s = max(self.last_heard_s, last_received_s)
