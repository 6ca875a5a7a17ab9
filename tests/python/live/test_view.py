"""What is shown of a running test is what its progress says, and no stream that breaks changes the
test.

Method: `show_progress` into strings, a pseudo-terminal and streams that fail in every way, with
systems that wait until something was shown.
"""

import dataclasses
import io
import itertools
import os
import re
import sys
import threading

import pytest
from runs import answer

import mlperf_loadgen as lg
from mlperf_loadgen.live import view as view_module

# ---- show_progress on what is no terminal --------------------------------------------------------


def shown_during(run_test, **arguments):
    """What is shown while a test of 10 queries runs, and the test."""
    stream = io.StringIO()
    with lg.show_progress(stream=stream):
        run = run_test(**arguments)
    return stream.getvalue(), run


def test_a_line_at_the_end_of_a_set(run_test):
    text, run = shown_during(run_test, scenario="Server", server_target_qps=2000)
    assert text.count("\n") == 1
    assert text.startswith("Server performance: time ")
    assert ", finished; " in text
    assert f"queries {run.result.performance.query_count} issued; " in text
    assert f"samples {run.result.performance.sample_count} completed, 0 outstanding; " in text
    assert re.search(r"; rate [\d,.]+/s of 2,000/s; ", text)
    assert re.search(r"; latency p50 [\d.]+ \w+, p99 [\d.]+ \w+; ", text)
    assert re.search(r"; lateness p50 [\d.]+ \w+, p99 [\d.]+ \w+, max [\d.]+ \w+\n", text)


def test_nothing_is_shown_of_an_earlier_test(run_test):
    run_test()
    stream = io.StringIO()
    with lg.show_progress(stream=stream):
        pass
    assert stream.getvalue() == ""


def test_lines_while_a_test_runs(run_test, monkeypatch):
    monkeypatch.setattr(view_module, "_LINE_INTERVAL_S", 0.0)
    shown = threading.Event()
    lines = []

    class Stream(io.StringIO):
        def write(self, text):
            if "1 outstanding" in text:
                lines.append(text)
                shown.set()
            return super().write(text)

    def issue(samples):
        assert shown.wait(60), "no line was shown"
        answer(samples)

    with lg.show_progress(interval_s=0.01, stream=Stream()):
        run_test(min_query_count=3, issue=issue)
    assert lines[0].startswith("SingleStream performance: time ")
    assert "finished" not in lines[0]


def test_a_silent_system_is_named(run_test, monkeypatch):
    """In the line, and then the test itself does not write to stderr between the lines."""
    run_test()
    silent = dataclasses.replace(lg.read_progress(), silent_s=12.5, oldest_outstanding_s=70.0)
    monkeypatch.setattr(view_module, "read_progress", iter([None, silent]).__next__)
    stream = io.StringIO()
    with lg.show_progress(stream=stream):
        pass
    text = stream.getvalue()
    assert "silent nothing completed for 12.5 s, the oldest is outstanding for 1:10 min" in text


def test_what_a_silent_test_says_gives_way_to_what_is_shown_on_stderr(monkeypatch):
    said = []
    monkeypatch.setattr(view_module._core, "set_progress_shown", said.append)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with lg.show_progress(stream=io.StringIO()):
        assert said == []
    with lg.show_progress():
        assert said == [True]
    assert said == [True, False]


def test_failed_samples_are_shown_apart(run_test):
    fails = itertools.cycle([True, False, False])

    def issue(samples):
        lg.fail(samples.ids, "no memory") if next(fails) else answer(samples)

    text, _ = shown_during(run_test, issue=issue, min_query_count=10)
    assert "samples 6 completed, 4 failed, 0 outstanding; " in text
    seen = lg.read_progress()
    assert (seen.samples_completed, seen.samples_failed, seen.samples_outstanding) == (6, 4, 0)


def test_the_rate_shown_is_that_since_the_last_look(run_test):
    run_test()
    end = lg.read_progress()
    ten_in_2_s = dataclasses.replace(
        end, finished=False, samples_completed=10, elapsed_s=2, completed_samples_per_second=5
    )
    forty_in_3_s = dataclasses.replace(
        ten_in_2_s, samples_completed=40, elapsed_s=3, completed_samples_per_second=40 / 3
    )
    next_set = dataclasses.replace(forty_in_3_s, set_number=end.set_number + 1)
    speed = view_module._speed
    assert speed(None, ten_in_2_s) == 5
    assert speed(ten_in_2_s, forty_in_3_s) == 30
    assert speed(ten_in_2_s, next_set) == 40 / 3
    assert speed(ten_in_2_s, end) == end.completed_samples_per_second


