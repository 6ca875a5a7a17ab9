"""The command line does what its page says.

Method: commands in a directory of their own, mostly in this process, with systems that answer at
once. Settings are compared with their files, traffic with numbers worked out here by hand, arrays
and scores with what `read_accuracy` and plain Python make of the same log. What goes wrong is the
matter of test_cli_errors.py.
"""

import ast
import contextlib
import csv
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from cli_commands import (
    AT_ANY_RATE,
    QUICK,
    RUN,
    SERVER,
    SYSTEM,
    SYSTEM_AND_LIBRARY,
    call,
    document,
    done,
    process,
)
from runs import HANG_LIMIT_S, strict_json

import mlperf_loadgen as lg
from mlperf_loadgen.cli.app import _COMMANDS
from mlperf_loadgen.cli.options.setting_values import assign_setting, split_assignment
from mlperf_loadgen.cli.options.sweep_values import sweep_values
from mlperf_loadgen.cli.show.outcome import Mistake, Status, json_text
from mlperf_loadgen.text.columns import aligned

pytest_plugins = ["cli_fixtures"]


def settings_shown(*arguments):
    """Value and origin of each setting, from --dry-run."""
    shown = document("run", "--dry-run", *arguments)["settings"]
    return {name: (row["value"], row["origin"]) for name, row in shown.items()}


# ---- What is measured ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("system.py:Good", ""),
        ("./system.py:Good", ""),
        ("{folder}/system.py:Good", ""),
        ("system:Good", ""),
        ("system.py:TakesLibrary", "given Numbers\n"),
        ("system.py:make", ""),
        ("system.py:make_with", "given Numbers\n"),
        ("system.py:instance", ""),
        ("system.py:handle", ""),
        ("system.py:Managed", "entered\nleft None\n"),
        ("system.py:managed", "entered\nleft None\n"),
        # No place for a library: its first parameter is another one, with a default.
        ("system.py:TakesOptional", "batch 3 qsl None\n"),
    ],
)
def test_a_system_may_be_named_in_many_ways(folder, target, said):
    target = target.replace("{folder}", str(folder))
    result = done("run", target, "system.py:Numbers", *QUICK, "-o", "logs")
    assert result.stderr == said


def test_a_library_beside_the_system_need_not_be_named(folder):
    together = SYSTEM.replace("class MultiPart(Numbers)", "class MultiPart")
    (folder / "together.py").write_text(together)
    found = document("run", "together.py:Good", *QUICK)
    assert (found["sut_name"], found["valid"]) == ("Good", True)


def test_a_file_may_have_the_name_of_a_known_module(folder):
    (folder / "queue.py").write_text(SYSTEM)
    assert document("run", "queue.py:Good", "queue.py:Numbers", *QUICK)["valid"]
    import queue

    assert not hasattr(queue, "Good")


def test_modules_are_found_in_the_current_directory_by_the_script_too(folder):
    # As a script in another directory starts: without the current one on the path.
    program = (
        "import sys; sys.path.remove(''); from mlperf_loadgen.__main__ import main; "
        f"sys.argv[1:] = {['run', 'system:Good', 'system:Numbers', *QUICK]!r}; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


# ---- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("min_query_count=1_000", 1000),
        ("min_query_count=1e6", 1_000_000),
        ("min_query_count=0x10", 16),
        ("min_query_count=010", 10),
        ("qsl_rng_seed=16159082839903944936", 16159082839903944936),
        ("server_target_qps=2.5e3", 2500.0),
        ("server_target_qps = 7", 7.0),
        ("test05=yes", True),
        ("test05=Off", False),
        ("test05=1", True),
        ("scenario=server", lg.TestScenario.Server),
        ("scenario=Multi", lg.TestScenario.MultiStream),
        ("scenario=single-stream", lg.TestScenario.SingleStream),
        ("mode=accuracy", lg.TestMode.AccuracyOnly),
        ("mode=3", lg.TestMode.FindPeakPerformance),
        ("server_pacing=spin", lg.Pacing.Spin),
        ("server_find_peak_strategy=Estimate", lg.PeakStrategy.Estimate),
    ],
)
def test_values_are_read_by_the_type_of_the_setting(assignment, value):
    settings = lg.TestSettings()
    asked = split_assignment("--set", assignment)
    assign_setting(settings, asked)
    found = getattr(settings, asked.name)
    assert (type(found), found) == (type(value), value)


def test_every_setting_takes_its_own_value_as_text():
    for name, value in lg.TestSettings().to_dict().items():
        settings = lg.TestSettings()
        assign_setting(
            settings, split_assignment("--set", f"{name}={getattr(value, 'name', value)}")
        )
        assert settings == lg.TestSettings()


CONF = """\
# For two scenarios.
*.Server.target_latency = 30
*.Server.target_qps = 200
*.Offline.target_qps = 300
resnet50.Server.target_qps = 400
*.*.min_query_count = 500
*.*.qsl_rng_seed = 1
*.*.max_duration = 0
"""
RUN_FILE = """\
sut: system.py:Good
qsl: system.py:Numbers
conf: user.conf
settings:
  scenario: Server

  min_query_count: 600
  server_target_qps: 1e3
  test05: on
log: {enable_trace: no}
output: from_file
"""


