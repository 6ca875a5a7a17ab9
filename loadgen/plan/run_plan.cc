#include "plan/run_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <type_traits>
#include <variant>

#include "settings/count_text.h"
#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

constexpr uint64_t kMaxUint32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMaxUint64 = std::numeric_limits<uint64_t>::max();
// Sample numbers are drawn as 32-bit numbers.
constexpr uint64_t kMaxSampleCount = kMaxUint32;
constexpr uint64_t kMaxMultiStreamSamples = uint64_t{1} << 31;
// Due times count up to twice this, 2^61 ns.
constexpr uint64_t kMaxDurationMs = (uint64_t{1} << 60) / 1000000;
// A month of queries at more than 25 000 a second. The selection of samples draws numbers for each
// query of the minimum beforehand, so without a bound it could go on for ever.
constexpr uint64_t kMaxMinQueryCount = uint64_t{1} << 36;
constexpr uint64_t kMaxIssueThreads = 1024;
// How many times min_duration_ms an Offline query lasts at the expected rate.
constexpr double kOfflineLength = 1.1;
// Longer queries are often faster, so that a measured rate is expected to be so many times as high.
constexpr double kOfflineMargin = 1.2;
// Added to a seed for traffic that has nothing to do with the seed's own.
constexpr uint64_t kOtherSeed = 0x9E3779B9;
constexpr int kMaxFindPeakDecimals = 15;

// ---- Refusals ----------------------------------------------------------------------------------

std::string Text(double value) {
  std::array<char, 32> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return std::string(text.data(), result.ptr);
}

std::string Text(uint64_t value) { return std::to_string(value); }

[[noreturn]] void Refuse(std::string_view name, const std::string& value, const std::string& why) {
  throw SettingsError(std::string(name) + " is " + value + ": " + why);
}

void RefuseAbove(std::string_view name, uint64_t value, uint64_t limit) {
  if (value > limit) Refuse(name, Text(value), "set it to at most " + Text(limit));
}

// Written so that NaN is refused too.
void RefuseUnlessPositive(std::string_view name, double value) {
  if (value > 0 && std::isfinite(value)) return;
  Refuse(name, Text(value), "set it to a finite number above 0");
}

void RefuseUnlessPercentile(std::string_view name, double value) {
  if (value > 0 && value < 1) return;
  Refuse(name, Text(value), "set it to a fraction between 0 and 1, such as 0.99");
}

// ---- Arithmetic that cannot overflow -----------------------------------------------------------

uint64_t Truncate(double value) {
  if (!(value > 0)) return 0;
  if (value >= 0x1p64) return kMaxUint64;
  return static_cast<uint64_t>(value);
}

uint64_t MultiplySaturating(uint64_t a, uint64_t b) {
  return b != 0 && a > kMaxUint64 / b ? kMaxUint64 : a * b;
}

double MsToSeconds(uint64_t ms) { return static_cast<double>(ms) / 1000.0; }

// The next multiple of `step` above `count`; a full `step` more if it is a multiple already.
uint64_t NextMultiple(uint64_t count, uint64_t step) {
  if (step == 0) return count;
  const uint64_t padding = step - count % step;
  return count > kMaxUint64 - padding ? kMaxUint64 : count + padding;
}

// ---- Phases ------------------------------------------------------------------------------------

bool HasPerformancePhase(TestMode mode) { return mode != TestMode::AccuracyOnly; }

bool HasAccuracyPhase(TestMode mode) {
  return mode == TestMode::AccuracyOnly || mode == TestMode::SubmissionRun;
}

// ---- Checks of what is common to all scenarios -------------------------------------------------

void CheckEnums(const TestSettings& settings) {
  if (ToString(settings.scenario) == "Unknown") {
    Refuse("scenario", std::to_string(static_cast<int>(settings.scenario)),
           "set it to SingleStream, MultiStream, Server or Offline");
  }
  if (ToString(settings.mode) == "Unknown") {
    Refuse("mode", std::to_string(static_cast<int>(settings.mode)),
           "set it to SubmissionRun, AccuracyOnly, PerformanceOnly or FindPeakPerformance");
  }
  if (ToString(settings.server_pacing) == "Unknown") {
    Refuse("server_pacing", std::to_string(static_cast<int>(settings.server_pacing)),
           "set it to Auto, Sleep or Spin");
  }
  if (ToString(settings.server_find_peak_strategy) == "Unknown") {
    Refuse("server_find_peak_strategy",
           std::to_string(static_cast<int>(settings.server_find_peak_strategy)),
           "set it to Bisection or Estimate");
  }
  if (ToString(settings.token_clock) == "Unknown") {
    Refuse("token_clock", std::to_string(static_cast<int>(settings.token_clock)),
           "set it to Arrival or Read");
  }
  if (ToString(settings.token_log) == "Unknown") {
    Refuse("token_log", std::to_string(static_cast<int>(settings.token_log)),
           "set it to Events or Off");
  }
}

