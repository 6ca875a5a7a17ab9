"""Goal: `find_peak` finds the rate that a system sustains, says how sure it is, and goes on from
its trials. Method: systems that answer in the callback or never in time, so that what is right is
known without measuring; short searches. The statistics are tested in C++ with simulated systems."""

import json
import math
import re
import time
import warnings
from pathlib import Path

import pytest
from runs import search_in

import mlperf_loadgen as lg
from mlperf_loadgen.logs.run import read_run
from mlperf_loadgen.peak.trial_file import TrialFile, search_identity
from mlperf_loadgen.report import write_report

ROOT = Path(__file__).parents[3]
NEVER_MISSED_MS = 60_000
"""A bound that a system which answers at once keeps even where the machine stands still."""


class Library(lg.QuerySampleLibrary):
    name = "library"
    total_sample_count = 100
    performance_sample_count = 100

    def __init__(self):
        self.loaded = 0
        self.load_count = 0

    def load_samples(self, indices):
        self.loaded += len(indices)
        self.load_count += 1

    def unload_samples(self, indices):
        self.loaded -= len(indices)


class System(lg.SystemUnderTest):
    """Takes a time for each query, one after another."""

    def __init__(self, service_s=0.0):
        self.service_s = service_s
        self.on_issue = lambda: None

    def issue_query(self, samples):
        self.on_issue()
        end_s = time.perf_counter() + self.service_s
        while time.perf_counter() < end_s:
            pass
        lg.complete(samples.ids)


class Silent(lg.SystemUnderTest):
    def issue_query(self, samples):
        pass


@pytest.fixture
def library():
    return Library()


@pytest.fixture
def search(tmp_path, library):
    def run(sut, bound_ms=2.0, duration_ms=300, **options):
        settings = lg.TestSettings(
            server_target_latency_ns=int(bound_ms * 1e6),
            server_target_latency_percentile=0.6,  # What else the machine does hardly moves it.
            min_duration_ms=duration_ms,
            min_query_count=10,
        )
        log = lg.LogSettings()
        log.enable_trace = False
        log.log_output.outdir = str(tmp_path / "logs")
        return lg.find_peak(sut, library, settings, log, **options)

    return run


def outcome(search, sut, **options):
    """The test's result, found or not: a machine that is busy elsewhere may spoil a short search.

    That the right rate is found is tested in C++, on a clock that nothing disturbs.
    """
    try:
        return search(sut, **options).result
    except lg.PeakNotFoundError as error:
        return error.result


def test_says_what_it_found_and_how_sure_it_is(search, tmp_path):
    lines = []
    result = outcome(search, System(0.0002), progress=lines.append)
    peak = result.peak
    assert len(lines) == len(peak.trials) > 0
    assert result.mode == lg.TestMode.FindPeakPerformance
    if peak.found:
        # One after another at 0.2 ms each: less than five thousand a second, on any machine, and
        # an estimate lies at most a fifth beyond what was measured.
        assert 0 < peak.qps < 6000
        assert peak.low_qps <= peak.qps
    if result.performance:
        assert peak.trials[-1].kind == "confirm"
        assert result.performance.target_qps == peak.trials[-1].qps
        summary = (tmp_path / "logs/mlperf_log_summary.txt").read_text()
        assert "Peak QPS : " in summary


def test_never_fails_ends_at_the_limit(search):
    peak = search(System(), bound_ms=NEVER_MISSED_MS, max_qps=2000)
    assert "limit" in peak.end
    assert max(trial.qps for trial in peak.trials) <= 2000
    assert peak.at_limit and peak.qps == 2000
    assert str(peak).startswith("peak not determined, at least 2000 queries/s: no rate up to the")


def undetermined(search, **options):
    """With hardly any time one run is made, at the start rate, and keeps its bound."""
    return search(System(), bound_ms=NEVER_MISSED_MS, start_qps=100, time_budget_s=0.01, **options)


