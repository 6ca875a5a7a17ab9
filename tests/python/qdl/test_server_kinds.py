"""Goal: an address of a server of another kind is answered by what that server is and how to reach
it, and not by half a minute of waiting; access to servers that ask for it (TLS, tokens, query
parameters) can be given, and secrets stay out of what is written.

Method: small servers of each kind in the links' event loop, and one by one links that expect
something else.
"""

import contextlib
import ssl

import numpy as np
import pytest
from certificates import make_certificate
from links import Recorder, batch_of, run_limited, run_of
from test_http_link import Node as DemoNode
from test_http_link import RawNode
from test_kserve_link import GrpcServer, HttpServer, Model, floats

from mlperf_loadgen.qdl import NetworkError

web = pytest.importorskip("aiohttp.web", reason="http:// needs aiohttp")
zmq = pytest.importorskip("zmq", reason="tcp:// needs pyzmq")

import grpc  # noqa: E402
from tritonclient.grpc import service_pb2_grpc  # noqa: E402

from mlperf_loadgen.qdl.links.http import HttpLink  # noqa: E402
from mlperf_loadgen.qdl.links.kserve import KServeLink  # noqa: E402
from mlperf_loadgen.qdl.links.zmq import ZmqLink  # noqa: E402


@contextlib.asynccontextmanager
async def openai():
    async def models(request):
        return web.json_response({"object": "list", "data": [{"id": "llama"}]})

    async with site("/v1/models", models) as place:
        yield place


@contextlib.asynccontextmanager
async def web_page():
    async def page(request):
        return web.Response(text="<html>Welcome", content_type="text/html")

    async with site("/", page) as place:
        yield place


@contextlib.asynccontextmanager
async def site(path, answer):
    application = web.Application()
    application.router.add_get(path, answer)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@contextlib.asynccontextmanager
async def tcp_node():
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.zap_domain = b"node"  # As a node does, for what is no ZeroMQ.
    yield f"127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
    context.destroy(linger=0)


def of(server):
    @contextlib.asynccontextmanager
    async def started():
        address = await server.start()
        yield address.split("://")[1].split("/")[0]
        await server.stop()

    return started


SERVERS = {
    "an OpenAI endpoint answers there": openai,
    "a web server answers there, with a page for people": web_page,
    "a node of `mlperf-loadgen serve` listens there: give tcp://": tcp_node,
    "a gRPC server listens there: give kserve+grpc://": of(GrpcServer(Model())),
    "a server of the Open Inference Protocol answers there: give kserve+http://": of(
        HttpServer(Model())
    ),
    "a node of the reference's network demo answers there: give http://": of(DemoNode()),
}
LINKS = {
    "http://{}": HttpLink,
    "kserve+http://{}/m": KServeLink,
    "kserve+grpc://{}/m": KServeLink,
    "tcp://{}": ZmqLink,
}
WRONG = [
    (address, text)
    for address in LINKS
    for text in SERVERS
    if f"give {address.partition('{')[0]}" not in text
]


@pytest.mark.parametrize(("address", "text"), WRONG)
def test_a_server_of_another_kind_is_named(address, text):
    async def test():
        async with SERVERS[text]() as place:
            link = LINKS[address](address.format(place), Recorder())
            timeout_s = 1.0 if "web server" in text else 20.0
            with pytest.raises(NetworkError) as caught:
                await link.begin(run_of(connect_timeout_s=timeout_s))
            await link.end()
            return str(caught.value)

    said = run_limited(test())
    assert text in said
    # A web page may be that of a proxy whose server is not ready yet.
    assert ("not ready after" in said) is ("web server" in text and "tcp" not in address)


# ---- Access --------------------------------------------------------------------------------------


def asked(address_end, **options):
    """The requests that a server saw while two samples were sent to it."""
    requests = []

    async def answer(request):
        requests.append((request.path, dict(request.query), dict(request.headers)))
        return web.json_response({"name": "n", "result": 1, "outputs": []})

    async def test():
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        place = f"127.0.0.1:{runner.addresses[0][1]}"
        events = Recorder()
        kind = KServeLink if address_end.startswith("/m") else HttpLink
        scheme = "kserve+http" if kind is KServeLink else "http"
        link = kind(f"{scheme}://{place}{address_end}", events, **options)
        await link.begin(run_of())
        link.send(batch_of([np.zeros(2, np.float32)] * 2))
        await events.until_ended(2)
        await link.end()
        await runner.cleanup()
        assert not events.reasons
        return link

    return run_limited(test()), requests


@pytest.mark.parametrize("end", ["/m", ""])
def test_headers_and_query_go_with_every_request_and_stay_secret(end):
    link, requests = asked(
        f"{end}?key=secret1",
        headers={"Authorization": "Bearer secret2", "X-Team": "a"},
        query={"api version": "1&2"},
    )
    assert len(requests) >= 3
    for _, query, headers in requests:
        assert query == {"key": "secret1", "api version": "1&2"}
        assert headers["Authorization"] == "Bearer secret2"
        assert headers["X-Team"] == "a"
    assert "?key=..." in link.address
    assert "secret" not in link.address


