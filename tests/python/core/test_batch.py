"""Whole batches: the samples of a query as a sequence and as arrays, and complete() for them.

Method: a MultiStream or Offline query is looked at from inside the callback, after it and after the
test; complete() is called in every form, and what reached the logs is compared with what was given.
Refused calls must have completed nothing.
"""

import array
import copy
import ctypes
import gc
import pickle
import random
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from runs import FOR_EVERY_SCENARIO, answer

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

N = 8


@pytest.fixture
def look(run_test):
    """Runs a test of one query and calls `function` with its N samples before they are answered."""

    def run(function, **settings):
        kept = []

        def issue(samples):
            kept.append(samples)
            try:
                function(samples)
            finally:
                # From a copy made before anyone could change the batch.
                lg.complete(ids)

        def issue_once(samples):
            nonlocal ids
            ids = samples.ids.tolist()
            issue(samples)

        ids = []
        run_test(scenario="Offline", min_query_count=N, issue=issue_once, **settings)
        return kept[0]

    return run


# ---- The batch as a sequence ---------------------------------------------------------------------


def test_length_index_and_slice(look):
    def check(samples):
        assert len(samples) == N
        assert samples
        ids, indices = samples.ids.tolist(), samples.indices.tolist()
        for i in range(-N, N):
            assert (samples[i].id, samples[i].index) == (ids[i], indices[i])
        assert [s.id for s in samples[2:5]] == ids[2:5]
        assert [s.id for s in samples[::-2]] == ids[::-2]
        assert samples[N:] == []
        assert type(samples[1:]) is list
        assert [s.id for s in samples] == ids
        assert [s.id for s in reversed(samples)] == ids[::-1]
        assert samples[np.int64(1)].id == ids[1]
        for bad in (N, -N - 1, 2**70):
            with pytest.raises(IndexError):
                samples[bad]
        for bad in ("0", 1.0, None, (0, 1)):
            with pytest.raises(TypeError):
                samples[bad]

    look(check)


def test_index_without_becoming_a_list(look):
    def check(samples):
        for bad in (N, -N - 1):
            with pytest.raises(IndexError):
                samples[bad]
        assert samples[-1].id == samples.ids[-1]
        iterator = iter(samples)
        assert next(iterator).id == samples.ids[0]
        assert iter(iterator) is iterator
        assert len(list(iterator)) == N - 1
        with pytest.raises(StopIteration):
            next(iterator)

    look(check)


def test_it_is_a_sequence(look):
    def check(samples):
        assert isinstance(samples, Sequence)
        assert repr(samples) == f"<SampleBatch of {N} samples>"
        first, *rest, last = samples
        assert (first.id, len(rest), last.id) == (samples[0].id, N - 2, samples[-1].id)
        assert list(zip(samples, samples, strict=True))
        assert max(samples, key=lambda s: s.index).index == max(samples.indices)
        assert {s.index: s.id for s in samples}
        with pytest.raises(TypeError):
            hash(samples)
        with pytest.raises(AttributeError, match="no attribute 'shuffle'"):
            _ = samples.shuffle
        with pytest.raises(AttributeError):
            samples.other = 1
        with pytest.raises(TypeError):
            lg.SampleBatch()

    look(check)


def test_list_methods(look):
    def check(samples):
        ids = samples.ids.tolist()
        extra = lg.QuerySample(1, 2)
        samples.append(extra)
        assert len(samples) == N + 1
        assert samples[-1] is extra
        assert samples.index(extra) == N
        assert samples.count(extra) == 1
        assert extra in samples
        assert samples.pop() is extra
        samples.sort(key=lambda s: s.id, reverse=True)
        assert [s.id for s in samples] == sorted(ids, reverse=True)
        samples.reverse()
        samples.insert(0, extra)
        samples.extend([extra, extra])
        samples.remove(extra)
        del samples[-2:]
        assert [s.id for s in samples] == sorted(ids)
        samples[0] = extra
        samples[1:3] = []
        assert (samples[0], len(samples)) == (extra, N - 2)
        random.Random(0).shuffle(samples)
        assert len(samples.copy()) == N - 2
        samples.clear()
        assert not samples
        assert list(samples) == []

    look(check)


