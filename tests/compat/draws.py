"""Draws random tests that both modules can run: nothing that hangs or crashes the reference (no
samples, no queries, positions past the set, a search without a peak, ...) and nothing that we
refuse. What depends on the machine's speed is kept far from every bound.

A draw is a plain dictionary, all of it from its seed:

    seed       of this draw
    library    total and performance sample count
    configs    the calls of FromConfig, in order: text (None: no such file), model, scenario,
               conf_type, and object, the number of the TestSettings object; object 0 is run
    settings   what is set on object 0 after that (None: no test is run)
    audit      text of the audit file (None: no such file)
    final      the settings that the test then runs with, however they were set
    sut, log   how the system under test answers, and the log settings
    tests      how often the test is run in the process
"""

import random

SCENARIOS = ["SingleStream", "MultiStream", "Server", "Offline"]
MODES = ["SubmissionRun", "AccuracyOnly", "PerformanceOnly", "FindPeakPerformance"]
MODELS = ["resnet50", "gptj", "llama2-70b", "3d-unet", "retinanet", "rgat", "my.model", "none", "*"]
# The built-in config file turns token mode on for these.
TOKEN_MODELS = ["llama2-70b", "mixtral-8x7b", "deepseek-r1", "whisper", "gpt-oss-120b"]
FAR_BOUND_NS = 20_000_000_000

# Settings that config files can hold: key, scenario part ("" for any), factor from file to field.
KEYS = {
    "mode": ("mode", "", 1),
    "min_duration_ms": ("min_duration", "", 1),
    "max_duration_ms": ("max_duration", "", 1),
    "min_query_count": ("min_query_count", "", 1),
    "max_query_count": ("max_query_count", "", 1),
    "accuracy_log_rng_seed": ("accuracy_log_rng_seed", "", 1),
    "accuracy_log_sampling_target": ("accuracy_log_sampling_target", "", 1),
    "print_timestamps": ("print_timestamps", "", 1),
    "performance_issue_unique": ("performance_issue_unique", "", 1),
    "performance_issue_same": ("performance_issue_same", "", 1),
    "performance_issue_same_index": ("performance_issue_same_index", "", 1),
    "performance_sample_count_override": ("performance_sample_count_override", "", 1),
    "accuracy_sample_count_override": ("accuracy_sample_count_override", "", 1),
    "sample_concatenate_permutation": ("sample_concatenate_permutation", "", 1),
    "use_token_latencies": ("use_token_latencies", "", 1),
    "ttft_latency": ("ttft_latency", "Server", 1e6),
    "tpot_latency": ("tpot_latency", "Server", 1e6),
    "infer_token_latencies": ("infer_token_latencies", "", 1),
    "token_latency_scaling_factor": ("token_latency_scaling_factor", "", 1),
    "multi_stream_samples_per_query": ("samples_per_query", "MultiStream", 1),
    "server_coalesce_queries": ("coalesce_queries", "Server", 1),
    "server_max_async_queries": ("max_async_queries", "Server", 1),
    "server_target_qps": ("target_qps", "Server", 1),
    "offline_expected_qps": ("target_qps", "Offline", 1),
    "single_stream_expected_latency_ns": ("target_latency", "SingleStream", 1e6),
    "multi_stream_expected_latency_ns": ("target_latency", "MultiStream", 1e6),
    "server_target_latency_percentile": ("target_latency_percentile", "Server", 0.01),
}

# Keys that are read only if another setting is on by then.
READ_ONLY_WITH = {
    "ttft_latency": "use_token_latencies",
    "tpot_latency": "use_token_latencies",
    "token_latency_scaling_factor": "infer_token_latencies",
}


def draw(seed):
    rng = random.Random(seed)
    drawn = {"seed": seed, "configs": [], "settings": None, "audit": None, "final": {}}
    if rng.random() < 0.25:
        draw_config_calls(rng, drawn)
        if rng.random() < 0.5:
            return drawn
        drawn["configs"] = [config | {"object": 0} for config in drawn["configs"]]
    draw_test(rng, drawn)
    return drawn