void CheckSampleCounts(const TestSettings& settings, const RunPlan& plan) {
  if (plan.library_total_count == 0) {
    Refuse("the library's total sample count", "0", "give it at least one sample");
  }
  RefuseAbove("the library's total sample count", plan.library_total_count, kMaxSampleCount);
  const bool is_override = settings.performance_sample_count_override != 0;
  const std::string_view name =
      is_override ? "performance_sample_count_override" : "the library's performance sample count";
  RefuseAbove(name, plan.performance_sample_count, kMaxSampleCount);
  if (plan.performance_sample_count == 0 && HasPerformancePhase(plan.mode)) {
    Refuse(name, "0",
           "let the library report at least 1, or set "
           "performance_sample_count_override");
  }
}

// Checked in every mode, because later stages convert them to nanoseconds in every mode.
void CheckDurations(const TestSettings& settings) {
  RefuseAbove("min_duration_ms", settings.min_duration_ms, kMaxDurationMs);
  RefuseAbove("max_duration_ms", settings.max_duration_ms, kMaxDurationMs);
  RefuseAbove("stall_timeout_ms", settings.stall_timeout_ms, kMaxDurationMs);
  RefuseAbove("warmup_query_count", settings.warmup_query_count, kMaxUint32);
  RefuseAbove("offline_probe_duration_ms", settings.offline_probe_duration_ms, kMaxDurationMs);
}

// The size of the smallest set that will be loaded.
uint64_t SmallestSetSize(const RunPlan& plan) {
  const uint64_t set_size = std::min(plan.performance_sample_count, plan.library_total_count);
  if (!HasAccuracyPhase(plan.mode)) return set_size;
  const uint64_t count = std::min(plan.accuracy_sample_count, plan.library_total_count);
  if (set_size == 0) return count;
  return count % set_size == 0 ? set_size : count % set_size;
}

void CheckIssueSame(const RunPlan& plan) {
  if (!plan.performance_issue_same) return;
  const uint64_t set_size = SmallestSetSize(plan);
  if (plan.performance_issue_same_index < set_size) return;
  Refuse("performance_issue_same_index", Text(plan.performance_issue_same_index),
         "the smallest set of samples that is loaded has " + Text(set_size) +
             "; set it to less than that");
}

void CheckAccuracyLogProbability(const RunPlan& plan) {
  const double probability = plan.accuracy_log_probability;
  const bool is_used = HasPerformancePhase(plan.mode) && plan.accuracy_log_sampling_target == 0;
  if (!is_used || (probability >= 0 && probability <= 1)) return;
  Refuse("accuracy_log_probability", Text(probability), "set it to a fraction from 0 to 1");
}

// ---- The scenarios -----------------------------------------------------------------------------

void PlanSingleStream(const TestSettings& settings, RunPlan* plan) {
  const double expected_latency_ns = settings.single_stream_expected_latency_ns;
  RefuseUnlessPositive("single_stream_expected_latency_ns", expected_latency_ns);
  if (HasPerformancePhase(plan->mode)) {
    RefuseUnlessPercentile("single_stream_target_latency_percentile",
                           settings.single_stream_target_latency_percentile);
  }
  plan->target_qps = 1e9 / expected_latency_ns;
  plan->target_latency_percentile = settings.single_stream_target_latency_percentile;
  if (settings.sample_concatenate_permutation) {
    // Sized by what the library reports, not by the override.
    const uint64_t expected_count =
        Truncate(2.0 * MsToSeconds(settings.min_duration_ms) * plan->target_qps);
    if (HasPerformancePhase(plan->mode) && expected_count > kMaxMinQueryCount) {
      Refuse("single_stream_expected_latency_ns", Text(expected_latency_ns),
             "with min_duration_ms " + Text(settings.min_duration_ms) + " that makes " +
                 Text(expected_count) + " queries; set it to what a query takes");
    }
    plan->min_query_count = NextMultiple(std::max(settings.min_query_count, expected_count),
                                         plan->library_performance_count);
  }
}

