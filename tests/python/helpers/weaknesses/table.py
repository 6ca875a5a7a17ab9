"""The table of weaknesses, and what its programs share: running a test and expecting a refusal.

Imports little, since each row is a process of its own.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runs import finished

import mlperf_loadgen as lg

LIMIT_S = 60
"""A row that takes longer hangs."""
SKIPPED = 77
"""Exit status of a row that cannot be shown on this machine."""

SCENARIOS = tuple(lg.TestScenario.__members__)
ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Row:
    """One weakness."""

    name: str  # W: crashes, H: hangs, S: silent or misleading.
    reference: str  # What the reference does.
    here: str  # What we do.
    check: Callable[[], None]  # Does it, and asserts what we do.


ROWS: dict[str, Row] = {}


def row(name, *, reference, here):
    """Enters a function into the table."""

    def enter(check):
        assert name not in ROWS
        ROWS[name] = Row(name, reference, here, check)
        return check

    return enter


# ---- Running a test ------------------------------------------------------------------------------


def responses(samples, n_tokens=0):
    return [lg.QuerySampleResponse(s.id, 0, 0, n_tokens) for s in samples]


def answer(samples, n_tokens=0):
    """Completes a query at once; with tokens, after its first token."""
    if n_tokens:
        lg.FirstTokenComplete(responses(samples, n_tokens))
    lg.QuerySamplesComplete(responses(samples, n_tokens))


def read_detail(path):
    """The records of a detail log; each must be strict JSON."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    lines = Path(path).read_text().splitlines()
    return [json.loads(line.removeprefix(":::MLLOG "), parse_constant=refuse) for line in lines]


class Run:
    """A test in a directory of its own: what its callbacks were given, its result and its logs."""

    count = 0

    def __init__(self):
        Run.count += 1
        self.outdir = Path(f"run{Run.count}")
        self.queries = []  # Lists of samples.
        self.loaded = []
        self.unloaded = []
        self.flushes = 0
        self.result = None

    @property
    def issued(self):
        return [sample.index for query in self.queries for sample in query]

    @property
    def detail(self):
        return read_detail(self.outdir / "mlperf_log_detail.txt")

    def values(self, key):
        return [record["value"] for record in self.detail if record["key"] == key]

    def value(self, key):
        (value,) = self.values(key)
        return value

    @property
    def errors(self):
        """Error texts, but for that about the build."""
        return [text for text in self.result.errors if "uncommitted changes" not in text]

    def text(self, name):
        return (self.outdir / f"mlperf_log_{name}").read_text()

    def assert_unharmed(self):
        """All went well, whatever the verdict on so short a test."""
        assert self.errors == []
        assert not self.result.aborted
        assert not self.result.stalled
        assert self.loaded == self.unloaded

    def assert_invalid(self, *reasons):
        assert not self.result.valid
        for reason in reasons:
            assert any(reason in text for text in self.result.reasons), self.result.reasons


def settings_of(**values):
    """Settings of a test of ten queries without a minimum duration, or of an accuracy run."""
    count = {} if values.get("mode") == "AccuracyOnly" else {"min_query_count": 10}
    asked = count | {"min_duration_ms": 0} | values
    for name, enum in (("scenario", lg.TestScenario), ("mode", lg.TestMode)):
        if isinstance(asked.get(name), str):
            asked[name] = getattr(enum, asked[name])
    return lg.TestSettings(**asked)


def at_rate(scenario, qps):
    """The setting of the rate, for the scenario that has one."""
    return {"server_target_qps": qps} if scenario == "Server" else {}


def run(issue=answer, *, total=10, performance=10, log=None, audit="", settings=None, **values):
    """Runs a test whose `issue` answers at once by default; `values` are settings."""
    run = Run()

    def issue_query(samples):
        run.queries.append(list(samples))
        issue(samples)

    def flush():
        run.flushes += 1

    sut = lg.ConstructSUT(issue_query, flush)
    qsl = lg.ConstructQSL(total, performance, run.loaded.append, run.unloaded.append)
    log_settings = lg.LogSettings()
    log_settings.log_output.outdir = str(run.outdir)
    for name, value in (log or {}).items():
        holder = log_settings if hasattr(log_settings, name) else log_settings.log_output
        setattr(holder, name, value)
    return finished(run, sut, qsl, settings or settings_of(**values), log_settings, audit)


def refused(call, *texts, error=lg.SettingsError):
    """Calls, and expects an error with these texts; returns it."""
    try:
        call()
    except error as refusal:
        for text in texts:
            assert re.search(text, str(refusal)), f"{text!r} is not in {str(refusal)!r}"
        return refusal
    raise AssertionError(f"not refused: {texts}")


def assert_refused(*texts, **arguments):
    """The settings of a test are refused before any callback."""
    refusal = refused(lambda: run(**arguments), *texts)
    assert refusal.run.loaded == refusal.run.queries == []


def assert_next_test_works():
    after = run()
    after.assert_unharmed()
    assert len(after.queries) == 10


def run_python(program, **options):
    """Runs a program in another process, within the limit."""
    command = [sys.executable, "-X", "faulthandler", "-c", program]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT_S - 10, check=False, **options
    )


def assert_unit_test(suite, *names):
    """What only C++ can do is shown by these tests of tests/unit."""
    sources = "".join(path.read_text() for path in (ROOT / "tests" / "unit").rglob("*_test.cc"))
    for name in names:
        assert re.search(rf"TEST(_F|_P)?\({suite}, {name}\)", sources), f"no {suite}.{name}"
