"""What the user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message: the nearest of the known words, or nothing."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    if len(word) > 2:
        near = near or [name for name in by_lower if word.lower() in name][:3]
    return f": did you mean {' or '.join(by_lower[name] for name in near)}?" if near else ""


def near_or_all(word: str, known: Iterable[str]) -> str:
    """The nearest of the known words; if none is near, all of them."""
    names = list(known)
    return did_you_mean(word, names) or f"; there are: {', '.join(names)}"
