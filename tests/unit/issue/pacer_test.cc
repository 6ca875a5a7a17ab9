// Goal: a query is never let go before it is due unless the test stops, waiting gives up the gate
// and the CPU where that pays, and the spinning before a due time follows the machine.
// Method: a clock that moves by a known amount per reading, so that times are exact; the spinning
// stretch as a pure function of wake-up times.
#include "issue/pacer.h"

#include <gtest/gtest.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <cstdint>
#include <exception>
#include <random>
#include <stdexcept>
#include <vector>

#include "helpers/fake_clock.h"
#include "helpers/tracking_gate.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kFirstStretchNs = 60000;
constexpr int64_t kShortestStretchNs = 5000;
constexpr int64_t kLongestStretchNs = 200000;

// The stretch after wake-ups that were late by so much.
int64_t StretchAfter(const std::vector<int64_t>& late_ns) {
  SpinStretch stretch;
  for (int64_t late : late_ns) stretch.Observe(1'000'000, 1'000'000 + late);
  return stretch.ns();
}

TEST(SpinStretch, GrowsAtOnceToTwiceTheLateness) {
  EXPECT_EQ(StretchAfter({}), kFirstStretchNs);
  EXPECT_EQ(StretchAfter({50'000}), 100'000);
  EXPECT_EQ(StretchAfter({50'000, 80'000}), 160'000);
  EXPECT_EQ(StretchAfter({100'000}), kLongestStretchNs);
}

TEST(SpinStretch, ShrinksByASixteenthOfTheWay) {
  EXPECT_EQ(StretchAfter({0}), 60'000 - 60'000 / 16);
  EXPECT_EQ(StretchAfter({20'000}), 60'000 - (60'000 - 40'000) / 16);
  EXPECT_EQ(StretchAfter({50'000, 0}), 100'000 - 100'000 / 16);
  EXPECT_EQ(StretchAfter({30'000}), 60'000);
}

TEST(SpinStretch, TakesAnEarlyWakeUpForAPunctualOne) {
  EXPECT_EQ(StretchAfter({-40'000}), StretchAfter({0}));
}

TEST(SpinStretch, IgnoresWakeUpsTooLateToSpinFor) {
  EXPECT_EQ(StretchAfter({100'001}), kFirstStretchNs);
  EXPECT_EQ(StretchAfter({5'000'000, 2'000'000'000}), kFirstStretchNs);
}

TEST(SpinStretch, StaysWithinItsBounds) {
  EXPECT_EQ(StretchAfter(std::vector<int64_t>(1000, 0)), kShortestStretchNs);
  SpinStretch stretch;
  std::mt19937 random(1);
  for (int i = 0; i < 10000; ++i) {
    stretch.Observe(0, static_cast<int64_t>(random() % 400'000) - 100'000);
    ASSERT_GE(stretch.ns(), kShortestStretchNs);
    ASSERT_LE(stretch.ns(), kLongestStretchNs);
  }
}

class PacerTest : public testing::Test {
 protected:
  int64_t WaitFor(int64_t wait_ns) { return pacer_.WaitUntil(clock_.Peek() + wait_ns, &begin_ns_); }

  FakeClock clock_{1};
  TrackingGate gate_{1};  // Issue loops run inside.
  RunControl control_;
  Pacer pacer_{&clock_, &gate_, &control_};
  int64_t begin_ns_ = 0;
};

TEST_F(PacerTest, LetsAnOverdueQueryGoAtOnce) {
  const int64_t now_ns = clock_.Peek();
  EXPECT_EQ(WaitFor(-5), now_ns);
  EXPECT_EQ(begin_ns_, now_ns);
  EXPECT_EQ(WaitFor(0), now_ns + 1);
  EXPECT_EQ(begin_ns_, now_ns + 1);
  EXPECT_EQ(gate_.leave_count(), 0);
}

TEST_F(PacerTest, StaysInsideTheGateForAShortWait) {
  const int64_t now_ns = clock_.Peek();
  EXPECT_EQ(WaitFor(999), now_ns + 999);
  EXPECT_EQ(begin_ns_, now_ns);
  EXPECT_EQ(gate_.leave_count(), 0);
  EXPECT_TRUE(clock_.sleeps_until_ns().empty());
}

TEST_F(PacerTest, LeavesTheGateForALongWait) {
  const int64_t now_ns = clock_.Peek();
  // One more reading: what the entry into the gate may have cost counts as well.
  EXPECT_EQ(WaitFor(1000), now_ns + 1001);
  EXPECT_EQ(begin_ns_, now_ns);
  EXPECT_EQ(gate_.leave_count(), 1);
  EXPECT_EQ(gate_.held(), 1);
  EXPECT_TRUE(clock_.sleeps_until_ns().empty()) << "too short to sleep";
}

TEST_F(PacerTest, SleepsUntilTheStretchBeforeTheDueTimeAndSpinsTheRest) {
  const int64_t due_ns = clock_.Peek() + 1'000'000;
  EXPECT_EQ(WaitFor(1'000'000), due_ns + 1);
  ASSERT_FALSE(clock_.sleeps_until_ns().empty());
  EXPECT_EQ(clock_.sleeps_until_ns().front(), due_ns - kFirstStretchNs);
  EXPECT_LE(clock_.sleeps_until_ns().back(), due_ns - kShortestStretchNs);
}

TEST_F(PacerTest, LooksUpDuringALongSleep) {
  int64_t last_ns = clock_.Peek();
  WaitFor(100'000'000);
  for (int64_t until_ns : clock_.sleeps_until_ns()) {
    EXPECT_LE(until_ns - last_ns, 20'000'001);
    last_ns = until_ns;
  }
  // Not after the last sleep, which is shorter: the query comes first.
  EXPECT_EQ(static_cast<size_t>(gate_.poll_count()), clock_.sleeps_until_ns().size() - 1);
  EXPECT_GE(gate_.poll_count(), 4);
  EXPECT_FALSE(gate_.polled_inside());
}

TEST_F(PacerTest, APunctualWaitIsNotLate) {
  WaitFor(1'000'000);
  WaitFor(500);
  EXPECT_EQ(pacer_.late_waits().machine_ns, 0);
  EXPECT_EQ(pacer_.late_waits().gate_ns, 0);
}

TEST_F(PacerTest, ALateWakeUpIsTheMachines) {
  clock_.on_sleep = [this] { clock_.Advance(2'000'000); };
  WaitFor(1'000'000);
  const int64_t late_ns = 2'000'000 - kFirstStretchNs;
  EXPECT_NEAR(static_cast<double>(pacer_.late_waits().machine_ns), static_cast<double>(late_ns),
              10);
  EXPECT_EQ(pacer_.late_waits().gate_ns, 0);
}

TEST_F(PacerTest, WhatOthersHoldIsTheGates) {
  gate_.on_enter = [this] { clock_.Advance(3'000'000); };
  WaitFor(1'000'000);
  EXPECT_EQ(pacer_.late_waits().machine_ns, 0);
  EXPECT_NEAR(static_cast<double>(pacer_.late_waits().gate_ns), 3'000'000, 10);
}

TEST_F(PacerTest, ALookAtSignalsThatTakesLongIsNotTheMachines) {
  gate_.on_poll = [this] { clock_.Advance(gate_.poll_count() == 1 ? 50'000'000 : 0); };
  WaitFor(21'000'000);  // A look after 20 ms.
  EXPECT_EQ(pacer_.late_waits().machine_ns, 0);
  EXPECT_NEAR(static_cast<double>(pacer_.late_waits().gate_ns), 49'000'000, 10);
}

TEST_F(PacerTest, ReturnsEarlyWhenTheTestStops) {
  const int64_t due_ns = clock_.Peek() + 3'600'000'000'000;
  clock_.on_sleep = [this] {
    if (clock_.sleeps_until_ns().size() == 3) control_.RequestStop(StopCause::kAbort);
  };
  EXPECT_LT(pacer_.WaitUntil(due_ns, &begin_ns_), due_ns);
  EXPECT_EQ(clock_.sleeps_until_ns().size(), 3u);
  EXPECT_EQ(gate_.held(), 1);
}

TEST_F(PacerTest, ReportsWhatPollThrowsAndStops) {
  const int64_t due_ns = clock_.Peek() + 3'600'000'000'000;
  gate_.on_poll = [] { throw std::runtime_error("interrupted"); };
  EXPECT_LT(pacer_.WaitUntil(due_ns, &begin_ns_), due_ns);
  EXPECT_TRUE(control_.stop_requested());
  ASSERT_TRUE(control_.exception());
  EXPECT_THROW(std::rethrow_exception(control_.exception()), std::runtime_error);
  EXPECT_EQ(gate_.poll_count(), 1);
  EXPECT_EQ(gate_.held(), 1);
}

TEST(Pacer, SleepPacingSleepsToTheDueTimeAndSpinsNothing) {
  FakeClock clock(1);
  TrackingGate gate(1);
  RunControl control;
  Pacer pacer(&clock, &gate, &control, Pacing::Sleep);
  int64_t begin_ns = 0;
  const int64_t due_ns = clock.Peek() + 1'000'000;
  EXPECT_GE(pacer.WaitUntil(due_ns, &begin_ns), due_ns);
  EXPECT_EQ(clock.sleeps_until_ns(), (std::vector<int64_t>{due_ns}));
  EXPECT_EQ(pacer.spun_ns(), 0);
}

TEST(Pacer, SpinPacingNeverSleepsButPollsForAsLongAsItWaits) {
  FakeClock clock(1000);
  TrackingGate gate(1);
  std::vector<int64_t> polled_ns;
  gate.on_poll = [&] { polled_ns.push_back(clock.Peek()); };
  RunControl control;
  Pacer pacer(&clock, &gate, &control, Pacing::Spin);
  int64_t begin_ns = 0;
  const int64_t start_ns = clock.Peek();
  const int64_t due_ns = start_ns + 500'000'000;
  EXPECT_GE(pacer.WaitUntil(due_ns, &begin_ns), due_ns);
  EXPECT_TRUE(clock.sleeps_until_ns().empty());
  EXPECT_NEAR(static_cast<double>(pacer.spun_ns()), 5e8, 1e4);
  // An interrupt is noticed within a tenth of a second, wherever in the wait it comes.
  polled_ns.insert(polled_ns.begin(), start_ns);
  polled_ns.push_back(due_ns);
  for (size_t i = 1; i < polled_ns.size(); ++i) {
    EXPECT_LT(polled_ns[i] - polled_ns[i - 1], 100'000'000);
  }
}

TEST(Pacer, IsNeverEarlyWhateverTheClockAndTheWait) {
  std::mt19937_64 random(2);
  for (const int64_t step_ns : {1, 37, 1'000, 70'000, 3'000'000}) {
    FakeClock clock(step_ns);
    clock.on_sleep = [&] { clock.Advance(static_cast<int64_t>(random() % 300'000)); };
    TrackingGate gate(1);
    RunControl control;
    Pacer pacer(&clock, &gate, &control);
    for (int i = 0; i < 100; ++i) {
      const int64_t due_ns = clock.Peek() + static_cast<int64_t>(random() % 2'000'000);
      int64_t begin_ns = 0;
      ASSERT_GE(pacer.WaitUntil(due_ns, &begin_ns), due_ns) << "step " << step_ns;
    }
  }
}

#if defined(__linux__)
TEST(PreciseSleep, SetsTheLeastTimerSlackForAScope) {
  const int before = prctl(PR_GET_TIMERSLACK);
  {
    const PreciseSleep precise;
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1);
  }
  EXPECT_EQ(prctl(PR_GET_TIMERSLACK), before);
}
#endif

}  // namespace
}  // namespace mlperf::loadgen
