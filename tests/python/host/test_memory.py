"""The memory of a process is what the system's file says, and unknown where that says nothing.

Method: files made by hand, and this process before and after it holds a block of known size.
"""

import os
from pathlib import Path

import pytest

from mlperf_loadgen.host.memory import Resident, forget_peak, read_resident

BLOCK_BYTES = 32 << 20


def test_the_file_is_read(tmp_path):
    (tmp_path / "status").write_text("Name:\tx\nVmHWM:\t   200 kB\nVmRSS:\t  100 kB\n")
    assert read_resident(tmp_path) == Resident(100 * 1024, 200 * 1024)


@pytest.mark.parametrize("text", ["", "VmRSS:\t100 kB\n", "VmRSS:\tx kB\nVmHWM:\t1 kB\n"])
def test_what_is_not_there_is_not_known(tmp_path, text):
    (tmp_path / "status").write_text(text)
    assert read_resident(tmp_path) is None
    assert read_resident(tmp_path / "none") is None
    forget_peak(tmp_path / "none")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux has the file")
def test_a_block_is_seen_and_its_peak_forgotten():
    forget_peak()
    before = read_resident()
    block = bytearray(os.urandom(BLOCK_BYTES))
    held = read_resident()
    del block
    assert held.now_bytes - before.now_bytes > 0.9 * BLOCK_BYTES
    assert read_resident().peak_bytes - before.now_bytes > 0.9 * BLOCK_BYTES
    forget_peak()
    assert read_resident().peak_bytes < before.now_bytes + 0.5 * BLOCK_BYTES
