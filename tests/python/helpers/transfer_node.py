"""Another process with an engine and a region, which evaluates what a test asks it."""

import contextlib
import gc
import json
import subprocess
import sys
import time

NBYTES = 1 << 20
"""The size of a region."""

LIMIT_S = 20
"""By which anything that is to happen has happened."""

PROGRAM = """
import faulthandler, json, os, signal, sys, threading, time

import numpy as np

from mlperf_loadgen import transfer

faulthandler.enable()


def failure(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__


options = json.loads(sys.argv[1])
secret = options.pop("secret", None)
nbytes, memory = options.pop("nbytes"), options.pop("memory")
engine = transfer.Engine(secret=secret and bytes.fromhex(secret), **options)
pattern = (np.arange(nbytes) % 251).astype(np.uint8)
if memory == "allocated":
    region = engine.allocate(nbytes)
else:
    region = engine.register(np.zeros(nbytes, np.uint8))
region.array()[:] = pattern
print(json.dumps({"address": engine.address, "descriptor": region.descriptor.hex()}), flush=True)
for line in sys.stdin:
    print(json.dumps(eval(line)), flush=True)
"""


def collected(reference):
    """Whether what a weak reference refers to goes away; the engine's thread may be about to let go
    of it."""
    end = time.monotonic() + LIMIT_S
    while reference() is not None and time.monotonic() < end:
        gc.collect()
        time.sleep(0.001)  # Without the lock: only then what other threads let go of is released.
    return reference() is None


class Node:
    """The process; `ask` evaluates an expression there: `engine`, `region` and `pattern` are its
    names, and `failure(call)` is the name of the exception that a call raises."""

    def __init__(self, process):
        self.process = process
        introduction = json.loads(self._line())
        self.address = introduction["address"]
        self.descriptor = bytes.fromhex(introduction["descriptor"])

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"the node ended with {self.process.wait()}")
        return line

    def begin(self, expression):
        """Has it evaluate an expression, and does not wait for it."""
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def ask(self, expression):
        """The value of an expression there."""
        self.begin(expression)
        return json.loads(self._line())

    def kill(self):
        """Ends it at once."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def node(nbytes=NBYTES, memory="allocated", **options):
    """Runs a node; its region holds 0, 1, ... 250, 0, ..."""
    arguments = json.dumps({"nbytes": nbytes, "memory": memory, **options})
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Node(process)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
