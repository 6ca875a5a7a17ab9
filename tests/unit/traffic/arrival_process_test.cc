// Goal: queries are due when the reference's are, and no rate overflows. Method: two schedules
// measured on the reference at 1000 queries a second; the other rates by scaling.
#include "traffic/arrival_process.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
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

RunPlan PoissonPlan(double rate_per_s, uint64_t seed) {
  RunPlan plan;
  plan.arrival_process = "poisson";
  plan.target_qps = rate_per_s;
  plan.schedule_rng_seed = seed;
  return plan;
}

std::vector<int64_t> PoissonGaps(double rate_per_s, uint64_t seed, size_t count) {
  std::vector<int64_t> gaps_ns(count);
  MakeArrivalProcess(PoissonPlan(rate_per_s, seed))->Draw(gaps_ns);
  return gaps_ns;
}

TEST(ArrivalProcessTest, PoissonSchedulesAreTheReferences) {
  for (const Schedule& schedule : SchedulesAt1000Qps()) {
    const std::vector<int64_t> gaps_ns = PoissonGaps(1000, schedule.seed, schedule.due_ns.size());
    int64_t due_ns = 0;
    for (size_t i = 0; i < gaps_ns.size(); ++i) {
      EXPECT_EQ(due_ns, schedule.due_ns[i]) << schedule.seed;
      due_ns += gaps_ns[i];
    }
  }
}

TEST(ArrivalProcessTest, PoissonGapsScaleWithTheRate) {
  const std::vector<int64_t> gaps_ns = PoissonGaps(1000, 5, 100);
  const std::vector<int64_t> slower_gaps_ns = PoissonGaps(10, 5, 100);
  for (size_t i = 0; i < gaps_ns.size(); ++i) {
    // Truncation takes up to 1 ns of the shorter gap.
    EXPECT_GE(slower_gaps_ns[i], 100 * gaps_ns[i] - 1);
    EXPECT_LE(slower_gaps_ns[i], 100 * (gaps_ns[i] + 1));
  }
}

TEST(ArrivalProcessTest, PoissonKeepsTheMeanRate) {
  constexpr int kGaps = 100000;
  int64_t total_ns = 0;
  int above_mean = 0;
  for (const int64_t gap_ns : PoissonGaps(2000, 1, kGaps)) {
    total_ns += gap_ns;
    above_mean += gap_ns > 500000 ? 1 : 0;
  }
  // The mean of that many gaps deviates by 0.3 %, and 1/e of them are above it.
  EXPECT_NEAR(static_cast<double>(total_ns) / kGaps, 500000, 5000);
  EXPECT_NEAR(static_cast<double>(above_mean) / kGaps, 0.3679, 0.005);
}

TEST(ArrivalProcessTest, AbsurdRatesStayWithinBounds) {
  for (double rate_per_s : {1e-300, 1e-9, 1e9, 1e300}) {
    for (const int64_t gap_ns : PoissonGaps(rate_per_s, 3, 100)) {
      ASSERT_GE(gap_ns, 0) << rate_per_s;
      ASSERT_LE(gap_ns, kBoundNs) << rate_per_s;
    }
  }
}

TEST(ArrivalProcessTest, RefusesANameThatIsNotInTheTable) {
  RunPlan plan = PoissonPlan(1000, 1);
  plan.arrival_process = "every other day";
  EXPECT_THROW(MakeArrivalProcess(plan), SettingsError);
}

TEST(ArrivalGapsTest, AreThoseOfTheProcessAcrossBlocks) {
  ArrivalGaps gaps(MakeArrivalProcess(PoissonPlan(1000, 4)));
  for (const int64_t gap_ns : PoissonGaps(1000, 4, 1000)) ASSERT_EQ(gaps.NextNs(), gap_ns);
}

TEST(ArrivalGapsTest, ACopyGoesOnWhereTheOriginalIs) {
  ArrivalGaps gaps(MakeArrivalProcess(PoissonPlan(1000, 4)));
  for (int i = 0; i < 100; ++i) gaps.NextNs();
  ArrivalGaps copy = gaps;
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(copy.NextNs(), gaps.NextNs()) << i;
}

}  // namespace
}  // namespace mlperf::loadgen
