"""Native part of mlperf_loadgen."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol, SupportsIndex, TypedDict, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

__version__: str

class SettingsError(ValueError): ...
class AccuracyFormatError(ValueError): ...
class SampleLogFormatError(ValueError): ...

class TestScenario:
    """How queries arrive."""

    SingleStream: ClassVar[TestScenario]
    MultiStream: ClassVar[TestScenario]
    Server: ClassVar[TestScenario]
    Offline: ClassVar[TestScenario]
    __members__: ClassVar[dict[str, TestScenario]]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

class TestMode:
    """What a test is for."""

    SubmissionRun: ClassVar[TestMode]
    AccuracyOnly: ClassVar[TestMode]
    PerformanceOnly: ClassVar[TestMode]
    FindPeakPerformance: ClassVar[TestMode]
    __members__: ClassVar[dict[str, TestMode]]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

class Pacing:
    """How the generator waits for the time a query is due."""

    Auto: ClassVar[Pacing]
    Sleep: ClassVar[Pacing]
    Spin: ClassVar[Pacing]
    __members__: ClassVar[dict[str, Pacing]]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

class PeakStrategy:
    """How FindPeakPerformance searches."""

    Bisection: ClassVar[PeakStrategy]
    Estimate: ClassVar[PeakStrategy]
    __members__: ClassVar[dict[str, PeakStrategy]]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

class LoggingMode:
    """Accepted for compatibility; has no effect."""

    AsyncPoll: ClassVar[LoggingMode]
    EndOfTestOnly: ClassVar[LoggingMode]
    Synchronous: ClassVar[LoggingMode]
    __members__: ClassVar[dict[str, LoggingMode]]
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

class TestSettings:
    """What a test is asked to do; see docs/settings.md."""

    def __init__(
        self,
        *,
        scenario: TestScenario = ...,
        mode: TestMode = ...,
        single_stream_expected_latency_ns: float = ...,
        single_stream_target_latency_percentile: float = ...,
        multi_stream_expected_latency_ns: float = ...,
        multi_stream_target_latency_percentile: float = ...,
        multi_stream_samples_per_query: int = ...,
        server_target_qps: float = ...,
        server_target_latency_ns: int = ...,
        server_target_latency_percentile: float = ...,
        server_coalesce_queries: bool = ...,
        server_find_peak_qps_decimals_of_precision: int = ...,
        server_find_peak_qps_boundary_step_size: float = ...,
        server_max_async_queries: int = ...,
        server_num_issue_query_threads: int = ...,
        offline_expected_qps: float = ...,
        min_duration_ms: int = ...,
        max_duration_ms: int = ...,
        min_query_count: int = ...,
        max_query_count: int = ...,
        qsl_rng_seed: int = ...,
        sample_index_rng_seed: int = ...,
        schedule_rng_seed: int = ...,
        accuracy_log_rng_seed: int = ...,
        accuracy_log_probability: float = ...,
        accuracy_log_sampling_target: int = ...,
        test05: bool = ...,
        test05_qsl_rng_seed: int = ...,
        test05_sample_index_rng_seed: int = ...,
        test05_schedule_rng_seed: int = ...,
        print_timestamps: bool = ...,
        performance_issue_unique: bool = ...,
        performance_issue_same: bool = ...,
        performance_issue_same_index: int = ...,
        performance_sample_count_override: int = ...,
        accuracy_sample_count_override: int = ...,
        sample_concatenate_permutation: bool = ...,
        use_token_latencies: bool = ...,
        ttft_latency: int = ...,
        tpot_latency: int = ...,
        infer_token_latencies: bool = ...,
        token_latency_scaling_factor: int = ...,
        server_find_peak_strategy: PeakStrategy = ...,
        server_find_peak_max_qps: float = ...,
        server_pacing: Pacing = ...,
        stall_timeout_ms: int = ...,
        warmup_query_count: int = ...,
        offline_probe_duration_ms: int = ...,
        enable_sample_log: bool = ...,
    ) -> None: ...
    scenario: TestScenario
    """How samples arrive: SingleStream, MultiStream, Server or Offline."""
    mode: TestMode
    """What is run: SubmissionRun (accuracy, then performance), AccuracyOnly, PerformanceOnly or
    FindPeakPerformance. Config files use the numbers 0 to 3 in this order.
    """
    single_stream_expected_latency_ns: float
    """Expected latency of a query. It sizes the traffic and is no bound. Unit: ns."""
    single_stream_target_latency_percentile: float
    """The latency percentile that is reported and that early stopping estimates. Unit: fraction."""
    multi_stream_expected_latency_ns: float
    """Expected latency of a whole query. It sizes the traffic and is no bound. Unit: ns."""
    multi_stream_target_latency_percentile: float
    """The percentile of query latencies that is reported and that early stopping estimates. Unit:
    fraction.
    """
    multi_stream_samples_per_query: int
    """Samples in each query. Unit: samples."""
    server_target_qps: float
    """Mean rate of the Poisson arrivals. FindPeakPerformance starts its search here. Unit:
    queries/s.
    """
    server_target_latency_ns: int
    """Latency bound that the target percentile of queries must keep. In config files whole
    milliseconds. Unit: ns.
    """
    server_target_latency_percentile: float
    """Share of queries that must keep the latency bound. Unit: fraction."""
    server_coalesce_queries: bool
    """Issue all queries that are due in one call of IssueQuery."""
    server_find_peak_qps_decimals_of_precision: int
    """Decimals to which FindPeakPerformance determines the highest rate. Unit: decimals."""
    server_find_peak_qps_boundary_step_size: float
    """FindPeakPerformance multiplies the rate by 1 + this value until the bound is missed."""
    server_max_async_queries: int
    """Stop the run when more queries than this are outstanding; 0 is no limit. Unit: queries."""
    server_num_issue_query_threads: int
    """Registered threads that issue the queries; with 0 the thread that called StartTest does.
    Unit: threads.
    """
    offline_expected_qps: float
    """Expected throughput. It sizes the one query so that it lasts min_duration_ms and 10 % more.
    Unit: samples/s.
    """
    min_duration_ms: int
    """A performance run lasts at least this long. Unit: ms."""
    max_duration_ms: int
    """Stop issuing after this time, with an error; 0 is no limit. Unit: ms."""
    min_query_count: int
    """A performance run issues at least this many queries; in Offline, samples. Unit: queries."""
    max_query_count: int
    """Stop issuing after this many queries, with an error; 0 is no limit. Unit: queries."""
    qsl_rng_seed: int
    """Seed of the order in which samples are loaded. Only its low 32 bits count."""
    sample_index_rng_seed: int
    """Seed of the choice of samples. Only its low 32 bits count."""
    schedule_rng_seed: int
    """Seed of the Server arrival times. Only its low 32 bits count."""
    accuracy_log_rng_seed: int
    """Seed of the choice of responses that a performance run logs. Only its low 32 bits count."""
    accuracy_log_probability: float
    """Share of the responses of a performance run that goes to the accuracy log. Unit: fraction."""
    accuracy_log_sampling_target: int
    """About how many responses of a performance run go to the accuracy log; unless 0, it replaces
    accuracy_log_probability. Unit: samples.
    """
    test05: bool
    """Run PerformanceOnly with the three test05 seeds in place of the usual ones."""
    test05_qsl_rng_seed: int
    """Replaces qsl_rng_seed where test05 is on."""
    test05_sample_index_rng_seed: int
    """Replaces sample_index_rng_seed where test05 is on."""
    test05_schedule_rng_seed: int
    """Replaces schedule_rng_seed where test05 is on."""
    print_timestamps: bool
    """Print a comparison of the timers to the standard output during a performance run."""
    performance_issue_unique: bool
    """Issue every loaded sample once and none twice."""
    performance_issue_same: bool
    """Issue one and the same sample again and again."""
    performance_issue_same_index: int
    """Which sample performance_issue_same repeats: its position in the loaded set, from 0."""
    performance_sample_count_override: int
    """Samples that are loaded at once; 0 is the library's performance sample count. Unit: samples.
    """
    accuracy_sample_count_override: int
    """Samples of an accuracy run, the first ones of the library; 0 is all of them. Unit: samples.
    """
    sample_concatenate_permutation: bool
    """Issue every loaded sample equally often, in permutations one after the other."""
    use_token_latencies: bool
    """Count the tokens of each sample, and measure the time to its first token (TTFT) and per
    output token (TPOT). Offline needs no first tokens.
    """
    ttft_latency: int
    """Server bound on the time to the first token, kept by the target percentile of samples. Unit:
    ns.
    """
    tpot_latency: int
    """Server bound on the time per output token, kept by the target percentile of samples. Unit:
    ns/token.
    """
    infer_token_latencies: bool
    """Server and Offline also report token rates, inferred from the sample rate."""
    token_latency_scaling_factor: int
    """Tokens of a sample, as assumed by infer_token_latencies. Unit: tokens/sample."""
    server_find_peak_strategy: PeakStrategy
    """How FindPeakPerformance searches: Bisection as the reference does, from a rate that passes;
    Estimate from any rate, by trials of fresh arrivals, to an estimate with its interval.
    """
    server_find_peak_max_qps: float
    """FindPeakPerformance tries no rate above this. Unit: queries/s."""
    server_pacing: Pacing
    """How to wait for the time a query is due: Auto sleeps and spins the last stretch, Sleep only
    sleeps and costs the least CPU, Spin never sleeps and costs a CPU.
    """
    stall_timeout_ms: int
    """End the test, INVALID, when no sample was completed for this long while some are outstanding;
    0 waits for ever. In Offline the default counts only after the first completion, and not before
    twice the longest silence so far; any other value, and any in a config file, counts from the
    issue. Unit: ms.
    """
    warmup_query_count: int
    """Queries (in Offline, samples of one query) that are issued and answered before the
    performance phase begins, and count for nothing. Unit: queries.
    """
    offline_probe_duration_ms: int
    """Before the test, measure the throughput for about this long, and size the query by what was
    measured and 20 % more, in place of offline_expected_qps; 0 is no probe. Unit: ms.
    """
    enable_sample_log: bool
    """Write every sample to the sample log. LogSettings has a setting of the same name; either of
    them turns the log off.
    """
    def FromConfig(self, path: str, model: str, scenario: str, conf_type: int = 1) -> int:
        """Sets what a config file says for (model, scenario). Returns 0, -2 (the file cannot be
        opened) or -22 (a malformed line; nothing of the file is applied). What was refused, ignored
        or read unexpectedly is warned about with ConfigWarning.
        """
    def to_dict(self) -> dict[str, Any]:
        """All settings by name."""
    @staticmethod
    def from_dict(values: dict[str, Any]) -> TestSettings:
        """Settings by name; the rest keep their defaults."""
    def __copy__(self) -> TestSettings: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> TestSettings: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class LogOutputSettings:
    """Where the log files go."""

    outdir: str
    """Directory of the log files; created if its parent exists."""
    prefix: str
    """Start of each file name."""
    suffix: str
    """End of each file name, before the extension."""
    prefix_with_datetime: bool
    """Put the UTC time after the prefix."""
    copy_detail_to_stdout: bool
    copy_summary_to_stdout: bool
    exist_ok: bool
    """Write over the logs of an earlier test, with a warning; False refuses."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class LogSettings:
    """What is logged, and where to."""

    log_output: LogOutputSettings
    log_mode: LoggingMode
    """Accepted for compatibility."""
    log_mode_async_poll_interval_ms: int
    """Accepted for compatibility."""
    enable_trace: bool
    """Write the trace file (Chrome trace event format)."""
    enable_sample_log: bool
    """Write every sample to loadgen_samples/<prefix>samples.npy."""
    max_trace_mb: int
    """Megabytes (1,000,000 bytes) of the trace at most; 0 is no limit."""
    max_sample_log_mb: int
    """Megabytes (1,000,000 bytes) of the sample log at most; 0 is no limit."""
    max_free_space_share: float
    """Share of the disk's free space that the trace and the sample log may take at most, each of
    them; 0 is no limit."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class LatencyStats:
    """Statistics of a list of durations, in ns."""

    @property
    def count(self) -> int:
        """How many durations there are."""
    @property
    def min_ns(self) -> int: ...
    @property
    def max_ns(self) -> int: ...
    @property
    def mean_ns(self) -> int:
        """Truncated to whole ns."""
    @property
    def target_percentile_ns(self) -> int:
        """At the scenario's target percentile."""
    @property
    def percentiles_ns(self) -> dict[float, int]:
        """Duration by percentile (0.5, 0.9, 0.95, 0.97, 0.99, 0.999): element floor(n * p) of the n
        durations in ascending order.
        """
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class Lateness:
    """How late queries were issued against their schedule (Server), in ns."""

    @property
    def count(self) -> int: ...
    @property
    def p50_ns(self) -> int: ...
    @property
    def p90_ns(self) -> int: ...
    @property
    def p99_ns(self) -> int: ...
    @property
    def p999_ns(self) -> int: ...
    @property
    def max_ns(self) -> int: ...
    @property
    def held_up_by_sut(self) -> int:
        """Queries already due when IssueQuery returned from the one before."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class EarlyStopping:
    """Whether enough queries were seen for the stated confidence."""

    @property
    def met(self) -> bool: ...
    @property
    def text(self) -> str:
        """As printed in the summary."""
    @property
    def estimate_ns(self) -> int:
        """Of the target percentile's latency; 0: none."""
    @property
    def estimate_p99_ns(self) -> int:
        """SingleStream: of the 99th percentile's latency; 0: none."""
    @property
    def queries_missing(self) -> int:
        """0 if met."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class TokenMetrics:
    """Token metrics of a performance phase."""

    @property
    def token_count(self) -> int: ...
    @property
    def first_token(self) -> LatencyStats:
        """Time to first token, ns. In Offline of the samples that sent one, perhaps none."""
    @property
    def time_per_token(self) -> LatencyStats:
        """Time per output token after the first, ns."""
    @property
    def throughput_with_overhead(self) -> float:
        """Tokens per second, generator included."""
    @property
    def throughput(self) -> float:
        """Tokens per second of latency."""
    @property
    def completed_per_second(self) -> float:
        """Server."""
    @property
    def per_second(self) -> float:
        """Offline."""
    @property
    def early_stopping_ttft(self) -> EarlyStopping: ...
    @property
    def early_stopping_tpot(self) -> EarlyStopping: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class PerformanceResult:
    """What a performance phase means."""

    @property
    def valid(self) -> bool: ...
    @property
    def perf_constraints_met(self) -> bool: ...
    @property
    def min_duration_met(self) -> bool: ...
    @property
    def min_queries_met(self) -> bool: ...
    @property
    def early_stopping_met(self) -> bool: ...
    @property
    def recommendations(self) -> list[str]:
        """What to change, one line each."""
    @property
    def reasons(self) -> list[str]:
        """Why the result is not VALID, in words."""
    @property
    def cautions(self) -> list[str]:
        """What a reader must know before trusting the numbers, a sentence each, with what to do.
        They do not make the result INVALID."""
    @property
    def query_count(self) -> int:
        """Issued."""
    @property
    def sample_count(self) -> int:
        """Answered."""
    @property
    def failed_sample_count(self) -> int:
        """Ended by `fail`, or lost on the way; in no latency and no throughput."""
    @property
    def failures(self) -> list[str]:
        """Why they failed: the first few different texts."""
    @property
    def overlatency_query_count(self) -> int:
        """Server: over the latency bound, or failed."""
    @property
    def target_qps(self) -> float: ...
    @property
    def sample_latency(self) -> LatencyStats: ...
    @property
    def query_latency(self) -> LatencyStats | None:
        """MultiStream, else None."""
    @property
    def early_stopping(self) -> EarlyStopping: ...
    @property
    def tokens(self) -> TokenMetrics | None:
        """Token mode, else None."""
    @property
    def lateness(self) -> Lateness:
        """Server: of all queries."""

    @property
    def lateness_held_up(self) -> Lateness:
        """Server: of queries that IssueQuery of an earlier one held up."""

    @property
    def lateness_others(self) -> Lateness:
        """Server: of all others; the generator's own, and the machine's."""

    @property
    def pacing(self) -> Pacing:
        """Server."""

    @property
    def spin_s(self) -> float:
        """Server: CPU time spent on waiting, s."""

    @property
    def qps_with_overhead(self) -> float:
        """SingleStream, queries/s."""
    @property
    def qps_without_overhead(self) -> float:
        """SingleStream, queries/s."""
    @property
    def scheduled_samples_per_second(self) -> float:
        """Server."""
    @property
    def completed_samples_per_second(self) -> float:
        """Server."""
    @property
    def samples_per_second(self) -> float:
        """Offline."""
    @property
    def tokens_per_second(self) -> float | None:
        """In every scenario, from the start to the end of the last query: of the tokens that were
        counted (use_token_latencies), else of those that were inferred (infer_token_latencies in
        Server and Offline); None without tokens."""
    @property
    def tokens_inferred(self) -> bool:
        """tokens_per_second takes each sample for token_latency_scaling_factor tokens."""
    @property
    def inferred_tokens_per_second(self) -> float: ...
    @property
    def sufficient_offline_qps(self) -> float:
        """Offline, where the duration was too short: the offline_expected_qps that would have been
        enough at this speed; 0: none is known.
        """
    @property
    def final_query_scheduled_s(self) -> float: ...
    @property
    def final_query_issued_s(self) -> float: ...
    @property
    def final_query_done_s(self) -> float: ...
    @property
    def max_latency_s(self) -> float: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class PeakTrial:
    """One rate tried by a peak search."""

    @property
    def kind(self) -> str:
        """ "trial" of a bisection; "bracket", "measure" or "confirm" of an estimate."""
    @property
    def qps(self) -> float: ...
    @property
    def passed(self) -> bool: ...
    @property
    def query_count(self) -> int: ...
    @property
    def over_share(self) -> float:
        """Share of the queries over the bound (of the worst one, if several), or failed."""
    @property
    def failed_share(self) -> float:
        """Share of the queries that failed."""
    @property
    def failures(self) -> list[str]:
        """Why they failed: the first few different texts."""
    @property
    def duration_s(self) -> float:
        """Of issuing."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class PeakSearchResult:
    """What FindPeakPerformance found."""

    @property
    def found(self) -> bool:
        """False: no rate is known that passes."""
    @property
    def determined(self) -> bool:
        """Whether the peak is known from both sides."""
    @property
    def at_limit(self) -> bool:
        """Nothing failed up to the limit: the peak is that or more."""
    @property
    def qps(self) -> float:
        """What the trials point to, a peak only where it is `determined`. Bisection: the highest
        rate that passed. Estimate: the rate at which the bound is just kept in the long run.
        """
    @property
    def at_least_qps(self) -> float:
        """What is known of the peak; 0: nothing."""
    @property
    def at_most_qps(self) -> float:
        """What is known of the peak; 0: nothing."""
    @property
    def low_qps(self) -> float:
        """Estimate: the confidence interval; 0 where there is none."""
    @property
    def high_qps(self) -> float: ...
    @property
    def valid_qps(self) -> float:
        """Estimate: the rate of the confirming run that was VALID; 0: none was."""
    @property
    def settling_budget_s(self) -> float:
        """A time budget that is likely to determine it; 0: that is not what is missing."""
    @property
    def settling_min_duration_s(self) -> float:
        """The min_duration that goes with it; 0: that of the search will do."""
    @property
    def statement(self) -> str:
        """What was found, in words: first whether the peak is determined."""
    @property
    def end(self) -> str:
        """Why the search ended, in words."""
    @property
    def cautions(self) -> list[str]:
        """What a reader must know before trusting it, a sentence each."""
    @property
    def trials(self) -> list[PeakTrial]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class OfflineProbe:
    """What the probe of an Offline test measured, and what became of it."""

    @property
    def sample_count(self) -> int:
        """Samples of its last and largest query."""
    @property
    def duration_s(self) -> float:
        """From the issue of that query to its last completion, in seconds."""
    @property
    def samples_per_second(self) -> float: ...
    @property
    def expected_qps(self) -> float:
        """What the test took in place of offline_expected_qps."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class LogPaths:
    """Paths of the log files; empty: not written."""

    @property
    def summary(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def accuracy(self) -> str: ...
    @property
    def trace(self) -> str: ...
    @property
    def samples(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class TestResult:
    """What a test means; print it for the whole."""

    @property
    def scenario(self) -> TestScenario: ...
    @property
    def mode(self) -> TestMode: ...
    @property
    def sut_name(self) -> str: ...
    @property
    def valid(self) -> bool:
        """True if all phases ran to their end, the system under test kept its contract, and the
        performance result, if there is one, is VALID.
        """
    @property
    def reasons(self) -> list[str]:
        """Why valid is false, in words; empty if it is true."""
    @property
    def cautions(self) -> list[str]:
        """What a reader must know before trusting the numbers, a sentence each, with what to do.
        They do not make the result INVALID."""
    @property
    def performance(self) -> PerformanceResult | None:
        """None where no query was timed."""
    @property
    def peak(self) -> PeakSearchResult | None:
        """FindPeakPerformance, else None."""
    @property
    def offline_probe(self) -> OfflineProbe | None:
        """Offline with offline_probe_duration_ms, else None."""
    @property
    def aborted(self) -> bool:
        """Ended by AbortTest, an interrupt or an exception of a callback."""
    @property
    def stalled(self) -> bool:
        """Ended because the system under test stopped answering (stall_timeout_ms)."""
    @property
    def accuracy_sample_count(self) -> int:
        """Responses in the accuracy log."""
    @property
    def error_count(self) -> int:
        """Error records of the detail log."""
    @property
    def warning_count(self) -> int: ...
    @property
    def errors(self) -> list[str]:
        """Texts of the first few errors."""
    @property
    def warnings(self) -> list[str]:
        """Texts of the first few warnings."""
    @property
    def logs(self) -> LogPaths: ...
    @property
    def log_failure(self) -> str:
        """What could not be written to the logs; empty: they are complete."""
    @property
    def samples(self) -> npt.NDArray[np.void]:
        """Every sample as a NumPy structured array, mapped from the sample log."""
    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists and numbers."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class QuerySample:
    """QuerySample() or QuerySample(id, index): one sample to be answered."""

    id: int
    """Names the sample in its completion; opaque."""
    index: int
    """Position in the sample library."""
    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, id: int, index: int, /) -> None: ...

class QuerySampleResponse:
    """QuerySampleResponse(), (id, data, size) or (id, data, size, n_tokens): the answer to one
    sample. `data` is the address of `size` bytes.
    """

    id: int
    data: int
    size: int
    n_tokens: int
    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, id: int, data: int, size: int, n_tokens: int = 0, /) -> None: ...

class _SortKey(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...

class SampleBatch(Sequence[QuerySample]):
    """The samples of one query, as a sequence of QuerySample; `ids` and `indices` give them as
    NumPy arrays without copying.
    """

    @property
    def ids(self) -> npt.NDArray[np.uint64]:
        """Response ids, uint64 array of shape (n,), not copied."""
    @property
    def indices(self) -> npt.NDArray[np.uint64]:
        """Library indices, uint64 array of shape (n,), not copied."""
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[QuerySample]: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> QuerySample: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[QuerySample]: ...
    @overload
    def __setitem__(self, index: SupportsIndex, value: QuerySample, /) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[QuerySample], /) -> None: ...
    def __delitem__(self, index: SupportsIndex | slice, /) -> None: ...
    def __add__(self, other: list[QuerySample] | SampleBatch, /) -> list[QuerySample]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    # What a list can do.
    def append(self, sample: QuerySample, /) -> None: ...
    def clear(self) -> None: ...
    def copy(self) -> list[QuerySample]: ...
    def extend(self, samples: Iterable[QuerySample], /) -> None: ...
    def insert(self, index: SupportsIndex, sample: QuerySample, /) -> None: ...
    def pop(self, index: SupportsIndex = -1, /) -> QuerySample: ...
    def remove(self, sample: QuerySample, /) -> None: ...
    def reverse(self) -> None: ...
    def sort(self, *, key: Callable[[QuerySample], _SortKey], reverse: bool = False) -> None: ...

class CallbackSut:
    def __init__(
        self,
        issue_query: Callable[[SampleBatch], object],
        flush_queries: Callable[[], object],
        name: str | Callable[[], str],
    ) -> None: ...

class QueueSut(CallbackSut):
    """A system under test whose queries another thread fetches: the one that issues takes no
    interpreter lock for them.
    """

    def __init__(
        self, flush_queries: Callable[[], object], name: str | Callable[[], str]
    ) -> None: ...
    def fileno(self) -> int:
        """Readable while queries are queued."""

    def take(self, most: int) -> npt.NDArray[Any]:
        """At most `most` samples, the oldest first: records of id, index, issued_ns (monotonic
        clock) and query, the number of the query they are of.
        """

    def push(self, ids: npt.ArrayLike, indices: npt.ArrayLike) -> None:
        """Issues one query from outside a test, uint64 of shape (n,) each."""

    def clear(self) -> None:
        """Forgets what is queued."""

class ServedSamples:
    """Samples this process works on for the test of another one. While it is the process's
    (`serve_completions`), completions go here.
    """

    def __init__(self) -> None: ...
    def admit(self, keys: npt.ArrayLike) -> int:
        """Makes samples outstanding, named by keys, uint64 of shape (n,). Returns the response id
        of the first; the others follow it.
        """

    def are_outstanding(self, ids: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of the ids, shape (n,), are of outstanding samples: bool of shape (n,)."""

    def clear(self) -> None:
        """Forgets all samples, and everything that goes wrong until `open`."""

    def open(self) -> None:
        """Another run begins, whose faults are its own."""

    def take(self) -> tuple[npt.NDArray[Any], bytes]:
        """What happened since: records of key, event (0 completed, 1 first token, 2 failed, 3 a
        fault, 4 AbortTest was called), time_ns, n_tokens and size, and the bytes of all, one after
        another.
        """

    def fileno(self) -> int:
        """Readable while there is something to take."""

