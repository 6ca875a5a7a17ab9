// Goal: the rate at a share over the bound is estimated without bias, its interval covers the truth
// as often as it says, and the control queue sharpens it. Method: draws from a known logistic
// curve, independent and in clusters; a simulated M/D/1 queue; published quantiles.
#include "search/peak_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "helpers/simulated_systems.h"
#include "search/control_queue.h"

namespace mlperf::loadgen {
namespace {

using simulated::Dice;

constexpr double kSlope = 20;
constexpr double kPeak = 1000;

// A trial of 32 batches on the curve that passes 1 % at kPeak; each event puts `cluster` queries
// over the bound.
FitTrial OnTheCurve(double rate_qps, uint64_t queries, uint64_t cluster, Dice* dice) {
  const double log_odds = std::log(0.01 / 0.99) + kSlope * std::log(rate_qps / kPeak);
  const double share = 1 / (1 + std::exp(-log_odds));
  FitTrial trial;
  trial.rate_qps = rate_qps;
  for (int b = 0; b < 32; ++b) {
    OverBatch batch{1, queries / 32, 0, 0};
    for (uint64_t i = 0; i < batch.queries; i += cluster) {
      if (dice->Uniform() < share) batch.over += cluster;
    }
    trial.batches.push_back(batch);
  }
  return trial;
}

std::vector<FitTrial> Spread(uint64_t queries, uint64_t cluster, Dice* dice) {
  std::vector<FitTrial> trials;
  for (const double rate : {960.0, 1040.0, 970.0, 1030.0, 960.0, 1040.0}) {
    trials.push_back(OnTheCurve(rate, queries, cluster, dice));
  }
  return trials;
}

TEST(PeakFitTest, QuantilesAreThePublishedOnes) {
  EXPECT_NEAR(NormalQuantile(0.975), 1.959964, 1e-6);
  EXPECT_NEAR(NormalQuantile(0.01), -2.326348, 1e-6);
  struct Case {
    double freedom, quantile;
  };
  for (const Case& c : {Case{3, 3.182}, {5, 2.571}, {10, 2.228}, {30, 2.042}, {120, 1.980}}) {
    EXPECT_NEAR(StudentQuantile(0.975, c.freedom), c.quantile, 0.01 * c.quantile) << c.freedom;
  }
}

TEST(PeakFitTest, TheIntervalCoversTheTruth) {
  for (const uint64_t cluster : {1u, 16u}) {
    Dice dice(7 + cluster);
    int covered = 0;
    double sum = 0, dispersion = 0, slope = 0;
    for (int i = 0; i < 300; ++i) {
      const PeakFit fit = FitPeak(Spread(6400 * cluster, cluster, &dice), 0.01, 0.95, 15);
      ASSERT_TRUE(fit.found);
      covered += fit.low_qps <= kPeak && kPeak <= fit.high_qps;
      sum += std::log(fit.rate_qps / kPeak) / 300;
      dispersion += fit.dispersion / 300;
      slope += fit.slope / 300;
    }
    // 285 expected, deviation 3.8; the larger of two variances errs on the safe side.
    EXPECT_GE(covered, 274) << cluster;
    EXPECT_LE(covered, 299) << cluster;
    EXPECT_NEAR(sum, 0, 0.001) << cluster;
    EXPECT_NEAR(dispersion, static_cast<double>(cluster), 0.4 * static_cast<double>(cluster));
    EXPECT_NEAR(slope, kSlope, 2) << cluster;
  }
}

TEST(PeakFitTest, DriftBetweenTrialsWidensTheInterval) {
  Dice dice(3);
  std::vector<FitTrial> steady = Spread(64000, 1, &dice), drifting = steady;
  for (size_t i = 0; i < drifting.size(); ++i) drifting[i].rate_qps *= i % 4 < 2 ? 0.98 : 1.02;
  const PeakFit a = FitPeak(steady, 0.01, 0.95, 15), b = FitPeak(drifting, 0.01, 0.95, 15);
  EXPECT_GT(b.dispersion, 5 * a.dispersion);
  EXPECT_GT(b.half_width(), 2 * a.half_width());
}

TEST(PeakFitTest, TrialsWithoutAnyOverTheBoundCount) {
  Dice dice(5);
  std::vector<FitTrial> trials = Spread(6400, 1, &dice);
  const double with = FitPeak(trials, 0.01, 0.95, 15).rate_qps;
  FitTrial none = OnTheCurve(950, 6400, 1, &dice);
  for (OverBatch& batch : none.batches) batch.over = 0;
  trials.push_back(none);
  const PeakFit fit = FitPeak(trials, 0.01, 0.95, 15);
  ASSERT_TRUE(fit.found);
  EXPECT_EQ(fit.trials, 7u);
  EXPECT_GT(fit.rate_qps, with);
  EXPECT_NEAR(fit.ShareAt(fit.rate_qps, 0.01), 0.01, 1e-9);
  EXPECT_FALSE(FitPeak({none, none, none}, 0.01, 0.95, 15).found);
  EXPECT_FALSE(FitPeak({}, 0.01, 0.95, 15).found);
}

TEST(PeakFitTest, TrialsFarFromTheBoundaryHaveNoSay) {
  Dice dice(5);
  std::vector<FitTrial> trials = Spread(6400, 1, &dice);
  const double with = FitPeak(trials, 0.01, 0.95, 15).rate_qps;
  trials.push_back(OnTheCurve(1500, 6400, 1, &dice));
  const PeakFit fit = FitPeak(trials, 0.01, 0.95, 15);
  EXPECT_EQ(fit.trials, 6u);
  EXPECT_NEAR(fit.rate_qps, with, 1e-6);
}

// ---- The control queue -------------------------------------------------------------------------

TEST(PeakFitTest, TheControlQueuesShareIsThatOfTheQueue) {
  struct Case {
    double bound_s, peak_qps;
  };
  // Long simulations of Lindley's recursion elsewhere: 400,000 arrivals, good to 0.4 %.
  for (const Case& c : {Case{0.010, 1771.2}, {0.005, 1547.1}}) {
    EXPECT_NEAR(ControlShare(c.peak_qps, 0.0005, c.bound_s), 0.01, 0.001);
    EXPECT_NEAR(ControlService(c.peak_qps, c.bound_s, 0.01), 0.0005, 0.000003);
  }
  const auto system = simulated::MD1("", 0.010);
  EXPECT_NEAR(ControlShare(1850, 0.0005, 0.010), simulated::LongRunShare(system, 1850, 4, 1e6, 77),
              0.004);
  EXPECT_EQ(ControlShare(1850, 0, 0.010), 0);
  EXPECT_EQ(ControlShare(2000, 0.0005, 0.010), 1);
  EXPECT_EQ(ControlService(10, 0.010, 0.01), 0);  // A bound of hardly more than a service.
}

double MedianError(bool control) {
  const auto system = simulated::MD1("", 0.005);
  std::vector<double> errors;
  for (uint64_t search = 0; search < 30; ++search) {
    std::vector<FitTrial> trials;
    for (uint64_t i = 0; i < 6; ++i) {
      TrialWatchOptions watch;
      watch.rate_qps = 1547.1 * (i % 2 == 0 ? 0.95 : 1.05);
      watch.duration_s = 3;
      watch.bound_s = 0.005;
      watch.control_service_s = control ? 0.00051 : 0;  // A guess 2 % off.
      const auto run = simulated::RunTrial(system, watch, search * 100 + i, false);
      trials.push_back({watch.rate_qps, run.counts.batches,
                        ControlShare(watch.rate_qps, watch.control_service_s, 0.005)});
    }
    errors.push_back(std::abs(FitPeak(trials, 0.01, 0.95, 15).rate_qps / 1547.1 - 1));
  }
  std::sort(errors.begin(), errors.end());
  return errors[15];
}

TEST(PeakFitTest, TheControlQueueHalvesTheError) {
  EXPECT_LT(MedianError(true), MedianError(false) / 2);
  EXPECT_LT(MedianError(true), 0.005);
}

}  // namespace
}  // namespace mlperf::loadgen
