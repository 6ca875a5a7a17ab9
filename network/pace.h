// How fast things come: whether they come so fast that writing each by itself costs more than
// gathering them.
#ifndef MLPERF_LOADGEN_NETWORK_PACE_H_
#define MLPERF_LOADGEN_NETWORK_PACE_H_

#include <cstddef>
#include <cstdint>

namespace mlperf::network {

// Not thread-safe.
class Pace {
 public:
  explicit Pace(int64_t high_per_s) : high_per_s_(high_per_s) {}

  // `count` came at `now_ns`, a reading of any monotonic clock.
  void Add(size_t count, int64_t now_ns) {
    count_ += static_cast<int64_t>(count);
    const int64_t elapsed_ns = now_ns - since_ns_;
    if (elapsed_ns < kWindowNs) return;
    high_ = count_ * 1'000'000'000 > high_per_s_ * elapsed_ns;
    count_ = 0;
    since_ns_ = now_ns;
  }

  // Whether more than `high_per_s` came in the last window, and things still come.
  bool IsHigh(int64_t now_ns) const { return high_ && now_ns - since_ns_ < 2 * kWindowNs; }

 private:
  static constexpr int64_t kWindowNs = 2'000'000;

  int64_t high_per_s_;
  int64_t count_ = 0;
  int64_t since_ns_ = 0;
  bool high_ = false;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_PACE_H_
