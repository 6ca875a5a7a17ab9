"""Systems under test whose queries are fetched by a thread of their own."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from . import _core
from .interfaces import SystemUnderTest


class QueuedSystem(SystemUnderTest):
    """Its queries wait in `queue`; issuing one takes no interpreter lock and no time.

    `begin_test` and `end_test` surround each test, in the thread that runs it.
    """

    fail_samples: Callable[[Any, str], None] | None = None
    """Set by a node that hosts the system: takes response ids (None: of all samples), of which some
    may be completed, and why the others never will be."""

    @property
    def queue(self) -> _core.QueueSut:
        """The native side. Made when first asked for, so that subclasses need not call __init__."""
        made: _core.QueueSut | None = self.__dict__.get("_queue")
        if made is None:
            # The queue is no part of a cycle that the garbage collector sees.
            me = weakref.proxy(self)
            made = _core.QueueSut(lambda: me.flush_queries(), lambda: me.name)
            self.__dict__["_queue"] = made
        return made

    def require_idle(self) -> None:
        """Raises RuntimeError if the system is in a test, of which it has the event loop."""
        if "_loop" in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__} is in a test already: wait until it has ended, or make "
                "another one"
            )

    def begin_test(self) -> None:
        """Called before a test, or a run on behalf of another machine's test."""

    def end_test(self, result: _core.TestResult | None) -> None:
        """Called after it; `result` is None if it raised, or is another machine's."""
