"""Fixtures that all Python tests share. Everything else that tests share is in helpers/."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from runs import HANG_LIMIT_S, answer, run_in

import mlperf_loadgen as lg

# The servers that tests start are on this machine, and no proxy reaches them.
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = ",".join(filter(None, (os.environ.get(_name), "127.0.0.1", "localhost")))

# Tests that a script starts in its background ignore SIGINT. The programs that they start would
# inherit that, and not end where a test interrupts them.
signal.signal(signal.SIGINT, signal.default_int_handler)


# The files that take longest, longest first. With several workers, each of which runs whole files,
# they begin first: or else one worker would still be at them when all others have finished.
LONGEST = (
    *("qdl/test_mlserver.py", "repository/test_docs.py", "repository/test_demos.py"),
    *("tradeoffs/test_pareto.py", "repository/test_install.py"),
    *("qdl/test_qdl_faults.py", "qdl/test_qdl.py"),
    *("core/test_golden.py", "qdl/test_http_link.py", "qdl/test_qdl_attacks.py"),
    *("qdl/test_kserve_link.py", "repository/test_compat.py", "qdl/test_transports_accuracy.py"),
    "llm/test_bad_days.py",
    *("core/test_interrupts.py", "core/test_weaknesses.py", "core/test_errors.py"),
    "core/test_traffic_model.py",
)


def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get("/".join(item.path.parts[-2:]), len(LONGEST)))


@pytest.fixture(scope="session")
def run_test(tmp_path_factory):
    """`run_in`, in a new directory each time."""

    def run(**arguments):
        return run_in(tmp_path_factory.mktemp("run"), **arguments)

    return run


@pytest.fixture
def run_script(tmp_path):
    """Runs a Python program in a process of its own, in an empty directory, within a hang limit."""

    def run(program, *arguments):
        return subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=HANG_LIMIT_S,
            check=False,
        )

    return run


@pytest.fixture
def handles():
    """Handles of a system that answers at once and of a library of 20 samples, 10 at a time."""
    sut = lg.ConstructSUT(answer, lambda: None)
    qsl = lg.ConstructQSL(20, 10, lambda indices: None, lambda indices: None)
    yield sut, qsl
    lg.DestroySUT(sut)
    lg.DestroyQSL(qsl)
