"""Reads, writes, immediates, sends and receives do what they promise, by each provider.

Method: two engines of one process, and arrays that are compared with NumPy's own indexing.
"""

import threading
import time

import numpy as np
import pytest
from transfer_node import LIMIT_S, NBYTES

from mlperf_loadgen import transfer

PATTERN = (np.arange(NBYTES) % 251).astype(np.uint8)


def random_slices(count, nbytes, seed=0):
    """Slices that do not overlap, neither here nor there."""
    rng = np.random.default_rng(seed)
    step = NBYTES // count
    places = rng.permutation(count) * step, rng.permutation(count) * step
    return np.stack([*places, np.full(count, min(nbytes, step))], axis=1)


def expected(slices, source, target):
    for local, remote, nbytes in np.asarray(slices).tolist():
        target[local : local + nbytes] = source[remote : remote + nbytes]
    return target


# ---- Reads ---------------------------------------------------------------------------------------


def test_a_read_of_all(pair):
    op = pair.remote.read(pair.here)
    op.wait(LIMIT_S)
    assert (pair.here.array() == PATTERN).all()
    assert op.done and op.error is None
    assert op.nbytes == NBYTES


@pytest.mark.parametrize(
    ("count", "nbytes"), [(1, 1), (1, 2048), (64, 2048), (1000, 7), (3000, 64)]
)
def test_slices_are_read_from_their_places_to_theirs(pair, count, nbytes):
    slices = random_slices(count, nbytes)
    op = pair.remote.read(pair.here, slices)
    op.wait(LIMIT_S)
    assert (pair.here.array() == expected(slices, PATTERN, np.zeros(NBYTES, np.uint8))).all()
    assert op.nbytes == slices[:, 2].sum()


def test_more_slices_than_a_frame_holds(pair):
    slices = np.array([[i, NBYTES - 1 - i, 1] for i in range(40_000)])
    pair.remote.read(pair.here, slices).wait(LIMIT_S)
    assert (pair.here.array()[:40_000] == PATTERN[::-1][:40_000]).all()


@pytest.mark.parametrize("dtype", ["u8", "i8", "u4", "i4", "u2", "i2", "ulonglong", "longlong"])
def test_arrays_of_each_integer_type(pair, dtype):
    slices = np.array([[0, 100, 50], [200, 300, 60]], dtype)
    pair.remote.read(pair.here, slices).wait(LIMIT_S)
    assert (pair.here.array()[:50] == PATTERN[100:150]).all()
    assert (pair.here.array()[200:260] == PATTERN[300:360]).all()


@pytest.mark.parametrize(
    "slices",
    [
        [(0, 7, 9)],
        ((0, 7, 9),),
        [[np.int32(0), 7, 9]],
        np.asfortranarray(np.array([[0, 7, 9], [20, 7, 9]])),
        np.array([[0, 7, 9], [1, 1, 1]])[::2],
        np.array([[9, 7, 0]])[:, ::-1],
        memoryview(np.array([[0, 7, 9]])),
    ],
    ids=lambda slices: type(slices).__name__,
)
def test_other_shapes_of_slices(pair, slices):
    pair.remote.read(pair.here, slices).wait(LIMIT_S)
    assert (pair.here.array()[:9] == PATTERN[7:16]).all()


@pytest.mark.parametrize("slices", [[], np.zeros((0, 3), int), [(5, 5, 0)], [(NBYTES, NBYTES, 0)]])
def test_nothing_to_read_is_done_at_once(pair, slices):
    op = pair.remote.read(pair.here, slices)
    assert op.done
    op.wait(0)
    assert op.nbytes == 0
    assert not pair.here.array().any()


def test_times_are_of_the_monotonic_clock(pair):
    before = time.monotonic_ns()
    op = pair.remote.read(pair.here)
    op.wait(LIMIT_S)
    assert before <= op.posted_ns <= op.completed_ns <= time.monotonic_ns()


# ---- Writes and immediates -----------------------------------------------------------------------


