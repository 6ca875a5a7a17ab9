"""How far this machine can be trusted to measure: `examine`."""

from .diagnosis import Diagnosis
from .examination import examine

__all__ = ["Diagnosis", "examine"]
