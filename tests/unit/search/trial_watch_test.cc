// Goal: a trial is ended early only where the long run is plain, at the stated error rate, and what
// it counted is what happened after the start-up. Method: facts fed by hand, and simulated queues
// at rates some per cent off the rate at which they just keep their constraint.
#include "search/trial_watch.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "helpers/simulated_systems.h"

namespace mlperf::loadgen {
namespace {

using simulated::MD1;
using simulated::MM1;
using simulated::System;

TrialWatchOptions Watch(double rate_qps, double duration_s, double bound_s) {
  TrialWatchOptions options;
  options.rate_qps = rate_qps;
  options.duration_s = duration_s;
  options.bound_s = bound_s;
  return options;
}

// ---- Counting ----------------------------------------------------------------------------------

TEST(TrialWatchTest, BatchesAreEquallyLongAndLeaveOutTheStartUp) {
  // 100 s at 10/s; each 20th query is over the bound; the first 20 bounds of 0.2 s are left out.
  TrialWatch watch(Watch(10, 100, 0.2));
  for (int i = 0; i < 1000; ++i) watch.AddQuery(i / 10.0 + 0.05, i % 20 == 0);
  const OverCounts& counts = watch.counts();
  EXPECT_EQ(counts.queries, 1000u);
  EXPECT_EQ(counts.over, 50u);
  ASSERT_GE(counts.batches.size(), 32u);
  ASSERT_LE(counts.batches.size(), 64u);
  double seconds = 0;
  uint64_t queries = 0, over = 0;
  for (const OverBatch& batch : counts.batches) {
    EXPECT_NEAR(batch.seconds, counts.batches[0].seconds, 1e-9);
    seconds += batch.seconds;
    queries += batch.queries;
    over += batch.over;
  }
  EXPECT_LE(seconds, 96);
  EXPECT_GT(seconds, 92);
  EXPECT_NEAR(static_cast<double>(queries), seconds * 10, 2);
  EXPECT_NEAR(static_cast<double>(over), seconds / 2, 2);
}

TEST(TrialWatchTest, ATrialIsLostOnceMoreAreOverThanItsLengthAllows) {
  // 1000 queries +- chance (4 deviations: 126) may have 11 over the bound.
  TrialWatch watch(Watch(100, 10, 0.1));
  for (int i = 0; i < 11; ++i) watch.AddQuery(i * 0.01, true);
  EXPECT_FALSE(watch.counts().lost);
  watch.AddQuery(0.12, true);
  EXPECT_TRUE(watch.counts().lost);
}

TEST(TrialWatchTest, TheControlQueueIsCountedWithTheSameArrivals) {
  // Arrivals 1 ms apart, 10 at a time, served in 0.5 ms each: the last four take more than 3.2 ms.
  TrialWatchOptions options = Watch(1000, 10, 0.0032);
  options.control_service_s = 0.0005;
  TrialWatch watch(options);
  for (int i = 0; i < 10000; ++i) watch.AddQuery(i / 10 * 0.01, false);
  uint64_t queries = 0, over = 0;
  for (const OverBatch& batch : watch.counts().batches) {
    queries += batch.queries;
    over += batch.control_over;
  }
  EXPECT_GT(queries, 8000u);
  EXPECT_EQ(over * 10, queries * 4);
}

// ---- Backlog -----------------------------------------------------------------------------------

TEST(TrialWatchTest, AnOverloadedSystemFailsSoonAlthoughNothingIsLateAtFirst) {
  // 4000/s at a system that does 2000/s: no query is late in the first 0.2 s.
  const System system = MD1("", 0.1);
  const auto run = simulated::RunTrial(system, Watch(4000, 60, 0.1), 1, true);
  EXPECT_EQ(run.counts.outlook, TrialOutlook::Fails);
  EXPECT_TRUE(run.counts.backlog_grows);
  EXPECT_GT(run.elapsed_s, 0.2);
  EXPECT_LT(run.elapsed_s, 1.0);
}

TEST(TrialWatchTest, ASinglePauseIsNoGrowingBacklog) {
  TrialWatch watch(Watch(1000, 60, 0.01));
  uint64_t issued = 0;
  for (int ms = 1; ms <= 1000; ++ms) {
    const bool pause = ms >= 700;  // Nothing is answered any more.
    issued += 1;
    watch.AddProgress(ms / 1000.0, issued, pause ? 700 : issued);
    EXPECT_FALSE(watch.counts().backlog_grows && ms < 900) << ms;
  }
}

TEST(TrialWatchTest, NothingPassesWhileTheBacklogIsNotReported) {
  TrialWatch silent(Watch(1000, 600, 0.01)), informed(Watch(1000, 600, 0.01));
  for (uint64_t i = 0; i < 300000; ++i) {
    const double due_s = static_cast<double>(i) / 1000;
    silent.AddQuery(due_s, false);
    informed.AddQuery(due_s, false);
    if (i % 10 == 0) informed.AddProgress(due_s, i, i);
  }
  EXPECT_EQ(silent.outlook(), TrialOutlook::Open);
  EXPECT_EQ(informed.outlook(), TrialOutlook::Passes);
}

// ---- Error rates -------------------------------------------------------------------------------

struct Decisions {
  int fails = 0, passes = 0;
  double elapsed_s = 0;
};

Decisions Decide(const System& system, double rate_qps, double duration_s, int trials) {
  Decisions decisions;
  for (int i = 0; i < trials; ++i) {
    const auto run = simulated::RunTrial(system, Watch(rate_qps, duration_s, system.bound_s),
                                         static_cast<uint64_t>(i) + 1, true);
    if (run.counts.outlook == TrialOutlook::Fails) ++decisions.fails;
    if (run.counts.outlook == TrialOutlook::Passes) ++decisions.passes;
    decisions.elapsed_s += run.elapsed_s / trials;
  }
  return decisions;
}

TEST(TrialWatchTest, DecisionsAreRightFivePerCentOffTheBoundary) {
  struct Case {
    System system;
    double peak_qps;
  };
  // Peaks: M/M/1 in closed form, 2000 - ln(100) / 10 ms; M/D/1 by simulation.
  const Case kCases[] = {{MD1("M/D/1", 0.010), 1771.2}, {MM1(), 1539.5}};
  for (const Case& c : kCases) {
    // 60 trials at an error rate of 0.001: one wrong decision is a chance of 6 %, two of 0.2 %.
    EXPECT_LE(Decide(c.system, c.peak_qps * 0.95, 20, 60).fails, 1) << c.system.name;
    EXPECT_LE(Decide(c.system, c.peak_qps * 1.05, 20, 60).passes, 1) << c.system.name;
  }
}

TEST(TrialWatchTest, DecisionsComeEarlyFarFromTheBoundary) {
  struct Case {
    double rate_qps;
    bool fails;
    double most_s;
  };
  // The peak is 1771/s. That nothing is late takes long to prove: two latency bounds a cluster,
  // 1 % of the time in clusters, e^-7: 1400 bounds.
  const Case kCases[] = {{1000, false, 40}, {1500, false, 40}, {1950, true, 30},
                         {2200, true, 1},   {8000, true, 0.1}, {200000, true, 0.1}};
  for (const Case& c : kCases) {
    const Decisions decisions = Decide(MD1("", 0.010), c.rate_qps, 60, 10);
    EXPECT_EQ(c.fails ? decisions.fails : decisions.passes, 10) << c.rate_qps;
    EXPECT_LT(decisions.elapsed_s, c.most_s) << c.rate_qps;
  }
}

}  // namespace
}  // namespace mlperf::loadgen
