"""Copies of shards: complete, the right ones, those of now, and shared by processes.

Method: a server on this machine that counts requests, cuts and changes; several processes at once;
a process that dies while it downloads.
"""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from shard_server import shard_server

from mlperf_loadgen.data import (
    ShardFetchError,
    ShardFormatError,
    ShardWarning,
    WebDataset,
    cache,
)
from mlperf_loadgen.data.cache import ShardCache, Wanted, local_copy

DATA = bytes(range(256)) * 1000


@pytest.fixture
def server():
    with shard_server(files={"/a/x.tar": DATA, "/b/x.tar": DATA[::-1]}) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "made" / "cache"


def copies(folder):
    return sorted(path.name.partition("-")[2] for path in folder.glob("*.tar"))


def test_equal_names_in_two_folders_are_two_copies(server, folder):
    assert local_copy(f"{server.url}/a/x.tar", folder).read_bytes() == DATA
    assert local_copy(f"{server.url}/b/x.tar", folder).read_bytes() == DATA[::-1]
    assert copies(folder) == ["x.tar", "x.tar"]


def test_a_copy_is_downloaded_once_and_compared_once(server, folder):
    copies_here = ShardCache(folder)
    for _ in range(3):
        with copies_here.held(Wanted(f"{server.url}/a/x.tar")) as path:
            assert path.read_bytes() == DATA
    with ShardCache(folder).held(Wanted(f"{server.url}/a/x.tar")):
        asked = [headers.get("If-None-Match") for _, headers in server.requests]
    assert asked == [None, server.etag("/a/x.tar")]


def test_a_shard_that_changed_is_fetched_again(server, folder):
    local_copy(f"{server.url}/a/x.tar", folder)
    server.files["/a/x.tar"] = b"new"
    assert local_copy(f"{server.url}/a/x.tar", folder).read_bytes() == b"new"


def test_a_server_that_knows_no_conditions(server, folder):
    server.etags["/a/x.tar"] = None
    local_copy(f"{server.url}/a/x.tar", folder)
    server.files["/a/x.tar"] = DATA[:-1]
    assert local_copy(f"{server.url}/a/x.tar", folder).read_bytes() == DATA[:-1]


def test_a_server_that_is_gone_leaves_the_copy(folder):
    with shard_server(files={"/a.tar": DATA}) as server:
        local_copy(f"{server.url}/a.tar", folder)
    with pytest.warns(ShardWarning, match="copy of the shard is used"):
        assert local_copy(f"{server.url}/a.tar", folder).read_bytes() == DATA
    with pytest.raises(ShardFetchError):
        local_copy(f"{server.url}/b.tar", folder)


def test_a_server_that_has_the_shard_no_more_is_an_error(server, folder):
    local_copy(f"{server.url}/a/x.tar", folder)
    server.status["/a/x.tar"] = 404
    with pytest.raises(ShardFetchError, match="answered 404"):
        local_copy(f"{server.url}/a/x.tar", folder)


def test_a_download_that_was_cut_leaves_nothing(server, folder):
    server.ranges, server.cut_after = False, [1000]
    with pytest.raises(ShardFetchError, match="only 1000 of 256000"):
        local_copy(f"{server.url}/a/x.tar", folder)
    assert copies(folder) == [] and list(folder.glob("*.tmp")) == []
    assert local_copy(f"{server.url}/a/x.tar", folder).read_bytes() == DATA


def test_a_copy_that_was_cut_is_not_used(server, folder):
    path = local_copy(f"{server.url}/a/x.tar", folder)
    os.truncate(path, 1000)
    assert local_copy(f"{server.url}/a/x.tar", folder).read_bytes() == DATA


def test_what_the_index_file_says_is_compared(server, folder):
    address, md5 = f"{server.url}/a/x.tar", hashlib.md5(DATA).hexdigest()
    assert local_copy(address, folder, size=len(DATA), md5=md5).read_bytes() == DATA
    for wrong in ({"size": 5}, {"md5": "0" * 32}):
        with pytest.raises(ShardFetchError, match=f"256000 bytes and the md5 sum {md5}"):
            local_copy(address, folder, **wrong)
    assert local_copy(address, folder).read_bytes() == DATA


def test_commands(tmp_path, folder):
    (tmp_path / "a.tar").write_bytes(DATA)
    address = f"pipe:cat {tmp_path}/a.tar"
    with pytest.raises(PermissionError):
        local_copy(address, folder)
    assert local_copy(address, folder, allow_commands=True).read_bytes() == DATA
    with pytest.raises(ShardFetchError, match="exit status 1"):
        local_copy("pipe:printf x; exit 1", folder, allow_commands=True)
    assert len(copies(folder)) == 1


