"""Fixtures of the tests of shards."""

import subprocess
import sys

import pytest
from shard_golden import ARCHIVES, FOLDER
from shard_server import shard_server


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


@pytest.fixture(scope="session")
def corpus_server(corpus):
    """A web server that has these archives."""
    files = {f"/{name}": (corpus / name).read_bytes() for name in ARCHIVES}
    with shard_server(files=files) as running:
        yield running
