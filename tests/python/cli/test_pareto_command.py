"""`mlperf-loadgen pareto`: the table, its exit status, and each mistake in the command.

Method: short tables of systems with known answers (helpers/tradeoff_systems.py), which stand in a
file of the working directory. An interrupted one is a process of its own.
"""

import re
import shutil
import signal
import subprocess
import sys

import pytest
import tradeoff_systems as systems
from cli_commands import call, document, done
from runs import HANG_LIMIT_S, HELPERS, until

import mlperf_loadgen as lg
from mlperf_loadgen.cli.commands.pareto import _status_of
from mlperf_loadgen.cli.options.durations import duration_ns
from mlperf_loadgen.cli.show.outcome import Mistake

pytest_plugins = ["cli_fixtures"]

TABLE = ("pareto", "models.py:make", "models.py:Numbers", "--budget", "100ms")


@pytest.fixture(autouse=True)
def _models(folder, monkeypatch):
    shutil.copy(HELPERS / "tradeoff_systems.py", folder / "models.py")
    monkeypatch.setenv("MADE", str(folder / "made"))
    (folder / "made").touch()


def row(variant, **fields):
    return lg.ParetoRow(variant=variant, **({"run_count": 1} | fields))


# ---- Outcomes ------------------------------------------------------------------------------------


def test_the_table_for_programs(folder):
    words = (*TABLE, "-v", "wrong:2,wrong:4", "-o", "out", "--set", "min_query_count=10")
    result = call(*words, "--json")
    assert result.exit_code in (0, 1), result.stderr
    found = document(*words, "--resume", status=result.exit_code)
    assert [r["accuracy"] for r in found["rows"]] == [0.5, 0.75]
    assert found["rows"][1]["accuracy_change"] == 0.25
    assert found["asked"]["settings"]["min_query_count"] == 10
    assert (found["output"], found["exit_status"]) == ("out", result.exit_code)
    assert len(systems.made()) == 2  # The second time, all was there.
    assert lg.ParetoTable.load(folder / "out").rows[0].accuracy == 0.5


def test_the_table_for_people(folder):
    pytest.importorskip("matplotlib")
    words = (*TABLE, "-v", "wrong:2,refused", "-o", "out", "--plot", "out.png", "--progress")
    result = done(*words, "--maximize", "accuracy", status=3)
    assert "models:make: 2 variants" in result.stdout
    assert "front (high accuracy): wrong:2" in result.stdout
    failed = "failed: refused: ValueError: there is no accelerator (models.py:"
    assert failed in " ".join(result.stdout.split())
    assert "next: mlperf-loadgen report out -o report.html" in result.stdout
    assert result.stderr.startswith("wrong:2: accuracy 50.00")
    assert (folder / "out.png").read_bytes()[1:4] == b"PNG"
    done("report", "out", "-o", "report.md")


def test_a_wide_terminal_has_the_columns_beside_each_other(folder, monkeypatch):
    words = (*TABLE, "-v", "wrong:2", "-o", "out")
    call(*words)
    for columns, blocks in (("80", 2), ("200", 1), ("40", 2)):
        monkeypatch.setenv("COLUMNS", columns)
        lines = call(*words, "--resume").stdout.splitlines()
        assert sum(line.startswith("variant ") for line in lines) == blocks, lines


def test_a_row_that_takes_too_long(folder):
    result = done(*TABLE, "-v", "waits", "-o", "out", "--limit", "250ms", status=3)
    assert "failed: waits: its process was killed after 0.25 s" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ((row("a"), row("b")), 0),
        ((row("a"), row("b", reasons=("offline: too short",))), 1),
        ((row("a", reasons=("x",)), row("b", run_count=0, error="ValueError: no")), 3),
        ((row("a", error="one repeat of two"),), 3),
    ],
)
def test_the_exit_status(rows, status):
    assert _status_of(lg.ParetoTable(title="t", rows=rows)) == status


def test_a_library_beside_the_systems_need_not_be_named(folder):
    (folder / "one.py").write_text(
        "import models\nclass Own(models.Numbers): pass\ndef make(variant):\n"
        "    return models.make(variant)\n"
    )
    found = call("pareto", "one.py:make", "-v", "wrong:2", "--budget", "100ms", "-o", "out")
    assert found.exit_code in (0, 1), found.stderr
    assert lg.ParetoTable.load("out").asked["library"] == "one:Own"


