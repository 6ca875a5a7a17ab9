"""FromConfig from Python: what it returns, sets and warns about.

Method: small files for each rule; the settings are compared as dictionaries, so that a key which
sets more than it should is seen. Warnings must name the file and the line.
"""

import copy
import pickle
import re
import warnings
from pathlib import Path

import pytest

import mlperf_loadgen as lg

CONF = Path(__file__).resolve().parents[3] / "mlperf.conf"
CONF_SEEDS = {
    "qsl_rng_seed": 2085463073848966840,
    "sample_index_rng_seed": 2747215439041700203,
    "schedule_rng_seed": 16159082839903944936,
    "test05_qsl_rng_seed": 7975553102935885558,
    "test05_sample_index_rng_seed": 11403566307062068064,
    "test05_schedule_rng_seed": 15816800565822761601,
}
BUILT_IN = CONF_SEEDS | {
    "min_duration_ms": 600000,
    "single_stream_expected_latency_ns": 1e7,
    "multi_stream_expected_latency_ns": 8e7,
    "server_target_latency_ns": 10000000,
}
PLAIN = 2  # Reads the file alone, as an audit file is read.


def changed(settings):
    """What differs from the defaults."""
    defaults = lg.TestSettings().to_dict()
    return {k: v for k, v in settings.to_dict().items() if v != defaults[k]}


@pytest.fixture
def configure(tmp_path):
    """Applies `text` and returns (status, what it changed, warnings)."""

    def apply(text, model="m", scenario="Server", conf_type=PLAIN, settings=None):
        path = tmp_path / "user.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        settings = settings or lg.TestSettings()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            status = settings.FromConfig(str(path), model, scenario, conf_type)
        assert all(issubclass(w.category, lg.ConfigWarning) for w in caught)
        assert all(str(path) in str(w.message) for w in caught)
        return status, changed(settings), [str(w.message) for w in caught]

    return apply


# ---- Return codes --------------------------------------------------------------------------------


def test_success(configure):
    assert configure("*.*.min_query_count = 7\n") == (0, {"min_query_count": 7}, [])
    assert configure("") == (0, {}, [])


def test_missing_file(tmp_path):
    settings = lg.TestSettings()
    path = str(tmp_path / "none.conf")
    with pytest.warns(lg.ConfigWarning, match="can't open file .*none.conf"):
        assert settings.FromConfig(path, "m", "Server", PLAIN) == -2
    assert settings == lg.TestSettings()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.b.c d", "expected 'key=value', line=2"),
        ("a.b.c= 5", "expected 'key=value', line=2"),
        ("#nospace word", "expected 'key=value', line=2"),
        ("a.b.c = x", "value needs to be integer or double, line=2"),
        ("a.b.c = 5 # note", "value needs to be integer or double, line=2"),
    ],
)
def test_malformed_line(configure, line, message):
    status, values, caught = configure(f"*.*.min_query_count = 7\n{line}\n*.*.mode = 1\n")
    assert (status, values) == (-22, {})
    assert any(f"user.conf:2: {message}; nothing of this file was applied" in t for t in caught)


def test_arguments(configure, tmp_path):
    settings = lg.TestSettings()
    (tmp_path / "f").write_text("m.*.min_query_count = 7\n")
    assert settings.FromConfig(path=str(tmp_path / "f"), model="m", scenario="Offline") == 0
    assert settings.min_query_count == 7
    for refused in ((tmp_path / "f", "m", "Server"), ("f", None, "Server"), ("f", "m", 2), ("f",)):
        with pytest.raises(TypeError):
            settings.FromConfig(*refused)