def test_each_source_goes_over_the_one_before(folder):
    (folder / "user.conf").write_text(CONF)
    (folder / "run.yaml").write_text(RUN_FILE)
    found = settings_shown(
        "-f",
        "run.yaml",
        "--set",
        "min_query_count=700",
        "-m",
        "performance",
        "--set",
        "accuracy_log_rng_seed=5",
    )
    expected = {
        "warmup_query_count": (0, "default"),
        "min_duration_ms": (600000, "built-in mlperf.conf"),
        "server_target_latency_ns": (30_000_000, "user.conf:2"),
        "max_duration_ms": (0, "user.conf:8"),  # The default, but asked for.
        "server_target_qps": (1000.0, "run.yaml:8"),
        "test05": (True, "run.yaml:9"),
        "scenario": ("Server", "run.yaml:5"),
        "min_query_count": (700, "command line"),
        "accuracy_log_rng_seed": (5, "command line"),
        # A user's file may not set it; the built-in one does.
        "test05_qsl_rng_seed": (7975553102935885558, "built-in mlperf.conf"),
        "qsl_rng_seed": (7975553102935885558, "test05"),
        "mode": ("PerformanceOnly", "command line"),
    }
    assert {name: found[name] for name in expected} == expected


def test_config_files_speak_of_the_scenario_and_the_model_that_are_asked_for(folder):
    (folder / "user.conf").write_text(CONF)
    conf = ("--conf", "user.conf")
    assert settings_shown(*conf, "-s", "Offline")["offline_expected_qps"] == (300.0, "user.conf:4")
    server = settings_shown(*conf, "-s", "Server")
    assert server["server_target_qps"] == (200.0, "user.conf:3")
    resnet = settings_shown(*conf, "-s", "Server", "--model", "resnet50")
    assert resnet["server_target_qps"] == (400.0, "user.conf:5")
    built_in = settings_shown("--model", "resnet50")["performance_sample_count_override"]
    assert built_in == (1024, "built-in mlperf.conf")


def test_the_scenario_of_the_command_line_is_the_one_that_config_files_are_read_for(folder):
    (folder / "user.conf").write_text(CONF)
    (folder / "run.yaml").write_text(RUN_FILE)
    found = settings_shown("-f", "run.yaml", "-s", "offline")
    assert found["scenario"] == ("Offline", "command line")
    assert found["offline_expected_qps"] == (300.0, "user.conf:4")


def test_a_later_config_file_goes_over_an_earlier_one(folder):
    (folder / "a.conf").write_text("*.*.min_query_count = 1\n*.*.max_query_count = 2\n")
    (folder / "b.conf").write_text("*.*.min_query_count = 3\n")
    found = settings_shown("--conf", "a.conf", "--conf", "b.conf")
    assert found["min_query_count"] == (3, "b.conf:1")
    assert found["max_query_count"] == (2, "a.conf:2")


def test_what_a_config_file_got_wrong_is_a_warning_without_a_place_in_the_code(folder):
    (folder / "user.conf").write_text("*.*.min_query_cuont = 5\n")
    result = done("run", "--dry-run", "--conf", "user.conf")
    warnings = [line for line in result.stderr.splitlines() if "cuont" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: user.conf:1: ")


def test_a_run_goes_by_the_file_from_whatever_directory(folder, monkeypatch):
    (folder / "user.conf").write_text("*.*.min_query_count = 80\n")
    (folder / "run.yaml").write_text(RUN_FILE.replace("  min_query_count: 600\n", ""))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    words = ("run", "-f", "../run.yaml", "--set", "min_duration_ms=0", "--mode", "perf", "--json")
    found = strict_json(call(*words).stdout)
    assert found["performance"]["query_count"] == 80
    assert (folder / "from_file/mlperf_log_summary.txt").is_file()
    assert (folder / "from_file/mlperf_log_trace.json").read_text() == ""


def test_a_system_on_the_command_line_replaces_that_of_the_file(folder):
    (folder / "user.conf").write_text("")
    (folder / "run.yaml").write_text(RUN_FILE)
    found = document("run", "system.py:Scores", "system.py:Numbers", "-f", "run.yaml", "--dry-run")
    assert (found["sut"], found["output"]) == ("system.py:Scores", "from_file")


# ---- Where logs go -------------------------------------------------------------------------------


def test_each_run_has_a_fresh_folder_named_by_its_system(folder):
    outputs = [document(*RUN, *QUICK)["output"] for _ in range(3)]
    assert len(set(outputs)) == 3
    for output in outputs:
        assert re.fullmatch(r"runs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-Good(-\d)?", output)
        assert (folder / output / "mlperf_log_detail.txt").is_file()


def test_the_folder_that_is_asked_for_is_made(folder):
    result = done(*RUN, *QUICK, "-o", "a/b/c")
    assert (folder / "a/b/c/mlperf_log_summary.txt").is_file()
    assert "logs: a/b/c\n" in result.stdout
    assert "next: mlperf-loadgen report a/b/c -o report.html" in result.stdout


def test_what_is_logged_can_be_chosen(folder):
    done(*RUN, *QUICK, "-o", "logs", "--log", "prefix=my_", "--log", "enable_sample_log=false")
    assert (folder / "logs/my_summary.txt").is_file()
    assert not (folder / "logs/loadgen_samples").exists()


# ---- The dry run ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # 10 s at 1 ms a query.
        ("", {"queries": "at least 100; 10000 if each takes 1 ms", "lasts": "at least 10 s"}),
        # 2 s at 50 ms a query is 40; the minimum is more.
        (
            "-s multi --set min_duration_ms=2000 --set multi_stream_expected_latency_ns=5e7",
            {"queries": "at least 100; 100 if each takes 50 ms", "samples_per_query": 8},
        ),
        # 250 a second for 4 s.
        (
            "-s server --set server_target_qps=250 --set min_duration_ms=4000",
            {
                "queries": "at least 100; about 1000",
                "lasts": "about 4 s",
                "bound": "99 % of queries within 100 ms",
            },
        ),
        # 100 queries take 10 s at 10 a second, however short the run may be.
        (
            "-s server --set server_target_qps=10 --set min_duration_ms=1000",
            {"queries": "at least 100; about 100", "lasts": "about 10 s"},
        ),
        # 1.1 times 5 s at 40 samples a second.
        (
            "-s offline --set offline_expected_qps=40 --set min_duration_ms=5000",
            {"samples": 220, "queries": 1, "lasts": "5.5 s at 40 samples/s"},
        ),
        ("-m accuracy", {"accuracy": "50 samples, each once"}),
        (
            "--set max_query_count=9 --set max_duration_ms=7000 --set warmup_query_count=4",
            {"stops_at": "9 queries or 7 s", "warm_up": "4 queries, not part of the result"},
        ),
    ],
)
def test_dry_run_shows_the_traffic(folder, words, expected):
    traffic = document(*RUN, "--dry-run", *words.split())["traffic"]
    assert traffic["library"] == "50 samples, 20 loaded at once"
    assert {name: traffic[name] for name in expected} == expected