class CallbackQsl:
    def __init__(
        self,
        total_sample_count: int,
        performance_sample_count: int,
        load_samples: Callable[[list[int]], object],
        unload_samples: Callable[[list[int]], object],
        name: str,
    ) -> None: ...

class _AccuracyArrays(TypedDict):
    sequence_ids: npt.NDArray[np.uint64]
    indices: npt.NDArray[np.uint64]
    payload: npt.NDArray[np.uint8]
    payload_offsets: npt.NDArray[np.uint64]
    token_payload: npt.NDArray[np.uint8]
    token_payload_offsets: npt.NDArray[np.uint64]
    token_counts: npt.NDArray[np.int64]
    truncated: bool
    shortened: bool
    used_bytes: int

class _PeakOptions(TypedDict):
    start_qps: float | None
    precision: float
    confidence: float
    time_budget_s: float | None
    goodput: float | None
    known: list[dict[str, Any]]
    on_trial: Callable[[dict[str, Any], str, tuple[float, float, float]], object]

class _Progress(TypedDict):
    set_number: int
    phase: str
    trial: int | None
    scenario: TestScenario
    mode: TestMode
    finished: bool
    start_time_s: float
    elapsed_s: float
    remaining_s: float | None
    min_duration_s: float
    min_query_count: int
    queries_issued: int
    samples_issued: int
    samples_completed: int
    samples_failed: int
    samples_outstanding: int
    offered_samples_per_second: float | None
    completed_samples_per_second: float
    silent_s: float | None
    oldest_outstanding_s: float | None
    latency_p50_ns: int | None
    latency_p99_ns: int | None
    lateness_p50_ns: int | None
    lateness_p99_ns: int | None
    lateness_max_ns: int | None

