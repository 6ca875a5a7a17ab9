"""Scores of accuracy logs: classes read with the wrong dtype are refused, functions of users score.

Method: right classes, and scores of classes, in every dtype that systems answer with, are read with
every other one. Either the classes are the right ones all the same, or they are refused.
"""

import warnings

import numpy as np
import pytest

import mlperf_loadgen as lg

CLASSES = 10
N = 200
LABELS = np.random.default_rng(1).integers(0, CLASSES, N)
LABELS[:CLASSES] = np.arange(CLASSES)
DTYPES = ["uint8", "int16", "int32", "int64", "float32", "float64", "float16"]


def softmax(classes, count):
    """Scores of which the highest is that of the class."""
    logits = np.random.default_rng(2).normal(0, 1, (len(classes), count))
    logits[np.arange(len(classes)), classes] = 6
    scores = np.exp(logits)
    return scores / scores.sum(axis=1, keepdims=True)


def answers_of(kind, dtype, classes, count):
    if kind == "class":
        return classes.astype(dtype)[:, None]
    scores = softmax(classes, count)
    return scores.astype(dtype) if dtype.startswith("float") else (100 * scores).astype(dtype)


def read_as(rows, dtype):
    """The same bytes with another dtype; None where they are no whole number of items."""
    raw = np.ascontiguousarray(rows).view(np.uint8)
    if raw.shape[1] % np.dtype(dtype).itemsize:
        return None
    return raw.view(dtype)


@pytest.mark.parametrize("read", DTYPES)
@pytest.mark.parametrize("made", DTYPES)
@pytest.mark.parametrize("kind", ["class", "scores"])
def test_answers_read_with_another_dtype_are_right_or_refused(kind, made, read):
    rows = read_as(answers_of(kind, made, LABELS, CLASSES), read)
    if rows is None:
        return
    if made == read:
        assert (lg.class_answers(rows, LABELS.tolist()) == LABELS).all()
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", lg.ScoreWarning)
            found = lg.class_answers(rows, LABELS.tolist())
    except (ValueError, lg.ScoreWarning):
        return
    assert (found == LABELS).mean() > 0.99


@pytest.mark.parametrize(
    ("made", "read"),
    [("int64", "int32"), ("float32", "int32"), ("int32", "float32"), ("int64", "float64")],
)
def test_the_dtype_that_fits_is_named(made, read):
    rows = read_as(LABELS.astype(made)[:, None], read)
    with pytest.raises(ValueError, match=f"as {made} they fit: give that dtype"):
        lg.class_answers(rows, LABELS.tolist())


def test_two_classes_in_eight_bytes_are_no_two_scores():
    labels = LABELS % 2
    rows = read_as(labels.astype(np.int64)[:, None], "int32")
    with pytest.raises(ValueError, match="as int64 they fit"):
        lg.class_answers(rows, labels.tolist())


def test_a_class_that_no_label_has_is_reported():
    answers = LABELS.copy()
    answers[:3] = CLASSES + 1
    text = r"3 of 200 responses name classes outside the labels' 0 to 9, such as 11"
    with pytest.warns(lg.ScoreWarning, match=text):
        assert (lg.class_answers(answers[:, None], LABELS.tolist()) == answers).all()


def test_labels_of_few_classes_do_not_refuse_a_bad_model():
    with pytest.warns(lg.ScoreWarning):
        assert len(lg.class_answers(LABELS[:, None], [3, 4])) == N


def write_log(path, payloads):
    records = [
        f'{{ "seq_id" : {i}, "qsl_idx" : {i}, "data" : "{payload.hex()}" }}'
        for i, payload in enumerate(payloads)
    ]
    path.write_text("[\n" + ",\n".join(records) + "\n]\n")
    return path


def test_a_function_scores_a_log_and_the_log_at_a_path(tmp_path):
    path = write_log(tmp_path / "log.json", [b"a", b"bc", b""])

    def letters(log):
        return sum(map(len, log.payloads.texts()))

    assert lg.score(path, letters) == {"letters": 3.0}
    both = lg.score(lg.read_accuracy(path), lambda log: {"n": np.int64(len(log)), "x": 0.5})
    assert both == {"n": 3.0, "x": 0.5}
    with pytest.raises(TypeError, match="letters returned 'a': return a number, or a dict"):
        lg.score(path, type("f", (), {"__name__": "letters", "__call__": lambda self, _: "a"})())


def test_the_score_of_part_of_a_log_warns(tmp_path):
    path = write_log(tmp_path / "log.json", [b"a", b"bc", b""])
    text = path.read_text()
    path.write_text(text[: text.rindex("{")])
    whole = "of 2 responses: the log holds only the beginning"
    with pytest.warns(lg.TruncatedLogWarning), pytest.warns(lg.ScoreWarning, match=whole):
        lg.score(path, len)


def test_payloads_of_different_sizes_as_arrays_and_texts(tmp_path):
    parts = [np.arange(n, dtype="<i4") for n in (2, 0, 3)]
    payloads = lg.read_accuracy(
        write_log(tmp_path / "a.json", [part.tobytes() for part in parts])
    ).payloads
    arrays = payloads.arrays("<i4")
    assert [a.tolist() for a in arrays] == [p.tolist() for p in parts]
    assert np.shares_memory(arrays[0], payloads.data)
    with pytest.raises(ValueError, match="response 2 of 12 bytes does not hold whole items"):
        payloads.arrays("<i8")
    texts = lg.read_accuracy(write_log(tmp_path / "t.json", [b"ok", b"\xff"])).payloads
    with pytest.raises(ValueError, match="response 1 is no UTF-8 text"):
        texts.texts()
