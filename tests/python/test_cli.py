"""The command line does what its page says, and tells each mistake in one message.

Method: commands in a directory of their own, mostly in this process, with systems that answer at
once, fail or say what is done to them; exit statuses, signals and the purity of the standard output
in processes of their own. Settings are compared with their files, traffic with numbers worked out
here by hand, arrays and scores with what `read_accuracy` and plain Python make of the same log.
"""

import ast
import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from conftest import HANG_LIMIT_S, strict_json

import mlperf_loadgen as lg

pytest.importorskip("typer", reason="needs the extra cli")
pytest.importorskip("yaml", reason="needs the extra cli")

from typer.testing import CliRunner

from mlperf_loadgen.cli.app import _COMMANDS, app
from mlperf_loadgen.cli.outcome import Mistake, json_text
from mlperf_loadgen.cli.setting_values import assign_setting, split_assignment
from mlperf_loadgen.cli.sweep_values import sweep_values

SYSTEM = '''
import contextlib, ctypes, os, sys
import numpy as np
import mlperf_loadgen as lg

class Numbers(lg.QuerySampleLibrary):
    total_sample_count = 50
    performance_sample_count = 20
    def load_samples(self, indices): pass
    def unload_samples(self, indices): pass

class Good(lg.SystemUnderTest):
    """Answers with the index, modulo 10."""
    def issue_query(self, samples):
        lg.complete(samples.ids, (samples.indices % 10).astype(np.int64))

class TakesLibrary(Good):
    def __init__(self, library):
        print("given", type(library).__name__, file=sys.stderr)

class TakesOptional(Good):
    def __init__(self, batch=3, qsl=None):
        print("batch", batch, "qsl", qsl, file=sys.stderr)

class Managed(Good):
    def __enter__(self):
        print("entered", file=sys.stderr)
        return self
    def __exit__(self, *error):
        print("left", error[0], file=sys.stderr)

class Raises(lg.SystemUnderTest):
    def issue_query(self, samples):
        raise KeyError("a bug of the user's")

class GivesUp(lg.SystemUnderTest):
    def issue_query(self, samples):
        lg.AbortTest()

class RaisesManaged(Raises, Managed): pass

class CannotStart(Good):
    def __init__(self):
        raise ValueError("no accelerator")

class Silent(lg.SystemUnderTest):
    """Says that it got a query, and never answers."""
    def issue_query(self, samples):
        print("issued", file=sys.stderr, flush=True)

class Chatty(Good):
    """Writes to the standard output in every way there is."""
    def issue_query(self, samples):
        print("python")
        os.write(1, b"descriptor\\n")
        super().issue_query(samples)
    def __enter__(self):
        return self
    def __exit__(self, *error):
        ctypes.CDLL(None).printf(b"native\\n")  # Held back by C until the process ends.

class Scores(lg.SystemUnderTest):
    """Answers with ten scores, the highest for the index modulo 10."""
    def issue_query(self, samples):
        lg.complete(samples.ids, np.eye(10, dtype=np.float32)[samples.indices % 10])

class NeedsMore(Good):
    def __init__(self, model, device): pass

class Unfinished(lg.SystemUnderTest): pass

class MultiPart(Numbers):
    def __init__(self, path): pass

def make(): return Good()
def make_with(library): return TakesLibrary(library)
def make_number(): return 3.5
@contextlib.contextmanager
def managed():
    print("entered", file=sys.stderr)
    yield Good()
    print("left None", file=sys.stderr)
instance = Good()
handle = lg.ConstructSUT(lambda samples: lg.complete(samples.ids), lambda: None)
'''
SYSTEM_AND_LIBRARY = ("system.py:Good", "system.py:Numbers")
QUICK = ("--set", "min_duration_ms=0", "--log", "enable_trace=false")
SERVER = (
    *("-s", "server", "--set", "server_target_qps=5000", "--set", "min_duration_ms=100"),
    *("--set", "server_target_latency_ns=60e9"),  # Is kept on a busy machine, too.
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory with system.py, whose imports leave nothing behind."""
    (tmp_path / "system.py").write_text(SYSTEM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if not name.startswith(("mlperf_loadgen", "numpy", "rich", "yaml")):
            del sys.modules[name]


def call(*arguments):
    """A command in this process: its result has exit_code, stdout and stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def done(*arguments, status=0):
    """A command that must end with this status."""
    result = call(*arguments)
    assert result.exit_code == status, result.stdout + result.stderr
    return result


def document(*arguments, status=0):
    """What a command prints with --json."""
    return strict_json(done(*arguments, "--json", status=status).stdout)


def process(*arguments, **options):
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mlperf_loadgen", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
        **options,
    )


