"""Two processes train one model over gloo: DistributedDataParallel around a model with a quantizer.

Each has inputs and noise of its own; parameters, steps and bits must stay equal.
"""

import pytest

pytest.importorskip("torch")

PROGRAM = """
import os, sys
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from mlperf_loadgen.compress import DiffQuantizer, LSQQuantizer, UniformQuantizer

KINDS = {
    "qat": lambda model: UniformQuantizer(model, 4, qat=True),
    "lsq": lambda model: LSQQuantizer(model, 4),
    "diffq": lambda model: DiffQuantizer(model, 8),
}

def work(rank, kind, store):
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    quantizer = KINDS[kind](model)
    quantizer.setup_optimizer(optimizer)
    begun = [p.detach().clone() for p in model.parameters()]
    parallel = DistributedDataParallel(model)
    torch.manual_seed(1 + rank)
    for _ in range(3):
        optimizer.zero_grad()
        loss = parallel(torch.randn(4, 64)).square().mean() + quantizer.model_size()
        loss.backward()
        optimizer.step()
    parameters = list(model.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(begun, parameters))
    mine = torch.cat([p.detach().flatten() for p in parameters])
    other = mine.clone()
    dist.broadcast(other, 0)
    assert torch.equal(mine, other)
    shown = model[0].weight.detach().clone()
    dist.broadcast(shown, 0)
    if rank == 1 and kind == "diffq":
        assert not torch.equal(shown, model[0].weight)  # Each process draws its own noise.
    out = parallel.eval()(torch.ones(1, 64)).detach()
    dist.broadcast(shown := out.clone(), 0)
    assert torch.equal(shown, out)
    dist.barrier()
    dist.destroy_process_group()

mp.start_processes(work, (sys.argv[1], sys.argv[2]), nprocs=2, start_method="fork")
print("equal")
"""


@pytest.mark.parametrize("kind", ["qat", "lsq", "diffq"])
def test_parameters_stay_equal(kind, run_script, tmp_path):
    done = run_script(PROGRAM, kind, str(tmp_path / "store"))
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr
