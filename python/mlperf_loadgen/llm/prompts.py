"""`Prompts`: a sample library of what a language model is asked."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..interfaces import QuerySampleLibrary
from ..text.units import counted
from .datasets.dataset import Dataset, DatasetError, Source
from .datasets.formats import READERS, format_of
from .datasets.random_prompts import parse_options
from .request import Content, Request, check_count
from .tokenizer import Tokenizer

FORMATS = tuple(READERS)
"""The names of the formats."""


class DatasetWarning(UserWarning):
    """What a reader of the results must know of a data set, such as rows that were left out."""


class Prompts(QuerySampleLibrary):
    """A sample library of prompts, for `OpenAIEndpoint`. `prompts[i]` is a `Request`.

    `source`: a file; "FILE:FORMAT"; "random:in=512,out=128,prefix=0,n=1000" (also `vocab`); or a
    list of prompts: texts, lists of messages, arrays of token ids, bytes of JSON bodies or
    `Request`s. `format`: one of `jsonl`, `openai-batch`, `sharegpt`, `mooncake`, `azure`,
    `burstgpt` and `mlperf` (docs/llm.md); None: by the file's name and its first row.
    `max_tokens`: the most tokens of an answer, for rows that do not have a limit of their own.
    `tokenizer`: a folder with a tokenizer.json: prompts that are drawn become texts, and the limits
    of `sharegpt` are those of its answers. `performance_sample_count`: how many samples are loaded
    at once in a performance test; None: all. `seed`: what is drawn. `allow_pickle`: `mlperf` may
    read pickles, which can run any code.

    Raises DatasetError, a ValueError that names the file, the line and the fix.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Iterable[Content | Request],
        *,
        format: str | None = None,
        max_tokens: int | None = None,
        tokenizer: Tokenizer | str | os.PathLike[str] | None = None,
        performance_sample_count: int | None = None,
        seed: int = 0,
        allow_pickle: bool = False,
    ) -> None:
        if max_tokens is not None:
            check_count("max_tokens", max_tokens)
        check_count("seed", seed, least=0)
        self.tokenizer = Tokenizer.of(tokenizer)
        self._max_tokens = max_tokens
        if isinstance(source, (str, os.PathLike)):
            text, options, name = _named(os.fspath(source), format)
            given = Source(Path(text), self.tokenizer, seed, max_tokens, allow_pickle, options)
            self._data = READERS[name](given)
            self._shown = Path(text).name if name != "random" else os.fspath(source)
            self._digest = _digest(given.path if name != "random" else None, f"{source} {seed}")
        elif format is not None:
            raise ValueError(f"format={format!r} is for files: leave it out for a list of prompts")
        else:
            self._data = _listed(source)
            self._shown, self._digest = "list", ""
        total = len(self._data.rows)
        if performance_sample_count is not None:
            check_count("performance_sample_count", performance_sample_count)
            if performance_sample_count > total:
                raise ValueError(
                    f"performance_sample_count={performance_sample_count} must be at most {total}, "
                    f"as many as {self._shown} has"
                )
        self._performance_sample_count = performance_sample_count or total
        self._loaded: dict[int, Request] = {}
        for note in self._data.notes:
            warnings.warn(f"{self._shown}: {note}.", DatasetWarning, stacklevel=2)

    @property
    def name(self) -> str:
        """With the start of the file's SHA-256, by which logs say of which prompts they are."""
        digest = f", sha256 {self._digest[:16]}" if self._digest else ""
        return f"Prompts({self._shown}: {counted(self.total_sample_count, 'prompt')}{digest})"

    @property
    def total_sample_count(self) -> int:
        return len(self._data.rows)

    @property
    def performance_sample_count(self) -> int:
        return self._performance_sample_count

    @property
    def arrival_ns(self) -> npt.NDArray[np.int64] | None:
        """Of a recorded trace, when each prompt was sent, since the first: shape (n,), ascending.
        None: the source is no trace."""
        return self._data.arrival_ns

    def load_samples(self, indices: list[int]) -> None:
        """Makes the requests of these samples."""
        for index in indices:
            if index not in self._loaded:
                self._loaded[index] = self[index]

    def unload_samples(self, indices: list[int]) -> None:
        """Forgets them."""
        for index in indices:
            self._loaded.pop(index, None)

    def __getitem__(self, index: int) -> Request:
        """The request of a sample, loaded or not. Raises IndexError: there is no such sample."""
        if index in self._loaded:
            return self._loaded[index]
        if not 0 <= index < self.total_sample_count:
            raise IndexError(f"there is no sample {index}; there are {self.total_sample_count}")
        request = self._data.rows[index]
        if request.max_tokens is not None or self._max_tokens is None or request.kind == "body":
            return request
        return Request(request.content, self._max_tokens, request.id)

    def place(self, index: int) -> str:
        """Where a sample stands, as in "prompts.jsonl, line 17"."""
        return f"{self._shown}, {self._data.place(index)}"

    def find_longer_than(self, most_tokens: int) -> tuple[int, int] | None:
        """(index, tokens) of the first prompt that has more tokens than this; None if there is
        none, or no count is known: texts are counted with a tokenizer only."""
        for index in range(self.total_sample_count):
            tokens = self._prompt_tokens(index, most_tokens)
            if tokens > most_tokens:
                return index, tokens
        return None

    def _prompt_tokens(self, index: int, least: int) -> int:
        """The tokens of a prompt; 0 if they are not known, or are surely at most `least`."""
        if self._data.prompt_tokens is not None:
            return int(self._data.prompt_tokens[index])
        request = self._data.rows[index]
        if request.kind == "token_ids":
            return len(request.content)
        if request.kind != "prompt" or self.tokenizer is None:
            return 0
        text = str(request.content).encode()
        # A token has a byte at least.
        return self.tokenizer.count(text) if len(text) > least else 0


