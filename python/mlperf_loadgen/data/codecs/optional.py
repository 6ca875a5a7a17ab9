"""Packages that only some fields need."""

from __future__ import annotations

import importlib
from typing import Any

_BY_ITSELF = {"torch": "torch", "paddle": "paddlepaddle"}
"""Too large for the extra `data`: what pip calls them."""


def optional(module: str, what: str) -> Any:
    """The module, or an error that says what needs it and how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        install = _BY_ITSELF.get(package, "'mlperf_loadgen[data]'")
        raise ImportError(f"{what} needs {package}: pip install {install}.") from error
