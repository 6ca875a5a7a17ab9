"""Goal: a hundred tests in one process leave nothing behind, even those that end badly.

Method: a program of its own runs all scenarios and modes with systems that answer at once or from
threads, raise, drop samples or abort. After each run it notes what the process holds: memory,
threads, descriptors, Python objects, and the system itself through a weak reference.
"""

import json

import pytest

RUNS = 100
WARM_UP = 30
"""Runs until every path was taken once and its caches are filled."""

MEMORY_MARGIN_KIB = 1024
OBJECT_MARGIN = 20

PROGRAM = """
    import ctypes, gc, itertools, json, os, sys, threading, time, weakref

    import numpy  # Starts threads of its own, so before any are counted.

    import mlperf_loadgen as lg

    RUNS = int(sys.argv[1])
    M_ARENA_MAX = -8
    libc = ctypes.CDLL(None)
    libc.mallopt(M_ARENA_MAX, 1)  # Fragments in the areas of several threads look like a leak.

    class Raised(Exception):
        pass

    class System:
        def __init__(self, behaviour):
            self.behaviour = behaviour
            self.calls = 0
            self.threads = []

        def issue(self, samples):
            self.calls += 1
            ids = samples.ids
            if self.calls == 3 or len(ids) > 8:
                if self.behaviour == "raise":
                    raise Raised("while issuing")
                if self.behaviour == "drop":
                    ids = ids[1:]
                if self.behaviour == "abort":
                    lg.AbortTest()
                    return
            if self.behaviour == "thread":
                self.threads.append(threading.Thread(target=lg.complete, args=(ids,)))
                self.threads[-1].start()
                return
            lg.complete(ids, [b"answer"] * len(ids))

        def flush(self):
            if self.behaviour == "raise in flush":
                raise Raised("while flushing")

        def load(self, indices):
            if self.behaviour == "raise in load":
                raise Raised("while loading")

        def unload(self, indices):
            pass

    def start(system, scenario, mode, outdir):
        sut = lg.ConstructSUT(system.issue, system.flush)
        qsl = lg.ConstructQSL(20, 10, system.load, system.unload)
        settings = lg.TestSettings(
            scenario=scenario, mode=mode, min_duration_ms=0, min_query_count=50,
            server_target_qps=1e5,
            # Only what never comes is a stall: a busy machine may keep a thread waiting.
            stall_timeout_ms=20 if system.behaviour == "drop" else 60000,
        )
        logs = lg.LogSettings()
        logs.log_output.outdir = outdir
        try:
            result = lg.StartTestWithLogSettings(sut, qsl, settings, logs, "")
        except Raised:
            return "raised"
        finally:
            for thread in system.threads:
                thread.join()
            lg.DestroySUT(sut)
            lg.DestroyQSL(qsl)
        return "aborted" if result.aborted else "stalled" if result.stalled else "ended"

    def resident_kib():
        libc.malloc_trim(0)
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    def thread_count(wanted):
        # A thread that was joined is listed until it has had a processor once more.
        deadline = time.monotonic() + 10
        while (count := len(os.listdir("/proc/self/task"))) != wanted:
            if time.monotonic() > deadline:
                break
            time.sleep(0.001)
        return count

    BEHAVIOURS = ["answer", "thread", "raise", "raise in flush", "raise in load", "drop", "abort"]
    MODES = [lg.TestMode.PerformanceOnly, lg.TestMode.AccuracyOnly, lg.TestMode.SubmissionRun]
    SCENARIOS = list(lg.TestScenario.__members__.values())
    # The lengths have no common divisor, so all combinations come by.
    draws = zip(itertools.cycle(BEHAVIOURS), itertools.cycle(SCENARIOS), itertools.cycle(MODES))
    threads = len(os.listdir("/proc/self/task"))
    notes = []
    for run, (behaviour, scenario, mode) in zip(range(RUNS), draws):
        outdir = f"run{run}"
        system = System(behaviour)
        alive = weakref.ref(system)
        end = start(system, scenario, mode, outdir)
        del system
        gc.collect()
        notes.append({
            "behaviour": behaviour,
            "end": end,
            "system_lives": alive() is not None,
            "objects": len(gc.get_objects()),
            "threads": thread_count(threads),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "resident_kib": resident_kib(),
        })
    print(json.dumps({"threads": threads, "runs": notes}))
"""

ENDS = {
    "answer": "ended",
    "thread": "ended",
    "raise": "raised",
    "raise in flush": "raised",
    "raise in load": "raised",
    "drop": "stalled",
    "abort": "aborted",
}


@pytest.fixture
def notes(run_script):
    done = run_script(PROGRAM, str(RUNS))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_hundred_runs_leave_nothing_behind(notes):
    runs = notes["runs"]
    assert len(runs) == RUNS
    assert [run["end"] for run in runs] == [ENDS[run["behaviour"]] for run in runs]
    assert not any(run["system_lives"] for run in runs)
    assert {run["threads"] for run in runs} == {notes["threads"]}
    assert len({run["descriptors"] for run in runs}) == 1
    warm, last = runs[WARM_UP:-10], runs[-10:]
    assert max(run["objects"] for run in last) <= warm[0]["objects"] + OBJECT_MARGIN
    least = min(run["resident_kib"] for run in warm[:10])
    assert min(run["resident_kib"] for run in last) <= least + MEMORY_MARGIN_KIB
