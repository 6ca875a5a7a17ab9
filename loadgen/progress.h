// How far the running test is, read from outside: no thread of the test does anything for it.
#ifndef MLPERF_LOADGEN_PROGRESS_H_
#define MLPERF_LOADGEN_PROGRESS_H_

#include <cstdint>

#include "optional_value.h"
#include "test_settings.h"

namespace mlperf {

// What a set of queries is issued for.
enum class ProgressPhase { WarmUp, Accuracy, Performance, PeakTrial };

// Of the latest up to 2048 answered samples: from the time they were due (open loop) or issued to
// their completion. Where very many are outstanding, or were completed far out of order, those
// looked at are a part of them.
struct RecentLatency {
  uint64_t count = 0;
  int64_t p50_ns = 0, p99_ns = 0;
};

// Of the latest up to 2048 issued queries of an open loop: issue time minus due time.
struct RecentLateness {
  uint64_t count = 0;
  int64_t p50_ns = 0, p99_ns = 0, max_ns = 0;
};

// A set of queries while it is issued, or as it was at its end. A test issues one set for each
// phase, for each part of the library that fits into memory, and for each trial of a peak search.
struct Progress {
  uint64_t set_number = 0;  // Of the sets issued in this process, from 1.
  ProgressPhase phase = ProgressPhase::Performance;
  uint64_t trial = 0;  // Of a peak search, from 1; 0: this is none.
  TestScenario scenario = TestScenario::SingleStream;
  TestMode mode = TestMode::PerformanceOnly;
  bool finished = false;  // The set has ended.

  double start_time_s = 0;  // Wall clock, since the Unix epoch.
  double elapsed_s = 0;     // Since then; of a set that has ended, to its last completion.
  // Until enough is issued (open loop) or completed; without what is outstanding then. None: there
  // is nothing yet to tell it from.
  Optional<double> remaining_s;

  // The set goes on at least until both are reached. A duration of 0: only the queries count.
  double min_duration_s = 0;
  uint64_t min_query_count = 0;

  uint64_t queries_issued = 0;
  uint64_t samples_issued = 0;
  uint64_t samples_completed = 0;  // Answered.
  uint64_t samples_failed = 0;
  uint64_t samples_outstanding = 0;

  Optional<double> offered_samples_per_second;  // Open loop: what the schedule asks for.
  double completed_samples_per_second = 0;      // Answered, since the start of the set.

  // Nothing was completed for this long while samples were outstanding, and for how long the oldest
  // of them is. None: less than ten seconds, or nothing is outstanding.
  Optional<double> silent_s;
  Optional<double> oldest_outstanding_s;

  Optional<RecentLatency> latency;    // None: nothing is answered.
  Optional<RecentLateness> lateness;  // None: nothing is issued, or no open loop.
};

// The set that is being issued, or else the last one of this process; nothing before the first.
// From any thread, callbacks included; takes the calling thread a few tenths of a millisecond.
Optional<Progress> ReadProgress();

// Somebody shows the progress on stderr (true), or no longer does (false): for as many as do, tests
// do not write there that nothing is completed.
void SetProgressShown(bool shown);
bool ProgressIsShown();

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_PROGRESS_H_
