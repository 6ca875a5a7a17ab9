"""What `compare` gives its caller: the findings, and the same in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .findings import Findings
from .text import comparison_text, summary_text


@dataclass(frozen=True)
class Comparison(Findings):
    """What `compare` found; print it for the whole."""

    @property
    def summary(self) -> str:
        """The outcome in a line, with its numbers."""
        return summary_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists and numbers, with outcome and summary."""
        return asdict(self) | {"outcome": self.outcome, "summary": self.summary}

    def __str__(self) -> str:
        return comparison_text(self)
