"""`pareto` measures each variant in a process of its own, says what failed, and can be resumed.

Method: whole tables, with short runs, of systems whose answers and ratios of speeds are known
(helpers/tradeoff_systems.py). A killed run is one: a program that is ended by SIGKILL in the middle
of a row.
"""

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tradeoff_systems as systems
from runs import HELPERS, until

import mlperf_loadgen as lg
from mlperf_loadgen.tradeoffs.intervals import paired_interval, wilson_interval

QUICK = {"budget_s": 0.1, "settings": lg.TestSettings(min_query_count=20)}


@pytest.fixture(autouse=True)
def _made(tmp_path, monkeypatch):
    monkeypatch.setenv("MADE", str(tmp_path / "made"))
    (tmp_path / "made").touch()


def table(variants, library=systems.Numbers, make=systems.make, **options):
    return lg.pareto(make, library, variants, **(QUICK | options))


def row(variant, **options):
    (found,) = table([variant], **options).rows
    return found


# ---- What is measured ----------------------------------------------------------------------------


def test_numbers_of_systems_with_known_answers_and_ratios():
    found = table(["fast", "slow", "wrong:7"])
    fast, slow, wrong = found.rows
    assert 2 < slow.latency_p50_ns / fast.latency_p50_ns < 8 / 0.5
    assert 2 < fast.samples_per_second / slow.samples_per_second < 8 / 0.5
    assert fast.latency_p50_ns <= fast.latency_p99_ns
    assert fast.load_ns > 0.0005 * 1e9
    assert fast.accuracy == slow.accuracy == 1.0
    missed = len(range(0, systems.COUNT, 7))
    assert wrong.accuracy == 1 - missed / systems.COUNT
    assert wrong.accuracy_interval == wilson_interval(systems.COUNT - missed, systems.COUNT)
    assert wrong.accuracy_change == pytest.approx(-missed / systems.COUNT)
    assert wrong.accuracy_change_interval == paired_interval(missed, 0, systems.COUNT)
    assert any(text.startswith("it is slower than fast") for text in slow.cautions)
    assert any(text.startswith("all of its answers are equal") for text in slow.cautions)
    assert slow.on_front == (slow.latency_p99_ns < fast.latency_p99_ns)  # By chance alone.
    assert found.minimize == ("latency_p99_ns",)  # No system has files.
    assert found.maximize == ("accuracy", "samples_per_second")


def test_each_row_has_a_process_of_its_own_and_repeats_take_turns():
    found = table(["wrong:2", "wrong:3"], repeats=2)
    assert [variant for variant, _ in systems.made()] == ["wrong:2", "wrong:3"] * 2
    processes = {process for _, process in systems.made()}
    assert len(processes) == 4
    assert os.getpid() not in processes
    assert [r.run_count for r in found.rows] == [2, 2]


def test_sizes_are_those_of_the_files(tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes(bytes(3000))
    monkeypatch.setenv("MODEL_FILE", str(tmp_path / "model"))
    found = row("sized")
    assert (found.disk_bytes, found.bits_per_weight, found.kind) == (3000, 16.0, "kernels")


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the memory is read from Linux's files"
)
def test_the_size_of_a_folder_is_that_of_its_files(tmp_path, monkeypatch):
    (tmp_path / "model" / "part").mkdir(parents=True)
    (tmp_path / "model" / "weights").write_bytes(bytes(2500))
    (tmp_path / "model" / "part" / "names").write_bytes(bytes(500))
    monkeypatch.setenv("MODEL_FILE", str(tmp_path / "model"))
    assert row("sized").disk_bytes == 3000


def test_memory_is_what_the_system_added():
    found = row("large")
    assert 0.9 < found.resident_bytes / systems.BLOCK_BYTES < 2
    # Three blocks at once, and what the allocator has not given back yet.
    assert 2.9 < found.peak_resident_bytes / systems.BLOCK_BYTES < 8


