// Lanes as an array, for any processor: compilers make vectors of its loops where there are any.
#ifndef MLPERF_COMPRESS_KERNELS_LANES_PORTABLE_H_
#define MLPERF_COMPRESS_KERNELS_LANES_PORTABLE_H_

#include "kernels/number.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

struct Lanes {
  double v[8];
};

// One lane after the other: the result has f(lane number) in each.
template <typename Function>
inline Lanes Each(Function f) {
  Lanes result;
  for (int i = 0; i < 8; ++i) result.v[i] = f(i);
  return result;
}

inline Lanes Fill(double x) {
  return Each([=](int) { return x; });
}

template <typename Number>
inline Lanes Load(const Number* from) {
  return Each([=](int i) { return double{1} * from[i]; });
}

template <typename Number>
inline void Store(const Lanes& x, Number* to) {
  for (int i = 0; i < 8; ++i) Store(x.v[i], to + i);
}

inline Lanes operator+(const Lanes& x, const Lanes& y) {
  return Each([&](int i) { return x.v[i] + y.v[i]; });
}
inline Lanes operator-(const Lanes& x, const Lanes& y) {
  return Each([&](int i) { return x.v[i] - y.v[i]; });
}
inline Lanes operator*(const Lanes& x, const Lanes& y) {
  return Each([&](int i) { return x.v[i] * y.v[i]; });
}
inline Lanes operator/(const Lanes& x, const Lanes& y) {
  return Each([&](int i) { return x.v[i] / y.v[i]; });
}
inline Lanes MultiplyAdd(const Lanes& x, const Lanes& y, const Lanes& z) {
  return Each([&](int i) { return MultiplyAdd(x.v[i], y.v[i], z.v[i]); });
}

inline Lanes Max(const Lanes& x, const Lanes& y) {
  return Each([&](int i) { return Max(x.v[i], y.v[i]); });
}
inline Lanes Min(const Lanes& x, const Lanes& y) {
  return Each([&](int i) { return Min(x.v[i], y.v[i]); });
}

inline Lanes Round(const Lanes& x) {
  return Each([&](int i) { return Round(x.v[i]); });
}

inline Lanes PowerOfTwo(const Lanes& n) {
  return Each([&](int i) { return PowerOfTwo(n.v[i]); });
}

struct Condition {
  bool v[8];
};
inline Condition Equal(const Lanes& x, const Lanes& y) {
  Condition result;
  for (int i = 0; i < 8; ++i) result.v[i] = x.v[i] == y.v[i];
  return result;
}
inline bool IsTrue(const Condition& condition) {
  bool all = true;
  for (const bool one : condition.v) all &= one;
  return all;
}
inline Lanes SubtractIf(const Condition& condition, const Lanes& x, const Lanes& y) {
  return Each([&](int i) { return SubtractIf(condition.v[i], x.v[i], y.v[i]); });
}
inline void CopyIf(const Condition& condition, const float* from, float* to) {
  for (int i = 0; i < 8; ++i) CopyIf(condition.v[i], from + i, to + i);
}

inline void ToArray(const Lanes& x, double* to) {
  for (int i = 0; i < 8; ++i) to[i] = x.v[i];
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_LANES_PORTABLE_H_
