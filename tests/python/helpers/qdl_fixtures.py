"""Fixtures of the tests with nodes in other processes: `pytest_plugins = ["qdl_fixtures"]`."""

import itertools

import pytest
from qdl_node import NUMBERS, QUICK, Nodes, hang_limit
from runs import with_rate_and_count_in_use

from mlperf_loadgen import testing


@pytest.fixture
def no_hang():
    """Ends a test that hangs."""
    with hang_limit():
        yield


@pytest.fixture(scope="module")
def nodes():
    """`nodes(system, **options)`: the address of a node that the tests of a file share."""
    made = Nodes()
    yield made
    made.end()


@pytest.fixture
def run(tmp_path):
    """Runs a test of a NetworkQDL, or of what else is given, in a folder of its own."""
    numbers = itertools.count()

    def run(system, library=NUMBERS, **values):
        outdir = tmp_path / f"run{next(numbers)}"
        return testing.run(
            system, library, outdir=outdir, **with_rate_and_count_in_use(QUICK | values)
        )

    return run
