// The result of a test, which StartTest returns: metrics, verdict and reasons.
#ifndef MLPERF_LOADGEN_TEST_RESULT_H_
#define MLPERF_LOADGEN_TEST_RESULT_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "optional_value.h"
#include "test_settings.h"

namespace mlperf {

// The percentiles that are reported for every list of latencies.
constexpr std::array<double, 6> kReportedPercentiles = {0.50, 0.90, 0.95, 0.97, 0.99, 0.999};

// Statistics of a list of durations, in ns. The value at percentile p of n values is the element
// floor(n * p) of the ascending order, from 0, without interpolation.
struct LatencyStats {
  uint64_t count = 0;
  int64_t min_ns = 0;
  int64_t max_ns = 0;
  int64_t mean_ns = 0;  // Truncated.
  std::array<int64_t, kReportedPercentiles.size()> percentiles_ns{};
  int64_t target_percentile_ns = 0;  // At the scenario's target percentile.
};

// How late queries were issued against their schedule (open loop only), in ns.
struct Lateness {
  uint64_t count = 0;
  int64_t p50_ns = 0, p90_ns = 0, p99_ns = 0, p999_ns = 0, max_ns = 0;
  // Number of queries that were already due when the system under test returned from the IssueQuery
  // of the query before.
  uint64_t held_up_by_sut = 0;
};

// The early stopping verdict: whether there were enough queries for the stated confidence.
struct EarlyStopping {
  bool met = true;
  std::string text;              // As printed; lines start with a space; empty: nothing to print.
  int64_t estimate_ns = 0;       // Latency at the target percentile; 0: no estimate.
  int64_t estimate_p99_ns = 0;   // SingleStream: latency at the 99th percentile; 0: no estimate.
  uint64_t queries_missing = 0;  // How many more queries are needed at least; 0 if met.
};

// Token metrics of a performance phase (use_token_latencies). Offline needs no first tokens: its
// times are those of the samples that sent one, and `count` says how many samples did.
struct TokenMetrics {
  int64_t token_count = 0;
  LatencyStats first_token;             // TTFT, ns.
  LatencyStats time_per_token;          // TPOT, ns a token.
  double throughput_with_overhead = 0;  // Tokens per second.
  double throughput = 0;                // Tokens per second.
  double completed_per_second = 0;      // Server.
  double per_second = 0;                // Offline.
  EarlyStopping early_stopping_ttft;
  EarlyStopping early_stopping_tpot;
  EarlyStopping early_stopping_e2e;  // Only with e2e_latency.

  // What is known only of systems that report each arrival of tokens; a count of 0: of none.
  LatencyStats inter_token;       // ITL, ns a token: of all requests together.
  LatencyStats inter_chunk;       // ICL, ns: between arrivals, whatever came in them.
  LatencyStats decode_per_token;  // ns a token: from the first to the last, of each request.
  LatencyStats tail;              // ns: from the last token to the completion.
  LatencyStats first_output;      // TTFO, ns: to the first that is no reasoning, where some is.
  LatencyStats first_token_from_send;  // ns: from the last byte of the request handed over.
  LatencyStats client_lag;             // ns: how late reads were, where that is known.
  Optional<int64_t> prompt_tokens;     // Sums over the requests of which they are known.
  Optional<int64_t> cached_tokens;
  Optional<int64_t> reasoning_tokens;
  uint64_t event_count = 0;     // Arrivals of tokens.
  double tokens_per_event = 0;  // 0: there were none.
  // Who counted the tokens: "usage", "token ids", "tokenizer", "events" (which may be several
  // tokens each); empty: not known. If several did, it is the one to be trusted the least.
  std::string token_source;
  uint64_t cancelled_count = 0;              // Requests that the system gave up on purpose.
  Optional<double> total_tokens_per_second;  // With the tokens of prompts, cached ones included.

  uint64_t short_answers = 0;  // Answers of one token, which have no TPOT.
  // Server: the requests that kept all the bounds there are; what failed kept none.
  Optional<uint64_t> goodput_count;
  Optional<double> goodput_share;       // Of those that were issued.
  Optional<double> goodput_per_second;  // Requests.
};

// One rate tried by a peak search.
struct PeakTrial {
  double qps = 0;
  bool passed = false;
  // Bisection: "start", "boundary", "middle". Estimate: "bracket", "measure", "confirm".
  std::string kind = "trial";
  uint64_t query_count = 0;
  // The share of queries that missed the bound (the worst, if several) or failed.
  double over_share = 0;
  double failed_share = 0;            // The share that failed.
  std::vector<std::string> failures;  // Why: the first few different texts.
  double duration_s = 0;              // Of issuing.
};

// The outcome of FindPeakPerformance.
struct PeakSearchResult {
  bool found = false;        // False: no rate is known that passes.
  bool none_passes = false;  // It is known that no rate passes, however low.
  bool determined = false;   // The peak is known from both sides.
  bool at_limit = false;     // No rate up to the limit failed: the peak is the limit or more.
  // The rate that the trials point to; it is the peak only if `determined` is true. Bisection: the
  // highest rate that passed. Estimate: the rate at which the bound is just kept in the long run.
  double qps = 0;
  double at_least_qps = 0;  // What is known of the peak; 0: nothing.
  double at_most_qps = 0;
  double low_qps = 0;  // Estimate: the confidence interval; 0 where there is none.
  double high_qps = 0;
  double valid_qps = 0;  // Estimate: the rate of the confirming run that was VALID; 0: none was.
  // A time budget, and a duration of trials (min_duration), that are likely to determine the peak;
  // 0: a longer search is not needed, or would not help.
  double settling_budget_s = 0;
  double settling_min_duration_s = 0;
  std::string statement;  // What was found, in words.
  std::string end;        // Why the search ended, in words.
  // Sentences that a reader must know before trusting the peak.
  std::vector<std::string> cautions;
  std::vector<PeakTrial> trials;
};

// The result of a performance phase.
struct PerformanceResult {
  bool valid = false;
  bool perf_constraints_met = true;
  bool min_duration_met = false;
  bool min_queries_met = false;
  bool early_stopping_met = false;
  // Why the performance constraints are not met; empty if they are met.
  std::string perf_constraints_reason;
  // Advice on what to change, a line each.
  std::vector<std::string> recommendations;
  // The same as the summary has it, without the leading " * ": in the words of the reference.
  std::vector<std::string> logged_recommendations;
  // The detail log's result_invalid_reason.
  std::string invalid_reason;
  // Why the result is not VALID, in words, one a reason; empty if VALID.
  std::vector<std::string> reasons;
  // Sentences that a reader must know before trusting the numbers, each with the fix. They do not
  // make a result INVALID.
  std::vector<std::string> cautions;