def test_the_peak_is_found_under_the_bound(tmp_path):
    found = row("fast", bound_ns=10**9, budget_s=1.8, outdir=tmp_path / "out")
    if found.peak_qps is None:  # A busy machine may leave too little time to know it.
        assert any(reason.startswith("peak: ") for reason in found.reasons)
    else:
        assert 0 < found.peak_qps < 2000  # A sample takes half a millisecond.
    detail = (tmp_path / "out/fast/repeat_0/peak/mlperf_log_detail.txt").read_text()
    assert '"server_target_latency_ns", "value": 1000000000' in detail.replace("requested_", "")
    assert "FindPeakPerformance" in detail


def test_a_peak_that_is_not_determined_is_said_to_be_so():
    found = row("wrong:2", bound_ns=10**10, budget_s=0.1)  # No time to learn anything.
    assert found.peak_qps is None
    assert any(reason.startswith("peak: not determined") for reason in found.reasons)


def test_an_offline_run_that_its_probe_made_too_short_is_run_again(tmp_path):
    row("constant", outdir=tmp_path)
    text = (tmp_path / "constant/repeat_0/offline/mlperf_log_detail.txt").read_text()
    records = [json.loads(line.removeprefix(":::MLLOG ")) for line in text.splitlines()]
    asked = {record["key"]: record["value"] for record in records}
    assert asked.get("requested_offline_probe_duration_ms", 0) == 0
    assert asked["requested_offline_expected_qps"] > 1000


def test_a_value_may_be_any_object_and_make_may_take_the_library():
    found = table(["fast"], make=systems.make_with_library)
    assert found.rows[0].run_count == 1
    numbers = table([2, 3], make=partial(_wrong_every, "wrong"))
    assert [r.variant for r in numbers.rows] == ["2", "3"]
    assert numbers.rows[0].accuracy == 0.5


def _wrong_every(word, number):
    assert isinstance(number, int)
    return systems.make(f"{word}:{number}")


@pytest.mark.parametrize(
    ("library", "accuracy", "has_interval"),
    [(systems.Scored, 0.5, True), (systems.Valued, 12.5, False), (systems.Unlabelled, None, False)],
)
def test_libraries_judge_in_their_ways(library, accuracy, has_interval):
    found = row("wrong:2", library=library)
    assert found.accuracy == accuracy
    assert (found.accuracy_interval is not None) == has_interval


def test_a_library_may_be_an_object():
    assert row("wrong:2", library=systems.Numbers()).accuracy == 0.5


# ---- What fails ----------------------------------------------------------------------------------

FAILURES = {
    "refused": "ValueError: there is no accelerator (tradeoff_systems.py:",
    "raises": "KeyError: 'no such sample' (tradeoff_systems.py:",
    "wordy": "RuntimeError: too many (tradeoff_systems.py:",
    "aborts": "RuntimeError: the first_answer run was aborted",
    "exits": "its process ended with status 7 in the middle of its work",
    "killed": "its process was killed by SIGKILL",
    "no_system": "TypeError: 3.5 is no SystemUnderTest",
    "silent": "ValueError: the responses hold no bytes",
    "no_files": "ValueError: model_files is empty: name the files",
    "sized": "FileNotFoundError: model_files: there is no file nowhere",
}


def test_a_row_that_fails_is_named_with_its_reason_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_FILE", "nowhere")
    lines = []
    found = table([*FAILURES, "wrong:2"], outdir=tmp_path / "out", progress=lines.append)
    for variant, failed in zip(FAILURES, found.rows, strict=False):
        assert failed.error.startswith(FAILURES[variant]), failed
        assert failed.run_count == 0
        assert (tmp_path / "out" / variant / "repeat_0" / "error.txt").read_text()
    assert found.rows[-1].accuracy == 0.5
    assert len(lines) == len(FAILURES) + 1
    assert lines[0] == f"refused: not measured: {found.rows[0].error}"
    assert "failed: killed: its process was killed by SIGKILL" in str(found)
    trace = (tmp_path / "out/raises/repeat_0/error.txt").read_text()
    assert trace.startswith("Traceback") and "in issue_query" in trace


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_a_killed_one_left_behind_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("LEFT", str(tmp_path / "left"))
    try:
        assert row("leaves").error.startswith("its process was killed by SIGKILL")
        left = int((tmp_path / "left").read_text())
        assert alive(left)
    finally:
        os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)


