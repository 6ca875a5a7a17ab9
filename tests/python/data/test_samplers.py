"""Samplers give the sequences of wids, and each sample once.

Method: the golden sequences; counts that are worked out here.
"""

import zlib

import pytest
from shard_golden import GOLDEN

from mlperf_loadgen.data import (
    ChunkedSampler,
    DistributedChunkedSampler,
    ShardedSampler,
    ShardListSampler,
    samplers,
)

TAKEN = ("chunksize", "seed", "shuffle", "shufflefirst", "num_replicas", "rank")


class Shards:
    def __init__(self, lengths):
        self.lengths = lengths

    def __len__(self):
        return sum(self.lengths)


def golden_sampler(case):
    data = Shards(case["lengths"]) if "lengths" in case else range(case["count"])
    arguments = {name: case[name] for name in TAKEN if name in case}
    return getattr(samplers, case["sampler"])(data, **arguments)


@pytest.mark.parametrize("case", GOLDEN["samplers"], ids=str)
def test_golden_sequences(case):
    sampler = golden_sampler(case)
    assert len(sampler) == case["length"]
    for epoch in case["epochs"]:
        order = list(sampler)
        if isinstance(epoch, dict):
            assert (order[:20], order[-20:]) == (epoch["head"], epoch["tail"])
            assert zlib.crc32(repr(order).encode()) == epoch["crc32"]
        else:
            assert order == epoch


def test_only_a_whole_pass_is_an_epoch():
    sampler = ChunkedSampler(range(10), chunksize=4)
    first = [index for index, _ in zip(sampler, range(9), strict=False)]
    assert sampler.epoch == 0
    assert list(sampler)[:9] == first
    assert sampler.epoch == 1


def test_an_epoch_can_be_set():
    sampler = ChunkedSampler(range(10), chunksize=4)
    sampler.set_epoch(2)
    assert list(sampler) == [6, 5, 4, 7, 0, 1, 3, 2, 9, 8]


@pytest.mark.parametrize(("asked", "expected"), [(4, {0, 1, 2, 3}), ((4, 7), {4, 5, 6})])
def test_a_part_of_the_samples(asked, expected):
    assert set(ChunkedSampler(range(10), num_samples=asked)) == expected


@pytest.mark.parametrize("wrong", [11, -1, (3, 2), (0, 11)])
def test_a_part_that_is_not_there_is_refused(wrong):
    with pytest.raises(ValueError, match="has 10 samples"):
        ChunkedSampler(range(10), num_samples=wrong)


def test_a_library_is_data():
    class Library:
        total_sample_count = 3

    assert sorted(ChunkedSampler(Library())) == [0, 1, 2]


def ranks(count, replicas, **more):
    return [
        DistributedChunkedSampler(range(count), num_replicas=replicas, rank=rank, **more)
        for rank in range(replicas)
    ]


def test_ranks_together_have_each_sample_once():
    parts = ranks(10, 4, num_samples=(2, 9))
    assert [len(part) for part in parts] == [2, 2, 2, 1]
    assert sorted(index for part in parts for index in part) == list(range(2, 9))


def test_ranks_can_be_made_equal():
    repeated = [list(part) for part in ranks(5, 4, even="repeat", shuffle=False)]
    assert repeated == [[0, 1], [2, 3], [4, 0], [1, 2]]
    dropped = [list(part) for part in ranks(5, 2, even="drop", shuffle=False)]
    assert dropped == [[0, 1], [2, 3]]
    assert [len(part) for part in ranks(5, 4, even="repeat")] == [2, 2, 2, 2]


def test_rank_and_number_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert set(DistributedChunkedSampler(range(10))) == {5, 6, 7, 8, 9}
    assert set(DistributedChunkedSampler(range(10), rank=0)) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("wrong", [{"rank": 2}, {"rank": -1}, {"even": "round"}, {"chunksize": 0}])
def test_arguments_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DistributedChunkedSampler(range(10), **{"num_replicas": 2, "rank": 0, **wrong})


def test_the_other_name():
    assert ShardedSampler is ShardListSampler