void PlanMultiStream(const TestSettings& settings, RunPlan* plan) {
  const double expected_latency_ns = settings.multi_stream_expected_latency_ns;
  RefuseUnlessPositive("multi_stream_expected_latency_ns", expected_latency_ns);
  if (HasPerformancePhase(plan->mode)) {
    RefuseUnlessPercentile("multi_stream_target_latency_percentile",
                           settings.multi_stream_target_latency_percentile);
  }
  const uint64_t samples_per_query = settings.multi_stream_samples_per_query;
  if (samples_per_query == 0) {
    Refuse("multi_stream_samples_per_query", "0", "set it to at least 1");
  }
  RefuseAbove("multi_stream_samples_per_query", samples_per_query, kMaxMultiStreamSamples);
  plan->target_qps = 1e9 / expected_latency_ns;
  plan->target_latency_percentile = settings.multi_stream_target_latency_percentile;
  plan->samples_per_query = samples_per_query;
  plan->samples_are_neighbours = true;
}

void CheckFindPeak(const TestSettings& settings) {
  RefuseUnlessPositive("server_find_peak_qps_boundary_step_size",
                       settings.server_find_peak_qps_boundary_step_size);
  const int decimals = settings.server_find_peak_qps_decimals_of_precision;
  if (decimals < 0 || decimals > kMaxFindPeakDecimals) {
    Refuse("server_find_peak_qps_decimals_of_precision", std::to_string(decimals),
           "set it to a number from 0 to " + std::to_string(kMaxFindPeakDecimals));
  }
  RefuseUnlessPositive("server_find_peak_max_qps", settings.server_find_peak_max_qps);
  if (settings.server_find_peak_max_qps > kMaxServerQps) {
    Refuse("server_find_peak_max_qps", Text(settings.server_find_peak_max_qps),
           "queries cannot arrive less than 1 ns apart; set it to at most 1e9");
  }
  if (settings.server_find_peak_strategy == PeakStrategy::Bisection &&
      settings.server_target_qps > settings.server_find_peak_max_qps) {
    Refuse("server_find_peak_max_qps", Text(settings.server_find_peak_max_qps),
           "the search starts at server_target_qps, " + Text(settings.server_target_qps) +
               "; set it to at least that");
  }
}

void PlanServer(const TestSettings& settings, RunPlan* plan) {
  RefuseUnlessPositive("server_target_qps", settings.server_target_qps);
  if (settings.server_target_qps > kMaxServerQps) {
    Refuse("server_target_qps", Text(settings.server_target_qps),
           "queries cannot arrive less than 1 ns apart; set it to at most 1e9");
  }
  if (HasPerformancePhase(plan->mode)) {
    RefuseUnlessPercentile("server_target_latency_percentile",
                           settings.server_target_latency_percentile);
  }
  if (!(settings.server_goodput_share >= 0 && settings.server_goodput_share <= 1)) {
    Refuse("goodput_share", Text(settings.server_goodput_share),
           "set it to a fraction from 0 (not judged) to 1, such as 0.99");
  }
  RefuseAbove("server_num_issue_query_threads", settings.server_num_issue_query_threads,
              kMaxIssueThreads);
  if (plan->mode == TestMode::FindPeakPerformance) CheckFindPeak(settings);
  plan->shape = LoopShape::kOpenLoop;
  plan->arrival_process = "poisson";
  plan->target_qps = settings.server_target_qps;
  plan->has_latency_bound = true;
  plan->target_latency_ns = settings.server_target_latency_ns;
  plan->target_latency_percentile = settings.server_target_latency_percentile;
  plan->max_async_queries = settings.server_max_async_queries;
  plan->coalesce_queries = settings.server_coalesce_queries;
  plan->pacing = settings.server_pacing;
  plan->issue_thread_count = settings.server_num_issue_query_threads;
}

