"""The sample library: the data set, and which samples of it are in memory."""

import numpy as np
import numpy.typing as npt

import mlperf_loadgen as lg

CLASSES = 10
FEATURES = 64


class Points(lg.QuerySampleLibrary):
    """A thousand points around ten centers, which are their classes."""

    total_sample_count = 1000
    performance_sample_count = 1000  # How many fit into memory at once.

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.centers = random.normal(size=(CLASSES, FEATURES)).astype(np.float32)
        self.labels = random.integers(CLASSES, size=self.total_sample_count)
        self.loaded: dict[int, npt.NDArray[np.float32]] = {}

    def load_samples(self, indices: list[int]) -> None:
        """Called before a run, outside the measured time."""
        for index in indices:
            noise = np.random.default_rng(index).normal(scale=3, size=FEATURES)
            self.loaded[index] = self.centers[self.labels[index]] + noise.astype(np.float32)

    def unload_samples(self, indices: list[int]) -> None:
        """Called after it."""
        for index in indices:
            self.loaded.pop(index, None)

    def __getitem__(self, index: int) -> npt.NDArray[np.float32]:
        """A loaded sample."""
        return self.loaded[index]