@pytest.mark.parametrize("words", ["", "-s multi", "-s offline --set offline_expected_qps=2000"])
def test_the_traffic_is_what_the_dry_run_showed(folder, words):
    settings = [*words.split(), "--set", "min_duration_ms=0", "--set", "min_query_count=130"]
    plan = document(*RUN, "--dry-run", *settings)["traffic"]
    ran = strict_json(call(*RUN, *settings, "--json").stdout)["performance"]
    if "samples" in plan:
        assert ran["sample_count"] == plan["samples"] == 130
    else:
        assert plan["queries"].startswith(f"at least {ran['query_count']}; {ran['query_count']} if")
        assert ran["sample_count"] == ran["query_count"] * plan["samples_per_query"]


def test_dry_run_runs_nothing(folder):
    found = done("run", "system.py:CannotStart", "system.py:Numbers", "--dry-run")
    assert "Nothing was run" in found.stdout
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == [
        "system.py"
    ]


def test_dry_run_needs_no_system(folder):
    found = document("run", "--dry-run", "-s", "server")
    assert set(found["settings"]) == set(lg.TestSettings().to_dict())
    assert "library" not in found["traffic"]


def test_dry_run_shows_what_was_set_first_and_only_what_counts(folder):
    words = ("run", "--dry-run", "-s", "server", "--set", "stall_timeout_ms=5")
    lines = [line.split() for line in done(*words).stdout.splitlines()]
    names = [line[0] for line in lines if line and line[-1] in ("line", "default")]
    assert names[:2] == ["scenario=Server", "stall_timeout_ms=5"]
    assert "server_target_qps=1" in names
    assert not any(name.startswith("offline_expected_qps") for name in names)


# ---- The standard output -------------------------------------------------------------------------


def test_json_is_alone_on_the_standard_output(folder):
    words = ("run", "system.py:Chatty", "system.py:Numbers", *QUICK, "--json", "--progress")
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = process(*words, env=buffered)
    assert strict_json(ended.stdout)["valid"] is True
    for line in ("python", "descriptor", "native"):
        assert line in ended.stderr.splitlines()


def test_a_document_has_what_json_knows_and_no_more():
    values = {
        "none": [float("inf"), -float("inf"), float("nan")],
        "numbers": (np.float32(0.5), np.int64(3), np.arange(2)),
        "names": [Path("a/b"), lg.TestMode.AccuracyOnly, lg.Pacing.Spin],
        1: True,
    }
    assert strict_json(json_text(values)) == {
        "none": [None, None, None],
        "numbers": [0.5, 3, [0, 1]],
        "names": ["a/b", "AccuracyOnly", "Spin"],
        "1": True,
    }


def test_progress_goes_to_stderr(folder):
    shown = process(*RUN, *QUICK, "--progress")
    assert "finished" in shown.stderr
    assert "finished" not in shown.stdout
    assert process(*RUN, *QUICK).stderr == ""  # No terminal.


def test_metrics_are_served_where_stderr_says(folder):
    pytest.importorskip("prometheus_client")
    result = done(*RUN, *QUICK, "--metrics-port", "0")
    assert re.search(r"^metrics at http://127\.0\.0\.1:\d+/metrics$", result.stderr, re.MULTILINE)


