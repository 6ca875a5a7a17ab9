// Eight doubles at a time. Each path has its own `Lanes`; the operations and their results are the
// same on all of them, since each rounds as IEEE 754 says and sums are made in one order.
//
// Files of kernels are compiled once a path, each into a namespace of its own. They call no inline
// functions of the standard library: the linker keeps one copy of such a function for the whole
// program, and it could be one with instructions that the processor lacks.
#ifndef MLPERF_COMPRESS_KERNELS_LANES_H_
#define MLPERF_COMPRESS_KERNELS_LANES_H_

#include <cstddef>

#include "kernels/number.h"
#if defined(__AVX512F__)
#include "kernels/lanes_avx512.h"
#elif defined(__AVX2__)
#include "kernels/lanes_avx2.h"
#else
#include "kernels/lanes_portable.h"
#endif

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

inline constexpr size_t kLanes = 8;

// A number in all lanes, for formulas that are templates: Same<double>(x) is x itself.
template <typename Number>
inline Number Same(double x) {
  if constexpr (sizeof(Number) == sizeof(double)) {
    return x;
  } else {
    return Fill(x);
  }
}

template <typename Number>
inline Number Clamp(Number x, Number low, Number high) {
  return Min(Max(x, low), high);
}

// Combines the two halves, then their halves, then the last two.
template <typename Combine>
inline double Reduce(Lanes x, Combine combine) {
  double lanes[kLanes];
  ToArray(x, lanes);
  for (size_t half = kLanes / 2; half != 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] = combine(lanes[i], lanes[i + half]);
  }
  return lanes[0];
}

inline double Sum(Lanes x) {
  return Reduce(x, [](double a, double b) { return a + b; });
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_LANES_H_
