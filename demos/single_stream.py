"""SingleStream: one sample at a time, the next one when the last is answered.

The simplest system under test answers inside `issue_query`.
"""

import numpy as np
import numpy.typing as npt

import mlperf_loadgen as lg


class Vectors(lg.QuerySampleLibrary):
    """1000 vectors, made when they are loaded."""

    total_sample_count = 1000
    performance_sample_count = 100

    def __init__(self) -> None:
        self.loaded: dict[int, npt.NDArray[np.float32]] = {}

    def load_samples(self, indices: list[int]) -> None:
        for index in indices:
            self.loaded[index] = np.full(256, index, np.float32)

    def unload_samples(self, indices: list[int]) -> None:
        for index in indices:
            del self.loaded[index]


class MatrixProduct(lg.SystemUnderTest):
    """Multiplies each vector with a matrix."""

    def __init__(self, library: Vectors) -> None:
        self.library = library
        self.matrix = np.random.default_rng(0).random((256, 256), np.float32)

    def issue_query(self, samples: lg.SampleBatch) -> None:
        for sample in samples:
            answer = self.matrix @ self.library.loaded[sample.index]
            lg.complete([sample.id], [answer.tobytes()])


library = Vectors()
settings = lg.TestSettings(
    scenario=lg.TestScenario.SingleStream,
    mode=lg.TestMode.PerformanceOnly,
    min_duration_ms=1000,
    single_stream_target_latency_percentile=0.9,
)
print(lg.StartTest(MatrixProduct(library), library, settings))
