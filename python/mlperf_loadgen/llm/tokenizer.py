"""Tokenizers: how many tokens a text has, where a server does not say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Tokenizer:
    """The tokenizer of a model, from a folder that has a `tokenizer.json`, or from such a file.

    Raises ImportError without the package tokenizers, and ValueError if there is no tokenizer.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import tokenizers
        except ImportError as error:
            raise ImportError(
                "a tokenizer needs the package tokenizers: pip install 'mlperf_loadgen[llm]'"
            ) from error
        given = Path(path)
        file = given / "tokenizer.json" if given.is_dir() else given
        if not file.is_file():
            raise ValueError(
                f"tokenizer={os.fspath(path)!r}: there is no {file}; give the model's folder, "
                "which has a tokenizer.json"
            )
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # The package raises Exception itself.
            raise ValueError(f"tokenizer={os.fspath(path)!r}: {file} is none: {error}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.path = given

    @classmethod
    def of(cls, given: Tokenizer | str | os.PathLike[str] | None) -> Tokenizer | None:
        """The tokenizer of an argument, which may be one already."""
        return given if given is None or isinstance(given, Tokenizer) else cls(given)

    @property
    def plain_ids(self) -> npt.NDArray[np.int64]:
        """The ids of the tokens that a text alone can have: the text of such a token is encoded as
        it. Without special and added tokens; ascending, shape (n,)."""
        added = self._tokenizer.get_added_tokens_decoder()
        ids = sorted(set(self._tokenizer.get_vocab(with_added_tokens=False).values()) - set(added))
        texts = self._tokenizer.decode_batch([[one] for one in ids], skip_special_tokens=False)
        found = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        kept = [one for one, coded in zip(ids, found, strict=True) if coded.ids == [one]]
        return np.array(kept, np.int64)

    def ids(self, text: str) -> list[int]:
        """The token ids of a text, without special tokens around it."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def text(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        """The text of token ids."""
        found: str = self._tokenizer.decode([int(one) for one in ids], skip_special_tokens=False)
        return found

    def count(self, text: str | bytes) -> int:
        """The number of tokens of a text, without special tokens; bytes are UTF-8."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        return len(self.ids(text))
