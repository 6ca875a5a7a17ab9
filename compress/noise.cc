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

}  // namespace

const NoiseTable& TableOf(NoiseKind kind) {
  static const NoiseTable gaussian = MakeGaussian();
  static const NoiseTable uniform = MakeUniform();
  return kind == NoiseKind::kGaussian ? gaussian : uniform;
}

}  // namespace mlperf::compress
