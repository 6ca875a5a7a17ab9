"""The progress of the running test as metrics for Prometheus: `serve_metrics`."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from .. import _core
from ..host.threads import require_unpatched


@contextlib.contextmanager
def serve_metrics(port: int, addr: str = "127.0.0.1") -> Iterator[str]:
    """Serves the progress of the tests of this process at `http://addr:port/metrics`.

    The server runs for the time of a `with` block, whose value is that URL; port 0 takes any free
    port. The numbers are those of `read_progress`, computed at each request. A set that has ended
    is shown until the next one starts, with `mlperf_loadgen_running` 0. Times are in seconds.

    Raises ValueError for an invalid port, OSError if the port cannot be used, ImportError if
    prometheus_client is not installed, and RuntimeError if gevent or eventlet has replaced the
    threads or sockets of the process, because the metrics would then be served only after the end
    of a test.
    """
    require_unpatched("serve_metrics", "threads", "selectors")
    from .prometheus_server import start  # Says what is to be installed.

    if not 0 <= port < 1 << 16:
        raise ValueError(f"port must be from 0 to 65535, not {port!r}")
    try:
        server, thread = start(port, addr)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        text = f"port {port} of {addr} is in use; give another one, or 0 for any that is free"
        raise OSError(error.errno, text) from error
    try:
        host = f"[{addr}]" if ":" in addr else addr
        _core.set_token_histograms_kept(True)
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        _core.set_token_histograms_kept(False)
        server.shutdown()
        server.server_close()
        thread.join()