uint64_t OfflineSamplesPerQuery(const TestSettings& settings, const RunPlan& plan) {
  if (settings.performance_issue_unique) {
    // The query holds each loaded sample once, and no more can be loaded than there are.
    return std::min(plan.performance_sample_count, plan.library_total_count);
  }
  const uint64_t expected_count =
      Truncate(kOfflineLength * MsToSeconds(settings.min_duration_ms) * plan.target_qps);
  return std::max(settings.min_query_count, expected_count);
}

void PlanOffline(const TestSettings& settings, RunPlan* plan) {
  const double expected_qps = settings.offline_expected_qps;
  if (!(expected_qps >= 0 && std::isfinite(expected_qps))) {
    Refuse("offline_expected_qps", Text(expected_qps), "set it to a finite number of 0 or more");
  }
  plan->shape = LoopShape::kOneShot;
  plan->target_qps = expected_qps;
  plan->target_latency_percentile = 0.99;
  plan->target_duration_ms = 0;
  plan->min_query_count = 1;
  plan->samples_per_query = OfflineSamplesPerQuery(settings, *plan);
  // Of performance_issue_unique, the size is that of the loaded set.
  if (HasPerformancePhase(plan->mode) && !settings.performance_issue_unique) {
    plan->offline_probe_duration_ms = settings.offline_probe_duration_ms;
  }
}

void PlanScenario(const TestSettings& settings, RunPlan* plan) {
  switch (settings.scenario) {
    case TestScenario::SingleStream:
      return PlanSingleStream(settings, plan);
    case TestScenario::MultiStream:
      return PlanMultiStream(settings, plan);
    case TestScenario::Server:
      return PlanServer(settings, plan);
    case TestScenario::Offline:
      return PlanOffline(settings, plan);
  }
}

// ---- Checks of the decided traffic -------------------------------------------------------------

// Accuracy phases, and performance_issue_unique, take their counts from the library instead.
void CheckTraffic(const TestSettings& settings, const RunPlan& plan) {
  if (!HasPerformancePhase(plan.mode) || plan.performance_issue_unique) return;
  if (plan.scenario == TestScenario::Offline) {
    if (plan.samples_per_query == 0) {
      Refuse("min_query_count", "0",
             "with min_duration_ms " + Text(settings.min_duration_ms) +
                 " and offline_expected_qps " + Text(settings.offline_expected_qps) +
                 " the query would have no samples; set min_query_count to at least 1");
    }
    if (plan.samples_per_query > kMaxOfflineSamples) {
      Refuse("samples_per_query", Text(plan.samples_per_query),
             "one query holds at most " + Text(kMaxOfflineSamples) + "; lower min_query_count (" +
                 Text(settings.min_query_count) + "), min_duration_ms (" +
                 Text(settings.min_duration_ms) + ") or offline_expected_qps (" +
                 Text(settings.offline_expected_qps) + ")");
    }
    return;
  }
  if (plan.min_query_count == 0 && plan.min_duration_ms == 0) {
    Refuse("min_query_count", "0",
           "with min_duration_ms 0 no query would be issued; set one of them to at least 1");
  }
  RefuseAbove("min_query_count", plan.min_query_count, kMaxMinQueryCount);
}

// A rate at which the queries asked for would take longer than any test may last.
void CheckServerLength(const TestSettings& settings, const RunPlan& plan) {
  const bool by_estimate = plan.mode == TestMode::FindPeakPerformance &&
                           plan.find_peak_strategy == PeakStrategy::Estimate;
  if (plan.scenario != TestScenario::Server || by_estimate) return;  // Begins at another rate.
  uint64_t queries = 0;
  if (HasPerformancePhase(plan.mode) && plan.max_duration_ms == 0) {
    queries = std::max<uint64_t>(plan.min_query_count, plan.min_duration_ms > 0 ? 2 : 1);
  }
  if (HasAccuracyPhase(plan.mode)) {
    queries = std::max(queries, std::min(plan.accuracy_sample_count, plan.library_total_count));
  }
  const double gaps = static_cast<double>(std::max<uint64_t>(queries, 1) - 1);
  if (gaps / settings.server_target_qps <= MsToSeconds(kMaxDurationMs)) return;
  Refuse("server_target_qps", Text(settings.server_target_qps),
         "at that rate " + Text(queries) + " queries take longer than 36 years; raise it" +
             (HasAccuracyPhase(plan.mode) ? "" : ", or set max_duration_ms"));
}

