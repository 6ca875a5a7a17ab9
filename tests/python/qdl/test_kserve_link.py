"""Goal: servers of the Open Inference Protocol can be measured, over HTTP with tensors as JSON or
as bytes and over gRPC; samples that are not what the model takes, and servers that fail, give
a text that names what happened, and each sample ends exactly once.

Method: one fake model behind servers of both protocols in the link's event loop, which notes the
tensors it got, and is made to fail in one way each.
"""

import asyncio
import contextlib
import json
import socket

import numpy as np
import pytest
from links import Recorder, batch_of, run_limited, run_of
from shard_files import write_shard

from mlperf_loadgen.data import WebDatasetQSL
from mlperf_loadgen.qdl import NetworkError

pytest.importorskip("tritonclient.grpc.aio", reason="kserve+grpc:// needs tritonclient")
pytest.importorskip("tritonclient.http.aio", reason="kserve+http:// needs tritonclient")
web = pytest.importorskip("aiohttp.web", reason="kserve+http:// needs aiohttp")

import grpc  # noqa: E402
from tritonclient.grpc import service_pb2, service_pb2_grpc  # noqa: E402
from tritonclient.utils import (  # noqa: E402
    deserialize_bytes_tensor,
    np_to_triton_dtype,
    serialize_byte_tensor,
    triton_to_np_dtype,
)

from mlperf_loadgen.qdl.links.kserve import KServeLink  # noqa: E402

PIXELS = ("pixels", "FP32", [-1, 4])
LABEL = ("label", "INT64", [-1, 1])


class Refused(Exception):
    """A model's refusal of a request."""


def to_bytes(array):
    if array.dtype == object:
        return serialize_byte_tensor(array).item() if array.size else b""
    return array.tobytes()


def from_bytes(data, datatype, shape):
    if datatype == "BYTES":
        return deserialize_bytes_tensor(data).reshape(shape)
    return np.frombuffer(data, triton_to_np_dtype(datatype)).reshape(shape)


class Model:
    """`answer(inputs)`: a coroutine that returns the outputs; both are dicts of arrays."""

    def __init__(self, inputs=(PIXELS,), outputs=(LABEL,), answer=None):
        self.inputs, self.outputs = inputs, outputs
        self.live = self.ready = True
        self.answer = answer or self.label
        self.seen = []  # Dicts of arrays.
        self.versions = []

    async def label(self, inputs):
        return {"label": np.array([[len(self.seen)]])}

    async def infer(self, version, inputs, names):
        self.versions.append(version)
        self.seen.append(inputs)
        outputs = await self.answer(inputs)
        return {name: outputs[name] for name in names or outputs}

    def metadata(self):
        return {
            "name": "m",
            **{
                what: [
                    dict(zip(("name", "datatype", "shape"), one, strict=True)) for one in tensors
                ]
                for what, tensors in (("inputs", self.inputs), ("outputs", self.outputs))
            },
        }


