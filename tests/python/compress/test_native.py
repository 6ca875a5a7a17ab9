"""The functions of _compress refuse what they cannot work on, at any size and from any thread give
the same, and leave the interpreter's lock while they work.

Method: bad arguments one by one; arrays of all lengths around those that vectors have, compared
with NumPy in float64 and between paths of instructions; threads that do the same at the same time.
"""

import sys
import threading

import numpy as np
import pytest

from mlperf_loadgen import _compress

WEIGHTS = np.linspace(-1, 2, 50, dtype=np.float32)
RANGES, _ = _compress.ranges(WEIGHTS, 10)
STREAM = _compress.encode(WEIGHTS, 5, RANGES, 10)
STEPS, ZEROS, _ = _compress.zero_steps(WEIGHTS, 5, 10)
WIDTHS = np.array([3, 2, 9, 3, 16], np.uint8)
READ_ONLY = np.empty(50, np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (_compress.pack, ([1, 2], 3), "codes: it is a list, but must be a numpy.ndarray"),
        (_compress.pack, (np.zeros(3), 3), "codes: its dtype is float64, but must be uint8"),
        (_compress.pack, (np.zeros(3, "u1"), 9), "codes: its dtype is uint8, but must be uint16"),
        (_compress.pack, (np.zeros(3, "u1"), 0), "bits=0: it must be a whole number from 1 to 16"),
        (_compress.pack, (np.zeros(3, ">u2"), 9), "codes: its dtype is >u2, but must be uint16"),
        (_compress.pack, (np.zeros(9, "u1")[::2], 3), "codes: it is not contiguous"),
        (_compress.pack, (np.zeros((3, 2), "u1"), 3), r"codes: its shape is \(3, 2\), but it must"),
        (_compress.pack, (np.array([1, 7, 8], "u1"), 3), "codes: element 2 is 8, which has more"),
        (_compress.pack, (np.arange(999, dtype="u2"), 9), "element 512 is 512, which has"),
        (_compress.unpack, (STREAM[:-1], 5, 50), "data: it has 31 elements, but must have 32"),
        (_compress.unpack, (STREAM, 5, -1), "count=-1: it must be 0 or more"),
        (_compress.ranges, (WEIGHTS.astype("f8"), 0), "weights: its dtype is float64"),
        (_compress.ranges, (WEIGHTS, -1), "per_range=-1: it must be 0, for all weights, or more"),
        (_compress.quantize, (WEIGHTS, 17, RANGES, 10), "bits=17: it must be a whole number"),
        (_compress.quantize, (WEIGHTS, 5, RANGES, 9), r"ranges: .* must be \(6, 2\)"),
        (_compress.quantize, (WEIGHTS, 5, RANGES.T.copy(), 10), r"must be \(5, 2\)"),
        (_compress.quantize, (WEIGHTS, 5, RANGES.ravel(), 10), "ranges: .* must have 2 dimensions"),
        (_compress.dequantize, (STREAM, 9, RANGES, 10), "codes: its dtype is uint8"),
        (_compress.restored, (WEIGHTS, 5, RANGES, 10, READ_ONLY), "out: it is read-only"),
        (_compress.restored, (WEIGHTS, 5, RANGES, 10, READ_ONLY[1:].copy()), "out: it has 49 el"),
        (_compress.decode, (STREAM, 5, RANGES, 10, None), "out: it is a NoneType"),
        (_compress.decode, (STREAM[1:], 5, RANGES, 10, WEIGHTS.copy()), "stream: it has 31 elem"),
        (_compress.decode, (STREAM, 5, RANGES, 10, READ_ONLY), "out: it is read-only"),
        (_compress.zero_steps, (WEIGHTS, 0, 10), "bits=0"),
        (_compress.encode_zero, (WEIGHTS, 5, STEPS[1:], ZEROS, 10), "steps: it has 4 elements"),
        (_compress.encode_zero, (WEIGHTS, 5, STEPS, ZEROS[1:], 10), "zeros: it has 4 elements"),
        (_compress.encode_zero, (WEIGHTS, 5, STEPS, ZEROS.astype("u1"), 10), "zeros: its dtype is"),
        (_compress.encode_lsq, (WEIGHTS, 1, 0.5), "bits=1: it must be a whole number from 2 to 16"),
        (_compress.encode_lsq, (WEIGHTS, 4, -0.5), "step=-0.5: it must be a finite number above 0"),
        (_compress.encode_lsq, (WEIGHTS, 4, np.nan), "step=nan"),
        (_compress.encode_lsq, (WEIGHTS, 4, 1e39), "step=1e[+]39"),
        (_compress.lsq_gradients, (WEIGHTS, WEIGHTS[1:], 4, 0.5), "upstream: it has 49 elements"),
        (_compress.encode_groups, (WEIGHTS, 10, WIDTHS[1:], -1, 2), "widths: it has 4 elements"),
        (_compress.encode_groups, (WEIGHTS, 10, WIDTHS - 2, -1, 2), "widths: element 1 is 0, but"),
        (_compress.restored_groups, (WEIGHTS, 10, WIDTHS + 1, -1, 2), "widths: element 4 is 17, b"),
        (_compress.restored_groups, (WEIGHTS, -1, WIDTHS, -1, 2), "group=-1: it must be 0, for"),
        (_compress.decode_groups, (STREAM, 10, WIDTHS, -1, 2, WEIGHTS.copy()), "stream: it has 32"),
        (_compress.noise, (0, 8, "normal"), 'kind="normal": it must be "gaussian" or "uniform"'),
        (_compress.noise, (0, -8, "uniform"), "count=-8: it must be 0 or more"),
        (_compress.noisy, (WEIGHTS, 10, STEPS[1:], 0, "uniform"), "steps: it has 4 elements"),
        (_compress.group_steps, (STEPS, 0.5, 8, 1.0), "min_bits=0.5, max_bits=8.0: they must be"),
        (_compress.group_steps, (STEPS, 8, 8, 1.0), "must be 1 <= min_bits < max_bits <= 16"),
        (_compress.group_gradients, (STEPS, STEPS[1:], 2, 8, 1.0), "sums: it has 4 elements"),
        (_compress.soft_bits, (STEPS, 2, 8, 10, 51), "logits: it has 5 elements, but must have 6"),
        (_compress.use_cpu_path, ("mmx",), 'path="mmx": this processor has "portable"'),
    ],
)  # fmt: skip
def test_what_is_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


