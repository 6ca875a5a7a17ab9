// Goal: a performance run logs the responses of the samples the reference would log. Method: draws
// and a count measured on the reference; the edges of the comparison by hand.
#include "traffic/accuracy_sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "helpers/traffic_plan.h"
#include "plan/run_plan.h"

namespace mlperf::loadgen {
namespace {

RunPlan Plan(double probability, uint64_t seed) {
  RunPlan plan;
  plan.accuracy_log_effective_probability = probability;
  plan.accuracy_log_rng_seed = seed;
  return plan;
}

std::vector<bool> Logged(AccuracySampling sampling, int count) {
  std::vector<bool> logged;
  for (int i = 0; i < count; ++i) logged.push_back(sampling.NextIsLogged());
  return logged;
}

TEST(AccuracySamplingTest, ShiftedDrawsAreComparedWithTheProbability) {
  // Draws 0.135, 0.835, 0.969, 0.221, 0.308; shifts 0.8902 and 0.4907, each modulo 1:
  // 0.026, 0.725, 0.859, 0.111, 0.198 and 0.626, 0.326, 0.460, 0.712, 0.799.
  struct Case {
    uint64_t seed;
    double probability;
    std::vector<bool> logged;
  };
  const std::vector<Case> kCases = {
      {12345, 0.15, {true, false, false, true, false}},
      {12345, 0.75, {true, true, false, true, true}},
      {720381539243781796, 0.5, {false, true, true, false, false}},
      {720381539243781796, 0.7, {true, true, true, false, false}},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Logged(AccuracySampling(Plan(c.probability, c.seed)), 5), c.logged)
        << c.seed << " " << c.probability;
  }
}

TEST(AccuracySamplingTest, TheProbabilityItselfIsLogged) {
  RandomEngine draws(5489), shift(12345);
  const double first = draws.Unit() + shift.Unit() - 1.0;
  ASSERT_GT(first, 0);
  EXPECT_TRUE(AccuracySampling(Plan(first, 12345)).NextIsLogged());
  EXPECT_FALSE(AccuracySampling(Plan(std::nextafter(first, 0), 12345)).NextIsLogged());
}

TEST(AccuracySamplingTest, ZeroIsOffAndOneIsEverything) {
  EXPECT_FALSE(AccuracySampling(Plan(0, 12345)).enabled());
  AccuracySampling all(Plan(1, 12345));
  EXPECT_TRUE(all.enabled());
  for (int i = 0; i < 10000; ++i) ASSERT_TRUE(all.NextIsLogged());
}

TEST(AccuracySamplingTest, TargetOf50LogsAsManyAsTheReference) {
  // 1000 queries a second for 300 ms: 300 expected samples, 298 issued, 52 logged.
  TestSettings settings = TrafficSettings(TestScenario::Server, kConfSeeds, 200);
  settings.min_duration_ms = 300;
  settings.accuracy_log_rng_seed = 12345;
  settings.accuracy_log_sampling_target = 50;
  AccuracySampling sampling(MakeRunPlan(settings, 1024, 128));
  int logged = 0;
  for (int i = 0; i < 298; ++i) logged += sampling.NextIsLogged() ? 1 : 0;
  EXPECT_EQ(logged, 52);
}

TEST(AccuracySamplingTest, SkippingIsAskingWithoutAnAnswer) {
  const std::vector<bool> whole = Logged(AccuracySampling(Plan(0.3, 9)), 500);
  AccuracySampling skipping(Plan(0.3, 9));
  skipping.Skip(0);
  skipping.Skip(300);
  const std::vector<bool> rest = Logged(skipping, 200);
  EXPECT_EQ(rest, std::vector<bool>(whole.begin() + 300, whole.end()));
}

}  // namespace
}  // namespace mlperf::loadgen
