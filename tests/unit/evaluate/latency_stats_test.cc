// Goal: percentiles, means and extremes are those of the sorted list, and latencies are counted
// from the scheduled time of what was completed.
// Method: small lists worked out by hand, and large shuffled ones against a full sort.
#include "evaluate/latency_stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "helpers/record_builder.h"

namespace mlperf::loadgen {
namespace {

std::vector<int64_t> OneTo(int64_t n) {
  std::vector<int64_t> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 1);
  std::shuffle(values.begin(), values.end(), std::mt19937(7));
  return values;
}

TEST(LatencyStatsTest, PercentileIsTheElementFloorOfNTimesP) {
  std::vector<int64_t> values = OneTo(100);  // Of rank i: i + 1.
  const LatencyStats stats = ComputeLatencyStats(values, 0.25);
  EXPECT_EQ(stats.count, 100u);
  EXPECT_EQ(stats.min_ns, 1);
  EXPECT_EQ(stats.max_ns, 100);
  EXPECT_EQ(stats.mean_ns, 50);  // 50.5, truncated.
  const std::array<int64_t, 6> expected = {51, 91, 96, 98, 100, 100};
  EXPECT_EQ(stats.percentiles_ns, expected);
  EXPECT_EQ(stats.target_percentile_ns, 26);
}

TEST(LatencyStatsTest, IndexIsHeldToTheList) {
  for (const double percentile : {1.0, 99.0, std::numeric_limits<double>::infinity()}) {
    std::vector<int64_t> values = {30, 10, 20};
    EXPECT_EQ(ComputeLatencyStats(values, percentile).target_percentile_ns, 30) << percentile;
  }
  for (const double percentile : {0.0, -0.5, std::numeric_limits<double>::quiet_NaN()}) {
    std::vector<int64_t> values = {30, 10, 20};
    EXPECT_EQ(ComputeLatencyStats(values, percentile).target_percentile_ns, 10) << percentile;
  }
}

TEST(LatencyStatsTest, EmptyListIsAllZero) {
  const LatencyStats stats = ComputeLatencyStats({}, 0.9);
  EXPECT_EQ(stats.count, 0u);
  EXPECT_EQ(stats.max_ns, 0);
  EXPECT_EQ(stats.mean_ns, 0);
  EXPECT_EQ(stats.target_percentile_ns, 0);
}

TEST(LatencyStatsTest, SingleValueIsEveryStatistic) {
  std::vector<int64_t> values = {42};
  const LatencyStats stats = ComputeLatencyStats(values, 0.9);
  EXPECT_EQ(stats.min_ns, 42);
  EXPECT_EQ(stats.mean_ns, 42);
  EXPECT_EQ(stats.percentiles_ns.front(), 42);
  EXPECT_EQ(stats.percentiles_ns.back(), 42);
}

TEST(LatencyStatsTest, MeanTruncatesTowardZeroAndDoesNotOverflow) {
  std::vector<int64_t> negative = {-3, -4};
  EXPECT_EQ(ComputeLatencyStats(negative, 0.5).mean_ns, -3);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> huge = {kMax, kMax - 2, kMax - 1};
  EXPECT_EQ(ComputeLatencyStats(huge, 0.5).mean_ns, kMax - 1);
}

TEST(LatencyStatsTest, AgreesWithAFullSort) {
  std::mt19937_64 random(11);
  for (const size_t n : {2u, 3u, 10u, 999u, 1000u, 1001u, 20000u}) {
    std::vector<int64_t> values(n);
    for (int64_t& value : values) value = static_cast<int64_t>(random() % 5000);  // With ties.
    std::vector<int64_t> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const LatencyStats stats = ComputeLatencyStats(values, 0.42);
    const auto at = [&](double p) {
      return sorted[static_cast<size_t>(static_cast<double>(n) * p)];
    };
    EXPECT_EQ(stats.min_ns, sorted.front());
    EXPECT_EQ(stats.max_ns, sorted.back());
    EXPECT_EQ(stats.target_percentile_ns, at(0.42));
    for (size_t i = 0; i < kReportedPercentiles.size(); ++i) {
      EXPECT_EQ(stats.percentiles_ns[i], at(kReportedPercentiles[i])) << n << " " << i;
    }
  }
}

TEST(SelectRankTest, FindsEachRank) {
  for (size_t rank = 0; rank < 50; ++rank) {
    std::vector<int64_t> values = OneTo(50);
    EXPECT_EQ(SelectRank(values, rank), static_cast<int64_t>(rank) + 1);
  }
}

TEST(SampleLatenciesTest, CountFromTheScheduledTimeAndSkipWhatNeverCompleted) {
  const RunRecord record =
      RecordBuilder(2).Query(100, 130, {{150}, {}}).Query(200, 200, {{260}, {240}}).Build();
  EXPECT_EQ(SampleLatencies(record), (std::vector<int64_t>{50, 60, 40}));
}

TEST(SampleLatenciesTest, ClosedLoopCountsFromTheIssue) {
  RunRecord record = RecordBuilder().Query(0, 130, {{150}}).Build();
  std::const_pointer_cast<SampleSlots>(record.slots)->scheduled_is_issued = true;
  EXPECT_EQ(SampleLatencies(record), std::vector<int64_t>{20});
  EXPECT_EQ(QueryLatencies(record), std::vector<int64_t>{20});
}

TEST(SampleLatenciesTest, FindsQueriesBehindAGap) {
  const RunRecord record =
      RecordBuilder().Query(10, 10, {{15}}).Gap().Query(30, 32, {{37}}).Build();
  EXPECT_EQ(SampleLatencies(record), (std::vector<int64_t>{5, 7}));
  EXPECT_EQ(ComputeLateness(record).count, 2u);
}

TEST(QueryLatenciesTest, LastSampleEndsAQueryAndIncompleteOnesAreLeftOut) {
  const RunRecord record = RecordBuilder(2)
                               .Query(100, 100, {{190}, {150}})
                               .Query(200, 200, {{260}, {}})
                               .Query(300, 300, {{310}, {320}})
                               .Build();
  EXPECT_EQ(QueryLatencies(record), (std::vector<int64_t>{90, 20}));
  EXPECT_EQ(QueryDoneNs(record, 0), RecordBuilder::kStartNs + 190);
  EXPECT_EQ(QueryDoneNs(record, 1), 0);
}

TEST(LatenessTest, SetsHeldUpQueriesApart) {
  auto slots = std::make_shared<SampleSlots>();
  slots->scheduled_delta_ns.Grow(4);
  slots->issued_ns.Grow(4);
  slots->held_up.Grow(4);
  for (size_t query = 0; query < 4; ++query) {
    slots->issued_ns[query] = 1000 + static_cast<int64_t>(query) * 10;
  }
  slots->held_up[1] = slots->held_up[3] = 1;
  RunRecord record;
  record.start_ns = 1000;
  record.queries_issued = record.query_end = 4;
  record.slots = slots;
  const Lateness held_up = ComputeLateness(record, LateQueries::kHeldUp);
  EXPECT_EQ(held_up.count, 2u);
  EXPECT_EQ(held_up.max_ns, 30);
  const Lateness others = ComputeLateness(record, LateQueries::kOthers);
  EXPECT_EQ(others.count, 2u);
  EXPECT_EQ(others.max_ns, 20);
  EXPECT_EQ(ComputeLateness(record).count, 4u);
}

TEST(LatenessTest, IsIssuedMinusScheduled) {
  RecordBuilder builder;
  for (int64_t i = 0; i < 1000; ++i) builder.Query(i * 1000, i * 1000 + (i * 7) % 1000, {{}});
  RunRecord record = builder.Build();
  record.queries_held_up_by_sut = 12;
  const Lateness lateness = ComputeLateness(record);
  EXPECT_EQ(lateness.count, 1000u);
  EXPECT_EQ(lateness.p50_ns, 500);
  EXPECT_EQ(lateness.p90_ns, 900);
  EXPECT_EQ(lateness.p99_ns, 990);
  EXPECT_EQ(lateness.p999_ns, 999);
  EXPECT_EQ(lateness.max_ns, 999);
  EXPECT_EQ(lateness.held_up_by_sut, 12u);
}

TEST(LatencyStatsTest, WhatFailedHasNoLatency) {
  const RunRecord record = RecordBuilder(2)
                               .Query(0, 0, {{100}, {5, kNever, 0, true}})
                               .Query(200, 200, {{300}, {260}})
                               .Query(400, 400, {{401, kNever, 0, true}, {}})
                               .Build();
  EXPECT_EQ(SampleLatencies(record), (std::vector<int64_t>{100, 100, 60}));
  EXPECT_EQ(QueryLatencies(record), std::vector<int64_t>{100});
  EXPECT_EQ(CountFailedQueries(record), 1u) << "the third is not completed";
}

TEST(LatencyStatsTest, AFailedSampleIsAboveEveryPercentileOfTheAnswered) {
  std::vector<int64_t> values = {30, 10, 20};
  EXPECT_EQ(PercentileWithFailures(values, 0, 0.5), 20);
  EXPECT_EQ(PercentileWithFailures(values, 2, 0.5), 30);
  EXPECT_EQ(PercentileWithFailures(values, 3, 0.5), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(PercentileWithFailures({}, 1, 0.5), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(PercentileWithFailures({}, 0, 0.5), 0);
}

TEST(LatencyStatsTest, NothingIssuedGivesEmptyLists) {
  const RunRecord record;
  EXPECT_TRUE(SampleLatencies(record).empty());
  EXPECT_TRUE(QueryLatencies(record).empty());
  EXPECT_EQ(ComputeLateness(record).count, 0u);
}

}  // namespace
}  // namespace mlperf::loadgen
