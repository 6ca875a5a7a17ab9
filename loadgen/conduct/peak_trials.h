// Trials of a peak search on real traffic: what is run for a request of the PeakFinder, what is
// looked at while it runs, and what it amounts to.
#ifndef MLPERF_LOADGEN_CONDUCT_PEAK_TRIALS_H_
#define MLPERF_LOADGEN_CONDUCT_PEAK_TRIALS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "issue/set_runner.h"
#include "plan/run_plan.h"
#include "record/run_record.h"
#include "search/peak_finder.h"
#include "search/trial_watch.h"
#include "test_result.h"

namespace mlperf::loadgen {

// What a caller of the search may say beyond the settings, and what is reported to it.
struct PeakSearchHooks {
  std::optional<double> start_qps;  // None: from the latency of a few queries in turn.
  double precision = 0.01;
  double confidence = 0.95;
  std::optional<double> time_budget_s;  // None: kPeakBudgetDurations.
  std::optional<double> goodput;    // Share of queries that must keep all bounds, in their place.
  std::vector<TrialOutcome> known;  // Of an earlier search that was left.
  std::function<void(const TrialOutcome&, const PeakAnswer&)> on_trial = [](const auto&,
                                                                            const auto&) {};
};

// One of the bounds of the Server verdict.
struct TrialBound {
  bool latency = false, first_token = false, per_token = false;  // Which must be kept.
  PeakConstraint constraint;
};

// The bounds of `plan`, or, with a goodput, one that is made of all.
std::vector<TrialBound> TrialBounds(const RunPlan& plan, const std::optional<double>& goodput);

// Throws SettingsError, before anything is run, for options and settings no search by estimate can
// run with.
void CheckPeakSearch(const RunPlan& plan, const PeakSearchHooks& hooks);

PeakFinderOptions FinderOptions(const RunPlan& plan, const std::vector<TrialBound>& bounds,
                                const PeakSearchHooks& hooks);

// A few queries one after another, whose latency the search starts from.
RunPlan ProbePlan(const RunPlan& plan);
double ProbedQps(const RunRecord& record);

// The traffic of a trial: its rate and duration, and arrivals of its own; a confirming run is the
// test itself at another rate.
RunPlan TrialPlan(const RunPlan& plan, const std::vector<TrialBound>& bounds,
                  const TrialRequest& request);

// What a trial, and the answer of a search, say to a user.
PeakTrial Describe(const PeakFinderOptions& options, const TrialOutcome& outcome);
std::string TrialText(const TrialOutcome& outcome);
// Adds to the end in words why queries failed, at the lowest rate at which any did.
void ReportFailures(PeakSearchResult* result);
// What a reader must know where failures and not latencies are what ends at the peak; else empty.
std::string FailuresCaution(const PeakSearchResult& result);
void SetAnswer(const PeakAnswer& answer, bool stopped, PeakSearchResult* result);

// Feeds what happens in a trial to the watches of its bounds.
class TrialObserver : public SetObserver {
 public:
  TrialObserver(const RunPlan& plan, const std::vector<TrialBound>& bounds,
                const TrialRequest& request);

  bool HasSeenEnough(const SetView& view) override;

  // What the trial amounts to, after it.
  TrialOutcome Outcome(const RunRecord& record, double wall_s);

 private:
  struct Watched {
    TrialBound bound;
    TrialWatch watch;
    uint64_t next_query = 0;  // The watch knows those before it.
  };

  bool HasEnded(const SetView& view, double elapsed_s) const;
  void Report(const SetView& view, bool ended, Watched* watched) const;
  std::optional<bool> IsOver(const TrialBound& bound, const SetView& view, uint64_t query,
                             bool ended) const;

  TrialRequest request_;
  std::vector<Watched> watched_;
  uint64_t ttft_bound_ns_;
  uint64_t tpot_bound_ns_;
  uint64_t latency_bound_ns_;
  uint64_t issued_ = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONDUCT_PEAK_TRIALS_H_
