"""Random prompts: `random:in=512,out=128,prefix=0,n=1000`."""

from __future__ import annotations

from ...text.units import share
from ..request import Request
from .dataset import Dataset, DatasetError, Source
from .token_text import DEFAULT_VOCABULARY, TokenSource

_DEFAULTS = {"in": 512, "out": 128, "prefix": 0, "n": 1000, "vocab": DEFAULT_VOCABULARY}
_LEAST = {"in": 1, "out": 1, "prefix": 0, "n": 1, "vocab": 1}
_PREFIX_SEED = 1  # Prompts have (seed, 0, index).


def parse_options(text: str) -> dict[str, int]:
    """The options of "in=512,out=128"; empty for an empty text. Raises ValueError."""
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in _DEFAULTS:
            raise ValueError(
                f"random has no option {name!r}; it has {', '.join(_DEFAULTS)}, as in "
                "random:in=512,out=128,n=1000"
            )
        if not (value.isascii() and value.isdigit()) or int(value) < _LEAST[name]:
            raise ValueError(f"random: {name} must be a number from {_LEAST[name]}, not {value!r}")
        if name in found:
            raise ValueError(f"random: {name} is given twice; leave one of them out")
        found[name] = int(value)
    return found


def read_random(source: Source) -> Dataset:
    """`n` prompts of `in` tokens, with `out` as the limit of the answer's tokens; if that is not
    given, the limit of the source. The first `prefix` tokens are the same in all prompts. Without a
    tokenizer prompts are token ids from 256 up to `vocab`; with one they are texts, and the notes
    say how many have another length."""
    limit = {} if source.max_tokens is None else {"out": source.max_tokens}
    options = _DEFAULTS | limit | source.options
    length, prefix = options["in"], options["prefix"]
    if prefix > length:
        raise DatasetError(
            f"random: prefix={prefix} must be at most in={length}, as the prompt begins with it"
        )
    if source.tokenizer is not None and "vocab" in source.options:
        raise DatasetError(
            "random: vocab is the tokenizer's if there is one; leave one of them out"
        )
    try:
        tokens = TokenSource(source.tokenizer, options["vocab"])
    except ValueError as error:
        raise DatasetError(f"random: {error}") from None
    shared = tokens.draw(prefix, source.seed, _PREFIX_SEED)
    requests = []
    for index in range(options["n"]):
        ids = tokens.draw(length, source.seed, 0, index)
        ids[:prefix] = shared
        content = tokens.content(ids, source.seed, 0, index)
        requests.append(Request(content, options["out"], f"random {index}"))
    if source.tokenizer is None:
        return Dataset(requests)
    others = sum(source.tokenizer.count(one.content) != length for one in requests)
    note = f"{share(others / len(requests))} of the texts do not have exactly {length} tokens"
    return Dataset(requests, notes=[note] if others else [])
