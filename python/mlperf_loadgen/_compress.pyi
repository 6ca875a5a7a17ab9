from typing import Literal

import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]
_Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_Floats = npt.NDArray[np.float32]
_Path = Literal["avx512", "avx2", "portable"]

def cpu_path() -> _Path:
    """The instructions that the functions of this module use: the best that the processor has,
    unless `use_cpu_path` chose others."""

def use_cpu_path(path: _Path) -> None:
    """Makes the functions of this module use these instructions, in all threads. ValueError if the
    processor lacks them. Results do not depend on it."""

def pack(codes: _Codes, bits: int) -> _Bytes:
    """The codes as one little-endian bit stream: code i is in bits i * bits to i * bits + bits - 1.
    ValueError for a code of more than `bits` bits."""

def unpack(data: _Bytes, bits: int, count: int) -> _Codes:
    """`count` codes of a bit stream, uint8 up to 8 bits, else uint16. ValueError if the stream has
    another number of bytes."""

def ranges(weights: _Floats, per_range: int) -> tuple[_Floats, int]:
    """(lo, hi) of each `per_range` consecutive weights, the last ones fewer (0: of all), float32 of
    shape [ranges, 2]; and how many weights are not finite, in which case the ranges mean
    nothing."""

def quantize(weights: _Floats, bits: int, ranges: _Floats, per_range: int) -> _Codes:
    """The codes of the weights, uint8 up to 8 bits, else uint16."""

def dequantize(
    codes: _Codes, bits: int, ranges: _Floats, per_range: int, out: _Floats | None = None
) -> _Floats:
    """The weights that the codes stand for, in `out` if there is one."""

def restored(
    weights: _Floats, bits: int, ranges: _Floats, per_range: int, out: _Floats | None = None
) -> _Floats:
    """What `dequantize` makes of what `quantize` makes of the weights; `out` may be `weights`."""

def encode(weights: _Floats, bits: int, ranges: _Floats, per_range: int) -> _Bytes:
    """The codes of the weights as a bit stream."""

def decode(
    stream: _Bytes,
    bits: int,
    ranges: _Floats,
    per_range: int,
    out: _Floats,
) -> _Floats:
    """Fills `out` with the weights of a bit stream, as many as it holds."""

def zero_steps(
    weights: _Floats, bits: int, per_range: int
) -> tuple[_Floats, npt.NDArray[np.uint16], int]:
    """Ranges in which zero is a level: the step and the code of zero of each, and how many weights
    are not finite, in which case the others mean nothing."""

def restored_zero(
    weights: _Floats,
    bits: int,
    steps: _Floats,
    zeros: npt.NDArray[np.uint16],
    per_range: int,
    out: _Floats | None = None,
) -> _Floats:
    """As `restored`, for ranges in which zero is a level."""

def encode_zero(
    weights: _Floats,
    bits: int,
    steps: _Floats,
    zeros: npt.NDArray[np.uint16],
    per_range: int,
) -> _Bytes:
    """As `encode`, for ranges in which zero is a level."""

def decode_zero(
    stream: _Bytes,
    bits: int,
    steps: _Floats,
    zeros: npt.NDArray[np.uint16],
    per_range: int,
    out: _Floats,
) -> _Floats:
    """As `decode`, for ranges in which zero is a level."""

def encode_lsq(weights: _Floats, bits: int, step: float) -> _Bytes:
    """The codes of the weights as a bit stream; the code of zero is 2^(bits - 1)."""

def decode_lsq(stream: _Bytes, bits: int, step: float, out: _Floats) -> _Floats:
    """Fills `out` with the weights of a bit stream."""

def restored_lsq(weights: _Floats, bits: int, step: float, out: _Floats | None = None) -> _Floats:
    """The weights as multiples of the step, as `decode_lsq` makes them of `encode_lsq`."""
