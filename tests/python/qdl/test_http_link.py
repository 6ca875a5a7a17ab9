"""Goal: nodes with the HTTP endpoints of the reference's network demo can be measured, and whatever
such a node does, each sample ends exactly once, in time, and for a reason that names what happened.

Method: single links against servers in the same event loop, made to fail in one way each, among
them servers of raw bytes; tables of JSON values with the bytes they stand for; whole tests against
a node of `serve_http` in another process.
"""

import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from links import Recorder, batch_of, run_limited, run_of
from runs import FOR_EVERY_SCENARIO, HANG_LIMIT_S, errors_of, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen.qdl import NetworkError, NetworkQDL

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

web = pytest.importorskip("aiohttp.web", reason="http:// needs aiohttp")

from mlperf_loadgen.qdl.links.http import HttpLink, result_bytes  # noqa: E402


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def int64(*values):
    return struct.pack(f"<{len(values)}q", *values)


def float64(*values):
    return struct.pack(f"<{len(values)}d", *values)


class Node:
    """A server whose answers a test decides: `predict(body)` and `name()` are coroutines that
    return a web.Response."""

    def __init__(self, predict=None, name=None):
        self.bodies = []
        self.connections = set()
        self._predict = predict or self.echo
        self._name = name or self.own_name

    async def echo(self, body):
        return web.json_response({"result": body["query"]})

    async def own_name(self):
        return web.json_response({"name": "a node"})

    async def _on_predict(self, request):
        self.connections.add(request.transport)
        self.bodies.append(await request.json())
        return await self._predict(self.bodies[-1])

    async def _on_name(self, request):
        return await self._name()

    async def start(self, port=0):
        application = web.Application(client_max_size=1 << 30)
        application.router.add_post("/predict/", self._on_predict)
        application.router.add_post("/getname/", self._on_name)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{self.port}"

    async def stop(self):
        await self._runner.cleanup()


@contextlib.asynccontextmanager
async def linked(node, run=None, **options):
    """A link that has begun, and its events."""
    address = await node.start()
    events = Recorder()
    link = HttpLink(address, events, **options)
    try:
        await link.begin(run or run_of())
        yield link, events
    finally:
        await link.end()
        await node.stop()


def ask(node, payloads, run=None, **options):
    """What became of samples: the recorder when all have ended."""

    async def test():
        async with linked(node, run, **options) as (link, events):
            link.send(batch_of(payloads))
            await events.until_ended(len(payloads))
            return events

    return run_limited(test())


# ---- What travels --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "data"),
    [
        ("text", b"text"),
        ("\u00fc", b"\xc3\xbc"),
        ("", b""),
        (7, int64(7)),
        (-(2**63), int64(-(2**63))),
        (0.5, float64(0.5)),
        (True, b"\x01"),
        ([1, 2, 3], int64(1, 2, 3)),
        ([1, 2.5], float64(1, 2.5)),
        ([[1, 2], [3, 4]], int64(1, 2, 3, 4)),
        ([], b""),
        ([True, False], b"\x01\x00"),
        ({"b64": "AAEC"}, b"\x00\x01\x02"),
        (2**64, b"18446744073709551616"),
        ([[1], [2, 3]], b"[[1],[2,3]]"),
        (["a", 1], b'["a",1]'),
        ({"label": 3, "b64": ""}, b'{"label":3,"b64":""}'),
        (None, b"null"),
    ],
)
def test_the_bytes_of_a_result(result, data):
    assert result_bytes(result) == data

    async def answer(body):
        return web.json_response({"result": result, "more": 1})

    assert ask(Node(answer), ["?"]).data == {0: data}


@pytest.mark.parametrize(
    ("payload", "query"),
    [
        ("text", "text"),
        (b"\x00\x01", {"b64": "AAE="}),
        (bytearray(b"\x00\x01"), {"b64": "AAE="}),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([0.1], np.float32), [float(np.float32(0.1))]),
        ([np.array([1]), np.array([2.5])], [[1], [2.5]]),
        ({"ids": np.array([1, 2]), "mask": np.array([True])}, {"ids": [1, 2], "mask": [True]}),
        (np.float64(2), 2.0),
        (5, 5),
    ],
)
def test_a_payload_as_the_node_gets_it(payload, query):
    node = Node()
    ask(node, [payload])
    assert node.bodies == [{"query": query, "id": 0}]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (np.array([np.nan]), "Out of range float values"),
        (object(), "object has no form in JSON"),
        (np.array([1j]), "complex"),
    ],
)
def test_a_payload_that_json_cannot_hold_fails_its_sample_only(payload, reason):
    events = ask(Node(), [payload, "good"])
    assert reason in events.reasons[0]
    assert events.data == {1: b"good"}


