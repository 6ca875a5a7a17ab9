"""What all quantizers of models have in common: attaching, forwards, sizes and the end."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

import torch

from .arguments import flag, patterns, real, whole
from .attaching import Attachment, check_model, copied_as_plain
from .buffers import aligned
from .file import file_bytes
from .grids import Floats, Grid, NonFiniteError
from .memory import floats_of, like
from .parameters import MB_BYTES, Target, dtype_name, find_targets, rounded_to_half
from .restoring import restore
from .sizes import MB_BITS, plain_bits
from .state import compressed_bytes, quantized_state
from .tensors import PlainTensor, QuantizedTensor

T = TypeVar("T")


class Quantizer(abc.ABC):
    """Attached to a model, it makes each forward use quantized weights.

    The model keeps its float parameters, under their names. In training a forward uses what the
    method trains with; in eval the quantized weights, which are made once and then only read, by
    any number of threads. Training, `quantize` and restoring are for one thread at a time. While it
    is attached, `layer.weight` is what the forward uses; weights are written to by way of
    `named_parameters`, `load_state_dict` or an optimizer.

    What all methods take: `min_size`: parameters of fewer MB (2^20 bytes, at 4 bytes a weight) stay
    as they are, and so do those whose name, or the last part of it, matches one of the patterns of
    `exclude`, such as "*.bias". `float16`: these others are stored in half precision, and rounded
    to it in eval. `detect_bound`: a parameter that has several names is one tensor, quantized and
    counted once; without it each name is one.
    """

    method: ClassVar[str]
    """The method's name in files."""

    def __init__(
        self,
        model: torch.nn.Module,
        min_size: float,
        float16: bool,
        exclude: Sequence[str],
        detect_bound: bool,
    ) -> None:
        check_model(model)
        if real("min_size", min_size) < 0:
            raise ValueError(f"min_size={min_size!r}: it must be at least 0 MB")
        self._float16 = flag("float16", float16)
        self._targets, self._others = find_targets(
            model, min_size, patterns("exclude", exclude), flag("detect_bound", detect_bound)
        )
        halves = [t for t in self._others if self._float16 and t.parameter().is_floating_point()]
        self._hidden = [*self._targets, *halves]
        self._floats: list[torch.Tensor] | None = None  # While parameters have quantized values.
        self._shown: object = None  # The token of the parameters that eval's weights were made of.
        self._refreshed: object = None  # It is another one after each refresh.
        self._lock = threading.Lock()
        self._hold: Attachment | None = Attachment(model, self._hidden, self._before_forward)

    def __getstate__(self) -> dict[str, Any]:
        """A copy, which belongs to a copy of the model, quantizes at its first forward."""
        return {**self.__dict__, "_shown": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    # ---- What a method defines -------------------------------------------------------------------

    @abc.abstractmethod
    def _begin_step(self) -> bool:
        """Prepares for a forward in training, and says whether it uses `_training_weights` instead
        of the parameters. RuntimeError: the optimizer has not been set up."""

    @abc.abstractmethod
    def _training_weights(self, index: int) -> torch.Tensor:
        """What a forward in training uses of a target, differentiable."""

    @abc.abstractmethod
    def _grid(self, index: int, weights: Floats) -> Grid:
        """The levels of a target for these float weights. Raises NonFiniteError."""

    @abc.abstractmethod
    def _true_bits(self, index: int) -> int:
        """The size of a target in bits."""

    @abc.abstractmethod
    def _takes(self, index: int, grid: Grid | None) -> bool:
        """Whether a target can have this grid."""

    @abc.abstractmethod
    def _kind(self, index: int) -> str:
        """What kind of grid a target has, in words."""

    def check_grids(self, grids: Mapping[str, Grid]) -> None:
        """Raises ValueError if these grids, by names of parameters, cannot be this quantizer's."""
        for index, target in enumerate(self._targets):
            grid = grids.get(target.name)
            if not self._takes(index, grid):
                raise ValueError(
                    f"parameter {target.name!r}: the state has {grid or 'nothing'}, and the"
                    f" quantizer has {self._kind(index)}: attach a quantizer with the arguments"
                    " that the state was made with"
                )

    def has_apart(self, names: Iterable[str]) -> bool:
        """Whether each of these names is a target of its own."""
        return {target.name for target in self._targets}.issuperset(names)

    @abc.abstractmethod
    def _adopt(self, index: int, grid: Grid) -> None:
        """Makes a grid the target's own, after its levels were written to the parameter."""

    def adopt(self, grids: Mapping[str, Grid]) -> None:
        """Makes these grids, by names of parameters, the targets' own, after their levels were
        written to the parameters. It is for what `check_grids` does not refuse."""
        self._floats = None
        for index, target in enumerate(self._targets):
            self._adopt(index, grids[target.name])
        self.refresh()

    # ---- Forwards --------------------------------------------------------------------------------

    @property
    def model(self) -> torch.nn.Module:
        """The model. RuntimeError: the quantizer was detached, or frozen."""
        return self._attachment.model

    @property
    def _attachment(self) -> Attachment:
        if self._hold is None:
            raise RuntimeError(
                "the quantizer is not attached any more, after detach() or freeze(): make a new one"
            )
        return self._hold

    def refresh(self) -> None:
        """Makes the next forward in eval quantize anew. It is needed after weights were changed
        without torch's counting it, as `parameter.data.mul_(2)` does."""
        self._refreshed = object()

    def _before_forward(self) -> None:
        if self._floats is not None:
            return
        if self.model.training:
            self._show_training()
        elif self._token() != self._shown:
            with self._lock:
                token = self._token()
                if token != self._shown:
                    self._show(self._quantized_values())
                    self._shown = token

    def _token(self) -> object:
        """A refresh while another thread quantizes makes it another one, so that it is not lost."""
        return self._refreshed, self._attachment.token()

    def _show_training(self) -> None:
        self._shown = None
        self._attachment.hide_nothing()  # The memory of the last step can be used again.
        if self._begin_step():
            values = [
                naming(target, self._training_weights, index)
                for index, target in enumerate(self._targets)
            ]
            self._show([copied_as_plain(value) for value in values])

    def _show(self, values: list[torch.Tensor]) -> None:
        for target, value in zip(self._hidden, values, strict=False):
            self._attachment.show(target, value)

    def _quantized_values(self) -> list[torch.Tensor]:
        """What eval uses instead of the parameters that are hidden."""
        with torch.inference_mode(False), torch.no_grad():
            values = []
            for target, tensor in zip(self._targets, self.quantized_tensors(), strict=True):
                restored = torch.from_numpy(aligned(tensor.shape))
                naming(target, tensor.grid.restored, tensor.weights, floats_of(restored))
                values.append(like(target.parameter(), restored))
            for target in self._hidden[len(self._targets) :]:
                parameter = target.parameter()
                values.append(rounded_to_half(target.name, parameter).to(parameter.dtype))
            return values

    # ---- Quantized values in the parameters ------------------------------------------------------

    def quantize(self) -> None:
        """Puts the quantized values into the parameters, until `unquantize`."""
        attachment = self._attachment
        if self._floats is not None:
            return
        values = self._quantized_values()
        attachment.hide_nothing()
        self._shown = None
        self._floats = [target.parameter().detach().clone() for target in self._hidden]
        self._write(values)

    def unquantize(self) -> None:
        """Puts the float values back that `quantize` replaced."""
        if self._floats is not None:
            self._write(self._floats)
            self._floats = None

    @contextmanager
    def enter_quantize(self) -> Iterator[None]:
        """Quantized values are in the parameters inside of a `with`; after it there is what was
        before, float values unless `quantize` is in force."""
        in_force = self._floats is not None
        self.quantize()
        try:
            yield
        finally:
            if not in_force:
                self.unquantize()

    def freeze(self) -> torch.nn.Module:
        """Puts the quantized values into the parameters for good, takes the quantizer off and
        returns the model, which any number of threads may run."""
        self.quantize()
        self._floats = None
        return self.detach()

    def detach(self) -> torch.nn.Module:
        """Takes the quantizer off and returns the model with its float weights."""
        attachment = self._attachment
        self.unquantize()
        attachment.remove()
        self._hold = None
        return attachment.model

    def _write(self, values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for target, value in zip(self._hidden, values, strict=True):
                target.parameter().copy_(value)

    # ---- What is stored --------------------------------------------------------------------------

    def quantized_tensors(self) -> list[QuantizedTensor]:
        """The quantized parameters with their grids. ValueError: weights are NaN or infinite."""
        found = []
        for index, target in enumerate(self._targets):
            parameter = target.parameter() if self._floats is None else self._floats[index]
            weights = floats_of(parameter)
            grid = naming(target, self._grid, index, weights)
            names, shape = tuple(target.aliases), tuple(parameter.shape)
            found.append(
                QuantizedTensor(target.name, names, shape, dtype_name(parameter), grid, weights)
            )
        return found

    def plain_tensors(self) -> list[PlainTensor]:
        """The parameters that are not quantized."""
        return [target.plain(self._float16) for target in self._others]

    def get_quantized_state(self) -> dict[str, Any]:
        """The model with quantized weights as plain values and tensors, which `save`, and
        torch.save too, write to a file. ValueError: weights are NaN or infinite."""
        return quantized_state(self)

    def restore_quantized_state(self, state: Mapping[str, Any]) -> None:
        """Writes the weights of a state into the model, in place. The quantizer stays attached,
        and its forwards in eval use exactly these weights.

        ValueError, naming the array, the parameter or the version: the state is damaged, or of
        another model or quantizer; the model is then unchanged.
        """
        restore(self.model, state, self)

    def packed_model_size(self) -> float:
        """The size in MB (2^20 bytes) of the file that `save` writes, exactly."""
        return file_bytes(self.get_quantized_state()) / MB_BYTES

    def compressed_model_size(self, level: int = -1, num_workers: int = 1) -> float:
        """The size of the model in MB (2^20 bytes), without buffers, if each of its arrays goes
        through zlib where that makes it smaller.

        `level`: zlib's, from 0 to 9, or -1 for its default. `num_workers`: threads.
        """
        if whole("level", level, -1) > 9:
            raise ValueError(f"level={level}: it must be from -1 to 9")
        workers = whole("num_workers", num_workers, 1)
        return compressed_bytes(self.get_quantized_state(), level, workers) / MB_BYTES

    # ---- Sizes -----------------------------------------------------------------------------------

    def model_size(self) -> torch.Tensor:
        """The size of the model in MB (2^20 bytes), without buffers: a float32 tensor without axes,
        through which gradients flow where the size is learnt."""
        return torch.tensor(self.true_model_size(), dtype=torch.float32)

    def true_model_size(self) -> float:
        """The size of the model in MB (2^20 bytes), without buffers, exact to the bit."""
        quantized = sum(self._true_bits(index) for index in range(len(self._targets)))
        return (quantized + self._plain_bits()) / MB_BITS

    def _plain_bits(self) -> int:
        return sum(plain_bits(target.parameter(), self._float16) for target in self._others)


def naming(target: Target, function: Callable[..., T], *arguments: Any) -> T:
    """What the function returns; the error for numbers that are not finite names the parameter."""
    try:
        return function(*arguments)
    except NonFiniteError as error:
        raise ValueError(f"parameter {target.name!r}: {error}") from None
