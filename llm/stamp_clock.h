// The kernel's time stamps, which are of the wall clock, as times of the monotonic clock.
//
// The two clocks run alike, as both are slewed together, except for steps of the wall clock. The
// offset between them is the tightest of nine readings, and is taken again each second, and at once
// where a reading shows a step. A stamp that cannot be right, as it was made before a step, falls
// back to the time of the read.
#ifndef MLPERF_LLM_STAMP_CLOCK_H_
#define MLPERF_LLM_STAMP_CLOCK_H_

#include <cstdint>

#include "answer.h"

namespace mlperf::llm {

// What a StampClock reads, in nanoseconds.
class ClockPair {
 public:
  virtual ~ClockPair() = default;
  virtual int64_t MonotonicNs() = 0;
  virtual int64_t RealNs() = 0;
};

// CLOCK_MONOTONIC and CLOCK_REALTIME.
class SystemClockPair : public ClockPair {
 public:
  int64_t MonotonicNs() override;
  int64_t RealNs() override;
};

class StampClock {
 public:
  explicit StampClock(ClockPair* clocks);

  // To be called before some stamps are turned, best right after they were waited for. Returns the
  // monotonic clock.
  int64_t Check();

  // When bytes came that were read just now. `real_ns`: the kernel's stamp; 0: there is none.
  Stamp Read(int64_t real_ns);

  int64_t NowNs() { return clocks_->MonotonicNs(); }
  // How often the wall clock was set.
  uint64_t steps() const { return steps_; }

 private:
  void Calibrate(int64_t now_ns);

  ClockPair* clocks_;
  int64_t offset_ns_ = 0;  // Wall clock minus monotonic clock.
  int64_t calibrated_ns_ = 0;
  int64_t step_ns_ =
      INT64_MIN;  // When the last step was seen; stamps from before are not believed.
  uint64_t steps_ = 0;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_STAMP_CLOCK_H_
