// Goal: the detail log has the reference's keys of a result in the reference's order with the right
// values, in every scenario and mode.
// Method: key lists typed from the log format; records parsed back from the written lines with a
// strict parser, and their values compared with what was put in.
#include "write/detail_result.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "helpers/written_detail_log.h"

namespace mlperf::loadgen {
namespace {

class DetailResultTest : public DetailLogTest {};

const char kPercentiles[] = "50.00 90.00 95.00 97.00 99.00 99.90";

Strings Percentiles(const std::string& before, const std::string& after) {
  Strings keys = Words(kPercentiles, before);
  for (std::string& key : keys) key += after;
  return keys;
}

// result_validity up to early_stopping_met.
Strings VerdictKeys(TestScenario scenario) {
  if (scenario == TestScenario::Server) {
    return Words(
        "result_validity result_perf_constraints_met result_min_duration_met "
        "result_min_queries_met early_stopping_met");
  }
  return Words("result_validity result_min_duration_met result_min_queries_met early_stopping_met");
}

Strings MetricKeys(TestScenario scenario) {
  switch (scenario) {
    case TestScenario::SingleStream:
      return Words(
          "result_qps_with_loadgen_overhead result_qps_without_loadgen_overhead "
          "early_stopping_latency_ss early_stopping_latency_ms");
    case TestScenario::MultiStream:
      return Words(
                 "result_min_query_latency_ns result_max_query_latency_ns "
                 "result_mean_query_latency_ns") +
             Percentiles("result_", "_percentile_per_query_latency_ns") +
             Words("early_stopping_latency_ms");
    case TestScenario::Server:
      return Words(
          "result_overlatency_query_count result_scheduled_samples_per_sec "
          "result_completed_samples_per_sec");
    case TestScenario::Offline:
      return Words("result_samples_per_second");
  }
  return {};
}

Strings TokenKeys(TestScenario scenario) {
  if (scenario == TestScenario::Offline) return Words("result_tokens_per_second");
  return Words(
             "result_first_token_min_latency_ns result_first_token_max_latency_ns "
             "result_first_token_mean_latency_ns") +
         Percentiles("result_first_token_", "_percentile_latency_ns") +
         Words("result_token_throughput_with_loadgen_overhead result_token_throughput") +
         Percentiles("result_time_per_output_token_", "_percentile_ns") +
         Words(
             "result_time_to_output_token_min result_time_to_output_token_max "
             "result_time_to_output_token_mean result_completed_tokens_per_second");
}

const std::map<TestScenario, Strings> kInferredKeys = {
    {TestScenario::SingleStream, {}},
    {TestScenario::MultiStream, {}},
    {TestScenario::Server, {"result_inferred_completed_tokens_per_second"}},
    {TestScenario::Offline, {"result_inferred_tokens_per_second"}}};

RunPlan PlanOf(TestScenario scenario) {
  RunPlan plan;
  plan.scenario = scenario;
  if (scenario == TestScenario::Server) plan.shape = LoopShape::kOpenLoop;
  plan.has_latency_bound = scenario == TestScenario::Server;
  return plan;
}

class ResultTest : public DetailLogTest,
                   public testing::WithParamInterface<std::tuple<TestScenario, bool, bool, bool>> {
};

TEST_P(ResultTest, KeysAndOrder) {
  const auto [scenario, valid, tokens, inferred] = GetParam();
  RunPlan plan = PlanOf(scenario);
  plan.infer_token_latencies = inferred;
  PerformanceResult result;
  result.valid = valid;
  if (tokens) result.tokens.emplace();
  detail_.WriteResult(plan, result, kNow);

  Strings expected = VerdictKeys(scenario);
  if (!valid) expected = expected + Words("result_invalid_reason");
  expected = expected + (tokens ? Words("early_stopping_ttft_result early_stopping_tpot_result")
                                : Words("early_stopping_result"));
  expected = expected + Words("result_query_count") + MetricKeys(scenario) +
             Words("result_min_latency_ns result_max_latency_ns result_mean_latency_ns") +
             Percentiles("result_", "_percentile_latency_ns");
  if (tokens) expected = expected + TokenKeys(scenario);
  if (inferred) expected = expected + kInferredKeys.at(scenario);
  if (scenario == TestScenario::Server) {
    expected = expected + Words(
                              "result_lateness_p50_ns result_lateness_p90_ns "
                              "result_lateness_p99_ns result_lateness_p99.9_ns "
                              "result_lateness_max_ns result_queries_held_up_by_sut "
                              "result_lateness_held_up_p50_ns result_lateness_held_up_p99_ns "
                              "result_lateness_others_p50_ns result_lateness_others_p99_ns "
                              "result_pacing result_spin_s");
  }
  EXPECT_EQ(Keys(), expected + Words("result_failed_sample_count num_errors"));
}

INSTANTIATE_TEST_SUITE_P(All, ResultTest,
                         testing::Combine(testing::ValuesIn(kScenarios), testing::Bool(),
                                          testing::Bool(), testing::Bool()));

// Numbers that differ in every place.
LatencyStats Stats(int64_t base) {
  return {.count = 9,
          .min_ns = base + 1,
          .max_ns = base + 2,
          .mean_ns = base + 3,
          .percentiles_ns = {base + 50, base + 90, base + 95, base + 97, base + 99, base + 999},
          .target_percentile_ns = base + 4};
}

TEST_F(DetailResultTest, ServerResultValues) {
  RunPlan plan = PlanOf(TestScenario::Server);
  plan.infer_token_latencies = true;
  PerformanceResult result;
  result.perf_constraints_met = false;
  result.min_duration_met = true;
  result.invalid_reason = "First.\n * Second. ";
  result.early_stopping.text = " * Run unsuccessful.\n * Processed 298 queries.";
  result.query_count = 298;
  result.overlatency_query_count = 17;
  result.scheduled_samples_per_second = -std::numeric_limits<double>::quiet_NaN();
  result.completed_samples_per_second = 1723.7812;
  result.inferred_tokens_per_second = 5e6;
  result.sample_latency = Stats(1000);
  result.lateness = {10, 11, 12, 13, 14, 15, 16};
  result.lateness_held_up.p50_ns = 21;
  result.lateness_held_up.p99_ns = 23;
  result.lateness_others.p50_ns = 31;
  result.lateness_others.p99_ns = 33;
  result.pacing = Pacing::Sleep;
  result.spin_s = 0.125;
  detail_.Error("error_runtime", "one", kNow);
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"result_validity", "INVALID"},
                {"result_perf_constraints_met", "false"},
                {"result_min_duration_met", "true"},
                {"result_min_queries_met", "false"},
                {"early_stopping_met", "false"},
                {"result_invalid_reason", "First.  * Second. "},
                {"early_stopping_result", " * Run unsuccessful.  * Processed 298 queries."},
                {"result_query_count", "298"},
                {"result_overlatency_query_count", "17"},
                {"result_scheduled_samples_per_sec", "null"},
                {"result_completed_samples_per_sec", "1723.78"},
                {"result_min_latency_ns", "1001"},
                {"result_max_latency_ns", "1002"},
                {"result_mean_latency_ns", "1003"},
                {"result_50.00_percentile_latency_ns", "1050"},
                {"result_99.00_percentile_latency_ns", "1099"},
                {"result_99.90_percentile_latency_ns", "1999"},
                {"result_inferred_completed_tokens_per_second", "5e+06"},
                {"result_lateness_p50_ns", "11"},
                {"result_lateness_p90_ns", "12"},
                {"result_lateness_p99_ns", "13"},
                {"result_lateness_p99.9_ns", "14"},
                {"result_lateness_max_ns", "15"},
                {"result_queries_held_up_by_sut", "16"},
                {"result_lateness_held_up_p50_ns", "21"},
                {"result_lateness_held_up_p99_ns", "23"},
                {"result_lateness_others_p50_ns", "31"},
                {"result_lateness_others_p99_ns", "33"},
                {"result_pacing", "Sleep"},
                {"result_spin_s", "0.125"},
                {"num_errors", "1"}});
}