def test_a_reader_that_goes_away_is_no_error(folder):
    command = [sys.executable, "-m", "mlperf_loadgen", "run", "--dry-run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        errors = running.stderr.read()
    assert (running.returncode, errors) == (0, b"")


def test_the_result_is_a_table(folder):
    shown = done(*RUN, *SERVER).stdout
    assert shown.startswith("Server PerformanceOnly of Good: VALID\n")
    header = next(line.split() for line in shown.splitlines() if "p99.9" in line)
    assert header == ["mean", "p50", "p90", "p99", "p99.9", "max"]
    rows = {line.strip().split("  ")[0] for line in shown.splitlines()}
    assert {"completed", "over the latency bound", "sample latency", "issued late"} <= rows


COPIED = ("logs: ", "next: ", "      mlperf-loadgen", "Nothing was run.")
"""Begin the lines with paths and commands, which are not broken."""


def test_what_is_printed_fits_80_columns(folder):
    wide = ("-m", "find", "--set", "server_find_peak_qps_boundary_step_size=1.23456789e8")
    few = ("--set", "min_duration_ms=0", "--set", "min_query_count=20")
    commands = [
        ("run", *RUN[1:], *SERVER, "-o", "a"),
        ("run", *RUN[1:], *SERVER, *few, "-o", "b"),
        ("run", "--dry-run", "-s", "server", "--model", "resnet50", *wide),
        ("sweep", *RUN[1:], *AT_ANY_RATE, *few, "-v", "1e6,2e6,4e6", "-o", "curve"),
        ("find-peak", *RUN[1:], "--max-qps", "2000", *AT_ANY_RATE[2:], "-o", "peak"),
        ("compare", "a", "b"),
        ("doctor", "--seconds", "0.2"),
    ]
    for command in commands:
        result = call(*command)
        shown = result.stdout
        assert shown, result.stderr
        wide_lines = [line for line in shown.splitlines() if len(line) > 80]
        assert all(line.startswith(COPIED) for line in wide_lines), shown
    # Of a table that was folded, nothing is lost.
    swept = str(lg.Sweep.load("curve/sweep.json"))
    for heading in ("offered/s", "samples/s", "p99.9 ms", "late p99 us", "good %", "valid"):
        assert heading in swept
    assert swept.count("server_target_qps") == 3  # In the heading, and in front of both halves.


def test_a_folded_table_repeats_its_first_column():
    rows = [["name", "one", "two", "three"], ["a", "1", "22", "333"]]
    assert aligned(rows, "<>>>", width=14) == [
        *("name  one  two", "a       1   22"),
        *("name  three", "a       333"),
    ]
    # No narrower than the first column and another.
    assert aligned(rows, "<>>>", width=1)[:2] == ["name  one", "a       1"]


def test_a_terminal_shows_what_a_pipe_gets_whatever_its_width(folder):
    words = ["run", "--dry-run", "-s", "server", "--conf", "user.conf", "-o", "logs"]
    (folder / "user.conf").write_text("*.*.min_query_count = 5\n")
    piped = process(*words).stdout
    for columns, more in ((20, {}), (400, {"NO_COLOR": "1"}), (80, {"TERM": "dumb"})):
        screen, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-m", "mlperf_loadgen", *words],
            stdout=terminal,
            env={**os.environ, "TERM": "xterm", **more},
        ) as running:
            os.close(terminal)
            shown = read_to_end(screen)
        assert running.returncode == 0
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
        assert plain == piped
        assert ("\x1b" in shown) == ("TERM" not in more)


def read_to_end(screen):
    """What was written to a terminal that no process holds any more."""
    parts = []
    with contextlib.suppress(OSError):  # Linux has no end of file here.
        while part := os.read(screen, 4096):
            parts.append(part)
    os.close(screen)
    return b"".join(parts).decode()


def test_every_help_fits_80_columns(folder):
    for command in ("", *_COMMANDS):
        lines = done(*command.split(), "--help").stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert "  130  the command was interrupted" in lines[-1]


def test_version():
    assert done("--version").stdout == f"mlperf-loadgen {lg.__version__}\n"