@pytest.mark.parametrize(("count", "nbytes"), [(1, 1), (64, 2048), (3000, 64)])
def test_a_write_is_in_place_when_it_is_done(pair, count, nbytes):
    rows = random_slices(count, nbytes, seed=1)
    pair.here.array()[:] = 255 - PATTERN
    pair.remote.write(pair.here, rows).wait(LIMIT_S)
    wanted = expected(rows[:, [1, 0, 2]], pair.here.array(), PATTERN.copy())
    assert (pair.there.array() == wanted).all()


def test_the_immediate_comes_after_the_bytes(pair):
    pair.here.array()[:] = 9
    pair.remote.write(pair.here, imm=7).wait(LIMIT_S)
    (row,) = pair.node.imms(LIMIT_S)
    assert (pair.there.array() == 9).all()
    assert row["imm"] == 7
    assert row["peer"] == pair.back.number
    assert 0 < row["received_ns"] <= time.monotonic_ns()


def test_immediates_come_in_their_order_once(pair):
    ops = [pair.remote.write(pair.here, [(0, 0, 8)], imm=i) for i in range(500)]
    for op in ops:
        op.wait(LIMIT_S)
    assert pair.node.imms()["imm"].tolist() == list(range(500))
    assert len(pair.node.imms()) == 0


@pytest.mark.parametrize("imm", [0, 1, 2**32 - 1])
def test_an_immediate_alone(pair, imm):
    pair.remote.write(pair.here, [], imm=imm).wait(LIMIT_S)
    assert pair.node.imms(LIMIT_S)["imm"].tolist() == [imm]
    assert (pair.there.array() == PATTERN).all()


def test_without_immediates_there_are_none(pair):
    assert len(pair.node.imms()) == 0
    assert pair.node.imms(0.01).dtype == transfer.IMM


# ---- Messages ------------------------------------------------------------------------------------


def test_messages_of_a_tag_are_received_in_their_order(pair):
    source = pair.client.register(np.arange(4, dtype=np.uint8))
    target = pair.node.register(np.zeros(4, np.uint8))
    for offset in range(4):
        pair.peer.send(source, offset, 1, tag=5).wait(LIMIT_S)
    pair.peer.send(source, 3, 1, tag=6).wait(LIMIT_S)
    other = pair.node.register(np.zeros(1, np.uint8))
    pair.back.recv(other, tag=6).wait(LIMIT_S)
    for offset in range(4):
        op = pair.back.recv(target, offset, 1, tag=5)
        op.wait(LIMIT_S)
        assert op.received_nbytes == 1
    assert target.array().tolist() == [0, 1, 2, 3]
    assert other.array().tolist() == [3]


@pytest.mark.parametrize("nbytes", [0, 1, 1 << 16, (1 << 16) + 1, NBYTES])
@pytest.mark.parametrize("first", ["send", "recv"])
def test_a_message_of_any_size_in_both_orders(pair, nbytes, first):
    post = [
        lambda: pair.back.send(pair.there, 0, nbytes, tag=1),
        lambda: pair.peer.recv(pair.here, 0, NBYTES, tag=1),
    ]
    ops = [call() for call in (post if first == "send" else post[::-1])]
    for op in ops:
        op.wait(LIMIT_S)
    received = ops[1] if first == "send" else ops[0]
    assert received.received_nbytes == nbytes
    assert (pair.here.array()[:nbytes] == PATTERN[:nbytes]).all()
    assert not pair.here.array()[nbytes:].any()


def test_a_large_message_waits_for_its_receive(pair):
    op = pair.back.send(pair.there, tag=2)
    with pytest.raises(TimeoutError):
        op.wait(0.02)
    pair.peer.recv(pair.here, tag=2).wait(LIMIT_S)
    op.wait(LIMIT_S)
    assert (pair.here.array() == PATTERN).all()


