"""The backend "loadgen" does what gloo does, for two and four ranks.

Method: each rank is a process with a group of either backend; both run the same calls with the same
tensors, and every result is compared. Runs where torch is installed: `make test-frameworks`.
"""

import gc
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest
from transfer_node import collected

from mlperf_loadgen import transfer

torch = pytest.importorskip("torch")

LIMIT_S = 120

START = """
    import os
    import sys

    import torch
    import torch.distributed as dist

    import mlperf_loadgen.transfer.torch

    rank, size, store = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    dist.init_process_group("loadgen", init_method="file://" + store, rank=rank, world_size=size)
    gloo = dist.new_group(backend="gloo")

    def both(work):
        ours, theirs = work(None), work(gloo)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            assert torch.equal(one, other), (one, other)

    def tensor(*shape, seed=0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(1000 * seed + rank)
        return torch.randint(0, 100, shape, generator=generator).to(dtype)
"""


# A thread of gloo that wants the interpreter's lock while the interpreter ends aborts the process.
END = """
    sys.stdout.flush()
    os._exit(0)
"""


def run_ranks(tmp_path, size, program):
    text = "".join(map(textwrap.dedent, (START, program, END)))
    ranks = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", text),
                *(str(rank), str(size), str(tmp_path / "store")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        texts = [rank.communicate(timeout=LIMIT_S)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0] * size, "\n".join(texts)
    return texts


POINT_TO_POINT = """
    to, source = (rank + 1) % size, (rank - 1) % size

    def send_recv(group):
        got = []
        for turn, shape in enumerate([(1,), (1000,), (300, 300), (0,)]):
            target = torch.zeros(shape)
            if rank % 2:
                dist.send(tensor(*shape, seed=turn), to, group=group)
                dist.recv(target, source, group=group)
            else:
                dist.recv(target, source, group=group)
                dist.send(tensor(*shape, seed=turn), to, group=group)
            got.append(target)
        return got

    def isend_irecv(group):
        targets = [torch.zeros(50_000, dtype=torch.int64) for _ in range(4)]
        works = [dist.irecv(t, source, group=group, tag=n) for n, t in enumerate(targets)]
        sources = [tensor(50_000, seed=n, dtype=torch.int64) for n in range(4)]
        works += [dist.isend(s, to, group=group, tag=n) for n, s in enumerate(sources)]
        for work in works:
            work.wait()
            assert work.is_completed()
        return targets

    def batch(group):
        target = torch.zeros(70_000)
        ops = [
            dist.P2POp(dist.isend, tensor(70_000), to, group),
            dist.P2POp(dist.irecv, target, source, group),
        ]
        for work in dist.batch_isend_irecv(ops):
            work.wait()
        return [target]

    for work in (send_recv, isend_irecv, batch):
        both(work)
    dist.destroy_process_group()
"""

COLLECTIVES = """
    def all_gather(group):
        got = []
        for turn, shape in enumerate([(1,), (1000,), (300, 300)]):
            for dtype in (torch.float32, torch.int64, torch.bfloat16, torch.bool):
                targets = [torch.zeros(shape, dtype=dtype) for _ in range(size)]
                dist.all_gather(targets, tensor(*shape, seed=turn, dtype=dtype), group=group)
                got += targets
        return got

    def all_gather_async(group):
        targets = [[torch.zeros(9000) for _ in range(size)] for _ in range(3)]
        works = [
            dist.all_gather(t, tensor(9000, seed=n), group=group, async_op=True)
            for n, t in enumerate(targets)
        ]
        for work in works:
            work.wait()
        return sum(targets, [])

    def all_gather_into_tensor(group):
        target = torch.zeros(size * 100, 7)
        dist.all_gather_into_tensor(target, tensor(100, 7), group=group)
        return [target]

    def objects(group):
        got = [None] * size
        dist.all_gather_object(got, {"rank": rank, "text": "x" * 1000 * rank}, group=group)
        assert [one["rank"] for one in got] == list(range(size))
        return [torch.tensor([len(one["text"]) for one in got])]

    for work in (all_gather, all_gather_async, all_gather_into_tensor, objects):
        both(work)
    dist.destroy_process_group()
"""

BARRIER = """
    import os

    for turn in range(20):
        open(f"{store}.{turn}.{rank}", "x").close()
        dist.barrier()
        there = [os.path.exists(f"{store}.{turn}.{other}") for other in range(size)]
        assert all(there), (turn, there)
    dist.destroy_process_group()
"""

SUBGROUPS = """
    own = [r for r in range(size) if r % 2 == rank % 2]
    groups = [dist.new_group([r for r in range(size) if r % 2 == n], backend="loadgen")
              for n in range(2)]
    targets = [torch.zeros(3) for _ in own]
    dist.all_gather(targets, torch.full((3,), float(rank)), group=groups[rank % 2])
    assert [int(t[0]) for t in targets] == own
    dist.destroy_process_group()
"""

ABSENT = """
    for call in (
        lambda: dist.all_reduce(torch.ones(1)),
        lambda: dist.broadcast(torch.ones(1), 0),
        lambda: dist.reduce(torch.ones(1), 0),
        lambda: dist.reduce_scatter(torch.ones(1), [torch.ones(1)] * size),
        lambda: dist.scatter(torch.ones(1), [torch.ones(1)] * size if rank == 0 else None),
        lambda: dist.recv(torch.ones(1)),
    ):
        try:
            call()
        except NotImplementedError as error:
            assert "gloo" in str(error)
        else:
            raise AssertionError("it did not raise")
    try:
        dist.send(torch.ones(4, 4).T, (rank + 1) % size)
    except ValueError as error:
        assert "contiguous" in str(error)
    else:
        raise AssertionError("it did not raise")
    dist.destroy_process_group()
"""

LOST = """
    import os

    dist.barrier()
    if rank == 1:
        os._exit(0)
    try:
        dist.recv(torch.zeros(1), 1)
    except RuntimeError as error:
        assert type(error).__name__ == "PeerLost", error
    else:
        raise AssertionError("it did not raise")
    os._exit(0)
"""


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(
    "program",
    [POINT_TO_POINT, COLLECTIVES, BARRIER, SUBGROUPS],
    ids=["point to point", "collectives", "barrier", "subgroups"],
)
def test_as_gloo(tmp_path, size, program):
    run_ranks(tmp_path, size, program)


@pytest.mark.parametrize("program", [ABSENT, LOST], ids=["absent", "lost"])
def test_what_fails_says_why(tmp_path, program):
    run_ranks(tmp_path, 2, program)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8, torch.bool])