# ---- Lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*.*.min_query_count = 0x10", 16),
        ("*.*.min_query_count = 010", 8),
        ("*.*.min_query_count = 5 6", 6),
        ("\t*.*.min_query_count\t=\t5\r", 5),
        ("*.*.min_query_count = -1", 2**64 - 1),
        ("*.*.min_query_count = 1e3", 1),
        ("*.*.min_query_count = 2.9", 2),
        ("*.*.min_query_count = 5\n*.*.min_query_count = 6", 6),
        ("# *.*.min_query_count = 5", 100),
        ("*.*.min_query_count=5", 100),
        ("*.*.min_query_count =", 100),
        ("*.*.min_query_count", 100),
    ],
)
def test_lines(configure, text, expected):
    status, values, _ = configure(text)
    assert (status, values.get("min_query_count", 100)) == (0, expected)


@pytest.mark.parametrize(
    ("text", "line", "fix"),
    [
        ("\n*.*.min_query_count=5", 2, "write spaces around the ="),
        ("*.*.min_query_count = 1e6", 1, "write all digits"),
        ("\n\n*.*.min_query_count = 010", 3, "octal"),
        ("*.*.min_query_count = 5 6", 1, "several values"),
        ("*.*.min_query_cont = 6", 1, "check its spelling"),
        ("*.Sever.min_query_count = 6", 1, "there is no scenario 'Sever'"),
        ("*.*.qsl_rng_seed = 6", 1, "only the built-in mlperf.conf may set it"),
        ("*.Server.ttft_latency = 6", 1, "use_token_latencies is off"),
        ("*.Offline.target_latency = 6", 1, "it has no effect under 'Offline'"),
        ("*.*.mode = 4", 1, "Invalid value passed to Mode key in config."),
    ],
)
def test_warnings_name_line_and_fix(configure, text, line, fix):
    status, _, caught = configure(text)
    assert status == 0
    (warning,) = caught
    assert f"user.conf:{line}: " in warning
    assert fix in warning


def test_warnings_as_errors(tmp_path):
    (tmp_path / "f").write_text("*.*.typo = 7\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(lg.ConfigWarning, match="typo"):
            lg.TestSettings().FromConfig(str(tmp_path / "f"), "m", "Server", PLAIN)


# ---- Keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*.*.mode = 1", {"mode": lg.TestMode.AccuracyOnly}),
        ("*.*.min_duration = 5", {"min_duration_ms": 5}),
        ("*.*.max_duration = 5", {"max_duration_ms": 5}),
        ("*.*.max_query_count = 5", {"max_query_count": 5}),
        ("*.*.performance_issue_same = 2", {"performance_issue_same": True}),
        ("*.*.sample_concatenate_permutation = 2", {}),
        ("*.*.sample_concatenate_permutation = 1", {"sample_concatenate_permutation": True}),
        ("*.Server.target_qps = 2.5", {"server_target_qps": 2.5}),
        ("*.Server.target_latency = 12.7", {"server_target_latency_ns": 12000000}),
        ("*.Server.target_latency_percentile = 97", {"server_target_latency_percentile": 0.97}),
        ("*.Server.coalesce_queries = 3", {"server_coalesce_queries": True}),
        ("*.Server.max_async_queries = 4", {"server_max_async_queries": 4}),
        ("*.SingleStream.target_latency = 0.5", {"single_stream_expected_latency_ns": 500000.0}),
        (
            "*.SingleStream.target_latency_percentile = 99.9",
            {"single_stream_target_latency_percentile": 99.9 * 0.01},
        ),
        ("*.MultiStream.samples_per_query = 3", {"multi_stream_samples_per_query": 3}),
        ("*.Offline.target_qps = 8", {"offline_expected_qps": 8.0}),
        (
            "*.*.use_token_latencies = 1\n*.Server.ttft_latency = 2\n*.Server.tpot_latency = 3",
            {"use_token_latencies": True, "ttft_latency": 2000000, "tpot_latency": 3000000},
        ),
        (
            "*.*.infer_token_latencies = 1\n*.*.token_latency_scaling_factor = 69",
            {"infer_token_latencies": True, "token_latency_scaling_factor": 69},
        ),
        ("*.*.accuracy_log_sampling_target = 5", {"accuracy_log_sampling_target": 5}),
    ],
)
def test_keys(configure, text, expected):
    status, values, _ = configure(text)
    assert (status, values) == (0, expected)


