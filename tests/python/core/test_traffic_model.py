"""The traffic follows its rules for any settings, not only for those of the golden file.

Method: `Model` is a second implementation of the rules, in plain Python and sharing no code with
the library: random engine, loadable sets, query generation, selection, schedule and the choice of
logged responses. It is first held against known numbers, then compared with the library for random
settings of all scenarios, modes and flags.
"""

import itertools
import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import FOR_EVERY_SCENARIO

import mlperf_loadgen as lg

pytestmark = pytest.mark.filterwarnings(FOR_EVERY_SCENARIO)

# ---- The random engine ---------------------------------------------------------------------------

WORD = 1 << 32
DEFAULT_SEED = 5489


class Engine:
    """MT19937, seeded with one number."""

    def __init__(self, seed):
        state = [seed % WORD]
        for i in range(1, 624):
            state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) % WORD)
        self.random = random.Random()
        self.random.setstate((3, (*state, 624), None))

    def raw(self):
        return self.random.getrandbits(32)

    def below(self, n):
        """Uniform in [0, n): multiply, take the high half, reject what would be uneven."""
        product = self.raw() * n
        if product % WORD < n:
            threshold = (WORD - n) % n
            while product % WORD < threshold:
                product = self.raw() * n
        return product >> 32

    def shuffle(self, items):
        n = len(items)

        def swap(i, j):
            items[i], items[j] = items[j], items[i]

        if n > 65535:
            for i in range(1, n):
                swap(i, self.below(i + 1))
            return
        i = 1
        if n >= 2 and n % 2 == 0:
            swap(1, self.below(2))
            i = 2
        while i < n:
            first, second = divmod(self.below((i + 1) * (i + 2)), i + 2)
            swap(i, first)
            swap(i + 1, second)
            i += 2

    def unit(self):
        low, high = self.raw(), self.raw()
        return min((float(low) + float(high) * 2.0**32) / 2.0**64, math.nextafter(1.0, 0.0))

    def exponential(self, rate):
        return -math.log(1.0 - self.unit()) / rate


# ---- The rules -----------------------------------------------------------------------------------


