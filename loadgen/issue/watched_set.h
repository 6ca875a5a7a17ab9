// Makes a set visible to ReadProgress while it is issued.
#ifndef MLPERF_LOADGEN_ISSUE_WATCHED_SET_H_
#define MLPERF_LOADGEN_ISSUE_WATCHED_SET_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "issue/recorder.h"
#include "optional_value.h"
#include "plan/run_plan.h"
#include "platform/clock.h"
#include "progress.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

// Nothing is completed while samples are outstanding.
struct Silence {
  int64_t silent_ns;  // At least, as far as it was looked for.
  int64_t oldest_outstanding_ns;
  uint64_t samples_outstanding;
  uint64_t samples_completed;
};

// For a scope in which `plan`, `recorder` and `clock` live. Leaving it waits for a reader that is
// just looking, so both its ends are outside the measured time.
class WatchedSet {
 public:
  // `loaded_samples`: in the loaded set. `trial`: of a peak search, from 1; 0: this is none.
  WatchedSet(const RunPlan& plan, Phase phase, uint64_t trial, uint64_t loaded_samples,
             const Recorder* recorder, const Clock* clock);
  // Keeps the last figures of a set that has ended.
  ~WatchedSet();
  WatchedSet(const WatchedSet&) = delete;
  WatchedSet& operator=(const WatchedSet&) = delete;

  // Clock readings. Without a lock: the first query is due.
  void Start(int64_t start_ns, int64_t system_start_ns) {
    system_start_ns_ = system_start_ns;
    start_ns_.store(start_ns, std::memory_order_release);
  }
  void End(int64_t drained_ns) { drained_ns_ = drained_ns; }

  bool started() const { return start_ns_.load(std::memory_order_acquire) != 0; }
  // What there is to see of a set that was started.
  Progress ProgressAt(int64_t now_ns) const;
  Progress ProgressNow() const;

  // A silence of ten seconds or more. To be asked now and then from the start of the set on: what
  // it says is as exact as the looks are close. From any thread.
  std::optional<Silence> LookForSilence(int64_t now_ns) const;

 private:
  struct Issued {
    uint64_t queries = 0;
    uint64_t end = 0;  // One beyond the last: issue threads may leave gaps.
  };

  Issued CountIssued() const;
  int64_t DueNs(uint64_t query) const;
  RecentLatency LatencyOfLatest(uint64_t issued_samples, uint64_t completed) const;
  RecentLateness LatenessOfLatest(uint64_t query_end) const;
  Optional<TokenHistograms> CountTokens(uint64_t issued_samples) const;
  void CountGaps(const TokenRecord& tokens) const;
  void CountSample(uint64_t sample, TokenHistograms* found) const;
  Optional<double> RemainingSeconds(const Progress& progress) const;

  const RunPlan& plan_;
  const Phase phase_;
  const uint64_t trial_;
  const uint64_t loaded_samples_;
  const Recorder& recorder_;
  const SampleSlots& slots_;
  const Clock* clock_;
  uint64_t number_ = 0;
  int64_t system_start_ns_ = 0;
  std::atomic<int64_t> start_ns_{0};
  int64_t drained_ns_ = 0;  // Only for the thread that ends the set.

  // What the last look for a silence saw.
  mutable std::mutex look_mutex_;
  mutable uint64_t seen_completed_ = 0;
  mutable int64_t seen_since_ns_ = 0;     // 0: there was no look yet.
  mutable int64_t oldest_issued_ns_ = 0;  // Of this silence; 0: not looked for.

  // The tokens of all samples before the first that was still outstanding at the last look.
  mutable std::mutex count_mutex_;
  mutable TokenHistograms settled_;
  mutable uint64_t settled_samples_ = 0;
  mutable uint64_t counted_answers_ = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_WATCHED_SET_H_