def test_concatenation_and_comparison(look):
    def check(samples):
        extra = [lg.QuerySample(1, 2)]
        assert type(samples + extra) is list
        assert len(samples + extra) == N + 1
        assert len(samples + samples) == 2 * N
        assert samples == list(samples)
        assert list(samples) == samples
        assert samples == samples[:]
        assert samples != extra
        assert not samples == extra  # noqa: SIM201
        collected = []
        collected.extend(samples)
        collected += samples
        assert len(collected) == 2 * N

    look(check)


def test_a_garbage_collection_in_between_makes_no_second_list(look):
    """The collection runs code that uses the batch while the batch becomes a list. From Python 3.12
    on there is none at that moment."""

    def check(samples):
        def on_collection(phase, info):
            if phase == "start" and not seen:
                seen.append("a collection")
                samples.append("by the collection")

        seen = []
        before, set_threshold = gc.get_threshold(), gc.set_threshold
        held = [[] for _ in range(1000)]  # So that the next list needs memory.
        gc.callbacks.append(on_collection)
        set_threshold(1)
        equal = samples == held  # Becomes a list at once.
        set_threshold(*before)
        gc.callbacks.remove(on_collection)
        assert not equal
        assert len(samples) == N + len(seen)

    look(check)


def test_same_objects_once_it_is_a_list(look):
    def check(samples):
        as_list = samples[:]
        assert all(a is b for a, b in zip(as_list, samples, strict=True))
        as_list[0].index = 77
        assert samples[0].index == 77

    look(check)


def test_copies_are_lists(look):
    def check(samples):
        for copied in (copy.copy(samples), pickle.loads(pickle.dumps(samples)), list(samples)):
            assert type(copied) is list
            assert [(s.id, s.index) for s in copied] == [(s.id, s.index) for s in samples]

    look(check)


def test_kept_after_the_callback_and_after_the_test(look):
    seen = []
    samples = look(lambda s: seen.extend((q.id, q.index) for q in s))
    assert [(s.id, s.index) for s in samples] == seen
    assert samples.ids.tolist() == [i for i, _ in seen]


def test_arrays_outlive_the_batch(look):
    arrays = []
    look(lambda s: arrays.extend([s.ids, s.indices]))
    ids, indices = arrays
    assert len(set(ids.tolist())) == N
    assert set(indices.tolist()) <= set(range(10))


# ---- The batch as arrays -------------------------------------------------------------------------


def test_arrays_are_views(look):
    def check(samples):
        for values in (samples.ids, samples.indices):
            assert (values.dtype, values.shape) == (np.uint64, (N,))
            assert values.base is samples
            assert not values.flags.writeable
            with pytest.raises(ValueError, match="read-only"):
                values[0] = 1
        assert np.shares_memory(samples.ids, samples.ids)
        assert samples.ids.tolist() == [s.id for s in samples]
        assert samples.indices.tolist() == [s.index for s in samples]
        with pytest.raises(AttributeError):
            samples.ids = None

    look(check)


def test_arrays_follow_changes(look):
    def check(samples):
        first = samples.ids.copy()
        samples.sort(key=lambda s: -s.id)
        assert samples.ids.tolist() == sorted(first.tolist(), reverse=True)
        samples.append(lg.QuerySample(2**64 - 1, 5))
        assert samples.ids[-1] == 2**64 - 1
        assert samples.indices[-1] == 5
        assert samples.ids.dtype == np.uint64

    look(check)


# ---- complete() ----------------------------------------------------------------------------------


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


ID_FORMS = {
    "ids": lambda s: s.ids,
    "int64": lambda s: s.ids.astype(np.int64),
    "read_only": lambda s: read_only(s.ids),
    "reversed": lambda s: s.ids[::-1],
    "fancy": lambda s: s.ids[np.argsort(s.indices)],
    "column": lambda s: np.stack([s.ids, s.ids], axis=1)[:, 1],
    "structured": lambda s: np.array([(i, 0) for i in s.ids.tolist()], "u8,u4")["f0"],
    "list": lambda s: s.ids.tolist(),
    "tuple": lambda s: tuple(s.ids.tolist()),
    "numpy_scalars": lambda s: list(s.ids),
    "array": lambda s: array.array("Q", s.ids.tolist()),
    "memoryview": lambda s: memoryview(s.ids),
}


@pytest.mark.parametrize("form", ID_FORMS)
@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly"])
def test_forms_of_ids(run_test, form, mode):
    run = run_test(
        scenario="MultiStream", mode=mode, issue=lambda s: lg.complete(ID_FORMS[form](s))
    )
    assert run.errors == []
    assert (run.result.samples["completed_ns"] >= 0).all()


