// Goal: the summary is the reference's, label by label and space by space.
// Method: whole summaries of every scenario, token mode and verdict against text typed in.
#include "write/summary_log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace mlperf::loadgen {
namespace {

RunPlan PlanOf(TestScenario scenario) {
  RunPlan plan;
  plan.scenario = scenario;
  if (scenario == TestScenario::Server) plan.shape = LoopShape::kOpenLoop;
  plan.has_latency_bound = scenario == TestScenario::Server;
  plan.target_qps = 1e4 / 3;
  plan.min_duration_ms = 10;
  plan.min_query_count = 70;
  plan.qsl_rng_seed = 1;
  plan.sample_index_rng_seed = 2;
  plan.schedule_rng_seed = 3;
  plan.performance_sample_count = 10;
  plan.accuracy_sample_count = 20;
  return plan;
}

// Numbers that differ in every place.
LatencyStats Stats(int64_t base) {
  return {.count = 9,
          .min_ns = base + 1,
          .max_ns = base + 2,
          .mean_ns = base + 3,
          .percentiles_ns = {base + 50, base + 90, base + 95, base + 97, base + 99, base + 999},
          .target_percentile_ns = base + 4};
}

PerformanceResult ValidResult() {
  PerformanceResult result;
  result.valid = result.min_duration_met = result.min_queries_met = true;
  result.early_stopping_met = true;
  result.sample_latency = Stats(500'000);
  return result;
}

TokenMetrics Tokens() {
  TokenMetrics tokens;
  tokens.first_token = Stats(20'000);
  tokens.time_per_token = Stats(130'000);
  tokens.throughput_with_overhead = 8737.411;
  tokens.throughput = 8634.729;
  tokens.completed_per_second = 4103.94;
  tokens.per_second = 1234567.0;
  tokens.early_stopping_ttft.text = " * First token text.";
  tokens.early_stopping_tpot.text = " * Token time text.";
  return tokens;
}

const char kSampleLatencies[] =
    R"(Min latency (ns)                : 500001
Max latency (ns)                : 500002
Mean latency (ns)               : 500003
50.00 percentile latency (ns)   : 500050
90.00 percentile latency (ns)   : 500090
95.00 percentile latency (ns)   : 500095
97.00 percentile latency (ns)   : 500097
99.00 percentile latency (ns)   : 500099
99.90 percentile latency (ns)   : 500999
)";

const char kTokenTimes[] =
    R"(Min First Token latency (ns)                : 20001
Max First Token latency (ns)                : 20002
Mean First Token latency (ns)               : 20003
50.00 percentile first token latency (ns)   : 20050
90.00 percentile first token latency (ns)   : 20090
95.00 percentile first token latency (ns)   : 20095
97.00 percentile first token latency (ns)   : 20097
99.00 percentile first token latency (ns)   : 20099
99.90 percentile first token latency (ns)   : 20999

Min Time per Output Token (ns)                : 130001
Max Time per Output Token (ns)                : 130002
Mean Time per Output Token (ns)               : 130003
50.00 percentile time to output token (ns)   : 130050
90.00 percentile time to output token (ns)   : 130090
95.00 percentile time to output token (ns)   : 130095
97.00 percentile time to output token (ns)   : 130097
99.00 percentile time to output token (ns)   : 130099
99.90 percentile time to output token (ns)   : 130999
)";

// Block F; `latency` is the line or lines of the latency bounds.
std::string Parameters(const std::string& latency = "target_latency (ns): 0\n") {
  return R"(
================================================
Test Parameters Used
================================================
samples_per_query : 1
target_qps : 3333.33
)" + latency +
         R"(max_async_queries : 1
min_duration (ms): 10
max_duration (ms): 0
min_query_count : 70
max_query_count : 0
qsl_rng_seed : 1
sample_index_rng_seed : 2
schedule_rng_seed : 3
accuracy_log_rng_seed : 0
accuracy_log_probability : 0
accuracy_log_sampling_target : 0
print_timestamps : 0
performance_issue_unique : 0
performance_issue_same : 0
performance_issue_same_index : 0
performance_sample_count : 10
accuracy_sample_count : 20
)";
}

TEST(Summary, SingleStream) {
  RunPlan plan = PlanOf(TestScenario::SingleStream);
  plan.target_latency_percentile = 0.9;
  PerformanceResult result = ValidResult();
  result.qps_with_overhead = 1723.784;
  result.qps_without_overhead = 1728.106;
  result.early_stopping.text = " * Processed at least 64 queries (100).\n * And more.";
  EXPECT_EQ(SummaryOfPerformance(plan, result, "PySUT"),
            std::string(R"(================================================
MLPerf Results Summary
================================================
SUT name : PySUT
Scenario : SingleStream
Mode     : PerformanceOnly
90.0th percentile latency (ns) : 500004
Result is : VALID
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes
Early Stopping Result:
 * Processed at least 64 queries (100).
 * And more.

================================================
Additional Stats
================================================
QPS w/ loadgen overhead         : 1723.78
QPS w/o loadgen overhead        : 1728.11

)") + kSampleLatencies +
                Parameters());
}

