// Eight doubles at a time. Each path has its own `Lanes`; the operations and their results are the
// same on all of them, since each rounds as IEEE 754 says and sums are made in one order.
//
// Files of kernels are compiled once a path, each into a namespace of its own. They call no inline
// functions of other namespaces, those of the standard library included, unless these are always
// inlined: the linker keeps one copy of such a function for the whole program, and it could be one
// with instructions that the processor lacks.
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

template <typename Number, typename Element>
inline Number LoadAs(const Element* from) {
  if constexpr (sizeof(Number) == sizeof(double)) {
    return static_cast<double>(*from);
  } else {
    return Load(from);
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

// A sum of numbers of an array, in an order that depends on its length alone.
class Total {
 public:
  void Add(Lanes x) { lanes_ = lanes_ + x; }
  void Add(double x) { rest_ = rest_ + x; }
  double Get() const { return Sum(lanes_) + rest_; }

 private:
  Lanes lanes_ = Fill(0);
  double rest_ = 0;
};

// Calls work<Number>(i) for the elements of an array: Lanes of those from i as long as there are
// enough, then doubles one by one.
template <typename Work>
inline void ForEachNumber(size_t count, Work work) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) work.template operator()<Lanes>(i);
  for (; i < count; ++i) work.template operator()<double>(i);
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_LANES_H_