def settings_shown(*arguments):
    """Value and origin of each setting, from --dry-run."""
    shown = document("run", "--dry-run", *arguments)["settings"]
    return {name: (row["value"], row["origin"]) for name, row in shown.items()}


# ---- Exit statuses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("run", *SYSTEM_AND_LIBRARY, *QUICK), 0),
        # One sample is too few for any confidence.
        (("run", *SYSTEM_AND_LIBRARY, *QUICK, "--set", "min_query_count=1"), 1),
        (("run", "nowhere.py:Good"), 2),
        (("run", "--no-such-option"), 2),
        (("run", "system.py:Raises", "system.py:Numbers", *QUICK), 3),
        ((), 0),
        (("--version",), 0),
        (("run", "--help"), 0),
    ],
)
def test_exit_status_of_a_process(folder, arguments, status):
    ended = process(*arguments)
    assert ended.returncode == status, ended.stdout + ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupted_run_says_where_its_logs_are(folder, number, as_json):
    words = ["run", "system.py:Silent", "system.py:Numbers", "-o", "logs"]
    with subprocess.Popen(
        [sys.executable, "-m", "mlperf_loadgen", *words, *(["--json"] if as_json else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, the signal is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        try:
            assert running.stderr.readline() == "issued\n"
            running.send_signal(number)
            out, errors = running.communicate(timeout=HANG_LIMIT_S)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "error: interrupted; what was logged is in logs" in errors
    assert "Traceback" not in errors
    assert (folder / "logs/mlperf_log_summary.txt").is_file()
    assert (strict_json(out)["exit_status"] == 130) if as_json else (out == "")


# ---- Mistakes ------------------------------------------------------------------------------------

RUN = ("run", *SYSTEM_AND_LIBRARY)
MISTAKES = {
    "command": (("rum",), "there is no command 'rum': did you mean run?"),
    "command unlike any": (("xyz",), "there are: run, find-peak, sweep"),
    "option": ((*RUN, "--outptu", "x"), "--outptu", "--output"),
    "no SUT": (("run",), "there is no SUT to measure", "--file run.yaml"),
    "no file": (("run", "sistem.py:Good"), "no file sistem.py: did you mean system.py?"),
    "no module": (("run", "nowhere.nothing:Good"), "no module 'nowhere' here or installed"),
    "no target": (("run", "what is this"), "write package.module:Class or path/file.py:Class"),
    "no class": (("run", "system.py:Goud"), "system.py has no 'Goud': did you mean Good?"),
    "no class named": (("run", "system.py"), "system.py has several: Good, ", "name one, as in"),
    "no library": (("run", "alone.py"), "alone.py has no QuerySampleLibrary: name one behind"),
    "several libraries": (("run", "system.py:Good"), "several: Numbers, MultiPart; name one"),
    "swapped": (
        ("run", RUN[2], "system.py:Managed"),
        "is no QuerySampleLibrary",
        "the SUT comes first",
    ),
    "abstract": (("run", "system.py:Unfinished", RUN[2]), "it lacks issue_query; write that"),
    "arguments": (("run", "system.py:NeedsMore", RUN[2]), "it needs model, device", "defaults"),
    "library's": (("run", RUN[1], "system.py:MultiPart"), "it needs path", "given nothing"),
    "no system": (("run", "system.py:make_number", RUN[2]), "is a float, and no SystemUnderTest"),
    "not a class": (("run", "system.py:QUOTE", RUN[2]), "system.py has no 'QUOTE'"),
    "syntax": (("run", "broken.py:Good"), "broken.py:2: ", "broken.py:Good"),
    "exits": (("run", "exits.py:Good"), 'if __name__ == "__main__"'),
    "setting": ((*RUN, "--set", "min_query_cout=1"), "did you mean min_query_count?"),
    "config key": ((*RUN, "--set", "target_qps=1"), "server_target_qps or offline_expected_qps"),
    "no value": ((*RUN, "--set", "min_query_count"), "write it as --set name=value"),
    "no number": (
        (*RUN, "--set", "server_target_qps=fast"),
        "--set server_target_qps=fast: server_target_qps takes a number (queries/s), not 'fast'",
    ),
    "no whole number": ((*RUN, "--set", "min_duration_ms=1.5"), "a whole number (ms), not '1.5'"),
    "negative": ((*RUN, "--set", "min_duration_ms=-1"), "from 0 to 2**64 - 1, not -1"),
    "no truth": ((*RUN, "--set", "test05=maybe"), "takes true or false, not 'maybe'"),
    "scenario": ((*RUN, "-s", "Sever"), "--scenario Sever: ", "did you mean Server?"),
    "ambiguous": ((*RUN, "-s", "s"), "SingleStream, MultiStream, Server, Offline", "several"),
    "mode": ((*RUN, "-m", "fast"), "--mode fast: mode takes SubmissionRun, "),
    "refused": ((*RUN, "-s", "Server", "--set", "server_target_qps=0"), "server_target_qps is 0"),
    "no config": ((*RUN, "--conf", "user.conf"), "--conf user.conf: cannot be read"),
    "bad config": ((*RUN, "--conf", "system.py"), "system.py:2: expected 'key=value'"),
    "no run file": (("run", "-f", "no.yaml"), "--file no.yaml: cannot be read: No such file"),
    "no YAML": (("run", "-f", "torn.yaml"), "torn.yaml:4: no YAML: "),
    "YAML without keys": (
        ("run", "-f", "list.yaml"),
        "list.yaml: holds no keys; write some of sut",
    ),
    "YAML key": (("run", "-f", "key.yaml"), "key.yaml:2: there is no key 'setings'", "settings?"),
    "YAML twice": (("run", "-f", "twice.yaml"), "twice.yaml:3: sut is there twice; remove one"),
    "YAML setting": (("run", "-f", "setting.yaml"), "setting.yaml:3: min_duration: 5: there is no"),
    "YAML list": (("run", "-f", "deep.yaml"), "deep.yaml:2: settings.test05 takes one value"),
    "YAML nothing": (("run", "-f", "null.yaml"), "null.yaml:1: sut has no value"),
    "YAML flat": (("run", "-f", "flat.yaml"), "flat.yaml:1: settings takes name: value"),
    "log setting": ((*RUN, "--log", "enable_tracing=1"), "did you mean enable_trace?"),
    "output": ((*RUN, "-o", "system.py"), "--output system.py: cannot be made: File exists"),
    "old logs": ((*RUN, *QUICK, "-o", "old", "--log", "exist_ok=no"), "old/mlperf_log_"),
    "port": ((*RUN, "--metrics-port", "99999"), "--metrics-port 99999: ", "65535"),
    "port in use": ((*RUN, "--metrics-port", "{port}"), "{port}", "is in use; give another one"),
    "transport": (("run", "carrier-pigeon://x", RUN[2]), "carrier-pigeon://x", "tcp://"),
    "library for a network": (("run", "tcp://127.0.0.1:1"), "needs a sample library as well"),
    "payloads": (("run", "tcp://127.0.0.1:1", RUN[2]), "Numbers has no payloads", "__getitem__"),
    "serve a network": (("serve", "tcp://h:1", "--bind", "tcp://127.0.0.1:0"), "is on the network"),
    "sweep without values": (("sweep", *RUN[1:]), "missing option '--values'"),
    "sweep's values": (("sweep", *RUN[1:], "-v", "1:9"), "'1:9' is neither a number nor"),
    "sweep's parameter": (("sweep", *RUN[1:], "-v", "1"), "SingleStream has no load to vary"),
    "sweep's plot": (("sweep", *RUN[1:], "-v", "1", "--plot", "a.gif"), "end it in .png, .svg"),
    "precision": (("find-peak", *RUN[1:], "--precision", "0"), "precision is 0", "above 0"),
    "no log": (("accuracy", "nowhere"), "there is no file nowhere", "or its folder"),
    "folder without log": (("accuracy", "."), "folder . has no mlperf_log_accuracy.json"),
    "no accuracy log": (("accuracy", "system.py"), "system.py"),
    "dtype": (("accuracy", "log.json", "--dtype", "int65"), "--dtype int65: no type of NumPy"),
    "dtype's size": (("accuracy", "log.json", "--dtype", "int64"), "4 bytes do not hold whole"),
    "labels alone": (("accuracy", "log.json", "--labels", "few.csv"), "--labels needs --dtype"),
    "few labels": (
        ("accuracy", "log.json", "--dtype", "int32", "--labels", "few.csv"),
        "--labels few.csv: 1 labels, and none for sample 7",
    ),
    "labels' text": (
        ("accuracy", "log.json", "--dtype", "int32", "--labels", "words.csv"),
        "--labels words.csv: 'dog' holds no whole numbers",
    ),
    "no labels": (
        ("accuracy", "log.json", "--dtype", "int32", "--labels", "no.npy"),
        "--labels no.npy: cannot be read: No such file",
    ),
    "unwritable": (("accuracy", "log.json", "--csv", "no/where.csv"), "no/where.csv: cannot be"),
    "report of nothing": (("report", "nowhere"), "there is no folder nowhere"),
    "report's format": (("report", "old", "-o", "report.doc"), "report.doc", ".html"),
    "compare nothing": (("compare", "nowhere", "nobody"), "nowhere"),
    "doctor": (("doctor", "--seconds", "0"), "--seconds 0: seconds must be positive"),
    "init": (("init", "."), "sut.py: there already; name another folder"),
    "argument": (("accuracy",), "missing argument 'LOG'; see ", "accuracy --help"),
}
FILES = {
    "alone.py": "import mlperf_loadgen as lg\n"
    "class A(lg.SystemUnderTest):\n    def issue_query(self, samples): pass\n",
    "broken.py": "import os\nclass Good(:\n",
    "exits.py": "raise SystemExit(0)\n",
    "torn.yaml": "sut: a\nsettings:\n  a: [1, 2\n",
    "list.yaml": "- a\n- b\n",
    "key.yaml": "sut: a\nsetings:\n  test05: 1\n",
    "twice.yaml": "sut: a\nqsl: b\nsut: c\n",
    "setting.yaml": "settings:\n  test05: no\n  min_duration: 5\n",
    "deep.yaml": "settings:\n  test05: [1, 2]\n",
    "null.yaml": "sut:\n",
    "flat.yaml": "settings: fast\n",
    "log.json": '[\n{ "seq_id" : 0, "qsl_idx" : 7, "data" : "03000000" }\n]\n',
    "few.csv": "1\n",
    "words.csv": "class\n1\ndog\n",
    "old/mlperf_log_summary.txt": "of an earlier run\n",
    "sut.py": "",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_and_no_traceback(folder, name):
    (folder / "old").mkdir()
    for path, text in FILES.items():
        (folder / path).write_text(text)
    arguments, *fragments = MISTAKES[name]
    if name == "port in use":
        pytest.importorskip("prometheus_client")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = call(*(word.replace("{port}", port) for word in arguments))
        fragments = [fragment.replace("{port}", port) for fragment in fragments]
    assert result.exit_code == 2, result.stdout + result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.stdout + result.stderr
    for fragment in fragments:
        assert fragment in errors[0]


@pytest.mark.parametrize("name", ["no file", "option", "setting", "YAML key", "doctor"])
def test_a_mistake_is_a_document_too(folder, name):
    (folder / "key.yaml").write_text(FILES["key.yaml"])
    arguments, fragment, *_ = MISTAKES[name]
    found = document(*arguments, status=2)
    assert fragment in found["error"]
    assert found["exit_status"] == 2


def test_debug_shows_the_traceback_of_a_mistake(folder):
    result = done(*RUN, "--conf", "nowhere.conf", "--debug", status=2)
    assert "Traceback (most recent call last)" in result.stderr
    assert "settings_sources.py" in result.stderr


@pytest.mark.parametrize(
    ("raised", "status", "told"),
    [
        (ZeroDivisionError("division by zero"), 3, "error: unexpected, please report it: ZeroDiv"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
    ],
)
def test_whatever_is_raised_is_told_apart_from_a_verdict(folder, monkeypatch, raised, status, told):
    def examine(*arguments, **options):
        raise raised

    monkeypatch.setattr("mlperf_loadgen.doctor.examine", examine)
    result = done("doctor", "--json", status=status)
    assert told in result.stderr
    assert strict_json(result.stdout)["exit_status"] == status


def test_without_the_extra_the_cure_is_named(folder):
    program = """
        import sys
        sys.modules[sys.argv.pop(1)] = None
        import mlperf_loadgen
        from mlperf_loadgen.__main__ import main
        main()
    """
    for missing, words in (("typer", ["doctor"]), ("yaml", ["run", "-f", "key.yaml"])):
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), missing, *words],
            capture_output=True,
            text=True,
            timeout=HANG_LIMIT_S,
            check=False,
        )
        assert ended.returncode == 2
        assert "pip install 'mlperf_loadgen[cli]'" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_run_that_never_started_leaves_no_folder(folder):
    done("run", "system.py:CannotStart", "system.py:Numbers", "-o", "logs", status=3)
    assert not (folder / "logs").exists()


# ---- The user's code -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("system.py:Raises", 'raise KeyError("a bug of the user\'s")'),
        ("system.py:CannotStart", 'raise ValueError("no accelerator")'),
        ("imports.py:Good", "import surely_not_installed"),
    ],
)
def test_a_failure_shows_the_frames_of_the_user_alone(folder, target, line):
    (folder / "imports.py").write_text("import surely_not_installed\n")
    result = done("run", target, "system.py:Numbers", *QUICK, status=3)
    assert "error: the system under test failed:\nTraceback (most recent" in result.stderr
    assert line in result.stderr
    files = re.findall(r'File "(.*?)", line', result.stderr)
    assert {Path(file).name for file in files} == {target.partition(":")[0]}