def test_a_search_without_the_time_to_know_says_so_before_any_number(search):
    found = undetermined(search)
    assert not found.determined and not found.at_limit
    assert str(found).startswith(
        "peak not determined, at least 100 queries/s: the time budget was used"
    )
    assert re.search(
        r"a time budget of \S+ s with a min_duration of \S+ s is likely to", str(found)
    )
    assert (found.at_least_qps, found.at_most_qps) == (100, None)
    assert found.interval == (100, float("inf")) and found.valid_qps == 100
    assert found.settling_budget_s > 1 and found.settling_min_duration_s > 1


def test_a_rate_that_was_not_determined_cannot_be_quoted(search):
    found = undetermined(search)
    with pytest.raises(lg.PeakNotDeterminedError, match="not determined, at least 100") as error:
        print(found.qps)
    assert error.value.result is found.result
    assert isinstance(error.value, lg.PeakNotFoundError)
    assert "estimate_qps=100" in repr(found)


def test_the_logs_say_that_it_was_not_determined(search, tmp_path):
    found = undetermined(search)
    assert "peak: not determined, at least 100 queries/s" in str(found.result)
    assert found.result.to_dict()["peak"]["determined"] is False
    summary = (tmp_path / "logs/mlperf_log_summary.txt").read_text()
    assert "Peak QPS : not determined, at least 100 queries/s" in summary
    logs = read_run(tmp_path / "logs")
    assert logs.records["result_peak_determined"] is False
    assert logs.records["result_peak_qps"] is None
    assert logs.records["result_peak_at_least_qps"] == 100
    assert logs.peak.qps is None and logs.peak.statement == found.statement
    write_report([tmp_path / "logs"], tmp_path / "report.md")
    assert "The peak: not determined, at least 100" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("strategy", lg.PeakStrategy.__members__.values(), ids=str)
def test_a_search_that_ends_at_its_limit_says_so_first(tmp_path, library, strategy):
    result = search_in(
        *(tmp_path, System(), library, strategy),
        server_find_peak_max_qps=2000,
        server_target_qps=1000,
        server_target_latency_ns=NEVER_MISSED_MS * 10**6,
        server_target_latency_percentile=0.6,
        min_duration_ms=200,
        min_query_count=10,
    )
    peak = result.peak
    assert peak.at_limit and not peak.determined and peak.qps == 2000
    assert peak.statement.startswith("not determined, at least 2000 queries/s: no rate up to")
    assert (
        "Peak QPS : not determined, at least 2000"
        in (tmp_path / "mlperf_log_summary.txt").read_text()
    )


def test_never_passes_says_what_the_best_was(search, library):
    with pytest.raises(lg.PeakNotFoundError, match=r"no rate passes: at .* queries/s still") as e:
        search(System(0.01), bound_ms=1)
    assert not e.value.result.valid
    assert e.value.result.peak.trials
    assert library.loaded == 0


def test_the_budget_bounds_the_search(search):
    peak = outcome(search, System(0.0002), time_budget_s=1.5).peak
    before_the_last = peak.trials[:-1]  # Which may overshoot, on a busy machine by any time.
    assert sum(trial.duration_s for trial in before_the_last) < 1.5


@pytest.mark.parametrize("start_qps", [1e-300, 1e-3])
def test_a_start_at_which_no_second_query_arrives_does_not_hold_the_search_up(search, start_qps):
    found = search(System(), bound_ms=NEVER_MISSED_MS, start_qps=start_qps, max_qps=2000)
    assert found.trials[0].qps == start_qps and found.trials[1].qps >= 30
    assert found.qps == 2000


