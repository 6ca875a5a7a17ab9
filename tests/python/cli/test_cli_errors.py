"""The command line ends as it should whatever it is asked, interrupted by or allowed to write.

Method: a table of mistakes, each with words that its one message must have; systems that fail or
have the wrong methods; signals and broken standard streams for processes of their own. With --json
the standard output is one document whatever happened.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from cli_commands import QUICK, RUN, SYSTEM_AND_LIBRARY, call, document, done, process
from runs import HANG_LIMIT_S, strict_json

pytest_plugins = ["cli_fixtures"]


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


INTERRUPTED = {
    "run": ("run slow.py:Silent system.py:Numbers", "performance, waiting for 1 of 1 samples"),
    "drain": (
        "run slow.py:Forgets system.py:Numbers -s offline --set min_duration_ms=0",
        "s into Offline performance, waiting for 1 of 100 samples",
    ),
    "load": (
        "run system.py:Good slow.py:Slow",
        "before the first query, while samples were loaded",
    ),
    "make": ("run slow.py:make system.py:Numbers", "interrupted while slow.py:make was made\n"),
    "node": (
        "run ipc://absent slow.py:Payloads --progress",
        "before the first query, waiting for ipc://absent to be ready\n",
    ),
    "sweep": (
        "sweep slow.py:SilentLater system.py:Numbers -s offline -v 5,6,7",
        "; done: 1 of 3 runs, their table is logs/sweep.json; what was logged is in logs",
    ),
    "find-peak": (
        "find-peak slow.py:Silent system.py:Numbers",
        "s into Server warm up, waiting for ",
        "; trials that are done are lost; keep them with --resume FILE; what was logged",
    ),
    "resume": (
        "find-peak slow.py:Silent system.py:Numbers --resume trials",
        "; trials that are done are in trials; the same command goes on from them; what",
    ),
}
SLOW = """
import sys, time
from system import *

def say():
    print("waiting", file=sys.stderr, flush=True)

def wait():
    while True:  # A signal that comes just before a sleep begins does not end it.
        time.sleep(0.05)

class Silent(lg.SystemUnderTest):
    def issue_query(self, samples):
        say()

class Forgets(lg.SystemUnderTest):
    def issue_query(self, samples):
        lg.complete(samples.ids[1:])
        say()

class SilentLater(Good):
    count = 0
    def issue_query(self, samples):
        self.count += 1
        super().issue_query(samples) if self.count == 1 else say()

class Slow(Numbers):
    def load_samples(self, indices):
        say()
        wait()

class Payloads(Numbers):
    def __getitem__(self, index): return b""

def make():
    say()
    wait()
