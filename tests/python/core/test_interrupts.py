"""Whatever ends a test from outside ends it soon, with complete logs, and nothing else is harmed.

Method: a program of its own runs a test that would last an hour, says when it is where the case
wants it, and is sent real signals. It must raise KeyboardInterrupt after unloading what it loaded,
leave readable logs and the signals as they were, and run the next test. Further: handlers of the
user's own, a second signal, threads, executors, asyncio, forks, AbortTest.

A test ends within a second of a signal. The limit here allows five more, for a loaded machine.
"""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from runs import FOR_EVERY_SCENARIO, HANG_LIMIT_S, SCENARIOS, Run, answer

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

END_LIMIT_S = 1 + 5
SIGNALS = (signal.SIGINT, signal.SIGTERM)

PARTS = """
    import json, os, signal, sys, threading, time, warnings
    import mlperf_loadgen as lg
    warnings.simplefilter("ignore", lg.ConfigWarning)  # One program for all scenarios.

    def say(word):
        # Not print, which a handler that prints as well must not interrupt.
        os.write(1, f"{word}\\n".encode())

    def signals_of_the_process():
        # What is caught, ignored and blocked, but for the C library's own signals above 31.
        lines = open("/proc/self/status").read().splitlines()
        masks = [line.split() for line in lines if line.startswith(("SigC", "SigI", "SigB"))]
        handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
        return [int(mask, 16) & 0x7fffffff for _, mask in masks], handlers

    def answer(samples):
        lg.QuerySamplesComplete([lg.QuerySampleResponse(s.id, 0, 0) for s in samples])

    def an_hour(scenario="SingleStream", rate=1, **settings):
        own = {
            "SingleStream": {"single_stream_expected_latency_ns": 1e9},
            "MultiStream": {"multi_stream_expected_latency_ns": 1e9},
            "Server": {"server_target_qps": rate},
        }
        return lg.TestSettings(
            scenario=getattr(lg.TestScenario, scenario), min_duration_ms=3600000,
            **own.get(scenario, {}), **settings,
        )

    def run(issue, settings, *, load=lambda indices: None, unload=lambda indices: None):
        sut = lg.ConstructSUT(issue, lambda: None)
        qsl = lg.ConstructQSL(20, 10, load, unload)
        log = lg.LogSettings()
        log.log_output.outdir = f"run{run.count}"
        run.count += 1
        return lg.StartTestWithLogSettings(sut, qsl, settings, log)

    run.count = 0

    def ready_and_silent(samples):
        if not ready_and_silent.said:
            say("ready")
        ready_and_silent.said = True

    ready_and_silent.said = False

    def run_again():
        result = run(answer, lg.TestSettings(min_duration_ms=0))
        assert result.valid, (result.reasons, result.errors)
        say("again")
"""


class Program:
    """A running child, killed with its own children if it hangs, and what it says."""

    def __init__(self, command, directory):
        self.errors = directory / "errors"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.signalled_s = None
        self.watchdog = threading.Timer(HANG_LIMIT_S, self.kill)
        self.watchdog.start()

    def kill(self):
        self.watchdog.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait_for(self, word):
        said = []
        while line := self.process.stdout.readline():
            if line.strip() == word:
                return
            said.append(line)
        pytest.fail(f"ended without {word!r}: {said}\n{self.errors.read_text()}")

    def send(self, number):
        self.signalled_s = time.monotonic()
        self.process.send_signal(number)

    def end(self, line=""):
        """Waits for the end; returns (exit status, the lines it said, stderr)."""
        with contextlib.suppress(BrokenPipeError), self.process.stdin as stdin:
            stdin.write(line)
        said = self.process.stdout.read().splitlines()
        status = self.process.wait()
        if self.signalled_s is not None:
            assert time.monotonic() - self.signalled_s < END_LIMIT_S
        return status, said, self.errors.read_text()

    def assert_says(self, *words, line=""):
        """Says these words to its end, and ends well."""
        status, said, errors = self.end(line)
        assert (status, tuple(said)) == (0, words), errors
        assert errors == ""


@pytest.fixture
def start(tmp_path):
    """Starts PARTS and a program in a process of its own, in an empty directory."""
    programs = []

    def run(program, *arguments):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(PARTS) + textwrap.dedent(program))
        command = [sys.executable, "-X", "faulthandler", path, *arguments]
        programs.append(Program(command, tmp_path))
        return programs[-1]

    yield run
    for program in programs:
        program.kill()
        program.process.wait()
        program.process.stdout.close()


