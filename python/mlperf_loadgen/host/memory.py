"""How much memory this process holds."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

_SELF = Path("/proc/self")


@dataclass(frozen=True)
class Resident:
    """The memory of this process that is in the machine's memory, in bytes."""

    now_bytes: int
    peak_bytes: int
    """The most at any time since the start of the process, or since `forget_peak`."""


def read_resident(root: Path = _SELF) -> Resident | None:
    """Reads `root`/status; None where the system does not report it (it is Linux's)."""
    found: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "status").read_text(encoding="ascii", errors="replace").splitlines():
            name, _, text = line.partition(":")
            if name in ("VmRSS", "VmHWM"):
                found[name] = 1024 * int(text.removesuffix("kB"))
    if len(found) < 2:
        return None
    return Resident(found["VmRSS"], found["VmHWM"])


def forget_peak(root: Path = _SELF) -> None:
    """Lets the peak begin anew at what the process holds now, where the system can."""
    with contextlib.suppress(OSError):
        (root / "clear_refs").write_text("5", encoding="ascii")