  uint64_t query_count = 0;           // Issued.
  uint64_t sample_count = 0;          // Answered.
  uint64_t failed_sample_count = 0;   // Ended by FailSamples; in no latency and no throughput.
  std::vector<std::string> failures;  // Why they failed: the first few different texts.
  // How many failed of each of `failures`, and of "other reasons".
  std::map<std::string, uint64_t> failure_counts;
  uint64_t overlatency_query_count = 0;  // Server: samples over the latency bound, or failed.
  double target_qps = 0;

  LatencyStats sample_latency;
  Optional<LatencyStats> query_latency;  // MultiStream.
  EarlyStopping early_stopping;          // Outside token mode.
  Optional<TokenMetrics> tokens;         // Token mode.
  Lateness lateness;
  Lateness lateness_held_up;  // The queries that IssueQuery of an earlier query held up.
  Lateness lateness_others;   // All other queries: late because of the generator or the machine.
  Pacing pacing = Pacing::Auto;
  double spin_s = 0;  // CPU time spent on waiting.

  double qps_with_overhead = 0;             // SingleStream.
  double qps_without_overhead = 0;          // SingleStream.
  double scheduled_samples_per_second = 0;  // Server.
  double completed_samples_per_second = 0;  // Server.
  double samples_per_second = 0;            // Offline.
  double inferred_tokens_per_second = 0;    // infer_token_latencies, Server and Offline.
  // All tokens from the start to the end of the last query, in every scenario: as counted in token
  // mode, or as inferred, and then `tokens_inferred` is true; 0 without tokens.
  double tokens_per_second = 0;
  bool tokens_inferred = false;

  // Offline, if the duration was too short: the offline_expected_qps that would have been enough
  // at this speed; 0: none is known.
  double sufficient_offline_qps = 0;

  double final_query_scheduled_s = 0;
  double final_query_issued_s = 0;
  double final_query_done_s = 0;
  double max_latency_s = 0;
};

// What the probe of an Offline test measured (offline_probe_duration_ms).
struct OfflineProbe {
  uint64_t sample_count = 0;  // Samples of its last and largest query; 0: there was no probe.
  double duration_s = 0;      // From the issue of that query to its last completion.
  double samples_per_second = 0;
  double expected_qps = 0;  // The rate that the test used in place of offline_expected_qps.
};

struct LogPaths {
  std::string summary, detail, accuracy, trace, samples, tokens;  // Empty: not written.
};

// What StartTest returns.
struct TestResult {
  TestScenario scenario = TestScenario::SingleStream;
  TestMode mode = TestMode::PerformanceOnly;
  std::string sut_name;
  Optional<PerformanceResult> performance;  // Absent where no query was timed.
  Optional<PeakSearchResult> peak;          // FindPeakPerformance.
  bool aborted = false;  // By AbortTest, an interrupt or an exception of a callback.
  bool stalled = false;  // The system under test stopped answering (stall_timeout_ms).
  // Why valid() is false, in words: the faults of an accuracy phase, and the reasons of the
  // performance result.
  std::vector<std::string> reasons;
  // Sentences that a reader must know before trusting the numbers: the cautions of the performance
  // result and of the search for the peak.
  std::vector<std::string> cautions;
  uint64_t accuracy_sample_count = 0;  // Responses in the accuracy log.
  uint64_t error_count = 0;            // Error records of the detail log.
  uint64_t warning_count = 0;
  std::vector<std::string> errors;  // Texts of the first few error records.
  std::vector<std::string> warnings;
  OfflineProbe offline_probe;
  LogPaths logs;
  std::string log_failure;  // What could not be written to the logs; empty: they are complete.

  // True if all phases ran to their end, the system under test kept its contract in all of them,
  // and the performance result, if there is one, is VALID.
  bool valid() const { return !aborted && !stalled && reasons.empty(); }
};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_TEST_RESULT_H_
