"""Nodes for the tests of the network: real ones, forged ones, and a bad cable.

As a program, `qdl_node.py SYSTEM ADDRESS OPTIONS` serves one of the systems below until it is
stopped; `Node` starts it. Its options are those of the system and of `serve`, and `limits`, other
values of constants of qdl/node/. `FakeNode` is a thread that greets a load generator as a node
does, and then says what the test wants. `Proxy` passes TCP on, as badly as the test asks.
"""

import asyncio
import contextlib
import faulthandler
import hashlib
import json
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.node import client, talker
from mlperf_loadgen.qdl.wire import messages as wire
from mlperf_loadgen.qdl.wire.answers import ANSWER_ROW, write_answers
from mlperf_loadgen.qdl.wire.samples import SamplesReader

START_LIMIT_S = 30
HANG_LIMIT_S = 60


def digest(payload):
    """Bytes that differ if a payload differs in kind, dtype, shape or value."""
    if isinstance(payload, np.ndarray):
        value = np.ascontiguousarray(payload).tobytes()
        text = f"{payload.dtype.str} {payload.shape} {hashlib.sha1(value).hexdigest()}"
    elif isinstance(payload, dict):
        text = f"dict {[(name, digest(part)) for name, part in payload.items()]}"
    elif isinstance(payload, list):
        text = f"list {[digest(part) for part in payload]}"
    else:
        value = payload.encode() if isinstance(payload, str) else payload
        text = f"{type(payload).__name__} {hashlib.sha1(value).hexdigest()}"
    return text.encode()


class Library(lg.QuerySampleLibrary):
    """Payloads in a list; those that are exceptions are raised."""

    def __init__(self, payloads):
        self.payloads = payloads

    @property
    def total_sample_count(self):
        return len(self.payloads)

    @property
    def performance_sample_count(self):
        return len(self.payloads)

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass

    def __getitem__(self, index):
        if isinstance(self.payloads[index], Exception):
            raise self.payloads[index]
        return self.payloads[index]


QUICK = {"min_duration_ms": 0, "min_query_count": 40, "server_target_qps": 2000}
LONG = {"scenario": "Server", "server_target_qps": 500, "min_duration_ms": 3_600_000}
NUMBERS = Library([bytes([i]) * (i + 1) for i in range(64)])


# ---- Systems under test --------------------------------------------------------------------------


class Digest(lg.SystemUnderTest):
    """Answers with the digests of the payloads."""

    def __init__(self, library, name=""):
        self.library = library
        self._name = name

    @property
    def name(self):
        return self._name or super().name

    def answers(self, samples):
        return [digest(self.library[i]) for i in samples.indices.tolist()]

    def issue_query(self, samples):
        lg.complete(samples.ids, self.answers(samples))


class Tokens(Digest):
    """Says the first token "first", then answers with as many tokens as the sample's index + 2."""

    def issue_query(self, samples):
        first = np.frombuffer(b"first", np.uint8)
        lg.FirstTokenComplete(
            [lg.QuerySampleResponse(i, first.ctypes.data, len(first)) for i in samples.ids.tolist()]
        )
        lg.complete(samples.ids, self.answers(samples), samples.indices + np.uint64(2))


class Sized(lg.SystemUnderTest):
    """Answers with as many bytes as the payload, a text, says."""

    def __init__(self, library):
        self.library = library

    def issue_query(self, samples):
        sizes = [int(self.library[i]) for i in samples.indices.tolist()]
        lg.complete(samples.ids, [bytes([size % 251]) * size for size in sizes])


class Renaming(Digest):
    """Answers with digests, by a response callback that changes the id as well."""

    def issue_query(self, samples):
        for sample in samples:
            data = np.frombuffer(digest(self.library[sample.index]), np.uint8)

            def fill(response, data=data):
                response.id, response.data, response.size = 0, data.ctypes.data, len(data)

            lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, 0, 0)], fill)


class Threaded(Digest):
    """Answers in threads."""

    def issue_query(self, samples):
        answers = self.answers(samples)
        threading.Thread(target=lg.complete, args=(samples.ids, answers)).start()


class Backlog(lg.SystemUnderTest):
    """Takes a while in a thread of its own, and answers with how many samples it had by then."""

    def __init__(self, library, delay_s=0.002):
        self.delay_s = delay_s
        self.ids = []
        self.ready = threading.Condition()
        threading.Thread(target=self.work, daemon=True).start()

    def issue_query(self, samples):
        with self.ready:
            self.ids += samples.ids.tolist()
            self.ready.notify()

    def work(self):
        while True:
            with self.ready:
                self.ready.wait_for(lambda: self.ids)
            time.sleep(self.delay_s)
            with self.ready:
                count = len(self.ids)
                lg.complete([self.ids.pop(0)], [str(count).encode()])


class QuerySizes(lg.SystemUnderTest):
    """Answers with how many samples the query had."""

    def __init__(self, library):
        pass

    def issue_query(self, samples):
        lg.complete(samples.ids, [str(len(samples)).encode()] * len(samples))


