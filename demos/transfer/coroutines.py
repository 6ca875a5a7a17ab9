"""Await: many reads and the immediates that they are answered with, in one event loop."""

import asyncio

import numpy as np

from mlperf_loadgen import transfer

PARTS, PART_BYTES = 64, 2048


async def main() -> None:
    with transfer.Engine() as node, transfer.Engine() as client:
        there = node.allocate(PARTS * PART_BYTES)
        there.array(np.uint16)[:] = np.arange(PARTS * PART_BYTES // 2)
        remote = client.connect(node.address).open(there.descriptor)
        local = client.register(np.zeros(PARTS * PART_BYTES, np.uint8))

        async def read(part: int) -> int:
            start = part * PART_BYTES
            await remote.read(local, [(start, start, PART_BYTES)])
            return int(local.array(np.uint16)[start // 2])

        firsts = await asyncio.gather(*(read(part) for part in range(PARTS)))
        assert firsts == [part * PART_BYTES // 2 for part in range(PARTS)]
        waiting = asyncio.create_task(node.next_imms())
        await remote.write(local, imm=42)
        print(f"{PARTS} reads awaited; immediate {(await waiting)['imm'][0]}")


if __name__ == "__main__":
    asyncio.run(main())