def assert_complete_logs(outdir):
    """All logs can be read to their ends; returns them."""
    run = Run(outdir)
    assert run.detail
    assert run.trace["displayTimeUnit"] == "ns"
    assert isinstance(run.accuracy, list)
    assert not lg.read_accuracy(outdir / "mlperf_log_accuracy.json").truncated
    lg.read_samples(outdir / "loadgen_samples/mlperf_log_samples.npy")
    assert "encountered" in run.summary.splitlines()[-1]
    return run


# ---- Anywhere in a test --------------------------------------------------------------------------

ANYWHERE = """
    scenario, place = sys.argv[1:]
    loads, issued, threads = [], [], []
    over = threading.Event()

    def stay():
        # Python itself may miss a signal that comes just before it starts to sleep.
        threading.Timer(0.05, say, ["ready"]).start()
        time.sleep(3600)

    def load(indices):
        loads.append(indices)
        if place == "loading":
            stay()

    def answer_slowly(samples):
        say("ready")
        for sample in samples:
            answer([sample])
            if over.wait(0.01):
                return

    def issue(samples):
        issued.append(len(samples))
        if place == "callback":
            stay()
        elif place == "waiting":
            ready_and_silent(samples)
        elif scenario == "Offline":
            threads.append(threading.Thread(target=answer_slowly, args=(list(samples),)))
            threads[0].start()
        else:
            answer(samples)
            if len(issued) == 100:
                say("ready")

    settings = an_hour(
        scenario, mode=lg.TestMode.PerformanceOnly, min_query_count=10,
        rate=0.01 if place == "waiting" else 2000,
    )
    before = signals_of_the_process()
    try:
        run(issue, settings, load=load, unload=loads.remove)
    except KeyboardInterrupt:
        say("interrupted")
    assert loads == [], loads
    assert signals_of_the_process() == before
    over.set()
    for thread in threads:
        thread.join()
        run(answer, lg.TestSettings(min_duration_ms=0))  # Answers that were late are its fault.
    run_again()
"""
PLACES = ("waiting", "callback", "loading", "busy")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_signal(start, tmp_path, scenario, place, number):
    program = start(ANYWHERE, scenario, place)
    program.wait_for("ready")
    program.send(number)
    program.assert_says("interrupted", "again")
    run = assert_complete_logs(tmp_path / "run0")
    assert "Ending early: the test was aborted." in run.values("error_runtime")
    if place != "loading":  # Where nothing was measured there is no verdict.
        assert run.values("result_validity") == ["INVALID"]


# ---- Handlers of the user's own ------------------------------------------------------------------

OWN_HANDLER = """
    number, meaning = int(sys.argv[1]), sys.argv[2]

    class OwnError(Exception):
        pass

    def handler(*_):
        say("handled")
        if meaning == "raises":
            raise OwnError
        if meaning == "aborts":
            lg.AbortTest()

    signal.signal(number, signal.SIG_IGN if meaning == "ignores" else handler)
    before = signals_of_the_process()
    held, loads = [], []

    def hold(samples):
        held.append(samples)
        say("ready")
        if meaning in ("ignores", "goes on"):
            threading.Thread(target=lambda: (sys.stdin.readline(), answer(samples))).start()

    settings = lg.TestSettings(min_duration_ms=0, min_query_count=1)
    try:
        result = run(hold, settings, load=loads.append, unload=loads.remove)
        say("aborted" if result.aborted else "finished")
    except OwnError:
        say("raised")
    assert loads == []
    assert signals_of_the_process() == before
    run_again()
"""
MEANINGS = {"goes on": "finished", "raises": "raised", "aborts": "aborted", "ignores": "finished"}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("meaning", MEANINGS)
def test_handlers_of_the_user_keep_their_meaning(start, tmp_path, meaning, number):
    program = start(OWN_HANDLER, str(int(number)), meaning)
    program.wait_for("ready")
    program.send(number)
    if meaning != "ignores":
        program.wait_for("handled")
    program.assert_says(MEANINGS[meaning], "again", line="answer\n")
    assert_complete_logs(tmp_path / "run0")


# ---- A second signal -----------------------------------------------------------------------------

STUCK = """
    def unload(indices):
        say("unloading")
        if sys.argv[1] == "python":
            time.sleep(3600)
        while True:
            pass

    run(ready_and_silent, an_hour(), unload=unload)
"""


