#include "stamp_clock.h"

#include <time.h>

#include <cstdlib>

namespace mlperf::llm {
namespace {

constexpr int kReadings = 9;
constexpr int64_t kCalibrateEveryNs = 1'000'000'000;
// More than this between two readings is a step and neither slewing nor a slow reading.
constexpr int64_t kStepNs = 200'000;

int64_t Now(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

int64_t SystemClockPair::MonotonicNs() { return Now(CLOCK_MONOTONIC); }
int64_t SystemClockPair::RealNs() { return Now(CLOCK_REALTIME); }

StampClock::StampClock(ClockPair* clocks) : clocks_(clocks) { Calibrate(clocks->MonotonicNs()); }

int64_t StampClock::Check() {
  const int64_t before = clocks_->MonotonicNs();
  const int64_t real = clocks_->RealNs();
  const int64_t now_ns = clocks_->MonotonicNs();
  // The offset lies between these two, however long the reading took.
  const bool is_off =
      real - now_ns - offset_ns_ > kStepNs || offset_ns_ - (real - before) > kStepNs;
  if (is_off) {
    ++steps_;
    step_ns_ = now_ns;
  }
  if (is_off || now_ns - calibrated_ns_ >= kCalibrateEveryNs) Calibrate(now_ns);
  return now_ns;
}

void StampClock::Calibrate(int64_t now_ns) {
  int64_t tightest = INT64_MAX;
  for (int reading = 0; reading < kReadings; ++reading) {
    const int64_t before = clocks_->MonotonicNs();
    const int64_t real = clocks_->RealNs();
    const int64_t after = clocks_->MonotonicNs();
    if (after - before >= tightest) continue;
    tightest = after - before;
    offset_ns_ = real - (before + tightest / 2);
  }
  calibrated_ns_ = now_ns;
}

Stamp StampClock::Read(int64_t real_ns) {
  const int64_t read_ns = clocks_->MonotonicNs();
  const int64_t arrived_ns = real_ns - offset_ns_;
  const bool is_right = real_ns != 0 && arrived_ns <= read_ns && arrived_ns >= step_ns_;
  return {is_right ? arrived_ns : read_ns, read_ns, is_right};
}

}  // namespace mlperf::llm
