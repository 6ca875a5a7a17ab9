"""Runs one drawn test on whichever `mlperf_loadgen` this interpreter imports.

Usage: worker.py FOLDER, with the draw (see draws.py) as JSON on standard input. The test's logs go
to FOLDER/logs, what its callbacks and settings saw to FOLDER/result.json.
"""

import array
import json
import queue
import sys
import threading
import time
from pathlib import Path

import mlperf_loadgen as lg

# Where all responses have their data.
PATTERN = array.array("B", ((37 * i + 11) % 256 for i in range(512)))
PATTERN_ADDRESS = PATTERN.buffer_info()[0]

FIELDS = """
scenario mode single_stream_expected_latency_ns single_stream_target_latency_percentile
multi_stream_expected_latency_ns multi_stream_target_latency_percentile
multi_stream_samples_per_query server_target_qps server_target_latency_ns
server_target_latency_percentile server_coalesce_queries
server_find_peak_qps_decimals_of_precision server_find_peak_qps_boundary_step_size
server_max_async_queries server_num_issue_query_threads offline_expected_qps
sample_concatenate_permutation min_duration_ms max_duration_ms min_query_count max_query_count
qsl_rng_seed sample_index_rng_seed schedule_rng_seed accuracy_log_rng_seed
accuracy_log_probability accuracy_log_sampling_target test05 test05_qsl_rng_seed
test05_sample_index_rng_seed test05_schedule_rng_seed print_timestamps performance_issue_unique
performance_issue_same performance_issue_same_index performance_sample_count_override
accuracy_sample_count_override use_token_latencies ttft_latency tpot_latency
infer_token_latencies token_latency_scaling_factor
""".split()  # noqa: SIM905


def set_field(settings, name, value):
    if name == "scenario":
        value = getattr(lg.TestScenario, value)
    elif name == "mode":
        value = getattr(lg.TestMode, value)
    setattr(settings, name, value)


def values_of(settings):
    """All settings as text: a float in full, an enum by its name."""
    values = {name: getattr(settings, name) for name in FIELDS}
    return {name: getattr(value, "name", None) or repr(value) for name, value in values.items()}


class System:
    """A system under test that answers at once, or on the flush if it is to defer."""

    def __init__(self, plan):
        self.plan = plan
        self.events = []
        self.callback_calls = 0
        self.held = []
        self.trial = 0
        self.callback = [self.change_response] if plan["response_cb"] else []
        self.calls = queue.SimpleQueue()
        if plan["threaded"]:
            threading.Thread(target=self.complete_from_thread, daemon=True).start()

    def construct(self):
        kind = self.plan["kind"]
        if kind == "FastSUT":
            return lg.ConstructFastSUT(self.issue_fast, self.flush), lg.DestroyFastSUT
        if kind == "QDL":
            return lg.ConstructQDL(self.issue, self.flush, self.name), lg.DestroyQDL
        return lg.ConstructSUT(self.issue, self.flush), lg.DestroySUT

    def name(self):
        return self.plan["name"]

    def load(self, indices):
        self.events.append(["load", list(indices)])

    def unload(self, indices):
        self.events.append(["unload", list(indices)])

    def issue(self, samples):
        self.answer([sample.id for sample in samples], [sample.index for sample in samples])

    def issue_fast(self, ids, indices):
        self.answer(list(ids), list(indices))

    def answer(self, ids, indices):
        self.events.append(["issue", indices])
        if self.is_deferring():
            self.held.append((ids, indices))
        elif self.plan["threaded"]:
            self.calls.put((ids, indices))
        else:
            self.complete(ids, indices)

    def complete_from_thread(self):
        while True:
            self.complete(*self.calls.get())

    def is_deferring(self):
        """In a search for the peak, a trial fails by answering far too late."""
        trials = self.plan["trials_pass"]
        return self.plan["deferred"] or (self.trial < len(trials) and not trials[self.trial])

    def flush(self):
        self.events.append(["flush"])
        if self.is_deferring() and self.plan["trials_pass"]:
            time.sleep(0.06)
        held, self.held = self.held, []
        for ids, indices in held:
            self.complete(ids, indices)
        self.trial += 1

    def complete(self, ids, indices):
        size = self.plan["call_size"] or len(ids)
        calls = [(ids[i : i + size], indices[i : i + size]) for i in range(0, len(ids), size)]
        if self.plan["reversed"]:
            calls.reverse()
        for call_ids, call_indices in calls:
            if every := self.plan["first_token_every"]:
                first = zip(call_ids[::every], call_indices[::every], strict=True)
                lg.FirstTokenComplete(
                    [
                        lg.QuerySampleResponse(id_, PATTERN_ADDRESS + 200 + index % 50, index % 3)
                        for id_, index in first
                    ],
                    *self.callback,
                )
            responses = [
                self.response(*sample) for sample in zip(call_ids, call_indices, strict=True)
            ]
            lg.QuerySamplesComplete(responses, *self.callback)

    def response(self, id_, index):
        data, size = PATTERN_ADDRESS + index % 200, index % self.plan["size_modulus"]
        if self.plan["n_tokens"]:
            return lg.QuerySampleResponse(id_, data, size, 2 + index % 5)
        return lg.QuerySampleResponse(id_, data, size)

    def change_response(self, response):
        self.callback_calls += 1
        response.data = PATTERN_ADDRESS + 17
        response.size = response.size + 2
        if self.plan["n_tokens"]:
            response.n_tokens = 9


