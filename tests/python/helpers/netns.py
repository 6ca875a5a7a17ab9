"""Two hosts and the cable between them, for tests over a network with delay and loss.

Each host is a Linux network namespace. Where the kernel has the netem queueing discipline, the
cable is a veth pair and netem delays and loses its packets; elsewhere it is a TUN device in each
namespace, and a process relays packets from one to the other. Either way TCP may hand over up to
64 KiB as one packet, as to a network card that segments; it is delayed and lost as one.

The namespaces have no names: they live by the processes in them. A keeper process, this file run as
a program, holds both (and relays). When its parent leaves `TwoHosts`, or dies of whatever cause,
the keeper kills what still runs in them and ends, and the kernel removes them.

    with TwoHosts(delay_there_ms=10, delay_back_ms=20) as net:
        server = net.b.popen(["server", "--bind", net.b.address])
        net.a.run(["client", "--connect", net.b.address], check=True)

Needs root, `ip` of iproute2, `nsenter` and `unshare` of util-linux, and netem or /dev/net/tun: see
`available`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import math
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

ADDRESSES = ("198.18.0.1", "198.18.0.2")
"""In the range set aside for benchmarks between networks (RFC 2544), without a route elsewhere."""

QUEUE_LIMIT = 10_000
"""Packets under way in one direction; those beyond are lost."""

_CABLE = "cable"
_MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")
_HANG_LIMIT_S = 20
"""A keeper that takes longer than this to end hangs."""


@functools.cache
def available() -> tuple[bool, str]:
    """Whether `TwoHosts` works here, and if not, why."""
    if os.geteuid() != 0:
        return False, "network namespaces need root"
    for tool in ("ip", "nsenter", "unshare"):
        if not shutil.which(tool):
            return False, f"no `{tool}` in PATH: install iproute2 and util-linux"
    problem = _problem_in_new_namespace("ip", "link", "set", "lo", "up")
    if problem or netem_works():
        return not problem, problem
    problem = _problem_in_new_namespace("ip", "tuntap", "add", _CABLE, "mode", "tun")
    return not problem, problem and f"neither netem nor TUN devices work: {problem}"


@functools.cache
def netem_works() -> bool:
    """Whether this kernel and `tc` can delay packets."""
    probe = ("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    return bool(shutil.which("tc")) and not _problem_in_new_namespace(*probe)


def _problem_in_new_namespace(*argv: str) -> str:
    """What a command says when it fails in a namespace made for it; empty when it works."""
    done = subprocess.run(["unshare", "--net", *argv], capture_output=True, text=True, check=False)
    return done.stderr.strip() or argv[0] if done.returncode else ""


class Host:
    """A network namespace and its address."""

    def __init__(self, namespace: str, address: str) -> None:
        self.namespace = namespace
        """A path that `nsenter --net` takes, as long as the hosts are there."""
        self.address = address
        """IPv4, of the cable's end at this host."""

    def popen(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Starts a program on this host; `options` are those of `subprocess.Popen`."""
        return subprocess.Popen(self._inside(argv), **options)

    def run(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """Runs a program on this host to its end; `options` are those of `subprocess.run`."""
        options.setdefault("check", False)
        return subprocess.run(self._inside(argv), **options)

    def _inside(self, argv: Sequence[str]) -> list[str]:
        # Replaces itself by the program, so that its process id is the program's.
        return ["nsenter", f"--net={self.namespace}", "--", *argv]


class TwoHosts:
    """Hosts `a` and `b`, joined by a cable, as a context manager.

    delay_there_ms, delay_back_ms: one-way delays from a to b and from b to a, in milliseconds.
    loss: the probability that a packet is lost, either way.
    seed: of the losses; netem draws its own.

    Raises ValueError on a negative delay or a loss outside [0, 1], and RuntimeError, on entry, when
    `available` says no.
    """

    def __init__(
        self,
        delay_there_ms: float = 0,
        delay_back_ms: float = 0,
        loss: float = 0.0,
        seed: int = 1,
    ) -> None:
        if not 0 <= loss <= 1:
            raise ValueError(f"loss is {loss}: give a probability in [0, 1]")
        self._delays_ms = _checked_delays(delay_there_ms, delay_back_ms)
        self._loss = loss
        self._seed = seed
        self._is_cut = False

    def __enter__(self) -> TwoHosts:
        possible, reason = available()
        if not possible:
            raise RuntimeError(f"no network of two hosts: {reason}")
        self._netem = netem_works()
        self._keeper = subprocess.Popen(
            [sys.executable, "-IS", __file__, str(os.getpid()), str(self._seed)]
            + ["relay"] * (not self._netem),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the test, which then leaves in good order.
        )
        try:
            paths = [f"/proc/{self._keeper.pid}/fd/{fd}" for fd in self._answer().split()]
            self.a, self.b = map(Host, paths, ADDRESSES)
            if self._netem:
                self._join_by_veth()
            for host in (self.a, self.b):
                self._bring_up(host)
            self._apply()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        status = self._close()
        if status and error is None:
            raise RuntimeError(f"the cable's process failed with {status}: see its stderr")

    def set_delay(self, there_ms: float, back_ms: float) -> None:
        """Changes the one-way delays of packets sent from now on, in milliseconds."""
        self._delays_ms = _checked_delays(there_ms, back_ms)
        self._apply()

    def cut(self) -> None:
        """Loses every packet sent from now on, without a word to either host."""
        self._is_cut = True
        self._apply()

    def repair(self) -> None:
        """Undoes `cut`."""
        self._is_cut = False
        self._apply()

    def _apply(self) -> None:
        loss = 1.0 if self._is_cut else self._loss
        if self._netem:
            for host, delay_ms in zip((self.a, self.b), self._delays_ms, strict=True):
                _check(host, "tc", *_netem_arguments(delay_ms, loss))
            return
        there_ns, back_ns = (round(delay_ms * 1e6) for delay_ms in self._delays_ms)
        assert self._keeper.stdin
        with contextlib.suppress(BrokenPipeError):  # Then there is no answer either.
            self._keeper.stdin.write(f"{there_ns} {back_ns} {loss}\n".encode())
        self._answer()

    def _answer(self) -> str:
        """The line in which the keeper says that it is done."""
        assert self._keeper.stdout
        line: bytes = self._keeper.stdout.readline()
        if not line:
            raise RuntimeError("the cable's process is gone: see its stderr")
        return line.decode()

    def _join_by_veth(self) -> None:
        ends = [
            ["address", mac, "netns", host.namespace]
            for mac, host in zip(_MACS, (self.a, self.b), strict=True)
        ]
        _check(
            None, "ip", "link", "add", _CABLE, *ends[0], "type", "veth", "peer", _CABLE, *ends[1]
        )

    def _bring_up(self, host: Host) -> None:
        commands = [
            "link set lo up",
            # A host without IPv6 sends nothing unasked, so a seed settles which packets are lost.
            f"link set {_CABLE} addrgenmode none",
            f"link set {_CABLE} txqueuelen {QUEUE_LIMIT} up",
            f"address add {host.address}/30 dev {_CABLE}",
        ]
        if self._netem:  # A cut cable must not make a host forget the other: no ARP.
            other = 1 - ADDRESSES.index(host.address)
            commands.append(f"neigh add {ADDRESSES[other]} lladdr {_MACS[other]} dev {_CABLE}")
        _check(host, "ip", "-batch", "-", stdin="\n".join(commands))

    def _close(self) -> int:
        """Ends the keeper, and with it all that runs on the hosts; its exit status."""
        try:
            self._keeper.communicate(timeout=_HANG_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.communicate()
        return self._keeper.returncode


def _checked_delays(*delays_ms: float) -> tuple[float, ...]:
    for name, value in zip(("there", "back"), delays_ms, strict=True):
        if not 0 <= value < math.inf:
            raise ValueError(f"the delay {name} is {value} ms: give one of 0 or more")
    return delays_ms


def _netem_arguments(delay_ms: float, loss: float) -> list[str]:
    settings = f"limit {QUEUE_LIMIT} delay {delay_ms * 1e3:.0f}us loss {loss * 100:.6f}%"
    return f"qdisc replace dev {_CABLE} root netem {settings}".split()


def _check(host: Host | None, *argv: str, stdin: str = "") -> None:
    """Runs a command, on a host if one is given, that must succeed."""
    run = host.run if host else subprocess.run
    done = run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(argv)}` failed: {done.stderr.strip()}")


# The keeper process: the namespaces, and the cable where there is no netem.

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_TUNSETOFFLOAD = 0x400454D0
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x1, 0x1000, 0x4000
_TUN_F_CSUM, _TUN_F_TSO4 = 0x1, 0x2
_MAX_READ = 10 + 65535
"""A virtio_net_hdr and the longest IPv4 packet, in bytes."""
_BATCH = 64
"""Packets taken from one end before others are delivered."""


class _Direction:
    """One way along the cable: packets leave it in order, `delay_ns` after they came."""

    def __init__(self, source: int, sink: int, seed: str) -> None:
        self.source = source
        self.delay_ns = 0
        self.loss = 0.0
        self._sink = sink
        self._draw = random.Random(seed).random
        self._packets: deque[tuple[int, bytes]] = deque()  # When due, and what.

    @property
    def due_ns(self) -> float:
        return self._packets[0][0] if self._packets else math.inf

    def take(self) -> None:
        """Reads packets that wait at the near end."""
        for _ in range(_BATCH):
            try:
                packet = os.read(self.source, _MAX_READ)
            except BlockingIOError:
                return
            if self._draw() >= self.loss and len(self._packets) < QUEUE_LIMIT:
                self._packets.append((time.monotonic_ns() + self.delay_ns, packet))

    def deliver(self) -> None:
        """Writes the packets that are due to the far end."""
        while self.due_ns <= time.monotonic_ns():
            _, packet = self._packets.popleft()
            try:
                os.write(self._sink, packet)
            except OSError as error:
                if error.errno != errno.EIO:  # The host took its device down: a packet lost.
                    raise


def _relay(parent: int, directions: Sequence[_Direction]) -> None:
    """Moves packets and obeys commands on stdin until it closes or the parent ends."""
    sources = [sys.stdin.fileno(), parent, *(direction.source for direction in directions)]
    while True:
        due_ns = min((direction.due_ns for direction in directions), default=math.inf)
        wait_s = max(0.0, (due_ns - time.monotonic_ns()) / 1e9)
        ready, _, _ = select.select(sources, [], [], None if wait_s == math.inf else wait_s)
        if parent in ready:
            return
        if sources[0] in ready:
            command = os.read(sources[0], 4096).split()
            if not command:
                return
            for direction, delay_ns in zip(directions, command, strict=False):
                direction.delay_ns = int(delay_ns)
                direction.loss = float(command[-1])
            print(flush=True)
        for direction in directions:
            if direction.source in ready:
                direction.take()
        for direction in directions:
            direction.deliver()


def _enter_new_namespace() -> int:
    """Moves this process into a network namespace of its own; a descriptor that holds it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, f"no new network namespace: {os.strerror(code)}")
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def _open_tun() -> int:
    """Adds a TUN device to this process's namespace; a descriptor of the cable behind it."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", _CABLE.encode(), flags))
    # Packets come with a header that says what is left to segment and to sum, for the other device.
    fcntl.ioctl(tun, _TUNSETOFFLOAD, _TUN_F_CSUM | _TUN_F_TSO4)
    return tun


def _inhabitants(namespaces: Sequence[int]) -> Iterator[int]:
    """The ids of the other processes in these namespaces."""
    inodes = {os.fstat(namespace).st_ino for namespace in namespaces}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # It ended.
            inside = (process / "ns/net").stat().st_ino in inodes
            if inside and int(process.name) != os.getpid():
                yield int(process.name)


def _keep(parent_id: int, seed: str, relays: bool) -> None:
    parent = os.pidfd_open(parent_id)
    if os.getppid() != parent_id:
        return
    with contextlib.suppress(OSError):  # A cable waits for no processor, where that is allowed.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    namespaces, tuns = [], []
    for _ in range(2):
        namespaces.append(_enter_new_namespace())
        if relays:
            tuns.append(_open_tun())
    ways = zip(tuns, reversed(tuns), ("there", "back"), strict=False)
    directions = [_Direction(source, sink, f"{seed} {way}") for source, sink, way in ways]
    print(*namespaces, flush=True)
    try:
        _relay(parent, directions)
    finally:
        while inhabitants := list(_inhabitants(namespaces)):
            for process in inhabitants:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.001)


if __name__ == "__main__":
    _keep(int(sys.argv[1]), sys.argv[2], "relay" in sys.argv[3:])
