#include "search/peak_finder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "search/control_queue.h"
#include "search/option_range.h"
#include "search/peak_finder_tuning.h"
#include "search/peak_fit.h"
#include "test_settings.h"

namespace mlperf::loadgen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double LogOdds(double share) { return std::log(share / (1 - share)); }

// What the outcomes of a search so far say, and what follows.
class Search {
 public:
  Search(const PeakFinderOptions& options, const std::vector<TrialOutcome>& outcomes)
      : options_(options), outcomes_(outcomes) {
    for (const TrialOutcome& outcome : outcomes_) Sort(outcome);
    Estimate();
    LimitByFailures();
  }

  std::optional<TrialRequest> Next() const;
  PeakAnswer Answer() const;

 private:
  void NoteCompleted(const TrialOutcome& outcome);
  void Narrow(const TrialOutcome& outcome);
  void Sort(const TrialOutcome& outcome);
  double SlopeGuess() const;
  std::pair<double, double> MeasuredRange() const;
  void Estimate();
  bool EstimateCliff();
  void LimitByFailures();
  bool FailuresBegin(double rate_qps) const;
  bool NeverPasses() const;
  double HighestPassed() const;
  bool AtLimit() const;
  bool Confirms() const;
  bool CanConfirm() const;
  bool HasTooFewQueries(const TrialRequest& request) const;
  TrialRequest ConfirmRequest() const;
  bool Precise() const;
  bool MostlyOver(const TrialOutcome& outcome) const;
  PeakEnd End() const;

  double Excess(const TrialOutcome& outcome) const;
  bool Near(const TrialOutcome& outcome) const;
  double Top() const;
  bool Bracketed() const;
  double BracketRate() const;
  double BetweenRate() const;
  double FirstMeasureRate() const;
  double MeasureRate() const;
  double MeasureDuration(double rate_qps) const;
  double ConfirmRate() const;
  double EnoughSeconds(double rate_qps) const;
  void AddSettling(PeakAnswer* answer) const;
  void AddKnown(PeakAnswer* answer) const;
  bool MeasuredEnough() const;
  double budget_s() const {
    return options_.time_budget_s.value_or(kPeakBudgetDurations * options_.min_duration_s);
  }
  // For measuring: what the confirming run does not need.
  double left_s() const { return budget_s() - used_s_ - options_.min_duration_s; }
  double bound_s() const;
  double over_share() const;
  double precision_reached() const { return (high_qps_ - low_qps_) / (2 * rate_qps_); }
  TrialRequest Request(TrialKind kind, double rate_qps, double duration_s) const;

  const PeakFinderOptions& options_;
  const std::vector<TrialOutcome>& outcomes_;

  double used_s_ = 0;
  // The bracket: the lowest rate that failed, the highest below that passed.
  const TrialOutcome* low_ = nullptr;
  const TrialOutcome* high_ = nullptr;
  bool contradicted_ = false;        // A rate passed and a lower one failed.
  double capacity_qps_ = kInfinity;  // Completed by an overloaded trial.
  uint64_t most_completed_ = 0;
  double sustained_qps_ = 0;                   // Completed by any trial.
  std::vector<const TrialOutcome*> measured_;  // In full.
  double measured_s_ = 0;
  const TrialOutcome* failing_ = nullptr;  // The lowest rate at which queries failed.
  size_t refused_ = 0;                     // Confirming runs that were not VALID, ...
  double lowest_refused_qps_ = kInfinity;
  std::optional<double> valid_qps_;

  // The estimate.
  bool found_ = false;
  bool cliff_ = false;
  bool by_failures_ = false;
  double rate_qps_ = 0, low_qps_ = 0, high_qps_ = kInfinity;
  double slope_ = kUsualSlope;
  double dispersion_ = 1;
};

