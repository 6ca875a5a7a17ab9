"""Results, settings and the errors that carry results are values: they are equal if they say the
same, and pickled, copied or sent to another process they still do.

Method: results of tests of every kind, with every part that a result can have; a process of its own
unpickles what this one pickled.
"""

import copy
import dataclasses
import functools
import pickle

import pytest
from runs import FOR_EVERY_SCENARIO, SCENARIOS, answer, log_settings, run_in

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

ROUND_TRIPS = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    **{
        f"pickle of protocol {protocol}": functools.partial(
            lambda value, protocol: pickle.loads(pickle.dumps(value, protocol)), protocol=protocol
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.fixture(params=ROUND_TRIPS.values(), ids=ROUND_TRIPS, scope="module")
def round_trip(request):
    return request.param


def _tokens(samples):
    answer(samples, n_tokens=5)


RESULTS = {
    **{scenario: {"scenario": scenario} for scenario in SCENARIOS},
    "tokens": {"scenario": "Server", "use_token_latencies": True, "issue": _tokens},
    "accuracy": {"mode": "AccuracyOnly"},
    "peak": {"scenario": "Server", "mode": "FindPeakPerformance", "server_find_peak_max_qps": 4000},
    "invalid": {"min_duration_ms": 10**9, "max_query_count": 3},
}


@pytest.fixture(params=RESULTS.values(), ids=RESULTS, scope="module")
def result(request, tmp_path_factory):
    asked = {"server_target_qps": 2000} | request.param
    return run_in(tmp_path_factory.mktemp("run"), **asked).result


def parts(value):
    """A result and all that is in it."""
    yield value
    for name in dir(type(value)):
        if isinstance(getattr(type(value), name), property):
            part = getattr(value, name)
            for one in part if isinstance(part, list) else [part]:
                if type(one).__module__.startswith("mlperf_loadgen"):
                    yield from parts(one)


def test_results_are_what_they_were(result, round_trip):
    back = round_trip(result)
    assert back is not result
    assert back == result
    assert back.to_dict() == result.to_dict()
    assert str(back) == str(result)
    assert repr(back) == repr(result)


def test_each_part_of_a_result_is_what_it_was(result, round_trip):
    for part in parts(result):
        back = round_trip(part)
        assert back == part
        for name in dir(type(part)):
            if isinstance(getattr(type(part), name), property) and name != "samples":
                assert getattr(back, name) == getattr(part, name), name


def test_every_kind_of_part_was_tried(tmp_path):
    tried = set()
    for number, asked in enumerate(RESULTS.values()):
        run = run_in(tmp_path / str(number), **({"server_target_qps": 2000} | asked))
        tried |= {type(part).__name__ for part in parts(run.result)}
    assert tried >= {
        "TestResult",
        "PerformanceResult",
        "LatencyStats",
        "Lateness",
        "EarlyStopping",
        "TokenMetrics",
        "PeakSearchResult",
        "PeakTrial",
        "LogPaths",
    }


def test_results_that_differ_are_not_equal(tmp_path):
    one = run_in(tmp_path / "one", min_query_count=10).result
    other = run_in(tmp_path / "other", min_query_count=11).result
    assert one != other
    assert one.performance != other.performance
    assert one.logs != other.logs
    assert one != "a result"


def test_a_result_reaches_another_process(tmp_path, run_script):
    run = run_in(tmp_path / "run", scenario="Server", server_target_qps=2000)
    (tmp_path / "result.pickle").write_bytes(pickle.dumps(run.result))
    done = run_script(
        """
        import pickle, sys
        with open("result.pickle", "rb") as file:
            result = pickle.load(file)
        print(result)
        print(len(result.samples))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{run.result}\n{len(run.result.samples)}\n"


def test_paths_that_are_no_text_stay(tmp_path, round_trip):
    folder = tmp_path / "caf\udce9"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("no such names here")
    with pytest.raises(TypeError):
        log_settings(folder)  # A name that is no UTF-8 cannot be asked for,
    result = run_in(tmp_path / "café").result  # but one that is, can.
    assert round_trip(result).logs.summary == result.logs.summary


def test_log_settings_are_what_they_were(round_trip):
    settings = lg.LogSettings()
    settings.enable_trace = False
    settings.log_mode = lg.LoggingMode.Synchronous
    settings.log_output.outdir = "somewhere"
    settings.log_output.exist_ok = False
    back = round_trip(settings)
    assert back == settings
    assert back.log_output == settings.log_output
    assert back.log_output.outdir == "somewhere"
    back.log_output.outdir = "elsewhere"
    assert back != settings
    assert settings.log_output.outdir == "somewhere"


def test_test_settings_keep_what_their_config_files_said(tmp_path, round_trip):
    conf = tmp_path / "user.conf"
    conf.write_text("*.Server.no_such_key = 1\n")
    settings = lg.TestSettings(server_target_qps=7)
    with pytest.warns(lg.ConfigWarning):
        settings.FromConfig(str(conf), "m", "Server")
    back = round_trip(settings)
    assert back == settings
    result = {}
    for name, asked in (("one", settings), ("other", back)):
        asked.min_duration_ms, asked.min_query_count = 0, 5
        sut = lg.ConstructSUT(answer, lambda: None)
        qsl = lg.ConstructQSL(10, 10, len, len)
        result[name] = lg.StartTestWithLogSettings(sut, qsl, asked, log_settings(tmp_path / name))
    assert result["other"].warnings == result["one"].warnings != []


def test_all_classes_of_the_module_are_pickled_by_every_protocol_or_refused(run_script):
    """In a process of its own, since a mistake would end it. Values are there of what can be made
    without a test; those of the others, which belong to a process, say so."""
    done = run_script(
        """
        import copy, pickle
        import mlperf_loadgen as lg
        from mlperf_loadgen import _core

        made = {
            _core.QueueSut: lambda cls: cls(len, "queue"),
            _core.CallbackSut: lambda cls: cls(len, len, "sut"),
            _core.ServedSamples: lambda cls: cls(),
            _core.HostedSystem: lambda cls: cls(),
            _core.CallbackQsl: lambda cls: cls(1, 1, len, len, "qsl"),
        }
        for name in dir(_core):
            cls = getattr(_core, name)
            if not isinstance(cls, type) or issubclass(cls, BaseException):
                continue
            if hasattr(cls, "__members__"):
                values = list(cls.__members__.values())
            else:
                try:
                    values = [made.get(cls, lambda cls: cls())(cls)]
                except TypeError:
                    continue
            for value in values:
                ways = [
                    *(lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in range(6)),
                    copy.copy,
                    copy.deepcopy,
                    lambda v: v.__reduce__()[0](*v.__reduce__()[1]),
                ]
                for way in ways:
                    try:
                        assert type(way(value)) is cls
                    except TypeError as error:
                        assert str(error).startswith("cannot pickle or copy a"), error
                        assert cls in made, cls
                    else:
                        assert cls not in made, cls
            print(name)
        """
    )
    assert done.returncode == 0, done.stderr
    tried = set(done.stdout.split())
    assert tried >= {"TestSettings", "LogSettings", "LogOutputSettings", "TestMode", "TestScenario"}
    assert tried >= {"Pacing", "PeakStrategy", "LoggingMode", "QuerySample", "CallbackSut"}


def test_errors_keep_their_results(tmp_path, round_trip):
    result = run_in(tmp_path).result
    failed = round_trip(lg.LogWriteError(result))
    assert (type(failed), failed.result) == (lg.LogWriteError, result)
    missing = round_trip(lg.PeakNotFoundError("no rate passes", result))
    assert (str(missing), missing.result) == ("no rate passes", result)


def test_peak_results_are_what_they_were(tmp_path, round_trip):
    run = run_in(tmp_path, **({"server_target_qps": 2000} | RESULTS["peak"]))
    names = {field.name for field in dataclasses.fields(lg.PeakResult)}
    known = {"trials": run.result.peak.trials, "result": run.result, "interval": (1.0, 2.0)}
    peak = lg.PeakResult(**{name: known.get(name, 1.0) for name in names})
    assert round_trip(peak) == peak


def test_results_have_no_hash(tmp_path):
    with pytest.raises(TypeError, match="unhashable"):
        hash(run_in(tmp_path).result)
