"""How far the running test is, as people see it: `show_progress`."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Protocol, TextIO

from .. import _core
from ..host.threads import require_unpatched
from ..text.units import duration, rate
from .progress import Progress, read_progress

_LINE_INTERVAL_S = 5.0
_LONGEST_FAREWELL_S = 1.0
"""How long the end of a `show_progress` waits for a stream that takes nothing."""


@contextlib.contextmanager
def show_progress(interval_s: float = 1.0, stream: TextIO | None = None) -> Iterator[None]:
    """Shows the progress of the tests that run inside the `with` block.

    `stream`: sys.stderr unless given. On a terminal it shows a panel that is updated every
    `interval_s` seconds; elsewhere it writes a line every five seconds and one at the end of the
    last set. Faults of the stream do not affect the tests.

    Raises ValueError if the interval is not above 0, ImportError if the stream is a terminal and
    rich is not installed, and RuntimeError if gevent or eventlet has replaced the threads of the
    process, because the progress would then appear only after the end of a test.
    """
    if not interval_s > 0:
        raise ValueError(f"interval_s must be above 0, not {interval_s!r}")
    shown = stream or sys.stderr
    if shown is None:  # A program without one, as a daemon may be.
        yield
        return
    require_unpatched("show_progress", "threads")
    view = _Panel(shown) if _is_terminal(shown) else _Lines(shown)
    stop = threading.Event()
    thread = threading.Thread(
        target=_watch,
        args=(view, read_progress(), interval_s, stop),
        name="mlperf_loadgen progress",
        daemon=True,
    )
    thread.start()
    # What is said of silent systems is part of what is shown.
    replaces_notices = shown is sys.stderr
    if replaces_notices:
        _core.set_progress_shown(True)
    try:
        yield
    finally:
        if replaces_notices:
            _core.set_progress_shown(False)
        stop.set()
        thread.join(_LONGEST_FAREWELL_S)


# ---- The thread ----------------------------------------------------------------------------------


class _View(Protocol):
    """Where progress is shown; used by one thread."""

    def show(self, progress: Progress, speed: float) -> None:
        """`speed`: samples completed per second since the last time."""

    def close(self) -> None: ...


def _watch(view: _View, last: Progress | None, interval_s: float, stop: threading.Event) -> None:
    """Shows the sets after `last` until it is stopped; nothing if the stream is broken."""
    with contextlib.suppress(Exception):
        try:
            stopping = False
            while not stopping:
                stopping = stop.wait(interval_s)
                now = read_progress()
                if now is not None and now != last:
                    view.show(now, _speed(last, now))
                    last = now
        finally:
            view.close()


def _speed(before: Progress | None, now: Progress) -> float:
    """Samples completed per second since `before`, if that is of the same set; else all of it."""
    if now.finished or before is None or before.set_number != now.set_number:
        return now.completed_samples_per_second
    seconds = now.elapsed_s - before.elapsed_s
    return (now.samples_completed - before.samples_completed) / seconds if seconds > 0 else 0.0


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # It is closed.
        return False


# ---- Views ---------------------------------------------------------------------------------------


class _Lines:
    """A line now and then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_s = time.monotonic() + _LINE_INTERVAL_S

    def show(self, progress: Progress, speed: float) -> None:
        if time.monotonic() < self._next_s and not progress.finished:
            return
        self._next_s = time.monotonic() + _LINE_INTERVAL_S
        parts = [f"{name} {text}" for name, text in _facts(progress, speed)]
        print(f"{title_of(progress)}: {'; '.join(parts)}", file=self._stream, flush=True)

    def close(self) -> None: ...


class _Panel:
    """A panel that stays in its place on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        try:
            from rich.console import Console
            from rich.live import Live
            from rich.panel import Panel
            from rich.text import Text
        except ImportError as error:
            message = "show_progress on a terminal needs rich: pip install 'mlperf_loadgen[cli]'"
            raise ImportError(message) from error
        self._panel, self._text = Panel, Text
        self._live = Live(Text(), console=Console(file=stream), auto_refresh=False)
        # Here and not when a test runs: the first time takes longest.
        with contextlib.suppress(OSError, ValueError):
            self._live.start(refresh=True)

    def show(self, progress: Progress, speed: float) -> None:
        text = "\n".join(f"{name:<9} {text}" for name, text in _facts(progress, speed))
        panel = self._panel(self._text(text), title=title_of(progress), title_align="left")
        self._live.update(panel, refresh=True)

    def close(self) -> None:
        self._live.stop()


# ---- Text ----------------------------------------------------------------------------------------


def title_of(progress: Progress) -> str:
    """The phase that is being issued, such as "Server peak trial 3"."""
    phase = progress.phase.replace("_", " ")
    return f"{progress.scenario.name} {phase}{f' {progress.trial}' if progress.trial else ''}"


def _facts(progress: Progress, speed: float) -> Iterator[tuple[str, str]]:
    """Names and texts."""
    yield "time", f"{_seconds(progress.elapsed_s)}{_end(progress)}"
    yield "queries", f"{progress.queries_issued:,} issued"
    failed = f"{progress.samples_failed:,} failed, " if progress.samples_failed else ""
    yield (
        "samples",
        f"{progress.samples_completed:,} completed, {failed}"
        f"{progress.samples_outstanding:,} outstanding",
    )
    if progress.silent_s is not None and progress.oldest_outstanding_s is not None:
        yield (
            "silent",
            f"nothing completed for {_seconds(progress.silent_s)}, the oldest is outstanding for "
            f"{_seconds(progress.oldest_outstanding_s)}",
        )
    offered = progress.offered_samples_per_second
    yield "rate", f"{rate(speed)}/s" + (f" of {rate(offered)}/s" if offered else "")
    if progress.latency_p50_ns is not None and progress.latency_p99_ns is not None:
        yield (
            "latency",
            f"p50 {duration(progress.latency_p50_ns)}, p99 {duration(progress.latency_p99_ns)}",
        )
    late_ns = (progress.lateness_p50_ns, progress.lateness_p99_ns, progress.lateness_max_ns)
    if None not in late_ns:
        names = ("p50", "p99", "max")
        texts = [f"{n} {duration(ns or 0)}" for n, ns in zip(names, late_ns, strict=True)]
        yield "lateness", ", ".join(texts)


def _end(progress: Progress) -> str:
    if progress.finished:
        return ", finished"
    if progress.remaining_s is None:
        return ""
    return f", {_seconds(progress.remaining_s)} left" if progress.remaining_s > 0 else ", ending"


def _seconds(seconds: float) -> str:
    """As a clock shows it, which `duration` does not."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