KEYS = ["m.Server.min_query_count", "*.Server.min_query_count", "m.*.min_query_count"]
KEYS += ["*.*.min_query_count"]


@pytest.mark.parametrize("first", range(4))
def test_precedence(configure, first):
    """The exact scenario counts more than the exact model, whatever the order of the lines."""
    lines = [f"{key} = {i}" for i, key in enumerate(KEYS[first:], first + 1)]
    for text in ("\n".join(lines), "\n".join(lines[::-1])):
        assert configure(text)[1] == {"min_query_count": first + 1}


def test_other_models_and_scenarios_do_not_count(configure):
    text = "other.*.min_query_count = 5\n*.Offline.min_query_count = 6\n"
    assert configure(text)[:2] == (0, {})
    assert configure(text, scenario="Offline")[1] == {"min_query_count": 6}
    assert configure(text, model="other")[1] == {"min_query_count": 5}


# ---- The built-in file, and objects --------------------------------------------------------------


def test_built_in_file():
    settings = lg.TestSettings()
    assert settings.FromConfig("ignored", "*", "Server", 0) == 0
    assert changed(settings) == BUILT_IN
    settings = lg.TestSettings()
    assert settings.FromConfig("", "*", "MultiStream", 0) == 0
    assert changed(settings) == BUILT_IN | {"min_query_count": 662}
    settings = lg.TestSettings()
    assert settings.FromConfig("", "gptj", "Offline", 0) == 0
    assert changed(settings) == BUILT_IN | {
        "performance_sample_count_override": 13368,
        "sample_concatenate_permutation": True,
        "infer_token_latencies": True,
        "token_latency_scaling_factor": 69,
        "server_target_latency_ns": 20000000000,
        "min_query_count": 13368,
    }


def test_user_file_comes_after_the_built_in_one_on_each_object(configure):
    for _ in range(2):
        status, values, caught = configure("*.*.min_duration = 5\n", model="*", conf_type=1)
        assert (status, caught) == (0, [])
        assert values == BUILT_IN | {"min_duration_ms": 5}


def test_second_user_file_on_one_object(configure):
    settings = lg.TestSettings()
    configure("*.*.min_duration = 5\n", "*", conf_type=1, settings=settings)
    status, values, caught = configure(
        "*.*.max_duration = 9\n", "*", conf_type=1, settings=settings
    )
    assert status == 0
    assert values == BUILT_IN | {"min_duration_ms": 5, "max_duration_ms": 9}
    (warning,) = caught
    assert "Multiple conf files are used." in warning


def test_bad_user_file_keeps_the_built_in_values(configure, tmp_path):
    assert configure("bad line\n", conf_type=1)[:2] == (-22, BUILT_IN)
    settings = lg.TestSettings()
    with pytest.warns(lg.ConfigWarning):
        assert settings.FromConfig(str(tmp_path / "none"), "m", "Server") == -2
    assert changed(settings) == BUILT_IN


def test_absent_keys_keep_what_was_set(configure):
    settings = lg.TestSettings(min_query_count=7, max_query_count=8)
    configure("*.*.max_query_count = 9\n", settings=settings)
    assert (settings.min_query_count, settings.max_query_count) == (7, 9)


# ---- Mistakes that have a value all the same -----------------------------------------------------


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("resnet5", "resnet50"),
        ("ResNet50", "resnet50"),
        ("llama2-70b-interactve", "llama2-70b-interactive"),
        ("bert-99.9", "bert"),
    ],
)
@pytest.mark.parametrize("conf_type", [0, 1])
def test_an_unknown_model_gets_what_any_has_and_a_warning(tmp_path, model, meant, conf_type):
    path = tmp_path / "user.conf"
    path.write_text("*.*.max_duration = 5\nresnet50.*.max_duration = 6\n")
    settings, any_model = lg.TestSettings(), lg.TestSettings()
    with pytest.warns(lg.ConfigWarning, match=rf"'{model}': did you mean {meant}\?") as caught:
        assert settings.FromConfig(str(path), model, "Offline", conf_type) == 0
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        any_model.FromConfig(str(path), "*", "Offline", conf_type)
    assert settings == any_model