def round_up(value, step):
    return -(-value // step) * step


@dataclass
class SetTraffic:
    """What is generated for one loaded set."""

    loaded: list
    queries: list = field(default_factory=list)  # Sample indices, a list a query.
    deltas_ns: list = field(default_factory=list)
    samples_per_query: int = 1
    duration_ns: int = 0
    first_sample: int = 0
    logged: list = field(default_factory=list)  # A bool a generated sample.


class Model:
    """The traffic of one test."""

    def __init__(self, asked, total, performance):
        self.s = asked
        self.total, self.library_performance = total, performance
        self.scenario = asked.scenario.name
        self.offline, self.server = self.scenario == "Offline", self.scenario == "Server"
        self.multi = self.scenario == "MultiStream"
        self.performance_count = asked.performance_sample_count_override or performance
        self.accuracy_count = asked.accuracy_sample_count_override or total
        self.log_engine = Engine(DEFAULT_SEED)
        self.next_sample = 0
        self.decide()

    def decide(self):
        """The effective settings."""
        s = self.s
        self.target_qps = {
            "SingleStream": 1e9 / s.single_stream_expected_latency_ns,
            "MultiStream": 1e9 / s.multi_stream_expected_latency_ns,
            "Server": s.server_target_qps,
            "Offline": s.offline_expected_qps,
        }[self.scenario]
        self.target_duration_ns = 0 if self.offline else s.min_duration_ms * 1000000
        self.min_query_count = s.min_query_count
        self.samples_per_query = s.multi_stream_samples_per_query if self.multi else 1
        seconds = s.min_duration_ms / 1000
        if self.offline:
            self.min_query_count = 1
            expected = math.trunc(1.1 * seconds * self.target_qps)
            self.samples_per_query = max(s.min_query_count, expected)
            if s.performance_issue_unique:
                # The reference takes the count as it is, and crashes if there are not as many.
                self.samples_per_query = min(self.performance_count, self.total)
        elif self.scenario == "SingleStream" and s.sample_concatenate_permutation:
            expected = math.trunc(2.0 * seconds * self.target_qps)
            m = max(s.min_query_count, expected)
            p = self.library_performance
            self.min_query_count = m + p - m % p

    def loadable_sets(self, count):
        indices = list(range(min(count, self.total)))
        Engine(self.s.qsl_rng_seed).shuffle(indices)
        size = self.performance_count
        sets = [indices[i : i + size] for i in range(0, len(indices), size)]
        for loaded in sets if self.multi else ():
            for position in range(self.samples_per_query - 1):
                loaded.append(loaded[position])
        return sets

    def accuracy_sets(self):
        sets = self.loadable_sets(self.accuracy_count)
        return [self.generate(loaded, accuracy=True) for loaded in sets]

    def performance_set(self):
        return self.generate(self.loadable_sets(self.performance_count)[0], accuracy=False)

    def generate(self, loaded, *, accuracy):
        """The queries of one set."""
        s = self.s
        end = len(loaded) - (self.samples_per_query - 1 if self.multi else 0)
        n = len(loaded)
        spq = end if accuracy and self.offline else self.samples_per_query
        min_count = self.min_query_count
        gen_ns = (1 if self.server else 2) * self.target_duration_ns
        if accuracy or s.performance_issue_unique:
            gen_ns, min_count = 0, n // spq

        engine = Engine(s.sample_index_rng_seed)
        stride = spq if self.multi else 1
        in_order = list(range(0, end, stride))
        if accuracy:
            engine.shuffle(in_order)
        unique = list(range(0, end, stride))
        engine.shuffle(unique)
        equal, base = [], list(range(n))
        for _ in range(0, min_count, n):
            engine.shuffle(base)
            equal += base

        permutation = s.sample_concatenate_permutation and not accuracy
        if permutation and self.offline:
            spq = round_up(spq, n)
        elif permutation:
            min_count = round_up(min_count, n)

        select = self.selector(loaded, end, spq, accuracy, engine, in_order, unique, equal)
        traffic = SetTraffic(loaded, samples_per_query=spq, first_sample=self.next_sample)
        self.fill(traffic, select, gen_ns, min_count, permutation)
        self.choose_logged(traffic, accuracy)
        return traffic

    def selector(self, loaded, end, spq, accuracy, engine, in_order, unique, equal):
        """A function that returns the samples of the next query."""
        s = self.s
        if self.offline:
            return lambda: self.offline_query(loaded, spq, engine)
        if s.performance_issue_unique:
            start = iter(unique).__next__
        elif s.performance_issue_same:
            start = itertools.repeat(s.performance_issue_same_index).__next__
        elif s.sample_concatenate_permutation and not self.multi:
            start = itertools.cycle(equal).__next__
        elif accuracy:
            start = iter(in_order).__next__
        else:
            start = lambda: engine.below(end)  # noqa: E731

        def query():
            first = start()
            return loaded[first : first + spq]

        return query

    def offline_query(self, loaded, spq, engine):
        s = self.s
        if s.performance_issue_same:
            return [loaded[s.performance_issue_same_index]] * spq
        query = []
        for _ in range(spq // len(loaded)):
            copy = list(loaded)
            if s.sample_concatenate_permutation:
                engine.shuffle(copy)
            query += copy
        return query + loaded[: spq % len(loaded)]

    def fill(self, traffic, select, gen_ns, min_count, permutation):
        """Makes queries until both the duration and the count are reached."""
        schedule = Engine(self.s.schedule_rng_seed)
        last = due = 0
        while last < gen_ns or len(traffic.queries) < min_count:
            traffic.queries.append(select())
            traffic.deltas_ns.append(due)
            last = due
            step = schedule.exponential(self.target_qps) if self.server else 1 / self.target_qps
            due += math.trunc(step * 1e9 if self.server else 1e9 * step)
            grows = permutation and not self.offline and last < gen_ns
            if grows and len(traffic.queries) >= min_count:
                min_count += len(traffic.loaded)
        traffic.duration_ns = due
        self.next_sample += sum(map(len, traffic.queries))

    def log_probability(self):
        s = self.s
        if s.accuracy_log_sampling_target == 0:
            return s.accuracy_log_probability
        expected = math.trunc(self.target_qps * s.min_duration_ms / 1000)
        if not self.offline:
            expected *= self.samples_per_query
        expected = max(expected, self.min_query_count * self.samples_per_query)
        return s.accuracy_log_sampling_target / expected

    def choose_logged(self, traffic, accuracy):
        """Which responses go to the accuracy log."""
        offset = Engine(self.s.accuracy_log_rng_seed).unit()
        probability = self.log_probability()
        for _ in itertools.chain.from_iterable(traffic.queries):
            value = self.log_engine.unit() + offset
            value -= 1 if value >= 1 else 0
            traffic.logged.append(accuracy or value <= probability)


# ---- The model against known numbers -------------------------------------------------------------

CONF_SEEDS = {
    "qsl_rng_seed": 2085463073848966840,
    "sample_index_rng_seed": 2747215439041700203,
    "schedule_rng_seed": 16159082839903944936,
}


def numbers(text):
    return [int(word) for word in text.split()]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (CONF_SEEDS["qsl_rng_seed"], "144363858 3947231266 1102009372 2040961771"),
        (CONF_SEEDS["schedule_rng_seed"], "3245365415 3615339558 1380029910 1577989244"),
        (DEFAULT_SEED, "3499211612 581869302 3890346734"),
    ],
)
def test_engine(seed, expected):
    engine = Engine(seed)
    assert [engine.raw() for _ in numbers(expected)] == numbers(expected)


