// Goal: the samples that are loaded together are the reference's. Method: sets measured on the
// reference, and the rules of cutting and padding where no run of it was recorded.
#include "traffic/loadable_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "helpers/traffic_plan.h"
#include "plan/run_plan.h"

namespace mlperf::loadgen {
namespace {

using Indices = std::vector<QuerySampleIndex>;

RunPlan Plan(TestScenario scenario, const Seeds& seeds, uint64_t total, uint64_t performance,
             uint64_t samples_per_query = 1, TestMode mode = TestMode::SubmissionRun) {
  TestSettings settings = TrafficSettings(scenario, seeds);
  settings.mode = mode;
  settings.multi_stream_samples_per_query = samples_per_query;
  return MakeRunPlan(settings, total, performance);
}

Indices Head(const Indices& values, size_t count) {
  return Indices(values.begin(), values.begin() + static_cast<ptrdiff_t>(count));
}

Indices Tail(const Indices& values, size_t count) {
  return Indices(values.end() - static_cast<ptrdiff_t>(count), values.end());
}

// ---- Performance -------------------------------------------------------------------------------

TEST(LoadableSetTest, PerformanceSetIsTheReferences) {
  struct Case {
    Seeds seeds;
    uint64_t total, performance;
    Indices head;
  };
  const std::vector<Case> kCases = {
      {kConfSeeds, 1024, 128, {1,  5,  112, 64, 11,  37, 58, 70,  96, 67,
                               89, 42, 76,  93, 110, 72, 88, 127, 56, 120}},
      {kConfSeeds, 10, 10, {1, 5, 7, 6, 0, 8, 3, 2, 9, 4}},
      {kConfSeeds, 65535, 65535, {27236, 15090, 46735, 51901, 26044}},
      {kConfSeeds, 65536, 65536, {3434, 25598, 53455, 6674, 518}},
      {kConfSeeds, 65537, 65537, {3434, 25598, 53455, 6674, 518}},
      {kConfSeeds,
       100000,
       70000,
       {3434, 25598, 53455, 6674, 518, 64165, 64811, 21948, 42617, 15327}},
      {kZeroSeeds, 1024, 128, {27, 121, 57,  53, 56, 105, 89, 37, 26, 34,
                               74, 96,  114, 20, 36, 104, 19, 5,  38, 61}},
      {kZeroSeeds, 10, 10, {0, 2, 1, 5, 9, 8, 4, 7, 6, 3}},
  };
  for (const Case& c : kCases) {
    const RunPlan plan = Plan(TestScenario::SingleStream, c.seeds, c.total, c.performance);
    const std::vector<LoadableSet> sets = MakeLoadableSets(plan, Phase::kPerformance);
    ASSERT_EQ(sets.size(), 1u) << c.total;
    EXPECT_EQ(sets[0].samples.size(), c.performance);
    EXPECT_EQ(sets[0].unpadded_size, c.performance);
    EXPECT_EQ(Head(sets[0].samples, c.head.size()), c.head) << c.total << "/" << c.performance;
  }
}

TEST(LoadableSetTest, PerformanceSetHoldsTheFirstSamplesOfTheLibraryOnceEach) {
  for (uint64_t count : {1u, 2u, 3u, 128u, 1000u}) {
    const RunPlan plan = Plan(TestScenario::Server, kConfSeeds, 1000, count);
    Indices samples = MakeLoadableSets(plan, Phase::kPerformance).at(0).samples;
    std::sort(samples.begin(), samples.end());
    ASSERT_EQ(samples.size(), count);
    for (uint64_t i = 0; i < count; ++i) EXPECT_EQ(samples[i], i);
  }
}

TEST(LoadableSetTest, MultiStreamIsPaddedWithItsOwnFirstSamples) {
  const Indices small =
      MakeLoadableSets(Plan(TestScenario::MultiStream, kConfSeeds, 10, 10, 4), Phase::kPerformance)
          .at(0)
          .samples;
  EXPECT_EQ(small, (Indices{1, 5, 7, 6, 0, 8, 3, 2, 9, 4, 1, 5, 7}));

  const RunPlan plan = Plan(TestScenario::MultiStream, kConfSeeds, 1024, 128, 8);
  const LoadableSet set = MakeLoadableSets(plan, Phase::kPerformance).at(0);
  EXPECT_EQ(set.samples.size(), 135u);
  EXPECT_EQ(set.unpadded_size, 128u);
  EXPECT_EQ(Tail(set.samples, 7), (Indices{1, 5, 112, 64, 11, 37, 58}));
}

TEST(LoadableSetTest, PaddingLongerThanTheSetGoesAroundIt) {
  const RunPlan plan = Plan(TestScenario::MultiStream, kConfSeeds, 3, 3, 8);
  const LoadableSet set = MakeLoadableSets(plan, Phase::kPerformance).at(0);
  EXPECT_EQ(set.unpadded_size, 3u);
  ASSERT_EQ(set.samples.size(), 10u);
  for (size_t i = 3; i < 10; ++i) EXPECT_EQ(set.samples[i], set.samples[i % 3]) << i;
}

TEST(LoadableSetTest, OnlyMultiStreamIsPadded) {
  for (TestScenario scenario :
       {TestScenario::SingleStream, TestScenario::Server, TestScenario::Offline}) {
    for (Phase phase : {Phase::kPerformance, Phase::kAccuracy}) {
      for (const LoadableSet& set : MakeLoadableSets(Plan(scenario, kConfSeeds, 10, 4, 8), phase)) {
        EXPECT_EQ(set.samples.size(), set.unpadded_size);
      }
    }
  }
}

// ---- Accuracy ----------------------------------------------------------------------------------

TEST(LoadableSetTest, AccuracySetsAreTheReferences) {
  struct Case {
    TestScenario scenario;
    Seeds seeds;
    uint64_t performance;
    std::vector<Indices> sets;
    std::vector<size_t> unpadded_sizes;
  };
  const std::vector<Case> kCases = {
      {TestScenario::SingleStream, kConfSeeds, 4, {{1, 5, 7, 6}, {0, 8, 3, 2}, {9, 4}}, {4, 4, 2}},
      {TestScenario::Server, kConfSeeds, 4, {{1, 5, 7, 6}, {0, 8, 3, 2}, {9, 4}}, {4, 4, 2}},
      {TestScenario::Offline, kConfSeeds, 4, {{1, 5, 7, 6}, {0, 8, 3, 2}, {9, 4}}, {4, 4, 2}},
      {TestScenario::MultiStream,
       kConfSeeds,
       5,
       {{1, 5, 7, 6, 0, 1, 5, 7}, {8, 3, 2, 9, 4, 8, 3, 2}},
       {5, 5}},
      {TestScenario::SingleStream, kZeroSeeds, 4, {{0, 2, 1, 5}, {9, 8, 4, 7}, {6, 3}}, {4, 4, 2}},
      {TestScenario::MultiStream,
       kZeroSeeds,
       5,
       {{0, 2, 1, 5, 9, 0, 2, 1}, {8, 4, 7, 6, 3, 8, 4, 7}},
       {5, 5}},
  };
  for (const Case& c : kCases) {
    const RunPlan plan = Plan(c.scenario, c.seeds, 10, c.performance, 4);
    const std::vector<LoadableSet> sets = MakeLoadableSets(plan, Phase::kAccuracy);
    ASSERT_EQ(sets.size(), c.sets.size());
    for (size_t i = 0; i < sets.size(); ++i) {
      EXPECT_EQ(sets[i].samples, c.sets[i]) << "set " << i;
      EXPECT_EQ(sets[i].unpadded_size, c.unpadded_sizes[i]) << "set " << i;
    }
  }
}

TEST(LoadableSetTest, AccuracyCutsEvenlyWhereItCan) {
  const RunPlan plan = Plan(TestScenario::SingleStream, kConfSeeds, 12, 4);
  const std::vector<LoadableSet> sets = MakeLoadableSets(plan, Phase::kAccuracy);
  ASSERT_EQ(sets.size(), 3u);
  for (const LoadableSet& set : sets) EXPECT_EQ(set.samples.size(), 4u);
}

TEST(LoadableSetTest, AccuracyOverrideKeepsTheFirstSamplesOfTheLibrary) {
  TestSettings settings = TrafficSettings(TestScenario::SingleStream, kConfSeeds);
  settings.accuracy_sample_count_override = 5;
  const RunPlan plan = MakeRunPlan(settings, 10, 4);
  Indices all;
  for (const LoadableSet& set : MakeLoadableSets(plan, Phase::kAccuracy)) {
    all.insert(all.end(), set.samples.begin(), set.samples.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (Indices{0, 1, 2, 3, 4}));
}

TEST(LoadableSetTest, AccuracyWithoutAPerformanceCountIsOneSet) {
  const RunPlan plan =
      Plan(TestScenario::SingleStream, kConfSeeds, 10, 0, 1, TestMode::AccuracyOnly);
  const std::vector<LoadableSet> sets = MakeLoadableSets(plan, Phase::kAccuracy);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].samples, (Indices{1, 5, 7, 6, 0, 8, 3, 2, 9, 4}));
}

// ---- Counts beyond the library -----------------------------------------------------------------

TEST(LoadableSetTest, CountsBeyondTheLibraryMeanAllOfIt) {
  TestSettings settings = TrafficSettings(TestScenario::SingleStream, kConfSeeds);
  settings.mode = TestMode::SubmissionRun;
  settings.performance_sample_count_override = 1'000'000;
  settings.accuracy_sample_count_override = 2'000'000;
  const RunPlan plan = MakeRunPlan(settings, 10, 4);
  for (Phase phase : {Phase::kPerformance, Phase::kAccuracy}) {
    const std::vector<LoadableSet> sets = MakeLoadableSets(plan, phase);
    ASSERT_EQ(sets.size(), 1u);
    EXPECT_EQ(sets[0].samples, (Indices{1, 5, 7, 6, 0, 8, 3, 2, 9, 4}));
  }
}

}  // namespace
}  // namespace mlperf::loadgen
