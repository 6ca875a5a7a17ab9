// Goal: a pace is high while more comes than the bound, and low again soon after. Method: times by
// hand.
#include "pace.h"

#include <gtest/gtest.h>

namespace mlperf::network {
namespace {

constexpr int64_t kMs = 1'000'000;

// Adds one each `gap_ns` for `span_ns`. Returns the time then.
int64_t Come(Pace* pace, int64_t now_ns, int64_t gap_ns, int64_t span_ns) {
  const int64_t end_ns = now_ns + span_ns;
  for (; now_ns < end_ns; now_ns += gap_ns) pace->Add(1, now_ns);
  return now_ns;
}

TEST(PaceTest, ItIsHighWhileMuchComes) {
  Pace pace(50'000);
  int64_t now_ns = Come(&pace, kMs, 50'000, 20 * kMs);  // 20,000/s.
  EXPECT_FALSE(pace.IsHigh(now_ns));
  now_ns = Come(&pace, now_ns, 5'000, 20 * kMs);  // 200,000/s.
  EXPECT_TRUE(pace.IsHigh(now_ns));
  now_ns = Come(&pace, now_ns, 50'000, 20 * kMs);
  EXPECT_FALSE(pace.IsHigh(now_ns));
}

TEST(PaceTest, OneAfterALongWhileIsNotFast) {
  Pace pace(50'000);
  const int64_t now_ns = Come(&pace, kMs, 5'000, 20 * kMs);
  EXPECT_TRUE(pace.IsHigh(now_ns));
  pace.Add(1, now_ns + 1000 * kMs);
  EXPECT_FALSE(pace.IsHigh(now_ns + 1000 * kMs));
}

TEST(PaceTest, ItIsNotHighWhereNothingComesAnyMore) {
  Pace pace(50'000);
  const int64_t now_ns = Come(&pace, kMs, 5'000, 20 * kMs);
  EXPECT_TRUE(pace.IsHigh(now_ns));
  EXPECT_FALSE(pace.IsHigh(now_ns + 10 * kMs));
}

}  // namespace
}  // namespace mlperf::network
