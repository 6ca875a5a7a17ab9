"""The system under test: a model, and a thread that answers what is waiting as one batch."""

import queue
import threading
from typing import Any

import numpy as np

import mlperf_loadgen as lg


class NearestCenter(lg.SystemUnderTest):
    """Answers with the class of the nearest center: replace `predict` by a model of your own."""

    max_batch = 32

    def __init__(self, qsl: Any) -> None:
        self.qsl = qsl
        self.waiting: queue.SimpleQueue[lg.QuerySample | None] = queue.SimpleQueue()
        self.worker = threading.Thread(target=self.work, daemon=True)

    def __enter__(self) -> "NearestCenter":
        self.worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.waiting.put(None)
        self.worker.join()

    def issue_query(self, samples: lg.SampleBatch) -> None:
        """Returns at once, because the next arrival waits for it."""
        for sample in samples:
            self.waiting.put(sample)

    def work(self) -> None:
        """Answers batches until the test is over."""
        try:
            while batch := self.take_batch():
                answers = self.predict(np.stack([self.qsl[sample.index] for sample in batch]))
                lg.complete([sample.id for sample in batch], answers)
        except BaseException:
            lg.AbortTest()  # Nobody else would answer, and the test would wait.
            raise

    def take_batch(self) -> list[lg.QuerySample]:
        """Waits for a sample, and takes those that wait behind it."""
        batch: list[lg.QuerySample] = []
        while not batch or (len(batch) < self.max_batch and not self.waiting.empty()):
            sample = self.waiting.get()
            if sample is None:
                break
            batch.append(sample)
        return batch

    def predict(self, points: Any) -> Any:
        """Classes of points: from float32 of shape (n, features) to int64 of shape (n,)."""
        distances = ((points[:, None, :] - self.qsl.centers) ** 2).sum(axis=2)
        return distances.argmin(axis=1).astype(np.int64)