class Texts(lg.SystemUnderTest):
    """Answers with a text of as many letters as the index, once an array of objects was refused."""

    def __init__(self, library):
        pass

    def issue_query(self, samples):
        texts = ["\u00e9" * i for i in samples.indices.tolist()]
        with contextlib.suppress(TypeError):
            lg.complete(samples.ids, np.array(texts, object))
        lg.complete(samples.ids, texts)


class Hoarder(Digest):
    """Answers nothing before a flush."""

    def __init__(self, library, flush_fails=False):
        super().__init__(library)
        self.flush_fails = flush_fails
        self.held = []

    def issue_query(self, samples):
        self.held.append(samples)

    def flush_queries(self):
        if self.flush_fails:
            raise ValueError("a bad flush")
        for samples in self.held:
            lg.complete(samples.ids, [b"flushed"] * len(samples))
        self.held.clear()


class Asynchronous(lg.AsyncSystemUnderTest):
    """Answers with digests after a turn of the event loop, or raises if a payload says so."""

    def __init__(self, library, start_s=0.0, start_fails=False, flush_fails=False):
        self.library = library
        self.start_s = start_s
        self.start_fails = start_fails
        self.flush_fails = flush_fails

    async def start(self):
        await asyncio.sleep(self.start_s)
        if self.start_fails:
            raise ValueError("the server of this node is not there")

    async def flush(self):
        if self.flush_fails:
            raise ValueError("a bad flush")

    async def issue_query(self, samples):
        await asyncio.sleep(0)
        if self.flush_fails:
            return
        payloads = [self.library[i] for i in samples.indices.tolist()]
        if "raise" in [payload for payload in payloads if isinstance(payload, str)]:
            raise ValueError("a bad sample")
        lg.complete(samples.ids, [digest(payload) for payload in payloads])


class Obedient(lg.SystemUnderTest):
    """Does what the first command in a query says, and answers all others with digests."""

    COMMANDS = ("never", "hang", "raise", "abort", "unknown", "twice", "late token", "raise after")

    def __init__(self, library):
        self.library = library

    def issue_query(self, samples):
        payloads = [self.library[i] for i in samples.indices.tolist()]
        answers = [digest(payload) for payload in payloads]
        what = next((p for p in payloads if isinstance(p, str) and p in self.COMMANDS), "")
        if what == "never":
            return
        if what == "hang":
            time.sleep(3600)
        if what == "raise":
            raise ValueError("a bad sample")
        if what == "abort":
            lg.AbortTest()
            return
        if what == "unknown":
            lg.complete([1 << 60])
        lg.complete(samples.ids, answers)
        if what == "twice":
            lg.complete(samples.ids, answers)
        if what == "late token":
            lg.FirstTokenComplete([lg.QuerySampleResponse(samples.ids.tolist()[0], 0, 0)])
        if what == "raise after":
            raise ValueError("after answering")


class Unmade(lg.SystemUnderTest):
    """Cannot be made."""

    def __init__(self, library):
        raise ValueError("no such model")

    def issue_query(self, samples):
        raise NotImplementedError


def relay(library, to):
    return qdl.NetworkQDL(to, library, node_timeout_s=2)


SYSTEMS = {
    system.__name__: system
    for system in (
        Digest,
        Tokens,
        Threaded,
        Sized,
        Renaming,
        Backlog,
        QuerySizes,
        Texts,
        Hoarder,
        Asynchronous,
        Obedient,
        Unmade,
        relay,
    )
}


def main(system, address, options):
    options = json.loads(options)
    serving = {name: options.pop(name) for name in SERVE_OPTIONS if name in options}
    for name, value in options.pop("limits", {}).items():
        (module,) = (module for module in (client, talker) if hasattr(module, name))
        setattr(module, name, value)
    qdl.serve(
        lambda library: SYSTEMS[system](library, **options),
        address,
        ready=lambda addresses: print(*addresses, flush=True),
        **serving,
    )


SERVE_OPTIONS = ("keys", "insecure", "max_payload_bytes")


# ---- Starting them -------------------------------------------------------------------------------