def test_decode_makes_the_bytes():
    async def answer(body):
        return web.json_response({"result": {"label": 3}})

    events = ask(Node(answer), ["?"], decode=lambda result: bytes([result["label"]]))
    assert events.data == {0: b"\x03"}
    assert ask(Node(answer), ["?"], decode=str).data == {0: b"{'label': 3}"}


@pytest.mark.parametrize("decoded", [None, 3, [b"x"], np.zeros(1, object), np.zeros((2, 3))])
def test_what_decode_must_not_return_fails_the_sample(decoded):
    events = ask(Node(), ["?"], decode=lambda result: decoded)
    name = type(decoded).__name__
    assert f"TypeError: decode must return bytes or str, not {name}" in events.reasons[0]


@pytest.mark.parametrize(
    ("body", "name"),
    [('{"name": "resnet"}', "resnet"), ('"resnet"', "resnet"), ("resnet", "resnet"), ("{}", "")],
)
def test_the_name_in_all_its_forms(body, name):
    async def answer():
        return web.Response(text=body)

    async def test():
        node = Node(name=answer)
        link = HttpLink(await node.start(), Recorder())
        info = await link.begin(run_of())
        await link.end()
        await node.stop()
        return info

    assert run_limited(test()).name == name


# ---- Many samples --------------------------------------------------------------------------------


def test_samples_beyond_the_concurrency_wait_in_order():
    at_work, most = 0, 0

    async def answer(body):
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.005)
        at_work -= 1
        return web.json_response({"result": body["query"]})

    node = Node(answer)
    events = ask(node, list(range(40)), concurrency=4)
    assert most == 4
    assert len(node.connections) == 4  # They are kept.
    assert [body["id"] for body in node.bodies] == list(range(40))
    assert events.data == {i: int64(i) for i in range(40)}


def test_times_are_in_order():
    events = ask(Node(), ["a"] * 20)
    assert events.sent_ns.keys() == events.data.keys()
    assert all(events.sent_ns[key] < events.received_ns[key] for key in events.data)


def test_the_wait_for_a_connection_comes_before_a_sample_is_begun():
    events = ask(Node(), ["a"] * 20, concurrency=1)
    for key in range(1, 20):  # The one before it was answered by then.
        assert events.received_ns[key - 1] <= events.begun_ns[key] <= events.sent_ns[key]


def test_samples_sent_from_within_an_answer():
    """As the load generator does in SingleStream."""

    async def test():
        async with linked(Node(), concurrency=1) as (link, events):
            completed = events.completed

            def send_another(link, answers):
                completed(link, answers)
                if len(events.data) < 50:
                    link.send(batch_of(["next"], first_key=len(events.data)))

            events.completed = send_another
            link.send(batch_of(["first"]))
            await events.until_ended(50)

    run_limited(test())


# ---- Faults of a sample --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, "out of memory", "500 Internal Server Error: out of memory"),
        (404, "", "404 Not Found"),
        (401, "", "401 Unauthorized: give the headers that it asks for (headers, --header)"),
        (503, "x" * 5000, "503 Service Unavailable: " + "x" * 200),
        (500, "\x1b[2J\nResult is : VALID", "500 Internal Server Error: ?[2J Result is : VALID"),
        (302, "elsewhere", "302 Found: elsewhere"),
        (200, "<html>", "its answer is no JSON: <html>"),
        (200, "", "its answer is no JSON: "),
        (200, "[" * 100000, "its answer is no JSON: " + "[" * 200),
        (200, '{"answer": 1}', 'its answer has no "result": {"answer": 1}'),
        (200, "[1]", 'its answer has no "result": [1]'),
        (
            200,
            '{"result": {"b64": "?"}}',
            "its result cannot be decoded: Error: Only base64 data is allowed: "
            '{"result": {"b64": "?"}}',
        ),
    ],
)
def test_an_answer_that_is_none_fails_its_sample(status, body, reason):
    async def answer(request):
        if request["query"] == "bad":
            return web.Response(status=status, text=body, headers={"Location": "/predict/"})
        return web.json_response({"result": 1})

    events = ask(Node(answer), ["bad", "good"])
    assert events.reasons == {0: reason}
    assert events.data == {1: int64(1)}


