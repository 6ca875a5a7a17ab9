"""Streams: samples of shards through stages, in passes, split among processes.

Method: shards are written here and read through the public interface.
"""

import gzip
import io
import json
import os
import sys
import tarfile
import threading
import warnings
from functools import partial
from hashlib import md5
from itertools import chain, islice
from pathlib import Path

import pytest
from shard_server import shard_server

from mlperf_loadgen.data import (
    DataPipeline,
    RandomMix,
    ShardChangedError,
    ShardFetchError,
    ShardFormatError,
    ShardWarning,
    ShardWriter,
    SimpleShardList,
    Source,
    TarWriter,
    WebDataset,
    batched,
    decode,
    detshuffle,
    ignore_and_continue,
    ignore_and_stop,
    shuffle,
    split_by_node,
    split_by_worker,
    tarfile_to_samples,
    to_tuple,
    write_index,
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Four shards of three samples each."""
    pattern = str(tmp_path_factory.mktemp("shards") / "a-%d.tar")
    with ShardWriter(pattern, maxcount=3, mtime=0) as writer:
        for number in range(12):
            writer.write({"__key__": f"{number:02d}", "cls": number, "json": {"n": number}})
    return writer.paths


ALL = list(range(12))


def numbers(stream):
    return [int(sample["__key__"]) for sample in stream]


def test_a_sample(shards):
    path = shards[0]
    assert next(iter(WebDataset(path))) == {
        "__key__": "00",
        "__url__": path,
        "__local_path__": path,
        "cls": b"0",
        "json": b'{"n": 0}',
    }


def test_samples_in_order_again_and_again(shards):
    stream = WebDataset(shards)
    assert numbers(stream) == numbers(stream) == ALL
    assert numbers(WebDataset(str(Path(shards[0]).with_name("a-{0..3}.tar")))) == ALL
    assert numbers(WebDataset(Path(shards[0]).parent)) == ALL


def test_the_fluid_and_the_pipeline_program_are_the_same(shards):
    fluid = (
        WebDataset(shards, shardshuffle=10, seed=3)
        .shuffle(5, seed=4)
        .decode()
        .to_tuple("cls", "json")
        .map_tuple(None, lambda value: value["n"])
        .batched(5)
    )
    pipeline = DataPipeline(
        SimpleShardList(shards),
        split_by_node,
        split_by_worker,
        shuffle(10, seed=3),
        tarfile_to_samples(),
        shuffle(5, seed=4),
        decode(),
        to_tuple("cls", "json"),
        lambda source: ((cls, value["n"]) for cls, value in source),
        batched(5),
    )

    def lists(stream):
        return [[column.tolist() for column in batch] for batch in stream]

    assert lists(fluid) == lists(pipeline)
    assert [len(cls) for cls, _ in lists(fluid)] == [5, 5, 2]
    assert sorted(n for cls, _ in lists(fluid) for n in cls) == ALL
    assert all(cls == ns for cls, ns in lists(fluid))


def test_each_method_is_its_stage(shards):
    stream = WebDataset(shards)
    decoded = stream.decode()
    assert numbers(stream.select(lambda sample: sample["__key__"] > "05").slice(2)) == [6, 7]
    assert next(iter(stream.rename(label="cls"))).keys() >= {"label", "json"}
    assert next(iter(stream.rename_keys(label="c*"))) == {"label": b"0"}
    assert list(stream.extract_keys("c*").slice(2)) == [(b"0",), (b"1",)]
    assert next(iter(decoded.map_dict(cls=str)))["cls"] == "0"
    assert next(iter(decoded.map(lambda sample: {"x": sample["cls"]}))) == {"x": 0, "__key__": "00"}
    assert next(iter(stream.xdecode(("*", lambda file: file.read(1)))))["json"] == b"{"
    assert list(decoded.to_tuple("cls").listed(2).unlisted()) == [(n,) for n in ALL]
    assert list(decoded.to_tuple("cls").batched(5).unbatched()) == [(n,) for n in ALL]
    assert numbers(stream.rsample(1.0)) == ALL and numbers(stream.rsample(0.0)) == []
    assert stream.shuffle(0) is stream


def test_mcached_and_log_keys(shards, tmp_path):
    stream = WebDataset(shards).log_keys(str(tmp_path / "keys")).mcached()
    assert numbers(stream) == numbers(stream) == ALL
    assert len((tmp_path / "keys").read_text().splitlines()) == 12


def test_a_stream_is_not_changed_by_what_is_made_of_it(shards):
    stream = WebDataset(shards)
    assert len(list(stream.batched(5).repeat(2))) == 6
    assert numbers(stream) == ALL
    pipeline = DataPipeline(ALL)
    assert len(list(pipeline.compose(batched_sums))) == 1
    pipeline.with_length(1).append(batched_sums)
    assert list(pipeline) == ALL
    pipeline.append(batched_sums)
    assert list(pipeline) == [66] and pipeline.stage(0) is ALL


def batched_sums(source):
    yield sum(source)


class WithRun:
    def run(self, *source):
        return (n + 1 for n in (source[0] if source else ALL))


def test_stages_of_all_kinds():
    assert list(DataPipeline(WithRun(), None, WithRun())) == [n + 2 for n in ALL]
    assert list(DataPipeline(lambda: iter(ALL))) == ALL
    assert list(DataPipeline(DataPipeline(ALL))) == ALL
    assert list(DataPipeline(RandomMix([ALL]))) == ALL
    with pytest.raises(ValueError, match="no stages"):
        list(DataPipeline())


# ---- Passes ------------------------------------------------------------


def test_repeat(shards):
    assert numbers(WebDataset(shards).repeat(2)) == ALL * 2
    assert numbers(WebDataset(shards).repeat(nbatches=20)) == (ALL * 2)[:20]
    assert numbers(islice(WebDataset(shards, repeat=True), 30)) == (ALL * 3)[:30]


def test_an_epoch_takes_as_many_passes_as_it_needs(shards):
    stream = WebDataset(shards).with_epoch(30)
    assert numbers(stream) == numbers(stream) == (ALL * 3)[:30]


def test_an_epoch_that_never_reaches_the_last_samples_warns_once(shards):
    stream = WebDataset(shards).with_epoch(5)
    with pytest.warns(ShardWarning, match="Each epoch of 5 samples begins with the first shard"):
        assert numbers(stream) == ALL[:5]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numbers(stream) == ALL[:5]


@pytest.mark.parametrize(
    "how", [{"shardshuffle": 10}, {"resampled": True}, {"detshuffle": True, "shardshuffle": True}]
)
def test_an_epoch_of_shards_in_random_order_does_not_warn(shards, how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(numbers(WebDataset(shards, **how).with_epoch(5))) == 5
        assert numbers(WebDataset(shards).with_epoch(12)) == ALL


def test_an_empty_source_ends_an_epoch():
    assert list(DataPipeline([]).with_epoch(5)) == []
    assert list(DataPipeline([]).repeat()) == []


def test_length(shards):
    stream = WebDataset(shards)
    assert len(stream.with_length(7)) == 7
    assert len(numbers(stream.with_length(7))) == 12
    with pytest.raises(TypeError, match="with_length"):
        len(stream)
    assert stream


# ---- Shards ------------------------------------------------------------


def test_the_order_of_shards(shards):
    def order(**how):
        stream = WebDataset(shards, **how)
        return [[n // 3 for n in numbers(stream)[::3]] for _ in range(3)]

    expected = list(shuffle(100, seed=3)(range(4)))
    assert order(shardshuffle=True, seed=3) == [expected] * 3
    deterministic = detshuffle(100, seed=3)
    assert order(shardshuffle=100, detshuffle=True, seed=3) == [
        list(deterministic(range(4))) for _ in range(3)
    ]
    assert order() == order(shardshuffle=False) == order(shardshuffle=0) == [[0, 1, 2, 3]] * 3


def test_resampled_shards_have_no_end(shards):
    def some(**how):
        return numbers(WebDataset(shards, resampled=True, **how).slice(300))

    assert set(some()) == set(ALL)
    assert some() != some() and some(seed=1) == some(seed=1) != some(seed=2)


def test_processes_share_the_shards(shards, monkeypatch):
    monkeypatch.setenv("NUM_WORKERS", "3")
    parts = []
    for worker in range(3):
        monkeypatch.setenv("WORKER", str(worker))
        parts.append(numbers(WebDataset(shards)))
    assert parts[0] == [0, 1, 2, 9, 10, 11]
    assert sorted(chain(*parts)) == ALL
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="nodesplitter=split_by_node"):
        numbers(WebDataset(shards))
    monkeypatch.setenv("WORKER", "0")
    assert numbers(WebDataset(shards, nodesplitter=split_by_node)) == [3, 4, 5]
    assert numbers(WebDataset(shards, nodesplitter=None, workersplitter=None)) == ALL


def test_a_worker_without_samples_is_an_error(shards, monkeypatch):
    monkeypatch.setenv("NUM_WORKERS", "9")
    monkeypatch.setenv("WORKER", "8")
    with pytest.raises(ValueError, match=r"from 0 shards in worker 8 of 9 .*empty_check=False"):
        numbers(WebDataset(shards))
    assert numbers(WebDataset(shards, empty_check=False)) == []


def test_the_members_left_out_are_counted(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("README", "LICENSE", ".hidden"):
            tar.addfile(tarfile.TarInfo(name))
    stream = WebDataset(str(tmp_path / "a.tar"))
    for _ in range(2):
        with pytest.raises(ValueError, match="left out: 2 no_extension, 1 dotfile"):
            list(stream.decode())
    assert stream.stats() == {"shards": 1, "left_out": {"no_extension": 2, "dotfile": 1}}


def test_names_of_members_can_be_changed_and_chosen(shards):
    stream = WebDataset(
        shards,
        rename_files=lambda name: name.replace("json", "data"),
        select_files=lambda name: not name.endswith("cls"),
    )
    assert [field for field in next(iter(stream)) if field[0] != "_"] == ["data"]


# ---- Errors ------------------------------------------------------------


@pytest.fixture
def with_a_broken_one(shards, tmp_path):
    """The first shard, one whose second sample is cut, and the last one."""
    data = Path(shards[1]).read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: data.index(b"04.json") + 515])
    return [shards[0], str(tmp_path / "cut.tar"), shards[3]]


def test_a_broken_shard(with_a_broken_one):
    """Only whole samples come before the error."""
    samples = []
    with pytest.raises(ShardFormatError, match=r"cut\.tar") as caught:
        for sample in WebDataset(with_a_broken_one).decode():
            samples.append(sample["json"]["n"])
    assert samples == [0, 1, 2, 3]
    assert (caught.value.kind, caught.value.shard) == ("truncated", with_a_broken_one[1])


def test_handlers_of_broken_shards(with_a_broken_one):
    seen = []

    def note(error):
        seen.append(error)
        return True

    assert numbers(WebDataset(with_a_broken_one, handler=note)) == [0, 1, 2, 3, 9, 10, 11]
    assert [error.kind for error in seen] == ["truncated"]
    assert numbers(WebDataset(with_a_broken_one, ignore_and_stop)) == [0, 1, 2, 3]


def test_a_missing_shard_is_named(shards):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.tar"):
        list(WebDataset(["nowhere.tar"]))
    assert numbers(WebDataset(["nowhere.tar", shards[0]], ignore_and_continue)) == [0, 1, 2]


def test_warnings_of_shards(tmp_path):
    with TarWriter(tmp_path / "a.tar") as writer:
        writer.write({"__key__": "a", "bin": b""})
    data = (tmp_path / "a.tar").read_bytes()[:-1024]
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.warns(ShardWarning, match=r"a\.tar"):
        list(WebDataset(str(tmp_path / "a.tar")))


def test_a_framework_that_is_not_installed(shards, monkeypatch):
    monkeypatch.setitem(sys.modules, "paddle.io", None)
    with pytest.raises(ImportError, match="needs paddle: pip install paddlepaddle"):
        WebDataset(shards).to_paddle()
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ValueError, match=r"needs msgpack: pip install 'mlperf_loadgen\[data\]'"):
        list(decode()([{"__key__": "k", "mp": b""}]))


# ---- From elsewhere ------------------------------------------------------------


@pytest.fixture
def server(shards):
    files = {f"/{number}.tar": Path(path).read_bytes() for number, path in enumerate(shards)}
    with shard_server(files=files) as running:
        yield running


def test_a_server(server):
    stream = WebDataset(server.url + "/{0..3}.tar")
    assert numbers(stream) == ALL
    assert next(iter(stream)).keys() == {"__key__", "__url__", "cls", "json"}


def test_a_server_that_cuts(server):
    server.ranges, server.cut_after = False, [None, 4000]
    samples = []
    with pytest.raises(ShardFetchError, match=r"1\.tar was not fetched completely"):
        for sample in WebDataset(server.url + "/{0..3}.tar"):
            samples.append(int(sample["__key__"]))
    assert samples == [0, 1, 2, 3]


def test_a_cache(server, tmp_path):
    def read(**how):
        return numbers(WebDataset(server.url + "/{0..3}.tar", cache_dir=tmp_path / "c", **how))

    assert read() == read() == ALL
    assert len([headers for _, headers in server.requests if "If-None-Match" in headers]) == 4
    assert read(cache_size=-1) == ALL
    assert len(list((tmp_path / "c").glob("*.tar"))) == 4
    size = len(server.files["/0.tar"])
    assert read(cache_size=2 * size) == ALL
    assert len(list((tmp_path / "c").glob("*.tar"))) <= 3


def test_commands_and_rewritten_addresses(shards):
    address = f"pipe:cat {shards[0]}"
    with pytest.raises(PermissionError, match="allow_commands=True"):
        list(WebDataset(address))
    assert numbers(WebDataset(address, allow_commands=True)) == [0, 1, 2]
    rewrite = {"http://h": str(Path(shards[0]).parent)}
    assert numbers(WebDataset("http://h/a-0.tar", rewrite=rewrite)) == [0, 1, 2]
    with pytest.raises(ShardFetchError, match="exit status 1"):
        list(WebDataset(f"pipe:cat {shards[0]}; false", allow_commands=True))


def test_a_fifo_is_read_once(shards, tmp_path):
    os.mkfifo(tmp_path / "f.tar")
    write = partial((tmp_path / "f.tar").write_bytes, Path(shards[0]).read_bytes())
    writer = threading.Thread(target=write)
    writer.start()
    assert numbers(WebDataset(tmp_path / "f.tar")) == [0, 1, 2]
    writer.join()


def test_stdin(shards, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(Path(shards[0]).read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert numbers(WebDataset("-")) == [0, 1, 2]


def test_an_index_file(shards, tmp_path):
    listed = [{"url": path, "nsamples": 3} for path in shards[:2]]
    (tmp_path / "i.json").write_text(json.dumps({"wids_version": 1, "shardlist": listed}))
    assert numbers(WebDataset(str(tmp_path / "i.json"))) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("place", ["local", "compressed", "http", "cache"])
def test_a_shard_that_has_not_the_size_of_the_index_file(shards, server, tmp_path, place):
    data = Path(shards[0]).read_bytes()
    if place == "compressed":
        data = gzip.compress(data)
    (tmp_path / "a.tar").write_bytes(data)
    server.files["/a.tar"] = data
    url = "a.tar" if place in ("local", "compressed") else f"{server.url}/a.tar"
    how = {"cache_dir": tmp_path / "cache"} if place == "cache" else {}

    def read(size):
        shard = {"url": url, "nsamples": 3, "filesize": size, "md5sum": md5(data).hexdigest()}
        write_index(tmp_path / "i.json", [shard])
        return numbers(WebDataset(tmp_path / "i.json", **how))

    assert read(len(data)) == [0, 1, 2]
    with pytest.raises(
        (ShardChangedError, ShardFetchError), match=rf"index file says {len(data) - 1}"
    ):
        read(len(data) - 1)


# ---- Objects in a row ------------------------------------------------------------

OBJECTS = [{"a": number, "x": bytes(number)} for number in range(300)]


def packed(kind):
    if kind == "msgpack":
        return pytest.importorskip("msgpack").packb
    return pytest.importorskip("cbor2").dumps


@pytest.fixture(params=["msgpack", "cbor"])
def objects(request, tmp_path):
    """(path of a file of objects, the stage that reads it)."""
    from mlperf_loadgen import data

    path = tmp_path / f"a.{request.param}"
    path.write_bytes(b"".join(map(packed(request.param), OBJECTS)))
    return path, getattr(data, f"{request.param}_samples")


def test_each_object_is_a_sample(objects):
    path, stage = objects
    samples = list(DataPipeline(SimpleShardList(path), stage()))
    assert samples == [
        {"__key__": str(number), "__url__": str(path), **value}
        for number, value in enumerate(OBJECTS)
    ]


def test_objects_that_are_no_dicts(objects):
    path, stage = objects
    pack = packed(path.suffix[1:])
    path.write_bytes(pack([1, 2]) + pack("x") + pack({"__key__": "mine"}))
    samples = list(DataPipeline(SimpleShardList(path), stage()))
    assert samples == [[1, 2], "x", {"__key__": "mine", "__url__": str(path)}]


@pytest.mark.parametrize("cut", [1, 100, 299])
def test_a_file_of_objects_that_was_cut(objects, cut):
    path, stage = objects
    path.write_bytes(path.read_bytes()[:-cut])
    samples = []
    with pytest.raises(ShardFormatError, match=rf"a\.{path.suffix[1:]}: the object at byte"):
        for sample in DataPipeline(SimpleShardList(path), stage()):
            samples.append(sample)
    assert len(samples) == 299
    assert len(list(DataPipeline(SimpleShardList(path), stage(ignore_and_continue)))) == 299


def test_objects_of_a_command(objects):
    path, stage = objects
    stage = stage(source=Source(allow_commands=True))
    samples = list(DataPipeline(SimpleShardList(f"pipe:gzip -c {path}"), stage))
    assert len(samples) == 300
