"""Whether the user's code can be called in the way the load generator will call it."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

from ...callables import OF_LIBRARY, OF_SYSTEM, require_plain
from ...interfaces import SystemUnderTest
from ..show.outcome import Mistake

# Methods that are called, with the names of their arguments.
_OF_SYSTEM: dict[str, tuple[str, ...]] = {"issue_query": ("samples",), "flush_queries": ()}
_OF_LIBRARY = {"load_samples": ("indices",), "unload_samples": ("indices",)}
_COUNTS = ("total_sample_count", "performance_sample_count")


def check_methods(made: Any, target: str) -> None:
    """Raises Mistake for a method that takes other arguments, and for a count that is no number."""
    made_name = type(made).__name__
    owner = target if target.endswith(f":{made_name}") else f"{target}: {made_name}"
    if isinstance(made, SystemUnderTest):
        for name, arguments in _OF_SYSTEM.items():
            _check_call(getattr(made, name), name, arguments, owner)
        _check_async(made, owner)
        return
    for name, arguments in _OF_LIBRARY.items():
        _check_call(getattr(made, name), name, arguments, owner)
        _check_plain(made, name, OF_LIBRARY, owner)
    for name in _COUNTS:
        _check_count(getattr(made, name), name, owner)


def lacking(found: Any, target: str) -> Mistake:
    """The message for a class with abstract methods."""
    missing = sorted(found.__abstractmethods__)
    wanted = [f"{name} = 1000" if name in _COUNTS else _definition(name) for name in missing]
    own = [name for name in vars(found) if not name.startswith("_") and name not in missing]
    near = [(close[0], name) for name in missing if (close := get_close_matches(name, own, 1))]
    instead = "".join(f"; it has {other}, which may be meant as {name}" for other, name in near)
    return Mistake(
        f"{target} cannot be constructed: it lacks {', '.join(missing)}{instead}; write "
        f"{', '.join(wanted)}"
    )


def _definition(name: str) -> str:
    arguments = {**_OF_SYSTEM, **_OF_LIBRARY}.get(name, ())
    return f"def {name}({', '.join(('self', *arguments))})"


def _check_call(method: Any, name: str, arguments: tuple[str, ...], owner: str) -> None:
    if not callable(method):
        raise Mistake(f"{owner}.{name} is {method!r}, and no method: write {_definition(name)}")
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # Of native code.
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise Mistake(
            f"{owner}.{name} takes {signature}, and is called with ({', '.join(arguments)}): "
            f"write {_definition(name)}"
        ) from None


def _check_async(made: SystemUnderTest, owner: str) -> None:
    from ...systems.queued import QueuedSystem

    for name in () if isinstance(made, QueuedSystem) else _OF_SYSTEM:
        _check_plain(made, name, OF_SYSTEM, owner)


def _check_plain(made: Any, name: str, fix: str, owner: str) -> None:
    try:
        require_plain(getattr(made, name), f"{owner}.{name}", fix)
    except TypeError as error:
        raise Mistake(str(error)) from None


def _check_count(value: Any, name: str, owner: str) -> None:
    if callable(value):
        raise Mistake(f"{owner}.{name} is a method: write @property above it, or {name} = 1000")
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise Mistake(f"{owner}.{name} is {value!r}: give a whole number of samples")
    if not 0 < value.__index__() < 2**63:
        raise Mistake(f"{owner}.{name} is {value!r}: give a number of samples above 0")
