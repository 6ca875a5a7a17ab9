"""Every line of the table of errors: what is refused, by whom, and as which exception.

Method: two engines of one process, and processes that are killed or stopped. Where bytes must not
move, both memories are compared afterwards.
"""

import contextlib
import os
import signal
import socket
import threading

import numpy as np
import pytest
from transfer_node import LIMIT_S, NBYTES, node

from mlperf_loadgen import transfer
from mlperf_loadgen.transfer import Access, PeerLost, Refused, TransferError

TOP = 2**64


@pytest.fixture
def unmoved(pair):
    """Both memories are as they were."""
    here, there = pair.here.array().copy(), pair.there.array().copy()
    yield
    assert (pair.here.array() == here).all()
    assert (pair.there.array() == there).all()


# ---- Slices --------------------------------------------------------------------------------------

OUTSIDE = {
    "beyond the local region": [(NBYTES, 0, 1)],
    "over the local end": [(NBYTES - 1, 0, 2)],
    "beyond the remote region": [(0, NBYTES, 1)],
    "over the remote end": [(0, NBYTES - 1, 2)],
    "larger than both": [(0, 0, NBYTES + 1)],
    "a sum that overflows here": [(TOP - 1, 0, 2)],
    "a sum that overflows there": [(0, TOP - 1, 2)],
    "a size that overflows": [(1, 1, TOP - 1)],
    "negative": [(-1, 0, 1)],
    "negative, in an array": np.array([[0, -1, 1]]),
    "negative, in a short array": np.array([[0, 0, -1]], np.int16),
    "more than 64 bits": [(TOP, 0, 1)],
    "of no bytes, outside": [(NBYTES + 1, 0, 0)],
    "the last of many": [(0, 0, 1)] * 100 + [(0, NBYTES, 1)],
}


@pytest.mark.parametrize("case", OUTSIDE)
@pytest.mark.parametrize("op", ["read", "write"])
def test_slices_outside_are_an_index_error(pair, unmoved, op, case):
    with pytest.raises(IndexError, match=r"slices?\b.*\d"):
        getattr(pair.remote, op)(pair.here, OUTSIDE[case])


@pytest.mark.parametrize(
    ("slices", "error"),
    [
        (np.zeros((2, 2), int), ValueError),
        (np.zeros(3, int), ValueError),
        (np.zeros((1, 3, 1), int), ValueError),
        ([(0, 0)], ValueError),
        ([(0, 0, 0, 0)], ValueError),
        ([0, 0, 0], ValueError),
        (np.zeros((1, 3)), TypeError),
        (np.zeros((1, 3), bool), TypeError),
        (np.zeros((1, 3), ">i8"), TypeError),
        (np.zeros((1, 3), object), (TypeError, ValueError)),
        ([(0, 0, 1.0)], TypeError),
        ([(0, None, 1)], TypeError),
        (7, TypeError),
        ("abc", TypeError),
        (b"abc", ValueError),
    ],
)
def test_what_is_no_array_of_slices_is_refused(pair, unmoved, slices, error):
    with pytest.raises(error, match="slices"):
        pair.remote.read(pair.here, slices)


def test_without_slices_both_regions_have_one_size(pair, unmoved):
    small = pair.client.register(np.zeros(8, np.uint8))
    with pytest.raises(ValueError, match=r"8.*1048576|1048576.*8"):
        pair.remote.read(small)


@pytest.mark.parametrize(
    ("imm", "error"), [(-1, ValueError), (2**32, ValueError), (1.0, TypeError)]
)
def test_an_immediate_has_32_bits(pair, unmoved, imm, error):
    with pytest.raises(error, match="imm"):
        pair.remote.write(pair.here, imm=imm)


@pytest.mark.parametrize("local", [None, b"abc", np.zeros(3)])
def test_the_local_end_is_a_region(pair, unmoved, local):
    with pytest.raises(TypeError, match="Region"):
        pair.remote.read(local)


def test_a_region_of_another_engine_is_refused(pair, unmoved):
    with pytest.raises(ValueError, match="engine"):
        pair.remote.read(pair.there)


