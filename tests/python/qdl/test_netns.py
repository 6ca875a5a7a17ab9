"""Two hosts on one machine see the delays, losses and cuts that they were given, and leave nothing.

Method: small programs on the hosts converse over UDP and TCP and note times (the hosts share their
clock), numbers or hashes of what arrives; over netem where the kernel has it, and over the relay
everywhere. Losses are judged by the binomial distribution. Programs that own a network end in good
order, by an exception or killed, and /proc is searched for what they leave.
"""

import hashlib
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import netns
import pytest
from runs import HANG_LIMIT_S

PORT = "7007"

PUNCTUAL = """
# Times the cable, not the wait for a busy processor.
import contextlib, os
with contextlib.suppress(OSError):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
"""

ECHO_TIMES = f"""{PUNCTUAL}
# Answers each message with the time it came.
import socket, sys, time
address, kind = (sys.argv[1], int(sys.argv[2])), sys.argv[3]
if kind == "udp":
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(address)
    print(flush=True)
else:
    server = socket.create_server(address)
    print(flush=True)
    peer, _ = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while True:
    message, sender = peer.recvfrom(100)
    answer = b"%d" % time.monotonic_ns()
    peer.sendto(answer, sender) if kind == "udp" else peer.send(answer)
"""

ASK_TIMES = f"""{PUNCTUAL}
# Prints how long each of 20 messages took there, and its answer back, in milliseconds.
import json, socket, sys, time
address, kind = (sys.argv[1], int(sys.argv[2])), sys.argv[3]
peer = socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
peer.connect(address)
times = []
for _ in range(20):
    start = time.monotonic_ns()
    peer.send(b"?")
    there = int(peer.recv(100))
    times.append(((there - start) / 1e6, (time.monotonic_ns() - there) / 1e6))
print(json.dumps(times))
"""

COLLECT_NUMBERS = """
# Prints the numbers that have come once a line is typed.
import json, socket, sys
peer = socket.socket(type=socket.SOCK_DGRAM)
peer.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE: loses nothing itself.
peer.bind((sys.argv[1], int(sys.argv[2])))
print(flush=True)
sys.stdin.readline()
peer.settimeout(0.5)
numbers = []
try:
    while True:
        numbers.append(int(peer.recv(100)))
except TimeoutError:
    print(json.dumps(numbers))
"""

SEND_NUMBERS = """
import socket, sys, time
peer = socket.socket(type=socket.SOCK_DGRAM)
peer.connect((sys.argv[1], int(sys.argv[2])))
for number in range(int(sys.argv[3])):
    peer.send(b"%d" % number)
    time.sleep(0.001 * (number % 50 == 49))
"""

HASH_STREAM = """
import hashlib, socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print(flush=True)
peer, _ = server.accept()
print(hashlib.sha256(b"".join(iter(lambda: peer.recv(1 << 16), b""))).hexdigest())
"""

SEND_STREAM = """
import shutil, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as peer:
    shutil.copyfileobj(sys.stdin.buffer, peer.makefile("wb"))
"""

ASK_PER_LINE = """
# Sends a message per line typed and prints a line per answer.
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    peer.send(b"?")
    print(peer.recv(100), flush=True)
"""


@pytest.fixture(params=["relay", "netem"])
def two_hosts(request, monkeypatch):
    """The class, made to use each of its kinds of cable."""
    possible, reason = netns.available()
    if not possible:
        pytest.skip(reason)
    if request.param == "netem" and not netns.netem_works():
        pytest.skip("no netem in this kernel")
    if request.param == "relay" and not Path("/dev/net/tun").exists():
        pytest.skip("no TUN devices in this kernel")
    monkeypatch.setattr(netns, "netem_works", lambda: request.param == "netem")
    return netns.TwoHosts


