"""Goal: programs for webdataset give the same samples here, where webdataset reads rightly.

Method: 50 random programs, each drawn from a seed: which shards, in which order, for which node and
worker, which stages. Each runs with webdataset and here. Runs where webdataset is installed:
`make test-frameworks`.
"""

import contextlib
import io
import random
import tarfile
from itertools import pairwise

import numpy as np
import pytest
from shard_golden import ARCHIVES, digests

import mlperf_loadgen.data as ours

theirs = pytest.importorskip("webdataset")
pytestmark = pytest.mark.filterwarnings("ignore")

PROGRAMS = 50


def png(number):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.full((3, 5, 3), number, "uint8")).save(stream, "PNG")
    return stream.getvalue()


def npy(number):
    stream = io.BytesIO()
    np.save(stream, np.arange(number, number + 4))
    return stream.getvalue()


def fields(number):
    yield "cls", str(number).encode()
    yield "json", b'{"n": %d}' % number
    yield "left.txt", f"été {number}".encode()
    yield ("png" if number % 3 else "PNG"), png(number)
    if number % 2:
        yield "npy", npy(number)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Seven shards of 0 to 9 samples, written by Python's tarfile, one of them compressed."""
    folder, number = tmp_path_factory.mktemp("shards"), 0
    for shard, count in enumerate((4, 9, 1, 6, 3, 5, 7)):
        mode = "w:gz" if shard == 3 else "w"
        with tarfile.open(folder / f"s-{shard:03d}.tar", mode) as tar:
            for _ in range(count):
                for field, data in fields(number):
                    info = tarfile.TarInfo(f"d.{shard}/{number:04d}.{field}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
                number += 1
    return folder


def plain(value):
    """Values as what == compares."""
    if isinstance(value, (np.ndarray, np.generic)):
        return ("array", value.dtype.str, value.tolist())
    if hasattr(value, "tobytes"):
        return ("image", value.mode, value.size, value.tobytes())
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in value}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


# ---- Programs: each step is made once, and done in both libraries --------------------------------


def sources(draw):
    how = draw.choice([{}, {"shardshuffle": 3}, {"shardshuffle": 100}, {"detshuffle": True}])
    if how.get("detshuffle"):
        how["shardshuffle"] = 4
    if how:
        how["seed"] = draw.randrange(1000)
    if draw.random() < 0.3:
        how["select_files"] = lambda name: not name.lower().endswith("png")
    if draw.random() < 0.3:
        how["rename_files"] = lambda name: name.replace("json", "info.json")
    return {"shardshuffle": False, **how}


def shuffled(draw):
    size, initial, seed = draw.choice([2, 7, 1000]), draw.choice([1, 5, 100]), draw.randrange(1000)
    return lambda lib, stream: stream.shuffle(size, initial=initial, seed=seed)


def decoded(draw):
    handlers = draw.choice([(), ("pil",), ("rgb8",), ("rgb",), ("l",), ("rgba8",), ("pill",)])
    only = draw.choice([None, None, ["cls", "json"], ["png", "left.txt"]])
    return lambda lib, stream: stream.decode(*handlers, only=only)


def decoded_by_a_function(draw):
    def handler(key, data):
        return len(data) if key.endswith(".png") else None

    return lambda lib, stream: stream.decode(handler)


def mapped(draw):
    return draw.choice(
        [
            lambda lib, stream: stream.map(lambda s: {**s, "new": len(s)}),
            lambda lib, stream: stream.map(lambda s: s if s["__key__"] > "d.1" else None),
            lambda lib, stream: stream.map_dict(cls=lambda value: (value, 1)),
            lambda lib, stream: stream.select(lambda s: "npy" in s),
            lambda lib, stream: stream.slice(2, 20, 3),
            lambda lib, stream: stream.rename(label="zz;cls", image="jpg;png;cls"),
            lambda lib, stream: stream.rename_keys(label="c*", text="*.txt"),
            lambda lib, stream: stream.mcached(),
        ]
    )


def as_tuples(draw):
    names = draw.choice([("__key__", "label;cls"), ("label;cls png;__key__",), ("zz", "cls;label")])

    def to_tuple(lib, stream):
        return stream.to_tuple(*names, missing_is_error=False)

    def extract_keys(lib, stream):
        return stream.extract_keys("*", duplicate_is_error=False)

    return draw.choice([to_tuple, extract_keys])


def grouped(draw):
    size, partial = draw.choice([1, 3, 50]), draw.random() < 0.5
    return draw.choice(
        [
            lambda lib, stream: stream.batched(size, partial=partial),
            lambda lib, stream: stream.batched(size, partial=partial).unbatched(),
            lambda lib, stream: stream.listed(size),
            lambda lib, stream: stream.batched(size, collation_fn=len),
        ]
    )


def passes(draw):
    count = draw.choice([5, 40, 100])
    return draw.choice(
        [
            lambda lib, stream: stream.with_epoch(count),
            lambda lib, stream: stream.repeat(2),
            lambda lib, stream: stream.repeat(3, nbatches=count),
        ]
    )


def program(draw):
    steps = [sources(draw)]
    for make, share in (
        (shuffled, 0.6),
        (draw.choice([decoded, decoded, decoded_by_a_function]), 0.8),
        (mapped, 0.6),
        (as_tuples, 0.6),
        (grouped, 0.6),
        (passes, 0.5),
    ):
        if draw.random() < share:
            steps.append(make(draw))
    return steps


