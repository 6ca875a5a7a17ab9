"""The reference's handles: plain integers for systems under test and sample libraries.

A handle is never used twice in a process, so a handle that was destroyed or never existed is
recognised and refused.
"""

from __future__ import annotations

import itertools

# threading would be most of the time that importing the package takes.
from _thread import allocate_lock

from . import _core
from .callables import OF_LIBRARY, OF_SYSTEM, require_plain
from .interfaces import QuerySampleLibrary, SystemUnderTest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeGuard, TypeVar

    from .interfaces import Preparing, Queued

    _Native = TypeVar("_Native", _core.CallbackSut, _core.CallbackQsl)

_lock = allocate_lock()
_numbers = itertools.count(0x10000, 16)
_objects: dict[int, tuple[str, _core.CallbackSut | _core.CallbackQsl]] = {}


def _register(kind: str, made: _core.CallbackSut | _core.CallbackQsl) -> int:
    with _lock:
        handle = next(_numbers)
        _objects[handle] = (kind, made)
        return handle


def _destroy(kind: str, handle: int) -> None:
    with _lock:
        found = _objects.get(handle)
        if found is None or found[0] != kind:
            raise ValueError(_unknown(handle, kind))
        del _objects[handle]


def _unknown(handle: object, kind: str) -> str:
    found = _objects.get(handle) if isinstance(handle, int) else None
    what = f"is a {found[0]}" if found else "was never constructed or is already destroyed"
    return f"handle {handle!r} is not a {kind}: it {what}; pass what Construct{kind} returned"


def _callable(function: object, name: str) -> Callable[..., Any]:
    if not callable(function):
        raise TypeError(f"{name} must be callable, not {function!r}")
    require_plain(function, name, OF_SYSTEM)
    return function


def require_plain_system(issue_query: object, flush_queries: object) -> None:
    """Raises TypeError for callbacks of a system that return something to be awaited."""
    require_plain(issue_query, "issue_query", OF_SYSTEM)
    require_plain(flush_queries, "flush_queries", OF_SYSTEM)


def _require_plain_library(load: object, unload: object) -> None:
    require_plain(load, "load_samples", OF_LIBRARY)
    require_plain(unload, "unload_samples", OF_LIBRARY)


def ConstructSUT(
    issue_query: Callable[[_core.SampleBatch], object], flush_queries: Callable[[], object]
) -> int:
    """Makes a SUT of two callables, `issue_query(samples)` and `flush_queries()`, and returns its
    handle.

    Raises TypeError if one is not callable, or is an async function, which would never be awaited.
    """
    require_plain_system(issue_query, flush_queries)
    return _register("SUT", _core.CallbackSut(issue_query, flush_queries, "PySUT"))


def ConstructFastSUT(
    issue_query: Callable[[list[int], list[int]], object], flush_queries: Callable[[], object]
) -> int:
    """Makes a SUT whose `issue_query(ids, indices)` gets two lists, and returns its handle.

    Raises TypeError as ConstructSUT does.
    """
    require_plain_system(issue_query, flush_queries)
    return _register("FastSUT", _core.make_list_sut(issue_query, flush_queries, "PyFastSUT"))


def ConstructQDL(
    issue_query: Callable[[_core.SampleBatch], object],
    flush_queries: Callable[[], object],
    client_get_sut_name: Callable[[], str],
) -> int:
    """Makes a SUT that forwards queries to other systems, and returns its handle.
    `client_get_sut_name()` returns the name of those systems.

    Raises TypeError as ConstructSUT does.
    """
    require_plain_system(issue_query, flush_queries)
    name = _callable(client_get_sut_name, "client_get_sut_name")
    return _register("QDL", _core.CallbackSut(issue_query, flush_queries, name))


def ConstructQSL(
    total_sample_count: int,
    performance_sample_count: int,
    load: Callable[[list[int]], object],
    unload: Callable[[list[int]], object],
) -> int:
    """Makes a sample library of two counts and two callables that get lists of indices, and returns
    its handle.

    Raises TypeError if a count is not an integer, if an argument is not callable, or if it is an
    async function, which would never be awaited.
    """
    _require_plain_library(load, unload)
    made = _core.CallbackQsl(total_sample_count, performance_sample_count, load, unload, "PyQSL")
    return _register("QSL", made)


