// Goal: every rule of validity and text of a result is right in every scenario.
// Method: records whose metrics can be worked out by hand; each rule is tried at its boundary, one
// at a time, on a record that is VALID but for that.
#include "evaluate/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "helpers/known_runs.h"
#include "helpers/record_builder.h"

namespace mlperf::loadgen {
namespace {

using Lines = std::vector<std::string>;

TEST(VerdictTest, GoodRunsAreValidInEveryScenario) {
  for (const TestScenario scenario : kScenarios) {
    const PerformanceResult result = Evaluate(scenario);
    EXPECT_TRUE(result.valid) << static_cast<int>(scenario);
    EXPECT_TRUE(result.perf_constraints_met);
    EXPECT_TRUE(result.min_duration_met);
    EXPECT_TRUE(result.min_queries_met);
    EXPECT_TRUE(result.early_stopping_met);
    EXPECT_EQ(result.recommendations, Lines{});
    EXPECT_EQ(result.reasons, Lines{});
    EXPECT_EQ(result.invalid_reason, "");
    EXPECT_FALSE(result.tokens.has_value());
  }
}

TEST(VerdictTest, MinDurationIsComparedWithTheScenariosOwnTime) {
  const struct {
    TestScenario scenario;
    uint64_t met_ms;
    const char* advice;
    const char* reason;
    const char* more_advice = nullptr;
  } kRows[] = {
      {TestScenario::SingleStream, 99,
       "Decrease the expected latency so the loadgen pre-generates more queries.",
       "ran 99 ms, min_duration asks for 100 ms"},
      {TestScenario::MultiStream, 99,
       "Decrease the expected latency so the loadgen pre-generates more queries.",
       "ran 99 ms, min_duration asks for 100 ms"},
      {TestScenario::Server, 99,
       "Increase the target QPS so the loadgen pre-generates more queries.",
       "ran 99 ms, min_duration asks for 100 ms"},
      {TestScenario::Offline, 2000,
       "Increase expected QPS so the loadgen pre-generates a larger (coalesced) query.",
       "ran 2 s, min_duration asks for 2.001 s",
       "Set offline_expected_qps to 300 (it was 1): at this speed the query then lasts "
       "min_duration_ms and a third more."},
  };
  for (const auto& row : kRows) {
    RunPlan plan = PlanFor(row.scenario);
    plan.min_duration_ms = row.met_ms;
    EXPECT_TRUE(EvaluatePerformance(plan, RecordFor(row.scenario)).valid);
    plan.min_duration_ms = row.met_ms + 1;
    const PerformanceResult result = EvaluatePerformance(plan, RecordFor(row.scenario));
    EXPECT_FALSE(result.valid);
    EXPECT_FALSE(result.min_duration_met);
    Lines advice = {row.advice};
    if (row.more_advice != nullptr) advice.emplace_back(row.more_advice);
    EXPECT_EQ(result.recommendations, advice);
    EXPECT_EQ(result.invalid_reason, std::string(row.advice) + " ");
    EXPECT_EQ(result.reasons, Lines{row.reason});
  }
}

TEST(VerdictTest, AdvisesAnOfflineRateThatIsEnough) {
  // 500 samples in 2 s.
  RunPlan plan = PlanFor(TestScenario::Offline);
  plan.min_duration_ms = 10000;
  const RunRecord record = RecordFor(TestScenario::Offline);
  const double enough = EvaluatePerformance(plan, record).sufficient_offline_qps;
  EXPECT_EQ(enough, 300);
  EXPECT_GE(1.1 * 10 * enough / 250, 10 * 1.3) << "at 250 samples/s the query lasts long enough";

  plan.min_duration_ms = 2000;
  EXPECT_EQ(EvaluatePerformance(plan, record).sufficient_offline_qps, 0) << "it was long enough";

  plan.min_duration_ms = 10000;
  plan.offline_probe_duration_ms = 50;
  EXPECT_EQ(EvaluatePerformance(plan, record).recommendations[1],
            "Set offline_expected_qps to 300, and offline_probe_duration_ms to 0 or higher than "
            "50: at this speed the query then lasts min_duration_ms and a third more.");
  plan.performance_issue_unique = true;
  EXPECT_EQ(EvaluatePerformance(plan, record).sufficient_offline_qps, 0)
      << "no rate makes the query longer";
}

TEST(VerdictTest, SaysThatNoOfflineQueryCanBeLongEnough) {
  // A sample a nanosecond: 4294967295 of them take four seconds.
  RunPlan plan = PlanFor(TestScenario::Offline);
  plan.min_duration_ms = 600000;
  plan.target_qps = 4294967295.0 / 660;
  plan.min_sample_count = 1;
  const RunRecord record = RecordBuilder().Query(0, 0, {{1}}).Build();
  const PerformanceResult result = EvaluatePerformance(plan, record);
  EXPECT_EQ(result.sufficient_offline_qps, 0);
  EXPECT_EQ(result.recommendations.back(),
            "Lower min_duration_ms: at this speed one query of 4294967295 samples, the most there "
            "can be, is too short.");
}

TEST(VerdictTest, AbsurdMinDurationIsNotMet) {
  RunPlan plan = PlanFor(TestScenario::SingleStream);
  plan.min_duration_ms = std::numeric_limits<uint64_t>::max();
  EXPECT_FALSE(EvaluatePerformance(plan, RecordFor(TestScenario::SingleStream)).min_duration_met);
}

TEST(VerdictTest, TooFewQueries) {
  RunPlan plan = PlanFor(TestScenario::SingleStream);
  plan.min_query_count = 101;
  RunRecord record = RecordFor(TestScenario::SingleStream);
  record.issue_ends = {{StopReason::kMaxQueryCount, 100, 0, 99 * kMs}};
  const PerformanceResult result = EvaluatePerformance(plan, record);
  EXPECT_FALSE(result.valid);
  EXPECT_FALSE(result.min_queries_met);
  EXPECT_TRUE(result.min_duration_met);
  EXPECT_EQ(result.recommendations,
            Lines{"The test exited early, before enough queries were issued.\n"
                  "   See the detailed log for why this may have occurred."});
  EXPECT_EQ(result.invalid_reason, "The test exited early, before enough queries were issued.");
  EXPECT_EQ(result.reasons, Lines{"issued 100 queries, min_query_count asks for 101 (issuing "
                                  "ended: max_query_count was reached)"});
}

TEST(VerdictTest, OneOfAKindIsSingular) {
  RunPlan plan = PlanFor(TestScenario::SingleStream);
  plan.min_duration_ms = 0;
  RunRecord record = RecordBuilder().Query(0, 0, {{kMs}}).Build();
  EXPECT_EQ(EvaluatePerformance(plan, record).reasons.at(0),
            "issued 1 query, min_query_count asks for 100");
  plan.min_query_count = 1;
  plan.min_sample_count = 2;
  EXPECT_EQ(EvaluatePerformance(plan, record).reasons.at(0),
            "completed 1 sample, the test asks for 2");
  record = RecordBuilder().Query(0, 0, {{}}).Build();
  const Lines incomplete = EvaluatePerformance(plan, record).reasons;
  EXPECT_TRUE(incomplete.back().starts_with("1 of 1 issued sample (of 1 query) was never "))
      << incomplete.back();
}

TEST(VerdictTest, TooFewSamples) {
  RunPlan plan = PlanFor(TestScenario::Offline);
  plan.min_sample_count = 501;
  const PerformanceResult result = EvaluatePerformance(plan, RecordFor(TestScenario::Offline));
  EXPECT_FALSE(result.valid);
  EXPECT_FALSE(result.min_queries_met);
  EXPECT_EQ(result.reasons, Lines{"completed 500 samples, the test asks for 501"});
}

TEST(VerdictTest, EarlyEndsOfIssuingExplainAMissedMinimum) {
  for (int i = 0; i <= static_cast<int>(StopReason::kAborted); ++i) {
    const auto stop = static_cast<StopReason>(i);
    RunPlan plan = PlanFor(TestScenario::SingleStream);
    plan.min_duration_ms = 10000;
    RunRecord record = RecordFor(TestScenario::SingleStream);
    record.issue_ends = {{StopReason::kMinimumsMet, 50, 0, 0}, {stop, 50, 0, 0}};
    const Lines reasons = EvaluatePerformance(plan, record).reasons;
    const bool natural = stop == StopReason::kNone || stop == StopReason::kMinimumsMet ||
                         stop == StopReason::kScheduleEnd;
    ASSERT_EQ(reasons.size(), 1u);
    EXPECT_TRUE(reasons[0].starts_with("ran 99 ms, min_duration asks for 10 s")) << reasons[0];
    EXPECT_EQ(reasons[0].find("issuing ended") == std::string::npos, natural) << reasons[0];
  }
}

TEST(VerdictTest, ServerLatencyBoundIsInclusive) {
  RunPlan plan = PlanFor(TestScenario::Server);
  plan.target_latency_ns = 589999;
  const PerformanceResult result = EvaluatePerformance(plan, RecordFor(TestScenario::Server));
  EXPECT_FALSE(result.valid);
  EXPECT_FALSE(result.perf_constraints_met);
  EXPECT_EQ(result.recommendations, Lines{"Reduce target QPS to improve latency."});
  EXPECT_EQ(result.invalid_reason, "Reduce target QPS to improve latency. ");
  ASSERT_FALSE(result.reasons.empty());
  EXPECT_EQ(result.reasons[0], "p90 latency 590 us is above the bound of 589.999 us");
}

TEST(VerdictTest, ServerBoundsDoNotConcernOtherScenarios) {
  for (const TestScenario scenario :
       {TestScenario::SingleStream, TestScenario::MultiStream, TestScenario::Offline}) {
    RunPlan plan = PlanFor(scenario);
    plan.target_latency_ns = 1;
    EXPECT_TRUE(EvaluatePerformance(plan, RecordFor(scenario)).valid);
  }
}

TEST(VerdictTest, EarlyStoppingAloneGivesAReasonButNoAdvice) {
  RunPlan plan = PlanFor(TestScenario::Server);
  plan.target_latency_percentile = 0.99;
  plan.target_latency_ns = 599000;
  const PerformanceResult result = EvaluatePerformance(plan, RecordFor(TestScenario::Server));
  EXPECT_FALSE(result.valid);
  EXPECT_TRUE(result.perf_constraints_met);
  EXPECT_FALSE(result.early_stopping_met);
  EXPECT_EQ(result.recommendations, Lines{});
  EXPECT_EQ(result.invalid_reason, "");
  EXPECT_EQ(result.reasons, Lines{"early stopping needs 359 more queries"});  // 459 - 100
  EXPECT_TRUE(result.early_stopping.text.starts_with(" * Run unsuccessful.\n"));
}

TEST(VerdictTest, EarlyStoppingCountsWhatIsOverTheBound) {
  RunPlan plan = PlanFor(TestScenario::Server);
  plan.target_latency_ns = 596000;  // 3 over: needs 97.
  EXPECT_TRUE(EvaluatePerformance(plan, RecordFor(TestScenario::Server)).early_stopping_met);
  plan.target_latency_ns = 595999;  // 4 over: needs 113. But p90 = 590000 holds.
  const PerformanceResult result = EvaluatePerformance(plan, RecordFor(TestScenario::Server));
  EXPECT_TRUE(result.perf_constraints_met);
  EXPECT_FALSE(result.early_stopping_met);
  EXPECT_EQ(result.reasons, Lines{"early stopping needs 13 more queries"});
}

TEST(VerdictTest, SingleAndMultiStreamNeedQueriesForAnEstimate) {
  for (const TestScenario scenario : {TestScenario::SingleStream, TestScenario::MultiStream}) {
    RunPlan plan = PlanFor(scenario);
    plan.target_latency_percentile = 0.99;
    const PerformanceResult result = EvaluatePerformance(plan, RecordFor(scenario));
    EXPECT_FALSE(result.valid);
    EXPECT_EQ(result.early_stopping.text,
              " * Only processed 100 queries.\n"
              " * Need to process at least 662 queries for early stopping.");
    EXPECT_EQ(result.reasons, Lines{"early stopping needs 562 more queries"});
  }
}

TEST(VerdictTest, AdviceIsOrderedAndJoinedAsInTheLogs) {
  RunPlan plan = PlanFor(TestScenario::Server);
  plan.use_token_latencies = true;
  plan.ttft_latency_ns = 1;
  plan.tpot_latency_ns = 1;
  plan.min_duration_ms = 1000;
  plan.min_query_count = 200;
  RunRecord record = RecordFor(TestScenario::Server);
  record.violations.counts[static_cast<size_t>(Violation::kDoubleCompletion)] = 3;
  const PerformanceResult result = EvaluatePerformance(plan, record);
  EXPECT_EQ(result.logged_recommendations,
            (Lines{"TTFT constrain not met: Reduce target QPS to improve latency.",
                   "TPOT constrain not met: Reduce target QPS to improve latency.",
                   "Increase the target QPS so the loadgen pre-generates more queries.",
                   "The test exited early, before enough queries were issued.\n"
                   "   See the detailed log for why this may have occurred.",
                   "The system under test broke its contract (3 double completions): see the "
                   "detailed log."}));
  // The same in English.
  EXPECT_EQ(result.recommendations,
            (Lines{"TTFT constraint not met: Reduce target QPS to improve latency.",
                   "TPOT constraint not met: Reduce target QPS to improve latency.",
                   result.logged_recommendations[2], result.logged_recommendations[3],
                   result.logged_recommendations[4]}));
  EXPECT_EQ(result.invalid_reason,
            "TTFT constrain not met: Reduce target QPS to improve latency.  * TPOT constrain not "
            "met: Reduce target QPS to improve latency. Increase the target QPS so the loadgen "
            "pre-generates more queries. The test exited early, before enough queries were "
            "issued. The system under test broke its contract (3 double completions): see the "
            "detailed log.");
}

// ---------------------------------------------------------------------------------------------
// Tokens.

RunPlan TokenPlanFor(TestScenario scenario) {
  RunPlan plan = PlanFor(scenario);
  plan.use_token_latencies = true;
  plan.target_latency_ns = 0;  // Must not be tested.
  plan.ttft_latency_ns = 100000;
  plan.tpot_latency_ns = 1450;
  return plan;
}

TEST(VerdictTokenTest, ServerBoundsOnTtftAndTpot) {
  const PerformanceResult result =
      EvaluatePerformance(TokenPlanFor(TestScenario::Server), RecordFor(TestScenario::Server));
  ASSERT_TRUE(result.tokens.has_value());
  EXPECT_EQ(result.tokens->token_count, 40100);
  EXPECT_EQ(result.tokens->first_token.max_ns, 405000);
  EXPECT_EQ(result.tokens->first_token.target_percentile_ns, 96000);  // 6000 + 90 * 1000
  EXPECT_EQ(result.tokens->time_per_token.max_ns, 1470);
  EXPECT_EQ(result.tokens->time_per_token.target_percentile_ns, 1425);  // 1000 + 85 * 5
  EXPECT_DOUBLE_EQ(result.tokens->completed_per_second, 40100 / 0.099599);
  EXPECT_DOUBLE_EQ(result.tokens->throughput_with_overhead, 40100 / 0.099002);
  EXPECT_DOUBLE_EQ(result.tokens->throughput, 40100 / (549500e-9 * 100));
  EXPECT_TRUE(result.perf_constraints_met);

  // Five TTFTs are over 0.1 ms, four TPOTs over 1450 ns: 127 and 113 queries are needed.
  EXPECT_FALSE(result.valid);
  EXPECT_EQ(result.tokens->early_stopping_ttft.queries_missing, 27u);
  EXPECT_EQ(result.tokens->early_stopping_tpot.queries_missing, 13u);
  EXPECT_EQ(result.reasons, (Lines{"early stopping of TTFT needs 27 more queries",
                                   "early stopping of TPOT needs 13 more queries"}));
  EXPECT_EQ(result.early_stopping.text, "");
}

// All tokens over all the time, to the end of the last query.
TEST(VerdictTokenTest, TokensPerSecondInEveryScenario) {
  const std::vector<std::pair<TestScenario, double>> cases = {
      {TestScenario::SingleStream, 40100 / 0.099599},
      {TestScenario::MultiStream, 200 * 7 / 0.099599},
      {TestScenario::Server, 40100 / 0.099599},
      {TestScenario::Offline, 1500 / 2.0}};
  for (const auto& [scenario, expected] : cases) {
    RecordBuilder pairs(2);
    for (int64_t i = 0; i < 100; ++i) {
      const int64_t at_ns = i * kMs;
      pairs.Query(at_ns, at_ns, {{at_ns + 500000 + i * 1000, at_ns + 1, 7}, {at_ns + 9, at_ns, 7}});
    }
    RunPlan plan = TokenPlanFor(scenario);
    // What was counted goes before what is inferred.
    plan.infer_token_latencies = true;
    plan.token_latency_scaling_factor = 1000;
    const PerformanceResult result = EvaluatePerformance(
        plan, scenario == TestScenario::MultiStream ? pairs.Build() : RecordFor(scenario));
    EXPECT_DOUBLE_EQ(result.tokens_per_second, expected) << static_cast<int>(scenario);
    EXPECT_FALSE(result.tokens_inferred);
    const PerformanceResult without = Evaluate(scenario);
    EXPECT_EQ(without.tokens_per_second, 0);
    EXPECT_FALSE(without.tokens_inferred);
  }
}

TEST(VerdictTokenTest, ServerIsValidWithinBothBounds) {
  RunPlan plan = TokenPlanFor(TestScenario::Server);
  plan.ttft_latency_ns = 403000;  // 404000 and 405000 are over: needs 81.
  plan.tpot_latency_ns = 1460;    // 1465 and 1470.
  const PerformanceResult result = EvaluatePerformance(plan, RecordFor(TestScenario::Server));
  EXPECT_TRUE(result.valid);
  EXPECT_EQ(result.tokens->early_stopping_ttft.text, " * Run successful.");
  EXPECT_EQ(result.tokens->early_stopping_tpot.text, " * Run successful.");
}

TEST(VerdictTokenTest, EachBoundHasItsOwnAdvice) {
  RunPlan plan = TokenPlanFor(TestScenario::Server);
  plan.tpot_latency_ns = 1424;
  PerformanceResult result = EvaluatePerformance(plan, RecordFor(TestScenario::Server));
  EXPECT_FALSE(result.perf_constraints_met);
  EXPECT_EQ(result.recommendations,
            Lines{"TPOT constraint not met: Reduce target QPS to improve latency."});
  EXPECT_EQ(result.reasons[0], "p90 TPOT 1.425 us is above the bound of 1.424 us");

  plan.tpot_latency_ns = 1425;
  plan.ttft_latency_ns = 95999;
  result = EvaluatePerformance(plan, RecordFor(TestScenario::Server));
  EXPECT_EQ(result.recommendations,
            Lines{"TTFT constraint not met: Reduce target QPS to improve latency."});
  EXPECT_EQ(result.invalid_reason,
            "TTFT constrain not met: Reduce target QPS to improve latency. ");
  // Both texts are there, whichever failed.
  EXPECT_NE(result.tokens->early_stopping_ttft.text, "");
  EXPECT_NE(result.tokens->early_stopping_tpot.text, "");
}

TEST(VerdictTokenTest, SingleStreamEstimatesBoth) {
  const PerformanceResult result = EvaluatePerformance(TokenPlanFor(TestScenario::SingleStream),
                                                       RecordFor(TestScenario::SingleStream));
  EXPECT_TRUE(result.valid);
  EXPECT_EQ(result.tokens->early_stopping_ttft.estimate_ns, 403000);  // Third from the top.
  EXPECT_EQ(result.tokens->early_stopping_tpot.estimate_ns, 1460);
  EXPECT_DOUBLE_EQ(result.tokens->throughput_with_overhead, 40100 / 0.099);
}

TEST(VerdictTokenTest, MultiStreamJudgesQueriesByTheirSlowestSample) {
  RecordBuilder builder(2);
  for (int64_t i = 0; i < 100; ++i) {
    const int64_t at_ns = i * kMs;
    builder.Query(at_ns, at_ns,
                  {{at_ns + 1000, at_ns + 10, 11},            // TTFT 10, TPOT 99.
                   {at_ns + 1000 + 10 * i, at_ns + i, 11}});  // i, 100 + 0.9 i.
  }
  RunPlan plan = TokenPlanFor(TestScenario::MultiStream);
  const PerformanceResult result = EvaluatePerformance(plan, builder.Build());
  EXPECT_TRUE(result.valid);
  // As in the logs, the lists are of samples; only early stopping is about queries.
  EXPECT_EQ(result.tokens->first_token.count, 200u);
  EXPECT_EQ(result.tokens->early_stopping_ttft.estimate_ns, 97);
  EXPECT_EQ(result.tokens->early_stopping_tpot.estimate_ns, 187);  // 100 + 87.3
  EXPECT_TRUE(result.tokens->early_stopping_ttft.text.starts_with(
      " * Processed at least 64 queries (100).\n"));
  EXPECT_EQ(result.tokens->early_stopping_ttft.text.find("99.0th"), std::string::npos);
}

TEST(VerdictTokenTest, OfflineTokensPerSecond) {
  const PerformanceResult result =
      EvaluatePerformance(TokenPlanFor(TestScenario::Offline), RecordFor(TestScenario::Offline));
  EXPECT_TRUE(result.valid);
  EXPECT_EQ(result.tokens->token_count, 1500);
  EXPECT_DOUBLE_EQ(result.tokens->per_second, 750);
  EXPECT_EQ(result.tokens->early_stopping_ttft.text, "");
}

TEST(VerdictTokenTest, OfflineTimesAreOfTheSamplesThatSentAFirstToken) {
  RecordBuilder builder(3);
  builder.Query(0, 0, {{600, 100, 6}, {700, kNever, 8}, {900, 300, 4}});
  const PerformanceResult result =
      EvaluatePerformance(TokenPlanFor(TestScenario::Offline), builder.Build());
  EXPECT_EQ(result.tokens->token_count, 18);
  EXPECT_EQ(result.tokens->first_token.count, 2u);
  EXPECT_EQ(result.tokens->first_token.min_ns, 100);
  EXPECT_EQ(result.tokens->first_token.max_ns, 300);
  EXPECT_EQ(result.tokens->time_per_token.count, 2u);
  EXPECT_EQ(result.tokens->time_per_token.mean_ns, 150);  // 500 / 5 and 600 / 3.
}

TEST(VerdictTokenTest, OfflineHoldsWithoutFirstTokens) {
  RecordBuilder builder(2);
  builder.Query(0, 0, {{2'000'000'000, kNever, 6}, {2'000'000'000, kNever, 8}});
  RunPlan plan = TokenPlanFor(TestScenario::Offline);
  plan.min_sample_count = 2;
  const PerformanceResult result = EvaluatePerformance(plan, builder.Build());
  EXPECT_TRUE(result.valid) << (result.reasons.empty() ? "" : result.reasons[0]);
  EXPECT_EQ(result.tokens->token_count, 14);
  EXPECT_DOUBLE_EQ(result.tokens->per_second, 7);
  EXPECT_EQ(result.tokens->first_token.count, 0u);
  EXPECT_EQ(result.tokens->time_per_token.count, 0u);
}

TEST(VerdictTokenTest, WithoutFirstTokensNothingHolds) {
  RecordBuilder builder;
  for (int64_t i = 0; i < 100; ++i) {
    builder.Query(i * kMs, i * kMs, {{i * kMs + 500000, kNever, 5}});
  }
  const PerformanceResult server =
      EvaluatePerformance(TokenPlanFor(TestScenario::Server), builder.Build());
  EXPECT_EQ(server.tokens->token_count, 500);
  EXPECT_EQ(server.tokens->first_token.max_ns, 0);
  EXPECT_EQ(server.tokens->time_per_token.percentiles_ns[0], 0);
  EXPECT_FALSE(server.perf_constraints_met);
  EXPECT_FALSE(server.early_stopping_met);
  EXPECT_EQ(server.reasons[0],
            "p90 TTFT is unknown, nothing was measured against the bound of 100 us");

  const PerformanceResult single =
      EvaluatePerformance(TokenPlanFor(TestScenario::SingleStream), builder.Build());
  EXPECT_TRUE(single.perf_constraints_met);
  EXPECT_FALSE(single.early_stopping_met);
  EXPECT_EQ(single.tokens->early_stopping_ttft.text,
            " * Only processed 0 queries.\n"
            " * Need to process at least 64 queries for early stopping.");
}

// ---------------------------------------------------------------------------------------------
// Conduct.

TEST(VerdictConductTest, EveryViolationInvalidatesAndIsExplained) {
  for (size_t kind = 0; kind < kViolationKinds; ++kind) {
    if (static_cast<Violation>(kind) == Violation::kFailed) continue;  // The record counts these.
    for (const uint64_t count : {uint64_t{1}, uint64_t{7}}) {
      RunRecord record = RecordFor(TestScenario::SingleStream);
      record.violations.counts[kind] = count;
      const PerformanceResult result =
          EvaluatePerformance(PlanFor(TestScenario::SingleStream), record);
      EXPECT_FALSE(result.valid) << kind;
      EXPECT_TRUE(result.min_queries_met && result.early_stopping_met);
      ASSERT_EQ(result.reasons.size(), 1u);
      EXPECT_TRUE(result.reasons[0].starts_with(std::to_string(count) + " ")) << result.reasons[0];
      ASSERT_EQ(result.recommendations.size(), 1u);
      EXPECT_EQ(result.invalid_reason, result.recommendations[0]);
    }
  }
}

TEST(VerdictConductTest, KindsOfViolationsAreListed) {
  RunRecord record = RecordFor(TestScenario::Offline);
  record.violations.counts[static_cast<size_t>(Violation::kDoubleCompletion)] = 100;
  record.violations.counts[static_cast<size_t>(Violation::kUnknownId)] = 1;
  const PerformanceResult result = EvaluatePerformance(PlanFor(TestScenario::Offline), record);
  EXPECT_EQ(result.recommendations,
            Lines{"The system under test broke its contract (1 unknown response id, 100 double "
                  "completions): see the detailed log."});
  EXPECT_EQ(result.reasons,
            (Lines{"1 unknown response id: answer with the ids given to IssueQuery, unchanged",
                   "100 double completions: complete each sample exactly once"}));
}

TEST(VerdictConductTest, AnAbortedTestIsInvalid) {
  RunRecord record = RecordFor(TestScenario::Server);
  record.aborted = true;
  const PerformanceResult result = EvaluatePerformance(PlanFor(TestScenario::Server), record);
  EXPECT_FALSE(result.valid);
  EXPECT_EQ(result.recommendations,
            Lines{"The test was aborted before its end: see the detailed log."});
  EXPECT_EQ(result.reasons, Lines{"the test was aborted: only a run to the end can be VALID"});
}

TEST(VerdictConductTest, AStalledTestIsInvalid) {
  RunRecord record = RecordFor(TestScenario::Server);
  record.stalled_for_ns = 1500 * kMs;
  const PerformanceResult result = EvaluatePerformance(PlanFor(TestScenario::Server), record);
  EXPECT_FALSE(result.valid);
  EXPECT_EQ(result.recommendations,
            Lines{"The system under test stopped answering: see the detailed log."});
  EXPECT_EQ(result.reasons, Lines{"stalled: no sample was completed for 1.5 s while some were "
                                  "outstanding; complete every sample, or raise "
                                  "stall_timeout_ms"});
}

TEST(VerdictConductTest, SamplesWithoutACompletionInvalidate) {
  RunPlan plan = PlanFor(TestScenario::Server);
  RunRecord record = SingleSamples(2000).Query(100 * kMs, 100 * kMs, {{}}).Build();
  record.drained_ns = record.start_ns + 1600 * kMs;
  const PerformanceResult result = EvaluatePerformance(plan, record);
  EXPECT_FALSE(result.valid);
  EXPECT_EQ(result.query_count, 101u);
  EXPECT_EQ(result.sample_count, 100u);
  EXPECT_TRUE(result.min_queries_met && result.min_duration_met && result.early_stopping_met);
  EXPECT_EQ(result.recommendations, Lines{"The test is incomplete, 1 of 101 issued samples was "
                                          "never completed: see the detailed log."});
  EXPECT_EQ(
      result.reasons,
      Lines{"1 of 101 issued samples (of 1 query) was never completed, the oldest issued 1.5 s "
            "before the end: call QuerySamplesComplete for every sample, even if it failed"});
  // The last query was never done: the latest completion stands in.
  EXPECT_DOUBLE_EQ(result.final_query_scheduled_s, 0.1);
  EXPECT_DOUBLE_EQ(result.final_query_done_s, 0.099599);
}

// ---------------------------------------------------------------------------------------------
// Failed samples.

// As SingleSamples, of which every `nth` failed, as fast as nothing else is.
RunRecord EveryNthFails(int64_t nth) {
  RecordBuilder builder;
  for (int64_t i = 0; i < 100; ++i) {
    const int64_t at_ns = i * kMs;
    const bool fails = i % nth == 0;
    builder.Query(at_ns, at_ns, {{at_ns + (fails ? 10 : 500000), at_ns + 5, 401, fails}});
  }
  RunRecord record = builder.Build();
  record.violations.counts[static_cast<size_t>(Violation::kFailed)] = record.samples_failed;
  record.violations.AddFailureText("HTTP 500", 1);
  record.violations.AddFailureText("timeout", 1);
  return record;
}

TEST(VerdictFailureTest, AFailedSampleIsNoLatencyAndNoThroughput) {
  for (const TestScenario scenario : {TestScenario::SingleStream, TestScenario::Server}) {
    const PerformanceResult result = EvaluatePerformance(PlanFor(scenario), EveryNthFails(2));
    EXPECT_FALSE(result.valid);
    EXPECT_EQ(result.sample_count, 50u);
    EXPECT_EQ(result.failed_sample_count, 50u);
    EXPECT_EQ(result.failures, (Lines{"HTTP 500", "timeout"}));
    EXPECT_EQ(result.sample_latency.count, 50u);
    EXPECT_EQ(result.sample_latency.min_ns, 500000);
    EXPECT_EQ(result.sample_latency.mean_ns, 500000);
  }
  const PerformanceResult server =
      EvaluatePerformance(PlanFor(TestScenario::Server), EveryNthFails(2));
  EXPECT_DOUBLE_EQ(server.completed_samples_per_second, 49 / 0.0995);
  EXPECT_DOUBLE_EQ(server.scheduled_samples_per_second, 1000) << "they were offered";
  EXPECT_EQ(server.overlatency_query_count, 50u);
  const PerformanceResult single =
      EvaluatePerformance(PlanFor(TestScenario::SingleStream), EveryNthFails(2));
  EXPECT_DOUBLE_EQ(single.qps_with_overhead, 49 / 0.099);
}

TEST(VerdictFailureTest, IsTheFirstOfTheReasonsAndAdvice) {
  RunPlan plan = PlanFor(TestScenario::Server);
  plan.min_duration_ms = 1000;
  const PerformanceResult result = EvaluatePerformance(plan, EveryNthFails(2));
  ASSERT_FALSE(result.reasons.empty());
  EXPECT_EQ(result.reasons[0], "50 of 100 samples failed (50 %): HTTP 500; timeout");
  EXPECT_EQ(result.recommendations[0], "50 of 100 samples failed (50 %): see the detailed log.");
  EXPECT_TRUE(result.invalid_reason.starts_with("50 of 100 samples failed (50 %)"));
  for (size_t i = 1; i < result.reasons.size(); ++i) {
    EXPECT_EQ(result.reasons[i].find("samples failed ("), std::string::npos) << result.reasons[i];
  }
}

TEST(VerdictFailureTest, CountsAsOverTheBoundOfAServer) {
  const RunPlan plan = PlanFor(TestScenario::Server);
  const PerformanceResult half = EvaluatePerformance(plan, EveryNthFails(2));
  EXPECT_FALSE(half.perf_constraints_met);
  EXPECT_FALSE(half.early_stopping_met);
  EXPECT_EQ(half.reasons[1],
            "p90 latency is above the bound of 597 us, with failed samples counted as slower than "
            "any other");
  // 4 of 100 are within the 90th percentile, and one more than 3 for its confidence.
  const PerformanceResult few = EvaluatePerformance(plan, EveryNthFails(25));
  EXPECT_TRUE(few.perf_constraints_met);
  EXPECT_FALSE(few.early_stopping_met);
  EXPECT_FALSE(few.valid);
  const PerformanceResult one = EvaluatePerformance(plan, EveryNthFails(100));
  EXPECT_TRUE(one.early_stopping_met);
  EXPECT_EQ(one.reasons, Lines{"1 of 100 samples failed (1 %): HTTP 500; timeout"});
}

TEST(VerdictFailureTest, CountsAsOverTheBoundsOfTokens) {
  RunPlan plan = PlanFor(TestScenario::Server);
  plan.use_token_latencies = true;
  plan.ttft_latency_ns = 1000;
  plan.tpot_latency_ns = kMs;
  const PerformanceResult result = EvaluatePerformance(plan, EveryNthFails(2));
  EXPECT_EQ(result.tokens->first_token.count, 50u);
  EXPECT_EQ(result.tokens->token_count, 50 * 401);
  EXPECT_FALSE(result.perf_constraints_met);
  EXPECT_FALSE(result.tokens->early_stopping_ttft.met || result.tokens->early_stopping_tpot.met);
  EXPECT_TRUE(EvaluatePerformance(plan, EveryNthFails(100)).perf_constraints_met);
}

TEST(VerdictFailureTest, AQueryOfWhichASampleFailedIsNotAnswered) {
  RecordBuilder builder(2);
  for (int64_t i = 0; i < 100; ++i) {
    const int64_t at_ns = i * kMs;
    const SampleEvents second = {at_ns + (i == 7 ? 1 : 200000), kNever, 0, i == 7};
    builder.Query(at_ns, at_ns, {{at_ns + 500000 + i * 1000}, second});
  }
  const PerformanceResult result =
      EvaluatePerformance(PlanFor(TestScenario::MultiStream), builder.Build());
  EXPECT_EQ(result.query_count, 100u);
  EXPECT_EQ(result.sample_count, 199u);
  EXPECT_EQ(result.query_latency->count, 99u);
  EXPECT_EQ(result.query_latency->min_ns, 500000);
  // Of 100 queries 3 may be over: the failed one, 599 and 598 us.
  EXPECT_EQ(result.early_stopping.estimate_ns, 598000);
  EXPECT_FALSE(result.valid);
}

TEST(VerdictFailureTest, OfflineThroughputIsOfWhatWasAnsweredInAllTheTime) {
  std::vector<SampleEvents> samples;
  for (int64_t i = 1; i <= 500; ++i) samples.push_back({i * 4 * kMs, kNever, 0, i > 250});
  RunRecord record = RecordBuilder(500).Query(0, 100, samples).Build();
  record.violations.AddFailureText("HTTP 500", 1);
  const PerformanceResult result = EvaluatePerformance(PlanFor(TestScenario::Offline), record);
  EXPECT_DOUBLE_EQ(result.samples_per_second, 250 / 2.0);
  EXPECT_DOUBLE_EQ(result.max_latency_s, 1);
  EXPECT_TRUE(result.min_duration_met && result.min_queries_met);
  EXPECT_EQ(result.reasons, Lines{"250 of 500 samples failed (50 %): HTTP 500"});
}

TEST(VerdictFailureTest, WhereAllFailedNothingWasMeasured) {
  for (const TestScenario scenario : {TestScenario::SingleStream, TestScenario::Server}) {
    const PerformanceResult result = EvaluatePerformance(PlanFor(scenario), EveryNthFails(1));
    EXPECT_EQ(result.sample_latency.count, 0u);
    EXPECT_EQ(result.completed_samples_per_second, 0);
    EXPECT_EQ(result.qps_with_overhead, 0);
    EXPECT_EQ(result.qps_without_overhead, 0);
    EXPECT_FALSE(result.early_stopping_met);
    EXPECT_EQ(result.reasons[0], "100 of 100 samples failed (100 %): HTTP 500; timeout");
  }
}

TEST(VerdictConductTest, NothingCompletedGivesZeroes) {
  for (const TestScenario scenario : kScenarios) {
    RunPlan plan = PlanFor(scenario);
    plan.use_token_latencies = true;
    const RunRecord unfinished =
        RecordBuilder(plan.samples_per_query)
            .Query(5, 10, std::vector<SampleEvents>(plan.samples_per_query))
            .Build();
    for (const RunRecord& record : {unfinished, RunRecord()}) {
      const PerformanceResult result = EvaluatePerformance(plan, record);
      EXPECT_FALSE(result.valid);
      EXPECT_EQ(result.final_query_done_s, 0);
      EXPECT_EQ(result.max_latency_s, 0);
      for (const double rate :
           {result.qps_with_overhead, result.qps_without_overhead, result.samples_per_second,
            result.scheduled_samples_per_second, result.completed_samples_per_second,
            result.tokens->throughput, result.tokens->throughput_with_overhead,
            result.tokens->completed_per_second, result.tokens->per_second}) {
        EXPECT_EQ(rate, 0);
      }
    }
  }
}

}  // namespace
}  // namespace mlperf::loadgen
