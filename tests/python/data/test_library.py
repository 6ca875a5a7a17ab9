"""Goal: WebDatasetQSL keeps what it promises a test, also where files and callers misbehave.

Method: small shards of samples whose bytes follow from their number, changed on disk between and
during calls. The archives of the golden corpus are in test_corpus_library.py.
"""

import gc
import gzip
import io
import json
import os
import pickle
import signal
import tarfile
import threading
import time

import numpy as np
import pytest
from shard_files import contents, write_shard
from shard_server import shard_server

import mlperf_loadgen as lg
from mlperf_loadgen.data import (
    DecodingError,
    ShardChangedError,
    ShardFormatError,
    WebDatasetQSL,
    write_index,
)
from mlperf_loadgen.data.index_file import md5_of
from mlperf_loadgen.qdl.dispatch.parcels import payload_bytes
from mlperf_loadgen.qdl.links.http import to_json
from mlperf_loadgen.qdl.node.http import from_json
from mlperf_loadgen.qdl.wire.payload import flatten


@pytest.fixture
def shards(tmp_path):
    """Four shards of 25 samples."""
    return [write_shard(tmp_path / f"d-{i}.tar", range(25 * i, 25 * i + 25)) for i in range(4)]


@pytest.fixture
def qsl(shards):
    return WebDatasetQSL(shards)


def fields(sample):
    return {field: bytes(view) for field, view in sample.items()}


# ---- What there is -------------------------------------------------------------------------------


def test_samples_are_numbered_in_order(qsl, shards):
    assert isinstance(qsl, lg.QuerySampleLibrary)
    assert (qsl.total_sample_count, qsl.performance_sample_count) == (100, 100)
    assert [qsl.key(i) for i in (0, 24, 25, 99)] == ["s00000", "s00024", "s00025", "s00099"]
    assert qsl.index_of("s00026") == 26
    assert qsl.shard_of(26) == str(shards[1])
    assert qsl.fields == ["cls", "jpg", "npy"]
    offsets = [offset for _, offset, _ in qsl.members(1)]
    assert offsets == sorted(offsets)
    assert [(field, size) for field, _, size in qsl.members(1)] == [
        ("cls", 1),
        ("jpg", 600),
        ("npy", 64),
    ]


def test_brace_lists_and_folders(shards, tmp_path):
    for names in (f"{tmp_path}/d-{{0..3}}.tar", f"{tmp_path}/", tmp_path):
        assert WebDatasetQSL(names).shards == [str(shard) for shard in shards]


def test_keys_that_are_not_there_or_twice(shards, tmp_path):
    qsl = WebDatasetQSL([*shards, write_shard(tmp_path / "again.tar", [7])])
    with pytest.raises(KeyError, match="nothing"):
        qsl.index_of("nothing")
    with pytest.raises(LookupError, match=r"'s00007'.*d-0\.tar and 100 in .*again\.tar"):
        qsl.index_of("s00007")


def test_bytes_before_anything_is_loaded(qsl):
    wanted = [3, 50, 3, 99]
    expected = sum(len(data) for n in {*wanted} for data in contents(n).values())
    assert qsl.nbytes(wanted) == expected
    assert qsl.stats()["field_bytes"] == qsl.nbytes(range(100))
    assert qsl.stats()["loaded_bytes"] == 0


def test_another_process_opens_the_shards_itself(shards):
    qsl = WebDatasetQSL(shards[1:], fields=("cls",), decode={"cls": int})
    qsl.load_samples([3])
    there = pickle.loads(pickle.dumps(qsl))
    assert (there.shards, there.digest, there.fields) == (qsl.shards, qsl.digest, qsl.fields)
    with pytest.raises(LookupError):
        there[3]
    there.load_samples([3])
    assert there[3].cls == qsl[3].cls == 8


