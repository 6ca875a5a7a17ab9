// Learnt numbers of bits: b = least + (most - least) * sigmoid(logit) of each group.
#include "bit_widths.h"

#include <cstddef>

#include "kernels/lanes.h"
#include "kernels/path.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {
namespace {

constexpr double kLn2 = 0.693147180559945309417;

// The coefficients of 2^f = e^(f ln 2) in powers of f.
struct Series {
  static constexpr int kTerms = 6;
  constexpr Series() {
    of[0] = 1;
    for (int n = 1; n <= kTerms; ++n) of[n] = of[n - 1] * kLn2 / n;
  }
  double of[kTerms + 1] = {};
};
constexpr Series kSeries;

// 2^x for |x| up to 1000, to 2e-7 of it: 2^n times the series for the rest, which is at most a
// half.
template <typename Number>
Number PowerOfTwoOf(Number x) {
  const Number whole = Round(x);
  const Number rest = x - whole;
  Number sum = Same<Number>(kSeries.of[Series::kTerms]);
  for (int n = Series::kTerms - 1; n >= 0; --n) sum = sum * rest + Same<Number>(kSeries.of[n]);
  return sum * PowerOfTwo(whole);
}

template <typename Number>
Number Sigmoid(Number logit) {
  const Number power =
      Clamp(logit * Same<Number>(-1 / kLn2), Same<Number>(-1000), Same<Number>(1000));
  return Same<Number>(1) / (Same<Number>(1) + PowerOfTwoOf(power));
}

// What one group, or Lanes of them, have of their logits.
template <typename Number>
struct Width {
  Width(Number logit, BitLimits limits) {
    const Number spread = Same<Number>(limits.most - limits.least);
    const Number share = Sigmoid(logit);
    bits = Same<Number>(limits.least) + spread * share;
    bits_by_logit = spread * share * (Same<Number>(1) - share);
  }
  // 2^bits - 1: how many steps the range has.
  Number Steps() const { return PowerOfTwoOf(bits) - Same<Number>(1); }
  Number bits;
  Number bits_by_logit;
};

}  // namespace

void FindGroupSteps(const float* logits, size_t count, BitLimits limits, double span,
                    float* steps) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    const Width<Number> width(LoadAs<Number>(logits + i), limits);
    Store(Same<Number>(span) / width.Steps(), steps + i);
  });
}

double GroupGradients(const float* logits, const float* sums, size_t count, BitLimits limits,
                      double span, float* by_logit) {
  Total by_span;
  ForEachNumber(count, [=, &by_span]<typename Number>(size_t i) {
    const Width<Number> width(LoadAs<Number>(logits + i), limits);
    const Number sum = LoadAs<Number>(sums + i);
    // With N = 2^b - 1 steps, 2^b / N^2 is 1/N + 1/N^2.
    const Number step = Same<Number>(1) / width.Steps();
    const Number by_bits = Same<Number>(-span * kLn2) * (step + step * step) * sum;
    Store(by_bits * width.bits_by_logit, by_logit + i);
    by_span.Add(sum * step);
  });
  return by_span.Get();
}

double SumBits(const float* logits, size_t count, BitLimits limits) {
  Total total;
  ForEachNumber(count, [=, &total]<typename Number>(size_t i) {
    total.Add(Width<Number>(LoadAs<Number>(logits + i), limits).bits);
  });
  return total.Get();
}

void FindBitsGradients(const float* logits, size_t count, BitLimits limits, double scale,
                       float* by_logit) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    const Width<Number> width(LoadAs<Number>(logits + i), limits);
    Store(Same<Number>(scale) * width.bits_by_logit, by_logit + i);
  });
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
