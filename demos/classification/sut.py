"""What the load generator is given: the library of images, and the system that classifies them."""

import queue
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from model import Classifier

import mlperf_loadgen as lg


class DigitImages(lg.QuerySampleLibrary):
    """The test images: in a file, and in memory only while they are loaded."""

    performance_sample_count = 256

    def __init__(self, path: Path) -> None:
        self.file = np.load(path, mmap_mode="r")
        self.loaded: dict[int, npt.NDArray[np.float32]] = {}

    @property
    def total_sample_count(self) -> int:
        return len(self.file)

    def load_samples(self, indices: list[int]) -> None:
        for index in indices:
            self.loaded[index] = np.array(self.file[index])

    def unload_samples(self, indices: list[int]) -> None:
        for index in indices:
            self.loaded.pop(index, None)  # MultiStream may name a sample more than once.

    def __getitem__(self, index: int) -> npt.NDArray[np.float32]:
        """A loaded image. It is also what travels when the system runs on another machine."""
        return self.loaded[index]


class Images(Protocol):
    """Where images come from: `DigitImages`, or on another machine what was sent there of it."""

    def __getitem__(self, index: int, /) -> Any: ...


class OnnxRuntime(lg.SystemUnderTest):
    """Classifies in a thread of its own, so that the next query need not wait for the answer."""

    max_batch = 64

    def __init__(self, classifier: Classifier, images: Images) -> None:
        self.classifier = classifier
        self.images = images
        self.batches: queue.SimpleQueue[lg.SampleBatch | None] = queue.SimpleQueue()
        self.worker = threading.Thread(target=self.work)
        self.worker.start()

    def issue_query(self, samples: lg.SampleBatch) -> None:
        self.batches.put(samples)

    def work(self) -> None:
        try:
            while samples := self.batches.get():
                for start in range(0, len(samples), self.max_batch):
                    part = slice(start, start + self.max_batch)
                    indices = samples.indices[part].tolist()
                    images = np.array([self.images[index] for index in indices], np.float32)
                    lg.complete(samples.ids[part], self.classifier.classify(images))
        except BaseException:
            lg.AbortTest()  # No other thread answers: without this the test waits forever.
            raise

    def __enter__(self) -> "OnnxRuntime":
        return self

    def __exit__(self, *exception: object) -> None:
        self.batches.put(None)
        self.worker.join()