// How far the worst constraint's log odds lie above the target.
double Search::Excess(const TrialOutcome& outcome) const {
  double worst = -kInfinity;
  for (size_t c = 0; c < options_.constraints.size(); ++c) {
    const OverCounts& counts = outcome.counts[c];
    const double over = static_cast<double>(counts.over) + 0.5;
    const double share = over / (static_cast<double>(counts.queries) + 1);
    worst = std::max(worst, LogOdds(share) - LogOdds(options_.constraints[c].over_share));
  }
  return worst;
}

bool Search::MostlyOver(const TrialOutcome& outcome) const {
  return Excess(outcome) > LogOdds(0.5) - LogOdds(over_share());
}

double Search::bound_s() const {
  double longest = 0;
  for (const PeakConstraint& c : options_.constraints) longest = std::max(longest, c.bound_s);
  return longest;
}

double Search::over_share() const {
  double least = 1;
  for (const PeakConstraint& c : options_.constraints) least = std::min(least, c.over_share);
  return least;
}

uint64_t MostOver(const TrialOutcome& outcome) {
  uint64_t most = 0;
  for (const OverCounts& counts : outcome.counts) most = std::max(most, counts.over);
  return most;
}

bool InFull(const TrialOutcome& outcome) {
  return outcome.elapsed_s >= 0.9 * outcome.request.duration_s;
}

bool BacklogGrew(const TrialOutcome& outcome) {
  return std::any_of(outcome.counts.begin(), outcome.counts.end(),
                     [](const OverCounts& counts) { return counts.backlog_grows; });
}

// What the system completed at most, and what it completes when that is not enough.
void Search::NoteCompleted(const TrialOutcome& outcome) {
  if (outcome.completed < kFewestCompleted) return;
  const double qps = static_cast<double>(outcome.completed) / outcome.elapsed_s;
  sustained_qps_ = std::max(sustained_qps_, qps);
  const bool overloaded =
      BacklogGrew(outcome) || (MostlyOver(outcome) && outcome.completed < outcome.issued);
  // The trial with the most tells best.
  if (!overloaded || outcome.completed <= most_completed_) return;
  most_completed_ = outcome.completed;
  capacity_qps_ = qps;
}

void Search::Narrow(const TrialOutcome& outcome) {
  const double rate = outcome.request.rate_qps;
  if (TrialFails(options_, outcome)) {
    if (high_ == nullptr || rate < high_->request.rate_qps) high_ = &outcome;
  } else if (low_ == nullptr || rate > low_->request.rate_qps) {
    low_ = &outcome;
  }
  if (low_ == nullptr || high_ == nullptr) return;
  if (low_->request.rate_qps < high_->request.rate_qps) return;
  // Chance: a rate both fails and passes. The latest outcome is right.
  (&outcome == low_ ? high_ : low_) = nullptr;
  contradicted_ = true;
}

void Search::Sort(const TrialOutcome& outcome) {
  used_s_ += outcome.wall_s;
  if (outcome.issued == 0) {  // No query was due: nothing speaks against the rate.
    if (outcome.request.kind == TrialKind::Bracket) Narrow(outcome);
    return;
  }
  NoteCompleted(outcome);
  Narrow(outcome);
  if (outcome.failed > 0 && !options_.failed_may_pass &&
      (failing_ == nullptr || outcome.request.rate_qps < failing_->request.rate_qps)) {
    failing_ = &outcome;
  }
  if (outcome.request.kind == TrialKind::Bracket) return;
  if (InFull(outcome)) {
    measured_.push_back(&outcome);
    measured_s_ += outcome.elapsed_s;
  }
  if (outcome.request.kind != TrialKind::Confirm) return;
  const double rate = outcome.request.rate_qps;
  if (outcome.valid) {
    valid_qps_ = std::max(valid_qps_.value_or(0), rate);
  } else {
    ++refused_;
    lowest_refused_qps_ = std::min(lowest_refused_qps_, rate);
  }
}

