"""Logs outlive the test: killed processes, full disks, removed directories, earlier logs.

Method: accuracy runs are killed at random places; what they had completed, as they report through
a pipe, must be in logs that can be read. Disks are made full by a limit of file sizes and by links
to /dev/full: the run must go on, StartTest must raise the whole result, and the logs that could be
written must be intact.
"""

import math
import random
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import runs
from runs import HANG_LIMIT_S, MLLOG_PREFIX, SCENARIOS, Run, answer, run_in, strict_json

import mlperf_loadgen as lg

NAMES = ("summary.txt", "detail.txt", "accuracy.json", "trace.json", "samples.npy")


def log_path(directory, name):
    folder = "loadgen_samples/" if name == "samples.npy" else ""
    return Path(f"{directory}/{folder}mlperf_log_{name}")


# ---- Killed processes ----------------------------------------------------------------------------

KILLS = 50
AT_A_TIME = 2
RECORDS_PER_S = 15000
BATCH_SIZE = 50
PAYLOAD_SIZE = 1024
BLOCK_SIZE = 1 << 20
WRITTEN_WITHIN_S = 1 + 5
QUEUED_BLOCKS = 10
"""Those that are full, one that is being written and one that is being filled: a completion waits
when there are more."""

KILLED = """
    import os, queue, sys, threading, time
    import mlperf_loadgen as lg

    records_per_s, batch_size = float(sys.argv[1]), int(sys.argv[2])
    work = queue.SimpleQueue()

    def answer():
        completed, start_s = 0, time.monotonic()
        while True:
            samples = work.get()
            for i in range(0, len(samples), batch_size):
                batch = samples[i : i + batch_size]
                payloads = [sample.index.to_bytes(4, "little") * 256 for sample in batch]
                lg.complete([sample.id for sample in batch], payloads)
                completed += len(batch)
                os.write(1, completed.to_bytes(8, "little"))
                ahead_s = start_s + completed / records_per_s - time.monotonic()
                time.sleep(max(ahead_s, 0))

    threading.Thread(target=answer, daemon=True).start()
    sut = lg.ConstructSUT(lambda samples: work.put(list(samples)), lambda: None)
    qsl = lg.ConstructQSL(1000000, 1500, lambda indices: None, lambda indices: None)
    settings = lg.TestSettings(scenario=lg.TestScenario.Offline, mode=lg.TestMode.AccuracyOnly)
    lg.StartTest(sut, qsl, settings)
"""


@dataclass(frozen=True)
class Killed:
    """A test that was killed: what it had completed, and what its logs have."""

    completed: int
    records: int
    detail: int
    rows: int

    @property
    def lost_bytes(self):
        return 2 * PAYLOAD_SIZE * (self.completed - self.records)


class Victim:
    """A process that runs a test of a million samples."""

    def __init__(self, directory, records_per_s, batch_size):
        self.directory = directory
        command = [sys.executable, "-c", textwrap.dedent(KILLED)]
        self.process = subprocess.Popen(
            [*command, str(records_per_s), str(batch_size)], cwd=directory, stdout=subprocess.PIPE
        )
        self.reported = []  # (time, samples completed)
        self.started = threading.Event()
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()
        self.started.wait()

    def listen(self):
        while count := self.process.stdout.read(8):
            self.reported.append((time.monotonic(), int.from_bytes(count, "little")))
            self.started.set()
        self.started.set()

    def wait_until_completed(self, count):
        """Until it has reported so many samples, however long this machine takes for them."""
        deadline_s = time.monotonic() + HANG_LIMIT_S
        while self.completed() < count:
            assert time.monotonic() < deadline_s, f"{self.completed()} of {count} completed"
            time.sleep(0.001)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.listener.join()
        self.process.stdout.close()

    def completed(self, until_s=math.inf):
        return max((count for time_s, count in self.reported if time_s <= until_s), default=0)


