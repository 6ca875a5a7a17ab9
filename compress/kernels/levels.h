// The formulas between weights and codes of one range, for a double or for Lanes of them.
#ifndef MLPERF_COMPRESS_KERNELS_LEVELS_H_
#define MLPERF_COMPRESS_KERNELS_LEVELS_H_

#include <cstddef>

#include "grids.h"
#include "kernels/lanes.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

// 2^bits - 1, the greatest code.
inline double TopCode(int bits) { return static_cast<double>((1u << bits) - 1); }

class AffineLevels {
 public:
  AffineLevels() = default;
  AffineLevels(Range range, int bits) : lo_(range.lo), top_(TopCode(bits)) {
    const double width = double{range.hi} - lo_;
    step_ = width / top_;
    scale_ = width == 0 ? 0 : top_ / width;
  }

  // The code before it is rounded.
  template <typename Number>
  Number CodeOf(Number weight) const {
    const Number code = (weight - Same<Number>(lo_)) * Same<Number>(scale_);
    return Clamp(code, Same<Number>(0), Same<Number>(top_));
  }

  template <typename Number>
  Number WeightOf(Number code) const {
    return Same<Number>(lo_) + code * Same<Number>(step_);
  }

 private:
  double lo_;
  double top_;
  double step_;
  double scale_;
};

class ZeroLevels {
 public:
  ZeroLevels(double step, double zero, int bits) : step_(step), zero_(zero), top_(TopCode(bits)) {}

  // A whole number: the steps from zero are rounded, not the code.
  template <typename Number>
  Number CodeOf(Number weight) const {
    const Number steps =
        Clamp(weight / Same<Number>(step_), Same<Number>(-zero_), Same<Number>(top_ - zero_));
    return Round(steps) + Same<Number>(zero_);
  }

  template <typename Number>
  Number WeightOf(Number code) const {
    return (code - Same<Number>(zero_)) * Same<Number>(step_);
  }

 private:
  double step_;
  double zero_;
  double top_;
};

inline AffineLevels LevelsOf(const AffineGrid& grid, size_t range) {
  return {grid.ranges[range], grid.bits};
}
inline ZeroLevels LevelsOf(const ZeroGrid& grid, size_t range) {
  return {grid.steps[range], double{1} * grid.zeros[range], grid.bits};
}

// ---- Runs of weights of one range
// ----------------------------------------------------------------

template <typename Levels, typename Code>
inline void QuantizeRun(const float* weights, size_t count, const Levels& levels, Code* codes) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    Store(levels.CodeOf(LoadAs<Number>(weights + i)), codes + i);
  });
}

template <typename Levels, typename Code>
inline void DequantizeRun(const Code* codes, size_t count, const Levels& levels, float* weights) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    Store(levels.WeightOf(LoadAs<Number>(codes + i)), weights + i);
  });
}

// Both at once; `restored` may be `weights`.
template <typename Levels>
inline void RestoreRun(const float* weights, size_t count, const Levels& levels, float* restored) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    Store(levels.WeightOf(Round(levels.CodeOf(LoadAs<Number>(weights + i)))), restored + i);
  });
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_LEVELS_H_