class _SampleLayout(TypedDict):
    data_offset: int
    row_count: int
    truncated: bool

class _SettingRow(TypedDict):
    name: str
    default: TestScenario | TestMode | float | bool
    unit: str
    applies_to: str
    config_key: str
    built_in_only: bool
    factor: float
    doc: str

def QuerySamplesComplete(
    responses: Sequence[QuerySampleResponse],
    response_cb: Callable[[QuerySampleResponse], object] | None = None,
) -> None:
    """Completes samples, from any thread. `responses`: sequence of QuerySampleResponse. The
    completion time is read once, at entry. `response_cb(response)` is called for each response that
    will be logged, before its bytes are read, and may change it.
    """

def FirstTokenComplete(
    responses: Sequence[QuerySampleResponse],
    response_cb: Callable[[QuerySampleResponse], object] | None = None,
) -> None:
    """Reports the first token of samples that are not completed yet. `response_cb` is accepted for
    compatibility and never called.
    """

def complete(
    ids: npt.NDArray[np.uint64] | npt.NDArray[np.int64] | Sequence[int],
    data: npt.NDArray[Any] | Buffer | Iterable[Buffer | str] | None = None,
    n_tokens: npt.NDArray[np.uint64] | npt.NDArray[np.int64] | Sequence[int] | None = None,
) -> None:
    """Completes a whole batch from arrays, at one time. `ids`: response ids, 1-D array of 64-bit
    integers (samples.ids or a part of it) or a sequence of ints. `data`: None, one C-contiguous
    array with a row a sample, or, for responses of different sizes, a list with bytes, str (logged
    as UTF-8) or a contiguous buffer for each; nothing is copied. Of a 1-D array of NumPy's texts
    (dtypes S and U) each is logged without its padding, and U as UTF-8. `n_tokens`: None or as many
    integers. Raises TypeError and ValueError before anything is completed; TypeError also for what
    holds addresses instead of responses, such as an array of dtype object.
    """