def test_as_many_as_fit_whichever_they_are(tmp_path):
    sizes = [10, 50_000, 10, 20_000, 10]
    path = write_shard(tmp_path / "a.tar", range(5), lambda n: {"bin": bytes(sizes[n])})
    for limit, count in ((50_500, 1), (70_100, 1), (71_000, 2 + 3), (10**9, 5)):
        assert WebDatasetQSL(path, ram_limit_bytes=limit).performance_sample_count == count
    with pytest.raises(ValueError, match="ram_limit_bytes=1000: the largest sample"):
        WebDatasetQSL(path, ram_limit_bytes=1000)
    assert WebDatasetQSL(path, performance_sample_count=3).performance_sample_count == 3
    for count in (0, 6, -1):
        with pytest.raises(ValueError, match="it must be from 1 to 5"):
            WebDatasetQSL(path, performance_sample_count=count)
    assert WebDatasetQSL(path, ram_limit_bytes=10**30).performance_sample_count == 5


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("performance_sample_count", 1.5),
        ("ram_limit_bytes", "1G"),
        ("ram_limit_bytes", 1e9),
        ("ram_limit_bytes", -1),
        ("threads", 2.0),
        ("threads", 257),
    ],
)
def test_numbers_that_are_none(shards, name, wrong):
    with pytest.raises((TypeError, ValueError), match=f"{name}={wrong!r}: it must be "):
        WebDatasetQSL(shards, **{name: wrong})


def test_numbers_of_no_shard(qsl):
    assert qsl.describe_shard(3)["samples"] == 25
    with pytest.raises(IndexError, match="There is no shard 4; the library has 4, from 0 on"):
        qsl.describe_shard(4)


def test_the_digest_is_of_the_data_and_not_of_its_place(shards, tmp_path):
    digest = WebDatasetQSL(shards).digest
    moved = tmp_path / "moved"
    moved.mkdir()
    copies = [moved / f"{shard.name}.gz" for shard in shards]
    for shard, copy in zip(shards, copies, strict=True):
        copy.write_bytes(gzip.compress(shard.read_bytes()))
    assert WebDatasetQSL(copies).digest == digest
    assert WebDatasetQSL(shards[:3]).digest != digest
    write_shard(shards[2], range(51, 76))
    assert WebDatasetQSL(shards).digest != digest


# ---- Loading -------------------------------------------------------------------------------------


def test_loaded_samples_are_views_of_the_right_bytes(qsl):
    wanted = [99, 0, 42, 41, 40, 99, 7]
    qsl.load_samples(wanted)
    for i in wanted:
        sample = qsl[i]
        assert fields(sample) == contents(i)
        assert (sample.index, sample.key, len(sample)) == (i, f"s{i:05d}", 3)
        assert bytes(sample.jpg) == bytes(sample["jpg"])
        assert sample.jpg.readonly
    assert qsl.stats()["loaded_bytes"] == qsl.nbytes(wanted)
    qsl.unload_samples(wanted)
    assert qsl.stats()["loaded_bytes"] == 0


def test_a_sample_is_a_mapping(qsl):
    qsl.load_samples([5])
    sample = qsl[5]
    assert list(sample) == ["cls", "jpg", "npy"]
    assert "jpg" in sample
    assert "nothing" not in sample
    assert 5 not in sample
    assert sample.get("nothing") is None
    assert sample.get("nothing", 1) == 1
    assert bytes(sample.get("cls")) == b"5"
    with pytest.raises(KeyError, match="nothing"):
        sample["nothing"]
    with pytest.raises(AttributeError, match="nothing"):
        sample.nothing  # noqa: B018
    with pytest.raises(TypeError):
        sample.jpg[0] = 1
    assert repr(sample) == "Sample(index=5, key='s00005', fields=('cls', 'jpg', 'npy'))"
    assert pickle.loads(pickle.dumps(sample)) == contents(5)
    with pytest.raises(TypeError):
        type(sample)()


def test_what_is_not_loaded_is_no_sample(qsl):
    with pytest.raises(LookupError, match=r"sample 3 is not loaded: load_samples\(\[3\]\)"):
        qsl[3]
    qsl.load_samples([3])
    qsl.unload_samples([3])
    with pytest.raises(LookupError, match="sample 3 is not loaded"):
        qsl[3]
    assert fields(qsl.read(3)) == contents(3)


@pytest.mark.parametrize("index", [-1, 100, 2**64, -(2**70)])
def test_numbers_of_no_sample(qsl, index):
    for call in (qsl.read, qsl.key, qsl.shard_of, lambda i: qsl[i], lambda i: qsl.nbytes([i])):
        with pytest.raises(IndexError):
            call(index)
    with pytest.raises(IndexError):
        qsl.load_samples([1, index])
    with pytest.raises(LookupError):
        qsl[1]