def start(host, program, *arguments):
    """Starts a Python program on a host; pipes for its stdin and stdout."""
    return host.popen(
        [sys.executable, "-IS", "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def serve(host, program, *arguments):
    """Starts a server that says by an empty line that it is ready."""
    server = start(host, program, host.address, PORT, *arguments)
    assert server.stdout.readline() == "\n"
    return server


def output(process, stdin=None):
    text, _ = process.communicate(stdin, timeout=HANG_LIMIT_S)
    assert process.returncode == 0
    return text


def least_delays_ms(net, kind):
    """The shortest time there, and the shortest time back.

    A busy machine adds to some messages, and to most if it is very busy; a cable adds to all.
    """
    server = serve(net.b, ECHO_TIMES, kind)
    times = json.loads(output(start(net.a, ASK_TIMES, net.b.address, PORT, kind)))
    server.kill()
    server.wait()
    return [min(way) for way in zip(*times, strict=True)]


def arrivals(sender, receiver, count):
    """Which of the datagrams 0, ..., count - 1 arrive, in their order of arrival."""
    collector = serve(receiver, COLLECT_NUMBERS)
    output(start(sender, SEND_NUMBERS, receiver.address, PORT, str(count)))
    return json.loads(output(collector, "\n"))


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_each_way_takes_the_delay_it_was_given(two_hosts, kind):
    with two_hosts(delay_there_ms=20, delay_back_ms=60) as net:
        for there_ms, back_ms in ((20, 60), (60, 20)):
            net.set_delay(there_ms, back_ms)
            there, back = least_delays_ms(net, kind)
            # Nothing is faster than the cable, and a delay is neither doubled nor on the other way.
            assert there_ms <= there < 2 * there_ms
            assert back_ms <= back < 2 * back_ms


def test_the_delay_given_at_first_is_in_force(two_hosts):
    with two_hosts(delay_there_ms=40) as net:
        there, back = least_delays_ms(net, "udp")
    assert there >= 40 > back


def test_without_loss_all_arrives_in_order(two_hosts):
    with two_hosts(delay_there_ms=5) as net:
        assert arrivals(net.a, net.b, 5000) == list(range(5000))


@pytest.mark.parametrize("loss", [0.02, 0.3])
def test_each_way_loses_at_the_rate_it_was_given(two_hosts, loss):
    count = 5000
    with two_hosts(loss=loss) as net:
        for sender, receiver in ((net.a, net.b), (net.b, net.a)):
            lost = count - len(arrivals(sender, receiver, count))
            deviation = math.sqrt(count * loss * (1 - loss))
            assert abs(lost - count * loss) < 5 * deviation  # Wrong once in two million runs.


def test_a_seed_settles_which_packets_the_relay_loses(two_hosts):
    if netns.netem_works():
        pytest.skip("netem draws its own losses")

    def arrived(seed):
        with two_hosts(loss=0.2, seed=seed) as net:
            return arrivals(net.a, net.b, 1000), arrivals(net.b, net.a, 1000)

    there, back = arrived(1)
    assert there != back
    assert arrived(1) == (there, back)
    assert arrived(2)[0] != there


def test_tcp_gets_through_in_spite_of_losses(two_hosts):
    data = bytes(range(256)) * 4096
    with two_hosts(delay_there_ms=1, delay_back_ms=1, loss=0.05) as net:
        server = serve(net.b, HASH_STREAM)
        sender = [sys.executable, "-IS", "-c", SEND_STREAM, net.b.address, PORT]
        net.a.run(sender, input=data, check=True, timeout=HANG_LIMIT_S)
        assert output(server).strip() == hashlib.sha256(data).hexdigest()


def test_a_cut_stops_the_traffic_and_a_repair_resumes_it(two_hosts):
    def answers_within(seconds):
        return bool(select.select([client.stdout], [], [], seconds)[0])

    def ask():
        client.stdin.write("\n")
        client.stdin.flush()

    with two_hosts(loss=0.0) as net:
        serve(net.b, ECHO_TIMES, "tcp")
        client = start(net.a, ASK_PER_LINE, net.b.address, PORT)
        ask()
        assert answers_within(HANG_LIMIT_S) and client.stdout.readline()
        net.cut()
        ask()
        assert not answers_within(0.5)
        net.set_delay(1, 1)  # Does not repair it.
        assert arrivals(net.a, net.b, 10) == []
        assert not answers_within(0)
        net.repair()
        assert answers_within(HANG_LIMIT_S) and client.stdout.readline()
        assert arrivals(net.b, net.a, 10) == list(range(10))


OWNER = """
import json, os, signal, sys, time
sys.path.insert(0, sys.argv[1])
import netns
netns.netem_works = lambda: sys.argv[2] == "True"
with netns.TwoHosts() as net:
    for host in (net.a, net.b):
        host.popen(["sleep", "1000"])
    print(json.dumps([os.stat(host.namespace).st_ino for host in (net.a, net.b)]), flush=True)
    input()
    exec(sys.argv[3])
"""

KILLED_BEFORE_ITS_CHILD = """
if os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
os.closerange(0, 3)  # But it still holds the keeper's stdin.
deadline = time.monotonic() + 90
while os.path.exists(net.a.namespace) and time.monotonic() < deadline:
    time.sleep(0.01)
os._exit(0)
"""


def network_namespaces():
    """The inodes of all network namespaces that a process is in or holds open."""
    found = set()
    for link in (*Path("/proc").glob("[0-9]*/ns/net"), *Path("/proc").glob("[0-9]*/fd/*")):
        try:
            found.update(map(int, re.findall(r"^net:\[(\d+)\]$", str(link.readlink()))))
        except OSError:  # Ended or closed.
            continue
    return found


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise OSError('broken')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        (KILLED_BEFORE_ITS_CHILD, -signal.SIGKILL),
    ],
    ids=["leaves", "exits", "raises", "killed", "killed before its child"],
)
def test_nothing_is_left_however_the_owner_ends(two_hosts, end, status):
    here = str(Path(netns.__file__).parent)
    arguments = [sys.executable, "-IS", "-c", OWNER, here, str(netns.netem_works())]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    owner = subprocess.Popen([*arguments, end], **pipes)
    namespaces = set(json.loads(owner.stdout.readline()))
    assert namespaces <= network_namespaces()
    owner.communicate(b"\n", timeout=HANG_LIMIT_S)
    assert owner.returncode == status
    deadline = time.monotonic() + HANG_LIMIT_S
    while namespaces & network_namespaces():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("use", [lambda net: net.cut(), lambda net: None], ids=["cut", "leave"])