def apply_configs(configs, folder, settings_of):
    """Calls FromConfig as drawn; returns what each call returned, and the settings after it."""
    seen = []
    for i, config in enumerate(configs):
        path = folder / f"user{i}.conf"
        if config["text"] is not None:
            path.write_bytes(config["text"].encode())
        settings = settings_of.setdefault(config["object"], lg.TestSettings())
        code = settings.FromConfig(
            str(path), config["model"], config["scenario"], config["conf_type"]
        )
        seen.append({"returned": code, "settings": values_of(settings)})
    return seen


def log_settings(folder, log):
    settings = lg.LogSettings()
    settings.enable_trace = log["enable_trace"]
    settings.log_output.outdir = str(folder / "logs")
    for name, value in log.items():
        if name != "enable_trace":
            setattr(settings.log_output, name, value)
    return settings


def run(draw, folder, settings):
    for name, value in draw["settings"].items():
        set_field(settings, name, value)
    audit = folder / "audit.config"
    if draw["audit"] is not None:
        audit.write_text(draw["audit"])
    system = System(draw["sut"])
    sut, destroy_sut = system.construct()
    qsl = lg.ConstructQSL(*draw["library"], system.load, system.unload)
    lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(folder, draw["log"]), str(audit))
    lg.DestroyQSL(qsl)
    destroy_sut(sut)
    return {
        "events": system.events,
        "callback_calls": system.callback_calls,
        "settings": values_of(settings),
    }


def refusals(cases):
    """Of each case, whether the test is refused with a SettingsError."""
    refused = []
    system = System({"kind": "SUT", "response_cb": False, "threaded": False})
    sut, _ = system.construct()
    for library, values in cases:
        qsl = lg.ConstructQSL(*library, system.load, system.unload)
        settings = lg.TestSettings()
        settings.min_duration_ms = 0
        for name, value in values.items():
            set_field(settings, name, float(value) if value in ("inf", "nan") else value)
        try:
            lg.StartTestWithLogSettings(sut, qsl, settings, lg.LogSettings(), "none")
            refused.append(False)
        except lg.SettingsError:
            refused.append(True)
    return refused


def main():
    folder = Path(sys.argv[1])
    draw = json.load(sys.stdin)
    if "refusals" in draw:
        result = {"refused": refusals(draw["refusals"])}
    else:
        objects = {}
        result = {"configs": apply_configs(draw["configs"], folder, objects)}
        if draw["settings"] is not None:
            (folder / "logs").mkdir()
            for _ in range(draw["tests"]):
                result["run"] = run(draw, folder, objects.setdefault(0, lg.TestSettings()))
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
