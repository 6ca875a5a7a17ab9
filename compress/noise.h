// The noise of a training step, in steps: made of the bytes of a counter-based generator, so that
// it can be made again instead of being kept.
#ifndef MLPERF_COMPRESS_NOISE_H_
#define MLPERF_COMPRESS_NOISE_H_

#include <array>
#include <cstdint>

namespace mlperf::compress {

enum class NoiseKind { kGaussian, kUniform };

// The value of each byte.
using NoiseTable = std::array<float, 256>;

// kGaussian: quantiles of a normal distribution, scaled to a standard deviation of 0.5. kUniform:
// (byte - 127.5) / 256.
const NoiseTable& TableOf(NoiseKind kind);

// Word `index` of the generator splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
// Generators, 2014) that starts at `key`. Byte i % 8 of word i / 8 is that of weight i. Kernels of
// all paths use it, so that each must have its own (lanes.h).
[[gnu::always_inline]] inline constexpr uint64_t NoiseWord(uint64_t key, uint64_t index) {
  uint64_t word = key + (index + 1) * 0x9E3779B97F4A7C15;
  word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9;
  word = (word ^ (word >> 27)) * 0x94D049BB133111EB;
  return word ^ (word >> 31);
}

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_NOISE_H_