def test_a_model_is_known_from_the_file_or_the_built_in_one(configure):
    for model in ("resnet50", "*"):
        assert configure("*.*.max_duration = 5\n", model=model, conf_type=1)[2] == []
    assert configure("mine.*.max_duration = 5\n", model="mine", conf_type=1)[2] == []


def test_an_unknown_scenario_is_warned_of(configure):
    (said,) = configure("*.*.max_duration = 5\n", scenario="Sever")[2]
    assert said.endswith("there is no scenario 'Sever': did you mean Server?")


@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Server"])
def test_a_percentile_written_as_a_fraction_is_warned_of(configure, scenario):
    line = f"*.{scenario}.target_latency_percentile = 0.99\n"
    status, values, (said,) = configure(line, scenario="Offline")
    assert (status, len(values)) == (0, 1)
    assert list(values.values()) == [pytest.approx(0.0099)]
    assert "user.conf:1: " in said
    assert said.endswith("'0.99': it is a percentage and means 0.99 %; write 99 for 99 %")
    assert configure(line.replace("0.99", "99"))[2] == []


def test_a_latency_written_in_nanoseconds_is_warned_of(configure):
    (said,) = configure("*.Server.target_latency = 15000000\n")[2]
    assert said.endswith("it is in milliseconds and means 15000 s; write 15 for 15000000 ns")


def test_a_byte_order_mark_is_no_part_of_the_first_line(configure):
    text = "\ufeff*.*.min_query_count = 7\n"
    assert configure(text) == (0, {"min_query_count": 7}, [])
    status, values, (said,) = configure(text[1:].encode("utf-16"))
    assert (status, values) == (-22, {})
    assert "the text is in UTF-16 or UTF-32; save the file as UTF-8; nothing of this file" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"server_target_qps": 500}, "server_target_qps = 500 is not used: it belongs to Server"),
        (
            {"offline_expected_qps": 2.5},
            "offline_expected_qps = 2.5 is not used: it belongs to Off",
        ),
        ({"server_pacing": lg.Pacing.Spin}, "server_pacing = Spin is not used: it belongs to Serv"),
        ({"ttft_latency": 5}, "ttft_latency = 5 is not used: it belongs to Server, and the scen"),
        (
            {"server_find_peak_max_qps": 4, "scenario": "Server"},
            "it belongs to FindPeakPerformance",
        ),
        ({"performance_issue_same_index": 3}, "it belongs to performance_issue_same, which is off"),
        ({"test05_qsl_rng_seed": 3}, "it belongs to test05, which is off"),
        (
            {"infer_token_latencies": True},
            "it belongs to Server and Offline, and the scenario is S",
        ),
        ({"accuracy_sample_count_override": 3}, "it belongs to accuracy runs, and the mode is Per"),
        (
            {
                "scenario": "Offline",
                "offline_expected_qps": 9,
                "offline_probe_duration_ms": 5,
                "performance_issue_unique": True,
            },
            "offline_expected_qps = 9 is not used: it does not count beside offline_probe_dura",
        ),
    ],
)
def test_a_setting_of_another_scenario_is_warned_of(run_test, values, said):
    with pytest.warns(lg.ConfigWarning, match=said) as caught:
        run = run_test(**values)
    assert len(caught) == 1
    assert run.result.warnings == []  # The logs are as the reference's.