// The share over the bound falls exponentially with the capacity to spare, from all at none.
double Search::SlopeGuess() const {
  if (low_ == nullptr || high_ == nullptr || !(capacity_qps_ < kInfinity)) return kUsualSlope;
  const double peak = std::sqrt(low_->request.rate_qps * high_->request.rate_qps);
  const double load = std::min(peak / capacity_qps_, kMostLoad);
  return std::max(1.0, -std::log(over_share()) * load / (1 - load));
}

// Each constraint has a peak of its own; the smallest counts.
void Search::Estimate() {
  if (EstimateCliff()) return;
  rate_qps_ = kInfinity;
  for (size_t c = 0; c < options_.constraints.size(); ++c) {
    const PeakConstraint& constraint = options_.constraints[c];
    std::vector<FitTrial> trials;
    for (const TrialOutcome* outcome : measured_) {
      const TrialRequest& request = outcome->request;
      // A queue without a long run: its share depends on the length of the trial.
      if (request.rate_qps >= kStableLoad * capacity_qps_) continue;
      const double service_s = request.control_service_s.empty() ? 0 : request.control_service_s[c];
      trials.push_back({request.rate_qps, outcome->counts[c].batches,
                        ControlShare(request.rate_qps, service_s, constraint.bound_s)});
    }
    const PeakFit fit = FitPeak(trials, constraint.over_share, options_.confidence, SlopeGuess());
    if (!fit.found) continue;
    found_ = true;
    low_qps_ = low_qps_ == 0 ? fit.low_qps : std::min(low_qps_, fit.low_qps);
    high_qps_ = std::min(high_qps_, fit.high_qps);
    if (fit.rate_qps >= rate_qps_) continue;
    rate_qps_ = fit.rate_qps;
    slope_ = fit.slope;
    dispersion_ = fit.raw_dispersion;
  }
  // An extrapolation is no estimate.
  const auto [lowest, highest] = MeasuredRange();
  if (!found_ || rate_qps_ > highest * kMostStep || rate_qps_ < lowest / kMostStep) {
    found_ = false;
    rate_qps_ = low_qps_ = 0;
    high_qps_ = kInfinity;
  }
}

// No trial in which queries failed passes, however few they were: the peak is below them. It is no
// peak where trials below may just have been too short to see failures.
void Search::LimitByFailures() {
  if (failing_ == nullptr) return;
  const double above = failing_->request.rate_qps;
  if ((found_ || cliff_) && high_qps_ <= above) return;
  by_failures_ = true;
  const bool begins = FailuresBegin(above);
  if ((found_ || cliff_) && begins && rate_qps_ < above) {
    high_qps_ = above;
    return;
  }
  double below = 0;
  for (const TrialOutcome& outcome : outcomes_) {
    const double rate = outcome.request.rate_qps;
    if (outcome.issued == 0 || rate >= above || TrialFails(options_, outcome)) continue;
    below = std::max(below, rate);
  }
  found_ = false;
  cliff_ = below > 0 && begins;
  low_qps_ = cliff_ ? below : 0;
  high_qps_ = valid_qps_ && *valid_qps_ >= above ? kInfinity : above;
  rate_qps_ = cliff_ ? std::sqrt(below * above) : 0;
}

// Whether the rate, the lowest at which queries failed, has to do with it: were their share the
// same below, some would have been seen there.
bool Search::FailuresBegin(double rate_qps) const {
  double below = 0, near = 0, near_failed = 0;  // Near: not far above the rate.
  for (const TrialOutcome& outcome : outcomes_) {
    const double rate = outcome.request.rate_qps;
    if (rate > kNarrow * rate_qps) continue;
    (rate < rate_qps ? below : near) += static_cast<double>(outcome.issued);
    near_failed += static_cast<double>(outcome.failed);
  }
  // Not more of them than chance leaves.
  const double failed = std::max(near_failed - kFailureDeviations * std::sqrt(near_failed), 0.0);
  return below * failed / near >= kFailureEvidence;
}

std::pair<double, double> Search::MeasuredRange() const {
  double lowest = kInfinity, highest = 0;
  for (const TrialOutcome* outcome : measured_) {
    lowest = std::min(lowest, outcome->request.rate_qps);
    highest = std::max(highest, outcome->request.rate_qps);
  }
  return {lowest, highest};
}