def test_an_interrupted_command_says_how_it_goes_on(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "mlperf_loadgen", *TABLE, "-v", "wrong:2,waits", "-o", "out"],
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(systems.made()) == 2)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=HANG_LIMIT_S)
    assert process.returncode == 130
    assert "interrupted; measured: 1 of 2 variants; the same command with --output out" in errors
    assert "Traceback" not in errors


# ---- Mistakes ------------------------------------------------------------------------------------

MISTAKES = {
    (): "missing option '--variants' / '-v'",
    ("-v", ","): "--variants: name what to measure, as in --variants small,large",
    ("-v", "a,a"): "variant 'a' is there twice: use --repeats",
    ("-v", "a", "--budget", "60"): "--budget 60: give a number and its unit, as in 20ms",
    ("-v", "a", "--bound", "-5ms"): "--bound -5ms: give a duration above 0, as in 20ms",
    ("-v", "a", "--repeats", "0"): "--repeats 0",
    ("-v", "a", "--minimize", "size"): "'size' is no column; these are: disk_bytes",
    ("-v", "a", "--resume", "--force"): "--resume keeps what --force overwrites",
    ("-v", "a", "--set", "scenario=Server"): "has no effect here: each row has runs of several",
    ("-v", "a", "--set", "min_duration_ms=5"): "has no effect here: give --budget; leave it out",
    ("-v", "a", "--limit", "60"): "--limit 60: give a number and its unit, as in 20ms",
    (
        *("-v", "a", "--set", "single_stream_target_latency_percentile=1.5"),
    ): "single_stream_target_latency_percentile is 1.5: set it to a fraction between 0 and 1",
    ("-v", "a", "--set", "min_durations=5"): "there is no setting 'min_durations'",
    (
        "-v",
        "a",
        "--max-batch",
        "8",
    ): "--max-batch is 8, but it is for models, and models:make makes",
    ("-v", "a", "--threads", "2"): "--threads is 2, but it is for models",
    ("-v", "a", "--plot", "x.gif"): "--plot x.gif: the picture needs a name that ends in .png",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_are_found_before_anything_is_made(folder, words):
    result = done(*TABLE, *words, status=2)
    assert MISTAKES[words] in result.stderr
    assert systems.made() == []


@pytest.mark.parametrize(
    ("make", "qsl", "text"),
    [
        ("models.py:mak", "models.py:Numbers", "has no function 'mak': did you mean make?"),
        ("models.py", "models.py:Numbers", "name the function, as in models.py:function"),
        ("models.py:make", "models.py:Number", "has no 'Number': did you mean Numbers?"),
        ("models.py:make", None, "models.py has several: Numbers, Unlabelled, Scored, Valued"),
        ("models.py:make", "tcp://host:1", "tcp://host:1 is no QSL"),
        ("models.py:note_nothing", "models.py:Numbers", "has no function"),
        (
            "models.py:made",
            "models.py:Numbers",
            "variant 'a': there is no such method; variants are",
        ),
        ("queue.py:make", "models.py:Numbers", "rename the file"),
    ],
)
def test_names_that_name_nothing(folder, make, qsl, text):
    (folder / "queue.py").write_text("def make(variant): pass\n")
    words = [make, qsl] if qsl else [make]
    assert text in done("pareto", *words, "-v", "a", status=2).stderr


def test_an_earlier_table_is_kept(folder):
    first = call(*TABLE, "-v", "wrong:2", "-o", "out")
    assert first.exit_code in (0, 1)
    refused = done(*TABLE, "-v", "wrong:2", "-o", "out", status=2).stderr
    assert "--output out: has the table of an earlier run; give another folder, --resume" in refused
    other = done(*TABLE[:-1], "1s", "-v", "wrong:2", "-o", "out", "--resume", status=2).stderr
    assert "--output out has a table of other systems or settings (budget_s)" in other
    assert "or --force in place of --resume" in other
    assert call(*TABLE, "-v", "wrong:2", "-o", "out", "--force").exit_code in (0, 1)
    assert len(systems.made()) == 2


@pytest.mark.parametrize(
    ("text", "ns"),
    [("20ms", 2e7), ("1.5 s", 1.5e9), ("100us", 1e5), ("7ns", 7), ("2min", 1.2e11), ("1e3ms", 1e9)],
)
def test_durations(text, ns):
    assert duration_ns("--bound", text) == pytest.approx(ns)


@pytest.mark.parametrize("text", ["20", "ms", "20 h", "1e400s", "--s", "0s", "", "20ms 3s"])
def test_texts_that_are_no_durations(text):
    with pytest.raises(Mistake, match=re.escape(f"--bound {text}: give a")):
        duration_ns("--bound", text)