"""


@pytest.mark.parametrize(
    ("name", "number", "as_json"),
    [("run", signal.SIGINT, False), ("make", signal.SIGINT, False)]
    + [(name, signal.SIGTERM, name != "node") for name in INTERRUPTED],
)
def test_an_interrupt_says_what_was_waited_for_and_what_is_left(folder, name, number, as_json):
    if name == "node":
        pytest.importorskip("zmq")
    (folder / "slow.py").write_text(SLOW)
    words, *fragments = INTERRUPTED[name]
    command = [*words.split(), "-o", "logs", *(["--json"] if as_json else [])]
    with subprocess.Popen(
        [sys.executable, "-m", "mlperf_loadgen", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stderr.readline().startswith("waiting")
            running.send_signal(number)
            out, errors = running.communicate(timeout=HANG_LIMIT_S)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "error: interrupted " in errors
    assert "Traceback" not in errors
    for fragment in fragments:
        assert fragment in errors
    kept = list(folder.glob("logs/**/mlperf_log_summary.txt"))
    assert bool(kept) == ("what was logged is in logs" in errors) == (name not in ("make", "node"))
    assert (strict_json(out)["exit_status"] == 130) if as_json else (out == "")


# ---- Standard streams ----------------------------------------------------------------------------

FULL = "error: the standard output cannot be written: No space left on device\n"
AWAY = ("run", "tcp://127.0.0.1:1", "wrong.py:Payloads")
QUICK_RUN = " ".join([*RUN, *QUICK, "-o", "logs"])


@pytest.mark.parametrize(
    ("command", "streams", "status", "errors"),
    [
        (QUICK_RUN, "| true", 0, ""),
        (f"{QUICK_RUN} --json", "| true", 0, ""),
        ("--help", "| true", 0, ""),
        (QUICK_RUN, "> /dev/full", 2, FULL),
        (f"{QUICK_RUN} --json", "> /dev/full", 2, FULL),
        ("--version", "> /dev/full", 2, FULL),
        (QUICK_RUN, ">&-", 0, ""),
        (f"{QUICK_RUN} --json", ">&-", 0, ""),
        (f"{QUICK_RUN} --progress", "2> /dev/full", 0, ""),
        ("run nowhere.py", "2> /dev/full", 2, ""),
        (f"{QUICK_RUN} --json", "<&- 2>&-", 0, ""),
        (QUICK_RUN, "<&- >&- 2>&-", 0, ""),
    ],
)
def test_a_stream_that_takes_nothing_is_no_crash(folder, command, streams, status, errors):
    # The reader of a pipe is gone before anything is written.
    wait = "sleep 0.3; " if streams == "| true" else ""
    program = (
        f"{{ {wait}{sys.executable} -m mlperf_loadgen {command}; echo $? > status; }} {streams}"
    )
    ended = subprocess.run(
        ["bash", "-c", program],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
        env={name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"},
    )
    assert ended.stderr == errors
    assert (folder / "status").read_text() == f"{status}\n"
    if command.startswith("run system.py"):
        assert (folder / "logs/mlperf_log_summary.txt").is_file()
    if "--json" in command and ended.stdout:
        strict_json(ended.stdout)


def test_names_that_the_output_has_no_characters_for_are_escaped(folder):
    ended = process(*RUN, *QUICK, "-o", "é", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "logs: \\xe9\n" in ended.stdout


# ---- Mistakes ------------------------------------------------------------------------------------

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
    "abstract": (
        ("run", "system.py:Unfinished", RUN[2]),
        "it lacks issue_query; write def issue_query(self, samples)",
    ),
    "misspelled": (
        ("run", RUN[1], "wrong.py:Misspelled"),
        "it lacks load_samples; it has load_sample, which may be meant as load_samples; write def",
    ),
    "no parameter": (
        ("run", "wrong.py:NoParameter", RUN[2]),
        "wrong.py:NoParameter.issue_query takes (), and is called with (samples): write def "
        "issue_query(self, samples)",
    ),
    "of an instance": (("run", "wrong.py:instance", RUN[2]), "NoParameter.issue_query takes ()"),
    "flush": (("run", "wrong.py:Flush", RUN[2]), "Flush.flush_queries takes (more), and is called"),
    "async": (
        ("run", "wrong.py:Async", RUN[2]),
        "write it with def, or derive the system from AsyncSystem",
    ),
    "no method": (("run", "wrong.py:NoMethod", RUN[2]), "NoMethod.issue_query is 5, and no method"),
    "not derived": (("run", "wrong.py:Plain", RUN[2]), "is no SystemUnderTest: derive it from"),
    "not derived instance": (("run", "wrong.py:plain", RUN[2]), "is a Plain, and no SystemUnderT"),
    "no return": (("run", "wrong.py:nothing", RUN[2]), "wrong.py:nothing returns nothing: name a"),
    "not callable so": (("run", "json:dumps", RUN[2]), "json:dumps cannot be called to make a Sys"),
    "load": (("run", RUN[1], "wrong.py:Load"), "Load.load_samples takes (), and is called with"),
    "count's text": (("run", RUN[1], "wrong.py:Text"), "Text.total_sample_count is 'many': give a"),
    "negative count": (("run", RUN[1], "wrong.py:Negative"), "is -1: give a number of samples ab"),
    "count's method": (
        ("run", RUN[1], "wrong.py:Method", "--dry-run"),
        "wrong.py:Method.total_sample_count is a method: write @property above it",
    ),
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
    "model": (
        (*RUN, "--model", "resnet5"),
        "--model resnet5: there is no model 'resnet5': did you",
    ),
    "model unlike any": ((*RUN, "--model", "xyz"), "there are: 3d-unet, bert, deepseek-r1, "),
    "model of a file": (
        (*RUN, "--conf", "own.conf", "--model", "mein"),
        "there is no model 'mein': did you mean mine?",
    ),
    "YAML model": (("run", "-f", "model.yaml"), "model.yaml:2: model: resnet5: there is no model"),
    "other scenario": (
        (*RUN, "--set", "server_target_qps=500"),
        "--set server_target_qps=500: server_target_qps has no effect: it belongs to Server, and ",
    ),
    "other scenario, default": (
        (*RUN, "-s", "offline", "--set", "server_target_qps=1"),
        "it belongs to Server, and the scenario is Offline",
    ),
    "other mode": (
        (*RUN, "-s", "server", "--set", "tpot_latency=5"),
        "tpot_latency has no effect: it belongs to use_token_latencies, which is off",
    ),
    "YAML other scenario": (
        ("run", "-f", "other.yaml"),
        "other.yaml:3: server_target_qps: 500: server_target_qps has no effect: it belongs to Se",
    ),
    "peak's scenario": (
        ("find-peak", *RUN[1:], "-s", "offline"),
        "--scenario offline: this command has scenario=Server; leave it out",
    ),
    "sweep's other scenario": (
        ("sweep", *RUN[1:], "-s", "offline", "-v", "1", "--parameter", "server_target_qps"),
        "--parameter server_target_qps has no effect: it belongs to Server",
    ),
    "refused": ((*RUN, "-s", "Server", "--set", "server_target_qps=0"), "server_target_qps is 0"),
    "no config": ((*RUN, "--conf", "user.conf"), "--conf user.conf: cannot be read"),
    "bad config": (
        (*RUN, "--conf", "system.py"),
        "system.py:2: expected 'key=value', line=2; nothing of this file was applied",
    ),
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
    "output": ((*RUN, "-o", "system.py"), "--output system.py: cannot be made: there is a file"),
    "old logs": (
        (*RUN, *QUICK, "-o", "old"),
        "--output old: has the results of an earlier run (old/mlperf_log_summary.txt)",
        "give another folder, or --force to write over them",
    ),
    "peak's old logs": (("find-peak", *RUN[1:], "-o", "old"), "old/mlperf_log_summary.txt"),
    "sweep's old table": (
        ("sweep", *RUN[1:], "-s", "offline", "-v", "5", "-o", "curve"),
        "--output curve: has the results of an earlier run (curve/sweep.json)",
    ),
    "port": ((*RUN, "--metrics-port", "99999"), "--metrics-port 99999: ", "65535"),
    "port in use": ((*RUN, "--metrics-port", "{port}"), "{port}", "is in use; give another one"),
    "surrogate": ((*RUN, "-o", "\udcff"), "--output \\udcff: its name is no text"),
    "YAML depth": (("run", "-f", "depths.yaml"), "--file depths.yaml: too deep"),
    "YAML list as key": (("run", "-f", "listkey.yaml"), "listkey.yaml:1: a key takes one value"),
    "YAML empty": (("run", "-f", "empty.yaml"), "empty.yaml: holds no keys"),
    "YAML folder": (("run", "-f", "old"), "--file old: cannot be read: Is a directory"),
    "keys of none": ((*RUN, "--keys", "secret"), "--keys is for a SUT on the network"),
    "timeout without a node": (
        (*RUN, "--connect-timeout", "3"),
        "--connect-timeout is for a SUT on",
    ),
    "network options without a node": (
        (*RUN, "--network", "concurrency=2"),
        "--network is for a SUT",
    ),
    "header of none": ((*RUN, "--header", "a: b"), "--header is for a SUT on the network"),
    "network option": (
        (*AWAY, "--network", "concurency=2"),
        "--network concurency: there is no such option",
        "concurrency",
    ),
    "network option's value": ((*AWAY, "--network", "concurrency=x"), "--network concurrency=x: "),
    "network option's form": ((*AWAY, "--network", "x"), "write it as NAME=VALUE"),
    "header's form": ((*AWAY, "--header", "secret"), "write it as 'NAME: VALUE'"),
    "file of headers": ((*AWAY, "--header", "@none"), "--header @none: cannot be read: No such"),
    "option of another transport": ((*AWAY, "--header", "a: b"), "tcp:// has no option headers"),
    "timeout": (
        ("run", "tcp://127.0.0.1:1", "wrong.py:Payloads", "--connect-timeout", "nan"),
        "--connect-timeout must be above 0, not nan",
    ),
    "no scheme": (
        ("run", "127.0.0.1:8002", "wrong.py:Payloads"),
        "127.0.0.1:8002: this is an address without its scheme: give tcp://127.0.0.1:8002; ",
        "http://, kserve+http://",
    ),
    "no scheme of one": (("run", "a:1,b:2", RUN[2]), "give tcp://a:1,tcp://b:2"),
    "no scheme to bind": (
        ("serve", RUN[1], "--bind", "0.0.0.0:1"),
        "--bind 0.0.0.0:1: this is an a",
    ),
    "no scheme of a QSL": (("run", RUN[1], "localhost:80"), "give tcp://localhost:80"),
    "address": (("run", "tcp://node", "wrong.py:Payloads"), "'tcp://node' is no address of a node"),
    "port of an address": (("run", "http://node:99999", "wrong.py:Payloads"), "'99999'"),
    "QSL on a network": (("run", RUN[1], "tcp://127.0.0.1:1"), "is no QSL: that is a class here"),
    "scheme": (
        ("run", "htp://node:1", "wrong.py:Payloads"),
        "there is no scheme htp://; did you mean http://node:1?",
    ),
    "transport": (("run", "carrier-pigeon://x", RUN[2]), "carrier-pigeon://x", "tcp://"),
    "library for a network": (("run", "tcp://127.0.0.1:1"), "needs a sample library as well"),
    "payloads": (("run", "tcp://127.0.0.1:1", RUN[2]), "Numbers has no payloads", "__getitem__"),
    "serve a network": (("serve", "tcp://h:1", "--bind", "tcp://127.0.0.1:0"), "is on the network"),
    "sweep without values": (("sweep", *RUN[1:]), "missing option '--values'"),
    "sweep's values": (("sweep", *RUN[1:], "-v", "1:9"), "'1:9' is neither a number nor"),
    "sweep's parameter": (("sweep", *RUN[1:], "-v", "1"), "SingleStream has no load to vary"),
    "sweep's plot": (
        ("sweep", *RUN[1:], "-v", "1", "--plot", "a.gif"),
        "a name that ends in .png, .svg",
    ),
    "precision": (("find-peak", *RUN[1:], "--precision", "0"), "--precision 0: give a share"),
    "goodput": (("find-peak", *RUN[1:], "--goodput", "0"), "--goodput 0: give a share between"),
    "budget": (("find-peak", *RUN[1:], "--time-budget", "nan"), "--time-budget nan: give a num"),
    "start": (
        ("find-peak", *RUN[1:], "--start-qps", "-1"),
        "--start-qps -1: give a number above 0",
    ),
    "sweep's setting": (
        ("sweep", *RUN[1:], "-v", "1", "--parameter", "server_target_qp"),
        "--parameter server_target_qp: there is no setting",
        "did you mean server_target_qps?",
    ),
    "resume": (
        ("find-peak", *RUN[1:], "--resume", "old"),
        "--resume old: cannot hold trials: Is a",
    ),
    "full": (("accuracy", "log.json", "--csv", "/dev/full"), "error: /dev/full: cannot be written"),
    "no log": (("accuracy", "nowhere"), "there is no file nowhere", "or its folder"),
    "folder without log": (("accuracy", "."), "folder . has no mlperf_log_accuracy.json"),
    "no accuracy log": (("accuracy", "system.py"), "system.py"),
    "dtype": (("accuracy", "log.json", "--dtype", "int65"), "--dtype int65: no type of NumPy"),
    "dtype of nothing": (("accuracy", "log.json", "--dtype", "V"), "no type of numbers; try int64"),
    "dtype's syntax": (
        ("accuracy", "log.json", "--dtype", ","),
        "--dtype ,: no type of NumPy; try",
    ),
    "dtype's size": (("accuracy", "log.json", "--dtype", "int64"), "4 bytes do not hold whole"),
    "labels alone": (("accuracy", "log.json", "--labels", "few.csv"), "--labels needs --dtype"),
    "few labels": (
        ("accuracy", "log.json", "--dtype", "int32", "--labels", "few.csv"),
        "--labels few.csv: 1 label, and none for sample 7",
    ),
    "labels' text": (
        ("accuracy", "log.json", "--dtype", "int32", "--labels", "words.csv"),
        "--labels words.csv: 'dog' holds no whole numbers",
    ),
    "no labels": (
        ("accuracy", "log.json", "--dtype", "int32", "--labels", "no.npy"),
        "--labels no.npy: cannot be read: No such file",
    ),
    "log as output": (
        ("accuracy", "log.json", "--jsonl", "log.json"),
        "--jsonl log.json: is read by this command; give another file",
    ),
    "labels as output": (
        ("accuracy", "log.json", "--dtype", "int32", "--labels", "some.csv", "--csv", "./some.csv"),
        "--csv some.csv: is read by this command",
    ),
    "unwritable": (("accuracy", "log.json", "--csv", "no/where.csv"), "no/where.csv: cannot be"),
    "report of nothing": (("report", "nowhere"), "there is no folder nowhere"),
    "report's format": (("report", "old", "-o", "report.doc"), "report.doc", ".html"),
    "compare nothing": (("compare", "nowhere", "elsewhere"), "nowhere"),
    "doctor": (("doctor", "--seconds", "0"), "--seconds 0: seconds must be positive"),
    "report's ending": (("report", "old", "-o", "report"), "end it in .html, .md or .png\n"),
    "init's name": (("init", "a" * 300), "cannot be written: File name too long"),
    "keys": (("keys", "system.py"), "folder system.py: cannot be made: there is a file"),
    "init": (("init", "."), "sut.py: there already; give another folder"),
    "argument": (("accuracy",), "missing argument 'LOG'; see ", "accuracy --help"),
}
FILES = {
    "wrong.py": """