def test_tensors_are_registered_without_a_copy(dtype):
    with transfer.Engine() as node, transfer.Engine() as client:
        there, here = torch.ones(100, 7).to(dtype), torch.zeros(100, 7).to(dtype)
        source = node.register(there)
        remote = client.connect(node.address).open(source.descriptor)
        region = client.register(here)
        remote.read(region).wait(20)
        assert torch.equal(here, there)


def test_a_region_keeps_its_tensor():
    with transfer.Engine() as engine:
        tensor = torch.zeros(1000)
        reference = weakref.ref(tensor)
        region = engine.register(tensor)
        del tensor
        gc.collect()
        region.array()[:] = 1
        assert reference() is not None
        del region
    assert collected(reference)


def test_tensors_that_cannot_be_registered():
    with transfer.Engine() as engine:
        with pytest.raises(ValueError, match="contiguous"):
            engine.register(torch.zeros(4, 4).T)
        with pytest.raises(ValueError, match="meta"):
            engine.register(torch.zeros(4, device="meta"))


def test_torch_is_not_imported_for_transfers(run_script):
    done = run_script(
        "import sys, mlperf_loadgen.transfer as t; t.Engine().register(bytearray(8)); "
        "print('torch' in sys.modules)"
    )
    assert done.stdout == "False\n", done.stderr


def test_numpy_sees_the_tensor():
    with transfer.Engine() as engine:
        tensor = torch.arange(10)
        assert (engine.register(tensor).array(np.int64) == np.arange(10)).all()
