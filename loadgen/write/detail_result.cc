#include "write/detail_result.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

// The names that the reference gives to kReportedPercentiles.
constexpr std::array<std::string_view, kReportedPercentiles.size()> kPercentileNames = {
    "50.00", "90.00", "95.00", "97.00", "99.00", "99.90"};

std::string OnOneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void AddPercentiles(const std::string& before, const std::string& after, const LatencyStats& stats,
                    DetailBlock* block) {
  for (size_t i = 0; i < kPercentileNames.size(); ++i) {
    block->Add(before + std::string(kPercentileNames[i]) + after, stats.percentiles_ns[i]);
  }
}

void WriteVerdict(const RunPlan& plan, const PerformanceResult& result, DetailBlock* block) {
  block->Add("result_validity", result.valid ? "VALID" : "INVALID");
  if (plan.has_latency_bound) {
    block->Add("result_perf_constraints_met", result.perf_constraints_met);
  }
  block->Add("result_min_duration_met", result.min_duration_met);
  block->Add("result_min_queries_met", result.min_queries_met);
  block->Add("early_stopping_met", result.early_stopping_met);
  if (!result.valid) block->Add("result_invalid_reason", OnOneLine(result.invalid_reason));
  if (result.tokens) {
    block->Add("early_stopping_ttft_result", OnOneLine(result.tokens->early_stopping_ttft.text));
    block->Add("early_stopping_tpot_result", OnOneLine(result.tokens->early_stopping_tpot.text));
  } else {
    block->Add("early_stopping_result", OnOneLine(result.early_stopping.text));
  }
  block->Add("result_query_count", result.query_count);
}

// In token mode both early stopping tests make estimates for the same two records: the first
// token's, which is tested last, stays. Without a text it was not tested.
const EarlyStopping& EstimateSource(const PerformanceResult& result) {
  if (!result.tokens) return result.early_stopping;
  const TokenMetrics& tokens = *result.tokens;
  return tokens.early_stopping_ttft.text.empty() ? tokens.early_stopping_tpot
                                                 : tokens.early_stopping_ttft;
}

void WriteScenarioMetrics(const PerformanceResult& result, TestScenario scenario,
                          DetailBlock* block) {
  const EarlyStopping& early_stopping = EstimateSource(result);
  switch (scenario) {
    case TestScenario::SingleStream:
      block->Add("result_qps_with_loadgen_overhead", result.qps_with_overhead);
      block->Add("result_qps_without_loadgen_overhead", result.qps_without_overhead);
      block->Add("early_stopping_latency_ss", early_stopping.estimate_ns);
      block->Add("early_stopping_latency_ms", early_stopping.estimate_p99_ns);
      break;
    case TestScenario::MultiStream: {
      const LatencyStats stats = result.query_latency.value_or(LatencyStats{});
      block->Add("result_min_query_latency_ns", stats.min_ns);
      block->Add("result_max_query_latency_ns", stats.max_ns);
      block->Add("result_mean_query_latency_ns", stats.mean_ns);
      AddPercentiles("result_", "_percentile_per_query_latency_ns", stats, block);
      block->Add("early_stopping_latency_ms", early_stopping.estimate_ns);
      break;
    }
    case TestScenario::Server:
      block->Add("result_overlatency_query_count", result.overlatency_query_count);
      block->Add("result_scheduled_samples_per_sec", result.scheduled_samples_per_second);
      block->Add("result_completed_samples_per_sec", result.completed_samples_per_second);
      break;
    case TestScenario::Offline:
      block->Add("result_samples_per_second", result.samples_per_second);
      break;
  }
}

void WriteSampleLatency(const LatencyStats& stats, DetailBlock* block) {
  block->Add("result_min_latency_ns", stats.min_ns);
  block->Add("result_max_latency_ns", stats.max_ns);
  block->Add("result_mean_latency_ns", stats.mean_ns);
  AddPercentiles("result_", "_percentile_latency_ns", stats, block);
}

