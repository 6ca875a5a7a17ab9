"""Brace lists of shards: `val-{000000..000019}.tar` stands for twenty names."""

from __future__ import annotations

import re
from string import ascii_letters

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?")
_LETTERS = re.compile(r"([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?\d+))?")
_LITERAL = re.compile(r"(?:\\.|[^{},\\]|\\$)+", re.DOTALL)


_MOST_NAMES = 1_000_000


def expand_braces(text: str) -> list[str]:
    """The names that a brace list stands for, in order; the first list varies slowest.

    `{a..b}` and `{a..b..step}` are ranges of numbers or letters, `{x,y}` are choices, which may
    hold lists themselves; a backslash makes the next character literal.
    """
    parser = _Parser(text)
    names = parser.sequence(stops="}")
    if parser.at < len(text):
        raise parser.unbalanced("}")
    return names


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def unbalanced(self, brace: str) -> ValueError:
        return ValueError(
            f"The shard list {self.text!r} has a {brace!r} without its partner; write \\{brace} if"
            " the name holds one, or give the names as a list."
        )

    def sequence(self, stops: str) -> list[str]:
        """The texts up to one of the characters `stops`, which is not consumed."""
        found = [""]
        while self.at < len(self.text) and self.text[self.at] not in stops:
            pieces = self.piece()
            _check_count(len(found) * len(pieces))
            found = [before + piece for before in found for piece in pieces]
        return found

    def piece(self) -> list[str]:
        if self.text[self.at] == "{":
            return self.braces()
        literal = _LITERAL.match(self.text, self.at)
        piece = literal[0] if literal else self.text[self.at]
        self.at += len(piece)
        return [re.sub(r"\\(.)", r"\1", piece, flags=re.DOTALL)]

    def braces(self) -> list[str]:
        start = self.at + 1
        choices = []
        while self.at < len(self.text) and self.text[self.at] != "}":
            self.at += 1  # The opening brace or a comma.
            choices.append(self.sequence(stops=",}"))
        if self.at == len(self.text):
            raise self.unbalanced("{")
        inside = self.text[start : self.at]
        self.at += 1
        if len(choices) > 1:
            return [name for choice in choices for name in choice]
        return _numbers(inside) or _letters(inside) or [f"{{{name}}}" for name in choices[0]]


def _numbers(inside: str) -> list[str]:
    found = _RANGE.fullmatch(inside)
    if found is None:
        return []
    first, last, step = found.groups()
    digits = [end.lstrip("-") for end in (first, last)]
    padded = any(end.startswith("0") and len(end) > 1 for end in digits)
    width = max(map(len, digits)) if padded else 0
    return [
        f"{'-' if number < 0 else ''}{abs(number):0{width}d}"
        for number in _steps(int(first), int(last), step)
    ]


def _letters(inside: str) -> list[str]:
    found = _LETTERS.fullmatch(inside)
    if found is None:
        return []
    first, last, step = found.groups()
    places = _steps(ascii_letters.index(first), ascii_letters.index(last), step)
    return [ascii_letters[place] for place in places]


def _steps(first: int, last: int, step: str | None) -> range:
    """From `first` to `last`, both included, up or down."""
    size = abs(int(step or 1)) or 1
    _check_count(abs(last - first) // size)
    return range(first, last + 1, size) if first <= last else range(first, last - 1, -size)


def _check_count(count: int) -> None:
    if count > _MOST_NAMES:
        raise ValueError(
            f"A shard list stands for {count} names; {_MOST_NAMES} are the limit. Is a range wrong?"
        )