class HttpServer:
    """The protocol over HTTP; `binary`: with the extension for tensors as bytes."""

    scheme = "kserve+http"

    def __init__(self, model, binary=False):
        self.model, self.binary = model, binary

    async def start(self, port=0):
        application = web.Application(client_max_size=1 << 30)
        routes = application.router
        routes.add_get("/v2", self._server)
        routes.add_get("/v2/health/live", self._live)
        for prefix in ("/v2/models/m", "/v2/models/m/versions/{version}"):
            routes.add_get(prefix, self._model)
            routes.add_get(prefix + "/ready", self._ready)
            routes.add_post(prefix + "/infer", self._infer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]
        return f"{self.scheme}://127.0.0.1:{self.port}/m"

    async def stop(self):
        await self._runner.cleanup()

    async def _server(self, request):
        extensions = ["binary_tensor_data"] if self.binary else []
        return web.json_response({"name": "fake", "version": "1", "extensions": extensions})

    async def _live(self, request):
        return web.Response(status=200 if self.model.live else 503)

    async def _model(self, request):
        return web.json_response(self.model.metadata())

    async def _ready(self, request):
        return web.Response(status=200 if self.model.ready else 503)

    async def _infer(self, request):
        content = await request.read()
        length = int(request.headers.get("Inference-Header-Content-Length", len(content)))
        # As FastAPI, which MLServer is made with: other content is no JSON to it.
        assert self.binary or request.content_type == "application/json"
        asked, tensors = json.loads(content[:length]), content[length:]
        inputs = {}
        for one in asked["inputs"]:
            if self.binary:
                size = one["parameters"]["binary_data_size"]
                inputs[one["name"]] = from_bytes(tensors[:size], one["datatype"], one["shape"])
                tensors = tensors[size:]
            else:
                data = np.array(one["data"], triton_to_np_dtype(one["datatype"]))
                inputs[one["name"]] = data.reshape(one["shape"])
        names = [one["name"] for one in asked.get("outputs", ())]
        version = request.match_info.get("version", "")
        try:
            outputs = await self.model.infer(version, inputs, names)
        except Refused as error:
            return web.json_response({"error": str(error)}, status=400)
        return self._answer(outputs)

    def _answer(self, outputs):
        described, tensors = [], b""
        for name, array in outputs.items():
            one = {"name": name, "datatype": np_to_triton_dtype(array.dtype), "shape": array.shape}
            if self.binary:
                one["parameters"] = {"binary_data_size": len(to_bytes(array))}
                tensors += to_bytes(array)
            else:
                flat = array.reshape(-1).tolist()
                one["data"] = [x.decode() if isinstance(x, bytes) else x for x in flat]
            described.append(one)
        head = json.dumps({"model_name": "m", "outputs": described}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))} if self.binary else {}
        return web.Response(body=head + tensors, headers=headers)


class BinaryHttpServer(HttpServer):
    def __init__(self, model):
        super().__init__(model, binary=True)


class GrpcServer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """The protocol over gRPC; `typed`: it answers with numbers instead of bytes."""

    scheme = "kserve+grpc"

    def __init__(self, model, typed=False):
        self.model, self.typed = model, typed

    async def start(self, port=0):
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()
        return f"{self.scheme}://127.0.0.1:{self.port}/m"

    async def stop(self):
        await self._server.stop(0.01)

    async def _check(self, name, context):
        if name != "m":
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no model {name}")

    async def ServerLive(self, request, context):
        return service_pb2.ServerLiveResponse(live=self.model.live)

    async def ServerMetadata(self, request, context):
        return service_pb2.ServerMetadataResponse(name="fake", version="1")

    async def ModelReady(self, request, context):
        return service_pb2.ModelReadyResponse(ready=self.model.ready)

    async def ModelMetadata(self, request, context):
        await self._check(request.name, context)
        return service_pb2.ModelMetadataResponse(**self.model.metadata())

    async def ModelInfer(self, request, context):
        raw = request.raw_input_contents
        inputs = {
            one.name: from_bytes(data, one.datatype, list(one.shape))
            for one, data in zip(request.inputs, raw, strict=True)
        }
        names = [one.name for one in request.outputs]
        try:
            outputs = await self.model.infer(request.model_version, inputs, names)
        except Refused as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = service_pb2.ModelInferResponse(model_name="m")
        for name, array in outputs.items():
            datatype = np_to_triton_dtype(array.dtype)
            one = response.outputs.add(name=name, datatype=datatype, shape=array.shape)
            if self.typed:
                field = {"INT64": "int64", "INT32": "int", "FP32": "fp32", "BYTES": "bytes"}
                contents = getattr(one.contents, field[datatype] + "_contents")
                contents.extend(array.reshape(-1).tolist())
            else:
                response.raw_output_contents.append(to_bytes(array))
        return response


class TypedGrpcServer(GrpcServer):
    def __init__(self, model):
        super().__init__(model, typed=True)


SERVERS = (HttpServer, BinaryHttpServer, GrpcServer, TypedGrpcServer)
PROTOCOLS = (HttpServer, GrpcServer)

every_form = pytest.mark.parametrize("server_of", SERVERS)
both_protocols = pytest.mark.parametrize("server_of", PROTOCOLS)


@contextlib.asynccontextmanager
async def linked(server, run=None, **options):
    """A link that has begun, and its events."""
    events = Recorder()
    link = KServeLink(await server.start(), events, **options)
    try:
        await link.begin(run or run_of())
        yield link, events
    finally:
        await link.end()
        await server.stop()