def test_settings_that_are_used_or_come_from_a_file_are_not_warned_of(handles, tmp_path):
    path = tmp_path / "user.conf"
    path.write_text("*.*.min_duration = 0\n*.Server.target_qps = 7\n*.Offline.target_qps = 8\n")
    settings = lg.TestSettings()
    assert settings.FromConfig(str(path), "resnet50", "SingleStream") == 0
    log = lg.LogSettings()
    for number, own in enumerate(
        (settings, pickle.loads(pickle.dumps(settings)), copy.copy(settings))
    ):
        log.log_output.outdir = str(tmp_path / f"file{number}")
        own.single_stream_expected_latency_ns = 5e5
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            lg.StartTestWithLogSettings(*handles, own, log)
        own.server_target_qps = 7  # Now the program says so.
        log.log_output.outdir = str(tmp_path / f"program{number}")
        with pytest.warns(lg.ConfigWarning, match="server_target_qps = 7 is not used"):
            lg.StartTestWithLogSettings(*handles, own, log)


def test_names_of_settings_that_are_none_come_with_the_nearest():
    for make in (lg.TestSettings.from_dict, lambda values: lg.TestSettings(**values)):
        with pytest.raises(
            AttributeError, match=r"'server_target_qp': did you mean server_target_"
        ):
            make({"server_target_qp": 5})


@pytest.mark.parametrize("name", ["find_peak", "sweep"])
def test_a_mode_that_a_search_or_a_sweep_does_not_run_is_warned_of(name, handles, tmp_path):
    settings = lg.TestSettings(scenario=lg.TestScenario.Server, mode=lg.TestMode.AccuracyOnly)
    call = {
        "find_peak": lambda: lg.find_peak(*handles, settings, trial_file=tmp_path),
        "sweep": lambda: lg.sweep(*handles, settings, [-1]),
    }[name]
    mode = {"find_peak": "FindPeakPerformance", "sweep": "PerformanceOnly"}[name]
    with pytest.warns(lg.ConfigWarning) as caught, pytest.raises((OSError, ValueError)):
        call()  # It is refused afterwards, before anything is run.
    texts = [str(one.message) for one in caught]
    assert any(
        text.startswith("mode = AccuracyOnly is not used") and mode in text for text in texts
    )
    assert caught[0].filename == __file__


LOG_VALUES = {
    "max_trace_mb": (-1, 1.5, "5", None, 2**64),
    "max_sample_log_mb": (-1, 1.5, "5"),
    "log_mode_async_poll_interval_ms": (-1, "1"),
    "max_free_space_share": ("0.5", None, 10**400),
    "enable_trace": ("no", [], object()),
    "enable_sample_log": ("",),
    "log_mode": (0, "Synchronous"),
    "log_output": (None, "logs"),
    "outdir": (None, 5, "\udcff"),
    "prefix": (5,),
    "suffix": (None,),
    "prefix_with_datetime": ("yes",),
    "copy_detail_to_stdout": ("yes",),
    "copy_summary_to_stdout": ([],),
    "exist_ok": ("false",),
}


def test_a_log_setting_that_is_none_is_refused_by_its_name_and_value():
    """As those of TestSettings are, and not in the words of the binding."""
    names = {name for cls in (lg.LogSettings, lg.LogOutputSettings) for name in vars(cls)}
    assert {name for name in names if not name.startswith("_")} == LOG_VALUES.keys()
    for name, values in LOG_VALUES.items():
        log = lg.LogSettings()
        owner = log if hasattr(log, name) else log.log_output
        before = getattr(owner, name)
        for value in values:
            with pytest.raises(
                TypeError, match=rf"^{name} must be .*, not {re.escape(repr(value))}$"
            ):
                setattr(owner, name, value)
        setattr(owner, name, before)
        assert getattr(owner, name) == before


# ---- The audit file ------------------------------------------------------------------------------


def test_audit_file(run_test, tmp_path):
    path = tmp_path / "audit.config"
    path.write_text("*.*.mode = 1\n*.*.accuracy_sample_count_override = 3\n*.*.qsl_rng_seed = 5\n")
    run = run_test(audit=str(path))
    assert run.result.mode == lg.TestMode.AccuracyOnly
    assert sorted(run.issued) == [0, 1, 2]
    assert run.value("requested_qsl_rng_seed") == 0
    assert any("Found Audit Config file" in text for text in run.result.warnings)


