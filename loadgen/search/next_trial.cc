#include "search/next_trial.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "search/control_queue.h"
#include "search/peak_finder_tuning.h"
#include "search/peak_fit.h"

namespace mlperf::loadgen {

TrialRequest NextTrial::Request(TrialKind kind, double rate_qps, double duration_s) const {
  TrialRequest request;
  request.kind = kind;
  request.rate_qps = std::min(rate_qps, options_.max_qps);
  request.duration_s = duration_s;
  request.number = evidence_.outcomes.size();
  for (const PeakConstraint& c : options_.constraints) {
    const double center = estimate_.fitted ? estimate_.rate_qps : request.rate_qps;
    request.control_service_s.push_back(
        kind == TrialKind::Bracket ? 0 : ControlService(center, c.bound_s, c.over_share));
  }
  return request;
}

TrialRequest NextTrial::Explore() const {
  if (!Bracketed() && evidence_.left_s() > 0) {
    const double rate = std::min(BracketRate(), options_.max_qps);
    const bool both = evidence_.low != nullptr && evidence_.high != nullptr;
    const double queries = both ? kBracketOver / over_share() : kLeapQueries;
    const double duration_s = std::max(kBracketBounds * bound_s(), queries / rate);
    return Request(TrialKind::Bracket, rate,
                   std::min(duration_s, kMostOfRun * options_.min_duration_s));
  }
  const double rate = MeasureRate();
  return Request(TrialKind::Measure, rate, MeasureDuration(rate));
}

// ---- Bracketing --------------------------------------------------------------------------------

bool NextTrial::Near(const TrialOutcome& outcome) const {
  return InFull(outcome) && MostOver(outcome) >= kFewestOver &&
         std::abs(Excess(options_, outcome)) < kNearLogOdds;
}

// Where there is hope of passing: hardly at the capacity, until a rate there has passed.
double NextTrial::Top() const {
  const double low = evidence_.low->request.rate_qps, high = evidence_.high->request.rate_qps;
  return std::clamp(kHighestLoad * evidence_.capacity_qps, std::min(low * kShortStep, high), high);
}

bool NextTrial::Bracketed() const {
  if (estimate_.known()) return true;
  if (evidence_.low == nullptr || evidence_.high == nullptr) return false;
  if (Top() <= kNarrow * evidence_.low->request.rate_qps) return true;
  return Near(*evidence_.low) || Near(*evidence_.high);
}

double NextTrial::BracketRate() const {
  const TrialOutcome *low = evidence_.low, *high = evidence_.high;
  if (low == nullptr && high == nullptr) return options_.start_qps;
  const double leap = evidence_.contradicted ? kShortLeap : kLeap;
  const double floor_qps = kFewestQueries / options_.min_duration_s;
  if (high == nullptr) return std::max(leap * low->request.rate_qps, floor_qps);
  if (low != nullptr) return BetweenRate();
  const double high_qps = high->request.rate_qps;
  double next = high_qps / leap;
  if (evidence_.capacity_qps < high_qps && !evidence_.contradicted) {
    next = kFirstLoad * evidence_.capacity_qps;
  }
  return std::max(next, std::min(floor_qps, high_qps / 2));
}

// The log of the share is nearly linear in the rate, and the share is 1 at the capacity.
double NextTrial::BetweenRate() const {
  const double low = evidence_.low->request.rate_qps, high = evidence_.high->request.rate_qps;
  const double top = Top();
  const double target = std::log(over_share());
  const double at_low = target + Excess(options_, *evidence_.low);
  double next = std::sqrt(low * top);
  if (low > top / 3) next = low + 0.5 * (top - low);
  if (MostOver(*evidence_.low) >= kFewestOver && at_low < -0.1) {
    next = top - (top - low) * target / at_low;
  }
  const double span = high / low;
  return std::clamp(next, low * std::pow(span, 0.2), low * std::pow(span, 0.8));
}

// ---- Measuring ---------------------------------------------------------------------------------

bool NextTrial::Precise() const {
  if (!estimate_.known()) return false;
  const bool enough = estimate_.cliff || (evidence_.measured.size() >= kFewestTrials &&
                                          evidence_.measured_s >= kConvergedBounds * bound_s());
  return enough && estimate_.precision() <= options_.precision;
}

bool NextTrial::MeasuredEnough() const {
  return Precise() || evidence_.left_s() < kShortestMeasure * options_.min_duration_s;
}

// Without a fit: from the side of the bracket that is near the target, or between the two.
double NextTrial::FirstMeasureRate() const {
  const TrialOutcome &at_low = *evidence_.low, &at_high = *evidence_.high;
  const double low = at_low.request.rate_qps, high = at_high.request.rate_qps;
  const double middle = std::sqrt(low * Top());
  double guess = middle;
  if (Near(at_high)) guess = high * std::exp(-Excess(options_, at_high) / kUsualSlope);
  if (Near(at_low)) guess = low * std::exp(-Excess(options_, at_low) / kUsualSlope);
  return guess > low && guess < high ? guess : middle;
}

// Above and below the estimate in turn, whichever side has less weight so far.
double NextTrial::MeasureRate() const {
  if (estimate_.cliff) return estimate_.rate_qps;
  if (!estimate_.fitted) return FirstMeasureRate();
  double balance = 0;
  for (const TrialOutcome* outcome : evidence_.measured) {
    const double off = std::log(outcome->request.rate_qps / estimate_.rate_qps);
    if (std::abs(off) < 2 * kMostSpread) balance += off * outcome->elapsed_s;
  }
  const double spread = std::min(kSpreadLogOdds / estimate_.slope, kMostSpread);
  return estimate_.rate_qps * std::exp(balance > 0 ? -spread : spread);
}

double NextTrial::MeasureDuration(double rate_qps) const {
  double duration_s = std::max(kMeasureOver / over_share() / rate_qps, kMeasureBounds * bound_s());
  const size_t count = evidence_.measured.size();
  if (estimate_.fitted && count >= kFewestTrials &&
      estimate_.high_qps < std::numeric_limits<double>::infinity()) {
    const double ratio = estimate_.precision() / options_.precision;
    const double missing_s = evidence_.measured_s * (ratio * ratio - 1);
    duration_s = std::max(duration_s, std::min(missing_s, evidence_.measured_s) / 2);
  }
  duration_s = std::min(duration_s, options_.min_duration_s);
  const size_t missing = kFewestTrials - std::min(kFewestTrials - 1, count);
  return std::min(duration_s, evidence_.left_s() / static_cast<double>(missing));
}

// ---- Confirming --------------------------------------------------------------------------------

bool NextTrial::Confirms() const {
  return evidence_.AtLimit() || ((Bracketed() || evidence_.left_s() <= 0) && MeasuredEnough());
}

TrialRequest NextTrial::Confirm() const {
  const double rate = evidence_.AtLimit() ? options_.max_qps : ConfirmRate();
  const double all_queries_s = static_cast<double>(options_.min_queries) / rate;
  return Request(TrialKind::Confirm, rate, std::max(options_.min_duration_s, all_queries_s));
}

// At a low rate, the fewest queries of a run may take longer than there is time; where nothing is
// known yet, some more is taken. A run of too few queries is made once, for what it shows.
bool NextTrial::CanConfirm() const {
  const TrialRequest request = Confirm();
  const double least_s =
      (evidence_.outcomes.empty() ? kPeakBudgetDurations : 1) * options_.min_duration_s;
  const double most_s = std::max(least_s, evidence_.budget_s() - evidence_.used_s);
  if (request.duration_s > most_s) return false;
  return evidence_.refused == 0 || !HasTooFewQueries(request);
}

bool NextTrial::HasTooFewQueries(const TrialRequest& request) const {
  const double mean = request.rate_qps * request.duration_s;
  return mean + kFewQueriesDeviations * std::sqrt(mean) + 1 <
         static_cast<double>(options_.fewest_valid_queries);
}

double NextTrial::ConfirmRate() const {
  const double most =
      evidence_.lowest_refused_qps * (1 - std::min(options_.precision, kMostConfirmStep));
  if (estimate_.cliff) return std::min(estimate_.low_qps, most);
  if (estimate_.fitted) return std::min(FittedConfirmRate(), most);
  const TrialOutcome* known = evidence_.low != nullptr ? evidence_.low : evidence_.high;
  // With hardly any budget nothing was tried.
  return std::min(known != nullptr ? known->request.rate_qps : options_.start_qps, most);
}

// The rate at which the confirming run is VALID with the chance wanted. Early stopping allows fewer
// queries over the bound than the percentile does; and how many there are varies.
double NextTrial::FittedConfirmRate() const {
  const double queries = std::max(options_.min_duration_s * estimate_.rate_qps,
                                  static_cast<double>(options_.min_queries));
  const double expected = queries * over_share();
  const double allowed =
      std::max(expected - kEarlyStoppingQuantile * std::sqrt(expected), expected / 10);
  const double chance = kChances[std::min(evidence_.refused, kChances.size() - 1)];
  // m + z * sqrt(dispersion * m) = allowed.
  const double half = NormalQuantile(chance) * std::sqrt(estimate_.dispersion) / 2;
  const double root = std::sqrt(half * half + allowed) - half;
  // With few large clusters of queries over the bound the run passes if there is none.
  const double none = std::min(allowed, -std::log(chance) * estimate_.dispersion / 2);
  const double mean = std::max(root * root, none);
  // A slope that is hardly one would lead far away.
  const double factor =
      std::max(std::exp(std::log(mean / expected) / estimate_.slope), kLeastConfirm);
  return estimate_.rate_qps * factor;
}

}  // namespace mlperf::loadgen
