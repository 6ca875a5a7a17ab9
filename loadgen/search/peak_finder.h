// The strategy of a search for the highest Server rate that keeps the latency constraints in the
// long run: which trial next, and when to stop. It runs nothing itself: ask Next(), run the trial,
// give its outcome to Add(). What it decides depends on the outcomes alone, so that a search goes
// on where it was left when it is given the earlier outcomes. docs/peak_search.md has the method.
#ifndef MLPERF_LOADGEN_SEARCH_PEAK_FINDER_H_
#define MLPERF_LOADGEN_SEARCH_PEAK_FINDER_H_

#include <optional>
#include <vector>

#include "search/trial_outcome.h"

namespace mlperf::loadgen {

enum class PeakEnd {
  Open,         // Next() has another trial.
  Converged,    // As precise as asked for.
  Limit,        // Nothing fails up to max_qps.
  NeverPasses,  // Not even a lone query keeps the constraints.
  Unconfirmed,  // No confirming run can be VALID, or none was at the limit.
  BudgetUsed,   // The best answer so far.
};

struct PeakAnswer {
  PeakEnd end = PeakEnd::Open;
  double rate_qps = 0;              // The estimate; 0: none yet.
  double low_qps = 0;               // Its interval; 0 and infinity where nothing bounds it.
  double high_qps = 0;              //
  std::optional<double> valid_qps;  // The rate of the confirming run that was VALID.
  double at_least_qps = 0;   // What is known of the peak, by the interval, by a VALID run, ...
  double at_most_qps = 0;    // ... and by what fails; 0 and infinity where nothing is.
  bool by_failures = false;  // What bounds the peak is that queries fail, not that they are late.
  double too_few_qps = 0;    // At this rate a run of min_duration has too few queries; 0: none has.
  // BudgetUsed, Unconfirmed: what is likely to close the interval, a budget and, unless 0, a
  // min_duration_s.
  double settling_budget_s = 0;
  double settling_min_duration_s = 0;
  double lowest_qps = 0;         // The lowest rate tried, ...
  double lowest_over_share = 0;  // ... and its share over the bound, of the worst constraint.
};

class PeakFinder {
 public:
  // Throws SettingsError, a std::invalid_argument, for options no search can run with.
  explicit PeakFinder(const PeakFinderOptions& options);

  // The next trial; nothing if the search has ended.
  std::optional<TrialRequest> Next() const;

  void Add(const TrialOutcome& outcome);

  PeakAnswer Answer() const;

 private:
  PeakFinderOptions options_;
  std::vector<TrialOutcome> outcomes_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_PEAK_FINDER_H_
