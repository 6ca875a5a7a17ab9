"""What a reader of a file of prompts gives, and what it raises."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..request import Request


class DatasetError(ValueError):
    """A data set cannot be used; the text names the file, the line or row, and what to do."""


def refuse(where: str | os.PathLike[str], place: str, what: str) -> DatasetError:
    """The error for a place in a file, such as "line 17"; `place` may be empty."""
    return DatasetError(f"{os.fspath(where)}{', ' if place else ''}{place}: {what}")


class Rows(Protocol):
    """The requests of a data set by number. They may be made when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Request: ...


@dataclass(frozen=True)
class Dataset:
    """Requests, and what else the source says of them."""

    rows: Rows
    arrival_ns: npt.NDArray[np.int64] | None = None
    """When each was asked in a recorded trace, since the first; shape (n,), ascending."""
    places: Sequence[str] = ()
    """Where each row stands, such as "line 17"; empty: "row" and its number from 0."""
    prompt_tokens: npt.NDArray[np.int64] | None = None
    """The tokens of each prompt, shape (n,), where the source tells them."""
    notes: list[str] = field(default_factory=list)
    """Sentences that a reader must know, such as the rows that were left out."""

    def place(self, index: int) -> str:
        """Where a row stands in its source."""
        return self.places[index] if self.places else f"row {index}"


@dataclass(frozen=True)
class Source:
    """What a reader is given."""

    path: Path
    tokenizer: Any = None
    """A `Tokenizer`, or None."""
    seed: int = 0
    max_tokens: int | None = None
    """The limit of answers, where the source has none."""
    allow_pickle: bool = False
    options: dict[str, int] = field(default_factory=dict)
    """What a text such as "random:in=512" says behind the name of its format."""


Reader = Callable[[Source], Dataset]

_GZIP = b"\x1f\x8b"


@contextlib.contextmanager
def at_place(path: Path, place: str) -> Iterator[None]:
    """What is wrong with a row becomes the error of its place."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise refuse(path, place, str(error)) from None


def read_bytes(path: Path) -> bytes:
    """The whole file. Raises DatasetError if it cannot be read or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise refuse(path, "", f"it cannot be read: {error.strerror}") from None
    if not data.strip():
        raise refuse(path, "", "it is empty; give a file with at least one prompt")
    if data.startswith(_GZIP):
        raise refuse(path, "", "it is compressed; unpack it with gunzip")
    return data
