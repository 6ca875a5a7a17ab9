"""The Python API is the reference's: names, types, errors, call order, and what completing does.

Method: one test a row of the reference's surface, with the improvements on it (keywords, copies,
pickles, checked handles) next to the row they improve.
"""

import copy
import gc
import inspect
import math
import pickle
import re
import subprocess
import sys
import threading
import time
import weakref
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from runs import answer, errors_of, log_settings

import mlperf_loadgen as lg

# ---- Names and enums -----------------------------------------------------------------------------

REFERENCE_NAMES = [
    "ConstructSUT",
    "DestroySUT",
    "ConstructFastSUT",
    "DestroyFastSUT",
    "ConstructQSL",
    "DestroyQSL",
    "ConstructQDL",
    "DestroyQDL",
    "StartTest",
    "StartTestWithLogSettings",
    "QuerySamplesComplete",
    "FirstTokenComplete",
    "TestScenario",
    "TestMode",
    "LoggingMode",
    "TestSettings",
    "LogSettings",
    "LogOutputSettings",
    "QuerySample",
    "QuerySampleResponse",
    "VectorQuerySample",
    "VectorQuerySampleResponse",
]


def test_all_names_of_the_reference():
    assert len(REFERENCE_NAMES) == 22
    assert set(REFERENCE_NAMES) <= set(lg.__all__)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'StartTests'"):
        _ = lg.StartTests


def test_import_is_light():
    program = """if True:
        import sys
        import mlperf_loadgen
        heavy = {"numpy", "typing", "dataclasses", "importlib.metadata"}
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
    """
    # -S: site may import what the package does not.
    path = str(Path(lg.__file__).parents[1])
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {path!r})\n{program}"]
    subprocess.run(command, check=True, timeout=60)


ENUMS = [
    (lg.TestScenario, ["SingleStream", "MultiStream", "Server", "Offline"]),
    (lg.TestMode, ["SubmissionRun", "AccuracyOnly", "PerformanceOnly", "FindPeakPerformance"]),
    (lg.LoggingMode, ["AsyncPoll", "EndOfTestOnly", "Synchronous"]),
]


@pytest.mark.parametrize(("enum", "names"), ENUMS)
def test_enums(enum, names):
    assert list(enum.__members__) == names
    for value, name in enumerate(names):
        member = getattr(enum, name)
        assert (member.name, member.value, int(member)) == (name, value, value)
        assert "abcd"[member] == "abcd"[value]  # __index__
        assert enum(value) == member
        assert member != value
        assert hash(member) == hash(enum(value))
        assert pickle.loads(pickle.dumps(member)) == member
        assert copy.deepcopy(member) == member
        assert str(member) == f"{enum.__name__}.{name}"
        assert repr(member) == f"<{enum.__name__}.{name}: {value}>"
        assert not hasattr(lg, name)
    with pytest.raises(TypeError):
        enum["Server"]


def test_enum_takes_any_number_and_the_test_refuses_it(run_test):
    assert int(lg.TestScenario(9)) == 9
    with pytest.raises(lg.SettingsError, match="scenario is 9: set it to SingleStream"):
        run_test(scenario=lg.TestScenario(9))
    with pytest.raises(lg.SettingsError, match="mode is 7: set it to"):
        run_test(mode=lg.TestMode(7))


# ---- TestSettings --------------------------------------------------------------------------------

