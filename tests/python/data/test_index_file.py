"""Index files: which shards they list, and what is refused.

Method: the golden index files, read from a dictionary; files written here and read again.
"""

import hashlib
import json

import pytest
from shard_golden import GOLDEN

from mlperf_loadgen.data import ListedShard, ShardWarning, read_index, write_index
from mlperf_loadgen.data.index_file import md5_of, save_content

FILES = {name: json.dumps(content).encode() for name, content in GOLDEN["index_files"].items()}


@pytest.mark.filterwarnings("ignore:.*'weight' is ignored")
@pytest.mark.parametrize("case", GOLDEN["index"], ids=lambda case: case["about"])
def test_golden_index_files(case):
    files = {**FILES, case["location"]: json.dumps(case["index"]).encode()}

    def read():
        return read_index(case["location"], case["base"], read=files.__getitem__)

    if case["shards"] == "error":
        with pytest.raises(ValueError, match="index file /i/"):
            read()
    else:
        assert [[shard.url, shard.nsamples] for shard in read().shards] == case["shards"]


def write(path, **content):
    path.write_text(json.dumps({"wids_version": 1, **content}))
    return path


def test_all_that_is_said_of_a_shard(tmp_path):
    shard = {"url": "a.tar", "nsamples": 2, "filesize": 10, "md5sum": "00", "zzz": [1]}
    index = read_index(write(tmp_path / "i.json", shardlist=[shard], info="x"))
    assert index.shards == (ListedShard(str(tmp_path / "a.tar"), 2, 10, "00", {"zzz": [1]}),)
    assert index.content["info"] == "x"


@pytest.mark.parametrize("wrong", [{"filesize": -1}, {"filesize": "1"}, {"md5sum": 5}])
def test_sizes_and_sums_that_are_none_are_refused(wrong, tmp_path):
    path = write(tmp_path / "i.json", shardlist=[{"url": "a.tar", "nsamples": 2, **wrong}])
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}.*shardlist\[0\]"):
        read_index(path)


@pytest.mark.parametrize("text", ["", "[]", '{"wids_version": true}', '{"wids_version": 1.0}'])
def test_what_is_no_index_file_is_refused(text, tmp_path):
    (tmp_path / "i.json").write_text(text)
    with pytest.raises(ValueError, match=r"The index file .*i\.json "):
        read_index(tmp_path / "i.json")


def test_a_list_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="shardlist that is not a list"):
        read_index(write(tmp_path / "i.json", shardlist={"url": "a.tar"}))


@pytest.mark.parametrize("wrong", [5, True, ["x"], {"a": 1}])
def test_a_base_or_reference_that_is_no_text_is_refused(wrong, tmp_path):
    shards = {"shardlist": [{"url": "a.tar", "nsamples": 1}]}
    write(tmp_path / "sub.json", **shards)
    for content, place in (
        ({"base": wrong, **shards}, "base"),
        ({"datasets": [{"base": wrong, **shards}]}, r"datasets\[0\]\.base"),
        ({"datasets": [{"source_url": wrong}]}, r"datasets\[0\]\.source_url"),
        ({"datasets": [{"source_url": "sub.json", "base": wrong}]}, r"datasets\[0\]\.base"),
    ):
        with pytest.raises(ValueError, match=rf"i\.json has {place} .* must be text"):
            read_index(write(tmp_path / "i.json", **content))


def test_references_have_a_limit_and_circles_are_named(tmp_path):
    for depth in range(17):
        write(tmp_path / f"{depth}.json", datasets=[{"source_url": f"{depth + 1}.json"}])
    write(tmp_path / "17.json", shardlist=[{"url": "a.tar", "nsamples": 1}])
    assert len(read_index(tmp_path / "1.json").shards) == 1
    with pytest.raises(ValueError, match="has references 17 deep; 16 are the limit"):
        read_index(tmp_path / "0.json")
    write(tmp_path / "15.json", datasets=[{"source_url": "12.json"}])
    with pytest.raises(ValueError, match=r"15\.json refers to .*12\.json, which refers back"):
        read_index(tmp_path / "10.json")


def test_json_that_is_too_deep(tmp_path):
    (tmp_path / "i.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="is not JSON"):
        read_index(tmp_path / "i.json")


def test_sums_in_capitals_are_the_same(tmp_path):
    path = write(tmp_path / "i.json", shardlist=[{"url": "a", "nsamples": 1, "md5sum": "AB"}])
    assert read_index(path).shards[0].md5sum == "ab"


def test_weights_are_ignored_with_a_warning(tmp_path):
    path = write(tmp_path / "i.json", shardlist=[{"url": "a.tar", "nsamples": 1, "weight": 2}])
    with pytest.warns(ShardWarning, match="'weight' is ignored"):
        read_index(path)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "i.json"
    shards = [{"url": "a.tar", "nsamples": 2, "filesize": 7}]
    write_index(path, shards, name="n", info="x")
    assert json.loads(path.read_text()) == {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "name": "n",
        "info": "x",
        "shardlist": shards,
    }
    assert read_index(path).shards == (ListedShard(str(tmp_path / "a.tar"), 2, 7),)


def test_nothing_is_written_of_a_wrong_list(tmp_path):
    with pytest.raises(ValueError, match="nsamples 0"):
        write_index(tmp_path / "i.json", [{"url": "a.tar", "nsamples": 0}])
    assert list(tmp_path.iterdir()) == []


def test_unknown_keys_survive_rewriting(tmp_path):
    path = write(tmp_path / "i.json", zzz=1, shardlist=[{"url": "a.tar", "nsamples": 1, "y": 2}])
    before = path.read_text()
    save_content(path, read_index(path).content)
    assert json.loads(path.read_text()) == json.loads(before)


def test_the_sum_of_a_shard(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"x" * 3_000_000)
    assert md5_of(tmp_path / "a.tar") == hashlib.md5(b"x" * 3_000_000).hexdigest()
