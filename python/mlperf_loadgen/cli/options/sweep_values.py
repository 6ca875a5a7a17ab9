"""Values of a sweep as text: `100,200,400`, or a range with a number of steps, `100:1000:10`."""

from __future__ import annotations

from ..show.outcome import Mistake

_MOST = 10_000


def sweep_values(text: str, *, geometric: bool) -> list[float]:
    """The numbers. Ranges include both ends; between whole ones the values are whole."""
    values: list[float] = []
    for part in text.split(","):
        words = part.split(":")
        if len(words) == 1:
            values.append(_number(words[0], text))
        elif len(words) == 3:
            values += _range(words, text, geometric)
        else:
            raise _refusal(text, f"{part!r} is neither a number nor start:stop:count")
    return values


def _range(words: list[str], text: str, geometric: bool) -> list[float]:
    start, stop, count = (_number(word, text) for word in words)
    if not 2 <= count <= _MOST or count != int(count):
        raise _refusal(text, f"the count of a range is 2 to {_MOST}, not {words[2]}")
    if geometric and not start * stop > 0:
        raise _refusal(text, "a geometric range needs ends above 0")
    n = int(count) - 1
    if geometric:
        values = [start * (stop / start) ** (i / n) for i in range(n)] + [stop]
    else:
        values = [start + (stop - start) * i / n for i in range(n)] + [stop]
    whole = start.is_integer() and stop.is_integer() and abs(stop - start) >= n
    return [float(round(value)) if whole else float(f"{value:.6g}") for value in values]


def _number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise _refusal(text, f"{word!r} is no number") from None


def _refusal(text: str, why: str) -> Mistake:
    return Mistake(f"--values {text}: {why}; write 100,200,400 or 100:1000:10")