def test_a_run_of_too_few_queries_is_not_repeated(tmp_path, library):
    """Of 0.3 s at 500/s: 150, and early stopping at p99 asks for 459."""
    settings = lg.TestSettings(
        min_duration_ms=300, min_query_count=50, server_target_latency_ns=NEVER_MISSED_MS * 10**6
    )
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    found = lg.find_peak(System(), library, settings, log, max_qps=500)
    assert [trial.kind for trial in found.trials].count("confirm") == 1
    assert not found.determined and not found.at_limit and found.valid_qps is None
    assert found.statement.startswith(
        "not determined, neither end of it is known, though trials passed at up to 500 queries/s: "
        "a run of min_duration at 500 queries/s has too few queries to be VALID"
    )
    assert 500 * found.settling_min_duration_s >= 459
    settings.min_duration_ms = round(1000 * found.settling_min_duration_s)
    settled = lg.find_peak(System(), library, settings, log, max_qps=500)
    assert settled.at_limit and settled.valid_qps == 500


def test_a_search_without_the_time_to_find_a_rate_does_not_say_that_none_passes(search):
    with pytest.raises(lg.PeakNotDeterminedError, match=r"at most 100 queries/s") as error:
        search(System(0.01), bound_ms=1, start_qps=100, time_budget_s=1e-9)
    assert error.value.result.peak.settling_budget_s > 0


def test_none_found_is_not_undetermined(search):
    with pytest.raises(lg.PeakNotFoundError) as error:
        search(System(0.01), bound_ms=1)
    assert type(error.value) is lg.PeakNotFoundError
    assert error.value.result.peak.none_passes


def test_one_trial_is_not_trials(search):
    found = undetermined(search)
    assert str(found).splitlines()[1] == "VALID at 100, 1 trial"
    assert "(1 trial)" in str(found.result)


class Flaky(System):
    """Fails each query whose number is a multiple of 151."""

    count = 0

    def issue_query(self, samples):
        self.count += 1
        if self.count % 151 == 0:
            lg.fail(samples.ids, "rare")
        else:
            lg.complete(samples.ids)


@pytest.mark.parametrize("strategy", lg.PeakStrategy.__members__.values(), ids=str)
def test_queries_that_fail_are_named_as_the_cause_and_no_budget_is_promised(
    tmp_path, library, strategy
):
    result = search_in(
        *(tmp_path, Flaky(), library, strategy),
        server_find_peak_max_qps=4000,
        server_target_qps=500,
        server_target_latency_ns=NEVER_MISSED_MS * 10**6,
        min_duration_ms=500,
        min_query_count=400,
    )
    peak = result.peak
    assert not peak.determined and not peak.settling_budget_s
    assert "of the queries failed: rare" in peak.statement and "settle" not in peak.statement
    assert "of the queries failed: rare. No trial passes in which any" in peak.cautions[0]
    assert result.cautions[0] == peak.cautions[0]
    assert not [t for t in peak.trials if t.passed and t.failed_share]


def test_a_probe_that_stalls_is_named_as_the_cause(library, tmp_path):
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    settings = lg.TestSettings(stall_timeout_ms=50)
    with pytest.raises(lg.PeakNotDeterminedError) as raised:
        lg.find_peak(Silent(), library, settings, log)
    reason = raised.value.result.reasons[0]
    assert reason.startswith("probe: stalled: no sample was completed for ")
    assert reason.endswith("; complete every sample, or raise stall_timeout_ms")
    assert str(raised.value).endswith(f"the test was ended before the search was; reason: {reason}")


def test_an_interrupted_search_goes_on(search, tmp_path):
    file = tmp_path / "trials.jsonl"
    sut = System(0.0002)
    seen = []

    def stop_after_three(line):
        seen.append(line)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(sut, trial_file=file, progress=stop_after_three, time_budget_s=60)
    first, *trials = file.read_text().splitlines()
    assert json.loads(first)["settings"]["server_target_latency_ns"] == 2_000_000
    assert len(trials) == 3
    with file.open("a") as cut_off:
        cut_off.write(trials[0][:50])
    more = []
    with pytest.warns(lg.TruncatedLogWarning, match="3 trials are kept"):
        peak = outcome(search, sut, trial_file=file, progress=more.append).peak
    assert len(more) == len(peak.trials) - 3
    assert len(file.read_text().splitlines()) == 1 + len(peak.trials)


