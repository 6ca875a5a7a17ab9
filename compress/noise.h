// The noise of a training step, in steps: made of the bytes of a counter-based generator, so that
// it can be made again instead of being kept.
#ifndef MLPERF_COMPRESS_NOISE_H_
#define MLPERF_COMPRESS_NOISE_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace mlperf::compress {

enum class NoiseKind { kGaussian, kUniform };

// The value of each byte; those of byte b and of 255 - b differ in their sign alone.
using NoiseTable = std::array<float, 256>;

// kGaussian: quantiles of a normal distribution, scaled to a standard deviation of 0.5. kUniform:
// (byte - 127.5) / 256.
const NoiseTable& TableOf(NoiseKind kind);

// The noise of `count` weights from weight `begin`, as values of a table; returns where in `to` it
// lies. `to` has room for kNoiseMargin values more.
//
// Byte i % 8 of word i / 8 is that of weight i. Words are those of the generator splitmix64 that
// starts at `key` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
// It is not inlined: it needs all registers.
[[gnu::noinline]] const float* MakeNoise(uint64_t key, const float* table, size_t begin,
                                         size_t count, float* to);
inline constexpr size_t kNoiseMargin = 72;

// Of splitmix64: what its states differ by, and what they are multiplied with.
inline constexpr uint64_t kNoiseIncrement = 0x9E3779B97F4A7C15;
inline constexpr uint64_t kNoiseFactors[] = {0xBF58476D1CE4E5B9, 0x94D049BB133111EB};

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_NOISE_H_