def test_unit():
    engine = Engine(DEFAULT_SEED)
    assert [engine.unit() for _ in range(3)] == [
        0.1354770042967805,
        0.8350085899945795,
        0.9688677711242314,
    ]
    assert Engine(12345).unit() == 0.8901547132827379


@pytest.mark.parametrize(
    ("total", "performance", "expected"),
    [
        (1024, 128, "1 5 112 64 11 37 58 70 96 67 89 42 76 93 110 72 88 127 56 120"),
        (10, 10, "1 5 7 6 0 8 3 2 9 4"),
        (65535, 65535, "27236 15090 46735 51901 26044"),
        (65536, 65536, "3434 25598 53455 6674 518"),
        (100000, 70000, "3434 25598 53455 6674 518 64165 64811 21948 42617 15327"),
    ],
)
def test_loaded_set(run_test, total, performance, expected):
    asked = lg.TestSettings(**CONF_SEEDS, min_query_count=1)
    expected = numbers(expected)
    model = Model(asked, total, performance).loadable_sets(performance)[0]
    assert model[: len(expected)] == expected
    run = run_test(total=total, performance=performance, min_query_count=1, **CONF_SEEDS)
    assert run.calls("load") == [model]


@pytest.mark.parametrize(
    ("scenario", "total", "performance", "values", "expected"),
    [
        (
            "SingleStream",
            1024,
            128,
            {"min_query_count": 100},
            "89 7 21 34 94 42 42 105 64 45 118 29 91 19 83 60 2 102 60 91",
        ),
        (
            "SingleStream",
            10,
            10,
            {"min_query_count": 15, "sample_concatenate_permutation": True},
            "7 2 1 0 5 6 3 4 8 9 7 8 1 2 4 0 5 9 3 6",
        ),
        (
            "Offline",
            10,
            10,
            {"min_query_count": 25, "sample_concatenate_permutation": True},
            "1 9 7 5 2 6 0 4 3 8 6 5 7 2 9 1 0 3 4 8 4 6 1 7 0 5 8 3 9 2",
        ),
        (
            "MultiStream",
            10,
            10,
            {"multi_stream_samples_per_query": 4, "performance_issue_unique": True},
            "1 5 7 6 9 4 1 5 0 8 3 2",
        ),
    ],
)
def test_selection_of_the_model(scenario, total, performance, values, expected):
    asked = lg.TestSettings(
        scenario=getattr(lg.TestScenario, scenario), min_duration_ms=0, **CONF_SEEDS, **values
    )
    traffic = Model(asked, total, performance).performance_set()
    expected = numbers(expected)
    assert list(itertools.chain.from_iterable(traffic.queries))[: len(expected)] == expected


def test_schedule_of_the_model():
    asked = lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_target_qps=1000,
        min_duration_ms=300,
        min_query_count=200,
        **CONF_SEEDS,
    )
    traffic = Model(asked, 1024, 128).performance_set()
    assert traffic.deltas_ns[:6] == [0, 1843654, 2301577, 3587439, 4300433, 4686839]
    assert (len(traffic.queries), traffic.duration_ns) == (298, 304847390)


# ---- The library against the model ---------------------------------------------------------------

SEEDS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 3))


