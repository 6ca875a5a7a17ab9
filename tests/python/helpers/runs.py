"""Runs a test in a directory of its own and reads what it left.

`run_in` runs one test with callbacks that note how they were called and answer at once, unless the
test brings its own. Log files are read strictly: what is no JSON for JSON's own rules fails.
"""

import functools
import itertools
import json
import time
from pathlib import Path

import mlperf_loadgen as lg

HELPERS = Path(__file__).parent
"""What programs that use these helpers run in."""

HANG_LIMIT_S = 60
"""A subprocess that takes longer than this hangs."""


def until(condition):
    """Waits until `condition()` is true: for what gives no event."""
    deadline = time.monotonic() + HANG_LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


MLLOG_PREFIX = ":::MLLOG "

SCENARIOS = tuple(lg.TestScenario.__members__)

FOR_EVERY_SCENARIO = "ignore:.* is not used. it (belongs to|does not count)"
"""A filter of warnings for files whose tests give settings for every scenario and mode at once."""


def with_rate_and_count_in_use(settings):
    """`settings`, less the rate and the count of queries where the scenario or the mode has none:
    for the defaults of a whole file of tests."""
    unused = set()
    if settings.get("scenario") not in ("Server", lg.TestScenario.Server):
        unused.add("server_target_qps")
    accuracy = settings.get("mode") in ("AccuracyOnly", lg.TestMode.AccuracyOnly)
    if accuracy and not settings.get("test05"):  # Which makes it a performance run.
        unused.add("min_query_count")
    return {name: value for name, value in settings.items() if name not in unused}


def strict_json(text):
    """Parses JSON without Python's extensions (NaN, Infinity)."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


BUILT_DIRTY = "Loadgen built with uncommitted changes!"
"""Starts the one error of a test that is about the build and not about the test."""


def errors_of(result):
    """The error texts of a result, but for that about the build."""
    return [text for text in result.errors if not text.startswith(BUILT_DIRTY)]


class Run:
    """A finished test: its result, what its callbacks were given, and its log files."""

    def __init__(self, outdir):
        self.outdir = Path(outdir)
        self.result = None
        self.events = []  # (callback, arguments) in the order of the calls.

    def note(self, name, *arguments):
        self.events.append((name, *arguments))

    def calls(self, name):
        """The first arguments of the calls of one callback."""
        return [event[1] for event in self.events if event[0] == name]

    @property
    def batches(self):
        """Sample indices, a list a call of issue_query."""
        return self.calls("issue")

    @property
    def issued(self):
        return list(itertools.chain.from_iterable(self.batches))

    @property
    def errors(self):
        return errors_of(self.result)

    def text(self, name):
        return (self.outdir / f"mlperf_log_{name}").read_text()

    @property
    def summary(self):
        return self.text("summary.txt")

    @functools.cached_property
    def detail(self):
        """The records of the detail log, in order."""
        lines = self.text("detail.txt").splitlines()
        assert all(line.startswith(MLLOG_PREFIX) for line in lines)
        return [strict_json(line.removeprefix(MLLOG_PREFIX)) for line in lines]

    def values(self, key):
        return [record["value"] for record in self.detail if record["key"] == key]

    def value(self, key):
        (value,) = self.values(key)
        return value

    @functools.cached_property
    def trace(self):
        return strict_json(self.text("trace.json"))

    @functools.cached_property
    def accuracy(self):
        return strict_json(self.text("accuracy.json"))


def log_settings(outdir, **values):
    """LogSettings into `outdir`."""
    settings = lg.LogSettings()
    settings.log_output.outdir = str(outdir)
    for name, value in values.items():
        setattr(settings, name, value)
    return settings


def answer(samples, n_tokens=0):
    """Completes a query at once; with tokens, after its first token."""
    responses = [lg.QuerySampleResponse(s.id, 0, 0, n_tokens) for s in samples]
    if n_tokens:
        lg.FirstTokenComplete(responses)
    lg.QuerySamplesComplete(responses)


def run_in(outdir, *, total=20, performance=10, issue=answer, log=None, audit="", **settings):
    """Runs a test with `settings` and the null system, or one that answers with `issue`.

    It is fast unless the settings say so: no minimum duration, ten queries, 1000 a second.
    """
    quick = {"min_duration_ms": 0, "min_query_count": 10, "server_target_qps": 1000}
    kind = {name: settings[name] for name in ("scenario", "mode", "test05") if name in settings}
    asked = with_rate_and_count_in_use(quick | kind) | settings
    for name, enum in (("scenario", lg.TestScenario), ("mode", lg.TestMode)):
        if isinstance(asked.get(name), str):
            asked[name] = getattr(enum, asked[name])
    run = Run(outdir)

    def issue_query(samples):
        run.note("issue", samples.indices.tolist())
        issue(samples)

    sut = lg.ConstructSUT(issue_query, lambda: run.note("flush", None))
    qsl = lg.ConstructQSL(
        total,
        performance,
        lambda indices: run.note("load", list(indices)),
        lambda indices: run.note("unload", list(indices)),
    )
    return finished(
        run, sut, qsl, lg.TestSettings(**asked), log_settings(outdir, **(log or {})), audit
    )


def finished(run, sut, qsl, settings, logs, audit):
    """The run with the result of a test of two handles, which are destroyed. An exception of the
    test has the run."""
    try:
        run.result = lg.StartTestWithLogSettings(sut, qsl, settings, logs, audit)
    except BaseException as error:
        error.run = run
        raise
    finally:
        lg.DestroySUT(sut)
        lg.DestroyQSL(qsl)
    return run


def search_in(outdir, system, library, strategy, **settings):
    """The result of a search for the peak by the load generator alone, without `find_peak`."""
    asked = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        mode=lg.TestMode.FindPeakPerformance,
        server_find_peak_strategy=strategy,
        **settings,
    )
    return lg.StartTestWithLogSettings(system, library, asked, log_settings(outdir), "")
