"""The files of a sweep: JSON, which is read back, and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .. import _core
from .curve import Curve, SweepMetrics

_FORMAT = "mlperf_loadgen sweep 1"


def write_json(curve: Curve, path: str | os.PathLike[str]) -> None:
    """Writes everything to a file, for `read_json`. An existing file is replaced in one step."""
    values = {
        "format": _FORMAT,
        "parameter": curve.parameter,
        "sut_name": curve.sut_name,
        "settings": {
            name: getattr(value, "name", value) for name, value in curve.settings.to_dict().items()
        },
        "points": [asdict(point) for point in curve.points],
    }
    _replace(path, json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(curve: Curve, path: str | os.PathLike[str]) -> None:
    """Writes `points`: a line for each run, a column for each field; None is an empty cell."""
    columns = ["value", "repeat", "valid", *(f.name for f in fields(SweepMetrics))]
    columns += ["reasons", "logs", "cautions"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for point in curve.points:
        texts = {"reasons": "; ".join(point.reasons), "cautions": " ".join(point.cautions)}
        writer.writerow(asdict(point) | texts)
    _replace(path, text.getvalue())


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the fields of the curve that `write_json` wrote, each point as its fields.

    Raises OSError if the file cannot be read, and ValueError if it does not hold a sweep.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        if values["format"] != _FORMAT:
            raise ValueError(f"its format is {values['format']!r}, not {_FORMAT!r}")
        return {
            "parameter": values["parameter"],
            "settings": _settings(values["settings"]),
            "sut_name": values["sut_name"],
            "points": [_point(point) for point in values["points"]],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise no_sweep(path, error) from error


def no_sweep(path: str | os.PathLike[str], error: Exception) -> ValueError:
    """The exception for a file that does not hold a sweep."""
    return ValueError(f"{os.fspath(path)} is no sweep as Sweep.to_json writes it: {error!r}")


def _point(values: dict[str, Any]) -> dict[str, Any]:
    """From JSON, which has no tuples; that of older versions has no cautions."""
    return values | {name: tuple(values.get(name, ())) for name in ("reasons", "cautions")}


def _settings(values: dict[str, Any]) -> _core.TestSettings:
    defaults = _core.TestSettings().to_dict()
    restored = dict(values)
    for name, value in values.items():
        members = getattr(type(defaults.get(name)), "__members__", None)
        if members is not None:
            restored[name] = members[value]
    return _core.TestSettings.from_dict(restored)


def _replace(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file whole or not at all, for an interrupt may come at any time."""
    unfinished = Path(f"{os.fspath(path)}.unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="")
    unfinished.replace(path)
