"""Systems under test written with async and await behave as any other, and leave nothing behind.

Method: coroutines that count how many of them run at once, raise, or never end; what StartTest
returns or raises is looked at, and the threads, tasks and objects that are there afterwards. Ctrl-C
is a real signal to a program of its own. Nothing is held against a clock.
"""

import asyncio
import gc
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest
import runs
from qdl_node import Library, digest, hang_limit
from runs import HANG_LIMIT_S, SCENARIOS, errors_of

import mlperf_loadgen as lg
from mlperf_loadgen import testing

QUICK = {"min_duration_ms": 0, "min_query_count": 40, "server_target_qps": 5000}
NUMBERS = Library([bytes([i]) * (i + 1) for i in range(64)])


@pytest.fixture(autouse=True)
def _hang_limit():
    with hang_limit():
        yield


@pytest.fixture(autouse=True)
def _no_threads_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def run(tmp_path):
    """Runs a test in a folder of its own."""
    numbers = itertools.count()

    def run(system, library=NUMBERS, **values):
        asked = runs.with_rate_and_count_in_use(QUICK | values)
        return testing.run(system, library, outdir=tmp_path / f"run{next(numbers)}", **asked)

    return run


class System(lg.AsyncSystemUnderTest):
    """Answers with digests in another turn of the loop, and notes what it was asked to do."""

    def __init__(self, delay_s=0.0):
        self.delay_s = delay_s
        self.calls = []
        self.at_once = self.most_at_once = 0

    async def start(self):
        self.calls.append("start")
        self.loop = asyncio.get_running_loop()

    async def stop(self):
        self.calls.append("stop")
        assert asyncio.get_running_loop() is self.loop
        self.tasks_left = asyncio.all_tasks() - {asyncio.current_task()}

    async def flush(self):
        self.calls.append("flush")

    async def issue_query(self, samples):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.delay_s)
        self.at_once -= 1
        self.answer(samples)

    def answer(self, samples):
        lg.complete(samples.ids, [digest(NUMBERS[i]) for i in samples.indices.tolist()])


def test_texts_of_different_sizes_are_answers(run):
    class Texts(System):
        def answer(self, samples):
            with pytest.raises(TypeError, match="dtype object"):
                lg.complete(samples.ids, np.full(len(samples), "x", object))
            lg.complete(samples.ids, ["\u00e9" * i for i in samples.indices.tolist()])

    result = run(Texts(), scenario="Offline", mode="AccuracyOnly")
    assert errors_of(result) == []
    log = lg.read_accuracy(result.logs.accuracy)
    assert log.payloads.texts() == ["\u00e9" * i for i in log.indices.tolist()]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_scenarios_run(scenario, run):
    system = System()
    assert errors_of(run(system, scenario=scenario)) == []
    result = run(system, scenario=scenario, mode="AccuracyOnly")
    log = lg.read_accuracy(result.logs.accuracy)
    answers = dict(zip(log.indices.tolist(), log.payloads, strict=True))
    assert answers == {i: digest(p) for i, p in enumerate(NUMBERS.payloads)}
    # The flush may come when all is answered already.
    calls = [call for call in system.calls if call != "flush"]
    assert calls == ["start", "stop"] * 2


class Hoarder(System):
    """Answers when it is flushed; `sizes` are those of the queries it had by then."""

    def __init__(self):
        super().__init__()
        self.held = []

    async def issue_query(self, samples):
        self.held.append(samples)

    async def flush(self):
        self.sizes = [len(samples) for samples in self.held]
        for samples in self.held:
            lg.complete(samples.ids)
        self.held.clear()


def test_a_flush_comes_after_what_was_issued_before_it(run):
    assert run(Hoarder(), scenario="Server", mode="AccuracyOnly").valid


def test_a_large_query_comes_whole_and_before_the_flush(run):
    system = Hoarder()
    count = 200_000
    library = Library([b""] * count)
    assert run(system, library, scenario="Offline", min_query_count=count).valid
    assert system.sizes == [count]


def test_a_system_may_use_names_of_its_own(run):
    class Own(System):
        async def start(self):
            await super().start()
            self._loop, self._tasks, self._queue = asyncio.get_running_loop(), [], asyncio.Queue()

    class Plain(lg.SystemUnderTest):
        def begin_test(self, number):
            raise AssertionError

        def issue_query(self, samples):
            lg.complete(samples.ids)

    assert errors_of(run(Own())) == []
    assert errors_of(run(Plain())) == []