def ask(server, payloads, run=None, **options):
    """What became of samples: the recorder when all have ended."""

    async def test():
        async with linked(server, run, **options) as (link, events):
            link.send(batch_of(payloads))
            await events.until_ended(len(payloads))
            assert not events.losses
            return events

    return run_limited(test())


def floats(*values):
    return np.array(values, np.float32)


# ---- Tensors -------------------------------------------------------------------------------------


@every_form
@pytest.mark.parametrize(
    ("inputs", "payload", "expected"),
    [
        ((PIXELS,), floats(1, 2, 3, 4), {"pixels": floats([1, 2, 3, 4])}),
        ((PIXELS,), floats([1, 2, 3, 4], [5, 6, 7, 8])[:, ::-1], None),
        ((("x", "FP32", [1, 2]),), floats(1, 2), {"x": floats([1, 2])}),
        ((("x", "INT32", [2]),), np.array([1, 2], np.int32), {"x": np.array([1, 2], np.int32)}),
        ((("x", "BOOL", [-1]),), np.array([True, False]), {"x": np.array([True, False])}),
        ((("x", "BYTES", [1]),), "text", {"x": np.array([b"text"], object)}),
        ((("x", "BYTES", [-1, 1]),), b"text", {"x": np.array([[b"text"]], object)}),
        ((("x", "BYTES", [2]),), np.array(["a", "bc"]), {"x": np.array([b"a", b"bc"], object)}),
        ((PIXELS,), {"pixels": floats(1, 2, 3, 4)}, {"pixels": floats([1, 2, 3, 4])}),
        (
            (("a", "FP32", [1]), ("b", "INT64", [1])),
            [floats(1), np.array([2])],
            {"a": floats(1), "b": np.array([2])},
        ),
        # A model that does not describe itself.
        ((), floats([1, 2]), {"input-0": floats([1, 2])}),
        ((), {"x": floats(1)}, {"x": floats(1)}),
    ],
)
def test_a_payload_as_the_model_gets_it(server_of, inputs, payload, expected):
    model = Model(inputs)
    events = ask(server_of(model), [payload])
    assert events.reasons == {}
    (seen,) = model.seen
    expected = {"pixels": payload} if expected is None else expected
    assert seen.keys() == expected.keys()
    for name, array in expected.items():
        assert seen[name].shape == array.shape
        values = [x.encode() if isinstance(x, str) else x for x in seen[name].flat]
        assert values == list(array.flat)
        assert seen[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (
            np.zeros(4),
            "input 'pixels' takes FP32 of shape [-1, 4], and the sample is FP64 of shape [4]: see "
            "what qsl[index] returns",
        ),
        (floats(1, 2, 3), "input 'pixels' takes FP32 of shape [-1, 4], and the sample is FP32 of "),
        (floats([[1, 2, 3, 4]]), "of shape [-1, 4], and the sample is FP32 of shape [1, 1, 4]"),
        (np.zeros(4, ">f4"), "and the sample is >f4 of shape [4]"),
        ("text", "and the sample is BYTES of shape []"),
        ({"x": floats(1)}, "the sample has 'x', but the model's inputs are 'pixels'"),
        ({}, "the sample has none, but the model's inputs are 'pixels'"),
        ([floats(1), floats(2)], "the sample is 2 arrays, but the model's inputs are 'pixels'"),
        (np.zeros(4, complex), "and the sample is complex128 of shape [4]"),
    ],
)
@both_protocols
def test_a_payload_that_the_model_does_not_take(server_of, payload, reason):
    model = Model()
    events = ask(server_of(model), [payload, floats(1, 2, 3, 4)])
    assert reason in events.reasons[0]
    assert events.data == {1: np.int64(1).tobytes()}
    assert len(model.seen) == 1


@both_protocols
def test_a_sample_of_shards_goes_to_the_inputs_by_its_fields(server_of, tmp_path):
    path = write_shard(tmp_path / "a.tar", [0], lambda _: {"pixels": floats(1, 2, 3, 4).tobytes()})
    qsl = WebDatasetQSL(path, decode={"pixels": lambda data: np.frombuffer(data, np.float32)})
    qsl.load_samples([0])
    model = Model()
    assert ask(server_of(model), [qsl[0]]).reasons == {}
    assert model.seen[0]["pixels"].tolist() == [[1, 2, 3, 4]]