def test_parts_of_a_batch(run_test):
    def issue(samples):
        lg.complete(samples.ids[1::2])
        lg.complete(samples.ids[::2])
        lg.complete(samples.ids[:0])

    rows = run_test(scenario="Offline", min_query_count=64, issue=issue).result.samples
    assert len(set(rows["completed_ns"][1::2].tolist())) == 1
    assert len(set(rows["completed_ns"][::2].tolist())) == 1
    assert (rows["completed_ns"][::2] >= rows["completed_ns"][1::2]).all()


def padded(samples):
    """Two bytes a sample: its index and 9."""
    return np.stack([samples.indices, np.full(len(samples), 9)], axis=1).astype(np.uint8)


DATA_FORMS = {
    "2-D": padded,
    "2-D Fortran made contiguous": lambda s: np.ascontiguousarray(np.asfortranarray(padded(s))),
    "1-D of wider items": lambda s: padded(s).view(np.uint16).ravel(),
    "3-D": lambda s: padded(s).reshape(len(s), 2, 1),
    "list of bytes": lambda s: [row.tobytes() for row in padded(s)],
    "list of bytearrays": lambda s: [bytearray(row.tobytes()) for row in padded(s)],
    "list of arrays": lambda s: list(padded(s)),
    "list of memoryviews": lambda s: [memoryview(row) for row in padded(s)],
    "tuple": lambda s: tuple(row.tobytes() for row in padded(s)),
    "memoryview": lambda s: memoryview(padded(s)),
    "generator": lambda s: (row.tobytes() for row in padded(s)),
    "list of str": lambda s: [chr(i) + "\t" for i in s.indices.tolist()],
    "list of everything": lambda s: [
        (bytes, bytearray, memoryview, np.array, lambda b: b.decode("ascii"))[i % 5](row.tobytes())
        if i % 5 != 3
        else row
        for i, row in enumerate(padded(s))
    ],
    "records": lambda s: np.array([(i, 9) for i in s.indices.tolist()], "u1,u1"),
    "void": lambda s: padded(s).view("V2").ravel(),
    "objects made a list": lambda s: np.array(
        [row.tobytes() for row in padded(s)], object
    ).tolist(),
    "array of bytes": lambda s: np.array([row.tobytes() for row in padded(s)]),
    "array of str": lambda s: np.array([chr(i) + "\t" for i in s.indices.tolist()]),
}


@pytest.mark.parametrize("form", DATA_FORMS)
@pytest.mark.parametrize("scenario", ["Offline", "MultiStream"])
def test_forms_of_data(run_test, form, scenario):
    run = run_test(
        mode="AccuracyOnly",
        scenario=scenario,
        issue=lambda s: lg.complete(s.ids, DATA_FORMS[form](s)),
    )
    assert run.errors == []
    assert run.accuracy
    for record in run.accuracy:
        assert record["data"] == f"{record['qsl_idx']:02X}09"


def test_data_of_different_sizes(run_test):
    run = run_test(
        mode="AccuracyOnly",
        scenario="Offline",
        issue=lambda s: lg.complete(s.ids, [b"x" * int(i) for i in s.indices]),
    )
    assert all(len(record["data"]) == 2 * record["qsl_idx"] for record in run.accuracy)


TEXTS = ["", "a", "two words", "\u00e9\u20ac\U0001f600", "\x00inside\x00too"]

RAGGED_FORMS = {
    "list of str": list,
    "tuple of str": tuple,
    "generator of str": lambda texts: (text for text in texts),
    "array of str": np.array,
    "list of NumPy's str": lambda texts: list(np.array(texts)),
    "list of bytes": lambda texts: [text.encode() for text in texts],
    "array of bytes": lambda texts: np.array([text.encode() for text in texts]),
    "list of NumPy's bytes": lambda texts: list(np.array([text.encode() for text in texts])),
    "list of bytearrays": lambda texts: [bytearray(text.encode()) for text in texts],
    "list of memoryviews": lambda texts: [memoryview(text.encode()) for text in texts],
    "list of arrays": lambda texts: [np.frombuffer(text.encode(), np.uint8) for text in texts],
}