def test_uvloop_is_not_needed(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    system = System()
    assert errors_of(run(system, scenario="Server")) == []
    assert "uvloop" not in type(system.loop).__module__
    system.issue_query = exits
    with pytest.raises(SystemExit):
        run(system)


def test_queries_overlap(run):
    class Together(System):
        """Answers no query before it has eight."""

        async def start(self):
            self.waiting = 0
            self.enough = asyncio.Event()

        async def stop(self):
            pass

        async def issue_query(self, samples):
            self.waiting += 1
            if self.waiting == 8:
                self.enough.set()
            await self.enough.wait()
            self.answer(samples)

    assert errors_of(run(Together(), scenario="Server")) == []


def test_one_query_of_many_samples(run):
    class Plain(lg.AsyncSystemUnderTest):
        sizes = ()

        async def issue_query(self, samples):
            self.sizes = (*self.sizes, len(samples))
            lg.complete(samples.ids)

    system = Plain()
    result = run(system, scenario="Offline", min_query_count=100_000, offline_expected_qps=100_000)
    assert result.performance.sample_count == sum(system.sizes) >= 100_000
    assert errors_of(result) == []


class Raised(Exception):
    pass


def raises(*_):
    raise Raised("in a coroutine")


async def raises_later(*_):
    await asyncio.sleep(0)
    raise Raised("in a coroutine")


async def exits(*_):
    sys.exit(3)


async def interrupts(*_):
    raise KeyboardInterrupt


async def is_cancelled(*_):
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (raises_later, Raised),
        (raises, Raised),
        (exits, SystemExit),
        (interrupts, KeyboardInterrupt),
        (is_cancelled, asyncio.CancelledError),
        (lambda *_: None, TypeError),
    ],
    ids=[
        "raises",
        "is no coroutine and raises",
        "exits",
        "interrupts",
        "is cancelled",
        "is no coroutine",
    ],
)
@pytest.mark.parametrize(
    ("scenario", "method"),
    [("SingleStream", "issue_query"), ("Offline", "issue_query"), ("Offline", "flush")],
)
def test_what_a_coroutine_raises_start_test_raises(scenario, method, behaviour, expected, run):
    system = System()
    answered = system.issue_query
    setattr(system, method, behaviour)
    if method == "flush":  # The test does not end before it.

        async def wait_for_ever(samples):
            await asyncio.Event().wait()

        system.issue_query = wait_for_ever
    with pytest.raises(expected):
        run(system, scenario=scenario)
    assert system.calls[-1] == "stop"
    assert system.tasks_left == set()

    system.issue_query, system.flush = answered, System().flush
    assert errors_of(run(system, scenario=scenario)) == []


@pytest.mark.parametrize("hook", ["start", "stop"])
def test_what_a_hook_raises_start_test_raises(hook, run):
    system = System()
    setattr(system, hook, raises_later)
    with pytest.raises(Raised):
        run(system)
    assert system.calls.count("stop") == 0  # Where start has failed there is nothing to stop.
    good = System()
    assert errors_of(run(good)) == []


def test_what_is_raised_elsewhere_stops_it_as_well(run):
    class Bad(Library):
        def load_samples(self, indices):
            raise Raised("while loading")

    system = System()
    with pytest.raises(Raised, match="while loading"):
        run(system, Bad(NUMBERS.payloads))
    assert system.calls == ["start", "stop"]


def test_abort_cancels_what_waits(run):
    cancelled = []

    class Waiting(System):
        async def issue_query(self, samples):
            if len(cancelled) == 0:
                lg.AbortTest()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(samples)
                raise

    system = Waiting()
    assert run(system, scenario="Server").aborted
    assert cancelled
    assert system.tasks_left == set()


def test_a_stall_is_noticed(run):
    class Silent(System):
        async def issue_query(self, samples):
            pass

    assert run(Silent(), stall_timeout_ms=100).stalled


def test_a_subclass_need_not_call_its_parents_init(run):
    class Free(lg.AsyncSystemUnderTest):
        def __init__(self):
            self.mine = 1

        async def issue_query(self, samples):
            lg.complete(samples.ids)

    system = Free()
    for _ in range(3):
        assert errors_of(run(system)) == []
    assert system.name == "Free"


def test_a_forked_process_has_a_queue_of_its_own():
    system = System()
    parents = system.loadgen_queue.fileno()
    child = os.fork()
    if child == 0:
        os._exit(int(system.loadgen_queue.fileno() == parents))
    assert os.waitpid(child, 0)[1] == 0
    assert system.loadgen_queue.fileno() == parents


def test_nothing_keeps_a_system_alive(run):
    system = System()
    run(system)
    gone = weakref.ref(system)
    del system
    gc.collect()
    assert gone() is None


def test_an_object_is_in_one_test_at_a_time(run):
    entered, go_on = threading.Event(), threading.Event()

    class Held(System):
        async def issue_query(self, samples):
            entered.set()
            while not go_on.is_set():
                await asyncio.sleep(0.001)
            self.answer(samples)

    system, results = Held(), []
    thread = threading.Thread(target=lambda: results.append(run(system)))
    thread.start()
    assert entered.wait(HANG_LIMIT_S)
    with pytest.raises(RuntimeError, match="Held is in a test already: wait until it has ended"):
        run(system)
    go_on.set()
    thread.join(HANG_LIMIT_S)
    assert errors_of(results[0]) == []


PROGRAM = """
    import asyncio, sys, threading
    import mlperf_loadgen as lg
    from mlperf_loadgen import testing
    from qdl_node import Library

    class System(lg.AsyncSystemUnderTest):
        async def start(self):
            if WHERE == "start":
                print("ready", flush=True)
                await asyncio.Event().wait()

        async def issue_query(self, samples):
            if WHERE == "query":
                print("ready", flush=True)
                await asyncio.Event().wait()
            lg.complete(samples.ids)

        async def stop(self):
            print("stopped", flush=True)

    WHERE = sys.argv[1]
    system = System()
    try:
        testing.run(system, Library([b"x"] * 9), min_duration_ms=3600000)
    except KeyboardInterrupt:
        print("interrupted", [thread.name for thread in threading.enumerate()], flush=True)
    WHERE = ""
    print(testing.run(system, Library([b"x"] * 9), min_duration_ms=0).aborted)
"""


@pytest.mark.parametrize(
    ("where", "number", "said"),
    [
        ("start", signal.SIGINT, ["interrupted ['MainThread']", "stopped", "False"]),
        ("query", signal.SIGINT, ["stopped", "interrupted ['MainThread']", "stopped", "False"]),
        ("query", signal.SIGTERM, ["stopped", "interrupted ['MainThread']", "stopped", "False"]),
    ],
)
def test_a_signal_ends_it(where, number, said):
    with subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(PROGRAM), where],
        cwd=runs.HELPERS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout.readline() == "ready\n"
        program.send_signal(number)
        out, err = program.communicate(timeout=HANG_LIMIT_S)
    assert out.splitlines() == said, err
    assert program.returncode == 0