# ---- Regions and engines -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("buffer", "error"),
    [
        (b"read-only", ValueError),
        (np.zeros((4, 4), np.uint8)[:, ::2], ValueError),
        (np.zeros((4, 4), np.uint8).T[1:], ValueError),
        (memoryview(bytearray(8))[::2], ValueError),
        (7, TypeError),
        ("text", TypeError),
        (None, TypeError),
    ],
)
def test_buffers_that_cannot_be_registered(buffer, error):
    with transfer.Engine() as engine, pytest.raises(error, match="buffer"):
        engine.register(buffer)


@pytest.mark.parametrize("nbytes", [-1, 2**63, 1.5, "many"])
def test_sizes_that_cannot_be_allocated(nbytes):
    with (
        transfer.Engine() as engine,
        pytest.raises((ValueError, TypeError, MemoryError, OverflowError, OSError)),
    ):
        engine.allocate(nbytes)


@pytest.mark.parametrize("address", ["", "nonsense", "tcp://", "tcp://127.0.0.1:x", "udp://a:1"])
def test_no_address_is_a_value_error(address):
    with pytest.raises(ValueError, match="address"):
        transfer.Engine(address)
    with transfer.Engine() as engine, pytest.raises(ValueError, match="address"):
        engine.connect(address)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"secret": b"short"}, ValueError, "give 32"),
        ({"secret": bytes(32)}, ValueError, "zeros"),
        ({"secret": "x" * 32}, TypeError, "secret|argument"),
        ({"providers": ["pigeon"]}, ValueError, "pigeon"),
        ({"providers": []}, ValueError, "provider"),
        ({"providers": "tcp"}, (TypeError, ValueError), "provider"),
        ({"spin_us": -1}, ValueError, "spin_us"),
        ({"spin_us": float("nan")}, ValueError, "spin_us"),
        ({"max_peers": 0}, ValueError, "max_peers"),
        ({"bind": "tcp://0.0.0.0:0"}, ValueError, "secret"),
    ],
)
def test_options_that_make_no_engine(options, error, match):
    with pytest.raises(error, match=match):
        transfer.Engine(**options)


def test_without_a_secret_all_may_be_let_in():
    with transfer.Engine("tcp://0.0.0.0:0", insecure=True) as engine:
        assert engine.address.startswith("tcp://")


def test_providers_that_are_not_usable_are_named_with_the_reason():
    unusable = [p for p in transfer.providers() if not p.usable]
    if not unusable:
        pytest.skip("every provider is usable here")
    with pytest.raises(TransferError, match=unusable[0].name):
        transfer.Engine(providers=[unusable[0].name])


def test_no_provider_in_common():
    with (
        transfer.Engine(providers=["tcp"]) as node,
        transfer.Engine(providers=["shm"]) as client,
        pytest.raises(TransferError, match="shm"),
    ):
        client.connect(node.address)


def test_other_secrets_are_refused():
    with transfer.Engine(secret=b"y" * 32) as node:
        for secret in (None, b"x" * 32):
            with (
                transfer.Engine(secret=secret) as client,
                pytest.raises(TransferError, match="secret"),
            ):
                client.connect(node.address)


def test_where_none_listens_or_answers():
    with socket.create_server(("127.0.0.1", 0)) as server, transfer.Engine() as engine:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises((TimeoutError, TransferError)):
            engine.connect(address, timeout_s=0.05)
        server.close()
        with pytest.raises((OSError, TransferError)):
            engine.connect(address)
        with pytest.raises(TimeoutError):
            engine.accept(timeout_s=0.01)


# ---- Access, keys, ends of regions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "op"), [(Access.READ, "write"), (Access.WRITE, "read")], ids=["write", "read"]
)
@pytest.mark.parametrize("allocated", [True, False])
def test_what_the_region_does_not_allow_is_refused(pair, access, op, allocated):
    if allocated:
        region = pair.node.allocate(64, access)
    else:
        region = pair.node.register(np.zeros(64, np.uint8), access)
    remote = pair.peer.open(region.descriptor)
    local = pair.client.register(np.ones(64, np.uint8))
    with pytest.raises(Refused, match=r"access|allow"):
        getattr(remote, op)(local).wait(LIMIT_S)
    other = "read" if op == "write" else "write"
    getattr(remote, other)(local).wait(LIMIT_S)


def test_a_changed_descriptor_opens_nothing(pair):
    """Each byte changed: no descriptor but the right one is accepted."""
    good = pair.there.descriptor
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1
        with pytest.raises((Refused, ValueError)):
            pair.peer.open(bytes(changed))
    assert pair.peer.alive
    assert pair.peer.open(good).nbytes == NBYTES


