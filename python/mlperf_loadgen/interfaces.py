"""The classes that a user derives from to plug a system into the load generator."""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ._core import QueueSut, SampleBatch, TestResult

    class Queued(Protocol):
        """A system under test whose queries wait in a queue: systems.queued.QueuedSystem."""

        @property
        def loadgen_queue(self) -> QueueSut: ...
        def flush_queries(self) -> None: ...
        def begin_test(self) -> None: ...
        def end_test(self, result: TestResult | None) -> None: ...

    class Preparing(Queued, Protocol):
        """A queued system that prepares what it sends when samples are loaded. Its class has
        `_prepares_samples = True`, and `_prepares_on_demand = True` if it can do without."""

        _prepares_on_demand: bool

        def samples_loaded(self, indices: list[int]) -> None: ...
        def samples_unloaded(self) -> None: ...


class SystemUnderTest(ABC):
    """The system whose speed and accuracy are measured."""

    @property
    def name(self) -> str:
        """The name that the logs report. The default is the name of the class."""
        return type(self).__name__

    @abstractmethod
    def issue_query(self, samples: SampleBatch) -> None:
        """Takes one query.

        Each sample must be completed exactly once (`mlperf_loadgen.complete` or
        `QuerySamplesComplete`), before this method returns or later from any thread. `samples` is a
        sequence of `QuerySample`; `samples.ids` and `samples.indices` have the same values as
        uint64 arrays of shape (n,). In the Server scenario the next query waits until this method
        returns.
        """

    def flush_queries(self) -> None:  # noqa: B027  (an optional hook)
        """Called when no more queries follow for now: send the queries that are held back for
        batching."""


class QueryDispatchLibrary(SystemUnderTest):
    """A system under test that forwards its queries to other machines; `name` is the name of those
    systems."""


class QuerySampleLibrary(ABC):
    """The data set. It says how many samples there are, and loads them into memory."""

    @property
    def name(self) -> str:
        """The name that the logs report. The default is the name of the class."""
        return type(self).__name__

    @property
    @abstractmethod
    def total_sample_count(self) -> int:
        """Number of samples in the library."""

    @property
    @abstractmethod
    def performance_sample_count(self) -> int:
        """Number of samples that fit into memory at once."""

    @abstractmethod
    def load_samples(self, indices: list[int]) -> None:
        """Loads samples before they are issued. MultiStream may name a sample more than once."""

    @abstractmethod
    def unload_samples(self, indices: list[int]) -> None:
        """Forgets the samples of one earlier `load_samples` call."""