@pytest.mark.parametrize("form", RAGGED_FORMS)
def test_answers_of_different_sizes_are_logged_as_they_are(run_test, form):
    run = run_test(
        mode="AccuracyOnly",
        scenario="Offline",
        total=len(TEXTS),
        issue=lambda s: lg.complete(s.ids, RAGGED_FORMS[form]([TEXTS[i] for i in s.indices])),
    )
    assert run.errors == []
    logged = {record["qsl_idx"]: bytes.fromhex(record["data"]).decode() for record in run.accuracy}
    assert logged == dict(enumerate(TEXTS))


def test_rows_of_several_texts_keep_their_padding(run_test):
    rows = np.array([[b"a", b"bc"], [b"", b"d"]])
    run = run_test(
        mode="AccuracyOnly",
        scenario="Offline",
        total=2,
        issue=lambda s: lg.complete(s.ids, rows[s.indices]),
    )
    logged = {record["qsl_idx"]: bytes.fromhex(record["data"]) for record in run.accuracy}
    assert logged == {0: b"a\0bc", 1: b"\0\0d\0"}


def test_complete_keeps_no_reference_to_answers(run_test):
    big = b"x" * 1000
    text = "\u00e9" * 1000
    counts = sys.getrefcount(big), sys.getrefcount(text)
    forms = [[big, text], (big, text), iter([big, text]), [bytearray(big), np.array(text)[None]]]

    def issue(samples):
        for data in forms:
            try:
                lg.complete(samples.ids, data)
            except TypeError as error:
                assert "data[1]" in str(error)

    run_test(mode="AccuracyOnly", scenario="Offline", total=2, issue=issue)
    forms.clear()
    assert (sys.getrefcount(big), sys.getrefcount(text)) == counts


def test_a_bytearray_can_be_changed_after_its_completion(run_test):
    answer_bytes = bytearray(b"x")

    def issue(samples):
        lg.complete(samples.ids, [answer_bytes] * len(samples))
        answer_bytes.extend(b"y")  # BufferError while someone holds a view of it.

    run = run_test(mode="AccuracyOnly", scenario="Offline", issue=issue)
    assert run.errors == []


def test_no_data_is_empty_data(run_test):
    run = run_test(mode="AccuracyOnly", issue=lambda s: lg.complete(s.ids))
    assert {record["data"] for record in run.accuracy} == {""}


def test_data_in_a_performance_test_is_not_kept(run_test):
    run = run_test(scenario="Offline", issue=lambda s: lg.complete(s.ids, data=padded(s)))
    assert run.text("accuracy.json") == "[\n]\n"


TOKEN_FORMS = {
    "int64": lambda s: s.indices.astype(np.int64) + 2,
    "uint64": lambda s: s.indices + np.uint64(2),
    "list": lambda s: [i + 2 for i in s.indices.tolist()],
    "strided": lambda s: np.repeat(s.indices + np.uint64(2), 2)[::2],
}


@pytest.mark.parametrize("form", TOKEN_FORMS)
def test_forms_of_n_tokens(run_test, form):
    def issue(samples):
        lg.FirstTokenComplete([lg.QuerySampleResponse(s.id, 0, 0) for s in samples])
        lg.complete(samples.ids, None, TOKEN_FORMS[form](samples))

    run = run_test(
        mode="SubmissionRun", scenario="MultiStream", issue=issue, use_token_latencies=True
    )
    assert run.errors == []
    for record in run.accuracy:
        assert record["token_count"] == record["qsl_idx"] + 2
    rows = run.result.samples
    assert (rows["tokens"] == rows["sample_index"] + 2).all()


