"""The public names of a package: one table, from which each name is imported when it is first used.

So a benchmark does not load parts that it does not use. `__init__.pyi` lists the same names for
type checkers; tests/python/repository/test_public_names.py compares it with the table.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def attach(
    package: "dict[str, object]", table: "dict[str, tuple[str, ...]]"
) -> "tuple[Callable[[str], object], Callable[[], list[str]], list[str]]":
    """Makes `__getattr__`, `__dir__` and `__all__` of the package whose globals are `package`.

    `table` maps modules, relative to the package, to the names that the package exports from them.
    """
    name = package["__name__"]
    module_of = {public: module for module, names in table.items() for public in names}

    def get(public: str) -> object:
        if public not in module_of:
            raise AttributeError(f"module {name!r} has no attribute {public!r}")
        module = __import__(f"{name}.{module_of[public]}", fromlist=[public])
        found: object = getattr(module, public)
        package[public] = found
        return found

    public_names = sorted(module_of)
    return get, lambda: sorted({*package, *public_names}), public_names


def later(package: str, module: str, name: str) -> "Callable[[], object]":
    """Returns a function that returns an object of a module of the package; the module is imported
    at the call."""
    return lambda: getattr(__import__(f"{package}.{module}", fromlist=[name]), name)
