// What all trials of a peak search so far show together: the bracket around the peak, the capacity
// of the system, what was measured in full, and what became of the confirming runs.
#ifndef MLPERF_LOADGEN_SEARCH_SEARCH_EVIDENCE_H_
#define MLPERF_LOADGEN_SEARCH_SEARCH_EVIDENCE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "search/trial_outcome.h"

namespace mlperf::loadgen {

struct SearchEvidence {
  // Both must outlive it.
  SearchEvidence(const PeakFinderOptions& options, const std::vector<TrialOutcome>& outcomes);

  double budget_s() const {
    return options.time_budget_s.value_or(kPeakBudgetDurations * options.min_duration_s);
  }
  // For measuring: what the confirming run does not need.
  double left_s() const { return budget_s() - used_s - options.min_duration_s; }

  // No rate is low enough: even a system with hardly anything to do has most queries over the
  // bound.
  bool NeverPasses() const;
  // Nothing failed up to the limit.
  bool AtLimit() const;
  // The highest rate of a trial that passed, below all that failed; 0: none passed. A confirming
  // run may keep the bound and be refused, for too few queries say.
  double HighestPassed() const;

  const PeakFinderOptions& options;
  const std::vector<TrialOutcome>& outcomes;

  double used_s = 0;
  // The bracket: the lowest rate that failed, the highest below that passed.
  const TrialOutcome* low = nullptr;
  const TrialOutcome* high = nullptr;
  bool contradicted = false;  // A rate passed and a lower one failed.
  // Completed by an overloaded trial, and by any trial.
  double capacity_qps = std::numeric_limits<double>::infinity();
  double sustained_qps = 0;
  std::vector<const TrialOutcome*> measured;  // In full.
  double measured_s = 0;
  const TrialOutcome* failing = nullptr;  // The lowest rate at which queries failed.
  size_t refused = 0;                     // Confirming runs that were not VALID, ...
  double lowest_refused_qps = std::numeric_limits<double>::infinity();
  std::optional<double> valid_qps;  // The rate of one that was.

 private:
  void Add(const TrialOutcome& outcome);
  void NoteCompleted(const TrialOutcome& outcome);
  void Narrow(const TrialOutcome& outcome);
  void NoteConfirmed(const TrialOutcome& outcome);

  uint64_t most_completed_ = 0;  // By the trial that showed the capacity.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_SEARCH_EVIDENCE_H_