def test_a_trial_of_a_bisection_that_was_aborted_is_in_no_list(library, tmp_path):
    """It says nothing of its rate, and was listed as one that failed."""
    calls = []

    def abort_in_the_third_trial():
        calls.append(None)
        if len(calls) == 50:
            lg.AbortTest()

    sut = System()
    sut.on_issue = abort_in_the_third_trial
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        mode=lg.TestMode.FindPeakPerformance,
        server_target_qps=1000,
        server_target_latency_ns=NEVER_MISSED_MS * 10**6,
        min_duration_ms=0,
        min_query_count=20,
    )
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    result = lg.StartTestWithLogSettings(sut, library, settings, log)
    assert result.aborted and result.peak.at_least_qps == 2000
    assert [(t.kind, t.passed) for t in result.peak.trials] == [("start", True), ("boundary", True)]
    assert [t.qps for t in read_run(tmp_path).peak.trials] == [1000, 2000]


@pytest.fixture
def trial_file(search, tmp_path):
    """Of a search that was interrupted after two trials, and what it was a search for."""
    path = tmp_path / "whole.jsonl"
    seen = []

    def stop_after_two(line):
        seen.append(line)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(System(0.0002), trial_file=path, progress=stop_after_two)
    return path, json.loads(path.read_text().splitlines()[0])


def test_a_file_cut_off_anywhere_keeps_its_whole_trials(trial_file, tmp_path):
    path, identity = trial_file
    data = path.read_bytes()
    header, *trials = data.splitlines(keepends=True)
    ends = [len(header), len(header) + len(trials[0]), len(data)]
    cut = tmp_path / "cut.jsonl"
    near_ends = {end + distance for end in (0, *ends) for distance in range(-20, 21)}
    for offset in sorted({*near_ends, *range(0, len(data), 11)} & {*range(len(data) + 1)}):
        cut.write_bytes(data[:offset])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            known = TrialFile(cut, identity).known
        whole = sum(offset >= end - 1 for end in ends[1:])  # The end of a line is no loss.
        assert known == [json.loads(line) for line in trials[:whole]], offset
        assert cut.read_bytes() == header + b"".join(trials[:whole]), offset
        lost = offset not in (0, *ends, *(end - 1 for end in ends))
        assert [w.category for w in caught] == [lg.TruncatedLogWarning] * lost, offset


def test_a_repaired_file_goes_on(trial_file):
    path, identity = trial_file
    trials = TrialFile(path, identity).known
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.warns(lg.TruncatedLogWarning, match="1 trial is kept"):
        repaired = TrialFile(path, identity)
    repaired.add(trials[1])
    assert TrialFile(path, identity).known == trials


def damaged(change):
    """Does this to the first trial, which is not the last line."""

    def spoil(lines):
        trial = json.loads(lines[1])
        change(trial)
        return [lines[0], json.dumps(trial).encode(), *lines[2:]]

    return spoil


