from typing import Literal

import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]
_Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_Floats = npt.NDArray[np.float32]
_Path = Literal["avx512", "avx2", "portable"]
_Noise = Literal["gaussian", "uniform"]

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

def restored_lsq(
    weights: _Floats, bits: int, step: float, out: _Floats | None = None
) -> tuple[_Floats, int]:
    """The weights as multiples of the step, as `decode_lsq` makes them of `encode_lsq`; and how
    many weights are not finite, in which case the others mean nothing."""

def lsq_gradients(
    weights: _Floats, upstream: _Floats, bits: int, step: float, out: _Floats | None = None
) -> tuple[_Floats, float]:
    """The gradients of `restored_lsq` for the gradient of its result: by the weights, which is
    `upstream` itself if no weight was clipped, else in `out` if there is one; and by the step,
    which is not yet divided by sqrt(n P)."""

def encode_groups(weights: _Floats, group: int, widths: _Bytes, lo: float, hi: float) -> _Bytes:
    """A bit stream for each width that occurs, ascending, each from a byte boundary. `group`
    consecutive weights share a width, the last ones fewer (0: all)."""

def decode_groups(
    stream: _Bytes, group: int, widths: _Bytes, lo: float, hi: float, out: _Floats
) -> _Floats:
    """Fills `out` with the weights of such streams."""

def restored_groups(
    weights: _Floats,
    group: int,
    widths: _Bytes,
    lo: float,
    hi: float,
    out: _Floats | None = None,
) -> _Floats:
    """What `decode_groups` makes of what `encode_groups` makes of the weights."""

def noise_table(kind: _Noise) -> _Floats:
    """The 256 values of the noise, in steps: float32 of standard deviation 0.5 ("gaussian"),
    or (k - 127.5) / 256 ("uniform")."""

def noise(key: int, count: int, kind: _Noise) -> _Floats:
    """The noise of a training step, in steps: value i is that of byte i % 8 of word i / 8 of a
    splitmix64 generator that begins at `key`."""

def noisy(
    weights: _Floats,
    group: int,
    steps: _Floats,
    key: int,
    kind: _Noise,
    out: _Floats | None = None,
) -> _Floats:
    """Weight i plus steps[i / group] * noise[i] (group 0: steps[0]), in `out` if there is one."""

def noise_sums(
    upstream: _Floats, group: int, key: int, kind: _Noise, copy: _Floats | None = None
) -> _Floats:
    """The sum of upstream[i] * noise[i] over each group; `copy` becomes a copy of `upstream` in the
    same pass."""

def group_steps(
    logits: _Floats, min_bits: float, max_bits: float, span: float, out: _Floats | None = None
) -> _Floats:
    """The step span / (2^b - 1) of each group, b = min_bits + (max_bits - min_bits) *
    sigmoid(logit)."""

def group_gradients(
    logits: _Floats,
    sums: _Floats,
    min_bits: float,
    max_bits: float,
    span: float,
    out: _Floats | None = None,
) -> tuple[_Floats, float]:
    """The gradients of noisy weights whose `noise_sums` are `sums`: by the logits, in `out` if
    there is one, and by the span, which is the sum of sums[k] / (2^b_k - 1)."""

def soft_bits(logits: _Floats, min_bits: float, max_bits: float, group: int, count: int) -> float:
    """The sum over groups of the number of its weights times its b, for `count` weights."""

def soft_bits_gradient(
    logits: _Floats,
    min_bits: float,
    max_bits: float,
    group: int,
    count: int,
    scale: float,
    out: _Floats | None = None,
) -> _Floats:
    """The gradient of `soft_bits` by the logits, times `scale`."""
