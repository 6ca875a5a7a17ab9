#include "zero_points.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mlperf::compress {
namespace {

float StepOf(double lo, double hi, double top) {
  const double step = std::min((hi - lo) / top, double{std::numeric_limits<float>::max()});
  const auto rounded = static_cast<float>(step);
  return rounded == 0 ? 1 : rounded;
}

}  // namespace

void FindZeroPoints(const Range* ranges, size_t count, int bits, float* steps, uint16_t* zeros) {
  const double top = (1 << bits) - 1;
  for (size_t i = 0; i < count; ++i) {
    const double lo = std::min(double{ranges[i].lo}, 0.0);
    const double hi = std::max(double{ranges[i].hi}, 0.0);
    steps[i] = StepOf(lo, hi, top);
    const double zero = std::nearbyint(-lo / double{steps[i]});
    zeros[i] = static_cast<uint16_t>(std::clamp(zero, 0.0, top));
  }
}

}  // namespace mlperf::compress
