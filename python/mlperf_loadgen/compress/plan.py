"""The plan of a state: JSON that says what its arrays are. A reader ignores keys that it does not
know.

    method   how the weights were quantized
    tensors  the quantized parameters: name, aliases, shape, dtype, kind, and its numbers
    plain    other parameters, and buffers: name, aliases, dtype, buffer
    arrays   dtype and shape of each array
    crc32    the checksum of the bytes of each array
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .arrays_file import Form, check_dtype


@dataclass(frozen=True)
class PlannedTensor:
    """What the plan says of a quantized parameter."""

    name: str
    aliases: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    numbers: Mapping[str, Any]
    """The kind of its grid, and the grid's numbers, by the plan's keys."""

    @property
    def count(self) -> int:
        """How many weights it has."""
        return math.prod(self.shape)

    def array(self, ending: str) -> str:
        """The name of one of its arrays."""
        return f"{self.name}#{ending}"

    def number(self, key: str, least: int, most: int | None = None) -> int:
        """One of the grid's numbers. ValueError: it is none, or not from `least` to `most`."""
        value = self.numbers.get(key)
        if type(value) is not int or value < least or (most is not None and value > most):
            to = "on" if most is None else f"to {most}"
            raise ValueError(
                f"The plan's {key} of the parameter {self.name!r} is {value!r}; it must be a whole"
                f" number from {least} {to}."
            )
        return value


@dataclass(frozen=True)
class PlannedPlain:
    """What the plan says of a parameter that is not quantized, or of a buffer."""

    name: str
    aliases: tuple[str, ...]
    dtype: str
    """The type that the model has it in; its array may be in half precision."""
    buffer: bool


Planned: TypeAlias = PlannedTensor | PlannedPlain


@dataclass(frozen=True)
class Plan:
    """What the arrays of a state are."""

    method: str
    tensors: tuple[PlannedTensor, ...]
    plain: tuple[PlannedPlain, ...]
    arrays: Mapping[str, Form]
    crc32: Mapping[str, int]

    @property
    def entries(self) -> tuple[Planned, ...]:
        """All that has a name in the model."""
        return (*self.tensors, *self.plain)

    def text(self) -> str:
        """The plan as JSON."""
        return json.dumps(
            {
                "method": self.method,
                "tensors": [
                    {**_named(tensor), "shape": list(tensor.shape), **tensor.numbers}
                    for tensor in self.tensors
                ],
                "plain": [
                    {**_named(plain), **({"buffer": True} if plain.buffer else {})}
                    for plain in self.plain
                ],
                "arrays": {
                    name: [form.dtype, list(form.shape)] for name, form in self.arrays.items()
                },
                "crc32": dict(self.crc32),
            },
            separators=(",", ":"),
        )


def _named(entry: Planned) -> dict[str, Any]:
    return {"name": entry.name, "aliases": list(entry.aliases), "dtype": entry.dtype}


def parse_plan(text: str) -> Plan:
    """The plan of this JSON. ValueError: it is none, or it names something twice."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The plan is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError("The plan is not a JSON object.")
    plan = Plan(
        _text(content, "method", "The plan"),
        tuple(_tensor(entry) for entry in _objects(content, "tensors")),
        tuple(_plain(entry) for entry in _objects(content, "plain")),
        {name: _form(name, entry) for name, entry in _object(content, "arrays").items()},
        {name: _checksum(name, entry) for name, entry in _object(content, "crc32").items()},
    )
    _check_names(plan)
    return plan


def _check_names(plan: Plan) -> None:
    seen: set[str] = set()
    for entry in plan.entries:
        for name in (entry.name, *entry.aliases):
            if name in seen:
                raise ValueError(f"The plan names {name!r} twice.")
            seen.add(name)
    odd = set(plan.arrays) ^ set(plan.crc32)
    if odd:
        raise ValueError(
            f"The plan must have both a form and a checksum of the array {min(odd)!r}; it has one."
        )


def _tensor(entry: dict[str, Any]) -> PlannedTensor:
    name = _text(entry, "name", "A tensor of the plan")
    whose = f"The plan's tensor {name!r}"
    known = ("name", "aliases", "shape", "dtype")
    return PlannedTensor(
        name,
        _texts(entry, "aliases", whose),
        _shape(entry.get("shape"), whose),
        _text(entry, "dtype", whose),
        {key: value for key, value in entry.items() if key not in known},
    )


def _plain(entry: dict[str, Any]) -> PlannedPlain:
    name = _text(entry, "name", "A plain tensor of the plan")
    whose = f"The plan's plain tensor {name!r}"
    return PlannedPlain(
        name,
        _texts(entry, "aliases", whose),
        _text(entry, "dtype", whose),
        entry.get("buffer") is True,
    )


def _form(name: str, entry: object) -> Form:
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
        raise ValueError(f"The plan's form of the array {name!r} is not [dtype, shape]: {entry!r}.")
    check_dtype(name, entry[0])
    return Form(entry[0], _shape(entry[1], f"The plan's array {name!r}"))


def _checksum(name: str, entry: object) -> int:
    if type(entry) is not int:
        raise ValueError(
            f"The plan's checksum of the array {name!r} is no whole number: {entry!r}."
        )
    return entry


# ---- Values of JSON ------------------------------------------------------------------------------


def _text(entry: dict[str, Any], key: str, whose: str) -> str:
    found = entry.get(key)
    if not isinstance(found, str):
        raise ValueError(f"{whose} has the {key} {found!r}; it must be text.")
    return found


def _texts(entry: dict[str, Any], key: str, whose: str) -> tuple[str, ...]:
    found = entry.get(key)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError(f"{whose} has the {key} {found!r}; it must be a list of texts.")
    return tuple(found)


def _shape(found: object, whose: str) -> tuple[int, ...]:
    if not isinstance(found, list) or not all(type(item) is int and item >= 0 for item in found):
        raise ValueError(f"{whose} has the shape {found!r}; it must be a list of whole numbers.")
    return tuple(found)


def _object(content: dict[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    if not isinstance(found, dict):
        raise ValueError(f"The plan's {key} is not a JSON object: {found!r}.")
    return found


def _objects(content: dict[str, Any], key: str) -> Iterable[dict[str, Any]]:
    found = content.get(key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError(f"The plan's {key} is not a list of JSON objects.")
    return found