# ---- Tests -------------------------------------------------------------------------------------


def draw_test(rng, drawn):
    total = rng.choice([1, 2, rng.randint(1, 20), rng.randint(10, 400)])
    if rng.random() < 0.01:
        total = rng.randint(65500, 65600)  # Another way to shuffle begins at 65536.
    performance = rng.choice([total, rng.randint(1, total), rng.randint(1, 2 * total)])
    drawn["library"] = [total, performance]
    final = drawn["final"] = draw_settings(rng, total, performance)
    drawn["sut"] = draw_sut(rng, final)
    # A process may run several tests; the last is compared.
    drawn["tests"] = 1 if drawn["configs"] or rng.random() < 0.85 else 2
    if final["mode"] == "FindPeakPerformance":
        draw_peak_search(rng, drawn)
    drawn["log"] = {
        "enable_trace": rng.random() < (0.8 if final["scenario"] == "Server" else 0.3),
        "prefix": rng.choice(["mlperf_log_", "mlperf_log_", "p ", ""]),
        "suffix": rng.choice(["", "", "_S"]),
        "prefix_with_datetime": rng.random() < 0.1,
        "copy_summary_to_stdout": rng.random() < 0.2 and drawn["tests"] == 1,
        "copy_detail_to_stdout": rng.random() < 0.1,
    }
    if final["print_timestamps"]:
        # In the reference it changes how the numbers on the standard output are written.
        drawn["log"]["copy_summary_to_stdout"] = False
    spread_over_files(rng, drawn)


def draw_settings(rng, total, performance):
    scenario = rng.choice(SCENARIOS)
    peak = rng.random() < (0.15 if scenario == "Server" else 0.03)
    final = {
        "scenario": scenario,
        "mode": "FindPeakPerformance" if peak else rng.choice([*MODES[:3], "PerformanceOnly"]),
        "server_coalesce_queries": rng.random() < 0.2,
        "server_max_async_queries": rng.choice([0, 0, 1, 3, 10]),
        "print_timestamps": rng.random() < 0.1,
    }
    for name in ("qsl", "sample_index", "schedule", "accuracy_log"):
        final[name + "_rng_seed"] = draw_seed(rng)
    for name in ("qsl", "sample_index", "schedule"):
        final["test05_" + name + "_rng_seed"] = draw_seed(rng)
    final["test05"] = rng.random() < 0.1 and not peak
    if total > 1000:
        final["mode"] = "PerformanceOnly"
    draw_logged_share(rng, final)
    draw_tokens(rng, final)
    draw_sample_choice(rng, final, total, performance)
    draw_size(rng, final, total, performance)
    return final


def draw_seed(rng):
    return rng.choice([0, 1, rng.getrandbits(32), rng.getrandbits(64), rng.getrandbits(64)])


def draw_logged_share(rng, final):
    final["accuracy_log_probability"] = rng.choice([0.0, 0.0, 1.0, rng.random()])
    final["accuracy_log_sampling_target"] = rng.choice([0, 0, rng.randint(1, 200)])


def draw_tokens(rng, final):
    final["use_token_latencies"] = rng.random() < 0.4
    final["ttft_latency"] = rng.choice([FAR_BOUND_NS, FAR_BOUND_NS, 0])
    final["tpot_latency"] = rng.choice([FAR_BOUND_NS, FAR_BOUND_NS, 0])
    final["infer_token_latencies"] = rng.random() < 0.2
    final["token_latency_scaling_factor"] = rng.choice([0, 1, 69, 1000])


def set_sizes(final, total, performance):
    """Sizes of the largest and the smallest set that is loaded, in any phase."""
    largest = min(final["performance_sample_count_override"] or performance, total)
    count = min(final["accuracy_sample_count_override"] or total, total)
    return largest, min(largest, count, count % largest or largest)


