"""Stages: what comes out of them, in which order, and what an error does.

Method: golden sequences of the shuffle buffer; small lists through each stage; errors with each
handler.
"""

import pickle
import random

import numpy as np
import pytest
from shard_golden import GOLDEN

from mlperf_loadgen.data.stream import batches, handlers, stages
from mlperf_loadgen.data.stream.mixes import RandomMix, RoundRobin
from mlperf_loadgen.data.stream.shards import (
    ResampledShards,
    SimpleShardList,
    single_node_only,
    split_by_node,
    split_by_worker,
)
from mlperf_loadgen.data.stream.shuffles import detshuffle, shuffle


def samples(*labels):
    return [{"__key__": f"k{label}", "__url__": "a.tar", "cls": label} for label in labels]


# ---- Shuffling ------------------------------------------------------------


@pytest.mark.parametrize("case", GOLDEN["shuffle"], ids=str)
def test_golden_shuffles(case):
    stage = shuffle(case["buffer"], case["initial"], seed=case["seed"])
    for _ in range(2):
        assert list(stage(range(case["count"]))) == case["order"]
    stage = detshuffle(case["buffer"], case["initial"], seed=case["seed"] - 2, epoch=1)
    assert list(stage(range(case["count"]))) == case["order"]


def test_each_pass_of_detshuffle_is_that_of_the_next_seed():
    stage = detshuffle(5, 3, seed=0)
    passes = [list(stage(range(12))) for _ in range(3)]
    assert passes == [list(shuffle(5, 3, seed=seed)(range(12))) for seed in range(3)]


def test_without_a_seed_each_pass_differs():
    stage = shuffle(1000)
    passes = {tuple(stage(range(100))) for _ in range(5)}
    assert len(passes) == 5
    assert all(sorted(items) == list(range(100)) for items in passes)


def test_a_generator_goes_on():
    stage = shuffle(1000, rng=random.Random(0))
    assert list(stage(range(9))) != list(stage(range(9)))


def test_a_buffer_of_nothing_shuffles_nothing():
    assert list(shuffle(0)(range(5))) == list(detshuffle(0)(range(5))) == [0, 1, 2, 3, 4]


def test_no_more_is_read_than_the_buffer_holds():
    source = iter(range(1000))
    next(shuffle(10, 5, seed=0)(source))
    assert next(source) == 6


# ---- Each sample ------------------------------------------------------------


def test_map():
    assert list(stages.map(lambda x: x * 2)([1, 2])) == [2, 4]
    assert list(stages.map(lambda x: x if x > 1 else None)([1, 2])) == [2]
    found = list(stages.map(lambda s: {"x": s["cls"], "__key__": "other"})(samples(1)))
    assert found == [{"x": 1, "__key__": "k1"}]


def test_map_dict_and_map_tuple():
    (changed,) = stages.map_dict(cls=str)(samples(1))
    assert changed["cls"] == "1"
    assert list(stages.map_tuple(str)([(1, 2)])) == [("1", 2)]
    assert list(stages.map_tuple(None, str, str)([(1, 2)])) == [(1, "2")]
    with pytest.raises(KeyError):
        list(stages.map_dict(zzz=str)(samples(1)))


def test_to_tuple():
    sample = {"__key__": "k", "__url__": "a.tar", "jpg": b"1", "cls": 0, "none": None}
    assert list(stages.to_tuple("png;jpg", "cls", "__key__")([sample])) == [(b"1", 0, "k")]
    assert list(stages.to_tuple("jpg cls")([sample])) == [(b"1", 0)]
    assert list(stages.to_tuple("none", "png", missing_is_error=False)([sample])) == [(None, None)]
    for field in ("png", "none"):
        with pytest.raises(
            ValueError, match=rf"'k' of a\.tar has no field {field}; it has jpg, cls"
        ):
            list(stages.to_tuple("jpg", field)([sample]))


