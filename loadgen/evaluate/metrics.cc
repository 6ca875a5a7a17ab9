#include "evaluate/metrics.h"

#include <algorithm>
#include <span>
#include <vector>

#include "evaluate/early_stopping.h"
#include "evaluate/goodput.h"
#include "evaluate/latency_stats.h"
#include "evaluate/stream_stats.h"
#include "evaluate/token_stats.h"

namespace mlperf::loadgen {
namespace {

int64_t LatestCompletionNs(const RunRecord& record) {
  int64_t latest_ns = 0;
  record.ForEachIssuedQuery([&](uint64_t query) {
    const uint64_t begin = query * record.slots->samples_per_query;
    for (uint64_t i = 0; i < record.slots->samples_per_query; ++i) {
      latest_ns = std::max(latest_ns, record.CompletedNs(begin + i));
    }
  });
  return latest_ns;
}

int64_t LongestNs(const RunRecord& record, const LatencyStats& answered) {
  int64_t longest_ns = answered.max_ns;
  if (record.samples_failed == 0) return longest_ns;
  record.ForEachIssuedQuery([&](uint64_t query) {
    const uint64_t begin = query * record.slots->samples_per_query;
    for (uint64_t i = 0; i < record.slots->samples_per_query; ++i) {
      longest_ns = std::max(longest_ns, record.CompletedNs(begin + i) - record.ScheduledNs(query));
    }
  });
  return longest_ns;
}

double Seconds(int64_t duration_ns) { return static_cast<double>(duration_ns) / 1e9; }

// Of nothing, the rate is 0 whatever the time.
double Rate(double count, double duration_s) { return count == 0 ? 0 : count / duration_s; }

// The rate of what followed the first sample. 0 / 0 for a single sample that took no time.
double RateAfterFirst(uint64_t sample_count, double duration_s) {
  return sample_count == 0 ? 0 : static_cast<double>(sample_count - 1) / duration_s;
}

// What failed was scheduled, and took its time; it is no throughput.
void ComputeRates(const RunPlan& plan, const Judged& judged, PerformanceResult* result) {
  const uint64_t samples = result->sample_count;
  const double tokens_per_sample =
      plan.infer_token_latencies ? static_cast<double>(plan.token_latency_scaling_factor) : 0;
  switch (plan.scenario) {
    case TestScenario::SingleStream:
      result->qps_with_overhead = RateAfterFirst(samples, result->final_query_issued_s);
      result->qps_without_overhead = samples == 0 ? 0 : 1 / Seconds(result->sample_latency.mean_ns);
      break;
    case TestScenario::MultiStream:
      break;
    case TestScenario::Server:
      result->scheduled_samples_per_second =
          RateAfterFirst(samples + result->failed_sample_count, result->final_query_scheduled_s);
      result->completed_samples_per_second = RateAfterFirst(samples, result->final_query_done_s);
      result->inferred_tokens_per_second = result->completed_samples_per_second * tokens_per_sample;
      break;
    case TestScenario::Offline:
      result->samples_per_second = Rate(static_cast<double>(samples), Seconds(judged.longest_ns));
      result->inferred_tokens_per_second = result->samples_per_second * tokens_per_sample;
      break;
  }
}

void ComputeTokenRate(const RunPlan& plan, PerformanceResult* result) {
  const bool offline = plan.scenario == TestScenario::Offline;
  if (result->tokens) {
    const TokenMetrics& tokens = *result->tokens;
    result->tokens_per_second = offline ? tokens.per_second : tokens.completed_per_second;
  } else if (plan.infer_token_latencies && (offline || plan.scenario == TestScenario::Server)) {
    result->tokens_inferred = true;
    result->tokens_per_second = result->inferred_tokens_per_second;
  }
}

// `failed_count`: of queries, beside those that `values_ns` are of. `bound_ns` only counts in
// Server.
EarlyStopping JudgeEarlyStopping(const RunPlan& plan, std::span<int64_t> values_ns,
                                 uint64_t failed_count, uint64_t bound_ns) {
  const double percentile = plan.target_latency_percentile;
  switch (plan.scenario) {
    case TestScenario::SingleStream:
      return EstimatePercentileAndP99(values_ns, failed_count, percentile);
    case TestScenario::MultiStream:
      return EstimatePercentile(values_ns, failed_count, percentile);
    case TestScenario::Server:
      return JudgeOverlatency(values_ns.size() + failed_count,
                              CountOver(values_ns, bound_ns) + failed_count, percentile);
    case TestScenario::Offline:
      break;
  }
  return {};
}

void ComputeGoodput(const RunPlan& plan, const RunRecord& record, double duration_s,
                    TokenMetrics* metrics) {
  if (!plan.has_latency_bound) return;
  const uint64_t requests = CountRequests(record);
  const uint64_t good = CountWithinBounds(plan, record);
  metrics->goodput_count = good;
  metrics->goodput_share =
      requests == 0 ? 0 : static_cast<double>(good) / static_cast<double>(requests);
  metrics->goodput_per_second = Rate(static_cast<double>(good), duration_s);
}

// `duration_s`: what the rate of the answers' tokens is of.
void ComputeTotalTokenRate(double duration_s, TokenMetrics* metrics) {
  if (!metrics->prompt_tokens) return;
  const double tokens =
      static_cast<double>(metrics->token_count) + static_cast<double>(*metrics->prompt_tokens);
  metrics->total_tokens_per_second = Rate(tokens, duration_s);
}

TokenMetrics ComputeTokenMetrics(const RunPlan& plan, const RunRecord& record,
                                 const PerformanceResult& result, std::span<int64_t> latencies_ns,
                                 Judged* judged) {
  TokenMetrics metrics;
  TokenTimes times = ComputeTokenTimes(record, plan.allow_short_answers);
  metrics.token_count = times.token_count;
  metrics.short_answers = times.short_answers;
  ComputeStreamStats(plan, record, &metrics);
  metrics.first_token = ComputeLatencyStats(times.first_token_ns, plan.target_latency_percentile);
  metrics.time_per_token =
      ComputeLatencyStats(times.time_per_token_ns, plan.target_latency_percentile);

  const auto tokens = static_cast<double>(times.token_count);
  if (plan.scenario == TestScenario::Offline) {
    metrics.per_second = Rate(tokens, Seconds(judged->longest_ns));
    ComputeTotalTokenRate(Seconds(judged->longest_ns), &metrics);
    return metrics;
  }
  const LatencyStats& latency = result.sample_latency;
  metrics.throughput_with_overhead = Rate(tokens, result.final_query_issued_s);
  metrics.throughput = Rate(tokens, Seconds(latency.mean_ns) * static_cast<double>(latency.count));
  metrics.completed_per_second = Rate(tokens, result.final_query_done_s);
  ComputeTotalTokenRate(result.final_query_done_s, &metrics);
  ComputeGoodput(plan, record, result.final_query_done_s, &metrics);

  // A query of several samples is as slow as its slowest.
  if (plan.scenario == TestScenario::MultiStream) times = ComputeQueryTokenTimes(record);
  const uint64_t failed = CountFailedQueries(record);
  const double percentile = plan.target_latency_percentile;
  judged->first_token_ns = PercentileWithFailures(times.first_token_ns, failed, percentile);
  judged->time_per_token_ns = PercentileWithFailures(times.time_per_token_ns, failed, percentile);
  if (plan.has_latency_bound && plan.e2e_latency_ns > 0) {
    judged->e2e_ns = PercentileWithFailures(latencies_ns, failed, percentile);
    metrics.early_stopping_e2e =
        JudgeEarlyStopping(plan, latencies_ns, failed, plan.e2e_latency_ns);
  }
  metrics.early_stopping_ttft =
      JudgeEarlyStopping(plan, times.first_token_ns, failed, plan.ttft_latency_ns);
  metrics.early_stopping_tpot =
      JudgeEarlyStopping(plan, times.time_per_token_ns, failed, plan.tpot_latency_ns);
  return metrics;
}

}  // namespace

FinalQuery FindFinalQuery(const RunRecord& record) {
  FinalQuery final_query;
  if (record.queries_issued == 0) return final_query;
  uint64_t last = 0;
  record.ForEachIssuedQuery([&](uint64_t query) { last = query; });
  final_query.scheduled_ns = record.ScheduledNs(last) - record.start_ns;
  final_query.issued_ns = record.IssuedNs(last) - record.start_ns;
  int64_t done_ns = QueryDoneNs(record, last);
  if (done_ns == 0) done_ns = LatestCompletionNs(record);
  if (done_ns != 0) final_query.done_ns = done_ns - record.start_ns;
  return final_query;
}

Judged ComputeMetrics(const RunPlan& plan, const RunRecord& record, const FinalQuery& final_query,
                      PerformanceResult* result) {
  result->query_count = record.queries_issued;
  result->sample_count = record.samples_answered();
  result->failed_sample_count = record.samples_failed;
  result->failures = record.violations.failures;
  result->failure_counts = record.violations.failure_counts;
  result->target_qps = plan.target_qps;

  // Before the latencies, so that only one list of a number a query is in memory at a time.
  if (plan.shape == LoopShape::kOpenLoop) {
    result->lateness = ComputeLateness(record);
    result->lateness_held_up = ComputeLateness(record, LateQueries::kHeldUp);
    result->lateness_others = ComputeLateness(record, LateQueries::kOthers);
    result->pacing = plan.pacing;
    result->spin_s = Seconds(record.spun_ns);
  }

  std::vector<int64_t> latencies_ns = SampleLatencies(record);
  result->sample_latency = ComputeLatencyStats(latencies_ns, plan.target_latency_percentile);
  if (plan.has_latency_bound) {
    result->overlatency_query_count =
        CountOver(latencies_ns, plan.target_latency_ns) + record.samples_failed;
  }
  if (plan.scenario == TestScenario::MultiStream) {
    latencies_ns = QueryLatencies(record);
    result->query_latency = ComputeLatencyStats(latencies_ns, plan.target_latency_percentile);
  }

  result->final_query_scheduled_s = Seconds(final_query.scheduled_ns);
  result->final_query_issued_s = Seconds(final_query.issued_ns);
  result->final_query_done_s = Seconds(final_query.done_ns);
  result->max_latency_s = Seconds(result->sample_latency.max_ns);
  Judged judged;
  judged.longest_ns = LongestNs(record, result->sample_latency);
  ComputeRates(plan, judged, result);

  if (plan.use_token_latencies) {
    result->tokens = ComputeTokenMetrics(plan, record, *result, latencies_ns, &judged);
  } else {
    const uint64_t failed = CountFailedQueries(record);
    judged.latency_ns =
        PercentileWithFailures(latencies_ns, failed, plan.target_latency_percentile);
    result->early_stopping = JudgeEarlyStopping(plan, latencies_ns, failed, plan.target_latency_ns);
  }
  ComputeTokenRate(plan, result);
  return judged;
}

}  // namespace mlperf::loadgen
