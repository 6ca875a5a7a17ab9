"""What this machine can be trusted to measure: `examine`."""

from .examination import Diagnosis, examine

__all__ = ["Diagnosis", "examine"]
