"""All-gather: four processes, each with a part, and all of them with the whole."""

import multiprocessing
from multiprocessing.connection import Connection

import numpy as np

from mlperf_loadgen import transfer

SIZE, PART = 4, 1000


def run(rank: int, pipe: Connection) -> None:
    with transfer.Engine() as engine:
        pipe.send(engine.address)
        group = transfer.Group(engine, rank, pipe.recv())
        part = engine.register(np.full(PART, float(rank)))
        whole = engine.register(np.zeros(SIZE * PART))
        group.all_gather(part, whole).wait(timeout_s=10)
        pipe.send(whole.array(np.float64).reshape(SIZE, PART).mean(axis=1).tolist())
        pipe.recv()  # The others may still read.


def main() -> None:
    pipes = [multiprocessing.Pipe() for _ in range(SIZE)]
    context = multiprocessing.get_context("spawn")
    ranks = [
        context.Process(target=run, args=(rank, there)) for rank, (_, there) in enumerate(pipes)
    ]
    for process in ranks:
        process.start()
    addresses = [here.recv() for here, _ in pipes]
    for here, _ in pipes:
        here.send(addresses)
    for rank, means in enumerate([here.recv() for here, _ in pipes]):
        print(f"rank {rank} has {means}")
    for (here, _), process in zip(pipes, ranks, strict=True):
        here.send("end")
        process.join()


if __name__ == "__main__":
    main()
