"""Goal: a completion in another process than that of the test is reported, once by each such
process; the test itself ends as for a sample that never comes back.

Method: programs whose systems answer in worker processes, made by fork before and during the test
and by spawn; the workers' stderr is the program's.
"""

import subprocess
import sys
from textwrap import dedent

import pytest
from runs import HANG_LIMIT_S

PROGRAM = """
    import multiprocessing, os, sys, time
    import mlperf_loadgen as lg

    def work(ids, done):
        for id in ids:
            ANSWER(id)
        done.set()

    class Library(lg.QuerySampleLibrary):
        total_sample_count = performance_sample_count = 4
        def load_samples(self, indices): pass
        def unload_samples(self, indices): pass

    class Workers(lg.SystemUnderTest):
        def __init__(self, method):
            self.context = multiprocessing.get_context(method)

        def issue_query(self, samples):
            for _ in range(2):
                done = self.context.Event()
                args = samples.ids.tolist() * 3, done
                worker = self.context.Process(target=work, args=args)
                worker.start()
                done.wait()
                worker.join()
            lg.complete(samples.ids)

    def main():
        settings = lg.TestSettings(min_duration_ms=0, min_query_count=1)
        result = lg.StartTest(Workers(sys.argv[1]), Library(), settings)
        print(result.performance.query_count, [e for e in result.errors if "completed" in e])

    if __name__ == "__main__":
        main()
"""
ANSWERS = {
    "complete": "lg.complete([id])",
    "QuerySamplesComplete": "lg.QuerySamplesComplete([lg.QuerySampleResponse(id, 0, 0)])",
    "FirstTokenComplete": "lg.FirstTokenComplete([lg.QuerySampleResponse(id, 0, 0)])",
    "fail": "lg.fail([id], 'no memory')",
}


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_completion_in_a_worker_process_is_reported_once(tmp_path, method, answer):
    (tmp_path / "program.py").write_text(dedent(PROGRAM).replace("ANSWER(id)", ANSWERS[answer]))
    said = subprocess.run(
        [sys.executable, "program.py", method],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
    )
    assert said.stdout == "1 []\n", said.stderr  # What the workers said reached no test.
    assert said.stderr.count("which has no test, so that this is lost") == 2
    pids = [line.split("process ")[1].split(",")[0] for line in said.stderr.splitlines()]
    assert len(set(pids)) == 2


def test_a_late_completion_is_reported_by_the_next_test_only(run_script):
    said = run_script("""
        import mlperf_loadgen as lg

        class Library(lg.QuerySampleLibrary):
            total_sample_count = performance_sample_count = 4
            def load_samples(self, indices): pass
            def unload_samples(self, indices): pass

        class Sut(lg.SystemUnderTest):
            def issue_query(self, samples):
                lg.complete(samples.ids)

        settings = lg.TestSettings(min_duration_ms=0, min_query_count=1)
        lg.StartTest(Sut(), Library(), settings)
        lg.complete([1])
    """)
    assert (said.stderr, said.returncode) == ("", 0)


def test_a_completion_before_any_test_is_reported(run_script):
    said = run_script("""
        import mlperf_loadgen as lg
        lg.complete([1])
        lg.complete([])
    """)
    assert said.stderr.count("which has no test") == 1
    assert run_script("import mlperf_loadgen as lg; lg.complete([])").stderr == ""
