"""Transfers between two processes of this machine: message size x batch size x concurrency, average
latency and bandwidth, beside a plain copy and a blocking socket.

    python benchmarks/transfer.py [--op read] [--engines copy,socket,shm,tcp] [--sizes 2K,64K,1M]
                                  [--shapes 1x1,64x1,64x8] [--spin-us 0] [--budget-s 0.25]

An iteration posts CONCURRENCY batches of BATCH slices, all of the first SIZE bytes of both ends,
and waits for all of them; the latency is its time divided by CONCURRENCY. `copy` moves as many
bytes within one process, the limit of shared memory; `socket` asks for a batch's bytes by one
request over loopback, both ends in blocking calls. Beside each provider stands what this release
was tested on.
"""

import argparse
import contextlib
import multiprocessing
import os
import socket
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlperf_loadgen import transfer

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
MOST_BYTES = 1 << 29
"""Of an iteration: larger cells are left out."""
LIMIT_S = 60.0

Iterate = Callable[[int, int, int], None]
"""Takes size, batch and concurrency; returns when all is done."""


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    engine: str
    size: int
    batch: int
    concurrency: int
    avg_us: float
    p50_us: float

    @property
    def bandwidth(self) -> float:
        """MB/s at the average latency."""
        return self.size * self.batch / self.avg_us


# ---- Engines, each with its target in another process --------------------------------------------


@contextlib.contextmanager
def target(serve: Any, *arguments: Any) -> Iterator[Any]:
    """Runs the other end on core 1, and gives what it says of itself."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(there, *arguments))
    process.start()
    try:
        if not here.poll(LIMIT_S):
            raise TimeoutError(f"{serve.__name__} does not come up")
        yield here.recv()
    finally:
        process.kill()
        process.join()


def serve_region(pipe: Any, provider: str, nbytes: int, spin_us: float) -> None:
    pin(1)
    with transfer.Engine(providers=[provider], spin_us=spin_us) as engine:
        region = engine.allocate(nbytes)
        region.array()[:] = 1
        pipe.send((engine.address, region.descriptor))
        pipe.poll(None)


@contextlib.contextmanager
def provider_engine(provider: str, op: str, nbytes: int, spin_us: float) -> Iterator[Iterate]:
    with (
        target(serve_region, provider, nbytes, spin_us) as (address, descriptor),
        transfer.Engine(providers=[provider], spin_us=spin_us) as engine,
    ):
        remote = engine.connect(address).open(descriptor)
        local = engine.register(np.ones(nbytes, np.uint8))
        post = remote.read if op == "read" else remote.write

        def iterate(size: int, batch: int, concurrency: int) -> None:
            slices = known[size, batch]
            for posted in [post(local, slices) for _ in range(concurrency)]:
                posted.wait(LIMIT_S)

        known = _Slices()
        yield iterate


class _Slices(dict[tuple[int, int], Any]):
    """The slices of each shape, made once."""

    def __missing__(self, shape: tuple[int, int]) -> Any:
        size, batch = shape
        self[shape] = np.array([[0, 0, size]] * batch, np.uint64)
        return self[shape]


@contextlib.contextmanager
def copy_engine(nbytes: int) -> Iterator[Iterate]:
    source, local = np.ones(nbytes, np.uint8), np.ones(nbytes, np.uint8)

    def iterate(size: int, batch: int, concurrency: int) -> None:
        for _ in range(concurrency):
            for _ in range(batch):
                local[:size] = source[:size]

    yield iterate


REQUEST = struct.Struct("<QQ")


def serve_socket(pipe: Any, nbytes: int) -> None:
    pin(1)
    source = memoryview(bytearray(nbytes))
    with socket.create_server(("127.0.0.1", 0)) as server:
        pipe.send(server.getsockname()[1])
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while request := connection.recv(REQUEST.size, socket.MSG_WAITALL):
                size, batch = REQUEST.unpack(request)
                for _ in range(batch):
                    connection.sendall(source[:size])


@contextlib.contextmanager
def socket_engine(nbytes: int) -> Iterator[Iterate]:
    local = memoryview(bytearray(nbytes))
    with (
        target(serve_socket, nbytes) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def iterate(size: int, batch: int, concurrency: int) -> None:
            for _ in range(concurrency):
                connection.sendall(REQUEST.pack(size, batch))
            for _ in range(concurrency * batch):
                left = local[:size]
                while left:
                    left = left[connection.recv_into(left) :]

        yield iterate


def engine_of(name: str, op: str, nbytes: int, spin_us: float) -> Any:
    if name == "copy":
        return copy_engine(nbytes)
    if name == "socket":
        return socket_engine(nbytes)
    return provider_engine(name, op, nbytes, spin_us)


# ---- What is measured ----------------------------------------------------------------------------


def pin(core: int) -> None:
    """So that both ends do not share a core where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def measure(iterate: Iterate, shape: tuple[int, int, int], budget_s: float) -> tuple[float, float]:
    """Mean and median latency in microseconds."""
    now = time.perf_counter
    until = now() + budget_s / 5
    while True:  # Warms up.
        iterate(*shape)
        if now() >= until:
            break
    times: list[float] = []
    begin = now()
    while len(times) < 3 or (now() - begin < budget_s and len(times) < 20_000):
        start = now()
        iterate(*shape)
        times.append(1e6 * (now() - start) / shape[2])
    return statistics.fmean(times), statistics.median(times)


def cells_of(name: str, args: argparse.Namespace) -> Iterator[Cell]:
    shapes = [
        (size, batch, concurrency)
        for batch, concurrency in args.shapes
        for size in args.sizes
        if size * batch * concurrency <= MOST_BYTES
    ]
    nbytes = max(size for size, _, _ in shapes)
    with engine_of(name, args.op, nbytes, args.spin_us) as iterate:
        for shape in shapes:
            yield Cell(name, *shape, *measure(iterate, shape, args.budget_s))


def size_of(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def shape_of(text: str) -> tuple[int, int]:
    batch, concurrency = text.split("x")
    return int(batch), int(concurrency)


def listed(parse: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    return lambda text: [parse(part) for part in text.split(",")]


def main() -> None:
    tested = {found.name: found.tested for found in transfer.providers() if found.usable}
    engines = ["copy", "socket", *tested]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--op", choices=["read", "write"], default="read")
    parser.add_argument("--engines", type=listed(str), default=engines)
    parser.add_argument("--sizes", type=listed(size_of), default=listed(size_of)("2K,64K,1M,16M"))
    parser.add_argument("--shapes", type=listed(shape_of), default=[(1, 1), (64, 1), (64, 8)])
    parser.add_argument("--spin-us", type=float, default=0.0)
    parser.add_argument("--budget-s", type=float, default=0.25)
    args = parser.parse_args()
    if unknown := set(args.engines) - set(engines):
        parser.error(f"no such engine: {', '.join(unknown)}; there are {', '.join(engines)}")
    pin(0)
    print(f"{args.op}, {os.cpu_count()} cores, {os.uname().release}, spin_us {args.spin_us:g}")
    print(
        "| Transfer Engine | Tested | Message Size (bytes) | Batch Size | Num Concurrency "
        "| Avg Latency(ms) | p50 (us) | Bandwidth(MB/s) |"
    )
    print("|---" * 8 + "|")
    for name in args.engines:
        for cell in cells_of(name, args):
            print(
                f"| {name} | {tested.get(name, '-')} | {cell.size:,} | {cell.batch} "
                f"| {cell.concurrency} | {cell.avg_us / 1e3:.4f} | {cell.p50_us:,.1f} "
                f"| {cell.bandwidth:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