def environment(draw):
    place = {}
    if draw.random() < 0.4:
        place |= {"WORKER": str(draw.randrange(2)), "NUM_WORKERS": "2"}
    if draw.random() < 0.4:
        place |= {"RANK": str(draw.randrange(2)), "WORLD_SIZE": "2"}
    return place


def outcome(lib, urls, how, steps):
    """The samples of two passes, or the kind of error."""
    try:
        stream = lib.WebDataset(urls, nodesplitter=lib.split_by_node, **how)
        for step in steps:
            stream = step(lib, stream)
        return [[plain(sample) for sample in stream] for _ in range(2)]
    except (ValueError, KeyError, AssertionError, TypeError):
        return "error"


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_programs(shards, seed, monkeypatch):
    draw = random.Random(seed)
    for name, value in environment(draw).items():
        monkeypatch.setenv(name, value)
    how, *steps = program(draw)
    urls = str(shards / draw.choice(["s-{000..006}.tar", "s-{005..000}.tar", "s-{001,003}.tar"]))
    expected = outcome(theirs, urls, how, steps)
    assert outcome(ours, urls, how, steps) == expected


def test_most_programs_have_samples(shards):
    """Programs whose outcome is an error, or nothing, would show little."""
    good = 0
    for seed in range(PROGRAMS):
        draw = random.Random(seed)
        environment(draw)
        how, *steps = program(draw)
        found = outcome(ours, str(shards / "s-{000..006}.tar"), how, steps)
        good += found != "error" and len(found[0]) > 0
    assert good >= 35


# ---- Others --------------------------------------------------------------------------------------


def pipeline(lib, urls):
    return lib.DataPipeline(
        lib.SimpleShardList(urls),
        lib.shuffle(10, seed=5),
        lib.split_by_worker,
        lib.tarfile_to_samples(),
        lib.detshuffle(10, 3, seed=2),
        lib.decode("rgb8"),
        lib.to_tuple("png;PNG", "cls"),
        lib.map_tuple(lambda image: image.sum(), None),
        lib.batched(4),
    )


def test_pipelines(shards):
    urls = str(shards / "s-{000..006}.tar")
    mine, other = pipeline(ours, urls), pipeline(theirs, urls)
    for _ in range(3):
        assert list(map(plain, mine)) == list(map(plain, other)) != []


def test_stages_of_webdataset_work_here(shards):
    urls = str(shards / "s-{000..006}.tar")
    mixed = ours.DataPipeline(
        theirs.SimpleShardList(urls),
        theirs.split_by_worker,
        ours.tarfile_to_samples(),
        theirs.decode("rgb8"),
        ours.to_tuple("__key__", "png;PNG"),
        theirs.batched(4),
    )
    plain_here = ours.WebDataset(urls).decode("rgb8").to_tuple("__key__", "png;PNG").batched(4)
    assert list(map(plain, mixed)) == list(map(plain, plain_here))
    assert len(list(mixed)) == 9


def test_resampled(shards):
    """Random shards, each whole and in its order; what is drawn is known to neither side."""

    def whole_shards(lib):
        stream = lib.WebDataset(
            str(shards / "s-{000..006}.tar"), resampled=True, shardshuffle=False
        )
        found = [sample["__key__"] for sample in stream.with_epoch(500)]
        starts = [i for i, key in enumerate(found) if i == 0 or found[i - 1][:4] != key[:4]]
        return {tuple(found[a:b]) for a, b in pairwise(starts)}

    once = {run for run in whole_shards(ours) if len(set(run)) == len(run)}
    assert once == {run for run in whole_shards(theirs) if len(set(run)) == len(run)}
    assert len(once) == 7


def test_the_corpus_where_webdataset_is_right(corpus):
    def read(lib, name):
        stream = lib.DataPipeline(
            lib.SimpleShardList([str(corpus / name)]), lib.tarfile_to_samples()
        )
        return [(s["__key__"], {f: s[f] for f in s if f[:2] != "__"}) for s in stream]

    agree = 0
    for name, entry in ARCHIVES.items():
        if "samples" not in entry or entry.keys() & {"accept_error"}:
            continue
        expected = [
            (s["key"], {f: (v["size"], v["sha256"]) for f, v in s["fields"].items()})
            for s in entry["samples"]
        ]
        with contextlib.suppress(tarfile.ReadError):  # It reads no zstd.
            found = read(theirs, name)
            if digests(found) == expected:
                assert sorted_fields(read(ours, name)) == sorted_fields(found)
                agree += 1
    assert agree >= 45


def sorted_fields(samples):
    return [(key, sorted(values.items())) for key, values in samples]


def test_what_one_writes_the_other_reads(tmp_path):
    sample = {
        "__key__": "d/k",
        "cls": 3,
        "json": {"a": [1]},
        "txt": "été",
        "npy": np.arange(6).reshape(2, 3),
        "npz": {"x": np.arange(3)},
        "ten": [np.arange(3, dtype="f4"), np.ones((2, 2), "i8")],
        "png": np.full((3, 4, 3), 7, "uint8"),
        "mp": {"a": 1},
        "pyd": (1, 2),
    }
    for writer, reader, more in ((theirs, ours, {"allow_pickle": True}), (ours, theirs, {})):
        with writer.TarWriter(str(tmp_path / "a.tar")) as tar:
            tar.write(sample)
        stream = reader.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False, **more)
        (found,) = stream.decode("rgb8")
        fields_found = {
            f: plain(v) for f, v in found.items() if f not in ("__url__", "__local_path__")
        }
        assert fields_found == {f: plain(v) for f, v in sample.items()}
