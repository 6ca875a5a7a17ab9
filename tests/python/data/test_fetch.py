"""Bytes come whole from wherever they are, or there is an error.

Method: a server on this machine that cuts, refuses and changes what it sends; commands; a file
system in fsspec's memory.
"""

import io
import random
import sys

import pytest
from shard_server import shard_server

from mlperf_loadgen.data import ShardFetchError, expand
from mlperf_loadgen.data.fetch import chunks, read_bytes

DATA = random.Random(0).randbytes(1_000_000)


@pytest.fixture
def server():
    with shard_server(files={"/a.tar": DATA}) as running:
        yield running


def test_a_file(tmp_path):
    (tmp_path / "a b.tar").write_bytes(DATA)
    assert read_bytes(str(tmp_path / "a b.tar")) == DATA
    assert read_bytes(f"file://{tmp_path}/a%20b.tar") == DATA


def test_http(server):
    assert read_bytes(f"{server.url}/a.tar") == DATA


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_error_page_is_no_shard(server, status):
    server.status["/a.tar"] = status
    with pytest.raises(ShardFetchError, match=rf"answered {status} .*/a\.tar"):
        read_bytes(f"{server.url}/a.tar")


def test_a_part_that_was_not_asked_for_is_no_shard(server):
    server.status["/a.tar"] = 206
    with pytest.raises(ShardFetchError, match=r"/a\.tar was not fetched.* the server answered 206"):
        read_bytes(f"{server.url}/a.tar")


def test_a_server_that_is_not_there():
    with shard_server() as gone:
        pass
    with pytest.raises(ShardFetchError, match="could not be fetched"):
        read_bytes(f"{gone.url}/a.tar")


def test_a_broken_connection_is_continued(server):
    server.cut_after = [300_000, 200_000]
    assert read_bytes(f"{server.url}/a.tar") == DATA
    asked = [headers.get("Range") for _, headers in server.requests]
    assert asked == [None, "bytes=300000-", "bytes=500000-"]


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"ranges": False, "cut_after": [300_000]}, "only 300000 of 1000000 bytes came"),
        ({"cut_after": [100_000] * 9}, "only 400000 of 1000000 bytes came"),
        ({"etags": {"/a.tar": 'W/"weak"'}, "cut_after": [300_000]}, "only 300000"),
        ({"length": False}, "how long it is"),
    ],
)
def test_a_shard_that_was_cut_is_not_used(server, how, problem):
    for name, value in how.items():
        setattr(server, name, value)
    with pytest.raises(ShardFetchError, match=problem):
        read_bytes(f"{server.url}/a.tar")


def test_a_shard_that_changed_is_not_continued(server):
    server.cut_after = [300_000]
    pieces = chunks(f"{server.url}/a.tar")
    next(pieces)
    server.etags["/a.tar"] = '"another"'
    with pytest.raises(ShardFetchError, match="cannot be continued"):
        list(pieces)


def test_an_index_file_of_a_server(server):
    server.files["/d/i.json"] = (
        b'{"wids_version": 1, "shardlist": [{"url": "a.tar", "nsamples": 1}]}'
    )
    assert expand(f"{server.url}/d/i.json?token=x") == [f"{server.url}/d/a.tar"]


def test_rewritten_addresses(tmp_path):
    (tmp_path / "a.tar").write_bytes(DATA)
    rewrite = {"http://h/": f"{tmp_path}/", "http://": "https://"}
    assert b"".join(chunks("http://h/a.tar", rewrite=rewrite)) == DATA


# ---- Commands ------------------------------------------------------------


def test_commands_are_run_only_if_allowed(tmp_path):
    address = f"pipe:touch {tmp_path}/ran"
    with pytest.raises(PermissionError, match="allow_commands=True"):
        chunks(address)
    with pytest.raises(PermissionError):
        read_bytes(address)
    assert list(tmp_path.iterdir()) == []
    assert list(chunks(address, allow_commands=True)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["ran"]


def test_the_output_of_a_command(tmp_path):
    (tmp_path / "a.tar").write_bytes(DATA)
    address = f"pipe:cat {tmp_path}/a.tar | cat"
    assert b"".join(chunks(address, allow_commands=True)) == DATA


def test_a_command_that_fails_is_an_error():
    pieces = chunks("pipe:printf abc; exit 3", allow_commands=True)
    assert next(pieces) == b"abc"
    with pytest.raises(ShardFetchError, match=r"printf abc.*exit status 3"):
        next(pieces)


def test_a_command_whose_reader_stops_is_ended():
    pieces = chunks("pipe:exec yes", allow_commands=True)
    next(pieces)
    pieces.close()  # Does not wait for the end of what has none.


# ---- Others ------------------------------------------------------------


def test_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DATA)))
    assert read_bytes("-") == DATA


def test_fsspec():
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/d/a.tar", DATA)
    assert read_bytes("memory://d/a.tar") == DATA
    with pytest.raises(ShardFetchError, match=r"memory://d/b\.tar could not be opened"):
        read_bytes("memory://d/b.tar")


def test_a_short_file_of_fsspec_is_an_error(monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/d/c.tar", DATA)
    monkeypatch.setattr(type(memory), "size", lambda self, path: len(DATA) + 1)
    with pytest.raises(ShardFetchError, match="1000000 of 1000001 bytes"):
        read_bytes("memory://d/c.tar")


def test_what_needs_fsspec_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ShardFetchError, match=r"pip install fsspec.*s3://.*allow_commands"):
        read_bytes("s3://b/a.tar")


def test_an_unknown_scheme_is_named():
    pytest.importorskip("fsspec")
    with pytest.raises(ShardFetchError, match=r"zzz://b/a\.tar could not be opened"):
        read_bytes("zzz://b/a.tar")
