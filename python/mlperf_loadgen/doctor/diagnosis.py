"""The result that `examine` returns: what was measured, and what that means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .concerns import Concern
from .measured import Measured
from .text import diagnosis_text


@dataclass(frozen=True)
class Diagnosis(Measured):
    """The result of `examine`; print it to see everything."""

    warnings: tuple[Concern, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists and numbers."""
        trusted_qps = None if self.trusted is None else self.trusted.qps
        return asdict(self) | {"trusted_qps": trusted_qps}

    def __str__(self) -> str:
        return diagnosis_text(self, self.warnings)
