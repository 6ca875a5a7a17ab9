"""The demos that train from shards run as a user would run them, and what they train is right.

Runs where torch and Paddle are installed: `make test-frameworks`.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = Path(__file__).resolve().parents[3] / "demos" / "webdataset"


@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_a_model_is_trained(framework, tmp_path):
    pytest.importorskip(framework)
    done = subprocess.run(
        [sys.executable, DEMOS / f"train_{framework}.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (last,) = re.findall(r"epoch 7: ([\d.]+) of the validation images right", done.stdout)
    assert float(last) > 0.95