DEFAULTS = {
    "scenario": lg.TestScenario.SingleStream,
    "mode": lg.TestMode.PerformanceOnly,
    "single_stream_expected_latency_ns": 1000000.0,
    "single_stream_target_latency_percentile": 0.90,
    "multi_stream_expected_latency_ns": 8000000.0,
    "multi_stream_target_latency_percentile": 0.99,
    "multi_stream_samples_per_query": 8,
    "server_target_qps": 1.0,
    "server_target_latency_ns": 100000000,
    "server_target_latency_percentile": 0.99,
    "server_coalesce_queries": False,
    "server_find_peak_qps_decimals_of_precision": 1,
    "server_find_peak_qps_boundary_step_size": 1.0,
    "server_max_async_queries": 0,
    "server_num_issue_query_threads": 0,
    "offline_expected_qps": 1.0,
    "sample_concatenate_permutation": False,
    "min_duration_ms": 10000,
    "max_duration_ms": 0,
    "min_query_count": 100,
    "max_query_count": 0,
    "qsl_rng_seed": 0,
    "sample_index_rng_seed": 0,
    "schedule_rng_seed": 0,
    "accuracy_log_rng_seed": 0,
    "accuracy_log_probability": 0.0,
    "accuracy_log_sampling_target": 0,
    "test05": False,
    "test05_qsl_rng_seed": 0,
    "test05_sample_index_rng_seed": 0,
    "test05_schedule_rng_seed": 0,
    "print_timestamps": False,
    "performance_issue_unique": False,
    "performance_issue_same": False,
    "performance_issue_same_index": 0,
    "performance_sample_count_override": 0,
    "accuracy_sample_count_override": 0,
    "use_token_latencies": False,
    "ttft_latency": 100000000,
    "tpot_latency": 100000000,
    "infer_token_latencies": False,
    "token_latency_scaling_factor": 0,
    "itl_latency": 0,
    "e2e_latency": 0,
    "goodput_share": 0.0,
    "allow_short_answers": False,
    "token_clock": lg.TokenClock.Arrival,
    "token_log": lg.TokenLog.Events,
    "server_find_peak_strategy": lg.PeakStrategy.Bisection,
    "server_find_peak_max_qps": 1e9,
    "server_pacing": lg.Pacing.Auto,
    "stall_timeout_ms": 3600000,
    "warmup_query_count": 0,
    "offline_probe_duration_ms": 0,
    "enable_sample_log": True,
}
SIGNED_32 = "server_find_peak_qps_decimals_of_precision"
INTEGERS = [k for k, v in DEFAULTS.items() if type(v) is int and k != SIGNED_32]
FLOATS = [k for k, v in DEFAULTS.items() if type(v) is float]
BOOLS = [k for k, v in DEFAULTS.items() if type(v) is bool]
OTHER_VALUES = {
    name: lg.TestScenario.Offline
    if name == "scenario"
    else lg.TestMode.AccuracyOnly
    if name == "mode"
    else lg.Pacing.Spin
    if name == "server_pacing"
    else lg.PeakStrategy.Estimate
    if name == "server_find_peak_strategy"
    else lg.TokenClock.Read
    if name == "token_clock"
    else lg.TokenLog.Off
    if name == "token_log"
    else (not value)
    if type(value) is bool
    else value + 3
    for name, value in DEFAULTS.items()
}


def test_defaults():
    settings = lg.TestSettings()
    assert settings.to_dict() == DEFAULTS
    assert {k: type(v) for k, v in settings.to_dict().items()} == {
        k: type(v) for k, v in DEFAULTS.items()
    }


def put(settings, name, value):
    setattr(settings, name, value)
    return getattr(settings, name)


@pytest.mark.parametrize("name", INTEGERS)
def test_integer_settings(name):
    settings = lg.TestSettings()
    assert put(settings, name, 2**64 - 1) == 2**64 - 1
    assert put(settings, name, True) == 1
    assert put(settings, name, np.uint64(7)) == 7
    assert put(settings, name, np.int8(5)) == 5
    for refused in (-1, 2**64, 1.0, "3", None, [1]):
        with pytest.raises(TypeError, match=name):
            setattr(settings, name, refused)
    assert getattr(settings, name) == 5


def test_signed_setting():
    settings = lg.TestSettings()
    assert put(settings, SIGNED_32, -3) == -3
    for refused in (2**31, -(2**31) - 1, 1.5, "1", None):
        with pytest.raises(TypeError, match=SIGNED_32):
            setattr(settings, SIGNED_32, refused)
    assert getattr(settings, SIGNED_32) == -3


@pytest.mark.parametrize("name", FLOATS)
def test_float_settings(name):
    settings = lg.TestSettings()
    for taken in (3, 2.5, True, np.float32(0.5), np.float64(7.25), np.int32(4), Decimal("1.5")):
        assert put(settings, name, taken) == float(taken)
    assert math.isnan(put(settings, name, math.nan))
    for refused in ("1.0", b"1", None, [1.0], 1j):
        with pytest.raises(TypeError, match=name):
            setattr(settings, name, refused)
    assert math.isnan(getattr(settings, name))


@pytest.mark.parametrize("name", BOOLS)
def test_bool_settings(name):
    settings = lg.TestSettings()
    for taken in (True, 1, 2.5, np.True_, -1, False, 0, 0.0, np.False_, None):
        assert put(settings, name, taken) is bool(taken)
    for refused in ("True", "", [1], object()):
        with pytest.raises(TypeError, match=name):
            setattr(settings, name, refused)


@pytest.mark.parametrize("name", ["scenario", "mode"])
def test_enum_settings(name):
    settings = lg.TestSettings()
    for refused in ("Server", 2, None, lg.LoggingMode.AsyncPoll):
        with pytest.raises(TypeError, match=name):
            setattr(settings, name, refused)
    assert getattr(settings, name) == DEFAULTS[name]


def test_unknown_setting():
    settings = lg.TestSettings()
    with pytest.raises(AttributeError):
        settings.min_duration = 3
    with pytest.raises(AttributeError, match="min_duration"):
        lg.TestSettings(min_duration=3)
    with pytest.raises(AttributeError, match="min_duration"):
        lg.TestSettings.from_dict({"min_duration": 3})
    with pytest.raises(TypeError):
        lg.TestSettings(lg.TestScenario.Server)
    with pytest.raises(AttributeError):
        del settings.min_duration_ms


def test_keywords_and_dicts():
    settings = lg.TestSettings(**OTHER_VALUES)
    assert settings.to_dict() == OTHER_VALUES
    assert lg.TestSettings.from_dict(OTHER_VALUES) == settings
    assert lg.TestSettings.from_dict({"min_query_count": 7}) == lg.TestSettings(min_query_count=7)
    with pytest.raises(TypeError, match="min_query_count"):
        lg.TestSettings(min_query_count="7")


@pytest.mark.parametrize("name", DEFAULTS)
def test_equality_sees_every_setting(name):
    changed = lg.TestSettings(**{name: OTHER_VALUES[name]})
    assert changed != lg.TestSettings()
    assert changed == lg.TestSettings(**{name: OTHER_VALUES[name]})


def test_settings_compare_and_do_not_hash():
    assert lg.TestSettings() != DEFAULTS
    with pytest.raises(TypeError, match="unhashable"):
        hash(lg.TestSettings())


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_copies_of_settings(copied):
    settings = lg.TestSettings(**OTHER_VALUES)
    other = copied(settings)
    assert other == settings
    assert other is not settings
    other.min_query_count = 1
    assert settings.min_query_count == OTHER_VALUES["min_query_count"]


def test_repr_of_settings():
    assert repr(lg.TestSettings()) == "TestSettings()"
    settings = lg.TestSettings(scenario=lg.TestScenario.Server, min_query_count=7, test05=True)
    text = repr(settings)
    assert text == "TestSettings(scenario=TestScenario.Server, min_query_count=7, test05=True)"
    names = {"TestSettings": lg.TestSettings, "TestScenario": lg.TestScenario}
    assert eval(text, names) == settings


# ---- LogSettings ---------------------------------------------------------------------------------


def test_log_settings_defaults():
    log = lg.LogSettings()
    output = log.log_output
    assert (output.outdir, output.prefix, output.suffix) == (".", "mlperf_log_", "")
    assert not output.prefix_with_datetime
    assert not output.copy_detail_to_stdout
    assert not output.copy_summary_to_stdout
    assert log.log_mode == lg.LoggingMode.AsyncPoll
    assert log.log_mode_async_poll_interval_ms == 1000
    assert log.enable_trace is True


def test_log_output_is_a_live_reference():
    log = lg.LogSettings()
    log.log_output.outdir = "there"
    assert log.log_output.outdir == "there"
    output = lg.LogOutputSettings()
    output.prefix = "p_"
    log.log_output = output
    assert (log.log_output.prefix, log.log_output.outdir) == ("p_", ".")


@pytest.mark.parametrize("name", ["outdir", "prefix", "suffix"])
def test_log_paths_are_strings(name, tmp_path):
    with pytest.raises(TypeError):
        setattr(lg.LogOutputSettings(), name, tmp_path)


def test_log_settings_are_strict():
    log = lg.LogSettings()
    with pytest.raises(TypeError):
        log.log_mode = 1
    with pytest.raises(TypeError):
        log.log_mode_async_poll_interval_ms = -1
    with pytest.raises(AttributeError):
        log.log_outputs = 1


# ---- QuerySample and QuerySampleResponse ---------------------------------------------------------

BIG = 2**64 - 1


def test_query_sample():
    sample = lg.QuerySample()
    assert (sample.id, sample.index) == (0, 0)
    sample = lg.QuerySample(BIG, 5)
    assert (sample.id, sample.index) == (BIG, 5)
    sample.index = 6
    assert sample.index == 6
    assert repr(sample) == f"QuerySample(id={BIG}, index=6)"
    other = pickle.loads(pickle.dumps(sample))
    assert (other.id, other.index) == (BIG, 6)
    assert sample == other
    assert len({sample, other}) == 1
    assert sample != lg.QuerySample(BIG, 5)
    assert sample != 7


def test_query_sample_response():
    response = lg.QuerySampleResponse()
    assert (response.id, response.data, response.size, response.n_tokens) == (0, 0, 0, 0)
    response = lg.QuerySampleResponse(1, 2, 3)
    assert (response.id, response.data, response.size, response.n_tokens) == (1, 2, 3, 0)
    response = lg.QuerySampleResponse(BIG, BIG, BIG, -4)
    assert (response.id, response.n_tokens) == (BIG, -4)
    response.n_tokens = -(2**63)
    response.size = 9
    other = pickle.loads(pickle.dumps(response))
    assert (other.id, other.data, other.size, other.n_tokens) == (BIG, BIG, 9, -(2**63))
    assert response != other
    assert re.search(r"QuerySampleResponse\(.*n_tokens=-9223372036854775808\)", repr(response))


@pytest.mark.parametrize("arguments", [(1,), (1, 2, 3), (-1, 0), (0, -1), (2**64, 0), (1.0, 2)])
def test_refused_samples(arguments):
    with pytest.raises(TypeError):
        lg.QuerySample(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (1,),
        (1, 2),
        (1, 2, 3, 4, 5),
        (-1, 0, 0),
        (0, -1, 0),
        (0, 0, -1),
        (0, 0, 0, 2**63),
        (0, "0", 0),
        (0, 0, 0, 1.0),
        (0, b"data", 4),
    ],
)
def test_refused_responses(arguments):
    with pytest.raises(TypeError):
        lg.QuerySampleResponse(*arguments)


def test_constructors_are_positional_only():
    with pytest.raises(TypeError, match="positional"):
        lg.QuerySample(id=1, index=2)
    with pytest.raises(TypeError, match="positional"):
        lg.QuerySampleResponse(id=1, data=2, size=3)
    with pytest.raises(TypeError, match="positional"):
        lg.QuerySampleResponse(1, 2, 3, n_tokens=3)


@pytest.mark.parametrize(
    ("sample", "name", "refused"),
    [
        (lg.QuerySample(), "id", -1),
        (lg.QuerySample(), "index", 1.5),
        (lg.QuerySampleResponse(), "data", None),
        (lg.QuerySampleResponse(), "size", 2**64),
        (lg.QuerySampleResponse(), "n_tokens", 2**63),
    ],
)
def test_attributes_of_samples_are_strict(sample, name, refused):
    with pytest.raises(TypeError, match=name):
        setattr(sample, name, refused)
    with pytest.raises(AttributeError):
        delattr(sample, name)
    with pytest.raises(AttributeError):
        sample.other = 1
    assert getattr(sample, name) == 0


@pytest.mark.parametrize(
    ("vector", "item"),
    [
        (lg.VectorQuerySample, lg.QuerySample),
        (lg.VectorQuerySampleResponse, lg.QuerySampleResponse),
    ],
)
def test_vectors_are_typed_lists(vector, item):
    items = [item(), item(), item()]
    values = vector(items[:1])
    values.append(items[1])
    values.extend(items[2:])
    values += [items[0]]
    values.insert(0, items[2])
    values[0] = items[1]
    values[1:2] = [items[2]]
    assert list(values) == [items[1], items[2], items[1], items[2], items[0]]
    assert isinstance(values, list)
    assert len(vector()) == 0
    assert isinstance(values, vector)
    for refuse in (
        lambda: vector([1]),
        lambda: values.append(None),
        lambda: values.extend([item(), 3]),
        lambda: values.insert(0, "x"),
        lambda: values.__setitem__(0, 3),
        lambda: values.__setitem__(slice(0, 1), [3]),
        lambda: values.__iadd__([3]),
    ):
        with pytest.raises(TypeError, match=f"{vector.__name__} holds {item.__name__}"):
            refuse()
    assert len(values) == 5


def test_vector_completes_samples(run_test):
    def issue(samples):
        responses = (lg.QuerySampleResponse(s.id, 0, 0) for s in samples)
        lg.QuerySamplesComplete(lg.VectorQuerySampleResponse(responses))

    assert run_test(issue=issue).errors == []


# ---- Construct and Destroy -----------------------------------------------------------------------


def nothing(*_):
    pass


KINDS = {
    "SUT": (lambda: lg.ConstructSUT(answer, nothing), lg.DestroySUT),
    "FastSUT": (lambda: lg.ConstructFastSUT(nothing, nothing), lg.DestroyFastSUT),
    "QDL": (lambda: lg.ConstructQDL(answer, nothing, lambda: "name"), lg.DestroyQDL),
    "QSL": (lambda: lg.ConstructQSL(20, 10, nothing, nothing), lg.DestroyQSL),
}


@pytest.mark.parametrize("kind", KINDS)
def test_handles_are_integers_that_can_be_destroyed_once(kind):
    construct, destroy = KINDS[kind]
    handle = construct()
    assert type(handle) is int
    assert handle > 0
    assert handle != construct()
    assert destroy(handle) is None
    with pytest.raises(ValueError, match="already destroyed"):
        destroy(handle)
    with pytest.raises(ValueError, match="never constructed"):
        destroy(0)


