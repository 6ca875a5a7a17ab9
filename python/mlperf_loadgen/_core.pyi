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

class TokenClock:
    """Which time of a token counts, where a system reports both."""

    Arrival: ClassVar[TokenClock]
    Read: ClassVar[TokenClock]
    __members__: ClassVar[dict[str, TokenClock]]
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

class TokenLog:
    """What is kept of the tokens of each sample, where a system reports them."""

    Events: ClassVar[TokenLog]
    Off: ClassVar[TokenLog]
    __members__: ClassVar[dict[str, TokenLog]]
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
        itl_latency: int = ...,
        e2e_latency: int = ...,
        goodput_share: float = ...,
        allow_short_answers: bool = ...,
        token_clock: TokenClock = ...,
        token_log: TokenLog = ...,
        server_find_peak_strategy: PeakStrategy = ...,
        server_find_peak_max_qps: float = ...,
        server_pacing: Pacing = ...,
        stall_timeout_ms: int = ...,
        warmup_query_count: int = ...,
        offline_probe_duration_ms: int = ...,
        enable_sample_log: bool = ...,
    ) -> None: ...
    scenario: TestScenario
    """The pattern in which samples arrive: SingleStream, MultiStream, Server or Offline."""
    mode: TestMode
    """The kind of test: SubmissionRun (accuracy, then performance), AccuracyOnly, PerformanceOnly
    or FindPeakPerformance. Config files use the numbers 0 to 3 in this order.
    """
    single_stream_expected_latency_ns: float
    """Expected latency of a query. It determines how much traffic is made; it is not a bound. Unit:
    ns.
    """
    single_stream_target_latency_percentile: float
    """The percentile of latencies that is reported and that early stopping estimates. Unit:
    fraction.
    """
    multi_stream_expected_latency_ns: float
    """Expected latency of a whole query. It determines how much traffic is made; it is not a bound.
    Unit: ns.
    """
    multi_stream_target_latency_percentile: float
    """The percentile of query latencies that is reported and that early stopping estimates. Unit:
    fraction.
    """
    multi_stream_samples_per_query: int
    """Number of samples in each query. Unit: samples."""
    server_target_qps: float
    """Mean rate of the Poisson arrivals. FindPeakPerformance starts its search at this rate. Unit:
    queries/s.
    """
    server_target_latency_ns: int
    """Latency bound that the target percentile of queries must keep. Config files give it in whole
    milliseconds. Unit: ns.
    """
    server_target_latency_percentile: float
    """Share of queries that must keep the latency bound. Unit: fraction."""
    server_coalesce_queries: bool
    """Issue all queries that are due at the moment in one call of IssueQuery."""
    server_find_peak_qps_decimals_of_precision: int
    """Number of decimals to which FindPeakPerformance determines the highest rate. Unit: decimals.
    """
    server_find_peak_qps_boundary_step_size: float
    """FindPeakPerformance multiplies the rate by 1 + this value until the bound is missed."""
    server_max_async_queries: int
    """Stop the run when more queries than this are outstanding; 0 stands for no limit. Unit:
    queries.
    """
    server_num_issue_query_threads: int
    """Number of registered threads that issue the queries; with 0, the thread that called StartTest
    issues them. Unit: threads.
    """
    offline_expected_qps: float
    """Expected throughput. The one query gets as many samples as take min_duration_ms and 10 % more
    at this rate. Unit: samples/s.
    """
    min_duration_ms: int
    """A performance run lasts at least this long. Unit: ms."""
    max_duration_ms: int
    """Stop issuing after this time, with an error; 0 stands for no limit. Unit: ms."""
    min_query_count: int
    """A performance run issues at least this many queries, or in Offline this many samples. Unit:
    queries.
    """
    max_query_count: int
    """Stop issuing after this many queries, with an error; 0 stands for no limit. Unit: queries."""
    qsl_rng_seed: int
    """Seed for the order in which samples are loaded. Only its low 32 bits count."""
    sample_index_rng_seed: int
    """Seed for the choice of samples. Only its low 32 bits count."""
    schedule_rng_seed: int
    """Seed for the arrival times in Server. Only its low 32 bits count."""
    accuracy_log_rng_seed: int
    """Seed for the choice of responses that a performance run logs. Only its low 32 bits count."""
    accuracy_log_probability: float
    """Share of the responses of a performance run that goes to the accuracy log. Unit: fraction."""
    accuracy_log_sampling_target: int
    """Approximate number of responses of a performance run that go to the accuracy log. If it is
    not 0, it replaces accuracy_log_probability. Unit: samples.
    """
    test05: bool
    """Run PerformanceOnly with the three test05 seeds in place of the usual seeds."""
    test05_qsl_rng_seed: int
    """Replaces qsl_rng_seed if test05 is on."""
    test05_sample_index_rng_seed: int
    """Replaces sample_index_rng_seed if test05 is on."""
    test05_schedule_rng_seed: int
    """Replaces schedule_rng_seed if test05 is on."""
    print_timestamps: bool
    """Print a comparison of the timers to the standard output during a performance run."""
    performance_issue_unique: bool
    """Issue every loaded sample exactly once."""
    performance_issue_same: bool
    """Issue the same sample again and again."""
    performance_issue_same_index: int
    """Position in the loaded set, from 0, of the sample that performance_issue_same repeats."""
    performance_sample_count_override: int
    """Number of samples that are loaded at once; 0 stands for the library's performance sample
    count. Unit: samples.
    """
    accuracy_sample_count_override: int
    """Number of samples in an accuracy run, taken from the start of the library; 0 stands for all
    samples. Unit: samples.
    """
    sample_concatenate_permutation: bool
    """Issue every loaded sample equally often, as one permutation of all samples after another."""
    use_token_latencies: bool
    """Count the tokens of each sample, and measure the time to the first token (TTFT) and the time
    per output token (TPOT). Offline needs no first tokens.
    """
    ttft_latency: int
    """Bound on the time to the first token that the target percentile of samples must keep in
    Server. Unit: ns.
    """
    tpot_latency: int
    """Bound on the time per output token that the target percentile of samples must keep in Server.
    Unit: ns/token.
    """
    infer_token_latencies: bool
    """In Server and Offline, also report token rates that are inferred from the sample rate."""
    token_latency_scaling_factor: int
    """Number of tokens in a sample that infer_token_latencies assumes. Unit: tokens/sample."""
    itl_latency: int
    """Bound on the time between two tokens of an answer (ITL) that the target percentile of all
    tokens must keep in Server. Only systems that report each token have it. 0 stands for no bound.
    Unit: ns/token.
    """
    e2e_latency: int
    """Bound on the whole latency, beside those on its tokens, that the target percentile of samples
    must keep in Server. 0 stands for no bound. Unit: ns.
    """
    goodput_share: float
    """Share of samples that must keep all the bounds together in Server. 0 stands for no such
    demand. Unit: fraction.
    """
    allow_short_answers: bool
    """Let answers of one token pass: they are counted, and have no time per output token. If it is
    off, such an answer makes the result INVALID.
    """
    token_clock: TokenClock
    """The time of a token that counts, where a system reports both: Arrival is when it came in at
    this machine, Read is when the client read it, which is never earlier.
    """
    token_log: TokenLog
    """Whether the times of all tokens are written beside the sample log, where a system reports
    them: Events or Off.
    """
    server_find_peak_strategy: PeakStrategy
    """How FindPeakPerformance searches. Bisection is the reference's way: it starts from a rate
    that passes. Estimate starts from any rate, runs trials with new arrival times, and gives an
    estimate with an interval.
    """
    server_find_peak_max_qps: float
    """FindPeakPerformance tries no rate above this one. Unit: queries/s."""
    server_pacing: Pacing
    """How the generator waits for the time a query is due. Auto sleeps, and spins just before that
    time. Sleep only sleeps and costs the least CPU. Spin never sleeps and costs a CPU.
    """
    stall_timeout_ms: int
    """End the test, INVALID, when no sample was completed for this long while some are outstanding;
    0 waits for ever. In Offline the default counts from the first completion only, and the silence
    must also be twice as long as the longest one so far. Any other value, and any value in a config
    file, counts from the issue. Unit: ms.
    """
    warmup_query_count: int
    """Number of queries (in Offline, samples of one query) that are issued and answered before the
    performance phase begins. They do not count. Unit: queries.
    """
    offline_probe_duration_ms: int
    """Before the test, measure the throughput for about this long. The measured rate and 20 % more
    then takes the place of offline_expected_qps. 0 stands for no probe. Unit: ms.
    """
    enable_sample_log: bool
    """Write every sample to the sample log. LogSettings has a setting of the same name; either of
    them turns the log off.
    """
    def FromConfig(self, path: str, model: str, scenario: str, conf_type: int = 1) -> int:
        """Sets the values that a config file has for a model and a scenario. Returns 0, -2 (the
        file cannot be opened) or -22 (a line is malformed, and nothing of the file is applied). A
        ConfigWarning names each line that was refused, ignored or read in an unexpected way.
        """
    def to_dict(self) -> dict[str, Any]:
        """All settings by name."""
    @staticmethod
    def from_dict(values: dict[str, Any]) -> TestSettings:
        """Makes settings from a dict of names and values. Other settings keep their defaults."""
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
    """Put the UTC time after the prefix of each file name."""
    copy_detail_to_stdout: bool
    copy_summary_to_stdout: bool
    exist_ok: bool
    """Overwrite the logs of an earlier test, with a warning. If False, such a test is refused."""
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
    """Write the times of every sample to loadgen_samples/<prefix>samples.npy."""
    max_trace_mb: int
    """Largest size of the trace in megabytes (1,000,000 bytes); 0 stands for no limit."""
    max_sample_log_mb: int
    """Largest size of the sample log in megabytes (1,000,000 bytes); 0 stands for no limit."""
    max_free_space_share: float
    """Largest share of the disk's free space that each of the trace and the sample log may take; 0
    stands for no limit.
    """
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
        """The mean, truncated to whole ns."""
    @property
    def target_percentile_ns(self) -> int:
        """The duration at the scenario's target percentile."""
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
        """Number of queries already due when IssueQuery returned from the query before."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class EarlyStopping:
    """Whether enough queries were seen for the stated confidence."""

    @property
    def met(self) -> bool: ...
    @property
    def text(self) -> str:
        """The text that the summary prints."""
    @property
    def estimate_ns(self) -> int:
        """The estimate of the latency at the target percentile; 0: there is none."""
    @property
    def estimate_p99_ns(self) -> int:
        """SingleStream: the estimate of the latency at the 99th percentile; 0: there is none."""
    @property
    def queries_missing(self) -> int:
        """How many more queries are needed; 0 if met."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class TokenMetrics:
    """Token metrics of a performance phase."""

    @property
    def token_count(self) -> int: ...
    @property
    def first_token(self) -> LatencyStats:
        """Time to first token (TTFT), ns. In Offline only of the samples that sent a first token;
        there may be none.
        """
    @property
    def time_per_token(self) -> LatencyStats:
        """Time per output token after the first (TPOT), ns."""
    @property
    def throughput_with_overhead(self) -> float:
        """Tokens per second, generator included."""
    @property
    def throughput(self) -> float:
        """Tokens per second of latency, without the time of the generator."""
    @property
    def completed_per_second(self) -> float:
        """Server: tokens per second."""
    @property
    def per_second(self) -> float:
        """Offline: tokens per second."""
    @property
    def early_stopping_ttft(self) -> EarlyStopping: ...
    @property
    def early_stopping_tpot(self) -> EarlyStopping: ...
    @property
    def early_stopping_e2e(self) -> EarlyStopping:
        """Server with e2e_latency: that of the whole latency."""
    @property
    def inter_token(self) -> LatencyStats:
        """Inter-token latency (ITL), ns a token, of all requests together: the time between two
        arrivals of tokens, divided by the tokens of the later one and counted for each of them.
        This and the statistics below have a count of 0 if the system under test does not report
        what they are of.
        """
    @property
    def inter_chunk(self) -> LatencyStats:
        """Inter-chunk latency (ICL), ns, of all requests together: the time between two arrivals of
        tokens, however many tokens came with them.
        """
    @property
    def decode_per_token(self) -> LatencyStats:
        """Decode time a token, ns, of each request: from its first token to its last, divided by
        the tokens after those of the first arrival.
        """
    @property
    def tail(self) -> LatencyStats:
        """From the last token of a request to its completion, ns."""
    @property
    def first_output(self) -> LatencyStats:
        """Time to first output (TTFO), ns, of the requests with reasoning before their answer: to
        the first token that is no reasoning.
        """
    @property
    def first_token_from_send(self) -> LatencyStats:
        """Time to first token, ns, from when the last byte of the request was handed to the
        operating system.
        """
    @property
    def client_lag(self) -> LatencyStats:
        """How much later than they arrived answers were read here, ns, of all reads of which that
        is known.
        """
    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the prompts, as the servers say; None if none does. This and the next two are
        sums over the answers that say it.
        """
    @property
    def cached_tokens(self) -> int | None:
        """Tokens of the prompts that were cached; None if no server says it."""
    @property
    def reasoning_tokens(self) -> int | None:
        """Tokens of reasoning in the answers; None if no server says it."""
    @property
    def event_count(self) -> int:
        """Number of arrivals of tokens."""
    @property
    def tokens_per_event(self) -> float:
        """Tokens an arrival; 0: none was reported."""
    @property
    def token_source(self) -> str:
        """Who counted the tokens: "usage" and "token ids" are of the server, "tokenizer" of one
        that was given, "events" are arrivals and not tokens. Of several the one to be trusted the
        least; empty: not known.
        """
    @property
    def cancelled_count(self) -> int:
        """Number of requests that the system gave up on purpose. They did not fail, and are in no
        latency and no throughput.
        """
    @property
    def total_tokens_per_second(self) -> float | None:
        """Tokens per second with those of the prompts, cached ones included; None if those are not
        known.
        """
    @property
    def short_answers(self) -> int:
        """Number of answers of one token. They have no TPOT."""
    @property
    def goodput_count(self) -> int | None:
        """Server: how many requests kept all the bounds; None in other scenarios."""
    @property
    def goodput_share(self) -> float | None:
        """Server: their share of the requests that were issued, with those that failed and without
        those that were cancelled.
        """
    @property
    def goodput_per_second(self) -> float | None:
        """Server: requests per second that kept all the bounds."""
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
        """Advice on what to change, a line each."""
    @property
    def reasons(self) -> list[str]:
        """Why the result is not VALID, in words."""
    @property
    def cautions(self) -> list[str]:
        """Sentences that a reader must know before trusting the numbers, each with the fix. They do
        not make the result INVALID.
        """
    @property
    def query_count(self) -> int:
        """Number of queries that were issued."""
    @property
    def sample_count(self) -> int:
        """Number of samples that were answered."""
    @property
    def failed_sample_count(self) -> int:
        """Number of samples that `fail` ended or that were lost on the way. They are in no latency
        and no throughput.
        """
    @property
    def failures(self) -> list[str]:
        """Why samples failed: the first few different texts."""
    @property
    def failure_counts(self) -> dict[str, int]:
        """How many samples failed of each of `failures`, and of "other reasons"."""
    @property
    def overlatency_query_count(self) -> int:
        """Server: number of queries that were over the latency bound or failed."""
    @property
    def target_qps(self) -> float: ...
    @property
    def sample_latency(self) -> LatencyStats: ...
    @property
    def query_latency(self) -> LatencyStats | None:
        """MultiStream: the latency of whole queries; None in other scenarios."""
    @property
    def early_stopping(self) -> EarlyStopping: ...
    @property
    def tokens(self) -> TokenMetrics | None:
        """The token metrics in token mode; None in other modes."""
    @property
    def lateness(self) -> Lateness:
        """Server: the lateness of all queries."""

    @property
    def lateness_held_up(self) -> Lateness:
        """Server: the lateness of queries that the IssueQuery of an earlier query held up."""

    @property
    def lateness_others(self) -> Lateness:
        """Server: the lateness of all other queries, which the generator or the machine caused."""

    @property
    def pacing(self) -> Pacing:
        """Server: how the generator waited for the time a query was due."""

    @property
    def spin_s(self) -> float:
        """Server: CPU time that the generator spent on waiting, s."""

    @property
    def qps_with_overhead(self) -> float:
        """SingleStream, queries/s."""
    @property
    def qps_without_overhead(self) -> float:
        """SingleStream, queries/s."""
    @property
    def scheduled_samples_per_second(self) -> float:
        """Server: the rate of the schedule, samples/s."""
    @property
    def completed_samples_per_second(self) -> float:
        """Server: the rate of completions, samples/s."""
    @property
    def samples_per_second(self) -> float:
        """Offline: the throughput, samples/s."""
    @property
    def tokens_per_second(self) -> float | None:
        """Tokens per second from the start to the end of the last query, in every scenario. They
        are the tokens that were counted (use_token_latencies) or inferred (infer_token_latencies in
        Server and Offline); None without tokens.
        """
    @property
    def tokens_inferred(self) -> bool:
        """Whether tokens_per_second counts each sample as token_latency_scaling_factor tokens."""
    @property
    def inferred_tokens_per_second(self) -> float: ...
    @property
    def sufficient_offline_qps(self) -> float:
        """Offline, if the duration was too short: the offline_expected_qps that would have been
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
        """ "start", "boundary" or "middle" of a bisection; "bracket", "measure" or "confirm" of an
        estimate."""
    @property
    def qps(self) -> float: ...
    @property
    def passed(self) -> bool: ...
    @property
    def query_count(self) -> int: ...
    @property
    def over_share(self) -> float:
        """Share of the queries that failed or were over the bound (the bound with the largest
        share, if there are several).
        """
    @property
    def failed_share(self) -> float:
        """Share of the queries that failed."""
    @property
    def failures(self) -> list[str]:
        """Why samples failed: the first few different texts."""
    @property
    def duration_s(self) -> float:
        """How long issuing took, s."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class PeakSearchResult:
    """What FindPeakPerformance found."""

    @property
    def found(self) -> bool:
        """Whether a rate is known that passes."""
    @property
    def none_passes(self) -> bool:
        """Whether it is known that no rate passes, however low."""
    @property
    def determined(self) -> bool:
        """Whether the peak is known from both sides."""
    @property
    def at_limit(self) -> bool:
        """Whether no rate up to the limit failed: the peak is then the limit or more."""
    @property
    def qps(self) -> float:
        """The rate that the trials point to; it is the peak only if `determined` is true.
        Bisection: the highest rate that passed. Estimate: the rate at which the bound is just kept
        in the long run.
        """
    @property
    def at_least_qps(self) -> float:
        """The peak is at least this rate; 0: not known."""
    @property
    def at_most_qps(self) -> float:
        """The peak is at most this rate; 0: not known."""
    @property
    def low_qps(self) -> float:
        """Estimate: the low end of the confidence interval; 0: there is none."""
    @property
    def high_qps(self) -> float: ...
    @property
    def valid_qps(self) -> float:
        """Estimate: the rate of the confirming run that was VALID; 0: none was."""
    @property
    def settling_budget_s(self) -> float:
        """A time budget that is likely to determine the peak; 0: none is needed or would help."""
    @property
    def settling_min_duration_s(self) -> float:
        """The min_duration to use with settling_budget_s; 0: the min_duration of the search is
        enough.
        """
    @property
    def statement(self) -> str:
        """The outcome in words, which say first whether the peak is determined."""
    @property
    def end(self) -> str:
        """Why the search ended, in words."""
    @property
    def cautions(self) -> list[str]:
        """Sentences that a reader must know before trusting the peak."""
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
    @property
    def tokens(self) -> str:
        """The token log, which only systems have that report the arrivals of tokens."""
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
        """Sentences that a reader must know before trusting the numbers, each with the fix. They do
        not make the result INVALID.
        """
    @property
    def performance(self) -> PerformanceResult | None:
        """The performance result; None if no query was timed."""
    @property
    def peak(self) -> PeakSearchResult | None:
        """The outcome of FindPeakPerformance; None in other modes."""
    @property
    def offline_probe(self) -> OfflineProbe | None:
        """The outcome of the probe (offline_probe_duration_ms); None without a probe."""
    @property
    def aborted(self) -> bool:
        """Whether AbortTest, an interrupt or an exception of a callback ended the test."""
    @property
    def stalled(self) -> bool:
        """Whether the test ended because the system under test stopped answering
        (stall_timeout_ms).
        """
    @property
    def accuracy_sample_count(self) -> int:
        """Number of responses in the accuracy log."""
    @property
    def error_count(self) -> int:
        """Number of error records in the detail log."""
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
        """The whole result as dicts, lists and numbers."""
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

    def forward_to(self, receiver: object) -> None:
        """Hands queries to a LaneDispatcher, or to the query taker of another extension module (a
        capsule), in place of the queue; None: to the queue again. Not while queries are issued.
        Raises TypeError for anything else.
        """

class LaneDispatcher:
    """Sends the queries of a test to nodes over lanes, and completes what they answer, without the
    interpreter's lock. Nodes have numbers below `nodes`.
    """

    def __init__(
        self,
        nodes: int,
        max_outstanding: int,
        max_outstanding_bytes: int,
        round_robin: bool,
        most_prepared_bytes: int,
    ) -> None: ...
    def connect(
        self,
        node: int,
        name: str,
        address: str,
        secret: str,
        max_payload_bytes: int,
        max_answer_bytes: int,
        share_memory: bool,
        timeout_s: float,
    ) -> None:
        """Opens the lane to a node, which can be used from then on. `name`: its address, for texts.
        `address`: "tcp://HOST:PORT" or "unix://@NAME" of the lane. `share_memory`: large payloads
        lie where the node reads them, over "unix://" alone. Raises RuntimeError if it cannot be
        opened.
        """

    def lose(self, node: int) -> npt.NDArray[np.uint64]:
        """The node is lost. Returns the ids of the samples it had: uint64 of shape (n,)."""

    def set_clock_offset(self, node: int, offset_ns: int) -> None:
        """The node's clock minus this machine's."""

    def answered_by(self, node: int) -> int:
        """How many samples a node has answered."""

    def flush(self) -> None:
        """Passes a flush on after the queries before it, and forgets the payloads, unless
        `keep_payloads` was called.
        """

    def dispatch(self) -> None:
        """Sends what waits, as far as nodes have room and payloads are prepared."""

    def wanted(self, most: int) -> list[int]:
        """Indices of samples that wait for their payloads, at most `most`."""

    def prepare(
        self, index: int, layout: bytes | str, parts: Sequence[Buffer], payload_bytes: int
    ) -> bool:
        """Copies the payload of a sample: the text of its layout, and the bytes of its parts.
        Returns False if it is there for one use alone, because no room is left to keep it.
        """

    def refuse(self, index: int, reason: str) -> None:
        """A sample cannot be sent: its queries fail."""

    def keep_payloads(self) -> None:
        """Samples were loaded: payloads stay at a flush until `forget_payloads`."""

    def forget_payloads(self) -> None:
        """The samples were unloaded."""

    def fileno(self) -> int:
        """Readable while there are events, many rows, or payloads are wanted."""

    def take_events(self) -> list[tuple[int, int, npt.NDArray[np.uint64], bytes, int]]:
        """What happened since: kind (0 failed, 1 refused, 2 a fault, 3 answers to unknown samples,
        4 AbortTest was called, 5 the lane broke), node, ids, text and count of each.
        """

    def take_rows(self) -> npt.NDArray[Any]:
        """The times of the samples that were completed since, as records."""

    def cease(self) -> None:
        """Nothing is sent or completed any more."""

    def finish(self) -> None:
        """As `cease`, and the nodes hear that nothing follows."""

    def stop(self) -> None:
        """Ends its thread and closes the lanes."""

class ServedSamples:
    """Samples this process works on for the test of another one. While it is the process's
    (`serve_completions`), completions go here.
    """

    def __init__(self) -> None: ...
    def are_outstanding(self, ids: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of the ids, shape (n,), are of outstanding samples: bool of shape (n,)."""

    def issued(self) -> npt.NDArray[np.uint64]:
        """The ids of the outstanding samples that the system has, uint64 of shape (n,)."""

    def clear(self) -> None:
        """Forgets all samples, and everything that goes wrong until `open`."""

    def open(self) -> None:
        """Another run begins, whose faults are its own."""

    def take(self) -> tuple[npt.NDArray[Any], bytes]:
        """What happened since: records of key, event (0 completed, 1 first token, 2 failed, 3 a
        fault, 4 AbortTest was called), time_ns, n_tokens, size, index, received_ns and issued_ns
        (0: not issued to the system), and the bytes of all, one after another.
        """

    def fileno(self) -> int:
        """Readable while there is something to take."""

