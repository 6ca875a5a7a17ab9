"""The calls of the Open Inference Protocol, over any transport."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt

from .request import SampleFailed

Array: TypeAlias = npt.NDArray[Any]


class NoSuchCall(SampleFailed):
    """The server does not have the call, or does not know its subject."""


class NotReady(SampleFailed):
    """The server says that it, or the model, is not ready, and perhaps why."""


@dataclass(frozen=True)
class Input:
    """A tensor to be sent; for BYTES, `array` has objects that are str or bytes."""

    name: str
    datatype: str
    array: Array


@dataclass(frozen=True)
class Outputs:
    """The answer of a model."""

    arrays: dict[str, Array]
    received_ns: int
    """When the answer began to arrive, monotonic clock."""


class Calls(ABC):
    """Calls to one model of one server. All of them raise NoAnswer if no answer came, and
    SampleFailed for an error of the server; NoSuchCall is the SampleFailed of a server that does
    not know the call or the model, AccessRefused that of one that wants to know who asks."""

    @abstractmethod
    async def is_live(self) -> bool:
        """Whether the server is live. Raises NotReady where it says more than no."""

    @abstractmethod
    async def is_ready(self) -> bool:
        """Whether the model is ready. Raises NotReady where the server says more than no."""

    @abstractmethod
    async def describe_server(self) -> Any:
        """What the server sent, be that a description or not."""

    @abstractmethod
    async def describe_model(self) -> Any:
        """What it sent of the model, be that a description or not."""

    @abstractmethod
    async def infer(self, inputs: Sequence[Any], outputs: Sequence[str]) -> Outputs:
        """Runs the model. `inputs`: from `tensor`. `outputs`: the wanted outputs; none: all."""

    @abstractmethod
    def tensor(self, one: Input) -> Any:
        """An input for `infer`. Raises TypeError or ValueError for data that cannot be sent."""

    @abstractmethod
    async def close(self) -> None: ...


def array_of(output: Any, name: str, datatype: object, shape: object) -> Array:
    """What `output()` makes of an output. Raises SampleFailed where it cannot: the libraries that
    read answers trust servers to keep to the protocol.
    """
    try:
        array: Array | None = output()
        if array is None:
            raise ValueError("it has no data")
    except Exception as error:
        text = f"its output {name!r} cannot be read as {datatype} of shape {shape}: {error}"
        raise SampleFailed(text) from None
    return array
