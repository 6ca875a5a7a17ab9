// Goal: whatever a system under test does, every issued sample is accounted for exactly once, in
// the result and in the logs, and the process holds nothing more after a test than before. Method:
// some runs of the soak program (tests/soak), with fixed seeds: random settings, threads and
// faults, each compared with the system's own account of what it was to do and what it called. When
// threads come by is not fixed, so the account says for sure, or what is possible.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "helpers/log_directory.h"
#include "helpers/scripted_system.h"
#include "loadgen.h"
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

// Gets queries of two samples. Two threads complete the first at the same instant; only then is the
// second completed.
class RacingSystem final : public SystemUnderTest {
 public:
  RacingSystem() {
    for (std::thread& thread : threads_) thread = std::thread([this] { Race(); });
  }
  ~RacingSystem() override {
    ended_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  const std::string& Name() override { return name_; }
  void FlushQueries() override {}
  void IssueQuery(const std::vector<QuerySample>& samples) override {
    if (second_is_outstanding_.exchange(true)) ++issued_too_early;
    first_ = samples[0].id;
    second_ = samples[1].id;
    met_ = 0;
    done_ = 0;
    ++round_;
  }

  std::atomic<uint64_t> issued_too_early{0};

 private:
  void Race() {
    uint64_t seen = 0;
    while (!ended_) {
      if (round_ == seen) {
        std::this_thread::yield();
        continue;
      }
      seen = round_;
      const ResponseId first = first_;
      const ResponseId second = second_;
      ++met_;
      for (int spin = 0; spin < 20000 && met_ < 2; ++spin) {
      }
      loadgen::Complete(first);
      if (++done_ != 2) continue;
      second_is_outstanding_ = false;
      loadgen::Complete(second);
    }
  }

  const std::string name_ = "racing system";
  std::atomic<bool> ended_{false};
  std::atomic<uint64_t> round_{0};
  std::atomic<ResponseId> first_{0};
  std::atomic<ResponseId> second_{0};
  std::atomic<int> met_{0};
  std::atomic<int> done_{0};
  std::atomic<bool> second_is_outstanding_{false};
  std::array<std::thread, 2> threads_;
};

TEST(RacingCompletions, OfOneSampleDoNotStandForAnother) {
  constexpr uint64_t kQueries = 10000;
  constexpr uint64_t kMostSeconds = 20;
  TestSettings settings;
  settings.scenario = TestScenario::MultiStream;
  settings.multi_stream_samples_per_query = 2;
  settings.min_query_count = kQueries;
  settings.min_duration_ms = 0;
  // Where other programs take turns with the three threads, a query may take 10 ms.
  settings.max_duration_ms = kMostSeconds * 1000;
  settings.stall_timeout_ms = 10000;
  loadgen::Journal journal;
  loadgen::ScriptedLibrary library(&journal, 8, 8);
  const loadgen::LogDirectory logs;
  RacingSystem system;
  const TestResult result = StartTest(&system, &library, settings, logs.settings(), "");
  EXPECT_EQ(system.issued_too_early, 0u);
  EXPECT_FALSE(result.stalled);
  const uint64_t queries = result.performance->query_count;
  if (result.performance->final_query_issued_s < kMostSeconds / 2) {
    EXPECT_EQ(queries, kQueries);
  }
  EXPECT_GT(queries, 0u);
  EXPECT_EQ(result.performance->sample_count, 2 * queries);
}

}  // namespace
}  // namespace mlperf::soak