def test_overlapping_calls_hold_samples_as_often_as_they_are_named(qsl):
    qsl.load_samples([1, 2, 2])
    qsl.load_samples([2, 3])
    qsl.unload_samples([1, 2, 2])
    assert fields(qsl[2]) == contents(2)
    with pytest.raises(LookupError):
        qsl[1]
    with pytest.raises(LookupError):
        qsl.unload_samples([3, 2, 2])
    assert (fields(qsl[2]), fields(qsl[3])) == (contents(2), contents(3))
    qsl.unload_samples([2, 3])
    with pytest.raises(LookupError):
        qsl.unload_samples([2])


def test_views_outlive_unloading_and_the_library(shards):
    qsl = WebDatasetQSL(shards)
    qsl.load_samples([11])
    view, sample = qsl[11].jpg, qsl[11]
    qsl.unload_samples([11])
    qsl.close()
    del qsl
    gc.collect()
    assert bytes(view) == contents(11)["jpg"]
    assert fields(sample) == contents(11)


def test_batches(qsl):
    wanted = [30, 10, 20]
    qsl.load_samples(wanted)
    rows = qsl.batch(wanted, "npy")
    assert rows.shape == (3, 64)
    assert rows.view(np.int32)[:, 0].tolist() == wanted
    with pytest.raises(KeyError, match=r"sample 30 \(s00030\) has no field .*png"):
        qsl.batch(wanted, "png")
    with pytest.raises(LookupError, match="31 is not loaded"):
        qsl.batch([31], "npy")
    qsl.load_samples([5])
    with pytest.raises(ValueError, match="from 600 to 900 bytes"):
        qsl.batch([5, 30], "jpg")


def test_addresses_for_systems_in_cpp(qsl):
    import ctypes

    qsl.load_samples([12])
    address, size = qsl.address(12, "jpg")
    assert ctypes.string_at(address, size) == contents(12)["jpg"]


def test_decoding_while_loading(qsl, shards):
    calls = []

    def number(data):
        calls.append(data)
        return int(data)

    qsl = WebDatasetQSL(shards, decode={"cls": number, "none": number})
    qsl.load_samples([13, 13, 14])
    assert calls == [b"3", b"4"]
    assert (qsl[13].cls, qsl[14]["cls"]) == (3, 4)
    assert dict(qsl[13].items())["cls"] == 3
    assert bytes(qsl[13].jpg) == contents(13)["jpg"]
    assert qsl.batch([14, 13], "cls").tolist() == [4, 3]
    qsl.load_samples([13])
    qsl.unload_samples([13, 13, 14])
    assert qsl[13].cls == 3
    assert calls == [b"3", b"4"]
    qsl.unload_samples([13])
    with pytest.raises(LookupError):
        qsl[13]


def test_decoding_by_the_table_of_extensions(tmp_path):
    values = {"cls": b"3", "json": b"[1]", "bin": b"x", "txt": b"t", "pkl": pickle.dumps({"a": 1})}
    path = write_shard(tmp_path / "a.tar", [0], lambda n: values)
    with pytest.raises(DecodingError, match=r"'pkl'.*allow_pickle=True allows it"):
        WebDatasetQSL(path, decode=[]).load_samples([0])
    some = WebDatasetQSL(path, fields=("cls", "json", "bin"), decode=[])
    some.load_samples([0])
    assert (some[0].cls, some[0].json, bytes(some[0].bin)) == (3, [1], b"x")
    assert isinstance(some[0].bin, memoryview)

    def shout(name, data):
        return data.decode().upper() if name == ".txt" else None

    qsl = WebDatasetQSL(path, decode=[shout, "rgb8"], allow_pickle=True)
    qsl.load_samples([0])
    assert (qsl[0].txt, qsl[0].cls, qsl[0].pkl) == ("T", 3, {"a": 1})
    with pytest.raises(ValueError, match="rgb9"):
        WebDatasetQSL(path, decode="rgb9")


def test_a_field_that_cannot_be_decoded(shards):
    qsl = WebDatasetQSL(shards, decode={"jpg": json.loads})
    with pytest.raises(DecodingError, match=r"field 'jpg' of the sample 's00017' in .*d-0\.tar"):
        qsl.load_samples([17])
    with pytest.raises(LookupError):
        qsl[17]


