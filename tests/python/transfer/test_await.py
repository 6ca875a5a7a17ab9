"""Operations and immediates are awaited, in any loop and thread.

Method: asyncio loops in one thread and in several; what is awaited is released by the other end
when the test says so, never by time.
"""

import asyncio
import threading

import numpy as np
import pytest
from transfer_node import LIMIT_S, NBYTES

from mlperf_loadgen import transfer
from mlperf_loadgen.transfer import PeerLost, TransferError


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT_S))


def message(engine, value=1):
    return engine.register(np.full(8, value, np.uint8))


def test_reads_are_awaited(pair):
    async def read():
        for _ in range(100):
            pair.here.array()[:] = 0
            await pair.remote.read(pair.here)
            assert pair.here.array()[250] == 250

    run(read())


def test_many_at_once(pair):
    async def read(number):
        await pair.remote.read(pair.here, [(1000 * number, 1000 * number, 1000)])

    async def all_of_them():
        await asyncio.gather(*(read(number) for number in range(1000)))

    run(all_of_them())
    assert (pair.here.array()[:1_000_000] == pair.there.array()[:1_000_000]).all()


def test_what_is_done_needs_no_loop_turn(pair):
    op = pair.remote.read(pair.here)
    op.wait(LIMIT_S)
    steps = op.__await__()
    with pytest.raises(StopIteration):
        next(steps)


def test_errors_are_raised_where_it_is_awaited(pair):
    async def lose():
        op = pair.peer.recv(pair.here)
        asyncio.get_running_loop().call_soon(pair.peer.close)
        with pytest.raises(PeerLost):
            await op

    run(lose())


def test_a_cancelled_wait_leaves_the_operation_alone(pair):
    async def cancel():
        op = pair.peer.recv(pair.here)
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(_await(op), 0.01)
        assert not op.done
        await pair.back.send(message(pair.node, 5))
        await op
        assert op.received_nbytes == 8
        assert pair.here.array()[:9].tolist() == [5] * 8 + [0]

    run(cancel())


async def _await(op):
    await op


def test_one_operation_awaited_by_many(pair):
    async def wait():
        op = pair.peer.recv(pair.here)
        waiting = [asyncio.create_task(_await(op)) for _ in range(10)]
        await asyncio.sleep(0)
        pair.back.send(message(pair.node))
        await asyncio.gather(*waiting)

    run(wait())


def test_immediates_are_awaited(pair):
    async def receive():
        waiting = asyncio.create_task(pair.node.next_imms())
        await asyncio.sleep(0)
        assert not waiting.done()
        await pair.remote.write(pair.here, imm=11)
        rows = await waiting
        assert rows["imm"].tolist() == [11]
        await pair.remote.write(pair.here, imm=12)
        assert (await pair.node.next_imms())["imm"].tolist() == [12]

    run(receive())


def test_closing_ends_who_awaits_immediates(pair):
    async def receive():
        waiting = asyncio.create_task(pair.node.next_imms())
        await asyncio.sleep(0)
        pair.node.close()
        with pytest.raises(TransferError, match="closed"):
            await waiting

    run(receive())


def test_loops_of_several_threads(pair):
    """Each thread has a loop; what they await is completed by the others, too."""
    threads, done = 4, []
    barrier = threading.Barrier(threads)

    async def work(number):
        region = pair.client.register(np.zeros(NBYTES, np.uint8))
        for turn in range(50):
            place = (number * 50 + turn) * 100
            await pair.remote.read(region, [(place, place, 100)])
            assert (
                region.array()[place : place + 100] == pair.there.array()[place : place + 100]
            ).all()
        done.append(number)

    def loop(number):
        barrier.wait(LIMIT_S)
        run(work(number))

    running = [threading.Thread(target=loop, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(LIMIT_S)
    assert sorted(done) == list(range(threads))


def test_loops_one_after_another(pair):
    """A future of a loop that has ended is resolved by no one, and harms none."""

    async def give_up():
        op = pair.peer.recv(pair.here)
        asyncio.create_task(_await(op)).cancel()
        task = asyncio.create_task(_await(op))
        await asyncio.sleep(0)
        task.cancel()
        return op

    for turn in range(20):
        op = run(give_up())
        pair.back.send(message(pair.node, turn)).wait(LIMIT_S)
        run(_await(op))


def test_the_engine_may_be_watched(pair):
    """fileno() is readable while something waits."""
    import select

    def readable():
        return bool(select.select([pair.node.fileno()], [], [], 0)[0])

    pair.node.imms()
    assert not readable()
    pair.remote.write(pair.here, imm=1).wait(LIMIT_S)
    assert select.select([pair.node.fileno()], [], [], LIMIT_S)[0]
    pair.node.imms()
    assert not readable()
    with transfer.Engine() as other:
        other.connect(pair.node.address)
        assert select.select([pair.node.fileno()], [], [], LIMIT_S)[0]
        pair.node.accept(LIMIT_S)
