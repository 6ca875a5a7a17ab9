"""The number of bits of a code."""

from __future__ import annotations

from typing import SupportsFloat

MAX_BITS = 16
"""No code has more bits."""


def whole_bits(bits: SupportsFloat, least: int = 1) -> int:
    """The number of bits as an int: 8 and 8.0 are one. Raises ValueError for anything that is no
    whole number from `least` to 16."""
    try:
        number = float(bits)
    except (TypeError, ValueError):
        number = float("nan")
    if number.is_integer() and least <= number <= MAX_BITS:
        return int(number)
    raise ValueError(f"bits={bits!r}: it must be a whole number from {least} to {MAX_BITS}")