def draw_sample_choice(rng, final, total, performance):
    final["performance_sample_count_override"] = rng.choice([0, 0, rng.randint(1, 2 * total)])
    final["accuracy_sample_count_override"] = rng.choice([0, 0, rng.randint(1, 2 * total)])
    final["sample_concatenate_permutation"] = rng.random() < 0.25
    kind = rng.choice(["", "", "", "unique", "same", "both" if rng.random() < 0.2 else ""])
    final["performance_issue_unique"] = kind in ("unique", "both")
    final["performance_issue_same"] = kind in ("same", "both")
    _, smallest = set_sizes(final, total, performance)
    final["performance_issue_same_index"] = rng.randrange(smallest) if kind != "" else 0
    if total > 1000:
        final["performance_issue_unique"] = False
    unique = final["performance_issue_unique"]
    if unique and final["scenario"] == "Offline":
        # More samples than are loaded make no query at all.
        count = final["performance_sample_count_override"] or performance
        if count > total:
            final["performance_sample_count_override"] = total
    if unique and final["scenario"] == "MultiStream":
        # The padded count of queries is more than there are unique ones.
        final["sample_concatenate_permutation"] = False
    if kind == "both":
        _, smallest = set_sizes(final, total, performance)
        final["performance_issue_same_index"] %= smallest


def draw_size(rng, final, total, performance):
    final |= {
        "min_duration_ms": 0,
        "max_duration_ms": 0,
        "min_query_count": rng.choice([1, 2, rng.randint(1, 100), rng.randint(50, 800)]),
        "max_query_count": rng.choice([0, 0, 0, rng.randint(1, 50)]),
    }
    percentile = rng.choice([0.5, 0.9, 0.95, 0.97, 0.99, 0.999, rng.uniform(0.1, 0.995)])
    {
        "SingleStream": draw_single_stream,
        "MultiStream": draw_multi_stream,
        "Server": draw_server,
        "Offline": draw_offline,
    }[final["scenario"]](rng, final, percentile, total)


def draw_closed_loop_time(rng, final, shortest_latency_ns):
    """Sets the durations; returns an expected latency that the reference can list queries for."""
    if rng.random() < 0.6:
        return rng.choice([1e6, rng.uniform(2e4, 1e7)])
    final["min_duration_ms"] = rng.randint(10, 30)
    final["max_duration_ms"] = rng.choice([0, 0, rng.randint(1, 5)])
    if final["sample_concatenate_permutation"]:
        shortest_latency_ns = final["min_duration_ms"] * 1000
    if rng.random() < 0.2:
        final["min_query_count"] = 0
    return rng.choice([1e6, shortest_latency_ns, shortest_latency_ns * rng.uniform(1, 3)])


def draw_single_stream(rng, final, percentile, total):
    final["single_stream_target_latency_percentile"] = percentile
    final["single_stream_expected_latency_ns"] = draw_closed_loop_time(rng, final, 1500.0)


def draw_multi_stream(rng, final, percentile, total):
    final["multi_stream_target_latency_percentile"] = percentile
    final["multi_stream_expected_latency_ns"] = draw_closed_loop_time(rng, final, 4000.0)
    final["multi_stream_samples_per_query"] = rng.choice([1, 2, 8, rng.randint(1, 30)])
    final["min_query_count"] = min(final["min_query_count"], 700)


