"""Server: samples arrive at random times, whatever is outstanding, and have a latency bound.

`issue_query` must return at once, because the next arrival waits for it: it only puts the samples
into a queue. A worker thread takes what is waiting and answers it as one batch.
"""

import queue
import threading

import numpy as np

import mlperf_loadgen as lg


class Numbers(lg.QuerySampleLibrary):
    """A thousand numbers, which need no memory."""

    total_sample_count = 1000
    performance_sample_count = 1000

    def load_samples(self, indices: list[int]) -> None:
        """There is nothing to load."""

    def unload_samples(self, indices: list[int]) -> None:
        """There is nothing to unload."""


class SquareRoots(lg.SystemUnderTest):
    """Answers up to `max_batch` samples at a time, in a thread of its own."""

    max_batch = 16

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[lg.QuerySample | None] = queue.SimpleQueue()
        self.worker = threading.Thread(target=self.work)
        self.worker.start()

    def issue_query(self, samples: lg.SampleBatch) -> None:
        for sample in samples:
            self.waiting.put(sample)

    def work(self) -> None:
        try:
            while batch := self.take_batch():
                roots = np.sqrt(np.array([sample.index for sample in batch], np.float64))
                lg.complete([sample.id for sample in batch], roots)
        except BaseException:
            lg.AbortTest()  # No other thread answers: without this the test waits forever.
            raise

    def take_batch(self) -> list[lg.QuerySample]:
        """Waits for a sample and takes those behind it; empty after `close`."""
        batch: list[lg.QuerySample] = []
        while not batch or (len(batch) < self.max_batch and not self.waiting.empty()):
            sample = self.waiting.get()
            if sample is None:
                break
            batch.append(sample)
        return batch

    def close(self) -> None:
        self.waiting.put(None)
        self.worker.join()


settings = lg.TestSettings(
    scenario=lg.TestScenario.Server,
    mode=lg.TestMode.PerformanceOnly,
    server_target_qps=1000,
    server_target_latency_ns=50_000_000,
    min_duration_ms=2000,
)
sut = SquareRoots()
try:
    print(lg.StartTest(sut, Numbers(), settings))
finally:
    sut.close()
