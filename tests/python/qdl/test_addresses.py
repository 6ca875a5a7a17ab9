"""Goal: an address that is none is refused by a text that says how it should be, before anything is
bound or connected to, and addresses of IPv6 work for both ends of every transport.

Method: tables of addresses; nodes and servers at ::1, where this machine has it.
"""

import contextlib
import re
import socket

import numpy as np
import pytest
from links import Recorder, batch_of, run_limited, run_of
from qdl_node import NUMBERS, Digest, Node
from runs import errors_of

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.address import corrected_address, is_loopback

pytest.importorskip("zmq", reason="tcp:// needs pyzmq: pip install 'mlperf_loadgen[network]'")

pytest_plugins = ["qdl_fixtures"]
pytestmark = pytest.mark.usefixtures("no_hang")


def has_ipv6():
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@needs_ipv6
def test_a_node_and_its_users_meet_over_ipv6(run):
    with Node("Digest", "tcp://[::1]:0") as node:
        assert node.address.startswith("tcp://[::1]:")
        system = qdl.NetworkQDL(node.address, NUMBERS)
        assert errors_of(run(system, NUMBERS)) == []
        assert system.report.nodes[0]["address"] == node.address
    with pytest.raises(
        qdl.NetworkError, match=r"tcp://\[::\]:0 can be reached from other machines"
    ):
        qdl.serve(Digest, "tcp://[::]:0")
    with Node("Digest", "tcp://[::]:0", insecure=True) as node:
        for host in ("[::1]", "127.0.0.1"):
            here = node.address.replace("[::]", host)
            assert errors_of(run(qdl.NetworkQDL(here, NUMBERS), NUMBERS)) == []


BAD_ADDRESSES = {
    "tcp://127.0.0.1": "it has no port; give tcp://host:port",
    "tcp://127.0.0.1:": "it has no port",
    "tcp://:8001": "it has no host",
    "tcp://127.0.0.1:99999": "its port is '99999', and ports are numbers from",
    "tcp://127.0.0.1:65536": "its port is '65536'",
    "tcp://127.0.0.1:-1": "its port is '-1'",
    "tcp://127.0.0.1:+80": "its port is '.80'",
    "tcp://127.0.0.1:8_0": "its port is '8_0'",
    "tcp://127.0.0.1:http": "its port is 'http'",
    "tcp://127.0.0.1:8001/model": "it has more than a host and a port",
    "tcp://::1:8001": r"an IPv6 address stands in brackets; give tcp://\[::1\]:port",
    "tcp://[::1:8001": "its brackets hold no IPv6 address",
    "tcp://a:1,tcp://b:2": "it has a comma, and one address is one node; give tcp://host:port",
    "tcp://a:1,b:2": "it has a comma",
    "ipc://": "it has no path; give ipc://path",
}


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_an_address_that_is_none_is_refused_before_it_is_used(address):
    """By both ends; ZeroMQ would take some of these for other ports."""
    words = f"is no address of a node: {BAD_ADDRESSES[address]}"
    with pytest.raises(ValueError, match=words):
        qdl.NetworkQDL(address, NUMBERS)
    with pytest.raises(qdl.NetworkError, match=words):
        qdl.serve(Digest, address)


@pytest.mark.parametrize(
    "address", ["kserve+http://a:1/m,kserve+http://b:1/m", "http://a,http://b"]
)
def test_several_addresses_in_one_text_are_refused(address):
    with pytest.raises(ValueError, match="it has a comma, and one address is one node"):
        qdl.NetworkQDL(address, NUMBERS)
    qdl.NetworkQDL("http://name:pass,word@a:1", NUMBERS)


@pytest.mark.parametrize("addresses", [None, 5, b"tcp://a:1", ["tcp://a:1", 7], [None]])
def test_what_is_no_text_is_no_address(addresses):
    words = "addresses must be a text such as 'tcp://host:port', or a list of them, not "
    with pytest.raises(TypeError, match=f"^{re.escape(words + repr(addresses))}$"):
        qdl.NetworkQDL(addresses, NUMBERS)


@pytest.mark.parametrize("scheme", ["tcp", "http", "kserve+http", "kserve+grpc"])
def test_no_client_connects_to_port_0(scheme):
    with pytest.raises(ValueError, match="ports are numbers from 1 to 65535"):
        qdl.NetworkQDL(f"{scheme}://127.0.0.1:0/m", NUMBERS)