// No slope to be fitted: all trials below a rate have no query over the bound to speak of, and all
// above it far too many.
bool Search::EstimateCliff() {
  double below = 0, above = kInfinity;
  for (const TrialOutcome* outcome : measured_) {
    const double rate = outcome->request.rate_qps;
    const double excess = Excess(*outcome);
    if (excess > -kCliffLogOdds && !MostlyOver(*outcome)) return false;
    if (excess > 0) {
      above = std::min(above, rate);
    } else {
      below = std::max(below, rate);
    }
  }
  if (below == 0 || above == kInfinity || below >= above) return false;
  cliff_ = true;
  low_qps_ = below;
  high_qps_ = above;
  rate_qps_ = std::sqrt(below * above);
  return true;
}

TrialRequest Search::Request(TrialKind kind, double rate_qps, double duration_s) const {
  TrialRequest request;
  request.kind = kind;
  request.rate_qps = std::min(rate_qps, options_.max_qps);
  request.duration_s = duration_s;
  request.number = outcomes_.size();
  for (const PeakConstraint& c : options_.constraints) {
    const double center = found_ ? rate_qps_ : request.rate_qps;
    request.control_service_s.push_back(
        kind == TrialKind::Bracket ? 0 : ControlService(center, c.bound_s, c.over_share));
  }
  return request;
}

// ---- Bracketing --------------------------------------------------------------------------------

bool Search::Near(const TrialOutcome& outcome) const {
  return InFull(outcome) && MostOver(outcome) >= kFewestOver &&
         std::abs(Excess(outcome)) < kNearLogOdds;
}

// Where there is hope of passing: hardly at the capacity, until a rate there has passed.
double Search::Top() const {
  const double low = low_->request.rate_qps, high = high_->request.rate_qps;
  return std::clamp(kHighestLoad * capacity_qps_, std::min(low * kShortStep, high), high);
}

bool Search::Bracketed() const {
  if (found_ || cliff_) return true;
  if (low_ == nullptr || high_ == nullptr) return false;
  if (Top() <= kNarrow * low_->request.rate_qps) return true;
  return Near(*low_) || Near(*high_);
}

double Search::BracketRate() const {
  if (low_ == nullptr && high_ == nullptr) return options_.start_qps;
  const double leap = contradicted_ ? kShortLeap : kLeap;
  const double floor = kFewestQueries / options_.min_duration_s;
  if (high_ == nullptr) return std::max(leap * low_->request.rate_qps, floor);
  if (low_ != nullptr) return BetweenRate();
  const double high = high_->request.rate_qps;
  double next = high / leap;
  if (capacity_qps_ < high && !contradicted_) next = kFirstLoad * capacity_qps_;
  return std::max(next, std::min(floor, high / 2));
}

// The log of the share is nearly linear in the rate, and the share is 1 at the capacity.
double Search::BetweenRate() const {
  const double low = low_->request.rate_qps, high = high_->request.rate_qps, top = Top();
  const double target = std::log(over_share());
  const double at_low = target + Excess(*low_);
  double next = std::sqrt(low * top);
  if (low > top / 3) next = low + 0.5 * (top - low);
  if (MostOver(*low_) >= kFewestOver && at_low < -0.1) {
    next = top - (top - low) * target / at_low;
  }
  const double span = high / low;
  return std::clamp(next, low * std::pow(span, 0.2), low * std::pow(span, 0.8));
}

// ---- Measuring ---------------------------------------------------------------------------------

bool Search::Precise() const {
  if (!found_ && !cliff_) return false;
  const bool enough =
      cliff_ || (measured_.size() >= kFewestTrials && measured_s_ >= kConvergedBounds * bound_s());
  return enough && precision_reached() <= options_.precision;
}

bool Search::MeasuredEnough() const {
  return Precise() || left_s() < kShortestMeasure * options_.min_duration_s;
}

