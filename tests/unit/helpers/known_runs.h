// A run of each scenario that is VALID, with metrics that can be worked out by hand.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_KNOWN_RUNS_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_KNOWN_RUNS_H_

#include <cstdint>
#include <vector>

#include "evaluate/verdict.h"
#include "helpers/record_builder.h"

namespace mlperf::loadgen {

inline constexpr int64_t kMs = 1000000;

// A percentile and minimums that the records below just meet.
inline RunPlan PlanFor(TestScenario scenario) {
  RunPlan plan;
  plan.scenario = scenario;
  plan.target_latency_percentile = 0.9;
  switch (scenario) {
    case TestScenario::SingleStream:
    case TestScenario::MultiStream:
      plan.shape = LoopShape::kClosedLoop;
      plan.min_query_count = 100;
      plan.min_duration_ms = 99;
      break;
    case TestScenario::Server:
      plan.shape = LoopShape::kOpenLoop;
      plan.min_query_count = 100;
      plan.min_duration_ms = 99;
      plan.has_latency_bound = true;
      plan.target_latency_ns = 597000;
      plan.target_qps = 1000;
      break;
    case TestScenario::Offline:
      plan.shape = LoopShape::kOneShot;
      plan.min_query_count = 1;
      plan.min_duration_ms = 2000;
      break;
  }
  plan.samples_per_query = scenario == TestScenario::MultiStream ? 2
                           : scenario == TestScenario::Offline   ? 500
                                                                 : 1;
  plan.min_sample_count = plan.min_query_count * plan.samples_per_query;
  return plan;
}

// 100 queries, 1 ms apart, of one sample each: latencies 0.500, 0.501, ... 0.599 ms. Of 401 tokens
// the first comes after 100, 99, ... 6 us and then, five times, 405 ... 401 us. So the time per
// token is 1000, 1005, ... 1470 ns and then, five times, 475 ... 495 ns.
inline RecordBuilder SingleSamples(int64_t issue_delay_ns) {
  RecordBuilder builder;
  for (int64_t i = 0; i < 100; ++i) {
    const int64_t scheduled_ns = i * kMs;
    const int64_t latency_ns = 500000 + i * 1000;
    const int64_t first_token_ns = 100000 - i * 1000 + 400000 * (i / 95);
    builder.Query(scheduled_ns, scheduled_ns + issue_delay_ns,
                  {{scheduled_ns + latency_ns, scheduled_ns + first_token_ns, 401}});
  }
  return builder;
}

// 100 queries, 1 ms apart, of two samples: 0.2 ms, and 0.500 ... 0.599 ms.
inline RecordBuilder PairsOfSamples() {
  RecordBuilder builder(2);
  for (int64_t i = 0; i < 100; ++i) {
    const int64_t at_ns = i * kMs;
    builder.Query(at_ns, at_ns, {{at_ns + 500000 + i * 1000}, {at_ns + 200000}});
  }
  return builder;
}

// 500 samples at once, completed 4 ms apart from 4 ms to 2 s.
inline RecordBuilder OneBigQuery() {
  std::vector<SampleEvents> samples;
  for (int64_t i = 1; i <= 500; ++i) samples.push_back({i * 4 * kMs, 1000, 3});
  return RecordBuilder(500).Query(0, 100, samples);
}

inline RunRecord RecordFor(TestScenario scenario) {
  switch (scenario) {
    case TestScenario::SingleStream:
      return SingleSamples(0).Build();
    case TestScenario::MultiStream:
      return PairsOfSamples().Build();
    case TestScenario::Server:
      return SingleSamples(2000).Build();
    case TestScenario::Offline:
      break;
  }
  return OneBigQuery().Build();
}

inline PerformanceResult Evaluate(TestScenario scenario) {
  return EvaluatePerformance(PlanFor(scenario), RecordFor(scenario));
}

inline constexpr TestScenario kScenarios[] = {TestScenario::SingleStream, TestScenario::MultiStream,
                                              TestScenario::Server, TestScenario::Offline};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_KNOWN_RUNS_H_