def test_rename():
    sample = {"__key__": "k", "jpg": 1, "cls": 2}
    assert list(stages.rename(image="png;jpg")([sample])) == [
        {"__key__": "k", "cls": 2, "image": 1}
    ]
    assert list(stages.rename(image="jpg", keep=False)([sample])) == [{"image": 1}]
    assert list(stages.rename(jpg="cls", cls="jpg")([sample])) == [
        {"__key__": "k", "jpg": 2, "cls": 1}
    ]
    with pytest.raises(ValueError, match="has no field png"):
        list(stages.rename(image="png")([sample]))


def test_rename_keys():
    sample = {"__key__": "k", "a.jpg": 1, "b.cls": 2}
    assert list(stages.rename_keys(image="*.jpg")([sample])) == [{"image": 1}]
    assert list(stages.rename_keys(("x", "*.jpg"), keep_unselected=True)([sample])) == [
        {"__key__": "k", "x": 1, "b.cls": 2}
    ]
    with pytest.raises(ValueError, match=r"that fits \*\.png"):
        list(stages.rename_keys(image="*.png")([sample]))
    assert list(stages.rename_keys(image="*.png", must_match=False)([sample])) == [{}]
    with pytest.raises(ValueError, match="named 'x'"):
        list(stages.rename_keys(x="?.*")([sample]))
    assert list(stages.rename_keys(x="?.*", duplicate_is_error=False)([sample])) == [{"x": 2}]


def test_extract_keys():
    sample = {"__key__": "k", "a.jpg": 1, "b.jpg": 2, "cls": 3}
    assert list(stages.extract_keys("*.cls", "a.*;z")([sample])) == [(3, 1)]
    with pytest.raises(ValueError, match=r"several fields that fit \*\.jpg: a\.jpg, b\.jpg"):
        list(stages.extract_keys("*.jpg")([sample]))
    assert list(stages.extract_keys("*.jpg", duplicate_is_error=False)([sample])) == [(1,)]
    with pytest.raises(ValueError, match="that fits zzz"):
        list(stages.extract_keys("zzz")([sample]))
    assert list(stages.extract_keys("zzz", ignore_missing=True)([sample])) == []


def test_xdecode():
    sample = {"__key__": "k", "cls": b"3", "a.txt": b"x", "bin": b"y"}
    by_glob = stages.xdecode(("*.cls", lambda stream: int(stream.read())))
    assert list(by_glob([sample])) == [{"__key__": "k", "cls": 3, "a.txt": "x", "bin": b"y"}]
    by_name = stages.xdecode(cls=lambda stream: stream.read(1))
    assert next(iter(by_name([sample])))["cls"] == b"3"
    with pytest.raises(
        ValueError, match="No decoder is given for the field 'cls' of the sample 'k'"
    ):
        list(stages.xdecode()([sample]))
    assert next(iter(stages.xdecode(must_decode=False)([sample])))["cls"] == b"3"


def test_decode():
    (found,) = stages.decode(lambda key, data: data + 1 if key == ".x" else None)(
        [{"__key__": "k", "x": 1, "cls": b"3"}]
    )
    assert found == {"__key__": "k", "x": 2, "cls": 3}


def test_select_slice_and_rsample():
    assert list(stages.select(lambda x: x % 2)(range(5))) == [1, 3]
    assert list(stages.slice(1, 4, 2)(range(9))) == [1, 3]
    assert list(stages.slice(2)(range(9))) == [0, 1]
    generator = random.Random(3)
    expected = [x for x in range(100) if generator.random() < 0.25]
    assert list(stages.rsample(0.25, seed=3)(range(100))) == expected


def test_mcached_keeps_whole_passes_only():
    stage = stages.mcached()
    next(stage([1, 2]))
    assert list(stage([3, 4])) == [3, 4]
    assert list(stage([5])) == [3, 4]


