"""The traffic of the reference in tests/golden/traffic.json, and the same record of a test here."""

import hashlib
import json
from pathlib import Path

from runs import run_in

CASES = json.loads((Path(__file__).parents[2] / "golden" / "traffic.json").read_text())
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
