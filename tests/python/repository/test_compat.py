"""Goal: random tests give the same traffic, logs and verdicts as under the reference.

Method: tests/compat/compare.py runs each draw under both modules and compares. The reference is
installed into a virtual environment of its own, because it has the same import name; where that is
not possible, as without a network, the test is skipped. LOADGEN_SKIP_COMPAT=1 skips it too.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REFERENCE = "mlcommons_loadgen==6.0.17"
ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = ROOT / "build" / "reference-venv"
DRAWS = 40


def run(*command, timeout_s):
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout_s
    )


def install_reference(python):
    """Returns why it could not be installed, or an empty text."""
    pip = (python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--retries", "1")
    for command in ((sys.executable, "-m", "venv", ENVIRONMENT), (*pip, REFERENCE)):
        try:
            done = run(*command, timeout_s=120)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return ""


@pytest.fixture(scope="session")
def reference():
    """An interpreter that has the reference."""
    if os.environ.get("LOADGEN_SKIP_COMPAT"):
        pytest.skip("LOADGEN_SKIP_COMPAT is set")
    python = ENVIRONMENT / "bin" / "python"
    # The last thing that is made: an installation that was interrupted has none.
    installed = ENVIRONMENT / "installed"
    if not installed.exists():
        reason = install_reference(python)
        if reason:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            pytest.skip(f"{REFERENCE} cannot be installed: {reason}")
        installed.write_text(REFERENCE + "\n")
    return python


def test_random_draws_agree_with_the_reference(reference):
    compare = ROOT / "tests" / "compat" / "compare.py"
    command = (sys.executable, compare, "--reference", reference, "--draws", DRAWS, "--seed", 1)
    done = run(*command, timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(f"{DRAWS} draws agree, 0 differ\n")
