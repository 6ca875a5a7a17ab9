"""Measures variants of a system, each in a process of its own: `pareto`."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..callables import plain
from ..host.folders import make_folder
from ..interfaces import QuerySampleLibrary
from .folder import TABLE, read_measured, repeat_folder, write_error, write_measured
from .measuring import measure
from .plan import Plan
from .process import ProcessFailure, call_in_fresh_process, require_sendable
from .rows import COLUMNS, Measured, front_columns, rows_of
from .table import ParetoTable
from .text import row_text

_LIBRARY_PARAMETERS = ("qsl", "library")


def pareto(
    make: Callable[..., Any],
    library: QuerySampleLibrary | Callable[[], Any],
    variants: Sequence[object],
    *,
    settings: _core.TestSettings | None = None,
    bound_ns: int | None = None,
    budget_s: float = 60.0,
    repeats: int = 1,
    dtype: str | None = None,
    minimize: Sequence[str] | None = None,
    maximize: Sequence[str] | None = None,
    outdir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Callable[[str], object] | None = None,
) -> ParetoTable:
    """Measures each variant of a system in a fresh process, and returns the table.

    `make(variant)`, or `make(variant, library)` if it takes two, returns the system; `library` is
    the sample library, or is called to make it. Both are pickled, so they must be at the top of a
    module that can be imported; either may return a context manager. `variants`: what `make` is
    called with, such as `["small", "large"]` or `[1, 2, 4]`; the first one is what the others are
    compared with.

    A process makes the library and the system, asks for one answer, then for one of each sample,
    and then runs SingleStream, Offline and, with `bound_ns`, a search for the highest Server rate
    whose latencies keep that bound. `budget_s`: the time that these take for a row, as a goal.
    `repeats`: how often each row is measured, in turns; the table has medians. `settings`: seeds,
    percentiles and counts of all runs; scenario, mode, durations and bound are not used.

    A library with `labels`, the right class of each sample, has an accuracy; responses then hold
    numbers of `dtype`, or of the system's `response_dtype`. So has one with a method `score(log)`,
    which returns a number, or an array that says of each record of the log whether it is right. A
    system may say more of itself: `model_files`, the paths of its files, `weight_count`, and
    `kind`, "storage" or "kernels". `minimize`, `maximize`: the columns of the front, by the
    names of the fields of a row.

    `outdir`: a folder for the logs, and for the table as pareto.json and pareto.csv, which are
    rewritten after each process. None: the logs are temporary. `resume`: keeps what an earlier call
    with the same arguments measured there; rows that failed are measured again, and variants may be
    added. `progress(line)` is called after each process; `print` is a suitable function.

    A variant whose process fails is a row with its `error`, and the others go on. Before the first
    process, raises TypeError and ValueError for arguments that cannot be used or pickled, and for
    an `outdir` to resume from that has another table, and OSError if it cannot be made. The
    attribute `table` of a KeyboardInterrupt, or of an exception of `progress`, is the table of the
    rows before.
    """
    report = plain(progress, "progress") if progress is not None else _no_report
    repeats = int(_core.checked_option("repeats", repeats))
    named = _named(variants)
    takes_library = _takes_library(make)
    require_sendable(make, "make")
    require_sendable(library, "library")
    require_sendable(list(named.values()), "variants")
    _check_columns(minimize, maximize)
    plan = Plan(
        settings=settings or _core.TestSettings(),
        bound_ns=bound_ns,
        budget_s=budget_s,
        dtype=dtype,
    )
    asked = _identity(make, library, plan)
    measured = {variant: Measured() for variant in named}

    def table() -> ParetoTable:
        rows = rows_of(measured, minimize, maximize)
        lowest, highest = front_columns(rows, minimize, maximize)
        return ParetoTable(
            title=_name_of(make), asked=asked, rows=rows, minimize=lowest, maximize=highest
        )

    with _folder_of_rows(outdir) as root:
        _begin(root, asked, resume)
        try:
            table().save(root)
            for repeat, variant in itertools.product(range(repeats), named):
                folder = repeat_folder(root, variant, repeat)
                maker = _Maker(make, named[variant], takes_library)
                _measure_row(measured[variant], folder, maker, library, plan)
                table().save(root)
                report(row_text(next(row for row in table().rows if row.variant == variant)))
        except BaseException as error:
            error.table = table()  # type: ignore[attr-defined]
            raise
    return table()


# ---- What is asked -------------------------------------------------------------------------------


def _no_report(line: str) -> None:
    pass


def _name_of(made_by: object) -> str:
    """The name of a function, of a class, or of an object's class: module:name."""
    named: Any = made_by if hasattr(made_by, "__qualname__") else type(made_by)
    return f"{named.__module__}:{named.__qualname__}"


