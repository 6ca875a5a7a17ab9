"""Callbacks that do nothing unless they are awaited, or iterated over, are refused: else
samples would count as loaded and queries as sent.

Method: async functions, generators and what hides them (methods, partial, `__call__`), for each
callback that is taken; what shows only when it is called is an error of that call.
"""

import functools
import unittest.mock

import pytest
from runs import answer, log_settings

import mlperf_loadgen as lg
from mlperf_loadgen import doctor


def start(pair, logs):
    return lg.StartTestWithLogSettings(*pair, lg.TestSettings(min_duration_ms=0), logs, "")


class _Async:
    async def __call__(self, *_):
        """Does nothing unless it is awaited."""

    async def method(self, *_):
        """The same."""


async def _coroutine(*_):
    """The same."""


async def _async_generator(*_):
    yield


def _generator(*_):
    yield


UNAWAITED = {
    "coroutine": _coroutine,
    "async generator": _async_generator,
    "generator": _generator,
    "method": _Async().method,
    "__call__": _Async(),
    "partial": functools.partial(_coroutine),
    "partial of a method": functools.partial(functools.partial(_Async().method)),
    "mock": unittest.mock.AsyncMock(),
}
PLAIN = {
    "method": [].append,
    "mock": unittest.mock.Mock(),
    "partial": functools.partial(len),
    "class": list,
}


@pytest.mark.parametrize("function", UNAWAITED.values(), ids=UNAWAITED)
@pytest.mark.parametrize("construct", [lg.ConstructSUT, lg.ConstructFastSUT, lg.ConstructQSL])
def test_functions_that_nothing_awaits_are_refused_before_the_test(construct, function):
    """They would do nothing, and samples would count as loaded, queries as sent."""
    counts = (20, 10) if construct is lg.ConstructQSL else ()
    names = ("load_samples", "unload_samples") if counts else ("issue_query", "flush_queries")
    for name, callbacks in zip(names, [(function, len), (len, function)], strict=True):
        with pytest.raises(
            TypeError, match=rf"^{name} is written with .*nothing .*: write it with"
        ):
            construct(*counts, *callbacks)


def test_a_name_that_nothing_awaits():
    with pytest.raises(TypeError, match=r"^client_get_sut_name is written with async def"):
        lg.ConstructQDL(len, len, _coroutine)


@pytest.mark.parametrize("function", PLAIN.values(), ids=PLAIN)
def test_plain_functions_of_any_form_are_taken(function):
    lg.DestroySUT(lg.ConstructSUT(function, function))
    lg.DestroyQSL(lg.ConstructQSL(20, 10, function, function))


class _Library(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 10

    def load_samples(self, indices):
        """Nothing to load."""

    def unload_samples(self, indices):
        """Nothing to unload."""


class _System(lg.SystemUnderTest):
    def issue_query(self, samples):
        answer(samples)


@pytest.mark.parametrize("name", ["load_samples", "unload_samples", "issue_query", "flush_queries"])
def test_async_methods_are_refused_before_the_test(tmp_path, name):
    is_of_library = name.endswith("load_samples")
    kind = type("Made", (_Library if is_of_library else _System,), {name: _Async.method})
    pair = (_System(), kind()) if is_of_library else (kind(), _Library())
    fix = "def" if is_of_library else "AsyncSystemUnderTest"
    with pytest.raises(TypeError, match=f"^{name} is written with async def.*{fix}"):
        start(pair, log_settings(tmp_path))
    assert not list(tmp_path.iterdir()), "there was no test"


def test_an_asynchronous_system_with_an_async_flush_queries(tmp_path):
    class Client(lg.AsyncSystemUnderTest):
        async def issue_query(self, samples):
            answer(samples)

        async def flush_queries(self):
            """Meant as flush."""

    with pytest.raises(TypeError, match=r"^flush_queries .*: write async def flush instead$"):
        start((Client(), _Library()), log_settings(tmp_path))


class _Awaitable:
    def __await__(self):
        yield


@pytest.mark.parametrize("returned", [_coroutine, _generator, _async_generator, _Awaitable])
@pytest.mark.parametrize("name", ["load_samples", "unload_samples", "issue_query", "flush_queries"])
def test_what_a_callback_returns_and_nothing_awaits(tmp_path, name, returned):
    """A plain function does not show it before it is called."""
    callbacks = dict.fromkeys(("load_samples", "unload_samples", "flush_queries"), lambda *_: None)
    callbacks["issue_query"] = answer
    first = callbacks[name]
    callbacks[name] = lambda *arguments: (first(*arguments), returned())[1]
    sut = lg.ConstructSUT(callbacks["issue_query"], callbacks["flush_queries"])
    qsl = lg.ConstructQSL(20, 10, callbacks["load_samples"], callbacks["unload_samples"])
    with pytest.raises(TypeError, match=f"^{name} returned an object of type .*, and nothing"):
        start((sut, qsl), log_settings(tmp_path))


def test_a_response_callback_that_nothing_awaits(run_test):
    def issue(samples):
        lg.QuerySamplesComplete([lg.QuerySampleResponse(s.id, 0, 0) for s in samples], _coroutine)

    with pytest.raises(TypeError, match=r"^response_cb returned an object of type coroutine"):
        run_test(mode="AccuracyOnly", issue=issue)


@pytest.mark.parametrize("call", ["sweep", "find_peak", "examine"])
def test_a_progress_callback_that_nothing_awaits(call):
    arguments = {
        "sweep": lambda: lg.sweep(
            _System(), _Library(), lg.TestSettings(), [1], progress=_coroutine
        ),
        "find_peak": lambda: lg.find_peak(
            _System(), _Library(), lg.TestSettings(), progress=_coroutine
        ),
        "examine": lambda: doctor.examine(1, progress=_coroutine),
    }
    with pytest.raises(TypeError, match=r"^progress is written with async def"):
        arguments[call]()
