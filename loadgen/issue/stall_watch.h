// Decides when a system under test has stopped answering. Pure: looks in, decision out.
#ifndef MLPERF_LOADGEN_ISSUE_STALL_WATCH_H_
#define MLPERF_LOADGEN_ISSUE_STALL_WATCH_H_

#include <algorithm>
#include <cstdint>

namespace mlperf::loadgen {

// When a silence is a stall.
enum class StallRule {
  kTimeout,  // After the timeout.
  // After the timeout, but not before anything was completed, nor before the silence has lasted
  // twice as long as the longest one that ended: what a system does that gets everything at once
  // and may answer it all at its end can only be known from the system itself.
  kTimeoutAndPace,
};

// Counts the time since the last completion, as far as it was looked for: while a long IssueQuery
// keeps the generator from looking, the system under test is at work and nothing is counted.
class StallWatch {
 public:
  // `timeout_ns` 0: never stalls.
  explicit StallWatch(int64_t timeout_ns, StallRule rule = StallRule::kTimeout)
      : timeout_ns_(timeout_ns), rule_(rule) {}

  // A look at the number of completed samples. True if it has not changed for too long.
  bool Silent(int64_t now_ns, uint64_t completed) {
    if (timeout_ns_ == 0) return false;
    if (!looked_ || completed != completed_) {
      if (looked_) longest_ended_ns_ = std::max(longest_ended_ns_, now_ns - since_ns_);
      since_ns_ = now_ns;
    } else if (now_ns - look_ns_ > kLongestGapNs) {
      since_ns_ += now_ns - look_ns_;
    }
    looked_ = true;
    completed_ = completed;
    look_ns_ = now_ns;
    if (rule_ == StallRule::kTimeout) return silent_ns() >= timeout_ns_;
    return completed > 0 && silent_ns() >= std::max(timeout_ns_, 2 * longest_ended_ns_);
  }

  // There was nothing to answer before.
  void RestartAt(int64_t time_ns) { since_ns_ = time_ns; }

  int64_t since_ns() const { return since_ns_; }
  int64_t silent_ns() const { return look_ns_ - since_ns_; }

 private:
  static constexpr int64_t kLongestGapNs = 1000000000;

  int64_t timeout_ns_;
  StallRule rule_;
  bool looked_ = false;
  uint64_t completed_ = 0;
  int64_t since_ns_ = 0;
  int64_t look_ns_ = 0;
  int64_t longest_ended_ns_ = 0;  // Of the silences that ended with a completion.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_STALL_WATCH_H_