NO_FILE = "is no file of trials of a peak search"
NO_TRIAL = r"line 2: is no trial of a search: .*remove this line"
DAMAGED_FILES = {
    "text": (lambda lines: [b"hello", b"world"], NO_FILE),
    "a line of text": (lambda lines: [b"hello"], NO_FILE),
    "binary": (lambda lines: [bytes(range(256)), bytes(range(256))], NO_FILE),
    "NULs": (lambda lines: [b"\0" * 4096, b""], NO_FILE),
    "other JSON": (lambda lines: [b'{"format": "mlperf_loadgen sweep 1"}', b""], NO_FILE),
    "a JSON list": (lambda lines: [b"[1, 2]", b""], NO_FILE),
    "deep JSON": (lambda lines: [b"[" * 10**5, b""], NO_FILE),
    "no settings": (lambda lines: [b'{"format": "mlperf_loadgen peak search 1"}', b""], "settings"),
    "no first line": (lambda lines: lines[1:], NO_FILE),
    "two files in one": (lambda lines: [lines[0], *lines], NO_TRIAL),
    "a hole": (lambda lines: [lines[0], lines[1][:100] + lines[1][200:], *lines[2:]], NO_TRIAL),
    "a number for a trial": (lambda lines: [lines[0], b"7", *lines[2:]], NO_TRIAL),
    "no rate": (damaged(lambda trial: trial.pop("rate_qps")), "rate_qps is missing"),
    "a rate of 0": (damaged(lambda trial: trial.update(rate_qps=0)), "rate_qps is 0"),
    "a rate of text": (damaged(lambda trial: trial.update(rate_qps="5")), r'rate_qps is "5"'),
    "no number": (
        damaged(lambda trial: trial.update(elapsed_s=math.nan)),
        "elapsed_s is (nan|NaN)",
    ),
    "no kind": (damaged(lambda trial: trial.update(kind=7)), "kind is 7"),
    "a negative count": (damaged(lambda trial: trial.update(issued=-1)), "issued is -1"),
    "no counts": (damaged(lambda trial: trial.update(counts=5)), "counts is 5"),
    **{
        f"a verdict of {value}": (
            damaged(lambda trial, value=value: trial.update(valid=value)),
            f"valid is {text}; remove this line, remove the file or give another trial_file",
        )
        for value, text in ((None, "null"), (-1, "-1"), (math.nan, "NaN"))
    },
    "a truth for a number": (damaged(lambda trial: trial.update(issued=True)), "issued is true"),
    "a list for a trial": (
        lambda lines: [lines[0], b"[]", *lines[2:]],
        r"there is \[\] in place of an object with kind; remove this line, remove the file or",
    ),
    "a batch cut": (
        damaged(lambda trial: trial["counts"][0].update(batches=[[1.0, 2]])),
        r"a batch is \[1.0, 2\]",
    ),
}


@pytest.mark.parametrize("name", DAMAGED_FILES)
def test_a_file_that_is_damaged_or_another_is_refused_and_left_alone(trial_file, tmp_path, name):
    path, identity = trial_file
    spoil, message = DAMAGED_FILES[name]
    path.write_bytes(b"\n".join(spoil(path.read_bytes().split(b"\n"))))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message) as error:
        TrialFile(path, identity)
    assert str(path) in str(error.value)
    assert path.read_bytes() == before


def test_an_older_file_without_a_setting_of_today_is_of_the_same_search(trial_file):
    path, identity = trial_file
    header, *trials = path.read_text().splitlines()
    older = json.loads(header)
    del older["settings"]["infer_token_latencies"]
    path.write_text("\n".join([json.dumps(older), *trials, ""]))
    assert len(TrialFile(path, identity).known) == len(trials)


def test_trials_of_another_search_are_refused(search, tmp_path):
    file = tmp_path / "trials.jsonl"

    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(System(0.0002), trial_file=file, progress=stop)
    before = file.read_text()
    with pytest.raises(
        ValueError, match=r"no file of trials of a search with these .*server_target_latency_ns"
    ):
        search(System(0.0002), bound_ms=3, trial_file=file)
    assert file.read_text() == before


def test_a_file_without_a_trial_is_taken_by_any_search(library, tmp_path):
    """Such a file is left by a search that was refused."""
    file = tmp_path / "trials.jsonl"
    refused = lg.TestSettings(server_target_latency_ns=0)
    with pytest.raises(lg.SettingsError, match="server_target_latency_ns is 0"):
        lg.find_peak(System(), library, refused, trial_file=file)
    identity = search_identity(lg.TestSettings(), goodput=None)
    assert TrialFile(file, identity).known == []
    assert json.loads(file.read_text()) == identity


OUT_OF_RANGE = {
    "start_qps": (0, -1, 2e9),
    "max_qps": (0, -5, 2e9),
    "precision": (0, -0.1, 1, 2),
    "confidence": (0, -0.1, 1, 2),
    "time_budget_s": (0, -1, 1e10),
    "goodput": (0, 0.5, 1, 99, -1),
}
EVERYWHERE_WRONG = (float("nan"), float("inf"), -float("inf"))


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, bad in OUT_OF_RANGE.items() for value in (*bad, *EVERYWHERE_WRONG)],
)
def test_an_option_outside_its_range_is_refused_before_anything_is_loaded(
    search, library, name, value
):
    with pytest.raises(lg.SettingsError, match=rf"^{name} is \S+: give a (share|number)"):
        search(System(), **{name: value})
    assert library.load_count == 0


