"""The traffic is the reference's, bit for bit.

Method: tests/golden/traffic.json holds 160 randomly drawn tests and the traffic that the reference
made for each: the loaded sets, the issued samples, the generated_* values and the scheduled times.
Each case is run here, and the same record of it compared; the longest, whose queries are due over
twelve seconds, in a process of its own while the others run.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HANG_LIMIT_S, run_in

CASES = json.loads((Path(__file__).parents[1] / "golden" / "traffic.json").read_text())
CHUNK = 20
LONGEST = max(
    (number for number, golden in enumerate(CASES) if golden["case"]["scenario"] == "Server"),
    key=lambda number: sum(CASES[number]["traffic"]["generated_query_duration"]),
)


def digest(numbers):
    """The first 32 hex digits of the SHA-256 of the numbers joined by commas."""
    return hashlib.sha256(",".join(map(str, numbers)).encode()).hexdigest()[:32]


def scheduled_deltas_ns(run):
    """Scheduled times after the first, from the begin events of the trace, by sample."""
    times_ns = {
        event["id"]: round(event["ts"] * 1000)
        for event in run.trace["traceEvents"]
        if event["name"] == "Sample" and event["ph"] == "b"
    }
    return [times_ns[sample] - times_ns[0] for sample in sorted(times_ns)]


def traffic_record(run):
    """What the golden file keeps of a test."""
    loads, issued = run.calls("load"), run.issued
    # Later sets start when the clock says so.
    with_schedule = run.result.scenario.name == "Server" and len(loads) == 1
    deltas = scheduled_deltas_ns(run) if with_schedule else []
    return {
        "loaded": [len(indices) for indices in loads],
        "loaded_sha": digest(index for indices in loads for index in indices),
        "batches": len(run.batches),
        "samples": len(issued),
        "first": issued[:24],
        "sha": digest(issued),
        "sizes_sha": digest(len(batch) for batch in run.batches),
        "generated_query_count": run.values("generated_query_count"),
        "generated_samples_per_query": run.values("generated_samples_per_query"),
        "generated_query_duration": run.values("generated_query_duration"),
        "sched_first": deltas[:16],
        "sched_sha": digest(deltas) if deltas else None,
        "sched_n": len(deltas),
    }


def run_case(number, outdir):
    case = CASES[number]["case"]
    return run_in(
        outdir,
        total=case["total"],
        performance=case["perf"],
        scenario=case["scenario"],
        mode=case["mode"],
        log={"enable_trace": case["scenario"] == "Server"},
        **case["conf"],
    )


RUN_LONGEST = """
import json
from test_golden import LONGEST, run_case, traffic_record
print(json.dumps(traffic_record(run_case(LONGEST, "{outdir}"))))
"""


@pytest.fixture(scope="module", autouse=True)
def longest(tmp_path_factory):
    """A process that runs the longest case from the first test of this file on."""
    program = RUN_LONGEST.format(outdir=tmp_path_factory.mktemp("longest"))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
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
