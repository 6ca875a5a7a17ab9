"""Where a log of a system's own lies: beside the load generator's, with the same affixes."""

from __future__ import annotations

import os
from pathlib import Path

from .. import _core


def path_beside(logs: _core.LogPaths, name: str, extension: str) -> Path:
    """The path of a log such as "network" with the extension ".json"."""
    summary, detail = Path(logs.summary), Path(logs.detail)
    # Whatever it contains, the names differ behind it.
    prefix = os.path.commonprefix([summary.name, detail.name])  # noqa: RUF071
    suffix = summary.stem.removeprefix(f"{prefix}summary")
    return summary.with_name(f"{prefix}{name}{suffix}{extension}")
