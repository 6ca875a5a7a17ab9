"""An endpoint over https is believed only with a certificate that is trusted and for its name.

Method: a server with a certificate of its own that openssl makes; a client that opens a connection
before the first query, and a test that asks over it.
"""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from runs import log_settings

import mlperf_loadgen as lg
from mlperf_loadgen import _core, _llm
from mlperf_loadgen.systems.queued import QueuedSystem

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'22\r\ndata: {"choices":[{"text":"a"}]}\n\n\r\n'
    b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of localhost."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {key} -out {certificate}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def port(certificate):
    """The port of a server that answers each request on a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def accept(listener, context):
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, context), daemon=True).start()


def serve(connection, context):
    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
        received = b""
        while piece := secure.recv(4096):
            received += piece
            while received.endswith(b"\r\n\r\n"):
                secure.sendall(ANSWER)
                received = b""


def client_of(port, host="127.0.0.1", **options):
    server = _llm.Server(host, port, tls=True, shown=f"https://{host}:{port}", **options)
    return _llm.Client(servers=[server], max_outstanding=4, warm_connections=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_trusted_certificate(port, certificate, host):
    client = client_of(port, host, ca_file=str(certificate[0]))
    client.open()
    assert client.counts()["opened"] == 1
    client.stop()


def test_a_certificate_that_nobody_vouches_for(port):
    with pytest.raises(RuntimeError, match=r"https://127\.0\.0\.1:\d+: .*not trusted: .*ca_file"):
        client_of(port).open()
    client = client_of(port, insecure=True)
    client.open()
    client.stop()


def test_a_certificate_for_another_name(port, certificate):
    with pytest.raises(RuntimeError, match=r"not trusted: .*mismatch"):
        client_of(port, ca_file=str(certificate[0]), server_name="example.org").open()


def test_a_file_without_certificates(port, tmp_path):
    (tmp_path / "empty.pem").touch()
    with pytest.raises(RuntimeError, match=r"no certificates can be read from .*empty\.pem"):
        client_of(port, ca_file=str(tmp_path / "empty.pem")).open()


def test_a_server_without_tls():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].sendall(ANSWER))
        thread.start()
        with pytest.raises(RuntimeError, match="cannot connect: TLS: "):
            client_of(listener.getsockname()[1], insecure=True).open()
        thread.join()


class Endpoint(QueuedSystem):
    name = "endpoint"

    def __init__(self, client):
        self.client = client

    def begin_test(self):
        self.client.set_door(_core.completion_door)
        self.loadgen_queue.forward_to(self.client.taker())

    def end_test(self, result):
        self.loadgen_queue.forward_to(None)
        self.client.cease()

    def issue_query(self, samples):
        raise AssertionError("queries do not come here")

    def flush_queries(self):
        pass


def test_answers_come_with_the_kernels_stamps(port, certificate, tmp_path):
    client = client_of(port, ca_file=str(certificate[0]))
    client.open()
    for index in range(16):
        client.prepare(index, [b"POST / HTTP/1.1\r\n\r\n"])
    settings = lg.TestSettings(
        scenario=lg.TestScenario.SingleStream, min_duration_ms=0, min_query_count=10
    )
    library = lg.ConstructQSL(16, 16, lambda indices: None, lambda indices: None)
    result = lg.StartTestWithLogSettings(
        Endpoint(client), library, settings, log_settings(tmp_path)
    )
    lg.DestroyQSL(library)
    counts = client.counts()
    client.stop()
    assert counts["failures"] == {}
    assert counts["opened"] == 1
    # A comparison of the clocks that was disturbed leaves a read with the time of the read.
    assert counts["stamps"]["kernel"] > counts["stamps"]["read"]
    assert counts["statuses"] == {200: result.performance.query_count}