def test_weights_that_are_not_finite_are_counted(cpu_path):
    weights = np.ones(100, np.float32)
    for count, (place, value) in enumerate([(3, np.nan), (99, np.inf), (50, -np.inf)], start=1):
        weights[place] = value
        assert _compress.ranges(weights, 7)[1] == count
        assert _compress.zero_steps(weights, 4, 0)[2] == count
        assert _compress.restored_lsq(weights, 4, 0.5)[1] == count
    huge = np.full(100, 3e38, np.float32)
    assert _compress.ranges(huge, 0)[1] == 0
    assert _compress.restored_lsq(huge, 4, 0.5)[1] == 0


def numpy_codes(weights, bits, lo, hi):
    wide = weights.astype(np.float64)
    top = 2**bits - 1
    return np.clip(np.rint((wide - lo) * (top / (hi - lo))), 0, top)


@pytest.mark.parametrize("bits", [1, 3, 8, 9, 13, 16])
def test_any_length_is_coded(cpu_path, bits):
    random = np.random.default_rng(bits)
    for count in [*range(1, 70), 4095, 4096, 4097, 8200]:
        weights = random.standard_normal(count).astype(np.float32)
        lo, hi = (float(end) for end in _compress.ranges(weights, 0)[0][0])
        assert (lo, hi) == (weights.min(), weights.max())
        ranges = np.array([[lo, hi]], np.float32)
        stream = _compress.encode(weights, bits, ranges, 0)
        codes = _compress.unpack(stream, bits, count)
        if count > 1:
            assert np.array_equal(codes, numpy_codes(weights, bits, lo, hi))
        step = (hi - lo) / (2**bits - 1)
        restored = (lo + codes.astype(np.float64) * step).astype(np.float32)
        assert np.array_equal(_compress.restored(weights, bits, ranges, 0), restored)
        out = np.full(count + 1, 7, np.float32)
        _compress.decode(stream, bits, ranges, 0, out[:count])
        assert np.array_equal(out[:count], restored)
        assert out[count] == 7