def make_list_sut(
    issue_query: Callable[[list[int], list[int]], object],
    flush_queries: Callable[[], object],
    name: str | Callable[[], str],
) -> CallbackSut: ...
def start_test(
    sut: CallbackSut,
    qsl: CallbackQsl,
    test_settings: TestSettings,
    log_settings: LogSettings,
    audit_config_filename: str,
    peak: _PeakOptions | None = None,
) -> TestResult: ...
def resolve_test(
    test_settings: TestSettings,
    audit_config_filename: str,
    total_sample_count: int,
    performance_sample_count: int,
) -> tuple[TestSettings, list[str], dict[str, Any]]:
    """What start_test would run: the settings with those of the audit file and test05, the warnings
    of these, and numbers of the plan. Raises SettingsError as start_test does.
    """

def checked_option(name: str, value: object) -> float:
    """The value of an option of a search or a sweep as a number. TypeError for what is no number,
    SettingsError for one outside the option's range."""

def peak_budget_durations() -> float:
    """How long a peak search may take where no time is given, in minimum durations."""

def check_trial(trial: object) -> None:
    """ValueError, with what is wrong, for what no trial of a search can be."""

def serve_completions(served: ServedSamples | None) -> None:
    """Sends completions to `served` while no test issues here. None: they are late again."""

