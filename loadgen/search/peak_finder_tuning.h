// The numbers that a peak search was tuned with, by the simulations of docs/peak_search.md.
//
// A "bound" is the longest of the latency bounds, "over" is a query that takes longer, and the
// capacity is what an overloaded trial has completed. Loads are rates as a share of the capacity.
#ifndef MLPERF_LOADGEN_SEARCH_PEAK_FINDER_TUNING_H_
#define MLPERF_LOADGEN_SEARCH_PEAK_FINDER_TUNING_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace mlperf::loadgen {

// ---- Bracketing: the next rate -----------------------------------------------------------------

// The factor between rates while one side is open, and where a rate has both failed and passed.
constexpr double kLeap = 8;
constexpr double kShortLeap = 1.3;
// The load that is tried first once the capacity is known, and the highest that may be a peak.
constexpr double kFirstLoad = 0.7;
constexpr double kHighestLoad = 0.95;
// A rate that passed may be exceeded by this factor, whatever the capacity seems to be.
constexpr double kShortStep = 1.1;
// The lowest rate worth trying has this many queries in min_duration_s.
constexpr double kFewestQueries = 10;
// A rate below this share of what was sustained is an idle system's: few queries wait for another.
constexpr double kIdleLoad = 0.25;

// ---- Bracketing: how long a trial lasts, and what it says --------------------------------------

// As many bounds, and as many queries or, once both sides are known, queries that would be over at
// the share that is allowed; but no more than a share of min_duration_s.
constexpr double kBracketBounds = 30;
constexpr double kLeapQueries = 20;
constexpr double kBracketOver = 15;
constexpr double kMostOfRun = 0.25;
// Fewer queries over say nothing, unless fewer than kHardlyAny were to be expected.
constexpr uint64_t kFewestOver = 3;
constexpr double kHardlyAny = 0.1;
// A trial that completed fewer queries says nothing of the capacity.
constexpr uint64_t kFewestCompleted = 5;
// Near enough to measure: the high rate over the low one, or log odds from the share that is
// allowed (odds that are 7 times off).
constexpr double kNarrow = 1.25;
constexpr double kNearLogOdds = 2;

// ---- Measuring ---------------------------------------------------------------------------------

// Fewer trials do not show how much they vary, and fewer bounds in all of them look precise by
// chance.
constexpr size_t kFewestTrials = 6;
constexpr double kConvergedBounds = 1000;
// A trial expects this many queries over, and lasts for this many bounds. A time shorter than this
// share of min_duration_s is too little to measure anything.
constexpr double kMeasureOver = 100;
constexpr double kMeasureBounds = 200;
constexpr double kShortestMeasure = 0.05;
// Trials lie so many log odds above and below the share that is allowed, but no further away from
// the estimate than this in log rate.
constexpr double kSpreadLogOdds = 1.2;
constexpr double kMostSpread = 0.06;
// Above this load there is no steady state to measure.
constexpr double kStableLoad = 0.98;
// The slope of log odds over log rate is guessed for a peak of at most this load, and is this while
// nothing is known.
constexpr double kMostLoad = 0.92;
constexpr double kUsualSlope = 15;
// All trials below the peak are so many log odds below the share that is allowed: a cliff, which
// has no slope.
constexpr double kCliffLogOdds = 2.5;
// An estimate beyond the rates measured by more than this factor is none.
constexpr double kMostStep = 1.2;

// ---- Confirming --------------------------------------------------------------------------------

// The chance of being VALID that the first confirming run is given, the second and the third.
constexpr std::array<double, 3> kChances = {0.8, 0.9, 0.97};
// The lowest rate to confirm, as a share of the estimate.
constexpr double kLeastConfirm = 0.75;
// How much lower than a refused rate the next is at most, as a share of it.
constexpr double kMostConfirmStep = 0.1;
// The part of a run that must be left in the budget to repeat one.
constexpr double kConfirmShare = 0.9;
// The normal quantile of the confidence of 99 % that early stopping asks for.
constexpr double kEarlyStoppingQuantile = 2.326;

// A run has no more queries than so many deviations above what is expected.
constexpr double kFewQueriesDeviations = 4;

// ---- Failures ----------------------------------------------------------------------------------

// Where so many are expected, the odds are 1 to 1000 that none is seen.
constexpr double kFailureEvidence = 6.9;
// By chance the share that was seen may be so many deviations too high.
constexpr double kFailureDeviations = 1.64;

// ---- Settling: the budget to name where the given one was too little ---------------------------

// So many bounds, or so many times what was too little, whichever is more, in trials of so many
// bounds.
constexpr double kSettlingBounds = 12000;
constexpr double kSettlingGrowth = 4;
constexpr double kSettlingTrial = 300;

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_PEAK_FINDER_TUNING_H_
