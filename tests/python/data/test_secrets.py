"""Goal: no error, warning or log of shards shows a password or the values of a URL's query.

Method: addresses with both, each wrong in its way; the text of what is raised is looked at. What
code reads (`shards`, `__url__`) stays the whole address.
"""

import pytest
from cli_commands import call
from shard_files import write_shard
from shard_server import shard_server

from mlperf_loadgen.data import (
    DecodingError,
    ShardFormatError,
    WebDataset,
    WebDatasetQSL,
    expand,
    write_index,
)
from mlperf_loadgen.data.fetch import chunks
from mlperf_loadgen.data.indexing import verify

QUERY = "?sig=SECRET&to=SECRET"


@pytest.fixture
def server():
    with shard_server() as server:
        yield server


@pytest.fixture
def served(server, tmp_path):
    """The address of a shard of three samples."""
    path = write_shard(tmp_path / "a.tar", range(3))
    server.files["/a.tar"] = path.read_bytes()
    return f"{server.url}/a.tar{QUERY}"


@pytest.fixture
def library(tmp_path):
    """Makes a library of addresses."""
    return lambda *urls, **options: WebDatasetQSL(list(urls), cache_dir=tmp_path / "c", **options)


def error_of(call, kind):
    with pytest.raises(kind) as raised:
        call()
    assert "SECRET" not in str(raised.value) + repr(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        f"http://127.0.0.1:1/x.tar{QUERY}",
        "http://user:SECRET@127.0.0.1:1/x.tar",
        f"none://user:SECRET@place/x.tar{QUERY}",
        f"memory://place/absent.tar{QUERY}",
        f"pipe:false 'http://user:SECRET@127.0.0.1:1/x{QUERY}'",
    ],
)
def test_what_cannot_be_fetched(address):
    shown = error_of(lambda: list(chunks(address, allow_commands=True)), OSError)
    assert "sig=..." in shown or "...@" in shown


def test_what_is_refused(server, served, library):
    error_of(lambda: list(chunks(served.replace("a.tar", "b.tar"))), OSError)
    error_of(lambda: library(served.replace("a.tar", "b.tar")), OSError)
    error_of(lambda: list(chunks("pipe:cat http://h/x" + QUERY)), PermissionError)
    error_of(lambda: expand("http://u:SECRET@h/x.yaml"), ValueError)
    error_of(lambda: WebDatasetQSL([served]), ValueError)
    error_of(lambda: library(served, fields=["none"]), ValueError)
    error_of(lambda: library(served, ram_limit_bytes=1), ValueError)
    error_of(lambda: library(served, verify="md5"), ValueError)
    server.files["/a.tar"] = server.files["/a.tar"][:700]
    error_of(lambda: library(served), ShardFormatError)
    error_of(lambda: list(WebDataset(served)), ShardFormatError)
    server.files["/a.tar"] = b"\x1f\x8b and no gzip"
    error_of(lambda: library(served), ShardFormatError)
    error_of(lambda: list(WebDataset(served)), ShardFormatError)


def test_a_library_and_its_log(served, library):
    qsl = library(served, decode={"jpg": int})
    assert "SECRET" not in qsl.name
    assert "sig=..." in qsl.name
    assert (qsl.shards, qsl.shard_of(0)) == ([served], served)
    error_of(lambda: qsl.load_samples([0]), DecodingError)
    error_of(lambda: library(served, served).index_of("s00000"), LookupError)


def test_a_stream(served):
    assert next(iter(WebDataset(served)))["__url__"] == served
    error_of(lambda: list(WebDataset(served).to_tuple("none")), ValueError)
    error_of(lambda: list(WebDataset(served).decode(lambda name, data: 1 / 0)), DecodingError)


def test_warnings(server, served, library, recwarn):
    server.files["/a.tar"] += b"no header"
    library(served)
    list(WebDataset(served))
    assert len(recwarn) >= 2
    assert not [warning for warning in recwarn if "SECRET" in str(warning.message)]


def test_index_files(served, tmp_path):
    path = tmp_path / "i.json"
    write_index(path, [{"url": served, "nsamples": 4, "filesize": 1}])
    error_of(lambda: list(WebDataset(path)), OSError)
    _, problems = verify(path, cache_dir=tmp_path / "cache")
    assert problems
    assert "SECRET" not in str(problems[0].error)


@pytest.mark.parametrize("options", ["", "?fields=none", "?threads=x", "?threat=1"])
def test_the_command_line(served, options):
    done = call("run", "sut.py:Sut", f"wds:{served}{options}")
    assert done.exit_code != 0
    assert "SECRET" not in done.output