def DestroySUT(sut: int) -> None:
    """Forgets a SUT and its callables. Raises ValueError if the handle is not a SUT's."""
    _destroy("SUT", sut)


def DestroyFastSUT(sut: int) -> None:
    """Forgets a FastSUT and its callables. Raises ValueError if the handle is not a FastSUT's."""
    _destroy("FastSUT", sut)


def DestroyQDL(qdl: int) -> None:
    """Forgets a QDL and its callables. Raises ValueError if the handle is not a QDL's."""
    _destroy("QDL", qdl)


def DestroyQSL(qsl: int) -> None:
    """Forgets a sample library. Raises ValueError if the handle is not a QSL's."""
    _destroy("QSL", qsl)


def _find(handle: int, native: type[_Native], kind: str) -> _Native:
    with _lock:
        found = _objects.get(handle)
        if found is None or not isinstance(found[1], native):
            raise ValueError(_unknown(handle, kind))
        return found[1]


def is_queued(sut: object) -> TypeGuard[Queued]:
    """Whether a system has a queue, without an import that most programs do not need."""
    return isinstance(sut, SystemUnderTest) and getattr(sut, "_is_queued", False) is True


def prepares_samples(sut: object) -> TypeGuard[Preparing]:
    """Whether a system prepares what it sends when samples are loaded."""
    return is_queued(sut) and getattr(sut, "_prepares_samples", False) is True


def native_sut(sut: SystemUnderTest | int) -> _core.CallbackSut:
    """The native object behind a handle or for an instance."""
    if is_queued(sut):
        require_plain(sut.flush_queries, "flush_queries", "write async def flush instead")
        return sut.loadgen_queue
    if isinstance(sut, SystemUnderTest):
        # What `samples.ids` needs; importing it takes longer than any query should.
        import numpy  # noqa: F401

        require_plain_system(sut.issue_query, sut.flush_queries)
        return _core.CallbackSut(sut.issue_query, sut.flush_queries, lambda: sut.name)
    if isinstance(sut, int):
        return _find(sut, _core.CallbackSut, "SUT")
    raise TypeError(f"sut must be a SystemUnderTest or a handle of ConstructSUT, not {sut!r}")


def native_qsl(
    qsl: QuerySampleLibrary | int, sut: SystemUnderTest | int | None = None
) -> _core.CallbackQsl:
    """The native object behind a handle or for an instance, for a test of `sut`, which may prepare
    what is loaded."""
    if isinstance(qsl, QuerySampleLibrary):
        _require_plain_library(qsl.load_samples, qsl.unload_samples)
        name: object = qsl.name
        if not isinstance(name, str):
            kind = type(name).__name__
            raise TypeError(f"the name of a sample library must be a str, not {kind}")
        load, unload = (
            _prepared(qsl, sut) if prepares_samples(sut) else (qsl.load_samples, qsl.unload_samples)
        )
        return _core.CallbackQsl(
            qsl.total_sample_count, qsl.performance_sample_count, load, unload, name
        )
    if isinstance(qsl, int):
        if prepares_samples(sut) and not sut._prepares_on_demand:
            raise TypeError(
                f"qsl must be a QuerySampleLibrary for {type(sut).__name__}, and not a handle"
            )
        return _find(qsl, _core.CallbackQsl, "QSL")
    raise TypeError(f"qsl must be a QuerySampleLibrary or a handle of ConstructQSL, not {qsl!r}")


def _prepared(
    qsl: QuerySampleLibrary, sut: Preparing
) -> tuple[Callable[[list[int]], None], Callable[[list[int]], None]]:
    """Loading and unloading, of which the system hears afterwards."""

    def load(indices: list[int]) -> None:
        qsl.load_samples(indices)
        sut.samples_loaded(indices)

    def unload(indices: list[int]) -> None:
        qsl.unload_samples(indices)
        sut.samples_unloaded()

    return load, unload
