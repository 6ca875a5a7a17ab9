"""Fixtures of the tests of compress."""

import pytest

from mlperf_loadgen import _compress


def supported_paths():
    """The paths of instructions that this processor has."""
    found = []
    for path in ("portable", "avx2", "avx512"):
        try:
            _compress.use_cpu_path(path)
        except ValueError:
            continue
        found.append(path)
    return found  # The last is the one that is used without being asked for.


@pytest.fixture(params=supported_paths())
def cpu_path(request):
    """Each path of instructions in turn."""
    before = _compress.cpu_path()
    _compress.use_cpu_path(request.param)
    yield request.param
    _compress.use_cpu_path(before)