@pytest.mark.parametrize("per_range", [1, 2, 7, 8, 9, 31, 32, 100, 5000, 2**62])
def test_ranges_of_any_length(cpu_path, per_range):
    weights = np.random.default_rng(per_range).standard_normal(4999).astype(np.float32)
    ranges, _ = _compress.ranges(weights, per_range)
    starts = range(0, len(weights), per_range)
    parts = [weights[start : start + per_range] for start in starts]
    assert np.array_equal(ranges, [(part.min(), part.max()) for part in parts])
    whole = _compress.restored(weights, 5, ranges, per_range)
    single = [_compress.restored(part, 5, ranges[i : i + 1], 0) for i, part in enumerate(parts)]
    assert np.array_equal(whole, np.concatenate(single))
    stream = _compress.encode(weights, 5, ranges, per_range)
    assert np.array_equal(_compress.decode(stream, 5, ranges, per_range, weights.copy()), whole)


def test_a_range_that_does_not_hold_the_weights_clips_them(cpu_path):
    weights = np.array([-1e30, -1, 0.25, 2, 3e38] * 5, np.float32)
    codes = _compress.quantize(weights, 2, np.array([[0, 1]], np.float32), 0)
    assert codes.tolist() == [0, 0, 1, 3, 3] * 5
    assert _compress.restored_lsq(weights, 2, 1.0)[0].tolist() == [-2, -1, 0, 1, 1] * 5


def test_no_weights(cpu_path):
    none = np.empty(0, np.float32)
    ranges, _ = _compress.ranges(none, 0)
    assert ranges.shape == (0, 2)
    assert len(_compress.encode(none, 5, ranges, 0)) == 0
    assert len(_compress.restored(none, 5, ranges, 0)) == 0
    assert len(_compress.encode_lsq(none, 5, 1.0)) == 0


def test_threads_get_the_same():
    weights = np.random.default_rng(0).standard_normal(100_001).astype(np.float32)
    ranges, _ = _compress.ranges(weights, 32)
    wanted = _compress.restored(weights, 5, ranges, 32)
    stream = _compress.encode(weights, 5, ranges, 32)
    start, wrong = threading.Barrier(4), []

    def work():
        out = np.empty_like(weights)
        start.wait()
        for _ in range(10):
            if not np.array_equal(_compress.encode(weights, 5, ranges, 32), stream):
                wrong.append("encode")
            if not np.array_equal(_compress.decode(stream, 5, ranges, 32, out), wanted):
                wrong.append("decode")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


MANY = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
MANY_RANGES, _ = _compress.ranges(MANY, 0)
MANY_CODES = _compress.quantize(MANY, 5, MANY_RANGES, 0)
MANY_STEPS, MANY_ZEROS, _ = _compress.zero_steps(MANY, 5, 0)
MANY_WIDTHS = np.full(12_500, 5, np.uint8)
OUT = np.empty_like(MANY)


