"""Each function that makes a folder names it if it cannot be made, with the reason and what to do.

Method: each function is called in a working directory that was deleted, with a relative path, and
with a path whose parent is a file.
"""

import pytest

import mlperf_loadgen as lg
from mlperf_loadgen import qdl, testing

QUICK = {"min_duration_ms": 0, "min_query_count": 20}


def sweep_into(handles, folder):
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, **QUICK)
    lg.sweep(*handles, settings, [10], outdir=folder)


def run_into(handles, folder):
    testing.run(*handles, outdir=folder, **QUICK)


def make_keys_in(handles, folder):
    qdl.make_keys(folder)


def save_baseline_in(handles, folder):
    testing.save_baseline(testing.run(*handles, min_duration_ms=0, min_query_count=2000), folder)


MAKERS = pytest.mark.parametrize(
    ("make", "name"),
    [
        (sweep_into, "outdir"),
        (run_into, "outdir"),
        (make_keys_in, "folder"),
        (save_baseline_in, "folder"),
    ],
)


@MAKERS
def test_a_deleted_working_directory_is_named(make, name, handles, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    text = f"{name} made/here: the working directory no longer exists; change to another"
    with pytest.raises(FileNotFoundError, match=text):
        make(handles, "made/here")
    make(handles, tmp_path / "made")  # An absolute path needs no working directory.


@MAKERS
def test_a_file_in_the_way_is_named(make, name, handles, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"{name} .*/file.*: cannot be made: .*; give another folder"):
        make(handles, tmp_path / "file" / "folder")
