"""What `run`, `find-peak` and `sweep` share: from options to a test that can start."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..interfaces import QuerySampleLibrary, SystemUnderTest
from .options import Logs, Settings, Target
from .outcome import Interrupted, Mistake, SutFailure
from .run_file import RunFile, read_run_file
from .setting_values import Assignment, assign_log_setting, split_assignment
from .settings_sources import SourcedSettings, gather_settings
from .targets import entered, in_folder, make_library, make_system, target_name
from .user_code import calling_user_code

_RUNS = Path("runs")


@dataclass
class Session:
    """All that was asked, from the file and from the options."""

    target: Target
    sut: str | None
    qsl: str | None
    sourced: SourcedSettings
    log_settings: _core.LogSettings
    output: Path
    logs: Logs

    def make_library(self) -> Any:
        """The sample library, not entered."""
        return make_library(self.needed_sut(), self.qsl)

    @property
    def target_words(self) -> str:
        """As the target was named on the command line."""
        words = [word for word in (self.target.sut, self.target.qsl) if word is not None]
        if self.target.file is not None:
            words += ["--file", str(self.target.file)]
        return shlex.join(words)

    def needed_sut(self) -> str:
        """The system under test as it was named."""
        if self.sut is not None:
            return self.sut
        here = " (there is a run.yaml here)" if Path("run.yaml").is_file() else ""
        raise Mistake(
            "there is no SUT to measure: name one, as in sut.py:Class, or give a file that does, "
            f"--file run.yaml{here}"
        )

    @contextlib.contextmanager
    def system(self) -> Iterator[tuple[SystemUnderTest, QuerySampleLibrary]]:
        """Makes the system and the library, watched while they are in use; closes them."""
        sut = self.needed_sut()
        with contextlib.ExitStack() as stack:
            library = entered(stack, self.make_library(), self.qsl or sut, QuerySampleLibrary)
            system = entered(
                stack, make_system(sut, library, self.target.keys), sut, SystemUnderTest
            )
            self._watch(stack)
            yield system, library

    @contextlib.contextmanager
    def testing(self) -> Iterator[None]:
        """Around a test: makes the folder of the logs, and does what `checking` does."""
        self.needed_sut()
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Mistake(
                f"--output {self.output}: cannot be made: {error.strerror}; give another folder"
            ) from error
        try:
            with self.checking():
                yield
        except KeyboardInterrupt as error:
            logged = f"; what was logged is in {self.output}" if any(self.output.iterdir()) else ""
            raise Interrupted(f"interrupted{logged}") from error
        finally:
            with contextlib.suppress(OSError):
                self.output.rmdir()  # If nothing came into it.

    @contextlib.contextmanager
    def checking(self) -> Iterator[None]:
        """Tells mistakes in what was asked from failures of the system."""
        try:
            with calling_user_code():
                yield
        except (ValueError, TypeError, OSError, ImportError) as error:
            raise Mistake(str(error)) from error
        except RuntimeError as error:
            raise SutFailure(str(error)) from error

    def _watch(self, stack: contextlib.ExitStack) -> None:
        port = self.logs.metrics_port
        if port is not None:
            from ..metrics import serve_metrics

            try:
                url = stack.enter_context(serve_metrics(port))
            except (OSError, ImportError) as error:
                raise Mistake(f"--metrics-port {port}: {error}") from error
            print(f"metrics at {url}", file=sys.stderr)
        if self.shows_progress:
            from ..progress import show_progress

            stack.enter_context(show_progress())

    @property
    def shows_progress(self) -> bool:
        """Whether to tell how far it is."""
        wanted = self.logs.progress
        return sys.stderr.isatty() if wanted is None else wanted


def open_session(
    target: Target,
    settings: Settings,
    logs: Logs,
    *,
    mode: str | None = None,
    scenario: str | None = None,
    kind: str = "",
) -> Session:
    """Reads the file and the options. `scenario`: one that the command needs; `kind`: of the
    folder's name.
    """
    file = RunFile(Path()) if target.file is None else read_run_file(target.file)
    asked = [*file.settings, *_named_options(scenario or settings.scenario, mode)]
    asked += [split_assignment("--set", text) for text in settings.set]
    sourced = gather_settings([*file.conf, *settings.conf], settings.model or file.model, asked)
    log_settings = _core.LogSettings()
    for assignment in [*file.log, *(split_assignment("--log", text) for text in logs.log)]:
        assign_log_setting(log_settings, assignment)
    sut, qsl = _named_targets(target, file)
    output = logs.output or (file.folder / file.output if file.output else None)
    output = output or _fresh_folder(sut, kind)
    log_settings.log_output.outdir = str(output)
    return Session(target, sut, qsl, sourced, log_settings, output, logs)


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


def _fresh_folder(sut: str | None, kind: str) -> Path:
    """A folder that is not there yet, named by the time and the system."""
    parts = [time.strftime("%Y-%m-%d_%H-%M-%S"), kind, target_name(sut or "")]
    stem = "-".join(part for part in parts if part)
    numbered = (_RUNS / (stem if n == 1 else f"{stem}-{n}") for n in range(1, 1000))
    return next((folder for folder in numbered if not folder.exists()), _RUNS / stem)