TEST(Summary, MultiStreamReportsQueryLatencies) {
  PerformanceResult result = ValidResult();
  result.sample_latency = Stats(7'000);
  result.query_latency = Stats(500'000);
  result.early_stopping.text = " * Text.";
  EXPECT_EQ(SummaryOfPerformance(PlanOf(TestScenario::MultiStream), result, "s"),
            std::string(R"(================================================
MLPerf Results Summary
================================================
SUT name : s
Scenario : MultiStream
Mode     : PerformanceOnly
99.0th percentile latency (ns) : 500004
Result is : VALID
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes
Early Stopping Result:
 * Text.

================================================
Additional Stats
================================================
Per-query latency:  
)") + kSampleLatencies +
                Parameters());
}

TEST(Summary, InvalidServer) {
  RunPlan plan = PlanOf(TestScenario::Server);
  plan.mode = TestMode::FindPeakPerformance;
  plan.target_latency_ns = 100'000'000;
  PerformanceResult result = ValidResult();
  result.valid = result.perf_constraints_met = result.min_queries_met = false;
  result.early_stopping_met = false;
  result.logged_recommendations = {"Reduce target QPS to improve latency.",
                                   "The test exited early, before enough queries were issued.\n"
                                   "   See the detailed log for why this may have occurred."};
  result.early_stopping.text = " * Run unsuccessful.\n * Processed 298 queries.";
  result.completed_samples_per_second = 997.126;
  result.scheduled_samples_per_second = -std::numeric_limits<double>::quiet_NaN();
  result.lateness = {9, 11, 12, 13, 14, 15, 16};
  result.lateness_held_up.p50_ns = 21;
  result.lateness_others.p50_ns = 31;
  result.lateness_others.p99_ns = 33;
  result.pacing = Pacing::Spin;
  result.spin_s = 0.125;
  EXPECT_EQ(SummaryOfPerformance(plan, result, "PySUT"),
            std::string(R"(================================================
MLPerf Results Summary
================================================
SUT name : PySUT
Scenario : Server
Mode     : FindPeakPerformance
Completed samples per second    : 997.13
Result is : INVALID
  Performance constraints satisfied : NO
  Min duration satisfied : Yes
  Min queries satisfied : NO
  Early stopping satisfied: NO
Recommendations:
 * Reduce target QPS to improve latency.
 * The test exited early, before enough queries were issued.
   See the detailed log for why this may have occurred.
Early Stopping Result:
 * Run unsuccessful.
 * Processed 298 queries.

================================================
Additional Stats
================================================
Scheduled samples per second : -nan
)") + kSampleLatencies +
                R"(
================================================
Load Generator
================================================
Lateness of issue p50 (ns)        : 11
Lateness of issue p90 (ns)        : 12
Lateness of issue p99 (ns)        : 13
Lateness of issue p99.9 (ns)      : 14
Lateness of issue max (ns)        : 15
Queries held up by IssueQuery     : 16
Lateness of these p50 (ns)        : 21
Lateness of the others p50 (ns)   : 31
Lateness of the others p99 (ns)   : 33
Pacing                            : Spin
Time spent spinning (s)           : 0.125
)" + Parameters("target_latency (ns): 100000000\n"));
}

TEST(Summary, Offline) {
  PerformanceResult result = ValidResult();
  result.samples_per_second = 3046341;
  EXPECT_EQ(SummaryOfPerformance(PlanOf(TestScenario::Offline), result, "PySUT"),
            std::string(R"(================================================
MLPerf Results Summary
================================================
SUT name : PySUT
Scenario : Offline
Mode     : PerformanceOnly
Samples per second: 3.04634e+06
Result is : VALID
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes

================================================
Additional Stats
================================================
)") + kSampleLatencies +
                Parameters());
}

TEST(Summary, OnlyEarlyStoppingFailsLeavesTheRecommendationsEmpty) {
  PerformanceResult result = ValidResult();
  result.valid = result.early_stopping_met = false;
  const std::string text =
      SummaryOfPerformance(PlanOf(TestScenario::SingleStream), result, "PySUT");
  EXPECT_NE(text.find("  Early stopping satisfied: NO\nRecommendations:\nEarly Stopping Result:\n"),
            std::string::npos);
}

// ---- Token mode ----

const char kTokenLatencyBounds[] = "ttft_latency (ns): 2000\ntpot_latency (ns): 200\n";

RunPlan TokenPlan(TestScenario scenario) {
  RunPlan plan = PlanOf(scenario);
  plan.use_token_latencies = true;
  plan.ttft_latency_ns = 2000;
  plan.tpot_latency_ns = 200;
  return plan;
}

// From the metrics on.
std::string SummaryAfterMode(const RunPlan& plan, const PerformanceResult& result) {
  const std::string text = SummaryOfPerformance(plan, result, "PySUT");
  const std::string mode = "Mode     : PerformanceOnly\n";
  return text.substr(text.find(mode) + mode.size());
}

TEST(Summary, SingleStreamTokens) {
  PerformanceResult result = ValidResult();
  result.tokens = Tokens();
  EXPECT_EQ(SummaryAfterMode(TokenPlan(TestScenario::SingleStream), result),
            std::string(R"(99.0th percentile latency (ns) : 500004
99.0th first token percentile latency (ns) : 20004
Result is : VALID
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes
TTFT Early Stopping Result:
 * First token text.
TPOT Early Stopping Result:
 * Token time text.

================================================
Additional Stats
================================================
QPS w/ loadgen overhead         : 0.00
QPS w/o loadgen overhead        : 0.00

)") + kSampleLatencies +
                R"(
TPS w/ loadgen overhead         : 8737.41
TPS w/o loadgen overhead        : 8634.73
)" + kTokenTimes +
                Parameters(kTokenLatencyBounds));
}

TEST(Summary, MultiStreamTokens) {
  PerformanceResult result = ValidResult();
  result.query_latency = Stats(500'000);
  result.tokens = Tokens();
  result.tokens->early_stopping_ttft.text = "";
  EXPECT_EQ(SummaryAfterMode(TokenPlan(TestScenario::MultiStream), result),
            std::string(R"(99.0th percentile latency (ns) : 500004
99.0th first token percentile latency (ns) : 20004
Result is : VALID
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes
TTFT Early Stopping Result:

TPOT Early Stopping Result:
 * Token time text.

================================================
Additional Stats
================================================
Per-query latency:  
)") + kSampleLatencies +
                "\n" + kTokenTimes + Parameters(kTokenLatencyBounds));
}

TEST(Summary, ServerTokens) {
  RunPlan plan = TokenPlan(TestScenario::Server);
  plan.infer_token_latencies = true;
  PerformanceResult result = ValidResult();
  result.tokens = Tokens();
  result.inferred_tokens_per_second = 77;
  EXPECT_EQ(SummaryAfterMode(plan, result), std::string(R"(Completed samples per second    : 0.00
Completed tokens per second: 4103.94
Completed tokens per second (inferred): 77.00
Result is : VALID
  Performance constraints satisfied : Yes
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes
TTFT Early Stopping Result:
 * First token text.
TPOT Early Stopping Result:
 * Token time text.

================================================
Additional Stats
================================================
Scheduled samples per second : 0.00
)") + kSampleLatencies +
                                                R"(
Completed tokens per second                 : 4103.94
)" + kTokenTimes +
                                                R"(
================================================
Load Generator
================================================
Lateness of issue p50 (ns)        : 0
Lateness of issue p90 (ns)        : 0
Lateness of issue p99 (ns)        : 0
Lateness of issue p99.9 (ns)      : 0
Lateness of issue max (ns)        : 0
Queries held up by IssueQuery     : 0
Lateness of these p50 (ns)        : 0
Lateness of the others p50 (ns)   : 0
Lateness of the others p99 (ns)   : 0
Pacing                            : Auto
Time spent spinning (s)           : 0
)" + Parameters(kTokenLatencyBounds));
}

TEST(Summary, OfflineTokens) {
  RunPlan plan = TokenPlan(TestScenario::Offline);
  plan.infer_token_latencies = true;
  PerformanceResult result = ValidResult();
  result.samples_per_second = 12.5;
  result.tokens = Tokens();
  result.inferred_tokens_per_second = 1e7;
  EXPECT_EQ(SummaryAfterMode(plan, result), std::string(R"(Samples per second: 12.5
Tokens per second: 1.23457e+06
Tokens per second (inferred): 1e+07
Result is : VALID
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes

================================================
Additional Stats
================================================
)") + kSampleLatencies + "\n" + Parameters(kTokenLatencyBounds));
}

// ---- The end ----

TEST(Summary, PermutationModeWarns) {
  RunPlan plan = PlanOf(TestScenario::SingleStream);
  plan.sample_concatenate_permutation = true;
  const std::string text = SummaryOfPerformance(plan, ValidResult(), "PySUT");
  const std::string warning =
      "accuracy_sample_count : 20\n"
      "WARNING: sample_concatenate_permutation was set to true. \n"
      "Generated samples per query might be different as the one in the setting.\n"
      "Check the generated_samples_per_query line in the detailed log for the real\n"
      "samples_per_query value\n";
  EXPECT_TRUE(text.ends_with(warning)) << text;
}

TEST(SummaryTrailer, CountsWarningsAndErrors) {
  EXPECT_EQ(SummaryTrailer(0, 0),
            "\nNo warnings encountered during test.\n\nNo errors encountered during test.\n");
  EXPECT_EQ(SummaryTrailer(1, 1),
            "\n1 warning encountered. See detailed log.\n\n1 ERROR encountered. See detailed "
            "log.\n");
  EXPECT_EQ(SummaryTrailer(2, 30),
            "\n2 warnings encountered. See detailed log.\n\n30 ERRORS encountered. See detailed "
            "log.\n");
}

}  // namespace
}  // namespace mlperf::loadgen
