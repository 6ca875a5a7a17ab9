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


ALL_DTYPES = [
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", ">i2", ">i4", ">i8", ">f4"),
]


def classes_of_labels(random, count, classes, zeros):
    """Labels, of which a share is class 0, and answers that are right in nine of ten."""
    labels = np.where(random.random(count) < zeros, 0, random.integers(0, classes, count))
    labels[:2] = 0, classes - 1
    answers = np.where(random.random(count) < 0.9, labels, random.integers(0, classes, count))
    return labels, answers


def scores_of(random, kind, answers, classes):
    logits = random.normal(0, 1, (len(answers), classes))
    top = 4 + random.normal(0, 0.5, len(answers)) + logits.max(axis=1)
    logits[np.arange(len(answers)), answers] = top
    if kind == "logits":
        return logits
    exponentials = np.exp(logits)
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    return {
        "softmax": shares,
        "log-probabilities": np.log(shares),
        "one-hot": np.eye(classes)[answers],
        "percent": np.round(100 * shares),
        "quantized": np.round(12 * logits),
    }[kind]


def answers_in(random, made, classes, zeros, kind, count=80):
    """Labels, responses as they were made, and the right readings' classes; None: not of the
    dtype."""
    dtype = np.dtype(made)
    labels, answers = classes_of_labels(random, count, classes, zeros)
    if kind == "class":
        fits = dtype.kind == "f" or classes <= np.iinfo(dtype).max
        return (labels, answers.astype(dtype)[:, None], answers) if fits else None
    if dtype.kind != "f" and kind not in ("one-hot", "percent", "quantized"):
        return None
    if dtype.kind == "u" and kind == "quantized":
        return None
    rows = scores_of(random, kind, answers, classes).astype(dtype)
    return labels, rows, rows.argmax(axis=1)


def outcome_of(rows, labels):
    """Classes, or None where they are refused, and whether there was a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return lg.class_answers(rows, labels.tolist()), bool(caught)
        except ValueError:
            return None, True


KINDS = ["class", "softmax", "logits", "log-probabilities", "one-hot", "percent", "quantized"]


@pytest.mark.parametrize("classes", [2, 3, 8, 40])
@pytest.mark.parametrize("made", ALL_DTYPES)
def test_no_wrong_dtype_changes_answers_in_silence_and_no_right_one_is_refused(made, classes):
    random = np.random.default_rng(classes)
    silent, refused, caught = [], [], 0
    for zeros, kind in [(0.5, "class"), (0.7, "class"), (0.95, "class"), *((0, k) for k in KINDS)]:
        drawn = answers_in(random, made, classes, zeros, kind)
        if drawn is None:
            continue
        labels, rows, right = drawn
        found, _ = outcome_of(rows, labels)
        if found is None or (found != right).any():
            refused.append((kind, zeros))
        for read in ALL_DTYPES:
            other = None if read == made else read_as(rows, read)
            if other is None:
                continue
            found, warned = outcome_of(other, labels)
            caught += warned
            if not warned and (found != right).any():
                silent.append((kind, zeros, read, float(np.mean(found != right))))
    assert not refused
    assert not silent
    assert caught > 10 or np.dtype(made).itemsize == 1


@pytest.mark.parametrize("kind", ["class", "softmax", "log-probabilities"])
@pytest.mark.parametrize("made", ["int32", "int64", "float16", "float32"])
def test_a_right_dtype_of_usual_answers_has_no_warning(made, kind):
    drawn = answers_in(np.random.default_rng(5), made, 10, 0.0, kind)
    if drawn is None:
        return
    labels, rows, right = drawn
    found, warned = outcome_of(rows, labels)
    assert (found == right).all()
    assert not warned


@pytest.mark.parametrize(("made", "read"), [("int64", "float32"), ("int32", "float16")])
def test_two_classes_of_which_most_are_0_are_no_floats(made, read):
    labels = (np.random.default_rng(0).random(500) < 0.3).astype(int)
    rows = read_as(labels.astype(made)[:, None], read)
    with pytest.raises(ValueError, match=f"no scores of classes as {read}; as {made} they fit"):
        lg.class_answers(rows, labels.tolist())


def test_half_precision_log_probabilities_are_no_integers():
    random = np.random.default_rng(0)
    scores = scores_of(random, "log-probabilities", LABELS, CLASSES).astype(np.float16)
    with pytest.raises(ValueError, match="as float16 they fit: give that dtype"):
        lg.class_answers(scores.view(np.int16), LABELS.tolist())


def test_signs_of_bytes_that_cannot_be_known_are_a_warning():
    rows = np.random.default_rng(1).integers(0, 256, (200, CLASSES)).astype(np.uint8)
    with pytest.warns(lg.ScoreWarning, match="make sense as uint8 and as int8, which gives"):
        assert (lg.class_answers(rows, LABELS.tolist()) == rows.argmax(axis=1)).all()


def test_probabilities_in_bytes_show_their_sign():
    shares = np.round(255 * softmax(LABELS, CLASSES)).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (lg.class_answers(shares, LABELS.tolist()) == LABELS).all()
    with pytest.raises(ValueError, match="as uint8 they fit"):
        lg.class_answers(shares.view(np.int8), LABELS.tolist())


def test_scores_that_are_nan_count_as_wrong_and_are_reported():
    scores = softmax(LABELS, CLASSES)
    scores[:3, 1] = np.nan
    with pytest.warns(lg.ScoreWarning) as caught:
        found = lg.class_answers(scores, LABELS.tolist())
    assert "3 of 200 responses with a score that is NaN: they count as wrong" in str(caught[0])
    assert (found[:3] == -1).all()
    assert (found[3:] == LABELS[3:]).all()


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
    text = r"3 of 200 responses with a class outside the labels' 0 to 9, such as 11"
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
