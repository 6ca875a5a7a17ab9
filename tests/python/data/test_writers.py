"""Shards that are written are read by others, byte for byte what was given, or not there at all.

Method: Python's tarfile reads what was written; headers are compared with the format's own numbers.
"""

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from mlperf_loadgen.data import ShardWriter, TarWriter, read_index

SAMPLE = {"__key__": "d/a", "jpg": b"image", "cls": 3, "json": {"x": [1]}, "txt": "été"}
WRITTEN = {
    "d/a.cls": b"3",
    "d/a.jpg": b"image",
    "d/a.json": b'{"x": [1]}',
    "d/a.txt": "été".encode(),
}


def members(path):
    return members_of(Path(path).read_bytes())


def members_of(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


def written(sample, **how):
    """The bytes of a shard with one sample."""
    stream = io.BytesIO()
    with TarWriter(stream, **how) as writer:
        writer.write(sample)
    return stream.getvalue()


def test_a_sample(tmp_path):
    with TarWriter(tmp_path / "a.tar") as writer:
        assert writer.write({**SAMPLE, "_note": 1, "__url__": "x"}) == sum(
            map(len, WRITTEN.values())
        )
    found = members(tmp_path / "a.tar")
    assert found == WRITTEN
    assert list(found) == sorted(found)


def test_headers_are_plain_ustar():
    shard = written(
        {"__key__": "a", "bin": b"12345"}, user="me", group="us", mode=0o640, mtime=12.9
    )
    assert len(shard) == 512 + 512 + 1024
    assert shard[257:265] == b"ustar\x0000"
    info = tarfile.TarInfo.frombuf(shard[:512], "utf-8", "strict")
    assert (info.name, info.size, info.mode, info.mtime) == ("a.bin", 5, 0o640, 12)
    assert (info.uname, info.gname) == ("me", "us")
    assert shard[512:1024] == b"12345" + bytes(507)


@pytest.mark.parametrize(
    ("key", "blocks"),
    [
        ("k" * 96, 1),
        ("k" * 97, 3),  # 101 bytes without a slash to cut at: a PAX header and its records.
        ("p" * 155 + "/" + "k" * 96, 1),
        ("p" * 156 + "/" + "k" * 96, 3),
        ("é" * 48, 1),
        ("é" * 49, 3),
        ("caf\udce9", 1),
        ("caf\udce9" + "x" * 100, 3),
    ],
)
def test_pax_only_for_names_that_need_it(key, blocks, tmp_path):
    shard = written({"__key__": key, "bin": b""})
    assert len(shard) == 512 * blocks + 1024
    (tmp_path / "a.tar").write_bytes(shard)
    assert list(members(tmp_path / "a.tar")) == [f"{key}.bin"]


def test_pax_for_sizes_that_need_it():
    from mlperf_loadgen.data.tar_headers import Owner, member_header

    owner = Owner("", "", 0o444, 0)
    largest = 8**11 - 1
    assert len(member_header("a.bin", largest, owner)) == 512
    header = member_header("a.bin", largest + 1, owner)
    assert tarfile.TarInfo.frombuf(header[:512], "utf-8", "strict").type == tarfile.XHDTYPE
    assert header[512:1024].rstrip(b"\0") == b"19 size=%d\n" % (largest + 1)


@pytest.mark.parametrize("suffix", ["tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_compression_by_suffix(suffix, tmp_path):
    with TarWriter(tmp_path / f"a.{suffix}") as writer:
        writer.write(SAMPLE)
    assert members(tmp_path / f"a.{suffix}") == WRITTEN
    assert (tmp_path / f"a.{suffix}").read_bytes()[:5] != b"d/a.c"


def test_zstd(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    with TarWriter(tmp_path / "a.tar.zst") as writer:
        writer.write(SAMPLE)
    data = (
        zstandard.ZstdDecompressor()
        .decompressobj()
        .decompress((tmp_path / "a.tar.zst").read_bytes())
    )
    assert members_of(data) == WRITTEN


def test_the_same_sample_is_the_same_gzip():
    assert written(SAMPLE, compress=True, mtime=0) == written(SAMPLE, compress="gz", mtime=0)


def test_compression_that_is_not_known_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'rar'"):
        TarWriter(tmp_path / "a.tar", compress="rar")
    assert list(tmp_path.iterdir()) == []


WRONG = [
    ({"bin": b""}, "needs its key"),
    ({"__key__": 5, "bin": b""}, "needs its key"),
    ({"__key__": "", "bin": b""}, "empty"),
    ({"__key__": "d/", "bin": b""}, "slash"),
    ({"__key__": "k.x", "bin": b""}, "dot"),
    ({"__key__": "k\0", "bin": b""}, "NUL"),
    ({"__key__": "__m__/k", "bin": b""}, "metadata"),
    ({"__key__": "__k", "x__": b""}, "metadata"),
    ({"__key__": "k", "a/b": b""}, "slash"),
    ({"__key__": "k", "a\0b": b""}, "NUL"),
    ({"__key__": "k", "__index__": b""}, "readers use"),
    ({"__key__": "k", "jpg": b"", "JPG": b""}, "same field"),
    ({"__key__": "k", "cls": None}, "None"),
    ({"__key__": "k", "txt": 5}, "'txt'"),
    ({"__key__": "k", "json": {1, 2}}, "'json'"),
    ({"__key__": "k", "zzz": 5}, "no encoder"),
    ({"__key__": "k"}, "no fields"),
    ({"__key__": "k", 5: b"x"}, "names are no text"),
]


@pytest.mark.parametrize(("sample", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_a_wrong_sample_is_refused_as_a_whole(sample, problem):
    stream = io.BytesIO()
    writer = TarWriter(stream, keep_meta=True)
    with pytest.raises(ValueError, match=problem):
        writer.write(sample if problem == "no fields" else {"aaa": b"first", **sample})
    assert stream.getvalue() == b""


def test_a_dot_in_a_folder_is_fine(tmp_path):
    (tmp_path / "a.tar").write_bytes(written({"__key__": "v1.0/a", "bin": b"1"}))
    assert members(tmp_path / "a.tar") == {"v1.0/a.bin": b"1"}


def test_encoders(tmp_path):
    np_array = np.arange(6, dtype="int16").reshape(2, 3)
    sample = {
        "__key__": "a",
        "npy": np_array,
        "npz": {"x": np_array},
        "pkl": (1, 2),
        "left.cls": 7,
        "id": "already text",
    }
    (tmp_path / "a.tar").write_bytes(written(sample))
    found = members(tmp_path / "a.tar")
    assert (np.load(io.BytesIO(found["a.npy"])) == np_array).all()
    assert (np.load(io.BytesIO(found["a.npz"]))["x"] == np_array).all()
    assert pickle.loads(found["a.pkl"]) == (1, 2)
    assert (found["a.left.cls"], found["a.id"]) == (b"7", b"already text")


def test_images(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((4, 5, 3), "uint8")
    pixels[1, 2] = (255, 0, 128)
    sample = {"__key__": "a", "png": pixels, "ppm": pixels / 255, "jpg": image.fromarray(pixels)}
    (tmp_path / "a.tar").write_bytes(written(sample))
    found = {
        name: np.asarray(image.open(io.BytesIO(data)))
        for name, data in members(tmp_path / "a.tar").items()
    }
    assert (found["a.png"] == pixels).all() and (found["a.ppm"] == pixels).all()
    assert found["a.jpg"].shape == pixels.shape
    with pytest.raises(ValueError, match="0 to 1"):
        written({"__key__": "a", "png": pixels + 0.5})


def test_an_encoder_of_ones_own(tmp_path):
    def encoder(sample):
        return {"__key__": sample["__key__"], "txt": str(sample["cls"])}

    (tmp_path / "a.tar").write_bytes(written({"__key__": "a", "cls": 3}, encoder=encoder))
    assert members(tmp_path / "a.tar") == {"a.txt": b"3"}
    with pytest.raises(ValueError, match="is a int and not bytes"):
        written({"__key__": "a", "cls": 3}, encoder=False)


def test_a_shard_is_there_when_it_is_complete(tmp_path):
    writer = TarWriter(tmp_path / "a.tar")
    writer.write(SAMPLE)
    assert not (tmp_path / "a.tar").exists()
    writer.close()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_no_shard_is_left_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), ShardWriter(str(tmp_path / "a-%d.tar"), maxcount=1) as writer:
        writer.write(SAMPLE)
        writer.write(SAMPLE)
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a-0.tar"]


# ---- Several shards ------------------------------------------------------------


def write_shards(tmp_path, count, **how):
    posted = []
    with ShardWriter(str(tmp_path / "a-%02d.tar"), post=posted.append, **how) as writer:
        for number in range(count):
            writer.write({"__key__": f"{number}", "bin": bytes(100)})
    assert writer.paths == posted
    return [len(members(path)) for path in writer.paths]


@pytest.mark.parametrize(
    ("count", "how", "sizes"),
    [
        (5, {"maxcount": 2}, [2, 2, 1]),
        (4, {"maxcount": 2}, [2, 2]),
        (5, {"maxsize": 150}, [2, 2, 1]),
        (5, {"maxsize": 1}, [1] * 5),
        (0, {}, []),
    ],
)
def test_full_shards(count, how, sizes, tmp_path):
    assert write_shards(tmp_path, count, **how) == sizes
    assert len(list(tmp_path.iterdir())) == len(sizes)


def test_numbers_begin_where_they_are_asked_to(tmp_path):
    write_shards(tmp_path, 2, maxcount=1, start_shard=7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-07.tar", "a-08.tar"]


def test_a_first_sample_that_is_wrong_makes_no_shard(tmp_path):
    writer = ShardWriter(str(tmp_path / "a-%d.tar"))
    with pytest.raises(ValueError, match="dot"):
        writer.write({"__key__": "a.b", "bin": b""})
    assert list(tmp_path.iterdir()) == []
    writer.write(SAMPLE)
    with pytest.raises(ValueError, match="dot"):
        writer.write({"__key__": "a.b", "bin": b""})
    writer.close()
    assert members(tmp_path / "a-0.tar") == WRITTEN


def test_the_index_file(tmp_path):
    (tmp_path / "shards").mkdir()
    with ShardWriter(
        str(tmp_path / "shards" / "a-%d.tar.gz"), maxcount=2, index=tmp_path / "i.json"
    ) as writer:
        for number in range(3):
            writer.write({"__key__": f"{number}", "bin": bytes(100)})
    shards = read_index(tmp_path / "i.json").shards
    assert [(shard.url, shard.nsamples) for shard in shards] == [
        (str(tmp_path / "shards" / f"a-{number}.tar.gz"), count)
        for number, count in ((0, 2), (1, 1))
    ]
    assert (
        json.loads((tmp_path / "i.json").read_text())["shardlist"][0]["url"] == "shards/a-0.tar.gz"
    )
    assert shards[0].filesize == (tmp_path / "shards" / "a-0.tar.gz").stat().st_size


def test_an_opener_of_ones_own(tmp_path):
    streams = {}

    class Kept(io.BytesIO):
        def close(self):
            self.data = self.getvalue()
            super().close()

    with ShardWriter("a-%d.tar", opener=lambda name: streams.setdefault(name, Kept())) as writer:
        writer.write(SAMPLE)
    assert members_of(streams["a-0.tar"].data) == WRITTEN


@pytest.mark.parametrize("pattern", ["a.tar", "a-%%.tar", "a-%s-%s.tar"])
def test_a_pattern_needs_a_number(pattern):
    with pytest.raises(ValueError, match="no place for a number"):
        ShardWriter(pattern)
