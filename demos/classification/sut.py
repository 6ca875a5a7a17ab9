"""What the load generator is given: the library of images, and the system that classifies them."""

import io
import queue
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from model import Classifier

import mlperf_loadgen as lg
from mlperf_loadgen.data import WebDatasetQSL


def read_image(data: bytes) -> npt.NDArray[np.float32]:
    image: npt.NDArray[np.float32] = np.load(io.BytesIO(data))
    return image


def open_images(shards: Path) -> WebDatasetQSL:
    """The library of test images: in shards, and in memory only while they are loaded."""
    return WebDatasetQSL(
        shards, fields=["npy"], decode={"npy": read_image}, performance_sample_count=256
    )


class Images(Protocol):
    """Where images come from: the library, or on another machine what was sent there of it."""

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
                    images = np.array([self.images[index]["npy"] for index in indices], np.float32)
                    lg.complete(samples.ids[part], self.classifier.classify(images))
        except BaseException:
            lg.AbortTest()  # No other thread answers: without this the test waits forever.
            raise

    def __enter__(self) -> "OnnxRuntime":
        return self

    def __exit__(self, *exception: object) -> None:
        self.batches.put(None)
        self.worker.join()