double EffectiveLogProbability(const RunPlan& plan) {
  if (plan.accuracy_log_sampling_target == 0) return plan.accuracy_log_probability;
  uint64_t expected_count =
      Truncate(plan.target_qps * static_cast<double>(plan.min_duration_ms) / 1000);
  if (plan.scenario != TestScenario::Offline) {
    expected_count = MultiplySaturating(expected_count, plan.samples_per_query);
  }
  expected_count = std::max(expected_count, plan.min_sample_count);
  if (expected_count == 0) return 1;
  return static_cast<double>(plan.accuracy_log_sampling_target) /
         static_cast<double>(expected_count);
}

// A count that the program, not a config file for libraries of several sizes, wants of a library
// that has fewer.
void RemarkOnFewer(const TestSettings& settings, std::string_view name, uint64_t wanted,
                   RunPlan* plan) {
  const uint64_t total = plan->library_total_count;
  if (wanted <= total || settings.config_origins.contains(std::string(name))) return;
  plan->remarks.push_back({"warning_generic_message",
                           std::string(name) + " is " + Text(wanted) + ", and the library has " +
                               Counted(total, "sample") + ": it counts as " + Text(total) +
                               "; set it to at most that",
                           false});
}

void AddRemarks(const TestSettings& settings, RunPlan* plan) {
  if (HasPerformancePhase(plan->mode)) {
    RemarkOnFewer(settings, "performance_sample_count_override",
                  settings.performance_sample_count_override, plan);
  }
  if (HasAccuracyPhase(plan->mode)) {
    RemarkOnFewer(settings, "accuracy_sample_count_override",
                  settings.accuracy_sample_count_override, plan);
  }
  if (plan->performance_issue_unique && plan->performance_issue_same) {
    plan->remarks.push_back(
        {"error_invalid_test_settings",
         "Performance_issue_unique and performance_issue_same, both cannot be true at the same "
         "time. performance_issue_unique: 1 performance_issue_same: 1",
         true});
  }
}

// The values that are used as they were asked for, and the defaults of those that scenarios change.
RunPlan PlanAsRequested(const TestSettings& settings, uint64_t total_count,
                        uint64_t performance_count) {
  const auto count_or = [](uint64_t override_count, uint64_t count) {
    return override_count != 0 ? override_count : count;
  };
  RunPlan plan;
  plan.scenario = settings.scenario;
  plan.mode = settings.mode;
  plan.library_total_count = total_count;
  plan.library_performance_count = performance_count;
  plan.target_duration_ms = settings.min_duration_ms;
  plan.min_duration_ms = settings.min_duration_ms;
  plan.max_duration_ms = settings.max_duration_ms;
  plan.stall_timeout_ms = settings.stall_timeout_ms;
  // Who sets a limit knows the system.
  plan.stall_counts_from_issue = settings.scenario != TestScenario::Offline ||
                                 settings.stall_timeout_ms != TestSettings().stall_timeout_ms ||
                                 settings.config_origins.count("stall_timeout_ms") > 0;
  plan.warmup_query_count = settings.warmup_query_count;
  plan.min_query_count = settings.min_query_count;
  plan.max_query_count = settings.max_query_count;
  plan.qsl_rng_seed = settings.qsl_rng_seed;
  plan.sample_index_rng_seed = settings.sample_index_rng_seed;
  plan.schedule_rng_seed = settings.schedule_rng_seed;
  plan.accuracy_log_rng_seed = settings.accuracy_log_rng_seed;
  plan.accuracy_log_probability = settings.accuracy_log_probability;
  plan.accuracy_log_sampling_target = settings.accuracy_log_sampling_target;
  plan.print_timestamps = settings.print_timestamps;
  plan.performance_issue_unique = settings.performance_issue_unique;
  plan.performance_issue_same = settings.performance_issue_same;
  plan.performance_issue_same_index = settings.performance_issue_same_index;
  plan.performance_sample_count =
      count_or(settings.performance_sample_count_override, performance_count);
  plan.accuracy_sample_count = count_or(settings.accuracy_sample_count_override, total_count);
  plan.sample_concatenate_permutation = settings.sample_concatenate_permutation;
  plan.use_token_latencies = settings.use_token_latencies;
  plan.ttft_latency_ns = settings.server_ttft_latency;
  plan.tpot_latency_ns = settings.server_tpot_latency;
  plan.itl_latency_ns = settings.server_itl_latency;
  plan.e2e_latency_ns = settings.server_e2e_latency;
  plan.goodput_share = settings.server_goodput_share;
  plan.allow_short_answers = settings.allow_short_answers;
  plan.token_clock = settings.token_clock;
  plan.token_log = settings.token_log;
  plan.infer_token_latencies = settings.infer_token_latencies;
  plan.token_latency_scaling_factor = settings.token_latency_scaling_factor;
  plan.find_peak_decimals = settings.server_find_peak_qps_decimals_of_precision;
  plan.find_peak_step = settings.server_find_peak_qps_boundary_step_size;
  plan.find_peak_strategy = settings.server_find_peak_strategy;
  plan.find_peak_max_qps = settings.server_find_peak_max_qps;
  return plan;
}

}  // namespace

