"""The ways in which bytes can move, and whether this machine has them."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _transfer


@dataclass(frozen=True)
class Provider:
    """A way in which bytes of reads and writes move."""

    name: str
    """"shm", "tcp", "verbs", "efa" or "cuda"."""
    usable: bool
    """Whether this process can use it here."""
    why: str
    """Why it is not usable; empty where it is."""
    version: str
    """Of the library behind it; empty where there is none."""
    tested: str
    """"on hardware", "in emulation" or "never": what this release was tried on."""


def providers() -> tuple[Provider, ...]:
    """All providers in the order in which they are chosen, usable or not."""
    return tuple(Provider(*row) for row in _transfer.providers())