@pytest.mark.parametrize("descriptor", [b"", b"x", b"\0" * 100, bytes(1000)])
def test_what_is_no_descriptor_is_a_value_error(pair, descriptor):
    with pytest.raises(ValueError, match="descriptor"):
        pair.peer.open(descriptor)


def test_a_descriptor_of_another_engine_is_refused(pair):
    with transfer.Engine() as other:
        region = other.allocate(64)
        with pytest.raises((Refused, ValueError)):
            pair.peer.open(region.descriptor)


def test_a_closed_region_is_refused(pair):
    before = pair.there.array().copy()
    pair.here.array()[:] = 77
    pair.there.close()
    pair.there.close()
    with pytest.raises(Refused, match="closed"):
        pair.remote.write(pair.here, imm=3).wait(LIMIT_S)
    with pytest.raises(Refused, match="closed"):
        pair.remote.read(pair.here).wait(LIMIT_S)
    with pytest.raises(Refused):
        pair.peer.open(pair.there.descriptor)
    assert (pair.there.array() == before).all()
    assert (pair.here.array() == 77).all()
    assert len(pair.node.imms()) == 0
    assert pair.peer.alive


def test_a_closed_local_region_is_refused(pair):
    pair.here.close()
    with pytest.raises(Refused, match="closed"):
        pair.remote.read(pair.here).wait(LIMIT_S)


# ---- Messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("nbytes", [100, 1 << 17])
@pytest.mark.parametrize("first", ["send", "recv"])
def test_a_message_that_is_too_long_fails_its_receive_alone(pair, nbytes, first):
    small = pair.node.register(np.zeros(10, np.uint8))
    pair.here.array()[:] = 1
    if first == "recv":
        receive = pair.back.recv(small, tag=1)
        send = pair.peer.send(pair.here, 0, nbytes, tag=1)
    else:
        send = pair.peer.send(pair.here, 0, nbytes, tag=1)
        receive = pair.back.recv(small, tag=1)
    with pytest.raises(TransferError, match=str(nbytes)):
        receive.wait(LIMIT_S)
    assert not small.array().any()
    with contextlib.suppress(TransferError):  # It failed unless the peer's engine kept the bytes.
        send.wait(LIMIT_S)
    pair.peer.send(pair.here, 0, 10, tag=1).wait(LIMIT_S)
    pair.back.recv(small, tag=1).wait(LIMIT_S)
    assert small.array().all()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"offset": NBYTES, "nbytes": 1}, IndexError),
        ({"offset": NBYTES + 1}, IndexError),
        ({"offset": -1}, IndexError),
        ({"nbytes": -1}, IndexError),
        ({"nbytes": NBYTES + 1}, IndexError),
        ({"offset": 2**64 - 1, "nbytes": 2}, IndexError),
        ({"tag": 2**32}, ValueError),
        ({"tag": -1}, ValueError),
        ({"offset": 1.0}, TypeError),
        ({"tag": "x"}, TypeError),
    ],
)
@pytest.mark.parametrize("call", ["send", "recv"])
def test_messages_outside_of_their_region(pair, call, arguments, error):
    with pytest.raises(error):
        getattr(pair.peer, call)(pair.here, **arguments)


# ---- Peers that go away --------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["tcp", "shm"])
@pytest.mark.parametrize("memory", ["allocated", "registered"])
def test_a_killed_peer_is_lost(provider, memory):
    with (
        node(memory=memory, providers=[provider]) as other,
        transfer.Engine(providers=[provider]) as client,
    ):
        peer = client.connect(other.address)
        remote = peer.open(other.descriptor)
        local = client.register(np.zeros(NBYTES, np.uint8))
        receive = peer.recv(local)
        other.kill()
        with pytest.raises(PeerLost):
            receive.wait(LIMIT_S)
        assert isinstance(receive.error, PeerLost)
        for call in (
            lambda: remote.read(local).wait(LIMIT_S),
            lambda: remote.write(local, imm=1).wait(LIMIT_S),
            lambda: peer.send(local).wait(LIMIT_S),
            lambda: peer.open(other.descriptor),
        ):
            with pytest.raises(PeerLost):
                call()
        assert not peer.alive


