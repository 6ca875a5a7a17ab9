// Weights as multiples of a learnt step, and their gradients, for each step of a training.
#include <cstddef>

#include "kernels/levels.h"
#include "kernels/path.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

bool RestoreLsq(const float* weights, size_t count, float step, int bits, float* restored) {
  const double zero = TopCode(bits - 1) + 1;
  const ZeroLevels levels(step, zero, bits);
  Total total;  // It becomes NaN or infinite with the first weight that is.
  ForEachNumber(count, [=, &total]<typename Number>(size_t i) {
    const Number weight = LoadAs<Number>(weights + i);
    total.Add(weight);
    Store(levels.WeightOf(levels.CodeOf(weight)), restored + i);
  });
  return total.Get() * 0 == 0;
}

double LsqGradients(const float* weights, const float* upstream, size_t count, float step, int bits,
                    float* by_weight) {
  const double greatest = TopCode(bits - 1);
  const double least = -greatest - 1;
  Total total;
  ForEachNumber(count, [=, &total]<typename Number>(size_t i) {
    const Number low = Same<Number>(least);
    const Number high = Same<Number>(greatest);
    const Number gradient = LoadAs<Number>(upstream + i);
    const Number steps = LoadAs<Number>(weights + i) / Same<Number>(step);
    const Number rounded = Round(Clamp(steps, low, high));
    total.Add(gradient * (rounded - KeepWithin(steps, steps, low, high)));
    Store(KeepWithin(gradient, steps, low, high), by_weight + i);
  });
  return total.Get();
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
