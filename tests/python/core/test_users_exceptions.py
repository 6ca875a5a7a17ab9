"""What users' own code raises inside of ours, in a number, a sequence, a generator or a buffer,
comes out as it was raised.

Method: for each function that takes such objects, exceptions of every kind, KeyboardInterrupt and
MemoryError included. Only a TypeError may be put into other words, and then it is the cause.
"""

from collections.abc import Sequence

import numpy as np
import pytest

import mlperf_loadgen as lg


class _Own(Exception):
    """Only the test raises it."""


class _Number:
    def __init__(self, error):
        self.error = error

    def __index__(self):
        raise self.error

    __float__ = __bool__ = __int__ = __index__


class _Sequence(Sequence):
    """Of which each part may raise."""

    def __init__(self, error, where):
        self.error, self.where = error, where

    def _raise(self, where):
        if where == self.where:
            raise self.error

    def __len__(self):
        self._raise("__len__")
        return 2

    def __getitem__(self, i):
        self._raise("__getitem__")
        raise IndexError

    def __iter__(self):
        self._raise("__iter__")
        yield from ()
        self._raise("generator")


def _complete(**arguments):
    lg.complete(**{"ids": [], **arguments})


def _number_calls():
    def settings(name):
        return lambda number: setattr(lg.TestSettings(), name, number)

    return {
        "ids": lambda number: _complete(ids=[number]),
        "n_tokens": lambda number: _complete(ids=[1], n_tokens=[number]),
        "fail": lambda number: lg.fail([number], "why"),
        "sample": lambda number: lg.QuerySample(number, 0),
        "sample.index": lambda number: setattr(lg.QuerySample(), "index", number),
        "response": lambda number: lg.QuerySampleResponse(0, number, 0),
        "response.n_tokens": lambda number: setattr(lg.QuerySampleResponse(), "n_tokens", number),
        "integer setting": settings("min_query_count"),
        "small integer setting": settings("server_find_peak_qps_decimals_of_precision"),
        "number setting": settings("server_target_qps"),
        "bool setting": settings("performance_issue_same"),
        "total_sample_count": lambda number: lg.ConstructQSL(number, 1, len, len),
        "performance_sample_count": lambda number: lg.ConstructQSL(1, number, len, len),
    }


ERRORS = [_Own(), KeyboardInterrupt(), MemoryError(), ValueError("own"), OverflowError("own")]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("call", _number_calls().values(), ids=_number_calls())
def test_what_a_number_raises_stays(call, error):
    with pytest.raises(type(error)) as caught:
        call(_Number(error))
    assert caught.value is error


@pytest.mark.parametrize("call", [call for name, call in _number_calls().items() if name != "fail"])
def test_a_type_error_of_a_number_is_the_cause(call):
    error = TypeError("own")
    with pytest.raises(TypeError, match=" must be a") as caught:
        call(_Number(error))
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [*ERRORS, TypeError("own")], ids=repr)
@pytest.mark.parametrize("where", ["__iter__", "generator", "__len__"])
@pytest.mark.parametrize("argument", ["ids", "data", "n_tokens", "responses", "first_tokens"])
def test_what_a_sequence_raises_stays(argument, where, error):
    sequence = _Sequence(error, where)
    if where == "__len__" and isinstance(error, TypeError):
        pytest.skip("Python itself takes such a length for unknown")
    with pytest.raises(type(error)) as caught:
        if argument == "responses":
            lg.QuerySamplesComplete(sequence)
        elif argument == "first_tokens":
            lg.FirstTokenComplete(sequence)
        else:
            _complete(**{argument: sequence})
    assert error in (caught.value, caught.value.__cause__)


def test_what_a_generator_raises_stays():
    def numbers():
        yield 1
        raise KeyboardInterrupt

    for arguments in ({"ids": numbers()}, {"data": numbers()}, {"n_tokens": numbers()}):
        with pytest.raises(KeyboardInterrupt):
            _complete(**arguments)


def test_what_a_buffer_raises_stays():
    for name in ("ids", "data", "n_tokens"):
        released = memoryview(bytes(8))
        released.release()
        with pytest.raises(ValueError, match="released memoryview"):
            _complete(**{name: released})
    with pytest.raises(ValueError, match="released memoryview"):
        _complete(ids=[1], data=[released])


def test_what_the_dtype_of_an_array_raises_stays():
    class Array(np.ndarray):
        @property
        def dtype(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _complete(ids=[1], data=np.zeros((2, 4)).view(Array)[:, ::2][:1])


def test_what_an_object_in_a_batch_raises_stays(run_test):
    class Sample:
        @property
        def id(self):
            raise error

        index = _Number(KeyboardInterrupt())

    seen = []

    def issue(samples):
        ids = samples.ids.copy()
        samples.append(Sample())
        for name in ("ids", "indices"):
            with pytest.raises((_Own, KeyboardInterrupt)) as caught:
                getattr(samples, name)
            seen.append(caught.value)
        lg.complete(ids)

    error = _Own()
    run_test(scenario="Offline", issue=issue)
    assert seen[0] is error
    assert type(seen[1]) is KeyboardInterrupt