@pytest.mark.parametrize("compressed", [False, True])
def test_a_huge_answer_is_not_kept(compressed):
    async def answer(body):
        response = web.json_response({"result": "x" * body["query"]})
        if compressed:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    events = ask(Node(answer), [10, 10_000_000], max_answer_bytes=100_000)
    assert events.data == {0: b"x" * 10}
    assert events.reasons == {1: "its answer has more than 100000 bytes (max_answer_bytes)"}


def test_a_request_that_takes_too_long():
    async def answer(body):
        await asyncio.sleep(body["query"])
        return web.json_response({"result": 1})

    events = ask(Node(answer), [0, 60], request_timeout_s=1.0)
    assert events.data == {0: int64(1)}
    assert events.reasons == {1: "no answer within 1.0 s (request_timeout_s)"}


ENDS = asyncio.IncompleteReadError, asyncio.CancelledError


class RawNode:
    """Sends what `answers` has for each request of /predict/, parts of which None closes the
    connection, and answers /getname/ as long as `is_there`."""

    def __init__(self, answers, is_there=True):
        self.answers = iter(answers)
        self.is_there = is_there
        self.tasks = set()

    async def start(self, port=0):
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", port)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _talk(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(*ENDS):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                if b"/predict/" in head:
                    parts = next(self.answers)
                elif self.is_there:
                    parts = (ok(b'{"name": "raw"}'),)
                else:
                    await asyncio.sleep(60)
                for part in parts:
                    if part is None:
                        return
                    writer.write(part)

    async def stop(self):
        self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def ok(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


GOOD = ok(b'{"result": 1}')


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",), "Response payload is not completed"),
        ((b"no HTTP at all\r\n\r\n",), "Bad status line"),
    ],
)
def test_an_answer_that_breaks_off_fails_its_sample(broken, reason):
    async def test():
        async with linked(RawNode([(*broken, None), (GOOD,)]), concurrency=1) as (link, events):
            link.send(batch_of(["a", "b"]))
            await events.until_ended(2)
            assert link.report() == {"requests_repeated": 0}
            return events

    events = run_limited(test())
    assert reason in events.reasons[0]
    assert events.data == {1: int64(1)}
    assert not events.losses


def test_a_request_that_is_never_answered_fails_its_sample():
    """After one repeat, as it goes over the connection that the node's name came over."""

    async def test():
        async with linked(RawNode([(None,)] * 2 + [(GOOD,)]), concurrency=1) as (link, events):
            link.send(batch_of(["closed twice", "good"]))
            await events.until_ended(2)
            assert link.report() == {"requests_repeated": 1}
            return events

    events = run_limited(test())
    assert "Server disconnected" in events.reasons[0]
    assert events.data == {1: int64(1)}
    assert not events.losses


# ---- Faults of a node ----------------------------------------------------------------------------


def test_a_node_that_is_not_there():
    async def test():
        link = HttpLink(f"http://127.0.0.1:{free_port()}", Recorder())
        with pytest.raises(NetworkError, match=r"not ready after 0.5 s: Cannot connect to host"):
            await link.begin(run_of(connect_timeout_s=0.5))
        await link.end()

    run_limited(test())


def test_a_node_that_comes_late():
    async def test():
        port = free_port()
        node = Node()
        link = HttpLink(f"http://127.0.0.1:{port}", Recorder())
        begun = asyncio.create_task(link.begin(run_of()))
        await asyncio.sleep(0.3)
        assert not begun.done()
        await node.start(port)
        assert (await begun).name == "a node"
        await link.end()
        await node.stop()

    run_limited(test())


