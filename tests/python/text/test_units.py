"""The formatters of numbers with units, against texts written by hand; and that nothing else in the
package makes such texts, so that there is one sign for each unit."""

import math
import re
from pathlib import Path

import pytest

import mlperf_loadgen
from mlperf_loadgen.text.units import change, counted, duration, number, percentile, rate, share


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (7, "7 ns"),
        (999, "999 ns"),
        (1000, "1 us"),
        (-12_345, "-12.35 us"),
        (1_500_000, "1.5 ms"),
        (999_960, "1000 us"),
        (61_234_000_000, "61.23 s"),
        (1_234_567_000_000, "1,235 s"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_durations(ns, text):
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [(7, "7 ns"), (1500, "1.500 us"), (50_000_000, "50.00 ms"), (999_960, "1000 us")],
)
def test_padded_durations(ns, text):
    assert duration(ns, padded=True) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12.3456, "12.35"), (1234.5, "1,234"), (987_654.3, "987,654"), (None, "-")],
)
def test_rates(value, text):
    assert rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(123_456, "123,456"), (0.25, "0.25"), (True, "True"), ("VALID", "VALID"), (None, "-")],
)
def test_values_of_logs(value, text):
    assert number(value) == text


def test_shares_and_percentiles():
    assert [share(s) for s in (0, 0.5, 0.012345, 1)] == ["0 %", "50 %", "1.23 %", "100 %"]
    assert share(0.987654, 6) == "98.7654 %"
    assert [percentile(p) for p in (0.5, 0.99, 0.999, 0.99999)] == [
        "p50",
        "p99",
        "p99.9",
        "p99.999",
    ]


def test_changes():
    assert [change(c) for c in (0.0531, 0, -0.12)] == ["+5.3 %", "+0.0 %", "-12.0 %"]


def test_counts():
    assert counted(1, "trial") == "1 trial"
    assert counted(0, "trial") == "0 trials"
    assert counted(1234, "query", "queries") == "1,234 queries"


PACKAGE = Path(mlperf_loadgen.__file__).parent
MADE_BY_HAND = re.compile(
    r"\u00b5|\u03bc|:[.,#0-9]*[efg]\} (?:ns|us|ms|%)|:[.,0-9]*%\}|\bp\{100 \*|\(1e6, .ms.\)"
)
"""How code looks that makes a text with a unit without the formatters: {ns / 1e3:.1f} us."""
EXCEPTIONS = {"logs/worked_out_reasons.py": 2}
"""Files, and in how many lines: a bound that was not kept is given with all its digits, in ms."""


def made_by_hand(lines):
    return [line.strip() for line in lines if MADE_BY_HAND.search(line)]


def test_nothing_else_makes_such_texts():
    found = {}
    for file in PACKAGE.rglob("*.py"):
        name = file.relative_to(PACKAGE).as_posix()
        lines = made_by_hand(file.read_text(encoding="utf-8").splitlines())
        if lines and name != "text/units.py" and EXCEPTIONS.get(name) != len(lines):
            found[name] = lines
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        'return f"{ns / 1e3:.1f} us"',
        'for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):',
        'f"{share:.2%} of them"',
        'f"p{100 * p:g}"',
        'f"{100 * share:.3g} %"',
        'unit = "\u00b5s"',
    ],
)
def test_a_text_that_is_made_by_hand_is_seen(line):
    assert made_by_hand([line])


COUNTED_BY_HAND = re.compile(
    r"\{(?:len\([^{}]*\)|[A-Za-z_.]*counts?(?:\[0\])?|kept|total|runs|done)(?::,)?\} (?:whole )?"
    r"(?:runs|loads|trials|queries|samples|records|rows|labels|responses|arrays|columns)\b"
)
"""How code looks that says "1 trials": {len(trials)} trials."""
NEVER_ONE = {
    "report/page.py": 1,
    "report/build.py": 1,
    "logs/run.py": 1,
    "sweeps/plot.py": 1,
    "cli/commands/accuracy.py": 1,
    "qdl/wire/payload.py": 1,
    "qdl/wire/samples.py": 3,
}
"""Files, and in how many lines: another text is for one, the number is that of a broken message, or
the words are those of the load generator's own reason."""


def test_nothing_else_counts_things():
    found = {}
    for file in PACKAGE.rglob("*.py"):
        name = file.relative_to(PACKAGE).as_posix()
        lines = file.read_text(encoding="utf-8").splitlines()
        seen = [line.strip() for line in lines if COUNTED_BY_HAND.search(line)]
        if len(seen) != NEVER_ONE.get(name, 0):
            found[name] = seen
    assert found == {}
