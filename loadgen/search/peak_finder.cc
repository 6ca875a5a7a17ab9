#include "search/peak_finder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "search/next_trial.h"
#include "search/peak_checks.h"
#include "search/peak_estimate.h"
#include "search/peak_finder_tuning.h"
#include "search/search_evidence.h"

namespace mlperf::loadgen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What the outcomes of a search so far say, and what follows.
class Search {
 public:
  Search(const PeakFinderOptions& options, const std::vector<TrialOutcome>& outcomes)
      : options_(options),
        evidence_(options, outcomes),
        estimate_(EstimatePeak(evidence_)),
        next_(evidence_, estimate_) {}
  Search(const Search&) = delete;  // Its parts refer to each other.
  Search& operator=(const Search&) = delete;

  std::optional<TrialRequest> Next() const {
    if (End() != PeakEnd::Open) return {};
    return next_.Confirms() ? next_.Confirm() : next_.Explore();
  }
  PeakAnswer Answer() const;

 private:
  PeakEnd End() const;
  double EnoughSeconds(double rate_qps) const;
  void AddWhatPassed(PeakAnswer* answer) const;
  void AddKnown(PeakAnswer* answer) const;
  void AddSettling(PeakAnswer* answer) const;
  void AddLowest(PeakAnswer* answer) const;

  const PeakFinderOptions& options_;
  const SearchEvidence evidence_;
  const PeakEstimate estimate_;
  const NextTrial next_;
};

// ---- The end -----------------------------------------------------------------------------------

PeakEnd Search::End() const {
  if (evidence_.valid_qps == options_.max_qps) return PeakEnd::Limit;
  if (evidence_.NeverPasses()) return PeakEnd::NeverPasses;
  const PeakEnd end = next_.Precise() ? PeakEnd::Converged : PeakEnd::BudgetUsed;
  const bool out_of_chances = evidence_.refused >= kChances.size();
  if (estimate_.known() && next_.MeasuredEnough() && (evidence_.valid_qps || out_of_chances)) {
    return end;
  }
  if (evidence_.AtLimit() && out_of_chances) return PeakEnd::Unconfirmed;
  if (next_.Confirms() && !next_.CanConfirm()) {
    const bool too_few = end != PeakEnd::Converged && next_.HasTooFewQueries(next_.Confirm());
    return too_few ? PeakEnd::Unconfirmed : end;
  }
  const double next_s = evidence_.refused > 0 ? kConfirmShare * options_.min_duration_s : 0;
  return evidence_.used_s + next_s >= evidence_.budget_s() ? end : PeakEnd::Open;
}

bool IsUnsettled(PeakEnd end) { return end == PeakEnd::BudgetUsed || end == PeakEnd::Unconfirmed; }

// ---- The answer --------------------------------------------------------------------------------

PeakAnswer Search::Answer() const {
  PeakAnswer answer;
  answer.end = End();
  answer.rate_qps = estimate_.rate_qps;
  answer.low_qps = estimate_.low_qps;
  answer.high_qps = estimate_.high_qps;
  answer.valid_qps = evidence_.valid_qps;
  answer.by_failures = estimate_.by_failures;
  if (answer.end == PeakEnd::Limit) {
    answer.rate_qps = answer.low_qps = options_.max_qps;
    answer.high_qps = kInfinity;
  }
  if (answer.rate_qps == 0 && IsUnsettled(answer.end)) AddWhatPassed(&answer);
  AddKnown(&answer);
  if (IsUnsettled(answer.end)) AddSettling(&answer);
  AddLowest(&answer);
  return answer;
}

// Too little time for more, but what passed is known.
void Search::AddWhatPassed(PeakAnswer* answer) const {
  answer->low_qps = evidence_.valid_qps.value_or(0);
  answer->rate_qps = std::max(answer->low_qps, evidence_.HighestPassed());
  if (evidence_.high == nullptr) return;
  const double failed_qps = evidence_.high->request.rate_qps;
  if (failed_qps > answer->low_qps) answer->high_qps = std::min(answer->high_qps, failed_qps);
}

void Search::AddKnown(PeakAnswer* answer) const {
  answer->at_least_qps = std::max(answer->low_qps, evidence_.valid_qps.value_or(0));
  answer->at_most_qps = answer->high_qps;
  if (evidence_.high == nullptr) return;
  const double failed_qps = evidence_.high->request.rate_qps;
  if (failed_qps > answer->at_least_qps) {
    answer->at_most_qps = std::min(answer->at_most_qps, failed_qps);
  }
}

// How long a run must be for enough queries to be VALID.
double Search::EnoughSeconds(double rate_qps) const {
  const auto queries = static_cast<double>(options_.fewest_valid_queries);
  return (queries + kFewQueriesDeviations * std::sqrt(queries)) / rate_qps;
}

void Search::AddSettling(PeakAnswer* answer) const {
  const TrialRequest confirm = next_.Confirm();
  const bool too_few = next_.HasTooFewQueries(confirm);
  if (answer->end == PeakEnd::Unconfirmed && too_few) answer->too_few_qps = confirm.rate_qps;
  // More time changes nothing where queries fail, nor where runs at the limit are refused.
  if (estimate_.by_failures || (answer->end == PeakEnd::Unconfirmed && !too_few)) return;
  const double enough_s = too_few ? EnoughSeconds(confirm.rate_qps) : 0;
  if (evidence_.AtLimit() && too_few) {  // Nothing fails: only a run that is VALID is missing.
    answer->settling_min_duration_s = enough_s;
    answer->settling_budget_s = kPeakBudgetDurations * enough_s;
    return;
  }
  // Trials long enough to hold some busy spells, and time for enough of them.
  const double bound_s = LongestBoundSeconds(options_);
  const double trial_s = std::max(kSettlingTrial * bound_s, enough_s);
  answer->settling_budget_s = std::max(
      {kSettlingGrowth * std::max(evidence_.budget_s(), evidence_.used_s),
       kSettlingBounds * bound_s, kSettlingGrowth * std::max(confirm.duration_s, enough_s)});
  if (options_.min_duration_s < trial_s) answer->settling_min_duration_s = trial_s;
}

void Search::AddLowest(PeakAnswer* answer) const {
  const auto lowest = std::ranges::min_element(
      evidence_.outcomes, {}, [](const TrialOutcome& outcome) { return outcome.request.rate_qps; });
  if (lowest == evidence_.outcomes.end()) return;
  answer->lowest_qps = lowest->request.rate_qps;
  for (const OverCounts& counts : lowest->counts) {
    const double queries = static_cast<double>(std::max<uint64_t>(1, counts.queries));
    answer->lowest_over_share =
        std::max(answer->lowest_over_share, static_cast<double>(counts.over) / queries);
  }
}

}  // namespace

PeakFinder::PeakFinder(const PeakFinderOptions& options) : options_(options) {
  CheckOptions(options);
}

std::optional<TrialRequest> PeakFinder::Next() const { return Search(options_, outcomes_).Next(); }

void PeakFinder::Add(const TrialOutcome& outcome) {
  CheckOutcome(outcome, options_.constraints.size());
  outcomes_.push_back(outcome);
}

PeakAnswer PeakFinder::Answer() const { return Search(options_, outcomes_).Answer(); }

}  // namespace mlperf::loadgen
