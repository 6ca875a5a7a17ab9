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
        # The model: the centers that the library draws its points around.
        self.centers = np.random.default_rng(0).normal(size=(10, 64)).astype(np.float32)
        self.waiting: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()
        self.worker = threading.Thread(target=self.work, daemon=True)

    def __enter__(self) -> "NearestCenter":
        self.worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.waiting.put(None)
        self.worker.join()

    def issue_query(self, samples: lg.SampleBatch) -> None:
        """Returns at once, because the next arrival waits for it."""
        for sample in samples:  # After a Ctrl-C the worker would find the library unloaded.
            self.waiting.put((sample.id, self.qsl[sample.index]))

    def work(self) -> None:
        """Answers batches until the test is over."""
        try:
            while batch := self.take_batch():
                ids, points = zip(*batch, strict=True)
                lg.complete(ids, self.predict(np.stack(points)))
        except BaseException:
            lg.AbortTest()  # There is no other worker to answer, and the test would wait.
            raise

    def take_batch(self) -> list[tuple[int, Any]]:
        """Waits for a sample, and takes those that wait behind it."""
        batch: list[tuple[int, Any]] = []
        while not batch or (len(batch) < self.max_batch and not self.waiting.empty()):
            sample = self.waiting.get()
            if sample is None:
                break
            batch.append(sample)
        return batch

    def predict(self, points: Any) -> Any:
        """Classes of points: from float32 of shape (n, features) to int64 of shape (n,)."""
        distances = ((points[:, None, :] - self.centers) ** 2).sum(axis=2)
        return distances.argmin(axis=1).astype(np.int64)
