"""Read: a process reads a part of another process's memory, which does nothing for it."""

import multiprocessing
from multiprocessing.connection import Connection

import numpy as np

from mlperf_loadgen import transfer


def node(pipe: Connection) -> None:
    """Has the weights; its program waits, and its engine serves them."""
    with transfer.Engine() as engine:
        weights = engine.allocate(1 << 20)
        weights.array(np.float32)[:] = np.arange(1 << 18)
        pipe.send((engine.address, weights.descriptor))  # Whoever has the descriptor may read.
        pipe.recv()


def main() -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=node, args=(there,))
    process.start()
    address, descriptor = here.recv()
    with transfer.Engine() as engine:
        peer = engine.connect(address)
        remote = peer.open(descriptor)
        local = engine.register(np.zeros(8, np.float32))
        # Local offset, remote offset, bytes: the floats 1000 to 1003 and 2000 to 2003.
        remote.read(local, [(0, 4 * 1000, 16), (16, 4 * 2000, 16)]).wait(timeout_s=5)
        print("read", local.array(np.float32).tolist(), "by", peer.provider)
    here.send("done")
    process.join()


if __name__ == "__main__":
    main()