def draw_server(rng, final, percentile, total):
    final["server_target_latency_percentile"] = percentile
    final["server_target_latency_ns"] = rng.choice([FAR_BOUND_NS, FAR_BOUND_NS, 0, 1])
    final["min_duration_ms"] = rng.choice([0, rng.randint(1, 60)])
    if final["min_duration_ms"] > 0 and rng.random() < 0.2:
        # Permutation mode divides by it.
        final["min_query_count"] = int(final["sample_concatenate_permutation"])
    final["max_duration_ms"] = rng.choice([0, 0, 0, 5]) if final["min_duration_ms"] > 20 else 0
    # No phase takes much longer than 0.1 s.
    least = 10 * max(final["min_query_count"], min(total, 1000), 10)
    final["server_target_qps"] = rng.choice([least, least * rng.uniform(1, 8)])
    if final["min_duration_ms"] < 5:
        final["server_target_qps"] = rng.choice([final["server_target_qps"], 1e6, 12345.678])
    final["server_find_peak_qps_decimals_of_precision"] = rng.choice([0, 1, 2])
    final["server_find_peak_qps_boundary_step_size"] = rng.choice([1.0, 0.5, 3.0])


def draw_offline(rng, final, percentile, total):
    # The query is answered long before the durations that are drawn.
    final["min_duration_ms"] = rng.choice([0, 0, rng.randint(1500, 5000)])
    final["offline_expected_qps"] = rng.choice([0.0, 1.0, rng.uniform(0.1, 500), 333.3])
    if final["min_duration_ms"] and rng.random() < 0.3:
        final["offline_expected_qps"] = rng.uniform(10, 500)
        if not final["performance_issue_unique"]:
            final["min_query_count"] = 0


def draw_sut(rng, final):
    tokens = final["use_token_latencies"]
    can_defer = final["scenario"] == "Offline" or (
        final["scenario"] == "Server" and not final["server_coalesce_queries"]
    )
    return {
        "kind": rng.choice(["SUT", "SUT", "FastSUT", "QDL"]),
        "name": rng.choice(["a name", "QDL-1", ""]),
        "deferred": can_defer and rng.random() < 0.3,
        "threaded": not final["server_max_async_queries"] and rng.random() < 0.1,
        "first_token_every": draw_first_tokens(rng, final),
        "n_tokens": tokens or rng.random() < 0.1,
        "response_cb": rng.random() < 0.2,
        "size_modulus": rng.choice([1, 3, 9, 280]),
        "call_size": rng.choice([0, 0, 1, 3]),
        "reversed": rng.random() < 0.3,
        "trials_pass": [],
    }


def draw_first_tokens(rng, final):
    """Every how many samples send a first token; 0: none does."""
    if not final["use_token_latencies"]:
        return int(rng.random() < 0.1)
    # Without one, the reference crashes in every scenario but Offline.
    return rng.choice([0, 0, 1, 2, 3]) if final["scenario"] == "Offline" else 1


def draw_peak_search(rng, drawn):
    """A search that fails at once, or whose trials pass and fail as drawn."""
    final, sut = drawn["final"], drawn["sut"]
    final |= {"max_query_count": 0, "max_duration_ms": 0, "server_max_async_queries": 0}
    sut |= {"deferred": False, "threaded": False, "call_size": 0}
    drawn["tests"] = 1
    if final["scenario"] != "Server":
        return
    bound = 0 if rng.random() < 0.3 else 30_000_000
    final |= {
        "min_duration_ms": 3,
        "min_query_count": rng.randint(1, 5),
        "server_coalesce_queries": False,
        "server_target_qps": rng.uniform(1000, 1010),
        "server_target_latency_percentile": 0.3,
        "server_target_latency_ns": bound,
        "ttft_latency": bound,
        "tpot_latency": bound and FAR_BOUND_NS,
        "server_find_peak_qps_decimals_of_precision": 0,
        "server_find_peak_qps_boundary_step_size": rng.choice([0.01, 0.02]),
    }
    passing = rng.randint(1, 3)
    later = [rng.random() < 0.5 for _ in range(20)]
    sut["trials_pass"] = [True] * passing + [False] + later


# ---- Where settings come from ------------------------------------------------------------------


