"""Runs random tests under two modules, the reference and ours, and compares what they did.

    compare.py --reference PYTHON [--ours PYTHON] [--draws 200] [--seed N] [--only SEED]

Each draw (draws.py) is run by worker.py in a fresh process of either interpreter, both at the same
time. Compared are the order of callbacks and the issued indices, the Server schedule, the accuracy
log, the return codes and settings of FromConfig, and the detail and summary logs, less what the
tables below mask or drop. A draw that disagrees is run once more, because a machine that stalls
can cause that; if it disagrees again it is printed with its seed, which --only takes.
"""

import argparse
import concurrent.futures
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import draws

WORKER = Path(__file__).with_name("worker.py")
LIMIT_S = 20

# ---- What may differ ---------------------------------------------------------------------------

# Detail records: key, and the reason why the value is not compared.
MASKED_VALUES = {
    r"loadgen_(version|build|git|file).*": "describes the build",
    r"test_datetime|power_(begin|end)|get_sut_name_duration_ns": "a time of the clock",
    r"logger_.*": "counters of the reference's logger",
    r"result_(qps|completed|samples_per_second|tokens_per_second|inferred).*": "measured rate",
    r"result_token_throughput.*": "measured rate",
    r"result_(min|max|mean|[\d.]+_percentile)_.*latency_ns": "measured latency",
    r"result_(first_token|time_per_output_token|time_to_output_token).*": "measured latency",
    r"early_stopping_latency_(ss|ms)": "estimate from measured latencies",
}

# The same, of timed draws: those whose number of queries depends on the speed of the machine.
MASKED_VALUES_OF_TIMED = {
    r"result_query_count|result_overlatency_query_count": "count of queries",
    r"result_(validity|min_duration_met|min_queries_met|invalid_reason)": "depends on the count",
    r"early_stopping_.*": "depends on the count",
    r"result_scheduled_samples_per_sec": "depends on the last query",
}

# The same, of timed draws.
DROPPED_RECORDS_OF_TIMED = [
    ("generic_message", '"Ending naturally', "the reference may run out of queries, we do not"),
    ("result_invalid_reason", "", "depends on the count of queries"),
    ("error_runtime", '"Ending early: Ran out', "the reference may run out of queries, we do not"),
    ("error_runtime", '"IssueQueryThread 0 Ending early', "the reference may run out before"),
]

# Detail records that only one side has: pattern of the key, of the value's start, reason.
DROPPED_RECORDS = [
    ("warning_generic_message", '"Logging allocation detected', "the reference's logger"),
    (
        "result_lateness_.*|result_queries_held_up_by_sut|result_pacing|result_spin_s",
        "",
        "ours: lateness of the generator",
    ),
    ("result_failed_sample_count|result_caution|result_reason(_count)?", "", "ours"),
    ("result_peak_.*|peak_trial", "", "ours: the peak and its trials"),
    (
        "requested_(test05.*|infer_token_latencies|token_latency_scaling_factor|stall_timeout_ms"
        "|warmup_query_count|server_pacing|server_find_peak_(strategy|max_qps))",
        "",
        "ours: settings that the reference does not log",
    ),
    ("error_uncommitted_loadgen_changes", "", "describes the build"),
    ("warning_generic_message", "\"'", "ours: what is odd about a config file"),
    (
        "warning_generic_message",
        '"(only entries for any model|there is no scenario)',
        "ours: a model or a scenario that nothing is known of",
    ),
    (
        "warning_generic_message",
        '"(performance|accuracy)_sample_count_override is',
        "ours: a count above the library's",
    ),
]

# Detail records that are compared among themselves, wherever they stand: key, value, reason.
UNPLACED_RECORDS = [
    ("error_invalid_config", '"(?!Finding peak)', "the reference writes FromConfig's before all"),
]

# Texts: pattern, replacement, reason.
MASKED_TEXT = [
    (r"percentile estimate: \d+", "percentile estimate: #", "estimate from measured latencies"),
    (r"duration_ns \d+", "duration_ns #", "a time of the clock"),
    (r"^-9223372036854775808$", "0", "generated_query_duration at a rate of 0"),
    (r"^-?(nan|inf)$", "null", "ours: the detail log is valid JSON"),
    (r"; nothing of this file was applied: correct the line", "", "ours: what that means"),
    (r" \(FOLDER[^)]*\)", "", "ours: the config file that an error is in"),
    (r"(Ran out of generated queries).*", r"\1", "ours names the cause and the fix"),
]