def test_audit_file_for_other_models_or_malformed(run_test, tmp_path):
    path = tmp_path / "audit.config"
    path.write_text("m.*.min_query_count = 3\n*.Offline.min_query_count = 4\n")
    assert len(run_test(audit=str(path)).batches) == 10
    path.write_text("*.*.min_query_count = 3\nbad line\n")
    run = run_test(audit=str(path))
    assert len(run.batches) == 10
    assert any("expected 'key=value'" in text for text in run.errors)


def test_audit_files_of_compliance_tests_give_no_warnings(run_test, tmp_path):
    path = tmp_path / "audit.config"
    path.write_text(
        "# TEST07\n*.*.mode = 2\n*.*.accuracy_log_rng_seed = 720381539243781796\n"
        "*.*.accuracy_log_sampling_target = 128\n*.*.min_query_count = 3\n*.*.min_duration = 0\n"
        "*.*.test07_accuracy_threshold = 60.5\ngpt-oss-120b.*.test09_min_output_tokens = 100\n"
        "gpt-oss-120b.Offline.min_query_count = 6396\nbert.*.accuracy_log_sampling_target = 4\n"
    )
    run = run_test(audit=str(path), max_query_count=3)
    (found,) = run.result.warnings
    assert "Found Audit Config file" in found


def test_the_built_in_mlperf_conf_may_be_loaded_explicitly(recwarn):
    """As clients of the reference that bring their own copy do."""
    for scenario in lg.TestScenario.__members__:
        settings = lg.TestSettings()
        assert settings.FromConfig(str(CONF), "llama2-70b", scenario) == 0
    assert not recwarn.list


def test_a_changed_seed_in_a_copy_of_mlperf_conf_is_warned_of(tmp_path):
    text = re.sub(r"(\*\.\*\.qsl_rng_seed = )\d+", r"\g<1>7", CONF.read_text())
    (tmp_path / "mlperf.conf").write_text(text)
    with pytest.warns(lg.ConfigWarning, match="qsl_rng_seed.*only the built-in") as caught:
        lg.TestSettings().FromConfig(str(tmp_path / "mlperf.conf"), "resnet50", "Server")
    assert len(caught) == 1


def test_what_from_config_met_is_logged(handles, tmp_path):
    (tmp_path / "f").write_text("*.*.min_duration = 0\n*.*.typo = 1\n")
    settings = lg.TestSettings()
    with pytest.warns(lg.ConfigWarning):
        settings.FromConfig(str(tmp_path / "f"), "m", "SingleStream")
    log = lg.LogSettings()
    log.log_output.outdir = str(tmp_path)
    result = lg.StartTestWithLogSettings(*handles, settings, log)
    assert any("typo" in text for text in result.warnings)


@pytest.mark.parametrize("mode", ["AccuracyOnly", "SubmissionRun"])
def test_test05(run_test, mode):
    said = f"^mode = {mode} is not used: it does not count beside test05 = true; "
    with pytest.warns(lg.ConfigWarning, match=said) as caught:
        run = run_test(
            mode=mode,
            test05=True,
            test05_qsl_rng_seed=1,
            test05_sample_index_rng_seed=2,
            test05_schedule_rng_seed=3,
        )
    assert len(caught) == 1
    assert run.result.mode == lg.TestMode.PerformanceOnly
    assert "Test05 flag detected Overriding random seeds" in run.result.warnings
    seeds = ("qsl", "sample_index", "schedule")
    assert [run.value(f"effective_{seed}_rng_seed") for seed in seeds] == [1, 2, 3]
    plain = run_test(qsl_rng_seed=1, sample_index_rng_seed=2, schedule_rng_seed=3)
    assert run.issued == plain.issued
