"""A library whose samples are in memory from the start."""

from abc import abstractmethod

import numpy as np
import numpy.typing as npt

import mlperf_loadgen as lg


class InMemory(lg.QuerySampleLibrary):
    """The samples are the rows of one array, which a subclass reads."""

    @abstractmethod
    def __init__(self, inputs: npt.NDArray[np.generic]) -> None:
        self.inputs = inputs

    @property
    def total_sample_count(self) -> int:
        return len(self.inputs)

    @property
    def performance_sample_count(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> npt.NDArray[np.generic]:
        row: npt.NDArray[np.generic] = self.inputs[index]
        return row

    def load_samples(self, indices: list[int]) -> None:
        pass

    def unload_samples(self, indices: list[int]) -> None:
        pass
