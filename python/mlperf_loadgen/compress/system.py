"""Models as systems under test, whatever runs them: `sut`."""

from __future__ import annotations

import abc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..interfaces import SystemUnderTest
from ..text.units import counted

Array = npt.NDArray[Any]

_ONNX_SUFFIX = ".onnx"


class ModelSystem(SystemUnderTest):
    """Answers each sample with the model's output for it, a row of numbers.

    A query is answered in the call that issues it, in batches; with `server_coalesce_queries`, the
    queries that are due at the same time are one batch.
    """

    response_dtype: str | None = None
    """The type of the numbers in a response; None: nothing was answered yet."""
    model_files: Sequence[str | os.PathLike[str]] = ()
    """The files that the model was read from."""
    weight_count: int | None = None
    """The number of weights of the model; None: not known."""
    kind = ""
    """"storage" if the model only takes less room, "kernels" if it also computes with few bits."""

    def __init__(self, library: Any, max_batch: int) -> None:
        if not hasattr(library, "__getitem__"):
            raise TypeError(
                f"{type(library).__name__} gives no inputs: write __getitem__(self, index), which "
                "returns the model's input for a sample"
            )
        self._library = library
        self._max_batch = max_batch

    def issue_query(self, samples: _core.SampleBatch) -> None:
        ids, indices = samples.ids, samples.indices.tolist()
        for start in range(0, len(indices), self._max_batch):
            batch = indices[start : start + self._max_batch]
            rows = _checked(self._outputs(_stacked([self._library[i] for i in batch])), len(batch))
            self.response_dtype = rows.dtype.name
            _core.complete(ids[start : start + len(batch)], rows)

    @abc.abstractmethod
    def _outputs(self, inputs: list[Array]) -> Array:
        """The model's first output for its inputs, each with a batch as its first axis."""


def sut(
    model: Any,
    library: Any,
    *,
    max_batch: int = 32,
    threads: int = 1,
    weights: str | os.PathLike[str] | None = None,
) -> ModelSystem:
    """A system under test that runs a model on the samples of a library.

    `model`: a torch module, which is set to eval mode, or the path of an ONNX file. `weights`: a
    file that `save` wrote, whose weights the module gets first. `library[index]` returns an input
    of the model without its batch axis, a NumPy array or a torch tensor, or a tuple of them for
    several inputs; all samples have inputs of one shape. An answer is a row of the model's first
    output: float32 if it holds floating point numbers, and otherwise as it is.

    `max_batch`: the most samples that the model is given at a time. `threads`: how many threads
    compute a batch; for a torch module the number holds for the whole process.

    Raises ValueError for numbers below 1 and for files that are not of this model, TypeError for a
    model that is neither and for a library without `__getitem__`, and ImportError if ONNX Runtime,
    which runs ONNX files, is not installed.
    """
    for name, value in (("max_batch", max_batch), ("threads", threads)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}: give a whole number of at least 1")
    if isinstance(model, (str, os.PathLike)):
        if Path(model).suffix != _ONNX_SUFFIX or weights is not None:
            raise ValueError(
                f"model {os.fspath(model)!r}: give the path of an .onnx file alone, or a torch "
                "module, with the file of its weights as weights"
            )
        return _SessionSystem(library, max_batch, model, threads)
    return _TorchSystem(library, max_batch, model, threads, weights)


class _TorchSystem(ModelSystem):
    """Runs a torch module."""

    def __init__(
        self,
        library: Any,
        max_batch: int,
        model: Any,
        threads: int,
        weights: str | os.PathLike[str] | None,
    ) -> None:
        import torch

        if not isinstance(model, torch.nn.Module):
            raise TypeError(
                f"{model!r:.200} is no model: give a torch module or the path of an ONNX file"
            )
        super().__init__(library, max_batch)
        if weights is not None:
            from .file import load
            from .restoring import restore_quantized_state

            restore_quantized_state(model, load(weights))
            self.model_files = [weights]
        torch.set_num_threads(threads)
        self.weight_count = sum(parameter.numel() for parameter in model.parameters())
        self._model = model.eval()
        self._torch = torch

    @property
    def name(self) -> str:
        return type(self._model).__name__

    def _outputs(self, inputs: list[Array]) -> Array:
        with self._torch.inference_mode():
            output = self._model(*(self._torch.from_numpy(array) for array in inputs))
            first = output[0] if isinstance(output, (tuple, list)) else output
            return np.asarray(first.float() if first.is_floating_point() else first)


class _SessionSystem(ModelSystem):
    """Runs an ONNX file."""

    def __init__(
        self, library: Any, max_batch: int, path: str | os.PathLike[str], threads: int
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            fix = "pip install 'mlperf_loadgen[compress]'"
            raise ImportError(f"an ONNX file needs onnxruntime, not installed: {fix}") from error
        super().__init__(library, max_batch)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            os.fspath(path), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._output = self._session.get_outputs()[0].name
        self._name = Path(path).name
        self.model_files = [path]

    @property
    def name(self) -> str:
        return self._name

    def _outputs(self, inputs: list[Array]) -> Array:
        if len(inputs) != len(self._inputs):
            raise ValueError(
                f"a sample has {len(inputs)} inputs, and the model has {len(self._inputs)}: "
                f"{', '.join(self._inputs)}"
            )
        feed = dict(zip(self._inputs, inputs, strict=True))
        return np.asarray(self._session.run([self._output], feed)[0])


def _stacked(samples: Sequence[Any]) -> list[Array]:
    """The inputs of a batch: an array for each input of the model."""
    if isinstance(samples[0], tuple):
        return [np.stack(column) for column in zip(*samples, strict=True)]
    return [np.stack(samples)]


def _checked(rows: Array, count: int) -> Array:
    """Rows that can be answered with. Raises ValueError for a model without a batch axis."""
    if rows.ndim == 0 or len(rows) != count:
        raise ValueError(
            f"the model's output has the shape {rows.shape} for {counted(count, 'sample')}: its "
            "first axis must be that of the batch"
        )
    wanted = np.float32 if rows.dtype.kind == "f" else rows.dtype
    return np.ascontiguousarray(rows, wanted)
