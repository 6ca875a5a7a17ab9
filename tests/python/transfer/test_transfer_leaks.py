"""Goal: 200 rounds of all that the engine does leave nothing behind.

Method: a program of its own runs rounds with engines that come and go, peers that are closed with
work outstanding, refusals and loops, and notes after each round what the process holds.
"""

import json

ROUNDS = 200
WARM_UP = 60
MEMORY_MARGIN_KIB = 1024

PROGRAM = """
    import asyncio, ctypes, gc, json, os, sys, threading

    import numpy as np

    from mlperf_loadgen import transfer

    ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX: several areas look like a leak.

    def refused(call):
        try:
            call()
        except (transfer.TransferError, IndexError, ValueError, TimeoutError):
            return
        raise AssertionError("it was not refused")

    async def awaited(node, remote, local):
        op = remote.write(local, imm=5)
        await op
        await node.next_imms()

    def round(providers):
        with transfer.Engine(providers=providers) as node, \\
             transfer.Engine(providers=providers) as client:
            there = node.allocate(1 << 16)
            peer = client.connect(node.address)
            remote = peer.open(there.descriptor)
            local = client.register(np.zeros(1 << 16, np.uint8))
            for size in (1, 2048, 1 << 16):
                remote.read(local, [(0, 0, size)] * 3).wait(20)
                remote.write(local, np.array([[0, 0, size]]), imm=1).wait(20)
            node.imms(20)
            peer.send(local, tag=1)
            node.accept(20).recv(node.register(bytearray(1 << 16)), tag=1).wait(20)
            asyncio.run(awaited(node, remote, local))
            refused(lambda: remote.read(local, [(0, 0, 1 << 17)]))
            refused(lambda: remote.read(local, [(0, 0, -1)]))
            refused(lambda: peer.open(b"nonsense"))
            refused(lambda: peer.recv(local, tag=2).wait(0))
            outstanding = [peer.recv(local, tag=3) for _ in range(5)]
            there.close()
            refused(lambda: remote.read(local).wait(20))
            peer.close()
            refused(lambda: outstanding[0].wait(20))

    def held():
        gc.collect()
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        with open("/proc/self/maps") as maps:
            mappings = len(maps.readlines())
        return {
            "memory_kib": int(fields["VmRSS"].split()[0]),
            "threads": int(fields["Threads"]),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "mappings": mappings,
            "objects": len(gc.get_objects()),
        }

    rounds = int(sys.argv[1])
    notes = []
    for number in range(rounds):
        round(["tcp"] if number % 2 else ["shm"])
        notes.append(held())
    print(json.dumps(notes))
"""


def test_what_a_process_holds_stays_flat(run_script):
    done = run_script(PROGRAM, str(ROUNDS))
    assert done.returncode == 0, done.stdout + done.stderr
    notes = json.loads(done.stdout)
    early, late = notes[WARM_UP:-60], notes[-60:]
    for what in ("threads", "descriptors", "mappings", "objects"):
        assert max(note[what] for note in late) <= max(note[what] for note in early) + 2, what
    assert (
        max(note["memory_kib"] for note in late)
        <= max(note["memory_kib"] for note in early) + MEMORY_MARGIN_KIB
    )