def test_a_value_stays_while_another_call_that_named_its_sample_still_decodes(shards):
    begun, go_on = threading.Event(), threading.Event()

    def number(data):
        if data == b"2":
            begun.set()
            go_on.wait()
        return int(data)

    qsl = WebDatasetQSL(shards, decode={"cls": number})
    qsl.load_samples([1])
    thread = threading.Thread(target=qsl.load_samples, args=([1, 2],))
    thread.start()
    begun.wait()
    qsl.unload_samples([1])
    go_on.set()
    thread.join()
    assert (qsl[1].cls, qsl[2].cls) == (1, 2)
    qsl.unload_samples([1, 2])
    assert qsl.stats()["loaded_bytes"] == 0


def test_fields_to_decode_are_named_as_fields_are(shards):
    qsl = WebDatasetQSL(shards, decode={"CLS": int})
    qsl.load_samples(iter([13]))
    assert qsl[13].cls == 3
    for wrong in ({"cls": None}, {1: int}):
        with pytest.raises(TypeError, match=r"decode has .* a field's name and a function"):
            WebDatasetQSL(shards, decode=wrong)


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("verify", ["headers", "size"])
def test_any_number_of_threads(shards, threads, verify):
    qsl = WebDatasetQSL(shards, threads=threads, verify=verify)
    qsl.load_samples(list(range(99, -1, -1)))
    assert [fields(qsl[i]) for i in range(100)] == [contents(i) for i in range(100)]


def test_large_bodies_and_gaps(tmp_path):
    """Bodies above the size of a piece, gaps above those that are read with them, empty bodies."""
    sizes = [0, 9 << 20, 1, 100_000, 0, 70_000, 511, 5 << 20]
    data = [np.random.default_rng(n).bytes(size) for n, size in enumerate(sizes)]
    path = write_shard(tmp_path / "a.tar", range(8), lambda n: {"bin": data[n], "txt": b"%d" % n})
    qsl = WebDatasetQSL(path)
    for wanted in ([7, 0, 2], [1, 3, 6], list(range(8))):
        qsl.load_samples(wanted)
        for i in wanted:
            assert fields(qsl[i]) == {"bin": data[i], "txt": b"%d" % i}
        qsl.unload_samples(wanted)
    for i in range(8):
        assert fields(qsl.read(i)) == {"bin": data[i], "txt": b"%d" % i}


def test_a_sample_is_read_whose_fields_lie_apart(tmp_path):
    """With other fields between them, and as links to an earlier place."""
    data = {"a": b"first", "big": bytes(100_000), "b": b"", "small": bytes(100), "c": b"last"}
    path = write_shard(tmp_path / "a.tar", range(3), lambda n: {**data, "d": b"%d" % n})
    some = WebDatasetQSL(path, fields=("a", "b", "c", "d"))
    for i in range(3):
        assert fields(some.read(i)) == {"a": b"first", "b": b"", "c": b"last", "d": b"%d" % i}
    with tarfile.open(tmp_path / "links.tar", "w") as tar:
        for name, value in [("one.a", b"1"), ("one.b", b"22"), ("two.c", b"333")]:
            info = tarfile.TarInfo(name)
            info.size = len(value)
            tar.addfile(info, io.BytesIO(value))
        for name, target in [("two.b", "one.b"), ("two.a", "one.a"), ("two.again", "one.a")]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.LNKTYPE, target
            tar.addfile(info)
    linked = WebDatasetQSL(tmp_path / "links.tar", links="resolve")
    assert fields(linked.read(1)) == {"c": b"333", "b": b"22", "a": b"1", "again": b"1"}


def test_thousands_of_small_members(tmp_path):
    """More of them than one call of the system takes."""
    path = write_shard(tmp_path / "a.tar", range(3000), lambda n: {"cls": b"%d" % n})
    qsl = WebDatasetQSL(path)
    qsl.load_samples(list(range(3000)))
    assert [int(qsl[i].cls) for i in range(3000)] == list(range(3000))