def test_help_imports_nothing_heavy(folder):
    program = (
        "import sys\nfrom mlperf_loadgen.cli.app import app\n"
        "try: app(['run', '--help'])\n"
        "except SystemExit: print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(ended.stdout.splitlines()[-1]))
    assert "typer" in loaded
    assert not loaded & {"numpy", "yaml", "matplotlib", "plotly", "zmq"}


# ---- The other commands --------------------------------------------------------------------------


def test_from_init_to_a_report(folder):
    """The first ten minutes: what each command says comes next is what is typed."""
    (folder / "system.py").unlink()
    assert done("init", "demo").stdout.splitlines()[-1] == (
        "next: cd demo && mlperf-loadgen run --file run.yaml"
    )
    demo = folder / "demo"
    first = process("run", "--file", "run.yaml", cwd=demo)
    assert first.returncode in (0, 1), first.stderr  # A busy machine may miss the bound.
    assert first.stdout.startswith("Server PerformanceOnly of NearestCenter: ")

    ran = process("run", "-f", "run.yaml", "-m", "accuracy", "-o", "acc", cwd=demo)
    assert ran.returncode == 0, ran.stderr
    assert "next: mlperf-loadgen accuracy acc\n" in ran.stdout
    words = ("accuracy", "acc", "--dtype", "int64", "--labels", "labels.csv", "--json")
    scored = strict_json(process(*words, cwd=demo).stdout)
    labels = [int(line) for line in (demo / "labels.csv").read_text().split()[1:]]
    log = lg.read_accuracy(demo / "acc/mlperf_log_accuracy.json")
    answers = [int.from_bytes(answer, "little") for answer in log.payloads]
    right = sum(a == labels[i] for a, i in zip(answers, log.indices.tolist(), strict=True))
    assert scored["top1_correct"] == right
    assert scored["top1_accuracy"] == right / 1000
    assert 0.5 < scored["top1_accuracy"] < 1  # Ten classes: not by chance.

    command = next(line for line in first.stdout.splitlines() if line.startswith("next: "))
    pytest.importorskip("plotly")
    assert process(*command.split()[2:], cwd=demo).returncode == 0
    assert (demo / "report.html").read_text().lstrip().lower().startswith("<!doctype html")


def test_init_writes_over_nothing(folder):
    (folder / "demo").mkdir()
    (folder / "demo/qsl.py").write_text("mine")
    done("init", "demo", status=2)
    assert [path.name for path in (folder / "demo").iterdir()] == ["qsl.py"]
    assert (folder / "demo/qsl.py").read_text() == "mine"


@pytest.fixture
def logged(folder):
    """An accuracy log of 50 responses with ten scores each, highest for index modulo 10."""
    done("run", "system.py:Scores", "system.py:Numbers", "-m", "accuracy", "-o", "logs")
    return folder / "logs"


def test_accuracy_shows_what_a_log_holds(logged):
    found = document("accuracy", logged)
    assert (found["responses"], found["samples"], found["truncated"]) == (50, 50, False)
    assert (found["bytes_min"], found["bytes_max"]) == (40, 40)
    shown = done("accuracy", logged / "mlperf_log_accuracy.json").stdout
    assert re.search(r"bytes of a response +40\n", shown)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.csv", "class\n" + "".join(f"{i % 10 if i >= 5 else 9}\n" for i in range(50))),
        ("plain.csv", "".join(f"{i % 10 if i >= 5 else 9}\n" for i in range(50))),
        ("pairs.csv", "".join(f"{i},{i % 10 if i >= 5 else 9}\n" for i in reversed(range(50)))),
        ("excel.csv", "\ufeff" + "".join(f"{i % 10 if i >= 5 else 9}\r\n" for i in range(50))),
        ("labels.npy", None),
    ],
)
def test_accuracy_scores_by_sample_index(logged, name, text):
    """Of 50 labels, those of the samples 0 to 4 are wrong."""
    path = logged / name
    if text is None:
        np.save(path, np.array([i % 10 if i >= 5 else 9 for i in range(50)]))
    else:
        path.write_text(text, newline="")
    found = document("accuracy", logged, "--dtype", "float32", "--labels", path)
    assert (found["top1_correct"], found["scored"]) == (45, 50)
    assert found["top1_accuracy"] == 0.9


def test_accuracy_writes_arrays(logged):
    log = lg.read_accuracy(logged / "mlperf_log_accuracy.json")
    done("accuracy", logged, "--csv", "raw.csv", "--npz", "raw.npz")
    rows = list(csv.DictReader(Path("raw.csv").read_text().splitlines()))
    assert [int(row["sample_index"]) for row in rows] == log.indices.tolist()
    assert [bytes.fromhex(row["response"]) for row in rows] == list(log.payloads)
    raw = np.load("raw.npz")
    assert (raw["payload"] == log.payloads.data).all()
    assert (raw["payload_offsets"] == log.payloads.offsets).all()

    done("accuracy", logged, "--dtype", "float32", "--csv", "scores.csv", "--npz", "scores.npz")
    scores = np.load("scores.npz")
    assert scores["responses"].shape == (50, 10)
    assert (scores["responses"].argmax(axis=1) == scores["indices"] % 10).all()
    for row in csv.DictReader(Path("scores.csv").read_text().splitlines()):
        assert float(row[f"value_{int(row['sample_index']) % 10}"]) == 1.0


TEXTS = ["", "two words", "\u00e9\u20ac", 'a "quoted",\nline']


@pytest.fixture
def texts_logged(folder):
    """An accuracy log of texts of different sizes."""
    Path("texts.json").write_text(
        "[\n"
        + ",\n".join(
            f'{{ "seq_id" : {i}, "qsl_idx" : {9 - i}, "data" : "{text.encode().hex().upper()}", '
            f'"token_count" : {i + 1} }}'
            for i, text in enumerate(TEXTS)
        )
        + "\n]\n"
    )
    return folder / "texts.json"


