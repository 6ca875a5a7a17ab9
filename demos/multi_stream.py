"""MultiStream: one query of several samples at a time; a query is done when all its samples are.

A pool of threads answers the samples one by one, in whatever order they finish.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import mlperf_loadgen as lg


class Documents(lg.QuerySampleLibrary):
    """200 documents of 64 KiB."""

    total_sample_count = 200
    performance_sample_count = 50

    def __init__(self) -> None:
        self.loaded: dict[int, bytes] = {}

    def load_samples(self, indices: list[int]) -> None:
        for index in indices:
            self.loaded[index] = bytes([index]) * 65536

    def unload_samples(self, indices: list[int]) -> None:
        for index in indices:
            self.loaded.pop(index, None)  # MultiStream may name a sample more than once.


class Digests(lg.SystemUnderTest):
    """Hashes documents in a pool of threads."""

    def __init__(self, library: Documents, pool: ThreadPoolExecutor) -> None:
        self.library = library
        self.pool = pool

    def issue_query(self, samples: lg.SampleBatch) -> None:
        # Taking the results raises here, and so from StartTest, what went wrong in a thread.
        list(self.pool.map(self.answer, samples))

    def answer(self, sample: lg.QuerySample) -> None:
        digest = hashlib.sha256(self.library.loaded[sample.index]).digest()
        lg.complete([sample.id], [digest])


library = Documents()
settings = lg.TestSettings(
    scenario=lg.TestScenario.MultiStream,
    mode=lg.TestMode.PerformanceOnly,
    multi_stream_samples_per_query=8,
    min_query_count=700,  # What early stopping needs to be sure of the 99th percentile.
    min_duration_ms=1000,
)
with ThreadPoolExecutor(max_workers=2) as pool:
    print(lg.StartTest(Digests(library, pool), library, settings))