def test_log_keys(tmp_path):
    stage = stages.log_keys(str(tmp_path / "keys"))
    assert list(stage(samples(1, 2))) == samples(1, 2)
    list(stage(samples(3)))
    assert (tmp_path / "keys").read_text() == "0\tk1\ta.tar\n1\tk2\ta.tar\n0\tk3\ta.tar\n"


# ---- Errors ------------------------------------------------------------


def inverse(x):
    return 1 / x


STAGES_WITH_HANDLERS = {
    "map": (stages.map(inverse), (1, 0, 2), [1, 0.5]),
    "select": (stages.select(inverse), (1, 0, 2), [1, 2]),
    "map_tuple": (stages.map_tuple(inverse), ((1,), (0,), (2,)), [(1,), (0.5,)]),
    "map_dict": (
        stages.map_dict(a=inverse),
        ({"a": 1}, {"a": 0}, {"a": 2}),
        [{"a": 1}, {"a": 0.5}],
    ),
    "decode": (
        stages.decode(),
        ({"cls": b"1"}, {"cls": b"x"}, {"cls": b"2"}),
        [{"cls": 1}, {"cls": 2}],
    ),
    "to_tuple": (stages.to_tuple("a"), ({"a": 1}, {}, {"a": 2}), [(1,), (2,)]),
}


@pytest.mark.parametrize("name", STAGES_WITH_HANDLERS)
def test_what_handlers_do(name):
    stage, source, good = STAGES_WITH_HANDLERS[name]

    def with_handler(handler):
        stage.keywords["handler"] = handler
        return list(stage([dict(x) if isinstance(x, dict) else x for x in source]))

    with pytest.raises((ArithmeticError, ValueError)):
        with_handler(handlers.reraise_exception)
    assert with_handler(handlers.ignore_and_continue) == good
    assert with_handler(handlers.ignore_and_stop) == good[:1]
    with pytest.warns(UserWarning, match="Error"):
        assert with_handler(handlers.warn_and_continue) == good
    with pytest.warns(UserWarning, match="Error"):
        assert with_handler(handlers.warn_and_stop) == good[:1]


def test_an_error_of_the_source_is_not_that_of_a_stage():
    def source():
        yield 1
        raise OSError

    with pytest.raises(OSError):
        list(stages.map(str, handlers.ignore_and_continue)(source()))


# ---- Batches ------------------------------------------------------------


def batch(*items, **how):
    return list(batches.batched(2, **how)(items))


def test_batches_are_columns():
    (first, second) = batch((1, "a", 1.5), (2, "b", 2), (3, "c", 3.0))
    assert [type(column) for column in first] == [np.ndarray, list, np.ndarray]
    assert first[0].tolist() == [1, 2] and first[1] == ["a", "b"] and first[2].tolist() == [1.5, 2]
    assert second[0].tolist() == [3]


def test_dicts_stay_dicts():
    (found,) = batch({"a": 1, "b": b"x"}, {"a": 2, "b": b"y"})
    assert found["a"].tolist() == [1, 2] and found["b"] == [b"x", b"y"]
    with pytest.raises(ValueError, match="different fields"):
        batch({"a": 1}, {"b": 1})


def test_arrays_are_stacked_if_their_shapes_are_equal():
    (found,) = batch((np.ones(3),), (np.zeros(3),))
    assert found[0].tolist() == [[1, 1, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match=r"shapes \[\(2,\), \(3,\)\]"):
        batch((np.ones(2),), (np.ones(3),))


def test_mixed_columns_stay_lists():
    (found,) = batch((1,), (None,))
    assert found == ([1, None],)
    with pytest.raises(TypeError, match="not of int"):
        batch(1, 2)


def test_the_last_batch():
    assert [len(found[0]) for found in batch((1,), (2,), (3,))] == [2, 1]
    assert [len(found[0]) for found in batch((1,), (2,), (3,), partial=False)] == [2]
    assert list(batches.listed(2)(range(3))) == [[0, 1], [2]]
    assert list(batches.listed(2, partial=False)(range(3))) == [[0, 1]]
    assert batch(1, 2, 3, collation_fn=sum) == [3, 3]
    with pytest.raises(ValueError, match="batchsize is 0"):
        batches.batched(0)


def test_and_back():
    assert list(batches.unlisted()([[1, 2], [3]])) == [1, 2, 3]
    assert list(batches.unbatched()(batch((1, "a"), (2, "b"), (3, "c")))) == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
    ]
    assert list(batches.unbatched()([{"a": [1, 2], "b": "xy"}])) == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
    ]