def test_texts_are_written_as_text(texts_logged):
    assert "--dtype text --jsonl" in done("accuracy", texts_logged).stdout
    files = ("--csv", "a.csv", "--jsonl", "a.jsonl", "--npz", "a.npz")
    done("accuracy", texts_logged, "--dtype", "text", *files)
    with Path("a.csv").open(newline="", encoding="utf-8") as file:
        assert [row["response"] for row in csv.DictReader(file)] == TEXTS
    lines = [strict_json(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert lines == [
        {"sequence_id": i, "sample_index": 9 - i, "response": text, "token_count": i + 1}
        for i, text in enumerate(TEXTS)
    ]
    arrays = np.load("a.npz")
    start, end = arrays["payload_offsets"][2:4]
    assert arrays["payload"][int(start) : int(end)].tobytes().decode() == TEXTS[2]


def test_numbers_of_different_count_are_written(folder):
    parts = [np.arange(n, dtype=np.int32) for n in (3, 0, 1)]
    records = [
        f'{{"seq_id":{i},"qsl_idx":{i},"data":"{part.tobytes().hex()}"}}'
        for i, part in enumerate(parts)
    ]
    Path("tokens.json").write_text(f"[{','.join(records)}]")
    files = ("--csv", "t.csv", "--jsonl", "t.jsonl", "--npz", "t.npz")
    done("accuracy", "tokens.json", "--dtype", "int32", *files)
    rows = csv.DictReader(Path("t.csv").read_text().splitlines())
    assert [row["response"] for row in rows] == ["0 1 2", "", "0"]
    lines = [strict_json(line) for line in Path("t.jsonl").read_text().splitlines()]
    assert [line["response"] for line in lines] == [[0, 1, 2], [], [0]]
    arrays = np.load("t.npz")
    assert arrays["values"].tolist() == [0, 1, 2, 0]
    assert arrays["value_offsets"].tolist() == [0, 3, 3, 4]
    refused = done("accuracy", "tokens.json", "--dtype", "int64", status=2)
    assert "response 0 of 12 bytes does not hold whole items of int64" in refused.stderr


def test_rows_are_written_as_json(logged):
    done("accuracy", logged, "--dtype", "float32", "--jsonl", "scores.jsonl")
    done("accuracy", logged, "--jsonl", "bytes.jsonl")
    for line in map(strict_json, Path("scores.jsonl").read_text().splitlines()):
        assert line["response"] == np.eye(10)[line["sample_index"] % 10].tolist()
    log = lg.read_accuracy(logged / "mlperf_log_accuracy.json")
    lines = map(strict_json, Path("bytes.jsonl").read_text().splitlines())
    assert [bytes.fromhex(line["response"]) for line in lines] == list(log.payloads)


SCORERS = """
def length(log):
    return sum(map(len, log.payloads.texts())) / len(log)

def several(log):
    return {"words": sum(len(text.split()) for text in log.payloads.texts()), "half": 0.5}

def nothing(log): pass
def failing(log): return 1 / 0
constant = 3
"""


def test_a_function_of_the_user_scores(texts_logged):
    Path("scorers.py").write_text(SCORERS)
    found = document("accuracy", texts_logged, "--score", "scorers.py:length")
    assert found["scores"] == {"length": sum(map(len, TEXTS)) / len(TEXTS)}
    shown = done("accuracy", texts_logged, "--score", "scorers:several").stdout
    assert re.search(r"words +6\n *half +0.5\n", shown)


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("scorers.py", 2, "name the function, as in scorers.py:function"),
        ("scorers.py:lenght", 2, "scorers.py has no function 'lenght': did you mean length?"),
        ("scorers.py:constant", 2, "has no function 'constant'"),
        ("scorers.py:nothing", 2, "nothing returned None: return a number, or a dict"),
        ("scorers.py:failing", 3, "ZeroDivisionError"),
    ],
)
def test_a_scorer_that_does_not_score_is_named(texts_logged, target, status, message):
    Path("scorers.py").write_text(SCORERS)
    refused = done("accuracy", texts_logged, "--score", target, status=status)
    assert message in refused.stderr


def test_the_score_of_a_shortened_log_says_that_it_is_one(logged):
    path = logged / "mlperf_log_accuracy.json"
    text = path.read_text()
    path.write_text(text[:900] + "\n\n...\n\n" + text[-900:])
    Path("scorers.py").write_text(SCORERS.replace(".texts()", ""))
    np.save("labels.npy", np.arange(50) % 10)
    words = ("accuracy", logged, "--dtype", "float32", "--labels", "labels.npy")
    shown = done(*words, "--score", "scorers.py:length")
    count = text[:900].count("}") + text[-900:].count("{")
    assert re.search(
        r"shortened +yes: only the responses of its beginning and its end", shown.stdout
    )
    assert f"({count} right, of the responses that are there)" in shown.stdout
    assert f"the score is of {count} responses" in shown.stderr
    found = document(*words)
    assert (found["truncated"], found["shortened"], found["responses"]) == (True, True, count)


@pytest.mark.parametrize(
    ("text", "geometric", "expected"),
    [
        ("100,200,400", False, [100, 200, 400]),
        ("0.5", False, [0.5]),
        ("100:1000:10", False, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]),
        ("100:6400:7", True, [100, 200, 400, 800, 1600, 3200, 6400]),
        ("1:2:5", False, [1, 1.25, 1.5, 1.75, 2]),
        ("1,10:30:3", False, [1, 10, 20, 30]),
        ("30:10:3", False, [30, 20, 10]),
    ],
)
def test_values_of_a_sweep(text, geometric, expected):
    assert sweep_values(text, geometric=geometric) == expected


@pytest.mark.parametrize("text", ["", "a", "1:2", "1:2:1", "1:2:3:4", "1:2:99999", "1:2:2.5"])
def test_values_of_a_sweep_that_are_none(text):
    with pytest.raises(Mistake, match=r"write 100,200,400 or 100:1000:10"):
        sweep_values(text, geometric=False)


def test_sweep_leaves_a_table(folder):
    words = ("sweep", *SYSTEM_AND_LIBRARY, "-v", "2000,8000", *AT_ANY_RATE, "-o", "curve")
    found = document(*words, "--set", "min_query_count=600")
    assert [point["value"] for point in found["points"]] == [2000, 8000]
    assert len((folder / "curve/sweep.csv").read_text().splitlines()) == 3


def test_a_sweep_without_a_valid_run_is_invalid(folder):
    words = ("sweep", *SYSTEM_AND_LIBRARY, "-v", "1,2", "-s", "offline", "-o", "curve")
    assert document(*words, status=0)["exit_status"] == 0
    words = ("sweep", *SYSTEM_AND_LIBRARY, "-v", "2,3", "--parameter", "min_query_count", *QUICK)
    assert document(*words, status=1)["exit_status"] == 1