def _named(variants: Sequence[object]) -> dict[str, object]:
    """The variants by their names. Raises ValueError for none, for two of one name, and for a name
    that no folder can have."""
    if isinstance(variants, str):
        raise TypeError(f"variants is the text {variants!r}: give a list, as in [{variants!r}]")
    named: dict[str, object] = {}
    for variant in variants:
        name = str(variant)
        if name in named:
            raise ValueError(f"variant {name!r} is there twice: use repeats instead")
        repeat_folder(Path(), name, 0)  # Or it is refused.
        named[name] = variant
    if not named:
        raise ValueError("there are no variants to measure: give at least one")
    return named


def _takes_library(make: Callable[..., Any]) -> bool:
    """Whether `make` takes the library as well. Raises TypeError if it does not take a variant."""
    try:
        parameters = inspect.signature(make)
    except ValueError:  # Of native code.
        return False
    names = list(parameters.parameters)
    if _binds(parameters, 2) and (not _binds(parameters, 1) or names[1] in _LIBRARY_PARAMETERS):
        return True
    if not _binds(parameters, 1):
        raise TypeError(
            f"{_name_of(make)} takes {parameters}, and is called with the variant, or with the "
            "variant and the library: write def make(variant)"
        )
    return False


def _binds(parameters: inspect.Signature, count: int) -> bool:
    try:
        parameters.bind(*range(count))
    except TypeError:
        return False
    return True


def _check_columns(minimize: Sequence[str] | None, maximize: Sequence[str] | None) -> None:
    chosen = [*(minimize or ()), *(maximize or ())]
    unknown = [name for name in chosen if name not in COLUMNS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no column; these are: {', '.join(COLUMNS)}")
    twice = [name for name in chosen if chosen.count(name) > 1]
    if twice:
        raise ValueError(f"column {twice[0]} is there twice in minimize and maximize")


def _identity(make: object, library: object, plan: Plan) -> dict[str, Any]:
    """The facts in which two tables must agree, so that the rows of one are rows of the other."""
    settings = {n: getattr(v, "name", v) for n, v in plan.settings.to_dict().items()}
    return {
        "make": _name_of(make),
        "library": _name_of(library),
        "settings": settings,
        "bound_ns": plan.bound_ns,
        "budget_s": plan.budget_s,
        "dtype": plan.dtype,
    }


# ---- Rows ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder_of_rows(outdir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Makes the folder of the table; None: a temporary one."""
    if outdir is not None:
        yield make_folder(outdir, "outdir")
        return
    with tempfile.TemporaryDirectory(prefix="mlperf_pareto_") as folder:
        yield Path(folder)


def _begin(root: Path, asked: dict[str, Any], resume: bool) -> None:
    """Raises ValueError for a folder to resume from that has another table; without `resume`,
    forgets what was measured before."""
    if not resume:
        for measured in root.glob("*/repeat_*/measured.json"):
            measured.unlink()
        return
    if not (root / TABLE).exists():
        return
    earlier = ParetoTable.load(root).asked
    differ = [name for name, value in asked.items() if earlier.get(name) != value]
    if differ:
        raise ValueError(
            f"outdir {root} has a table of other systems or settings ({', '.join(differ)}), which "
            "cannot be resumed: give another folder, or measure anew"
        )


@dataclass(frozen=True)
class _Maker:
    """Makes the system of a variant, in the process that measures it."""

    make: Callable[..., Any]
    variant: object
    takes_library: bool

    def __call__(self, library: QuerySampleLibrary) -> Any:
        return self.make(self.variant, library) if self.takes_library else self.make(self.variant)


def _measure_row(
    measured: Measured,
    folder: Path,
    maker: _Maker,
    library: QuerySampleLibrary | Callable[[], Any],
    plan: Plan,
) -> None:
    """Adds what a process measures, or has measured before."""
    found = read_measured(folder)
    if found is None:
        try:
            call_in_fresh_process(_measure_and_keep, maker, library, plan, folder)
        except ProcessFailure as failure:
            measured.errors.append(str(failure))
            write_error(folder, failure.details or str(failure))
            return
        found = read_measured(folder)
        assert found is not None  # The process was done.
    measurement, right = found
    measured.measurements.append(measurement)
    if measured.right is None:
        measured.right = right


def _measure_and_keep(
    maker: _Maker,
    library: QuerySampleLibrary | Callable[[], Any],
    plan: Plan,
    folder: Path,
) -> None:
    """In the new process."""
    write_measured(folder, *measure(maker, library, plan, folder))
