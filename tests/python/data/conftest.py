"""Fixtures of the tests of shards."""

import subprocess
import sys

import pytest
from shard_golden import FOLDER


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A folder with the 102 archives of the golden corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    subprocess.run(
        [sys.executable, FOLDER / "make_corpus.py", "--out", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder
