// Goal: queries are due when the reference's are, and no rate overflows. Method: two schedules
// measured on the reference at 1000 queries a second; the other rates by scaling.
#include "traffic/arrival_process.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "helpers/traffic_plan.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kBoundNs = int64_t{1} << 61;

struct Schedule {
  uint64_t seed;
  std::vector<int64_t> due_ns;
};

const std::vector<Schedule>& SchedulesAt1000Qps() {
  static const std::vector<Schedule> schedules = {
      {kConfSeeds.schedule, {0,        1843654,  2301577,  3587439,  4300433,  4686839,  6935180,
                             8026759,  8128505,  9589851,  9911224,  11454687, 11822203, 12159423,
                             12317285, 12527105, 13993468, 15006522, 15740767, 16045086, 20066160}},
      {kZeroSeeds.schedule, {0,        898560,   2758164,  4709709,  6588673,  7565679,  8050807,
                             8403966,  8462350,  8780706,  9430152,  11102363, 11756245, 12255117,
                             14063486, 14475063, 15519675, 15978923, 19129092, 19280322, 21321214}},
  };
  return schedules;
}

TEST(ArrivalProcessTest, PoissonSchedulesAreTheReferences) {
  for (const Schedule& schedule : SchedulesAt1000Qps()) {
    ArrivalProcess arrivals = ArrivalProcess::Poisson(1000, schedule.seed);
    EXPECT_FALSE(arrivals.is_constant());
    int64_t due_ns = 0;
    for (int64_t expected_ns : schedule.due_ns) {
      EXPECT_EQ(due_ns, expected_ns) << schedule.seed;
      due_ns += arrivals.NextGapNs();
    }
  }
}

TEST(ArrivalProcessTest, PoissonGapsScaleWithTheRate) {
  ArrivalProcess arrivals = ArrivalProcess::Poisson(1000, 5);
  ArrivalProcess slower = ArrivalProcess::Poisson(10, 5);
  for (int i = 0; i < 100; ++i) {
    const int64_t gap_ns = arrivals.NextGapNs();
    const int64_t slower_gap_ns = slower.NextGapNs();
    // Truncation takes up to 1 ns of the shorter gap.
    EXPECT_GE(slower_gap_ns, 100 * gap_ns - 1);
    EXPECT_LE(slower_gap_ns, 100 * (gap_ns + 1));
  }
}

TEST(ArrivalProcessTest, PoissonKeepsTheMeanRate) {
  constexpr int kGaps = 100000;
  ArrivalProcess arrivals = ArrivalProcess::Poisson(2000, 1);
  int64_t total_ns = 0;
  int above_mean = 0;
  for (int i = 0; i < kGaps; ++i) {
    const int64_t gap_ns = arrivals.NextGapNs();
    total_ns += gap_ns;
    above_mean += gap_ns > 500000 ? 1 : 0;
  }
  // The mean of that many gaps deviates by 0.3 %, and 1/e of them are above it.
  EXPECT_NEAR(static_cast<double>(total_ns) / kGaps, 500000, 5000);
  EXPECT_NEAR(static_cast<double>(above_mean) / kGaps, 0.3679, 0.005);
}

TEST(ArrivalProcessTest, ConstantPeriodIsTruncatedToNs) {
  struct Case {
    double rate_per_s;
    int64_t period_ns;
  };
  const std::vector<Case> kCases = {
      {1000, 1000000},   {1e9 / 300000, 300000},
      {3, 333333333},    {7, 142857142},
      {0.5, 2000000000}, {1e9, 1},
      {2e9, 0},          {0, 0},
      {-1, 0},           {1e-12, kBoundNs},
  };
  for (const Case& c : kCases) {
    ArrivalProcess arrivals = ArrivalProcess::Constant(c.rate_per_s);
    EXPECT_TRUE(arrivals.is_constant());
    EXPECT_EQ(arrivals.period_ns(), c.period_ns) << c.rate_per_s;
    EXPECT_EQ(arrivals.NextGapNs(), c.period_ns) << c.rate_per_s;
    EXPECT_EQ(arrivals.NextGapNs(), c.period_ns) << c.rate_per_s;
  }
}

TEST(ArrivalProcessTest, AbsurdRatesStayWithinBounds) {
  for (double rate_per_s : {1e-300, 1e-9, 1e9, 1e300}) {
    ArrivalProcess arrivals = ArrivalProcess::Poisson(rate_per_s, 3);
    for (int i = 0; i < 100; ++i) {
      const int64_t gap_ns = arrivals.NextGapNs();
      ASSERT_GE(gap_ns, 0) << rate_per_s;
      ASSERT_LE(gap_ns, kBoundNs) << rate_per_s;
    }
  }
}

}  // namespace
}  // namespace mlperf::loadgen
