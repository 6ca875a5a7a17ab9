"""Goal: a library that does not fit into memory at once is measured all the same: an accuracy run
asks for every sample once, and what is in memory stays within the limit.

Method: 200 shards of small samples, each of which says its number, and a limit that only a part of
them fits into. The system compares what it sees with the number; after each load, what is loaded is
compared with the limit.
"""

import numpy as np
from runs import errors_of, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen.data import ShardWriter, WebDatasetQSL

SHARDS = 200
SAMPLES = 100
"""Of each shard. With 1,000 the test takes as many times longer, and shows nothing more."""
LIMIT_BYTES = SHARDS * SAMPLES * 100


def content(number):
    return number.to_bytes(4, "little") * (100 + number % 50)


class Watched(WebDatasetQSL):
    """Notes what is in memory after each load."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.loaded = []

    def load_samples(self, indices):
        super().load_samples(indices)
        self.loaded.append(self.stats()["loaded_bytes"])


class Counting(lg.SystemUnderTest):
    """Counts how often each sample is asked for, and those that are not what they should be."""

    def __init__(self, library):
        self.library = library
        self.asked = np.zeros(library.total_sample_count, int)
        self.wrong = 0

    def issue_query(self, samples):
        for sample in samples:
            self.asked[sample.index] += 1
            self.wrong += bytes(self.library[sample.index].bin) != content(sample.index)
        lg.complete(samples.ids)


def test_accuracy_over_more_than_fits_into_memory(tmp_path):
    with ShardWriter(f"{tmp_path}/%03d.tar", maxcount=SAMPLES, index=tmp_path / "i.json") as writer:
        for number in range(SHARDS * SAMPLES):
            writer.write({"__key__": f"{number:06d}", "bin": content(number)})
    qsl = Watched(tmp_path / "i.json", ram_limit_bytes=LIMIT_BYTES)
    assert (len(qsl.shards), qsl.total_sample_count) == (SHARDS, SHARDS * SAMPLES)
    assert 0 < qsl.performance_sample_count < qsl.total_sample_count // 4

    sut = Counting(qsl)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        mode=lg.TestMode.AccuracyOnly,
        server_target_qps=1_000_000,
    )
    result = lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(tmp_path))

    assert errors_of(result) == []
    assert sut.wrong == 0
    assert (sut.asked == 1).all()
    assert len(qsl.loaded) >= 4
    assert max(qsl.loaded) <= LIMIT_BYTES
    assert qsl.stats()["loaded_bytes"] == 0