RunPlan MakeRunPlan(const TestSettings& settings, uint64_t library_total_count,
                    uint64_t library_performance_count) {
  CheckEnums(settings);
  RunPlan plan = PlanAsRequested(settings, library_total_count, library_performance_count);
  CheckSampleCounts(settings, plan);
  CheckDurations(settings);
  CheckIssueSame(plan);
  CheckAccuracyLogProbability(plan);
  PlanScenario(settings, &plan);
  CheckTraffic(settings, plan);
  CheckServerLength(settings, plan);
  plan.min_sample_count = MultiplySaturating(plan.min_query_count, plan.samples_per_query);
  plan.accuracy_log_effective_probability = EffectiveLogProbability(plan);
  AddRemarks(settings, &plan);
  return plan;
}

std::vector<std::string> UnusedSettings(const TestSettings& settings) {
  const TestSettings defaults;
  std::vector<std::string> sentences;
  for (const Setting& setting : AllSettings()) {
    // A number of 0 asks for nothing, as a minimum does where there is none.
    const bool asks_for_nothing = std::visit(
        [&](auto member) {
          const auto value = settings.*member;
          using Value = std::remove_const_t<decltype(value)>;
          return value == defaults.*member || (!std::is_enum_v<Value> && value == Value{});
        },
        setting.member);
    if (asks_for_nothing || settings.config_origins.contains(std::string(setting.name))) continue;
    const std::string why = WhyUnused(setting, settings);
    if (why.empty()) continue;
    sentences.push_back(std::string(setting.name) + " = " + ValueText(settings, setting) +
                        " is not used: " + why + "; change that, or leave it at its default");
  }
  return sentences;
}

RunPlan WarmUpPlan(const RunPlan& plan) {
  RunPlan warm_up = plan;
  if (plan.shape == LoopShape::kOneShot) {
    warm_up.samples_per_query = plan.warmup_query_count;
  } else {
    warm_up.min_query_count = plan.warmup_query_count;
  }
  warm_up.max_query_count = 0;
  warm_up.min_duration_ms = 0;
  warm_up.target_duration_ms = 0;
  warm_up.max_duration_ms = 0;
  warm_up.max_async_queries = 0;
  // These promise something of the samples as a whole.
  warm_up.performance_issue_unique = false;
  warm_up.sample_concatenate_permutation = false;
  // Not the traffic that is measured afterwards.
  warm_up.sample_index_rng_seed = plan.sample_index_rng_seed + kOtherSeed;
  warm_up.schedule_rng_seed = plan.schedule_rng_seed + kOtherSeed;
  return warm_up;
}

RunPlan OfflineProbePlan(const RunPlan& plan, uint64_t sample_count) {
  RunPlan probe = WarmUpPlan(plan);
  probe.samples_per_query = sample_count;
  probe.sample_index_rng_seed += kOtherSeed;
  return probe;
}

double OfflineQpsFor(double samples_per_second, uint64_t min_duration_ms) {
  const double wanted = kOfflineMargin * samples_per_second;
  const double step = std::pow(10, std::floor(std::log10(wanted)) - 2);
  const double longest_s = kOfflineLength * MsToSeconds(std::max<uint64_t>(min_duration_ms, 1));
  return std::min(std::ceil(wanted / step) * step,
                  std::floor(static_cast<double>(kMaxOfflineSamples) / longest_s));
}

}  // namespace mlperf::loadgen