// Without a fit: from the side of the bracket that is near the target, or between the two.
double Search::FirstMeasureRate() const {
  const double low = low_->request.rate_qps, high = high_->request.rate_qps;
  const double middle = std::sqrt(low * Top());
  double guess = middle;
  if (Near(*high_)) guess = high * std::exp(-Excess(*high_) / kUsualSlope);
  if (Near(*low_)) guess = low * std::exp(-Excess(*low_) / kUsualSlope);
  return guess > low && guess < high ? guess : middle;
}

// Above and below the estimate in turn, whichever side has less weight so far.
double Search::MeasureRate() const {
  if (cliff_) return rate_qps_;
  if (!found_) return FirstMeasureRate();
  double balance = 0;
  for (const TrialOutcome* outcome : measured_) {
    const double off = std::log(outcome->request.rate_qps / rate_qps_);
    if (std::abs(off) < 2 * kMostSpread) balance += off * outcome->elapsed_s;
  }
  const double spread = std::min(kSpreadLogOdds / slope_, kMostSpread);
  return rate_qps_ * std::exp(balance > 0 ? -spread : spread);
}

double Search::MeasureDuration(double rate_qps) const {
  double duration_s = std::max(kMeasureOver / over_share() / rate_qps, kMeasureBounds * bound_s());
  if (found_ && measured_.size() >= kFewestTrials && high_qps_ < kInfinity) {
    const double ratio = precision_reached() / options_.precision;
    const double missing_s = measured_s_ * (ratio * ratio - 1);
    duration_s = std::max(duration_s, std::min(missing_s, measured_s_) / 2);
  }
  duration_s = std::min(duration_s, options_.min_duration_s);
  const size_t missing = kFewestTrials - std::min(kFewestTrials - 1, measured_.size());
  return std::min(duration_s, left_s() / static_cast<double>(missing));
}

// ---- Confirming --------------------------------------------------------------------------------

// The rate at which the confirming run is VALID with the chance wanted. Early stopping allows fewer
// queries over the bound than the percentile does; and how many there are varies.
double Search::ConfirmRate() const {
  const double most = lowest_refused_qps_ * (1 - std::min(options_.precision, kMostConfirmStep));
  if (cliff_) return std::min(low_qps_, most);
  if (!found_) {
    const TrialOutcome* known = low_ != nullptr ? low_ : high_;
    // With hardly any budget nothing was tried.
    return std::min(known != nullptr ? known->request.rate_qps : options_.start_qps, most);
  }
  const double share = over_share();
  const double queries =
      std::max(options_.min_duration_s * rate_qps_, static_cast<double>(options_.min_queries));
  const double expected = queries * share;
  const double allowed =
      std::max(expected - kEarlyStoppingQuantile * std::sqrt(expected), expected / 10);
  const double chance = kChances[std::min(refused_, kChances.size() - 1)];
  // m + z * sqrt(dispersion * m) = allowed.
  const double half = NormalQuantile(chance) * std::sqrt(dispersion_) / 2;
  const double root = std::sqrt(half * half + allowed) - half;
  // With few large clusters of queries over the bound the run passes if there is none.
  const double none = std::min(allowed, -std::log(chance) * dispersion_ / 2);
  const double mean = std::max(root * root, none);
  // A slope that is hardly one would lead far away.
  const double factor = std::max(std::exp(std::log(mean / expected) / slope_), kLeastConfirm);
  return std::min(rate_qps_ * factor, most);
}

// ---- The whole ---------------------------------------------------------------------------------

// No rate is low enough: even a system with hardly anything to do has most queries over the bound.
bool Search::NeverPasses() const {
  if (low_ != nullptr || high_ == nullptr || contradicted_ || !measured_.empty()) return false;
  const double rate = high_->request.rate_qps;
  if (rate <= kFewestQueries / options_.min_duration_s) return true;
  return rate <= kIdleLoad * sustained_qps_ && MostlyOver(*high_);
}

