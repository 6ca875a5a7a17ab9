"""A lane beside the control connection: a stream socket on which samples and answers travel without
Python (network/ in C++).

The node offers one in its welcome, with a secret that both ends prove to each other there. The link
opens it where the run has a dispatcher for lanes; the control connection goes on to greet, to ping
and to say goodbye.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from ... import _core
from .link import LinkEvents, NetworkError, NodeInfo
from .node_timeout import WatchedLink

Transfer: TypeAlias = Literal["auto", "tcp", "off"]
TRANSFERS = ("auto", "tcp", "off")
"""How samples travel: "auto" by a lane, over a Unix socket where both ends are on one machine;
"tcp" by a lane over TCP; "off" in messages on the control connection."""

_OPEN_LIMIT_S = 5.0
_SHORTEST_OPEN_S = 1.0
_ANY_SIZE = (1 << 62) - 1


@dataclass(frozen=True)
class LaneOffer:
    """Where a node listens for the lane of a run, and what both ends prove there."""

    secret: str
    port: int | None
    """Of TCP, on the host of the node's address."""
    unix_name: str | None
    """An abstract name on the node's machine."""
    reads_memory: bool
    """Whether the node reads large payloads from memory that it is given over the Unix socket."""


def read_offer(value: object) -> LaneOffer | None:
    """The offer in a welcome; None if there is none that can be read."""
    if not isinstance(value, dict) or not isinstance(value.get("secret"), str):
        return None
    port, name = value.get("port"), value.get("unix")
    port = port if isinstance(port, int) and 0 < port < 1 << 16 else None
    name = name if isinstance(name, str) and name else None
    return LaneOffer(value["secret"], port, name, bool(value.get("arena")))


class LaneLink(WatchedLink):
    """A link that may have a lane. `lane` says how samples travel, or why not by a lane."""

    def __init__(
        self, address: str, events: LinkEvents, transfer: Transfer, is_encrypted: bool
    ) -> None:
        super().__init__(address, events)
        if transfer not in TRANSFERS:
            raise ValueError(f"transfer must be one of {', '.join(TRANSFERS)}, not {transfer!r}")
        if transfer == "tcp" and is_encrypted:
            raise ValueError(
                'transfer="tcp" encrypts nothing, and there are keys: leave it at "auto", which '
                "encrypts what leaves this machine, or leave out the keys"
            )
        self._transfer = transfer
        self._is_encrypted = is_encrypted
        self._offer: LaneOffer | None = None
        self._dispatcher: _core.LaneDispatcher | None = None
        self._number = 0
        self._openings = 0
        self._declined = transfer == "off"
        self.lane = "off"

    # ---- What a transport implements -------------------------------------------------------------

    max_answer_bytes: int

    @abstractmethod
    def _is_on_this_machine(self) -> bool:
        """Whether the node said that it runs on the same kernel."""

    @abstractmethod
    def _clock_offset_ns(self) -> int:
        """The node's clock minus this machine's, as far as it is known."""

    # ---- The lane --------------------------------------------------------------------------------

    @property
    def offers_lane(self) -> bool:
        """Whether the node offers one that may be used."""
        return bool(self._lane_addresses())

    async def open_lane(
        self, dispatcher: _core.LaneDispatcher, number: int, info: NodeInfo, timeout_s: float
    ) -> None:
        """Opens the lane as that of the node `number`. Raises NetworkError."""
        self._dispatcher, self._number = dispatcher, number
        deadline_s = time.monotonic() + max(min(timeout_s, _OPEN_LIMIT_S), _SHORTEST_OPEN_S)
        trouble = "the node offers none"
        for address in self._lane_addresses():
            try:
                await self._connect_lane(address, info, deadline_s - time.monotonic())
            except RuntimeError as error:
                trouble = f"it cannot be opened: {error}"
                continue
            self.lane = address.partition("://")[0]
            if self._shares_memory(address):
                self.lane += ", large payloads in shared memory"
            self._openings += 1
            self._tell_clock()
            return
        raise NetworkError(f"{self.address}: no lane: {trouble}")

    def _shares_memory(self, address: str) -> bool:
        return self._offer is not None and self._offer.reads_memory and address.startswith("unix")

    def _lane_addresses(self) -> list[str]:
        offer = self._offer
        if offer is None:
            return []
        found = []
        if self._transfer == "auto" and offer.unix_name and self._is_on_this_machine():
            found.append(f"unix://@{offer.unix_name}")
        url = urlsplit(self.address)
        # Lanes are not encrypted: with keys they do not leave the machine.
        if offer.port and url.scheme == "tcp" and not self._is_encrypted:
            host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
            found.append(f"tcp://{host}:{offer.port}")
        return found

    async def _connect_lane(self, address: str, info: NodeInfo, timeout_s: float) -> None:
        assert self._dispatcher is not None
        assert self._offer is not None
        limit = info.max_payload_bytes
        await self._loop.run_in_executor(
            None,
            self._dispatcher.connect,
            self._number,
            self.address,
            address,
            self._offer.secret,
            _ANY_SIZE if limit is None else max(limit, 0),
            self.max_answer_bytes,
            self._shares_memory(address),
            max(timeout_s, 0.0),
        )

    def decline_lane(self, why: str) -> None:
        """Samples travel on the control connection after all, from the next `begin` on."""
        self._dispatcher, self._offer = None, None
        self._declined = True
        self.lane = f"off: {why}"

    def _tell_clock(self) -> None:
        if self._dispatcher is not None:
            self._dispatcher.set_clock_offset(self._number, self._clock_offset_ns())

    async def _lane_again(self, info: NodeInfo, timeout_s: float) -> None:
        """Opens the lane to a node that has come back, if there was one. Raises NetworkError."""
        if self._dispatcher is not None:
            await self.open_lane(self._dispatcher, self._number, info, timeout_s)

    def lane_broke(self, reason: str, wait_s: float) -> None:
        """The node is lost, unless the control connection gives a better reason in the while."""
        opening = self._openings

        def lose() -> None:
            if opening == self._openings:
                self._lose(reason)

        self._loop.call_later(wait_s, lose)

    def give_up(self, reason: str) -> None:
        """The node's system has aborted: it is not used again."""
        self._lose_for_good(reason)

    @abstractmethod
    def _lose_for_good(self, reason: str) -> None: ...

    def report(self) -> dict[str, Any]:
        return {"lane": self.lane}


def lanes_of(links: list[Any]) -> list[LaneLink] | None:
    """The links as those with lanes; None unless each node offers one."""
    able = [link for link in links if isinstance(link, LaneLink) and link.offers_lane]
    return able if able and len(able) == len(links) else None


async def all_opened(openings: list[Any]) -> str:
    """Waits for all. Returns why one could not be opened; empty if all are."""
    ends = await asyncio.gather(*openings, return_exceptions=True)
    for end in ends:
        if isinstance(end, NetworkError):
            return str(end)
        if isinstance(end, BaseException):
            raise end
    return ""
