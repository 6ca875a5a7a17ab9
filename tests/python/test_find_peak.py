"""Goal: `find_peak` finds the rate that a system sustains, says how sure it is, and goes on from
its trials. Method: systems that answer in the callback or never in time, so that what is right is
known without measuring; short searches. The statistics are tested in C++ with simulated systems."""

import json
import time

import pytest

import mlperf_loadgen as lg

NEVER_MISSED_MS = 60_000
"""A bound that a system which answers at once keeps even where the machine stands still."""


class Library(lg.QuerySampleLibrary):
    name = "library"
    total_sample_count = 100
    performance_sample_count = 100

    def __init__(self):
        self.loaded = 0

    def load_samples(self, indices):
        self.loaded += len(indices)

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
    peak = outcome(search, sut, trial_file=file, progress=more.append).peak
    assert len(more) == len(peak.trials) - 3
    assert len(file.read_text().splitlines()) == 1 + len(peak.trials)


def test_trials_of_another_search_are_refused(search, tmp_path):
    file = tmp_path / "trials.jsonl"

    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(System(0.0002), trial_file=file, progress=stop)
    before = file.read_text()
    with pytest.raises(ValueError, match="no file of trials of a search with these settings"):
        search(System(0.0002), bound_ms=3, trial_file=file)
    assert file.read_text() == before


@pytest.mark.parametrize(
    "options",
    [{"precision": 0}, {"confidence": 1.0}, {"precision": float("nan")}, {"start_qps": -1.0}],
)
def test_options_that_make_no_sense(search, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        search(System(), **options)


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
