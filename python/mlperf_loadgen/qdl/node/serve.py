"""A node: it hosts a system under test for load generators on other machines (`mlperf-loadgen
serve`)."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence

from ...host.threads import require_unpatched
from ...interfaces import SystemUnderTest
from ..address import check_socket_address, is_loopback
from ..links.keys import Keys, node_keys
from ..links.link import NetworkError
from .host import SutHost, signals_to_stop
from .remote_library import RemoteLibrary
from .talker import Talker

DEFAULT_MAX_PAYLOAD_BYTES = 64 << 20
_SWITCH_INTERVAL_S = 0.0005  # The thread that talks must not wait for the one that computes.


def serve(
    make_sut: Callable[[RemoteLibrary], SystemUnderTest],
    bind: str | Sequence[str],
    *,
    keys: Keys | str | os.PathLike[str] | None = None,
    insecure: bool = False,
    max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES,
    ready: Callable[[list[str]], object] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> None:
    """Hosts a system under test until SIGINT or SIGTERM, or until `stopped()`.

    `make_sut(library)` makes the system; `library[index]` has the payloads of the samples that are
    sent to it. The system's methods are called in this thread. `bind`: addresses such as
    "tcp://127.0.0.1:8001" or "tcp://[::1]:8001"; port 0 takes a free port. `ready` is called with
    the addresses once load generators may connect. `keys`: a folder of `make_keys`, or Keys.
    Addresses beyond loopback need keys, unless `insecure` is true: any program that can reach the
    port can then use the node.

    Raises NetworkError if an address cannot be bound or is not allowed, or if this process already
    hosts a system. Raises RuntimeError if gevent or eventlet has replaced the threads of the
    process.
    """
    require_unpatched("a node", "threads", "queues")
    addresses = [bind] if isinstance(bind, str) else list(bind)
    for address in addresses:
        try:
            check_socket_address(address, to_bind=True)
        except ValueError as error:
            raise NetworkError(str(error)) from None
    open_doors = [address for address in addresses if not is_loopback(address)]
    if open_doors and keys is None and not insecure:
        raise NetworkError(
            f"{open_doors[0]} can be reached from other machines: give keys (`mlperf-loadgen keys "
            "DIR`), bind to 127.0.0.1, or allow it by insecure=True (--insecure)"
        )
    own_keys = node_keys(keys) if isinstance(keys, (str, os.PathLike)) else keys
    library = RemoteLibrary()
    host = SutHost(make_sut(library), library)
    talker = Talker(host, addresses, own_keys, max_payload_bytes)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(min(interval_s, _SWITCH_INTERVAL_S))
    thread = threading.Thread(target=talker.run, name="node", daemon=True)
    with signals_to_stop() as asked_to_stop:
        try:
            thread.start()
            if ready is not None:
                ready(talker.addresses)
            host.work(lambda: asked_to_stop.is_set() or bool(stopped and stopped()))
        finally:
            talker.stop()
            thread.join()
            talker.close()
            sys.setswitchinterval(interval_s)
    if talker.error is not None:
        raise talker.error