def test_a_server_that_speaks_no_http_does_not_betray_a_query():
    async def test():
        node, events = RawNode([(b"no HTTP at all\r\n\r\n", None)]), Recorder()
        link = HttpLink(await node.start() + "?key=secret", events)
        await link.begin(run_of())
        link.send(batch_of(["a"]))
        await events.until_ended(1)
        await link.end()
        await node.stop()
        return events.reasons[0]

    reason = run_limited(test())
    assert "no HTTP came: " in reason
    assert "secret" not in reason


def test_headers_go_over_grpc():
    seen = []

    class Server(GrpcServer):
        async def ModelInfer(self, request, context):
            seen.append(dict(context.invocation_metadata()))
            return await super().ModelInfer(request, context)

    async def test():
        server, events = Server(Model()), Recorder()
        address = await server.start()
        link = KServeLink(address, events, headers={"Authorization": "Bearer token", "Host": "m"})
        await link.begin(run_of())
        link.send(batch_of([floats(1, 2, 3, 4)]))
        await events.until_ended(1)
        await link.end()
        await server.stop()
        assert not events.reasons

    run_limited(test())
    assert seen[0]["authorization"] == "Bearer token"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


class TlsHttpServer(HttpServer):
    scheme = "kserve+https"

    def __init__(self, model, certificate):
        super().__init__(model)
        self.certificate = certificate

    async def start(self, port=0):
        await super().start()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        return f"{self.scheme}://127.0.0.1:{self._runner.addresses[1][1]}/m"


class TlsGrpcServer(GrpcServer):
    scheme = "kserve+grpcs"

    def __init__(self, model, certificate):
        super().__init__(model)
        self.certificate = certificate

    async def start(self, port=0):
        self._server = grpc.aio.server()
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        chain, key = (path.read_bytes() for path in self.certificate)
        trust = grpc.ssl_server_credentials([(key, chain)])
        self.port = self._server.add_secure_port("127.0.0.1:0", trust)
        await self._server.start()
        return f"{self.scheme}://127.0.0.1:{self.port}/m"


TLS = [
    (TlsHttpServer, "ca_file"),
    (TlsHttpServer, "insecure"),
    (TlsHttpServer, "nothing"),
    (TlsGrpcServer, "ca_file"),
    (TlsGrpcServer, "nothing"),
]


@pytest.mark.parametrize(("server_of", "given"), TLS)
def test_tls(server_of, given, certificate):
    options = {"ca_file": {"ca_file": certificate[0]}, "insecure": {"insecure": True}}

    async def test():
        server, events = server_of(Model(), certificate), Recorder()
        link = KServeLink(await server.start(), events, **options.get(given, {}))
        try:
            await link.begin(run_of(connect_timeout_s=20 if options.get(given) else 1))
            link.send(batch_of([floats(1, 2, 3, 4)]))
            await events.until_ended(1)
            assert not events.reasons
            return "worked"
        except NetworkError as error:
            return str(error)
        finally:
            await link.end()
            await server.stop()

    said = run_limited(test())
    assert ("certificate" in said.lower() or "handshake" in said.lower()) is (given == "nothing")
    assert (said == "worked") is (given != "nothing")


@pytest.mark.parametrize(
    ("address", "options", "words"),
    [
        ("kserve+http://h:1/m", {"ca_file": "x"}, "ca_file is for TLS, and .* give kserve.https"),
        ("http://h:1", {"insecure": True}, "insecure is for TLS"),
        ("https://h:1", {"ca_file": "/nowhere"}, "ca_file /nowhere: .*No such file"),
        ("kserve+grpcs://h:1/m", {"ca_file": "/nowhere"}, "ca_file /nowhere: .*No such file"),
        ("kserve+grpcs://h:1/m", {"insecure": True}, "gRPC checks certificates always"),
        ("kserve+grpc://h:1/m?a=b", {}, "gRPC has no query parameters"),
        ("http://h:1", {"headers": {"a b": "c"}}, "'a b' is no name of a header"),
        (
            "http://h:1",
            {"headers": {"a": "secret\r\nb: c"}},
            "the header a must be text of one line",
        ),
        ("http://h:1", {"headers": {"Content-Length": "1"}}, "is made for each request"),
        ("kserve+http://h:1/m", {"inputs": ["x:FP31:1"]}, "there is no datatype 'FP31'"),
        ("kserve+http://h:1/m", {"inputs": [("x", "FP32")]}, "is no input: give a name"),
        ("kserve+http://h:1/m", {"inputs": [("x", "FP32", [-2])]}, "-1 stands for any length"),
    ],
)
def test_options_that_do_not_fit_are_refused(address, options, words):
    kind = KServeLink if "kserve" in address else HttpLink
    with pytest.raises(ValueError, match=words) as caught:
        kind(address, Recorder(), **options)
    assert "secret" not in str(caught.value)