@pytest.mark.parametrize(
    "work",
    [
        lambda: _compress.pack(MANY_CODES, 5),
        lambda: _compress.unpack(_compress.pack(MANY_CODES, 5), 5, MANY.size),
        lambda: _compress.ranges(MANY, 0),
        lambda: _compress.quantize(MANY, 5, MANY_RANGES, 0),
        lambda: _compress.dequantize(MANY_CODES, 5, MANY_RANGES, 0, OUT),
        lambda: _compress.restored(MANY, 5, MANY_RANGES, 0, OUT),
        lambda: _compress.encode(MANY, 5, MANY_RANGES, 0),
        lambda: _compress.zero_steps(MANY, 5, 0),
        lambda: _compress.restored_zero(MANY, 5, MANY_STEPS, MANY_ZEROS, 0, OUT),
        lambda: _compress.restored_lsq(MANY, 5, 0.5, OUT),
        lambda: _compress.lsq_gradients(MANY, MANY, 5, 0.5, OUT),
        lambda: _compress.encode_groups(MANY, 8, MANY_WIDTHS, -4, 4),
        lambda: _compress.restored_groups(MANY, 8, MANY_WIDTHS, -4, 4, OUT),
        lambda: _compress.noise(1, MANY.size, "uniform"),
        lambda: _compress.noisy(MANY, 0, MANY_STEPS, 1, "uniform", OUT),
        lambda: _compress.noise_sums(MANY, 0, 1, "uniform"),
        lambda: _compress.group_steps(MANY, 2, 8, 1.0, OUT),
        lambda: _compress.group_gradients(MANY, MANY, 2, 8, 1.0, OUT),
        lambda: _compress.soft_bits(MANY, 2, 8, 1, MANY.size),
        lambda: _compress.soft_bits_gradient(MANY, 2, 8, 1, MANY.size, 1.0, OUT),
    ],
)
def test_the_lock_is_left(work):
    """Nobody asks for the lock: the other thread runs only if the work gives it up."""
    ready, has_run = threading.Lock(), threading.Event()
    ready.acquire()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        other = threading.Thread(target=lambda: ready.acquire() and has_run.set())
        other.start()
        ready.release()
        calls = next((n for n in range(10_000) if has_run.is_set() or work() is None), None)
        assert calls is not None
    finally:
        sys.setswitchinterval(interval)
        other.join()


def splitmix64(key, count):
    """Words of the generator, as bytes."""
    words = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    words += np.uint64(key)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return (words ^ (words >> np.uint64(31))).view(np.uint8)


@pytest.mark.parametrize("kind", ["gaussian", "uniform"])
def test_noise(cpu_path, kind):
    weights = np.random.default_rng(0).standard_normal(5003).astype(np.float32)
    key = 2**64 - 5
    noise = _compress.noise_table(kind)[splitmix64(key, 626)[: len(weights)]]
    assert np.array_equal(_compress.noise(key, len(weights), kind), noise)
    wide = noise.astype(np.float64)
    for group in (1, 3, 8, 1000, 1024, 1025, 2500, 0):
        groups = np.arange(len(weights)) // (group or len(weights))
        steps = np.linspace(0.1, 1, groups[-1] + 1, dtype=np.float32)
        wanted = (weights + steps.astype(np.float64)[groups] * wide).astype(np.float32)
        assert np.array_equal(_compress.noisy(weights, group, steps, key, kind), wanted)
        sums = _compress.noise_sums(weights, group, key, kind)
        assert np.allclose(sums, np.bincount(groups, weights * wide), rtol=1e-5, atol=1e-6)


def test_what_the_noise_is():
    uniform = _compress.noise_table("uniform")
    assert np.array_equal(uniform, (np.arange(256) - 127.5) / 256)
    gaussian = _compress.noise_table("gaussian").astype(np.float64)
    assert abs(gaussian.std() - 0.5) < 1e-7
    assert np.array_equal(gaussian, -gaussian[::-1])
    # A normal variable of deviation 0.5 is below 0.3372 with probability 3/4.
    assert abs(np.interp(0.75, (np.arange(256) + 0.5) / 256, gaussian) - 0.3372) < 0.002
