"""Files of states, in the format safetensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from .arrays_file import Array, file_size_bytes, read_arrays, write_arrays
from .state import FORMAT, array_of, check_state

_TEXTS = ("format", "version", "plan", "plan_crc32")


def save(state: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes a state that `get_quantized_state` gave to a file.

    Who reads at the same time sees the old file or the new one. ValueError: it is no state, or it
    is damaged.
    """
    check_state(state)
    write_arrays(path, _texts(state), _arrays(state))


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state in a file that `save` wrote.

    ValueError: it is another file, of a newer version, cut short, longer than it says, or damaged.
    """
    texts, arrays = read_arrays(path)
    if texts.get("format") != FORMAT:
        raise ValueError(
            f"The file {os.fspath(path)} holds no compressed model: its format is"
            f" {texts.get('format')!r}; it must be {FORMAT!r}."
        )
    state = {
        "format": FORMAT,
        "version": _whole(texts.get("version")),
        "plan": texts.get("plan"),
        "plan_crc32": _whole(texts.get("plan_crc32")),
        "tensors": {name: _tensor(array) for name, array in arrays.items()},
    }
    try:
        check_state(state)
    except ValueError as error:
        raise ValueError(f"The file {os.fspath(path)} cannot be used: {error}") from error
    return state


def file_bytes(state: Mapping[str, Any]) -> int:
    """Bytes of the file that `save` writes."""
    return file_size_bytes(_texts(state), _arrays(state))


def _texts(state: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(state[key]) for key in _TEXTS}


def _arrays(state: Mapping[str, Any]) -> dict[str, Array]:
    return {name: array_of(name, tensor) for name, tensor in state["tensors"].items()}


def _whole(text: str | None) -> int | str | None:
    """The number that a text holds; what is none is left for the check of the state."""
    return int(text) if text is not None and text.isdecimal() and text.isascii() else text


def _tensor(array: Array) -> torch.Tensor:
    dtype: torch.dtype = getattr(torch, array.form.dtype)
    if not array.data:
        return torch.empty(array.form.shape, dtype=dtype)
    flat = torch.frombuffer(array.data, dtype=torch.uint8)
    if flat.data_ptr() % dtype.itemsize:
        flat = flat.clone()  # Arrays follow each other without gaps.
    return flat.view(dtype).view(array.form.shape)
