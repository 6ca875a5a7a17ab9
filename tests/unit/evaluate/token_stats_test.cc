// Goal: times to first token and per output token are right for whole, partial and absurd reports.
// Method: records of a few samples, worked out by hand.
#include "evaluate/token_stats.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "helpers/record_builder.h"

namespace mlperf::loadgen {
namespace {

using Times = std::vector<int64_t>;

TEST(TokenTimesTest, CountFromTheScheduledTime) {
  const RunRecord record = RecordBuilder()
                               .Query(100, 110, {{500, 150, 5}})  // (500 - 150) / 4 = 87.5
                               .Query(200, 200, {{430, 230, 3}})  // 200 / 2
                               .Build();
  const TokenTimes times = ComputeTokenTimes(record);
  EXPECT_EQ(times.first_token_ns, (Times{50, 30}));
  EXPECT_EQ(times.time_per_token_ns, (Times{87, 100}));
  EXPECT_EQ(times.token_count, 8);
}

TEST(TokenTimesTest, TimePerTokenTruncatesTowardZero) {
  const RunRecord record = RecordBuilder().Query(0, 0, {{100, 103, 3}}).Build();  // -3 / 2
  EXPECT_EQ(ComputeTokenTimes(record).time_per_token_ns, Times{-1});
}

TEST(TokenTimesTest, FewerThanTwoTokensHaveNoTimePerTokenAndDoNotCount) {
  const RunRecord record = RecordBuilder()
                               .Query(0, 0, {{100, 10, 1}})
                               .Query(0, 0, {{100, 20, 0}})
                               .Query(0, 0, {{100, 30, -4}})
                               .Query(0, 0, {{100, 40, 2}})
                               .Build();
  const TokenTimes times = ComputeTokenTimes(record);
  EXPECT_EQ(times.first_token_ns, (Times{10, 20, 30, 40}));
  EXPECT_EQ(times.time_per_token_ns, Times{60});
  EXPECT_EQ(times.token_count, 2);
}

TEST(TokenTimesTest, WithoutAFirstTokenOnlyTheTokensCount) {
  const RunRecord record =
      RecordBuilder().Query(0, 0, {{100, kNever, 7}}).Query(0, 0, {{100, 10, 10}}).Build();
  const TokenTimes times = ComputeTokenTimes(record);
  EXPECT_EQ(times.first_token_ns, Times{10});
  EXPECT_EQ(times.time_per_token_ns, Times{10});
  EXPECT_EQ(times.token_count, 17);
}

TEST(TokenTimesTest, UnfinishedSamplesAreLeftOut) {
  const RunRecord record = RecordBuilder().Query(0, 0, {{kNever, 10, 5}}).Build();
  const TokenTimes times = ComputeTokenTimes(record);
  EXPECT_TRUE(times.first_token_ns.empty());
  EXPECT_TRUE(times.time_per_token_ns.empty());
  EXPECT_EQ(times.token_count, 0);
}

TEST(TokenTimesTest, AbsurdCountsDoNotOverflow) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const RunRecord record = RecordBuilder(2).Query(0, 0, {{100, 10, kMax}, {90, 10, 9}}).Build();
  EXPECT_EQ(ComputeTokenTimes(record).token_count, kMax);
  EXPECT_EQ(ComputeQueryTokenTimes(record).token_count, kMax);
}

TEST(TokenTimesTest, WhatFailedHasNoTokens) {
  const RunRecord record = RecordBuilder(2)
                               .Query(0, 0, {{100, 10, 10}, {100, 20, 10, true}})
                               .Query(0, 0, {{100, 30, 10}, {100, 40, 10}})
                               .Build();
  const TokenTimes times = ComputeTokenTimes(record);
  EXPECT_EQ(times.first_token_ns, (Times{10, 30, 40}));
  EXPECT_EQ(times.token_count, 30);
  EXPECT_EQ(ComputeQueryTokenTimes(record).first_token_ns, Times{40});
}

TEST(TokenTimesTest, NothingRecordedIsEmpty) {
  RunRecord record = RecordBuilder().Query(0, 0, {{100}}).Build();
  EXPECT_TRUE(ComputeTokenTimes(record).first_token_ns.empty());
  EXPECT_TRUE(ComputeTokenTimes(RunRecord()).first_token_ns.empty());
  EXPECT_TRUE(ComputeQueryTokenTimes(RunRecord()).first_token_ns.empty());
}

TEST(QueryTokenTimesTest, AQueryIsAsSlowAsItsSlowestSample) {
  const RunRecord record = RecordBuilder(2)
                               .Query(100, 100, {{500, 150, 6}, {900, 120, 3}})  // 70, 390
                               .Query(200, 200, {{300, 260, 5}, {300, 220, 9}})  // 10, 10
                               .Build();
  const TokenTimes times = ComputeQueryTokenTimes(record);
  EXPECT_EQ(times.first_token_ns, (Times{50, 60}));
  EXPECT_EQ(times.time_per_token_ns, (Times{390, 10}));
  EXPECT_EQ(times.token_count, 23);
}

TEST(QueryTokenTimesTest, IncompleteQueriesAreLeftOutAndAbsentTimesIgnored) {
  const RunRecord record = RecordBuilder(2)
                               .Query(0, 0, {{500, 150, 6}, {}})
                               .Query(0, 0, {{100, kNever, 6}, {100, 30, 0}})
                               .Query(0, 0, {{100, kNever, 6}, {100, kNever, 3}})
                               .Build();
  const TokenTimes times = ComputeQueryTokenTimes(record);
  EXPECT_EQ(times.first_token_ns, Times{30});
  EXPECT_TRUE(times.time_per_token_ns.empty());
}

}  // namespace
}  // namespace mlperf::loadgen
