"""Goal: answers are read right in every situation in which clients were seen to fail, however a
connection cuts their bytes.

Method: the responses of helpers/llm_cases, as bytes with what must be read from them, are fed to
the reader of answers in one piece and in reads of 1, 2, 3 and 7 bytes, each with a time of its own:
a token has the time of the read with which its event was whole.
"""

import re
from pathlib import Path

import pytest
from llm_cases import CASES

from mlperf_loadgen._llm import AnswerReader

SIZES = (1, 2, 3, 7)
READ_NS = 1000
"""From one read to the next."""
LAG_NS = 10


class Reading:
    """A response read in pieces of `size` bytes."""

    def __init__(self, case, size):
        self.size = size
        data = case.wire.data
        reader = AnswerReader()
        self.end_ns = READ_NS
        for at in range(0, len(data), size):
            arrived_ns = self.time_of(at + 1)
            reader.feed(data[at : at + size], arrived_ns, arrived_ns + LAG_NS)
            self.end_ns = arrived_ns
        if case.ending != "open":
            self.end_ns += READ_NS
            reader.end(self.end_ns, self.end_ns + LAG_NS)
        self.facts = reader.facts()

    def time_of(self, end):
        """When the byte before offset `end` was read."""
        return READ_NS * ((end - 1) // self.size + 1)


def check(case, reading):
    expected, facts, ends = case.expected, reading.facts, case.wire.ends
    assert facts.status == expected.status
    assert facts.reusable == expected.reusable
    assert facts.cut_after == expected.cut_after
    if expected.failed:
        assert all(words in facts.failed for words in expected.failed), facts.failed
        return
    assert facts.failed == ""
    assert facts.complete
    assert (facts.text, facts.reasoning_text) == (expected.text, expected.reasoning)
    assert facts.tool_text == expected.tools
    assert (facts.n_tokens, facts.token_source) == (expected.n, expected.source)
    assert facts.prompt_tokens == expected.prompt
    assert facts.cached_tokens == expected.cached
    assert facts.reasoning_tokens == expected.reasoned
    assert facts.faults == expected.faults

    arrivals = [reading.end_ns]
    if expected.arrivals is not None:
        arrivals = [reading.time_of(ends[part]) for part in expected.arrivals]
    assert facts.event_times.tolist() == arrivals
    assert facts.first_token_ns == arrivals[0]
    assert facts.first_token_lag_ns == LAG_NS
    if expected.k is not None:
        assert facts.event_tokens.tolist() == list(expected.k)
    if expected.first_output is not None:
        assert facts.first_output_ns == reading.time_of(ends[expected.first_output])
    done = reading.end_ns if expected.done is None else reading.time_of(ends[expected.done])
    assert facts.completed_ns == done


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_in_one_read(case):
    check(case, Reading(case, len(case.wire.data)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cut(case, size):
    check(case, Reading(case, size))


def test_the_cases_that_the_page_names_are_there():
    page = (Path(__file__).parents[3] / "docs/llm.md").read_text()
    table = page.partition("| trap |")[2].partition("\n\n")[0]
    named = set(re.findall(r"\*([^*]+)\*", table))
    assert len(named) > 40
    assert named <= {case.name for case in CASES}


def test_each_case_has_a_name_of_its_own():
    assert len({case.name for case in CASES}) == len(CASES) > 76
