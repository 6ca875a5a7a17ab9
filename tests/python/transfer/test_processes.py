"""Forks, an interpreter that is busy, interrupts and peers that die at any moment.

Method: processes of their own, whose ends are waited for; nothing depends on how fast they are.
"""

import contextlib
import os
import random
import signal
import textwrap
from pathlib import Path

import numpy as np
import pytest
from transfer_node import LIMIT_S, NBYTES, node

from mlperf_loadgen import transfer
from mlperf_loadgen.transfer import PeerLost

MOMENTS = int(os.environ.get("TRANSFER_KILLS", "12"))
"""How many peers are killed; 100 take about a minute."""


def run(run_script, program):
    done = run_script(textwrap.dedent(program))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---- Forks ---------------------------------------------------------------------------------------


def test_a_forked_child_cannot_use_the_engine(run_script):
    program = """
        import os
        import numpy as np
        from mlperf_loadgen import transfer

        node, client = transfer.Engine(), transfer.Engine()
        region, local = node.allocate(64), client.register(np.zeros(64, np.uint8))
        peer = client.connect(node.address)
        remote = peer.open(region.descriptor)
        calls = {
            "read": lambda: remote.read(local),
            "send": lambda: peer.send(local),
            "open": lambda: peer.open(region.descriptor),
            "connect": lambda: client.connect(node.address),
            "allocate": lambda: client.allocate(8),
            "imms": lambda: node.imms(),
        }
        child = os.fork()
        if child == 0:
            good = 0
            for name, call in calls.items():
                try:
                    call()
                except transfer.TransferError as error:
                    assert "fork" in str(error), (name, error)
                    good += 1
            client.close()
            with transfer.Engine() as own, transfer.Engine() as other:
                mine = own.allocate(8)
                own_local = other.register(np.zeros(8, np.uint8))
                other.connect(own.address).open(mine.descriptor).read(own_local).wait(20)
                good += 1
            os._exit(good)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(calls) + 1
        region.array()[:] = 5
        remote.read(local).wait(20)
        assert local.array().tolist() == [5] * 64
    """
    run(run_script, program)


def test_a_child_does_not_hide_the_end_of_its_parent():
    """The peer's child lives on, and the peer is lost when it is killed."""
    with node() as other, transfer.Engine() as client:
        peer = client.connect(other.address)
        local = client.register(np.zeros(8, np.uint8))
        receive = peer.recv(local)
        child = other.ask("os.fork() or (os.close(1), time.sleep(1000))")
        try:
            other.kill()
            with pytest.raises(PeerLost):
                receive.wait(LIMIT_S)
        finally:
            os.kill(child, signal.SIGKILL)


def test_descriptors_are_not_inherited():
    with transfer.Engine() as engine, transfer.Engine() as client:
        region = engine.allocate(8)
        client.connect(engine.address).open(region.descriptor)
        for fd in list(Path("/proc/self/fd").iterdir()):
            with contextlib.suppress(OSError):  # That of the listing itself is gone.
                target = str(fd.readlink())
                if "socket" in target or "memfd" in target or "anon_inode" in target:
                    assert not os.get_inheritable(int(fd.name)), target


# ---- The interpreter -----------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["tcp", "shm"])
def test_a_peer_is_served_while_its_program_holds_the_lock(provider):
    """The target's program runs one long call that does not leave the interpreter's lock."""
    with (
        node(memory="registered", providers=[provider]) as other,
        transfer.Engine(providers=[provider]) as client,
    ):
        remote = client.connect(other.address).open(other.descriptor)
        local = client.register(np.zeros(NBYTES, np.uint8))
        other.begin("sum(range(10**12))")
        for _ in range(20):
            remote.read(local).wait(LIMIT_S)
        assert local.array()[250] == 250
        assert other.process.poll() is None


def test_waiting_is_interrupted(run_script):
    program = """
        import os, signal, threading
        import numpy as np
        from mlperf_loadgen import transfer

        with transfer.Engine() as node, transfer.Engine() as client:
            peer = client.connect(node.address)
            op = peer.recv(client.register(np.zeros(8, np.uint8)))
            node.accept(20)
            for wait in (op.wait, lambda: node.imms(None), lambda: node.accept(None)):
                try:
                    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                    wait()
                except KeyboardInterrupt:
                    print("interrupted")
    """
    assert run(run_script, program).split() == ["interrupted"] * 3


def test_looking_for_providers_changes_no_signal(run_script):
    """Libraries of some providers of libfabric set handlers as they are loaded."""
    program = """
        import pathlib
        from mlperf_loadgen import transfer

        def caught():
            lines = pathlib.Path("/proc/self/status").read_text().splitlines()
            masks = [line.split()[1] for line in lines if line.startswith(("SigIgn", "SigCgt"))]
            return [int(mask, 16) & 0x7FFFFFFF for mask in masks]  # Without real-time signals.

        before = caught()
        transfer.providers()
        with transfer.Engine():
            assert caught() == before, (before, caught())
        print("kept")
    """
    assert run(run_script, program) == "kept\n"


def test_the_interpreter_may_end_meanwhile(run_script):
    program = """
        import threading
        import numpy as np
        from mlperf_loadgen import transfer

        node, client = transfer.Engine(), transfer.Engine()
        peer = client.connect(node.address)
        op = peer.recv(client.register(np.zeros(8, np.uint8)))
        threading.Thread(target=op.wait, daemon=True).start()
        print("end")
    """
    assert run(run_script, program) == "end\n"


# ---- Ends at any moment --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tcp", "shm", "shm registered"])
def test_peers_are_killed_at_random_moments(way):
    """Every operation ends, by its bytes or by PeerLost, and the engine goes on."""
    provider, _, memory = way.partition(" ")
    rng = random.Random(way)
    lost = 0
    with transfer.Engine(providers=[provider]) as client:
        local = client.register(np.zeros(NBYTES, np.uint8))
        for _ in range(MOMENTS):
            with node(memory=memory or "allocated", providers=[provider]) as other:
                peer = client.connect(other.address)
                remote = peer.open(other.descriptor)
                kill_at = rng.randrange(200)
                ops, receives = [], []
                for number in range(200):
                    if number == kill_at:
                        os.kill(other.process.pid, signal.SIGKILL)
                    size = rng.choice([1, 2048, NBYTES // 2])
                    try:
                        post = rng.choice([remote.read, remote.write])
                        ops.append(post(local, [(0, 0, size)]))
                        if rng.random() < 0.1:
                            receives.append(peer.recv(local, 0, 8))
                        if rng.random() < 0.3:
                            ops[-1].wait(LIMIT_S)
                    except PeerLost:
                        lost += 1
                        break
                for op in ops + receives:
                    try:
                        op.wait(LIMIT_S)
                    except PeerLost:
                        lost += 1
                    assert op.done
    assert lost
