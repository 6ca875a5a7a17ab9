"""Processes that gather what each of them has."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import numpy as np

from .. import _transfer
from .._transfer import Op, Peer, Region
from .engine import Engine
from .errors import TransferError

_INTRODUCTION_TAG = 0xFFFFFFFF
"""The tag of a connection's first message, the rank of who connects."""
GATHER_TAGS = 0x80000000
"""Tags from here on are those of gathers; below, they are the user's."""


class Group:
    """Processes with a rank each, connected in pairs.

    `addresses` are those of the engines by rank; each process makes its group with the same list.
    A process connects to the ranks below its own and accepts those above, within `timeout_s`
    seconds. Meanwhile its engine accepts no others.

    Raises ValueError for a rank or addresses that do not fit, and TransferError, PeerLost or
    TimeoutError if a process does not come.
    """

    def __init__(
        self, engine: Engine, rank: int, addresses: Sequence[str], timeout_s: float = 30.0
    ) -> None:
        if not 0 <= rank < len(addresses):
            raise ValueError(
                f"rank {rank} with {len(addresses)} addresses: ranks are 0 to {len(addresses) - 1}"
            )
        self._engine = engine
        self.rank = rank
        self.size = len(addresses)
        self._gathers = itertools.count()
        self._peers = self._connect(addresses, time.monotonic() + timeout_s)

    def peer(self, rank: int) -> Peer:
        """The connection to another rank. Raises ValueError for the own rank and for none."""
        if rank not in self._peers:
            others = ", ".join(map(str, sorted(self._peers)))
            raise ValueError(f"rank {rank} of a group of {self.size}: it must be one of {others}")
        return self._peers[rank]

    def all_gather(self, source: Region, target: Region) -> Op:
        """Copies the source of each rank to the target of all: that of rank r to byte
        r * source.nbytes.

        Each rank makes its calls in the same order, with sources of the same size. The operation is
        done when the target is complete and the source is no longer read.

        Raises ValueError if the target is not as large as all sources together.
        """
        nbytes = source.nbytes
        if target.nbytes != self.size * nbytes:
            raise ValueError(
                f"a target of {target.nbytes} bytes for {self.size} ranks with {nbytes} bytes "
                f"each: it must have {self.size * nbytes}"
            )
        tag = GATHER_TAGS | (next(self._gathers) & 0x3FFFFFFF)
        ops = [
            peer.recv(target, offset=rank * nbytes, nbytes=nbytes, tag=tag)
            for rank, peer in self._peers.items()
        ]
        ops += [peer.send(source, tag=tag) for peer in self._peers.values()]
        start = self.rank * nbytes
        target.array()[start : start + nbytes] = source.array()
        return _transfer.all_of(ops)

    def _connect(self, addresses: Sequence[str], end_s: float) -> dict[int, Peer]:
        peers = {rank: self._introduce(addresses[rank], end_s) for rank in range(self.rank)}
        while len(peers) < self.size - 1:
            peer = self._engine.accept(timeout_s=_left_s(end_s))
            rank = self._rank_of(peer, end_s)
            if not self.rank < rank < self.size or rank in peers:
                raise TransferError(
                    f"{peer.address} says that it is rank {rank} of {self.size}, which is not "
                    f"awaited: give each process a rank and an engine of its own"
                )
            peers[rank] = peer
        return dict(sorted(peers.items()))

    def _introduce(self, address: str, end_s: float) -> Peer:
        """Connects, and says which rank this is."""
        peer = self._engine.connect(address, timeout_s=_left_s(end_s))
        rank = self._engine.register(np.array([self.rank], np.uint32))
        peer.send(rank, tag=_INTRODUCTION_TAG).wait(_left_s(end_s))
        rank.close()
        return peer

    def _rank_of(self, peer: Peer, end_s: float) -> int:
        rank = self._engine.register(np.zeros(1, np.uint32))
        peer.recv(rank, tag=_INTRODUCTION_TAG).wait(_left_s(end_s))
        found = int(rank.array(np.uint32)[0])
        rank.close()
        return found


def _left_s(end_s: float) -> float:
    return max(end_s - time.monotonic(), 0.0)