def _named(text: str, format: str | None) -> tuple[str, dict[str, int], str]:
    """The path, the options and the format that a text names. Raises DatasetError, ValueError."""
    before, _, behind = text.rpartition(":")
    if format is None and (text == "random" or text.startswith("random:")):
        return text, parse_options(text.partition(":")[2]), "random"
    if format == "random":
        return text, parse_options(text.removeprefix("random").removeprefix(":")), "random"
    if format is None and before and behind in READERS and not Path(text).exists():
        text, format = before, behind
    if format is not None and format not in READERS:
        raise ValueError(f"format={format!r} is none of {', '.join(READERS)}")
    path = Path(text)
    if not path.is_file():
        if format is None and Path(before).is_file():
            known = ", ".join(READERS)
            raise DatasetError(f"{text}: {behind!r} is no format; give one of {known}")
        what = "it is a folder; give a file" if path.is_dir() else "there is no such file"
        raise DatasetError(f"{text}: {what}")
    return text, {}, format or format_of(path)


def _listed(source: object) -> Dataset:
    if isinstance(source, (bytes, bytearray)) or not isinstance(source, Iterable):
        raise TypeError(f"source must be a file or a list of prompts, not {type(source).__name__}")
    requests: list[Request] = []
    for number, sample in enumerate(source):
        try:
            requests.append(Request.of(sample))
        except (TypeError, ValueError) as error:
            raise DatasetError(f"prompt {number}: {error}") from None
        if requests[-1].api != requests[0].api:
            raise DatasetError(
                f"prompt {number} is for {requests[-1].api}, and prompt 0 for {requests[0].api}; a "
                "library has either messages or prompts"
            )
    if not requests:
        raise DatasetError("there are no prompts; give at least one")
    return Dataset(requests)


def _digest(path: Path | None, text: str) -> str:
    data = text.encode() if path is None else path.read_bytes()
    return hashlib.sha256(data).hexdigest()
