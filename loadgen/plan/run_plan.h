// TestSettings to RunPlan: every number a test is run with, decided once.
#ifndef MLPERF_LOADGEN_PLAN_RUN_PLAN_H_
#define MLPERF_LOADGEN_PLAN_RUN_PLAN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "test_settings.h"

namespace mlperf::loadgen {

// One query holds no more samples than this.
constexpr uint64_t kMaxOfflineSamples = 0xFFFFFFFF;

// The shape of the issue loop.
enum class LoopShape {
  kClosedLoop,  // One query after another (SingleStream, MultiStream).
  kOpenLoop,    // At scheduled times, whatever is outstanding (Server).
  kOneShot,     // Everything in one query (Offline).
};

// A remark for the detail log that goes with a decision (two flags that exclude each other, say).
struct PlanRemark {
  std::string key;  // "error_invalid_test_settings", "error_invalid_config", ...
  std::string text;
  bool is_error;  // Else a warning.
};

// The `effective_` values. Durations keep the unit of the settings they come from.
struct RunPlan {
  TestScenario scenario = TestScenario::SingleStream;
  TestMode mode = TestMode::PerformanceOnly;
  LoopShape shape = LoopShape::kClosedLoop;
  // How the queries of an open loop are spaced: a name of the table in traffic/arrival_process.cc.
  std::string_view arrival_process = {};

  uint64_t library_total_count = 0;
  uint64_t library_performance_count = 0;

  uint64_t samples_per_query = 1;  // Before the padding of permutation mode.
  // A query has samples that lie next to each other in the loaded set (MultiStream).
  bool samples_are_neighbours = false;
  double target_qps = 1;
  // Whether the verdict asks that a share of the queries keep a bound (Server): target_latency_ns,
  // or those of TTFT and TPOT.
  bool has_latency_bound = false;
  uint64_t target_latency_ns = 0;  // 0 without such a bound.
  double target_latency_percentile = 0.99;
  uint64_t max_async_queries = 1;
  uint64_t target_duration_ms = 0;
  uint64_t min_duration_ms = 0;
  uint64_t max_duration_ms = 0;
  uint64_t min_query_count = 1;
  uint64_t max_query_count = 0;
  uint64_t min_sample_count = 1;

  uint64_t qsl_rng_seed = 0;
  uint64_t sample_index_rng_seed = 0;
  uint64_t schedule_rng_seed = 0;
  uint64_t accuracy_log_rng_seed = 0;
  // Probability with which a sample of a performance run is logged; the sampling target, where
  // one is set, is already turned into a probability in `accuracy_log_effective_probability`.
  double accuracy_log_probability = 0;
  uint64_t accuracy_log_sampling_target = 0;
  double accuracy_log_effective_probability = 0;

  bool print_timestamps = false;
  bool performance_issue_unique = false;
  bool performance_issue_same = false;
  uint64_t performance_issue_same_index = 0;
  uint64_t performance_sample_count = 0;
  uint64_t accuracy_sample_count = 0;
  bool sample_concatenate_permutation = false;

  bool use_token_latencies = false;
  // Offline measures tokens, not the time to them: its systems may send first tokens or not.
  bool RequiresFirstTokens() const {
    return use_token_latencies && scenario != TestScenario::Offline;
  }
  uint64_t ttft_latency_ns = 0;
  uint64_t tpot_latency_ns = 0;
  uint64_t itl_latency_ns = 0;  // 0, here and in the next two: not judged.
  uint64_t e2e_latency_ns = 0;
  double goodput_share = 0;
  bool allow_short_answers = false;
  TokenClock token_clock = TokenClock::Arrival;
  TokenLog token_log = TokenLog::Events;
  bool infer_token_latencies = false;
  uint64_t token_latency_scaling_factor = 0;

  bool coalesce_queries = false;
  Pacing pacing = Pacing::Auto;
  uint64_t issue_thread_count = 0;  // Registered issue threads; 0: the calling thread issues.
  uint64_t stall_timeout_ms = 0;    // 0: none.
  // The timeout holds from the issue on; else only as far as the system's own pace shows that it
  // has stopped.
  bool stall_counts_from_issue = true;
  uint64_t warmup_query_count = 0;         // 0: no warm-up.
  uint64_t offline_probe_duration_ms = 0;  // 0: the query is sized by offline_expected_qps.
  int find_peak_decimals = 1;
  double find_peak_step = 1;
  PeakStrategy find_peak_strategy = PeakStrategy::Bisection;
  double find_peak_max_qps = 1e9;

  std::vector<PlanRemark> remarks;
};

// Decides the plan. Throws SettingsError for settings no test can be run with.
RunPlan MakeRunPlan(const TestSettings& settings, uint64_t library_total_count,
                    uint64_t library_performance_count);

// What was set by the program, not by a config file, and has no effect on a test of these settings:
// a sentence a setting, with its value and the fix.
std::vector<std::string> UnusedSettings(const TestSettings& settings);

// The plan of the warm-up of a performance phase: the same shape of traffic, other samples and
// other arrival times, and an end after warmup_query_count queries.
RunPlan WarmUpPlan(const RunPlan& plan);

// The plan of a query of `sample_count` samples that probes an Offline system: neither the samples
// of the test nor those of its warm-up.
RunPlan OfflineProbePlan(const RunPlan& plan, uint64_t sample_count);

// The offline_expected_qps, in three digits, with which the query of a system of a measured
// throughput lasts min_duration_ms and a third more, or as long as one query can.
double OfflineQpsFor(double samples_per_second, uint64_t min_duration_ms);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PLAN_RUN_PLAN_H_
