"""None of the reference's known crashes, hangs and misleading answers is left.

Method: the table in helpers/weaknesses has a row for each, with a program that does what made the
reference fail and asserts what happens here. Every row runs in a process of its own, whose
warnings are errors, within a time limit; it must end by itself, with exit status 0.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from runs import HELPERS
from weaknesses import ROWS
from weaknesses.table import LIMIT_S, ROOT, SKIPPED

AT_A_TIME = 3  # Of which one waits for ten seconds.
NUMBERS = {"W": range(1, 17), "H": range(1, 12), "S": range(1, 30)}


def run_row(name, directory):
    path = os.pathsep.join(filter(None, (str(HELPERS), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-m", "weaknesses", name],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """Futures of the selected rows, which run a few at a time from the first test on."""
    chosen = [item.callspec.params["name"] for item in request.session.items if is_row(item)]
    chosen.sort(key=lambda name: name != "H3")  # It has to wait for ten seconds.
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {name: pool.submit(run_row, name, tmp_path_factory.mktemp(name)) for name in chosen}


def is_row(item):
    return getattr(item, "function", None) is test_weakness


@pytest.mark.parametrize("name", ROWS)
def test_weakness(outcomes, name):
    done = outcomes[name].result()
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip())
    row = ROWS[name]
    said = f"the reference: {row.reference}\nhere: {row.here}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, said


def test_every_weakness_has_a_row():
    assert set(ROWS) == {f"{kind}{n}" for kind, numbers in NUMBERS.items() for n in numbers}


def test_every_difference_has_a_row():
    """Whatever weakness the documentation names is in the table."""
    text = (ROOT / "docs" / "differences.md").read_text()
    assert set(re.findall(r"\b[WHS]\d+\b", text)) <= set(ROWS)
