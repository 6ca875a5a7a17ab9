"""The commands that `run` proposes: they work as they stand, and repeat the test that was asked.

Method: what stands behind "next:" is taken as it is and called.
"""

import itertools
import shlex

import pytest
from cli_commands import QUICK, RUN, call, done

from mlperf_loadgen.cli.measurement import measurement_of
from mlperf_loadgen.cli.options.endpoint_options import Endpoint
from mlperf_loadgen.cli.options.options import Logs, Settings, Target

pytest_plugins = ["cli_fixtures"]

TOO_SHORT = ("run", "system.py:Good", "system.py:Numbers", "-s", "Offline")


def proposed(shown, command):
    """The words of the proposed command of this name."""
    lines = [line for line in shown.splitlines() if f"mlperf-loadgen {command} " in line]
    return shlex.split(lines[-1].partition("mlperf-loadgen ")[2])


def test_the_report_of_a_second_test_in_a_folder_is_proposed_by_its_file(folder):
    done(*RUN, *QUICK, "-o", "logs")
    assert "mlperf-loadgen report logs -o" in done(*RUN, *QUICK, "-o", "logs", "--force").stdout
    shown = done(*RUN, *QUICK, "-o", "logs", "--log", "prefix=second_").stdout
    words = proposed(shown, "report")
    assert words[1] == "logs/second_detail.txt"
    pytest.importorskip("plotly")
    done(*words)
    assert (folder / "report.html").stat().st_size > 0


def test_the_test_that_is_proposed_is_the_one_that_was_asked(folder):
    asked = ("-m", "SubmissionRun", "--set", "min_duration_ms=50")
    logged = ("--log", "enable_trace=false", "--log", "prefix=z_")
    shown = done(*TOO_SHORT, *asked, *logged, "-o", "logs", status=1).stdout
    words = proposed(shown, "run")
    for name, value in (
        ("--mode", "SubmissionRun"),
        ("--scenario", "Offline"),
        ("--log", "enable_trace=false"),
    ):
        assert (name, value) in itertools.pairwise(words)
    assert "prefix=z_" in words


def test_the_proposed_test_writes_over_nothing(folder):
    (folder / "run.yaml").write_text(
        "sut: system.py:Good\nqsl: system.py:Numbers\noutput: logs\n"
        "settings:\n  scenario: Offline\n  min_duration_ms: 50\n"
    )
    words = proposed(done("run", "-f", "run.yaml", status=1).stdout, "run")
    assert ("--output", "logs-2") in itertools.pairwise(words)
    again = call(*words, "--set", "min_duration_ms=0")
    assert again.exit_code in (0, 1), again.stderr
    assert (folder / "logs-2/mlperf_log_summary.txt").is_file()


def test_secrets_are_in_no_proposed_command(folder):
    target = Target(
        "kserve://127.0.0.1:1",
        "system.py:Numbers",
        network=["query.key=SECRET", "concurrency=8"],
        header=["Authorization: SECRET"],
    )
    words = measurement_of(target, Endpoint(), Settings(), Logs()).words()
    assert "SECRET" not in words
    assert "--network query.key=... --network concurrency=8 --header 'Authorization: ...'" in words
