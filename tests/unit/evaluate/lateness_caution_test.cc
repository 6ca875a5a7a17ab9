// Goal: the load generator's own part of the judged latency is distinguished from the system's, and
// said where it is relevant, with the cause. Method: records of a queue whose numbers are worked
// out by hand.
#include "evaluate/lateness_caution.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "helpers/record_builder.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kUs = 1000;
constexpr int64_t kMs = 1000 * kUs;

RunPlan ServerPlan(int64_t bound_ns) {
  RunPlan plan;
  plan.scenario = TestScenario::Server;
  plan.shape = LoopShape::kOpenLoop;
  plan.target_latency_percentile = 0.9;
  plan.target_latency_ns = static_cast<uint64_t>(bound_ns);
  plan.ttft_latency_ns = static_cast<uint64_t>(bound_ns);
  return plan;
}

struct Issue {
  int64_t scheduled_ns;
  int64_t issued_ns;
  bool held_up = false;
};

// Each query is answered so long after its issue.
RunRecord Record(const std::vector<Issue>& issues, int64_t service_ns) {
  RecordBuilder builder;
  for (const Issue& issue : issues) {
    const int64_t done_ns = issue.issued_ns + service_ns;
    builder.Query(issue.scheduled_ns, issue.issued_ns, {{done_ns, done_ns, 5}});
  }
  RunRecord record = builder.Build();
  auto slots = std::const_pointer_cast<SampleSlots>(record.slots);
  slots->held_up.Grow(issues.size());
  for (size_t i = 0; i < issues.size(); ++i) slots->held_up[i] = issues[i].held_up ? 1 : 0;
  record.issue_ends.resize(1);
  return record;
}

