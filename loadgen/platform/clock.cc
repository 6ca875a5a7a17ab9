#include "platform/clock.h"

#include <ctime>

namespace mlperf::loadgen {
namespace {

constexpr int64_t kNsPerS = 1000000000;

int64_t ReadNs(clockid_t id) {
  timespec now;
  clock_gettime(id, &now);
  return int64_t{now.tv_sec} * kNsPerS + now.tv_nsec;
}

}  // namespace

int64_t MonotonicClock::NowNs() const { return ReadNs(CLOCK_MONOTONIC); }

int64_t MonotonicClock::SystemNowNs() const { return ReadNs(CLOCK_REALTIME); }

void MonotonicClock::SleepUntilNs(int64_t due_ns) {
  const timespec due = {static_cast<time_t>(due_ns / kNsPerS), due_ns % kNsPerS};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
}

}  // namespace mlperf::loadgen