@pytest.mark.parametrize(
    ("status", "text"),
    [(404, "404 Not Found: no such page"), (503, "503 Service Unavailable: no such page")],
)
def test_a_server_that_is_no_such_node(status, text):
    async def answer():
        return web.Response(status=status, text="no such page")

    async def test():
        node = Node(name=answer)
        link = HttpLink(await node.start(), Recorder())
        with pytest.raises(NetworkError, match=text):
            await link.begin(run_of(connect_timeout_s=0.5))
        await node.stop()

    run_limited(test())


def test_a_server_that_accepts_and_never_answers():
    async def test():
        node = RawNode([], is_there=False)
        link = HttpLink(await node.start(), Recorder())
        with pytest.raises(NetworkError, match=r"not ready after 0.3 s: it does not answer"):
            await link.begin(run_of(connect_timeout_s=0.3))
        await node.stop()

    run_limited(test())


def test_a_node_that_dies_and_comes_back():
    async def never(body):
        await asyncio.sleep(60)

    async def test():
        node, events = Node(never), Recorder()
        link = HttpLink(await node.start(), events, concurrency=2)
        await link.begin(run_of(node_timeout_s=1.0))
        link.send(batch_of(["a"] * 5))
        await events.until(lambda events: len(events.sent_ns) == 2)
        await node.stop()
        await events.until(lambda events: events.losses)
        assert "Cannot connect to host" in events.losses[0]

        again = Node()
        await again.start(node.port)
        await events.until(lambda events: events.returns)
        assert events.returns[0].name == "a node"
        link.send(batch_of(["b"] * 5, first_key=10))
        await events.until_ended(5)
        # What was on its way or waited when it was lost is covered by that.
        assert events.data == dict.fromkeys(range(10, 15), b"b")
        assert len(events.losses) == 1
        await link.end()
        await again.stop()

    run_limited(test())


def test_a_node_that_is_gone_between_samples_is_missed():
    async def test():
        node = Node()
        async with linked(node, run_of(node_timeout_s=0.4)) as (link, events):
            link.send(batch_of(["a"]))
            await events.until_ended(1)
            await node.stop()
            await events.until(lambda events: events.losses)
            assert "Cannot connect to host" in events.losses[0]

    run_limited(test())


def test_a_silent_node_is_lost():
    async def test():
        node = RawNode([(GOOD,)])
        async with linked(node, run_of(node_timeout_s=0.4)) as (link, events):
            link.send(batch_of(["a"]))
            await events.until_ended(1)
            node.is_there = False
            await events.until(lambda events: events.losses)
            assert "silent for" in events.losses[0]
            assert "(node_timeout_s)" in events.losses[0]

    run_limited(test())


def test_a_slow_node_that_answers_probes_is_not_lost():
    async def answer(body):
        await asyncio.sleep(1.0)
        return web.json_response({"result": 1})

    events = ask(Node(answer), ["a"], run_of(node_timeout_s=0.5))
    assert events.data == {0: int64(1)}
    assert not events.losses


def test_a_node_that_answers_samples_but_no_probes_is_not_lost():
    """As one that does one thing at a time."""

    async def answer(body):
        await asyncio.sleep(0.25)
        return web.json_response({"result": body["query"]})

    async def test():
        node = Node(answer)
        async with linked(node, run_of(node_timeout_s=0.5), concurrency=1) as (link, events):
            node._name = lambda: asyncio.sleep(60)
            link.send(batch_of(["a"] * 6))
            await events.until_ended(6)
            assert not events.reasons and not events.losses

    run_limited(test())


# ---- The end -------------------------------------------------------------------------------------


def test_the_end_forgets_what_is_outstanding_and_a_test_may_follow():
    async def answer(body):
        if body["query"] == "hang":
            await asyncio.sleep(60)
        return web.json_response({"result": 1})

    async def test():
        node, events = Node(answer), Recorder()
        link = HttpLink(await node.start(), events, concurrency=3)
        for number in range(3):
            await link.begin(run_of(number))
            link.send(batch_of(["good"] * 4 + ["hang"] * 8, first_key=100 * number))
            await events.until(lambda events, number=number: len(events.data) == 4 * (number + 1))
            await link.end()
        await node.stop()
        assert not events.reasons and not events.losses
        assert len(events.data) == 12

    run_limited(test())


