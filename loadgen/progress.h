// Reads from outside how far the running test is: no thread of the test does any work for it.
#ifndef MLPERF_LOADGEN_PROGRESS_H_
#define MLPERF_LOADGEN_PROGRESS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "optional_value.h"
#include "test_settings.h"

namespace mlperf {

// The purpose of a set of queries.
enum class ProgressPhase { WarmUp, Accuracy, Performance, PeakTrial };

// The latency of the latest answered samples, at most 2048: from the time they were due (open loop)
// or issued to their completion. If very many samples are outstanding, or were completed far out of
// order, only some of the latest are looked at.
struct RecentLatency {
  uint64_t count = 0;
  int64_t p50_ns = 0, p99_ns = 0;
};

// The lateness of the latest issued queries of an open loop, at most 2048: issue time minus due
// time.
struct RecentLateness {
  uint64_t count = 0;
  int64_t p50_ns = 0, p99_ns = 0, max_ns = 0;
};

// How many durations lie between bounds.
struct DurationHistogram {
  static constexpr std::array<int64_t, 19> kBoundsNs = {
      100000,     200000,      500000,      1000000,     2000000,     5000000,    10000000,
      20000000,   50000000,    100000000,   200000000,   500000000,   1000000000, 2000000000,
      5000000000, 10000000000, 20000000000, 50000000000, 100000000000};

  // Up to each bound and above the one before it; the last one is above all bounds.
  std::array<uint64_t, kBoundsNs.size() + 1> counts{};
  int64_t sum_ns = 0;

  void Add(int64_t duration_ns, uint64_t times = 1);
};

// The times of tokens of all samples that were answered. In Offline, whose samples are due at once,
// only those between tokens.
struct TokenHistograms {
  DurationHistogram first_token;     // From the time the sample was due or issued (TTFT).
  DurationHistogram time_per_token;  // After the first token (TPOT).
  DurationHistogram inter_token;     // Between tokens (ITL), as far as it is known when each came.
};

// The state of a set of queries while it is issued, or at its end. A test issues one set for each
// phase, for each part of the library that fits into memory, and for each trial of a peak search.
struct Progress {
  uint64_t set_number = 0;  // Counts the sets issued in this process, from 1.
  ProgressPhase phase = ProgressPhase::Performance;
  uint64_t trial = 0;  // Number of the trial of a peak search, from 1; 0: this set is no trial.
  TestScenario scenario = TestScenario::SingleStream;
  TestMode mode = TestMode::PerformanceOnly;
  bool finished = false;  // The set has ended.

  double start_time_s = 0;  // Wall clock, since the Unix epoch.
  double elapsed_s = 0;     // Time since then; if the set has ended, to its last completion.
  // Estimated time until enough queries are issued (open loop) or completed; the time to answer
  // outstanding samples is not included. None: there is not yet enough to estimate it from.
  Optional<double> remaining_s;

  // The set goes on at least until both are reached. With a duration of 0, only the number counts.
  double min_duration_s = 0;
  uint64_t min_query_count = 0;

  uint64_t queries_issued = 0;
  uint64_t samples_issued = 0;
  uint64_t samples_completed = 0;  // Answered.
  uint64_t samples_failed = 0;
  uint64_t samples_outstanding = 0;

  Optional<double> offered_samples_per_second;  // Open loop: the rate of the schedule.
  double completed_samples_per_second = 0;      // The rate of answers since the start of the set.

  // How long no sample was completed while some were outstanding, and how long the oldest of them
  // has been outstanding. None: less than ten seconds, or no sample is outstanding.
  Optional<double> silent_s;
  Optional<double> oldest_outstanding_s;

  Optional<RecentLatency> latency;    // None: no sample is answered.
  Optional<RecentLateness> lateness;  // None: no query is issued, or the loop is not open.
  // None: no tokens are measured, or nobody asked for it by SetTokenHistogramsKept.
  Optional<TokenHistograms> tokens;
};

// Reads the set that is being issued, or if there is none, the last set of this process; None
// before the first set. It may be called from any thread, callbacks included, and takes the calling
// thread a few tenths of a millisecond.
Optional<Progress> ReadProgress();

// Says that the caller now wants the histograms of tokens (true), or no longer does (false). They
// are counted when the progress is read and at the end of a set, by looking at each sample once.
void SetTokenHistogramsKept(bool kept);

// Says that the caller now shows the progress on stderr (true), or no longer does (false). While
// any caller shows it, tests do not write on stderr that no sample is completed.
void SetProgressShown(bool shown);
bool ProgressIsShown();

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_PROGRESS_H_
