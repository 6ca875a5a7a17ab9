"""Goal: in a process whose threads gevent or eventlet has replaced, what needs real ones raises at
once and says so. Before, it waited for a thread that never ran, past all timeouts and Ctrl-C.

Method: programs of their own, patched by gevent and eventlet where these are installed, and by a
stand-in of theirs that never runs what it is given.
"""

from textwrap import dedent

import pytest

PATCHES = {
    "a stand-in": """
        import _thread, threading
        def start_new_thread(*arguments, **keywords):
            return 0
        start_new_thread.__module__ = "gevent.thread"
        _thread.start_new_thread = threading._start_new_thread = start_new_thread
        if hasattr(threading, "_start_joinable_thread"):
            threading._start_joinable_thread = start_new_thread
        """,
    "gevent": "from gevent import monkey; monkey.patch_all()\n",
    "eventlet": "import eventlet; eventlet.monkey_patch()\n",
}
USES = {
    "AsyncSystemUnderTest": "lg.StartTest(Client(), Library(), settings)",
    "NetworkQDL": "lg.StartTest(qdl.NetworkQDL('tcp://h:1', Library()), Library(), settings)",
    "serve": "qdl.serve(lambda library: Client(), 'tcp://127.0.0.1:0')",
    "serve_http": "qdl.serve_http(lambda library: Client(), 'http://127.0.0.1:0')",
    "show_progress": "lg.show_progress(stream=sys.stdout).__enter__()",
    "serve_metrics": "lg.serve_metrics(0).__enter__()",
}
PROGRAM = """
    import sys, warnings
    import mlperf_loadgen as lg
    from mlperf_loadgen import qdl

    class Client(lg.AsyncSystemUnderTest):
        async def issue_query(self, samples):
            lg.complete(samples.ids)

    class Library(lg.QuerySampleLibrary):
        total_sample_count = performance_sample_count = 8
        def load_samples(self, indices): pass
        def unload_samples(self, indices): pass
        def __getitem__(self, index): return b""

    settings = lg.TestSettings(min_duration_ms=0, min_query_count=10)
"""


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("patch", PATCHES)
def test_what_needs_real_threads_says_so_at_once(run_script, patch, use):
    pytest.importorskip("zmq")
    pytest.importorskip("aiohttp")
    pytest.importorskip("prometheus_client")
    library = "gevent" if patch == "a stand-in" else pytest.importorskip(patch).__name__
    said = run_script(dedent(PATCHES[patch]) + dedent(PROGRAM) + USES[use])
    last = said.stderr.splitlines()[-1]
    assert "needs the standard library's threads" in last
    assert f", which {library} has replaced in this process" in last


def test_the_command_line_measures_without_progress(run_script):
    """A system that patches its process may well answer in the call itself."""
    pytest.importorskip("typer")
    program = """
        import sys
        import mlperf_loadgen as lg

        class Sut(lg.SystemUnderTest):
            def issue_query(self, samples):
                lg.complete(samples.ids)

        class Library(lg.QuerySampleLibrary):
            total_sample_count = performance_sample_count = 8
            def load_samples(self, indices): pass
            def unload_samples(self, indices): pass

        sys.modules["patched"] = sys.modules["__main__"]
        from mlperf_loadgen.__main__ import main
        sys.argv = [
            "mlperf-loadgen", "run", "patched:Sut", "patched:Library", "--progress", "-o", "logs",
            "--set", "min_duration_ms=0", "--set", "min_query_count=100",
        ]
        main()
    """
    said = run_script(dedent(PATCHES["a stand-in"]) + dedent(program))
    assert "no progress is shown: show_progress needs" in said.stderr
    assert "SingleStream PerformanceOnly" in said.stdout
