"""The functions for arrays: quantize, dequantize, pack, unpack.

Method: worked numbers of tests/golden/compression; arrays of other shapes and types; bad arguments.
"""

import compress_golden as golden
import numpy as np
import pytest

from mlperf_loadgen import compress


def test_worked_numbers():
    for row in golden.rows("quantize"):
        weights, bits = golden.floats(row["weights"]), row["bits"]
        codes, (lo, hi) = compress.quantize(weights, bits)
        assert np.array_equal(codes, row["codes"])
        assert (lo, hi) == (row["lo"], row["hi"])
        assert golden.same_bits(
            compress.dequantize(codes, bits, (lo, hi)), golden.floats(row["restored"])
        )
        packed = compress.pack(codes, bits)
        assert packed.tobytes().hex() == row["packed"]
        assert np.array_equal(compress.unpack(packed, bits, codes.size), codes)


def test_shapes_stay_in_memory_order_of_c():
    weights = np.random.default_rng(1).standard_normal((3, 4, 5)).astype(np.float32)
    codes, ends = compress.quantize(weights.T, 6)
    assert codes.shape == (5, 4, 3)
    assert np.array_equal(codes.T, compress.quantize(weights, 6)[0])
    assert compress.dequantize(codes, 6, ends).shape == (5, 4, 3)
    assert compress.quantize(np.float32(3), 6)[0].shape == ()


def test_half_precision_is_quantized():
    weights = np.linspace(-1, 1, 20).astype(np.float16)
    codes, ends = compress.quantize(weights, 8)
    assert np.array_equal(codes, compress.quantize(weights.astype(np.float32), 8)[0])
    assert ends == (-1, 1)


def test_whole_bits_as_a_float():
    weights = np.linspace(-1, 1, 20, dtype=np.float32)
    assert np.array_equal(compress.quantize(weights, 8.0)[0], compress.quantize(weights, 8)[0])


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", ">i4", "i8"])
def test_codes_of_any_type_of_integers_are_packed(kind):
    codes = np.arange(32).reshape(4, 8)
    assert np.array_equal(compress.pack(codes.astype(kind), 5), compress.pack(codes, 5))
    wanted = compress.pack(codes, 9)
    assert np.array_equal(compress.pack(codes.astype(kind), 9), wanted)
    assert np.array_equal(compress.unpack(wanted.tobytes(), 9, 32), codes.ravel())


WEIGHTS = np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compress.quantize(WEIGHTS, 9.6), "bits=9.6: it must be a whole number from 1 to"),
        (lambda: compress.quantize(WEIGHTS, 0), "bits=0: it must be a whole number from 1 to 16"),
        (lambda: compress.quantize(WEIGHTS, "8b"), "bits='8b': it must be a whole number"),
        (lambda: compress.quantize(WEIGHTS.astype("f8"), 4), "array: its dtype is float64"),
        (lambda: compress.quantize(WEIGHTS[:0], 4), "array: it has no elements"),
        (
            lambda: compress.quantize(np.array([1, np.nan, np.inf], np.float32), 4),
            "array: 2 of its 3 elements are NaN or infinite",
        ),
        (lambda: compress.dequantize(WEIGHTS, 4, (0, 1)), "codes: their dtype is float32"),
        (lambda: compress.dequantize(np.array([3, 16]), 4, (0, 1)), "codes: 16 is no code of 4"),
        (lambda: compress.dequantize(np.array([3]), 4, (1, 0)), r"range=\(1, 0\): it must be"),
        (lambda: compress.dequantize(np.array([3]), 4, (0, np.inf)), r"range=\(0, inf\): it must"),
        (lambda: compress.dequantize(np.array([3]), 4, (0, 1e39)), r"range=\(0, 1e\+39\): it"),
        (lambda: compress.dequantize(np.array([3, 16], "u1"), 4, (0, 1)), "codes: 16 is no code"),
        (lambda: compress.pack(np.array([3, 4], "u1"), 2), "codes: element 1 is 4, which has more"),
        (lambda: compress.pack(np.array([-1, 3]), 2), "codes: -1 is no code of 2 bits: 0 to 3"),
        (lambda: compress.unpack(b"12345", 4, 9.0), "an integer"),
        (lambda: compress.unpack(b"1234", 4, 9), "data: it has 4 elements, but must have 5"),
    ],
)  # fmt: skip
def test_what_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