@pytest.mark.parametrize("kind", KINDS)
def test_destroy_refuses_other_kinds(kind):
    destroy = KINDS[kind][1]
    for other, (construct_other, destroy_other) in KINDS.items():
        if other == kind:
            continue
        handle = construct_other()
        with pytest.raises(ValueError, match=f"is a {other}"):
            destroy(handle)
        destroy_other(handle)


def test_destroy_drops_the_callbacks():
    class Callback:
        def __call__(self, *_):
            return ""

    for construct, destroy in (
        (lambda c: lg.ConstructSUT(c, c), lg.DestroySUT),
        (lambda c: lg.ConstructFastSUT(c, c), lg.DestroyFastSUT),
        (lambda c: lg.ConstructQDL(c, c, c), lg.DestroyQDL),
        (lambda c: lg.ConstructQSL(1, 1, c, c), lg.DestroyQSL),
    ):
        callback = Callback()
        seen = weakref.ref(callback)
        handle = construct(callback)
        del callback
        assert seen() is not None
        destroy(handle)
        gc.collect()
        assert seen() is None


@pytest.mark.parametrize(
    "construct",
    [
        lambda: lg.ConstructSUT(None, nothing),
        lambda: lg.ConstructSUT(nothing, None),
        lambda: lg.ConstructFastSUT(3, nothing),
        lambda: lg.ConstructQDL(nothing, nothing, None),
        lambda: lg.ConstructQDL(nothing, nothing, "name"),
        lambda: lg.ConstructQSL(1, 1, None, nothing),
        lambda: lg.ConstructQSL(1, 1, nothing, None),
    ],
)
def test_callbacks_must_be_callable(construct):
    with pytest.raises(TypeError, match="must be callable"):
        construct()


@pytest.mark.parametrize("counts", [(-1, 1), (1, -1), (1.5, 1), ("1", 1), (2**64, 1)])
def test_sample_counts_are_unsigned(counts):
    with pytest.raises(TypeError):
        lg.ConstructQSL(*counts, nothing, nothing)


def test_start_test_refuses_bad_handles(handles, tmp_path):
    sut, qsl = handles
    start = lambda s, q: lg.StartTestWithLogSettings(  # noqa: E731
        s, q, lg.TestSettings(min_duration_ms=0), log_settings(tmp_path)
    )
    destroyed = lg.ConstructSUT(answer, nothing)
    lg.DestroySUT(destroyed)
    for bad in (0, destroyed, 12345, -1, qsl):
        with pytest.raises(ValueError, match="not a SUT"):
            start(bad, qsl)
    for bad in (0, 12345, sut):
        with pytest.raises(ValueError, match="not a QSL"):
            start(sut, bad)
    for bad in (None, "sut", 1.0, answer):
        with pytest.raises(TypeError, match="SystemUnderTest"):
            start(bad, qsl)
        with pytest.raises(TypeError, match="QuerySampleLibrary"):
            start(sut, bad)
    assert start(sut, qsl).valid


def test_sut_destroyed_while_it_runs(run_test):
    handles = []

    def issue(samples):
        if handles:
            lg.DestroySUT(handles.pop())
        answer(samples)

    sut = lg.ConstructSUT(issue, nothing)
    handles.append(sut)
    qsl = lg.ConstructQSL(20, 10, nothing, nothing)
    settings = lg.TestSettings(min_duration_ms=0)
    outdir = run_test().outdir
    assert lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(outdir)).valid


# ---- Names ---------------------------------------------------------------------------------------


def start(sut, qsl, outdir, **settings):
    asked = lg.TestSettings(**({"min_duration_ms": 0, "min_query_count": 3} | settings))
    return lg.StartTestWithLogSettings(sut, qsl, asked, log_settings(outdir))


class Sut(lg.SystemUnderTest):
    def issue_query(self, samples):
        answer(samples)


class Library(lg.QuerySampleLibrary):
    total_sample_count = 20
    performance_sample_count = 10

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: lg.ConstructSUT(answer, nothing), "PySUT"),
        (
            lambda: lg.ConstructFastSUT(lambda ids, indices: lg.complete(ids), nothing),
            "PyFastSUT",
        ),
        (lambda: lg.ConstructQDL(answer, nothing, lambda: 'a "quoted" näme\n'), None),
        (Sut, "Sut"),
    ],
)
def test_sut_names(make, name, handles, tmp_path):
    result = start(make(), handles[1], tmp_path)
    assert result.sut_name == (name or 'a "quoted" näme\n')


def test_name_of_a_subclass_can_be_a_property(handles, tmp_path):
    class Named(Sut, lg.QueryDispatchLibrary):
        @property
        def name(self):
            return "fleet"

    assert start(Named(), handles[1], tmp_path).sut_name == "fleet"


