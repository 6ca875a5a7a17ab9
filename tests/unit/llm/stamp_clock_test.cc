// Goal: a kernel's stamp becomes the right time of the monotonic clock, and a step of the wall
// clock never makes a wrong one. Method: two clocks that the test sets.
#include "stamp_clock.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace mlperf::llm {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kHour = 3'600'000 * kMs;
constexpr int64_t kOffset = 1'700'000'000'000'000'123;

class FakeClocks : public ClockPair {
 public:
  int64_t MonotonicNs() override { return now_ns; }
  int64_t RealNs() override {
    // Every third reading is slow.
    if (++readings % 3 == 0) now_ns += slow_ns;
    return now_ns + offset_ns;
  }
  int64_t now_ns = 5'000 * kMs;
  int64_t offset_ns = kOffset;
  int64_t slow_ns = 0;
  int readings = 0;
};

TEST(StampClock, StampsAreTurned) {
  FakeClocks clocks;
  StampClock stamps(&clocks);
  stamps.Check();
  const Stamp stamp = stamps.Read(clocks.now_ns - 3 * kMs + kOffset);
  EXPECT_EQ(stamp.arrived_ns, clocks.now_ns - 3 * kMs);
  EXPECT_EQ(stamp.read_ns, clocks.now_ns);
  EXPECT_TRUE(stamp.is_by_kernel);
  EXPECT_EQ(LagOf(stamp), 3 * kMs);
}

TEST(StampClock, WithoutAStampTheReadCounts) {
  FakeClocks clocks;
  StampClock stamps(&clocks);
  const Stamp stamp = stamps.Read(0);
  EXPECT_EQ(stamp.arrived_ns, clocks.now_ns);
  EXPECT_FALSE(stamp.is_by_kernel);
  EXPECT_EQ(LagOf(stamp), kUnknownLag);
}

TEST(StampClock, SlowReadingsOfTheClocksAreLeftOut) {
  FakeClocks clocks;
  clocks.slow_ns = 50 * kMs;
  StampClock stamps(&clocks);
  EXPECT_EQ(stamps.Read(clocks.now_ns - kMs + kOffset).arrived_ns, clocks.now_ns - kMs);
  for (int i = 0; i < 10; ++i) stamps.Check();
  EXPECT_EQ(stamps.steps(), 0u);
}

TEST(StampClock, StepsOfTheWallClock) {
  for (const int64_t step_ns : {kHour, -kHour, 2 * kMs, -2 * kMs}) {
    FakeClocks clocks;
    StampClock stamps(&clocks);
    stamps.Check();
    clocks.now_ns += 10 * kMs;
    const int64_t before = clocks.now_ns + clocks.offset_ns;
    clocks.now_ns += kMs;
    clocks.offset_ns += step_ns;
    stamps.Check();
    EXPECT_EQ(stamps.steps(), 1u) << step_ns;
    const Stamp old = stamps.Read(before);
    EXPECT_FALSE(old.is_by_kernel) << step_ns;
    EXPECT_EQ(old.arrived_ns, clocks.now_ns) << step_ns;

    clocks.now_ns += 5 * kMs;
    stamps.Check();
    const Stamp fresh = stamps.Read(clocks.now_ns - kMs + clocks.offset_ns);
    EXPECT_TRUE(fresh.is_by_kernel) << step_ns;
    EXPECT_EQ(fresh.arrived_ns, clocks.now_ns - kMs) << step_ns;
    EXPECT_EQ(stamps.steps(), 1u) << step_ns;
  }
}

// A step so small that it passes for slewing is followed within a second.
TEST(StampClock, TheOffsetIsTakenAgainEachSecond) {
  FakeClocks clocks;
  StampClock stamps(&clocks);
  clocks.offset_ns += kMs / 10;
  clocks.now_ns += 1000 * kMs;
  stamps.Check();
  EXPECT_EQ(stamps.Read(clocks.now_ns + clocks.offset_ns).arrived_ns, clocks.now_ns);
}

TEST(StampClock, ATimeAfterTheReadIsNotBelieved) {
  FakeClocks clocks;
  StampClock stamps(&clocks);
  const Stamp stamp = stamps.Read(clocks.now_ns + kMs + kOffset);
  EXPECT_FALSE(stamp.is_by_kernel);
  EXPECT_EQ(stamp.arrived_ns, clocks.now_ns);
}

TEST(StampClock, LagsThatAreLong) {
  EXPECT_EQ(LagOf({0, INT64_MAX, true}), kUnknownLag - 1);
  EXPECT_EQ(LagOf({5, 5, true}), 0u);
}

}  // namespace
}  // namespace mlperf::llm
