"""Tests of an endpoint against the mock, and what their logs say of each token."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mlperf_loadgen as lg
from mlperf_loadgen import testing

QUICK = {"scenario": "SingleStream", "min_duration_ms": 0, "min_query_count": 20}


def marked_prompts(count=20, max_tokens=None):
    """A library of prompts by whose "#number" the mock keeps when it sent."""
    messages = [[{"role": "user", "content": f"#{i}"}] for i in range(count)]
    return lg.Prompts(messages, max_tokens=max_tokens)


def run_endpoint(url, outdir, prompts=None, *, endpoint=None, **settings):
    """The endpoint after its test in token mode, and the result."""
    prompts = prompts or marked_prompts()
    system = lg.OpenAIEndpoint(url, prompts, probe=False, **(endpoint or {}))
    asked = QUICK | {"use_token_latencies": True} | settings
    return system, testing.run(system, prompts, outdir=outdir, **asked)


@dataclass(frozen=True)
class Answers:
    """What the logs of a test say of its answers, a row each, in the order of their queries.

    `arrivals`: the events with tokens of each, ns since the start of the test.
    """

    rows: np.ndarray
    arrivals: list
    tokens: list


def read_answers(samples_log, tokens_log):
    rows = lg.read_samples(samples_log)
    events = lg.read_tokens(tokens_log)
    spans = list(zip(events.offsets[:-1], events.offsets[1:], strict=True))
    assert len(spans) == len(rows)
    arrivals = [
        row["scheduled_ns"] + events.since_due_ns[start:end].astype(np.int64)
        for row, (start, end) in zip(rows, spans, strict=True)
    ]
    return Answers(rows, arrivals, [events.tokens[start:end] for start, end in spans])


def answers_of(result):
    return read_answers(result.logs.samples, result.logs.tokens)


def sent_bounds(answers, sent):
    """Before and after which moments each event of `answers` left the mock, ns of its clock.

    Requests for the same sample must not overlap: the mock keeps them one after another.
    """
    taken = dict.fromkeys(sent, 0)
    before, after = [], []
    for row, arrivals in zip(answers.rows, answers.arrivals, strict=True):
        mark = int(row["sample_index"])
        times = sent[mark][taken[mark] : taken[mark] + len(arrivals)]
        taken[mark] += len(arrivals)
        before += [time for time, _ in times]
        after += [time for _, time in times]
    return np.array(before), np.array(after)


def stamp_error_ns(answers, sent):
    """How far the arrivals are from when the events left: 0 if all of them lie between before and
    after, with one distance between the two clocks.
    """
    before, after = sent_bounds(answers, sent)
    arrived = np.concatenate(answers.arrivals)
    return max(0, int(np.max(before - arrived)) - int(np.min(after - arrived)))


def memory_bytes(kind="VmRSS"):
    """What this process holds now."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(kind))
    return 1024 * int(line.split()[1])


def peak_memory_bytes():
    """The most that it ever held."""
    return memory_bytes("VmHWM")
