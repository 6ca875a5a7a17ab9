// The strategy of a search for the highest Server rate that keeps the latency constraints in the
// long run: which trial next, and when to stop. It runs nothing itself: ask Next(), run the trial,
// give its outcome to Add(). What it decides depends on the outcomes alone, so that a search goes
// on where it was left when it is given the earlier outcomes. docs/peak_search.md has the method.
#ifndef MLPERF_LOADGEN_SEARCH_PEAK_FINDER_H_
#define MLPERF_LOADGEN_SEARCH_PEAK_FINDER_H_

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

// Whether the trial speaks against its rate.
bool TrialFails(const PeakFinderOptions& options, const TrialOutcome& outcome);

// Throws SettingsError for what no trial of a search with so many constraints can be.
void CheckOutcome(const TrialOutcome& outcome, size_t constraints);

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
