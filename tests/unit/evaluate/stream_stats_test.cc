// Goal: time between tokens is counted once a token, and nothing is said of it where the tokens of
// an arrival are not known. Method: gaps worked out by hand; the whole of the figures is held
// against a model in tests/python/core/test_timed_answers.py.
#include "evaluate/stream_stats.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "evaluate/latency_stats.h"
#include "evaluate/token_stats.h"
#include "helpers/record_builder.h"

namespace mlperf::loadgen {
namespace {

TEST(InterTokenStatsTest, CountsEachGapOnceForEachOfItsTokens) {
  // 10; 25, 25 (51 / 2); 4, 4, 4.
  const LatencyStats stats = InterTokenStats({{10, 1}, {51, 2}, {12, 3}}, 0.8);
  EXPECT_EQ(stats.count, 6u);
  EXPECT_EQ(stats.min_ns, 4);
  EXPECT_EQ(stats.max_ns, 25);
  EXPECT_EQ(stats.mean_ns, 12);  // 73 / 6.
  EXPECT_EQ(stats.percentiles_ns[0], 10);
  EXPECT_EQ(stats.percentiles_ns[4], 25);
  EXPECT_EQ(stats.target_percentile_ns, 25);
}

TEST(InterTokenStatsTest, IsNothingWithoutGapsOrWithAnUnknownOne) {
  EXPECT_EQ(InterTokenStats({}, 0.99).count, 0u);
  const LatencyStats unknown = InterTokenStats({{10, 1}, {20, 0}}, 0.99);
  EXPECT_EQ(unknown.count, 0u);
  EXPECT_EQ(unknown.max_ns, 0);
}

TEST(InterTokenStatsTest, ManyTokensTakeNoMemoryEach) {
  const std::vector<TokenGap> gaps(100'000, {65'535, 65'535});
  const LatencyStats stats = InterTokenStats(gaps, 0.99);
  EXPECT_EQ(stats.count, 6'553'500'000u);
  EXPECT_EQ(stats.percentiles_ns[5], 1);
}

TEST(StreamStatsTest, AnEventOfAllTokensHasNoTimeOfDecoding) {
  RunRecord record = RecordBuilder().Query(0, 0, {{50, 40, 9}}).Query(0, 0, {{50, 30, 3}}).Build();
  auto tokens = std::make_shared<TokenRecord>();
  constexpr int64_t kStartNs = RecordBuilder::kStartNs;
  const TokenEvent whole[] = {{kStartNs + 40, 0, kUnknownLag}};
  const TokenEvent two[] = {{kStartNs + 30, 2, kUnknownLag}, {kStartNs + 44, 1, kUnknownLag}};
  TimedAnswer answer;
  answer.events = whole;
  answer.event_count = 1;
  tokens->Append(0, kStartNs, answer, TokenClock::Arrival, true);
  answer.events = two;
  answer.event_count = 2;
  tokens->Append(1, kStartNs, answer, TokenClock::Arrival, true);
  record.tokens = tokens;
  TokenMetrics metrics;
  ComputeStreamStats(RunPlan(), record, &metrics);
  EXPECT_EQ(metrics.decode_per_token.count, 1u);
  EXPECT_EQ(metrics.decode_per_token.max_ns, 14);  // 44 - 30, for the one after the first two.
  EXPECT_EQ(metrics.tail.max_ns, 10);
  EXPECT_EQ(metrics.tail.min_ns, 6);
  EXPECT_EQ(metrics.tokens_per_event, 4);
  EXPECT_EQ(metrics.inter_token.count, 1u);
  EXPECT_EQ(metrics.client_lag.count, 0u);
  EXPECT_EQ(metrics.token_source, "");
}

TEST(StreamStatsTest, AQueryWithACancelledSampleHasNoLatencyAndNoTimeOfTokens) {
  RunRecord record = RecordBuilder(2)
                         .Query(0, 0, {{50, 40, 9}, {60, 40, 9}})
                         .Query(0, 0, {{70, 40, 9}, {80, 40, 9}})
                         .Build();
  auto& slots = const_cast<SampleSlots&>(*record.slots);
  slots.completed_ns[1] = SampleSlots::CancelledAt(RecordBuilder::kStartNs + 60);
  EXPECT_EQ(QueryLatencies(record), std::vector<int64_t>{80});
  EXPECT_EQ(SampleLatencies(record), (std::vector<int64_t>{50, 70, 80}));
  EXPECT_EQ(ComputeQueryTokenTimes(record).time_per_token_ns, std::vector<int64_t>{5});
  EXPECT_EQ(CountFailedQueries(record), 0u);
}

}  // namespace
}  // namespace mlperf::loadgen