def test_a_system_that_gives_up_has_failed(folder):
    result = done("run", "system.py:GivesUp", "system.py:Numbers", *QUICK, status=3)
    assert result.stdout.startswith("SingleStream PerformanceOnly of GivesUp: ABORTED\n")


def test_a_failed_context_manager_is_told_so(folder):
    result = done("run", "system.py:RaisesManaged", "system.py:Numbers", *QUICK, status=3)
    assert "entered\nleft <class 'KeyError'>\n" in result.stderr


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
    found = settings_shown("-f", "run.yaml", "--set", "min_query_count=700", "-m", "accuracy")
    expected = {
        "warmup_query_count": (0, "default"),
        "min_duration_ms": (600000, "built-in mlperf.conf"),
        "server_target_latency_ns": (30_000_000, "user.conf:2"),
        "max_duration_ms": (0, "user.conf:8"),  # The default, but asked for.
        "server_target_qps": (1000.0, "run.yaml:8"),
        "test05": (True, "run.yaml:9"),
        "scenario": ("Server", "run.yaml:5"),
        "min_query_count": (700, "command line"),
        "mode": ("AccuracyOnly", "command line"),
        # A user's file may not set it; the built-in one does.
        "qsl_rng_seed": (2085463073848966840, "built-in mlperf.conf"),
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
    assert not (folder / "logs/my_samples.npy").exists()


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
            {"stops_at": "9 queries or 7 s", "warm_up": "4 queries that count for nothing"},
        ),
    ],
)
def test_dry_run_tells_the_traffic(folder, words, expected):
    traffic = document(*RUN, "--dry-run", *words.split())["traffic"]
    assert traffic["library"] == "50 samples, 20 loaded at once"
    assert {name: traffic[name] for name in expected} == expected