class TakenWork:
    """What the thread of a hosted system is to do next."""

    @property
    def is_flush(self) -> bool:
        """Flush the system's queries."""

    @property
    def is_call(self) -> bool:
        """The next of `push_call`."""

    @property
    def is_done(self) -> bool:
        """All its queries have been issued."""

    @property
    def ids(self) -> npt.NDArray[np.uint64]:
        """The response ids of the query issued last, uint64 of shape (n,)."""

    def issue(self, issue_query: Callable[[SampleBatch], object]) -> None:
        """Calls `issue_query(batch)` for each query that is left, until one raises; what that
        raises, this does. Those of a run that was given up are left out.
        """

class HeldPayload:
    """A sample's payload as it came."""

    @property
    def data(self) -> memoryview:
        """Its parts, each padded to 8 bytes but for the last; read-only, and not copied."""

    @property
    def layout(self) -> bytes:
        """What its bytes mean: the JSON of qdl/wire/payload.py."""

class HostedSystem:
    """What a system works on for the test of another process. One thread, the system's, takes."""

    def __init__(self) -> None: ...
    @property
    def served(self) -> ServedSamples:
        """Its samples, which it completes."""

    def issue(
        self,
        keys: npt.ArrayLike,
        indices: npt.ArrayLike,
        queries: npt.ArrayLike,
        received_ns: int,
    ) -> None:
        """Queues samples, uint64 of shape (n,) each: one query for each run of equal numbers in
        `queries`.
        """

    def push_flush(self) -> None:
        """Queues a flush."""

    def push_call(self) -> None:
        """Queues a call, which the caller remembers."""

    def take(self, timeout_ms: int) -> TakenWork | None:
        """What is to be done next; None if there is nothing for so long, or a signal came."""

    def begin_run(self) -> None:
        """Another run begins: payloads of the one before stay until the next."""

    def payload(self, index: int) -> HeldPayload | None:
        """The payload of a sample that came by a lane; None if there is none."""