def read_killed(victim):
    """Reads all logs; each record must be whole and the right one."""
    directory = victim.directory
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That the files are cut off.
        log = lg.read_accuracy(directory / "mlperf_log_accuracy.json")
        rows = lg.read_samples(directory / "loadgen_samples/mlperf_log_samples.npy")
    if len(log) > 0:
        values = log.payloads.as_array(np.uint32)
        assert values.shape == (len(log), PAYLOAD_SIZE // 4)
        assert (values == log.indices[:, None]).all()
        assert len(np.unique(log.sequence_ids)) == len(log)
    detail = (directory / "mlperf_log_detail.txt").read_text().split("\n")
    assert detail.pop() == ""  # The last line is whole as well.
    records = [strict_json(line.removeprefix(MLLOG_PREFIX)) for line in detail]
    assert (rows["completed_ns"] >= rows["issued_ns"]).all()
    read = Killed(victim.completed(), len(log), len(records), len(rows))
    shutil.rmtree(directory)
    return read


def kill_after(directory, count):
    victim = Victim(directory, records_per_s=RECORDS_PER_S, batch_size=BATCH_SIZE)
    try:
        victim.wait_until_completed(count)
    finally:
        victim.kill()
    return read_killed(victim)


@pytest.fixture(scope="module", autouse=True)
def slow_victim(tmp_path_factory):
    """Completes twenty samples a second, from the first test of this file on."""
    victim = Victim(tmp_path_factory.mktemp("slow"), records_per_s=20, batch_size=1)
    yield victim
    victim.kill()


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    counts = random.Random(1)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        runs = [
            pool.submit(kill_after, tmp_path_factory.mktemp("killed"), counts.randrange(7000))
            for _ in range(KILLS)
        ]
        return [run.result() for run in runs]


def test_logs_of_killed_processes_can_be_read(killed):
    assert len(killed) == KILLS
    assert sum(run.records > 0 for run in killed) > KILLS / 2
    assert sum(run.rows > 0 for run in killed) > KILLS / 2
    for run in killed:
        assert run.detail > 50  # The settings are there, whatever comes later.
        assert run.rows <= run.completed + BATCH_SIZE  # It reports after it has completed.


def test_killed_processes_lose_little(killed):
    """A block of 1 MiB is written when it is full; more may wait for a disk that is too slow."""
    assert all(run.lost_bytes <= QUEUED_BLOCKS * BLOCK_SIZE for run in killed)
    lost = sorted(run.lost_bytes for run in killed)
    assert lost[len(lost) // 2] <= BLOCK_SIZE + BATCH_SIZE * 2 * PAYLOAD_SIZE
    assert sum(run.completed * 2 * PAYLOAD_SIZE > 2 * BLOCK_SIZE for run in killed) > KILLS / 2


# ---- Disks that are full -------------------------------------------------------------------------


def assert_written(run, names):
    """The logs of these names are whole."""
    if "summary.txt" in names:
        assert "encountered" in run.summary.splitlines()[-1]
    if "detail.txt" in names:
        assert run.values("result_validity")
        assert run.value("num_errors") >= 0
    if "accuracy.json" in names:
        assert sorted({record["qsl_idx"] for record in run.accuracy}) == list(range(20))
    if "trace.json" in names:
        assert len(run.trace["traceEvents"]) > 10
    if "samples.npy" in names:
        assert len(lg.read_samples(log_path(run.outdir, "samples.npy"))) == len(run.issued)


def assert_whole_result(result, run):
    assert result.performance.query_count == 10
    assert result.accuracy_sample_count == 20
    assert len(run.issued) >= 20 + 10
    assert run.calls("load") == run.calls("unload")
    assert "latency" in str(result)


@pytest.mark.parametrize(
    "names", [*[(name,) for name in NAMES], ("detail.txt", "trace.json"), NAMES], ids="+".join
)
def test_full_disk(tmp_path, names):
    (tmp_path / "loadgen_samples").mkdir()
    for name in names:
        log_path(tmp_path, name).symlink_to("/dev/full")
    with pytest.raises(lg.LogWriteError) as raised:
        run_in(tmp_path, mode="SubmissionRun")
    assert isinstance(raised.value, OSError)
    result, run = raised.value.result, raised.value.run
    failures = result.log_failure.splitlines()
    assert str(raised.value) == result.log_failure
    assert len(failures) == len(names)
    for name, failure in zip(names, failures, strict=True):
        assert f"cannot write log file '{log_path(tmp_path, name)}'" in failure
        assert "No space left on device" in failure
    assert_whole_result(result, run)
    assert ("accuracy.json" in names) == any("accuracy log" in text for text in result.reasons)
    assert_written(run, set(NAMES) - set(names))
    run_in(tmp_path / "next")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_removed_directory(tmp_path, scenario):
    outdir = tmp_path / "logs"

    def issue(samples):
        shutil.rmtree(outdir, ignore_errors=True)
        answer(samples)

    with pytest.raises(lg.LogWriteError) as raised:
        run_in(outdir, issue=issue, scenario=scenario, mode="SubmissionRun", server_target_qps=1e4)
    failures = raised.value.result.log_failure.splitlines()
    assert len(failures) == len(NAMES)
    for name, failure in zip(NAMES, failures, strict=True):
        assert f"'{log_path(outdir, name)}' was removed while the test ran" in failure
    assert raised.value.result.accuracy_sample_count >= 20  # MultiStream fills its last query up.
    assert not outdir.exists()


LIMITED = """
    import resource, sys
    sys.path.insert(0, sys.argv[1])
    from runs import run_in
    import mlperf_loadgen as lg

    def issue(samples):
        lg.complete([s.id for s in samples], [bytes(1024)] * len(samples))

    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    # The accuracy log would have 2 MB, the others have less than 1 MB.
    arguments = dict(total=1000, performance=1000, mode="SubmissionRun", issue=issue)
    if sys.argv[2] == "caught":
        try:
            run_in("logs", **arguments)
        except lg.LogWriteError as error:
            print(error.result.accuracy_sample_count, error.result.performance.query_count)
            print(error)
    else:
        run_in("logs", **arguments)
"""


@pytest.mark.parametrize("form", ["caught", "uncaught"])
def test_limit_of_file_sizes(run_script, tmp_path, form):
    done = run_script(LIMITED, str(runs.HELPERS), form)
    failure = "cannot write log file 'logs/mlperf_log_accuracy.json': File too large"
    assert failure in done.stderr
    if form == "caught":
        assert done.returncode == 0, done.stderr
        counts, text = done.stdout.splitlines()
        assert counts == "1000 10"
        assert failure in text
    else:
        assert done.returncode == 1
        assert "LogWriteError" in done.stderr
    run = Run(tmp_path / "logs")
    assert run.values("result_validity")
    assert len(run.trace["traceEvents"]) > 1000
    assert len(lg.read_samples(log_path(tmp_path / "logs", "samples.npy"))) == 1010
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log = lg.read_accuracy(tmp_path / "logs" / "mlperf_log_accuracy.json")
    assert log.truncated
    assert 400 < len(log) < 600
    assert log.payloads.as_array(np.uint8).shape == (len(log), 1024)


# ---- Logs of an earlier test ---------------------------------------------------------------------


def contents(directory):
    """Name, bytes and time of the last change of each file."""
    return [
        (path.name, path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]


def put_earlier_log(directory, name):
    path = log_path(directory, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("of an earlier test\n")


@pytest.mark.parametrize("name", NAMES)
def test_earlier_logs_are_overwritten_with_a_warning(tmp_path, name):
    put_earlier_log(tmp_path, name)
    with pytest.warns(lg.LogsOverwrittenWarning, match=f"mlperf_log_{name}.*exist_ok") as caught:
        run = run_in(tmp_path, mode="SubmissionRun")
    assert len(caught) == 1
    assert_written(run, NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strict", ["exist_ok", "warnings"])
def test_earlier_logs_are_kept(tmp_path, name, strict):
    put_earlier_log(tmp_path, name)
    before = contents(tmp_path)
    expected = FileExistsError if strict == "exist_ok" else lg.LogsOverwrittenWarning
    with pytest.raises(expected, match=f"mlperf_log_{name}") as refused, warnings.catch_warnings():
        warnings.simplefilter("error")
        own_log(tmp_path, exist_ok=strict != "exist_ok")
    assert contents(tmp_path) == before
    assert refused.value.run.events == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_in(tmp_path / "next")


def own_log(outdir, **output):
    log = lg.LogSettings().log_output
    log.outdir = str(outdir)
    for key, value in output.items():
        setattr(log, key, value)
    return run_in(outdir, log={"log_output": log})


def test_files_that_are_no_earlier_logs(tmp_path):
    """Empty files, other names, and devices."""
    (tmp_path / "mlperf_log_detail.txt").touch()
    (tmp_path / "mlperf_log_trace.json").symlink_to("/dev/null")
    put_earlier_log(tmp_path, "other.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own_log(tmp_path, exist_ok=False)
        own_log(tmp_path, exist_ok=False, prefix="second_")
    with pytest.raises(FileExistsError):
        own_log(tmp_path, exist_ok=False, prefix="second_")


# ---- A slow test that is killed: last, since it runs while the others do -------------------------


def test_a_killed_slow_test_loses_a_second(slow_victim):
    """A record is written within a second; five more are for a loaded machine."""
    first_s, _ = slow_victim.reported[0]
    time.sleep(max(0, first_s + WRITTEN_WITHIN_S + 3 - time.monotonic()))
    kill_s = time.monotonic()
    slow_victim.kill()
    safe = slow_victim.completed(until_s=kill_s - WRITTEN_WITHIN_S)
    assert safe > 10
    assert safe <= read_killed(slow_victim).records <= slow_victim.completed() + 1