# ---- Mixing ------------------------------------------------------------


def test_round_robin():
    assert list(RoundRobin([[1, 2, 3], [4, 5]])) == [1, 4, 2, 5, 3]
    assert list(RoundRobin([[4], [1, 2, 3]])) == [4, 1]
    assert list(RoundRobin([[4], [1, 2, 3]], longest=True)) == [4, 1, 2, 3]


def test_random_mix_follows_its_proportions():
    mixed = list(RandomMix([[0] * 9000, [1] * 9000], probs=[3, 1], seed=0))
    assert mixed == list(RandomMix([[0] * 9000, [1] * 9000], probs=[3, 1], seed=0))
    assert mixed.count(0) == 9000
    assert 2700 < mixed.count(1) < 3300


def test_random_mix_ends():
    assert sorted(RandomMix([[1, 2, 3], [4]], longest=True)) == [1, 2, 3, 4]
    assert list(RandomMix([[1, 2], [3]], probs=[1, 0])) == [1, 2]
    with pytest.raises(ValueError, match="1 numbers for 2 data sets"):
        RandomMix([[], []], probs=[1])


def test_stages_can_be_sent_to_other_processes():
    for stage in (
        stages.map(str),
        stages.decode("rgb", only="cls"),
        stages.to_tuple("a", "b"),
        batches.batched(4),
        shuffle(10, seed=3),
    ):
        pickle.loads(pickle.dumps(stage))


# ---- Shards ------------------------------------------------------------


def urls(source):
    return "".join(shard["url"] for shard in source)


def test_shards_in_order():
    assert list(SimpleShardList("{a..c}")) == [{"url": "a"}, {"url": "b"}, {"url": "c"}]
    assert len(SimpleShardList(["a", "b"])) == 2
    order = list("abcdef")
    random.Random(2).shuffle(order)
    shuffled = SimpleShardList("{a..f}", seed=2)
    assert urls(shuffled) == urls(shuffled) == "".join(order)


def test_resampled_shards():
    shards = ResampledShards("{a..d}", nshards=1000)
    first, second = urls(shards), urls(shards)
    assert set(first) == set("abcd") and len(first) == 1000
    assert first != second != urls(ResampledShards("{a..d}", nshards=1000))


def test_resampled_shards_that_depend_on_the_seed_only(monkeypatch):
    def passes(seed=3):
        shards = ResampledShards("{a..d}", nshards=50, seed=seed, deterministic=True)
        return [urls(shards) for _ in range(2)]

    assert passes() == passes()
    assert len({*passes(), *passes(seed=4)}) == 4
    before = passes()
    monkeypatch.setenv("WORKER", "1")
    monkeypatch.setenv("NUM_WORKERS", "2")
    assert passes() != before


def test_split_by_node_and_worker(monkeypatch):
    assert list(split_by_node("abcde")) == list(split_by_worker("abcde")) == list("abcde")
    for name, value in (("RANK", 1), ("WORLD_SIZE", 3), ("WORKER", 0), ("NUM_WORKERS", 2)):
        monkeypatch.setenv(name, str(value))
    assert list(split_by_node("abcdefgh")) == list("beh")
    assert list(split_by_worker(split_by_node("abcdefgh"))) == list("bh")


def test_several_nodes_need_a_splitter(monkeypatch):
    assert list(single_node_only("ab")) == ["a", "b"]
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"one of 2 nodes.*nodesplitter=split_by_node"):
        single_node_only("ab")
