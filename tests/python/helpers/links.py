"""What the tests of single links share: a recorder of their events, and time limits.

`run_limited(coroutine)` runs a test's coroutine within a hang limit, and sees to it that nothing of
a link outlives it: no task, no exception that was never retrieved, no socket left to the garbage
collector.
"""

import asyncio
import gc
import warnings

import numpy as np

from mlperf_loadgen.qdl import Batch, Run

HANG_LIMIT_S = 30
ENDING_LIMIT_S = 5


def run_of(number=1, connect_timeout_s=10.0, node_timeout_s=5.0):
    return Run(number, 100, 100, connect_timeout_s, node_timeout_s)


def batch_of(payloads, first_key=0):
    """Samples, a query each, with keys from `first_key` on."""
    keys = np.arange(first_key, first_key + len(payloads), dtype=np.uint64)
    return Batch(keys, keys.copy(), keys.copy(), list(payloads))


class Recorder:
    """Notes what a link reports. Every key may end once."""

    def __init__(self):
        self.data = {}
        self.reasons = {}
        self.sent_ns = {}
        self.begun_ns = {}
        self.received_ns = {}
        self.losses = []
        self.returns = []
        self.faults = []
        self._changed = asyncio.Event()

    def _end(self, ended, key, value):
        assert key not in self.data and key not in self.reasons, f"{key} ended twice"
        ended[key] = value

    def completed(self, link, answers):
        assert len(answers.keys) == len(answers.data) == len(answers.n_tokens)
        for key, data in zip(answers.keys.tolist(), answers.data, strict=True):
            self._end(self.data, key, bytes(data))
            self.received_ns[key] = answers.received_ns
        self._changed.set()

    def failed(self, link, keys, reason):
        for key in keys.tolist():
            self._end(self.reasons, key, reason)
        self._changed.set()

    def sent(self, link, keys, sent_ns, begun_ns=None):
        self.sent_ns.update(dict.fromkeys(keys.tolist(), sent_ns))
        self.begun_ns.update(dict.fromkeys(keys.tolist(), begun_ns))
        self._changed.set()

    def lost(self, link, reason):
        self.losses.append(reason)
        self._changed.set()

    def back(self, link, info):
        self.returns.append(info)
        self._changed.set()

    def fault(self, link, text):
        self.faults.append(text)

    async def until(self, condition):
        """Returns when the condition holds; `run_limited` bounds it."""
        while not condition(self):
            await self._changed.wait()
            self._changed.clear()

    async def until_ended(self, count):
        await self.until(lambda self: len(self.data) + len(self.reasons) == count)


def run_limited(coroutine):
    """Runs it within HANG_LIMIT_S and fails if it leaves something behind."""
    escaped = []

    async def limited():
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: escaped.append(context)
        )
        result = await asyncio.wait_for(coroutine, HANG_LIMIT_S)
        # A server's handlers that sleep do not see that it has stopped.
        left = [
            task
            for task in asyncio.all_tasks() - {asyncio.current_task()}
            if "RequestHandler." not in repr(task)
        ]
        if left:  # What was cancelled may need a turn or two to end.
            _, left = await asyncio.wait(left, timeout=ENDING_LIMIT_S)
        assert not left, left
        return result

    gc.collect()  # Of earlier tests.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = asyncio.run(limited())
        gc.collect()
    assert not escaped, escaped
    unclosed = [str(one.message) for one in caught if one.category is ResourceWarning]
    assert not unclosed, unclosed
    return result
