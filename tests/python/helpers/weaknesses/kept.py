"""S4 to S29 in part: what is unexpected, but makes results comparable, and so is kept."""

import re
from pathlib import Path

import mlperf_loadgen as lg

from .table import ROOT, answer, row, run, settings_of

DIFFERENCES = (ROOT / "docs" / "differences.md").read_text()
KEPT = DIFFERENCES.partition("## Kept as it is")[2]


def kept(name, what):
    """Enters a row whose behaviour is the reference's, as the documentation says."""

    def enter(check):
        def documented():
            assert re.search(rf"\b{name}\b", KEPT), (
                f"docs/differences.md does not list {name} as kept"
            )
            check()

        return row(name, reference=what, here="the same")(documented)

    return enter


@kept("S4", "audit.config cannot set seeds, accuracy_log_probability, test05 or keys of a model")
def audit_file():
    audit = Path("audit.config")
    audit.write_text(
        "*.*.qsl_rng_seed = 5\n"
        "*.*.accuracy_log_probability = 0.5\n"
        "*.*.test05 = 1\n"
        "m.*.min_query_count = 3\n"
        "*.SingleStream.max_query_count = 4\n"
    )
    done = run(audit=str(audit), qsl_rng_seed=7)
    assert len(done.queries) == 4
    assert done.value("effective_qsl_rng_seed") == 7
    assert done.value("effective_accuracy_log_probability") == 0
    assert done.value("effective_min_query_count") == 10
    assert "Test05" not in str(done.result.warnings)


SEEDS = ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed")


def traffic(**settings):
    done = run(scenario="Server", server_target_qps=1e5, **settings)
    scheduled_ns = done.result.samples["scheduled_ns"]
    return done.loaded, done.issued, (scheduled_ns - scheduled_ns[0]).tolist()


@kept("S5", "of a seed of 64 bits, the low 32 count")
def seeds_of_32_bits():
    for changed, seed in enumerate(SEEDS):
        first, same, other = (traffic(**{seed: value}) for value in (7, 7 + 2**32, 7 + 1))
        assert first == same
        assert first[changed] != other[changed]


@kept("S6", "the sequence of samples depends on min_query_count")
def sequence_depends_on_the_count():
    same, again, other = (run(min_query_count=count).issued for count in (10, 10, 11))
    assert same == again
    assert same != other[:10]


@kept("S8", "the performance set is the first samples of the library, in another order")
def performance_set():
    done = run(total=40, performance=10, qsl_rng_seed=3)
    (loaded,) = done.loaded
    assert loaded != sorted(loaded)
    assert sorted(loaded) == list(range(10))


@kept("S9", "performance_issue_same counts in accuracy runs too")
def same_sample_in_accuracy_runs():
    done = run(mode="AccuracyOnly", performance_issue_same=True, performance_issue_same_index=3)
    log = lg.read_accuracy(done.result.logs.accuracy)
    assert set(log.indices.tolist()) == {done.loaded[0][3]}
    assert len(log) == 10


@kept("S10", "accuracy runs in Server follow the schedule and so last count / target_qps")
def schedule_of_accuracy_runs():
    done = run(mode="AccuracyOnly", scenario="Server", server_target_qps=200, total=40)
    rows = done.result.samples
    assert (rows["issued_ns"] >= rows["scheduled_ns"]).all()
    # Ten are loaded at a time, so the schedule of the last ten alone lasts about 50 ms.
    first_ns, last_ns = rows["scheduled_ns"][[-10, -1]]
    assert 10e6 < last_ns - first_ns < 250e6


@kept("S12", "Server: rate and duration are those of the query that was issued last")
def server_ends_with_the_last_query():
    held = []

    def issue(samples):
        held.append(list(samples))
        if len(held) > 1:
            answer(samples)
        if len(held) == 10:
            answer(held[0])  # The first one last.

    done = run(issue, scenario="Server", server_target_qps=1000)
    rows, result = done.result.samples, done.result.performance
    last_ns = rows["completed_ns"][-1]
    assert rows["completed_ns"][0] > last_ns
    assert abs(result.completed_samples_per_second - 9 / (last_ns / 1e9)) < 1e-6
    short = run(scenario="Server", server_target_qps=1000, max_query_count=5, min_duration_ms=1000)
    assert not short.result.performance.min_duration_met
    assert short.result.performance.final_query_scheduled_s < 1


@kept("S22", "accuracy_log_probability and the sampling target are kept on average only")
def sampling():
    for settings in ({"accuracy_log_probability": 0.25}, {"accuracy_log_sampling_target": 50}):
        counts = [
            run(
                min_query_count=200, accuracy_log_rng_seed=seed, **settings
            ).result.accuracy_sample_count
            for seed in range(6)
        ]
        assert any(count != 50 for count in counts)
        assert all(25 <= count <= 75 for count in counts)


@kept("S26", "the Server latency bound in config files is cut to whole milliseconds")
def whole_milliseconds():
    import warnings

    Path("user.conf").write_text("*.Server.target_latency = 10.9\n")
    settings = settings_of(scenario="Server")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lg.ConfigWarning)
        assert settings.FromConfig("user.conf", "m", "Server", 2) == 0
    assert settings.server_target_latency_ns == 10_000_000


@row(
    "S29",
    reference="response ids are recycled: an old one was taken as that of a new sample",
    here="ids are never used twice; an old one is counted and completes nothing",
)
def ids_are_not_recycled():
    seen = []

    def issue(samples):
        if seen:
            lg.QuerySamplesComplete([lg.QuerySampleResponse(seen[0], 0, 0)])
        seen.extend(sample.id for sample in samples)
        answer(samples)

    done = run(issue, total=30, mode="AccuracyOnly")
    assert len(done.loaded) == 3
    assert not done.result.valid
    rows = done.result.samples
    assert (rows["completed_ns"] >= rows["issued_ns"]).all()
    assert sorted(lg.read_accuracy(done.result.logs.accuracy).indices) == list(range(30))
    again = run(lambda samples: (seen.extend(s.id for s in samples), answer(samples)))
    again.assert_unharmed()
    assert len(seen) == len(set(seen)) == 40