void WriteTokenMetrics(const TokenMetrics& tokens, TestScenario scenario, DetailBlock* block) {
  if (scenario == TestScenario::Offline) {
    block->Add("result_tokens_per_second", tokens.per_second);
    return;
  }
  block->Add("result_first_token_min_latency_ns", tokens.first_token.min_ns);
  block->Add("result_first_token_max_latency_ns", tokens.first_token.max_ns);
  block->Add("result_first_token_mean_latency_ns", tokens.first_token.mean_ns);
  AddPercentiles("result_first_token_", "_percentile_latency_ns", tokens.first_token, block);
  block->Add("result_token_throughput_with_loadgen_overhead", tokens.throughput_with_overhead);
  block->Add("result_token_throughput", tokens.throughput);
  AddPercentiles("result_time_per_output_token_", "_percentile_ns", tokens.time_per_token, block);
  block->Add("result_time_to_output_token_min", tokens.time_per_token.min_ns);
  block->Add("result_time_to_output_token_max", tokens.time_per_token.max_ns);
  block->Add("result_time_to_output_token_mean", tokens.time_per_token.mean_ns);
  block->Add("result_completed_tokens_per_second", tokens.completed_per_second);
}

void WriteInferredTokens(const RunPlan& plan, double tokens_per_second, DetailBlock* block) {
  if (!plan.infer_token_latencies) return;
  if (plan.scenario == TestScenario::Server) {
    block->Add("result_inferred_completed_tokens_per_second", tokens_per_second);
  } else if (plan.scenario == TestScenario::Offline) {
    block->Add("result_inferred_tokens_per_second", tokens_per_second);
  }
}

void AddStats(const std::string& name, const LatencyStats& stats, DetailBlock* block) {
  if (stats.count == 0) return;
  block->Add("result_" + name + "_min_ns", stats.min_ns);
  block->Add("result_" + name + "_max_ns", stats.max_ns);
  block->Add("result_" + name + "_mean_ns", stats.mean_ns);
  AddPercentiles("result_" + name + "_", "_percentile_ns", stats, block);
}

template <typename Value>
void AddIfKnown(const char* key, const Optional<Value>& value, DetailBlock* block) {
  if (value) block->Add(key, *value);
}

// Whether a system reported more of its tokens than their number, or the settings ask for more:
// the records of all other tests are those of the reference.
bool HasStreamRecords(const RunPlan& plan, const TokenMetrics& tokens) {
  const bool asks = plan.itl_latency_ns > 0 || plan.e2e_latency_ns > 0 || plan.goodput_share > 0 ||
                    plan.allow_short_answers;
  return asks || tokens.event_count > 0 || !tokens.token_source.empty();
}

// What docs/llm.md defines. Not in the reference.
void WriteStreamMetrics(const RunPlan& plan, const PerformanceResult& result, DetailBlock* block) {
  const TokenMetrics& tokens = *result.tokens;
  if (!HasStreamRecords(plan, tokens)) return;
  AddStats("inter_token", tokens.inter_token, block);
  AddStats("inter_chunk", tokens.inter_chunk, block);
  AddStats("decode_per_token", tokens.decode_per_token, block);
  AddStats("tail", tokens.tail, block);
  AddStats("first_output", tokens.first_output, block);
  AddStats("first_token_from_send", tokens.first_token_from_send, block);
  AddStats("client_lag", tokens.client_lag, block);
  AddIfKnown("result_prompt_tokens", tokens.prompt_tokens, block);
  AddIfKnown("result_cached_tokens", tokens.cached_tokens, block);
  AddIfKnown("result_reasoning_tokens", tokens.reasoning_tokens, block);
  block->Add("result_token_count", tokens.token_count);
  block->Add("result_event_count", tokens.event_count);
  block->Add("result_tokens_per_event", tokens.tokens_per_event);
  block->Add("result_token_source", tokens.token_source);
  block->Add("result_short_answer_count", tokens.short_answers);
  block->Add("result_cancelled_count", tokens.cancelled_count);
  AddIfKnown("result_total_tokens_per_second", tokens.total_tokens_per_second, block);
  AddIfKnown("result_goodput_count", tokens.goodput_count, block);
  AddIfKnown("result_goodput_share", tokens.goodput_share, block);
  AddIfKnown("result_goodput_per_second", tokens.goodput_per_second, block);
  if (plan.e2e_latency_ns > 0) {
    block->Add("early_stopping_e2e_result", OnOneLine(tokens.early_stopping_e2e.text));
  }
  block->Add("result_itl_latency_bound_ns", plan.itl_latency_ns);
  block->Add("result_e2e_latency_bound_ns", plan.e2e_latency_ns);
  block->Add("result_goodput_share_bound", plan.goodput_share);
  block->Add("result_token_clock", ToString(plan.token_clock));
  JsonFields failures;
  for (const auto& [text, count] : result.failure_counts) failures.push_back({text, ToJson(count)});
  block->Add("result_failure_counts", failures);
}

