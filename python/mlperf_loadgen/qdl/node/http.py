"""A node with the HTTP endpoints of the reference's network demo (see links/http.py)."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...host.threads import require_unpatched
from ...interfaces import SystemUnderTest
from ...systems.event_loop import EventLoopThread
from ..address import HostPort, host_and_port, is_loopback
from ..links.link import NetworkError, Payload
from ..wire.answers import Event
from ..wire.samples import Samples
from .host import SutHost, signals_to_stop
from .remote_library import RemoteLibrary
from .serve import DEFAULT_MAX_PAYLOAD_BYTES

try:
    from aiohttp import web
except ImportError as error:
    raise ImportError("http:// needs aiohttp: pip install 'mlperf_loadgen[network]'") from error

_STOP_S = 1.0  # For requests that are still open.


def serve_http(
    make_sut: Callable[[RemoteLibrary], SystemUnderTest],
    bind: str,
    *,
    insecure: bool = False,
    max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES,
    ready: Callable[[str], object] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> None:
    """Hosts a system under test until SIGINT or SIGTERM, or until `stopped()`.

    It works like `serve`, for clients that speak HTTP. Every request is a query of one sample, with
    an index of its own. Any program that can reach the port can use the node, so an address beyond
    loopback needs `insecure`. There are no runs: the system's `flush_queries` is called after
    requests that came together. The bytes of a response are answered as {"result": {"b64": ...}}.

    `bind`: an address such as "http://127.0.0.1:8000"; port 0 takes a free port. `ready` is called
    with the address. Raises NetworkError if the address cannot be bound or is not allowed, if the
    system cannot begin, or if this process already hosts a system. Raises RuntimeError if gevent or
    eventlet has replaced the threads of the process.
    """
    require_unpatched("a node", "threads", "queues")
    try:
        place = host_and_port(bind, to_bind=True)
    except ValueError as error:
        raise NetworkError(str(error)) from None
    if not insecure and not is_loopback(bind):
        raise NetworkError(
            f"{bind} can be reached from other machines: bind to 127.0.0.1, or allow it by "
            "insecure=True"
        )
    library = RemoteLibrary()
    host = SutHost(make_sut(library), library)
    site = _Site(host, max_payload_bytes)
    refusals: list[str] = []

    def refuse(reason: str) -> None:
        refusals.append(reason)
        host.stop()

    loop = EventLoopThread("HTTP node")
    with signals_to_stop() as asked_to_stop:
        try:
            address = loop.run(site.open(place))
            host.begin(0, 0, lambda name: None, refuse)
            if ready is not None:
                ready(address)
            host.work(lambda: asked_to_stop.is_set() or bool(stopped and stopped()))
        finally:
            loop.run(site.close())
            loop.stop()
    if refusals:
        raise NetworkError(f"the system under test cannot begin: {refusals[0]}")


class _Site:
    """The endpoints. Everything is called in the event loop."""

    def __init__(self, host: SutHost, max_payload_bytes: int) -> None:
        self._host = host
        self._open: dict[int, asyncio.Future[bytes | _Failed]] = {}
        self._count = 0
        self._flush_is_due = False
        application = web.Application(client_max_size=max_payload_bytes)
        application.router.add_post("/getname/", self._name)
        application.router.add_post("/predict/", self._predict)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_STOP_S)

    async def open(self, place: HostPort) -> str:
        self._loop = asyncio.get_running_loop()
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, place.host, place.port).start()
        except OSError as error:
            text = f"cannot bind http://{place}: {error}; give http://address:port"
            raise NetworkError(text) from None
        self._loop.add_reader(self._host.served.fileno(), self._take)
        host, port, *_ = self._runner.addresses[0]
        return f"http://{HostPort(host, port)}"

    async def close(self) -> None:
        self._loop.remove_reader(self._host.served.fileno())
        await self._runner.cleanup()

    async def _name(self, request: web.Request) -> web.Response:
        return web.json_response({"name": self._host.sut.name})

    async def _predict(self, request: web.Request) -> web.Response:
        received_ns = time.monotonic_ns()
        try:
            payload = from_json((await request.json())["query"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            text = (
                f'a request is {{"query": payload, "id": number}}: {type(error).__name__}: {error}'
            )
            raise web.HTTPBadRequest(text=text) from None
        self._open[self._count] = answer = self._loop.create_future()
        number = np.array([self._count], np.uint64)
        self._count += 1
        self._host.issue(Samples(number, number, number, [payload]), received_ns)
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)
        data = await answer
        if isinstance(data, _Failed):
            raise web.HTTPInternalServerError(text=data)
        return web.json_response({"result": {"b64": base64.b64encode(data).decode()}})

    def _flush(self) -> None:
        self._flush_is_due = False
        self._host.flush()

    def _take(self) -> None:
        """Answers what was completed."""
        rows, data = self._host.take()
        end = 0
        for key, event, size in rows[["key", "event", "size"]].tolist():
            start, end = end, end + size
            value = data[start:end]
            if event == Event.COMPLETED:
                self._end(key, value)
            elif event == Event.FAILED:
                self._end(key, _Failed(value.decode()))
            elif event in (Event.FAULT, Event.ABORTED):
                # There is no other way to report that something went wrong beside a sample.
                for one in list(self._open):
                    self._end(one, _Failed(value.decode()))
                if event == Event.ABORTED:
                    self._host.stop()

    def _end(self, key: int, value: bytes | _Failed) -> None:
        answer = self._open.pop(key, None)
        if answer is not None and not answer.done():
            answer.set_result(value)


class _Failed(str):
    """Why the system under test did not answer a sample."""


def from_json(query: Any) -> Payload:
    """The value that `to_json` of links/http.py was given; arrays are of int64, float64 or bool,
    and bytes in a dict are arrays of uint8.

    Raises ValueError or TypeError for a value that is not a payload.
    """
    if isinstance(query, str):
        return query
    if isinstance(query, dict):
        if query.keys() == {"b64"}:
            return base64.b64decode(query["b64"], validate=True)
        return {name: _array(value) for name, value in query.items()}
    return _array(query)


def _array(value: Any) -> npt.NDArray[Any]:
    if isinstance(value, dict) and value.keys() == {"b64"}:
        return np.frombuffer(base64.b64decode(value["b64"], validate=True), np.uint8)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"no array of numbers: {str(value)[:100]}")
    return array
