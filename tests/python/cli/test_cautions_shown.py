"""Latency that is the load generator's own is said by each command that measures.

Method: the commands run while a thread holds the interpreter's lock most of the time, so that the
generator is late on any machine, and the system answers at once.
"""

import pytest
from cli_commands import SYSTEM_AND_LIBRARY, call
from lock_held import LockHeld
from runs import strict_json

pytest_plugins = ["cli_fixtures"]

SENTENCE = "is not the system's: the load generator issued late"
SHORT = (
    *("--set", "min_query_count=30", "--set", "server_target_latency_ns=60e9"),
    *("--set", "server_target_latency_percentile=0.6"),
)
COMMANDS = {
    "run": (
        *("run", *SYSTEM_AND_LIBRARY, "-s", "server", "--set", "server_target_qps=100"),
        *(*SHORT, "--set", "min_duration_ms=0"),
    ),
    "sweep": (
        *("sweep", *SYSTEM_AND_LIBRARY, "-s", "server", "-v", "100"),
        *(*SHORT, "--set", "min_duration_ms=0"),
    ),
    "find-peak": (
        *("find-peak", *SYSTEM_AND_LIBRARY, "--start-qps", "100", "--time-budget", "0.01"),
        *(*SHORT, "--set", "min_duration_ms=300"),
    ),
}


def cautions_of(found):
    """Those of a document, wherever a command has them."""
    points = found.get("points", [])
    return [*found.get("cautions", []), *(text for point in points for text in point["cautions"])]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_late_load_generator_is_named_in_one_sentence(folder, command):
    with LockHeld():
        shown = " ".join(call(*COMMANDS[command]).stdout.split())
        found = strict_json(call(*COMMANDS[command], "--json").stdout)
    assert shown.count(SENTENCE) == 1
    assert "caution" in shown
    (caution,) = cautions_of(found)
    assert caution.count(SENTENCE) == 1