def spread_over_files(rng, drawn):
    """Moves some of the final settings to a config file and an audit file."""
    settings = drawn["settings"] = dict(drawn["final"])
    if not drawn["configs"] and rng.random() < 0.3:
        write_user_config(rng, drawn, settings)
    if rng.random() < 0.25:
        write_audit(rng, drawn, settings)
    # What is recorded goes by what was requested, what is reported by the audit file.
    settings, final, sut = drawn["settings"], drawn["final"], drawn["sut"]
    if settings.get("use_token_latencies") or final["use_token_latencies"]:
        sut["n_tokens"] = True
        if final["scenario"] != "Offline":
            sut["first_token_every"] = 1


def text_of(name, value):
    if name == "mode":
        return str(MODES.index(value))
    if isinstance(value, bool):
        return str(int(value))
    factor = KEYS[name][2]
    return repr(value / factor) if factor != 1 else repr(value)


def movable(rng, settings, share, *, on=()):
    """Some settings that a config file can hold. `on`: what is on before it is read."""
    names = [name for name in settings if name in KEYS and rng.random() < share]
    known = {name for name in names if settings[name] is True} | set(on)
    return [n for n in names if n not in READ_ONLY_WITH or READ_ONLY_WITH[n] in known]


def write_user_config(rng, drawn, settings):
    model, scenario = rng.choice(MODELS), settings["scenario"]
    by_model = settings["use_token_latencies"] and rng.random() < 0.5
    if by_model:
        model = rng.choice(TOKEN_MODELS)
        settings.pop("use_token_latencies")
    lines = ["# drawn"]
    for name in movable(rng, settings, 0.5, on=["use_token_latencies"] * by_model):
        key, part, _ = KEYS[name]
        scopes = [f"{model}.{part or scenario}", f"*.{part or scenario}", f"{model}.*", "*.*"]
        chosen = rng.randrange(4)
        written = [f"{scopes[chosen]}.{key} = {text_of(name, settings.pop(name))}"]
        # Of lower precedence, so without effect here.
        lower = set(scopes[chosen + 1 :]) - set(scopes[: chosen + 1])
        written += [f"{scope}.{key} = 77" for scope in sorted(lower)]
        rng.shuffle(written)
        lines += written
    if rng.random() < 0.5:
        for name in ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed"):
            settings.pop(name)
    text = rng.choice(["\n", "\r\n"]).join(lines) + "\n"
    drawn["configs"] = [
        {"text": text, "model": model, "scenario": scenario, "conf_type": 1, "object": 0}
    ]


def write_audit(rng, drawn, settings):
    lines = []
    final = drawn["final"]
    for name in movable(rng, settings, 0.3, on=[n for n, value in final.items() if value is True]):
        if name == "print_timestamps":
            continue
        key, part, _ = KEYS[name]
        scope = rng.choice(["*", part or settings["scenario"]])
        lines.append(f"*.{scope}.{key} = {text_of(name, settings[name])}")
        if name == "use_token_latencies":
            settings[name] = token_decoy(rng, drawn)
        else:
            settings[name] = decoy(rng, name, settings[name])
    lines += ["*.*.qsl_rng_seed = 5", "*.*.test05 = 1", "resnet50.*.min_query_count = 1234567"]
    drawn["audit"] = "\n".join(lines) + "\n"
    if rng.random() < 0.15:
        malformed = rng.choice(["*.*.mode 2", "*.*.mode = two", "a = 5 # note"])
        drawn["audit"] += malformed + "\n"
        drawn["settings"] = {**settings, **drawn["final"]}


def decoy(rng, name, value):
    """Another value, which the audit file replaces."""
    if name == "mode":
        return rng.choice(MODES[:3])
    if isinstance(value, bool):
        return rng.random() < 0.5
    return value + rng.randint(1, 5)


def token_decoy(rng, drawn):
    """What token mode is before the audit file turns it on or off.

    Turned on by it alone, first tokens crash the reference in a performance run, and are missed by
    us in all scenarios but Offline.
    """
    final, sut = drawn["final"], drawn["sut"]
    offline = final["scenario"] == "Offline" and sut["first_token_every"] == 0
    if offline or effective_mode(final) == "AccuracyOnly":
        return rng.random() < 0.5
    return True


