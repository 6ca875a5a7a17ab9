"""Offline: all samples at once, in one query; what counts is the throughput.

A whole query is answered with arrays: `samples.indices` and `samples.ids` go in and out without a
Python object for each sample.
"""

import numpy as np
import numpy.typing as npt

import mlperf_loadgen as lg


class Images(lg.QuerySampleLibrary):
    """The loaded images are the rows of one array."""

    total_sample_count = 10_000
    performance_sample_count = 1024

    def __init__(self) -> None:
        self.images: npt.NDArray[np.float32] = np.empty((0, 32, 32), np.float32)
        self.row_of = np.zeros(self.total_sample_count, np.intp)

    def load_samples(self, indices: list[int]) -> None:
        self.images = np.random.default_rng(0).random((len(indices), 32, 32), np.float32)
        self.row_of[indices] = np.arange(len(indices))

    def unload_samples(self, indices: list[int]) -> None:
        self.images = np.empty((0, 32, 32), np.float32)


class Spectra(lg.SystemUnderTest):
    """Finds the spectrum of images, a batch at a time."""

    batch_size = 64

    def __init__(self, library: Images) -> None:
        self.library = library

    def issue_query(self, samples: lg.SampleBatch) -> None:
        rows = self.library.row_of[samples.indices]
        for start in range(0, len(samples), self.batch_size):
            batch = slice(start, start + self.batch_size)
            spectra = np.fft.rfft2(self.library.images[rows[batch]])
            # One row of the array is the answer to one sample.
            lg.complete(samples.ids[batch], spectra)


library = Images()
settings = lg.TestSettings(
    scenario=lg.TestScenario.Offline,
    mode=lg.TestMode.PerformanceOnly,
    offline_expected_qps=200_000,  # At this rate the one query lasts `min_duration_ms`.
    min_duration_ms=300,
)
print(lg.StartTest(Spectra(library), library, settings))
