"""Functions whose plain call does nothing: async functions, which the caller must await, and
generators, which the caller must iterate over. As callbacks they would silently do nothing."""

from __future__ import annotations

# No functools, inspect and types: each takes long to import, which most programs do for nothing.
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _Value = TypeVar("_Value")

# Of code objects, as named in the module inspect.
_GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200

OF_SYSTEM = "write it with def, or derive the system from AsyncSystemUnderTest"
OF_LIBRARY = "write it with def, and return when all samples are there (asyncio.run waits)"
OF_CALLBACK = "pass a function that is written with def"


def require_plain(function: object, name: str, fix: str) -> None:
    """Raises TypeError for a function whose plain call does nothing.

    `name`: the name of the callback; `fix`: what to do instead. Methods, functools.partial and
    objects with a `__call__` are looked into. An object that is not callable passes.
    """
    kind = _kind(_innermost(function))
    if kind:
        raise TypeError(f"{name} is {kind}: {fix}")


def refuse_unawaited(returned: object, name: str, fix: str) -> None:
    """Raises TypeError if a callback returned something that must be awaited or iterated over."""
    if returned is None:
        return
    import types

    is_generator = isinstance(returned, types.GeneratorType | types.AsyncGeneratorType)
    if not is_generator and not hasattr(type(returned), "__await__"):
        return
    if isinstance(returned, types.GeneratorType | types.CoroutineType):
        returned.close()  # So that Python does not warn that it was never awaited.
    kind = type(returned).__name__
    waits = "iterates over it" if is_generator else "awaits it"
    raise TypeError(f"{name} returned an object of type {kind}, and nothing {waits}: {fix}")


def plain(function: Callable[..., _Value], name: str) -> Callable[..., _Value]:
    """A callback that is refused, now or at a call, if calling it does nothing."""
    require_plain(function, name, OF_CALLBACK)

    def call(*arguments: Any) -> _Value:
        returned = function(*arguments)
        refuse_unawaited(returned, name, OF_CALLBACK)
        return returned

    return call


def _innermost(function: Any) -> Any:
    """The function that a call ends in."""
    partial = getattr(
        sys.modules.get("functools"), "partial", ()
    )  # Before its import there is none.
    while True:
        if isinstance(function, partial):
            function = function.func
        elif hasattr(function, "__func__"):  # A method.
            function = function.__func__
        elif isinstance(function, type) or hasattr(function, "__code__"):
            return function
        else:  # An object with a __call__, or native code.
            call = type(function).__call__ if callable(function) else None
            return call if hasattr(call, "__code__") else function


def _kind(function: Any) -> str:
    """What is special about a function; empty for a plain one."""
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if not isinstance(flags, int):  # Of an object that has every attribute, as mocks do.
        flags = 0
    if flags & _ASYNC_GENERATOR:
        return "written with async def and yield, and nothing iterates over it"
    if flags & (_COROUTINE | _ITERABLE_COROUTINE) or _is_marked(function):
        return "written with async def, and nothing awaits it"
    if flags & _GENERATOR:
        return "written with yield, and nothing iterates over it"
    return ""


def _is_marked(function: Any) -> bool:
    """Compiled functions, say, are marked by means of these modules, once they are imported."""
    checks = [
        getattr(sys.modules.get(name), "iscoroutinefunction", None)
        for name in ("inspect", "asyncio.coroutines")
    ]
    return any(check(function) for check in checks if check is not None)
