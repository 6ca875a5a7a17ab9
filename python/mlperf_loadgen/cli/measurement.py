"""What `run`, `find-peak` and `sweep` have in common: from options to a system that can be
measured."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..host.folders import make_folder
from ..interfaces import QuerySampleLibrary, SystemUnderTest
from ..live.progress import Progress, read_progress
from ..live.view import title_of
from ..run import LogsOverwrittenWarning
from .asked_endpoint import AskedEndpoint, asked_endpoint
from .options.endpoint_options import Endpoint
from .options.network_options import shown_headers, shown_options
from .options.options import Logs, Settings, Target
from .options.run_file import RunFile, read_run_file
from .options.setting_values import (
    Assignment,
    assign_log_setting,
    split_assignment,
)
from .options.settings_sources import ANY_MODEL, Model, SourcedSettings, gather_settings
from .show.outcome import Interrupted, Mistake, SutFailure
from .show.show import say
from .target.endpoint_targets import names_endpoint
from .target.targets import (
    check_system,
    entered,
    in_folder,
    is_address,
    make_library,
    make_system,
    shown_target,
    target_name,
)
from .target.user_code import calling_user_code

_RUNS = Path("runs")
_AUDIT_CONFIG = "audit.config"  # Which StartTest reads, too.


@dataclass
class Measurement:
    """All that was asked for, in the file and in the options; it makes what is measured."""

    target: Target
    sut: str | None
    qsl: str | None
    endpoint: AskedEndpoint
    sourced: SourcedSettings
    log_settings: _core.LogSettings
    output: Path
    asked: Settings
    logs: Logs
    tables: Sequence[str] = ()
    """Files that the command writes beside the logs."""
    mode: str | None = None
    """The mode as it was given on the command line."""
    output_is_of_file: bool = False
    doing: str = "before anything was loaded"
    """The work that an interrupt would end."""

    def make_library(self) -> Any:
        """The sample library, not entered."""
        sut = self.needed_sut()
        if self.endpoint.dataset is not None:
            return self.endpoint.prompts()
        return make_library(sut, self.qsl)

    def words(
        self,
        *more: str,
        changed: Mapping[str, float] | None = None,
        without: Collection[str] = (),
    ) -> str:
        """The target and the settings as they were given, for a command that repeats them with some
        settings changed and some left out."""
        words = [shown_target(word) for word in (self.target.sut, self.target.qsl) if word]
        options = {
            "--file": self.target.file,
            "--keys": self.target.keys,
            "--connect-timeout": self.target.connect_timeout,
            "--model": self.asked.model,
        }
        pairs = [(name, value) for name, value in options.items() if value is not None]
        pairs += [("--network", text) for text in shown_options(self.target.network)]
        pairs += [("--header", text) for text in shown_headers(self.target.header)]
        words += self.endpoint.given.words()
        pairs += [("--conf", path) for path in self.asked.conf]
        assigned = [split_assignment("--set", text) for text in self.asked.set]
        values = {asked.name: asked.text for asked in assigned}
        values |= {name: f"{value:.10g}" for name, value in (changed or {}).items()}
        pairs += [
            ("--set", f"{name}={value}") for name, value in values.items() if name not in without
        ]
        pairs += [("--log", text) for text in self.logs.log]
        if self.output_is_of_file:  # Where the results of this run are now.
            pairs.append(("--output", _numbered(self.output, 2)))
        return shlex.join([*words, *(str(part) for pair in pairs for part in pair), *more])

    def needed_sut(self) -> str:
        """The system under test as it was named."""
        if self.sut is not None:
            return self.sut
        here = " (there is a run.yaml here)" if Path("run.yaml").is_file() else ""
        raise Mistake(
            "there is no SUT to measure: name one, as in sut.py:Class, or give a file that does, "
            f"--file run.yaml{here}"
        )

    def resolved(
        self, counts: tuple[int, int]
    ) -> tuple[_core.TestSettings, list[tuple[bool, str]], dict[str, Any]]:
        """The settings that StartTest would use, for a library of these sample counts (all, loaded
        at once), what its log would say of mistakes in them (whether it is an error, and the text),
        and numbers of the plan. Raises Mistake as a run does."""
        with self.checking():
            return _core.resolve_test(self.sourced.settings, _AUDIT_CONFIG, *counts)

    def check_system(self, library: object) -> None:
        """Raises Mistake for a system that cannot be made, as far as that shows before it is made.
        `library`: None if it is not known yet."""
        with self.checking():
            check_system(self.needed_sut(), library, self._network_options())

    def _network_options(self) -> dict[str, Any]:
        """Raises Mistake for what is given that the system has no use for."""
        sut = self.needed_sut()
        if names_endpoint(sut):
            options = self.endpoint.options(self.target)
        else:
            options = self.target.network_options()
            self.endpoint.check_unused(sut)
        threads = self.sourced.settings.server_num_issue_query_threads
        if threads and is_address(sut):
            raise Mistake(
                f"server_num_issue_query_threads is {threads}, but a SUT on the network registers "
                "no threads: leave it out"
            )
        if options and not is_address(sut):
            names = {"keys": "--keys", "connect_timeout_s": "--connect-timeout"}
            name = (names | {"headers": "--header"}).get(next(iter(options)), "--network")
            raise Mistake(f"{name} is for a SUT on the network, and {sut} is none: leave it out")
        return options

    @contextlib.contextmanager
    def output_folder(self) -> Iterator[None]:
        """Makes the folder for the logs; a folder that stays empty is removed again. Raises Mistake
        if it cannot be made, or has results that would be lost."""
        self._check_earlier_results()
        made: list[Path] = []
        try:
            folders = (self.output, *self.output.parents)
            made = [folder for folder in folders if not folder.exists()]
            make_folder(self.output, "--output")
        except OSError as error:
            raise Mistake(error.strerror) from error
        try:
            with self.checking():
                _core.check_log_settings(self.log_settings)
            yield
        finally:
            with contextlib.suppress(OSError):
                for folder in made:  # The innermost first.
                    folder.rmdir()

    def _check_earlier_results(self) -> None:
        if self.log_settings.log_output.exist_ok:
            return
        earlier = _core.earlier_log(self.log_settings)
        tables = (self.output / name for name in self.tables)
        found = earlier or next((str(table) for table in tables if table.is_file()), "")
        if found:
            raise Mistake(
                f"--output {self.output}: has the results of an earlier run ({found}), which would "
                "be lost; give another folder, or --force to write over them"
            )

    @contextlib.contextmanager
    def system(self) -> Iterator[tuple[SystemUnderTest, QuerySampleLibrary]]:
        """Makes the system and the library, watched while they are in use; closes them."""
        sut = self.needed_sut()
        network = self._network_options()
        with contextlib.ExitStack() as stack:
            self.doing = f"while the library of {self.qsl or sut} was made"
            library = entered(stack, self.make_library(), self.qsl or sut, QuerySampleLibrary)
            name = shown_target(sut)
            self.doing = f"while {name} was made"
            system = entered(stack, make_system(sut, library, network), name, SystemUnderTest)
            self._watch(stack)
            self.doing = "before the first query, while samples were loaded"
            if is_address(sut):
                self.doing = f"before the first query, waiting for {name} to be ready"
                if self.shows_progress:
                    say(f"waiting for {name} to be ready")
            yield system, library

    @contextlib.contextmanager
    def testing(
        self, done_text: Callable[[BaseException], str] = lambda error: ""
    ) -> Iterator[None]:
        """Around tests: makes the folder of the logs, and does what `checking` does. `done_text`:
        what is done and kept where an interrupt ended them.
        """
        self.needed_sut()
        before = read_progress()
        with self.output_folder(), warnings.catch_warnings():
            if self.logs.force:  # To write over logs was asked for.
                warnings.simplefilter("ignore", LogsOverwrittenWarning)
            try:
                with self.checking():
                    yield
            except KeyboardInterrupt as error:
                parts = [f"interrupted {self._where(before)}", done_text(error)]
                if any(self.output.iterdir()):
                    parts.append(f"what was logged is in {self.output}")
                raise Interrupted("; ".join(filter(None, parts))) from error

    @contextlib.contextmanager
    def checking(self) -> Iterator[None]:
        """Distinguishes mistakes in the command from failures of the system."""
        try:
            with calling_user_code():
                yield
        except (ValueError, TypeError, OSError, ImportError) as error:
            raise Mistake(str(error)) from error
        except RuntimeError as error:
            raise SutFailure(str(error)) from error

    def _where(self, before: Progress | None) -> str:
        """What ran when an interrupt came, and what it waited for."""
        now = read_progress()
        if now is None or (before and before.set_number == now.set_number):
            return self.doing
        issued, missing = now.samples_issued, now.samples_outstanding
        waited = f"waiting for {missing:,} of {issued:,} samples"
        return (
            f"{max(time.time() - now.start_time_s, 0):.1f} s into {title_of(now)}, "
            f"{waited if missing else f'after {issued:,} samples'}"
        )

    @contextlib.contextmanager
    def serving_metrics(self) -> Iterator[str]:
        """Gives their URL, empty if they are not asked for. Raises Mistake where they cannot be
        served.
        """
        port = self.logs.metrics_port
        if port is None:
            yield ""
            return
        from ..live.prometheus import serve_metrics

        with contextlib.ExitStack() as stack:
            try:
                url = stack.enter_context(serve_metrics(port))
            except (OSError, ImportError, RuntimeError) as error:
                raise Mistake(f"--metrics-port {port}: {error}") from error
            yield url

    def _watch(self, stack: contextlib.ExitStack) -> None:
        url = stack.enter_context(self.serving_metrics())
        if url:
            say(f"metrics at {url}")
        if self.shows_progress:
            from ..live.view import show_progress

            try:
                stack.enter_context(show_progress())
            except RuntimeError as error:  # The threads of the process are not real.
                say(f"no progress is shown: {error}")

    @property
    def shows_progress(self) -> bool:
        """Whether to show how far the test is."""
        wanted = self.logs.progress
        return sys.stderr.isatty() if wanted is None else wanted


def measurement_of(
    target: Target,
    endpoint: Endpoint,
    settings: Settings,
    logs: Logs,
    *,
    mode: str | None = None,
    own: Mapping[str, str] | None = None,
    kind: str = "",
    tables: Sequence[str] = (),
) -> Measurement:
    """Reads the file and the options. `own`: settings that the command sets itself, whatever the
    file says; `kind`: part of the folder's name; `tables`: files that the command writes beside the
    logs."""
    file = RunFile(Path()) if target.file is None else read_run_file(target.file)
    options = [*_named_options(settings.scenario, mode)]
    options += [split_assignment("--set", text) for text in settings.set]
    of_command = [
        Assignment(name, text, "command", f"this command has {name}={text}; leave it out")
        for name, text in (own or {}).items()
    ]
    sut, qsl = _named_targets(target, file)
    model = _named_model(settings, file, sut)
    sourced = gather_settings(
        [*file.conf, *settings.conf], model, file.settings, options, of_command
    )
    if model is not None and names_endpoint(sut):
        _judge_by_reading(sourced, model)
    log_settings = _core.LogSettings()
    log_settings.log_output.exist_ok = False
    for assignment in [*file.log, *(split_assignment("--log", text) for text in logs.log)]:
        assign_log_setting(log_settings, assignment)
    if logs.force:
        log_settings.log_output.exist_ok = True
    output = logs.output or (file.folder / file.output if file.output else None)
    output = output or fresh_folder(sut, kind)
    try:
        log_settings.log_output.outdir = str(output)
    except TypeError as error:
        raise Mistake(f"--output {output}: its name is no text; give another folder") from error
    of_file = logs.output is None and file.output is not None
    asked = asked_endpoint(endpoint, target, file)
    parts = (target, sut, qsl, asked, sourced, log_settings, output, settings, logs)
    return Measurement(*parts, tables, mode, of_file)


def _named_model(settings: Settings, file: RunFile, sut: str | None) -> Model | None:
    """The model whose entries count. Raises Mistake for one that an endpoint may serve, but no
    config file has."""
    model = file.model
    if settings.model is not None:
        model = Model(settings.model, f"--model {settings.model}")
    if model is None or not names_endpoint(sut) or file.conf or settings.conf:
        return model
    if model.name not in (ANY_MODEL, *_core.built_in_models()):
        raise Mistake(
            f"{model.shown}: MLPerf has no such model; the one that an endpoint serves is named "
            f"behind its address, as in {shown_target(str(sut)).partition('?')[0]}?model=NAME"
        )
    return model


def _judge_by_reading(sourced: SourcedSettings, model: Model) -> None:
    """The times of MLPerf's models are those of reading, which are upper limits of the endpoint's,
    unless others were asked for."""
    name = "token_clock"
    if name not in sourced.origins and not _core.why_unused(sourced.settings, name):
        sourced.settings.token_clock = _core.TokenClock.Read
        sourced.origins[name] = model.shown


def _named_targets(target: Target, file: RunFile) -> tuple[str | None, str | None]:
    """The system and the library; those of the file are found from its folder."""
    if file.sut or file.qsl:
        sys.path.insert(0, str(file.folder.resolve()))
    sut = in_folder(file.sut, file.folder) if file.sut else None
    qsl = in_folder(file.qsl, file.folder) if file.qsl else None
    if target.sut:  # The file's library goes with the file's system.
        return target.sut, target.qsl
    return sut, qsl


def _named_options(scenario: str | None, mode: str | None) -> Sequence[Assignment]:
    given = {"scenario": scenario, "mode": mode}
    return [
        Assignment(name, text, "command line", f"--{name} {text}")
        for name, text in given.items()
        if text is not None
    ]


def fresh_folder(sut: str | None, kind: str) -> Path:
    """A folder that is not there yet, named by the time and the system."""
    parts = [time.strftime("%Y-%m-%d_%H-%M-%S"), kind, target_name(sut or "")]
    return _numbered(_RUNS / "-".join(part for part in parts if part), 1)


def _numbered(folder: Path, first: int) -> Path:
    """One that is not there yet, with a number from `first` on, of which 1 is none."""
    numbers = range(first, 1000)
    names = (folder.name if number == 1 else f"{folder.name}-{number}" for number in numbers)
    return next((f for name in names if not (f := folder.with_name(name)).exists()), folder)
