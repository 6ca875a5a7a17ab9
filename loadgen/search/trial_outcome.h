// A trial of a peak search: what is searched for, what is to be run, what came of it, and what that
// says on its own.
#ifndef MLPERF_LOADGEN_SEARCH_TRIAL_OUTCOME_H_
#define MLPERF_LOADGEN_SEARCH_TRIAL_OUTCOME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "search/trial_watch.h"

namespace mlperf::loadgen {

// At most `over_share` of the queries may take longer than `bound_s`.
struct PeakConstraint {
  double bound_s = 1;
  double over_share = 0.01;
};

// How long a search may take where no time is given, in minimum durations. Less than half of what a
// bisection to a tenth of a query takes, confirming run included.
constexpr double kPeakBudgetDurations = 7;

struct PeakFinderOptions {
  std::vector<PeakConstraint> constraints;  // At least one.
  double min_duration_s = 600;              // Of the confirming run; no other trial is longer.
  uint64_t min_queries = 100;               // Of the confirming run.
  uint64_t fewest_valid_queries = 0;        // With fewer no confirming run is VALID.
  bool failed_may_pass =
      false;                 // What failed is over the bound and no more; else it fails a trial.
  double start_qps = 1;      // Any guess: 100 times too low or too high will do.
  double max_qps = 1e9;      // No rate above this is tried.
  double precision = 0.01;   // Half the interval, as a fraction of the rate.
  double confidence = 0.95;  // Of the interval.
  std::optional<double> time_budget_s;  // For all trials; none: kPeakBudgetDurations.
};

enum class TrialKind {
  Bracket,  // May end as soon as its TrialWatch is not open any more.
  Measure,  // Must run for the whole duration: one that may end early would bias the estimate.
  Confirm,  // Runs in full, by the rules of the benchmark, which judge it.
};

struct TrialRequest {
  TrialKind kind = TrialKind::Bracket;
  double rate_qps = 0;
  double duration_s = 0;
  uint64_t number = 0;                    // From 0. Its seed is to be one of its own.
  std::vector<double> control_service_s;  // For the TrialWatch of each constraint.
};

struct TrialOutcome {
  TrialRequest request;
  double elapsed_s = 0;  // Of issuing.
  double wall_s = 0;     // All the time it took.
  uint64_t issued = 0;
  uint64_t completed = 0;             // Answered while issuing.
  uint64_t failed = 0;                // Of those issued.
  std::vector<std::string> failures;  // Why: the first few different texts.
  std::vector<OverCounts> counts;     // One a constraint.
  bool valid = false;                 // Confirm: the verdict.
  std::string caution;                // LatenessCaution, where the trial counts for the estimate.
};

// The longest bound, and the least share that may be over one.
double LongestBoundSeconds(const PeakFinderOptions& options);
double LeastOverShare(const PeakFinderOptions& options);

// Whether the trial speaks against its rate.
bool TrialFails(const PeakFinderOptions& options, const TrialOutcome& outcome);

// How far the worst constraint's log odds lie above the target.
double Excess(const PeakFinderOptions& options, const TrialOutcome& outcome);
// More than half of the queries were over the bound.
bool MostlyOver(const PeakFinderOptions& options, const TrialOutcome& outcome);
// Queries over the bound, of the constraint with the most.
uint64_t MostOver(const TrialOutcome& outcome);
// It lasted for as long as was asked for.
bool InFull(const TrialOutcome& outcome);
bool BacklogGrew(const TrialOutcome& outcome);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_TRIAL_OUTCOME_H_
