"""Systems under test whose queries are fetched by a thread of their own."""

from __future__ import annotations

from . import _core
from .interfaces import SystemUnderTest


class QueuedSystem(SystemUnderTest):
    """Its queries wait in `queue`; issuing one takes no interpreter lock and no time.

    `begin_test` and `end_test` surround each test, in the thread that runs it.
    """

    @property
    def queue(self) -> _core.QueueSut:
        """The native side. Made when first asked for, so that subclasses need not call __init__."""
        made: _core.QueueSut | None = self.__dict__.get("_queue")
        if made is None:
            made = self.__dict__["_queue"] = _core.QueueSut(self.flush_queries, lambda: self.name)
        return made

    def begin_test(self) -> None:
        """Called before a test, or a run on behalf of another machine's test."""

    def end_test(self, result: _core.TestResult | None) -> None:
        """Called after it; `result` is None if it raised, or is another machine's."""