# Summary lines: pattern of the label, reason. Their numbers are masked.
MASKED_LINES = {
    r".* latency \(ns\) +: ": "measured latency",
    r".*(First Token latency|Output Token|output token) \(ns\) +: ": "measured latency",
    r"(Completed|Samples|Tokens|QPS|TPS) .*: ": "measured rate",
}

# Summary lines that only ours has: pattern, reason.
DROPPED_LINES = {
    r" \* (Set offline_expected_qps to|Lower min_duration_ms:) ": "ours: advice with a value",
}

# Lines of the standard output that are not compared: pattern, reason.
DROPPED_OUTPUT = {
    r":::MLLOG ": "the detail log, which is compared as a file",
    r"Loadgen :: |(Start|Stop|Duration|Ratio) .*: ": "print_timestamps, in our own words",
}

# Parts of the summary that are not compared: first line, line after the last, when, reason.
DROPPED_PARTS = [
    ("Result is : ", "Additional Stats", "timed", "depends on the count of queries"),
    ("Scheduled samples per second", "", "timed", "depends on the last query"),
    ("TTFT Early Stopping Result:", "TPOT Early Stopping Result:", "tpot_fails", "text is empty"
     " in the reference if TPOT, which it tests first, fails"),
]  # fmt: skip

# Parts of the summary that only ours has: title, reason.
DROPPED_BLOCKS = {
    "Load Generator": "ours: lateness of the generator",
    "Peak": "ours: the peak in a line of its own",
}

# Files that only one side writes: pattern of the name, reason.
DROPPED_FILES = {r"loadgen_samples": "ours: every sample's times"}

# Settings that we refuse with a SettingsError, where the reference crashes, hangs or misleads:
# total and performance count of the library, settings. A number as text is not finite.
REFUSED = [
    ((0, 0), {}),
    ((10, 0), {}),
    ((10, 10), {"min_query_count": 0}),
    ((10, 10), {"single_stream_expected_latency_ns": 0.0}),
    ((10, 10), {"single_stream_target_latency_percentile": 1.0}),
    ((10, 10), {"accuracy_log_probability": 1.5}),
    ((10, 10), {"performance_issue_same": True, "performance_issue_same_index": 10}),
    ((10, 10), {"scenario": "MultiStream", "multi_stream_samples_per_query": 0}),
    ((10, 10), {"scenario": "Server", "server_target_qps": 0.0}),
    ((10, 10), {"scenario": "Server", "server_target_qps": "inf"}),
    ((10, 10), {"scenario": "Server", "server_target_qps": "nan"}),
    ((10, 10), {"scenario": "Offline", "offline_expected_qps": -1.0}),
]

# ---- Running -----------------------------------------------------------------------------------


