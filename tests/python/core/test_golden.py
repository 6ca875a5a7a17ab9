"""The traffic is the reference's, bit for bit.

Method: tests/golden/traffic.json holds 160 randomly drawn tests and the traffic that the reference
made for each: the loaded sets, the issued samples, the generated_* values and the scheduled times.
Each case is run here, and the same record of it compared; the longest, whose queries are due over
twelve seconds, in a process of its own while the others run.
"""

import json
import subprocess
import sys

import pytest
import runs
from golden_cases import CASES, LONGEST, run_case, traffic_record
from runs import FOR_EVERY_SCENARIO, HANG_LIMIT_S

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

CHUNK = 20
RUN_LONGEST = """
import json
from golden_cases import LONGEST, run_case, traffic_record
print(json.dumps(traffic_record(run_case(LONGEST, "{outdir}"))))
"""


@pytest.fixture(scope="module", autouse=True)
def longest(tmp_path_factory):
    """A process that runs the longest case from the first test of this file on."""
    program = RUN_LONGEST.format(outdir=tmp_path_factory.mktemp("longest"))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=runs.HELPERS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_the_file_has_all_cases():
    assert len(CASES) == 160
    assert {case["case"]["scenario"] for case in CASES} == {
        "SingleStream",
        "MultiStream",
        "Server",
        "Offline",
    }


@pytest.mark.parametrize("first", range(0, len(CASES), CHUNK))
def test_golden_traffic(tmp_path, first):
    for number, golden in enumerate(CASES[first : first + CHUNK], first):
        if number != LONGEST:
            record = traffic_record(run_case(number, tmp_path / str(number)))
            assert record == golden["traffic"], f"case {number}: {golden['case']}"


def test_golden_traffic_of_the_longest_case(longest):
    """Last, since it runs while the others do."""
    out, errors = longest.communicate(timeout=HANG_LIMIT_S)
    assert out, errors
    assert json.loads(out) == CASES[LONGEST]["traffic"], CASES[LONGEST]["case"]