@pytest.mark.parametrize("form", ["python", "busy"])
@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_second_signal_ends_the_process(start, first, second, form):
    program = start(STUCK, form)
    program.wait_for("ready")
    program.send(first)
    program.wait_for("unloading")
    program.send(second)
    status, _, _ = program.end()
    assert status == -second


# ---- Tests that do not run on the main thread ----------------------------------------------------

ELSEWHERE = """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    ended = []
    has_ended = threading.Event()

    def test():
        try:
            run(ready_and_silent, an_hour(), unload=lambda indices: ended.append("unloaded"))
        except KeyboardInterrupt:
            ended.append("interrupted")
        has_ended.set()

    def in_thread():
        thread = threading.Thread(target=test)
        thread.start()
        thread.join()

    def in_executor():
        with ThreadPoolExecutor() as pool:
            pool.submit(test).result()

    def in_asyncio():
        async def main():
            await asyncio.get_running_loop().run_in_executor(None, test)

        asyncio.run(main())

    before = signals_of_the_process()
    try:
        {"thread": in_thread, "executor": in_executor, "asyncio": in_asyncio}[sys.argv[1]]()
    except KeyboardInterrupt:
        say("interrupted")
    has_ended.wait()  # An interrupted join() does not join any more.
    assert ended == ["unloaded", "interrupted"], ended
    assert signals_of_the_process() == before
    run_again()
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("where", ["thread", "executor", "asyncio"])
def test_signal_of_a_test_on_another_thread(start, tmp_path, where, number):
    program = start(ELSEWHERE, where)
    program.wait_for("ready")
    program.send(number)
    program.assert_says("interrupted", "again")
    assert_complete_logs(tmp_path / "run0")


# ---- AbortTest and a second test -----------------------------------------------------------------


def run_aside(call, event):
    """Starts a thread that calls as soon as the event is set."""
    thread = threading.Thread(target=lambda: (event.wait(), call()))
    thread.start()
    return thread


@pytest.mark.parametrize("place", ["waiting", "busy"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_abort_from_another_thread(run_test, scenario, place):
    issued = threading.Event()

    def issue(samples):
        if place == "busy":
            answer(samples[:-1] if scenario == "Offline" else samples)
        issued.set()

    thread = run_aside(lg.AbortTest, issued)
    run = run_test(scenario=scenario, issue=issue, min_duration_ms=3600000, server_target_qps=500)
    thread.join()
    assert run.result.aborted
    assert any("aborted" in reason for reason in run.result.reasons)
    assert run.calls("load") == run.calls("unload") != []
    assert_complete_logs(run.outdir)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_second_test_is_refused_and_the_first_goes_on(run_test, scenario):
    issued, tried = threading.Event(), threading.Event()
    refusals = []

    def second():
        try:
            with pytest.raises(RuntimeError, match="already running") as refused:
                run_test()
            refusals.append(refused.value)
        finally:
            tried.set()

    def issue(samples):
        issued.set()
        tried.wait()
        answer(samples)

    thread = run_aside(second, issued)
    run = run_test(scenario=scenario, issue=issue, server_target_qps=1e5)
    thread.join()
    assert len(refusals) == 1
    assert refusals[0].run.events == []
    assert not list(refusals[0].run.outdir.iterdir())
    assert run.errors == []
    assert not run.result.aborted
    assert_complete_logs(run.outdir)


# ---- Processes of their own ----------------------------------------------------------------------

CHILD_IS_TERMINATED = """
    import multiprocessing

    def child(pipe):
        run(lambda samples: pipe.send("running"), an_hour())
        pipe.send("went on")

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        ours, theirs = context.Pipe()
        process = context.Process(target=child, args=(theirs,))
        process.start()
        theirs.close()
        assert ours.recv() == "running"
        process.terminate()
        process.join()
        try:
            say(ours.recv())
        except EOFError:
            say("ended")
        say(process.exitcode)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_terminate_is_not_swallowed(start, tmp_path, method):
    status, said, errors = start(CHILD_IS_TERMINATED, method).end()
    assert (status, said) == (0, ["ended", "1"]), errors
    assert "KeyboardInterrupt" in errors
    assert_complete_logs(tmp_path / "run0")