// Nothing failed up to the limit.
bool Search::AtLimit() const {
  return high_ == nullptr && low_ != nullptr && low_->request.rate_qps >= options_.max_qps;
}

bool Search::Confirms() const {
  return AtLimit() || ((Bracketed() || left_s() <= 0) && MeasuredEnough());
}

TrialRequest Search::ConfirmRequest() const {
  const double rate = AtLimit() ? options_.max_qps : ConfirmRate();
  const double all_queries_s = static_cast<double>(options_.min_queries) / rate;
  return Request(TrialKind::Confirm, rate, std::max(options_.min_duration_s, all_queries_s));
}

// At a low rate, the fewest queries of a run may take longer than there is time; where nothing is
// known yet, some more is taken. A run of too few
// queries is made once, for what it shows.
bool Search::CanConfirm() const {
  const TrialRequest request = ConfirmRequest();
  const double least_s = (outcomes_.empty() ? kPeakBudgetDurations : 1) * options_.min_duration_s;
  const double most_s = std::max(least_s, budget_s() - used_s_);
  if (request.duration_s > most_s) return false;
  return refused_ == 0 || !HasTooFewQueries(request);
}

// A run cannot be VALID, however fast the system.
bool Search::HasTooFewQueries(const TrialRequest& request) const {
  const double mean = request.rate_qps * request.duration_s;
  return mean + kFewQueriesDeviations * std::sqrt(mean) + 1 <
         static_cast<double>(options_.fewest_valid_queries);
}

PeakEnd Search::End() const {
  if (valid_qps_ == options_.max_qps) return PeakEnd::Limit;
  if (NeverPasses()) return PeakEnd::NeverPasses;
  const PeakEnd end = Precise() ? PeakEnd::Converged : PeakEnd::BudgetUsed;
  if ((found_ || cliff_) && MeasuredEnough() && (valid_qps_ || refused_ >= kChances.size())) {
    return end;
  }
  if (AtLimit() && refused_ >= kChances.size()) return PeakEnd::Unconfirmed;
  if (Confirms() && !CanConfirm()) {
    const bool too_few = end != PeakEnd::Converged && HasTooFewQueries(ConfirmRequest());
    return too_few ? PeakEnd::Unconfirmed : end;
  }
  const double next_s = refused_ > 0 ? kConfirmShare * options_.min_duration_s : 0;
  return used_s_ + next_s >= budget_s() ? end : PeakEnd::Open;
}

std::optional<TrialRequest> Search::Next() const {
  if (End() != PeakEnd::Open) return {};
  if (Confirms()) return ConfirmRequest();
  if (!Bracketed() && left_s() > 0) {
    const double rate = std::min(BracketRate(), options_.max_qps);
    const bool both = low_ != nullptr && high_ != nullptr;
    const double queries = both ? kBracketOver / over_share() : kLeapQueries;
    const double duration_s = std::max(kBracketBounds * bound_s(), queries / rate);
    return Request(TrialKind::Bracket, rate,
                   std::min(duration_s, kMostOfRun * options_.min_duration_s));
  }
  const double rate = MeasureRate();
  return Request(TrialKind::Measure, rate, MeasureDuration(rate));
}

// The highest rate of a trial that passed, below all that failed; 0: none passed. A confirming run
// may keep the bound and be refused, for too few queries say.
double Search::HighestPassed() const {
  double highest = 0, lowest_failed = kInfinity;
  for (const TrialOutcome& outcome : outcomes_) {
    const double rate = outcome.request.rate_qps;
    if (outcome.issued > 0 && TrialFails(options_, outcome)) {
      lowest_failed = std::min(lowest_failed, rate);
    }
  }
  for (const TrialOutcome& outcome : outcomes_) {
    const double rate = outcome.request.rate_qps;
    if (outcome.issued > 0 && rate < lowest_failed) highest = std::max(highest, rate);
  }
  return highest;
}

