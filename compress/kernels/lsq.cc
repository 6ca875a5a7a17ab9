// Weights as multiples of a learnt step, and their gradients, for each step of a training.
#include <cstddef>

#include "kernels/divisor.h"
#include "kernels/levels.h"
#include "kernels/path.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

bool RestoreLsq(const float* weights, size_t count, float step, int bits, float* restored) {
  const double greatest = TopCode(bits - 1);
  const Divisor divisor(step);
  Total total;  // It becomes NaN or infinite with the first weight that is.
  ForEachNumber(count, [=, &total]<typename Number>(size_t i) {
    const Number weight = LoadAs<Number>(weights + i);
    total.Add(weight);
    const Number steps =
        Clamp(divisor.Under(weight), Same<Number>(-greatest - 1), Same<Number>(greatest));
    // The product is exact; the sum makes 0 of -0.
    Store(MultiplyAdd(Round(steps), Same<Number>(step), Same<Number>(0)), restored + i);
  });
  return total.Get() * 0 == 0;
}

StepGradient LsqGradients(const float* weights, const float* upstream, size_t count, float step,
                          int bits, float* by_weight) {
  const double greatest = TopCode(bits - 1);
  const Divisor divisor(step);
  Total total;
  bool is_any_clipped = false;
  ForEachNumber(count, [=, &total, &is_any_clipped]<typename Number>(size_t i) {
    const Number gradient = LoadAs<Number>(upstream + i);
    const Number steps = divisor.Under(LoadAs<Number>(weights + i));
    const Number within = Clamp(steps, Same<Number>(-greatest - 1), Same<Number>(greatest));
    const auto is_within = Equal(within, steps);
    total.Add(gradient * SubtractIf(is_within, Round(within), steps));
    if (!is_any_clipped) {
      if (IsTrue(is_within)) return;
      is_any_clipped = true;
      __builtin_memmove(by_weight, upstream, i * sizeof(float));
    }
    CopyIf(is_within, upstream + i, by_weight + i);
  });
  return {total.Get(), is_any_clipped};
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