FORKED = """
    scenario, where, then = sys.argv[1:]
    children = []
    queries = 0

    def fork_once(name):
        if name != where or len(children) == 2:
            return False
        children.append(os.fork())
        if children[-1] == 0 and then == "raises":
            raise ValueError("in the child")
        return children[-1] == 0 and then == "returns"

    def issue(samples):
        global queries
        queries += 1
        last = "last query" if scenario == "Offline" or queries == 20 + 700 else "query"
        if not fork_once(where if where == "query" else last):
            answer(samples)

    settings = lg.TestSettings(
        scenario=getattr(lg.TestScenario, scenario), min_duration_ms=0, min_query_count=700,
        server_target_qps=2000, server_target_latency_ns=10**10, mode=lg.TestMode.SubmissionRun,
        multi_stream_samples_per_query=1,
    )
    log = lg.LogSettings()
    log.log_output.outdir = "forked"
    result = lg.StartTestWithLogSettings(
        lg.ConstructQDL(issue, lambda: fork_once("flush"), lambda: fork_once("name") or "a name"),
        lg.ConstructQSL(20, 10, lambda i: fork_once("load"), lambda i: fork_once("unload")),
        settings, log,
    )
    assert result.valid, result.reasons
    say([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
    assert run(answer, lg.TestSettings(min_duration_ms=0)).valid
"""
FORKS = [
    *[(scenario, "query", "answers") for scenario in SCENARIOS],
    *[(scenario, "query", then) for scenario in SCENARIOS for then in ("returns", "raises")],
    *[(scenario, "last query", "returns") for scenario in SCENARIOS],
    *[
        ("SingleStream", where, then)
        for where in ("flush", "load", "unload", "name")
        for then in ("returns", "raises")
    ],
]


@pytest.mark.parametrize(("scenario", "where", "then"), FORKS)
def test_child_forked_in_a_callback_ends(start, tmp_path, scenario, where, then):
    """It has the test's stack, but neither its threads nor any business with its files."""
    status, said, errors = start(FORKED, scenario, where, then).end()
    once = where == "name" or (where == "last query" and scenario != "Offline")
    forks = 1 if once else 2
    assert (status, said) == (0, [str([1] * forks)]), errors
    assert errors.count("a child process that was forked in a callback") == forks
    run = assert_complete_logs(tmp_path / "forked")
    assert run.values("result_validity") == ["VALID"]
    assert run.values("error_runtime") == []
    assert sorted({record["qsl_idx"] for record in run.accuracy}) == list(range(20))


# ---- During the preparation of many samples ------------------------------------------------------


def _run_with(load, unload, issue, tmp_path, **settings):
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    sut = lg.ConstructSUT(issue, lambda: None)
    qsl = lg.ConstructQSL(1000, 1000, load, unload)
    asked = lg.TestSettings(min_duration_ms=0, min_query_count=3, **settings)
    return lg.StartTestWithLogSettings(sut, qsl, asked, log)


def test_a_stop_before_the_first_query_unloads_the_list_that_was_loaded(tmp_path):
    """To make it once more would take seconds for many millions of samples."""
    given = []

    def load(indices):
        given.append(indices)
        lg.AbortTest()

    assert _run_with(load, given.append, answer, tmp_path).aborted
    assert len(given) == 2
    assert given[0] is given[1]


def test_a_stop_during_the_warm_up_unloads_the_list_that_was_loaded(tmp_path):
    """The preparation of the samples that count comes after it."""
    given = []

    def issue(samples):
        answer(samples)
        lg.AbortTest()

    assert _run_with(given.append, given.append, issue, tmp_path, warmup_query_count=5).aborted
    assert len(given) == 2
    assert given[0] is given[1]


def test_a_library_that_changes_its_list_unloads_what_it_loaded(tmp_path):
    unloaded = []

    def load(indices):
        indices.clear()
        lg.AbortTest()

    _run_with(load, lambda indices: unloaded.append(sorted(indices)), answer, tmp_path)
    assert unloaded == [list(range(1000))]


def test_the_list_of_loaded_samples_is_let_go_before_the_first_query(tmp_path):
    """Millions of numbers without a use would slow down the garbage collection of the test."""
    loaded, counts, unloaded = [], [], []

    def issue(samples):
        counts.append(sys.getrefcount(loaded[0]))
        answer(samples)

    _run_with(loaded.append, unloaded.append, issue, tmp_path)
    assert counts == [2, 2, 2]  # The list of lists, and the call.
    assert unloaded == loaded