PEAK = (*SYSTEM_AND_LIBRARY, "--set", "min_duration_ms=200", "--max-qps", "2000", "-o", "peak")


def test_find_peak_resumes_from_its_file(folder):
    call("find-peak", *PEAK, "--resume", "trials.jsonl")
    first = (folder / "trials.jsonl").read_text().splitlines()
    assert len(first) > 1
    # The logs that it writes over are those of the trials it goes on from.
    assert "overwritten" not in call("find-peak", *PEAK, "--resume", "trials.jsonl").stderr
    assert (folder / "trials.jsonl").read_text().splitlines()[: len(first)] == first


def test_find_peak_refuses_test05(folder):
    shown = done("find-peak", *PEAK, "--set", "test05=true", status=2).stderr
    assert shown.startswith("error: test05 is true: ") and "set test05 to false" in shown
    assert not (folder / "peak").exists()


def test_find_peak_that_finds_none_is_invalid(folder):
    words = ("--set", "server_target_latency_ns=1", "--time-budget", "0.5")
    found = document("find-peak", *PEAK, *words, status=1)
    assert found["qps"] is None
    assert found["trials"]


ANSWERS_ITS_FIRST_QUERY_TWICE = """
import mlperf_loadgen as lg


class Twice(lg.SystemUnderTest):
    first = True

    def issue_query(self, samples):
        lg.complete(samples.ids)
        if self.first:
            self.first = False
            lg.complete(samples.ids)
"""


def test_a_peak_is_invalid_where_the_probe_was(folder):
    (folder / "twice.py").write_text(ANSWERS_ITS_FIRST_QUERY_TWICE)
    confirmed = ("--set", "server_target_latency_percentile=0.6")
    words = ("find-peak", "twice.py:Twice", *PEAK[1:], *BOUND, *confirmed)
    found = document(*words, status=1)
    assert found["valid_qps"] == found["qps"] == 2000
    (reason,) = found["result"]["reasons"]
    assert reason.startswith("probe: 1 double completion")
    shown = " ".join(done(*words, "--force", status=1).stdout.split())
    assert f"reason: {reason}" in shown


def test_a_search_that_its_system_aborts_is_a_failed_system(folder):
    (folder / "aborts.py").write_text(
        "import mlperf_loadgen as lg\n"
        "class Aborts(lg.SystemUnderTest):\n"
        "    def issue_query(self, samples):\n"
        "        lg.complete(samples.ids)\n"
        "        lg.AbortTest()\n"
    )
    assert document("find-peak", "aborts.py:Aborts", *PEAK[1:], status=3)["exit_status"] == 3


BOUND = ("--set", "server_target_latency_ns=60000000000")  # That even a busy machine keeps.


def test_a_peak_that_was_not_determined_is_said_first(folder):
    words = (*PEAK, *BOUND, "--start-qps", "100", "--time-budget", "0.01")
    words = (*words, "--set", "server_target_latency_percentile=0.6")
    shown = done("find-peak", *words, status=1).stdout.splitlines()
    assert shown[0] == "Peak of Good: not determined"
    assert shown[1].split() == ["known", "at", "least", "100", "queries/s"]
    assert shown[2].split()[:5] == ["to", "settle", "it", "--time-budget", "720000"]
    found = document("find-peak", *words, "--force", status=1)
    assert (found["qps"], found["determined"]) == (None, False)
    assert (found["at_least_qps"], found["at_most_qps"]) == (100, None)
    assert found["statement"].startswith("not determined, at least 100 queries/s")


def test_a_peak_that_no_run_confirmed_says_what_that_means(folder):
    few = ("--set", "server_target_latency_ns=1", "--set", "min_query_count=1")
    words = (*PEAK, "--start-qps", "100", "--time-budget", "0.01", *few)
    shown = " ".join(done("find-peak", *words, status=1).stdout.split())
    assert "not determined" in shown and "at most 100 queries/s" in shown
    assert "next: mlperf-loadgen find-peak" in shown


def test_a_resume_file_that_is_none_is_refused(folder):
    (folder / "notes.txt").write_text("of value\n")
    error = done("find-peak", *PEAK, "--resume", "notes.txt", status=2).stderr
    assert (
        "notes.txt is no file of trials of a peak search; remove the file or give another" in error
    )
    assert (folder / "notes.txt").read_text() == "of value\n"


def test_a_run_of_too_few_queries_names_the_command_that_asks_for_enough(folder):
    few = ("--set", "min_query_count=1", "--set", "min_duration_ms=0")
    shown = done(*RUN, *few, "-s", "single", status=1).stdout
    assert "reason: early stopping needs " in shown
    command = shown.splitlines()[-1].split()
    assert command[:2] == ["mlperf-loadgen", "run"]
    assert document(*command[1:])["scenario"] == "SingleStream"  # VALID: the status is 0.


def test_an_offline_run_that_was_too_short_names_the_command_that_is_long_enough(folder):
    words = (*RUN, "-s", "offline", "--set", "min_duration_ms=300", "-o", "short")
    short = done(*words, status=1).stdout
    advised = re.search(r"advice: Set offline_expected_qps to (\S+) \(it was 1\)", short)
    (command,) = re.findall(r"mlperf-loadgen (run .*)", short)
    assert f"--set offline_expected_qps={advised[1]}" in command
    assert "--scenario offline" in command
    assert "--set min_duration_ms=300" in command
    again = document(*shlex.split(command), "--dry-run")["traffic"]
    assert again["samples"] > 100
    assert float(advised[1]) == pytest.approx(again["samples"] / (1.1 * 0.3), rel=1e-3)


