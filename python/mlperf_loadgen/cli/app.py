"""The commands, and what happens around each: its document or text, its errors, its status."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from ..host.folders import has_working_directory
from .options.option_names import in_options
from .options.spelling import near_or_all
from .show.outcome import CommandError, Interrupted, Mistake, Outcome, Status, SutFailure, json_text
from .show.show import drop, ready_streams, say

_HELP_NAMES = ["-h", "--help"]
_CONTEXT = {"help_option_names": _HELP_NAMES}
# \b: lines that stay as they are.
_HELP = """Measures how fast a system answers, by the rules of MLPerf Inference.

\b
New here? Three lines to a first result:
  mlperf-loadgen init demo
  cd demo
  mlperf-loadgen run --file run.yaml
"""
_EPILOG = """\b
Exit status:
    0  the command succeeded; a test was VALID
    1  a test was INVALID, or the peak was not determined; compare: there is a
       difference
    2  there is a mistake in the command
    3  the system under test failed, for example by an exception
    4  compare: inconclusive, the runs are too short or vary too much to judge
  130  the command was interrupted
"""

_COMMANDS = {
    "run": "commands.run",
    "find-peak": "commands.find_peak",
    "sweep": "commands.sweep",
    "pareto": "commands.pareto",
    "serve": "commands.serve",
    "keys": "commands.keys",
    "accuracy": "commands.accuracy",
    "report": "commands.report",
    "compare": "commands.compare",
    "doctor": "commands.doctor",
    "wds": "commands.wds",
    "convert-dataset": "commands.convert_dataset",
    "init": "commands.init",
}
"""The module of each; its function, or group of commands, has the name of the command."""

# ClickException, which typer has no public name for.
_UsageError: type[Exception] = typer.BadParameter.__mro__[2]


class _Commands(TyperGroup):
    """Imports a command's module when the command is wanted."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module("." + _COMMANDS[cmd_name], __package__)
        function = getattr(module, cmd_name.replace("-", "_"))
        if isinstance(function, typer.Typer):  # It has commands of its own.
            function.info.epilog = _EPILOG
            function.info.context_settings = _CONTEXT
            return typer.main.get_command(function)
        single = typer.Typer(
            add_completion=False,
            rich_markup_mode=None,  # Plain help has more room for words in 80 columns.
            context_settings=_CONTEXT,
        )
        single.command(cmd_name, epilog=_EPILOG)(function)
        return typer.main.get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise Mistake(f"there is no command {args[0]!r}{near_or_all(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        words = list(sys.argv[1:] if args is None else args) or ["--help"]
        extra["standalone_mode"] = False
        status = _finish(lambda: super(_Commands, self).main(words, *rest, **extra), words)
        if not _takes_text(sys.stderr):
            drop(sys.stderr)  # What it still holds would become an exit status of its own, 120.
        sys.exit(status)


app = typer.Typer(
    cls=_Commands,
    help=_HELP,
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_CONTEXT,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import _core

        typer.echo(f"mlperf-loadgen {_core.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_print_version, is_eager=True
    ),
) -> None:
    """Options before the command."""


# ---- Around a command ----------------------------------------------------------------------------


def _finish(command: Callable[[], Any], words: Sequence[str]) -> int:
    """Runs the command and prints its outcome. Returns the exit status."""
    ready_streams()
    as_json = "--json" in words and not set(_HELP_NAMES) & set(words)
    outcome = _outcome(command, words, as_json)
    try:
        if isinstance(outcome, Outcome) and as_json:
            print(json_text(outcome.document))
        elif isinstance(outcome, Outcome):
            outcome.show()
        sys.stdout.flush()
    except OSError as error:
        drop(sys.stdout)
        if not isinstance(error, BrokenPipeError):  # A reader has seen enough, as `head` does.
            say(f"error: the standard output cannot be written: {error.strerror}")
            return Status.MISTAKE
    except KeyboardInterrupt:
        say("error: interrupted while the result was printed")
        return Status.INTERRUPTED
    # --help and --version come to a plain number, or to nothing.
    return outcome.status if isinstance(outcome, Outcome) else int(outcome or 0)


def _outcome(command: Callable[[], Any], words: Sequence[str], as_json: bool) -> Any:
    """What the command returns, or an Outcome of what it raises."""
    try:
        with (
            _sigterm_as_ctrl_c(),
            _plain_warnings(),
            _stdout_kept_clean() if as_json else contextlib.nullcontext(),
        ):
            outcome = command()
        if outcome == Status.INTERRUPTED:  # What typer makes of Ctrl-C.
            raise Interrupted("interrupted")
    except SystemExit:  # Of --help, which prints by itself, to a reader that went away.
        drop(sys.stdout)
        return Status.DONE
    except (CommandError, _UsageError, typer.Abort, KeyboardInterrupt) as error:
        return _error_outcome(error, words)
    except OSError as error:
        if not _takes_text(sys.stdout):  # `_finish` reports it.
            return Status.DONE
        return _error_outcome(Mistake(str(error)), words)
    except Exception as error:  # Not 1, which would mean INVALID.
        say("".join(traceback.format_exception(error)).rstrip())
        return _error_outcome(SutFailure(f"unexpected, please report it: {error!r}"), words)
    return outcome


def _takes_text(stream: TextIO) -> bool:
    try:
        stream.flush()
    except OSError:
        return False
    return True


def _error_outcome(error: BaseException, words: Sequence[str]) -> Outcome:
    status = getattr(error, "status", Status.MISTAKE)
    if isinstance(error, (typer.Abort, KeyboardInterrupt)):
        status = Status.INTERRUPTED
    text = _usage_text(error, words) if isinstance(error, _UsageError) else str(error)
    if not isinstance(error, SutFailure):  # The user's code is shown as it is.
        text = in_options(text) or "interrupted"
    gone = "the working directory no longer exists"
    if status != Status.INTERRUPTED and gone not in text and not has_working_directory():
        text = f"{gone}: change to another one (cd) and repeat the command. What failed: {text}"
    if "--debug" in words:
        say("".join(traceback.format_exception(error)).rstrip())
    say(f"error: {text}")
    return Outcome(status, {"error": text, "exit_status": status}, lambda: None)


def _usage_text(error: Any, words: Sequence[str]) -> str:
    """What typer says of a wrong option, with the value that it leaves out, and the fix."""
    text = error.format_message().rstrip(".")
    names = getattr(getattr(error, "param", None), "opts", ())
    given = [f"{a} {b}: " for a, b in itertools.pairwise(words) if a in names]
    if given:  # It names the option already.
        text = text.partition(": ")[2] or text
    command = error.ctx.command_path if error.ctx else "mlperf-loadgen"
    return f"{given[-1] if given else ''}{text[:1].lower()}{text[1:]}; see {command} --help"


@contextlib.contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM, which would end the process at once, interrupts as Ctrl-C does."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = _print_warning
        yield


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Shows a warning. Those of this package come without the place in the code, which is not the
    code of the user."""
    if category.__module__.startswith("mlperf_loadgen"):
        say(f"warning: {in_options(str(message))}")
    else:
        say(warnings.formatwarning(message, category, filename, lineno, line).rstrip())


@contextlib.contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """Sends what is written to stdout meanwhile to stderr, what native code writes included."""
    import ctypes

    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # What C holds back would come out behind the document.
        os.dup2(kept, 1)
        os.close(kept)
