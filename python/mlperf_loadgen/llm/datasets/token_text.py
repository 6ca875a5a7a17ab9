"""Prompts of given lengths, from tokens that are drawn by a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST_ID = 256
"""Ids below it are special tokens or single bytes in many vocabularies."""
DEFAULT_VOCABULARY = 1000
"""Ids below it are in every vocabulary of today."""
_MOST_ROUNDS = 20


class TokenSource:
    """Draws token ids: with a tokenizer, from its vocabulary without special tokens, else from 256
    up to `vocabulary`."""

    def __init__(self, tokenizer: Any, vocabulary: int = DEFAULT_VOCABULARY) -> None:
        if vocabulary <= _FIRST_ID:
            raise ValueError(f"vocab must be above {_FIRST_ID}, not {vocabulary}")
        self.tokenizer = tokenizer
        if tokenizer is None:
            self._ids = np.arange(_FIRST_ID, vocabulary, dtype=np.int64)
        else:
            self._ids = tokenizer.plain_ids

    def draw(self, count: int, *seeds: int) -> npt.NDArray[np.int64]:
        """`count` ids, shape (count,). Equal seeds give equal ids."""
        generator = np.random.Generator(np.random.PCG64(seeds))
        return self._ids[generator.integers(len(self._ids), size=count)]

    def content(self, ids: npt.NDArray[np.int64], *seeds: int) -> str | npt.NDArray[np.int64]:
        """What is sent for token ids: the ids, or with a tokenizer a text of as many tokens."""
        return ids if self.tokenizer is None else self._text(ids, *seeds)

    def _text(self, ids: npt.NDArray[np.int64], *seeds: int) -> str:
        """A text that begins as `ids` do and is encoded as equally many tokens, if one is found:
        the text of ids may be encoded as others. `count` of the tokenizer says whether it was."""
        text = self.tokenizer.text(ids)
        for round_number in range(_MOST_ROUNDS):
            found = self.tokenizer.ids(text)
            if len(found) == len(ids):
                break
            missing = len(ids) - len(found)
            if missing > 0:
                found += self.draw(missing, *seeds, round_number).tolist()
            text = self.tokenizer.text(found[: len(ids)])
        return str(text)
