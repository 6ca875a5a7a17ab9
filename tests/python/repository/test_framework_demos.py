"""The demos with torch and Paddle run as a user would run them, and what they do is right.

Runs where torch and Paddle are installed: `make test-frameworks`.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = Path(__file__).resolve().parents[3] / "demos"


@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_a_model_is_trained(framework, tmp_path):
    pytest.importorskip(framework)
    done = subprocess.run(
        [sys.executable, DEMOS / "webdataset" / f"train_{framework}.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (last,) = re.findall(r"epoch 7: ([\d.]+) of the validation images right", done.stdout)
    assert float(last) > 0.95


def test_tensors_are_exchanged(tmp_path):
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, DEMOS / "transfer" / "torch_group.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "received 1.0 and gathered [1.0, 0.0]" in done.stdout
