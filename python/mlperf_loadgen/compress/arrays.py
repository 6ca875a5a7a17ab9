"""Arrays of weights as codes of a few bits, and codes as bit streams, with NumPy alone."""

from __future__ import annotations

import operator
from typing import SupportsFloat

import numpy as np
import numpy.typing as npt

from .. import _compress
from .bits import whole_bits

Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""uint8 up to 8 bits, else uint16."""

_GREATEST = float(np.finfo(np.float32).max)


def quantize(
    array: npt.NDArray[np.floating], bits: SupportsFloat
) -> tuple[Codes, tuple[float, float]]:
    """The weights of an array as codes of 1 to 16 bits, and their range (lo, hi).

    `array` is float32 or float16, of any shape; the codes have its shape, and are uint8 up to 8
    bits, else uint16. Code c stands for lo + c * (hi - lo) / (2^bits - 1), the level nearest to the
    weight; halves go to the even code. Raises ValueError if the array has no elements, or some that
    are NaN or infinite.
    """
    bits = whole_bits(bits)
    weights = _weights(array)
    if weights.size == 0:
        raise ValueError("array: it has no elements, so there is no range to quantize to")
    ranges, non_finite_count = _compress.ranges(weights, 0)
    if non_finite_count:
        raise ValueError(
            f"array: {non_finite_count} of its {weights.size} elements are NaN or infinite;"
            " only finite ones have a code"
        )
    codes = _compress.quantize(weights, bits, ranges, 0).reshape(np.shape(array))
    return codes, (float(ranges[0, 0]), float(ranges[0, 1]))


def dequantize(
    codes: Codes, bits: SupportsFloat, range: tuple[float, float]
) -> npt.NDArray[np.float32]:
    """The weights that codes of `quantize` stand for, float32 in the shape of the codes. They are
    within half a step of those that were quantized. Raises ValueError for codes of another type
    or of more bits, and for a range (lo, hi) that is none."""
    bits = whole_bits(bits)
    flat = _codes(codes, bits)
    _check_codes(flat, bits)
    lo, hi = (float(end) for end in range)
    if not (-_GREATEST <= lo <= hi <= _GREATEST):
        raise ValueError(f"range={range!r}: it must be (lo, hi), both finite float32 and lo <= hi")
    ranges = np.array([[lo, hi]], np.float32)
    return _compress.dequantize(flat, bits, ranges, 0).reshape(np.shape(codes))


def pack(codes: npt.NDArray[np.integer], bits: SupportsFloat) -> npt.NDArray[np.uint8]:
    """Codes of 1 to 16 bits as one little-endian bit stream, uint8 of ceil(n * bits / 8) bytes.

    Code i is in bits i * bits to i * bits + bits - 1, counted from the lowest bit of the first
    byte. `codes` has any shape and type of integers. Raises ValueError for a code below 0 or of
    more than `bits` bits.
    """
    bits = whole_bits(bits)
    return _compress.pack(_codes(codes, bits), bits)


def unpack(
    data: bytes | bytearray | memoryview | npt.NDArray[np.uint8], bits: SupportsFloat, count: int
) -> Codes:
    """`count` codes of a bit stream that `pack` made: uint8 up to 8 bits, else uint16, of shape
    [count]. Raises ValueError if the stream has another number of bytes than they need."""
    stream = data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
    return _compress.unpack(np.ascontiguousarray(stream), whole_bits(bits), operator.index(count))


def _weights(array: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """The elements in memory order, as float32."""
    kind = np.asarray(array).dtype
    if kind not in (np.float32, np.float16):
        raise ValueError(
            f"array: its dtype is {kind}, but must be float32 or float16; convert it with"
            " array.astype(numpy.float32)"
        )
    return np.ascontiguousarray(array, np.float32).reshape(-1)


def _codes(codes: npt.NDArray[np.integer], bits: int) -> Codes:
    """The codes in memory order, in the type that such codes have."""
    wanted = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    flat = np.ascontiguousarray(codes).reshape(-1)
    if flat.dtype == wanted:
        return flat
    if flat.dtype.kind not in "iu":
        raise ValueError(f"codes: their dtype is {flat.dtype}, but must be one of integers")
    _check_codes(flat, bits)
    return flat.astype(wanted)


def _check_codes(codes: npt.NDArray[np.integer], bits: int) -> None:
    if codes.size == 0:
        return
    for code in (codes.min(), codes.max()):
        if not 0 <= code < 2**bits:
            raise ValueError(f"codes: {code} is no code of {bits} bits: 0 to {2**bits - 1}")