def test_compressed_shards(shards, tmp_path):
    for number in (1, 3):
        shards[number].write_bytes(gzip.compress(shards[number].read_bytes()))
    qsl = WebDatasetQSL(shards)
    wanted = [99, 30, 31, 0, 60]
    qsl.load_samples(wanted)
    assert [fields(qsl[i]) for i in wanted] == [contents(i) for i in wanted]
    shards[3].write_bytes(gzip.compress(b"nothing"))
    with pytest.raises(ShardChangedError, match=r"d-3\.tar changed"):
        qsl.load_samples([98])
    assert fields(qsl.read(30)) == contents(30)


# ---- Fields --------------------------------------------------------------------------------------


@pytest.fixture
def ragged(tmp_path):
    return write_shard(
        tmp_path / "r.tar", range(4), lambda n: {"cls": b"c", **({"jpg": b"j"} if n % 2 else {})}
    )


def test_some_fields(shards):
    qsl = WebDatasetQSL(shards, fields=("NPY", "cls"))
    assert qsl.fields == ["cls", "jpg", "npy"]
    qsl.load_samples([4])
    assert fields(qsl[4]) == {f: contents(4)[f] for f in ("cls", "npy")}
    assert qsl.nbytes([4]) == 65


def test_a_missing_field(ragged):
    assert WebDatasetQSL(ragged).total_sample_count == 4
    with pytest.raises(
        ValueError, match=r'r\.tar: the sample "s00000" has no field "jpg"; missing='
    ):
        WebDatasetQSL(ragged, fields=("jpg", "cls"))
    qsl = WebDatasetQSL(ragged, fields=("jpg", "cls"), missing="skip")
    assert [qsl.key(i) for i in range(qsl.total_sample_count)] == ["s00001", "s00003"]
    with pytest.raises(ValueError, match="There are no samples"):
        WebDatasetQSL(ragged, fields=["png"], missing="skip")


@pytest.mark.parametrize("wrong", ["jpg", [], (), [1], b"jpg"])
def test_fields_are_a_list(ragged, wrong):
    with pytest.raises(ValueError, match="it must be a list of fields"):
        WebDatasetQSL(ragged, fields=wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("links", "x"),
        ("interleaved", "x"),
        ("concatenated", "x"),
        ("missing", "x"),
        ("verify", "x"),
    ],
)
def test_options_that_do_not_exist(ragged, name, value):
    with pytest.raises(ValueError, match=f"{name}=.x.: it must be"):
        WebDatasetQSL(ragged, **{name: value})


# ---- Files that change ---------------------------------------------------------------------------


