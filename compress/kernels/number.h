// What kernels ask of a number, for one double: the same operations exist for eight at a time
// (lanes.h), so that a formula is written once for both.
#ifndef MLPERF_COMPRESS_KERNELS_NUMBER_H_
#define MLPERF_COMPRESS_KERNELS_NUMBER_H_

#include <cstdint>

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

// 1.5 * 2^52: in the sum with a number below 2^51 the unit is the last bit, to which the addition
// rounds, halves to even.
inline constexpr double kUnit = 6755399441055744.0;

// The second if one is NaN, as in the vector instructions.
inline double Max(double x, double y) { return x > y ? x : y; }
inline double Min(double x, double y) { return x < y ? x : y; }

// The whole number nearest to x, halves to even; |x| is below 2^51.
inline double Round(double x) { return (x + kUnit) - kUnit; }

inline uint64_t BitsOf(double x) { return __builtin_bit_cast(uint64_t, x); }

// 2^n for a whole number n of -1022 to 1023.
inline double PowerOfTwo(double n) {
  // The exponent's bits of a double follow 52 others.
  return __builtin_bit_cast(double, BitsOf(n + (kUnit + 1023)) << 52);
}

// For products that a double holds exactly: vector instructions do not round them before the sum.
inline double MultiplyAdd(double x, double y, double z) { return x * y + z; }

inline bool Equal(double x, double y) { return x == y; }
inline bool IsTrue(bool condition) { return condition; }  // In all lanes.
// x - y where the condition is true, x elsewhere.
inline double SubtractIf(bool condition, double x, double y) { return condition ? x - y : x; }
// Zero where the condition is false.
inline void CopyIf(bool condition, const float* from, float* to) { *to = condition ? *from : 0; }

// Rounds to float32, or a code to the nearest whole number.
inline void Store(double x, float* to) { *to = static_cast<float>(x); }
inline void Store(double x, uint8_t* to) { *to = static_cast<uint8_t>(BitsOf(x + kUnit)); }
inline void Store(double x, uint16_t* to) { *to = static_cast<uint16_t>(BitsOf(x + kUnit)); }

inline void ToArray(double x, double* to) { *to = x; }

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_NUMBER_H_