def test_an_offline_run_can_size_itself(folder):
    words = (*RUN, "-s", "offline", "--set", "min_duration_ms=200", "--log", "enable_trace=0")
    probe = ("--set", "offline_probe_duration_ms=100")
    assert "size" in document(*words, *probe, "--dry-run")["traffic"]["probe"]
    ran = strict_json(call(*words, *probe, "--json").stdout)
    measured = ran["offline_probe"]
    assert measured["sample_count"] > 1
    assert ran["performance"]["target_qps"] == measured["expected_qps"]
    assert measured["expected_qps"] >= 1.2 * measured["samples_per_second"]
    assert ran["performance"]["sample_count"] == int(1.1 * 0.2 * measured["expected_qps"])
    assert "probe: " in call(*words, *probe).stdout
    assert document(*words, "--set", "min_duration_ms=0")["offline_probe"] is None


def test_help_lists_the_models_that_are_known(folder):
    for command in ("run", "sweep", "find-peak"):
        shown = " ".join(done(command, "--help").stdout.split())
        for model in ("resnet50", "llama2-70b-interactive", "gpt-oss-120b"):
            assert model in shown


def test_a_file_may_be_run_with_another_scenario(folder):
    (folder / "run.yaml").write_text(
        "sut: system.py:Good\nqsl: system.py:Numbers\nsettings:\n  scenario: server\n"
        "  server_target_qps: 5\n  min_duration_ms: 0\n"
    )
    ran = done("run", "-f", "run.yaml", "-s", "single")
    assert "warning: server_target_qps = 5 is not used: it belongs to Server" in ran.stderr


def test_compare_finds_a_difference(folder):
    (folder / "slow.py").write_text(
        SYSTEM.replace(
            "def issue_query(self, samples):\n        lg.complete",
            "def issue_query(self, samples):\n"
            "        import time; time.sleep(0.002)\n        lg.complete",
            1,
        )
    )
    words = ("--set", "min_duration_ms=0", "--set", "min_query_count=400")
    document(*RUN, *words, "-o", "fast")
    document("run", "slow.py:Good", "slow.py:Numbers", *words, "-o", "slow")
    assert document("compare", "fast", "slow", status=1)["outcome"] == "slower"
    assert document("compare", "fast", "fast")["outcome"] == "no difference"
    assert document("compare", "fast,fast", "fast,fast")["outcome"] == "no difference"


def test_compare_of_runs_that_are_too_short_has_a_status_of_its_own(folder):
    few = ("--set", "min_duration_ms=0", "--set", "min_query_count=70")
    document(*RUN, *few, "-o", "a")
    document(*RUN, *few, "-o", "b")
    assert document("compare", "a", "b", status=4)["outcome"] == "inconclusive"
    assert "inconclusive" in done("compare", "a", "b", status=4).stdout


def test_every_exit_status_is_in_the_table_of_every_help():
    for command in ("", *_COMMANDS):
        shown = done(*([command] if command else []), "--help").stdout
        table = shown[shown.index("Exit status:") :].splitlines()[1:]
        listed = {int(line.split()[0]) for line in table if line.strip()[:1].isdigit()}
        assert listed == {status.value for status in Status}, command


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--seconds", "0.2"),
        ("init", "demo"),
        ("run", "--dry-run"),
        ("find-peak", *PEAK, "--force"),
        ("report", "fast", "-o", "report.md"),
    ],
    ids=lambda words: words[0],
)
def test_json_of_each_command(folder, words):
    if words[0] == "report":
        done(*RUN, *SERVER, "-o", "fast")
    result = call(*words, "--json")
    found = strict_json(result.stdout)
    assert found["exit_status"] == result.exit_code
    assert json.dumps(found, indent=2) + "\n" == result.stdout
    shown = call(*(word.replace("demo", "other") for word in words))
    assert shown.stdout
    assert not shown.stdout.startswith("{")


def test_a_node_serves_what_another_process_measures(folder):
    pytest.importorskip("zmq")
    text = SYSTEM.replace(
        "    def unload_samples(self, indices): pass\n",
        "    def unload_samples(self, indices): pass\n"
        "    def __getitem__(self, index): return np.full(1, index)\n",
    )
    (folder / "system.py").write_text(text)
    command = ["serve", "system.py:Good", "--bind", "tcp://127.0.0.1:0", "--keys", "secret"]
    done("keys", "secret")
    with subprocess.Popen(
        [sys.executable, "-m", "mlperf_loadgen", *command],
        stderr=subprocess.PIPE,
        text=True,
    ) as node:
        try:
            line = node.stderr.readline()
            address = re.search(r"tcp://[\d.]+:\d+", line)[0]
            ran = process("run", address, "system.py:Numbers", *QUICK, "--keys", "secret", "--json")
            node.send_signal(signal.SIGINT)
            node.communicate(timeout=HANG_LIMIT_S)
        finally:
            node.kill()
    assert strict_json(ran.stdout)["performance"]["sample_count"] == 100, ran.stderr
    assert node.returncode == 0