def test_a_process_that_takes_longer_than_its_limit_is_killed(tmp_path):
    """However busy the machine is: this one would wait for ever."""
    found = row("waits", limit_s=0.25, outdir=tmp_path)
    assert found.error == (
        "its process was killed after 0.25 s, the limit of a process: find out what it waits for, "
        "or raise the limit"
    )
    assert (tmp_path / "waits/repeat_0/error.txt").read_text() == found.error
    assert row("wrong:2", limit_s=1e6, outdir=tmp_path, resume=True).accuracy == 0.5


@pytest.mark.parametrize(
    ("library", "text"),
    [
        (systems.Undefined, "ValueError: score returned nan: return a finite number"),
        (systems.MoreLabels, "ValueError: there are 400 labels for 200 samples"),
    ],
)
def test_a_library_that_cannot_judge_is_named(library, text):
    assert row("fast", library=library).error.startswith(text)


def test_what_is_strange_about_the_answers_is_a_caution():
    found = row("scores", library=systems.OtherLabels)
    assert found.accuracy == 0.0
    assert any("with a class outside the labels' -100 to -91" in text for text in found.cautions)


def _of_three(variant, library, device):
    pass


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"variants": []}, ValueError, "there are no variants"),
        ({"variants": "fast"}, TypeError, r"give a list, as in \['fast'\]"),
        ({"variants": 5}, TypeError, r"variants is 5: give a list"),
        ({"variants": ["a", "a"]}, ValueError, "variant 'a' is there twice: use repeats"),
        ({"variants": [".."]}, ValueError, r"variant '\.\.' cannot be the name of a folder"),
        ({"make": lambda variant: None}, TypeError, "make cannot be handed to another process"),
        (
            {"make": _of_three},
            TypeError,
            r"is called with the variant, .*: write def make\(variant\)",
        ),
        ({"variants": ["pareto.json"]}, ValueError, "'pareto.json' cannot be the name of a fold"),
        ({"variants": ["a\nb"]}, ValueError, r"variant 'a\\nb' cannot be the name of a folder"),
        ({"max_batch": 8}, ValueError, "max_batch is 8, but it is for models"),
        ({"dtype": "foo"}, ValueError, "dtype is 'foo', which is no type of numbers"),
        ({"minimize": []}, ValueError, "name no column"),
        ({"library": lambda: None}, TypeError, "library cannot be handed"),
        ({"library": None}, TypeError, "library is None: give a sample library"),
        ({"progress": 5}, TypeError, "progress is 5: give a function of a line"),
        ({"minimize": ["size"]}, ValueError, "'size' is no column; these are: disk_bytes"),
        ({"minimize": ["accuracy"], "maximize": ["accuracy"]}, ValueError, "accuracy is there twi"),
        ({"budget_s": 0}, ValueError, "budget_s is 0: give a number of seconds above 0"),
        ({"budget_s": "60s"}, TypeError, "budget_s is '60s': give a number of seconds, such as"),
        ({"budget_s": float("nan")}, ValueError, "budget_s is nan: give a number of seconds abov"),
        ({"limit_s": True}, TypeError, "limit_s is True: give a number of seconds"),
        ({"limit_s": 0}, ValueError, "limit_s is 0: give a number of seconds above 0"),
        ({"bound_ns": -1}, ValueError, "bound_ns is -1"),
        ({"bound_ns": True}, TypeError, "bound_ns is True: give a whole number of ns"),
        ({"bound_ns": 2.5}, TypeError, "bound_ns is 2.5: give a whole number of ns"),
        ({"settings": 5}, TypeError, "settings is 5: give a TestSettings, or None"),
        ({"minimize": "disk_bytes"}, TypeError, r"minimize is 'disk_bytes': give a list of colu"),
        (
            {"settings": lg.TestSettings(single_stream_target_latency_percentile=1.5)},
            ValueError,
            "single_stream_target_latency_percentile is 1.5: set it to a fraction",
        ),
        (
            {"settings": lg.TestSettings(server_target_latency_percentile=0.4), "bound_ns": 10**6},
            ValueError,
            "server_target_latency_percentile is 0.4: for the search for the peak give a share",
        ),
        ({"repeats": 0}, ValueError, "repeats"),
        (
            {"settings": lg.TestSettings(use_token_latencies=True)},
            ValueError,
            "use_token_latencies is true",
        ),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_before_anything_runs(arguments, error, text):
    asked = {"variants": ["fast"], "make": systems.make, "library": systems.Numbers} | arguments
    with pytest.raises(error, match=text):
        lg.pareto(**asked)
    assert systems.made() == []


