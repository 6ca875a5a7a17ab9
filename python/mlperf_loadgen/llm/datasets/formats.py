"""The formats of data sets by name, and which one a file has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .dataset import Reader, read_bytes, refuse
from .json_lines import read_jsonl, read_openai_batch
from .mlperf import read_mlperf
from .random_prompts import read_random
from .sharegpt import read_sharegpt
from .traces import read_azure, read_burstgpt, read_mooncake

READERS: dict[str, Reader] = {
    "jsonl": read_jsonl,
    "openai-batch": read_openai_batch,
    "sharegpt": read_sharegpt,
    "random": read_random,
    "mooncake": read_mooncake,
    "azure": read_azure,
    "burstgpt": read_burstgpt,
    "mlperf": read_mlperf,
}

_OF_MLPERF = (".pkl", ".pickle", ".parquet", ".npz")


def format_of(path: Path) -> str:
    """The name of a file's format, by its ending and by what is in its first row. Raises
    DatasetError if it shows none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if any(suffix in _OF_MLPERF for suffix in suffixes):
        return "mlperf"
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    if suffixes[-1:] == [".csv"]:
        return "burstgpt" if b"Request tokens" in data.split(b"\n")[0] else "azure"
    if data.lstrip()[:1] == b"[":
        return "sharegpt" if b'"conversations"' in data[:1_000_000] else "mlperf"
    if data.lstrip()[:1] == b"{":
        return _of_lines(data.split(b"\n"))
    known = ", ".join(READERS)
    raise refuse(path, "", f"its format is not known; give one of {known}, as in {path}:jsonl")


def _of_lines(lines: list[bytes]) -> str:
    """The format of a file with an object a line; a first line that is broken is shown by jsonl."""
    first: Any = None
    try:
        first = json.loads(next(line for line in lines if line.strip()))
    except (ValueError, RecursionError):
        return "jsonl"
    if "body" in first and "custom_id" in first:
        return "openai-batch"
    return "mooncake" if "input_length" in first else "jsonl"