def test_the_standard_error_of_the_moment(run_test, capsys):
    with lg.show_progress():
        run_test()
    assert "SingleStream performance" in capsys.readouterr().err


def test_a_sweep_shows_its_runs(handles):
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, min_duration_ms=0, min_query_count=10
    )
    stream = io.StringIO()
    with lg.show_progress(stream=stream):
        table = lg.sweep(*handles, settings, [1000, 2000])
    assert len(table.points) == 2
    assert "of 2,000/s" in stream.getvalue()


# ---- Streams that fail ---------------------------------------------------------------------------


class Refusing(io.StringIO):
    def write(self, text):
        raise RuntimeError("this stream takes nothing")


class Stuck(io.StringIO):
    """Takes nothing and never comes back."""

    def write(self, text):
        threading.Event().wait()


def closed_file():
    stream = io.StringIO()
    stream.close()
    return stream


def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return unbuffered_text(writer)


def hung_up_terminal():
    main, terminal = os.openpty()
    os.close(main)
    return unbuffered_text(terminal)


def unbuffered_text(descriptor):
    """Keeps nothing that its end would have to write."""
    return io.TextIOWrapper(os.fdopen(descriptor, "wb", buffering=0), write_through=True)


@pytest.mark.parametrize("make", [Refusing, closed_file, broken_pipe, hung_up_terminal, Stuck])
def test_a_stream_that_fails_changes_nothing(run_test, make):
    if make is hung_up_terminal:
        pytest.importorskip("rich")
    out, err, threads = sys.stdout, sys.stderr, threading.enumerate()
    with lg.show_progress(interval_s=0.01, stream=make()):
        run = run_test(min_query_count=500)
    assert run.errors == []
    assert run.result.performance.query_count == 500
    assert (sys.stdout, sys.stderr) == (out, err)
    if make is not Stuck:
        assert threading.enumerate() == threads


def test_a_terminal_that_hangs_up_meanwhile(run_test):
    pytest.importorskip("rich")
    main, terminal = os.openpty()
    out, err, threads = sys.stdout, sys.stderr, threading.enumerate()
    with lg.show_progress(interval_s=0.01, stream=unbuffered_text(terminal)):
        os.close(main)
        run = run_test(min_query_count=500)
    assert run.errors == []
    assert (sys.stdout, sys.stderr) == (out, err)
    assert set(threading.enumerate()) <= set(threads)


def test_without_a_standard_error(run_test, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    with lg.show_progress():
        run = run_test()
    assert run.result.performance.query_count == 10
    assert capsys.readouterr().out == ""


def test_an_exception_passes_and_ends_the_thread(run_test):
    def fail(samples):
        raise KeyError("broken system")

    threads = threading.enumerate()
    with pytest.raises(KeyError, match="broken system"), lg.show_progress(stream=io.StringIO()):
        assert len(threading.enumerate()) == len(threads) + 1
        run_test(issue=fail)
    assert threading.enumerate() == threads


@pytest.mark.parametrize("interval_s", [0, -1, float("nan")])
def test_an_interval_that_is_none(interval_s):
    shown = lg.show_progress(interval_s=interval_s)
    with pytest.raises(ValueError, match="interval_s must be above 0, not"), shown:
        pass


# ---- show_progress on a terminal -----------------------------------------------------------------


def test_a_panel_on_a_terminal(run_test, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    main, terminal = os.openpty()
    received = bytearray()
    shown = threading.Event()

    def read():
        while True:
            try:
                received.extend(os.read(main, 65536))
            except OSError:  # No process has the terminal any more.
                return
            if b"1 outstanding" in received:
                shown.set()

    reader = threading.Thread(target=read)
    reader.start()

    def issue(samples):
        assert shown.wait(60), bytes(received)
        answer(samples)

    with (
        os.fdopen(terminal, "w", buffering=1) as stream,
        lg.show_progress(interval_s=0.01, stream=stream),
    ):
        run_test(min_query_count=3, issue=issue)
    reader.join()
    os.close(main)
    text = received.decode()
    assert "SingleStream performance" in text
    assert "0 completed, 1 outstanding" in text
    assert "3 completed, 0 outstanding" in text
    assert text.rindex("finished") > text.rindex("1 outstanding")


def test_only_a_terminal_needs_rich(run_test, monkeypatch):
    for name in ("rich", "rich.console", "rich.live", "rich.panel", "rich.text"):
        monkeypatch.setitem(sys.modules, name, None)
    text, _ = shown_during(run_test)
    assert "10 completed" in text
    main, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stream:
        shown = lg.show_progress(stream=stream)
        with pytest.raises(ImportError, match=r"pip install 'mlperf_loadgen\[cli\]'"), shown:
            pass
    os.close(main)