def test_labels_without_a_dtype_are_an_error_of_the_row():
    found = row("fast", make=_without_dtype)
    assert "nothing says what numbers the responses hold: give dtype" in found.error
    assert row("fast", make=_without_dtype, dtype="int64").accuracy == 1.0


def _without_dtype(variant):
    system = systems.make(variant)
    system.response_dtype = None
    return system


# ---- Resuming ------------------------------------------------------------------------------------

PROGRAM = """
import sys
import tradeoff_systems as systems
import mlperf_loadgen as lg

if __name__ == "__main__":
    settings = lg.TestSettings(min_query_count=20)
    variants = sys.argv[2:]
    lg.pareto(
        systems.make, systems.Numbers, variants, settings=settings, budget_s=0.1, outdir=sys.argv[1]
    )
"""


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"  # Nobody may be there to wait for it.


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_a_killed_run_resumes_and_leaves_no_process(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out = tmp_path / "out"
    path = os.pathsep.join([str(HELPERS), *filter(None, sys.path)])
    killed = subprocess.Popen(
        [sys.executable, program, out, "wrong:2", "waits", "wrong:4"],
        env=os.environ | {"PYTHONPATH": path},
    )
    until(lambda: len(systems.made()) == 2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    until(lambda: not alive(systems.made()[1][1]))
    half = lg.ParetoTable.load(out)
    assert [r.run_count for r in half.rows] == [1, 0, 0]

    resumed = table(["wrong:2", "wrong:3", "wrong:4"], outdir=out, resume=True)
    assert [variant for variant, _ in systems.made()] == ["wrong:2", "waits", "wrong:3", "wrong:4"]
    assert [r.run_count for r in resumed.rows] == [1, 1, 1]
    first = resumed.rows[0]
    assert first.latency_p99_ns == half.rows[0].latency_p99_ns
    assert resumed.rows[2].accuracy_change == pytest.approx(0.25)  # Paired with what was kept.


def test_rows_that_failed_are_measured_again(tmp_path, monkeypatch):
    monkeypatch.delenv("MODEL_FILE", raising=False)
    out = tmp_path / "out"
    assert "KeyError: 'MODEL_FILE'" in row("sized", outdir=out).error
    (tmp_path / "model").write_bytes(bytes(3000))
    monkeypatch.setenv("MODEL_FILE", str(tmp_path / "model"))
    again = row("sized", outdir=out, resume=True)
    assert (again.error, again.disk_bytes) == ("", 3000)


def test_without_resume_everything_is_measured_anew(tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        table(["wrong:2"], outdir=out)
    assert len(systems.made()) == 2


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"budget_s": 0.2}, "budget_s"),
        ({"library": systems.Scored}, "library"),
        ({"settings": lg.TestSettings(min_query_count=21)}, "settings"),
    ],
)
def test_another_table_is_not_resumed(tmp_path, change, name):
    table(["wrong:2"], outdir=tmp_path / "out")
    with pytest.raises(ValueError, match=rf"of other systems or settings \({name}\)"):
        table(["wrong:2"], outdir=tmp_path / "out", resume=True, **change)