def test_two_ends_that_only_write_do_not_stop_each_other(pair):
    back = pair.back.open(pair.here.descriptor)
    source = pair.node.register(np.full(NBYTES, 3, np.uint8))
    ops = []
    for _ in range(40):
        ops += [pair.remote.write(pair.here), back.write(source)]
    for op in ops:
        op.wait(LIMIT_S)


# ---- Regions -------------------------------------------------------------------------------------


def test_allocated_memory_is_zero_and_typed():
    with transfer.Engine() as engine:
        region = engine.allocate(64)
        assert region.nbytes == 64
        assert region.array().dtype == np.uint8 and not region.array().any()
        region.array(np.float32)[:] = 1.5
        assert region.array(np.float32).tolist() == [1.5] * 16
        assert isinstance(region.descriptor, bytes)


@pytest.mark.parametrize(
    "buffer",
    [bytearray(8), np.zeros(2, np.float32), memoryview(bytearray(8)), np.zeros((2, 2), "u2")],
    ids=lambda buffer: type(buffer).__name__,
)
def test_buffers_are_registered_without_a_copy(buffer):
    with transfer.Engine() as engine:
        region = engine.register(buffer)
        region.array()[:] = 7
        assert memoryview(buffer).tobytes() == b"\7" * 8


def test_engines_of_several_threads(pair):
    """Each thread reads its part of the region again and again, all by one connection."""
    failures = []

    def read(part):
        start, nbytes = part * 1000, 1000
        for _ in range(50):
            pair.here.array()[start : start + nbytes] = 0
            pair.remote.read(pair.here, [(start, start, nbytes)]).wait(LIMIT_S)
            if not (
                pair.here.array()[start : start + nbytes] == PATTERN[start : start + nbytes]
            ).all():
                failures.append(part)

    threads = [threading.Thread(target=read, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


# ---- Engines and peers ---------------------------------------------------------------------------


def test_the_example_of_the_manual():
    with transfer.Engine("tcp://127.0.0.1:0") as node, transfer.Engine() as client:
        weights = node.allocate(1 << 20)
        weights.array(np.float32)[:] = 1
        remote = client.connect(node.address).open(weights.descriptor)
        local = client.register(np.zeros(1 << 18, np.float32))
        remote.read(local).wait()
        assert (local.array(np.float32) == 1).all()
        remote.write(local, [(0, 4096, 512), (512, 65536, 512)], imm=7).wait(timeout_s=1)
        assert node.imms(timeout_s=1)["imm"].tolist() == [7]


def test_the_first_provider_of_the_caller_is_taken():
    with transfer.Engine() as node:
        for order, taken in [(["tcp", "shm"], "tcp"), (["shm", "tcp"], "shm"), (None, "shm")]:
            with transfer.Engine(providers=order) as client:
                assert client.connect(node.address).provider == taken


def test_what_peers_say_of_themselves(pair, way):
    assert pair.peer.provider == pair.back.provider == way.split()[0]
    assert pair.peer.alive and pair.back.alive
    assert pair.peer.address == pair.node.address
    assert pair.client.providers == (way.split()[0],)
    assert pair.remote.nbytes == NBYTES
    assert len({pair.client.connect(pair.node.address).number for _ in range(3)}) == 3


def test_a_secret_lets_those_in_who_know_it():
    secret = bytes(range(32))
    with transfer.Engine(secret=secret) as node, transfer.Engine(secret=secret) as client:
        region = node.allocate(8)
        region.array()[:] = 5
        local = client.register(np.zeros(8, np.uint8))
        client.connect(node.address).open(region.descriptor).read(local).wait(LIMIT_S)
        assert local.array().tolist() == [5] * 8


def test_spinning_engines_read_too():
    with transfer.Engine(spin_us=20) as node, transfer.Engine(spin_us=20) as client:
        region, local = node.allocate(64), client.register(np.zeros(64, np.uint8))
        region.array()[:] = 4
        for _ in range(50):
            client.connect(node.address).open(region.descriptor).read(local).wait(LIMIT_S)
        assert local.array().tolist() == [4] * 64