def make_batches(
    ids: npt.ArrayLike, indices: npt.ArrayLike, queries: npt.ArrayLike
) -> list[SampleBatch]:
    """SampleBatches of the samples, uint64 of shape (n,) each: one for each run of equal numbers in
    `queries`.
    """

def fail(ids: npt.ArrayLike, reason: str) -> bool:
    """Ends samples that cannot be answered: they are in no latency and no throughput, and the
    result is INVALID for `reason`. `ids`: response ids, shape (n,); empty for a fault that cost no
    sample. False if nothing is being issued: then it counts for the set that has just ended, if one
    has.
    """

def describe_records() -> None:
    """Prepares what the queues give; to be called once, before threads use them."""

def raise_in_test(exception: BaseException) -> bool:
    """Ends the running test; StartTest raises `exception`. False if nothing is being issued."""

def read_accuracy(path: str) -> _AccuracyArrays: ...
def read_progress() -> _Progress | None: ...

_SAMPLE_FOLDER: str

def set_progress_shown(shown: bool) -> None:
    """Somebody shows the progress on stderr, or no longer does: tests do not write there
    meanwhile.
    """

def sample_columns() -> list[tuple[str, str]]: ...
def sample_layout(head: bytes, file_size: int, name: str) -> _SampleLayout: ...
def sample_left_out(rest: bytes) -> int: ...
def await_lent_threads(count: int, timeout_s: float) -> int:
    """Waits until so many threads are inside RegisterIssueQueryThread; returns how many are."""