void Search::AddKnown(PeakAnswer* answer) const {
  answer->at_least_qps = std::max(answer->low_qps, valid_qps_.value_or(0));
  answer->at_most_qps = answer->high_qps;
  if (high_ != nullptr && high_->request.rate_qps > answer->at_least_qps) {
    answer->at_most_qps = std::min(answer->at_most_qps, high_->request.rate_qps);
  }
  AddSettling(answer);
}

// How long a run must be for enough queries to be VALID.
double Search::EnoughSeconds(double rate_qps) const {
  const auto queries = static_cast<double>(options_.fewest_valid_queries);
  return (queries + kFewQueriesDeviations * std::sqrt(queries)) / rate_qps;
}

void Search::AddSettling(PeakAnswer* answer) const {
  const bool settles = answer->end == PeakEnd::BudgetUsed || answer->end == PeakEnd::Unconfirmed;
  if (!settles) return;
  const TrialRequest confirm = ConfirmRequest();
  const bool too_few = HasTooFewQueries(confirm);
  if (answer->end == PeakEnd::Unconfirmed && too_few) answer->too_few_qps = confirm.rate_qps;
  // More time changes nothing where queries fail, nor where runs at the limit are refused.
  if (by_failures_ || (answer->end == PeakEnd::Unconfirmed && !too_few)) return;
  const double enough_s = too_few ? EnoughSeconds(confirm.rate_qps) : 0;
  if (AtLimit() && too_few) {  // Nothing fails: all that is missing is a run that is VALID.
    answer->settling_min_duration_s = enough_s;
    answer->settling_budget_s = kPeakBudgetDurations * enough_s;
    return;
  }
  // Trials long enough to hold some busy spells, and time for enough of them.
  const double trial_s = std::max(kSettlingTrial * bound_s(), enough_s);
  answer->settling_budget_s =
      std::max({kSettlingGrowth * std::max(budget_s(), used_s_), kSettlingBounds * bound_s(),
                kSettlingGrowth * std::max(confirm.duration_s, enough_s)});
  if (options_.min_duration_s < trial_s) answer->settling_min_duration_s = trial_s;
}

PeakAnswer Search::Answer() const {
  PeakAnswer answer;
  answer.end = End();
  answer.rate_qps = rate_qps_;
  answer.low_qps = low_qps_;
  answer.high_qps = high_qps_;
  answer.valid_qps = valid_qps_;
  answer.by_failures = by_failures_;
  if (answer.end == PeakEnd::Limit) {
    answer.rate_qps = answer.low_qps = options_.max_qps;
    answer.high_qps = kInfinity;
  }
  // Too little time for more, but what passed is known.
  const bool is_open = answer.end == PeakEnd::BudgetUsed || answer.end == PeakEnd::Unconfirmed;
  if (answer.rate_qps == 0 && is_open) {
    answer.low_qps = valid_qps_.value_or(0);
    answer.rate_qps = std::max(answer.low_qps, HighestPassed());
    if (high_ != nullptr && high_->request.rate_qps > answer.low_qps) {
      answer.high_qps = std::min(answer.high_qps, high_->request.rate_qps);
    }
  }
  AddKnown(&answer);
  const TrialOutcome* lowest = nullptr;
  for (const TrialOutcome& outcome : outcomes_) {
    if (lowest == nullptr || outcome.request.rate_qps < lowest->request.rate_qps) {
      lowest = &outcome;
    }
  }
  if (lowest == nullptr) return answer;
  answer.lowest_qps = lowest->request.rate_qps;
  for (const OverCounts& counts : lowest->counts) {
    const double queries = static_cast<double>(std::max<uint64_t>(1, counts.queries));
    answer.lowest_over_share =
        std::max(answer.lowest_over_share, static_cast<double>(counts.over) / queries);
  }
  return answer;
}

void Check(bool good, const std::string& name, double value, const std::string& cure) {
  if (!good) throw SettingsError(name + " is " + NumberText(value) + ": " + cure);
}

