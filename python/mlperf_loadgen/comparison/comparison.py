"""The result that `compare` returns: the findings, and the same in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .findings import Findings
from .text import comparison_text, summary_text


@dataclass(frozen=True)
class Comparison(Findings):
    """The result of `compare`; print it to see everything."""

    @property
    def summary(self) -> str:
        """The outcome in one line, with its numbers."""
        return summary_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists and numbers, with outcome and summary."""
        return asdict(self) | {"outcome": self.outcome, "summary": self.summary}

    def __str__(self) -> str:
        return comparison_text(self)