TEST_F(DetailResultTest, MultiStreamResultValues) {
  RunPlan plan;
  plan.scenario = TestScenario::MultiStream;
  PerformanceResult result;
  result.valid = true;
  result.query_latency = Stats(1000);
  result.sample_latency = Stats(5000);
  result.early_stopping.estimate_ns = 77;
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"result_validity", "VALID"},
                {"result_min_query_latency_ns", "1001"},
                {"result_max_query_latency_ns", "1002"},
                {"result_mean_query_latency_ns", "1003"},
                {"result_97.00_percentile_per_query_latency_ns", "1097"},
                {"early_stopping_latency_ms", "77"},
                {"result_min_latency_ns", "5001"},
                {"result_97.00_percentile_latency_ns", "5097"}});
}

TEST_F(DetailResultTest, OfflineResultValues) {
  RunPlan plan;
  plan.scenario = TestScenario::Offline;
  plan.infer_token_latencies = true;
  PerformanceResult result;
  result.samples_per_second = 3046341;
  result.inferred_tokens_per_second = 12;
  result.tokens.emplace().per_second = 34.5;
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"result_samples_per_second", "3.04634e+06"},
                {"result_tokens_per_second", "34.5"},
                {"result_inferred_tokens_per_second", "12"},
                {"early_stopping_ttft_result", ""}});
}

