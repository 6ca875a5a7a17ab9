// Goal: each query gets the samples the reference would choose, for as long as the run goes on, in
// memory that does not grow with it. Method: choices measured on the reference for each mode and
// for modes that exclude one another; lists made at once to compare the lazy ones with.
#include "traffic/sample_selection.h"

#include <gtest/gtest.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "helpers/traffic_plan.h"

namespace mlperf::loadgen {
namespace {

using Indices = std::vector<uint32_t>;

// The loaded set of ten samples with the seeds of mlperf.conf.
LoadableSet TenSamples() { return {{1, 5, 7, 6, 0, 8, 3, 2, 9, 4}, 10}; }

// The same, padded for queries of four.
LoadableSet TenSamplesPadded() { return {{1, 5, 7, 6, 0, 8, 3, 2, 9, 4, 1, 5, 7}, 10}; }

RunPlan Plan(TestScenario scenario) {
  TestSettings settings = TrafficSettings(scenario, kConfSeeds);
  settings.multi_stream_samples_per_query = 4;
  return MakeRunPlan(settings, 10, 10);
}

// The first sample of each of the next `count` queries.
Indices Firsts(SampleSelection* selection, size_t count, size_t samples_per_query = 1) {
  Indices firsts;
  Indices query(samples_per_query);
  while (firsts.size() < count && selection->Next(query)) firsts.push_back(query[0]);
  return firsts;
}

// ---- Which rule --------------------------------------------------------------------------------

struct Flags {
  bool unique, same, permutation;
};

TEST(SampleSelectionTest, FlagsInOrderOfPrecedence) {
  const Indices kUnique = {2, 5, 3, 8, 7, 9, 0, 1, 6, 4};
  const Indices kSame = {6, 6, 6, 6, 6, 6, 6, 6, 6, 6};
  const Indices kPermutation = {7, 2, 1, 0, 5, 6, 3, 4, 8, 9};
  const Indices kRandom = {6, 0, 9, 1, 9, 6, 3, 0, 2, 9};
  struct Case {
    Flags flags;
    uint64_t min_query_count;
    Indices samples;
  };
  const std::vector<Case> kCases = {
      {{false, false, false}, 25, kRandom}, {{false, false, true}, 15, kPermutation},
      {{false, true, false}, 15, kSame},    {{false, true, true}, 15, kSame},
      {{true, false, false}, 15, kUnique},  {{true, false, true}, 15, kUnique},
      {{true, true, false}, 15, kUnique},   {{true, true, true}, 15, kUnique},
  };
  const LoadableSet set = TenSamples();
  for (TestScenario scenario : {TestScenario::SingleStream, TestScenario::Server}) {
    for (const Case& c : kCases) {
      RunPlan plan = Plan(scenario);
      plan.performance_issue_unique = c.flags.unique;
      plan.performance_issue_same = c.flags.same;
      plan.performance_issue_same_index = 3;
      plan.sample_concatenate_permutation = c.flags.permutation;
      SampleSelection selection(plan, Phase::kPerformance, set, c.min_query_count);
      EXPECT_EQ(Firsts(&selection, 10), c.samples)
          << c.flags.unique << c.flags.same << c.flags.permutation;
    }
  }
}

TEST(SampleSelectionTest, AccuracyIssuesEachSampleOnceUnlessTheSameIsWanted) {
  const LoadableSet set = TenSamples();
  for (const Flags& flags : {Flags{false, false, false}, Flags{false, false, true},
                             Flags{true, false, false}, Flags{false, true, false}}) {
    RunPlan plan = Plan(TestScenario::SingleStream);
    plan.performance_issue_unique = flags.unique;
    plan.performance_issue_same = flags.same;
    plan.performance_issue_same_index = 3;
    plan.sample_concatenate_permutation = flags.permutation;
    SampleSelection selection(plan, Phase::kAccuracy, set, 10);
    const Indices samples = Firsts(&selection, 10);
    ASSERT_EQ(samples.size(), 10u);
    const size_t distinct = std::set<uint32_t>(samples.begin(), samples.end()).size();
    EXPECT_EQ(distinct, flags.same ? 1u : 10u) << flags.unique << flags.permutation;
  }
}

// ---- Lists that end ----------------------------------------------------------------------------

TEST(SampleSelectionTest, UniqueEndsAndThenWritesNothing) {
  const LoadableSet set = TenSamples();
  RunPlan plan = Plan(TestScenario::Server);
  plan.performance_issue_unique = true;
  SampleSelection selection(plan, Phase::kPerformance, set, 10);
  EXPECT_EQ(Firsts(&selection, 1000).size(), 10u);
  Indices query = {4711};
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(selection.Next(query));
  EXPECT_EQ(query[0], 4711u);
}

TEST(SampleSelectionTest, AccuracyEnds) {
  const LoadableSet set = TenSamples();
  SampleSelection selection(Plan(TestScenario::Server), Phase::kAccuracy, set, 10);
  EXPECT_EQ(Firsts(&selection, 1000).size(), 10u);
}

// ---- Lists that go on --------------------------------------------------------------------------

TEST(SampleSelectionTest, RandomChoicesDependOnTheMinimumQueryCount) {
  // Each started round of the set costs the draws of one shuffle beforehand.
  const LoadableSet set = TenSamples();
  const auto firsts = [&](uint64_t min_query_count) {
    SampleSelection selection(Plan(TestScenario::SingleStream), Phase::kPerformance, set,
                              min_query_count);
    return Firsts(&selection, 10);
  };
  EXPECT_EQ(firsts(100), (Indices{8, 9, 8, 9, 6, 4, 5, 1, 3, 4}));
  EXPECT_EQ(firsts(91), firsts(100));
  EXPECT_EQ(firsts(25), (Indices{6, 0, 9, 1, 9, 6, 3, 0, 2, 9}));
  EXPECT_NE(firsts(90), firsts(100));
  EXPECT_NE(firsts(101), firsts(100));
}

TEST(SampleSelectionTest, RandomGoesOnBeyondAnyList) {
  const LoadableSet set = TenSamples();
  SampleSelection selection(Plan(TestScenario::SingleStream), Phase::kPerformance, set, 1);
  const Indices samples = Firsts(&selection, 100000);
  ASSERT_EQ(samples.size(), 100000u);
  std::vector<int> times(10, 0);
  for (uint32_t sample : samples) ++times.at(sample);
  for (int count : times) EXPECT_NEAR(count, 10000, 500);  // Five standard deviations.
}

// The concatenated shuffles, made at once.
Indices EqualIssueList(const RunPlan& plan, const LoadableSet& set, uint64_t rounds) {
  RandomEngine random(plan.sample_index_rng_seed);
  Indices order(set.samples.size());
  std::iota(order.begin(), order.end(), 0u);
  SkipShuffle(static_cast<uint32_t>(order.size()), &random);  // The list of unique samples.
  Indices list;
  for (uint64_t round = 0; round < rounds; ++round) {
    Shuffle(&order, &random);
    for (uint32_t position : order) {
      list.push_back(static_cast<uint32_t>(set.samples[position]));
    }
  }
  return list;
}

TEST(SampleSelectionTest, PermutationWrapsAroundAtTheEndOfItsList) {
  const LoadableSet set = TenSamples();
  RunPlan plan = Plan(TestScenario::Server);
  plan.sample_concatenate_permutation = true;
  for (uint64_t min_query_count : {1u, 10u, 11u, 35u}) {
    SampleSelection selection(plan, Phase::kPerformance, set, min_query_count);
    const Indices list = EqualIssueList(plan, set, (min_query_count + 9) / 10);
    const Indices samples = Firsts(&selection, 3 * list.size());
    ASSERT_EQ(samples.size(), 3 * list.size());
    for (size_t i = 0; i < samples.size(); ++i) {
      ASSERT_EQ(samples[i], list[i % list.size()]) << min_query_count << ", query " << i;
    }
  }
}

TEST(SampleSelectionTest, PermutationWithoutAMinimumStillChooses) {
  const LoadableSet set = TenSamples();
  RunPlan plan = Plan(TestScenario::Server);
  plan.sample_concatenate_permutation = true;
  SampleSelection selection(plan, Phase::kPerformance, set, 0);
  const Indices samples = Firsts(&selection, 30);
  ASSERT_EQ(samples.size(), 30u);
  EXPECT_EQ(std::set<uint32_t>(samples.begin(), samples.begin() + 10).size(), 10u);
}

// ---- Several samples a query -------------------------------------------------------------------

TEST(SampleSelectionTest, MultiStreamTakesNeighboursIntoThePadding) {
  const LoadableSet set = TenSamplesPadded();
  SampleSelection selection(Plan(TestScenario::MultiStream), Phase::kPerformance, set, 20);
  const std::vector<Indices> kQueries = {{7, 6, 0, 8}, {5, 7, 6, 0}, {2, 9, 4, 1},
                                         {2, 9, 4, 1}, {2, 9, 4, 1}, {0, 8, 3, 2}};
  for (const Indices& expected : kQueries) {
    Indices query(4);
    ASSERT_TRUE(selection.Next(query));
    EXPECT_EQ(query, expected);
  }
}

TEST(SampleSelectionTest, MultiStreamUniqueStartsAtMultiplesOfTheQuery) {
  const LoadableSet set = TenSamplesPadded();
  RunPlan plan = Plan(TestScenario::MultiStream);
  plan.performance_issue_unique = true;
  SampleSelection selection(plan, Phase::kPerformance, set, 3);
  Indices query(4);
  for (const Indices& expected : {Indices{1, 5, 7, 6}, Indices{9, 4, 1, 5}, Indices{0, 8, 3, 2}}) {
    ASSERT_TRUE(selection.Next(query));
    EXPECT_EQ(query, expected);
  }
  EXPECT_FALSE(selection.Next(query));
}

TEST(SampleSelectionTest, MultiStreamIgnoresPermutation) {
  const LoadableSet set = TenSamplesPadded();
  RunPlan plan = Plan(TestScenario::MultiStream);
  SampleSelection plain(plan, Phase::kPerformance, set, 20);
  plan.sample_concatenate_permutation = true;
  SampleSelection permuted(plan, Phase::kPerformance, set, 20);
  EXPECT_EQ(Firsts(&permuted, 50, 4), Firsts(&plain, 50, 4));
}

TEST(SampleSelectionTest, OfflineFillsTheQueryWithCopiesOfTheSet) {
  const LoadableSet set = TenSamples();
  struct Case {
    Flags flags;
    Indices samples;
  };
  const std::vector<Case> kCases = {
      {{false, false, false},
       {1, 5, 7, 6, 0, 8, 3, 2, 9, 4, 1, 5, 7, 6, 0, 8, 3, 2, 9, 4, 1, 5, 7}},
      {{false, true, false}, Indices(23, 6)},
      {{false, true, true}, Indices(23, 6)},
  };
  for (const Case& c : kCases) {
    RunPlan plan = Plan(TestScenario::Offline);
    plan.performance_issue_same = c.flags.same;
    plan.performance_issue_same_index = 3;
    plan.sample_concatenate_permutation = c.flags.permutation;
    SampleSelection selection(plan, Phase::kPerformance, set, 1);
    Indices query(23);
    ASSERT_TRUE(selection.Next(query));
    EXPECT_EQ(query, c.samples) << c.flags.same << c.flags.permutation;
  }
}

TEST(SampleSelectionTest, OfflinePermutationShufflesWholeCopiesOnly) {
  const LoadableSet set = TenSamples();
  RunPlan plan = Plan(TestScenario::Offline);
  plan.sample_concatenate_permutation = true;
  SampleSelection selection(plan, Phase::kPerformance, set, 1);
  Indices query(23);
  ASSERT_TRUE(selection.Next(query));
  EXPECT_EQ(query, (Indices{1, 9, 7, 5, 2, 6, 0, 4, 3, 8, 6, 5, 7, 2, 9, 1, 0, 3, 4, 8, 1, 5, 7}));
}

// ---- Memory ------------------------------------------------------------------------------------

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)

size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(SampleSelectionTest, MemoryDoesNotGrowWithTheMinimumQueryCount) {
  const LoadableSet set = TenSamples();
  for (bool permutation : {false, true}) {
    RunPlan plan = Plan(TestScenario::Server);
    plan.sample_concatenate_permutation = permutation;
    const size_t before = HeapBytes();
    SampleSelection selection(plan, Phase::kPerformance, set, 2'000'000);  // 8 MB as a list.
    Indices query(1);
    for (int i = 0; i < 100000; ++i) ASSERT_TRUE(selection.Next(query));
    EXPECT_LT(HeapBytes(), before + 100'000) << permutation;
  }
}

#endif

}  // namespace
}  // namespace mlperf::loadgen
