"""The folder of a table: a folder for each variant and repeat, from which a killed run goes on."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from .answers import Answers, Flags
from .metrics import Measurement

TABLE = "pareto.json"
TABLE_CSV = "pareto.csv"
MODEL = "model"
"""The folder of a variant's model, beside those of its repeats."""
PREPARED = "prepared.json"
_MEASURED = "measured.json"
_RIGHT = "right.npy"
_ERROR = "error.txt"
_LONGEST = 200
_PLAIN = ":=,+@ "
"""Characters that stay as they are in names of folders, besides letters, digits and _.-~."""


def folder_name(variant: str) -> str:
    """The name of a variant's folder, which no other variant has. Raises ValueError for a variant
    that can have none."""
    name = quote(variant, safe=_PLAIN)
    taken = name in (".", "..", TABLE, TABLE_CSV)
    if taken or not variant.strip() or not variant.isprintable() or len(name) > _LONGEST:
        raise ValueError(
            f"variant {variant!r} cannot be the name of a folder: give it a name of 1 to "
            f"{_LONGEST} printable characters that is not ., .., {TABLE} or {TABLE_CSV}"
        )
    return name


def variant_folder(root: Path, variant: str) -> Path:
    """The folder of a variant."""
    return root / folder_name(variant)


def repeat_folder(variant: Path, repeat: int) -> Path:
    """The folder of a repeat in that of its variant, counted from 0."""
    return variant / f"repeat_{repeat}"


def forget(root: Path) -> None:
    """Removes what says that something was done."""
    for done in (*root.glob(f"*/repeat_*/{_MEASURED}"), *root.glob(f"*/{MODEL}/{PREPARED}")):
        done.unlink()


def write_measured(folder: Path, measurement: Measurement, answers: Answers) -> None:
    """Keeps what a process measured. The last of its files makes it complete."""
    if answers.right is not None:
        np.save(folder / _RIGHT, answers.right)
    replace_file(folder / _MEASURED, to_json(asdict(measurement)))


def read_measured(folder: Path) -> tuple[Measurement, Flags | None] | None:
    """What a process measured and which samples were answered right; None: it did not get that far.

    Raises ValueError for files that `write_measured` did not write.
    """
    try:
        text = (folder / _MEASURED).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        measurement = Measurement(**with_tuples(json.loads(text)))
        right = np.load(folder / _RIGHT) if measurement.judged else None
    except (AttributeError, OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder} does not hold what was measured of a system: {error}; remove the folder"
        ) from error
    return measurement, right


def write_error(folder: Path, text: str) -> None:
    """Keeps the traceback of a process that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _ERROR, text)


def to_json(values: dict[str, Any]) -> str:
    """The text of a JSON file."""
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def replace_file(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file whole or not at all, for an interrupt may come at any time."""
    unfinished = Path(f"{os.fspath(path)}.unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="")
    unfinished.replace(path)


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a value from JSON, which has no tuples."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