def set_hooks(
    config_warning: Callable[[], object],
    describe: Callable[[], object],
    logs_overwritten_warning: Callable[[], object],
    read_samples: Callable[[], object],
) -> None:
    """Takes functions without arguments, each of which gives what its name says."""

def finish_tests() -> None:
    """Ends the running test and waits for it, before the interpreter goes away."""

def settings_table() -> list[_SettingRow]: ...
def config_origins(settings: TestSettings) -> dict[str, str]:
    """file:line of each setting that a config file set, by its name."""

def why_unused(settings: TestSettings, name: str) -> str:
    """Why a test of these settings makes no use of one of them; empty if it does."""

def built_in_models() -> list[str]:
    """The models that the built-in mlperf.conf has entries for."""

def models_in_config(text: bytes) -> list[str]:
    """The models that the text of a config file has entries for."""

def models_met(settings: TestSettings) -> list[str]:
    """The models that FromConfig was called for and met entries of."""

def log_setting_names() -> tuple[list[str], list[str]]:
    """The names of the settings that change what is logged: of LogSettings, and of its
    log_output.
    """

def earlier_log(log_settings: LogSettings) -> str:
    """Path of a log that a test with these settings would write over; empty if there is none."""

def AbortTest() -> None:
    """Ends the running test from any thread: nothing more is issued, the logs are written and
    StartTest returns a result marked aborted.
    """

def RegisterIssueQueryThread() -> None:
    """Lends the calling thread to the test for issuing queries (Server with
    server_num_issue_query_threads > 0); returns when the test has ended.
    """