from system import *
class NoParameter(lg.SystemUnderTest):
    def issue_query(self): pass
class Flush(Good):
    def flush_queries(self, more): pass
class Async(lg.SystemUnderTest):
    async def issue_query(self, samples): pass
class NoMethod(lg.SystemUnderTest):
    issue_query = 5
class Plain:
    def issue_query(self, samples): pass
class Misspelled(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 10
    def load_sample(self, indices): pass
    def unload_samples(self, indices): pass
class Load(Numbers):
    def load_samples(self): pass
class Text(Numbers):
    total_sample_count = "many"
class Negative(Numbers):
    performance_sample_count = -1
class Method(Numbers):
    def total_sample_count(self): return 5
class Payloads(Numbers):
    def __getitem__(self, index): return b""
def nothing(): pass
instance, plain = NoParameter(), Plain()
""",
    "depths.yaml": f"settings: {'[' * 2000}{']' * 2000}\n",
    "listkey.yaml": "? [a, b]\n: 5\n",
    "empty.yaml": "",
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
    "some.csv": "1\n" * 8,
    "words.csv": "class\n1\ndog\n",
    "own.conf": "mine.*.min_duration = 5\n",
    "model.yaml": "sut: a\nmodel: resnet5\n",
    "other.yaml": "settings:\n  scenario: offline\n  server_target_qps: 500\n",
    "curve/sweep.json": "{}",
    "old/mlperf_log_summary.txt": "of an earlier run\n",
    "sut.py": "",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_and_no_traceback(folder, name):
    for name_of_folder in ("old", "curve"):
        (folder / name_of_folder).mkdir()
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
        assert fragment in f"{errors[0]}\n"


SEARCH_OUT_OF_RANGE = {
    "--start-qps": ("0", "-1", "2e9"),
    "--max-qps": ("0", "-5", "2e9"),
    "--precision": ("0", "-0.1", "1", "2"),
    "--confidence": ("0", "-0.1", "1", "2"),
    "--time-budget": ("0", "-1", "1e10"),
    "--goodput": ("0", "0.5", "1", "99", "-1"),
}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (option, value)
        for option, bad in SEARCH_OUT_OF_RANGE.items()
        for value in (*bad, "nan", "inf")
    ],
)
def test_an_option_of_a_search_outside_its_range_is_refused_before_the_system_is_made(
    folder, option, value
):
    words = ("find-peak", "system.py:CannotStart", "system.py:Numbers", option, value)
    assert re.match(rf"error: {option} \S+: give a ", done(*words, status=2).stderr)


@pytest.mark.parametrize("name", ["no file", "option", "setting", "YAML key", "doctor"])
def test_a_mistake_is_a_document_too(folder, name):
    (folder / "key.yaml").write_text(FILES["key.yaml"])
    arguments, fragment, *_ = MISTAKES[name]
    found = document(*arguments, status=2)
    assert fragment in found["error"]
    assert found["exit_status"] == 2


IN_A_DELETED_FOLDER = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'


@pytest.mark.parametrize(
    "words",
    [
        "run system.py:Good system.py:Numbers",
        "find-peak system.py:Good system.py:Numbers",
        "sweep system.py:Good system.py:Numbers -s offline -v 5",
        "serve system.py:Good --bind tcp://127.0.0.1:0 --keys keys",
        "keys secret",
        "accuracy logs",
        "report logs",
        "compare one other",
        "init first",
    ],
)
def test_a_deleted_working_directory_is_named(folder, words):
    command = [sys.executable, "-m", "mlperf_loadgen", *words.split()]
    ended = subprocess.run(
        ["sh", "-c", IN_A_DELETED_FOLDER, "sh", *command],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
    )
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "error: " in ended.stderr
    assert ended.stderr.count("the working directory no longer exists") == 1
    assert "change to another one" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_absolute_folder_needs_no_working_directory(folder):
    command = [sys.executable, "-m", "mlperf_loadgen", "run"]
    command += [f"{folder}/system.py:Good", f"{folder}/system.py:Numbers", "-o", f"{folder}/logs"]
    ended = subprocess.run(
        ["sh", "-c", IN_A_DELETED_FOLDER, "sh", *command, *QUICK],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (folder / "logs" / "mlperf_log_summary.txt").exists()


def test_debug_shows_the_traceback_of_a_mistake(folder):
    result = done(*RUN, "--conf", "nowhere.conf", "--debug", status=2)
    assert "Traceback (most recent call last)" in result.stderr
    assert "settings_sources.py" in result.stderr


@pytest.mark.parametrize(
    ("raised", "status", "text"),
    [
        (ZeroDivisionError("division by zero"), 3, "error: unexpected, please report it: ZeroDiv"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
    ],
)
def test_whatever_is_raised_is_no_verdict(folder, monkeypatch, raised, status, text):
    def examine(*arguments, **options):
        raise raised

    monkeypatch.setattr("mlperf_loadgen.doctor.examination.examine", examine)
    result = done("doctor", "--json", status=status)
    assert text in result.stderr
    assert strict_json(result.stdout)["exit_status"] == status


def test_without_the_extra_the_fix_is_named(folder):
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


# ---- Systems that fail ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("system.py:Raises", 'raise KeyError("a bug of the user\'s")'),
        ("system.py:CannotStart", 'raise ValueError("no accelerator")'),
        ("system.py:Exits", "sys.exit(0)"),
        ("imports.py:Good", "import surely_not_installed"),
    ],
)
def test_a_failure_shows_the_frames_of_the_user_alone(folder, target, line):
    (folder / "imports.py").write_text("import surely_not_installed\n")
    result = done("run", target, "system.py:Numbers", *QUICK, status=3)
    assert re.search(r"^error: .* failed.*:\nTraceback \(most recent", result.stderr)
    assert line in result.stderr
    files = re.findall(r'File "(.*?)", line', result.stderr)
    assert {Path(file).name for file in files} == {target.partition(":")[0]}


def test_a_system_that_gives_up_has_failed(folder):
    result = done("run", "system.py:GivesUp", "system.py:Numbers", *QUICK, status=3)
    assert result.stdout.startswith("SingleStream PerformanceOnly of GivesUp: ABORTED\n")


def test_a_context_manager_hears_of_a_failure(folder):
    result = done("run", "system.py:RaisesManaged", "system.py:Numbers", *QUICK, status=3)
    assert "entered\nleft <class 'KeyError'>\n" in result.stderr


def test_a_node_that_is_not_there_is_waited_for_as_long_as_asked(folder):
    pytest.importorskip("zmq")
    (folder / "wrong.py").write_text(FILES["wrong.py"])
    words = ("run", "tcp://127.0.0.1:1", "wrong.py:Payloads", "--connect-timeout", "0.2")
    assert "not ready after 0.2 s" in document(*words, status=3)["error"]


ONE_RUN = {
    "run": ("run", *SYSTEM_AND_LIBRARY, *QUICK),
    "sweep": ("sweep", *SYSTEM_AND_LIBRARY, "-s", "offline", "-v", "5"),
    "find-peak": (
        *("find-peak", *SYSTEM_AND_LIBRARY, "--max-qps", "500", "--set", "min_duration_ms=50"),
        *("--set", "server_target_latency_ns=60e9"),
    ),
}


@pytest.mark.parametrize("command", ONE_RUN)
def test_results_are_written_over_only_by_force(folder, command):
    words = (*ONE_RUN[command], "-o", "logs")
    assert call(*words).exit_code in (0, 1)
    logs = sorted((folder / "logs").rglob("*.*"))
    before = [path.read_bytes() for path in logs if path.is_file()]
    for more in ((), ("--json",)):
        refused = done(*words, *more, status=2).stderr
        assert refused.startswith("error: --output logs: has the results of an earlier run (logs/")
        assert refused.endswith("; give another folder, or --force to write over them\n")
    assert [path.read_bytes() for path in logs if path.is_file()] == before
    forced = call(*words, "--force")
    assert forced.exit_code in (0, 1)
    assert "warning" not in forced.stderr
    assert [path.read_bytes() for path in logs if path.is_file()] != before


def test_a_system_is_not_made_for_a_run_that_would_lose_results(folder):
    done(*ONE_RUN["run"], "-o", "logs")
    words = ("run", "system.py:CannotStart", "system.py:Numbers", "-o", "logs")
    assert "--force" in done(*words, status=2).stderr


def test_a_folder_that_is_asked_for_twice_takes_logs_of_other_names(folder):
    for prefix in ("first_", "second_"):
        done(*ONE_RUN["run"], "-o", "logs", "--log", f"prefix={prefix}")
    assert len(list((folder / "logs").glob("*_summary.txt"))) == 2


def test_a_search_that_is_resumed_needs_no_force(folder):
    words = (*ONE_RUN["find-peak"], "-o", "logs", "--resume", "trials")
    for _ in range(2):
        assert call(*words).exit_code in (0, 1)


def test_a_plot_that_cannot_be_drawn_loses_no_table(folder):
    pytest.importorskip("matplotlib")
    (folder / "plot.png").mkdir()
    words = ("sweep", *RUN[1:], "-s", "offline", "-v", "5,6", "--plot", "plot.png", "-o", "curve")
    error = document(*words, status=2)["error"]
    assert error.startswith("--plot plot.png: cannot be drawn: ")
    assert error.endswith("the table is in curve/sweep.json")
    assert (folder / "curve/sweep.json").is_file()


REFUSED_BY_A_RUN = {
    "-s server --set server_target_qps=nan": "server_target_qps is nan: set it to a finite number",
    "-s server --set server_target_qps=inf": "server_target_qps is inf",
    "-s server --set server_target_qps=-5": "server_target_qps is -5",
    "-s server --set server_target_latency_percentile=99": "fraction between 0 and 1, such as 0.99",
    "-s multi --set multi_stream_target_latency_percentile=nan": "percentile is nan: set it to a f",
    "-s multi --set multi_stream_expected_latency_ns=0": "multi_stream_expected_latency_ns is 0",
    "-s offline --set offline_expected_qps=nan": "offline_expected_qps is nan",
    "-s offline --set offline_expected_qps=1e308": "one query holds at most 4294967295",
    "-s offline --set offline_probe_duration_ms=1e19": "offline_probe_duration_ms is 1000000000000",
    "--set single_stream_target_latency_percentile=0": "latency_percentile is 0: set it to a f",
    "--set min_duration_ms=9223372036854775808": "min_duration_ms is 9223372036854775808: set it",
    "--set max_duration_ms=18446744073709551615": "max_duration_ms is 18446744073709551615",
    "--set min_duration_ms=0 --set min_query_count=0": "no query would be issued",
    "--set performance_issue_same=1 --set performance_issue_same_index=20": "the smallest set of",
    "--model resnet5": "there is no model 'resnet5'",
    "--set server_target_qps=5": "it belongs to Server",
    "--keys secret": "--keys is for a SUT on the network",
    "-o system.py": "--output system.py: cannot be made",
    "-o old": "--output old: has the results of an earlier run",
    "--log max_trace_mb=-1": "--log max_trace_mb=-1: max_trace_mb must be an integer from 0 to",
    "--log max_sample_log_mb=99999999999999999999": "max_sample_log_mb must be an integer from 0",
    "--log max_free_space_share=2": "max_free_space_share is 2; give a share from 0 (no limit) to",
    "--log max_free_space_share=nan": "max_free_space_share is nan; give a share",
    "--log suffix=/a/b": "log_output.suffix is '/a/b'; it ends the name of each file",
    f"-o logs --log prefix={'x' * 300}": "give a shorter --output, prefix or suffix",
    "--log prefix=a/b/": "its parent must exist and be writable",
    "--set performance_issue_same_index=3": "it belongs to performance_issue_same, which is off",
    "--set test05_qsl_rng_seed=3": "it belongs to test05, which is off",
    "-m accuracy --set test05=1": "mode has no effect: it does not count beside test05 = true",
    "--set infer_token_latencies=1": "it belongs to Server and Offline, and the scenario is Singl",
    "-s server --set server_find_peak_max_qps=4": "it belongs to FindPeakPerformance, and the mo",
    "-s offline --set offline_expected_qps=9 --set offline_probe_duration_ms=5": (
        "offline_expected_qps has no effect: it does not count beside offline_probe_duration_ms = 5"
    ),
    "-s server -m find --set server_find_peak_strategy=est --set server_target_latency_ns=0": (
        "server_target_latency_ns is 0"
    ),
}
REFUSED_ON_THE_NETWORK = {
    "tcp://127.0.0.1:1 wrong.py:Payloads --keys nosuch": "no keys in nosuch: ",
    "tcp://127.0.0.1:1 wrong.py:Payloads -s server --set server_num_issue_query_threads=4": (
        "server_num_issue_query_threads is 4, but a SUT on the network registers no threads"
    ),
    "tcp://127.0.0.1:1 wrong.py:Payloads --network concurrency=2": "has no option concurrency",
    "http://127.0.0.1:1 wrong.py:Payloads --network concurrency=0": "concurrency must be above 0",
    "kserve+http://127.0.0.1:1 wrong.py:Payloads": "names no model: give kserve+http://",
    "kserve+http://127.0.0.1:1/m wrong.py:Payloads --network inputs=x:FP31:4": "'FP31'",
    "kserve+https://127.0.0.1:1/m wrong.py:Payloads --network ca_file=nosuch.pem": (
        "ca_file nosuch.pem: "
    ),
}


@pytest.mark.parametrize("words", REFUSED_BY_A_RUN)
def test_a_dry_run_refuses_what_the_run_refuses_in_the_same_words(folder, words):
    (folder / "old").mkdir()
    (folder / "old/mlperf_log_detail.txt").write_text("of an earlier run\n")
    refused = done(*RUN, *words.split(), status=2).stderr
    assert REFUSED_BY_A_RUN[words] in refused
    assert done(*RUN, *words.split(), "--dry-run", status=2).stderr == refused
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("words", REFUSED_ON_THE_NETWORK)
def test_a_dry_run_refuses_options_of_links_in_the_same_words(folder, words):
    """Before it connects: there is no server to connect to."""
    pytest.importorskip("tritonclient", reason="kserve+http:// needs tritonclient")
    (folder / "wrong.py").write_text(FILES["wrong.py"])
    refused = done("run", *words.split(), status=2).stderr
    assert REFUSED_ON_THE_NETWORK[words] in refused
    assert done("run", *words.split(), "--dry-run", status=2).stderr == refused
    assert not (folder / "runs").exists()


def test_a_dry_run_refuses_a_port_of_metrics_that_is_taken(folder):
    pytest.importorskip("prometheus_client", reason="needs the extra metrics")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for more in ((), ("--dry-run",)):
            error = done(*RUN, "--metrics-port", port, *more, status=2).stderr
            assert f"--metrics-port {port}: " in error


def test_a_dry_run_says_what_the_run_says_of_the_audit_file_and_of_counts(folder):
    (folder / "audit.config").write_text(
        "*.*.mode = 9\n*.*.test07_accuracy_treshold = 1\n*.*.min_query_count = 5\n"
    )
    words = (*RUN, *QUICK, "--set", "performance_sample_count_override=1000")
    shown = {}
    for more in ((), ("--dry-run",)):
        lines = " ".join(call(*words, *more).stdout.split())
        found = re.findall(
            r"(?:error|warning): .*?(?= (?:error|warning): | logs: | Nothing)", lines
        )
        shown[more] = [text for text in found if "uncommitted changes" not in text]
    assert shown["--dry-run",] == shown[()]
    text = "\n".join(shown[()])
    assert "Found Audit Config file" in text
    assert "error: Invalid value passed to Mode key in config. (audit.config, line 1)" in text
    assert "did you mean test07_accuracy_threshold? (audit.config, line 2)" in text
    assert "performance_sample_count_override is 1000, and the library has 50 samples" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-m accuracy --set warmup_query_count=5", "it belongs to performance runs, and the mode"),
        ("-m perf --set accuracy_sample_count_override=5", "it belongs to accuracy runs, and the"),
    ],
)
def test_what_the_other_half_of_a_test_uses_is_warned_of(folder, words, said):
    """The same options are given for both."""
    for more in ((), ("--dry-run",)):
        text = done(*RUN, *words.split(), "--set", "min_query_count=600", *QUICK, *more).stderr
        assert said in text


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (
            "find-peak",
            "--set mode=acc",
            "--set mode=acc: this command has mode=FindPeakPerformance",
        ),
        ("find-peak", "--set scenario=off", "this command has scenario=Server; leave it out"),
        (
            "find-peak",
            "--set server_find_peak_strategy=bisection",
            "has server_find_peak_strategy=",
        ),
        ("find-peak", "--set server_target_qps=4", "give --start-qps 4"),
        (
            "find-peak",
            "--set server_find_peak_max_qps=4 --max-qps 300",
            "--max-qps 300 takes its pl",
        ),
        (
            "find-peak",
            "--set server_find_peak_qps_decimals_of_precision=2",
            "it does not count beside server_find_peak_strategy = Estimate",
        ),
        (
            "sweep",
            "-s server -v 4,5 --set mode=sub",
            "this command has mode=PerformanceOnly; leave",
        ),
        ("sweep", "-s server -v 4,5 --set server_target_qps=4", "the sweep over server_target_qps"),
        ("sweep", "-s off -v 4,5 --set min_duration_ms=9", "since the sweep over min_query_count"),
    ],
)
def test_what_a_command_sets_itself_is_not_asked_for(folder, command, words, said):
    assert said in done(command, *RUN[1:], *words.split(), status=2).stderr


def test_the_search_that_a_run_proposes_takes_its_own_words(folder):
    words = ("-s", "server", "--set", "server_target_qps=5000", "--set", "mode=performance")
    words += ("--set", "min_query_count=20", "--set", "server_target_latency_ns=1")
    shown = done(*RUN, *QUICK, *words, status=1).stdout
    (line,) = [line for line in shown.splitlines() if "find-peak" in line]
    assert "server_target_qps" not in line and "mode=" not in line
    assert "min_query_count=20" in line


@pytest.mark.parametrize(
    "sut",
    [
        *("sytem.py", "system.py:Goud", "system.py:NeedsMore", "system.py:Unfinished"),
        *("wrong.py:NoParameter", "wrong.py:Flush", "wrong.py:Async", "wrong.py:Plain"),
        "127.0.0.1:80",
    ],
)
def test_a_dry_run_refuses_systems_that_the_run_refuses(folder, sut):
    (folder / "wrong.py").write_text(FILES["wrong.py"])
    refused = done("run", sut, "system.py:Numbers", status=2).stderr
    assert done("run", sut, "system.py:Numbers", "--dry-run", status=2).stderr == refused


def test_a_dry_run_shows_what_the_audit_file_of_the_folder_changes(folder):
    (folder / "audit.config").write_text("*.*.min_query_count = 7\n")
    found = strict_json(done(*RUN, "--dry-run", "--json").stdout)
    row = found["settings"]["min_query_count"]
    assert row == {"value": 7, "origin": "audit.config:1"}
    assert found["warnings"][0].startswith("Found Audit Config file")