async def three_outputs(inputs):
    return {
        "scores": floats([0.5, 0.25]),
        "label": np.array([[3]], np.int32),
        "text": np.array([b"ab", b"c"], object),
    }


@every_form
@pytest.mark.parametrize(
    ("options", "data"),
    [
        ({}, np.int32(3).tobytes() + b"abc" + floats(0.5, 0.25).tobytes()),
        ({"outputs": ["scores"]}, floats(0.5, 0.25).tobytes()),
        ({"outputs": ["text", "label"]}, b"abc" + np.int32(3).tobytes()),
        (
            {"decode": lambda outputs: f"{list(outputs)} {outputs['label'].tolist()}".encode()},
            b"['label', 'text', 'scores'] [[3]]",
        ),
        ({"decode": lambda outputs: f"\u00e9{outputs['label'][0, 0]}"}, b"\xc3\xa93"),
    ],
)
def test_the_bytes_of_an_answer(server_of, options, data):
    outputs = (("label", "INT32", [1, 1]), ("text", "BYTES", [2]), ("scores", "FP32", [1, 2]))
    events = ask(
        server_of(Model(outputs=outputs, answer=three_outputs)), [floats(1, 2, 3, 4)], **options
    )
    assert events.reasons == {}
    assert events.data == {0: data}


@both_protocols
def test_outputs_of_a_model_that_describes_none_come_in_its_order(server_of):
    events = ask(server_of(Model((), (), three_outputs)), [floats(1)])
    assert events.data == {0: floats(0.5, 0.25).tobytes() + np.int32(3).tobytes() + b"abc"}


@both_protocols
def test_the_version_and_the_name(server_of):
    async def test():
        model = Model()
        server, events = server_of(model), Recorder()
        link = KServeLink(await server.start(), events, model_version="7")
        info = await link.begin(run_of())
        link.send(batch_of([floats(1, 2, 3, 4)]))
        await events.until_ended(1)
        await link.end()
        await server.stop()
        return info.name, model.versions

    assert run_limited(test()) == ("m on fake 1", ["7"])


@both_protocols
def test_samples_beyond_the_concurrency_wait_in_order(server_of):
    at_work, most = 0, 0

    async def answer(inputs):
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.005)
        at_work -= 1
        return {"label": inputs["pixels"].astype(np.int64)}

    model = Model(answer=answer)
    events = ask(server_of(model), [floats(i, 0, 0, 0) for i in range(20)], concurrency=4)
    assert most == 4
    assert {key: data[0] for key, data in events.data.items()} == {i: i for i in range(20)}
    assert all(events.sent_ns[key] < events.received_ns[key] for key in events.data)
    if server_of is HttpServer:  # gRPC's one connection promises none.
        assert [seen["pixels"][0, 0] for seen in model.seen] == list(range(20))


# ---- Servers that have a part of the protocol ----------------------------------------------------


class PartialHttpServer(HttpServer):
    """Has /infer and nothing else, and no models but its one."""

    async def _nothing(self, request):
        raise web.HTTPNotFound

    _server = _live = _model = _ready = _nothing


class PartialGrpcServer(GrpcServer):
    async def _nothing(self, request, context):
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such call")

    ServerLive = ServerMetadata = ModelReady = ModelMetadata = _nothing


partial_servers = pytest.mark.parametrize("server_of", [PartialHttpServer, PartialGrpcServer])


@partial_servers
@pytest.mark.parametrize(
    ("inputs", "payload"),
    [
        (["pixels"], floats([1, 2, 3, 4])),
        (["pixels:FP32:-1x4"], floats(1, 2, 3, 4)),
        ([("pixels", "FP32", (-1, 4))], {"pixels": floats(1, 2, 3, 4)}),
    ],
)
def test_a_server_that_describes_nothing_works_with_inputs_and_outputs(server_of, inputs, payload):
    model = Model()
    events = ask(server_of(model), [payload], inputs=inputs, outputs=["label"])
    assert events.data == {0: np.int64(1).tobytes()}
    (seen,) = model.seen
    assert seen["pixels"].tolist() == [[1, 2, 3, 4]]