def test_fsspec(folder):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/d/a.tar", DATA)
    assert local_copy("memory://d/a.tar", folder).read_bytes() == DATA
    memory.pipe("/d/a.tar", DATA[:100])
    assert local_copy("memory://d/a.tar", folder).read_bytes() == DATA[:100]


# ---- The limit ------------------------------------------------------------


@pytest.mark.parametrize("order", ["pq", "qp"])
def test_what_was_not_used_for_the_longest_time_goes(server, folder, order):
    server.files |= {f"/{name}.tar": DATA for name in "pqr"}
    copies_here = ShardCache(folder, limit_bytes=2 * len(DATA))

    def use(name):
        with copies_here.held(Wanted(f"{server.url}/{name}.tar")) as path:
            return path

    for time, name in enumerate(order):  # Uses that are long ago, in this order.
        os.utime(use(name), (time, time))
    use(order[0])
    use("r")
    assert copies(folder) == sorted([f"{order[0]}.tar", "r.tar"])


def test_what_is_in_use_stays(server, folder):
    copies_here = ShardCache(folder, limit_bytes=0)
    with copies_here.held(Wanted(f"{server.url}/a/x.tar")) as first:
        with copies_here.held(Wanted(f"{server.url}/b/x.tar")) as second:
            assert first.exists() and second.exists()
        with copies_here.held(Wanted(f"{server.url}/a/x.tar")):
            assert first.exists() and not second.exists()


USER = """
    import sys
    from mlperf_loadgen.data.cache import ShardCache, Wanted
    with ShardCache(sys.argv[1]).held(Wanted(sys.argv[2])) as path:
        print("holds", flush=True)
        sys.stdin.read()
        print(path.exists())
"""


def start(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_another_process_uses_stays(server, folder):
    copies_here = ShardCache(folder, limit_bytes=0)
    with start(USER, folder, f"{server.url}/a/x.tar") as user:
        assert user.stdout.readline() == "holds\n"
        with copies_here.held(Wanted(f"{server.url}/b/x.tar")):
            pass
        assert user.communicate("")[0] == "True\n"
    with copies_here.held(Wanted(f"{server.url}/b/x.tar")):
        assert len(copies(folder)) == 1


def test_a_stream_that_ends_with_an_error_uses_its_copy_no_more(server, folder):
    samples = WebDataset(f"{server.url}/a/x.tar", cache_dir=folder)
    with pytest.raises(ShardFormatError) as error:  # Its frames stay.
        list(samples)
    with ShardCache(folder, limit_bytes=0).held(Wanted(f"{server.url}/b/x.tar")):
        assert error.value.kind == "not_tar"
        assert len(copies(folder)) == 1


def test_a_use_may_end_while_another_begins(server, folder, monkeypatch):
    """As the garbage collector may end a stream at any time."""
    shards = ShardCache(folder)
    first = shards.hold(Wanted(f"{server.url}/a/x.tar"))
    lockf = fcntl.lockf

    def collect(*arguments):
        monkeypatch.setattr(fcntl, "lockf", lockf)
        shards.release(first)
        lockf(*arguments)

    monkeypatch.setattr(fcntl, "lockf", collect)
    other = threading.Thread(
        target=shards.hold, args=[Wanted(f"{server.url}/b/x.tar")], daemon=True
    )
    other.start()
    other.join(60)
    assert not other.is_alive()


# ---- Several processes ------------------------------------------------------------


def test_several_processes_download_once(server, folder):
    users = [start(USER, folder, f"{server.url}/a/x.tar") for _ in range(4)]
    for user in users:
        assert user.communicate("")[0] == "holds\nTrue\n"
    downloads = [headers for _, headers in server.requests if "If-None-Match" not in headers]
    assert len(downloads) == 1


def test_one_process_at_a_time_downloads(server, folder, monkeypatch):
    def locked_out(address, response):
        (lock,) = folder.glob("*.lock")
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield DATA

    monkeypatch.setattr(cache, "http_chunks", locked_out)
    assert local_copy(f"{server.url}/a/x.tar", folder).read_bytes() == DATA


DYING = """
    import os, signal, sys
    from mlperf_loadgen.data import cache

    def half_of_it(address, response):
        yield b"half"
        os.kill(os.getpid(), signal.SIGKILL)

    cache.http_chunks = half_of_it
    cache.local_copy(sys.argv[2], sys.argv[1])
"""


def test_a_process_that_died_while_it_downloaded_is_no_obstacle(server, folder):
    with start(DYING, folder, f"{server.url}/a/x.tar") as dead:
        dead.communicate()
    assert dead.returncode == -signal.SIGKILL
    assert len(list(folder.glob("*.tmp"))) == 1
    assert local_copy(f"{server.url}/a/x.tar", folder).read_bytes() == DATA
    assert list(folder.glob("*.tmp")) == []