class LaneServer:
    """Reads samples from the lanes of load generators, and writes answers."""

    def __init__(self, system: HostedSystem) -> None: ...
    def listen(self, address: str) -> str:
        """Listens at tcp://host:port or unix://@name as well. Returns the address to connect to.
        Raises OSError.
        """

    def begin_run(
        self, secret: str, max_payload_bytes: int, max_answer_bytes: int, max_unread_answers: int
    ) -> None:
        """Who proves the secret may open the lane of a run, once. It is given up when it leaves
        more than `max_unread_answers` unread.
        """

    def end_run(self) -> None:
        """Closes the lane, and forgets the secret."""

    @property
    def last_received_ns(self) -> int:
        """When its lane brought bytes last, monotonic clock; 0 without a lane."""

    def wait_for_end(self, timeout_ms: int) -> bool:
        """Waits until all that was sent on the lane is read. False if it was not within that
        time.
        """

    def take_end(self) -> tuple[bool, str] | None:
        """Why the lane ended before its run, once: whether it brought what cannot be read, and a
        text. None if it did not end.
        """

    def fileno(self) -> int:
        """Readable while `take_end` has something."""

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
    ttft: tuple[tuple[int, ...], int] | None
    tpot: tuple[tuple[int, ...], int] | None
    itl: tuple[tuple[int, ...], int] | None

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
    """Completes a whole batch of samples at one time. `ids`: the response ids, as a 1-D array of
    64-bit integers (samples.ids or a part of it) or a sequence of ints. `data`: None; or one
    C-contiguous array with a row for each sample; or, if responses differ in size, a list with
    bytes, str (logged as UTF-8) or a contiguous buffer for each sample. The data is not copied. If
    `data` is a 1-D array of NumPy texts (dtypes S and U), each text is logged without its padding,
    and U as UTF-8. `n_tokens`: None, or an integer for each sample. Raises TypeError and ValueError
    before any sample is completed; TypeError also for an array of addresses instead of responses,
    such as one of dtype object.
    """