@partial_servers
def test_a_given_shape_is_kept(server_of):
    events = ask(server_of(Model()), [floats(1, 2)], inputs=["pixels:FP32:-1x4"])
    assert "input 'pixels' takes FP32 of shape [-1, 4]" in events.reasons[0]


@partial_servers
def test_a_server_that_describes_nothing_needs_inputs(server_of):
    text = begin_fails(server_of(Model()))
    assert "give inputs and outputs for a server that does not describe its models" in text


@both_protocols
def test_a_server_that_describes_only_its_models_has_no_name(server_of):
    class Nameless(server_of):
        if server_of is HttpServer:
            _server = PartialHttpServer._nothing
        else:
            ServerMetadata = PartialGrpcServer._nothing

    async def test():
        async with linked(Nameless(Model())) as (link, events):
            link.send(batch_of([floats(1, 2, 3, 4)]))
            await events.until_ended(1)
            return events

    assert run_limited(test()).data == {0: np.int64(1).tobytes()}


def test_a_name_with_a_colon_is_a_name():
    model = Model((("input:0", "FP32", [1]),))
    events = ask(HttpServer(model), [floats(1)], inputs=["input:0"])
    assert events.data == {0: np.int64(1).tobytes()}


# ---- Faults of a sample --------------------------------------------------------------------------


@both_protocols
def test_a_refusal_fails_its_sample(server_of):
    async def answer(inputs):
        if inputs["pixels"][0, 0] < 0:
            raise Refused("a negative pixel" + "!" * 1000)
        return {"label": np.array([[1]])}

    events = ask(server_of(Model(answer=answer)), [floats(-1, 0, 0, 0), floats(1, 0, 0, 0)])
    status = "400 Bad Request" if server_of is HttpServer else "INVALID_ARGUMENT"
    assert events.reasons == {0: f"{status}: a negative pixel" + "!" * 184}
    assert events.data == {1: np.int64(1).tobytes()}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (502, "<html>bad gateway", "502 Bad Gateway: <html>bad gateway"),
        (404, '{"detail": "Not Found"}', '404 Not Found: {"detail": "Not Found"}'),
        (500, "", "500 Internal Server Error"),
        (599, "odd", "599: odd"),
        (
            401,
            '{"error": "who?"}',
            "401 Unauthorized: who?: give the headers that it asks for (head",
        ),
        (403, "", "403 Forbidden: give the headers that it asks for (headers, --header)"),
        (200, "<html>", "its answer is no JSON: <html>"),
        (200, "", "its answer is empty"),
        (200, "[1]", "its answer has no list of outputs: [1]"),
        (200, '{"outputs": [1]}', "its answer has an output without a name"),
        (200, '{"error": "no GPU left"}', "its answer is an error: no GPU left"),
        (200, '{"error": {"message": "x"}}', "its answer is an error: x"),
        (200, '{"error": {"code": 3}}', 'its answer is an error: {"code": 3}'),
        (302, "", "302 Found: it sends elsewhere, to None: give that address"),
        (200, "{}", "its answer has no list of outputs: {}"),
        (200, '{"outputs": [{"name": "x"}]}', "its answer has an output without a datatype"),
        (
            200,
            '{"outputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}]}',
            "its answer has no output 'label'; it has 'x'",
        ),
        (
            200,
            '{"outputs": [{"name": "label", "datatype": "INT64", "shape": [2], "data": [1]}]}',
            "its output 'label' cannot be read as INT64 of shape [2]: cannot reshape",
        ),
    ],
)
def test_an_answer_that_is_none_fails_its_sample(status, body, reason):
    class Server(HttpServer):
        async def _infer(self, request):
            return web.Response(status=status, text=body)

    events = ask(Server(Model()), [floats(1, 2, 3, 4)])
    assert events.reasons[0].startswith(reason)


@both_protocols
def test_a_huge_answer_fails_its_sample(server_of):
    async def answer(inputs):
        return {"label": np.zeros(int(inputs["pixels"][0, 0]), np.int64)}

    payloads = [floats(1, 0, 0, 0), floats(1_000_000, 0, 0, 0)]
    events = ask(server_of(Model(answer=answer)), payloads, max_answer_bytes=100_000)
    assert events.data == {0: bytes(8)}
    assert "8000000" in events.reasons[1] or "larger than max" in events.reasons[1]


