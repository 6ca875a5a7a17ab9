"""Goal: random tests give the same traffic, logs and verdicts as under the reference.

Method: tests/compat/compare.py runs each draw under both modules and compares. The reference is
installed into a virtual environment of its own, because it has the same import name; where that is
not possible, as without a network, the test is skipped. LOADGEN_SKIP_COMPAT=1 skips it too.
"""

import os
import random
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


# ---- What the draws cover ------------------------------------------------------------------------


def kinds_of(draws, drawn):
    """What is special in how the token mode of a drawn test is set and served."""
    settings, final, sut = drawn["settings"], drawn["final"], drawn["sut"]
    texts = [config["text"] or "" for config in drawn["configs"]]
    asked = settings.get("use_token_latencies")
    if any("use_token_latencies = 1" in text for text in texts):
        yield "on by a config file"
    if asked is None and any(c["model"] in draws.TOKEN_MODELS for c in drawn["configs"]):
        yield "on by the model"
    audit = drawn["audit"] or ""
    for value, was, what in ((1, False, "on"), (0, True, "off")):
        if f"use_token_latencies = {value}" in audit and asked is was:
            yield f"turned {what} by the audit file"
    if final["use_token_latencies"] and final["scenario"] == "Offline":
        sent = {0: "no", 1: "all"}.get(sut["first_token_every"], "some")
        yield f"Offline with {sent} first tokens, {final['mode']}"


def test_the_draws_have_every_kind_of_token_mode(monkeypatch):
    """The rarest comes about once in 200 draws."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "compat"))
    import draws

    rng = random.Random(0)
    tests = [draws.draw(rng.getrandbits(32)) for _ in range(2000)]
    found = {kind for drawn in tests if drawn["settings"] for kind in kinds_of(draws, drawn)}
    assert found >= {
        "on by a config file",
        "on by the model",
        "turned on by the audit file",
        "turned off by the audit file",
        *(
            f"Offline with {sent} first tokens, {mode}"
            for sent in ("no", "some", "all")
            for mode in ("PerformanceOnly", "AccuracyOnly", "SubmissionRun")
        ),
    }