@pytest.mark.parametrize("name", OUT_OF_RANGE)
@pytest.mark.parametrize("value", ["0.6", True, [0.6], 1j, object], ids=repr)
def test_an_option_that_is_no_number_is_refused(search, name, value):
    with pytest.raises(TypeError, match=rf"^{name} is .*: give a (share|number)"):
        search(System(), **{name: value})


def test_a_start_above_the_limit_is_refused(search):
    with pytest.raises(lg.SettingsError, match=r"max_qps is 50: give at least start_qps, 100"):
        search(System(), start_qps=100, max_qps=50)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server_target_latency_percentile": 0.4}, "server_target_latency_percentile is 0.4"),
        ({"server_target_latency_ns": 0}, "server_target_latency_ns is 0"),
        ({"use_token_latencies": True, "ttft_latency": 0}, "ttft_latency is 0"),
        ({"use_token_latencies": True, "tpot_latency": 0}, "tpot_latency is 0"),
    ],
)
def test_a_bound_that_no_search_can_run_with_is_refused_by_its_name(library, settings, message):
    with pytest.raises(lg.SettingsError, match=message):
        lg.find_peak(System(), library, lg.TestSettings(min_duration_ms=100, **settings))
    assert library.load_count == 0


@pytest.mark.filterwarnings("error")  # None is about a mode that the user did not ask for.
def test_test05_which_makes_every_test_another_one_is_refused(library, tmp_path):
    file = tmp_path / "trials.jsonl"
    settings = lg.TestSettings(test05=True, min_duration_ms=100)
    with pytest.raises(lg.SettingsError, match=r"^test05 is true: .*; set test05 to false$"):
        lg.find_peak(System(), library, settings, trial_file=file)
    assert library.load_count == 0


def test_an_audit_file_that_makes_it_another_test_is_refused(library, tmp_path):
    audit = tmp_path / "audit.config"
    audit.write_text("*.*.mode = 2\n")
    settings = lg.TestSettings(min_duration_ms=100)
    with pytest.raises(lg.SettingsError, match=r"^mode is PerformanceOnly, by the audit config fi"):
        lg.find_peak(System(), library, settings, audit_config_filename=str(audit))
    assert library.load_count == 0


def test_an_exception_of_the_system_ends_the_search(search):
    def fail():
        raise ZeroDivisionError("broken")

    sut = System()
    sut.on_issue = fail
    with pytest.raises(ZeroDivisionError, match="broken"):
        search(sut)


def test_settings_are_left_alone(tmp_path):
    settings = lg.TestSettings(min_duration_ms=100, min_query_count=10)
    before = settings.to_dict()
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    with pytest.raises(lg.PeakNotFoundError):
        settings.server_target_latency_ns = 1
        lg.find_peak(System(0.0002), Library(), settings, log)
    assert settings.to_dict() == {**before, "server_target_latency_ns": 1}


def test_goodput_of_all_bounds(search):
    """Each query is within the bound, and so all rates up to the limit pass."""
    peak = search(System(), bound_ms=NEVER_MISSED_MS, goodput=0.7, max_qps=2000)
    assert [trial.over_share for trial in peak.trials if not trial.passed] == []
    assert peak.qps == 2000


def test_texts_have_the_budget_of_the_core():
    pages = [(ROOT / "docs" / name).read_text() for name in ("peak_search.md", "tutorial.md")]
    for text in (lg.find_peak.__doc__, *pages):
        (durations,) = re.findall(r"(\d+) times\s+`min_duration", text)
        assert float(durations) == lg._core.peak_budget_durations()