def test_qsl_names(handles, tmp_path):
    start(handles[0], Library(), tmp_path)
    assert (
        '"key": "qsl_name", "value": "Library"' in (tmp_path / "mlperf_log_detail.txt").read_text()
    )


def test_abstract_classes_name_what_is_missing():
    with pytest.raises(TypeError, match="issue_query"):
        lg.SystemUnderTest()
    with pytest.raises(TypeError, match="load_samples"):
        lg.QuerySampleLibrary()


# ---- Running a test ------------------------------------------------------------------------------


@pytest.mark.parametrize("start_test", [lg.StartTest, lg.StartTestWithLogSettings])
def test_argument_names(start_test):
    names = ["sut", "qsl", "test_settings", "log_settings", "audit_config_filename"]
    if start_test is lg.StartTest:
        names.remove("log_settings")
    parameters = inspect.signature(start_test).parameters
    assert list(parameters) == names
    assert parameters["audit_config_filename"].default == "audit.config"


def test_start_test_takes_keywords_and_logs_into_the_current_directory(
    handles, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    sut, qsl = handles
    settings = lg.TestSettings(min_duration_ms=0)
    result = lg.StartTest(sut=sut, qsl=qsl, test_settings=settings, audit_config_filename="none")
    assert isinstance(result, lg.TestResult)
    assert (tmp_path / "mlperf_log_summary.txt").exists()


def test_start_test_checks_its_arguments(handles, tmp_path):
    sut, qsl = handles
    with pytest.raises(TypeError):
        lg.StartTest(sut, qsl, {"min_duration_ms": 0})
    with pytest.raises(TypeError):
        lg.StartTest(sut, qsl, None)
    with pytest.raises(TypeError):
        lg.StartTestWithLogSettings(sut, qsl, lg.TestSettings(), str(tmp_path))
    with pytest.raises(TypeError):
        lg.StartTest(sut, qsl, lg.TestSettings(), tmp_path)


def test_settings_are_copied_on_entry(tmp_path):
    settings = lg.TestSettings(min_duration_ms=0, min_query_count=5)
    log = log_settings(tmp_path)
    seen = []

    def issue(samples):
        seen.append(len(samples))
        settings.min_query_count = 1000
        settings.scenario = lg.TestScenario.Offline
        log.log_output.outdir = "/nonexistent"
        answer(samples)

    sut = lg.ConstructSUT(issue, nothing)
    qsl = lg.ConstructQSL(20, 10, nothing, nothing)
    result = lg.StartTestWithLogSettings(sut, qsl, settings, log)
    assert seen == [1] * 5
    assert result.scenario == lg.TestScenario.SingleStream
    assert Path(result.logs.summary).parent == tmp_path


@pytest.mark.parametrize("scenario", lg.TestScenario.__members__)
def test_call_order_of_a_performance_test(run_test, scenario):
    run = run_test(scenario=scenario, server_target_qps=1e5)
    names = [event[0] for event in run.events]
    assert names == ["load", *["issue"] * len(run.batches), "flush", "unload"]
    assert len(run.batches) == (1 if scenario == "Offline" else 10)


def test_call_order_of_an_accuracy_test(run_test):
    run = run_test(mode="AccuracyOnly", total=25, performance=10)
    names = [event[0] for event in run.events]
    assert names == [
        *["load", *["issue"] * 10, "flush", "unload"],
        *["load", *["issue"] * 10, "flush", "unload"],
        *["load", *["issue"] * 5, "flush", "unload"],
    ]
    assert run.calls("load") == run.calls("unload")


def test_submission_is_accuracy_then_performance(run_test):
    run = run_test(mode="SubmissionRun", total=10, performance=10, min_query_count=4)
    names = [event[0] for event in run.events]
    assert names == [
        *["load", *["issue"] * 10, "flush", "unload"],
        *["load", *["issue"] * 4, "flush", "unload"],
    ]


def test_multi_stream_pads_the_loaded_set(run_test):
    run = run_test(scenario="MultiStream", total=10, multi_stream_samples_per_query=4)
    (loaded,) = run.calls("load")
    assert loaded[10:] == loaded[:3]
    assert all(len(batch) == 4 for batch in run.batches)


@pytest.mark.parametrize("scenario", lg.TestScenario.__members__)
def test_callbacks_run_on_the_calling_thread(run_test, scenario, tmp_path):
    threads = set()

    def note(*_):
        threads.add(threading.get_ident())
        return "name"

    def issue(samples):
        note()
        answer(samples)

    sut = lg.ConstructQDL(issue, note, note)
    qsl = lg.ConstructQSL(20, 10, note, note)
    start(sut, qsl, tmp_path, scenario=getattr(lg.TestScenario, scenario), server_target_qps=1e5)
    assert threads == {threading.get_ident()}


def test_callback_arguments(tmp_path):
    seen = {}

    def note(name):
        return lambda *arguments: seen.setdefault(name, arguments)

    def issue(samples):
        note("issue")(samples)
        answer(samples)

    def issue_fast(ids, indices):
        note("fast")(ids, indices)
        lg.complete(ids)

    qsl = lg.ConstructQSL(20, 10, note("load"), note("unload"))
    start(lg.ConstructSUT(issue, note("flush")), qsl, tmp_path)
    start(lg.ConstructFastSUT(issue_fast, nothing), qsl, tmp_path)
    (samples,) = seen["issue"]
    assert type(samples[0]) is lg.QuerySample
    assert seen["flush"] == ()
    for name in ("load", "unload"):
        (indices,) = seen[name]
        assert type(indices) is list
        assert {type(index) for index in indices} == {int}
    ids, indices = seen["fast"]
    assert type(ids) is list
    assert type(indices) is list
    assert {type(value) for value in ids + indices} == {int}
    assert len(ids) == len(indices) == 1


def test_what_callbacks_return_is_ignored(tmp_path):
    def issue(samples):
        answer(samples)
        return "ignored"

    sut = lg.ConstructSUT(issue, lambda: 3)
    qsl = lg.ConstructQSL(20, 10, lambda indices: object(), lambda indices: 1)
    assert errors_of(start(sut, qsl, tmp_path)) == []


def test_qdl_name_is_asked_for_at_the_start(tmp_path):
    order = []

    def issue(samples):
        order.append("issue")
        answer(samples)

    sut = lg.ConstructQDL(issue, nothing, lambda: order.append("name") or f"{len(order)}")
    qsl = lg.ConstructQSL(20, 10, lambda indices: order.append("load"), nothing)
    result = start(sut, qsl, tmp_path)
    assert order[:2] == ["name", "load"]
    assert result.sut_name == "1"


def test_handles_can_be_used_again(handles, tmp_path):
    for _ in range(3):
        assert start(*handles, tmp_path).valid is False  # Too few queries for early stopping.
        assert start(*handles, tmp_path, min_query_count=100).valid


# ---- Completion ----------------------------------------------------------------------------------


def test_ids_differ_within_a_test_and_between_tests(run_test):
    seen = []

    def issue(samples):
        seen.extend(samples.ids.tolist())
        answer(samples)

    for _ in range(2):
        run_test(issue=issue, mode="SubmissionRun")
    assert len(seen) == len(set(seen)) == 2 * 30


@pytest.mark.parametrize("complete", [lg.QuerySamplesComplete, lg.FirstTokenComplete])
def test_responses_may_be_any_sequence(run_test, complete):
    class Sequence:
        def __init__(self, items):
            self.items = items

        def __len__(self):
            return len(self.items)

        def __getitem__(self, i):
            return self.items[i]

    forms = [list, tuple, Sequence, lg.VectorQuerySampleResponse]

    def issue(samples):
        responses = [lg.QuerySampleResponse(s.id, 0, 0) for s in samples]
        form = forms[len(calls) % len(forms)]
        calls.append(form)
        complete(form(responses))
        if complete is lg.FirstTokenComplete:
            lg.QuerySamplesComplete(responses)

    calls = []
    run = run_test(scenario="MultiStream", issue=issue)
    assert run.errors == []
    assert (run.result.samples["completed_ns"] >= 0).all()


@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly"])
@pytest.mark.parametrize("complete", [lg.QuerySamplesComplete, lg.FirstTokenComplete])
def test_refused_responses_complete_nothing(run_test, complete, mode):
    refused = []

    def issue(samples):
        good = [lg.QuerySampleResponse(s.id, 0, 0) for s in samples]
        for bad in (
            iter(good),
            set(good),
            {0: good[0]},
            (r for r in good),
            None,
            3,
            good[0],
            "ab",
            [*good, 1],
            [*good, samples[0]],
            [*good, None],
        ):
            with pytest.raises(TypeError):
                complete(bad)
            refused.append(bad)
        for arguments, keywords in (
            ((), {}),
            ((good, None, None), {}),
            ((good,), {"callback": print}),
            ((good,), {"responses": good}),
            ((good, 3), {}),
        ):
            with pytest.raises(TypeError):
                complete(*arguments, **keywords)
        complete([])
        answer(samples, 2)

    run = run_test(issue=issue, mode=mode, min_query_count=2, use_token_latencies=True)
    assert refused
    assert run.errors == []


def test_completion_takes_keywords(run_test):
    def issue(samples):
        responses = [lg.QuerySampleResponse(s.id, 0, 0) for s in samples]
        lg.FirstTokenComplete(responses=responses, response_cb=None)
        lg.QuerySamplesComplete(responses=responses, response_cb=None)

    assert run_test(issue=issue).errors == []


def test_one_time_for_all_responses_of_a_call(run_test):
    run = run_test(scenario="Offline", min_query_count=50)
    assert len(set(run.result.samples["completed_ns"].tolist())) == 1


def test_completion_time_is_that_of_the_call(run_test):
    """Times between completions are those between the calls, by readings before and after each."""
    before_ns, after_ns = [], []

    def issue(samples):
        for sample in samples:
            before_ns.append(time.monotonic_ns())
            lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, 0, 0)])
            after_ns.append(time.monotonic_ns())

    rows = run_test(scenario="Offline", min_query_count=50, issue=issue).result.samples
    since_first_ns = rows["completed_ns"][1:] - rows["completed_ns"][0]
    assert len(since_first_ns) == 49
    assert (since_first_ns >= np.array(before_ns)[1:] - after_ns[0]).all()
    assert (since_first_ns <= np.array(after_ns)[1:] - before_ns[0]).all()
    assert (rows["completed_ns"] >= rows["issued_ns"]).all()


