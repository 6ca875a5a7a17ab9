"""What is in use stays: views keep memory, operations keep regions, and closing ends all use.

Method: everything but one object is dropped, and weak references say what is still there; peers
that are processes of their own are asked for what they see.
"""

import contextlib
import gc
import weakref

import numpy as np
import pytest
from transfer_node import LIMIT_S, NBYTES, collected, node

from mlperf_loadgen import transfer
from mlperf_loadgen.transfer import PeerLost, Refused, TransferError


class Array(np.ndarray):
    """An array with weak references."""


def test_a_view_keeps_the_memory():
    with transfer.Engine() as engine:
        view = engine.allocate(1 << 16).array()
        gc.collect()
        view[:] = 3
    del engine
    gc.collect()
    assert (view == 3).all()


def test_a_region_keeps_what_was_registered():
    array = np.zeros(64, np.uint8).view(Array)
    reference = weakref.ref(array)
    with transfer.Engine() as engine:
        region = engine.register(array)
        del array
        gc.collect()
        region.array()[:] = 1
        assert reference() is not None
        del region
        assert collected(reference)


def test_a_closed_region_lets_go_of_what_was_registered(pair):
    array = np.zeros(64, np.uint8).view(Array)
    reference = weakref.ref(array)
    region = pair.node.register(array)
    pair.peer.open(region.descriptor).read(pair.client.register(bytearray(64))).wait(LIMIT_S)
    del array
    region.close()
    del region
    assert collected(reference)


def test_an_operation_keeps_its_region(pair):
    """The receive is all that is left of its end."""
    array = np.zeros(64, np.uint8).view(Array)
    reference = weakref.ref(array)
    op = pair.peer.recv(pair.client.register(array))
    del array
    gc.collect()
    assert reference() is not None
    source = pair.node.register(np.full(64, 8, np.uint8))
    pair.back.send(source).wait(LIMIT_S)
    op.wait(LIMIT_S)
    assert (reference() == 8).all()
    del op
    assert collected(reference)


def test_an_operation_that_is_dropped_goes_on(pair):
    for _ in range(100):
        pair.remote.write(pair.here, [(0, 0, 1000)], imm=1)
    seen = 0
    while seen < 100:
        rows = pair.node.imms(LIMIT_S)
        assert len(rows)
        seen += len(rows)


def test_remote_regions_keep_their_connection():
    with transfer.Engine() as other:
        region = other.allocate(8)
        region.array()[:] = 2
        client = transfer.Engine()
        remote = client.connect(other.address).open(region.descriptor)
        local = client.register(np.zeros(8, np.uint8))
        del client
        gc.collect()
        remote.read(local).wait(LIMIT_S)
        assert local.array().tolist() == [2] * 8


@pytest.mark.parametrize("provider", ["tcp", "shm"])
def test_after_close_no_peer_touches_the_memory(provider):
    with node(providers=[provider]) as other, transfer.Engine(providers=[provider]) as engine:
        region = engine.allocate(NBYTES)
        other.ask(f"globals().update(peer=engine.connect({engine.address!r})) or 0")
        other.ask(f"globals().update(remote=peer.open({region.descriptor!r})) or 0")
        other.ask("remote.write(region).wait(20) or 0")
        view = region.array()
        assert (view == (np.arange(NBYTES) % 251)).all()
        region.close()
        view[:] = 0
        text = other.ask("failure(lambda: remote.write(region).wait(20))")
        assert text == "Refused"
        assert not view.any()


def test_after_close_of_a_peer_nothing_is_written(pair):
    op = pair.remote.read(pair.here)
    pair.peer.close()
    pair.here.array()[:] = 0
    with contextlib.suppress(PeerLost):
        op.wait(LIMIT_S)
    assert not pair.here.array().any()


def test_a_region_may_be_used_by_its_owner_after_its_engine():
    engine = transfer.Engine()
    region = engine.allocate(8)
    engine.close()
    region.array()[:] = 9
    region.close()
    assert region.array().tolist() == [9] * 8


def test_closing_everything_twice_is_fine(pair):
    for thing in (pair.here, pair.there, pair.peer, pair.back, pair.client, pair.node) * 2:
        thing.close()
    with pytest.raises((TransferError, Refused)):
        pair.remote.read(pair.here)