@st.composite
def random_tests(draw):
    """(total, performance, settings) of a test that is short and that the reference survives."""
    scenario = draw(st.sampled_from(list(lg.TestScenario.__members__.values())))
    total = draw(st.integers(1, 40))
    performance = draw(st.integers(1, 50))
    selection = draw(st.sampled_from(["random", "unique", "same", "equal", "equal+same"]))
    values = {
        "scenario": scenario,
        "mode": draw(
            st.sampled_from(
                [
                    lg.TestMode.PerformanceOnly,
                    lg.TestMode.AccuracyOnly,
                    lg.TestMode.SubmissionRun,
                ]
            )
        ),
        "min_duration_ms": draw(st.sampled_from([0, 0, 3])),
        "min_query_count": draw(st.integers(1, 60)),
        "single_stream_expected_latency_ns": draw(st.sampled_from([1e5, 333333.3, 1e7])),
        "multi_stream_expected_latency_ns": draw(st.sampled_from([1e5, 333333.3, 1e7])),
        "multi_stream_samples_per_query": draw(st.integers(1, 9)),
        "server_target_qps": draw(st.floats(2e4, 1e5)),
        "server_coalesce_queries": draw(st.booleans()),
        "offline_expected_qps": draw(st.floats(1, 1e5)),
        "performance_sample_count_override": draw(st.sampled_from([0, 0, 7, 45])),
        "accuracy_sample_count_override": draw(st.sampled_from([0, 0, 3, 100])),
        "performance_issue_unique": selection == "unique",
        "performance_issue_same": "same" in selection,
        "sample_concatenate_permutation": "equal" in selection,
        "accuracy_log_probability": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "accuracy_log_sampling_target": draw(st.sampled_from([0, 9])),
    }
    for name in ("qsl", "sample_index", "schedule", "accuracy_log"):
        values[f"{name}_rng_seed"] = draw(SEEDS)
    return total, performance, values


def check_set(run, traffic, first_batch, row, *, whole_list):
    """Compares one set with what was issued from batch and sample row on; returns the next of each.

    Without `whole_list` the clock decided how many queries were issued.
    """
    expected = list(itertools.chain.from_iterable(traffic.queries))
    rows = run.result.samples[row:]
    issued = rows["sample_index"].tolist()
    compared = len(expected) if whole_list else min(len(issued), len(expected))
    assert issued[:compared] == expected[:compared]
    if run.result.scenario == lg.TestScenario.Server:
        scheduled = rows["scheduled_ns"][:compared]
        assert (scheduled - scheduled[0]).tolist() == traffic.deltas_ns[:compared]
    batches, taken = first_batch, 0
    while taken < compared and batches < len(run.batches):
        taken += len(run.batches[batches])
        batches += 1
    issued_in_calls = itertools.chain.from_iterable(run.batches[first_batch:batches])
    assert list(issued_in_calls)[:compared] == expected[:compared]
    return batches, row + compared


def check_logged(run, sets):
    """Compares which samples are in the accuracy log."""
    issued = len(run.issued)
    expected = {
        traffic.first_sample + i
        for traffic in sets
        for i, logged in enumerate(traffic.logged)
        if logged
    }
    generated = sets[-1].first_sample + len(sets[-1].logged)
    logged = {record["seq_id"] for record in run.accuracy}
    assert {i for i in logged if i < generated} == {i for i in expected if i < issued}


def issued_count(model, traffic):
    """How many queries of a performance set are issued if no time has to pass."""
    if model.server:
        return len(traffic.queries)
    return min(len(traffic.queries), model.min_query_count)


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(random_tests(), st.data())
def test_traffic_of_random_settings(run_test, case, data):
    total, performance, values = case
    asked = lg.TestSettings(**values)
    model = Model(asked, total, performance)
    mode = asked.mode.name
    sizes = [len(s) for s in model.loadable_sets(model.performance_count)[:1]]
    sizes += [len(s) for s in model.loadable_sets(model.accuracy_count)]
    padding = model.samples_per_query - 1 if model.multi else 0
    asked.performance_issue_same_index = data.draw(st.integers(0, min(sizes) - padding - 1))

    run = run_test(
        total=total, performance=performance, log={"enable_trace": False}, **asked.to_dict()
    )

    sets = model.accuracy_sets() if mode != "PerformanceOnly" else []
    batch = row = 0
    for traffic in sets:
        batch, row = check_set(run, traffic, batch, row, whole_list=True)
    if mode != "AccuracyOnly":
        traffic = model.performance_set()
        sets.append(traffic)
        timed = model.target_duration_ns > 0 and not model.server
        if not timed:
            count = issued_count(model, traffic)
            traffic.queries, traffic.deltas_ns = traffic.queries[:count], traffic.deltas_ns[:count]
        generated = len(traffic.logged) // traffic.samples_per_query
        check_set(run, traffic, batch, row, whole_list=not timed)
        if not timed:
            assert len(run.issued) == row + sum(map(len, traffic.queries))
    else:
        assert len(run.issued) == row
        generated = len(sets[-1].queries)
    assert run.calls("load") == [traffic.loaded for traffic in sets]
    assert run.calls("unload") == run.calls("load")
    assert run.values("generated_query_count")[-1] == generated
    assert run.values("generated_samples_per_query") == [t.samples_per_query for t in sets]
    assert run.values("generated_query_duration") == [t.duration_ns for t in sets]
    check_logged(run, sets)