void CheckTime(const std::string& name, double value_s) {
  Check(value_s >= 0 && std::isfinite(value_s), name, value_s, "a trial takes 0 s or more");
}

void CheckCounts(const OverCounts& counts) {
  Check(counts.over <= counts.queries, "over", static_cast<double>(counts.over),
        "no more than all queries can be over the bound");
  for (const OverBatch& batch : counts.batches) {
    CheckTime("seconds", batch.seconds);
    Check(batch.over <= batch.queries, "over of a batch", static_cast<double>(batch.over),
          "no more than all queries can be over the bound");
  }
}

}  // namespace

bool TrialFails(const PeakFinderOptions& options, const TrialOutcome& outcome) {
  if (outcome.failed > 0 && !options.failed_may_pass) return true;
  for (size_t c = 0; c < options.constraints.size(); ++c) {
    const OverCounts& counts = outcome.counts[c];
    const double allowed = options.constraints[c].over_share * static_cast<double>(counts.queries);
    if (counts.outlook == TrialOutlook::Fails) return true;
    if (static_cast<double>(counts.over) <= allowed) continue;
    if (counts.over >= kFewestOver || allowed < kHardlyAny) return true;
  }
  return false;
}

void CheckOutcome(const TrialOutcome& outcome, size_t constraints) {
  const TrialRequest& request = outcome.request;
  Check(outcome.counts.size() == constraints, "the number of counts",
        static_cast<double>(outcome.counts.size()), "there must be one a constraint");
  const size_t services = request.control_service_s.size();
  Check(services == 0 || services == constraints, "the number of control_service_s",
        static_cast<double>(services), "there must be one a constraint");
  Check(request.rate_qps > 0 && request.rate_qps <= kMaxServerQps, "rate_qps", request.rate_qps,
        "a rate is above 0 and at most 1e9");
  CheckTime("duration_s", request.duration_s);
  CheckTime("elapsed_s", outcome.elapsed_s);
  CheckTime("wall_s", outcome.wall_s);
  Check(outcome.completed <= outcome.issued, "completed", static_cast<double>(outcome.completed),
        "no more than was issued can be completed");
  Check(outcome.completed == 0 || outcome.elapsed_s > 0, "elapsed_s", outcome.elapsed_s,
        "what was completed took some time");
  for (const double service_s : request.control_service_s)
    CheckTime("control_service_s", service_s);
  for (const OverCounts& counts : outcome.counts) CheckCounts(counts);
}

PeakFinder::PeakFinder(const PeakFinderOptions& options) : options_(options) {
  Check(!options.constraints.empty(), "the number of constraints", 0, "a search needs one");
  for (const PeakConstraint& constraint : options.constraints) {
    Check(constraint.bound_s > 0 && std::isfinite(constraint.bound_s), "bound_s",
          constraint.bound_s, "it must be a finite number above 0");
    Check(constraint.over_share > 0 && constraint.over_share < 0.5, "over_share",
          constraint.over_share, "it must be above 0 and below 0.5");
  }
  Check(options.min_duration_s > 0 && std::isfinite(options.min_duration_s), "min_duration_s",
        options.min_duration_s, "it must be a finite number above 0");
  CheckOption("start_qps", options.start_qps);
  CheckOption("max_qps", options.max_qps);
  Check(options.max_qps >= options.start_qps, "max_qps", options.max_qps,
        "give at least start_qps, " + NumberText(options.start_qps));
  CheckOption("precision", options.precision);
  CheckOption("confidence", options.confidence);
  if (options.time_budget_s) CheckOption("time_budget_s", *options.time_budget_s);
}

std::optional<TrialRequest> PeakFinder::Next() const { return Search(options_, outcomes_).Next(); }

void PeakFinder::Add(const TrialOutcome& outcome) {
  CheckOutcome(outcome, options_.constraints.size());
  outcomes_.push_back(outcome);
}

PeakAnswer PeakFinder::Answer() const { return Search(options_, outcomes_).Answer(); }

}  // namespace mlperf::loadgen