@both_protocols
def test_a_request_that_takes_too_long(server_of):
    async def answer(inputs):
        await asyncio.sleep(float(inputs["pixels"][0, 0]))
        return {"label": np.array([[1]])}

    payloads = [floats(0, 0, 0, 0), floats(60, 0, 0, 0)]
    events = ask(server_of(Model(answer=answer)), payloads, request_timeout_s=1.0)
    assert events.data == {0: np.int64(1).tobytes()}
    assert events.reasons == {1: "no answer within 1.0 s (request_timeout_s)"}


# ---- Faults of a server --------------------------------------------------------------------------


def begin_fails(server, address_end="", **options):
    """The text of the NetworkError."""

    async def test():
        address = await server.start()
        link = KServeLink(address + address_end, Recorder(), **options)
        with pytest.raises(NetworkError) as caught:
            await link.begin(run_of(connect_timeout_s=0.5))
        await link.end()
        await server.stop()
        return str(caught.value)

    return run_limited(test())


@both_protocols
def test_servers_that_are_not_ready(server_of):
    model = Model()
    model.live = False
    status = ": 503 Service Unavailable" if server_of is HttpServer else ""
    text = begin_fails(server_of(model))
    assert f"not ready after 0.5 s: the server is not live{status}" in text
    model = Model()
    model.ready = False
    text = begin_fails(server_of(model))
    assert f"not ready after 0.5 s: model 'm' is not ready{status}" in text


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize("call", ["_live", "_server", "_model", "_ready"])
def test_a_server_that_wants_to_know_who_asks(call, status):
    """It is not asked again: it will not change its mind."""

    async def refuse(request):
        return web.json_response({"error": "no token"}, status=int(status[:3]))

    server = HttpServer(Model())
    setattr(server, call, refuse)
    text = begin_fails(server)
    assert text.endswith(
        f"/m: {status}: no token: give the headers that it asks for (headers, --header)"
    )


def test_a_grpc_server_that_wants_to_know_who_asks():
    class Server(GrpcServer):
        async def ServerLive(self, request, context):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")

    text = begin_fails(Server(Model()))
    assert text.endswith(
        "UNAUTHENTICATED: no token: give the headers that it asks for (headers, --header)"
    )


@pytest.mark.parametrize(
    ("server_of", "text"),
    [(HttpServer, "404 Not Found: 404: Not Found"), (GrpcServer, "NOT_FOUND: no model")],
)
def test_a_model_that_is_not_there(server_of, text):
    assert f"asked for model 'mm': {text}" in begin_fails(server_of(Model()), "m")


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ([], "the description of the model is no object: []"),
        ({"inputs": [{"name": "x"}]}, 'one of its inputs has no datatype: {"name": "x"}'),
        ({"inputs": 1}, "its inputs are no list: 1"),
        ({"outputs": ["y"]}, 'one of its outputs is no object: "y"'),
        (
            {"inputs": [{"name": "x", "datatype": "FP32", "shape": "?"}]},
            "one of its inputs has no shape of numbers: {",
        ),
    ],
)
def test_metadata_that_is_none(metadata, why):
    model = Model()
    model.metadata = lambda: metadata
    assert f"its metadata cannot be read: {why}" in begin_fails(HttpServer(model))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([1, 2], "the description of the server is no object: [1, 2]"),
        ({"hello": "world"}, 'the description of the server has no name: {"hello": "world"}'),
    ],
)
def test_a_server_whose_description_is_none(said, why):
    class Server(HttpServer):
        async def _server(self, request):
            return web.json_response(said)

    assert f"its metadata cannot be read: {why}" in begin_fails(Server(Model()))


@both_protocols
def test_names_that_the_model_does_not_have(server_of):
    text = begin_fails(server_of(Model()), inputs=["image"])
    assert text.endswith("the model has no input 'image'; it has 'pixels'")
    text = begin_fails(server_of(Model()), outputs=["label", "score"])
    assert text.endswith("the model has no output 'score'; it has 'label'")


