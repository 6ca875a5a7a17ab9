// Goal: every metric of a result is right in every scenario. Method: records whose metrics can be
// worked out by hand.
#include "evaluate/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "evaluate/verdict.h"
#include "helpers/known_runs.h"
#include "helpers/record_builder.h"

namespace mlperf::loadgen {
namespace {

TEST(MetricsTest, SingleStream) {
  const PerformanceResult result = Evaluate(TestScenario::SingleStream);
  EXPECT_EQ(result.query_count, 100u);
  EXPECT_EQ(result.sample_count, 100u);
  EXPECT_EQ(result.sample_latency.target_percentile_ns, 590000);
  EXPECT_EQ(result.sample_latency.mean_ns, 549500);
  EXPECT_DOUBLE_EQ(result.final_query_issued_s, 0.099);
  EXPECT_DOUBLE_EQ(result.final_query_done_s, 0.099599);
  EXPECT_DOUBLE_EQ(result.max_latency_s, 599e-6);
  EXPECT_DOUBLE_EQ(result.qps_with_overhead, 1000);  // 99 / 0.099
  EXPECT_DOUBLE_EQ(result.qps_without_overhead, 1 / 549500e-9);
  EXPECT_EQ(result.early_stopping.estimate_ns, 597000);  // 3 of 100 may be over.
  EXPECT_EQ(result.early_stopping.estimate_p99_ns, 0);
  EXPECT_NE(result.early_stopping.text.find("Not enough queries processed for 99.0th"),
            std::string::npos);
  EXPECT_FALSE(result.query_latency.has_value());
  EXPECT_EQ(result.overlatency_query_count, 0u);
  EXPECT_EQ(result.lateness.count, 0u);
}

TEST(MetricsTest, MultiStream) {
  const PerformanceResult result = Evaluate(TestScenario::MultiStream);
  EXPECT_EQ(result.query_count, 100u);
  EXPECT_EQ(result.sample_count, 200u);
  ASSERT_TRUE(result.query_latency.has_value());
  EXPECT_EQ(result.query_latency->count, 100u);
  EXPECT_EQ(result.query_latency->min_ns, 500000);
  EXPECT_EQ(result.query_latency->target_percentile_ns, 590000);
  EXPECT_EQ(result.sample_latency.count, 200u);
  EXPECT_EQ(result.sample_latency.min_ns, 200000);
  EXPECT_EQ(result.sample_latency.target_percentile_ns, 580000);  // Index 180: the 81st long one.
  EXPECT_EQ(result.early_stopping.text,
            " * Processed at least 64 queries (100).\n"
            " * Would discard 2 highest latency queries.\n"
            " * Early stopping 90.0th percentile estimate: 597000");
  EXPECT_EQ(result.early_stopping.estimate_ns, 597000);
  EXPECT_EQ(result.qps_with_overhead, 0);
}

TEST(MetricsTest, Server) {
  RunRecord record = RecordFor(TestScenario::Server);
  record.queries_held_up_by_sut = 4;
  const PerformanceResult result = EvaluatePerformance(PlanFor(TestScenario::Server), record);
  EXPECT_EQ(result.target_qps, 1000);
  EXPECT_DOUBLE_EQ(result.final_query_scheduled_s, 0.099);
  EXPECT_DOUBLE_EQ(result.final_query_issued_s, 0.099002);
  EXPECT_DOUBLE_EQ(result.final_query_done_s, 0.099599);
  EXPECT_DOUBLE_EQ(result.scheduled_samples_per_second, 1000);
  EXPECT_DOUBLE_EQ(result.completed_samples_per_second, 99 / 0.099599);
  EXPECT_EQ(result.overlatency_query_count, 2u);  // 0.598 and 0.599 ms.
  EXPECT_EQ(result.lateness.count, 100u);
  EXPECT_EQ(result.lateness.p50_ns, 2000);
  EXPECT_EQ(result.lateness.max_ns, 2000);
  EXPECT_EQ(result.lateness.held_up_by_sut, 4u);
  EXPECT_EQ(result.inferred_tokens_per_second, 0);
}

TEST(MetricsTest, Offline) {
  const PerformanceResult result = Evaluate(TestScenario::Offline);
  EXPECT_EQ(result.query_count, 1u);
  EXPECT_EQ(result.sample_count, 500u);
  EXPECT_DOUBLE_EQ(result.max_latency_s, 2);
  EXPECT_DOUBLE_EQ(result.samples_per_second, 250);
  EXPECT_TRUE(result.early_stopping.met);
  EXPECT_EQ(result.early_stopping.text, "");
}

TEST(MetricsTest, InferredTokensScaleTheRate) {
  for (const TestScenario scenario : kScenarios) {
    RunPlan plan = PlanFor(scenario);
    plan.infer_token_latencies = true;
    plan.token_latency_scaling_factor = 69;
    const PerformanceResult result = EvaluatePerformance(plan, RecordFor(scenario));
    const double expected = scenario == TestScenario::Server    ? 99 * 69 / 0.099599
                            : scenario == TestScenario::Offline ? 250 * 69
                                                                : 0;
    EXPECT_NEAR(result.inferred_tokens_per_second, expected, 1e-6);
    EXPECT_EQ(result.tokens_per_second, result.inferred_tokens_per_second);
    EXPECT_EQ(result.tokens_inferred, expected > 0);
  }
}

TEST(MetricsTest, DoneIsOfTheLastIssuedQueryNotTheLatestCompletion) {
  const RunRecord record = RecordBuilder().Query(0, 0, {{900}}).Query(100, 100, {{200}}).Build();
  EXPECT_DOUBLE_EQ(EvaluatePerformance(PlanFor(TestScenario::Server), record).final_query_done_s,
                   200e-9);
}

TEST(MetricsTest, OneServerQueryHasNoScheduledRate) {
  const RunRecord record = RecordBuilder().Query(0, 10, {{900}}).Build();
  const PerformanceResult result = EvaluatePerformance(PlanFor(TestScenario::Server), record);
  EXPECT_TRUE(std::isnan(result.scheduled_samples_per_second));
  EXPECT_EQ(result.completed_samples_per_second, 0);
}

}  // namespace
}  // namespace mlperf::loadgen
