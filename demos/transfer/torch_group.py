"""torch.distributed by the backend "loadgen": two processes exchange and gather tensors."""

import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing

import mlperf_loadgen.transfer.torch  # noqa: F401  Registers the backend.

SIZE = 2


def run(rank: int, store: str) -> None:
    dist.init_process_group("loadgen", init_method=f"file://{store}", rank=rank, world_size=SIZE)
    other = 1 - rank
    received = torch.zeros(1000)
    receive = dist.irecv(received, other)
    dist.send(torch.full((1000,), float(rank)), other)
    receive.wait()
    gathered = torch.zeros(SIZE, 1000)
    dist.all_gather_into_tensor(gathered, received)
    dist.barrier()
    if rank == 0:
        print("received", received[0].item(), "and gathered", gathered[:, 0].tolist())
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        torch.multiprocessing.spawn(run, (store,), nprocs=SIZE)
