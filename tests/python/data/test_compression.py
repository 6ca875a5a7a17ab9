"""Compressed shards are read to their end, or are an error.

Method: archives of gzip, bzip2, xz and zstd, whole, in several streams, cut, damaged and followed
by others, in pieces of several sizes.
"""

import bz2
import gzip
import lzma
import random
import sys

import pytest

from mlperf_loadgen.data import ShardFormatError
from mlperf_loadgen.data.compression import compression_of, plain_chunks

DATA = random.Random(0).randbytes(20_000) * 10


def zstd(data):
    return pytest.importorskip("zstandard").ZstdCompressor().compress(data)


COMPRESS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd}


def plain(data, size=100_000):
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(plain_chunks(pieces, "a.tar"))


each_format = pytest.mark.parametrize("name", COMPRESS)


@each_format
@pytest.mark.parametrize("size", [1, 5, 3000, 10_000_000])
def test_a_compressed_shard(name, size):
    data = DATA[:30_000] if size < 10 else DATA
    assert plain(COMPRESS[name](data), size) == data


@pytest.mark.parametrize("data", [b"", b"x", b"\x1f", DATA], ids=len)
def test_a_plain_shard(data):
    assert plain(data, 3) == plain(data) == data


@each_format
@pytest.mark.parametrize("size", [1, 3000, 10_000_000])
def test_several_streams_in_a_row(name, size):
    parts = [b"", DATA[:1111], b"", DATA[1111:30_000]]
    assert plain(b"".join(map(COMPRESS[name], parts)), size) == DATA[:30_000]


@each_format
def test_zeros_may_follow(name):
    assert plain(COMPRESS[name](DATA) + bytes(600), 512) == DATA


@each_format
@pytest.mark.parametrize("rest", [b"x", bytes(600) + b"x", b"\x1f"])
def test_nothing_else_may_follow(name, rest):
    check_refused(COMPRESS[name](DATA) + rest, "is followed by")


@each_format
@pytest.mark.parametrize("cut", [1, 4, 1500])
def test_a_cut_stream_is_an_error(name, cut):
    check_refused(COMPRESS[name](DATA)[:-cut], "ends in the middle")


@each_format
def test_a_cut_second_stream_is_an_error(name):
    compressed = COMPRESS[name](DATA)
    check_refused(compressed + compressed[:-4], "ends in the middle")


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz"])
def test_a_damaged_stream_is_an_error(name):
    compressed = bytearray(COMPRESS[name](DATA))
    compressed[-6] ^= 0xFF
    check_refused(bytes(compressed), "is damaged|ends in the middle")


def test_a_damaged_zstd_frame_is_an_error():
    zstandard = pytest.importorskip("zstandard")
    compressed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(DATA))
    compressed[-1] ^= 0xFF
    check_refused(bytes(compressed), "is damaged")


def check_refused(data, problem):
    with pytest.raises(ShardFormatError, match=rf"^a\.tar: its \w+ stream ({problem})") as caught:
        plain(data)
    assert (caught.value.kind, caught.value.shard, caught.value.offset) == (
        "compression",
        "a.tar",
        None,
    )


@each_format
def test_the_content_comes_in_small_pieces(name):
    compressed = COMPRESS[name](bytes(40_000_000))
    largest = max(map(len, plain_chunks([compressed], "a.tar")))
    assert largest <= 1 << 20 or name == "zstd"
    assert largest < 20_000_000


def test_what_zstd_needs_is_said(monkeypatch):
    compressed = zstd(DATA)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(ImportError, match=r"a\.tar .*zstandard"):
        plain(compressed)


@each_format
def test_recognised_by_the_first_bytes(name):
    assert compression_of(COMPRESS[name](DATA)[:6]) == name
    assert compression_of(b"a.jpg\0") is None
