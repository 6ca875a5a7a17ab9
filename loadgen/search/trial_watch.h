// Watches one trial of a peak search while it runs: must it go on, or is it plain already that the
// share of queries over the latency bound is above, or below, what is allowed? Pure: it is given
// what happened, and knows no clock. docs/peak_search.md has the statistics.
#ifndef MLPERF_LOADGEN_SEARCH_TRIAL_WATCH_H_
#define MLPERF_LOADGEN_SEARCH_TRIAL_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/control_queue.h"

namespace mlperf::loadgen {

enum class TrialOutlook { Open, Fails, Passes };

// Queries of a trial that were due next to each other, in a stretch of time.
struct OverBatch {
  double seconds = 0;
  uint64_t queries = 0;
  uint64_t over = 0;          // The latency bound.
  uint64_t control_over = 0;  // In the control queue.
};

// What a trial says about one latency constraint.
struct OverCounts {
  TrialOutlook outlook = TrialOutlook::Open;
  bool backlog_grows = false;
  bool lost = false;     // More over the bound than a trial of the planned length may have.
  uint64_t queries = 0;  // All whose latency is known, from the first one on.
  uint64_t over = 0;
  std::vector<OverBatch> batches;  // In order, equally long, without the start-up transient.
};

struct TrialWatchOptions {
  double rate_qps = 1;
  double duration_s = 1;         // Planned.
  double bound_s = 1;            // The latency bound: the scale of time on which a queue moves.
  double over_share = 0.01;      // The share of queries allowed over the bound; in (0, 1).
  double error_rate = 0.001;     // Of a decision about the long run.
  double control_service_s = 0;  // Of the control queue; 0: none.
};

class TrialWatch {
 public:
  explicit TrialWatch(const TrialWatchOptions& options);

  // A query, in the order of issue: when it was due, from the start of the trial, and whether it
  // was over the bound; an outstanding query that is older than the bound is over it.
  void AddQuery(double due_s, bool over);

  // The state of the trial, now and then (some times a latency bound, say).
  void AddProgress(double elapsed_s, uint64_t issued, uint64_t completed);

  TrialOutlook outlook() const { return counts_.outlook; }

  // Complete batches only: at most 64, and at least 32 once the trial is long enough.
  const OverCounts& counts() const { return counts_; }

 private:
  struct Progress {
    double elapsed_s = 0;
    double outstanding = 0;
  };

  void CloseBatch();
  void Look();
  void WatchBacklog();

  TrialWatchOptions options_;
  double warm_up_s_;
  double batch_s_;
  double most_over_;  // More over the bound than this fail a trial of the planned length.
  ControlQueue control_;
  OverBatch open_;  // The batch that is being filled.
  double open_end_s_;
  std::vector<Progress> progress_;
  double progress_step_s_;
  size_t looks_ = 0;
  OverCounts counts_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_TRIAL_WATCH_H_
