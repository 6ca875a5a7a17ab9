"""Systems under test whose queries are fetched by a thread of their own."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any

from .. import _core
from ..interfaces import SystemUnderTest

# Once and here, where imports keep other threads out.
_core.describe_records()


class QueuedSystem(SystemUnderTest):
    """Its queries wait in `loadgen_queue`; issuing one takes no interpreter lock and no time.

    `begin_test` and `end_test` surround each test, in the thread that runs it. Subclasses keep the
    names of this class, and those that begin with `_loadgen`, for it.
    """

    _is_queued = True  # For `is_queued`; a system may have methods of the names below.

    fail_samples: Callable[[Any, str], None] | None = None
    """Set by a node that hosts the system: takes response ids (None: of all samples), of which some
    may be completed, and why the others never will be."""

    @property
    def loadgen_queue(self) -> _core.QueueSut:
        """The native side. Made when first asked for, so that subclasses need not call __init__."""
        made: tuple[int, _core.QueueSut] | None = self.__dict__.get("_loadgen_queue")
        # A forked process must not use its parent's, which would wake both.
        if made is None or made[0] != os.getpid():
            # The queue is no part of a cycle that the garbage collector sees.
            me = weakref.proxy(self)
            made = os.getpid(), _core.QueueSut(lambda: me.flush_queries(), lambda: me.name)
            self.__dict__["_loadgen_queue"] = made
        return made[1]

    def require_idle(self) -> None:
        """Raises RuntimeError if the system is in a test, of which it has the event loop."""
        if "_loadgen_loop" in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__} is in a test already: wait until it has ended, or make "
                "another one"
            )

    def begin_test(self) -> None:
        """Called before a test, or a run on behalf of another machine's test."""

    def end_test(self, result: _core.TestResult | None) -> None:
        """Called after it; `result` is None if it raised, or is another machine's."""
