"""Whether the threads of this process are real."""

from __future__ import annotations

import _thread
import queue
import selectors

_PATCHERS = ("gevent", "eventlet")


def require_unpatched(what: str, *parts: str) -> None:
    """Raises RuntimeError if gevent or eventlet has replaced parts of the standard library:
    "threads", "queues" or "selectors".

    Their threads take turns within the thread that runs the test. That thread is in native code
    during the test, so the others would not run before the test has ended.
    """
    # Looked up now: a program may be patched at any time.
    found = {
        "threads": _thread.start_new_thread,
        "queues": queue.SimpleQueue,
        "selectors": selectors.DefaultSelector,
    }
    owners = {part: str(found[part].__module__).partition(".")[0] for part in parts}
    patched = [part for part, owner in owners.items() if owner in _PATCHERS]
    if patched:
        raise RuntimeError(
            f"{what} needs the standard library's {' and '.join(patched)}, which "
            f"{owners[patched[0]]} has replaced in this process: run the test in a process without "
            "its monkey patches"
        )
