"""The data sets of MLPerf Inference's language models, as its reference implementations read them.

Pickled frames of pandas have `tok_input` (token ids), or `input` or `text_input` (texts); JSON has
a list of objects with the same members; parquet has the same columns. `convert_dataset` makes an
.npz file of any of them, which is read without running code and without pandas.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..request import Request
from .dataset import Dataset, Source, at_place, read_bytes, refuse

_TOKENS = ("tok_input", "input_tokens", "token_ids")
_TEXTS = ("input", "text_input", "prompt")
_KNOWN = ", ".join(_TOKENS + _TEXTS)
_PICKLES = (".pkl", ".pickle")


def read_mlperf(source: Source) -> Dataset:
    """A file of .pkl or .pickle (only with `allow_pickle`: a pickle can run code), .json, .parquet
    or .npz. Each row is a prompt, as token ids where the file has them."""
    suffixes = [suffix.lower() for suffix in source.path.suffixes]
    if ".npz" in suffixes:
        return _of_prompts(source, _npz(source.path))
    if ".json" in suffixes:
        return _of_prompts(source, _json(source.path))
    if ".parquet" in suffixes:
        return _of_prompts(source, _frame(source.path, "read_parquet"))
    if any(suffix in _PICKLES for suffix in suffixes):
        if not source.allow_pickle:
            raise refuse(
                source.path,
                "",
                "it is a pickle, which can run any code when it is read; if you trust it, give "
                "allow_pickle, or make an .npz file of it once with convert_dataset",
            )
        return _of_prompts(source, _frame(source.path, "read_pickle"))
    raise refuse(source.path, "", "it is none of .pkl, .pickle, .json, .parquet and .npz")


def convert_dataset(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, allow_pickle: bool = False
) -> int:
    """Writes the prompts of a data set of MLPerf to an .npz file, and returns how many it has.

    The file has `ids` (int32, all prompts one after the other) and `ends` (int64, shape (n,)), or
    `texts` (UTF-8 bytes, uint8) and `ends`. `allow_pickle`: `source` may be a pickle, which can run
    any code. Raises DatasetError as `Prompts` does, and ValueError if `target` is no .npz file.
    """
    if Path(target).suffix != ".npz":
        raise ValueError(f"target must end in .npz, not {os.fspath(target)!r}")
    rows = read_mlperf(Source(Path(source), allow_pickle=allow_pickle)).rows
    requests = [rows[index] for index in range(len(rows))]
    parts: list[Any] = []
    for request in requests:
        if request.kind == "token_ids":
            parts.append(np.asarray(request.content, np.int32))
        else:
            parts.append(np.frombuffer(str(request.content).encode(), np.uint8))
    name = "ids" if requests[0].kind == "token_ids" else "texts"
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    arrays: dict[str, Any] = {name: np.concatenate(parts), "ends": ends}
    np.savez(os.fspath(target), **arrays)
    return len(requests)


def _of_prompts(source: Source, prompts: Sequence[Any]) -> Dataset:
    requests = []
    for number, prompt in enumerate(prompts):
        content = np.asarray(prompt) if isinstance(prompt, (list, tuple)) else prompt
        if isinstance(content, np.ndarray):
            content = content.reshape(-1)  # Some files have shape (1, n).
        with at_place(source.path, f"row {number}"):
            requests.append(Request(content))
    if not requests:
        raise refuse(source.path, "", "it has no rows")
    if len({request.kind for request in requests}) > 1:
        raise refuse(source.path, "", "some rows are texts and others token ids")
    return Dataset(requests)


def _npz(path: Path) -> list[Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            ends = file["ends"]
            ids = file["ids"] if "ids" in file.files else file["texts"]
            is_text = "ids" not in file.files
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise refuse(path, "", f"it is no file of convert_dataset: {error}") from None
    parts = np.split(ids, ends[:-1])
    return [part.tobytes().decode() for part in parts] if is_text else list(parts)


def _json(path: Path) -> list[Any]:
    try:
        rows = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise refuse(path, "", f"it is no JSON ({error})") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise refuse(path, "", f"it must be a JSON list of objects with one of {_KNOWN}")
    if not rows:
        raise refuse(path, "", "it has no rows")
    name = _column(path, rows[0])
    for number, row in enumerate(rows):
        if name not in row:
            raise refuse(path, f"row {number}", f"it has no {name}, as the rows before it have")
    return [row[name] for row in rows]


def _frame(path: Path, read: str) -> list[Any]:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{path} needs pandas, and pyarrow if it is parquet: pip install pandas pyarrow"
        ) from error
    try:
        frame = getattr(pandas, read)(path)
        columns = list(frame.columns)
    except ImportError:
        raise
    except Exception as error:  # Of any kind: a pickle runs code.
        raise refuse(path, "", f"it cannot be read by pandas: {error}") from None
    return list(frame[_column(path, columns)])


def _column(path: Path, names: Any) -> str:
    """The first of the known names. Raises DatasetError."""
    found = next((name for name in _TOKENS + _TEXTS if name in names), None)
    if found is None:
        there = ", ".join(map(str, list(names)[:12]))
        raise refuse(path, "", f"it has none of {_KNOWN}, but {there}")
    return found
