// Time as the load generator sees it. Injected, so that tests run without waiting.
#ifndef MLPERF_LOADGEN_PLATFORM_CLOCK_H_
#define MLPERF_LOADGEN_PLATFORM_CLOCK_H_

#include <cstdint>

namespace mlperf::loadgen {

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic, ns from an arbitrary origin, always positive.
  virtual int64_t NowNs() const = 0;
  // Wall clock, ns since the Unix epoch.
  virtual int64_t SystemNowNs() const = 0;
  // Gives up the CPU until `due_ns` or a little later; may return early.
  virtual void SleepUntilNs(int64_t due_ns) = 0;
};

// The machine's monotonic clock.
class MonotonicClock final : public Clock {
 public:
  int64_t NowNs() const override;
  int64_t SystemNowNs() const override;
  void SleepUntilNs(int64_t due_ns) override;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PLATFORM_CLOCK_H_
