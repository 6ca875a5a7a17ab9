"""The engine: registered memory, peers, and what arrives."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

import numpy as np
import numpy.typing as npt

from .. import _transfer
from .._transfer import Op, Peer, Region, RemoteRegion
from . import loops

__all__ = ["IMM", "Engine", "Op", "Peer", "Region", "RemoteRegion"]

IMM = np.dtype([("peer", np.uint64), ("imm", np.uint32), ("received_ns", np.int64)], align=True)
"""A row of `Engine.imms`: the number of the peer that wrote, the immediate, and when it came
(CLOCK_MONOTONIC)."""


class Engine(_transfer.Engine):
    """Moves bytes between registered memory of this process and of its peers.

    `bind` is where peers connect: "tcp://HOST:PORT", where port 0 stands for any free one.
    `providers` are the names of those that may be used, in the order of preference; None stands for
    all that are usable. With `secret` (32 bytes) only peers that know it are let in; without it the
    engine binds to loopback addresses only, unless `insecure` is true. Both ends of a connection
    look `spin_us` microseconds for bytes before they sleep. `max_peers` bounds the connections.

    Every method may be called from any thread. The engine is a context manager that closes itself.

    Raises ValueError or TypeError for an address, a name or a secret that is none, OSError if the
    address cannot be bound, and TransferError if no provider is usable.
    """

    def __init__(
        self,
        bind: str = "tcp://127.0.0.1:0",
        *,
        providers: Iterable[str] | None = None,
        secret: bytes | None = None,
        insecure: bool = False,
        spin_us: float = 0.0,
        max_peers: int = 1024,
    ) -> None:
        wanted = None if providers is None else list(providers)
        if wanted == []:
            raise ValueError("providers is empty: give a name, or None for all that are usable")
        if not 0 < max_peers < 2**32:
            raise ValueError(f"max_peers is {max_peers}: it must be 1 to {2**32 - 1}")
        super().__init__(
            bind,
            wanted,
            secret,
            bool(insecure),
            float(spin_us),
            max_peers,
        )

    def imms(self, timeout_s: float | None = 0.0) -> npt.NDArray[np.void]:
        """The immediates that came since the last call, as rows of `IMM` in the order of their
        arrival; waits up to `timeout_s` seconds (None: for ever) for the first one, and returns no
        row where none came.

        Raises TransferError if the engine is closed.
        """
        return np.frombuffer(self.take_imms(timeout_s), IMM)

    async def next_imms(self) -> npt.NDArray[np.void]:
        """The immediates that came since they were last taken, at least one, as `imms` gives
        them.

        Raises TransferError if the engine is closed, also meanwhile.
        """
        while not len(rows := self.imms()):
            await loops.announced(self.announce_imms)
        return rows

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