def test_the_end_may_come_at_any_time():
    """Before a begin, during one, and twice."""

    async def test():
        node = RawNode([], is_there=False)
        link = HttpLink(await node.start(), Recorder())
        await link.end()
        begun = asyncio.create_task(link.begin(run_of()))
        await asyncio.sleep(0.05)
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
        await link.end()
        await link.end()
        await node.stop()

    run_limited(test())


def test_the_end_comes_also_where_a_cancellation_is_lost():
    """As asyncio.wait_for loses it before Python 3.12 if what it waits for is done just then."""

    class Stubborn(HttpLink):
        async def _find_out(self, timeout_s):
            self.asked.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            return ""

    async def test():
        node = Node()
        link = Stubborn(await node.start(), Recorder())
        link.asked = asyncio.Event()
        await link.begin(run_of(node_timeout_s=0.2))
        await link.asked.wait()
        await link.end()
        await node.stop()

    run_limited(test())


def test_what_goes_wrong_at_this_end_reaches_the_loop():
    """As a sample library that raises while an answer makes room for the next sample."""
    seen = []

    async def test():
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: seen.append(context["exception"])
        )
        async with linked(Node()) as (link, events):

            def fail(link, keys, sent_ns, begun_ns):
                raise KeyError("sample 7")

            events.sent = fail
            link.send(batch_of(["a"]))
            while not seen:
                await asyncio.sleep(0.01)

    run_limited(test())
    assert repr(seen) == "[KeyError('sample 7')]"


def test_options_are_checked():
    for options in ({"concurrency": 0}, {"request_timeout_s": 0}, {"max_answer_bytes": -1}):
        with pytest.raises(ValueError, match="must be above 0"):
            HttpLink("http://localhost:1", None, **options)
    with pytest.raises(ValueError, match="give http://host:port"):
        HttpLink("http://", None)


def test_without_aiohttp_the_fix_is_named(run_script):
    done = run_script("""
        import sys
        sys.modules["aiohttp"] = None
        import mlperf_loadgen.qdl
        import mlperf_loadgen.qdl.links.http
    """)
    assert "http:// needs aiohttp: pip install 'mlperf_loadgen[network]'" in done.stderr


# ---- Whole tests, against a node of serve_http ---------------------------------------------------

NODE = """
    import sys
    import mlperf_loadgen as lg
    from mlperf_loadgen.qdl import serve_http

    class Labels(lg.SystemUnderTest):
        '''Holds samples back until a flush; refuses negative ones.'''
        name = "labels"
        def __init__(self, library):
            self.library = library
            self.held = []
        def issue_query(self, samples):
            self.held += zip(samples.ids.tolist(), samples.indices.tolist())
        def flush_queries(self):
            held, self.held = self.held, []
            for id, index in held:
                pixels = self.library[index]
                if pixels["pixels"][0] < 0:
                    raise ValueError("a negative pixel")
                label = int(pixels["pixels"].sum())
                lg.complete([id], [label.to_bytes(8, "little")])

    serve_http(Labels, sys.argv[1], ready=lambda address: print(address, flush=True))
"""


