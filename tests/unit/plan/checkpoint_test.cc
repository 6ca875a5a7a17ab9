// Goal: all that is done between the start of a test and its first query can be ended within
// milliseconds, however many samples there are.
// Method: a checkpoint that counts its calls, and one that ends the work at the first, in each step
// of the preparation of millions of samples; no time is measured.
#include "plan/checkpoint.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "plan/run_plan.h"
#include "platform/run_control.h"
#include "traffic/loadable_set.h"
#include "traffic/query_source.h"
#include "write/mllog.h"

namespace mlperf::loadgen {
namespace {

constexpr uint64_t kSamples = 3'000'000;

RunPlan Plan(TestScenario scenario) {
  TestSettings settings;
  settings.scenario = scenario;
  settings.min_duration_ms = 0;
  settings.min_query_count = kSamples;
  return MakeRunPlan(settings, kSamples, kSamples);
}

LoadableSet WholeSet(uint64_t size) {
  LoadableSet set;
  set.samples.resize(size);
  std::iota(set.samples.begin(), set.samples.end(), uint64_t{0});
  set.unpadded_size = size;
  return set;
}

struct Step {
  std::string name;
  uint64_t steps;  // That it takes at least.
  std::function<void(const Checkpoint&)> work;
};

class PreparationStep : public testing::TestWithParam<Step> {};

TEST_P(PreparationStep, ComesToACheckpointEveryFewMilliseconds) {
  uint64_t calls = 0;
  GetParam().work([&] { ++calls; });
  EXPECT_GE(calls, GetParam().steps / kStepsBetweenCheckpoints);
}

TEST_P(PreparationStep, EndsWhenTheTestWasAskedToStop) {
  RunControl control;
  control.RequestStop(StopCause::kInterrupt);
  EXPECT_THROW(GetParam().work(control.checkpoint()), TestStopped);
}

void MakeQueries(TestScenario scenario, uint64_t queries, const Checkpoint& checkpoint) {
  const RunPlan plan = Plan(scenario);
  const LoadableSet set = WholeSet(kSamples);
  QuerySource source(plan, Phase::kPerformance, set, checkpoint);
  QueryBlock block;
  source.Next(queries, &block);
}

INSTANTIATE_TEST_SUITE_P(
    Of, PreparationStep,
    testing::Values(Step{"PerformanceSets", kSamples,
                         [](const Checkpoint& checkpoint) {
                           MakeLoadableSets(Plan(TestScenario::Offline), Phase::kPerformance,
                                            checkpoint);
                         }},
                    Step{"AccuracySets", kSamples,
                         [](const Checkpoint& checkpoint) {
                           RunPlan plan = Plan(TestScenario::SingleStream);
                           plan.performance_sample_count = 10;
                           MakeLoadableSets(plan, Phase::kAccuracy, checkpoint);
                         }},
                    Step{"OfflineQuery", kSamples,
                         [](const Checkpoint& checkpoint) {
                           MakeQueries(TestScenario::Offline, 1, checkpoint);
                         }},
                    Step{"SelectionOfAServer", 2 * kSamples,
                         [](const Checkpoint& checkpoint) {
                           MakeQueries(TestScenario::Server, 1, checkpoint);
                         }},
                    Step{"SelectionOfVeryManyQueriesOfFewSamples", 100 * kStepsBetweenCheckpoints,
                         [](const Checkpoint& checkpoint) {
                           RunPlan plan = Plan(TestScenario::SingleStream);
                           plan.min_query_count = 100 * kStepsBetweenCheckpoints;
                           const LoadableSet set = WholeSet(1000);
                           const QuerySource source(plan, Phase::kPerformance, set, checkpoint);
                         }},
                    Step{"RecordOfTheLoadedSet", kSamples,
                         [](const Checkpoint& checkpoint) {
                           ToJson(std::vector<uint64_t>(kSamples, 1), checkpoint);
                         }}),
    [](const auto& step) { return step.param.name; });

TEST(TestStoppedTest, IsNoExceptionOfTheTest) {
  RunControl control;
  control.RequestStop(StopCause::kAbort);
  try {
    control.checkpoint()();
  } catch (...) {
    control.ReportException(std::current_exception());
  }
  EXPECT_EQ(control.cause(), StopCause::kAbort);
  EXPECT_FALSE(control.exception());
}

}  // namespace
}  // namespace mlperf::loadgen
