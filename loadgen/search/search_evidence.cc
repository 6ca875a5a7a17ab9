#include "search/search_evidence.h"

#include <algorithm>

#include "search/peak_finder_tuning.h"

namespace mlperf::loadgen {

SearchEvidence::SearchEvidence(const PeakFinderOptions& the_options,
                               const std::vector<TrialOutcome>& the_outcomes)
    : options(the_options), outcomes(the_outcomes) {
  for (const TrialOutcome& outcome : outcomes) Add(outcome);
}

void SearchEvidence::Add(const TrialOutcome& outcome) {
  used_s += outcome.wall_s;
  if (outcome.issued == 0) {  // No query was due: nothing speaks against the rate.
    if (outcome.request.kind == TrialKind::Bracket) Narrow(outcome);
    return;
  }
  NoteCompleted(outcome);
  Narrow(outcome);
  if (outcome.failed > 0 && !options.failed_may_pass &&
      (failing == nullptr || outcome.request.rate_qps < failing->request.rate_qps)) {
    failing = &outcome;
  }
  if (outcome.request.kind == TrialKind::Bracket) return;
  if (InFull(outcome)) {
    measured.push_back(&outcome);
    measured_s += outcome.elapsed_s;
  }
  if (outcome.request.kind == TrialKind::Confirm) NoteConfirmed(outcome);
}

// What the system completed at most, and what it completes when that is not enough.
void SearchEvidence::NoteCompleted(const TrialOutcome& outcome) {
  if (outcome.completed < kFewestCompleted) return;
  const double qps = static_cast<double>(outcome.completed) / outcome.elapsed_s;
  sustained_qps = std::max(sustained_qps, qps);
  const bool overloaded =
      BacklogGrew(outcome) || (MostlyOver(options, outcome) && outcome.completed < outcome.issued);
  // The trial with the most is the most exact.
  if (!overloaded || outcome.completed <= most_completed_) return;
  most_completed_ = outcome.completed;
  capacity_qps = qps;
}

void SearchEvidence::Narrow(const TrialOutcome& outcome) {
  const double rate = outcome.request.rate_qps;
  if (TrialFails(options, outcome)) {
    if (high == nullptr || rate < high->request.rate_qps) high = &outcome;
  } else if (low == nullptr || rate > low->request.rate_qps) {
    low = &outcome;
  }
  if (low == nullptr || high == nullptr) return;
  if (low->request.rate_qps < high->request.rate_qps) return;
  // Chance: a rate both fails and passes. The latest outcome is right.
  (&outcome == low ? high : low) = nullptr;
  contradicted = true;
}

void SearchEvidence::NoteConfirmed(const TrialOutcome& outcome) {
  const double rate = outcome.request.rate_qps;
  if (outcome.valid) {
    valid_qps = std::max(valid_qps.value_or(0), rate);
  } else {
    ++refused;
    lowest_refused_qps = std::min(lowest_refused_qps, rate);
  }
}

bool SearchEvidence::NeverPasses() const {
  if (low != nullptr || high == nullptr || contradicted || !measured.empty()) return false;
  const double rate = high->request.rate_qps;
  if (rate <= kFewestQueries / options.min_duration_s) return true;
  return rate <= kIdleLoad * sustained_qps && MostlyOver(options, *high);
}

bool SearchEvidence::AtLimit() const {
  return high == nullptr && low != nullptr && low->request.rate_qps >= options.max_qps;
}

double SearchEvidence::HighestPassed() const {
  double highest = 0, lowest_failed = std::numeric_limits<double>::infinity();
  for (const TrialOutcome& outcome : outcomes) {
    const double rate = outcome.request.rate_qps;
    if (outcome.issued > 0 && TrialFails(options, outcome)) {
      lowest_failed = std::min(lowest_failed, rate);
    }
  }
  for (const TrialOutcome& outcome : outcomes) {
    const double rate = outcome.request.rate_qps;
    if (outcome.issued > 0 && rate < lowest_failed) highest = std::max(highest, rate);
  }
  return highest;
}

}  // namespace mlperf::loadgen
