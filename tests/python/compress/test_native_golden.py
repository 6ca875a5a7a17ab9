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
    def restored(*arguments):
        weights, non_finite_count = _compress.restored_lsq(*arguments)
        assert non_finite_count == 0
        return weights

    functions = _compress.encode_lsq, _compress.decode_lsq, restored
    for row in golden.rows("lsq"):
        weights = np.array(row["weights"], np.float32)
        grid = row["bits"], row["step"]
        check_coded(row["packed"], row["restored"], weights, functions, *grid)


def test_groups_are_quantized():
    functions = _compress.encode_groups, _compress.decode_groups, _compress.restored_groups
    for row in golden.rows("groups"):
        widths = np.array(row["widths"], np.uint8)
        grid = row["group"], widths, row["lo"], row["hi"]
        weights = golden.floats(row["weights"])
        check_coded(row["codes"], row["restored"], weights, functions, *grid)


def near(a, b):
    return np.allclose(a, b, rtol=1e-5, atol=0)


def test_a_gradient_of_which_nothing_is_clipped_is_passed_on():
    weights, upstream = np.array([-4, 3], np.float32), np.array([1, 2], np.float32)
    assert _compress.lsq_gradients(weights, upstream, 3, 1.0)[0] is upstream
    assert _compress.lsq_gradients(weights, upstream, 3, 0.9)[0] is not upstream


def test_gradients_of_a_step():
    for row in golden.rows("lsq"):
        weights, upstream = (np.array(row[n], np.float32) for n in ("weights", "upstream"))
        by_weight, by_step = _compress.lsq_gradients(weights, upstream, row["bits"], row["step"])
        assert near(by_weight, row["gradient_weights"])
        share = np.sqrt(len(weights) * (2 ** (row["bits"] - 1) - 1))
        assert near(by_step / share, row["gradient_step"])


def test_gradients_of_learnt_bits():
    for row in golden.rows("noise"):
        weights, noise, upstream = (np.array(row[n]) for n in ("weights", "noise", "upstream"))
        starts = np.arange(0, len(weights), row["group"] or len(weights))
        sums = np.add.reduceat(upstream * noise, starts).astype(np.float32)
        limits = row["min_bits"], row["max_bits"]
        logits, span = np.array(row["logits"], np.float32), np.ptp(weights)
        steps = _compress.group_steps(logits, *limits, span)
        assert near(steps, span / (2 ** np.array(row["bits"]) - 1))
        by_logit, by_span = _compress.group_gradients(logits, sums, *limits, span)
        assert near(by_logit, row["gradient_logits"])
        upstream[weights.argmax()] += by_span
        upstream[weights.argmin()] -= by_span
        assert near(upstream, row["gradient_weights"])


def test_the_size_of_learnt_bits():
    checked = 0
    for row in golden.rows("sizes"):
        tensor = row["tensors"][0]
        if tensor["kind"] != "diffq":
            continue
        logits = np.array(tensor["logits"], np.float32)
        sizes = tensor["min_bits"], tensor["max_bits"], tensor["group"], tensor["count"]
        bits = tensor["min_bits"] + (tensor["max_bits"] - tensor["min_bits"]) / (
            1 + np.exp(-np.array(tensor["logits"]))
        )
        groups = np.arange(tensor["count"]) // (tensor["group"] or tensor["count"])
        assert abs(_compress.soft_bits(logits, *sizes) / bits[groups].sum() - 1) < 1e-6
        by_logit = _compress.soft_bits_gradient(logits, *sizes, 2.0**-23)
        assert near(by_logit, row["gradient_logits"])
        checked += 1
    assert checked > 5