def payload(array):
    return array.ctypes.data, array.nbytes


def test_response_callback_may_change_what_is_logged(run_test):
    first, second = np.frombuffer(b"first", np.uint8), np.frombuffer(b"other!", np.uint8)
    seen = []

    def callback(response):
        seen.append((type(response), response.id))
        response.data, response.size = payload(second)
        response.n_tokens = 7

    def issue(samples):
        responses = [lg.QuerySampleResponse(s.id, *payload(first), 2) for s in samples]
        lg.FirstTokenComplete(responses, callback)
        assert seen == []
        lg.QuerySamplesComplete(responses, callback)
        assert seen == [(lg.QuerySampleResponse, s.id) for s in samples]
        seen.clear()

    run = run_test(
        mode="AccuracyOnly", scenario="MultiStream", issue=issue, use_token_latencies=True
    )
    assert {record["data"] for record in run.accuracy} == {b"other!".hex().upper()}
    assert {record["token_count"] for record in run.accuracy} == {7}


def test_response_callback_is_for_logged_responses_only(run_test):
    called = []

    def issue(samples):
        responses = [lg.QuerySampleResponse(s.id, 0, 0) for s in samples]
        lg.QuerySamplesComplete(responses, lambda response: called.append(response.id))

    run_test(issue=issue)
    assert called == []
    run = run_test(issue=issue, accuracy_log_probability=0.5, min_query_count=200)
    assert 0 < len(called) < 200
    assert len(called) == len(run.accuracy) == run.result.accuracy_sample_count


