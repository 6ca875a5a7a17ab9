"""Goal: a server may close the connections that it kept whenever it likes; no sample fails for
that, and every failure that is the server's own still is one.

Method: a server that answers the first request of each connection, and does something else with the
next one; it notes what it was asked by which connection. Nothing depends on time: a connection that
is closed when a request has come is to a client as one that was closed just before.
"""

import asyncio
import contextlib
import json

import numpy as np
import pytest
from links import Recorder, batch_of, run_limited, run_of

pytest.importorskip("aiohttp", reason="http:// needs aiohttp")
pytest.importorskip("tritonclient.http", reason="kserve+http:// needs tritonclient")

from mlperf_loadgen.qdl.links.http import HttpLink
from mlperf_loadgen.qdl.links.kserve import KServeLink

TENSOR = {"name": "y", "datatype": "INT64", "shape": [1], "data": [7]}
ANSWERS = {
    "/getname": {"name": "closes"},
    "/predict": {"result": 7},
    "/v2": {"name": "closes", "extensions": []},
    "/v2/models/m": {"name": "m", "inputs": [], "outputs": []},
    "/v2/models/m/infer": {"outputs": [TENSOR]},
}
ENDS = asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError
WAVE = 8


def ok(value):
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Closing:
    """Answers the first `kept` requests for a result of each connection, and then with `last`."""

    def __init__(self, kept=1, last=b""):
        self.kept, self.last = kept, last
        self.asked = []  # Requests for a result, by connection.
        self.tasks = set()

    async def start(self):
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=256)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _talk(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        results = 0
        with contextlib.closing(writer), contextlib.suppress(*ENDS):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split()[1].decode().rstrip("/")
                if b"content-length" in head.lower():
                    length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
                    await reader.readexactly(int(length))
                if path.endswith(("predict", "infer")):
                    self.asked.append(results)
                    results += 1
                    if results > self.kept:
                        writer.write(self.last)
                        return
                writer.write(ok(ANSWERS.get(path, {})))

    async def stop(self):
        self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def ask(link_of, server_of, waves):
    """What became of samples that are sent a wave after the other, each of so many, and the
    server."""

    async def test():
        server, events = server_of(), Recorder()
        place = await server.start()
        address = f"http://{place}" if link_of is HttpLink else f"kserve+http://{place}/m"
        link = link_of(address, events, concurrency=WAVE)
        await link.begin(run_of())
        for number, count in enumerate(waves):
            first = sum(waves[:number])
            link.send(batch_of([np.array([1])] * count, first_key=first))
            await events.until_ended(first + count)
        report = link.report()
        await link.end()
        await server.stop()
        return events, server, report["requests_repeated"]

    return run_limited(test())


both_links = pytest.mark.parametrize("link_of", [HttpLink, KServeLink])


@both_links
def test_a_request_on_a_closed_connection_is_repeated_on_a_new_one(link_of):
    """While others of the kept connections are closed as well: there are more than are asked by."""
    waves = [WAVE, WAVE // 2, WAVE // 2, WAVE]
    events, server, repeated = ask(link_of, Closing, waves)
    assert events.data == dict.fromkeys(range(sum(waves)), np.int64(7).tobytes())
    assert not events.reasons and not events.losses
    # Each repeat was for a connection that had answered before, and was its connection's first.
    assert repeated == sum(n > 0 for n in server.asked) > 0
    assert len(server.asked) == sum(waves) + repeated


@both_links
def test_a_server_that_closes_new_connections_unanswered_fails_its_samples(link_of):
    """The connection that the server introduced itself by is a kept one."""
    events, server, repeated = ask(link_of, lambda: Closing(kept=0), [WAVE])
    assert events.reasons.keys() == set(range(WAVE))
    assert all("Server disconnected" in reason for reason in events.reasons.values())
    assert repeated == 1
    assert len(server.asked) == WAVE + 1


@both_links
@pytest.mark.parametrize(
    "last", [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"HTTP/1.1 200 OK\r\nContent-Le"]
)
def test_an_answer_that_breaks_off_is_not_asked_for_again(link_of, last):
    events, server, repeated = ask(link_of, lambda: Closing(last=last), [1, 1])
    assert events.data.keys() == {0}
    assert events.reasons.keys() == {1}
    assert repeated == 0
    assert server.asked == [0, 1]
