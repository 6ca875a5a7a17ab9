"""The functions of _compress make the worked numbers of tests/golden/compression, on each path of
instructions that the processor has.

Method: all rows; codes, streams and restored weights to the bit.
"""

import compress_golden as golden
import numpy as np
import pytest

from mlperf_loadgen import _compress

pytestmark = pytest.mark.usefixtures("cpu_path")


def test_codes_are_packed():
    for row in golden.rows("pack"):
        codes, stream = golden.codes(row["values"], row["bits"]), golden.stream(row["bytes"])
        assert np.array_equal(_compress.pack(codes, row["bits"]), stream)
        unpacked = _compress.unpack(stream, row["bits"], len(codes))
        assert unpacked.dtype == codes.dtype
        assert np.array_equal(unpacked, codes)


def test_one_range_is_quantized():
    for row in golden.rows("quantize"):
        weights, bits = golden.floats(row["weights"]), row["bits"]
        codes, restored = golden.codes(row["codes"], bits), golden.floats(row["restored"])
        ranges, non_finite_count = _compress.ranges(weights, 0)
        assert non_finite_count == 0
        assert np.array_equal(ranges, np.array([[row["lo"], row["hi"]]], np.float32))
        quantized = _compress.quantize(weights, bits, ranges, 0)
        assert quantized.dtype == codes.dtype
        assert np.array_equal(quantized, codes)
        assert golden.same_bits(_compress.dequantize(codes, bits, ranges, 0), restored)


def check_coded(stream, restored, weights, functions, *grid):
    """That encode, decode and restored make the stream of the weights, and what it stands for."""
    encode, decode, at_once = functions
    stream, restored = golden.stream(stream), golden.floats(restored)
    assert np.array_equal(encode(weights, *grid), stream)
    assert golden.same_bits(decode(stream, *grid, np.empty_like(weights)), restored)
    assert golden.same_bits(at_once(weights, *grid), restored)
    out = np.empty_like(weights)
    assert at_once(weights, *grid, out) is out
    assert golden.same_bits(out, restored)


def test_ranges_are_quantized():
    functions = _compress.encode, _compress.decode, _compress.restored
    for row in golden.rows("ranges"):
        weights, per_range = golden.floats(row["weights"]), row["range"]
        ranges, _ = _compress.ranges(weights, per_range)
        assert np.array_equal(ranges, np.array(row["ranges"], np.float32))
        grid = row["bits"], ranges, per_range
        check_coded(row["codes"], row["restored"], weights, functions, *grid)


def test_zero_is_a_level():
    functions = _compress.encode_zero, _compress.decode_zero, _compress.restored_zero
    for row in golden.rows("ranges"):
        weights, bits, per_range = golden.floats(row["weights"]), row["bits"], row["range"]
        steps, zeros, _ = _compress.zero_steps(weights, bits, per_range)
        assert golden.same_bits(steps, golden.floats(row["zero_steps"]))
        packed_zeros = _compress.pack(golden.codes(zeros, bits), bits)
        assert np.array_equal(packed_zeros, golden.stream(row["zero_points"]))
        grid = bits, steps, zeros, per_range
        check_coded(row["zero_codes"], row["zero_restored"], weights, functions, *grid)


def test_one_step_is_quantized():
    functions = _compress.encode_lsq, _compress.decode_lsq, _compress.restored_lsq
    for row in golden.rows("lsq"):
        weights = np.array(row["weights"], np.float32)
        grid = row["bits"], row["step"]
        check_coded(row["packed"], row["restored"], weights, functions, *grid)