def run_worker(python, draw, folder):
    """Returns what the worker saw, and its files; or a dictionary with only `failure`."""
    folder.mkdir()
    try:
        process = subprocess.run(
            [python, str(WORKER), str(folder)],
            input=json.dumps(draw),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return {"failure": f"still running after {LIMIT_S} s"}
    if process.returncode != 0:
        lines = process.stderr.strip().splitlines() or [""]
        return {"failure": f"exit status {process.returncode}: {lines[-1]}"}
    seen = json.loads((folder / "result.json").read_text())
    seen["stdout"] = process.stdout
    logs = sorted((folder / "logs").glob("*")) if (folder / "logs").exists() else []
    seen["files"] = {
        re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ_", "DATETIME_", path.name): path.read_text()
        for path in logs
        if not any(re.fullmatch(pattern, path.name) for pattern in DROPPED_FILES)
    }
    return seen


def run_both(interpreters, draw):
    with tempfile.TemporaryDirectory() as folder:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = [
                pool.submit(run_worker, python, draw, Path(folder) / name)
                for name, python in interpreters.items()
            ]
            seen = [run.result() for run in runs]
        # The logs name the folder, which differs.
        for name, one in zip(interpreters, seen, strict=True):
            place = str(Path(folder) / name)
            for file, text in one.get("files", {}).items():
                one["files"][file] = text.replace(place, "FOLDER")
        return seen


# ---- Reading -----------------------------------------------------------------------------------


def detail_records(text):
    """Of each record: key, value as written, whether an error, whether a warning."""
    pattern = re.compile(
        r':::MLLOG \{"key": "([^"]*)", "value": (.*?), "time_ms": [\d.-]+, "namespace".*?'
        r'"is_error": (true|false), "is_warning": (true|false)'
    )
    records = []
    # A line break in a value is written as it is by the reference.
    for line in re.sub(r"\n(?!:::MLLOG )(?=.)", " ", text).splitlines():
        match = pattern.match(line)
        records.append(match.groups() if match else ("UNREADABLE", line, "false", "false"))
    return records


def trace_samples(text):
    """The begin events of the samples: sequence number to (ns, query, index)."""
    samples = {}
    pattern = re.compile(
        r'"name":\s*"Sample"[^}]*?"ph":\s*"b"[^}]*?"id":\s*(\d+)[^}]*?"ts":\s*(-?\d+)\.(\d{3})'
        r'[^}]*?"query_seq":\s*(\d+)[^}]*?"sample_idx":\s*(\d+)'
    )
    for number, us, ns, query, index in pattern.findall(text):
        sign = -1 if us.startswith("-") else 1
        time_ns = int(us) * 1000 + sign * int(ns)
        samples[int(number)] = (time_ns, int(query), int(index))
    return samples


def accuracy_records(text):
    return {record["seq_id"]: record for record in json.loads(text)}


def loaded_parts(events):
    """Cuts the events at each flush: the calls of IssueQuery between two."""
    parts = [[]]
    for event in events:
        if event[0] == "issue":
            parts[-1].append(event[1])
        elif event[0] == "flush":
            parts.append([])
    return parts[:-1]


def is_timed(draw):
    """Whether the number of queries of the last set depends on the machine's speed."""
    final = draw["final"]
    if draw["settings"] is None or draws.effective_mode(final) == "AccuracyOnly":
        return False
    closed_loop = final["scenario"] in ("SingleStream", "MultiStream")
    by_clock = closed_loop and final["min_duration_ms"] > 0
    # The limit is tested after each call, which may have any number of overdue queries.
    by_call = final["server_coalesce_queries"] and final["max_query_count"] > 0
    return by_clock or by_call or final["max_duration_ms"] > 0


# ---- Comparing ---------------------------------------------------------------------------------


class Comparison:
    """The differences of one draw."""

    def __init__(self, draw, reference, ours):
        self.draw = draw
        self.sides = (reference, ours)
        self.timed = is_timed(draw)
        self.differences = []

    def equal(self, what, reference, ours):
        if reference == ours:
            return True
        if isinstance(reference, list) and isinstance(ours, list):
            what, reference, ours = first_difference(what, reference, ours)
        elif isinstance(reference, dict) and isinstance(ours, dict):
            keys = [k for k in {**reference, **ours} if reference.get(k) != ours.get(k)]
            what = f"{what}[{keys[0]!r}] (of {len(keys)})"
            reference, ours = reference.get(keys[0]), ours.get(keys[0])
        self.differences.append(f"{what}: reference {shorten(reference)}, ours {shorten(ours)}")
        return False

    def both(self, read):
        return [read(side) for side in self.sides]

    def run(self):
        failures = [side.get("failure") for side in self.sides]
        if any(failures):
            self.equal("process", *failures)
            return self.differences or [f"process: both {failures[0]}"]
        self.equal("FromConfig", *self.both(lambda side: side["configs"]))
        if self.draw["settings"] is not None:
            self.equal("settings", *self.both(lambda side: side["run"]["settings"]))
            self.compare_callbacks()
            self.compare_files()
        return self.differences

    def compare_callbacks(self):
        runs = self.both(lambda side: side["run"])
        names = [[event[0] for event in run["events"] if event[0] != "issue"] for run in runs]
        self.equal("callbacks", *names)
        sets = [[e for e in run["events"] if e[0] in ("load", "unload")] for run in runs]
        self.equal("loaded sets", *sets)
        if not self.timed:
            self.equal("calls of response_cb", *[run["callback_calls"] for run in runs])
        parts = [loaded_parts(run["events"]) for run in runs]
        for i, (a, b) in enumerate(zip(*parts, strict=False)):
            if self.draw["final"]["server_coalesce_queries"]:
                # How many queries are overdue is the machine's doing.
                a, b = ([index for call in part for index in call] for part in (a, b))
            if self.timed and i == len(parts[0]) - 1:
                a, b = common(a, b)
            self.equal(f"issued, part {i}", a, b)

    def compare_files(self):
        self.equal("file names", *self.both(lambda side: sorted(side["files"])))
        self.compare_summaries(*self.files("summary.txt"))
        self.compare_details(*self.files("detail.txt"))
        self.compare_accuracy(*self.files("accuracy.json"))
        self.compare_traces(*self.files("trace.json"))

    def files(self, kind):
        return self.both(lambda side: self.file(side, kind))

    def file(self, side, kind):
        name, extension = kind.split(".")
        log = self.draw["log"]
        prefix = log["prefix"] + ("DATETIME_" if log["prefix_with_datetime"] else "")
        return side["files"].get(f"{prefix}{name}{log['suffix']}.{extension}", "")

    # ---- Detail log

    def detail(self, text):
        """The records to compare: those whose order counts, and the others."""
        masks = MASKED_VALUES | (MASKED_VALUES_OF_TIMED if self.timed else {})
        if tpot_fails(text):
            masks["early_stopping_ttft_result"] = "empty in the reference if TPOT fails"
        dropped_errors, _ = self.dropped_counts(text)
        placed, unplaced = [], []
        for record in detail_records(text):
            if self.is_dropped(record):
                continue
            key, value, error, warning = record
            if any(re.fullmatch(pattern, key) for pattern in masks):
                value = "#"
            if key == "num_errors":
                value = str(int(value) - dropped_errors)
            record = (key, mask_text(value), error, warning)
            (unplaced if is_any_of(UNPLACED_RECORDS, record) else placed).append(record)
        return placed, unplaced

    def compare_details(self, reference, ours):
        placed, unplaced = zip(self.detail(reference), self.detail(ours), strict=True)
        self.equal("detail log", *placed)
        self.equal("config errors", *unplaced)

    def is_dropped(self, record):
        return is_any_of(DROPPED_RECORDS, record) or (
            self.timed and is_any_of(DROPPED_RECORDS_OF_TIMED, record)
        )

    def dropped_counts(self, detail):
        """Errors and warnings among the records that are dropped."""
        dropped = [record for record in detail_records(detail) if self.is_dropped(record)]
        return tuple(sum(record[flag] == "true" for record in dropped) for flag in (2, 3))

    # ---- Summary

    def summary_lines(self, text, dropped=(0, 0)):
        """The lines to compare; `dropped`: errors and warnings of the detail log that are not."""
        lines = []
        conditions = {"timed": self.timed, "tpot_fails": tpot_fails(text)}
        for line in without_parts(drop_blocks(text.splitlines()), conditions):
            if any(re.match(pattern, line) for pattern in DROPPED_LINES):
                continue
            line = reduced_count(line, *dropped)
            for pattern in MASKED_LINES:
                if re.match(pattern, line):
                    line = re.sub(r"(: +)-?[\d.]+(e[+-]?\d+)?$", r"\1#", line)
            lines.append(mask_text(line))
        return lines

    def compare_summaries(self, *summaries):
        details = self.files("detail.txt")
        outputs = self.both(lambda side: side["stdout"])
        for what, texts in {"summary": summaries, "standard output": outputs}.items():
            if what == "standard output":
                texts = [without_other_output(text) for text in texts]
            lines = [
                self.summary_lines(text, self.dropped_counts(detail))
                for text, detail in zip(texts, details, strict=True)
            ]
            self.equal(what, *lines)

    # ---- Accuracy log and trace

    def compare_accuracy(self, reference, ours):
        a, b = accuracy_records(reference), accuracy_records(ours)
        if self.timed:
            end = min(self.sample_counts())
            a, b = ({k: v for k, v in records.items() if k < end} for records in (a, b))
        self.equal("accuracy log", a, b)

    def sample_counts(self):
        return self.both(
            lambda side: sum(
                len(call) for part in loaded_parts(side["run"]["events"]) for call in part
            )
        )

    def compare_traces(self, reference, ours):
        if not self.draw["log"]["enable_trace"]:
            self.equal("trace", reference, ours)
            return
        a, b = trace_samples(reference), trace_samples(ours)
        end = min(self.sample_counts()) if self.timed else None
        for what, values in {
            "queries and indices of the trace": lambda samples: {
                k: v[1:] for k, v in samples.items() if end is None or k < end
            },
            "schedule": lambda samples: self.schedule(samples, end),
        }.items():
            self.equal(what, values(a), values(b))

    def schedule(self, samples, end):
        """Of each sample, in Server: ns after the first of its part."""
        if self.draw["final"]["scenario"] != "Server":
            return {}
        deltas, number = {}, 0
        parts = loaded_parts(self.sides[0]["run"]["events"])
        for part in parts:
            count = sum(len(call) for call in part)
            first = samples.get(number, (0,))[0]
            for k in range(number, number + count):
                if k in samples and (end is None or k < end):
                    deltas[k] = samples[k][0] - first
            number += count
        return deltas


def is_any_of(table, record):
    """Whether a record is in a table of keys and values, both patterns, and reasons."""
    key, value = record[:2]
    return any(re.fullmatch(row[0], key) and re.match(row[1], value) for row in table)


def tpot_fails(text):
    """Whether the early stopping text of TPOT, in a detail or summary log, is a failure."""
    return re.search(r"(early_stopping_tpot_result|TPOT Early)[^:]*:\s*\"? \* (Run un|Only)", text)


def without_parts(lines, conditions):
    """Without the parts of which the condition holds. A last line "" means only one line."""
    kept, end = [], None
    for line in lines:
        if end and line.startswith(end):
            end = None
        if end is None:
            parts = [p for p in DROPPED_PARTS if line.startswith(p[0]) and conditions[p[2]]]
            if not parts:
                kept.append(line)
            else:
                end = parts[0][1] or None
    return kept


def reduced_count(line, errors, warnings):
    """A line of the summary's end, with its count less what is dropped."""
    match = re.fullmatch(r"(No|\d+) (warning|error)s? encountered.*", line, re.IGNORECASE)
    if not match:
        return line
    count = 0 if match[1] == "No" else int(match[1])
    kind = match[2].lower()
    return f"{count - (errors if kind == 'error' else warnings)} {kind}s"


def without_other_output(text):
    """What of the standard output is a summary."""
    lines = text.splitlines(True)
    return "".join(
        line for line in lines if not any(re.match(pattern, line) for pattern in DROPPED_OUTPUT)
    )


def mask_text(text):
    for pattern, replacement, _ in MASKED_TEXT:
        text = re.sub(pattern, replacement, text)
    return text


def drop_blocks(lines):
    """Without the blocks whose titles are ours: an empty line, a rule, the title, a rule, lines."""
    for title in DROPPED_BLOCKS:
        if title in lines:
            at = lines.index(title)
            end = lines.index("", at)
            lines = lines[: at - 2] + lines[end:]
    return lines


def common(a, b):
    count = min(len(a), len(b))
    return a[:count], b[:count]


def first_difference(what, a, b):
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return f"{what}[{i}]", x, y
    longer = a if len(a) > len(b) else b
    i = min(len(a), len(b))
    which = "reference" if longer is a else "ours"
    rest = f"{len(longer) - i} more, from {shorten(longer[i])}"
    return f"{what}[{i}]", *((rest, "the end") if which == "reference" else ("the end", rest))


def shorten(value):
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 300 else text[:300] + "..."


# ---- The command -------------------------------------------------------------------------------


def compare_draw(interpreters, seed):
    """The differences that two runs of the draw have both shown."""
    draw = draws.draw(seed)
    differences = []
    for _ in range(2):
        differences = Comparison(draw, *run_both(interpreters, draw)).run()
        if not differences:
            break
    return differences


def check_refusals(ours):
    """Prints the cases that we should refuse and do not; returns their number."""
    with tempfile.TemporaryDirectory() as folder:
        seen = run_worker(ours, {"refusals": REFUSED}, Path(folder) / "ours")
    if "failure" in seen:
        print(f"refusals: {seen['failure']}")
        return len(REFUSED)
    accepted = [case for case, refused in zip(REFUSED, seen["refused"], strict=True) if not refused]
    for case in accepted:
        print(f"refusals: not refused: {case}")
    return len(accepted)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", required=True, help="interpreter that has the reference")
    parser.add_argument("--ours", default=sys.executable, help="interpreter that has our module")
    parser.add_argument("--draws", type=int, default=200, help="number of draws")
    parser.add_argument("--seed", type=int, default=0, help="of the seeds of the draws")
    parser.add_argument("--only", type=int, help="the one draw with this seed")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    interpreters = {"reference": arguments.reference, "ours": arguments.ours}
    rng = random.Random(arguments.seed)
    seeds = [rng.getrandbits(32) for _ in range(arguments.draws)]
    if arguments.only is not None:
        seeds = [arguments.only]
    differing = 0
    for seed in seeds:
        differences = compare_draw(interpreters, seed)
        differing += bool(differences)
        for difference in differences:
            print(f"draw {seed}: {difference}", flush=True)
    failed_refusals = check_refusals(arguments.ours)
    print(f"{len(seeds) - differing} draws agree, {differing} differ")
    return 1 if differing or failed_refusals else 0


if __name__ == "__main__":
    sys.exit(main())