// How late we were ourselves. Not in the reference.
void WriteLateness(const PerformanceResult& result, DetailBlock* block) {
  const Lateness& lateness = result.lateness;
  block->Add("result_lateness_p50_ns", lateness.p50_ns);
  block->Add("result_lateness_p90_ns", lateness.p90_ns);
  block->Add("result_lateness_p99_ns", lateness.p99_ns);
  block->Add("result_lateness_p99.9_ns", lateness.p999_ns);
  block->Add("result_lateness_max_ns", lateness.max_ns);
  block->Add("result_queries_held_up_by_sut", lateness.held_up_by_sut);
  block->Add("result_lateness_held_up_p50_ns", result.lateness_held_up.p50_ns);
  block->Add("result_lateness_held_up_p99_ns", result.lateness_held_up.p99_ns);
  block->Add("result_lateness_others_p50_ns", result.lateness_others.p50_ns);
  block->Add("result_lateness_others_p99_ns", result.lateness_others.p99_ns);
  block->Add("result_pacing", ToString(result.pacing));
  block->Add("result_spin_s", result.spin_s);
}

}  // namespace

void WriteResultRecords(const RunPlan& plan, const PerformanceResult& result, DetailBlock* block) {
  WriteVerdict(plan, result, block);
  WriteScenarioMetrics(result, plan.scenario, block);
  WriteSampleLatency(result.sample_latency, block);
  if (result.tokens) {
    WriteTokenMetrics(*result.tokens, plan.scenario, block);
    WriteStreamMetrics(plan, result, block);
  }
  WriteInferredTokens(plan, result.inferred_tokens_per_second, block);
  if (plan.shape == LoopShape::kOpenLoop) WriteLateness(result, block);
  block->Add("result_failed_sample_count", result.failed_sample_count);
  for (const std::string& caution : result.cautions) block->Add("result_caution", caution);
}

void WriteTrialRecord(const PeakTrial& trial, DetailBlock* block) {
  block->Add("peak_trial", JsonFields{{"kind", ToJson(trial.kind)},
                                      {"qps", ToJson(trial.qps)},
                                      {"passed", ToJson(trial.passed)},
                                      {"query_count", ToJson(trial.query_count)},
                                      {"over_share", ToJson(trial.over_share)},
                                      {"failed_share", ToJson(trial.failed_share)},
                                      {"failures", ToJson(trial.failures)},
                                      {"duration_s", ToJson(trial.duration_s)}});
}

void WritePeakRecords(const PeakSearchResult& peak, DetailBlock* block) {
  block->Add("result_peak_found", peak.found);
  block->Add("result_peak_determined", peak.determined);
  block->Add("result_peak_statement", peak.statement);
  const bool known = peak.determined || peak.at_limit;
  block->Add("result_peak_qps", known ? peak.qps : std::nan(""));  // null: no rate to quote.
  block->Add("result_peak_at_least_qps", peak.at_least_qps);
  block->Add("result_peak_at_most_qps", peak.at_most_qps);
  if (peak.high_qps > 0) {
    block->Add("result_peak_low_qps", peak.low_qps);
    block->Add("result_peak_high_qps", peak.high_qps);
    block->Add("result_peak_valid_qps", peak.valid_qps);
  }
  block->Add("result_peak_trial_count", uint64_t{peak.trials.size()});
  for (const std::string& caution : peak.cautions) block->Add("result_peak_caution", caution);
}

}  // namespace mlperf::loadgen
