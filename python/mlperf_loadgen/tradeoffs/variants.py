"""Variants of a model by their words, such as `fp32`, `int8`, `uniform:4/32` and `diffq:5@onnx`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

TORCH: Literal["torch"] = "torch"
ONNX: Literal["onnx"] = "onnx"

_WORD = re.compile(r"(?P<method>[a-z0-9]+)(:(?P<number>[^/@]+))?(/(?P<range>[^@]+))?(@(?P<on>.+))?")
_HELP = (
    "variants are fp32, int8, int4, uniform:BITS, qat:BITS, lsq:BITS and diffq:PENALTY; uniform "
    "and qat may add /channel or /N, weights a range, and all but int8 and int4 may end in @onnx"
)


@dataclass(frozen=True)
class ModelVariant:
    """How a model is compressed, and what runs it."""

    word: str
    method: Literal["fp32", "uniform", "qat", "lsq", "diffq"]
    bits: int = 0
    """The bits of a weight; 0: the method has none, or learns them."""
    range: Literal["tensor", "channel"] | int = "tensor"
    """The weights that share a least and a greatest level."""
    penalty: float = 0.0
    """What a MB (2^20 bytes) of size costs in the loss."""
    runtime: Literal["torch", "onnx"] = TORCH
    kernels: Literal["float", "int8", "int4"] = "float"

    @property
    def trains(self) -> bool:
        """Whether the model is trained after it was made."""
        return self.method in ("qat", "lsq", "diffq")

    @property
    def kind(self) -> str:
        """What is gained: "kernels", "storage", or nothing."""
        if self.kernels != "float":
            return "kernels"
        return "" if self.method == "fp32" else "storage"


_INTEGER_KERNELS = {
    "int8": ModelVariant("int8", "uniform", 8, "channel", runtime=ONNX, kernels="int8"),
    "int4": ModelVariant("int4", "uniform", 4, 32, runtime=ONNX, kernels="int4"),
}


def variant_of(word: str) -> ModelVariant:
    """The variant that a word names. Raises ValueError for a word that names none."""
    if word in _INTEGER_KERNELS:
        return _INTEGER_KERNELS[word]
    parts = _WORD.fullmatch(word)
    if parts is None or parts["method"] not in _READERS:
        raise _refusal(word, "there is no such method")
    if parts["on"] not in (None, ONNX):
        raise _refusal(word, f"it runs on {parts['on']!r}, which is not onnx")
    runtime = ONNX if parts["on"] else TORCH
    return _READERS[parts["method"]](word, parts["number"], parts["range"], runtime)


_Runtime = Literal["torch", "onnx"]


def _plain(word: str, number: str | None, range_: str | None, runtime: _Runtime) -> ModelVariant:
    if number or range_:
        raise _refusal(word, "fp32 takes no number")
    return ModelVariant(word, "fp32", runtime=runtime)


def _uniform(word: str, number: str | None, range_: str | None, runtime: _Runtime) -> ModelVariant:
    bits = _bits(word, number, 1)
    method: Literal["uniform", "qat"] = "qat" if word.startswith("qat") else "uniform"
    if range_ in (None, "tensor"):
        return ModelVariant(word, method, bits, runtime=runtime)
    if range_ == "channel":
        return ModelVariant(word, method, bits, "channel", runtime=runtime)
    if not range_ or not range_.isdecimal() or int(range_) < 1:
        raise _refusal(word, f"{range_!r} is no number of weights")
    return ModelVariant(word, method, bits, int(range_), runtime=runtime)


def _lsq(word: str, number: str | None, range_: str | None, runtime: _Runtime) -> ModelVariant:
    if range_:
        raise _refusal(word, "lsq has a step for each tensor")
    return ModelVariant(word, "lsq", _bits(word, number, 2), runtime=runtime)


def _diffq(word: str, number: str | None, range_: str | None, runtime: _Runtime) -> ModelVariant:
    if range_:
        raise _refusal(word, "diffq has a range for each tensor")
    try:
        penalty = float(number or "")
    except ValueError:
        penalty = -1.0
    if not 0 <= penalty < float("inf"):
        raise _refusal(word, "it needs a penalty, a number of at least 0")
    return ModelVariant(word, "diffq", penalty=penalty, runtime=runtime)


_READERS: dict[str, Callable[[str, str | None, str | None, _Runtime], ModelVariant]] = {
    "fp32": _plain,
    "uniform": _uniform,
    "qat": _uniform,
    "lsq": _lsq,
    "diffq": _diffq,
}


def _bits(word: str, number: str | None, least: int) -> int:
    if number is None or not number.isdecimal() or not least <= int(number) <= 16:
        raise _refusal(word, f"it needs a whole number of bits, {least} to 16")
    return int(number)


def _refusal(word: str, why: str) -> ValueError:
    return ValueError(f"variant {word!r}: {why}; {_HELP}")
