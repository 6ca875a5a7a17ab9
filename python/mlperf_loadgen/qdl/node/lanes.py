"""The lanes of a node: stream sockets on which a load generator sends its samples and gets their
answers, beside the connection that controls the run. They are read and written in C++."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from ... import _core

LANE_VERSION = 1
_READ_LIMIT_MS = 500


class Lanes:
    """`addresses`: where a lane may come from other machines: it is offered at a port of their
    hosts. By a Unix name it is offered to programs of this machine."""

    def __init__(self, system: _core.HostedSystem, addresses: list[str]) -> None:
        self._server = _core.LaneServer(system)
        self._places: dict[str, Any] = {}
        self._listen("unix", f"unix://@mlperf-lane-{secrets.token_hex(16)}")
        for address in addresses:
            if address.startswith("tcp://"):
                host = address.removeprefix("tcp://").rpartition(":")[0]
                self._listen("port", f"tcp://{host}:{self._places.get('port', 0)}")

    def _listen(self, kind: str, address: str) -> None:
        # Without a lane, samples come by the connection that controls the run.
        with contextlib.suppress(OSError):
            bound = self._server.listen(address)
            is_port = kind == "port"
            name = bound.rpartition(":")[2] if is_port else bound.removeprefix("unix://@")
            self._places[kind] = int(name) if is_port else name

    def fileno(self) -> int:
        """Readable while `take_end` has something."""
        return self._server.fileno()

    def begin_run(self, *limits: int) -> dict[str, Any]:
        """The load generator of a new run may open a lane: where, and the secret to prove.
        `limits`: those of `LaneServer.begin_run`."""
        secret = secrets.token_hex(32)
        self._server.begin_run(secret, *limits)
        return {**self._places, "arena": 1, "secret": secret}

    def end_run(self) -> None:
        """Closes the lane."""
        self._server.end_run()

    def read_to_end(self) -> None:
        """Waits until what the load generator sent on the lane before it ended the run is read."""
        self._server.wait_for_end(_READ_LIMIT_MS)

    @property
    def is_open(self) -> bool:
        """Whether the run has a lane."""
        return self._server.last_received_ns != 0

    @property
    def last_received_s(self) -> float:
        """When the lane brought something last, as `time.monotonic`; 0 without a lane."""
        return self._server.last_received_ns / 1e9

    def take_end(self) -> tuple[bool, str] | None:
        """Why the lane ended before its run: whether it brought what cannot be read, and a text."""
        return self._server.take_end()
