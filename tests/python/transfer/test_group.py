"""Groups gather what each rank has, between threads and between processes.

Method: ranks with engines of their own, and targets that are compared byte for byte.
"""

import json
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from transfer_node import LIMIT_S

from mlperf_loadgen import transfer
from mlperf_loadgen.transfer import Group, PeerLost, TransferError


def each_rank(engines, work):
    """Runs `work(group)` for each engine in a thread of its own."""
    addresses = [engine.address for engine in engines]
    results = [None] * len(engines)

    def run(rank):
        results[rank] = work(Group(engines[rank], rank, addresses, LIMIT_S))

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    return results


@pytest.fixture
def engines(request):
    made = [transfer.Engine() for _ in range(request.param)]
    yield made
    for engine in made:
        engine.close()


def gather(group, engine, nbytes, turn=0):
    """The target of one gather, in which rank r gives the bytes r + turn."""
    source = engine.register(np.full(nbytes, group.rank + turn, np.uint8))
    target = engine.register(np.zeros(group.size * nbytes, np.uint8))
    op = group.all_gather(source, target)
    op.wait(LIMIT_S)
    assert op.done and op.error is None
    return target.array().reshape(group.size, nbytes)


@pytest.mark.parametrize("engines", [1, 2, 3, 4], indirect=True)
@pytest.mark.parametrize("nbytes", [1, 1000, 1 << 17])
def test_every_rank_has_all(engines, nbytes):
    def work(group):
        return gather(group, engines[group.rank], nbytes)

    for result in each_rank(engines, work):
        assert (result == np.arange(len(engines))[:, None]).all()


@pytest.mark.parametrize("engines", [3], indirect=True)
def test_gathers_one_after_another_do_not_mix(engines):
    def work(group):
        return [gather(group, engines[group.rank], 100, turn) for turn in range(30)]

    for results in each_rank(engines, work):
        for turn, result in enumerate(results):
            assert (result == np.arange(3)[:, None] + turn).all()


@pytest.mark.parametrize("engines", [2], indirect=True)
def test_gathers_are_awaited(engines):
    import asyncio

    def work(group):
        engine = engines[group.rank]
        source = engine.register(np.full(8, group.rank, np.uint8))
        target = engine.register(np.zeros(16, np.uint8))

        async def run():
            await group.all_gather(source, target)

        asyncio.run(run())
        return target.array().tolist()

    assert each_rank(engines, work) == [[0] * 8 + [1] * 8] * 2


@pytest.mark.parametrize("engines", [2], indirect=True)
def test_targets_of_another_size_are_refused(engines):
    def work(group):
        engine = engines[group.rank]
        with pytest.raises(ValueError, match="16"):
            group.all_gather(engine.allocate(8), engine.allocate(15))
        with pytest.raises(ValueError, match="rank"):
            group.peer(group.rank)
        return True

    assert each_rank(engines, work) == [True, True]


def test_a_rank_that_does_not_come():
    with transfer.Engine() as engine, transfer.Engine() as other:
        with pytest.raises((TimeoutError, TransferError)):
            Group(engine, 0, [engine.address, other.address], timeout_s=0.05)
        with pytest.raises(ValueError, match="rank 2"):
            Group(engine, 2, [engine.address, other.address])


PROGRAM = textwrap.dedent("""
    import json, sys
    import numpy as np
    from mlperf_loadgen import transfer

    rank = int(sys.argv[1])
    engine = transfer.Engine()
    print(json.dumps(engine.address), flush=True)
    group = transfer.Group(engine, rank, json.loads(sys.stdin.readline()), 20)
    source = engine.register(np.full(100_000, rank, np.uint8))
    target = engine.register(np.zeros(400_000, np.uint8))
    for _ in range(10):
        target.array()[:] = 255
        group.all_gather(source, target).wait(20)
        assert (target.array().reshape(4, -1) == np.arange(4)[:, None]).all()
    print(json.dumps("right"), flush=True)
    sys.stdin.readline()
    try:
        group.all_gather(source, target).wait(20)
    except transfer.PeerLost:
        print(json.dumps("lost"), flush=True)
""")


def test_four_processes_and_one_that_is_killed():
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(rank)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(4)
    ]

    def write(rank, line):
        rank.stdin.write(line + "\n")
        rank.stdin.flush()

    def lines(some):
        return [json.loads(rank.stdout.readline()) for rank in some]

    try:
        addresses = lines(ranks)
        for rank in ranks:
            write(rank, json.dumps(addresses))
        assert lines(ranks) == ["right"] * 4
        ranks[2].kill()
        ranks[2].wait()
        others = [rank for rank in ranks if rank is not ranks[2]]
        for rank in others:
            write(rank, "")
        assert lines(others) == ["lost"] * 3
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()


def test_errors_are_errors_of_transfers():
    assert issubclass(PeerLost, TransferError) and issubclass(TransferError, RuntimeError)
