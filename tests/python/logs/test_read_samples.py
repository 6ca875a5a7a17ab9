"""read_samples opens what a test wrote, whole or cut off, and refuses all else with a clear error.

Method: a real test's log beside numpy.load, cut off anywhere; the same rows saved by NumPy; files
that are no sample log, and paths that are no file. read_accuracy warns of cut-off logs alike.
"""

import io
import os
import warnings

import numpy as np
import pytest

import mlperf_loadgen as lg
from mlperf_loadgen import _core
from mlperf_loadgen.logs.samples import TruncatedLogWarning


@pytest.fixture(scope="module")
def run(run_test):
    return run_test(scenario="Offline", min_query_count=1, offline_expected_qps=20)


@pytest.fixture(scope="module")
def log(run):
    """The bytes of a sample log."""
    return (run.outdir / "loadgen_samples/mlperf_log_samples.npy").read_bytes()


@pytest.fixture
def read(tmp_path):
    """Reads bytes as a sample log, and returns the rows and what was warned of."""

    def read_bytes(data):
        path = tmp_path / "samples.npy"
        path.write_bytes(data)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = lg.read_samples(path)
        assert all(w.category is TruncatedLogWarning for w in caught)
        return rows, [str(w.message) for w in caught]

    return read_bytes


def as_numpy_saves(rows):
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


def test_real_log_is_mapped_without_a_warning(run, log, read):
    expected = np.load(run.outdir / "loadgen_samples/mlperf_log_samples.npy")
    rows, warned = read(log)
    assert len(expected) > 0
    assert rows.dtype == expected.dtype
    assert (rows == expected).all()
    assert not warned
    assert isinstance(rows, np.memmap)
    assert not rows.flags.writeable


def test_what_numpy_saves(log, read):
    expected = np.load(io.BytesIO(log))[::-1]
    rows, warned = read(as_numpy_saves(expected))
    assert (rows == expected).all()
    assert not warned


def test_cut_off_anywhere(log, read):
    expected = np.load(io.BytesIO(log))
    size = expected.dtype.itemsize
    header_size = len(log) - len(expected) * size
    for cut in (0, 1, 5, 9, 100, header_size - 1):
        with pytest.raises(_core.SampleLogFormatError, match="found the end of the file"):
            read(log[:cut])
    cuts = range(header_size, min(header_size + 3 * size, len(log)), 13)
    for cut in (*cuts, len(log) - size, len(log) - 1):
        n = (cut - header_size) // size
        rows, warned = read(log[:cut])
        assert rows.shape == (n,)
        assert rows.dtype == expected.dtype
        assert (rows == expected[:n]).all()
        (message,) = warned
        assert message.endswith(f"samples.npy: cut off: holds {n} whole row{'' if n == 1 else 's'}")


def test_a_killed_tests_log_holds_the_rows_that_were_written(log, read):
    """Its header still counts none."""
    expected = np.load(io.BytesIO(log))
    no_rows = as_numpy_saves(expected[:0])
    rows, warned = read(no_rows + expected.tobytes() + b"part of a row")
    assert (rows == expected).all()
    assert len(warned) == 1


def test_empty_log(log, read):
    rows, warned = read(as_numpy_saves(np.load(io.BytesIO(log))[:0]))
    assert rows.shape == (0,)
    assert rows["completed_ns"].dtype == np.int64
    assert not warned


def test_a_log_is_found_where_it_is_now_and_where_earlier_versions_wrote_it(log, tmp_path):
    folder = tmp_path / "loadgen_samples"
    folder.mkdir()
    for there in (tmp_path, folder):
        (there / "a_samples.npy").write_bytes(log)
        for asked in (tmp_path, folder):
            assert len(lg.read_samples(asked / "a_samples.npy")) == len(as_rows(log))
        (there / "a_samples.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"a_samples\.npy"):
        lg.read_samples(tmp_path / "a_samples.npy")


def test_left_out_samples_are_said_with_their_number(log, read):
    rows, warned = read(log + b"samples left out:                   12\n")
    assert (rows == as_rows(log)).all()
    (text,) = warned
    assert "the first 1 sample of the test; it had no room for 12 more" in text
    assert len(np.load(io.BytesIO(log + b"samples left out:                   12\n"))) == len(rows)


def as_rows(log):
    return np.load(io.BytesIO(log))


def test_the_warning_points_at_the_caller(run, log, tmp_path):
    samples, accuracy = tmp_path / "samples.npy", tmp_path / "accuracy.json"
    samples.write_bytes(log[:-1])
    accuracy.write_text('[{"seq_id": 0, "qsl_idx": 1, "data": "00"},')
    with pytest.warns(TruncatedLogWarning, match="whole row") as caught:
        lg.read_samples(samples)
    with pytest.warns(TruncatedLogWarning, match=r"accuracy\.json: cut off: holds 1 whole record$"):
        assert lg.read_accuracy(accuracy).truncated
    assert caught[0].filename == __file__
    assert issubclass(TruncatedLogWarning, UserWarning)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[\n]\n", r"byte 0: found '\[\\x0A\]\\x0A', expected '\\x93NUMPY.*; give the path"),
        (b"\0" * 1000, r"byte 0: found '\\x00"),
        (as_numpy_saves(np.arange(3.0)), r"byte 20: found ''<f8'.*; read other arrays with numpy"),
        (as_numpy_saves(np.array([{}], object)), r"byte 20: found ''\|O'"),
        (as_numpy_saves(np.zeros(2, [("query", "<u8")])), r"byte 37: found '\], "),
    ],
)
def test_other_files_are_refused(read, data, message):
    with pytest.raises(_core.SampleLogFormatError, match=r"samples\.npy: " + message) as refused:
        read(data)
    assert isinstance(refused.value, ValueError)


def test_a_header_that_counts_too_many_rows_maps_what_is_there(log, read):
    expected = np.load(io.BytesIO(log))
    count = f"({len(expected)},), }}".encode()
    for other in (b"(18446744073709551615,), }", b"(9999999999,), }"):
        padding = b" " * (len(other) - len(count))
        rows, warned = read(log.replace(count + padding, other))
        assert (rows == expected).all()
        assert len(warned) == 1


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero", "/dev/full"):
        with pytest.raises(_core.SampleLogFormatError, match="found no regular file"):
            lg.read_samples(path)
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        lg.read_samples(tmp_path / "none.npy")
    with pytest.raises(ValueError, match="enable_sample_log"):
        lg.read_samples("")


def test_a_name_that_is_no_text(log, tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.npy")
    path.write_bytes(log)
    assert len(lg.read_samples(path)) > 0
    path.write_bytes(b"x")
    with pytest.raises(_core.SampleLogFormatError, match=r"\\udcff\.npy: byte 0"):
        lg.read_samples(path)


def test_sparse_files_take_no_memory(log, tmp_path):
    path = tmp_path / "samples.npy"
    path.write_bytes(log)
    os.truncate(path, 5 << 30)
    with pytest.warns(TruncatedLogWarning):
        rows = lg.read_samples(path)
    assert len(rows) > (5 << 30) // rows.dtype.itemsize - 100
    assert rows[-1]["query"] == 0