def test_the_end_of_the_cables_process_is_an_error(two_hosts, use):
    with pytest.raises(RuntimeError, match=r"see its stderr|`tc .*` failed"), two_hosts() as net:
        keeper = int(Path(net.a.namespace).parts[2])
        os.kill(keeper, signal.SIGKILL)
        use(net)


def test_netem_gets_each_setting(tmp_path, monkeypatch):
    """Where there is no netem: over its veth pair, with a `tc` that notes its arguments."""
    possible, reason = netns.available()
    if not possible:
        pytest.skip(reason)
    noted = tmp_path / "noted"
    tc = tmp_path / "tc"
    tc.write_text(f'#!/bin/sh\necho "$*" >>{noted}\n')
    tc.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(netns, "netem_works", lambda: True)
    with netns.TwoHosts(delay_there_ms=1.5, delay_back_ms=20, loss=0.01) as net:
        assert arrivals(net.a, net.b, 100) == list(range(100))
        net.cut()
        net.set_delay(3, 4)
        net.repair()
    heads = {line.partition(" limit")[0] for line in noted.read_text().splitlines()}
    assert heads == {"qdisc replace dev cable root netem"}
    settings = re.findall(r"delay (\d+)us loss ([\d.]+)%", noted.read_text())
    asked = [(1500, 1), (20000, 1), (1500, 100), (20000, 100), (3000, 100), (4000, 100)]
    assert [(int(d), float(p)) for d, p in settings] == [*asked, (3000, 1), (4000, 1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": 1.5}, r"loss is 1.5: give a probability in \[0, 1\]"),
        ({"loss": -0.1}, "loss is -0.1"),
        ({"delay_there_ms": -1}, "the delay there is -1 ms: give one of 0 or more"),
        ({"delay_back_ms": math.nan}, "the delay back is nan ms"),
    ],
)
def test_impossible_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        netns.TwoHosts(**arguments)


def test_a_machine_that_cannot_says_why(monkeypatch):
    monkeypatch.setattr(netns.os, "geteuid", lambda: 1000)
    assert netns.available.__wrapped__() == (False, "network namespaces need root")
    monkeypatch.setattr(netns, "available", netns.available.__wrapped__)
    with pytest.raises(RuntimeError, match=r"no network of two hosts: .* need root"):
        netns.TwoHosts().__enter__()