REFUSED = {
    "no ids": (lambda s: lg.complete(), TypeError),
    "ids None": (lambda s: lg.complete(None), TypeError),
    "one id": (lambda s: lg.complete(int(s.ids[0])), TypeError),
    "iterator of a number": (lambda s: lg.complete(3.0), TypeError),
    "samples": (lambda s: lg.complete(s), TypeError),
    "int32": (lambda s: lg.complete(s.ids.astype(np.int32)), TypeError),
    "float64": (lambda s: lg.complete(s.ids.astype(float)), TypeError),
    "2-D ids": (lambda s: lg.complete(s.ids.reshape(2, -1)), TypeError),
    "0-D ids": (lambda s: lg.complete(np.uint64(s.ids[0]).reshape(())), TypeError),
    "bytes": (lambda s: lg.complete(s.ids.tobytes()), TypeError),
    "big endian": (lambda s: lg.complete(s.ids.astype(">u8")), TypeError),
    "text in ids": (lambda s: lg.complete([*s.ids.tolist(), "1"]), TypeError),
    "float in ids": (lambda s: lg.complete([*s.ids.tolist(), 1.0]), TypeError),
    "id too large": (lambda s: lg.complete([*s.ids.tolist(), 2**64]), TypeError),
    "data a number": (lambda s: lg.complete(s.ids, 3), TypeError),
    "data a string": (lambda s: lg.complete(s.ids, "x" * N), (TypeError, BufferError)),
    "data numbers": (lambda s: lg.complete(s.ids, [1] * N), (TypeError, BufferError)),
    "a buffer missing": (lambda s: lg.complete(s.ids, [b""] * (N - 1)), ValueError),
    "a buffer too many": (lambda s: lg.complete(s.ids, [b""] * (N + 1)), ValueError),
    "a None among buffers": (
        lambda s: lg.complete(s.ids, [b""] * (N - 1) + [None]),
        (TypeError, BufferError),
    ),
    "a row missing": (lambda s: lg.complete(s.ids, np.zeros((N - 1, 2))), ValueError),
    "a row too many": (lambda s: lg.complete(s.ids, np.zeros(N + 1)), ValueError),
    "0-D data": (lambda s: lg.complete(s.ids, np.zeros(())), ValueError),
    "not contiguous": (
        lambda s: lg.complete(s.ids, np.zeros((N, 4))[:, ::2]),
        (ValueError, BufferError),
    ),
    "Fortran order": (
        lambda s: lg.complete(s.ids, np.asfortranarray(np.zeros((N, 4)))),
        (ValueError, BufferError),
    ),
    "a buffer not contiguous": (
        lambda s: lg.complete(s.ids, [np.zeros(4)[::2]] * N),
        (ValueError, BufferError),
    ),
    "an array of objects": (lambda s: lg.complete(s.ids, np.array([b"x"] * N, object)), TypeError),
    "an array of numbers as objects": (
        lambda s: lg.complete(s.ids, np.array([1] * N, object)),
        TypeError,
    ),
    "rows of objects": (lambda s: lg.complete(s.ids, np.full((N, 2), "x", object)), TypeError),
    "records with objects": (
        lambda s: lg.complete(s.ids, np.zeros(N, [("a", "i4"), ("b", "O", (2,))])),
        TypeError,
    ),
    "records with str": (lambda s: lg.complete(s.ids, np.zeros(N, "i4,U3")), TypeError),
    "rows of str": (lambda s: lg.complete(s.ids, np.full((N, 2), "x")), TypeError),
    "str of another machine": (lambda s: lg.complete(s.ids, np.full(N, "x", ">U1")), TypeError),
    "dates": (lambda s: lg.complete(s.ids, np.zeros(N, "M8[s]")), TypeError),
    "times": (lambda s: lg.complete(s.ids, np.zeros(N, "m8[s]")), TypeError),
    "addresses": (lambda s: lg.complete(s.ids, (ctypes.c_char_p * N)()), TypeError),
    "objects of ctypes": (lambda s: lg.complete(s.ids, (ctypes.py_object * N)()), TypeError),
    "an object array among buffers": (
        lambda s: lg.complete(s.ids, [b""] * (N - 1) + [np.array([b"x"], object)]),
        TypeError,
    ),
    "an array of str among buffers": (
        lambda s: lg.complete(s.ids, [b""] * (N - 1) + [np.array(["x"])]),
        TypeError,
    ),
    "numbers in lists": (lambda s: lg.complete(s.ids, [[1, 2]] * N), TypeError),
    "a text that is no Unicode": (lambda s: lg.complete(s.ids, ["\ud800"] * N), ValueError),
    "a dict": (lambda s: lg.complete(s.ids, {str(i): b"x" for i in range(N)}), TypeError),
    "a set": (lambda s: lg.complete(s.ids, {str(i) for i in range(N)}), TypeError),
    "a count missing": (lambda s: lg.complete(s.ids, None, [2] * (N - 1)), ValueError),
    "counts of floats": (lambda s: lg.complete(s.ids, None, [2.0] * N), TypeError),
    "counts of int32": (lambda s: lg.complete(s.ids, None, np.full(N, 2, np.int32)), TypeError),
    "one count": (lambda s: lg.complete(s.ids, None, 2), TypeError),
    "unknown keyword": (lambda s: lg.complete(s.ids, tokens=[2] * N), TypeError),
    "too many arguments": (lambda s: lg.complete(s.ids, None, None, None), TypeError),
}


