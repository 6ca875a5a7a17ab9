// Goal: issuing ends for the reason the rules give, and the first rule that applies wins. Method:
// one table with each rule just below, at and above its edge.
#include "record/stop_condition.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr uint64_t kMaxCount = std::numeric_limits<uint64_t>::max();
constexpr int64_t kMaxNs = std::numeric_limits<int64_t>::max();

struct Case {
  std::string name;
  StopLimits limits;
  uint64_t issued;
  int64_t elapsed_ns;
  uint64_t outstanding;
  StopReason reason;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(Evaluate(c.limits, c.issued, c.elapsed_ns, c.outstanding), c.reason) << c.name;
  }
}

TEST(StopConditionTest, NaturalEndNeedsBothMinimums) {
  const StopLimits closed{.min_query_count = 10, .target_duration_ns = 1000};
  const StopLimits one_shot{.min_query_count = 1, .target_duration_ns = 0};
  const StopLimits no_minimum{.min_query_count = 0, .target_duration_ns = 0};
  Check({
      {"neither", closed, 9, 999, 0, StopReason::kNone},
      {"count only", closed, 10, 999, 0, StopReason::kNone},
      {"much more than the count", closed, kMaxCount, 999, 0, StopReason::kNone},
      {"duration only", closed, 9, 1000, 0, StopReason::kNone},
      {"much longer than the duration", closed, 9, kMaxNs, 0, StopReason::kNone},
      {"both exactly", closed, 10, 1000, 0, StopReason::kMinimumsMet},
      {"both exceeded", closed, 11, 1001, 0, StopReason::kMinimumsMet},
      {"whatever is outstanding", closed, 10, 1000, kMaxCount, StopReason::kMinimumsMet},
      {"Offline after its query", one_shot, 1, 0, 1, StopReason::kMinimumsMet},
      {"no minimum", no_minimum, 1, 0, 0, StopReason::kMinimumsMet},
  });
}

TEST(StopConditionTest, OpenLoopHasNoNaturalEnd) {
  const StopLimits open{.natural_end = false, .min_query_count = 10, .target_duration_ns = 1000};
  Check({
      {"minimums met", open, 10, 1000, 0, StopReason::kNone},
      {"long after", open, kMaxCount, kMaxNs, kMaxCount, StopReason::kNone},
  });
}

TEST(StopConditionTest, MaximumsEndTheRun) {
  StopLimits count{.natural_end = false, .max_query_count = 5};
  StopLimits duration{.natural_end = false, .max_duration_ns = 100};
  StopLimits none{.natural_end = false, .max_query_count = 0, .max_duration_ns = 0};
  Check({
      {"below the count", count, 4, 0, 0, StopReason::kNone},
      {"at the count", count, 5, 0, 0, StopReason::kMaxQueryCount},
      {"coalesced beyond the count", count, 9, 0, 0, StopReason::kMaxQueryCount},
      {"at the duration", duration, 1, 100, 0, StopReason::kNone},
      {"above the duration", duration, 1, 101, 0, StopReason::kMaxDuration},
      {"0 is no maximum", none, kMaxCount, kMaxNs, 0, StopReason::kNone},
  });
}

TEST(StopConditionTest, OutstandingQueriesAreLimited) {
  StopLimits async{.natural_end = false, .max_async_queries = 3};
  StopLimits none{.natural_end = false, .max_async_queries = 0};
  Check({
      {"below", async, 9, 0, 2, StopReason::kNone},
      {"at the limit", async, 9, 0, 3, StopReason::kNone},
      {"above", async, 9, 0, 4, StopReason::kTooManyOutstanding},
      {"0 is no limit", none, 9, 0, kMaxCount, StopReason::kNone},
  });
}

TEST(StopConditionTest, FirstRuleThatAppliesWins) {
  const StopLimits all{.min_query_count = 5,
                       .target_duration_ns = 100,
                       .max_query_count = 5,
                       .max_duration_ns = 100,
                       .max_async_queries = 3};
  StopLimits open = all;
  open.natural_end = false;
  Check({
      {"all apply", all, 5, 101, 4, StopReason::kTooManyOutstanding},
      {"minimums before maximums", all, 5, 101, 3, StopReason::kMinimumsMet},
      {"count before minimum duration", all, 5, 99, 3, StopReason::kMaxQueryCount},
      {"count before duration", open, 5, 101, 3, StopReason::kMaxQueryCount},
      {"duration alone", open, 4, 101, 3, StopReason::kMaxDuration},
      {"duration before minimum count", all, 4, 101, 3, StopReason::kMaxDuration},
      {"nothing applies", all, 4, 100, 3, StopReason::kNone},
  });
}

TEST(StopConditionTest, AccuracySetsGoOnToTheEndOfTheList) {
  const StopLimits accuracy{.until_list_ends = true,
                            .min_query_count = 1,
                            .target_duration_ns = 0,
                            .max_query_count = 1,
                            .max_duration_ns = 1,
                            .max_async_queries = 1};
  Check({
      {"first query", accuracy, 1, 0, 1, StopReason::kNone},
      {"beyond every limit", accuracy, kMaxCount, kMaxNs, kMaxCount, StopReason::kNone},
  });
}

TEST(StopConditionTest, AQueryIsWaitedForByTheLongestDurationAgainOrASecond) {
  EXPECT_EQ(LastDueNs(0), 0);
  EXPECT_EQ(LastDueNs(500'000'000), 1'500'000'000);
  EXPECT_EQ(LastDueNs(600'000'000'000), 1'200'000'000'000);
}

}  // namespace
}  // namespace mlperf::loadgen
