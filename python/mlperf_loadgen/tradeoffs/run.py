"""Measures variants of a system, each in a process of its own: `pareto`."""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..callables import plain
from ..host.folders import make_folder
from ..interfaces import QuerySampleLibrary
from .folder import (
    TABLE,
    forget,
    read_measured,
    repeat_folder,
    variant_folder,
    write_error,
    write_measured,
)
from .measuring import measure
from .models import ModelMaker
from .plan import Plan, check_seconds
from .process import ProcessFailure, call_in_fresh_process, require_sendable
from .rows import Measured, check_columns, front_columns, rows_of
from .source import Source, SystemMaker, name_of, source_of
from .table import ParetoTable
from .text import row_text


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
    max_batch: int | None = None,
    threads: int | None = None,
    limit_s: float | None = None,
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

    Or `make()` returns a torch model and an example of its inputs, as a tuple or as an object with
    `model` and `example`, and `variants` are ways to compress it: "fp32", "int8", "int4",
    "uniform:4", "uniform:4/32" (4 bits, ranges of 32 weights), and with training "qat:2", "lsq:3"
    and "diffq:5" (a penalty of 5 a MB), for which the object has `train(model, optimizer, penalty)`
    and may have `optimizer(model)`. "@onnx" behind a word runs it on ONNX Runtime. `library[index]`
    is then an input, as for `compress.sut`, which has `max_batch` and `threads`. See
    docs/pareto.md.

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

    `limit_s`: how long a process may take, training included, before it is killed and its row is an
    error. None: for ever.

    `outdir`: a folder for the logs, and for the table as pareto.json and pareto.csv, which are
    rewritten after each process. None: the logs are temporary. `resume`: keeps what an earlier call
    with the same arguments measured there; rows that failed are measured again, and variants may be
    added. `progress(line)` is called after each process; `print` is a suitable function.

    A variant whose process fails is a row with its `error`, and the others go on. Before the first
    process, raises TypeError and ValueError for arguments that cannot be used or pickled, for
    settings with which no run can be made, and for an `outdir` to resume from that has another
    table, and OSError if it cannot be made. The
    attribute `table` of a KeyboardInterrupt, or of an exception of `progress`, is the table of the
    rows before.
    """
    if progress is not None and not callable(progress):
        raise TypeError(f"progress is {progress!r}: give a function of a line, such as print")
    report = plain(progress, "progress") if progress is not None else _no_report
    if not isinstance(library, QuerySampleLibrary) and not callable(library):
        raise TypeError(
            f"library is {library!r:.200}: give a sample library, or a function that makes it"
        )
    repeats = int(_core.checked_option("repeats", repeats))
    source = source_of(make, max_batch, threads)
    named = source.variants(variants)
    require_sendable(make, "make")
    require_sendable(library, "library")
    require_sendable(list(named.values()), "variants")
    check_columns(minimize, maximize)
    plan = Plan(
        settings=_settings(settings, source),
        bound_ns=bound_ns,
        budget_s=budget_s,
        dtype=dtype,
    )
    plan.check_runs(library if isinstance(library, QuerySampleLibrary) else None)
    if limit_s is not None:
        check_seconds("limit_s", limit_s)
    asked = _Asked(source, library, plan, minimize, maximize, limit_s)
    measured = {variant: Measured() for variant in named}

    with _folder_of_rows(outdir) as root:
        _begin(root, asked.identity(), resume)
        try:
            asked.table(measured).save(root)
            for repeat, variant in itertools.product(range(repeats), named):
                folder = variant_folder(root, variant)
                asked.measure_row(measured[variant], named[variant], folder, repeat)
                table = asked.table(measured)
                table.save(root)
                report(row_text(next(row for row in table.rows if row.variant == variant)))
        except BaseException as error:
            error.table = asked.table(measured)  # type: ignore[attr-defined]
            raise
    return asked.table(measured)


# ---- What is asked -------------------------------------------------------------------------------


def _no_report(line: str) -> None:
    pass


def _settings(settings: _core.TestSettings | None, source: Source) -> _core.TestSettings:
    """Models answer the queries that are due at the same time in one batch."""
    asked = copy.copy(settings) if settings is not None else _core.TestSettings()
    if source.makes_models and isinstance(asked, _core.TestSettings):
        asked.server_coalesce_queries = source.max_batch > 1
    return asked


@dataclass(frozen=True)
class _Asked:
    """What all rows of a table have in common."""

    source: Source
    library: QuerySampleLibrary | Callable[[], Any]
    plan: Plan
    minimize: Sequence[str] | None
    maximize: Sequence[str] | None
    limit_s: float | None
    """How long a process may take; None: for ever."""

    def identity(self) -> dict[str, Any]:
        """The facts in which two tables must agree, so that the rows of one are rows of the
        other."""
        settings = {n: getattr(v, "name", v) for n, v in self.plan.settings.to_dict().items()}
        return {
            "make": name_of(self.source.make),
            "library": name_of(self.library),
            "settings": settings,
            "bound_ns": self.plan.bound_ns,
            "budget_s": self.plan.budget_s,
            "dtype": self.plan.dtype,
            "max_batch": self.source.max_batch,
            "threads": self.source.threads,
        }

    def table(self, measured: Mapping[str, Measured]) -> ParetoTable:
        """The table of what was measured of each variant."""
        rows = rows_of(measured, self.minimize, self.maximize)
        lowest, highest = front_columns(rows, self.minimize, self.maximize)
        return ParetoTable(
            title=name_of(self.source.make),
            asked=self.identity(),
            rows=rows,
            minimize=lowest,
            maximize=highest,
        )

    def measure_row(self, measured: Measured, variant: object, folder: Path, repeat: int) -> None:
        """Adds what a process measures, or has measured before. `folder`: that of the variant."""
        own = repeat_folder(folder, repeat)
        found = read_measured(own)
        if found is None:
            try:
                maker = self.source.maker(variant, folder, self.limit_s)
                call_in_fresh_process(
                    _measure_and_keep, maker, self.library, self.plan, own, limit_s=self.limit_s
                )
            except ProcessFailure as failure:
                measured.errors.append(str(failure))
                write_error(own, failure.details or str(failure))
                return
            found = read_measured(own)
            assert found is not None  # The process was done.
        measurement, right = found
        measured.measurements.append(measurement)
        if measured.right is None:
            measured.right = right


# ---- The folder ----------------------------------------------------------------------------------


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
        forget(root)
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


def _measure_and_keep(
    maker: SystemMaker | ModelMaker,
    library: QuerySampleLibrary | Callable[[], Any],
    plan: Plan,
    folder: Path,
) -> None:
    """In the new process."""
    if isinstance(maker, ModelMaker):
        maker.import_runtime()
    write_measured(folder, *measure(maker, library, plan, folder))
