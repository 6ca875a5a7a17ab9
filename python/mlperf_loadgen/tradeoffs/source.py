"""What makes the systems of a table: a function of the user, by what it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..interfaces import QuerySampleLibrary
from .folder import variant_folder
from .models import ModelMaker, prepare_model, prepared
from .process import call_in_fresh_process
from .variants import variant_of

MAX_BATCH = 32
"""The most samples that a model is given at a time, unless `max_batch` says another number."""
_LIBRARY_PARAMETERS = ("qsl", "library")
_Takes = Literal["nothing", "variant", "variant and library"]


@dataclass(frozen=True)
class SystemMaker:
    """Makes the system of a variant, in the process that measures it."""

    make: Callable[..., Any]
    variant: object
    takes_library: bool

    def __call__(self, library: QuerySampleLibrary) -> Any:
        return self.make(self.variant, library) if self.takes_library else self.make(self.variant)


@dataclass(frozen=True)
class Source:
    """What systems are made by."""

    make: Callable[..., Any]
    takes: _Takes
    max_batch: int
    threads: int

    @property
    def makes_models(self) -> bool:
        """Whether it makes a model, and variants are words for ways to compress it."""
        return self.takes == "nothing"

    def variants(self, variants: Sequence[object]) -> dict[str, object]:
        """The variants by their names. Raises ValueError for none, for two of one name, for a name
        that no folder can have, and for one that says of no model how to compress it."""
        if isinstance(variants, str) or not isinstance(variants, Iterable):
            raise TypeError(f"variants is {variants!r}: give a list, as in [{variants!r}]")
        named: dict[str, object] = {}
        for variant in variants:
            name = str(variant)
            if name in named:
                raise ValueError(f"variant {name!r} is there twice: use repeats instead")
            variant_folder(Path(), name)  # Or it is refused, as the next may be.
            if self.makes_models:
                variant_of(name)
            named[name] = variant
        if not named:
            raise ValueError("there are no variants to measure: give at least one")
        return named

    def maker(
        self, variant: object, folder: Path, limit_s: float | None
    ) -> SystemMaker | ModelMaker:
        """What makes the system of a variant. A model is compressed first, in a process of its own,
        unless its folder has it. Raises ProcessFailure if that fails, or takes longer than
        `limit_s`."""
        if not self.makes_models:
            return SystemMaker(self.make, variant, self.takes == "variant and library")
        found = prepared(folder, self.max_batch, self.threads)
        if found is None:
            call_in_fresh_process(
                prepare_model, self.make, variant_of(str(variant)), folder, limit_s=limit_s
            )
            found = prepared(folder, self.max_batch, self.threads)
            assert found is not None  # The process was done.
        return found


def source_of(make: Callable[..., Any], max_batch: int | None, threads: int | None) -> Source:
    """What makes the systems. Raises TypeError for a `make` that cannot be called, and ValueError
    for numbers that it does not use, or below 1."""
    takes = _parameters_of(make)
    for name, value in (("max_batch", max_batch), ("threads", threads)):
        if value is not None and takes != "nothing":
            raise ValueError(
                f"{name} is {value!r}, but it is for models, and {name_of(make)} makes systems: "
                "leave it out"
            )
        if value is not None and not (type(value) is int and value >= 1):
            raise ValueError(f"{name} is {value!r}: give a whole number of at least 1")
    return Source(make, takes, max_batch or MAX_BATCH, threads or 1)


def _parameters_of(make: Callable[..., Any]) -> _Takes:
    """What `make` is called with. Raises TypeError if it cannot be called with any of these."""
    try:
        parameters = inspect.signature(make)
    except ValueError:  # Of native code.
        return "variant"
    names = list(parameters.parameters)
    if _binds(parameters, 2) and (not _binds(parameters, 1) or names[1] in _LIBRARY_PARAMETERS):
        return "variant and library"
    if _binds(parameters, 1):
        return "variant"
    if _binds(parameters, 0):
        return "nothing"
    raise TypeError(
        f"{name_of(make)} takes {parameters}, and is called with the variant, with the variant "
        "and the library, or to make a model with nothing: write def make(variant)"
    )


def _binds(parameters: inspect.Signature, count: int) -> bool:
    try:
        parameters.bind(*range(count))
    except TypeError:
        return False
    return True


def name_of(made_by: object) -> str:
    """The name of a function, of a class, or of an object's class: module:name."""
    named: Any = made_by if hasattr(made_by, "__qualname__") else type(made_by)
    return f"{named.__module__}:{named.__qualname__}"
