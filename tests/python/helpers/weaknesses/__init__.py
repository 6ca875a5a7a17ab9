"""The reference's known weaknesses as a table, and programs that show what happens here instead."""

from . import crashes, hangs, kept, silence  # noqa: F401  They fill the table.
from .table import ROWS

__all__ = ["ROWS"]