@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly"])
@pytest.mark.parametrize("form", REFUSED)
def test_refused_calls_complete_nothing(run_test, form, mode):
    call, error = REFUSED[form]

    def issue(samples):
        with pytest.raises(error):
            call(samples)
        answer(samples)

    run = run_test(
        scenario="MultiStream",
        multi_stream_samples_per_query=N,
        mode=mode,
        total=N,
        performance=N,
        min_query_count=2,
        issue=issue,
    )
    assert run.errors == []


def test_refusals_name_the_fix(look):
    def check(samples):
        with pytest.raises(TypeError, match=r"ids must be a 1-D array.*astype\(numpy.uint64\)"):
            lg.complete(samples.ids.astype(float))
        with pytest.raises(ValueError, match=f"data has 3 rows for {N} ids; give a row a sample"):
            lg.complete(samples.ids, np.zeros(3))
        with pytest.raises(ValueError, match=f"n_tokens has 1 numbers for {N} ids"):
            lg.complete(samples.ids, None, [1])
        with pytest.raises(TypeError, match=r"data has dtype object.*list with bytes, str or an"):
            lg.complete(samples.ids, np.full(N, "x", object))
        with pytest.raises(TypeError, match=r"data\[1\] has items of format '1w'.*list with bytes"):
            lg.complete(samples.ids, [b"x", np.array(["x"])] * (N // 2))
        with pytest.raises(TypeError, match=r"data has dtype datetime64\[s\]"):
            lg.complete(samples.ids, np.zeros(N, "M8[s]"))
        with pytest.raises(TypeError, match=r"data\[0\] must be bytes.*not list; .*numpy.array"):
            lg.complete(samples.ids, [[1, 2]] * N)
        with pytest.raises(ValueError, match=r"data has 2 rows.*list with the bytes of each"):
            lg.complete(samples.ids, b"xy")

    look(check)


def test_types_that_others_add_to_numpy_are_numbers(run_test):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    run = run_test(
        mode="AccuracyOnly",
        scenario="Offline",
        issue=lambda s: lg.complete(s.ids, s.indices.astype(bfloat16)),
    )
    for record in run.accuracy:
        assert np.frombuffer(bytes.fromhex(record["data"]), bfloat16)[0] == record["qsl_idx"]


def test_rows_of_no_bytes(run_test):
    def issue(samples):
        lg.complete(samples.ids, np.zeros((len(samples), 0)))

    run = run_test(mode="AccuracyOnly", scenario="Offline", issue=issue)
    assert {record["data"] for record in run.accuracy} == {""}
    assert run.errors == []


EMPTY_FORMAT = """
    import ctypes, mmap
    import mlperf_loadgen as lg

    class Buffer(ctypes.Structure):
        _fields_ = [
            ("buf", ctypes.c_void_p), ("obj", ctypes.py_object), ("len", ctypes.c_ssize_t),
            ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
            ("format", ctypes.c_char_p), ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
            ("strides", ctypes.POINTER(ctypes.c_ssize_t)), ("suboffsets", ctypes.c_void_p),
            ("internal", ctypes.c_void_p),
        ]

    PAGE = mmap.PAGESIZE
    pages = mmap.mmap(-1, 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + PAGE), PAGE, 0) == 0
    for format in (b"", b"@", b"="):
        # Its NUL is the last byte before memory that must not be read.
        address = start + PAGE - len(format) - 1
        ctypes.memmove(address, format + bytes(1), len(format) + 1)
        numbers = (ctypes.c_uint64 * 1)(7)
        buffer = Buffer(
            ctypes.addressof(numbers), None, 8, 8, 1, 1, None, (ctypes.c_ssize_t * 1)(1),
            (ctypes.c_ssize_t * 1)(8), None, None,
        )
        ctypes.c_void_p.from_buffer(buffer, Buffer.format.offset).value = address
        make = ctypes.pythonapi.PyMemoryView_FromBuffer
        make.restype = ctypes.py_object
        ctypes.c_void_p.from_buffer(buffer, Buffer.obj.offset).value = None
        view = make(ctypes.byref(buffer))
        try:
            lg.complete(view)
        except TypeError as error:
            print(error)
"""


def test_an_empty_format_is_not_read_past_its_end(run_script):
    done = run_script(EMPTY_FORMAT)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(" (")[0].split(" of format ")[1] for line in lines] == ["''", "'@'", "'='"]
