// A clock that moves only when it is read, slept on or set.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_FAKE_CLOCK_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_FAKE_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "platform/clock.h"

namespace mlperf::loadgen {

class FakeClock final : public Clock {
 public:
  // Far from zero, so that forgetting to subtract the start shows.
  static constexpr int64_t kFirstNs = 1'000'000'007;
  static constexpr int64_t kSystemAheadNs = 1'700'000'000'000'000'000;

  // Each reading moves the clock by `step_ns` after it was taken.
  explicit FakeClock(int64_t step_ns = 1) : step_ns_(step_ns) {}

  int64_t NowNs() const override { return now_ns_.fetch_add(step_ns_); }
  int64_t SystemNowNs() const override { return kSystemAheadNs + Peek(); }
  // Jumps.
  void SleepUntilNs(int64_t due_ns) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      sleeps_until_ns_.push_back(due_ns);
    }
    int64_t now_ns = Peek();
    while (now_ns < due_ns && !now_ns_.compare_exchange_weak(now_ns, due_ns)) {
    }
    if (on_sleep) on_sleep();
  }

  // The next reading.
  int64_t Peek() const { return now_ns_.load(); }
  void Advance(int64_t ns) { now_ns_.fetch_add(ns); }

  std::vector<int64_t> sleeps_until_ns() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return sleeps_until_ns_;
  }

  std::function<void()> on_sleep;  // Called at the end of each sleep.

 private:
  const int64_t step_ns_;
  mutable std::atomic<int64_t> now_ns_{kFirstNs};
  mutable std::mutex mutex_;
  std::vector<int64_t> sleeps_until_ns_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_FAKE_CLOCK_H_