@pytest.mark.parametrize("scheme", ["kserve+http", "kserve+grpc"])
@pytest.mark.parametrize("listens", [False, True])
def test_a_server_that_is_not_there_or_never_answers(scheme, listens):
    async def test():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            if listens:
                one.listen()
            link = KServeLink(f"{scheme}://127.0.0.1:{one.getsockname()[1]}/m", Recorder())
            with pytest.raises(NetworkError) as caught:
                await link.begin(run_of(connect_timeout_s=0.5))
            await link.end()
        return str(caught.value)

    text = run_limited(test())
    assert "not ready after 0.5 s: " in text
    assert listens or "onnect" in text.split("0.5 s: ")[1]


@both_protocols
def test_a_server_that_dies_and_comes_back(server_of):
    async def never(inputs):
        await asyncio.sleep(60)

    async def test():
        server, events = server_of(Model(answer=never)), Recorder()
        link = KServeLink(await server.start(), events, concurrency=2)
        await link.begin(run_of(node_timeout_s=1.0))
        link.send(batch_of([floats(1, 2, 3, 4)] * 5))
        await events.until(lambda events: len(events.sent_ns) == 2)
        await server.stop()
        await events.until(lambda events: events.losses)

        again = server_of(Model())
        await again.start(server.port)
        await events.until(lambda events: events.returns)
        assert events.returns[0].name == "m on fake 1"
        link.send(batch_of([floats(1, 2, 3, 4)] * 5, first_key=10))
        await events.until(lambda events: len(events.data) == 5)
        assert events.data.keys() == set(range(10, 15))
        assert len(events.losses) == 1
        await link.end()
        await again.stop()

    run_limited(test())


@both_protocols
def test_a_slow_model_is_not_lost_while_its_server_is_live(server_of):
    async def answer(inputs):
        await asyncio.sleep(1.0)
        return {"label": np.array([[1]])}

    events = ask(server_of(Model(answer=answer)), [floats(1, 2, 3, 4)], run_of(node_timeout_s=0.5))
    assert events.data == {0: np.int64(1).tobytes()}


@both_protocols
def test_a_server_that_falls_silent_is_lost(server_of):
    """The connections stay; nothing is answered any more."""

    async def silence(*arguments):
        await asyncio.sleep(60)

    async def test():
        server = server_of(Model(answer=silence))
        live = "_live" if server_of is HttpServer else "ServerLive"
        method, silent = getattr(server, live), False

        async def answer(*arguments):
            return await (silence if silent else method)(*arguments)

        setattr(server, live, answer)
        async with linked(server, run_of(node_timeout_s=0.4)) as (link, events):
            link.send(batch_of([floats(1, 2, 3, 4)]))
            silent = True
            await events.until(lambda events: events.losses)
            assert "silent for" in events.losses[0]

    run_limited(test())


@both_protocols
def test_the_end_forgets_what_is_outstanding_and_a_test_may_follow(server_of):
    async def answer(inputs):
        if inputs["pixels"][0, 0] < 0:
            await asyncio.sleep(60)
        return {"label": np.array([[1]])}

    async def test():
        server, events = server_of(Model(answer=answer)), Recorder()
        link = KServeLink(await server.start(), events)
        for number in range(3):
            await link.begin(run_of(number))
            payloads = [floats(1, 0, 0, 0)] * 4 + [floats(-1, 0, 0, 0)] * 8
            link.send(batch_of(payloads, first_key=100 * number))
            await events.until(lambda events, number=number: len(events.data) == 4 * (number + 1))
            await link.end()
        await server.stop()
        assert not events.reasons and not events.losses

    run_limited(test())


@pytest.mark.parametrize(
    "address",
    ["kserve+http://localhost:1", "kserve+grpc://localhost:1/", "kserve+grpc://localhost:1/a/b"],
)
def test_an_address_names_a_model(address):
    with pytest.raises(ValueError, match="names no model: give kserve"):
        KServeLink(address, Recorder())


def test_without_tritonclient_the_fix_is_named(run_script):
    done = run_script("""
        import sys
        sys.modules["tritonclient"] = None
        import mlperf_loadgen.qdl.links.kserve
    """)
    assert "need tritonclient: pip install 'mlperf_loadgen[network]'" in done.stderr
