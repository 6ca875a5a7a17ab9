// Counts who uses something right now, so that closing it can wait for them.
#ifndef MLPERF_TRANSFER_GATE_H_
#define MLPERF_TRANSFER_GATE_H_

#include <atomic>
#include <cstdint>

#include "deadline.h"
#include "futex.h"

namespace mlperf::transfer {

class Gate {
 public:
  // False if it is closed. Each true is to be followed by Leave().
  bool Enter() {
    if ((state_.fetch_add(1, std::memory_order_acquire) & kClosed) == 0) return true;
    Leave();
    return false;
  }

  void Leave() {
    if (state_.fetch_sub(1, std::memory_order_release) == (kClosed | 1)) FutexWakeAll(&state_);
  }

  // Nobody enters from now on.
  void Close() { state_.fetch_or(kClosed, std::memory_order_acq_rel); }
  bool is_closed() const { return (state_.load(std::memory_order_acquire) & kClosed) != 0; }

  // After Close(): whether all have left by the deadline.
  bool WaitUntilEmpty(int64_t deadline_ns) {
    for (;;) {
      const uint32_t state = state_.load(std::memory_order_acquire);
      if (state == kClosed) return true;
      if (MonotonicNs() >= deadline_ns) return false;
      FutexWait(&state_, state, deadline_ns);
    }
  }

 private:
  static constexpr uint32_t kClosed = uint32_t{1} << 31;

  std::atomic<uint32_t> state_{0};
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_GATE_H_
