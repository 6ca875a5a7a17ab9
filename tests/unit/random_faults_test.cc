// Goal: whatever a system under test does, every issued sample is accounted for exactly once, in
// the result and in the logs, and the process holds nothing more after a test than before. Method:
// some runs of the soak program (tests/soak), with fixed seeds: random settings, threads and
// faults, each compared with the system's own account of what it was told and what it called. When
// threads come by is not fixed, so the account says for sure, or what is possible.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "process_watch.h"
#include "random_run.h"
#include "run_spec.h"

namespace mlperf::soak {
namespace {

void ExpectAgreement(RandomRuns* runs, uint64_t seed, const SpecLimits& limits) {
  for (const std::string& text : runs->RunOne(seed)) {
    ADD_FAILURE() << text << "\n  " << Describe(DrawRunSpec(seed, limits));
  }
}

class RandomFaults : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomFaults, LoseAndCountTwiceNothing) {
  const SpecLimits limits{.queries = 100, .threads = 8, .faults = true};
  RandomRuns runs(testing::TempDir(), limits);
  ExpectAgreement(&runs, GetParam(), limits);
  const Holdings first;
  for (uint64_t i = 1; i < 100; ++i) ExpectAgreement(&runs, GetParam() + i, limits);
  EXPECT_TRUE(HoldsAgain(first)) << "threads or descriptors are left";
  // The draws are of all kinds, or the runs show less than they seem to.
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    EXPECT_GT(runs.totals().faults[kind], 0u) << NameOf(static_cast<Fault>(kind));
  }
  EXPECT_GT(runs.totals().valid, 0u);
}

INSTANTIATE_TEST_SUITE_P(, RandomFaults, testing::Values(1000, 2000, 3000));

TEST(RandomRuns, OfFaultlessSystemsAreNotSpoilt) {
  const SpecLimits limits{.queries = 100, .threads = 8, .faults = false};
  RandomRuns runs(testing::TempDir(), limits);
  for (uint64_t seed = 0; seed < 100; ++seed) ExpectAgreement(&runs, seed, limits);
  EXPECT_EQ(runs.totals().late_completions, 0u);
  EXPECT_GT(runs.totals().valid, 50u);
}

}  // namespace
}  // namespace mlperf::soak
