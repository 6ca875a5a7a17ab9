// Points in time until which a call may wait, in nanoseconds of CLOCK_MONOTONIC.
#ifndef MLPERF_TRANSFER_DEADLINE_H_
#define MLPERF_TRANSFER_DEADLINE_H_

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace mlperf::transfer {

inline constexpr double kForever = std::numeric_limits<double>::infinity();
inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

inline int64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// kNever for kForever; a timeout that is negative or no number is one of 0.
inline int64_t DeadlineAfter(double timeout_s) {
  constexpr double kLongestS = 1e9;
  if (timeout_s > kLongestS) return kNever;
  return MonotonicNs() + (timeout_s > 0 ? static_cast<int64_t>(timeout_s * 1e9) : 0);
}

// How long poll() may wait, rounded up; -1 for kNever, at most `most_ms` if that is not negative.
inline int PollTimeoutMs(int64_t deadline_ns, int most_ms = -1) {
  if (deadline_ns == kNever) return most_ms;
  const int64_t left_ns = std::max<int64_t>(deadline_ns - MonotonicNs(), 0);
  const int64_t cap_ms = most_ms < 0 ? std::numeric_limits<int>::max() : most_ms;
  return static_cast<int>(std::min((left_ns + 999'999) / 1'000'000, cap_ms));
}

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_DEADLINE_H_
