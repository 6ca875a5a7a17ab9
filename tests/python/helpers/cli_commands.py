"""Commands, and the systems under test that they are called on, for the tests of the command line.

The fixture `folder` (cli_fixtures.py) is where they are called.
"""

import subprocess
import sys

import pytest
from runs import HANG_LIMIT_S, strict_json

pytest.importorskip("typer", reason="needs the extra cli")
pytest.importorskip("yaml", reason="needs the extra cli")

from typer.testing import CliRunner

from mlperf_loadgen.cli.app import app

SYSTEM = '''
import contextlib, ctypes, os, sys
import numpy as np
import mlperf_loadgen as lg

class Numbers(lg.QuerySampleLibrary):
    total_sample_count = 50
    performance_sample_count = 20
    def load_samples(self, indices): pass
    def unload_samples(self, indices): pass

class Good(lg.SystemUnderTest):
    """Answers with the index, modulo 10."""
    def issue_query(self, samples):
        lg.complete(samples.ids, (samples.indices % 10).astype(np.int64))

class TakesLibrary(Good):
    def __init__(self, library):
        print("given", type(library).__name__, file=sys.stderr)

class TakesOptional(Good):
    def __init__(self, batch=3, qsl=None):
        print("batch", batch, "qsl", qsl, file=sys.stderr)

class Managed(Good):
    def __enter__(self):
        print("entered", file=sys.stderr)
        return self
    def __exit__(self, *error):
        print("left", error[0], file=sys.stderr)

class Raises(lg.SystemUnderTest):
    def issue_query(self, samples):
        raise KeyError("a bug of the user's")

class GivesUp(lg.SystemUnderTest):
    def issue_query(self, samples):
        lg.AbortTest()

class Exits(lg.SystemUnderTest):
    def issue_query(self, samples):
        sys.exit(0)

class RaisesManaged(Raises, Managed): pass

class CannotStart(Good):
    def __init__(self):
        raise ValueError("no accelerator")

class Chatty(Good):
    """Writes to the standard output in every way there is."""
    def issue_query(self, samples):
        print("python")
        os.write(1, b"descriptor\\n")
        super().issue_query(samples)
    def __enter__(self):
        return self
    def __exit__(self, *error):
        ctypes.CDLL(None).printf(b"native\\n")  # Held back by C until the process ends.

class Scores(lg.SystemUnderTest):
    """Answers with ten scores, the highest for the index modulo 10."""
    def issue_query(self, samples):
        lg.complete(samples.ids, np.eye(10, dtype=np.float32)[samples.indices % 10])

class Fails(lg.SystemUnderTest):
    def issue_query(self, samples):
        lg.fail(samples.ids, "status 503")

class FailsOdd(lg.SystemUnderTest):
    """Answers every second sample of the data set."""
    def issue_query(self, samples):
        odd = samples.indices % 2 == 1
        lg.fail(samples.ids[odd], "status 503")
        lg.complete(samples.ids[~odd], samples.indices[~odd].astype(np.int64))

class NeedsMore(Good):
    def __init__(self, model, device): pass

class Unfinished(lg.SystemUnderTest): pass

class MultiPart(Numbers):
    def __init__(self, path): pass

def make(): return Good()
def make_with(library): return TakesLibrary(library)
def make_number(): return 3.5
@contextlib.contextmanager
def managed():
    print("entered", file=sys.stderr)
    yield Good()
    print("left None", file=sys.stderr)
instance = Good()
handle = lg.ConstructSUT(lambda samples: lg.complete(samples.ids), lambda: None)
'''
SYSTEM_AND_LIBRARY = ("system.py:Good", "system.py:Numbers")
RUN = ("run", *SYSTEM_AND_LIBRARY)
QUICK = ("--set", "min_duration_ms=0", "--log", "enable_trace=false")
AT_ANY_RATE = (
    *("-s", "server", "--set", "min_duration_ms=100"),
    *("--set", "server_target_latency_ns=60e9"),  # Is kept on a busy machine, too.
)
SERVER = (*AT_ANY_RATE, "--set", "server_target_qps=5000")


def call(*arguments):
    """A command in this process: its result has exit_code, stdout and stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def done(*arguments, status=0):
    """A command that must end with this status."""
    result = call(*arguments)
    assert result.exit_code == status, result.stdout + result.stderr
    return result


def document(*arguments, status=0):
    """What a command prints with --json."""
    return strict_json(done(*arguments, "--json", status=status).stdout)


def process(*arguments, **options):
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mlperf_loadgen", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
        **options,
    )