@pytest.mark.parametrize("words", ["", "-s multi", "-s offline --set offline_expected_qps=2000"])
def test_the_traffic_is_what_the_dry_run_told(folder, words):
    settings = [*words.split(), "--set", "min_duration_ms=0", "--set", "min_query_count=130"]
    told = document(*RUN, "--dry-run", *settings)["traffic"]
    ran = strict_json(call(*RUN, *settings, "--json").stdout)["performance"]
    if "samples" in told:
        assert ran["sample_count"] == told["samples"] == 130
    else:
        assert told["queries"].startswith(f"at least {ran['query_count']}; {ran['query_count']} if")
        assert ran["sample_count"] == ran["query_count"] * told["samples_per_query"]


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
    assert names[:2] == ["scenario", "stall_timeout_ms"]
    assert "server_target_qps" in names
    assert "offline_expected_qps" not in names


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
    assert max(map(len, shown.split("\nlogs:")[0].splitlines()[:9])) <= 80


def test_every_help_fits_80_columns(folder):
    for command in ("", *_COMMANDS):
        lines = done(*command.split(), "--help").stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert "  130  interrupted" in lines[-1]


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


def test_accuracy_tells_what_a_log_holds(logged):
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
        ("labels.npy", None),
    ],
)
def test_accuracy_scores_by_sample_index(logged, name, text):
    """Of 50 labels, those of the samples 0 to 4 are wrong."""
    path = logged / name
    if text is None:
        np.save(path, np.array([i % 10 if i >= 5 else 9 for i in range(50)]))
    else:
        path.write_text(text)
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
    words = ("sweep", *SYSTEM_AND_LIBRARY, "-v", "2000,8000", *SERVER, "-o", "curve")
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
    call("find-peak", *PEAK, "--resume", "trials.jsonl")
    assert (folder / "trials.jsonl").read_text().splitlines()[: len(first)] == first


def test_find_peak_that_finds_none_is_invalid(folder):
    words = ("--set", "server_target_latency_ns=1", "--time-budget", "0.5")
    found = document("find-peak", *PEAK, *words, status=1)
    assert found["qps"] is None
    assert found["trials"]


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


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--seconds", "0.2"),
        ("init", "demo"),
        ("run", "--dry-run"),
        ("find-peak", *PEAK),
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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
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
