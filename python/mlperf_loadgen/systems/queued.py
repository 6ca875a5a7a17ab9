"""Systems under test whose queries a thread of their own fetches."""

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
    """A system whose queries wait in `loadgen_queue`; issuing a query takes no interpreter lock and
    next to no time.

    `begin_test` and `end_test` surround each test, in the thread that runs it. The names of this
    class, and names that begin with `_loadgen`, are reserved: subclasses must not use them.
    """

    _is_queued = True  # For `is_queued`; a system may have methods of the names below.

    _prepares_on_demand = False  # For systems that prepare samples: `interfaces.Preparing`.

    fail_samples: Callable[[Any, str], None] | None = None
    """Set by a node that hosts the system. It takes response ids (None: all samples), some of which
    may already be completed, and the reason why the others never will be."""

    @property
    def loadgen_queue(self) -> _core.QueueSut:
        """The native side. It is made when it is first used, so that subclasses need not call
        __init__."""
        made: tuple[int, _core.QueueSut] | None = self.__dict__.get("_loadgen_queue")
        # A forked process must not use its parent's, which would wake both.
        if made is None or made[0] != os.getpid():
            # The queue is no part of a cycle that the garbage collector sees.
            me = weakref.proxy(self)
            made = os.getpid(), _core.QueueSut(lambda: me.flush_queries(), lambda: me.name)
            self.__dict__["_loadgen_queue"] = made
        return made[1]

    def require_idle(self) -> None:
        """Raises RuntimeError if the system is in a test, which then uses its event loop."""
        if "_loadgen_loop" in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__} is in a test already: wait until it has ended, or make "
                "another one"
            )

    def begin_test(self) -> None:
        """Called before a test, or a run on behalf of another machine's test."""

    def end_test(self, result: _core.TestResult | None) -> None:
        """Called after the test; `result` is None if the test raised, or belongs to another
        machine."""
