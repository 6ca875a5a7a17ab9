"""Packages that only some fields need."""

from __future__ import annotations

import importlib
from typing import Any


def optional(module: str, what: str) -> Any:
    """The module, or an error that says what needs it and how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} needs {module.partition('.')[0]}: pip install 'mlperf_loadgen[data]'."
        ) from error
