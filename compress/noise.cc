#include "noise.h"

#include <cmath>
#include <cstddef>

namespace mlperf::compress {
namespace {

constexpr double kDeviation = 0.5;

// The share of a standard normal distribution below x.
double ShareBelow(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// The number with this share below it, found by halving an interval that holds it.
double NormalQuantile(double share) {
  double low = -10;
  double high = 10;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (ShareBelow(middle) < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

NoiseTable MakeGaussian() {
  constexpr size_t kHalf = 128;
  std::array<double, kHalf> above;  // The other half mirrors them.
  double squares = 0;
  for (size_t i = 0; i < kHalf; ++i) {
    above[i] = NormalQuantile((static_cast<double>(kHalf + i) + 0.5) / 256);
    squares += above[i] * above[i];
  }
  const double scale = kDeviation / std::sqrt(squares / kHalf);
  NoiseTable table;
  for (size_t i = 0; i < kHalf; ++i) {
    table[kHalf + i] = static_cast<float>(above[i] * scale);
    table[kHalf - 1 - i] = -table[kHalf + i];
  }
  return table;
}

NoiseTable MakeUniform() {
  NoiseTable table;
  for (size_t byte = 0; byte < table.size(); ++byte) {
    table[byte] = (static_cast<float>(byte) - 127.5f) / 256;
  }
  return table;
}

uint64_t NoiseWord(uint64_t key, uint64_t index) {
  uint64_t word = key + (index + 1) * kNoiseIncrement;
  word = (word ^ (word >> 30)) * kNoiseFactors[0];
  word = (word ^ (word >> 27)) * kNoiseFactors[1];
  return word ^ (word >> 31);
}

}  // namespace

const NoiseTable& TableOf(NoiseKind kind) {
  static const NoiseTable gaussian = MakeGaussian();
  static const NoiseTable uniform = MakeUniform();
  return kind == NoiseKind::kGaussian ? gaussian : uniform;
}

const float* MakeNoise(uint64_t key, const float* table, size_t begin, size_t count, float* to) {
  constexpr size_t kBytesOfWord = 8;
  const size_t first_word = begin / kBytesOfWord;
  const size_t end_word = (begin + count + kBytesOfWord - 1) / kBytesOfWord;
  float* next = to;
  for (size_t index = first_word; index < end_word; ++index) {
    const uint64_t word = NoiseWord(key, index);
    for (size_t byte = 0; byte < kBytesOfWord; ++byte) *next++ = table[word >> 8 * byte & 0xFF];
  }
  return to + begin % kBytesOfWord;
}

}  // namespace mlperf::compress