// Ten queries, 10 ms apart, the last `late` of which are issued 3 ms late.
std::vector<Issue> Late(int late, int64_t late_ns = 3 * kMs, bool held_up = false) {
  std::vector<Issue> issues;
  for (int i = 0; i < 10; ++i) {
    const bool is_late = i >= 10 - late;
    issues.push_back({i * 10 * kMs, i * 10 * kMs + (is_late ? late_ns : 0), is_late && held_up});
  }
  return issues;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(LatenessCautionTest, TheOwnPartIsWhatThePercentileWouldBeLessWithoutIt) {
  const RunPlan plan = ServerPlan(100 * kMs);
  const JudgedLatency judged = MeasureOwnLateness(plan, Record(Late(2), 400 * kUs));
  EXPECT_EQ(judged.measured_ns, 3400 * kUs);
  EXPECT_EQ(judged.without_own_lateness_ns, 400 * kUs);
  const std::string caution = LatenessCaution(plan, Record(Late(2), 400 * kUs));
  EXPECT_TRUE(Has(caution, "Of the p90 latency, 3.4 ms, 3 ms is not the system's")) << caution;
}

TEST(LatenessCautionTest, LatenessBelowThePercentileIsNoMatter) {
  EXPECT_EQ(LatenessCaution(ServerPlan(100 * kMs), Record(Late(0), 400 * kUs)), "");
  RunPlan plan = ServerPlan(100 * kMs);
  plan.target_latency_percentile = 0.5;
  EXPECT_EQ(LatenessCaution(plan, Record(Late(2), 400 * kUs)), "");
}

TEST(LatenessCautionTest, ATenthOfTheLatencyAndAHundredMicrosecondsIsRelevant) {
  const RunPlan plan = ServerPlan(100 * kMs);
  EXPECT_NE(LatenessCaution(plan, Record(Late(2, 101 * kUs), 400 * kUs)), "");
  EXPECT_EQ(LatenessCaution(plan, Record(Late(2, 99 * kUs), 100 * kUs)), "");    // Any wake-up.
  EXPECT_EQ(LatenessCaution(plan, Record(Late(2, 180 * kUs), 2000 * kUs)), "");  // 8 %.
}

TEST(LatenessCautionTest, SoIsATenthOfTheBound) {
  EXPECT_NE(LatenessCaution(ServerPlan(400 * kUs), Record(Late(2, 41 * kUs), kMs)), "");
  EXPECT_EQ(LatenessCaution(ServerPlan(400 * kUs), Record(Late(2, 39 * kUs), kMs)), "");
}

TEST(LatenessCautionTest, WhatTheSystemHoldsUpIsItsOwnDoing) {
  std::vector<Issue> issues;  // Each call takes 15 ms, and a query is due every 10 ms.
  for (int i = 0; i < 10; ++i) issues.push_back({i * 10 * kMs, i * 15 * kMs, i > 0});
  const JudgedLatency judged = MeasureOwnLateness(ServerPlan(kMs), Record(issues, kMs));
  EXPECT_EQ(judged.own_ns(), 0);
  EXPECT_EQ(LatenessCaution(ServerPlan(kMs), Record(issues, kMs)), "");
}

TEST(LatenessCautionTest, WhatWasDueWhileTheGeneratorDidNotRunIsNotTheSystems) {
  // Not run for 50 ms: then all that was due meanwhile is issued at once, the first as late by
  // itself, the others as if held up by its call of 1 us.
  std::vector<Issue> issues;
  for (int i = 0; i < 10; ++i) {
    const int64_t due_ns = i * 10 * kMs;
    const bool stopped = i >= 3 && i < 8;
    issues.push_back({due_ns, stopped ? 80 * kMs + (i - 3) * kUs : due_ns, stopped && i > 3});
  }
  const JudgedLatency judged = MeasureOwnLateness(ServerPlan(kMs), Record(issues, kMs));
  EXPECT_EQ(judged.measured_ns, 51 * kMs);
  EXPECT_EQ(judged.without_own_lateness_ns, kMs);
}

TEST(LatenessCautionTest, ThreadsAreLateEachForThemselves) {
  std::vector<Issue> issues = Late(2);
  RunRecord record = Record(issues, 400 * kUs);
  record.issue_ends.resize(2);
  EXPECT_EQ(MeasureOwnLateness(ServerPlan(kMs), record).own_ns(), 3 * kMs);
}

TEST(LatenessCautionTest, TokenModeJudgesTheFirstToken) {
  RunPlan plan = ServerPlan(100 * kMs);
  plan.use_token_latencies = true;
  const std::string caution = LatenessCaution(plan, Record(Late(2), 400 * kUs));
  EXPECT_TRUE(Has(caution, "Of the p90 time to first token, 3.4 ms, 3 ms")) << caution;
}

TEST(LatenessCautionTest, TheCauseIsNamedWithWhatToDo) {
  RunRecord record = Record(Late(2), 400 * kUs);
  RunPlan plan = ServerPlan(100 * kMs);
  EXPECT_TRUE(Has(LatenessCaution(plan, record), "does not keep up with this rate"));
  record.late_waits.machine_ns = 6 * kMs;
  const std::string preempted = LatenessCaution(plan, record);
  EXPECT_TRUE(Has(preempted, "the machine ran something else")) << preempted;
  EXPECT_TRUE(Has(preempted, "measure on a quiet machine")) << preempted;
  record.late_waits.gate_ns = 7 * kMs;
  EXPECT_TRUE(Has(LatenessCaution(plan, record), "in Python, the interpreter's"));
  record.late_waits.gate_ns = 0;
  plan.pacing = Pacing::Sleep;
  EXPECT_TRUE(Has(LatenessCaution(plan, record), "server_pacing Sleep"));
}

TEST(LatenessCautionTest, OtherScenariosHaveNoneAndNothingHasNone) {
  RunPlan plan = ServerPlan(100 * kMs);
  EXPECT_EQ(LatenessCaution(plan, Record({}, 0)), "");
  plan.shape = LoopShape::kClosedLoop;
  EXPECT_EQ(LatenessCaution(plan, Record(Late(2), 400 * kUs)), "");
}

}  // namespace
}  // namespace mlperf::loadgen