def test_what_is_no_measurement_is_named(tmp_path):
    table(["wrong:2"], outdir=tmp_path / "out")
    (tmp_path / "out/wrong:2/repeat_0/measured.json").write_text('{"size": 3}')
    with pytest.raises(ValueError, match=r"repeat_0 does not hold what was measured"):
        table(["wrong:2"], outdir=tmp_path / "out", resume=True)


def test_an_interrupt_has_the_table_so_far(tmp_path):
    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        table(["wrong:2", "wrong:3"], outdir=tmp_path / "out", progress=interrupt)
    assert [r.run_count for r in caught.value.table.rows] == [1, 0]


# ---- Files ---------------------------------------------------------------------------------------


def test_the_files_hold_the_table(tmp_path):
    out = tmp_path / "out"
    found = table(["wrong:2", "refused"], outdir=out)
    assert lg.ParetoTable.load(out) == lg.ParetoTable.load(out / "pareto.json") == found
    written = json.loads((out / "pareto.json").read_text())
    assert written["rows"][0]["accuracy"] == 0.5
    with (out / "pareto.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["variant"] for line in lines] == ["wrong:2", "refused"]
    assert float(lines[0]["accuracy_interval_low"]) == found.rows[0].accuracy_interval[0]
    assert lines[0]["peak_qps"] == ""
    assert lines[1]["error"] == found.rows[1].error
    found.save(tmp_path / "copy")
    assert (tmp_path / "copy/pareto.json").read_bytes() == (out / "pareto.json").read_bytes()
    right = np.load(out / "wrong:2/repeat_0/right.npy")
    assert right.tolist() == [i % 2 == 1 for i in range(systems.COUNT)]


@pytest.mark.parametrize("text", ["", "{}", '{"format": "mlperf_loadgen sweep 1"}', "[1]"])
def test_what_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "pareto.json").write_text(text)
    with pytest.raises(ValueError, match=r"is no table as ParetoTable\.save writes it"):
        lg.ParetoTable.load(tmp_path)


@pytest.fixture(scope="module")
def by_hand():
    numbers = {"accuracy": 0.9, "latency_p99_ns": 2e6, "samples_per_second": 1e3}
    rows = (
        lg.ParetoRow(variant="fp32", run_count=1, disk_bytes=2**20, on_front=True, **numbers),
        lg.ParetoRow(variant="int<8>", run_count=1, disk_bytes=2**18, kind="kernels", **numbers),
        lg.ParetoRow(variant="bad", error="ValueError: no"),
    )
    return lg.ParetoTable(title="model:make", rows=rows, minimize=("disk_bytes",))


def test_the_text_has_each_row_and_only_columns_that_are_known(by_hand):
    text = str(by_hand)
    heading = text.splitlines()[1]
    assert heading.split("  ")[0] == "variant"
    assert "disk MB" in heading and "peak" not in text
    assert "front (low disk_bytes): fp32" in text
    assert "failed: bad: ValueError: no" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_picture(tmp_path, by_hand):
    pytest.importorskip("matplotlib")
    by_hand.plot(tmp_path / "table.png")
    assert (tmp_path / "table.png").read_bytes()[1:4] == b"PNG"
    with pytest.raises(ValueError, match="no row of the table has two numbers"):
        lg.ParetoTable(title="x").plot(tmp_path / "none.png")


def test_the_report_has_the_table_and_the_charts(tmp_path, by_hand):
    by_hand.save(tmp_path)
    lg.write_report(tmp_path, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "## model:make: size, accuracy and speed" in text
    assert "| fp32 | yes | 1 |" in text
    assert "| bad | failed | ValueError: no |" in text
    pytest.importorskip("plotly")
    lg.write_report(tmp_path / "pareto.json", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count('class="chart card') == 3
    assert "int&lt;8&gt;" in page and "int<8>" not in page
    pytest.importorskip("matplotlib")
    lg.write_report(tmp_path, tmp_path / "report.png")


def test_a_row_is_pickled_and_compares(by_hand):
    import pickle

    assert pickle.loads(pickle.dumps(by_hand)) == by_hand
    assert asdict(by_hand.rows[0])["disk_bytes"] == 2**20