class Node:
    """A node in a process of its own. `address` is where it listens. `stderr_to`: a descriptor;
    else it is read here."""

    def __init__(
        self, system, address="tcp://127.0.0.1:0", wait=True, stderr_to=subprocess.PIPE, **options
    ):
        command = [sys.executable, "-X", "faulthandler", __file__, system, address]
        self.process = subprocess.Popen(
            [*command, json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=stderr_to,
            text=True,
        )
        self.said = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = address
        if wait:
            ready, _, _ = select.select([self.process.stdout], [], [], START_LIMIT_S)
            assert ready, "the node does not start"
            self.address = self.process.stdout.readline().strip()

    def _read(self):
        for line in self.process.stderr or ():
            self.said.append(line)

    @property
    def stderr(self):
        return "".join(self.said)

    def wait_for(self, text):
        """Until the node has said it."""
        deadline = time.monotonic() + START_LIMIT_S
        while text not in self.stderr:
            assert time.monotonic() < deadline, f"the node does not say {text!r}:\n{self.stderr}"
            time.sleep(0.01)

    def send_signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Kills it, if it has not ended. Returns its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        return self.wait()

    def wait(self):
        status = self.process.wait(START_LIMIT_S)
        self._reader.join(START_LIMIT_S)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Nodes:
    """Nodes that several tests share, by system and options; made when first asked for."""

    def __init__(self):
        self._nodes = {}

    def __call__(self, system, number=0, **options):
        key = system, number, json.dumps(options, sort_keys=True)
        if key not in self._nodes or self._nodes[key].process.poll() is not None:
            self._nodes[key] = Node(system, **options)
        return self._nodes[key].address

    def end(self):
        for node in self._nodes.values():
            node.end()


class FakeNode:
    """A thread that welcomes a load generator and calls `on_samples(self, message)` for SAMPLES.

    `greet(self, run)` may say something else than a welcome.
    """

    def __init__(self, on_samples, greet=None):
        import zmq

        self.zmq = zmq
        self.on_samples = on_samples
        self.greet = greet or FakeNode.welcome
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.zap_domain = b"node"  # As a node does, for what is no ZeroMQ.
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.run = 0
        self.identity = b""
        self.stopped = False
        self.reader = SamplesReader()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        while not self.stopped:
            if not self.socket.poll(50):
                continue
            self.identity, *frames = self.socket.recv_multipart()
            message = wire.read(frames)
            self.run = message.run
            if message.kind == wire.Kind.HELLO:
                self.greet(self, message.run)
            elif message.kind == wire.Kind.PING:
                sent_ns, _, _ = wire.read_times(message)
                now_ns = time.monotonic_ns()
                self.send(wire.times(wire.Kind.PONG, message.run, sent_ns, now_ns, now_ns))
            elif message.kind == wire.Kind.SAMPLES:
                self.on_samples(self, message)

    def welcome(self, run):
        self.send(wire.control(wire.Kind.WELCOME, run, {"name": "fake", "kernel": ""}))

    def send(self, frames):
        self.socket.send_multipart([self.identity, *frames])

    def answer(self, keys, data=b"", run=None, **columns):
        """An ANSWERS message, of no bytes unless `columns` and `data` are given."""
        rows = np.zeros(len(keys), ANSWER_ROW)
        rows["key"] = keys
        for name in ("received_ns", "issued_ns", "completed_ns"):
            rows[name] = time.monotonic_ns()
        for name, values in columns.items():
            rows[name] = values
        self.send(write_answers(self.run if run is None else run, rows, data, time.monotonic_ns()))

    def keys(self, message):
        return self.reader.read(message).keys

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.thread.join(START_LIMIT_S)
        self.context.destroy(linger=0)


class Proxy:
    """Passes TCP connections on to `address`. What it does with the bytes may change at any time:
    `stalled` has the directions, "there" and "back", in which nothing moves; `piece` is how many
    bytes are passed on at a time."""

    def __init__(self, address):
        self.target = int(address.rpartition(":")[2])
        self.stalled = set()
        self.piece = 1 << 16
        self._writers = []
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._connect, "127.0.0.1", 0)
        )
        self.address = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _connect(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers += [writer, there_writer]
        await asyncio.gather(
            self._pass_on("there", reader, there_writer),
            self._pass_on("back", there_reader, writer),
            return_exceptions=True,
        )

    async def _pass_on(self, direction, reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while data := await reader.read(self.piece):
                while direction in self.stalled:
                    await asyncio.sleep(0.02)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def cut(self):
        """Closes all connections abruptly."""

        def abort():
            for writer in self._writers:
                writer.transport.abort()
            self._writers.clear()

        self._loop.call_soon_threadsafe(abort)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_LIMIT_S)


@contextlib.contextmanager
def hang_limit(limit_s=HANG_LIMIT_S):
    """Raises in the main thread what takes longer than this, and ends the process if that cannot
    be."""

    def late(*_):
        raise TimeoutError(f"this hangs: no end after {limit_s} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(limit_s)
    faulthandler.dump_traceback_later(2 * limit_s, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def reasons_of(result):
    assert not result.valid, "a fault leaves the result VALID"
    return "\n".join(result.reasons)


def when(condition, action):
    """Does something in a thread, once a condition holds."""

    def work():
        while not condition():
            time.sleep(0.005)
        action()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def when_answered(system, count, action, node=0):
    """Does something once a node of the running test has answered some samples."""

    def reached():
        run = system.__dict__.get("_network_run")
        if run is None or len(run.fleet.nodes) <= node:
            return False
        return run.fleet.nodes[node].answered >= count

    return when(reached, action)


def network_log(result):
    """What mlperf_log_network.json says."""
    return json.loads(Path(result.logs.summary).with_name("mlperf_log_network.json").read_text())


if __name__ == "__main__":
    main(*sys.argv[1:])
