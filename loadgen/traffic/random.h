// Random numbers that are the same on every standard library and CPU: the engine of
// std::mt19937, whose output the C++ standard fixes, and our own distributions over it.
//
// The only operation with a platform's freedom is the natural logarithm in ExponentialNs. Common
// libms round it correctly or almost always so, and the result is truncated to whole nanoseconds;
// a last-bit difference can move an arrival by at most 1 ns, and only where it crosses an integer.
#ifndef MLPERF_LOADGEN_TRAFFIC_RANDOM_H_
#define MLPERF_LOADGEN_TRAFFIC_RANDOM_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>

#include "plan/checkpoint.h"

namespace mlperf::loadgen {

// A 32-bit Mersenne Twister. Of a 64-bit seed the low 32 bits count.
class RandomEngine {
 public:
  explicit RandomEngine(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}

  uint32_t operator()() { return static_cast<uint32_t>(engine_()); }

  // Uniform in [0, n), 1 <= n < 2^32: multiply-high with rejection (Lemire), one draw nearly
  // always. n = 1 consumes a draw as well.
  uint32_t Below(uint32_t n) {
    uint64_t product = uint64_t{(*this)()} * n;
    if (static_cast<uint32_t>(product) < n) {
      const uint32_t threshold = (0u - n) % n;
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{(*this)()} * n;
    }
    return static_cast<uint32_t>(product >> 32);
  }

  // Uniform double in [0, 1): two draws, the low word first, one rounding in the sum.
  double Unit() {
    const double low = (*this)();
    const double high = (*this)();
    const double value = (low + high * 4294967296.0) / 18446744073709551616.0;
    return value < 1.0 ? value : 1.0 - std::numeric_limits<double>::epsilon() / 2;
  }

  // Exponential gap of a Poisson process of `rate_per_s`, truncated to ns and held below 2^61 ns
  // (73 years).
  int64_t ExponentialNs(double rate_per_s) {
    const double gap_ns = -std::log(1.0 - Unit()) / rate_per_s * 1e9;
    return static_cast<int64_t>(std::min(gap_ns, 2305843009213693952.0));
  }

  // What Unit() would have consumed `count` times.
  void SkipUnits(uint64_t count) { engine_.discard(2 * count); }

 private:
  std::mt19937 engine_;
};

// The engine every reference build seeds by default.
constexpr uint64_t kDefaultSeed = 5489;

// Draws the swap positions of a shuffle of `size` elements and calls swap(i, j) for each, in
// order. Up to 65535 elements two positions come out of one draw.
template <typename Swap>
void ShufflePositions(uint32_t size, RandomEngine* random, const Checkpoint& checkpoint,
                      Swap&& swap) {
  checkpoint();
  if (size <= 1) return;
  if (size >= 65536) {
    for (uint32_t i = 1; i < size; ++i) {
      if (IsCheckpoint(i)) checkpoint();
      swap(i, random->Below(i + 1));
    }
    return;
  }
  uint32_t i = 1;
  if (size % 2 == 0) {
    swap(1, random->Below(2));
    i = 2;
  }
  for (; i < size; i += 2) {
    const uint32_t pair = random->Below((i + 1) * (i + 2));
    swap(i, pair / (i + 2));
    swap(i + 1, pair % (i + 2));
  }
}

// Shuffles `values` (anything with size() and operator[]).
template <typename Values>
void Shuffle(Values* values, RandomEngine* random, const Checkpoint& checkpoint = NoCheckpoint) {
  ShufflePositions(static_cast<uint32_t>(values->size()), random, checkpoint,
                   [values](uint32_t i, uint32_t j) { std::swap((*values)[i], (*values)[j]); });
}

// Consumes what a shuffle of `size` elements would consume.
inline void SkipShuffle(uint32_t size, RandomEngine* random,
                        const Checkpoint& checkpoint = NoCheckpoint) {
  ShufflePositions(size, random, checkpoint, [](uint32_t, uint32_t) {});
}

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_RANDOM_H_
