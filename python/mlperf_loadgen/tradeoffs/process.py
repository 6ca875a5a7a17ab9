"""Calls a function in a process that begins from nothing, and says why it failed if it did."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_EXIT_LIMIT_S = 10.0
"""How long a process may take to end after its work is done."""
_LOOK_S = 0.5
"""How often to look whether a process that says nothing is still alive."""
_BEGUN = "begun"
"""What a process says once the program's main module is imported."""
_INTERRUPTED = 130
_LONGEST_REASON = 300


class ProcessFailure(RuntimeError):
    """The function did not return. The text is the reason; `details` is the traceback, or empty."""

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.details = details


def require_sendable(value: object, name: str) -> None:
    """Raises TypeError for what another process cannot be given. `name`: the parameter."""
    try:
        pickle.dumps(value)
    except Exception as error:  # Whatever its own methods for this raise.
        raise TypeError(
            f"{name} cannot be handed to another process: {error}; define it at the top of a module"
        ) from error


def call_in_fresh_process(
    function: Callable[..., object], *arguments: object, limit_s: float | None = None
) -> None:
    """Calls `function(*arguments)` in a new process, and waits until it is done.

    Function and arguments are pickled. The process imports the program's main module, as those of
    `multiprocessing` with the start method "spawn" do, and ends with this one. After `limit_s` it
    is killed. Raises ProcessFailure if the function raises, or its process dies or is killed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_main, args=(sender, pickle.dumps((function, arguments))))
    with receiver:
        with sender:
            process.start()
        try:
            failure = _failure(receiver, process, limit_s)
        finally:
            _end(process)
    if failure is not None:
        raise ProcessFailure(*failure)


def _failure(
    receiver: Connection, process: BaseProcess, limit_s: float | None
) -> tuple[str, str] | None:
    """Waits for the end of the work. Returns the reason of a failure and its traceback, or None."""
    begun = False
    end_s = time.monotonic() + (math.inf if limit_s is None else limit_s)
    while True:
        # Processes that the user's code started may hold the pipe open after this one has died.
        while not receiver.poll(max(min(_LOOK_S, end_s - time.monotonic()), 0)):
            if process.exitcode is not None and not receiver.poll():
                return _reason_of_death(process.exitcode, begun), ""
            if time.monotonic() >= end_s:
                process.kill()
                after = f"its process was killed after {limit_s:g} s, the limit of a process"
                return f"{after}: find out what it waits for, or raise the limit", ""
        try:
            message: str | tuple[str, str] | None = receiver.recv()
        except EOFError:
            process.join()
            return _reason_of_death(process.exitcode, begun), ""
        if not isinstance(message, str):
            return message
        begun = message == _BEGUN


def _end(process: BaseProcess) -> None:
    """Threads that the user's code left running must not keep the process."""
    interrupted = isinstance(sys.exc_info()[1], KeyboardInterrupt)
    process.join(0 if interrupted else _EXIT_LIMIT_S)
    if process.is_alive():
        process.kill()
        process.join()


def _reason_of_death(status: int | None, begun: bool) -> str:
    if status is not None and status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        memory = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{memory}"
    if begun:
        return f"its process ended with status {status} in the middle of its work, as by os._exit"
    return (
        f"its process ended with status {status} before it had begun; the program's main module "
        'must be a file that can be imported, with what it runs under if __name__ == "__main__":'
    )


# ---- In the new process --------------------------------------------------------------------------


def _main(sender: Connection, pickled: bytes) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sender.send(_BEGUN)
    try:
        function, arguments = pickle.loads(pickled)
        function(*arguments)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except (Exception, SystemExit) as error:
        sender.send((_reason_of(error), "".join(traceback.format_exception(error))))
    else:
        sender.send(None)


def _reason_of(error: BaseException) -> str:
    """The exception in a line, and the place that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    first_line = str(error).partition("\n")[0][:_LONGEST_REASON]
    return f"{type(error).__name__}{first_line and ': '}{first_line}{place}"


def _end_with_parent() -> None:
    """A process that outlives a killed program would disturb the measurements of the next one."""
    parent: Any = multiprocessing.parent_process()
    parent.join()
    os._exit(_INTERRUPTED)