def effective_mode(final):
    return "PerformanceOnly" if final["test05"] else final["mode"]


# ---- Config files alone ------------------------------------------------------------------------

VALUES = """0 1 2 3 7 10 100 4294967295 4294967296 18446744073709551615 99999999999999999999 -1 -0
+5 010 08 0x10 0X1f 0x 1e3 1E-2 1.5 2.9 .5 5. 99.9 97 90 1e400 1e-400 -1e400 inf -inf nan NAN
infinity 0x1p4 0x1.8p1 true yes 1,000 5ms "5" 1_000 # #5 = 12.7 0.5 1e 1e+ -.5 --5 0b1""".split()  # noqa: SIM905

ALL_KEYS = """mode qsl_rng_seed sample_index_rng_seed schedule_rng_seed accuracy_log_probability
test05 test05_qsl_rng_seed test05_sample_index_rng_seed test05_schedule_rng_seed
use_token_latencies ttft_latency tpot_latency infer_token_latencies token_latency_scaling_factor
target_latency_percentile samples_per_query target_latency performance_issue_unique
performance_issue_same performance_issue_same_index sample_concatenate_permutation coalesce_queries
max_async_queries min_duration max_duration min_query_count max_query_count
performance_sample_count_override accuracy_sample_count_override target_qps print_timestamps
accuracy_log_rng_seed accuracy_log_sampling_target target_duration unknown_key Mode""".split()  # noqa: SIM905


def draw_config_calls(rng, drawn):
    for _ in range(rng.choice([1, 1, 2, 3])):
        drawn["configs"].append(
            {
                "text": None if rng.random() < 0.08 else draw_config_text(rng),
                "model": rng.choice(MODELS),
                "scenario": rng.choice([*SCENARIOS, "*", "Nonsense"]),
                "conf_type": rng.choice([0, 1, 1, 1, 2, 2, 3, -1]),
            }
        )
    # Whether a file with conf_type 1 is the first is known of the process, or of the object.
    for config in drawn["configs"]:
        config["object"] = 0 if config["conf_type"] == 1 else rng.randrange(2)


def draw_config_text(rng):
    # One odd line in a file spoils all of it, so half of the files have only good ones.
    odd = rng.random() < 0.5
    lines = [draw_config_line(rng, odd) for _ in range(rng.randint(0, 40))]
    return rng.choice(["\n", "\n", "\r\n"]).join(lines) + rng.choice(["", "\n"])


def draw_config_line(rng, odd):
    model = rng.choice(MODELS + ["*"] * 6)
    scenario = rng.choice(SCENARIOS + ["*"] * 5 + ["server"])
    key = f"{model}.{scenario}.{rng.choice(ALL_KEYS)}"
    if not odd or rng.random() < 0.8:
        value = rng.choice([v for v in VALUES if is_number(v)])
        return rng.choice(["{} = {}", "  {}\t=\t{} ", "{}  =  {}"]).format(key, value)
    value = rng.choice(VALUES)
    return rng.choice(
        ["{k}={v}", "{k} ={v}", "{k}= {v}", "{k} = {v} {v2}", "{k} = {v} # note", "{k} {v}",
         "#{k} = {v}", "# {k} = {v}", "{k} =", "{k}", "{k} # = {v}", "#word", "#word word", "",
         "   ", "{k} = {v}", "= = {v}", "{k} == {v}", "\ufeff{k} = {v}"]
    ).format(k=key, v=value, v2=rng.choice(VALUES))  # fmt: skip


def is_number(text):
    """Whether the reference takes it for one, as far as the values above go."""
    special = ("inf", "nan", "infinity", "0x10", "0x1f", "0x1p4", "0x1.8p1", ".5", "5.")
    if text.lstrip("+-").lower() in special:
        return True
    return text[-1:].isdigit() and set(text) <= set("0123456789+-.eE") and text != "--5"