@pytest.mark.parametrize("provider", ["tcp", "shm"])
def test_a_stopped_peer_is_late_and_not_lost(provider):
    with (
        node(memory="registered", providers=[provider]) as other,
        transfer.Engine(providers=[provider]) as client,
    ):
        remote = client.connect(other.address).open(other.descriptor)
        local = client.register(np.zeros(NBYTES, np.uint8))
        remote.read(local).wait(LIMIT_S)
        local.array()[:] = 0
        os.kill(other.process.pid, signal.SIGSTOP)
        os.waitpid(other.process.pid, os.WUNTRACED)  # A signal takes effect a little later.
        op = remote.read(local)
        with pytest.raises(TimeoutError):
            op.wait(timeout_s=0.05)
        assert not op.done and op.error is None
        os.kill(other.process.pid, signal.SIGCONT)
        op.wait(LIMIT_S)
        assert local.array()[250] == 250


@pytest.mark.parametrize("closed", ["peer", "engine"])
def test_what_is_closed_here_fails_what_is_outstanding(pair, closed):
    op = pair.peer.recv(pair.here)
    if closed == "peer":
        pair.peer.close()
        pair.peer.close()
    else:
        pair.client.close()
        pair.client.close()
    with pytest.raises(TransferError):
        op.wait(LIMIT_S)
    with pytest.raises(TransferError):
        pair.remote.read(pair.here)
    with pytest.raises(TransferError):
        pair.peer.send(pair.here)
    if closed == "peer":
        assert isinstance(op.error, PeerLost)


def test_the_peer_of_a_closed_engine_is_lost(pair):
    op = pair.peer.recv(pair.here)
    pair.node.close()
    with pytest.raises(PeerLost):
        op.wait(LIMIT_S)


@pytest.mark.parametrize(
    "call",
    [
        lambda engine, region: engine.allocate(8),
        lambda engine, region: engine.register(bytearray(8)),
        lambda engine, region: engine.connect("tcp://127.0.0.1:1"),
        lambda engine, region: engine.accept(0.01),
        lambda engine, region: engine.imms(0.01),
    ],
)
def test_a_closed_engine_says_so(call):
    engine = transfer.Engine()
    region = engine.allocate(8)
    engine.close()
    with pytest.raises(TransferError, match="closed"):
        call(engine, region)
    assert region.array().tolist() == [0] * 8


@pytest.mark.parametrize("call", ["accept", "imms"])
def test_closing_ends_who_waits(call):
    engine = transfer.Engine()
    ended = []

    def wait():
        with pytest.raises(TransferError, match="closed"):
            getattr(engine, call)(timeout_s=LIMIT_S)
        ended.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    engine.close()
    thread.join(LIMIT_S)
    assert ended == [True]


# ---- Others --------------------------------------------------------------------------------------


def test_garbage_on_the_port_is_dropped(pair):
    host, port = pair.node.address.removeprefix("tcp://").rsplit(":", 1)
    rng = np.random.default_rng(0)
    for size in (1, 31, 32, 33, 5000, 100_000):
        with socket.create_connection((host, int(port))) as garbage:
            garbage.settimeout(LIMIT_S)
            with contextlib.suppress(OSError):  # It is dropped at any time.
                garbage.sendall(rng.bytes(size))
                garbage.shutdown(socket.SHUT_WR)
                while garbage.recv(4096):
                    pass
    pair.remote.read(pair.here).wait(LIMIT_S)


def test_a_hundred_connections():
    with transfer.Engine() as other, transfer.Engine() as client:
        region = other.allocate(8)
        region.array()[:] = 6
        peers = [client.connect(other.address) for _ in range(100)]
        locals_ = [client.register(np.zeros(8, np.uint8)) for _ in peers]
        ops = [
            peer.open(region.descriptor).read(local)
            for peer, local in zip(peers, locals_, strict=True)
        ]
        for op, local in zip(ops, locals_, strict=True):
            op.wait(LIMIT_S)
            assert local.array().tolist() == [6] * 8


def test_no_more_peers_than_asked_for():
    with transfer.Engine(max_peers=2) as other, transfer.Engine() as client:
        peers = [client.connect(other.address) for _ in range(2)]
        with pytest.raises((TransferError, TimeoutError)):
            client.connect(other.address, timeout_s=1)
        assert all(peer.alive for peer in peers)