def test_response_callback_runs_on_the_completing_thread(run_test):
    threads = []

    def work(samples):
        responses = [lg.QuerySampleResponse(s.id, 0, 0) for s in samples]
        lg.QuerySamplesComplete(responses, lambda _: threads.append(threading.current_thread()))

    started = []

    def issue(samples):
        started.append(threading.Thread(target=work, args=(samples,)))
        started[-1].start()

    run_test(issue=issue, mode="AccuracyOnly", total=3)
    assert threads == started


def test_data_is_copied_during_the_call(run_test):
    def issue(samples):
        data = np.full(3, samples[0].index, np.uint8)
        lg.QuerySamplesComplete([lg.QuerySampleResponse(samples[0].id, *payload(data))])
        data[:] = 255

    run = run_test(issue=issue, mode="AccuracyOnly")
    for record in run.accuracy:
        assert bytes.fromhex(record["data"]) == bytes([record["qsl_idx"]] * 3)


def test_data_of_performance_samples_is_never_read(run_script):
    done = run_script("""
        import mlperf_loadgen as lg

        def issue(samples):
            lg.QuerySamplesComplete([lg.QuerySampleResponse(s.id, 8, 1 << 40) for s in samples])

        sut = lg.ConstructSUT(issue, lambda: None)
        qsl = lg.ConstructQSL(10, 10, lambda i: None, lambda i: None)
        print(lg.StartTest(sut, qsl, lg.TestSettings(min_duration_ms=0)).valid)
    """)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_empty_completion_outside_a_test():
    lg.QuerySamplesComplete([])
    lg.FirstTokenComplete([])
    lg.complete([])


def settable(cls):
    return {name for name, value in vars(cls).items() if isinstance(value, property)}


def test_log_setting_names_are_all_that_change_what_is_logged():
    own, output = lg._core.log_setting_names()
    unused = {"log_mode", "log_mode_async_poll_interval_ms"}
    assert sorted(own) == sorted(settable(lg.LogSettings) - {"log_output"} - unused)
    assert sorted(output) == sorted(settable(lg.LogOutputSettings))
