"""Measures a classifier whose images come from shards: is it right, and how fast is it?

The library finds the shards' samples by number and reads them before the clock runs.
"""

import io

import numpy as np
import numpy.typing as npt
from bars import DIRECTIONS, SIZE, TRAIN, VAL, write_shards
from PIL import Image

import mlperf_loadgen as lg
from mlperf_loadgen.data import WebDataset, WebDatasetQSL


def templates() -> npt.NDArray[np.float64]:
    """The mean spectrum of each direction, from one pass over the training shards."""
    sums, counts = np.zeros((DIRECTIONS, SIZE * SIZE)), np.zeros(DIRECTIONS)
    for images, labels in WebDataset(TRAIN).decode("l8").to_tuple("png", "cls").batched(64):
        np.add.at(sums, labels, spectra(images))
        np.add.at(counts, labels, 1)
    return sums / counts[:, None]


def spectra(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """What does not depend on the place of a bar: a row of unit length for each image."""
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    rows = np.abs(np.fft.fft2(centred)).reshape(len(images), -1)
    normed: npt.NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normed


def read_png(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


class Classifier(lg.SystemUnderTest):
    """Finds the direction whose mean is nearest."""

    def __init__(self, library: WebDatasetQSL) -> None:
        self.library = library
        self.templates = templates()

    def issue_query(self, samples: lg.SampleBatch) -> None:
        images = self.library.batch(samples.indices.tolist(), "png")
        answers = (spectra(images) @ self.templates.T).argmax(axis=1)
        lg.complete(samples.ids, answers.astype(np.int64))


write_shards()
with WebDatasetQSL(VAL, decode={"png": read_png}) as library:
    system = Classifier(library)
    accuracy_run = lg.TestSettings(mode=lg.TestMode.AccuracyOnly)
    log = lg.read_accuracy(lg.StartTest(system, library, accuracy_run).logs.accuracy)
    labels = np.array([int(library.read(index)["cls"]) for index in log.indices])
    accuracy = np.mean(log.payloads.as_array(np.int64)[:, 0] == labels)
    print(f"{len(log)} images of {len(library.shards)} shards, {accuracy:.3f} of them right")

    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_target_qps=500,
        server_target_latency_ns=20_000_000,
        min_duration_ms=300,
    )
    print(lg.StartTest(system, library, settings))