def first_token(
    ids: npt.NDArray[np.uint64] | npt.NDArray[np.int64] | Sequence[int],
    data: npt.NDArray[Any] | Buffer | Iterable[Buffer | str] | None = None,
) -> None:
    """Reports at one time the first tokens of samples that are not completed yet;
    use_token_latencies measures the time to them. `ids` and `data` are as for `complete`; the data
    goes into the accuracy log as that of the first token. Raises TypeError and ValueError before
    any is reported.
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
) -> tuple[TestSettings, list[tuple[bool, str]], dict[str, Any]]:
    """What start_test would run: the settings with those of the audit file and test05, what its log
    says of mistakes in them (whether it is an error, and the text), and numbers of the plan. Raises
    SettingsError as start_test does.
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
    """Ends samples that cannot be answered. They are in no latency and no throughput, and the
    result is INVALID for `reason`. `ids`: response ids, shape (n,); empty to report a fault that
    cost no sample. Returns False if no query is being issued; the call then counts for the set that
    has just ended, if there is one.
    """

def describe_records() -> None:
    """Prepares what the queues give; to be called once, before threads use them."""

def raise_in_test(exception: BaseException) -> bool:
    """Ends the running test; StartTest raises `exception`. False if nothing is being issued."""

def read_accuracy(path: str) -> _AccuracyArrays: ...
def read_progress() -> _Progress | None: ...

_SAMPLE_FOLDER: str
completion_door: object
"""A capsule: how other extension modules complete samples."""

def token_histogram_bounds_ns() -> list[int]:
    """The bounds of the histograms of read_progress, ascending, in ns."""

def set_token_histograms_kept(kept: bool) -> None:
    """Says that the caller now wants the histograms of tokens, or no longer does."""

def set_progress_shown(shown: bool) -> None:
    """Says that the caller now shows the progress on stderr, or no longer does. While any caller
    shows it, tests do not write there.
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

def check_log_settings(log_settings: LogSettings) -> None:
    """Raises what start_test raises for log settings that no logs can be written with, as far as
    that shows before a file is opened."""

def earlier_log(log_settings: LogSettings) -> str:
    """Path of a log that a test with these settings would write over; empty if there is none."""

def AbortTest() -> None:
    """Ends the running test, from any thread. No more queries are issued, the logs are written, and
    StartTest returns a result marked aborted.
    """

def RegisterIssueQueryThread() -> None:
    """Lends the calling thread to the test for issuing queries (Server with
    server_num_issue_query_threads > 0); returns when the test has ended.
    """
