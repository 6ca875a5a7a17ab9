"""Samples by number: where each is from, what is made of it, in every process.

Method: shards are written here and read through the public interface.
"""

import json
import pickle

import pytest

from mlperf_loadgen.data import (
    ChunkedSampler,
    Decoder,
    IndexedDataset,
    ShardListSampler,
    ShardWriter,
    WebDatasetQSL,
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Shards of 3, 3 and 2 samples."""
    pattern = str(tmp_path_factory.mktemp("shards") / "a-%d.tar")
    with ShardWriter(pattern, maxcount=3) as writer:
        for number in range(8):
            writer.write({"__key__": f"d/{number:02d}", "cls": number, "json": {"n": number}})
    return writer.paths


def test_a_sample(shards):
    data = IndexedDataset(shards)
    assert (len(data), data.lengths) == (8, [3, 3, 2])
    assert data[4] == {
        "__key__": "d/04",
        "__index__": 4,
        "__shard__": shards[1],
        "__shardindex__": 1,
        "cls": b"4",
        "json": b'{"n": 4}',
    }
    assert [sample["__shardindex__"] for sample in data] == [0, 1, 2, 0, 1, 2, 0, 1]


def test_names_of_fields_as_those_of_wids(shards):
    fields = [name for name in IndexedDataset(shards, dots=True)[0] if name[:2] != "__"]
    assert fields == [".cls", ".json"]


@pytest.mark.parametrize("index", [-1, 8])
def test_a_number_that_is_none(shards, index):
    with pytest.raises(IndexError, match=str(index)):
        IndexedDataset(shards)[index]


@pytest.mark.parametrize("dots", [False, True])
def test_transformations(shards, dots):
    data = IndexedDataset(shards, dots=dots, transformations=[Decoder()])
    data.add_transform(lambda sample: sample[".json" if dots else "json"]["n"])
    assert list(data) == list(range(8))


def test_over_a_library(shards):
    with WebDatasetQSL(shards, fields=("cls",)) as library:
        assert IndexedDataset(library)[7].keys() >= {"cls", "__key__"}
        with pytest.raises(TypeError, match="fields cannot be given"):
            IndexedDataset(library, fields=("json",))
    assert "json" not in IndexedDataset(shards, fields=("cls",))[7]


def test_samplers(shards, tmp_path):
    data = IndexedDataset(shards, transformations=[Decoder(only="cls")])
    order = list(ShardListSampler(data))
    assert [data[index]["cls"] for index in order] == order
    assert sorted(order[:3]) == [0, 1, 2] and sorted(order) == list(range(8))
    assert sorted(ChunkedSampler(data, chunksize=4)) == list(range(8))
    with WebDatasetQSL(shards) as library:
        assert sorted(ChunkedSampler(library, chunksize=4)) == list(range(8))


def test_an_index_file(shards, tmp_path):
    listed = [{"url": path, "nsamples": 3} for path in shards[:2]]
    (tmp_path / "i.json").write_text(json.dumps({"wids_version": 1, "shardlist": listed}))
    assert IndexedDataset(str(tmp_path / "i.json")).lengths == [3, 3]


def test_in_another_process(shards):
    data = pickle.loads(pickle.dumps(IndexedDataset(shards, transformations=[Decoder()])))
    over_a_library = pickle.loads(pickle.dumps(IndexedDataset(WebDatasetQSL(shards), dots=True)))
    assert over_a_library[3][".cls"] == b"3"
    assert [sample["cls"] for sample in data] == list(range(8))
