"""The number of bits of a code."""

from __future__ import annotations

import numbers
from typing import SupportsFloat

MAX_BITS = 16
"""No code has more bits."""


def whole_bits(bits: SupportsFloat, least: int = 1) -> int:
    """The number of bits as an int: 8 and 8.0 are one. Raises ValueError for anything that is no
    whole number from `least` to 16."""
    is_number = isinstance(bits, numbers.Real) and not isinstance(bits, bool)
    if is_number and bits in range(least, MAX_BITS + 1):
        return int(float(bits))
    raise ValueError(f"bits={bits!r}: it must be a whole number from {least} to {MAX_BITS}")
