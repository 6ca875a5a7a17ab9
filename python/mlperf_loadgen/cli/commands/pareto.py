"""`mlperf-loadgen pareto`: systems beside each other, and which of them no other one beats."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import _core
from ...text.columns import WIDTH
from ...text.units import counted
from ..measurement import fresh_folder
from ..options.durations import duration_ns
from ..options.option_names import check_option
from ..options.options import Shown, with_options
from ..options.plot_files import check_plot
from ..options.setting_values import assign_setting, split_assignment
from ..show.outcome import Interrupted, Mistake, Outcome, Status
from ..show.show import say
from ..target.targets import find_function, find_library, importable

if TYPE_CHECKING:
    from ...tradeoffs.table import ParetoTable

_SET_ELSEWHERE = {
    "scenario": "each row has runs of several",
    "mode": "each row has runs of several",
    "min_duration_ms": "give --budget",
    "server_target_latency_ns": "give --bound",
    "server_target_qps": "the search for the peak chooses its rates",
    "offline_expected_qps": "a probe finds it",
    "offline_probe_duration_ms": "give --budget",
    "single_stream_expected_latency_ns": "the first answer shows it",
}
_TABLE = "pareto.json"


@dataclass
class Systems:
    """What is measured."""

    make: Annotated[
        str,
        typer.Argument(
            metavar="MAKE",
            help="Function that makes the system of a variant: package.module:function or "
            "path/file.py:function. It is called with the variant, or with the variant and the "
            "sample library. Or it takes nothing, and returns a torch model and an example of its "
            "inputs.",
            show_default=False,
        ),
    ]
    variants: Annotated[
        str,
        typer.Option(
            "--variants",
            "-v",
            metavar="LIST",
            help="Variants to measure, with commas between them; the first one is what the others "
            "are compared with. Of a model: fp32, int8, int4, uniform:4, uniform:4/32, qat:2, "
            "lsq:3, diffq:5, or with @onnx on ONNX Runtime, as in uniform:4@onnx.",
            show_default=False,
        ),
    ]
    qsl: Annotated[
        str | None,
        typer.Argument(
            metavar="QSL",
            help="Sample library, as for `run`. You may leave it out if the file or module of MAKE "
            "has just one.",
            show_default=False,
        ),
    ] = None
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="Type of the numbers in a response, such as int64 or float32, for a library with "
            "labels. Default: what the system has as response_dtype.",
            show_default=False,
        ),
    ] = None
    max_batch: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Most samples that a model is given at a time; default: 32.",
            show_default=False,
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Threads that compute a batch of a model; default: 1.",
            show_default=False,
        ),
    ] = None
    set: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set a setting of all runs, for example min_query_count=1000. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def settings(self) -> _core.TestSettings:
        """Raises Mistake for a setting that is not one for all runs."""
        settings = _core.TestSettings()
        for text in self.set:
            asked = split_assignment("--set", text)
            assign_setting(settings, asked)
            if asked.name in _SET_ELSEWHERE:
                why = _SET_ELSEWHERE[asked.name]
                raise Mistake(f"{asked.shown}: has no effect here: {why}; leave it out")
        return settings


@dataclass
class Measured:
    """How long, and what is made of it."""

    bound: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Latency bound of the highest Server rate, such as 20ms. Without it, that rate is "
            "not searched for.",
            show_default=False,
        ),
    ] = None
    budget: Annotated[
        str, typer.Option(metavar="DURATION", help="Time for the runs of a row, as a goal.")
    ] = "60s"
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Time after which a process is killed and its row is an error, such as 10min. A "
            "process trains and compresses a model, or measures a row. Default: there is no limit.",
            show_default=False,
        ),
    ] = None
    repeats: Annotated[
        int, typer.Option(metavar="N", help="How often to measure each row, in turns.")
    ] = 1
    minimize: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Columns of the front where less is better, by their names in pareto.csv; "
            "default: disk_bytes,latency_p99_ns.",
            show_default=False,
        ),
    ] = None
    maximize: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Columns of the front where more is better; default: accuracy,samples_per_second.",
            show_default=False,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the table and the logs; it is made if missing. Default: a new folder "
            "in ./runs.",
            show_default=False,
        ),
    ] = None
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep the rows that the folder already has of this command."),
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the table that the folder already has.")
    ] = False
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the table to this file (.png, .svg, .pdf).",
            show_default=False,
        ),
    ] = None
    progress: Annotated[
        bool | None,
        typer.Option(
            "--progress/--no-progress",
            help="Print a line on stderr for each row that is done. Default: only if stderr is a "
            "terminal.",
            show_default=False,
        ),
    ] = None

    @property
    def bound_ns(self) -> int | None:
        """The bound of the peak. Raises Mistake, as those below do."""
        return None if self.bound is None else round(duration_ns("--bound", self.bound))

    @property
    def budget_s(self) -> float:
        """The time for the runs of a row."""
        return duration_ns("--budget", self.budget) / 1e9

    @property
    def limit_s(self) -> float | None:
        """The time that a process may take."""
        return None if self.limit is None else duration_ns("--limit", self.limit) / 1e9

    @property
    def shows_progress(self) -> bool:
        """Whether to print a line for each row that is done."""
        return sys.stderr.isatty() if self.progress is None else self.progress

    def check_output(self, output: Path) -> None:
        """Raises Mistake for a folder whose table would be lost."""
        if self.resume and self.force:
            raise Mistake("--resume keeps what --force overwrites: give one of the two")
        if (output / _TABLE).exists() and not self.resume and not self.force:
            raise Mistake(
                f"--output {output}: has the table of an earlier run; give another folder, "
                "--resume to go on from it, or --force to write over it"
            )


@with_options
def pareto(systems: Systems, measured: Measured, shown: Shown) -> Outcome:
    """Measure variants of a system, and say which of them no other one beats.

    Each variant is measured in a process of its own: its size, memory and accuracy, latency one
    query at a time, throughput with all samples at once, and with --bound the highest rate that
    keeps it. The folder gets the logs, and the table as pareto.json and pareto.csv. The exit status
    is 3 if a variant could not be measured, and 1 if a run was INVALID.

    \b
    For example:
      mlperf-loadgen pareto systems.py:make --variants small,large --bound 20ms
      mlperf-loadgen pareto model.py:make --variants fp32,int8,uniform:4/32
    """
    from ...tradeoffs.run import pareto as measure_all

    check_option("--repeats", "repeats", measured.repeats)
    settings = systems.settings()
    make = importable(find_function(systems.make, "MAKE"), systems.make)
    library = find_library(systems.make, systems.qsl)
    variants = _words(systems.variants)
    if not variants:
        raise Mistake("--variants: name what to measure, as in --variants small,large")
    output = measured.output or fresh_folder(systems.make, "pareto")
    measured.check_output(output)
    if measured.plot is not None:
        check_plot(measured.plot)
    try:
        table = measure_all(
            make,
            library,
            variants,
            settings=settings,
            bound_ns=measured.bound_ns,
            budget_s=measured.budget_s,
            repeats=measured.repeats,
            dtype=systems.dtype,
            minimize=_columns(measured.minimize),
            maximize=_columns(measured.maximize),
            max_batch=systems.max_batch,
            threads=systems.threads,
            limit_s=measured.limit_s,
            outdir=output,
            resume=measured.resume,
            progress=say if measured.shows_progress else None,
        )
    except (ValueError, TypeError, OSError) as error:
        raise Mistake(str(error)) from error
    except KeyboardInterrupt as error:
        raise Interrupted(_interrupted_text(error, output)) from error
    if measured.plot is not None:
        _draw(table, measured.plot, output)
    return _outcome(table, output, measured.plot)


def _words(text: str) -> list[str]:
    words = (word.strip() for word in text.split(","))
    return [word for word in words if word]


def _columns(text: str | None) -> list[str] | None:
    return None if text is None else _words(text)


def _interrupted_text(error: BaseException, output: Path) -> str:
    table: ParetoTable | None = getattr(error, "table", None)
    if table is None:
        return "interrupted before the first row"
    done = sum(row.run_count > 0 for row in table.rows)
    return (
        f"interrupted; measured: {done} of {counted(len(table.rows), 'variant')}; the same command "
        f"with --output {output} --resume goes on from there"
    )


def _draw(table: ParetoTable, plot: Path, output: Path) -> None:
    try:
        table.plot(plot)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Mistake(
            f"--plot {plot}: cannot be drawn: {reason}; the table is in {output / _TABLE}"
        ) from error


def _status_of(table: ParetoTable) -> Status:
    if any(row.failed for row in table.rows):
        return Status.SUT_FAILED
    return Status.DONE if all(row.valid for row in table.rows) else Status.INVALID


def _outcome(table: ParetoTable, output: Path, plot: Path | None) -> Outcome:
    status = _status_of(table)
    written = json.loads((output / _TABLE).read_text(encoding="utf-8"))
    document = {**written, "output": output, "exit_status": status}

    def show() -> None:
        from ...tradeoffs.text import table_text
        from ..show.result_view import print_where_next

        # Its columns beside each other are worth a wide terminal.
        print(table_text(table, max(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)))

        print_where_next(output)
        if plot is not None:
            print(f"plot: {plot}")

    return Outcome(status, document, show)
