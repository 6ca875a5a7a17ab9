"""Threads: systems that answer from several, lent issue threads, tests not on the main thread.

Method: answers are given by Python threads through queues, in every scenario, and each sample must
be completed exactly once; no test depends on how long anything takes.
"""

import queue
import textwrap
import threading
import time

import numpy as np
import pytest
from runs import FOR_EVERY_SCENARIO, SCENARIOS, answer, errors_of, log_settings

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

WORKERS = 4


class Pool:
    """Threads that take lists of samples from a queue and answer them."""

    def __init__(self, complete):
        self.work = queue.SimpleQueue()
        self.complete = complete
        self.used = set()
        self.threads = [threading.Thread(target=self.run) for _ in range(WORKERS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while (samples := self.work.get()) is not None:
            self.used.add(threading.get_ident())
            self.complete(samples)

    def issue(self, samples):
        for i in range(0, len(samples), 3):
            self.work.put(samples[i : i + 3])

    def close(self):
        for _ in self.threads:
            self.work.put(None)
        for thread in self.threads:
            thread.join()


FORMS = {
    "objects": answer,
    "batch": lambda samples: lg.complete([s.id for s in samples]),
    "data": lambda samples: lg.complete(
        [s.id for s in samples], [s.index.to_bytes(2, "little") for s in samples]
    ),
}


@pytest.mark.parametrize("mode", ["PerformanceOnly", "AccuracyOnly", "SubmissionRun"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_answers_from_several_threads(run_test, scenario, form, mode):
    pool = Pool(FORMS[form])
    try:
        run = run_test(
            scenario=scenario,
            mode=mode,
            issue=pool.issue,
            min_query_count=200,
            server_target_qps=20000,
            total=50,
            performance=30,
        )
    finally:
        pool.close()
    assert run.errors == []
    rows = run.result.samples
    assert (rows["completed_ns"] >= rows["issued_ns"]).all()
    assert rows["sample_index"].tolist() == run.issued
    if mode != "PerformanceOnly":
        log = lg.read_accuracy(run.result.logs.accuracy)
        assert len(log) == run.result.accuracy_sample_count
        accurate = len(rows) if mode == "AccuracyOnly" else len(log)
        assert sorted(log.sequence_ids.tolist()) == list(range(accurate))
        if form == "data":
            assert (log.payloads.as_array(np.uint16)[:, 0] == log.indices).all()


def test_each_part_of_a_query_from_another_thread(run_test):
    def issue(samples):
        threads = [threading.Thread(target=lg.complete, args=([s.id],)) for s in samples]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run = run_test(scenario="MultiStream", issue=issue, min_query_count=5)
    assert run.errors == []
    latest = run.result.samples["completed_ns"].reshape(5, 8).max(axis=1)
    first_issued = run.result.samples["issued_ns"].reshape(5, 8)[:, 0]
    assert (first_issued[1:] >= latest[:-1]).all()


def test_one_completion_from_two_threads_at_once(run_test):
    """The same sample answered by all threads counts once; the others are violations."""
    barrier = threading.Barrier(WORKERS)
    works = [queue.SimpleQueue() for _ in range(WORKERS)]

    def run_worker(work):
        while (ids := work.get()) is not None:
            barrier.wait()
            lg.complete(ids)

    threads = [threading.Thread(target=run_worker, args=(work,)) for work in works]
    for thread in threads:
        thread.start()

    def issue(samples):
        ids = samples.ids
        for work in works:
            work.put(ids)

    run = run_test(scenario="Offline", min_query_count=500, issue=issue)
    for work in works:
        work.put(None)
    for thread in threads:
        thread.join()
    assert run.result.performance.query_count == 1
    assert (run.result.samples["completed_ns"] >= 0).all()


def lent_threads(count):
    threads = [threading.Thread(target=lg.RegisterIssueQueryThread) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("mode", ["PerformanceOnly", "SubmissionRun"])
def test_lent_issue_threads(run_test, mode):
    for _ in range(2):
        threads = lent_threads(2)
        used = set()
        lock = threading.Lock()

        def issue(samples, lock=lock, used=used):
            with lock:
                used.add(threading.get_ident())
            answer(samples)

        run = run_test(
            scenario="Server",
            mode=mode,
            server_num_issue_query_threads=2,
            server_target_qps=20000,
            min_query_count=200,
            issue=issue,
        )
        for thread in threads:
            thread.join()
        assert used == {thread.ident for thread in threads}
        assert run.errors == []
        performance = run.result.samples[-200:]
        alone = run_test(scenario="Server", mode=mode, server_target_qps=20000, min_query_count=200)
        expected = alone.result.samples[-200:]
        assert (performance["sample_index"] == expected["sample_index"]).all()
        scheduled = [
            rows["scheduled_ns"] - rows["scheduled_ns"][0] for rows in (performance, expected)
        ]
        assert (scheduled[0] == scheduled[1]).all()


def test_exception_on_a_lent_thread(run_test):
    threads = lent_threads(2)

    def issue(samples):
        raise KeyError("on a lent thread")

    with pytest.raises(KeyError, match="on a lent thread"):
        run_test(scenario="Server", server_num_issue_query_threads=2, issue=issue)
    for thread in threads:
        thread.join()
    assert run_test().errors == []


def test_too_many_lent_threads(run_script):
    done = run_script("""
        import threading
        import mlperf_loadgen as lg

        threads = [threading.Thread(target=lg.RegisterIssueQueryThread) for _ in range(3)]
        for thread in threads:
            thread.start()
        sut = lg.ConstructSUT(lambda samples: lg.complete(samples.ids), lambda: None)
        qsl = lg.ConstructQSL(20, 10, lambda i: None, lambda i: None)
        settings = lg.TestSettings(
            scenario=lg.TestScenario.Server, server_num_issue_query_threads=1, min_duration_ms=0,
            server_target_qps=1e5,
        )
        assert lg._core.await_lent_threads(3, 60) == 3
        try:
            lg.StartTest(sut, qsl, settings)
        except lg.SettingsError as error:
            print(error)
        for thread in threads:
            thread.join()
    """)
    assert done.returncode == 0, done.stderr
    assert "server_num_issue_query_threads is 1, but 3 threads" in done.stdout


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_start_test_on_another_thread(tmp_path, scenario):
    seen, results = set(), []

    def note(*_):
        seen.add(threading.get_ident())

    def run():
        sut = lg.ConstructSUT(lambda samples: (note(), answer(samples)), note)
        qsl = lg.ConstructQSL(20, 10, note, note)
        settings = lg.TestSettings(
            scenario=getattr(lg.TestScenario, scenario),
            min_duration_ms=0,
            server_target_qps=1e5,
            min_query_count=500,
        )
        results.append(lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(tmp_path)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == {thread.ident}
    assert errors_of(results[0]) == []


def test_other_threads_run_while_a_test_waits(run_test):
    """The interpreter's lock is free while the generator waits for an answer."""

    def issue(samples):
        threading.Thread(target=answer, args=(samples,)).start()

    assert run_test(issue=issue, min_query_count=50).errors == []


# ---- Programs that end while threads are inside the load generator -------------------------------

PRELUDE = """
    import threading
    import mlperf_loadgen as lg

    qsl = lg.ConstructQSL(20, 10, lambda i: None, lambda i: None)
    settings = lg.TestSettings(
        scenario=lg.TestScenario.Server, server_target_qps=1e4, min_duration_ms=0
    )
"""
ENDS = {
    "lent threads that are daemons": """
        for _ in range(2):
            threading.Thread(target=lg.RegisterIssueQueryThread, daemon=True).start()
        assert lg._core.await_lent_threads(2, 60) == 2
    """,
    "lent threads after a test": """
        for _ in range(2):
            threading.Thread(target=lg.RegisterIssueQueryThread, daemon=True).start()
        settings.server_num_issue_query_threads = 2
        sut = lg.ConstructSUT(lambda samples: lg.complete(samples.ids), lambda: None)
        assert lg.StartTest(sut, qsl, settings).performance.query_count == 100
    """,
    "lent threads that are joined": """
        threading.Thread(target=lg.RegisterIssueQueryThread).start()
        assert lg._core.await_lent_threads(1, 60) == 1
    """,
    "a test in a daemon thread": """
        settings.min_duration_ms = 600000
        settings.server_target_qps = 100  # All queries are planned before the first.
        sut = lg.ConstructSUT(lambda samples: lg.complete(samples.ids), lambda: None)
        loaded = threading.Event()
        qsl = lg.ConstructQSL(20, 10, lambda i: loaded.set(), lambda i: None)
        threading.Thread(target=lg.StartTest, args=(sut, qsl, settings), daemon=True).start()
        assert loaded.wait(60)
    """,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_program_ends_with_threads_inside(run_script, end):
    for _ in range(5):
        done = run_script(textwrap.dedent(PRELUDE) + textwrap.dedent(ENDS[end]))
        assert done.returncode == 0, done.stderr


def test_a_thread_that_issues_cannot_be_lent(run_test):
    with pytest.raises(RuntimeError, match="from a callback of the test that this thread issues"):
        run_test(issue=lambda samples: lg.RegisterIssueQueryThread())


def test_completions_after_their_set_are_in_the_files(tmp_path):
    ids = []

    def issue(samples):
        ids.extend(sample.id for sample in samples)
        answer(samples)

    sut = lg.ConstructSUT(issue, lambda: None)
    qsl = lg.ConstructQSL(20, 10, lambda indices: None, lambda indices: lg.complete(ids[:3]))
    settings = lg.TestSettings(min_duration_ms=0, min_query_count=100)
    result = lg.StartTestWithLogSettings(sut, qsl, settings, log_settings(tmp_path))
    assert not result.valid
    assert "3 completions after the end of their set" in "".join(result.reasons)
    assert "Result is : INVALID" in (tmp_path / "mlperf_log_summary.txt").read_text()


def test_a_late_answer_after_a_long_silence_is_no_stall(run_test):
    """Queries are rare, and each is outstanding when the generator looks."""

    def issue(samples):
        threading.Timer(0.1, answer, args=(list(samples),)).start()

    run = run_test(
        scenario="Server", server_target_qps=1.5, min_query_count=3, stall_timeout_ms=1000,
        issue=issue,
    )  # fmt: skip
    rows = run.result.samples
    assert rows["scheduled_ns"][2] - rows["scheduled_ns"][1] > 1.2e9  # A silence beyond the limit.
    assert not run.result.stalled
    assert run.result.performance.sample_count == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_callback_of_a_lent_thread_is_no_stall(run_test, threads):
    lent = [threading.Thread(target=lg.RegisterIssueQueryThread) for _ in range(threads)]
    for thread in lent:
        thread.start()

    def issue(samples):
        time.sleep(0.3)
        answer(samples)

    run = run_test(
        scenario="Server", server_num_issue_query_threads=threads, server_target_qps=1e4,
        min_query_count=4, stall_timeout_ms=100, issue=issue,
    )  # fmt: skip
    for thread in lent:
        thread.join()
    assert not run.result.stalled
    assert run.result.performance.sample_count == 4
