"""The mock server of tests/mock_llm as a process: an LLM endpoint whose tokens come at known times.

It is compiled once for each state of its sources, with CXX or else c++, into build/mock_llm.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "tests/mock_llm"
BUILT = ROOT / "build/mock_llm"
COMPILE_LIMIT_S = 300
ANSWER_LIMIT_S = 60


def program():
    """The path of the compiled mock."""
    compiler = os.environ.get("CXX", "c++")
    files = sorted(SOURCES.glob("*.cc"))
    state = hashlib.sha1(compiler.encode())
    for path in sorted(SOURCES.glob("*.[ch]*")):
        state.update(path.read_bytes())
    made = BUILT / state.hexdigest()[:16]
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Several workers of pytest ask at once.
        if not made.exists():
            partial = made.with_suffix(".partial")
            arguments = [compiler, "-std=c++20", "-O2", "-o", partial, *files]
            subprocess.run(arguments, check=True, timeout=COMPILE_LIMIT_S)
            partial.rename(made)
    return made


class Mock:
    """A running mock."""

    def __init__(self, process, port):
        self.process = process
        self.port = port

    def url(self, **shape):
        """The endpoint. `shape`: options for requests to it, of tests/mock_llm/shape.h."""
        options = ",".join(f"{name}={int(value)}" for name, value in shape.items())
        return f"http://127.0.0.1:{self.port}/{options + '/' if options else ''}v1"

    def stats(self):
        """What was counted, and how late events were sent: tests/mock_llm/record.h."""
        return self.ask("stats")

    def sent(self):
        """When the events of each request left, by the number behind the # in its body: lists of
        (before, after), ns of the monotonic clock. The mock must have been started with record=1.
        """
        return {int(mark): times for mark, times in self.ask("sent").items()}

    def reset(self):
        self.ask("reset")

    def ask(self, name):
        url = f"http://127.0.0.1:{self.port}/{name}"
        with urllib.request.urlopen(url, timeout=ANSWER_LIMIT_S) as answer:
            return json.load(answer)


@contextlib.contextmanager
def mock_llm(**options):
    """Runs a mock with options of its command line. It ends with this context or this process."""
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(int(value)))]
    process = subprocess.Popen(
        [program(), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        assert line, f"the mock ended with status {process.wait()}"
        yield Mock(process, int(line))
    finally:
        process.kill()
        process.communicate()