def test_addresses_of_another_transport_are_its_own(run):
    """They need be no host and port."""
    qdl.register_transport("elsewhere", lambda address, events: None)
    qdl.NetworkQDL("elsewhere://a:b:c", NUMBERS)


def test_a_node_over_http_needs_a_port():
    """aiohttp would take 8080, and every address of the machine where there is no host."""
    with pytest.raises(qdl.NetworkError, match="it has no port"):
        qdl.serve_http(Digest, "http://127.0.0.1")
    with pytest.raises(qdl.NetworkError, match="it has no host"):
        qdl.serve_http(Digest, "http://:8000", insecure=True)


@needs_ipv6
def test_http_over_ipv6():
    web = pytest.importorskip("aiohttp.web", reason="http:// needs aiohttp")
    from mlperf_loadgen.qdl.links.http import HttpLink

    async def answer(request):
        return web.json_response({"name": "six", "result": 6})

    async def test():
        application = web.Application()
        application.router.add_post("/{path}/", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "::1", 0).start()
        events = Recorder()
        link = HttpLink(f"http://[::1]:{runner.addresses[0][1]}", events)
        assert (await link.begin(run_of())).name == "six"
        link.send(batch_of(["a"]))
        await events.until_ended(1)
        await link.end()
        await runner.cleanup()
        assert events.data == {0: np.int64(6).tobytes()}

    run_limited(test())


@needs_ipv6
def test_serve_http_prints_an_ipv6_address_in_brackets(run_script):
    said = run_script("""
        import mlperf_loadgen as lg
        from mlperf_loadgen.qdl import serve_http

        class Sut(lg.SystemUnderTest):
            def issue_query(self, samples):
                pass

        addresses = []
        serve_http(
            lambda library: Sut(), "http://[::1]:0", ready=addresses.append,
            stopped=lambda: bool(addresses),
        )
        print(addresses[0])
    """)
    assert said.stdout.startswith("http://[::1]:"), said.stderr


@needs_ipv6
def test_metrics_over_ipv6():
    pytest.importorskip("prometheus_client")
    with lg.serve_metrics(0, "::1") as url:
        assert url.startswith("http://[::1]:")


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("tcp://[::1]:1", True),
        ("tcp://[::ffff:127.0.0.1]:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://localhost:1", True),
        ("ipc://x", True),
        ("tcp://[::]:1", False),
        ("tcp://[::ffff:0.0.0.0]:1", False),
        ("tcp://*:1", False),
        ("tcp://localhost.example:1", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(address, is_one):
    assert is_loopback(address) is is_one


# ---- Addresses without their scheme --------------------------------------------------------------

CORRECTED = {
    "127.0.0.1:8002": "tcp://127.0.0.1:8002",
    "localhost:8000": "tcp://localhost:8000",
    "node-1.example.com:80/model": "tcp://node-1.example.com:80/model",
    "[::1]:8000": "tcp://[::1]:8000",
    "::1:8000": "tcp://[::1]:8000",
    "//node:1": "tcp://node:1",
    "tcp:/node:1": "tcp://node:1",
    "TCP:/node:1": "tcp://node:1",
    "tcp//node:1": "tcp://node:1",
    "http:node:1": "http://node:1",
    "kserve+http:node:1/m": "kserve+http://node:1/m",
    "ipc:/tmp/node": "ipc:///tmp/node",
    "127.0.0.1": "tcp://127.0.0.1:PORT",
    "localhost": "tcp://localhost:PORT",
    "::1": "tcp://[::1]:PORT",
    "[::1]": "tcp://[::1]:PORT",
}
NO_ADDRESSES = ("sut.py", "sut.py:Sut", "sut.py:80", "package.module:Sut", "http:Server", "tcp:Sut")


@pytest.mark.parametrize("text", CORRECTED)
def test_an_address_without_its_scheme_is_given_back_whole(text):
    with pytest.raises(ValueError, match="it has no scheme://; give ") as caught:
        qdl.NetworkQDL(text, NUMBERS)
    assert str(caught.value).endswith(f"give {CORRECTED[text]}")


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_files_and_modules_are_not_taken_for_addresses(text):
    assert corrected_address(text, ("tcp", "http")) is None


def test_a_misspelled_scheme_comes_with_the_nearest():
    with pytest.raises(ValueError, match=r"no scheme htp://; did you mean http://node:1/v2\?"):
        qdl.NetworkQDL("htp://node:1/v2", NUMBERS)