def damage(path, offset):
    """One bit of a byte; the time of the last change stays."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(path):
    other = write_shard(path.with_suffix(".new"), range(25))
    other.replace(path)


CHANGES = {
    "truncated": (lambda path: os.truncate(path, 5000), ShardChangedError),
    "emptied": (lambda path: os.truncate(path, 0), ShardChangedError),
    "grown": (lambda path: path.open("ab").write(b"x"), ShardChangedError),
    "replaced": (replaced, ShardChangedError),
    "touched": (lambda path: os.utime(path, (1, 1)), ShardChangedError),
    "removed": (lambda path: path.unlink(), FileNotFoundError),
    "moved away": (lambda path: path.rename(path.with_suffix(".old")), FileNotFoundError),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), IsADirectoryError),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_shard_that_changes_after_it_was_opened(qsl, shards, change):
    qsl.load_samples([26, 99])
    make, error = CHANGES[change]
    make(shards[1])
    for call in (lambda: qsl.load_samples([0, 30, 60]), lambda: qsl.read(30)):
        with pytest.raises(error, match=r"d-1\.tar"):
            call()
    with pytest.raises(LookupError):
        qsl[0]
    assert fields(qsl[26]) == contents(26)
    qsl.load_samples([99, 60])
    assert fields(qsl[60]) == contents(60)


@pytest.mark.parametrize("change", [c for c in CHANGES if c != "moved away"])
def test_a_shard_that_changes_after_a_sample_was_read(qsl, shards, change):
    """`read` keeps files open; one that was moved still has what was indexed."""
    qsl.read(30)
    make, error = CHANGES[change]
    make(shards[1])
    for _ in range(2):
        with pytest.raises(error, match=r"d-1\.tar"):
            qsl.read(30)


def test_errors_name_the_address_of_a_shard_that_came_from_elsewhere(corpus, shards, tmp_path):
    files = {"/bad.tar": (corpus / "bad-checksum.tar").read_bytes(), "/a": shards[0].read_bytes()}
    with shard_server(files=files) as server:
        bad = f"{server.url}/bad.tar"
        with pytest.raises(ShardFormatError, match=f"The shard {bad} is broken") as caught:
            WebDatasetQSL(bad, cache_dir=tmp_path / "c")
        assert caught.value.shard == bad
        qsl = WebDatasetQSL(f"{server.url}/a", cache_dir=tmp_path / "c", decode={"jpg": json.loads})
        with pytest.raises(DecodingError, match=f"in {server.url}/a"):
            qsl.load_samples([1])


FEW_FILES = """
    import resource, sys
    from mlperf_loadgen.data import WebDatasetQSL

    qsl = WebDatasetQSL(sys.argv[1] + "/")
    resource.setrlimit(resource.RLIMIT_NOFILE, (30, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    numbers = range(qsl.total_sample_count)
    assert [int(qsl.read(i).cls) for i in numbers] == list(numbers)
    qsl.load_samples(list(numbers))
    assert [int(qsl[i].cls) for i in numbers] == list(numbers)
"""


def test_more_shards_than_a_process_may_open(tmp_path, run_script):
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(100):
        write_shard(folder / f"{number:03d}.tar", [number], lambda n: {"cls": b"%d" % n})
    done = run_script(FEW_FILES, str(folder))
    assert done.returncode == 0, done.stderr


def test_a_header_that_is_not_the_indexed_one(shards):
    qsl, trusting = WebDatasetQSL(shards), WebDatasetQSL(shards, verify="size")
    _, offset, _ = qsl.members(2)[1]
    damage(shards[0], offset - 512 + 110)
    # The time of the last change is as before; that of the inode is not looked at.
    with pytest.raises(ShardChangedError, match=f"d-0.tar changed.*header at byte {offset - 512}"):
        qsl.load_samples([1, 2, 3])
    with pytest.raises(ShardChangedError):
        qsl.read(2)
    trusting.load_samples([1, 2, 3])


def test_shards_that_change_during_loads(tmp_path):
    """Loads while a shard is cut, replaced and removed: right bytes or an error, never a crash."""
    path = write_shard(tmp_path / "a.tar", range(500))
    whole = path.read_bytes()
    stop = threading.Event()

    def disturb():
        while not stop.is_set():
            os.truncate(path, 300_000)
            path.unlink()
            path.write_bytes(whole)

    thread = threading.Thread(target=disturb)
    wanted = list(range(500))
    right = errors = 0
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while errors < 20 and time.monotonic() < deadline:
            try:
                qsl = WebDatasetQSL(path)
                for _ in range(5):
                    qsl.load_samples(wanted)
                    assert [fields(qsl[i]) for i in wanted] == [contents(i) for i in wanted]
                    qsl.unload_samples(wanted)
                    right += 1
            except (ShardChangedError, FileNotFoundError, ShardFormatError):
                errors += 1
    finally:
        stop.set()
        thread.join()
    assert errors == 20


def test_ctrl_c_ends_a_load(qsl):
    """The signal comes while millions of numbers are looked at, before anything is read."""
    numbers = [0] * 5_000_000
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            qsl._library.load(numbers)
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(LookupError):
        qsl[0]
    assert qsl.stats()["loaded_bytes"] == 0


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.tar"):
        WebDatasetQSL(str(tmp_path / "no.tar"))


def test_a_name_with_a_nul_is_not_that_of_another_file(shards):
    with pytest.raises(ValueError, match="has a NUL"):
        WebDatasetQSL([f"{shards[0]}\0.tar"])


# ---- The index that is kept ----------------------------------------------------------------------


@pytest.fixture
def kept(shards, tmp_path):
    folder = tmp_path / "made" / "index"
    WebDatasetQSL(shards, index_dir=folder)
    return folder


def right(qsl):
    qsl.load_samples(list(range(100)))
    return [fields(qsl[i]) for i in range(100)] == [contents(i) for i in range(100)]


def test_the_index_is_kept_beside_nothing_else(shards, kept, tmp_path):
    assert sorted(p.name.partition(".tar.")[0] for p in kept.iterdir()) == [
        f"d-{i}" for i in range(4)
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "d-0.tar",
        "d-1.tar",
        "d-2.tar",
        "d-3.tar",
        "made",
    ]
    digest = WebDatasetQSL(shards).digest
    # A header that is damaged is not looked at, so it is the kept index that is used.
    damage(shards[0], 0)
    with pytest.raises(ShardFormatError):
        WebDatasetQSL(shards)
    qsl = WebDatasetQSL(shards, index_dir=kept)
    assert qsl.digest == digest
    with pytest.raises(ShardChangedError, match="header at byte 0"):
        qsl.load_samples([0])


def test_the_index_of_another_file_is_made_anew(shards, kept):
    write_shard(shards[1], range(200, 230))
    qsl = WebDatasetQSL(shards, index_dir=kept)
    assert qsl.total_sample_count == 105
    assert fields(qsl.read(25)) == contents(200)


@pytest.mark.parametrize("place", [0, 8, 12, 30, 60, 150, 400, 2000, -20, -1])
def test_a_damaged_index_is_made_anew(shards, kept, place):
    (path,) = kept.glob("d-2.*")
    good = path.read_bytes()
    data = bytearray(good)
    data[place] ^= 0x40
    path.write_bytes(data)
    assert right(WebDatasetQSL(shards, index_dir=kept))
    assert path.read_bytes() == good


@pytest.mark.parametrize("size", [0, 1, 100, 1000])
def test_a_cut_index_is_made_anew(shards, kept, size):
    (path,) = kept.glob("d-2.*")
    os.truncate(path, size)
    assert right(WebDatasetQSL(shards, index_dir=kept))


def test_the_index_of_other_options_is_made_anew(corpus, tmp_path):
    path = corpus / "end-concatenated.tar"
    assert WebDatasetQSL(path, index_dir=tmp_path, concatenated="read").total_sample_count == 4
    with pytest.raises(ShardFormatError):
        WebDatasetQSL(path, index_dir=tmp_path)


def test_a_folder_that_cannot_be_written_to_is_no_error(shards, tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    for shard in shards:  # Root may write anywhere, but not into a folder's place.
        name = f"{shard.name}.x"
        (folder / name).mkdir()
    folder.chmod(0o500)
    assert right(WebDatasetQSL(shards, index_dir=folder))
    folder.chmod(0o700)


# ---- Index files of data sets --------------------------------------------------------------------


def listed(shards, path, **changes):
    entries = [
        {"url": s.name, "nsamples": 25, "filesize": s.stat().st_size, "md5sum": md5_of(s)}
        for s in shards
    ]
    entries[2].update(changes)
    write_index(path, entries)
    return path


def test_index_files_are_held_against_the_shards(shards, tmp_path):
    path = listed(shards, tmp_path / "i.json", note="kept")
    qsl = WebDatasetQSL(path, verify="md5")
    assert qsl.total_sample_count == 100
    assert qsl.stats()["index"] == {str(shards[2]): {"note": "kept"}}
    with pytest.raises(ValueError, match=r"d-2\.tar has 25 samples; its index file says 24"):
        WebDatasetQSL(listed(shards, path, nsamples=24))
    with pytest.raises(ShardChangedError, match=r"d-2\.tar has \d+ bytes; its index file says 7\."):
        WebDatasetQSL(listed(shards, path, filesize=7))
    other = listed(shards, path, md5sum="0" * 32)
    assert WebDatasetQSL(other).total_sample_count == 100
    with pytest.raises(ShardChangedError, match=r"d-2\.tar has the md5 sum .* says 000"):
        WebDatasetQSL(other, verify="md5")
    with pytest.raises(ValueError, match="no index file has an md5sum"):
        WebDatasetQSL(shards, verify="md5")


def test_remote_shards_need_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"http://h/a\.tar is not on this machine: give cache_dir"):
        WebDatasetQSL("http://h/a.tar")
    with pytest.raises(ValueError, match="stdin"):
        WebDatasetQSL("-")
    with pytest.raises(PermissionError, match="allow_commands"):
        WebDatasetQSL("pipe:cat x.tar", cache_dir=tmp_path)


def test_commands(shards, tmp_path):
    qsl = WebDatasetQSL(f"pipe:cat {shards[1]}", cache_dir=tmp_path / "c", allow_commands=True)
    assert fields(qsl.read(0)) == contents(25)


# ---- In a test -----------------------------------------------------------------------------------


class Checking(lg.SystemUnderTest):
    """Answers with what the library has, and notes what was wrong."""

    def __init__(self, qsl):
        self.qsl = qsl
        self.seen = []
        self.wrong = []

    def issue_query(self, samples):
        for sample in samples:
            if fields(self.qsl[sample.index]) != contents(sample.index):
                self.wrong.append(sample.index)
            self.seen.append(sample.index)
        lg.complete(samples.ids)


@pytest.mark.parametrize("mode", ["AccuracyOnly", "PerformanceOnly"])
@pytest.mark.parametrize("scenario", ["Server", "Offline", "SingleStream", "MultiStream"])
def test_as_the_library_of_a_test(shards, tmp_path, scenario, mode):
    qsl = WebDatasetQSL(shards, performance_sample_count=30)
    sut = Checking(qsl)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.__members__[scenario],
        mode=lg.TestMode.__members__[mode],
        **({"min_duration_ms": 1, "min_query_count": 50} if mode == "PerformanceOnly" else {}),
        **({"server_target_qps": 10_000} if scenario == "Server" else {}),
    )
    outputs = lg.LogSettings()
    outputs.log_output.outdir = str(tmp_path)
    lg.StartTestWithLogSettings(sut, qsl, settings, outputs)
    assert sut.wrong == []
    if mode == "AccuracyOnly":
        assert sorted({*sut.seen}) == list(range(100))
    assert qsl.stats()["loaded_bytes"] == 0
    detail = (tmp_path / "mlperf_log_detail.txt").read_text()
    assert f"sha256 {qsl.digest[:16]}" in detail


def test_a_file_name_that_is_no_utf8(shards, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.tar")
    shards[0].rename(path)
    qsl = WebDatasetQSL(path)
    outputs = lg.LogSettings()
    outputs.log_output.outdir = str(tmp_path)
    settings = lg.TestSettings(mode=lg.TestMode.AccuracyOnly)
    lg.StartTestWithLogSettings(Checking(qsl), qsl, settings, outputs)
    assert r"caf\\udce9.tar: 25 samples" in (tmp_path / "mlperf_log_detail.txt").read_text()


def test_samples_go_over_the_network(qsl):
    """As what a node gets: named arrays of bytes."""
    qsl.load_samples([8])
    layout, parts = flatten(qsl[8])
    assert (layout.form, [part.name for part in layout.parts]) == ("dict", ["cls", "jpg", "npy"])
    assert [bytes(part) for part in parts] == [*contents(8).values()]
    assert payload_bytes(qsl[8]) == qsl.nbytes([8])


def test_samples_go_over_the_network_as_json(qsl):
    qsl.load_samples([8])
    query = json.loads(to_json(qsl[8], 0))["query"]
    assert {field: bytes(array) for field, array in from_json(query).items()} == contents(8)


# ---- Many threads, many rounds -------------------------------------------------------------------


def test_four_threads_load_read_and_unload(shards):
    qsl = WebDatasetQSL(shards)
    failures = []

    def work(seed):
        draw = np.random.default_rng(seed)
        try:
            for _ in range(60):
                wanted = [int(i) for i in draw.integers(0, 100, 40)]
                qsl.load_samples(wanted)
                for i in wanted[:10]:
                    assert fields(qsl[i]) == contents(i)
                view = qsl[wanted[0]].jpg
                qsl.unload_samples(wanted)
                assert bytes(view) == contents(wanted[0])["jpg"]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert qsl.stats()["loaded_bytes"] == 0


FLAT = """
    import gc, sys
    from mlperf_loadgen.data import WebDatasetQSL

    def anonymous_kib():
        with open("/proc/self/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss_Anon:"))

    qsl = WebDatasetQSL(sys.argv[1:])
    everything = list(range(qsl.total_sample_count))
    for round in range(200):
        qsl.load_samples(everything)
        assert len(qsl[0].jpg) > 0
        qsl.unload_samples(everything)
        if round == 20:
            gc.collect()
            before = anonymous_kib()
    gc.collect()
    print(anonymous_kib() - before)
"""


def test_memory_is_flat_over_200_rounds(tmp_path, run_script):
    paths = [
        write_shard(tmp_path / f"{i}.tar", range(50), lambda n: {"jpg": bytes(20_000), "cls": b"1"})
        for i in range(4)
    ]
    done = run_script(FLAT, *map(str, paths))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1024