TEST_F(DetailResultTest, TokenResultValues) {
  RunPlan plan;
  plan.scenario = TestScenario::SingleStream;
  PerformanceResult result;
  result.qps_with_overhead = 99.5;
  result.qps_without_overhead = 101.25;
  result.sample_latency = Stats(1000);
  TokenMetrics& tokens = result.tokens.emplace();
  tokens.first_token = Stats(2000);
  tokens.time_per_token = Stats(3000);
  tokens.throughput_with_overhead = 8737.41;
  tokens.throughput = 8634.73;
  tokens.completed_per_second = 4103.94;
  tokens.early_stopping_ttft = {
      .met = true, .text = " * a\n b", .estimate_ns = 5, .estimate_p99_ns = 6};
  tokens.early_stopping_tpot = {
      .met = true, .text = " * c", .estimate_ns = 7, .estimate_p99_ns = 8};
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"early_stopping_ttft_result", " * a  b"},
                {"early_stopping_tpot_result", " * c"},
                {"result_qps_with_loadgen_overhead", "99.5"},
                {"result_qps_without_loadgen_overhead", "101.25"},
                {"early_stopping_latency_ss", "5"},
                {"early_stopping_latency_ms", "6"},
                {"result_first_token_min_latency_ns", "2001"},
                {"result_first_token_max_latency_ns", "2002"},
                {"result_first_token_mean_latency_ns", "2003"},
                {"result_first_token_90.00_percentile_latency_ns", "2090"},
                {"result_token_throughput_with_loadgen_overhead", "8737.41"},
                {"result_token_throughput", "8634.73"},
                {"result_time_per_output_token_95.00_percentile_ns", "3095"},
                {"result_time_to_output_token_min", "3001"},
                {"result_time_to_output_token_max", "3002"},
                {"result_time_to_output_token_mean", "3003"},
                {"result_completed_tokens_per_second", "4103.94"}});
}

TEST_F(DetailResultTest, EstimatesStayThoseOfTheTokenTimesIfFirstTokensWereNotTested) {
  RunPlan plan;
  PerformanceResult result;
  result.tokens.emplace().early_stopping_tpot = {
      .met = false, .text = " * c", .estimate_ns = 7, .estimate_p99_ns = 8};
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"early_stopping_latency_ss", "7"}, {"early_stopping_latency_ms", "8"}});
}

TEST_F(DetailResultTest, ATrialIsAnObject) {
  PeakTrial trial;
  trial.kind = "bracket";
  trial.qps = 1234.5678;
  trial.passed = true;
  trial.query_count = 80;
  trial.over_share = 0.025;
  trial.failed_share = 0.0125;
  trial.failures = {"503 \"full\"", "cut\noff"};
  trial.duration_s = 2.5;
  detail_.WriteTrial(trial, kNow);
  detail_.WriteTrial({}, kNow);
  const std::vector<Json> records = Records();
  ASSERT_EQ(Keys(), Words("peak_trial peak_trial"));
  const Json& value = records[0]["value"];
  EXPECT_EQ(value.keys,
            Words("kind qps passed query_count over_share failed_share failures duration_s"));
  Strings texts;
  for (const Json& item : value.items) texts.push_back(item.text);
  EXPECT_EQ(texts[0], "bracket");
  EXPECT_EQ(Strings(texts.begin() + 1, texts.begin() + 6), Words("1234.57 true 80 0.025 0.0125"));
  EXPECT_EQ(texts[7], "2.5");
  ASSERT_EQ(value["failures"].items.size(), 2u);
  EXPECT_EQ(value["failures"].items[0].text, trial.failures[0]);
  EXPECT_EQ(value["failures"].items[1].text, trial.failures[1]);
  EXPECT_TRUE(records[1]["value"]["failures"].items.empty());
}

}  // namespace
}  // namespace mlperf::loadgen