@contextlib.contextmanager
def started_node():
    """A node of serve_http in another process, which prints its address."""
    command = (sys.executable, "-c", textwrap.dedent(NODE), "http://127.0.0.1:0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.address = process.stdout.readline().strip()
            yield process
        finally:
            process.kill()


@pytest.fixture
def node_process():
    with started_node() as process:
        yield process


@pytest.fixture
def node(node_process):
    """Its address; it must end in peace."""
    yield node_process.address
    node_process.terminate()
    assert node_process.wait(HANG_LIMIT_S) == 0


@pytest.fixture(scope="module")
def shared_node():
    """The address of a node that all requests leave as it was; it must end in peace."""
    with started_node() as process:
        yield process.address
        process.terminate()
        assert process.wait(HANG_LIMIT_S) == 0


class Pixels(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 50

    def __init__(self, negative=()):
        self.negative = negative

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass

    def __getitem__(self, index):
        sign = -1 if index in self.negative else 1
        return {"pixels": sign * np.array([index, 1000])}


def measure(outdir, address, library, scenario="Offline", mode="AccuracyOnly", **options):
    sut = NetworkQDL(address, library, connect_timeout_s=20, request_timeout_s=20, **options)
    settings = lg.TestSettings(
        scenario=getattr(lg.TestScenario, scenario),
        mode=getattr(lg.TestMode, mode),
        min_duration_ms=0,
        min_query_count=30,
        server_target_qps=500,
    )
    result = lg.StartTestWithLogSettings(sut, library, settings, log_settings(outdir))
    return sut, result


def test_the_wait_for_a_connection_is_the_queues(node, tmp_path):
    """Samples of Offline come together, and go one after the other."""
    measure(tmp_path, node, Pixels(), "Offline", "PerformanceOnly", concurrency=1)
    rows = np.load(tmp_path / "mlperf_log_network.npy")
    rows = rows[np.argsort(rows["taken_ns"])]
    assert (rows["taken_ns"][1:] >= rows["received_ns"][:-1]).all()
    assert (rows["sent_ns"] >= rows["taken_ns"]).all()


@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Server", "Offline"])
def test_a_test_over_http(node, tmp_path, scenario):
    sut, result = measure(tmp_path, node, Pixels(), scenario)
    assert errors_of(result) == []
    assert sut.name == "labels"
    log = lg.read_accuracy(result.logs.accuracy)
    assert (log.payloads.as_array(np.int64)[:, 0] == log.indices + 1000).all()
    assert set(log.indices.tolist()) == set(range(50))
    assert sut.report.nodes[0]["answered"] == len(log.indices)


def test_a_system_that_fails_is_named(node, tmp_path):
    with pytest.warns(
        match="500 Internal Server Error: flush_queries raised ValueError: a negative pixel"
    ):
        _, result = measure(tmp_path, node, Pixels(negative=[3]))
    assert not result.valid


def test_a_library_that_raises_ends_the_test(node, tmp_path):
    class Broken(Pixels):
        def __getitem__(self, index):
            if index == 7:
                raise KeyError("sample 7 is not there")
            return super().__getitem__(index)

    with pytest.raises(KeyError, match="sample 7 is not there"):
        measure(tmp_path, node, Broken(), "SingleStream")


def test_a_node_that_is_killed_ends_the_test(node_process, tmp_path):
    class Fatal(Pixels):
        def __getitem__(self, index):
            if index == 7:
                node_process.kill()
            return super().__getitem__(index)

    with (
        pytest.warns(match="is lost: "),
        pytest.raises(NetworkError, match="no other node is left"),
    ):
        measure(tmp_path, node_process.address, Fatal(), "SingleStream")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"query": null}', b'{"query": {"b64": "?"}}', b"[" * 50000]
)
def test_requests_that_are_none_are_refused(shared_node, body):
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    with pytest.raises(HTTPError, match="400"):
        urlopen(Request(f"{shared_node}/predict/", body), timeout=HANG_LIMIT_S)
    with urlopen(Request(f"{shared_node}/getname/", b""), timeout=HANG_LIMIT_S) as answer:
        assert json.load(answer) == {"name": "labels"}


def test_a_node_beyond_loopback_must_be_asked_for():
    from mlperf_loadgen.qdl import serve_http

    with pytest.raises(NetworkError, match="can be reached from other machines"):
        serve_http(lambda library: None, "http://0.0.0.0:0")


@pytest.mark.parametrize(
    ("bind", "fails", "text"),
    [
        ("http://127.0.0.1:99999", False, "ports are numbers from 0 to 65535; give http://host:p"),
        ("http://127.0.0.1", False, "it has no port; give http://host:port"),
        ("http://127.0.0.1:0", True, "cannot begin: Early: RuntimeError: no model"),
    ],
)
def test_a_node_that_cannot_serve_says_why(run_script, bind, fails, text):
    program = """
        import sys
        import mlperf_loadgen as lg
        from mlperf_loadgen.qdl import serve_http

        class Early(lg.AsyncSystemUnderTest):
            async def issue_query(self, samples):
                pass

            async def start(self):
                if sys.argv[2] == "True":
                    raise RuntimeError("no model")

        serve_http(lambda library: Early(), sys.argv[1])
    """
    done = run_script(program, bind, str(fails))
    assert text in done.stderr.splitlines()[-1]
