"""Goal: what a system does for a run that was given up is no business of the next run, and nothing
that a node has to say ends it: neither a broken stderr nor a stuck one.

Method: a SutHost in this process, whose system is held in the middle of a call by events while the
run of that call is given up and another one begins; real nodes with a stderr that takes nothing.
"""

import contextlib
import io
import os
import threading

import numpy as np
import pytest
from qdl_node import Library, Node
from runs import HANG_LIMIT_S

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.host.stderr import say
from mlperf_loadgen.qdl.node.host import SutHost
from mlperf_loadgen.qdl.node.remote_library import RemoteLibrary
from mlperf_loadgen.qdl.wire.answers import Event
from mlperf_loadgen.qdl.wire.samples import Samples

pytest_plugins = ["qdl_fixtures"]
pytestmark = pytest.mark.usefixtures("no_hang")

FAULTS = {
    "raises": lambda samples: 1 / 0,
    "reports a fault": lambda samples: lg.fail([], "it is hot"),
    "fails its samples": lambda samples: lg.fail(samples.ids, "no memory"),
    "aborts": lambda samples: lg.AbortTest(),
    "completes an unknown id": lambda samples: lg.complete([1 << 60]),
    "completes twice": lambda samples: lg.complete(np.repeat(samples.ids, 2)),
}


class Held(lg.SystemUnderTest):
    """Does `fault` for its first query, or at its first flush, once it is let go."""

    def __init__(self, fault, at):
        self.fault, self.at = fault, at
        self.entered, self.released = threading.Event(), threading.Event()

    def _first(self, at, samples):
        if at == self.at and not self.entered.is_set():
            self.entered.set()
            assert self.released.wait(HANG_LIMIT_S)
            self.fault(samples)
            return True
        return False

    def issue_query(self, samples):
        self.samples = samples
        if not self._first("issue_query", samples) and self.at == "issue_query":
            lg.complete(samples.ids)

    def flush_queries(self):
        self._first("flush_queries", self.samples)


@contextlib.contextmanager
def working(sut):
    """A host at work in a thread of its own."""
    host = SutHost(sut, RemoteLibrary())
    thread = threading.Thread(target=host.work, args=(lambda: False,))
    thread.start()
    try:
        yield host
    finally:
        host.stop()
        thread.join()


def begin(host):
    """A run, announced when this is called."""
    announced = threading.Event()
    host.begin(10, 10, lambda name: announced.set(), lambda reason: announced.set())
    return announced


def one_sample(key=0):
    keys = np.array([key], np.uint64)
    return Samples(keys, keys, keys, [b""])


def taken(host):
    """The events of at least one row, and their texts."""
    rows, data = host.take()
    while not len(rows):
        rows, data = host.take()
    return [Event(event).name for event in rows["event"].tolist()], data


@pytest.mark.parametrize("again", [False, True], ids=["another run follows", "after an end"])
@pytest.mark.parametrize("at", ["issue_query", "flush_queries"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_in_a_run_that_was_given_up_is_not_the_next_ones(fault, at, again):
    sut = Held(FAULTS[fault], at)
    with working(sut) as host:
        assert begin(host).wait(HANG_LIMIT_S)
        host.issue(one_sample(), 1)
        host.flush()
        assert sut.entered.wait(HANG_LIMIT_S)
        if again:
            host.end()  # As for a load generator that fell silent.
        announced = begin(host)
        sut.released.set()
        assert announced.wait(HANG_LIMIT_S)
        sut.at = "issue_query"
        host.issue(one_sample(7), 2)
        assert taken(host) == (["COMPLETED"], b"")


def test_what_is_left_of_a_run_that_was_given_up_does_not_reach_the_system():
    class Noting(Held):
        def issue_query(self, samples):
            issued.extend(samples.indices.tolist())
            super().issue_query(samples)

    issued = []
    sut = Noting(FAULTS["fails its samples"], "issue_query")
    with working(sut) as host:
        assert begin(host).wait(HANG_LIMIT_S)
        host.issue(one_sample(0), 1)
        host.issue(one_sample(1), 2)
        assert sut.entered.wait(HANG_LIMIT_S)
        host.end()
        announced = begin(host)
        sut.released.set()
        assert announced.wait(HANG_LIMIT_S)
    assert issued == [0]


@pytest.mark.parametrize("at", ["issue_query", "flush_queries"])
def test_what_goes_wrong_in_a_run_is_reported(at):
    sut = Held(FAULTS["raises"], at)
    with working(sut) as host:
        assert begin(host).wait(HANG_LIMIT_S)
        host.issue(one_sample(), 1)
        host.flush()
        sut.released.set()
        events, data = taken(host)
    assert events == ["FAILED"]
    assert f"{at} raised ZeroDivisionError".encode() in data


# ---- What a node says ----------------------------------------------------------------------------


def full_pipe():
    """The end of a pipe that takes nothing more, and the other end, which must stay open."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, bytes(1 << 16))
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"0")
    os.set_blocking(write, True)
    return write, read


def closed_pipe():
    read, write = os.pipe()
    os.close(read)
    return (write,)


def full_disk():
    return (os.open("/dev/full", os.O_WRONLY),)


@pytest.mark.parametrize("stderr", [full_pipe, closed_pipe, full_disk])
def test_a_node_works_on_whatever_becomes_of_its_stderr(stderr, run):
    """It says that a run begins and ends, and has the traceback of each exception."""
    descriptors = stderr()
    try:
        with Node("Obedient", stderr_to=descriptors[0]) as node:
            library = Library(["raise"] * 3)
            for _ in range(2):
                result = run(qdl.NetworkQDL(node.address, library), library)
                assert "issue_query raised ValueError" in str(result.reasons)
                assert "is lost" not in str(result.reasons)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@pytest.mark.parametrize("stream", ["None", "closed", "another"])
def test_what_is_said_needs_no_stderr(stream, monkeypatch, tmp_path):
    said = io.StringIO()
    closed = (tmp_path / "stderr").open("w")
    closed.close()
    streams = {"None": None, "closed": closed, "another": said}
    monkeypatch.setattr("sys.stderr", streams[stream])
    say("a text\n")
    assert said.getvalue() == ("a text\n" if stream == "another" else "")
