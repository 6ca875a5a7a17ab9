"""The calls of the Open Inference Protocol, whatever they travel by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt

from .request import SampleFailed

Array: TypeAlias = npt.NDArray[Any]


class NoSuchCall(SampleFailed):
    """The server does not have the call, or does not know what it is about."""


@dataclass(frozen=True)
class Input:
    """A tensor to be sent; `array` has objects, str or bytes, for BYTES."""

    name: str
    datatype: str
    array: Array


@dataclass(frozen=True)
class Outputs:
    """What a model answered."""

    arrays: dict[str, Array]
    received_ns: int
    """When it began to come, monotonic clock."""


class Calls(ABC):
    """To one model of one server. All raise NoAnswer if nothing came, SampleFailed for an error of
    the server, and of that NoSuchCall where it knows no such thing."""

    @abstractmethod
    async def is_live(self) -> bool: ...

    @abstractmethod
    async def is_ready(self) -> bool:
        """The model."""

    @abstractmethod
    async def describe_server(self) -> dict[str, Any]: ...

    @abstractmethod
    async def describe_model(self) -> dict[str, Any]: ...

    @abstractmethod
    async def infer(self, inputs: Sequence[Any], outputs: Sequence[str]) -> Outputs:
        """`inputs`: of `tensor`. `outputs`: those wanted; none: all."""

    @abstractmethod
    def tensor(self, one: Input) -> Any:
        """As `infer` takes it. Raises TypeError or ValueError for what cannot be sent."""

    @abstractmethod
    async def close(self) -> None: ...
